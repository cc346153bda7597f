// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks: several CPUs at once, in the same ones.
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/sched.h>

#include "fixture.h"

#define FIRST	GUP_PIN_TEST_PFN

#define THREADS		4
#define THREAD_STEPS	3000
#define PFNS		(3 * GUP_PIN_BLOCK_PFNS)

struct worker {
	struct kunit *test;
	struct gup_pin_call *call;
	struct rnd_state rnd;
	unsigned int lost;
	struct completion done;
};

/* The kind of memory a call of a thread's takes; it has no KUnit of its own. */
static struct gup_pin_call *worker_call(struct worker *w)
{
	struct gup_pin_call *call = gup_pin_call_alloc(GFP_KERNEL);

	if (!call)
		return NULL;
	*call = (struct gup_pin_call) {
		.origin = w->call->origin,
		.time = w->call->time,
	};
	atomic64_inc(&call->origin->got);
	return call;
}

static bool worker_single(struct worker *w, unsigned int p)
{
	struct gup_pin_fixture *f = w->test->priv;

	atomic64_inc(&w->call->origin->got);
	if (gup_pin_add_single(&f->index, FIRST + p, w->call->origin, 0x1000, 1,
			       GFP_KERNEL))
		return true;
	gup_pin_origin_put(w->call->origin);
	return false;
}

static void worker_step(struct worker *w)
{
	struct gup_pin_fixture *f = w->test->priv;
	struct gup_pin_releaser rel = { .index = &f->index };
	struct gup_pin_adder adder = {
		.index = &f->index,
		.gfp = GFP_KERNEL,
		.fresh = true,
	};
	unsigned int from = prandom_u32_state(&w->rnd) % PFNS;
	unsigned int nr = 1 + prandom_u32_state(&w->rnd) % (PFNS - from);
	unsigned int pins = prandom_u32_state(&w->rnd) % 4 ? 1 : 5, i;

	if (prandom_u32_state(&w->rnd) % 2)
		nr = 1;
	if (nr == 1 && pins == 1 && worker_single(w, from))
		goto release;
	adder.call = worker_call(w);
	if (adder.call)
		atomic_set(&adder.call->live, nr * pins + 1);
	for (i = from; i < from + nr; i++)
		gup_pin_add(&adder, FIRST + i, pins);
	gup_pin_add_flush(&adder);
	w->lost += adder.left;
	if (adder.call)
		gup_pin_call_drop(adder.call, adder.left + 1);
release:
	for (i = from; i < from + nr; i++)
		gup_pin_release(&rel, FIRST + i, pins, i % 2);
	gup_pin_release_end(&rel);
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

static void several_cpus(struct kunit *test)
{
	struct gup_pin_call *call = gup_pin_test_call(test, GUP_PIN_READ);
	struct worker *workers = kunit_kcalloc(test, THREADS, sizeof(*workers),
					       GFP_KERNEL);
	struct task_struct *task;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, workers);
	atomic_set(&call->live, 1);
	for (i = 0; i < THREADS; i++) {
		struct worker *w = &workers[i];

		w->test = test;
		w->call = call;
		prandom_seed_state(&w->rnd, i + 1);
		init_completion(&w->done);
		task = kthread_run(worker_run, w, "gup_pin_test/%u", i);
		if (IS_ERR(task))
			complete(&w->done);
		KUNIT_EXPECT_FALSE(test, IS_ERR(task));
	}
	for (i = 0; i < THREADS; i++) {
		wait_for_completion(&workers[i].done);
		KUNIT_EXPECT_EQ(test, workers[i].lost, 0);
	}
	gup_pin_call_drop(call, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 0);
	gup_pin_expect_sound(test);
	gup_pin_expect_empty(test);
}

static struct kunit_case block_cpus_cases[] = {
	KUNIT_CASE(several_cpus),
	{}
};

static struct kunit_suite block_cpus_suite = {
	.name = "gup_pin_block_cpus",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = block_cpus_cases,
};

kunit_test_suite(block_cpus_suite);
