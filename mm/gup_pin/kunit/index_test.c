// SPDX-License-Identifier: GPL-2.0
/*
 * The index: keys, figures, and what is released without a record.
 */
#include "fixture.h"

static void keys_tell_pfns(struct kunit *test)
{
	unsigned long pfn, block = 0x12345UL << GUP_PIN_BLOCK_SHIFT;
	unsigned int i;

	for (i = 0; i < BITS_PER_LONG - PAGE_SHIFT; i++) {
		for (pfn = BIT(i) - 1; pfn <= BIT(i) + 1; pfn++)
			KUNIT_ASSERT_EQ(test, pfn,
					gup_pin_key_pfn(gup_pin_key(pfn),
							gup_pin_shard_nr(pfn)));
	}
	/* Neighbours in a block are neighbours in one shard. */
	for (i = 1; i < BIT(GUP_PIN_BLOCK_SHIFT); i++) {
		KUNIT_EXPECT_EQ(test, gup_pin_shard_nr(block),
				gup_pin_shard_nr(block + i));
		KUNIT_EXPECT_EQ(test, gup_pin_key(block) + i,
				gup_pin_key(block + i));
	}
	KUNIT_EXPECT_NE(test, gup_pin_shard_nr(block),
			gup_pin_shard_nr(block + i));
	/* A shard's next block follows its last one without a hole. */
	i <<= GUP_PIN_SHARD_BITS;
	KUNIT_EXPECT_EQ(test, gup_pin_shard_nr(block),
			gup_pin_shard_nr(block + i));
	KUNIT_EXPECT_EQ(test, gup_pin_key(block) + BIT(GUP_PIN_BLOCK_SHIFT),
			gup_pin_key(block + i));
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
	KUNIT_EXPECT_EQ(test, t->sets, 0);

	gup_pin_test_release(test, 0x1234, 1, false);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->released, 1);
	KUNIT_EXPECT_EQ(test, t->inferred, 0);
	KUNIT_EXPECT_EQ(test, t->unmatched, 0);
	gup_pin_expect_empty(test);
}

static unsigned int count_nodes(void *entry)
{
	unsigned int i, nodes = 1;
	struct xa_node *node;

	if (!xa_is_node(entry))
		return 0;
	node = xa_to_node(entry);
	for (i = 0; node->shift && i < XA_CHUNK_SIZE; i++)
		nodes += count_nodes((void __force *)node->slots[i]);
	return nodes;
}

static unsigned int index_nodes(struct gup_pin_index *index)
{
	unsigned int i, nodes = 0;

	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		nodes += count_nodes((void __force *)index->shards[i].xa.xa_head);
	return nodes;
}

/* Many folios near and far; the figures agree with the trees all the time. */
static void nodes_are_counted(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call *call = gup_pin_test_call(test, GUP_PIN_READ);
	const struct gup_pin_totals *t;
	const unsigned int nr = 3000;
	unsigned long pfn;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		pfn = (unsigned long)i * i * i;
		gup_pin_test_add(test, pfn, call, 1);
		if (i % 300)
			continue;
		t = gup_pin_test_totals(test);
		KUNIT_EXPECT_EQ(test, t->nodes, index_nodes(&f->index));
	}
	for (i = 0; i < nr; i++) {
		pfn = (unsigned long)i * i * i;
		gup_pin_test_release(test, pfn, 1, false);
		if (i % 300)
			continue;
		t = gup_pin_test_totals(test);
		KUNIT_EXPECT_EQ(test, t->nodes, index_nodes(&f->index));
	}
	gup_pin_expect_empty(test);
}

static void unknown_pins(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	const struct gup_pin_totals *t;
	struct gup_pin_cursor cur;

	gup_pin_test_release(test, 5, 2, false);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->unmatched, 2);
	KUNIT_EXPECT_EQ(test, t->released, 0);

	/* Untracked pins are known of, though not where they are. */
	gup_pin_cursor_add_init(&cur, &f->index, GFP_KERNEL);
	gup_pin_index_untracked(&cur, 5, 3);
	gup_pin_cursor_end(&cur);
	gup_pin_test_release(test, 5, 2, false);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->untracked, 1);
	KUNIT_EXPECT_EQ(test, t->untracked_total, 3);
	KUNIT_EXPECT_EQ(test, t->unmatched, 2);
	gup_pin_test_release(test, 5, 2, false);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->untracked, 0);
	KUNIT_EXPECT_EQ(test, t->unmatched, 3);

	/* Switched on late: they may be older. */
	f->index.complete = false;
	gup_pin_test_release(test, 5, 4, false);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->unmatched, 3);
	KUNIT_EXPECT_EQ(test, t->before, 4);
	gup_pin_expect_empty(test);
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

static void switched_off(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call *call = gup_pin_test_call(test, GUP_PIN_READ);
	const struct gup_pin_totals *t;
	struct gup_pin_cursor cur;
	struct gup_pin_call *late;
	unsigned long pfn;

	for (pfn = 0; pfn < 10000; pfn += 7)
		gup_pin_test_add(test, pfn, call, 1 + pfn % 3);
	f->index.recording = false;
	gup_pin_index_flush(&f->index);
	gup_pin_expect_empty(test);

	/* A pin function that was under way when tracking was switched off. */
	late = gup_pin_test_call(test, GUP_PIN_READ);
	atomic_set(&late->live, 1);
	gup_pin_cursor_add_init(&cur, &f->index, GFP_KERNEL);
	KUNIT_EXPECT_FALSE(test, gup_pin_index_add(&cur, 3, late, 1));
	gup_pin_index_untracked(&cur, 3, 1);
	gup_pin_cursor_end(&cur);
	gup_pin_call_drop(late, 1);
	gup_pin_test_release(test, 0, 1, false);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->untracked_total, 0);
	KUNIT_EXPECT_EQ(test, t->unmatched, 0);
	gup_pin_expect_empty(test);
}

static void newest_pin(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call *a = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_call *b = gup_pin_test_call(test, GUP_PIN_WRITE);
	pid_t pid = a->origin->id.pid;
	struct gup_pin_call found;
	struct gup_pin_id id;

	KUNIT_EXPECT_FALSE(test, gup_pin_index_newest(&f->index, 9, pid, &id,
						      &found));
	gup_pin_test_add(test, 9, a, 1);
	gup_pin_test_add(test, 9, b, 1);
	/* One's own, or else the last one. */
	KUNIT_EXPECT_TRUE(test, gup_pin_index_newest(&f->index, 9, pid, &id,
						     &found));
	KUNIT_EXPECT_EQ(test, (int)id.mode, GUP_PIN_READ);
	KUNIT_EXPECT_TRUE(test, gup_pin_index_newest(&f->index, 9, pid + 100,
						     &id, &found));
	KUNIT_EXPECT_EQ(test, (int)id.mode, GUP_PIN_WRITE);
	gup_pin_test_release(test, 9, 2, false);
	gup_pin_expect_empty(test);
}

static struct kunit_case index_cases[] = {
	KUNIT_CASE(keys_tell_pfns),
	KUNIT_CASE(one_pin),
	KUNIT_CASE(nodes_are_counted),
	KUNIT_CASE(unknown_pins),
	KUNIT_CASE(more_than_recorded),
	KUNIT_CASE(switched_off),
	KUNIT_CASE(newest_pin),
	{}
};

static struct kunit_suite index_suite = {
	.name = "gup_pin_index",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = index_cases,
};

kunit_test_suite(index_suite);
