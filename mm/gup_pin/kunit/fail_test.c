// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation fails once, in turn: nothing is lost or counted twice.
 */
#include <linux/fault-inject.h>
#include <linux/sched.h>

#include "fixture.h"

#define FAIL_GFP	(GFP_NOWAIT | __GFP_NOWARN)

/* The nth allocation from now on fails; 0 ends that. Was it met? */
static void fail_nth(unsigned int nth)
{
#ifdef CONFIG_FAILSLAB
	WRITE_ONCE(current->fail_nth, nth);
#endif
}

static bool failed(void)
{
#ifdef CONFIG_FAILSLAB
	return !READ_ONCE(current->fail_nth);
#else
	return false;
#endif
}

static int fail_init(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_FAILSLAB))
		kunit_skip(test, "needs CONFIG_FAILSLAB");
	return gup_pin_fixture_init(test);
}

static bool try_add(struct kunit *test, unsigned long pfn,
		    struct gup_pin_call *call, unsigned int pins,
		    unsigned int nth, bool *met)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_cursor cur;
	bool added;

	atomic_add(pins, &call->live);
	gup_pin_cursor_add_init(&cur, &f->index, FAIL_GFP);
	fail_nth(nth);
	added = gup_pin_index_add(&cur, pfn, call, pins);
	*met = failed();
	fail_nth(0);
	gup_pin_cursor_end(&cur);
	return added;
}

/*
 * One failure is not enough to lose a pin where a second attempt is made, so
 * what is asked for is only that the figures say what happened.
 */
static void expect_told(struct kunit *test, bool added, unsigned int pins,
			const struct gup_pin_totals *before)
{
	const struct gup_pin_totals *t = gup_pin_test_totals(test);

	KUNIT_EXPECT_EQ(test, t->acquired - before->acquired,
			added ? pins : 0);
	KUNIT_EXPECT_EQ(test, t->untracked - before->untracked,
			added ? 0 : pins);
	KUNIT_EXPECT_EQ(test, t->unmatched, before->unmatched);
}

/* Add to an index with @others on the folio already, failing each allocation. */
static void fail_each(struct kunit *test, unsigned int others, unsigned int pins)
{
	struct gup_pin_fixture *f = test->priv;
	unsigned long pfn = 0x1234567;
	struct gup_pin_totals before;
	unsigned int i, nth, misses = 0;
	struct gup_pin_call *call;
	bool added, met = true;

	for (nth = 1; met; nth++) {
		KUNIT_ASSERT_LT(test, nth, 50);
		for (i = 0; i < others; i++)
			gup_pin_test_add(test, pfn,
					 gup_pin_test_call(test, GUP_PIN_READ),
					 1);
		call = gup_pin_test_call(test, GUP_PIN_WRITE);
		atomic_set(&call->live, 1);
		before = *gup_pin_test_totals(test);
		added = try_add(test, pfn, call, pins, nth, &met);
		expect_told(test, added, pins, &before);
		gup_pin_call_drop(call, 1 + (added ? 0 : pins));
		misses += !added;
		/* The folio has all its pins, whoever knows of them. */
		gup_pin_test_release(test, pfn, others + pins, false);
		KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 0);
		KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
		/* Whatever half-built tree a failure left is used or freed. */
		f->index.recording = false;
		gup_pin_index_flush(&f->index);
		f->index.recording = true;
	}
	KUNIT_EXPECT_TRUE(test, added);
	KUNIT_EXPECT_GT(test, nth, 2);
	kunit_info(test, "%u others: %u allocations, %u of them lost pins\n",
		   others, nth - 2, misses);
}

static void first_pin(struct kunit *test)
{
	fail_each(test, 0, 1);
}

static void first_pins(struct kunit *test)
{
	fail_each(test, 0, 3);
}

static void second_call(struct kunit *test)
{
	fail_each(test, 1, 1);
}

static void next_chunk(struct kunit *test)
{
	fail_each(test, GUP_PIN_SET_REFS, 1);
}

static void origin_fails(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_origin *origin;
	struct gup_pin_id id;

	memset(&id, 0, sizeof(id));
	fail_nth(1);
	origin = gup_pin_origin_get(&f->origins, &id, FAIL_GFP);
	fail_nth(0);
	KUNIT_EXPECT_NULL(test, origin);
	KUNIT_EXPECT_EQ(test, f->origins.count, 0);

	/* Once it is there, there is nothing to fail. */
	gup_pin_origin_put(gup_pin_origin_get(&f->origins, &id, FAIL_GFP));
	fail_nth(1);
	origin = gup_pin_origin_get(&f->origins, &id, FAIL_GFP);
	KUNIT_EXPECT_FALSE(test, failed());
	fail_nth(0);
	KUNIT_ASSERT_NOT_NULL(test, origin);
	gup_pin_origin_put(origin);
}

static struct kunit_case fail_cases[] = {
	KUNIT_CASE(first_pin),
	KUNIT_CASE(first_pins),
	KUNIT_CASE(second_call),
	KUNIT_CASE(next_chunk),
	KUNIT_CASE(origin_fails),
	{}
};

static struct kunit_suite fail_suite = {
	.name = "gup_pin_fail",
	.init = fail_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = fail_cases,
};

kunit_test_suite(fail_suite);
