// SPDX-License-Identifier: GPL-2.0
#include <linux/sched/clock.h>

#include "case.h"
#include "fixture.h"

/* KUnit runs before user space starts, so nothing else allocates our objects meanwhile. */
void gup_pin_fixture_start(struct gup_pin_fixture *f)
{
	gup_pin_index_init(&f->index);
	gup_pin_origins_init(&f->origins);
	f->index.recording = true;
	f->index.complete = true;
	f->memory = gup_pin_memory_bytes();
}

int gup_pin_fixture_init(struct kunit *test)
{
	struct gup_pin_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	gup_pin_case_start(test);
	if (!f)
		return -ENOMEM;
	gup_pin_fixture_start(f);
	test->priv = f;
	return 0;
}

void gup_pin_fixture_exit(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;

	if (!f)
		return;
	f->index.recording = false;
	gup_pin_index_flush(&f->index);
	gup_pin_earlier_forget(&f->index);
	gup_pin_origins_destroy(&f->origins);
}

/* Create a call with a task of its own. */
struct gup_pin_test_call gup_pin_test_call(struct kunit *test, enum gup_pin_mode mode)
{
	struct gup_pin_fixture *f = test->priv;
	const struct gup_pin_id id = { .mode = mode, .pid = f->origins.count + 1 };

	return gup_pin_test_call_of(test, &id);
}

/* Create a call with this origin. */
struct gup_pin_test_call gup_pin_test_call_of(struct kunit *test,
					      const struct gup_pin_id *id)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_test_call call = {};

	call.origin = gup_pin_origin_get(&f->origins, id, 0, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, call.origin);
	f->time = max(local_clock(), f->time + 1);
	call.time = f->time;
	return call;
}

/* Start recording @pins pins of a call. Pair with gup_pin_add_end(). */
struct gup_pin_adder gup_pin_test_adder(struct kunit *test,
					const struct gup_pin_test_call *call, u64 pins)
{
	struct gup_pin_fixture *f = test->priv;

	KUNIT_ASSERT_TRUE(test, gup_pin_origin_take(call->origin, pins));
	return (struct gup_pin_adder) {
		.index = &f->index,
		.gfp = GFP_KERNEL,
		.what = {
			.origin = call->origin,
			.time = call->time,
			.base = call->base,
			.cookie = call->cookie,
			.flags = call->flags,
		},
	};
}

/* Add several pins on a page at once. */
void gup_pin_test_add(struct kunit *test, unsigned long pfn,
		      const struct gup_pin_test_call *call, unsigned int pins)
{
	struct gup_pin_adder adder = gup_pin_test_adder(test, call, pins);

	gup_pin_add_mask(&adder, gup_pin_block_nr(pfn), BIT_ULL(gup_pin_block_bit(pfn)), pins);
	gup_pin_add_end(&adder, pins);
	KUNIT_EXPECT_EQ(test, adder.added, pins);
}

/* Add one pin on each page of @mask, counted from @first. */
void gup_pin_test_add_mask(struct kunit *test, unsigned long first, u64 mask,
			   const struct gup_pin_test_call *call)
{
	unsigned int pins = hweight64(mask);
	struct gup_pin_adder adder = gup_pin_test_adder(test, call, pins);

	for (; mask; mask &= mask - 1)
		gup_pin_add(&adder, first + __ffs64(mask), call->base);
	gup_pin_add_end(&adder, pins);
	KUNIT_EXPECT_EQ(test, adder.added, pins);
}

/* Add pins that are not recorded because there was no memory for their origin. */
void gup_pin_test_add_untracked(struct kunit *test, unsigned long pfn, unsigned int pins)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_adder adder = { .index = &f->index, .gfp = GFP_KERNEL };

	gup_pin_add_mask(&adder, gup_pin_block_nr(pfn), BIT_ULL(gup_pin_block_bit(pfn)), pins);
	gup_pin_add_end(&adder, pins);
	KUNIT_EXPECT_EQ(test, adder.added, 0);
}

/* An unpin of which only the call site is known; 0: not even that. */
struct gup_pin_unpin gup_pin_test_unpin_at(struct kunit *test, unsigned long site)
{
	struct gup_pin_fixture *f = test->priv;

	return (struct gup_pin_unpin) { .index = &f->index, .site = site };
}

/* Release one pin of a page with the given unpin. */
void gup_pin_test_unpin_by(struct gup_pin_unpin unpin, unsigned long pfn)
{
	gup_pin_unpin_range(&unpin, pfn, 1);
	gup_pin_unpin_end(&unpin);
}

/* Release several pins of a page, one at a time. */
void gup_pin_test_unpin(struct kunit *test, unsigned long pfn, unsigned int pins)
{
	while (pins--)
		gup_pin_test_unpin_by(gup_pin_test_unpin_at(test, 0), pfn);
}

/* Release one pin on each page of @mask, counted from @first, at once. */
void gup_pin_test_unpin_mask(struct kunit *test, unsigned long first, u64 mask)
{
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, 0);

	gup_pin_unpin_mask(&unpin, gup_pin_block_nr(first), mask);
	gup_pin_unpin_end(&unpin);
}

/* Return the block with the page's pins, or NULL. */
struct gup_pin_block *gup_pin_test_block(struct kunit *test, unsigned long pfn)
{
	struct gup_pin_fixture *f = test->priv;
	unsigned long nr = gup_pin_block_nr(pfn), flags;
	struct gup_pin_shard *shard = gup_pin_shard_of(&f->index, nr);
	struct gup_pin_block *block;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	xa_unlock_irqrestore(&shard->xa, flags);
	/* Ignore an empty block that is only cached. */
	return block && !gup_pin_block_empty(block) ? block : NULL;
}

/* Number of pins on a page, of all calls. */
unsigned int gup_pin_test_page_pins(struct kunit *test, unsigned long pfn)
{
	struct gup_pin_block *block = gup_pin_test_block(test, pfn);

	return block ? gup_pin_block_pins(block, BIT_ULL(gup_pin_block_bit(pfn))) : 0;
}

/* Number of pins of a call on a page. */
unsigned int gup_pin_test_pins(struct kunit *test, unsigned long pfn,
			       const struct gup_pin_test_call *call)
{
	struct gup_pin_block *block = gup_pin_test_block(test, pfn);
	u64 bit = BIT_ULL(gup_pin_block_bit(pfn));
	struct gup_pin_record *record;
	unsigned int pins = 0;

	if (!block)
		return 0;
	for (record = gup_pin_first_record(block); record;
	     record = gup_pin_next_record(block, record))
		if (record->mask & bit && record->origin == call->origin &&
		    record->time == call->time)
			pins += record->pins;
	return pins;
}

/* Expect at least one item on the page, and this match of all of them. */
void gup_pin_expect_match(struct kunit *test, unsigned long pfn, enum gup_pin_match match)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_item item;
	struct gup_pin_walk walk;
	unsigned int found = 0;

	gup_pin_walk_start(&walk, &f->index, pfn, pfn);
	while (gup_pin_walk_items(&walk, &item, 1)) {
		if (pfn < item.pfn || pfn >= item.pfn + item.pages)
			continue;
		found++;
		KUNIT_EXPECT_STREQ(test, gup_pin_match_name(item.match),
				   gup_pin_match_name(match));
	}
	gup_pin_walk_end(&walk);
	KUNIT_EXPECT_GT(test, found, 0);
}

const struct gup_pin_totals *gup_pin_test_totals(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;

	gup_pin_index_totals(&f->index, &f->totals);
	return &f->totals;
}

/* Same effect as switching tracking off and on again. */
void gup_pin_test_flush(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	bool recording = f->index.recording;

	f->index.recording = false;
	gup_pin_index_flush(&f->index);
	f->index.recording = recording;
}

/* Expect no records, and no allocations except origins, which are freed here. */
void gup_pin_expect_empty(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	const struct gup_pin_totals *t = gup_pin_test_totals(test);
	unsigned int i;

	KUNIT_EXPECT_EQ(test, t->acquired, t->released);
	gup_pin_index_drop_kept(&f->index);
	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		KUNIT_EXPECT_TRUE(test, xa_empty(&f->index.shards[i].xa));
	KUNIT_EXPECT_EQ(test, gup_pin_test_nodes(test), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_count_folios(&f->index), 0);
	KUNIT_ASSERT_EQ(test, gup_pin_origins_live(&f->origins), 0);
	gup_pin_origins_destroy(&f->origins);
	gup_pin_origins_init(&f->origins);
	KUNIT_EXPECT_EQ(test, gup_pin_memory_bytes(), f->memory);
}
