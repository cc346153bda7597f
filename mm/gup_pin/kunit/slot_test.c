// SPDX-License-Identifier: GPL-2.0
/*
 * Slots: several pins on one folio, and which of them an unpin releases.
 */
#include "fixture.h"

#define PFN	0x4711

/* How many pins a call has on PFN; its items must say @inferred. */
static unsigned int pins_of(struct kunit *test, const struct gup_pin_call *call,
			    bool inferred)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_pos pos = { .pfn = PFN };
	struct gup_pin_item item;
	unsigned int pins = 0;

	while (gup_pin_walk(&f->index, &pos, &item, 1)) {
		KUNIT_EXPECT_EQ(test, item.pfn, PFN);
		KUNIT_EXPECT_EQ(test, item.inferred, inferred);
		if (item.call == call)
			pins += item.pins;
	}
	return pins;
}

static void one_call_is_exact(struct kunit *test)
{
	struct gup_pin_call *call = gup_pin_test_call(test, GUP_PIN_WRITE);

	gup_pin_test_add(test, PFN, call, 3);
	gup_pin_test_add(test, PFN, call, 2);
	KUNIT_EXPECT_EQ(test, pins_of(test, call, false), 5);
	gup_pin_test_release(test, PFN, 4, false);
	KUNIT_EXPECT_EQ(test, pins_of(test, call, false), 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
	gup_pin_test_release(test, PFN, 1, false);
	gup_pin_expect_empty(test);
}

/* The same page twice in a call, but not one after the other. */
static void call_meets_folio_again(struct kunit *test)
{
	struct gup_pin_call *call = gup_pin_test_call(test, GUP_PIN_WRITE);

	gup_pin_test_add(test, PFN, call, 1);
	gup_pin_test_add(test, PFN, call, 1);
	KUNIT_EXPECT_EQ(test, pins_of(test, call, false), 2);
	gup_pin_test_release(test, PFN, 1, false);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
	KUNIT_EXPECT_EQ(test, pins_of(test, call, false), 1);
	gup_pin_test_release(test, PFN, 1, false);
	gup_pin_expect_empty(test);
}

static void two_calls_are_a_guess(struct kunit *test)
{
	struct gup_pin_call *a = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_call *b = gup_pin_test_call(test, GUP_PIN_READ);

	gup_pin_test_add(test, PFN, a, 1);
	gup_pin_test_add(test, PFN, b, 1);
	KUNIT_EXPECT_EQ(test, pins_of(test, a, false), 1);
	gup_pin_test_release(test, PFN, 1, false);
	/* The oldest is taken, and what is left says that this was a guess. */
	KUNIT_EXPECT_EQ(test, pins_of(test, b, true), 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 1);
	gup_pin_test_release(test, PFN, 1, false);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 1);
	gup_pin_expect_empty(test);
}

static void all_at_once_is_exact(struct kunit *test)
{
	struct gup_pin_call *a = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_call *b = gup_pin_test_call(test, GUP_PIN_WRITE);

	gup_pin_test_add(test, PFN, a, 2);
	gup_pin_test_add(test, PFN, b, 3);
	gup_pin_test_release(test, PFN, 5, false);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
	gup_pin_expect_empty(test);
}

static void dirty_takes_write_pins(struct kunit *test)
{
	struct gup_pin_call *r = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_call *w = gup_pin_test_call(test, GUP_PIN_WRITE);

	gup_pin_test_add(test, PFN, r, 2);
	gup_pin_test_add(test, PFN, w, 2);
	gup_pin_test_release(test, PFN, 1, true);
	KUNIT_EXPECT_EQ(test, pins_of(test, r, true), 2);
	KUNIT_EXPECT_EQ(test, pins_of(test, w, true), 1);
	/* More than there are write pins: the rest must have been reads. */
	gup_pin_test_release(test, PFN, 2, true);
	KUNIT_EXPECT_EQ(test, pins_of(test, r, true), 1);
	gup_pin_test_release(test, PFN, 1, true);
	gup_pin_expect_empty(test);
}

/* Grows over several chunks and shrinks again, from both ends. */
static void many_calls(struct kunit *test)
{
	const unsigned int nr = 10 * GUP_PIN_CHUNK_REFS + 3;
	const struct gup_pin_totals *t;
	unsigned int i, left = 0;

	for (i = 0; i < nr; i++) {
		gup_pin_test_add(test, PFN,
				 gup_pin_test_call(test, i % 2), 1 + i % 5);
		left += 1 + i % 5;
	}
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->acquired, left);
	KUNIT_EXPECT_EQ(test, t->sets, 1);
	KUNIT_EXPECT_GE(test, t->chunks, 10);

	for (i = 1; left; i++) {
		unsigned int pins = min(i % 7, left);

		gup_pin_test_release(test, PFN, pins, i % 3);
		left -= pins;
		t = gup_pin_test_totals(test);
		KUNIT_EXPECT_EQ(test, t->acquired - t->released, left);
		/* Room is found at the end, whatever went before. */
		if (i % 10 == 0) {
			gup_pin_test_add(test, PFN,
					 gup_pin_test_call(test, 0), 1);
			left++;
		}
	}
	gup_pin_expect_empty(test);
}

static struct kunit_case slot_cases[] = {
	KUNIT_CASE(one_call_is_exact),
	KUNIT_CASE(call_meets_folio_again),
	KUNIT_CASE(two_calls_are_a_guess),
	KUNIT_CASE(all_at_once_is_exact),
	KUNIT_CASE(dirty_takes_write_pins),
	KUNIT_CASE(many_calls),
	{}
};

static struct kunit_suite slot_suite = {
	.name = "gup_pin_slot",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = slot_cases,
};

kunit_test_suite(slot_suite);
