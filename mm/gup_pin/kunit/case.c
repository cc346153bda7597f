// SPDX-License-Identifier: GPL-2.0
/*
 * Start and end of each case: the console shows which case is running, and an aborted
 * case leaves no pins to the following ones.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "../compat.h"
#include "../gup_pin.h"
#include "case.h"
#include "file.h"

/* Thread that runs the case. Cases run one at a time. */
static pid_t case_pid;

/**
 * gup_pin_case_start() - print the name of the case to the console
 * @test: the test
 *
 * If the kernel hangs or dies, this is the last message. Used as a suite's .init, or
 * called first by it.
 *
 * Return: 0.
 */
int gup_pin_case_start(struct kunit *test)
{
	case_pid = task_pid_nr(current);
	if (test->param_value)
		kunit_info(test, "started, parameter %d\n",
			   gup_pin_param_nr(test));
	else
		kunit_info(test, "started\n");
	return 0;
}

/**
 * gup_pin_case_need() - skip the case unless pins are recorded in the real index
 * @test: the test
 * @complete: whether it needs that all pins since boot are
 */
void gup_pin_case_need(struct kunit *test, bool complete)
{
	if (!gup_pin_root.index.recording || (complete && !gup_pin_root.index.complete))
		kunit_skip(test, "needs gup_pin=on");
}

/**
 * gup_pin_case_begin() - begin a case that needs the real index
 * @test: the test; skipped if gup_pin_case_need()
 * @complete: as for gup_pin_case_need()
 * @size: size of the suite's state
 *
 * Return: the state, zeroed; NULL if there is no memory.
 */
void *gup_pin_case_begin(struct kunit *test, bool complete, size_t size)
{
	gup_pin_case_start(test);
	gup_pin_case_need(test, complete);
	return kunit_kzalloc(test, size, GFP_KERNEL);
}

/**
 * gup_pin_case_expect() - expect some pins to have been recorded, and released
 * @test: the test
 * @before: totals of the real index before that
 * @pins: number of pins
 */
void gup_pin_case_expect(struct kunit *test, const struct gup_pin_totals *before,
			 unsigned int pins)
{
	struct gup_pin_totals t;

	gup_pin_index_totals(&gup_pin_root.index, &t);
	KUNIT_EXPECT_EQ(test, t.acquired - before->acquired, pins);
	KUNIT_EXPECT_EQ(test, t.released - before->released, pins);
	KUNIT_EXPECT_EQ(test, t.unmatched, before->unmatched);
	KUNIT_EXPECT_EQ(test, t.untracked, before->untracked);
}

/* Get one of the pins in the real index that the case has taken. */
static bool find_pin(struct gup_pin_item *item)
{
	struct gup_pin_walk walk;
	bool found = false;

	gup_pin_walk_start(&walk, &gup_pin_root.index, 0, ULONG_MAX);
	while (!found && gup_pin_walk_items(&walk, item, 1))
		found = item->id.pid == case_pid;
	gup_pin_walk_end(&walk);
	return found;
}

/**
 * gup_pin_case_unpin() - drop the pins that a case has left
 * @test: the test; it fails if it left pins without having been aborted
 *
 * Used as a suite's .exit, and thus runs before mappings of the case are removed.
 */
void gup_pin_case_unpin(struct kunit *test)
{
	bool failed = test->status == KUNIT_FAILURE;
	struct gup_pin_item item;
	unsigned int left = 0;

	gup_pin_test_end_left_writeback();
	/* It may be a guess which of a page's pins is released, so search again each time. */
	while (gup_pin_root.index.recording && find_pin(&item)) {
		left++;
		unpin_user_page(pfn_to_page(item.pfn));
	}
	if (!failed)
		KUNIT_EXPECT_EQ(test, left, 0);
}

/**
 * gup_pin_test_set_param() - set a parameter, as on the command line or in sysfs
 * @arg: the parameter, with its value
 *
 * Return: 0 or -errno.
 */
int gup_pin_test_set_param(const char *arg)
{
	char buf[64];

	strscpy(buf, arg);
	return PTR_ERR_OR_ZERO(parse_args("gup_pin test", buf,
					  __start___param,
					  __stop___param - __start___param,
					  -1, -1, NULL, NULL));
}

/**
 * gup_pin_test_meet() - wait until the other thread has got here equally often
 * @arrived: arrivals of both threads; 0 at first
 * @times: arrivals of this thread; 0 at first
 *
 * Spins: the two threads run on two CPUs.
 */
void gup_pin_test_meet(atomic_t *arrived, unsigned int *times)
{
	int all = 2 * ++*times;

	/* Order all earlier accesses of either thread before all later ones of both. */
	atomic_inc_return(arrived);
	while (atomic_read_acquire(arrived) < all)
		cpu_relax();
}
