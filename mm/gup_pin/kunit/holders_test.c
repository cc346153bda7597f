// SPDX-License-Identifier: GPL-2.0
/* Holders of a folio with any number of calls and blocks, and gup_pin_still_held(). */
#include <linux/limits.h>
#include <linux/mm.h>

#include "fixture.h"

#define PFN	GUP_PIN_TEST_PFN

/* More than two batches under the shard lock. */
#define MANY	(2 * 256 + 3)

/* Number of calls for write: every tenth. */
#define WRITES	((MANY + 9) / 10)

static struct gup_pin_test_call *add_many(struct kunit *test)
{
	struct gup_pin_test_call *calls;
	unsigned int i;

	calls = kunit_kcalloc(test, MANY, sizeof(*calls), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, calls);
	for (i = 0; i < MANY; i++) {
		calls[i] = gup_pin_test_call(test, i % 10 ? GUP_PIN_READ : GUP_PIN_WRITE);
		gup_pin_test_add(test, PFN, &calls[i], 1 + i % 3);
	}
	return calls;
}

static void sums_of_many(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_test_call *calls = add_many(test);
	unsigned int i, pins = 0, writes = 0;
	struct gup_pin_holders holders;

	for (i = 0; i < MANY; i++) {
		pins += 1 + i % 3;
		if (!(i % 10))
			writes += 1 + i % 3;
	}
	KUNIT_EXPECT_EQ(test, 0, gup_pin_walk_holders(&f->index, PFN, NULL, 0, &holders));
	KUNIT_EXPECT_EQ(test, holders.calls, MANY);
	KUNIT_EXPECT_EQ(test, holders.pins, pins);
	KUNIT_EXPECT_EQ(test, holders.writes, writes);
	KUNIT_EXPECT_EQ(test, holders.oldest, calls[0].time);
	KUNIT_EXPECT_TRUE(test, holders.all_recorded);
	gup_pin_test_unpin(test, PFN, pins);
	gup_pin_expect_empty(test);
}

/* Write pins come first, then the oldest. */
static void first_of_many(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_test_call *calls = add_many(test);
	struct gup_pin_holders holders;
	struct gup_pin_item *items;
	unsigned int i, max = WRITES + 5, nth;

	items = kunit_kcalloc(test, max, sizeof(*items), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, items);
	KUNIT_ASSERT_EQ(test, max, gup_pin_walk_holders(&f->index, PFN, items, max, &holders));
	for (i = 0; i < max; i++) {
		/* The first nine read calls are 1 to 9. */
		nth = i < WRITES ? 10 * i : i - WRITES + 1;
		KUNIT_EXPECT_EQ(test, items[i].time, calls[nth].time);
		KUNIT_EXPECT_EQ(test, items[i].pins, 1 + nth % 3);
		KUNIT_EXPECT_EQ(test, items[i].pfn, PFN);
	}
	/* With too little room, the newest are left out. */
	KUNIT_ASSERT_EQ(test, 2, gup_pin_walk_holders(&f->index, PFN, items, 2, &holders));
	KUNIT_EXPECT_EQ(test, items[0].time, calls[0].time);
	KUNIT_EXPECT_EQ(test, items[1].time, calls[10].time);
	gup_pin_test_unpin(test, PFN, holders.pins);
	gup_pin_expect_empty(test);
}

static void without_holders(struct kunit *test)
{
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_WRITE);
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_holders holders;
	struct gup_pin_item item;

	gup_pin_test_add(test, PFN + 1, &call, 1);
	KUNIT_EXPECT_EQ(test, 0, gup_pin_walk_holders(&f->index, PFN, &item, 1, &holders));
	KUNIT_EXPECT_EQ(test, holders.calls, 0);
	KUNIT_EXPECT_EQ(test, holders.pins, 0);
	KUNIT_EXPECT_EQ(test, holders.writes, 0);
	KUNIT_EXPECT_EQ(test, holders.oldest, U64_MAX);
	KUNIT_EXPECT_TRUE(test, holders.all_recorded);
	gup_pin_test_unpin(test, PFN + 1, 1);
	gup_pin_expect_empty(test);
}

/* Four blocks. */
#define ORDER	(GUP_PIN_BLOCK_SHIFT + 2)

/* A call is one holder, however many records it has on the folio. */
static void calls_of_a_large_folio(struct kunit *test)
{
	struct gup_pin_test_call a = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_test_call b = gup_pin_test_call(test, GUP_PIN_WRITE);
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, ORDER);
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_holders holders;
	struct gup_pin_item items[4];
	unsigned long pfn;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, page);
	pfn = page_to_pfn(page);
	for (i = 1; i < BIT(ORDER); i++)
		gup_pin_test_add(test, pfn + i, &a, 1);
	for (i = 10; i < BIT(ORDER); i += 100)
		gup_pin_test_add(test, pfn + i, &b, 1);
	KUNIT_ASSERT_EQ(test, 2, gup_pin_walk_holders(&f->index, pfn, items, 4, &holders));
	KUNIT_EXPECT_EQ(test, holders.calls, 2);
	KUNIT_EXPECT_EQ(test, holders.pins, BIT(ORDER) - 1 + 3);
	KUNIT_EXPECT_EQ(test, holders.writes, 3);
	KUNIT_EXPECT_EQ(test, holders.oldest, a.time);
	KUNIT_EXPECT_EQ(test, items[0].time, b.time);
	KUNIT_EXPECT_EQ(test, items[0].pins, 3);
	KUNIT_EXPECT_EQ(test, items[0].pages, 3);
	KUNIT_EXPECT_EQ(test, items[0].pfn, pfn + 10);
	KUNIT_EXPECT_EQ(test, items[1].time, a.time);
	KUNIT_EXPECT_EQ(test, items[1].pins, BIT(ORDER) - 1);
	KUNIT_EXPECT_EQ(test, items[1].pages, BIT(ORDER) - 1);
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
	__free_pages(page, ORDER);
}

/*
 * A pin of the whole folio is on all of its pages: it endangers, and writes to, a page that
 * has a read pin of its own.
 */
static void whole_folio_beside_a_page(struct kunit *test)
{
	struct gup_pin_test_call read = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_test_call write = gup_pin_test_call(test, GUP_PIN_WRITE);
	struct gup_pin_test_call other = gup_pin_test_call(test, GUP_PIN_WRITE);
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, ORDER);
	struct gup_pin_fixture *f = test->priv;
	const unsigned int at = GUP_PIN_BLOCK_PAGES + 6;
	struct gup_pin_holders holders;
	struct gup_pin_item items[3];
	unsigned long pfn;

	KUNIT_ASSERT_NOT_NULL(test, page);
	pfn = page_to_pfn(page);
	gup_pin_test_add(test, pfn + at, &read, 1);
	/* Not on that page. */
	gup_pin_test_add(test, pfn, &other, 1);
	KUNIT_EXPECT_TRUE(test, gup_pin_only_reads(&f->index, pfn + at, 1));
	KUNIT_EXPECT_EQ(test, 1, gup_pin_walk_holders_of(&f->index, pfn + at, 1, items, 3,
							 &holders));
	write.flags = GUP_PIN_RECORD_FOLIO;
	gup_pin_test_add(test, pfn, &write, 5);
	KUNIT_EXPECT_FALSE(test, gup_pin_only_reads(&f->index, pfn + at, 1));
	KUNIT_ASSERT_EQ(test, 2, gup_pin_walk_holders_of(&f->index, pfn + at, 1, items, 3,
							 &holders));
	KUNIT_EXPECT_EQ(test, items[0].time, write.time);
	KUNIT_EXPECT_EQ(test, items[1].time, read.time);
	KUNIT_EXPECT_EQ(test, holders.pins, 6);
	KUNIT_EXPECT_EQ(test, holders.writes, 5);
	/* From the first page on it is found once. */
	KUNIT_ASSERT_EQ(test, 3, gup_pin_walk_holders_of(&f->index, pfn, at + 1, items, 3,
							 &holders));
	KUNIT_EXPECT_EQ(test, holders.pins, 7);
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
	__free_pages(page, ORDER);
}

/* After a guess a write pin may be a read pin: one that is certain comes before it. */
static void certain_before_guessed(struct kunit *test)
{
	struct gup_pin_test_call read = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_test_call guessed = gup_pin_test_call(test, GUP_PIN_WRITE);
	struct gup_pin_test_call certain = gup_pin_test_call(test, GUP_PIN_WRITE);
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, ORDER);
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_holders holders;
	struct gup_pin_item items[2];
	unsigned long pfn;

	KUNIT_ASSERT_NOT_NULL(test, page);
	pfn = page_to_pfn(page);
	gup_pin_test_add(test, pfn, &read, 1);
	gup_pin_test_add(test, pfn, &guessed, 1);
	gup_pin_test_unpin(test, pfn, 1);
	KUNIT_ASSERT_EQ(test, gup_pin_test_pins(test, pfn, &guessed), 1);
	gup_pin_test_add(test, pfn + 9, &certain, 1);
	KUNIT_EXPECT_EQ(test, 1, gup_pin_walk_holders(&f->index, pfn, items, 1, &holders));
	KUNIT_EXPECT_EQ(test, items[0].time, certain.time);
	KUNIT_EXPECT_FALSE(test, items[0].mixed);
	KUNIT_EXPECT_EQ(test, 2, gup_pin_walk_holders(&f->index, pfn, items, 2, &holders));
	KUNIT_EXPECT_EQ(test, items[0].time, certain.time);
	KUNIT_EXPECT_EQ(test, items[1].time, guessed.time);
	KUNIT_EXPECT_TRUE(test, items[1].mixed);
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
	__free_pages(page, ORDER);
}

static bool all_recorded(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_holders holders;

	gup_pin_walk_holders(&f->index, PFN, NULL, 0, &holders);
	return holders.all_recorded;
}

/* If there may be pins without a record, the records prove nothing. */
static void what_is_not_recorded(struct kunit *test)
{
	struct gup_pin_test_call read = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_fixture *f = test->priv;

	gup_pin_test_add(test, PFN, &read, 1);
	KUNIT_EXPECT_TRUE(test, all_recorded(test));
	KUNIT_EXPECT_TRUE(test, gup_pin_only_reads(&f->index, PFN, 1));
	gup_pin_test_add_untracked(test, PFN, 1);
	KUNIT_EXPECT_FALSE(test, all_recorded(test));
	KUNIT_EXPECT_FALSE(test, gup_pin_only_reads(&f->index, PFN, 1));
	gup_pin_test_unpin(test, PFN + 1, 1);
	KUNIT_EXPECT_TRUE(test, all_recorded(test));
	KUNIT_EXPECT_TRUE(test, gup_pin_only_reads(&f->index, PFN, 1));
	f->index.complete = false;
	f->index.earlier.known = true;
	KUNIT_EXPECT_FALSE(test, all_recorded(test));
	KUNIT_EXPECT_FALSE(test, gup_pin_only_reads(&f->index, PFN, 1));
	f->index.complete = true;
	gup_pin_test_unpin(test, PFN, 1);
	gup_pin_expect_empty(test);
}

/* Every page has a pin, and none has a write pin. */
static void only_reads(struct kunit *test)
{
	struct gup_pin_test_call read = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_test_call more = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_test_call write = gup_pin_test_call(test, GUP_PIN_WRITE);
	struct gup_pin_fixture *f = test->priv;

	KUNIT_EXPECT_FALSE(test, gup_pin_only_reads(&f->index, PFN, 1));
	gup_pin_test_add_mask(test, PFN, ~0xfULL, &read);
	gup_pin_test_add_mask(test, PFN + 64, 0xff, &more);
	KUNIT_EXPECT_TRUE(test, gup_pin_only_reads(&f->index, PFN + 4, 68));
	KUNIT_EXPECT_FALSE(test, gup_pin_only_reads(&f->index, PFN + 3, 68));
	KUNIT_EXPECT_FALSE(test, gup_pin_only_reads(&f->index, PFN + 4, 69));
	gup_pin_test_add(test, PFN + 70, &write, 1);
	KUNIT_EXPECT_FALSE(test, gup_pin_only_reads(&f->index, PFN + 4, 68));
	KUNIT_EXPECT_TRUE(test, gup_pin_only_reads(&f->index, PFN + 4, 66));
	/* After a guess, the read pin may be the one that is gone. */
	gup_pin_test_unpin(test, PFN + 70, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, PFN + 70, &write), 1);
	gup_pin_test_add(test, PFN + 71, &more, 1);
	gup_pin_test_unpin(test, PFN + 71, 1);
	KUNIT_EXPECT_TRUE(test, gup_pin_only_reads(&f->index, PFN + 71, 1));
	gup_pin_test_add(test, PFN + 71, &read, 1);
	gup_pin_test_unpin(test, PFN + 71, 1);
	KUNIT_EXPECT_FALSE(test, gup_pin_only_reads(&f->index, PFN + 71, 1));
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
}

/* The position of a reader in the list of records is not a pin. */
static void only_reads_beside_a_reader(struct kunit *test)
{
	struct gup_pin_test_call read = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_walk walk;
	struct gup_pin_item item;

	gup_pin_test_add(test, PFN, &read, 1);
	read.time++;
	gup_pin_test_add(test, PFN + 1, &read, 1);
	gup_pin_walk_start(&walk, &f->index, 0, ULONG_MAX);
	KUNIT_EXPECT_EQ(test, gup_pin_walk_items(&walk, &item, 1), 1);
	KUNIT_EXPECT_TRUE(test, gup_pin_only_reads(&f->index, PFN, 2));
	gup_pin_walk_end(&walk);
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
}

/* For callers that may hold a shard lock. */
static void without_waiting(struct kunit *test)
{
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_shard *shard = gup_pin_shard_of(&f->index, gup_pin_block_nr(PFN));
	struct gup_pin_holders holders;
	struct gup_pin_item item;
	unsigned long flags;
	unsigned int nr;
	bool busy;

	gup_pin_test_add(test, PFN, &call, 2);
	KUNIT_EXPECT_EQ(test, 1, gup_pin_try_holders(&f->index, PFN, &item, 1, &holders, &busy));
	KUNIT_EXPECT_FALSE(test, busy);
	KUNIT_EXPECT_EQ(test, holders.pins, 2);
	KUNIT_EXPECT_EQ(test, item.time, call.time);
	xa_lock_irqsave(&shard->xa, flags);
	nr = gup_pin_try_holders(&f->index, PFN, &item, 1, &holders, &busy);
	xa_unlock_irqrestore(&shard->xa, flags);
	KUNIT_EXPECT_EQ(test, nr, 0);
	KUNIT_EXPECT_TRUE(test, busy);
	gup_pin_test_unpin(test, PFN, 2);
	gup_pin_expect_empty(test);
}

/* The nth item of a walk. */
static struct gup_pin_item item_of(struct kunit *test, unsigned int nth)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_item item;
	struct gup_pin_walk walk;

	gup_pin_walk_start(&walk, &f->index, PFN, PFN);
	do {
		KUNIT_ASSERT_EQ(test, 1, gup_pin_walk_items(&walk, &item, 1));
	} while (nth--);
	gup_pin_walk_end(&walk);
	return item;
}

/* Independent of changes to the records before and after it. */
static void still_held_among_many(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_test_call *calls = add_many(test);
	struct gup_pin_item item, last, other;
	unsigned int i, before = 0, all = 0;

	item = item_of(test, MANY / 2);
	last = item_of(test, MANY - 1);
	KUNIT_ASSERT_EQ(test, item.time, calls[MANY / 2].time);
	for (i = 0; i < MANY; i++) {
		before += i < MANY / 2 ? 1 + i % 3 : 0;
		all += 1 + i % 3;
	}
	KUNIT_EXPECT_TRUE(test, gup_pin_still_held(&f->index, NULL, &item));
	other = item;
	other.time++;
	KUNIT_EXPECT_FALSE(test, gup_pin_still_held(&f->index, NULL, &other));
	other = item;
	other.pfn++;
	KUNIT_EXPECT_FALSE(test, gup_pin_still_held(&f->index, NULL, &other));
	other = item;
	other.id.pid++;
	KUNIT_EXPECT_FALSE(test, gup_pin_still_held(&f->index, NULL, &other));
	KUNIT_EXPECT_TRUE(test, gup_pin_same_call(&item, &item));
	KUNIT_EXPECT_FALSE(test, gup_pin_same_call(&item, &other));
	KUNIT_EXPECT_FALSE(test, gup_pin_same_call(&item, &last));
	/* The oldest are released first. */
	gup_pin_test_unpin(test, PFN, before);
	KUNIT_EXPECT_TRUE(test, gup_pin_still_held(&f->index, NULL, &item));
	gup_pin_test_unpin(test, PFN, item.pins);
	KUNIT_EXPECT_FALSE(test, gup_pin_still_held(&f->index, NULL, &item));
	KUNIT_EXPECT_TRUE(test, gup_pin_still_held(&f->index, NULL, &last));
	gup_pin_test_unpin(test, PFN, all - before - item.pins);
	KUNIT_EXPECT_FALSE(test, gup_pin_still_held(&f->index, NULL, &last));
	gup_pin_expect_empty(test);
}

static struct kunit_case holders_cases[] = {
	KUNIT_CASE(sums_of_many),
	KUNIT_CASE(first_of_many),
	KUNIT_CASE(without_holders),
	KUNIT_CASE(calls_of_a_large_folio),
	KUNIT_CASE(whole_folio_beside_a_page),
	KUNIT_CASE(certain_before_guessed),
	KUNIT_CASE(what_is_not_recorded),
	KUNIT_CASE(only_reads),
	KUNIT_CASE(only_reads_beside_a_reader),
	KUNIT_CASE(without_waiting),
	KUNIT_CASE(still_held_among_many),
	{}
};

static struct kunit_suite holders_suite = {
	.name = "gup_pin_holders",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = holders_cases,
};

kunit_test_suite(holders_suite);
