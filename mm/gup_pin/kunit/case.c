// SPDX-License-Identifier: GPL-2.0
/*
 * What each case begins and ends with: the console names the one that is running,
 * and one that was given up in its middle leaves no pins to those after it.
 */
#include <linux/mm.h>
#include <linux/processor.h>
#include <linux/sched.h>

#include "../compat.h"
#include "../gup_pin.h"
#include "case.h"
#include "file.h"

/* The thread that runs the case. Cases run one after the other. */
static pid_t case_pid;

/**
 * gup_pin_case_start() - say on the console which case starts
 * @test: the test
 *
 * If the kernel hangs or dies, this is the last that is known of it. For a suite's
 * .init, or to be called by it before anything else.
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

/* One of the pins in the real index that the case has taken. */
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
 * @test: the test; it fails if it has left any and was not given up
 *
 * For a suite's .exit, so before what was mapped is unmapped.
 */
void gup_pin_case_unpin(struct kunit *test)
{
	bool failed = test->status == KUNIT_FAILURE;
	struct gup_pin_item item;
	unsigned int left = 0;

	gup_pin_test_end_left_writeback();
	/* Which of a page's pins goes may be a guess: look again each time. */
	while (gup_pin_root.index.recording && find_pin(&item)) {
		left++;
		unpin_user_page(pfn_to_page(item.pfn));
	}
	if (!failed)
		KUNIT_EXPECT_EQ(test, left, 0);
}

/**
 * gup_pin_test_meet() - wait until another thread has come here as often
 * @arrived: how often one of the two did; 0 at first
 * @times: how often this one did; 0 at first
 *
 * Spins: the two run on two CPUs.
 */
void gup_pin_test_meet(atomic_t *arrived, unsigned int *times)
{
	int all = 2 * ++*times;

	/* What either did before, both see after. */
	atomic_inc_return(arrived);
	while (atomic_read_acquire(arrived) < all)
		cpu_relax();
}
