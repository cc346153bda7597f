// SPDX-License-Identifier: GPL-2.0
/*
 * Walks: every pin that is held throughout is met once, in order.
 */
#include <linux/mm.h>

#include "fixture.h"

#define FIRST	GUP_PIN_TEST_PFN

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

/* Empty blocks, which may stay, are no end and no item. */
static void over_empty_blocks(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call *call = gup_pin_test_call(test, GUP_PIN_READ);
	const unsigned int nr = 100;
	struct gup_pin_pos pos = {};
	struct gup_pin_share *shares;
	struct gup_pin_item item;
	unsigned int i;

	shares = kunit_kcalloc(test, GUP_PIN_BATCH, sizeof(*shares), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, shares);
	for (i = 0; i < nr; i++)
		gup_pin_test_add(test, i * GUP_PIN_BLOCK_PFNS, call, 1);
	for (i = 1; i < nr; i++)
		gup_pin_test_release(test, (i - 1) * GUP_PIN_BLOCK_PFNS, 1, false);
	KUNIT_EXPECT_GT(test, gup_pin_test_blocks(test), 1);
	KUNIT_EXPECT_EQ(test, 1, gup_pin_walk(&f->index, &pos, &item, 1));
	KUNIT_EXPECT_EQ(test, item.pfn, (nr - 1) * GUP_PIN_BLOCK_PFNS);
	KUNIT_EXPECT_EQ(test, 0, gup_pin_walk(&f->index, &pos, &item, 1));
	pos = (struct gup_pin_pos) {};
	KUNIT_EXPECT_EQ(test, 1, gup_pin_walk_shares(&f->index, &pos, shares,
						     GUP_PIN_BATCH));
	KUNIT_EXPECT_EQ(test, 0, gup_pin_walk_shares(&f->index, &pos, shares,
						     GUP_PIN_BATCH));
	/* Nothing but empty ones. */
	gup_pin_test_release(test, (nr - 1) * GUP_PIN_BLOCK_PFNS, 1, false);
	pos = (struct gup_pin_pos) {};
	KUNIT_EXPECT_EQ(test, 0, gup_pin_walk(&f->index, &pos, &item, 1));
	pos = (struct gup_pin_pos) {};
	KUNIT_EXPECT_EQ(test, 0, gup_pin_walk_shares(&f->index, &pos, shares,
						     GUP_PIN_BATCH));
	gup_pin_expect_empty(test);
}

#define CHANGING	(4 * GUP_PIN_CHUNK_REFS)
#define LAYERS		4

/* After how many items of the folio its pins change: in layers, or in a set. */
static const struct change {
	const char *name;
	unsigned int after;
} changes[] = {
	{ "at the first layer", 1 },
	{ "at a held layer", 2 },
	{ "between layers", 3 },
	{ "at the last layer", LAYERS },
	{ "at the slot's first", LAYERS + 1 },
	{ "in a chunk", CHANGING / 2 },
	{ "at the end", CHANGING - 1 },
};

KUNIT_ARRAY_PARAM_DESC(change, changes, name);

/* Most pins of a folio go, and new ones come, while a reader is in its middle. */
static void folio_changes_meanwhile(struct kunit *test)
{
	static const unsigned int places[] = { 1, CHANGING / 4, 3 * CHANGING / 4 };
	const struct change *change = test->param_value;
	struct gup_pin_fixture *f = test->priv;
	unsigned int i, j, met[ARRAY_SIZE(places)] = {};
	struct gup_pin_call *held[ARRAY_SIZE(places)];
	struct gup_pin_pos pos = {};
	struct gup_pin_item item;

	/* Dirty releases leave the read pins alone. */
	for (i = 0, j = 0; i < CHANGING; i++) {
		bool read = j < ARRAY_SIZE(places) && i == places[j];
		struct gup_pin_call *call;

		call = gup_pin_test_call(test, read ? GUP_PIN_READ :
						      GUP_PIN_WRITE);
		if (read)
			held[j++] = call;
		if (i < LAYERS)
			gup_pin_test_add_mask(test, FIRST, 0x3fe, call);
		else
			gup_pin_test_add(test, FIRST + 1, call, 1);
	}
	KUNIT_EXPECT_EQ(test, gup_pin_test_block(test, FIRST)->nr_layers, LAYERS);
	for (i = 1; gup_pin_walk(&f->index, &pos, &item, 1) &&
	     item.pfn == FIRST + 1; i++) {
		KUNIT_ASSERT_LT(test, i, 3 * CHANGING);
		for (j = 0; j < ARRAY_SIZE(places); j++)
			met[j] += item.call == held[j];
		if (i == change->after) {
			gup_pin_test_release(test, FIRST + 1,
					     CHANGING - ARRAY_SIZE(places), true);
			gup_pin_expect_sound(test);
		}
		if (i >= change->after && i < change->after + CHANGING)
			gup_pin_test_add(test, FIRST + 1,
					 gup_pin_test_call(test, GUP_PIN_WRITE),
					 1);
	}
	for (j = 0; j < ARRAY_SIZE(places); j++)
		KUNIT_EXPECT_EQ(test, met[j], 1);
	gup_pin_expect_sound(test);
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
}

/* The folio's neighbours come and go, and with them layers. */
static void block_changes_meanwhile(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call *held = gup_pin_test_call(test, GUP_PIN_READ), *call;
	u64 met = 0, mask = 0xf0f0f0f0f0f0f0f0;
	struct gup_pin_pos pos = {};
	struct gup_pin_item item;
	unsigned int i, bit;

	for (i = 0; i < 3; i++) {
		call = gup_pin_test_call(test, GUP_PIN_READ);
		gup_pin_test_add_mask(test, FIRST, ~mask, call);
	}
	gup_pin_test_add_mask(test, FIRST, mask, held);
	for (i = 0; gup_pin_walk(&f->index, &pos, &item, 1); i++) {
		bit = gup_pin_block_bit(item.pfn);
		if (item.call == held) {
			KUNIT_EXPECT_EQ(test, met & BIT_ULL(bit), 0);
			met |= BIT_ULL(bit);
		}
		if (i % 3 == 0)
			gup_pin_test_release_mask(test, FIRST, ~mask &
						  gup_pin_test_block(test, FIRST)->used);
		if (i % 3 == 1 && i < 200) {
			call = gup_pin_test_call(test, GUP_PIN_READ);
			gup_pin_test_add_mask(test, FIRST, ~mask, call);
		}
	}
	KUNIT_EXPECT_EQ(test, met, mask);
	gup_pin_expect_sound(test);
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
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

/* Calls are told apart by their time, which no two have in common. */
#define SHARING	90

/**
 * struct sums - what a walk found of each call
 * @first: time of the first call
 * @pins: of each call
 * @pages: of the folios they are on; a folio counts for each ref
 * @items: room for a walk
 * @shares: room for a walk
 */
struct sums {
	u64 first;
	u64 pins[SHARING];
	u64 pages[SHARING];
	struct gup_pin_item items[GUP_PIN_BATCH];
	struct gup_pin_share shares[GUP_PIN_BATCH];
};

static void sum(struct kunit *test, struct sums *sums, const struct gup_pin_id *id,
		u64 time, u64 pins, u64 pages)
{
	u64 nr = time - sums->first;

	KUNIT_ASSERT_LT(test, nr, SHARING);
	KUNIT_ASSERT_EQ(test, (int)id->mode, (int)(nr % 2));
	sums->pins[nr] += pins;
	sums->pages[nr] += pages;
}

static void sum_items(struct kunit *test, struct sums *sums)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_pos pos = {};
	unsigned int i, nr;

	while ((nr = gup_pin_walk(&f->index, &pos, sums->items, GUP_PIN_BATCH)))
		for (i = 0; i < nr; i++) {
			const struct gup_pin_item *item = &sums->items[i];

			sum(test, sums, &item->id, item->time, item->pins,
			    1ULL << item->folio.order);
		}
}

/* Takes off what the items summed up to. */
static void sum_shares(struct kunit *test, struct sums *sums, unsigned int max)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_pos pos = {};
	unsigned int i, nr, calls = 0;

	while ((nr = gup_pin_walk_shares(&f->index, &pos, sums->shares, max))) {
		KUNIT_ASSERT_LE(test, nr, max);
		KUNIT_ASSERT_LT(test, calls++, 10000);
		for (i = 0; i < nr; i++) {
			const struct gup_pin_share *share = &sums->shares[i];

			sum(test, sums, &share->id, share->time, -share->pins,
			    -share->pages);
		}
	}
	for (i = 0; i < SHARING; i++) {
		KUNIT_ASSERT_EQ(test, sums->pins[i], 0);
		KUNIT_ASSERT_EQ(test, sums->pages[i], 0);
	}
	/* The end stays the end. */
	KUNIT_EXPECT_EQ(test, 0, gup_pin_walk_shares(&f->index, &pos,
						     sums->shares, max));
}

/* Blocks full of layers, of slots, of sets, and of large pins. */
static void share_pins(struct kunit *test, struct gup_pin_call **calls,
		       unsigned long first)
{
	unsigned int i;

	for (i = 0; i < SHARING; i++) {
		gup_pin_test_add_mask(test, first, 0xffffULL << i % 48, calls[i]);
		gup_pin_test_add(test, first + GUP_PIN_BLOCK_PFNS + i % 64,
				 calls[i], 1);
		gup_pin_test_add(test, first + 2 * GUP_PIN_BLOCK_PFNS, calls[i],
				 1 + i % 3);
		if (i % 10 == 0)
			gup_pin_test_add(test, first + 5 * GUP_PIN_BLOCK_PFNS + i % 64,
					 calls[i], 512);
		gup_pin_test_add(test, first + 8 * GUP_PIN_BLOCK_PFNS - 1,
				 calls[i], 1);
	}
}

static void shares_sum_up(struct kunit *test)
{
	struct sums *sums = kunit_kzalloc(test, sizeof(*sums), GFP_KERNEL);
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);
	struct gup_pin_call *calls[SHARING];
	unsigned int i, max;

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_ASSERT_NOT_NULL(test, sums);
	sums->first = 1000;
	for (i = 0; i < SHARING; i++) {
		calls[i] = gup_pin_test_call(test, i % 2);
		calls[i]->time = sums->first + i;
	}
	share_pins(test, calls, FIRST);
	share_pins(test, calls, FIRST + 0x12340000);
	/* A folio's pages count, in a layer and in a set. */
	for (i = 0; i < SHARING; i += 7)
		gup_pin_test_add(test, page_to_pfn(page), calls[i], 1 + i % 8);
	gup_pin_expect_sound(test);
	for (max = GUP_PIN_LAYERS_MANY + 1; max <= GUP_PIN_BATCH; max++) {
		sum_items(test, sums);
		sum_shares(test, sums, max);
	}
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
	__free_pages(page, 3);
}

static struct kunit_case walk_cases[] = {
	KUNIT_CASE(in_order),
	KUNIT_CASE(over_empty_blocks),
	KUNIT_CASE_PARAM(folio_changes_meanwhile, change_gen_params),
	KUNIT_CASE(block_changes_meanwhile),
	KUNIT_CASE(far_apart),
	KUNIT_CASE(more_records_than_pins),
	KUNIT_CASE(shares_sum_up),
	{}
};

static struct kunit_suite walk_suite = {
	.name = "gup_pin_walk",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = walk_cases,
};

kunit_test_suite(walk_suite);
