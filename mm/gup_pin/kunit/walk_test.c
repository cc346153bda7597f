// SPDX-License-Identifier: GPL-2.0
/* Walks: every pin that is held throughout is found once, whatever changes around it. */
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "fixture.h"

#define FIRST	GUP_PIN_TEST_PFN

static struct gup_pin_walk start(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_walk walk;

	gup_pin_walk_start(&walk, &f->index, 0, ULONG_MAX);
	return walk;
}

static void in_order(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	static const unsigned long pfns[] = {
		0, 1, 63, 64, 65, 16383, 16384, 0x100000, 0x100001,
		0x7fffffff, 0x80000000, 0x3ffffffff000, 0xfffffffffffff,
	};
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_item *items;
	unsigned int i, max, nr, seen;
	struct gup_pin_walk walk;

	items = kunit_kcalloc(test, GUP_PIN_BATCH, sizeof(*items), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, items);
	for (i = ARRAY_SIZE(pfns); i--; )
		gup_pin_test_add(test, pfns[i], &call, 1);
	for (max = 1; max <= GUP_PIN_BATCH; max += 21) {
		gup_pin_walk_start(&walk, &f->index, 0, ULONG_MAX);
		seen = 0;
		while ((nr = gup_pin_walk_items(&walk, items, max))) {
			KUNIT_ASSERT_LE(test, nr, max);
			for (i = 0; i < nr; i++, seen++) {
				KUNIT_ASSERT_LT(test, seen, ARRAY_SIZE(pfns));
				KUNIT_EXPECT_EQ(test, items[i].pfn, pfns[seen]);
			}
		}
		KUNIT_EXPECT_EQ(test, seen, ARRAY_SIZE(pfns));
		/* The end is final. */
		KUNIT_EXPECT_EQ(test, 0, gup_pin_walk_items(&walk, items, max));
		gup_pin_walk_end(&walk);
	}
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
}

/* A range consists of blocks: other pins of the first and last block may be found, too. */
static void range(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_walk walk;
	struct gup_pin_item item;
	unsigned int i;

	for (i = 0; i < 10; i++)
		gup_pin_test_add(test, FIRST + i * GUP_PIN_BLOCK_PAGES + 7, &call, 1);
	gup_pin_walk_start(&walk, &f->index, FIRST + 3 * GUP_PIN_BLOCK_PAGES + 7,
			   FIRST + 5 * GUP_PIN_BLOCK_PAGES + 7);
	for (i = 3; gup_pin_walk_items(&walk, &item, 1); i++)
		KUNIT_EXPECT_EQ(test, item.pfn, FIRST + i * GUP_PIN_BLOCK_PAGES + 7);
	KUNIT_EXPECT_EQ(test, i, 6);
	gup_pin_walk_end(&walk);
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
}

static void far_apart(struct kunit *test)
{
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_walk walk = start(test);
	struct gup_pin_item item;
	unsigned long pfn;
	unsigned int i;

	/* Each alone in its shard's tree, and each in another shard. */
	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		gup_pin_test_add(test, i * 0x1000041UL, &call, 1);
	for (pfn = 0; gup_pin_walk_items(&walk, &item, 1); pfn += 0x1000041UL)
		KUNIT_EXPECT_EQ(test, item.pfn, pfn);
	KUNIT_EXPECT_EQ(test, pfn, GUP_PIN_NR_SHARDS * 0x1000041UL);
	gup_pin_walk_end(&walk);
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
}

/* Calls with their number plus one as handle, so that each can be released separately. */
static struct gup_pin_test_call numbered_call(struct kunit *test, unsigned int nr)
{
	const struct gup_pin_id id = { .mode = GUP_PIN_READ };
	struct gup_pin_test_call call = gup_pin_test_call_of(test, &id);

	call.flags = GUP_PIN_RECORD_HANDLE;
	call.cookie = nr + 1;
	return call;
}

static void unpin_numbered(struct kunit *test, unsigned long pfn, unsigned int nr)
{
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, 0);

	unpin.handle = nr + 1;
	gup_pin_test_unpin_by(unpin, pfn);
}

#define NR	5

static unsigned int find_call(struct kunit *test, const struct gup_pin_test_call *calls,
			      unsigned int nr, u64 time)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (calls[i].time == time)
			return i;
	KUNIT_FAIL_AND_ABORT(test, "an item of no call that was made");
	return nr;
}

/*
 * A reader is positioned after some of the records on a page. Then some records before
 * and after that position, and the one at it, are removed, and a new one is added.
 */
static void try_change(struct kunit *test, unsigned int after, unsigned int gone)
{
	struct gup_pin_test_call calls[NR + 1];
	struct gup_pin_walk walk = start(test);
	unsigned int i, met[NR + 1] = {};
	struct gup_pin_item item;

	for (i = 0; i < NR; i++) {
		calls[i] = numbered_call(test, i);
		gup_pin_test_add(test, FIRST, &calls[i], 1);
	}
	for (i = 0; i < after; i++) {
		KUNIT_ASSERT_EQ(test, 1, gup_pin_walk_items(&walk, &item, 1));
		met[find_call(test, calls, NR, item.time)]++;
	}
	for (i = 0; i < NR; i++)
		if (gone & BIT(i))
			unpin_numbered(test, FIRST, i);
	gup_pin_expect_sound(test);
	calls[NR] = numbered_call(test, NR);
	gup_pin_test_add(test, FIRST, &calls[NR], 1);
	gup_pin_expect_sound(test);
	while (gup_pin_walk_items(&walk, &item, 1))
		met[find_call(test, calls, NR + 1, item.time)]++;
	for (i = 0; i < NR; i++)
		KUNIT_ASSERT_EQ_MSG(test, met[i], i < after || !(gone & BIT(i)),
				    "%u of those in 0x%x after %u", i, gone, after);
	/* The new record is found if the walk was not at its end. */
	if (after < NR)
		KUNIT_ASSERT_EQ(test, met[NR], 1);
	KUNIT_ASSERT_LE(test, met[NR], 1);
	gup_pin_walk_end(&walk);
	for (i = 0; i <= NR; i++)
		if (!(gone & BIT(i)))
			unpin_numbered(test, FIRST, i);
	KUNIT_ASSERT_NULL(test, gup_pin_test_block(test, FIRST));
}

static void place_survives(struct kunit *test)
{
	unsigned int after, gone;

	for (after = 0; after <= NR; after++)
		for (gone = 0; gone < BIT(NR); gone++)
			try_change(test, after, gone);
	gup_pin_expect_empty(test);
}

/* A reader in the middle of the pages of a record. */
static void middle_of_a_record(struct kunit *test)
{
	struct gup_pin_test_call before = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ), other;
	struct gup_pin_walk walk;
	struct gup_pin_item item;
	unsigned int first, i;
	u64 met;

	/* For the first record of the block, and for a later one. */
	for (first = 0; first < 2; first++) {
		if (first)
			gup_pin_test_add(test, FIRST, &before, 1);
		gup_pin_test_add_mask(test, FIRST, ~1ULL, &call);
		walk = start(test);
		met = 0;
		for (i = 0; i < 20; i++) {
			KUNIT_ASSERT_EQ(test, 1, gup_pin_walk_items(&walk, &item, 1));
			met |= BIT_ULL(gup_pin_block_bit(item.pfn));
		}
		/* Some pages that the reader has passed, and some that it has not. */
		gup_pin_test_unpin_mask(test, FIRST, 0xf0f0);
		gup_pin_test_unpin_mask(test, FIRST, 0xf0f0ULL << 40);
		for (; gup_pin_walk_items(&walk, &item, 1); i++) {
			KUNIT_EXPECT_FALSE(test, met & BIT_ULL(gup_pin_block_bit(item.pfn)));
			met |= BIT_ULL(gup_pin_block_bit(item.pfn));
		}
		KUNIT_EXPECT_EQ(test, met | 1, ~(0xf0f0ULL << 40));
		gup_pin_walk_end(&walk);

		/*
		 * All pins are released, and another record reuses the memory: it is
		 * found as a whole.
		 */
		walk = start(test);
		for (i = 0; i < 10; i++)
			KUNIT_ASSERT_EQ(test, 1, gup_pin_walk_items(&walk, &item, 1));
		gup_pin_test_unpin_mask(test, FIRST, ~1ULL & ~0xf0f0ULL & ~(0xf0f0ULL << 40));
		other = gup_pin_test_call(test, GUP_PIN_WRITE);
		gup_pin_test_add_mask(test, FIRST, 0xfffe, &other);
		for (i = 0; gup_pin_walk_items(&walk, &item, 1); i++)
			KUNIT_EXPECT_EQ(test, item.time, other.time);
		KUNIT_EXPECT_EQ(test, i, 15);
		gup_pin_walk_end(&walk);
		gup_pin_test_unpin_mask(test, FIRST, 0xfffe);
		if (first)
			gup_pin_test_unpin(test, FIRST, 1);
		KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
		KUNIT_EXPECT_NULL(test, gup_pin_test_block(test, FIRST));
	}
	gup_pin_expect_empty(test);
}

/* Tracking is switched off and on during the walk. */
static void flushed_meanwhile(struct kunit *test)
{
	struct gup_pin_walk walk = start(test), other = start(test);
	struct gup_pin_test_call calls[NR];
	struct gup_pin_item item;
	unsigned int i;

	for (i = 0; i < NR; i++) {
		calls[i] = numbered_call(test, i);
		gup_pin_test_add(test, FIRST, &calls[i], 1);
		gup_pin_test_add(test, FIRST + GUP_PIN_BLOCK_PAGES, &calls[i], 1);
	}
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, 1, gup_pin_walk_items(&walk, &item, 1));
		KUNIT_EXPECT_EQ(test, 1, gup_pin_walk_items(&other, &item, 1));
	}
	gup_pin_test_unpin(test, FIRST, 1);
	gup_pin_test_flush(test);
	gup_pin_expect_sound(test);
	KUNIT_EXPECT_EQ(test, gup_pin_test_blocks(test), 1);
	/* What was known about its pages is not any more: they may have earlier pins. */
	KUNIT_EXPECT_EQ(test, gup_pin_test_block(test, FIRST)->earlier, U64_MAX);
	/* New pins are found. */
	gup_pin_test_add(test, FIRST, &calls[4], 1);
	gup_pin_expect_match(test, FIRST, GUP_PIN_EXACT);
	KUNIT_EXPECT_EQ(test, 1, gup_pin_walk_items(&walk, &item, 1));
	KUNIT_EXPECT_EQ(test, item.time, calls[4].time);
	KUNIT_EXPECT_EQ(test, 0, gup_pin_walk_items(&walk, &item, 1));
	gup_pin_test_flush(test);
	KUNIT_EXPECT_EQ(test, gup_pin_test_blocks(test), 1);
	/* The last reader frees the block. */
	KUNIT_EXPECT_EQ(test, 0, gup_pin_walk_items(&other, &item, 1));
	KUNIT_EXPECT_EQ(test, gup_pin_test_blocks(test), 0);
	gup_pin_walk_end(&walk);
	gup_pin_walk_end(&other);
	gup_pin_expect_empty(test);
}

/* A reader stops at its position, with no other record there. */
static void ends_anywhere(struct kunit *test)
{
	struct gup_pin_walk walk = {};
	struct gup_pin_test_call calls[3];
	struct gup_pin_item item;
	unsigned int i, n;

	gup_pin_walk_end(&walk);
	for (n = 0; n <= 3; n++) {
		for (i = 0; i < 3; i++) {
			calls[i] = numbered_call(test, i);
			gup_pin_test_add(test, FIRST, &calls[i], 1);
		}
		walk = start(test);
		for (i = 0; i < n; i++)
			gup_pin_walk_items(&walk, &item, 1);
		gup_pin_test_unpin(test, FIRST, 3);
		gup_pin_walk_end(&walk);
		KUNIT_EXPECT_EQ(test, gup_pin_test_blocks(test), 0);
		/* Ending twice is harmless. */
		gup_pin_walk_end(&walk);
	}
	gup_pin_expect_empty(test);
}

/*
 * More readers in a block than are skipped under one hold of its lock: they count as
 * records, and block neither other readers nor a flush.
 */
static void very_many_readers(struct kunit *test)
{
	const unsigned int many = 3000;
	struct gup_pin_test_call calls[3];
	struct gup_pin_walk *walks, walk;
	struct gup_pin_item item;
	unsigned int i, met;

	walks = kvcalloc(many, sizeof(*walks), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, walks);
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		calls[i] = numbered_call(test, i);
		gup_pin_test_add(test, FIRST, &calls[i], 1);
	}
	for (i = 0; i < many; i++) {
		walks[i] = start(test);
		KUNIT_EXPECT_EQ(test, 1, gup_pin_walk_items(&walks[i], &item, 1));
	}
	KUNIT_EXPECT_EQ(test, gup_pin_test_block(test, FIRST)->nr_records, 3 + many);
	gup_pin_expect_sound(test);
	walk = start(test);
	for (met = 0; gup_pin_walk_items(&walk, &item, 1); met++)
		KUNIT_EXPECT_EQ(test, item.time, calls[met].time);
	KUNIT_EXPECT_EQ(test, met, 3);
	gup_pin_walk_end(&walk);

	gup_pin_test_flush(test);
	KUNIT_EXPECT_EQ(test, gup_pin_test_block(test, FIRST)->nr_records, many);
	gup_pin_expect_sound(test);
	gup_pin_test_add(test, FIRST, &calls[1], 1);
	gup_pin_test_unpin(test, FIRST, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	for (i = 0; i < many; i++) {
		KUNIT_EXPECT_EQ(test, 0, gup_pin_walk_items(&walks[i], &item, 1));
		gup_pin_walk_end(&walks[i]);
	}
	kvfree(walks);
	gup_pin_expect_empty(test);
}

#define READERS		3
#define STEPS		30000
#define CALLS		12
#define BLOCKS		3

/**
 * struct crowd - several readers, and what each of them must find
 * @rnd: random numbers
 * @call: calls that have a pin; time 0 if it has none
 * @walk: positions of the readers
 * @met: how often each reader has found each call since it started
 * @held: the call has been there since the reader started
 */
struct crowd {
	struct rnd_state rnd;
	struct gup_pin_test_call call[CALLS];
	struct gup_pin_walk walk[READERS];
	unsigned int met[READERS][CALLS];
	bool held[READERS][CALLS];
};

static unsigned int chance(struct crowd *c, unsigned int below)
{
	return prandom_u32_state(&c->rnd) % below;
}

/* Calls have pages of their own or share one, in three blocks. */
static unsigned long page_of(unsigned int nr)
{
	return FIRST + nr % BLOCKS * GUP_PIN_BLOCK_PAGES + nr / 6;
}

static void change_call(struct kunit *test, struct crowd *c)
{
	unsigned int nr = chance(c, CALLS), i;

	if (c->call[nr].time) {
		unpin_numbered(test, page_of(nr), nr);
		c->call[nr].time = 0;
		for (i = 0; i < READERS; i++)
			c->held[i][nr] = false;
	} else {
		c->call[nr] = numbered_call(test, nr);
		gup_pin_test_add(test, page_of(nr), &c->call[nr], 1);
		for (i = 0; i < READERS; i++)
			c->met[i][nr] = 0;
	}
}

static void begin_again(struct kunit *test, struct crowd *c, unsigned int reader)
{
	unsigned int i;

	gup_pin_walk_end(&c->walk[reader]);
	c->walk[reader] = start(test);
	for (i = 0; i < CALLS; i++) {
		c->met[reader][i] = 0;
		c->held[reader][i] = c->call[i].time;
	}
}

static void read_on(struct kunit *test, struct crowd *c)
{
	unsigned int reader = chance(c, READERS), i, nr, max = 1 + chance(c, 3);
	struct gup_pin_item items[3];

	nr = gup_pin_walk_items(&c->walk[reader], items, max);
	for (i = 0; i < nr; i++) {
		unsigned int call = find_call(test, c->call, CALLS, items[i].time);

		c->met[reader][call]++;
		KUNIT_ASSERT_EQ(test, c->met[reader][call], 1);
	}
	if (nr)
		return;
	for (i = 0; i < CALLS; i++)
		if (c->held[reader][i])
			KUNIT_ASSERT_EQ(test, c->met[reader][i], 1);
	begin_again(test, c, reader);
}

static void several_readers(struct kunit *test)
{
	struct crowd *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, c);
	prandom_seed_state(&c->rnd, 42);
	for (i = 0; i < READERS; i++)
		begin_again(test, c, i);
	for (i = 0; i < STEPS; i++) {
		if (chance(c, 3))
			read_on(test, c);
		else
			change_call(test, c);
		if (!chance(c, 1000))
			begin_again(test, c, chance(c, READERS));
		if (i % 100 == 0)
			gup_pin_expect_sound(test);
		cond_resched();
	}
	for (i = 0; i < READERS; i++)
		gup_pin_walk_end(&c->walk[i]);
	for (i = 0; i < CALLS; i++)
		if (c->call[i].time)
			unpin_numbered(test, page_of(i), i);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	gup_pin_expect_empty(test);
}

/* What an item says about an existing folio. */
static void items_of_folios(struct kunit *test)
{
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);
	struct gup_pin_walk walk = start(test);
	unsigned long pfn = page_to_pfn(page);
	struct gup_pin_item item;

	KUNIT_ASSERT_NOT_NULL(test, page);
	page_folio(page)->index = 100;
	call.flags = GUP_PIN_RECORD_ADDR;
	call.base = 0x10000000 - 100 * PAGE_SIZE;
	gup_pin_test_add_mask(test, pfn & ~63UL, 0xd6ULL << gup_pin_block_bit(pfn), &call);
	/* Pages 1, 2, 4, 6 and 7. */
	KUNIT_EXPECT_EQ(test, 1, gup_pin_walk_items(&walk, &item, 1));
	KUNIT_EXPECT_EQ(test, item.head, pfn);
	KUNIT_EXPECT_EQ(test, item.pfn, pfn + 1);
	KUNIT_EXPECT_EQ(test, item.pages, 2);
	KUNIT_EXPECT_EQ(test, item.pins, 2);
	KUNIT_EXPECT_EQ(test, item.addr, 0x10000000 + PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, item.folio.order, 3);
	KUNIT_EXPECT_EQ(test, 1, gup_pin_walk_items(&walk, &item, 1));
	KUNIT_EXPECT_EQ(test, item.pfn, pfn + 4);
	KUNIT_EXPECT_EQ(test, item.pages, 1);
	KUNIT_EXPECT_EQ(test, 1, gup_pin_walk_items(&walk, &item, 1));
	KUNIT_EXPECT_EQ(test, item.pfn, pfn + 6);
	KUNIT_EXPECT_EQ(test, item.pages, 2);
	KUNIT_EXPECT_EQ(test, item.addr, 0x10000000 + 6 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, 0, gup_pin_walk_items(&walk, &item, 1));
	gup_pin_walk_end(&walk);
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
	__free_pages(page, 3);
}

/* Records with equal times belong to one call; here all times differ. */
#define SHARING	90

/**
 * struct sums - totals of a walk for each call
 * @first: time of the first call
 * @pins: pins of each call
 * @pages: pages with these pins; a page counts once for each record
 * @items: buffer for a walk
 * @shares: buffer for a walk
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
	struct gup_pin_walk walk = start(test);
	unsigned int i, nr;

	while ((nr = gup_pin_walk_items(&walk, sums->items, GUP_PIN_BATCH)))
		for (i = 0; i < nr; i++) {
			const struct gup_pin_item *item = &sums->items[i];

			sum(test, sums, &item->id, item->time, item->pins, item->pages);
		}
	gup_pin_walk_end(&walk);
}

/* Subtract the totals of the items. */
static void sum_shares(struct kunit *test, struct sums *sums, unsigned int max)
{
	struct gup_pin_walk walk = start(test);
	unsigned int i, nr, records = 0;

	while ((nr = gup_pin_walk_shares(&walk, sums->shares, max))) {
		KUNIT_ASSERT_LE(test, nr, max);
		KUNIT_ASSERT_LT(test, records++, 10000);
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
	/* The end is final. */
	KUNIT_EXPECT_EQ(test, 0, gup_pin_walk_shares(&walk, sums->shares, max));
	gup_pin_walk_end(&walk);
}

/* Many pages, one page of many, several pins of one, and the same page again. */
static void share_pins(struct kunit *test, const struct gup_pin_test_call *calls,
		       unsigned long first)
{
	unsigned int i;

	for (i = 0; i < SHARING; i++) {
		gup_pin_test_add_mask(test, first, 0xffffULL << i % 48, &calls[i]);
		gup_pin_test_add(test, first + GUP_PIN_BLOCK_PAGES + i % 64, &calls[i], 1);
		gup_pin_test_add(test, first + 2 * GUP_PIN_BLOCK_PAGES, &calls[i], 1 + i % 3);
		gup_pin_test_add(test, first + 2 * GUP_PIN_BLOCK_PAGES, &calls[i], 1);
		gup_pin_test_add(test, first + 8 * GUP_PIN_BLOCK_PAGES - 1, &calls[i], 1);
	}
}

static void shares_sum_up(struct kunit *test)
{
	struct sums *sums = kunit_kzalloc(test, sizeof(*sums), GFP_KERNEL);
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);
	struct gup_pin_test_call *calls;
	unsigned int i, max;

	calls = kunit_kcalloc(test, SHARING, sizeof(*calls), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, calls);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_ASSERT_NOT_NULL(test, sums);
	sums->first = 1000;
	for (i = 0; i < SHARING; i++) {
		calls[i] = gup_pin_test_call(test, i % 2);
		calls[i].time = sums->first + i;
	}
	share_pins(test, calls, FIRST);
	share_pins(test, calls, FIRST + 0x12340000);
	/* Pages of a folio, and the folio as a whole, all of whose pages count. */
	for (i = 0; i < SHARING; i += 7) {
		gup_pin_test_add(test, page_to_pfn(page) + i % 8, &calls[i], 1);
		calls[i].flags = GUP_PIN_RECORD_FOLIO;
		gup_pin_test_add(test, page_to_pfn(page), &calls[i], 1 + i % 8);
	}
	gup_pin_expect_sound(test);
	for (max = 1; max <= GUP_PIN_BATCH; max += 9) {
		sum_items(test, sums);
		sum_shares(test, sums, max);
	}
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
	__free_pages(page, 3);
}

/* A folio counts once, however many blocks and records it has. */
static void folios_are_counted(struct kunit *test)
{
	const unsigned int order = GUP_PIN_BLOCK_SHIFT + 2;
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, order);
	struct gup_pin_fixture *f = test->priv;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, gup_pin_count_folios(&f->index), 0);
	for (i = 0; i < BIT(order); i += 3)
		gup_pin_test_add(test, page_to_pfn(page) + i, &call, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_count_folios(&f->index), 1);
	gup_pin_test_add_mask(test, FIRST, 0xf00f, &call);
	KUNIT_EXPECT_EQ(test, gup_pin_count_folios(&f->index), 9);
	/* More records than are counted in one batch. */
	for (i = 0; i < 3000; i++) {
		call.time++;
		gup_pin_test_add(test, FIRST + i % 40, &call, 1);
	}
	KUNIT_EXPECT_EQ(test, gup_pin_count_folios(&f->index), 41);
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
	__free_pages(page, order);
}

static struct kunit_case walk_cases[] = {
	KUNIT_CASE(in_order),
	KUNIT_CASE(range),
	KUNIT_CASE(far_apart),
	KUNIT_CASE(place_survives),
	KUNIT_CASE(middle_of_a_record),
	KUNIT_CASE(flushed_meanwhile),
	KUNIT_CASE(ends_anywhere),
	KUNIT_CASE(very_many_readers),
	KUNIT_CASE(several_readers),
	KUNIT_CASE(items_of_folios),
	KUNIT_CASE(shares_sum_up),
	KUNIT_CASE(folios_are_counted),
	{}
};

static struct kunit_suite walk_suite = {
	.name = "gup_pin_walk",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = walk_cases,
};

kunit_test_suite(walk_suite);
