// SPDX-License-Identifier: GPL-2.0
/*
 * The index: keys, figures, blocks that come and go, and what is released
 * without a record.
 */
#include <linux/mm.h>

#include "fixture.h"

static void keys_tell_blocks(struct kunit *test)
{
	unsigned long pfn, block, shard;
	unsigned int i;

	for (i = 0; i < BITS_PER_LONG - PAGE_SHIFT; i++) {
		for (pfn = BIT(i) - 1; pfn <= BIT(i) + 1; pfn++) {
			block = gup_pin_block_nr(pfn);
			shard = gup_pin_shard_nr(block);
			KUNIT_ASSERT_EQ(test, block,
					gup_pin_key_block(gup_pin_key(block),
							  shard));
			KUNIT_ASSERT_EQ(test, pfn, block * GUP_PIN_BLOCK_PFNS +
					gup_pin_block_bit(pfn));
		}
	}
	/* Neighbours are in different shards, until each has had one. */
	block = 0x12345UL << GUP_PIN_SHARD_BITS;
	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		KUNIT_EXPECT_EQ(test, gup_pin_shard_nr(block + i), i);
	/* A shard's next block follows its last one without a hole. */
	KUNIT_EXPECT_EQ(test, gup_pin_shard_nr(block + i), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_key(block) + 1, gup_pin_key(block + i));
}

static void one_pin(struct kunit *test)
{
	struct gup_pin_call *call = gup_pin_test_call(test, GUP_PIN_WRITE);
	const struct gup_pin_totals *t;

	gup_pin_test_add(test, 0x1234, call, 1);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->acquired, 1);
	KUNIT_EXPECT_EQ(test, t->released, 0);
	KUNIT_EXPECT_EQ(test, t->folios, 1);
	gup_pin_expect_sound(test);

	gup_pin_test_release(test, 0x1234, 1, false);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->released, 1);
	KUNIT_EXPECT_EQ(test, t->inferred, 0);
	KUNIT_EXPECT_EQ(test, t->unmatched, 0);
	gup_pin_expect_sound(test);
	gup_pin_expect_empty(test);
}

/* Many folios near and far; the figures agree with the trees all the time. */
static void figures_agree(struct kunit *test)
{
	struct gup_pin_call *call = gup_pin_test_call(test, GUP_PIN_READ);
	const unsigned int nr = 3000;
	unsigned long pfn;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		pfn = (unsigned long)i * i * i;
		gup_pin_test_add(test, pfn, call, 1);
		if (i % 300 == 0)
			gup_pin_expect_sound(test);
	}
	for (i = 0; i < nr; i++) {
		pfn = (unsigned long)i * i * i;
		gup_pin_test_release(test, pfn, 1, false);
		if (i % 300 == 0 && i)
			gup_pin_expect_sound(test);
	}
	gup_pin_expect_empty(test);
}

/* A buffer goes over many blocks, and so over many shards. */
static void many_blocks_at_once(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	const unsigned int nr = 3 * GUP_PIN_NR_SHARDS * GUP_PIN_BLOCK_PFNS;
	struct gup_pin_call *call = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_adder adder = gup_pin_test_adder(test, call, nr);
	struct gup_pin_releaser rel = { .index = &f->index };
	unsigned int i;

	for (i = 0; i < nr; i++)
		gup_pin_add(&adder, GUP_PIN_TEST_PFN + 5 + i, 1);
	gup_pin_add_flush(&adder);
	KUNIT_EXPECT_EQ(test, adder.left, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->folios, nr);
	gup_pin_expect_sound(test);

	for (i = 0; i < nr; i++)
		gup_pin_release(&rel, GUP_PIN_TEST_PFN + 5 + i, 1, false);
	gup_pin_release_end(&rel);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	gup_pin_expect_sound(test);
	gup_pin_expect_empty(test);
}

/* The nth block of a shard. */
static unsigned long nth_pfn(unsigned int nr)
{
	return GUP_PIN_TEST_PFN + 9 +
	       nr * GUP_PIN_NR_SHARDS * GUP_PIN_BLOCK_PFNS;
}

static void pin_nth(struct kunit *test, unsigned int nr)
{
	gup_pin_test_add(test, nth_pfn(nr),
			 gup_pin_test_call(test, GUP_PIN_READ), 1);
}

static void unpin_nth(struct kunit *test, unsigned int nr)
{
	gup_pin_test_release(test, nth_pfn(nr), 1, false);
	gup_pin_expect_sound(test);
}

static void empty_blocks_are_few(struct kunit *test)
{
	const unsigned int nr = 3 * GUP_PIN_KEPT;
	struct gup_pin_call *call;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		pin_nth(test, i);
		unpin_nth(test, i);
		KUNIT_EXPECT_LE(test, gup_pin_test_blocks(test), GUP_PIN_KEPT);
	}
	KUNIT_EXPECT_GT(test, gup_pin_test_blocks(test), 0);
	gup_pin_expect_empty(test);

	/* Those that were all in use at once as well, in every shard. */
	call = gup_pin_test_call(test, GUP_PIN_READ);
	for (i = 0; i < nr * GUP_PIN_NR_SHARDS; i++)
		gup_pin_test_add(test, i * GUP_PIN_BLOCK_PFNS, call, 1);
	for (i = 0; i < nr * GUP_PIN_NR_SHARDS; i++)
		gup_pin_test_release(test, i * GUP_PIN_BLOCK_PFNS, 1, false);
	KUNIT_EXPECT_LE(test, gup_pin_test_blocks(test),
			GUP_PIN_KEPT * GUP_PIN_NR_SHARDS);
	gup_pin_expect_sound(test);
	gup_pin_expect_empty(test);
}

static void empty_block_is_used_again(struct kunit *test)
{
	struct gup_pin_call *call;
	struct gup_pin_block *block;
	u64 memory, nodes;

	/* It has had layers, slots and calls of its own meanwhile. */
	gup_pin_test_layers(test, nth_pfn(0) - 9, 3);
	pin_nth(test, 0);
	gup_pin_test_single(test, nth_pfn(0) + 1, GUP_PIN_READ);
	block = gup_pin_test_block(test, nth_pfn(0));
	gup_pin_test_release_mask(test, nth_pfn(0) - 9,
				  gup_pin_test_block(test, nth_pfn(0))->slotted);
	gup_pin_test_layers_gone(test, nth_pfn(0) - 9, 3);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->folios, 0);
	KUNIT_EXPECT_PTR_EQ(test, block, gup_pin_test_block(test, nth_pfn(0)));
	gup_pin_expect_sound(test);

	call = gup_pin_test_call(test, GUP_PIN_WRITE);
	memory = gup_pin_memory_bytes();
	nodes = gup_pin_test_totals(test)->nodes;
	gup_pin_test_add_mask(test, nth_pfn(0) - 9, U64_MAX, call);
	KUNIT_EXPECT_PTR_EQ(test, block, gup_pin_test_block(test, nth_pfn(0)));
	KUNIT_EXPECT_EQ(test, gup_pin_memory_bytes(), memory);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->nodes, nodes);
	gup_pin_expect_sound(test);
	gup_pin_test_release_mask(test, nth_pfn(0) - 9, U64_MAX);
	gup_pin_expect_empty(test);
}

/* Among the kept blocks are some that have pins again. */
static void kept_block_has_pins(struct kunit *test)
{
	unsigned int i;

	pin_nth(test, 0);
	unpin_nth(test, 0);
	pin_nth(test, 0);
	for (i = 1; i <= 2 * GUP_PIN_KEPT; i++) {
		pin_nth(test, i);
		unpin_nth(test, i);
	}
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->folios, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_blocks(test), GUP_PIN_KEPT + 1);
	unpin_nth(test, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->folios, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	/* Emptied over and over it is kept once. */
	for (i = 0; i < 2 * GUP_PIN_KEPT; i++) {
		pin_nth(test, 0);
		unpin_nth(test, 0);
	}
	gup_pin_expect_empty(test);
}

/* With a bound to the memory, empty blocks are not to take it. */
static void kept_blocks_are_dropped(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	unsigned int i;

	pin_nth(test, 0);
	for (i = 1; i <= GUP_PIN_KEPT; i++) {
		pin_nth(test, i);
		unpin_nth(test, i);
	}
	KUNIT_EXPECT_EQ(test, gup_pin_test_blocks(test), GUP_PIN_KEPT + 1);
	gup_pin_index_drop_kept(&f->index);
	KUNIT_EXPECT_EQ(test, gup_pin_test_blocks(test), 1);
	unpin_nth(test, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_blocks(test), 1);
	gup_pin_expect_empty(test);
}

/* Pins that could not be recorded. */
static void add_untracked(struct kunit *test, unsigned long pfn,
			  unsigned int pins)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_adder adder = {
		.index = &f->index,
		.gfp = GFP_KERNEL,
		.fresh = true,
	};

	gup_pin_add(&adder, pfn, pins);
	gup_pin_add_flush(&adder);
	KUNIT_EXPECT_EQ(test, adder.left, pins);
}

static void unknown_pins(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	const struct gup_pin_totals *t;

	gup_pin_test_release(test, 5, 2, false);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->unmatched, 2);
	KUNIT_EXPECT_EQ(test, t->released, 0);

	/* Untracked pins are known of, though not where they are. */
	add_untracked(test, 5, 3);
	gup_pin_test_release(test, 5, 2, false);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->untracked, 1);
	KUNIT_EXPECT_EQ(test, t->untracked_total, 3);
	KUNIT_EXPECT_EQ(test, t->unmatched, 2);
	gup_pin_test_release(test, 5, 2, false);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->untracked, 0);
	KUNIT_EXPECT_EQ(test, t->unmatched, 3);

	/* Many at once, with and without a block there. */
	add_untracked(test, GUP_PIN_TEST_PFN, 1);
	gup_pin_test_release_mask(test, GUP_PIN_TEST_PFN, 0xff);
	gup_pin_test_add(test, GUP_PIN_TEST_PFN + 2,
			 gup_pin_test_call(test, GUP_PIN_READ), 1);
	gup_pin_test_release_mask(test, GUP_PIN_TEST_PFN, 0xff);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->untracked, 0);
	KUNIT_EXPECT_EQ(test, t->unmatched, 3 + 7 + 7);
	KUNIT_EXPECT_EQ(test, t->released, 1);

	/* Switched on late: they may be older. */
	gup_pin_index_complete(&f->index, false);
	gup_pin_test_release(test, 5, 4, false);
	gup_pin_test_release_mask(test, GUP_PIN_TEST_PFN, 0xff);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->unmatched, 3 + 7 + 7);
	KUNIT_EXPECT_EQ(test, t->before, 4 + 8);
	gup_pin_expect_sound(test);
	gup_pin_expect_empty(test);
}

/* The folio has a pin that is not on record: which of them was it? */
static void maybe_untracked(struct kunit *test)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);
	const struct gup_pin_totals *t;
	struct folio *folio;
	unsigned long pfn;

	KUNIT_ASSERT_NOT_NULL(test, page);
	folio = page_folio(page);
	pfn = page_to_pfn(page);
	gup_pin_test_add(test, pfn, gup_pin_test_call(test, GUP_PIN_READ), 1);
	add_untracked(test, pfn, 1);
	atomic_add(2, &folio->_pincount);
	gup_pin_test_release(test, pfn, 1, false);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->released, 1);
	KUNIT_EXPECT_EQ(test, t->inferred, 1);
	KUNIT_EXPECT_EQ(test, t->untracked, 1);
	atomic_dec(&folio->_pincount);
	gup_pin_test_release(test, pfn, 1, false);
	atomic_dec(&folio->_pincount);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 0);

	/* As many on record as there are: nothing to guess, whatever is elsewhere. */
	add_untracked(test, pfn, 1);
	gup_pin_test_add(test, pfn, gup_pin_test_call(test, GUP_PIN_READ), 1);
	atomic_inc(&folio->_pincount);
	gup_pin_test_release(test, pfn, 1, false);
	atomic_dec(&folio->_pincount);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->inferred, 1);
	KUNIT_EXPECT_EQ(test, t->unmatched, 0);
	gup_pin_expect_empty(test);
	__free_pages(page, 2);
}

static void more_than_recorded(struct kunit *test)
{
	struct gup_pin_call *call = gup_pin_test_call(test, GUP_PIN_READ);
	const struct gup_pin_totals *t;

	gup_pin_test_add(test, 77, call, 2);
	gup_pin_test_release(test, 77, 5, false);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->released, 2);
	KUNIT_EXPECT_EQ(test, t->unmatched, 3);
	gup_pin_expect_empty(test);
}

/* Pin functions that were under way when tracking was switched off. */
static void pin_late(struct kunit *test)
{
	struct gup_pin_call *late = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_adder adder = gup_pin_test_adder(test, late, 1 + 2 + 64);
	u64 acquired = gup_pin_test_totals(test)->acquired;
	unsigned int i;

	for (i = 0; i < GUP_PIN_BLOCK_PFNS; i++)
		gup_pin_add(&adder, GUP_PIN_TEST_PFN + i, 1);
	gup_pin_add(&adder, 3, 2);
	gup_pin_add(&adder, 3, 1);
	gup_pin_add_flush(&adder);
	KUNIT_EXPECT_EQ(test, adder.left, 1 + 2 + 64);
	gup_pin_call_drop(late, adder.left);
	KUNIT_EXPECT_FALSE(test, gup_pin_test_single(test, 4, GUP_PIN_READ));
	KUNIT_EXPECT_FALSE(test, gup_pin_test_single(test, GUP_PIN_TEST_PFN,
						     GUP_PIN_READ));
	add_untracked(test, 4, 2);
	gup_pin_test_release(test, 0, 1, false);
	gup_pin_test_release_mask(test, GUP_PIN_TEST_PFN, 0xff);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->acquired, acquired);
}

static void switched_off(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call *call = gup_pin_test_call(test, GUP_PIN_READ);
	const struct gup_pin_totals *t;
	unsigned long pfn;

	for (pfn = 0; pfn < 10000; pfn += 7)
		gup_pin_test_add(test, pfn, call, 1 + pfn % 3);
	gup_pin_test_layers(test, 0, GUP_PIN_LAYERS_MANY);
	for (pfn = 0; pfn < 2 * GUP_PIN_BLOCK_PFNS; pfn += 3)
		gup_pin_test_single(test, pfn, GUP_PIN_READ);
	add_untracked(test, 2, 1);
	gup_pin_expect_sound(test);
	/* Empty blocks are there, used ones, and none. */
	gup_pin_test_add(test, GUP_PIN_TEST_PFN, gup_pin_test_call(test, 0), 1);
	gup_pin_test_release(test, GUP_PIN_TEST_PFN, 1, false);
	f->index.recording = false;
	pin_late(test);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->released, 1);
	gup_pin_expect_sound(test);
	gup_pin_test_flush(test);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 0);
	pin_late(test);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->untracked_total, 1);
	KUNIT_EXPECT_EQ(test, t->unmatched, 0);
	KUNIT_EXPECT_EQ(test, t->before, 0);
	gup_pin_expect_empty(test);

	/* And on again: kept blocks are forgotten, too. */
	f->index.recording = true;
	pin_nth(test, 0);
	unpin_nth(test, 0);
	gup_pin_test_flush(test);
	pin_nth(test, 0);
	gup_pin_expect_sound(test);
	unpin_nth(test, 0);
	gup_pin_expect_empty(test);
}

static void expect_newest(struct kunit *test, const struct gup_pin_call *call)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call found;
	struct gup_pin_id id;

	KUNIT_ASSERT_TRUE(test, gup_pin_index_newest(&f->index, 9, call->origin->id.pid,
						     &id, &found));
	KUNIT_EXPECT_EQ(test, (int)id.mode, (int)call->origin->id.mode);
	KUNIT_EXPECT_EQ(test, found.time, call->time);
}

static void newest_pin(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call *a = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_call *b, *c;
	pid_t pid = a->origin->id.pid;
	struct gup_pin_call found;
	struct gup_pin_id id;

	KUNIT_EXPECT_FALSE(test, gup_pin_index_newest(&f->index, 9, pid, &id,
						      &found));
	gup_pin_test_add(test, 9, a, 1);
	b = gup_pin_test_call(test, GUP_PIN_WRITE);
	gup_pin_test_add(test, 9, b, 1);
	c = gup_pin_test_call(test, GUP_PIN_READ);
	gup_pin_test_add(test, 9, c, 1);
	/* The task's own, be it in a layer, in a slot or in a set. */
	expect_newest(test, a);
	expect_newest(test, b);
	expect_newest(test, c);
	/* Another's says nothing of what this task continues. */
	KUNIT_EXPECT_FALSE(test, gup_pin_index_newest(&f->index, 9, 4711, &id,
						      &found));
	KUNIT_EXPECT_FALSE(test, gup_pin_index_newest(&f->index, 10, pid, &id,
						      &found));
	gup_pin_test_release(test, 9, 3, false);
	/* The block may still be there. */
	KUNIT_EXPECT_FALSE(test, gup_pin_index_newest(&f->index, 9, pid, &id,
						      &found));
	gup_pin_expect_empty(test);
}

/* A call of a single page lies in the block; what is copied of it does not. */
static void newest_is_own(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call found;
	struct gup_pin_id id;
	pid_t pid;

	gup_pin_test_add(test, 9, gup_pin_test_call(test, GUP_PIN_READ), 1);
	gup_pin_test_release(test, 9, 1, false);
	KUNIT_ASSERT_TRUE(test, gup_pin_test_single(test, 9, GUP_PIN_WRITE));
	pid = gup_pin_test_block(test, 9)->own.origin->id.pid;
	KUNIT_ASSERT_TRUE(test, gup_pin_index_newest(&f->index, 9, pid, &id,
						     &found));
	KUNIT_EXPECT_EQ(test, (int)id.mode, GUP_PIN_WRITE);
	KUNIT_EXPECT_EQ(test, gup_pin_call_addr(&found, 1), 0x1000);
	gup_pin_test_release(test, 9, 1, false);
	gup_pin_expect_empty(test);
}

static struct kunit_case index_cases[] = {
	KUNIT_CASE(keys_tell_blocks),
	KUNIT_CASE(one_pin),
	KUNIT_CASE(figures_agree),
	KUNIT_CASE(many_blocks_at_once),
	KUNIT_CASE(empty_blocks_are_few),
	KUNIT_CASE(empty_block_is_used_again),
	KUNIT_CASE(kept_block_has_pins),
	KUNIT_CASE(kept_blocks_are_dropped),
	KUNIT_CASE(unknown_pins),
	KUNIT_CASE(maybe_untracked),
	KUNIT_CASE(more_than_recorded),
	KUNIT_CASE(switched_off),
	KUNIT_CASE(newest_pin),
	KUNIT_CASE(newest_is_own),
	{}
};

static struct kunit_suite index_suite = {
	.name = "gup_pin_index",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = index_cases,
};

kunit_test_suite(index_suite);
