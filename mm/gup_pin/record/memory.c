// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for tracking: allocation, accounting, and the optional bound.
 */
#include <linux/math64.h>
#include <linux/percpu.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "../compat.h"
#include "internal.h"

static struct kmem_cache *caches[NR_GUP_PIN_KINDS] __ro_after_init;
static unsigned int sizes[NR_GUP_PIN_KINDS] __ro_after_init;

/* Bytes allocated minus bytes freed on a CPU: only the sum over all CPUs is meaningful. */
static DEFINE_PER_CPU(long, bytes);

/* Bytes that a CPU may allocate before it has to check the total. */
static DEFINE_PER_CPU(long, allowance);
#define ALLOWANCE_MAX	((long)SZ_64K)

unsigned long gup_pin_max_memory_mb __read_mostly;
/**
 * gup_pin_memory_bytes() - memory used by blocks, records, origins and xa_nodes
 *
 * Return: bytes; exact if there are no concurrent pins and unpins.
 */
u64 gup_pin_memory_bytes(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(bytes, cpu));
	return max(sum, 0L);
}

static u64 bound_bytes(unsigned long max_mb)
{
	return min(max_mb, SZ_2G) * (u64)SZ_1M;
}

/**
 * gup_pin_memory_full() - is the bound on memory reached?
 *
 * Context: Any context.
 *
 * Return: true if so; always false without a bound.
 */
bool gup_pin_memory_full(void)
{
	unsigned long max_mb = READ_ONCE(gup_pin_max_memory_mb);

	return max_mb && gup_pin_memory_bytes() >= bound_bytes(max_mb);
}

/**
 * gup_pin_memory_count() - account for memory that is allocated or freed elsewhere
 * @change: bytes allocated, or negative for bytes freed
 *
 * Context: Any context.
 */
void gup_pin_memory_count(long change)
{
	this_cpu_add(bytes, change);
}

/*
 * Refill the allowance of this CPU with part of what is left, so that it
 * rarely checks the total.
 */
static noinline bool get_allowance(unsigned long max_mb, unsigned int size)
{
	u64 max = bound_bytes(max_mb), used = gup_pin_memory_bytes(), part;

	if (used + size > max) {
		/* Each refusal lowers it: on 32 bit, it would wrap around and become huge. */
		this_cpu_write(allowance, 0);
		return false;
	}
	part = div_u64(max - used, 2 * num_possible_cpus());
	this_cpu_write(allowance, min_t(u64, part, ALLOWANCE_MAX));
	return true;
}

/*
 * The bound is accurate to within ALLOWANCE_MAX for each CPU, plus the
 * xa_nodes for these objects.
 */
static bool may_allocate(unsigned int size)
{
	unsigned long max_mb = READ_ONCE(gup_pin_max_memory_mb);

	return !max_mb || this_cpu_sub_return(allowance, size) >= 0 ||
	       get_allowance(max_mb, size);
}

/**
 * gup_pin_alloc() - allocate an object
 * @kind: type of the object
 * @gfp: flags for the allocation
 *
 * Context: May sleep if @gfp allows it.
 *
 * Return: the object, uninitialised; NULL if there is no memory or the bound is reached.
 */
void *gup_pin_alloc(enum gup_pin_kind kind, gfp_t gfp)
{
	void *object;

	if (!may_allocate(sizes[kind]))
		return NULL;
	object = kmem_cache_alloc(caches[kind], gfp);
	if (object)
		gup_pin_memory_count(sizes[kind]);
	return object;
}

/**
 * gup_pin_uncount() - account for an object that is freed elsewhere
 * @kind: type of the object
 */
void gup_pin_uncount(enum gup_pin_kind kind)
{
	gup_pin_memory_count(-(long)sizes[kind]);
}

/**
 * gup_pin_free() - free an object
 * @kind: type of the object
 * @object: the object, or NULL
 *
 * Context: Any context except NMI.
 */
void gup_pin_free(enum gup_pin_kind kind, void *object)
{
	if (!object)
		return;
	gup_pin_uncount(kind);
	kmem_cache_free(caches[kind], object);
}

/* Slow path of gup_pin_shard_unlock(). */
void gup_pin_free_all(struct gup_pin_freed *freed)
{
	struct gup_pin_freed *next;

	for (; freed; freed = next) {
		next = freed->next;
		gup_pin_free(freed->kind, freed);
	}
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
 * gup_pin_memory_init() - create the slab caches
 *
 * Return: 0 or -ENOMEM.
 */
int __init gup_pin_memory_init(void)
{
	bool ok;

	ok = make_cache(GUP_PIN_BLOCKS, "gup_pin_block",
			sizeof(struct gup_pin_block)) &&
	     make_cache(GUP_PIN_RECORDS, "gup_pin_record",
			sizeof(struct gup_pin_record)) &&
	     make_cache(GUP_PIN_ORIGINS, "gup_pin_origin",
			sizeof(struct gup_pin_origin));
	return ok ? 0 : -ENOMEM;
}

/**
 * gup_pin_memory_exit() - destroy the slab caches; all objects must have been freed
 */
void __gup_pin_exit gup_pin_memory_exit(void)
{
	unsigned int i;

	for (i = 0; i < NR_GUP_PIN_KINDS; i++)
		kmem_cache_destroy(caches[i]);
}
