// SPDX-License-Identifier: GPL-2.0
/* Fail each allocation in turn: nothing is lost, leaked or counted twice. */
#include <linux/fault-inject.h>
#include <linux/sched.h>

#include "fixture.h"

#define FAIL_GFP	(GFP_NOWAIT | __GFP_NOWARN)

#define FIRST		GUP_PIN_TEST_PFN

/* Make the nth allocation from now on fail; 0 cancels that. */
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
	int err = gup_pin_fixture_init(test);

	if (!IS_ENABLED(CONFIG_FAILSLAB))
		kunit_skip(test, "needs CONFIG_FAILSLAB");
	return err;
}

/**
 * struct situation - initial state, and pins to be added
 * @name: name of the situation
 * @others: number of calls with a pin on each page of @on
 * @on: mask of these pages
 * @add: masks of the pages to be pinned, by block
 * @pins: pins on each page of @add; added page by page if not 1
 * @least: minimum number of allocations
 */
struct situation {
	const char *name;
	unsigned int others;
	u64 on;
	u64 add[2];
	unsigned int pins;
	unsigned int least;
};

static const struct situation situations[] = {
	{
		.name = "first pin",	/* a block, and a node for it */
		.add = { 1 },
		.pins = 1,
		.least = 1,
	}, {
		.name = "first bulk",
		.add = { U64_MAX },
		.pins = 1,
		.least = 1,
	}, {
		.name = "bulk over two blocks",
		.add = { U64_MAX, U64_MAX },
		.pins = 1,
		.least = 2,
	}, {
		.name = "several pins of a folio",
		.add = { 1 },
		.pins = 4,
		.least = 1,
	}, {
		.name = "other record",
		.others = 1,
		.on = U64_MAX,
		.add = { U64_MAX },
		.pins = 1,
		.least = 1,
	}, {
		.name = "other record, and another block",
		.others = 1,
		.on = 0xf0,
		.add = { 0xff, 0xff },
		.pins = 1,
		.least = 2,
	}, {
		.name = "one record of many",
		.others = 50,
		.on = 0x0ff0,
		.add = { 0xff },
		.pins = 1,
		.least = 1,
	}, {
		.name = "many records",
		.others = 2,
		.on = 1,
		.add = { 0x0f, 0x0f },
		.pins = 2,
		.least = 8,
	},
};

KUNIT_ARRAY_PARAM_DESC(situation, situations, name);

static unsigned int pins_of(const struct situation *s)
{
	return (hweight64(s->add[0]) + hweight64(s->add[1])) * s->pins;
}

static void prepare(struct kunit *test, const struct situation *s)
{
	unsigned int i;

	for (i = 0; i < s->others; i++) {
		struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);

		gup_pin_test_add_mask(test, FIRST, s->on, &call);
	}
}

/* Return the number of pins that were not recorded. */
static unsigned int try_add(struct kunit *test, const struct situation *s,
			    const struct gup_pin_test_call *call, unsigned int nth,
			    bool *met)
{
	struct gup_pin_adder adder = gup_pin_test_adder(test, call, pins_of(s));
	unsigned int i;
	u64 mask;

	adder.gfp = FAIL_GFP;
	fail_nth(nth);
	for (i = 0; i < 2; i++) {
		for (mask = s->add[i]; mask; mask &= mask - 1) {
			if (s->pins == 1)
				gup_pin_add(&adder, FIRST + i * GUP_PIN_BLOCK_PAGES +
					    __ffs64(mask), 0);
			else
				gup_pin_add_mask(&adder, gup_pin_block_nr(FIRST) + i,
						 mask & -mask, s->pins);
		}
	}
	gup_pin_add_end(&adder, pins_of(s));
	*met = failed();
	fail_nth(0);
	return pins_of(s) - adder.added;
}

/* Unpin all pages, including pins without a record. */
static void unpin_all(struct kunit *test, const struct situation *s)
{
	const struct gup_pin_totals *t;
	unsigned int i;

	for (i = 0; i < GUP_PIN_BLOCK_PAGES; i++) {
		u64 bit = BIT_ULL(i);

		gup_pin_test_unpin(test, FIRST + i, (s->on & bit ? s->others : 0) +
				   (s->add[0] & bit ? s->pins : 0));
		gup_pin_test_unpin(test, FIRST + GUP_PIN_BLOCK_PAGES + i,
				   s->add[1] & bit ? s->pins : 0);
	}
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->untracked, 0);
	KUNIT_EXPECT_EQ(test, t->unmatched, 0);
	KUNIT_EXPECT_EQ(test, t->acquired, t->released);
}

/*
 * A retry may succeed after a single failure, so only check that the counters are
 * consistent.
 */
static void fails_in_turn(struct kunit *test)
{
	const struct situation *s = test->param_value;
	unsigned int nth, left = 1, misses = 0;
	struct gup_pin_test_call call;
	struct gup_pin_totals before;
	bool met = true;

	for (nth = 1; met; nth++) {
		const struct gup_pin_totals *t;

		KUNIT_ASSERT_LT(test, nth, 100);
		prepare(test, s);
		call = gup_pin_test_call(test, GUP_PIN_WRITE);
		before = *gup_pin_test_totals(test);
		left = try_add(test, s, &call, nth, &met);
		misses += !!left;
		t = gup_pin_test_totals(test);
		KUNIT_EXPECT_EQ(test, t->untracked, left);
		KUNIT_EXPECT_EQ(test, t->acquired - before.acquired + left, pins_of(s));
		KUNIT_EXPECT_EQ(test, gup_pin_origin_live(call.origin), pins_of(s) - left);
		gup_pin_expect_sound(test);
		unpin_all(test, s);
		/* Memory left over from a failure must be used or freed. */
		gup_pin_test_flush(test);
		gup_pin_expect_empty(test);
	}
	/* No allocation failed the last time. */
	KUNIT_EXPECT_EQ(test, left, 0);
	KUNIT_EXPECT_GE(test, nth - 2, s->least);
	kunit_info(test, "%s: %u allocations, %u of them lost pins\n", s->name,
		   nth - 2, misses);
}

static void origin_fails(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_origin *origin;
	struct gup_pin_id id;

	memset(&id, 0, sizeof(id));
	fail_nth(1);
	origin = gup_pin_origin_get(&f->origins, &id, 1, FAIL_GFP);
	fail_nth(0);
	KUNIT_EXPECT_NULL(test, origin);
	KUNIT_EXPECT_EQ(test, f->origins.count, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_memory_bytes(), f->memory);

	/* An existing origin needs no allocation. */
	origin = gup_pin_origin_get(&f->origins, &id, 1, FAIL_GFP);
	KUNIT_ASSERT_NOT_NULL(test, origin);
	gup_pin_origin_put(origin, 1);
	fail_nth(1);
	origin = gup_pin_origin_get(&f->origins, &id, 1, FAIL_GFP);
	KUNIT_EXPECT_FALSE(test, failed());
	fail_nth(0);
	KUNIT_ASSERT_NOT_NULL(test, origin);
	gup_pin_origin_put(origin, 1);
}

/* More pages of a recorded call need no memory, so they cannot fail. */
static void same_record_cannot_fail(struct kunit *test)
{
	static const struct situation s = { .add = { 0xff00 }, .pins = 1 };
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_WRITE);
	bool met;

	gup_pin_test_add_mask(test, FIRST, 0xff, &call);
	KUNIT_EXPECT_EQ(test, try_add(test, &s, &call, 1, &met), 0);
	KUNIT_EXPECT_FALSE(test, met);
	KUNIT_EXPECT_EQ(test, gup_pin_test_block(test, FIRST)->nr_records, 1);
	gup_pin_test_unpin_mask(test, FIRST, 0xffff);
	gup_pin_expect_empty(test);
}

static struct kunit_case fail_cases[] = {
	KUNIT_CASE_PARAM(fails_in_turn, situation_gen_params),
	KUNIT_CASE(origin_fails),
	KUNIT_CASE(same_record_cannot_fail),
	{}
};

static struct kunit_suite fail_suite = {
	.name = "gup_pin_fail",
	.init = fail_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = fail_cases,
};

kunit_test_suite(fail_suite);
