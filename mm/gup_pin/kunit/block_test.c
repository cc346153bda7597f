// SPDX-License-Identifier: GPL-2.0
/* Blocks: which pins share a record, and the order of records. */
#include "fixture.h"

#define FIRST	GUP_PIN_TEST_PFN

static struct gup_pin_test_call read_call(struct kunit *test)
{
	return gup_pin_test_call(test, GUP_PIN_READ);
}

static struct gup_pin_block *block_of(struct kunit *test)
{
	struct gup_pin_block *block = gup_pin_test_block(test, FIRST);

	KUNIT_ASSERT_NOT_NULL(test, block);
	return block;
}

/* The block has exactly these calls' records, in this order, on these pages. */
static void expect_records(struct kunit *test, unsigned int nr,
			   const struct gup_pin_test_call *const *calls, const u64 *masks)
{
	struct gup_pin_block *block = block_of(test);
	struct gup_pin_record *record;
	unsigned int i = 0;

	KUNIT_ASSERT_EQ(test, block->nr_records, nr);
	for (record = gup_pin_first_record(block); record;
	     record = gup_pin_next_record(block, record)) {
		if (!record->mask)
			continue;
		KUNIT_ASSERT_LT(test, i, nr);
		KUNIT_EXPECT_PTR_EQ(test, record->origin, calls[i]->origin);
		KUNIT_EXPECT_EQ(test, record->time, calls[i]->time);
		KUNIT_EXPECT_EQ(test, record->mask, masks[i]);
		i++;
	}
	KUNIT_EXPECT_EQ(test, i, nr);
	gup_pin_expect_sound(test);
}

/* The pages of a buffer may be in any order in memory. */
static void call_is_one_record(struct kunit *test)
{
	struct gup_pin_test_call a = read_call(test);
	const struct gup_pin_test_call *const calls[] = { &a };

	gup_pin_test_add_mask(test, FIRST, 0xff00, &a);
	gup_pin_test_add_mask(test, FIRST + GUP_PIN_BLOCK_PAGES, 0xff, &a);
	gup_pin_test_add_mask(test, FIRST, 0xff, &a);
	gup_pin_test_add_mask(test, FIRST, ~0xffffULL, &a);
	expect_records(test, 1, calls, (u64[]){ U64_MAX });
	KUNIT_EXPECT_EQ(test, block_of(test)->first.mask, U64_MAX);
	gup_pin_test_unpin_mask(test, FIRST, 0xffff0000);
	expect_records(test, 1, calls, (u64[]){ ~0xffff0000ULL });
	gup_pin_test_unpin_mask(test, FIRST, ~0xffff0000ULL);
	gup_pin_test_unpin_mask(test, FIRST + GUP_PIN_BLOCK_PAGES, 0xff);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
	gup_pin_expect_empty(test);
}

/* Calls alternate; records stay in the order in which they were added. */
static void calls_in_turn(struct kunit *test)
{
	struct gup_pin_test_call a = read_call(test), b = read_call(test);
	const struct gup_pin_test_call *const calls[] = { &a, &b, &a };

	gup_pin_test_add_mask(test, FIRST, 0x0f, &a);
	gup_pin_test_add_mask(test, FIRST, 0xff, &b);
	gup_pin_test_add_mask(test, FIRST, 0xf0, &a);
	expect_records(test, 3, calls, (u64[]){ 0x0f, 0xff, 0xf0 });
	/* On each page the oldest pin goes first: a's, then b's. */
	gup_pin_test_unpin_mask(test, FIRST, 0x3c);
	expect_records(test, 3, calls, (u64[]){ 0x03, 0xcf, 0xf0 });
	gup_pin_test_unpin_mask(test, FIRST, 0xff);
	gup_pin_test_unpin_mask(test, FIRST, 0xff & ~0x3c);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	gup_pin_expect_empty(test);
}

/* Pins that differ in any property need separate records. */
static void different_is_another(struct kunit *test)
{
	struct gup_pin_test_call a = read_call(test), b;
	unsigned int i;

	gup_pin_test_add(test, FIRST, &a, 1);
	for (i = 0; i < 6; i++) {
		b = a;
		switch (i) {
		case 0:
			b.time++;
			break;
		case 1:
			b.base++;
			break;
		case 2:
			b.cookie++;
			break;
		case 3:
			b.flags = GUP_PIN_RECORD_ADDR;
			break;
		case 4:
			b.origin = read_call(test).origin;
			break;
		case 5:
			/* The same page again. */
			b = a;
			break;
		}
		gup_pin_test_add(test, i == 5 ? FIRST : FIRST + 1, &b, 1);
		KUNIT_EXPECT_EQ_MSG(test, block_of(test)->nr_records, 2, "%u", i);
		gup_pin_expect_sound(test);
		gup_pin_test_unpin(test, i == 5 ? FIRST : FIRST + 1, 1);
	}
	/* Equal ones share a record. */
	gup_pin_test_add(test, FIRST + 1, &a, 1);
	KUNIT_EXPECT_EQ(test, block_of(test)->nr_records, 1);
	gup_pin_test_unpin_mask(test, FIRST, 3);
	gup_pin_expect_empty(test);
}

/* A call begins without pending pages, also if its first page is the first one of memory. */
static void first_page_of_all(struct kunit *test)
{
	struct gup_pin_test_call a = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_adder adder = gup_pin_test_adder(test, &a, 1);

	gup_pin_add(&adder, 0, 0);
	gup_pin_add_end(&adder, 1);
	KUNIT_EXPECT_EQ(test, adder.added, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, 0, &a), 1);
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
}

/* An array may contain a page twice. */
static void array_has_a_page_twice(struct kunit *test)
{
	struct gup_pin_test_call a = read_call(test);
	struct gup_pin_adder adder = gup_pin_test_adder(test, &a, 6);
	unsigned int i;

	for (i = 0; i < 6; i++)
		gup_pin_add(&adder, FIRST + i % 3, 0);
	gup_pin_add_end(&adder, 6);
	KUNIT_EXPECT_EQ(test, adder.added, 6);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST + i, &a), 2);
	gup_pin_expect_sound(test);
	gup_pin_test_unpin_mask(test, FIRST, 7);
	gup_pin_test_unpin_mask(test, FIRST, 7);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
	gup_pin_expect_empty(test);
}

/* Several pins of a page share a record, and are released one by one. */
static void several_pins_of_a_page(struct kunit *test)
{
	struct gup_pin_test_call a = read_call(test);
	unsigned int i;

	gup_pin_test_add(test, FIRST, &a, 5);
	gup_pin_test_add(test, FIRST + 1, &a, 5);
	KUNIT_EXPECT_EQ(test, block_of(test)->nr_records, 2);
	gup_pin_expect_sound(test);
	for (i = 5; i--; ) {
		gup_pin_test_unpin(test, FIRST, 1);
		KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, &a), i);
		KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST + 1, &a), 5);
		gup_pin_expect_sound(test);
	}
	gup_pin_test_unpin(test, FIRST + 1, 5);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
	gup_pin_expect_empty(test);
}

/* The record embedded in the block is reused only when there is no other. */
static void first_record_is_used_in_order(struct kunit *test)
{
	struct gup_pin_test_call a = read_call(test), b = read_call(test), c = read_call(test);
	const struct gup_pin_test_call *const calls[] = { &b, &c };
	u64 memory;

	gup_pin_test_add(test, FIRST, &a, 1);
	memory = gup_pin_memory_bytes();
	gup_pin_test_add(test, FIRST + 1, &b, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_memory_bytes() - memory,
			gup_pin_test_size(test, GUP_PIN_RECORDS));
	gup_pin_test_unpin(test, FIRST, 1);
	KUNIT_EXPECT_EQ(test, block_of(test)->first.mask, 0);
	gup_pin_test_add(test, FIRST + 2, &c, 1);
	KUNIT_EXPECT_EQ(test, block_of(test)->first.mask, 0);
	expect_records(test, 2, calls, (u64[]){ BIT(1), BIT(2) });
	gup_pin_test_unpin_mask(test, FIRST, 6);
	KUNIT_EXPECT_NULL(test, gup_pin_test_block(test, FIRST));
	gup_pin_test_add(test, FIRST + 3, &c, 1);
	KUNIT_EXPECT_EQ(test, block_of(test)->first.mask, BIT(3));
	gup_pin_test_unpin(test, FIRST + 3, 1);
	gup_pin_expect_empty(test);
}

/* Pins are added to a block that holds only a reader's position: they come after it. */
static void pins_behind_a_reader(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_test_call a = read_call(test), b = read_call(test), c = read_call(test);
	struct gup_pin_item item;
	struct gup_pin_walk walk;

	gup_pin_test_add(test, FIRST, &a, 1);
	gup_pin_test_add(test, FIRST, &b, 1);
	gup_pin_walk_start(&walk, &f->index, 0, ULONG_MAX);
	KUNIT_EXPECT_EQ(test, 1, gup_pin_walk_items(&walk, &item, 1));
	KUNIT_EXPECT_EQ(test, item.time, a.time);
	gup_pin_test_unpin(test, FIRST, 2);
	/* Only the reader's position is left. */
	KUNIT_EXPECT_EQ(test, block_of(test)->nr_records, 1);
	KUNIT_EXPECT_FALSE(test, block_of(test)->first.mask);
	gup_pin_expect_sound(test);
	gup_pin_test_add(test, FIRST, &c, 1);
	KUNIT_EXPECT_EQ(test, block_of(test)->first.mask, 0);
	KUNIT_EXPECT_EQ(test, 1, gup_pin_walk_items(&walk, &item, 1));
	KUNIT_EXPECT_EQ(test, item.time, c.time);
	KUNIT_EXPECT_EQ(test, 0, gup_pin_walk_items(&walk, &item, 1));
	gup_pin_walk_end(&walk);
	gup_pin_expect_sound(test);
	gup_pin_test_unpin(test, FIRST, 1);
	gup_pin_expect_empty(test);
}

/* User address at which a page was pinned. */
static void addresses(struct kunit *test)
{
	struct gup_pin_record record = {
		.base = 0x7f0000003000 - 0x203 * PAGE_SIZE,
		.flags = GUP_PIN_RECORD_ADDR,
	};

	KUNIT_EXPECT_EQ(test, gup_pin_record_addr(&record, 0x203), 0x7f0000003000);
	KUNIT_EXPECT_EQ(test, gup_pin_record_addr(&record, 0x400), 0x7f0000200000);
	/* The index in the mapping may exceed the page number of the address. */
	record.base = 0x10000 - 0x100000000 * PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, gup_pin_record_addr(&record, 0x100000001), 0x11000);
	/* Unknown. */
	record.flags = 0;
	KUNIT_EXPECT_EQ(test, gup_pin_record_addr(&record, 0x203), 0);
}

/* Mask of a folio's pages within a block. */
static void folio_masks(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, gup_pin_folio_mask(1, 64, 64), U64_MAX);
	KUNIT_EXPECT_EQ(test, gup_pin_folio_mask(1, 64, 512), U64_MAX);
	KUNIT_EXPECT_EQ(test, gup_pin_folio_mask(8, 64, 512), U64_MAX);
	KUNIT_EXPECT_EQ(test, gup_pin_folio_mask(1, 80, 16), 0xffff0000);
	KUNIT_EXPECT_EQ(test, gup_pin_folio_mask(1, 127, 1), BIT_ULL(63));
	/* Across the end of a block. */
	KUNIT_EXPECT_EQ(test, gup_pin_folio_mask(1, 120, 16), 0xffULL << 56);
	KUNIT_EXPECT_EQ(test, gup_pin_folio_mask(2, 120, 16), 0xff);
}

static struct kunit_case block_cases[] = {
	KUNIT_CASE(call_is_one_record),
	KUNIT_CASE(calls_in_turn),
	KUNIT_CASE(different_is_another),
	KUNIT_CASE(array_has_a_page_twice),
	KUNIT_CASE(first_page_of_all),
	KUNIT_CASE(several_pins_of_a_page),
	KUNIT_CASE(first_record_is_used_in_order),
	KUNIT_CASE(pins_behind_a_reader),
	KUNIT_CASE(addresses),
	KUNIT_CASE(folio_masks),
	{}
};

static struct kunit_suite block_suite = {
	.name = "gup_pin_block",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = block_cases,
};

kunit_test_suite(block_suite);
