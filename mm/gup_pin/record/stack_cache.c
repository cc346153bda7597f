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
 * Functions whose frame has a variable size are an exception. They move the stack
 * pointer by a variable amount, or align it to a multiple of 16. Their caller is found
 * through the frame pointer, which some function between the hook and this one has
 * saved, and sometimes through a word next to where the frame pointer points. A step of
 * the unwinder without the frame pointer shows which frames these are. All words between
 * that frame and the hook that have the value of such a pointer are called links, and
 * must keep their value. Which of them the unwinder has read does not matter: a word
 * that has the value by coincidence is harmless, except that the trace may not be found
 * again until it was seen twice.
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
#include <asm/unwind.h>

#define TRACE_SETS	8
#define TRACE_WAYS	4
#define TRACE_LINKS	12

/**
 * struct trace_link - a pointer that a frame was found through
 * @at: position of the pointer, in words from the start of the stack
 * @to: position that it points to, in words from the start of the stack
 * @nr: number of the return address that moves together with @to
 * @fixed: the pointer stays in place when the near end of the stack moves
 */
struct trace_link {
	u16 at;
	u16 to;
	u8 nr;
	bool fixed;
};

/**
 * struct trace - a cached trace
 * @origin: origin of the last call with this trace, or NULL
 * @stack: stack depot handle; 0 if the entry is unused
 * @nr: number of return addresses
 * @moving: number of return addresses at a fixed distance from the frame of the hook; the
 *	others are at a fixed distance from the end of the stack
 * @frame: position of the frame of the hook, in words from the start of the stack
 * @nr_links: number of links
 * @at: positions of the return addresses, in words from the start of the stack
 * @ip: the return addresses
 * @link: pointers that frames of variable size were found through
 */
struct trace {
	struct gup_pin_origin *origin;
	depot_stack_handle_t stack;
	u16 nr;
	u16 moving;
	u16 frame;
	u16 nr_links;
	u16 at[GUP_PIN_STACK_DEPTH];
	unsigned long ip[GUP_PIN_STACK_DEPTH];
	struct trace_link link[TRACE_LINKS];
};

/**
 * struct trace_set - traces with the same hash
 * @last: the trace that was found last
 * @next: index of the trace to replace next
 * @way: the traces
 */
struct trace_set {
	struct trace *last;
	unsigned int next;
	struct trace way[TRACE_WAYS];
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

static bool on_task_stack(const unsigned long *word)
{
	return (unsigned long)word - (unsigned long)task_stack_page(current) <
	       THREAD_SIZE;
}

#define STACK_WORDS	((int)(THREAD_SIZE / sizeof(long)))

static int stack_offset(const unsigned long *word)
{
	return word - (unsigned long *)task_stack_page(current);
}

/*
 * Not instrumented by KASAN: words in other frames may be poisoned. There
 * are no concurrent writers.
 */
static __no_kasan_or_inline bool still_there(const struct trace *trace,
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

static __no_kasan_or_inline bool still_linked(const struct trace *trace,
					      const unsigned long *start)
{
	const struct trace_link *link = trace->link;
	const struct trace_link *end = link + trace->nr_links;

	for (; link < end; link++)
		if (start[link->at] !=
		    (unsigned long)(start + link->to))
			return false;
	return true;
}

/* Compare a trace whose near end has moved by @moved words. */
static bool moved_along(const struct trace *trace, const unsigned long *start,
			int moved)
{
	unsigned int i;

	if (trace->at[trace->moving - 1] + moved >= STACK_WORDS ||
	    !still_there(trace, start + moved, 0, trace->moving) ||
	    !still_there(trace, start, trace->moving, trace->nr))
		return false;
	for (i = 0; i < trace->nr_links; i++) {
		const struct trace_link *link = &trace->link[i];
		int at = link->at + (link->fixed ? 0 : moved);
		int to = link->to + (link->nr < trace->moving ? moved : 0);

		if (at >= STACK_WORDS ||
		    READ_ONCE_NOCHECK(start[at]) != (unsigned long)(start + to))
			return false;
	}
	return true;
}

static __always_inline bool trace_matches(const struct trace *trace,
					  const unsigned long *frame)
{
	const unsigned long *start = task_stack_page(current);
	int moved = stack_offset(frame) - trace->frame;

	if (!moved)
		return still_there(trace, start, 0, trace->nr) &&
		       still_linked(trace, start);
	return trace->moving && moved_along(trace, start, moved);
}

/*
 * Try the trace that was found last first. An unused entry may match, but has no stack;
 * used entries come before unused ones.
 */
static __always_inline struct trace *trace_find(struct trace_set *set,
						const unsigned long *frame)
{
	struct trace *trace = set->last;

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

static bool add_link(struct trace *trace, struct trace_link link)
{
	if (trace->nr_links == TRACE_LINKS)
		return false;
	trace->link[trace->nr_links++] = link;
	return true;
}

/* Find the position of a return address. Fails if it is not on the stack of the task. */
static bool add_return(struct trace *trace, struct unwind_state *state,
		       unsigned int nr)
{
	unsigned long *word = unwind_get_return_address_ptr(state);

	if (!word || !on_task_stack(word) ||
	    unwind_get_entry_regs(state, NULL) ||
	    READ_ONCE_NOCHECK(*word) != trace->ip[nr])
		return false;
	trace->at[nr] = stack_offset(word);
	return true;
}

/*
 * Was the frame of @state found through the frame pointer? Then a step from @before
 * without the frame pointer fails, or leads to another frame.
 */
static bool by_pointer(struct unwind_state before,
		       const struct unwind_state *state)
{
	before.bp = 0;
	unwind_next_frame(&before);
	return unwind_done(&before) || before.sp != state->sp;
}

/*
 * Add a link for each word before return address @nr that equals @pointer, which moves
 * with return address @to. Returns false if there are none, or too many.
 */
static bool find_links(struct trace *trace, unsigned int nr,
		       unsigned long pointer, unsigned int to)
{
	unsigned long *start = task_stack_page(current);
	struct trace_link link = { .nr = to };
	bool found = false;

	if (pointer % sizeof(long) || !on_task_stack((void *)pointer))
		return false;
	link.to = stack_offset((void *)pointer);
	for (link.at = trace->frame; link.at < trace->at[nr]; link.at++) {
		if (READ_ONCE_NOCHECK(start[link.at]) != pointer)
			continue;
		if (!add_link(trace, link))
			return false;
		found = true;
	}
	return found;
}

/*
 * A frame pointer points next to the return address, unless the function aligns its
 * stack. Then it is at a fixed distance from the frames of callees, and the word next to
 * it points to the end of the frame.
 */
static bool find_pointers(struct trace *trace, unsigned int nr,
			  const struct unwind_state *before,
			  const struct unwind_state *state)
{
	if (before->bp + 2 * sizeof(long) == state->sp)
		return find_links(trace, nr, before->bp, nr);
	return find_links(trace, nr, before->bp, nr - 1) &&
	       find_links(trace, nr, state->sp, nr);
}

/* Unwind to return address @nr. */
static bool next_return(struct trace *trace, struct unwind_state *state,
			unsigned int nr)
{
	const struct unwind_state before = *state;

	unwind_next_frame(state);
	return add_return(trace, state, nr) &&
	       (!by_pointer(before, state) ||
		find_pointers(trace, nr, &before, state));
}

/* Find the positions of the return addresses, which must be those of the trace. */
static bool trace_locate(struct trace *trace, const unsigned long *frame)
{
	struct unwind_state state;
	unsigned int i;

	unwind_start(&state, current, NULL, NULL);
	while (!unwind_done(&state) &&
	       unwind_get_return_address_ptr(&state) != frame + 1)
		unwind_next_frame(&state);
	if (!add_return(trace, &state, 0))
		return false;
	for (i = 1; i < trace->nr; i++)
		if (!next_return(trace, &state, i))
			return false;
	trace->moving = trace->nr;
	return true;
}

/*
 * Is @new the trace @old, at another offset or with other links? Returns the number of
 * return addresses that move, or 0 if it is another trace.
 */
static unsigned int trace_moving(const struct trace *old,
				 const struct trace *new)
{
	int moved = new->frame - old->frame;
	unsigned int i, moving;

	if (old->stack != new->stack)
		return 0;
	for (i = 0; i < new->nr && new->at[i] - old->at[i] == moved; i++)
		;
	if (!moved)
		return i == new->nr ? old->moving : 0;
	moving = i;
	for (; i < new->nr && new->at[i] == old->at[i]; i++)
		;
	return i == new->nr && moving < new->nr ? moving : 0;
}

/*
 * Keep a link that @old has, either at the same distance from the near
 * end or in the same place.
 */
static bool keep_link(struct trace *new, const struct trace *old,
		      struct trace_link link)
{
	bool may_be_fixed = new->frame != old->frame && old->moving == old->nr;
	bool moving = false, fixed = false;
	unsigned int i;

	for (i = 0; i < old->nr_links; i++) {
		const struct trace_link *was = &old->link[i];

		if (was->nr != link.nr ||
		    was->to - old->at[was->nr] != link.to - new->at[link.nr])
			continue;
		if (was->fixed || may_be_fixed)
			fixed |= was->at == link.at;
		if (!was->fixed)
			moving |= was->at + new->frame - old->frame == link.at;
	}
	link.fixed = false;
	if (moving && !add_link(new, link))
		return false;
	link.fixed = true;
	return !fixed || add_link(new, link);
}

/* Links that only one of the two traces has are coincidences. */
static bool common_links(struct trace *new, const struct trace *old)
{
	struct trace_link link[TRACE_LINKS];
	unsigned int i, nr = new->nr_links;

	memcpy(link, new->link, sizeof(link));
	new->nr_links = 0;
	for (i = 0; i < nr; i++)
		if (!keep_link(new, old, link[i]))
			return false;
	return true;
}

static void entry_point_to(struct trace *trace, struct gup_pin_origin *origin)
{
	if (trace->origin == origin)
		return;
	atomic_inc(&origin->cached);
	if (trace->origin)
		atomic_dec(&trace->origin->cached);
	trace->origin = origin;
}

/* Add a new trace to the cache, or merge it into a cached one. */
static void trace_remember(struct trace *new, unsigned long ip)
{
	struct trace_set *set;
	struct trace *way = NULL;
	unsigned long flags;
	unsigned int i, moving = new->moving;

	local_irq_save(flags);
	set = trace_set_of(ip);
	for (i = 0; i < TRACE_WAYS && !way; i++) {
		moving = trace_moving(&set->way[i], new);
		if (moving)
			way = &set->way[i];
	}
	if (way && !common_links(new, way)) {
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
	struct trace trace = {};

	trace.nr = trace_fresh(trace.ip, ARRAY_SIZE(trace.ip), ip);
	trace.stack = trace_save(trace.ip, trace.nr, gfp);
	if (trace.stack && on_task_stack(frame)) {
		trace.frame = stack_offset(frame);
		if (trace_locate(&trace, frame))
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
static struct gup_pin_origin *entry_origin(const struct trace *trace,
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
	struct trace *trace;

	if (!on_task_stack(frame))
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
	struct trace *trace;

	if (!on_task_stack(frame))
		return;
	local_irq_save(flags);
	trace = trace_find(trace_set_of(ip), frame);
	if (trace && trace->stack == origin->id.stack)
		entry_point_to(trace, origin);
	local_irq_restore(flags);
}

static bool has_code(const struct trace *trace, const struct gup_pin_code *code)
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
	struct trace *trace;

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
