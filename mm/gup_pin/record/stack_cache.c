// SPDX-License-Identifier: GPL-2.0
/*
 * Stack traces of pins, mostly without unwinding.
 *
 * Unwinding costs several times as much as the rest of tracking, and nearly always yields
 * a trace that was found before. Each CPU therefore caches some traces, together with the
 * positions of their return addresses on the stack. If the frame of the hook is at the
 * same position, and every return address is still in place, the trace is the same:
 *
 * The ORC unwinder finds the return address of a frame, and the stack pointer of its
 * caller, at offsets from the frame's stack pointer that depend only on the instruction
 * pointer. The frame of the hook is at the same position; if the return address found
 * there is the cached one, the frame of the caller is at the same position, too, and so
 * on to the end of the stack.
 *
 * Functions whose frame has a variable size are an exception: locate.c has their links.
 *
 * do_syscall_64() moves the stack by a random offset (randomize_kstack_offset). The
 * frames between it and the hook move along; the frames at the far end stay. A trace that
 * was seen at two offsets is stored with the frame at which moving ends.
 *
 * Traces are not cached if they pass through an interrupt or exception, if they
 * start on a stack other than that of the task, or if a tracer keeps some return
 * addresses outside the stack.
 */
#include <linux/cpu.h>
#include <linux/hash.h>
#include <linux/irqflags.h>
#include <linux/jump_label.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/smp.h>
#include <linux/stackdepot.h>
#include <linux/stacktrace.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "../compat.h"
#include "internal.h"

/* A static key, as every pin tests it. */
static DEFINE_STATIC_KEY_FALSE(check_traces);

static int check_set(const char *val, const struct kernel_param *kp)
{
	bool on;
	int err = kstrtobool(val ?: "1", &on);

	if (err)
		return err;
	if (on)
		static_branch_enable(&check_traces);
	else
		static_branch_disable(&check_traces);
	return 0;
}

static int check_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%c\n",
			  static_key_enabled(&check_traces) ? 'Y' : 'N');
}

static const struct kernel_param_ops check_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = check_set,
	.get = check_get,
};

module_param_cb(check_traces, &check_ops, NULL, 0644);
MODULE_PARM_DESC(check_traces,
		 "compare each remembered stack trace with a fresh one (slow; for tests)");

static atomic64_t wrong_traces;

/**
 * gup_pin_stacks_wrong() - number of cached traces that differed from a fresh one
 *
 * Return: number of traces; 0 unless gup_pin.check_traces was set.
 */
u64 gup_pin_stacks_wrong(void)
{
	return atomic64_read(&wrong_traces);
}

/* Unwind. The trace starts at @ip, which is in the pin function. */
static unsigned int trace_fresh(unsigned long *entries, unsigned int max,
				unsigned long ip)
{
	unsigned long raw[GUP_PIN_STACK_DEPTH + 4];
	unsigned int skip, nr;

	nr = stack_trace_save(raw, min_t(unsigned int, max + 4, ARRAY_SIZE(raw)),
			      1);
	for (skip = 0; skip < nr && raw[skip] != ip; skip++)
		;
	if (skip == nr)
		skip = 0;
	nr = min(nr - skip, max);
	memcpy(entries, raw + skip, nr * sizeof(*entries));
	return nr;
}

static depot_stack_handle_t trace_save(unsigned long *entries, unsigned int nr,
				       gfp_t gfp)
{
	depot_stack_handle_t stack;

	stack = gup_pin_depot_save(entries, nr, gfp,
				   gfpflags_allow_blocking(gfp) ?
				   STACK_DEPOT_FLAG_CAN_ALLOC : 0);
	return gup_pin_marked_stack(stack, entries, nr);
}

#ifdef CONFIG_DEBUG_GUP_PIN_STACK_CACHE
#include "locate.h"

#define TRACE_SETS	8
#define TRACE_WAYS	4

#define STACK_WORDS	((int)(THREAD_SIZE / sizeof(long)))

/**
 * struct trace_set - traces with the same hash
 * @last: the trace that was found last
 * @next: index of the trace to replace next
 * @way: the traces
 */
struct trace_set {
	struct gup_pin_located *last;
	unsigned int next;
	struct gup_pin_located way[TRACE_WAYS];
};

struct trace_table {
	struct trace_set set[TRACE_SETS];
};

static struct trace_table __percpu *traces;

/* Call with interrupts off, as an interrupt may pin, too. */
static struct trace_set *trace_set_of(unsigned long ip)
{
	/* The system call number distinguishes callers of the same function. */
	unsigned long key = ip ^ task_pt_regs(current)->orig_ax;

	return &this_cpu_ptr(traces)->set[hash_long(key, ilog2(TRACE_SETS))];
}

/*
 * Not instrumented by KASAN: words in other frames may be poisoned. There
 * are no concurrent writers.
 */
static __no_kasan_or_inline bool still_there(const struct gup_pin_located *trace,
					     const unsigned long *words,
					     unsigned int from,
					     unsigned int to)
{
	unsigned int i;

	/* Start at the near end, where the traces of a set differ. */
	for (i = from; i < to; i++)
		if (words[trace->at[i]] != trace->ip[i])
			return false;
	return true;
}

static __no_kasan_or_inline bool still_linked(const struct gup_pin_located *trace,
					      const unsigned long *start)
{
	const struct gup_pin_link *link = trace->link;
	const struct gup_pin_link *end = link + trace->nr_links;

	for (; link < end; link++)
		if (start[link->at] !=
		    (unsigned long)(start + link->to))
			return false;
	return true;
}

/* Compare a trace whose near end has moved by @moved words. */
static bool moved_along(const struct gup_pin_located *trace, const unsigned long *start,
			int moved)
{
	unsigned int i;

	if (trace->at[trace->moving - 1] + moved >= STACK_WORDS ||
	    !still_there(trace, start + moved, 0, trace->moving) ||
	    !still_there(trace, start, trace->moving, trace->nr))
		return false;
	for (i = 0; i < trace->nr_links; i++) {
		const struct gup_pin_link *link = &trace->link[i];
		int at = link->at + (link->fixed ? 0 : moved);
		int to = link->to + (link->nr < trace->moving ? moved : 0);

		if (at >= STACK_WORDS ||
		    READ_ONCE_NOCHECK(start[at]) != (unsigned long)(start + to))
			return false;
	}
	return true;
}

static __always_inline bool trace_matches(const struct gup_pin_located *trace,
					  const unsigned long *frame)
{
	const unsigned long *start = task_stack_page(current);
	int moved = gup_pin_stack_offset(frame) - trace->frame;

	if (!moved)
		return still_there(trace, start, 0, trace->nr) &&
		       still_linked(trace, start);
	return trace->moving && moved_along(trace, start, moved);
}

/*
 * Try the trace that was found last first. An unused entry may match, but has no stack;
 * used entries come before unused ones.
 */
static __always_inline struct gup_pin_located *trace_find(struct trace_set *set,
							  const unsigned long *frame)
{
	struct gup_pin_located *trace = set->last;

	if (likely(trace && trace_matches(trace, frame)))
		return trace;
	for (trace = set->way; trace < set->way + TRACE_WAYS; trace++) {
		if (trace_matches(trace, frame)) {
			set->last = trace;
			return trace;
		}
	}
	return NULL;
}

static void entry_point_to(struct gup_pin_located *trace, struct gup_pin_origin *origin)
{
	if (trace->origin == origin)
		return;
	atomic_inc(&origin->cached);
	if (trace->origin)
		atomic_dec(&trace->origin->cached);
	trace->origin = origin;
}

/* Add a new trace to the cache, or merge it into a cached one. */
static void trace_remember(struct gup_pin_located *new, unsigned long ip)
{
	struct trace_set *set;
	struct gup_pin_located *way = NULL;
	unsigned long flags;
	unsigned int i, moving = new->moving;

	local_irq_save(flags);
	set = trace_set_of(ip);
	for (i = 0; i < TRACE_WAYS && !way; i++) {
		moving = gup_pin_located_moving(&set->way[i], new);
		if (moving)
			way = &set->way[i];
	}
	if (way && !gup_pin_located_merge(new, way)) {
		local_irq_restore(flags);
		return;
	}
	if (!way) {
		moving = new->moving;
		way = &set->way[set->next];
		set->next = (set->next + 1) % TRACE_WAYS;
	}
	if (way->origin)
		atomic_dec(&way->origin->cached);
	*way = *new;
	way->moving = moving;
	local_irq_restore(flags);
}

static noinline depot_stack_handle_t trace_slowly(const unsigned long *frame,
						  unsigned long ip, gfp_t gfp)
{
	struct gup_pin_located trace = {};

	trace.nr = trace_fresh(trace.ip, ARRAY_SIZE(trace.ip), ip);
	trace.stack = trace_save(trace.ip, trace.nr, gfp);
	if (trace.stack && gup_pin_on_task_stack(frame)) {
		trace.frame = gup_pin_stack_offset(frame);
		if (gup_pin_locate(&trace, frame))
			trace_remember(&trace, ip);
	}
	return trace.stack;
}

static noinline void trace_check(depot_stack_handle_t stack, unsigned long ip)
{
	unsigned long fresh[GUP_PIN_STACK_DEPTH], *entries;
	unsigned int nr;

	nr = trace_fresh(fresh, ARRAY_SIZE(fresh), ip);
	gup_pin_shown_stack(fresh, nr);
	if (stack_depot_fetch(stack, &entries) == nr &&
	    !memcmp(entries, fresh, nr * sizeof(*fresh)))
		return;
	atomic64_inc(&wrong_traces);
	WARN_ONCE(1, "gup_pin: a remembered stack trace is not the fresh one\n");
}

/* The cached origin, charged with the pins, if it has this id; otherwise NULL. */
static struct gup_pin_origin *entry_origin(const struct gup_pin_located *trace,
					   const struct gup_pin_id *id, u64 pins)
{
	struct gup_pin_origin *origin = trace->origin;

	if (origin && gup_pin_id_equal(&origin->id, id) &&
	    gup_pin_origin_take(origin, pins))
		return origin;
	return NULL;
}

static struct gup_pin_origin *trace_recall(struct gup_pin_id *id, u64 pins,
					   const unsigned long *frame,
					   unsigned long ip)
{
	struct gup_pin_origin *origin = NULL;
	unsigned long flags;
	struct gup_pin_located *trace;

	if (!gup_pin_on_task_stack(frame))
		return NULL;
	local_irq_save(flags);
	trace = trace_find(trace_set_of(ip), frame);
	if (trace) {
		id->stack = trace->stack;
		origin = entry_origin(trace, id, pins);
	}
	local_irq_restore(flags);
	return origin;
}

static noinline void cache_origin(struct gup_pin_origin *origin,
				  const unsigned long *frame, unsigned long ip)
{
	unsigned long flags;
	struct gup_pin_located *trace;

	if (!gup_pin_on_task_stack(frame))
		return;
	local_irq_save(flags);
	trace = trace_find(trace_set_of(ip), frame);
	if (trace && trace->stack == origin->id.stack)
		entry_point_to(trace, origin);
	local_irq_restore(flags);
}

static bool has_code(const struct gup_pin_located *trace, const struct gup_pin_code *code)
{
	unsigned int i;

	for (i = 0; i < trace->nr; i++)
		if (gup_pin_in_code(code, trace->ip[i]))
			return true;
	return false;
}

static void table_unload(struct trace_table *table, const struct gup_pin_code *code)
{
	struct trace_set *set;
	struct gup_pin_located *trace;

	for (set = table->set; set < table->set + TRACE_SETS; set++) {
		for (trace = set->way; trace < set->way + TRACE_WAYS; trace++) {
			if (!has_code(trace, code))
				continue;
			if (trace->origin)
				atomic_dec(&trace->origin->cached);
			memset(trace, 0, sizeof(*trace));
		}
	}
}

/* On the CPU itself, with interrupts off, as it uses its table in the same way. */
static void table_unload_here(void *code)
{
	table_unload(this_cpu_ptr(traces), code);
}

/**
 * gup_pin_stack_cache_unload() - drop the traces that pass through code
 * @code: the code, which does not run
 *
 * The next code in its place may have the same return addresses, but other names.
 *
 * Context: Process context. May sleep.
 */
void gup_pin_stack_cache_unload(const struct gup_pin_code *code)
{
	int cpu;

	cpus_read_lock();
	for_each_possible_cpu(cpu)
		if (smp_call_function_single(cpu, table_unload_here, (void *)code, true))
			table_unload(per_cpu_ptr(traces, cpu), code);
	cpus_read_unlock();
}

int __init gup_pin_stack_cache_init(void)
{
	traces = alloc_percpu(struct trace_table);
	return traces ? 0 : -ENOMEM;
}

void __gup_pin_exit gup_pin_stack_cache_exit(void)
{
	free_percpu(traces);
}

#else /* !CONFIG_DEBUG_GUP_PIN_STACK_CACHE */

static depot_stack_handle_t trace_slowly(const unsigned long *frame,
					 unsigned long ip, gfp_t gfp)
{
	unsigned long entries[GUP_PIN_STACK_DEPTH];

	return trace_save(entries, trace_fresh(entries, ARRAY_SIZE(entries), ip),
			  gfp);
}

static void trace_check(depot_stack_handle_t stack, unsigned long ip)
{
}

static struct gup_pin_origin *trace_recall(struct gup_pin_id *id, u64 pins,
					   const unsigned long *frame,
					   unsigned long ip)
{
	return NULL;
}

static void cache_origin(struct gup_pin_origin *origin,
			 const unsigned long *frame, unsigned long ip)
{
}

void gup_pin_stack_cache_unload(const struct gup_pin_code *code)
{
}

int __init gup_pin_stack_cache_init(void)
{
	return 0;
}

void __gup_pin_exit gup_pin_stack_cache_exit(void)
{
}

#endif

/**
 * gup_pin_stack_origin() - origin of pins taken by the hook's caller
 * @origins: the table
 * @id: the id, with a stack of 0, which is filled in
 * @pins: number of pins
 * @frame: frame address of the hook's out-of-line part; the stack starts at its caller
 * @ip: return address of that function
 * @gfp: flags for allocations
 *
 * Context: May sleep if @gfp allows it.
 *
 * Return: the origin, charged with @pins; NULL if there is no memory.
 */
struct gup_pin_origin *gup_pin_stack_origin(struct gup_pin_origins *origins,
					    struct gup_pin_id *id, u64 pins,
					    const unsigned long *frame,
					    unsigned long ip, gfp_t gfp)
{
	struct gup_pin_origin *origin;

	origin = trace_recall(id, pins, frame, ip);
	if (static_branch_unlikely(&check_traces) && id->stack)
		trace_check(id->stack, ip);
	if (origin)
		return origin;
	if (!id->stack)
		id->stack = trace_slowly(frame, ip, gfp);
	origin = gup_pin_origin_get(origins, id, pins, gfp);
	if (origin && id->stack)
		cache_origin(origin, frame, ip);
	return origin;
}
