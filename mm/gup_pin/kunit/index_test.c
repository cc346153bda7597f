// SPDX-License-Identifier: GPL-2.0
/* The index: keys, counters, creation and removal of blocks, and the newest pin of a task. */
#include <linux/irq_work.h>

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
			KUNIT_ASSERT_EQ(test, pfn, block * GUP_PIN_BLOCK_PAGES +
					gup_pin_block_bit(pfn));
		}
	}
	/* Adjacent blocks are in different shards. */
	block = 0x12345UL << GUP_PIN_SHARD_BITS;
	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		KUNIT_EXPECT_EQ(test, gup_pin_shard_nr(block + i), i);
	/* Blocks of a shard have consecutive keys. */
	KUNIT_EXPECT_EQ(test, gup_pin_shard_nr(block + i), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_key(block) + 1, gup_pin_key(block + i));
}

static void one_pin(struct kunit *test)
{
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_WRITE);
	const struct gup_pin_totals *t;

	gup_pin_test_add(test, 0x1234, &call, 1);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->acquired, 1);
	KUNIT_EXPECT_EQ(test, t->released, 0);
	gup_pin_expect_sound(test);

	gup_pin_test_unpin(test, 0x1234, 1);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->released, 1);
	KUNIT_EXPECT_EQ(test, t->inferred, 0);
	KUNIT_EXPECT_EQ(test, t->unmatched, 0);
	gup_pin_expect_sound(test);
	gup_pin_expect_empty(test);
}

/* Many pages near and far; the counters always match the trees. */
static void figures_agree(struct kunit *test)
{
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	const unsigned int nr = 3000;
	unsigned long pfn;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		pfn = (unsigned long)i * i * i;
		gup_pin_test_add(test, pfn, &call, 1);
		if (i % 300 == 0)
			gup_pin_expect_sound(test);
	}
	for (i = 0; i < nr; i++) {
		pfn = (unsigned long)i * i * i;
		gup_pin_test_unpin(test, pfn, 1);
		if (i % 300 == 0 && i)
			gup_pin_expect_sound(test);
	}
	gup_pin_expect_empty(test);
}

/* A buffer across many blocks, and so many shards; added page by page or at once. */
static void many_blocks_at_once(struct kunit *test)
{
	const unsigned int nr = 3 * GUP_PIN_NR_SHARDS * GUP_PIN_BLOCK_PAGES;
	unsigned int i, how;

	for (how = 0; how < 2; how++) {
		struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
		struct gup_pin_adder adder = gup_pin_test_adder(test, &call, nr);
		struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, 0);

		for (i = 0; i < nr && !how; i++)
			gup_pin_add(&adder, GUP_PIN_TEST_PFN + 5 + i, 0);
		if (how)
			gup_pin_add_range(&adder, GUP_PIN_TEST_PFN + 5, nr, 0);
		gup_pin_add_end(&adder, nr);
		KUNIT_EXPECT_EQ(test, adder.added, nr);
		KUNIT_EXPECT_EQ(test, gup_pin_origin_live(call.origin), nr);
		/* All blocks but the first and the last are full. */
		KUNIT_EXPECT_EQ(test, gup_pin_test_blocks(test), 3 * GUP_PIN_NR_SHARDS + 1);
		gup_pin_expect_sound(test);
		gup_pin_unpin_range(&unpin, GUP_PIN_TEST_PFN + 5, nr);
		gup_pin_unpin_end(&unpin);
		KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
		KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
		gup_pin_expect_sound(test);
		gup_pin_expect_empty(test);
	}
}

/* Pins on a range across blocks. */
static void pins_on_a_range(struct kunit *test)
{
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_fixture *f = test->priv;
	const unsigned long first = GUP_PIN_TEST_PFN;

	KUNIT_EXPECT_EQ(test, gup_pin_index_pins(&f->index, first, 512), 0);
	gup_pin_test_add_mask(test, first, 0xff, &call);
	gup_pin_test_add(test, first + 3, &call, 4);
	gup_pin_test_add(test, first + 70, &call, 2);
	gup_pin_test_add(test, first + 511, &call, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_index_pins(&f->index, first, 512), 15);
	KUNIT_EXPECT_EQ(test, gup_pin_index_pins(&f->index, first + 3, 1), 5);
	KUNIT_EXPECT_EQ(test, gup_pin_index_pins(&f->index, first + 4, 500), 6);
	KUNIT_EXPECT_EQ(test, gup_pin_index_pins(&f->index, first + 71, 440), 0);
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
}

/* Pin functions that were in progress when tracking was switched off. */
static void pin_late(struct kunit *test)
{
	struct gup_pin_test_call late = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_adder adder = gup_pin_test_adder(test, &late, 1 + 2 + 64);
	u64 acquired = gup_pin_test_totals(test)->acquired;
	unsigned int i;

	for (i = 0; i < GUP_PIN_BLOCK_PAGES; i++)
		gup_pin_add(&adder, GUP_PIN_TEST_PFN + i, 0);
	for (i = 0; i < 3; i++)
		gup_pin_add(&adder, 3, 0);
	gup_pin_add_end(&adder, 1 + 2 + 64);
	KUNIT_EXPECT_EQ(test, adder.added, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_live(late.origin), 0);
	gup_pin_test_add_untracked(test, 4, 2);
	gup_pin_test_unpin(test, 0, 1);
	gup_pin_test_unpin_mask(test, GUP_PIN_TEST_PFN, 0xff);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->acquired, acquired);
}

static void switched_off(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	const struct gup_pin_totals *t;
	unsigned long pfn;
	unsigned int i;

	for (pfn = 0; pfn < 10000; pfn += 7)
		gup_pin_test_add(test, pfn, &call, 1 + pfn % 3);
	/* More records in a block than are dropped in one batch. */
	for (i = 0; i < 1000; i++) {
		call.time++;
		gup_pin_test_add(test, GUP_PIN_TEST_PFN + i % 7, &call, 1);
	}
	gup_pin_test_add_untracked(test, 2, 1);
	gup_pin_expect_sound(test);
	f->index.recording = false;
	pin_late(test);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->released, 0);
	gup_pin_expect_sound(test);
	gup_pin_test_flush(test);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 0);
	/* No cached blocks either. */
	KUNIT_EXPECT_EQ(test, gup_pin_test_nodes(test), 0);
	pin_late(test);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->untracked_total, 1);
	KUNIT_EXPECT_EQ(test, t->unmatched, 0);
	KUNIT_EXPECT_EQ(test, t->before, 0);
	gup_pin_expect_empty(test);

	/* And on again. */
	f->index.recording = true;
	call = gup_pin_test_call(test, GUP_PIN_READ);
	gup_pin_test_add(test, 3, &call, 1);
	gup_pin_expect_sound(test);
	gup_pin_test_unpin(test, 3, 1);
	gup_pin_expect_empty(test);
}

/**
 * struct interrupt - an interrupt that unpins a page
 * @work: triggers the interrupt
 * @test: the test
 */
struct interrupt {
	struct irq_work work;
	struct kunit *test;
};

static void unpin_there(struct irq_work *work)
{
	struct interrupt *interrupt = container_of(work, struct interrupt, work);

	gup_pin_test_unpin(interrupt->test, GUP_PIN_TEST_PFN, 1);
}

/*
 * May interrupt any holder of the lock: lockdep then checks all places that take it. On
 * PREEMPT_RT this runs in a thread, as all handlers do that may unpin.
 */
static void unpinned_in_an_interrupt(struct kunit *test)
{
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	struct interrupt interrupt = {
		.work = IRQ_WORK_INIT(unpin_there),
		.test = test,
	};

	gup_pin_test_add(test, GUP_PIN_TEST_PFN, &call, 2);
	irq_work_queue(&interrupt.work);
	irq_work_sync(&interrupt.work);
	KUNIT_EXPECT_EQ(test, gup_pin_test_page_pins(test, GUP_PIN_TEST_PFN), 1);
	gup_pin_test_unpin(test, GUP_PIN_TEST_PFN, 1);
	gup_pin_expect_empty(test);
}

/* A page in a given block of one shard. */
static unsigned long in_shard(unsigned long nr)
{
	return GUP_PIN_TEST_PFN + nr * GUP_PIN_NR_SHARDS * GUP_PIN_BLOCK_PAGES;
}

/*
 * Empty so many other blocks of the shard that the first one is no longer cached. None
 * of them may use the first one's slot in the cache.
 */
static void others_become_empty(struct kunit *test, unsigned long from)
{
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	unsigned int left = GUP_PIN_KEPT;
	unsigned long nr;

	for (nr = from; left; nr++) {
		if (nr % GUP_PIN_RECENT == 0)
			continue;
		gup_pin_test_add(test, in_shard(nr), &call, 1);
		gup_pin_test_unpin(test, in_shard(nr), 1);
		left--;
	}
}

/* A cached empty block is reused, or replaced by another. */
static void kept_blocks(struct kunit *test)
{
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_fixture *f = test->priv;

	gup_pin_test_add(test, in_shard(0), &call, 1);
	gup_pin_test_unpin(test, in_shard(0), 1);
	gup_pin_test_add(test, in_shard(0), &call, 1);
	others_become_empty(test, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, in_shard(0), &call), 1);
	gup_pin_expect_sound(test);
	gup_pin_test_unpin(test, in_shard(0), 1);

	/* The block is gone, and the cache does not return it. */
	migrate_disable();
	others_become_empty(test, 1 + 2 * GUP_PIN_KEPT);
	gup_pin_test_add(test, in_shard(0), &call, 1);
	migrate_enable();
	KUNIT_EXPECT_EQ(test, gup_pin_index_next(&f->index, 0),
			gup_pin_block_nr(in_shard(0)));
	gup_pin_expect_sound(test);
	gup_pin_test_unpin(test, in_shard(0), 1);
	gup_pin_expect_empty(test);
}

static void expect_newest(struct kunit *test, unsigned long pfn, unsigned long npages,
			  pid_t pid, const struct gup_pin_test_call *call)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_record record;
	struct gup_pin_id id;
	bool found;

	found = gup_pin_index_newest(&f->index, pfn, npages, pid, &record, &id);
	KUNIT_ASSERT_EQ(test, found, !!call);
	if (!call)
		return;
	KUNIT_EXPECT_EQ(test, (int)id.mode, (int)call->origin->id.mode);
	KUNIT_EXPECT_EQ(test, record.time, call->time);
	KUNIT_EXPECT_EQ(test, record.base, call->base);
}

static void newest_pin(struct kunit *test)
{
	struct gup_pin_test_call a = gup_pin_test_call(test, GUP_PIN_READ), b, c;
	pid_t pid = a.origin->id.pid;

	expect_newest(test, 9, 1, pid, NULL);
	a.base = 0x1000;
	gup_pin_test_add(test, 9, &a, 1);
	b = gup_pin_test_call(test, GUP_PIN_WRITE);
	gup_pin_test_add(test, 9, &b, 1);
	expect_newest(test, 9, 1, pid, &a);
	expect_newest(test, 9, 1, b.origin->id.pid, &b);
	/* Pins of other tasks are ignored. */
	expect_newest(test, 9, 1, 4711, NULL);
	expect_newest(test, 10, 1, pid, NULL);
	c = gup_pin_test_call_of(test, &a.origin->id);
	gup_pin_test_add(test, 9, &c, 1);
	expect_newest(test, 9, 1, pid, &c);
	gup_pin_test_unpin(test, 9, 3);
	expect_newest(test, 9, 1, pid, NULL);
	gup_pin_expect_empty(test);
}

/* On any page of a large folio; for a small folio, not on adjacent pages. */
static void newest_pin_of_a_folio(struct kunit *test)
{
	const unsigned long first = GUP_PIN_TEST_PFN;
	struct gup_pin_test_call a = gup_pin_test_call(test, GUP_PIN_READ), b;
	pid_t pid = a.origin->id.pid;

	gup_pin_test_add(test, first + 500, &a, 1);
	expect_newest(test, first, 512, pid, &a);
	b = gup_pin_test_call_of(test, &a.origin->id);
	gup_pin_test_add(test, first + 3, &b, 1);
	expect_newest(test, first, 512, pid, &b);
	gup_pin_test_unpin(test, first + 3, 1);
	expect_newest(test, first, 512, pid, &a);
	gup_pin_test_unpin(test, first + 500, 1);

	gup_pin_test_add(test, first + 20, &a, 1);
	expect_newest(test, first + 16, 4, pid, NULL);
	expect_newest(test, first + 16, 8, pid, &a);
	expect_newest(test, first + 21, 1, pid, NULL);
	gup_pin_test_unpin(test, first + 20, 1);
	gup_pin_expect_empty(test);
}

static struct kunit_case index_cases[] = {
	KUNIT_CASE(keys_tell_blocks),
	KUNIT_CASE(one_pin),
	KUNIT_CASE(figures_agree),
	KUNIT_CASE(many_blocks_at_once),
	KUNIT_CASE(pins_on_a_range),
	KUNIT_CASE(switched_off),
	KUNIT_CASE(unpinned_in_an_interrupt),
	KUNIT_CASE(kept_blocks),
	KUNIT_CASE(newest_pin),
	KUNIT_CASE(newest_pin_of_a_folio),
	{}
};

static struct kunit_suite index_suite = {
	.name = "gup_pin_index",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = index_cases,
};

kunit_test_suite(index_suite);
