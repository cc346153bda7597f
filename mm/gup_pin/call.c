// SPDX-License-Identifier: GPL-2.0
/*
 * One successful call of a pin function.
 */
#include <linux/mm.h>
#include <linux/percpu.h>

#include "gup_pin.h"

DEFINE_PER_CPU(long, gup_pin_live_calls);

/**
 * gup_pin_call_alloc() - get memory for a call
 * @gfp: how
 *
 * The caller fills it in and owns it until gup_pin_call_drop() has taken its
 * live count, which the caller sets, to zero.
 *
 * Return: the call, or NULL.
 */
struct gup_pin_call *gup_pin_call_alloc(gfp_t gfp)
{
	struct gup_pin_call *call = gup_pin_alloc_call(gfp);

	if (call)
		this_cpu_inc(gup_pin_live_calls);
	return call;
}

/**
 * gup_pin_call_drop() - take pins off a call's live count
 * @call: the call; gone on return if they were the last
 * @pins: how many
 *
 * Any context but NMI; takes no lock.
 */
void gup_pin_call_drop(struct gup_pin_call *call, unsigned int pins)
{
	struct gup_pin_origin *origin = call->origin;

	if (!pins)
		return;
	/* Who is not the last to take pins off may find neither afterwards. */
	atomic64_sub(pins, &origin->more.live);
	if (!atomic_sub_and_test(pins, &call->live))
		return;
	atomic64_inc(&origin->more.live);
	gup_pin_origin_put(origin);
	gup_pin_free_call(call);
	this_cpu_dec(gup_pin_live_calls);
}

/**
 * gup_pin_calls_gone() - the pins of some blocks' own calls were released
 * @origin: of all of them
 * @nr: how many
 * @site: where from, or 0
 *
 * Any context but NMI; takes no lock.
 */
void gup_pin_calls_gone(struct gup_pin_origin *origin, unsigned int nr,
			unsigned long site)
{
	if (unlikely(gup_pin_origin_tells(origin)))
		gup_pin_origin_released(origin, site);
	atomic64_add(nr, &origin->gone);
	this_cpu_sub(gup_pin_live_calls, nr);
}

/**
 * gup_pin_call_drop_own() - the pin of a block's own call was released
 * @call: the call; its memory stays where it is
 * @site: where from, or 0
 *
 * Under the lock of the block's shard.
 */
void gup_pin_call_drop_own(struct gup_pin_call *call, unsigned long site)
{
	struct gup_pin_origin *origin = call->origin;

	/* As what ends this, it costs the others no register. */
	if (unlikely(gup_pin_origin_tells(origin))) {
		gup_pin_calls_gone(origin, 1, site);
		return;
	}
	gup_pin_origin_put(origin);
	this_cpu_dec(gup_pin_live_calls);
}

/**
 * gup_pin_call_addr() - where a call found a folio
 * @call: the call
 * @folio_index: index of the folio's first page in its mapping
 *
 * The call may have started in the middle of the folio.
 *
 * Return: user address of the first page that the call pinned in the folio, or
 * 0 when it is not known.
 */
unsigned long gup_pin_call_addr(const struct gup_pin_call *call,
				pgoff_t folio_index)
{
	/* Pairs with call_set_addr() in record.c, which may be under way. */
	long npages = smp_load_acquire(&call->npages) & ~GUP_PIN_CALL_OWN;
	long page;

	if (!npages || !call->addr)
		return 0;
	/* The index of the first page may be below 0 if that is a zero page. */
	page = max_t(long, folio_index - call->index, 0);
	if (page >= npages)
		return 0;
	return call->addr + ((unsigned long)page << PAGE_SHIFT);
}

/**
 * gup_pin_call_count() - how many calls are live
 *
 * Return: their number; exact only while nobody pins or unpins.
 */
unsigned long gup_pin_call_count(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(gup_pin_live_calls, cpu));
	return max(sum, 0L);
}
