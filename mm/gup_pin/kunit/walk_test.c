// SPDX-License-Identifier: GPL-2.0
/*
 * Walks: every pin that is held throughout is met once, in order.
 */
#include <linux/mm.h>

#include "fixture.h"

static void in_order(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	static const unsigned long pfns[] = {
		0, 1, 63, 64, 65, 16383, 16384, 0x100000, 0x100001,
		0x7fffffff, 0x80000000, 0x3ffffffff000, 0xfffffffffffff,
	};
	struct gup_pin_call *call = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_item *items;
	unsigned int i, max, nr, seen;
	struct gup_pin_pos pos;

	items = kunit_kcalloc(test, GUP_PIN_BATCH, sizeof(*items), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, items);
	for (i = ARRAY_SIZE(pfns); i--; )
		gup_pin_test_add(test, pfns[i], call, 1);
	for (max = 1; max <= GUP_PIN_BATCH; max += 21) {
		pos = (struct gup_pin_pos) {};
		seen = 0;
		while ((nr = gup_pin_walk(&f->index, &pos, items, max))) {
			KUNIT_ASSERT_LE(test, nr, max);
			for (i = 0; i < nr; i++, seen++) {
				KUNIT_ASSERT_LT(test, seen, ARRAY_SIZE(pfns));
				KUNIT_EXPECT_EQ(test, items[i].pfn, pfns[seen]);
			}
		}
		KUNIT_EXPECT_EQ(test, seen, ARRAY_SIZE(pfns));
		/* The end stays the end. */
		KUNIT_EXPECT_EQ(test, 0, gup_pin_walk(&f->index, &pos, items,
						      max));
	}
}

/* Most pins of a folio go, and new ones come, while a reader is in its middle. */
static void folio_changes_meanwhile(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	const unsigned int nr = 4 * GUP_PIN_CHUNK_REFS;
	struct gup_pin_call *held[2], *call;
	struct gup_pin_pos pos = {};
	unsigned int i, met[2] = {};
	struct gup_pin_item item;

	/* Dirty releases leave the two read pins alone. */
	for (i = 0; i < nr; i++) {
		bool read = i == nr / 4 || i == nr - nr / 4;

		call = gup_pin_test_call(test, read ? GUP_PIN_READ :
						      GUP_PIN_WRITE);
		if (read)
			held[i > nr / 2] = call;
		gup_pin_test_add(test, 99, call, 1);
	}
	for (i = 0; gup_pin_walk(&f->index, &pos, &item, 1); i++) {
		met[0] += item.call == held[0];
		met[1] += item.call == held[1];
		if (i == nr / 2)
			gup_pin_test_release(test, 99, nr - 2, true);
		if (i >= nr / 2 && i < nr)
			gup_pin_test_add(test, 99,
					 gup_pin_test_call(test, GUP_PIN_WRITE),
					 1);
	}
	KUNIT_EXPECT_EQ(test, met[0], 1);
	KUNIT_EXPECT_EQ(test, met[1], 1);
}

static void far_apart(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call *call = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_item item;
	struct gup_pin_pos pos = {};
	unsigned long pfn;
	unsigned int i;

	/* Each alone in its shard's tree, and each in another shard. */
	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		gup_pin_test_add(test, i * 0x1000041UL, call, 1);
	for (pfn = 0; gup_pin_walk(&f->index, &pos, &item, 1);
	     pfn += 0x1000041UL)
		KUNIT_EXPECT_EQ(test, item.pfn, pfn);
	KUNIT_EXPECT_EQ(test, pfn, GUP_PIN_NR_SHARDS * 0x1000041UL);
}

/* What `verify` goes by: more on record than on the folio. */
static void more_records_than_pins(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call *call = gup_pin_test_call(test, GUP_PIN_READ);
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);
	struct gup_pin_pos pos = {};
	struct gup_pin_item item;

	KUNIT_ASSERT_NOT_NULL(test, page);
	gup_pin_test_add(test, page_to_pfn(page), call, 2);
	KUNIT_EXPECT_EQ(test, 1, gup_pin_walk(&f->index, &pos, &item, 1));
	KUNIT_EXPECT_TRUE(test, item.head);
	KUNIT_EXPECT_EQ(test, item.folio_pins, 2);
	KUNIT_EXPECT_EQ(test, item.real_pins, 0);
	KUNIT_EXPECT_EQ(test, item.folio.order, 2);
	gup_pin_test_release(test, page_to_pfn(page), 2, false);

	/* A record for what is not a folio's head is never right. */
	gup_pin_test_add(test, page_to_pfn(page) + 1,
			 gup_pin_test_call(test, GUP_PIN_READ), 1);
	pos = (struct gup_pin_pos) {};
	KUNIT_EXPECT_EQ(test, 1, gup_pin_walk(&f->index, &pos, &item, 1));
	KUNIT_EXPECT_FALSE(test, item.head);
	gup_pin_test_release(test, page_to_pfn(page) + 1, 1, false);
	__free_pages(page, 2);
}

static struct kunit_case walk_cases[] = {
	KUNIT_CASE(in_order),
	KUNIT_CASE(folio_changes_meanwhile),
	KUNIT_CASE(far_apart),
	KUNIT_CASE(more_records_than_pins),
	{}
};

static struct kunit_suite walk_suite = {
	.name = "gup_pin_walk",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = walk_cases,
};

kunit_test_suite(walk_suite);
