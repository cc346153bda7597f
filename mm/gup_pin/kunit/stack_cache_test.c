// SPDX-License-Identifier: GPL-2.0
/*
 * Stack cache: whatever path leads to a hook, the recorded stack must be the one that
 * unwinding finds.
 *
 * Functions of many shapes call each other in an order that differs from trip to trip,
 * and the last one does what a hook does. Some trips are repeated many times, so that
 * most stacks come from the cache; and many trips have different frames in the same
 * places on the stack.
 */
#include <linux/completion.h>
#include <linux/instruction_pointer.h>
#include <linux/irq_work.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/stackdepot.h>
#include <linux/stacktrace.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "case.h"
#include "fixture.h"

/*
 * Number of calls with many shapes in many orders. In instrumented kernels these calls are
 * so slow that the test would be reported as a hung task.
 */
#define TRACE_CALLS	(IS_ENABLED(CONFIG_KASAN) || IS_ENABLED(CONFIG_KCSAN) ? 200000 : 2000000)

/* Number of calls with a stack that moves by varying distances. */
#define MOVED_CALLS	20000

/* Number of calls that alternate between the test's stack and others. */
#define OTHER_CALLS	1000

/* Number of different trips; their stacks stay in the stack depot. */
#define TRIPS		256
#define STEPS_MAX	8
#define DEPTH_MAX	48
#define MOVE_MAX	1024

/* Is the stack cache available? */
#define REMEMBERED	IS_ENABLED(CONFIG_DEBUG_GUP_PIN_STACK_CACHE)

struct trip;
typedef unsigned long (*shape_fn)(struct trip *trip);

/**
 * struct trip - a path to a hook, and its results
 * @test: the test
 * @steps: the functions on the path
 * @nr: number of steps
 * @at: the next step
 * @depth: depth of the recursive function
 * @left: remaining depth
 * @move: distance by which the stack is moved
 * @gfp: allocation flags
 * @calls: number of calls of the hook
 * @recalled: stacks that were not unwound
 * @held: recalled stacks whose origin has a cache reference, so that it is not freed
 * @missing: stacks or origins for which there was no memory
 * @wrong: stacks that differ from those that unwinding finds
 * @fresh: the stack that unwinding finds
 */
struct trip {
	struct kunit *test;
	shape_fn steps[STEPS_MAX];
	unsigned int nr;
	unsigned int at;
	unsigned int depth;
	unsigned int left;
	unsigned int move;
	gfp_t gfp;
	unsigned int calls;
	unsigned int recalled;
	unsigned int held;
	unsigned int missing;
	unsigned int wrong;
	unsigned long fresh[GUP_PIN_STACK_DEPTH];
};

/* The depot does not keep frames from before an interrupt. */
static bool same_as_fresh(struct trip *trip, depot_stack_handle_t stack,
			  unsigned int nr, unsigned long ip)
{
	unsigned long *entries;

	nr = filter_irq_stacks(trip->fresh, nr);
	return trip->fresh[0] == ip &&
	       stack_depot_fetch(stack, &entries) == nr &&
	       !memcmp(entries, trip->fresh, nr * sizeof(*entries));
}

/*
 * What a hook does. A look-up marks the origin as used, but the stack cache does not:
 * this shows whether the stack was cached.
 */
static noinline unsigned long hook(struct trip *trip)
{
	struct gup_pin_origin *origin;
	struct gup_pin_id id;
	unsigned int nr;

	memset(&id, 0, sizeof(id));
	id.api = GUP_PIN_USER_PAGES_FAST;
	origin = gup_pin_stack_origin(&gup_pin_root.origins, &id, 1,
				      __builtin_frame_address(0), _RET_IP_, trip->gfp);
	nr = stack_trace_save(trip->fresh, ARRAY_SIZE(trip->fresh), 1);
	trip->calls++;
	if (!origin || !id.stack) {
		trip->missing++;
	} else if (origin->id.stack != id.stack ||
		   !same_as_fresh(trip, id.stack, nr, _RET_IP_)) {
		trip->wrong++;
	}
	if (origin) {
		if (!READ_ONCE(origin->used)) {
			trip->recalled++;
			trip->held += atomic_read(&origin->cached) > 0;
		}
		WRITE_ONCE(origin->used, false);
		gup_pin_origin_put(origin, 1);
	}
	return nr;
}

/* Take the next step; inlined, so that each caller has its own call site. */
static __always_inline unsigned long go_on(struct trip *trip)
{
	unsigned long sum;

	if (trip->at < trip->nr)
		sum = trip->steps[trip->at++](trip);
	else
		sum = hook(trip);
	/* Prevent a tail call: the stack must contain the caller. */
	barrier();
	return sum;
}

/* Shapes: the smallest possible frame. */
static noinline unsigned long plain(struct trip *trip)
{
	return go_on(trip) + 1;
}

static noinline unsigned long plain_too(struct trip *trip)
{
	return go_on(trip) + 2;
}

/* The same function with two call sites. */
static noinline unsigned long two_places(struct trip *trip)
{
	if (trip->at % 2)
		return go_on(trip) + 3;
	return go_on(trip) * 3;
}

/* Any depth. */
static noinline unsigned long recursive(struct trip *trip)
{
	unsigned long sum;

	if (!trip->left)
		return go_on(trip) + 4;
	trip->left--;
	sum = recursive(trip);
	barrier();
	return sum + 1;
}

/* Arguments passed on the stack. */
static noinline unsigned long with_arguments(struct trip *trip, long a, long b,
					     long c, long d, long e, long f,
					     long g, long h)
{
	return go_on(trip) + a * b + c * d + e * f + g * h;
}

static noinline unsigned long many_arguments(struct trip *trip)
{
	unsigned long sum;

	sum = with_arguments(trip, trip->at, trip->nr, trip->depth, trip->left,
			     trip->move, trip->calls, trip->wrong,
			     trip->missing);
	barrier();
	return sum;
}

/* Values that are live across the call, so that all registers are saved. */
static noinline unsigned long many_values(struct trip *trip)
{
	unsigned long a = READ_ONCE(trip->at), b = READ_ONCE(trip->nr);
	unsigned long c = READ_ONCE(trip->depth), d = READ_ONCE(trip->move);
	unsigned long e = READ_ONCE(trip->calls), f = READ_ONCE(trip->wrong);
	unsigned long g = READ_ONCE(trip->missing), sum = go_on(trip);

	return sum + a * b + c * d + e * f + g * a + b * c + d * e;
}

/* Frames larger than the part that is written. */
static noinline unsigned long large_frame(struct trip *trip)
{
	unsigned long room[40], sum;

	OPTIMIZER_HIDE_VAR(trip);
	room[trip->at % ARRAY_SIZE(room)] = trip->nr;
	barrier_data(room);
	sum = go_on(trip);
	barrier_data(room);
	return sum + room[7];
}

static noinline unsigned long middling_frame(struct trip *trip)
{
	unsigned long room[5], sum;

	OPTIMIZER_HIDE_VAR(trip);
	room[trip->at % ARRAY_SIZE(room)] = trip->nr;
	barrier_data(room);
	sum = go_on(trip);
	barrier_data(room);
	return sum + room[3];
}

/*
 * A frame aligned to 16 bytes, as many of the kernel are: it starts right below the
 * caller's frame or 8 bytes further down.
 */
static noinline unsigned long aligned_frame(struct trip *trip)
{
	unsigned long room[2] __aligned(16);
	unsigned long sum;

	OPTIMIZER_HIDE_VAR(trip);
	room[trip->at % ARRAY_SIZE(room)] = trip->nr;
	barrier_data(room);
	sum = go_on(trip);
	barrier_data(room);
	return sum + room[1];
}

/* Both: then the compiler finds the caller's frame in yet another way. */
static noinline unsigned long aligned_arguments(struct trip *trip)
{
	unsigned long room[4] __aligned(32);
	unsigned long sum;

	OPTIMIZER_HIDE_VAR(trip);
	room[trip->at % ARRAY_SIZE(room)] = trip->nr;
	barrier_data(room);
	sum = with_arguments(trip, trip->at, trip->nr, trip->depth, trip->left,
			     trip->move, trip->calls, trip->wrong,
			     trip->missing);
	barrier_data(room);
	return sum + room[2];
}

/* An indirect call. */
static noinline unsigned long by_pointer(struct trip *trip)
{
	shape_fn fn = plain;
	unsigned long sum;

	OPTIMIZER_HIDE_VAR(fn);
	sum = fn(trip);
	barrier();
	return sum;
}

static const shape_fn shapes[] = {
	plain, plain_too, two_places, recursive, many_arguments, many_values,
	large_frame, middling_frame, aligned_frame, aligned_arguments,
	by_pointer,
};

/* Like do_syscall_64() with randomize_kstack_offset. */
static noinline unsigned long moved(struct trip *trip)
{
	void *room = __builtin_alloca(trip->move);
	unsigned long sum;

	asm volatile("" : : "r"(room) : "memory");
	sum = go_on(trip);
	asm volatile("" : : "r"(room) : "memory");
	return sum;
}

static void plan(struct trip *trip, unsigned int nr)
{
	struct rnd_state rnd;
	unsigned int i;

	/* Similar seeds would give similar trips. */
	prandom_seed_state(&rnd, (nr + 1) * 0x9e3779b97f4a7c15);
	trip->nr = 1 + prandom_u32_state(&rnd) % STEPS_MAX;
	trip->depth = prandom_u32_state(&rnd) % 4 ?
		      prandom_u32_state(&rnd) % 6 :
		      prandom_u32_state(&rnd) % DEPTH_MAX;
	for (i = 0; i < trip->nr; i++)
		trip->steps[i] = shapes[prandom_u32_state(&rnd) %
					ARRAY_SIZE(shapes)];
}

static noinline void go(struct trip *trip)
{
	trip->at = 0;
	trip->left = trip->depth;
	go_on(trip);
}

static noinline void go_moved(struct trip *trip, unsigned int distance)
{
	trip->at = 0;
	trip->left = trip->depth;
	trip->move = distance;
	moved(trip);
	barrier();
}

static struct trip *trip_of(struct kunit *test)
{
	struct trip *trip = kunit_kzalloc(test, sizeof(*trip), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, trip);
	trip->test = test;
	trip->gfp = GFP_KERNEL;
	return trip;
}

static void expect_right(struct kunit *test, const struct trip *trip,
			 u64 wrong_before)
{
	KUNIT_EXPECT_EQ(test, trip->wrong, 0);
	KUNIT_EXPECT_EQ(test, trip->missing, 0);
	/* Wrong stacks are counted only if gup_pin.check_traces is set. */
	KUNIT_EXPECT_EQ(test, gup_pin_stacks_wrong(), wrong_before);
	if (!REMEMBERED)
		KUNIT_EXPECT_EQ(test, trip->recalled, 0);
	kunit_info(test, "%u calls, %u of them recalled\n", trip->calls,
		   trip->recalled);
}

/* Some trips are repeated soon, others after a while. */
static void same_as_unwinding(struct kunit *test)
{
	u64 wrong = gup_pin_stacks_wrong();
	struct trip *trip = trip_of(test);
	unsigned int recent[4] = {};
	struct rnd_state rnd;
	unsigned int i, n;

	prandom_seed_state(&rnd, 42);
	while (trip->calls < TRACE_CALLS) {
		i = prandom_u32_state(&rnd) % ARRAY_SIZE(recent);
		if (prandom_u32_state(&rnd) % 8 == 0)
			recent[i] = prandom_u32_state(&rnd) % TRIPS;
		plan(trip, recent[i]);
		for (n = prandom_u32_state(&rnd) % 4; n--; )
			go(trip);
		cond_resched();
	}
	expect_right(test, trip, wrong);
	if (REMEMBERED)
		KUNIT_EXPECT_GT(test, trip->recalled, TRACE_CALLS / 3);
}

/* Each path alone: unwound the first time, cached after that. */
static void remembered_at_once(struct kunit *test)
{
	u64 wrong = gup_pin_stacks_wrong();
	struct trip *trip = trip_of(test);
	unsigned int i, n;

	if (!REMEMBERED)
		kunit_skip(test, "needs CONFIG_DEBUG_GUP_PIN_STACK_CACHE");
	for (i = 0; i < TRIPS; i++) {
		plan(trip, i);
		migrate_disable();
		for (n = 0; n < 10; n++)
			go(trip);
		migrate_enable();
	}
	expect_right(test, trip, wrong);
	KUNIT_EXPECT_GE(test, trip->recalled, trip->calls * 9 / 10);
	KUNIT_EXPECT_EQ(test, trip->held, trip->recalled);
}

/* The stack moves below one of the functions; the part above it stays. */
static void moved_stack(struct kunit *test)
{
	u64 wrong = gup_pin_stacks_wrong();
	struct trip *trip = trip_of(test);
	struct rnd_state rnd;
	unsigned int n;

	prandom_seed_state(&rnd, 43);
	while (trip->calls < MOVED_CALLS) {
		plan(trip, prandom_u32_state(&rnd) % 16);
		for (n = prandom_u32_state(&rnd) % 16; n--; )
			go_moved(trip, prandom_u32_state(&rnd) % MOVE_MAX);
		cond_resched();
	}
	expect_right(test, trip, wrong);
}

/* A stack that is cut at the maximum depth may be located anywhere. */
static void moved_cut_stack(struct kunit *test)
{
	u64 wrong = gup_pin_stacks_wrong();
	struct trip *trip = trip_of(test);
	struct rnd_state rnd;

	if (!REMEMBERED)
		kunit_skip(test, "needs CONFIG_DEBUG_GUP_PIN_STACK_CACHE");
	prandom_seed_state(&rnd, 46);
	plan(trip, 1);
	trip->steps[0] = recursive;
	trip->depth = DEPTH_MAX;
	migrate_disable();
	while (trip->calls < OTHER_CALLS)
		go_moved(trip, prandom_u32_state(&rnd) % MOVE_MAX);
	migrate_enable();
	expect_right(test, trip, wrong);
	KUNIT_EXPECT_GE(test, trip->recalled, trip->calls * 8 / 10);
}

/*
 * Paths that differ only in the number of functions. If the next frame is aligned, the
 * following ones may be in the same place as before, and so may the return address to
 * the common caller.
 */
static void function_more_or_less(struct kunit *test)
{
	static const shape_fn aligned[] = { aligned_frame, aligned_arguments };
	u64 wrong = gup_pin_stacks_wrong();
	struct trip *trip = trip_of(test);
	unsigned int i, j, more, distance;

	for (i = 0; i < ARRAY_SIZE(shapes) * ARRAY_SIZE(aligned); i++) {
		for (distance = 0; distance < 64; distance += sizeof(long)) {
			for (j = 0; j < 9; j++) {
				more = j % 3;
				trip->depth = 0;
				trip->nr = more + 1;
				trip->steps[0] = shapes[i / ARRAY_SIZE(aligned)];
				trip->steps[1] = trip->steps[0];
				trip->steps[more] = aligned[i % ARRAY_SIZE(aligned)];
				go_moved(trip, distance);
			}
		}
		cond_resched();
	}
	expect_right(test, trip, wrong);
}

/* The cached stack is alternately above and below the current one. */
static void moved_up_and_down(struct kunit *test)
{
	static const unsigned int distances[] = {
		512, 512, 0, 1024, 16, 1008, 512, 496, 528, 0, 1024, 512,
	};
	u64 wrong = gup_pin_stacks_wrong();
	struct trip *trip = trip_of(test);
	unsigned int i, n;

	for (i = 0; i < TRIPS; i++) {
		plan(trip, i);
		for (n = 0; n < ARRAY_SIZE(distances); n++)
			go_moved(trip, distances[n]);
		cond_resched();
	}
	expect_right(test, trip, wrong);
	/* Two samples are enough to learn from, or one if the stack is cut. */
	if (REMEMBERED)
		KUNIT_EXPECT_GT(test, trip->recalled, trip->calls / 2);
}

/* Alternate with paths from another task's stack. */
struct other {
	struct work_struct work;
	struct trip *trip;
};

static void other_run(struct work_struct *work)
{
	go(container_of(work, struct other, work)->trip);
}

static void other_tasks(struct kunit *test)
{
	u64 wrong = gup_pin_stacks_wrong();
	struct trip *trip = trip_of(test);
	struct other other = { .trip = trip };
	struct rnd_state rnd;

	INIT_WORK_ONSTACK(&other.work, other_run);
	prandom_seed_state(&rnd, 44);
	while (trip->calls < OTHER_CALLS) {
		plan(trip, prandom_u32_state(&rnd) % 8);
		go(trip);
		schedule_work_on(raw_smp_processor_id(), &other.work);
		flush_work(&other.work);
	}
	destroy_work_on_stack(&other.work);
	expect_right(test, trip, wrong);
}

/* From an interrupt, which has another stack or uses that of the interrupted task. */
struct interrupt {
	struct irq_work work;
	struct trip *trip;
	struct completion done;
};

static void interrupt_run(struct irq_work *work)
{
	struct interrupt *irq = container_of(work, struct interrupt, work);

	go(irq->trip);
	complete(&irq->done);
}

static void interrupts(struct kunit *test)
{
	u64 wrong = gup_pin_stacks_wrong();
	struct trip *trip = trip_of(test);
	struct interrupt irq = { .trip = trip };
	struct rnd_state rnd;

	init_irq_work(&irq.work, interrupt_run);
	init_completion(&irq.done);
	prandom_seed_state(&rnd, 45);
	while (trip->calls < OTHER_CALLS) {
		/* The stack depot cannot allocate memory in an interrupt. */
		plan(trip, prandom_u32_state(&rnd) % 4);
		trip->gfp = GFP_KERNEL;
		go(trip);
		trip->gfp = GFP_NOWAIT | __GFP_NOWARN;
		reinit_completion(&irq.done);
		irq_work_queue(&irq.work);
		wait_for_completion(&irq.done);
		irq_work_sync(&irq.work);
	}
	KUNIT_EXPECT_EQ(test, trip->wrong, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_stacks_wrong(), wrong);
	KUNIT_EXPECT_LT(test, trip->missing, trip->calls / 2);
}

static struct kunit_case stack_cache_cases[] = {
	KUNIT_CASE_SLOW(same_as_unwinding),
	KUNIT_CASE(remembered_at_once),
	KUNIT_CASE(moved_stack),
	KUNIT_CASE(moved_cut_stack),
	KUNIT_CASE(function_more_or_less),
	KUNIT_CASE(moved_up_and_down),
	KUNIT_CASE(other_tasks),
	KUNIT_CASE(interrupts),
	{}
};

static struct kunit_suite stack_cache_suite = {
	.name = "gup_pin_stack_cache",
	.init = gup_pin_case_start,
	.test_cases = stack_cache_cases,
};

kunit_test_suite(stack_cache_suite);
