// SPDX-License-Identifier: GPL-2.0
/*
 * Folios that very many calls have pinned: who holds them, and does this one still?
 */
#include <linux/limits.h>

#include "fixture.h"

#define PFN	GUP_PIN_TEST_PFN

/* Several holds of the shard's lock, the last of which finds a few more. */
#define MANY	(2 * 256 + 3)

/* So many of the calls are for write: each tenth. */
#define WRITES	((MANY + 9) / 10)

static void add_many(struct kunit *test, struct gup_pin_call **calls,
		     unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		calls[i] = gup_pin_test_call(test, i % 10 ? GUP_PIN_READ :
							    GUP_PIN_WRITE);
		gup_pin_test_add(test, PFN, calls[i], 1 + i % 3);
	}
}

static struct gup_pin_call **new_calls(struct kunit *test)
{
	struct gup_pin_call **calls;

	calls = kunit_kcalloc(test, MANY, sizeof(*calls), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, calls);
	return calls;
}

static void sums_of_many(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call **calls = new_calls(test);
	unsigned int i, pins = 0, writes = 0;
	struct gup_pin_holders holders;

	add_many(test, calls, MANY);
	for (i = 0; i < MANY; i++) {
		pins += 1 + i % 3;
		if (!(i % 10))
			writes += 1 + i % 3;
	}
	KUNIT_EXPECT_EQ(test, 0, gup_pin_walk_holders(&f->index, PFN, NULL, 0,
						      &holders));
	KUNIT_EXPECT_EQ(test, holders.calls, MANY);
	KUNIT_EXPECT_EQ(test, holders.pins, pins);
	KUNIT_EXPECT_EQ(test, holders.writes, writes);
	KUNIT_EXPECT_EQ(test, holders.oldest, calls[0]->time);
	KUNIT_EXPECT_TRUE(test, holders.all_recorded);
	gup_pin_test_release(test, PFN, pins, false);
	gup_pin_expect_empty(test);
}

/* Write pins come first, then the oldest; and each says how many there are in all. */
static void first_of_many(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call **calls = new_calls(test);
	struct gup_pin_holders holders;
	struct gup_pin_item *items;
	unsigned int i, max = WRITES + 5, nth;

	add_many(test, calls, MANY);
	items = kunit_kcalloc(test, max, sizeof(*items), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, items);
	KUNIT_ASSERT_EQ(test, max,
			gup_pin_walk_holders(&f->index, PFN, items, max,
					     &holders));
	for (i = 0; i < max; i++) {
		/* The first nine that are not for write are 1 to 9. */
		nth = i < WRITES ? 10 * i : i - WRITES + 1;
		KUNIT_EXPECT_PTR_EQ(test, items[i].call, calls[nth]);
		KUNIT_EXPECT_EQ(test, items[i].pins, 1 + nth % 3);
		KUNIT_EXPECT_EQ(test, items[i].folio_pins, holders.pins);
		KUNIT_EXPECT_EQ(test, items[i].pfn, PFN);
	}
	/* What has no place among the first is the newest. */
	KUNIT_ASSERT_EQ(test, 2, gup_pin_walk_holders(&f->index, PFN, items, 2,
						      &holders));
	KUNIT_EXPECT_PTR_EQ(test, items[0].call, calls[0]);
	KUNIT_EXPECT_PTR_EQ(test, items[1].call, calls[10]);
	gup_pin_test_release(test, PFN, holders.pins, false);
	gup_pin_expect_empty(test);
}

static void held_by_nobody(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_holders holders;
	struct gup_pin_item item;

	gup_pin_test_add(test, PFN + 1, gup_pin_test_call(test, GUP_PIN_WRITE), 1);
	KUNIT_EXPECT_EQ(test, 0, gup_pin_walk_holders(&f->index, PFN, &item, 1,
						      &holders));
	KUNIT_EXPECT_EQ(test, holders.calls, 0);
	KUNIT_EXPECT_EQ(test, holders.pins, 0);
	KUNIT_EXPECT_EQ(test, holders.writes, 0);
	KUNIT_EXPECT_EQ(test, holders.oldest, U64_MAX);
	gup_pin_test_release(test, PFN + 1, 1, false);
	gup_pin_expect_empty(test);
}

/* The pins of the nth call, as a walk finds them. */
static struct gup_pin_item item_of(struct kunit *test, unsigned int nth)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_pos pos = { .pfn = PFN };
	struct gup_pin_item item;

	do {
		KUNIT_ASSERT_EQ(test, 1, gup_pin_walk_pins(&f->index, &pos,
							   &item, 1));
	} while (nth--);
	return item;
}

/* Whatever becomes of those before it and after it. */
static void still_held_among_many(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call **calls = new_calls(test);
	struct gup_pin_item item, last, other;
	unsigned int i, before = 0;

	add_many(test, calls, MANY);
	item = item_of(test, MANY / 2);
	last = item_of(test, MANY - 1);
	KUNIT_ASSERT_PTR_EQ(test, item.call, calls[MANY / 2]);
	for (i = 0; i < MANY / 2; i++)
		before += 1 + i % 3;
	KUNIT_EXPECT_TRUE(test, gup_pin_still_held(&f->index, &item));
	other = item;
	other.time++;
	KUNIT_EXPECT_FALSE(test, gup_pin_still_held(&f->index, &other));
	/* The oldest go first. */
	gup_pin_test_release(test, PFN, before, false);
	KUNIT_EXPECT_TRUE(test, gup_pin_still_held(&f->index, &item));
	gup_pin_test_release(test, PFN, item.pins, false);
	KUNIT_EXPECT_FALSE(test, gup_pin_still_held(&f->index, &item));
	KUNIT_EXPECT_TRUE(test, gup_pin_still_held(&f->index, &last));
	gup_pin_test_release(test, PFN, last.folio_pins - before - item.pins, false);
	KUNIT_EXPECT_FALSE(test, gup_pin_still_held(&f->index, &last));
	gup_pin_expect_empty(test);
}

/* A layer's place, too, stays when others go. */
static void still_held_in_layers(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call *a, *b;
	struct gup_pin_item first, second;

	a = gup_pin_test_call(test, GUP_PIN_READ);
	b = gup_pin_test_call(test, GUP_PIN_READ);
	gup_pin_test_add_mask(test, PFN, 0xffff, a);
	gup_pin_test_add_mask(test, PFN, 0xffff, b);
	first = item_of(test, 0);
	second = item_of(test, 1);
	KUNIT_EXPECT_TRUE(test, gup_pin_still_held(&f->index, &first));
	KUNIT_EXPECT_TRUE(test, gup_pin_still_held(&f->index, &second));
	gup_pin_test_release_mask(test, PFN, 0xffff);
	KUNIT_EXPECT_FALSE(test, gup_pin_still_held(&f->index, &first));
	KUNIT_EXPECT_TRUE(test, gup_pin_still_held(&f->index, &second));
	gup_pin_test_release_mask(test, PFN, 0xffff);
	KUNIT_EXPECT_FALSE(test, gup_pin_still_held(&f->index, &second));
	gup_pin_expect_empty(test);
}

static struct kunit_case holders_cases[] = {
	KUNIT_CASE(sums_of_many),
	KUNIT_CASE(first_of_many),
	KUNIT_CASE(held_by_nobody),
	KUNIT_CASE(still_held_among_many),
	KUNIT_CASE(still_held_in_layers),
	{}
};

static struct kunit_suite holders_suite = {
	.name = "gup_pin_holders",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = holders_cases,
};

kunit_test_suite(holders_suite);
