// SPDX-License-Identifier: GPL-2.0
/* Truncation that waits for pins: long waits are reported, short ones counted. */
#include <kunit/test.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sched/clock.h>
#include <linux/time64.h>

#include "console.h"
#include "file.h"
#include "hazard_scene.h"

/* dax_wait_ms during the tests. */
#define LIMIT_MS	50

/* Timeout for a report, generous for slow machines. */
#define PATIENCE_MS	20000

#define STEP_MS		20

/* Longer than any wait, even if the machine stalls for a while. */
#define NEVER_MS	(60 * 60 * 1000)

static void reset_limit(void *ms)
{
	gup_pin_dax_wait_ms = (unsigned long)ms;
}

static int waits_init(struct kunit *test)
{
	unsigned long ms = gup_pin_dax_wait_ms;
	int err = gup_pin_scene_init(test);

	if (err)
		return err;
	gup_pin_dax_wait_ms = LIMIT_MS;
	return kunit_add_action_or_reset(test, reset_limit, (void *)ms);
}

/* Like dax_layout_busy_page_range(). */
static noinline void wait_for_page(struct page *page)
{
	gup_pin_dax_wait(page);
	/* Prevent a tail call. */
	barrier();
}

/* Wait for @ms in steps, or until there is a report. */
static noinline void truncate_dax(struct page *page, unsigned int ms)
{
	wait_for_page(page);
	for (; ms && !gup_pin_console_reports(); ms -= STEP_MS)
		msleep(STEP_MS);
}

/* Like reflink of two files, which drops its locks and retries. */
static noinline void truncate_dax_again(struct page *page, unsigned int ms)
{
	for (; ms && !gup_pin_console_reports(); ms -= STEP_MS) {
		wait_for_page(page);
		msleep(STEP_MS);
	}
}

/* The same without sleeping: the task is running when its stack is checked. */
static noinline void truncate_dax_restless(struct page *page, unsigned int ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(ms);

	while (time_before(jiffies, end) && !gup_pin_console_reports()) {
		wait_for_page(page);
		mdelay(1);
		cond_resched();
	}
}

/* One of two pins is released during the wait. */
static noinline void truncate_dax_of_two(struct page **pages, unsigned int ms)
{
	wait_for_page(pages[0]);
	unpin_user_page(pages[0]);
	for (; ms && !gup_pin_console_reports(); ms -= STEP_MS)
		msleep(STEP_MS);
}

static void whole_report_of_waiting(struct kunit *test)
{
	const char *const want[] = {
		GUP_PIN_RULE,
		"BUG: GUP_PIN: truncation waits for pinned folio in truncate_dax+0x*/0x*",
		"",
		gup_pin_folio_line(test, 2, 2),
		gup_pin_file_line(test),
		"waits for * ms so far, gup_pin.dax_wait_ms=50",
		"waits for 2 pins, the oldest held for * ms so far",
		"",
		gup_pin_event_line(),
		" truncate_dax+0x*/0x*",
		" whole_*+0x*/0x*",
		GUP_PIN_FRAMES,
		"",
		"pin: mode=w term=short api=pin_user_pages_fast owner=* task=*/* comm=kunit_try_catch* age_ms=* pins=1 addr=0x* match=exact alive=yes uid=0 stack=0x*",
		" pin_user_pages_fast+0x*/0x*",
		GUP_PIN_FRAMES,
		"",
		"pin: mode=r term=short api=pin_user_pages_fast owner=* task=*/* comm=kunit_try_catch* age_ms=* pins=1 addr=0x* match=exact alive=yes uid=0 stack=0x*",
		" pin_user_pages_fast+0x*/0x*",
		GUP_PIN_FRAMES,
		"",
		GUP_PIN_TAIL
	};
	struct page *pages[2];

	pages[0] = gup_pin_scene_pin(test, false);
	pages[1] = gup_pin_scene_pin(test, true);
	truncate_dax(pages[0], PATIENCE_MS);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	gup_pin_console_expect(test, want, ARRAY_SIZE(want));
	unpin_user_pages(pages, 2);
}

/* Read pins are waited for, too. */
static void waiting_for_a_reader(struct kunit *test)
{
	struct page *page = gup_pin_scene_pin(test, false);

	truncate_dax(page, PATIENCE_MS);
	unpin_user_page(page);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	gup_pin_expect_reported(test, 1, 0);
}

/* The pin is released in time. */
static void a_short_wait(struct kunit *test)
{
	struct page *page = gup_pin_scene_pin(test, true);

	gup_pin_dax_wait_ms = NEVER_MS;
	truncate_dax(page, STEP_MS);
	unpin_user_page(page);
	gup_pin_dax_wait_ms = LIMIT_MS;
	truncate_dax(page, 900);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	gup_pin_expect_reported(test, 0, 0);
}

/* A signal ended the wait: the task has moved on, but the pin is still held. */
static void a_wait_that_was_given_up(struct kunit *test)
{
	struct page *page = gup_pin_scene_pin(test, true);

	gup_pin_dax_wait_ms = NEVER_MS;
	truncate_dax(page, STEP_MS);
	gup_pin_dax_wait_ms = LIMIT_MS;
	msleep(900);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	gup_pin_expect_reported(test, 0, 0);
	unpin_user_page(page);
}

static void a_wait_that_comes_again(struct kunit *test)
{
	struct page *page = gup_pin_scene_pin(test, true);

	truncate_dax_again(page, PATIENCE_MS);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	gup_pin_expect_reported(test, 1, 0);
	unpin_user_page(page);
}

static void a_wait_without_sleep(struct kunit *test)
{
	struct page *page = gup_pin_scene_pin(test, true);

	gup_pin_dax_wait_ms = 1200;
	truncate_dax_restless(page, PATIENCE_MS);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	gup_pin_expect_reported(test, 1, 0);
	unpin_user_page(page);
}

static void one_of_two_goes_on(struct kunit *test)
{
	struct page *pages[2];

	gup_pin_dax_wait_ms = 300;
	pages[0] = gup_pin_scene_pin(test, true);
	pages[1] = gup_pin_scene_pin(test, true);
	truncate_dax_of_two(pages, PATIENCE_MS);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	gup_pin_expect_reported(test, 1, 0);
	unpin_user_page(pages[1]);
}

/* Each wait is short, and for another pin. */
static noinline void truncate_dax_often(struct kunit *test, unsigned int ms)
{
	for (; ms && !gup_pin_console_reports(); ms -= STEP_MS) {
		struct page *page = gup_pin_scene_pin(test, true);

		wait_for_page(page);
		msleep(STEP_MS);
		unpin_user_page(page);
	}
}

static void many_short_waits(struct kunit *test)
{
	gup_pin_dax_wait_ms = 1000;
	truncate_dax_often(test, 3000);
	gup_pin_expect_reported(test, 0, 0);
}

#define CROWD	32

/* Another user waits for many pages; all but our own are released in time. */
static noinline void truncate_dax_in_a_crowd(struct page **pages, struct cred *user,
					     unsigned int ms)
{
	const struct cred *old;
	unsigned int i;

	wait_for_page(pages[0]);
	old = override_creds(user);
	for (i = 1; i < CROWD; i++)
		wait_for_page(pages[i]);
	revert_creds(old);
	unpin_user_pages(pages + 1, CROWD - 1);
	gup_pin_dax_wait_ms = LIMIT_MS;
	for (; ms && !gup_pin_console_reports(); ms -= STEP_MS)
		msleep(STEP_MS);
}

static void waits_of_another_user(struct kunit *test)
{
	unsigned long addr = gup_pin_test_map(test, CROWD);
	struct cred *user = prepare_creds();
	struct page *pages[CROWD];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, user);
	user->uid = KUIDT_INIT(1000);
	for (i = 0; i < CROWD; i++)
		pages[i] = gup_pin_test_pin(test, addr + i * PAGE_SIZE, true);
	gup_pin_dax_wait_ms = NEVER_MS;
	truncate_dax_in_a_crowd(pages, user, 4000);
	put_cred(user);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, CROWD);
	gup_pin_expect_reported(test, 1, 0);
	unpin_user_page(pages[0]);
}

/* Other reports use up what may be printed of a kind: it is printed when that is over. */
static void a_wait_that_is_reported_later(struct kunit *test)
{
	struct gup_pin_hazard_record *other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);
	struct page *page = gup_pin_scene_pin(test, true);

	KUNIT_ASSERT_NOT_NULL(test, other);
	other->kind = GUP_PIN_HAZARD_TRUNCATE;
	/* As if they had been printed in some seconds. */
	other->place.used = local_clock() + 3 * NSEC_PER_SEC;
	do {
		other->key++;
	} while (gup_pin_seen_first(other));
	truncate_dax(page, PATIENCE_MS);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_console_reports(), 1);
	unpin_user_page(page);
}

static void no_patience_at_all(struct kunit *test)
{
	struct page *page = gup_pin_scene_pin(test, true);

	gup_pin_dax_wait_ms = 0;
	truncate_dax(page, 0);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	gup_pin_expect_reported(test, 1, 0);
	unpin_user_page(page);
}

static void no_pin_no_wait(struct kunit *test)
{
	struct gup_pin_scene *s = test->priv;

	truncate_dax(s->page, 0);
	gup_pin_expect_nothing(test);
}

static struct kunit_case waits_cases[] = {
	KUNIT_CASE(whole_report_of_waiting),
	KUNIT_CASE(waiting_for_a_reader),
	KUNIT_CASE(a_short_wait),
	KUNIT_CASE(a_wait_that_was_given_up),
	KUNIT_CASE(a_wait_that_comes_again),
	KUNIT_CASE(a_wait_without_sleep),
	KUNIT_CASE(one_of_two_goes_on),
	KUNIT_CASE(many_short_waits),
	KUNIT_CASE(waits_of_another_user),
	KUNIT_CASE(a_wait_that_is_reported_later),
	KUNIT_CASE(no_patience_at_all),
	KUNIT_CASE(no_pin_no_wait),
	{}
};

static struct kunit_suite waits_suite = {
	.name = "gup_pin_waits",
	.init = waits_init,
	.test_cases = waits_cases,
};

kunit_test_suite(waits_suite);
