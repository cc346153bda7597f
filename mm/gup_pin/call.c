// SPDX-License-Identifier: GPL-2.0
/*
 * One successful call of a pin function.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "gup_pin.h"

static struct kmem_cache *call_cache;

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
	struct gup_pin_call *call = kmem_cache_alloc(call_cache, gfp);

	if (call)
		this_cpu_inc(*gup_pin_root.live_calls);
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
	if (!pins || !atomic_sub_and_test(pins, &call->live))
		return;
	gup_pin_origin_put(call->origin);
	kmem_cache_free(call_cache, call);
	this_cpu_dec(*gup_pin_root.live_calls);
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
	long page;

	if (!call->addr || !call->linear)
		return 0;
	/* The index of the first page may be below 0 if that is a zero page. */
	page = max_t(long, folio_index - call->index, 0);
	if (page >= call->npages)
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
		sum += READ_ONCE(*per_cpu_ptr(gup_pin_root.live_calls, cpu));
	return max(sum, 0L);
}

/**
 * gup_pin_call_size() - what a call costs
 *
 * Return: bytes of slab memory.
 */
size_t gup_pin_call_size(void)
{
	return kmem_cache_size(call_cache);
}

int __init gup_pin_call_init(void)
{
	gup_pin_root.live_calls = alloc_percpu(long);
	call_cache = KMEM_CACHE(gup_pin_call, 0);
	return gup_pin_root.live_calls && call_cache ? 0 : -ENOMEM;
}
