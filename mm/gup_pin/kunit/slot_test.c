// SPDX-License-Identifier: GPL-2.0
/*
 * Several pins on one folio, and which of them an unpin releases. In an empty
 * block the first is a layer, else all are in the folio's slot; it must make no
 * difference.
 */
#include "fixture.h"

#define PFN	(GUP_PIN_TEST_PFN + 0x11)
/**
 * struct place - where a test's pins are kept
 * @name: of the place
 * @others: layers that there are already
 */
struct place {
	const char *name;
	unsigned int others;
};

static const struct place places[] = {
	{ "layer and slot", 0 },
	{ "slot", 1 },
	{ "slot beside layers", GUP_PIN_LAYERS_MANY },
};

KUNIT_ARRAY_PARAM_DESC(place, places, name);

static void start(struct kunit *test)
{
	const struct place *place = test->param_value;

	gup_pin_test_layers(test, GUP_PIN_TEST_PFN, place->others);
}

static void finish(struct kunit *test)
{
	const struct place *place = test->param_value;

	gup_pin_test_layers_gone(test, GUP_PIN_TEST_PFN, place->others);
	gup_pin_expect_empty(test);
}

/* Are the pins where the test wants them? */
static void expect_place(struct kunit *test)
{
	const struct place *place = test->param_value;
	struct gup_pin_block *block = gup_pin_test_block(test, PFN);

	KUNIT_ASSERT_NOT_NULL(test, block);
	KUNIT_EXPECT_EQ(test, block->slotted, BIT_ULL(0x11));
	KUNIT_EXPECT_EQ(test, block->nr_layers, max(place->others, 1U));
	gup_pin_expect_sound(test);
}

/* How many pins a call has on PFN; its items must say @inferred. */
static unsigned int pins_of(struct kunit *test, const struct gup_pin_call *call,
			    bool inferred)
{
	KUNIT_EXPECT_EQ(test, gup_pin_test_inferred(test, PFN), inferred);
	gup_pin_expect_sound(test);
	return gup_pin_test_pins(test, PFN, call);
}

static void one_call_is_exact(struct kunit *test)
{
	struct gup_pin_call *call = gup_pin_test_call(test, GUP_PIN_WRITE);

	start(test);
	gup_pin_test_add(test, PFN, call, 3);
	gup_pin_test_add(test, PFN, call, 2);
	KUNIT_EXPECT_EQ(test, pins_of(test, call, false), 5);
	gup_pin_test_release(test, PFN, 4, false);
	KUNIT_EXPECT_EQ(test, pins_of(test, call, false), 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
	gup_pin_test_release(test, PFN, 1, false);
	finish(test);
}

/* The same page twice in a call, but not one after the other. */
static void call_meets_folio_again(struct kunit *test)
{
	struct gup_pin_call *call = gup_pin_test_call(test, GUP_PIN_WRITE);

	start(test);
	gup_pin_test_add(test, PFN, call, 1);
	gup_pin_test_add(test, PFN, call, 1);
	KUNIT_EXPECT_EQ(test, pins_of(test, call, false), 2);
	gup_pin_test_release(test, PFN, 1, false);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
	KUNIT_EXPECT_EQ(test, pins_of(test, call, false), 1);
	gup_pin_test_release(test, PFN, 1, false);
	finish(test);
}

static void two_calls_are_a_guess(struct kunit *test)
{
	struct gup_pin_call *a = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_call *b = gup_pin_test_call(test, GUP_PIN_READ);

	start(test);
	gup_pin_test_add(test, PFN, a, 1);
	gup_pin_test_add(test, PFN, b, 1);
	expect_place(test);
	KUNIT_EXPECT_EQ(test, pins_of(test, a, false), 1);
	gup_pin_test_release(test, PFN, 1, false);
	/* The oldest is taken, and what is left says that this was a guess. */
	KUNIT_EXPECT_EQ(test, pins_of(test, b, true), 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 1);
	gup_pin_test_release(test, PFN, 1, false);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 1);
	finish(test);
}

static void all_at_once_is_exact(struct kunit *test)
{
	struct gup_pin_call *a = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_call *b = gup_pin_test_call(test, GUP_PIN_WRITE);

	start(test);
	gup_pin_test_add(test, PFN, a, 2);
	gup_pin_test_add(test, PFN, b, 3);
	expect_place(test);
	gup_pin_test_release(test, PFN, 5, false);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
	finish(test);
}

static void dirty_takes_write_pins(struct kunit *test)
{
	struct gup_pin_call *r = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_call *w = gup_pin_test_call(test, GUP_PIN_WRITE);

	start(test);
	gup_pin_test_add(test, PFN, r, 2);
	gup_pin_test_add(test, PFN, w, 2);
	expect_place(test);
	gup_pin_test_release(test, PFN, 1, true);
	KUNIT_EXPECT_EQ(test, pins_of(test, r, true), 2);
	KUNIT_EXPECT_EQ(test, pins_of(test, w, true), 1);
	/* More than there are write pins: the rest must have been reads. */
	gup_pin_test_release(test, PFN, 2, true);
	KUNIT_EXPECT_EQ(test, pins_of(test, r, true), 1);
	gup_pin_test_release(test, PFN, 1, true);
	finish(test);
}

/* A set, once made, stays until all of its pins have gone. */
static void set_shrinks(struct kunit *test)
{
	struct gup_pin_call *a = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_call *b = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_call *c = gup_pin_test_call(test, GUP_PIN_READ);

	start(test);
	gup_pin_test_add(test, PFN, a, 1);
	gup_pin_test_add(test, PFN, b, 2);
	gup_pin_test_release(test, PFN, 1, false);
	KUNIT_EXPECT_EQ(test, pins_of(test, b, true), 2);
	gup_pin_test_release(test, PFN, 1, false);
	KUNIT_EXPECT_EQ(test, pins_of(test, b, true), 1);
	/* With one call left this was none: only the first was a guess. */
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 1);
	gup_pin_test_add(test, PFN, c, 1);
	KUNIT_EXPECT_EQ(test, pins_of(test, c, true), 1);
	gup_pin_test_release(test, PFN, 1, false);
	KUNIT_EXPECT_EQ(test, pins_of(test, b, true), 0);
	gup_pin_test_release_mask(test, GUP_PIN_TEST_PFN, BIT_ULL(0x11));
	finish(test);
}

/* Grows over several chunks and shrinks again, from both ends. */
static void many_calls(struct kunit *test)
{
	const unsigned int nr = 10 * GUP_PIN_CHUNK_REFS + 3;
	const struct gup_pin_totals *t;
	unsigned int i, left = 0, others;

	start(test);
	others = gup_pin_test_totals(test)->acquired;
	for (i = 0; i < nr; i++) {
		gup_pin_test_add(test, PFN,
				 gup_pin_test_call(test, i % 2), 1 + i % 5);
		left += 1 + i % 5;
	}
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->acquired - others, left);
	gup_pin_expect_sound(test);

	for (i = 1; left; i++) {
		unsigned int pins = min(i % 7, left);

		gup_pin_test_release(test, PFN, pins, i % 3);
		left -= pins;
		t = gup_pin_test_totals(test);
		KUNIT_EXPECT_EQ(test, t->acquired - t->released,
				left + others);
		gup_pin_expect_sound(test);
		/* Room is found at the end, whatever went before. */
		if (i % 10 == 0) {
			gup_pin_test_add(test, PFN,
					 gup_pin_test_call(test, 0), 1);
			left++;
		}
	}
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	finish(test);
}

static struct kunit_case slot_cases[] = {
	KUNIT_CASE_PARAM(one_call_is_exact, place_gen_params),
	KUNIT_CASE_PARAM(call_meets_folio_again, place_gen_params),
	KUNIT_CASE_PARAM(two_calls_are_a_guess, place_gen_params),
	KUNIT_CASE_PARAM(all_at_once_is_exact, place_gen_params),
	KUNIT_CASE_PARAM(dirty_takes_write_pins, place_gen_params),
	KUNIT_CASE_PARAM(set_shrinks, place_gen_params),
	KUNIT_CASE_PARAM(many_calls, place_gen_params),
	{}
};

static struct kunit_suite slot_suite = {
	.name = "gup_pin_slot",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = slot_cases,
};

kunit_test_suite(slot_suite);
