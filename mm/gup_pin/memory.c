// SPDX-License-Identifier: GPL-2.0
/*
 * The memory that tracking takes: where it comes from, how much it is, and the
 * bound that may be set to it.
 */
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/irqflags.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "gup_pin.h"

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "gup_pin."

static struct kmem_cache *caches[NR_GUP_PIN_KINDS] __ro_after_init;
static unsigned int sizes[NR_GUP_PIN_KINDS] __ro_after_init;

/* Bytes that were allocated on a CPU, less those freed: only the sum means anything. */
static DEFINE_PER_CPU(long, bytes);

/* Bytes that a CPU may still allocate without adding up those of all. */
static DEFINE_PER_CPU(long, allowance);
#define ALLOWANCE_MAX	((long)SZ_64K)

unsigned long gup_pin_max_memory_mb __read_mostly;

/* Empty blocks may take all that there is room for. */
static int bound_set(const char *val, const struct kernel_param *kp)
{
	int err = param_set_ulong(val, kp);

	if (!err && READ_ONCE(gup_pin_max_memory_mb) && gup_pin_ready())
		gup_pin_index_drop_kept(&gup_pin_root.index);
	return err;
}

static const struct kernel_param_ops bound_ops = {
	.set = bound_set,
	.get = param_get_ulong,
};

module_param_cb(max_memory_mb, &bound_ops, &gup_pin_max_memory_mb, 0644);
MODULE_PARM_DESC(max_memory_mb,
		 "MiB that tracking may take; pins beyond it are untracked; 0: no bound");

/**
 * gup_pin_memory_bytes() - what tracking has allocated by gup_pin_alloc()
 *
 * Return: bytes; exact while nobody pins or unpins.
 */
u64 gup_pin_memory_bytes(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(bytes, cpu));
	return max(sum, 0L);
}

/* All that the bound is for. */
static u64 bounded_bytes(void)
{
	return gup_pin_memory_bytes() +
	       gup_pin_index_node_bytes(&gup_pin_root.index) +
	       gup_pin_earlier_bytes(&gup_pin_root.index.earlier);
}

static u64 bound_bytes(unsigned long max_mb)
{
	return min(max_mb, SZ_2G) * (u64)SZ_1M;
}

/**
 * gup_pin_memory_full() - has tracking as much memory as it may have?
 *
 * Any context.
 */
bool gup_pin_memory_full(void)
{
	unsigned long max_mb = READ_ONCE(gup_pin_max_memory_mb);

	return max_mb && bounded_bytes() >= bound_bytes(max_mb);
}

/* Give this CPU a part of what is left, so that they rarely need to look. */
static noinline bool get_allowance(unsigned long max_mb, unsigned int size)
{
	u64 max = bound_bytes(max_mb), used = bounded_bytes(), part;

	if (used + size > max)
		return false;
	part = div_u64(max - used, 2 * num_possible_cpus());
	this_cpu_write(allowance, min_t(u64, part, ALLOWANCE_MAX));
	return true;
}

/* The bound is kept to ALLOWANCE_MAX a CPU, and the xa_nodes that come with that. */
static bool may_allocate(unsigned int size)
{
	unsigned long max_mb = READ_ONCE(gup_pin_max_memory_mb);

	return !max_mb || this_cpu_sub_return(allowance, size) >= 0 ||
	       get_allowance(max_mb, size);
}

/**
 * gup_pin_alloc() - get memory for an object
 * @kind: what for
 * @gfp: how; may sleep if this says so
 *
 * Return: the memory, not initialised; NULL if there is none, or if the bound
 * is reached.
 */
void *gup_pin_alloc(enum gup_pin_kind kind, gfp_t gfp)
{
	void *object;

	if (!may_allocate(sizes[kind]))
		return NULL;
	object = kmem_cache_alloc(caches[kind], gfp);
	if (object)
		this_cpu_add(bytes, sizes[kind]);
	return object;
}

/**
 * gup_pin_uncount() - an object is about to be freed by other means
 * @kind: of the object
 */
void gup_pin_uncount(enum gup_pin_kind kind)
{
	this_cpu_sub(bytes, sizes[kind]);
}

/**
 * gup_pin_free() - give an object back
 * @kind: of the object
 * @object: the object, or NULL
 *
 * Any context but NMI.
 */
void gup_pin_free(enum gup_pin_kind kind, void *object)
{
	if (!object)
		return;
	gup_pin_uncount(kind);
	kmem_cache_free(caches[kind], object);
}

/*
 * Calls come and go with every pin, mostly on the same CPU, and often very many
 * at a time: each CPU keeps some, and gets and gives back the others in bulk.
 * With KASAN each is given back at once, so that it sees whoever still uses it.
 */
#define CALLS_KEPT	128
#define CALLS_AT_ONCE	32

struct call_stock {
	unsigned int nr;
	void *call[CALLS_KEPT];
};

static DEFINE_PER_CPU(struct call_stock, call_stock);

static void *stock_take(void)
{
	struct call_stock *stock;
	unsigned long flags;
	void *call = NULL;

	local_irq_save(flags);
	stock = this_cpu_ptr(&call_stock);
	if (stock->nr)
		call = stock->call[--stock->nr];
	local_irq_restore(flags);
	return call;
}

static bool stock_put(void *call)
{
	struct call_stock *stock;
	unsigned long flags;
	bool room;

	local_irq_save(flags);
	stock = this_cpu_ptr(&call_stock);
	room = stock->nr < CALLS_KEPT;
	if (room)
		stock->call[stock->nr++] = call;
	local_irq_restore(flags);
	return room;
}

/* Allocating in bulk wants interrupts on. */
static noinline void *stock_refill(gfp_t gfp)
{
	void *calls[CALLS_AT_ONCE];
	unsigned int i;

	if (IS_ENABLED(CONFIG_KASAN) || irqs_disabled())
		return kmem_cache_alloc(caches[GUP_PIN_CALLS], gfp);
	/* All or none; how many or whether, by the version of the kernel. */
	if (!kmem_cache_alloc_bulk(caches[GUP_PIN_CALLS], gfp, CALLS_AT_ONCE,
				   calls))
		return NULL;
	for (i = 1; i < CALLS_AT_ONCE; i++)
		if (!stock_put(calls[i]))
			kmem_cache_free(caches[GUP_PIN_CALLS], calls[i]);
	return calls[0];
}

/**
 * gup_pin_alloc_call() - as gup_pin_alloc(), quickly, for a call
 * @gfp: how
 */
void *gup_pin_alloc_call(gfp_t gfp)
{
	void *call;

	if (!may_allocate(sizes[GUP_PIN_CALLS]))
		return NULL;
	call = stock_take() ?: stock_refill(gfp);
	if (call)
		this_cpu_add(bytes, sizes[GUP_PIN_CALLS]);
	return call;
}

/**
 * gup_pin_free_call() - as gup_pin_free(), quickly, for a call
 * @call: the call
 */
void gup_pin_free_call(void *call)
{
	gup_pin_uncount(GUP_PIN_CALLS);
	if (IS_ENABLED(CONFIG_KASAN) || !stock_put(call))
		kmem_cache_free(caches[GUP_PIN_CALLS], call);
}

/* Freeing in bulk wants interrupts on, and a stack that is not nearly full. */
static noinline void stock_trim(void)
{
	void *calls[CALLS_AT_ONCE];
	struct call_stock *stock;
	unsigned int nr = 0;
	unsigned long flags;

	local_irq_save(flags);
	stock = this_cpu_ptr(&call_stock);
	while (nr < CALLS_AT_ONCE && stock->nr)
		calls[nr++] = stock->call[--stock->nr];
	local_irq_restore(flags);
	kmem_cache_free_bulk(caches[GUP_PIN_CALLS], nr, calls);
}

/**
 * gup_pin_free_calls() - make room for calls to be freed quickly
 *
 * To be called now and then where many calls are freed, without a lock.
 */
void gup_pin_free_calls(void)
{
	while (this_cpu_read(call_stock.nr) > CALLS_KEPT / 2 && !irqs_disabled())
		stock_trim();
}

static bool __init make_cache(enum gup_pin_kind kind, const char *name,
			      unsigned int size)
{
	caches[kind] = kmem_cache_create(name, size, sizeof(void *), 0, NULL);
	if (caches[kind])
		sizes[kind] = kmem_cache_size(caches[kind]);
	return caches[kind];
}

/**
 * gup_pin_memory_init() - set up, at boot
 *
 * Return: 0 or -ENOMEM.
 */
int __init gup_pin_memory_init(void)
{
	struct gup_pin_set *set;
	struct gup_pin_refs *refs;
	bool ok;

	ok = make_cache(GUP_PIN_CALLS, "gup_pin_call",
			sizeof(struct gup_pin_call)) &&
	     make_cache(GUP_PIN_ORIGINS, "gup_pin_origin",
			sizeof(struct gup_pin_origin)) &&
	     make_cache(GUP_PIN_BLOCKS, "gup_pin_block",
			sizeof(struct gup_pin_block)) &&
	     make_cache(GUP_PIN_LAYERS, "gup_pin_layer",
			sizeof(struct gup_pin_layer)) &&
	     make_cache(GUP_PIN_SLOTS, "gup_pin_slots",
			GUP_PIN_BLOCK_PFNS * sizeof(void *)) &&
	     make_cache(GUP_PIN_CALL_GROUPS, "gup_pin_calls",
			GUP_PIN_GROUP_CALLS * sizeof(struct gup_pin_call)) &&
	     make_cache(GUP_PIN_SETS, "gup_pin_set",
			struct_size(set, refs.ref, GUP_PIN_SET_REFS)) &&
	     make_cache(GUP_PIN_REFS, "gup_pin_refs",
			struct_size(refs, ref, GUP_PIN_CHUNK_REFS));
	return ok ? 0 : -ENOMEM;
}
