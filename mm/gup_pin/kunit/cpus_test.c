// SPDX-License-Identifier: GPL-2.0
/* Several CPUs in the same blocks: some pin and unpin while one reads. */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/sched.h>

#include "fixture.h"

#define FIRST	GUP_PIN_TEST_PFN

#define THREADS		4
#define THREAD_STEPS	3000
#define PAGES		(3 * GUP_PIN_BLOCK_PAGES)

/**
 * struct worker - a thread
 * @test: the test
 * @call: the call that it pins as
 * @rnd: random numbers
 * @lost: number of pins that were not recorded
 * @over: the other threads have ended
 * @missed: how often the reader missed a pin that is held all the time
 * @done: the thread has ended
 */
struct worker {
	struct kunit *test;
	struct gup_pin_test_call call;
	struct rnd_state rnd;
	unsigned int lost;
	bool over;
	unsigned int missed;
	struct completion done;
};

/* The thread has no KUnit context, so it must not use assertions. */
static void worker_step(struct worker *w)
{
	struct gup_pin_fixture *f = w->test->priv;
	struct gup_pin_unpin unpin = { .index = &f->index, .site = 0x1000, .write = true };
	struct gup_pin_adder adder = {
		.index = &f->index,
		.gfp = GFP_KERNEL,
		.what = { .origin = w->call.origin, .time = w->call.time++ },
	};
	unsigned int from = prandom_u32_state(&w->rnd) % PAGES;
	unsigned int nr = 1 + prandom_u32_state(&w->rnd) % (PAGES - from);

	if (prandom_u32_state(&w->rnd) % 2)
		nr = 1;
	gup_pin_origin_take(w->call.origin, nr);
	gup_pin_add_range(&adder, FIRST + from, nr, 0);
	gup_pin_add_end(&adder, nr);
	w->lost += nr - adder.added;
	gup_pin_unpin_range(&unpin, FIRST + from, nr);
	gup_pin_unpin_end(&unpin);
}

static int worker_run(void *data)
{
	struct worker *w = data;
	unsigned int i;

	for (i = 0; i < THREAD_STEPS; i++) {
		worker_step(w);
		cond_resched();
	}
	complete(&w->done);
	return 0;
}

/* Each pass must find each of the permanent pins exactly once. */
static void read_all(struct worker *w)
{
	struct gup_pin_fixture *f = w->test->priv;
	struct gup_pin_item items[2];
	unsigned int i, nr, met = 0;
	struct gup_pin_walk walk;

	gup_pin_walk_start(&walk, &f->index, 0, ULONG_MAX);
	while ((nr = gup_pin_walk_items(&walk, items, ARRAY_SIZE(items))))
		for (i = 0; i < nr; i++)
			met += items[i].time == w->call.time;
	gup_pin_walk_end(&walk);
	w->missed += met != PAGES / 4;
}

static int reader_run(void *data)
{
	struct worker *w = data;

	while (!READ_ONCE(w->over)) {
		read_all(w);
		cond_resched();
	}
	complete(&w->done);
	return 0;
}

static void start(struct kunit *test, struct worker *w, unsigned int nr,
		  int (*run)(void *data))
{
	struct task_struct *task;

	w->test = test;
	prandom_seed_state(&w->rnd, nr + 1);
	init_completion(&w->done);
	task = kthread_run(run, w, "gup_pin_test/%u", nr);
	if (IS_ERR(task))
		complete(&w->done);
	KUNIT_EXPECT_FALSE(test, IS_ERR(task));
}

static void several_cpus(struct kunit *test)
{
	struct worker *workers = kunit_kcalloc(test, THREADS, sizeof(*workers), GFP_KERNEL);
	struct worker *reader = kunit_kzalloc(test, sizeof(*reader), GFP_KERNEL);
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, 0);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, workers);
	KUNIT_ASSERT_NOT_NULL(test, reader);
	/* All unpins are of write pins, so none of them takes one of these. */
	reader->call = gup_pin_test_call(test, GUP_PIN_READ);
	for (i = 0; i < PAGES; i += 4)
		gup_pin_test_add(test, FIRST + i, &reader->call, 1);
	for (i = 0; i < THREADS; i++) {
		workers[i].call = gup_pin_test_call(test, GUP_PIN_WRITE);
		/* Keep the times of their calls different from the reader's. */
		workers[i].call.time += (i + 1ULL) << 40;
		start(test, &workers[i], i, worker_run);
	}
	start(test, reader, THREADS, reader_run);
	for (i = 0; i < THREADS; i++) {
		wait_for_completion(&workers[i].done);
		KUNIT_EXPECT_EQ(test, workers[i].lost, 0);
	}
	WRITE_ONCE(reader->over, true);
	wait_for_completion(&reader->done);
	KUNIT_EXPECT_EQ(test, reader->missed, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_live(reader->call.origin), PAGES / 4);
	gup_pin_expect_sound(test);
	for (i = 0; i < PAGES; i += 4)
		gup_pin_unpin_range(&unpin, FIRST + i, 1);
	gup_pin_unpin_end(&unpin);
	gup_pin_expect_empty(test);
}

static struct kunit_case cpus_cases[] = {
	KUNIT_CASE(several_cpus),
	{}
};

static struct kunit_suite cpus_suite = {
	.name = "gup_pin_cpus",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = cpus_cases,
};

kunit_test_suite(cpus_suite);
