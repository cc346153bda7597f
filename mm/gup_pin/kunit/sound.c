// SPDX-License-Identifier: GPL-2.0
/* Check the invariants of model.h and the counters of an index. */
#include "fixture.h"

/**
 * struct tally - actual numbers
 * @objects: allocated objects
 * @nodes: xa_nodes
 * @pins: pins of all records
 * @whole: those of folios as a whole
 */
struct tally {
	u64 objects[NR_GUP_PIN_KINDS];
	u64 nodes;
	u64 pins;
	u64 whole;
};

static unsigned int count_nodes(const void *entry)
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

static const char *record_wrong(const struct gup_pin_record *record)
{
	if (!record->origin)
		return "a record has no origin";
	if (!record->pins)
		return "a record has no pins";
	if (record->pins > 1 && record->mask & (record->mask - 1))
		return "a record has several pins on several pages";
	if (gup_pin_origin_live(record->origin) < (u64)hweight64(record->mask) * record->pins)
		return "a record has more pins than its origin";
	return NULL;
}

/* A record without pages is a reader's position, except that the first may be unused. */
static const char *block_wrong(const struct gup_pin_block *block, struct tally *tally)
{
	const struct gup_pin_record *first = &block->first;
	unsigned int records = 0, places = 0;
	struct gup_pin_record *record;
	const char *wrong = NULL;
	u64 used = 0, pins;

	for (record = gup_pin_first_record(block); record;
	     record = gup_pin_next_record(block, record)) {
		if (record->mask) {
			wrong = wrong ?: record_wrong(record);
			records++;
			tally->objects[GUP_PIN_RECORDS] += record != first;
			pins = (u64)hweight64(record->mask) * record->pins;
			tally->pins += pins;
			if (record->flags & GUP_PIN_RECORD_FOLIO)
				tally->whole += pins;
			used |= record->mask;
		} else {
			places += record != first;
		}
	}
	tally->objects[GUP_PIN_BLOCKS]++;
	if (records + places != block->nr_records)
		return "records are miscounted";
	if (!records && !places && !block->kept)
		return "a block has neither a record nor a reader";
	/* With very many records, a search is too short to clear the marks. */
	if (records <= GUP_PIN_LOOK &&
	    (block->alike | block->guessed | block->mixed) & ~used)
		return "a page is in doubt that has no pins";
	if (block->mixed & ~block->guessed)
		return "a page's modes are in doubt, and its records are not";
	return wrong;
}

static const char *spare_wrong(const struct gup_pin_shard *shard, struct tally *tally)
{
	const struct gup_pin_freed *spare;
	unsigned int nr = 0;

	for (spare = shard->spare; spare && nr <= shard->nr_spare; spare = spare->next)
		nr++;
	tally->objects[GUP_PIN_RECORDS] += nr;
	if (nr != shard->nr_spare)
		return "spare records are miscounted";
	return nr > GUP_PIN_SPARE ? "there are too many spare records" : NULL;
}

static void check_shard(struct kunit *test, unsigned int nr, struct tally *tally)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_shard *shard = &f->index.shards[nr];
	struct gup_pin_block *block;
	const char *wrong = NULL;
	unsigned long key;

	wrong = spare_wrong(shard, tally);
	if (wrong)
		KUNIT_FAIL_AND_ABORT(test, "shard %u: %s", nr, wrong);
	tally->nodes += count_nodes((void __force *)shard->xa.xa_head);
	xa_for_each(&shard->xa, key, block) {
		if (block->nr != gup_pin_key_block(key, nr))
			wrong = "a block is not in its place";
		wrong = wrong ?: block_wrong(block, tally);
		if (wrong)
			KUNIT_FAIL_AND_ABORT(test, "block %lx: %s", block->nr, wrong);
	}
}

/* Number of blocks, except empty ones that are only cached. */
unsigned int gup_pin_test_blocks(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_block *block;
	unsigned int i, nr = 0;
	unsigned long key;

	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		xa_for_each(&f->index.shards[i].xa, key, block)
			nr += !gup_pin_block_empty(block);
	return nr;
}

/* Number of xa_nodes that are counted. */
u64 gup_pin_test_nodes(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	u64 nodes = f->index.earlier.nodes;
	unsigned int i;

	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		nodes += f->index.shards[i].nodes;
	return nodes;
}

/* Size that is counted for an object; its slab cache may be merged with another. */
u64 gup_pin_test_size(struct kunit *test, enum gup_pin_kind kind)
{
	u64 size, before = gup_pin_memory_bytes();
	void *object = gup_pin_alloc(kind, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, object);
	size = gup_pin_memory_bytes() - before;
	gup_pin_free(kind, object);
	KUNIT_EXPECT_EQ(test, gup_pin_memory_bytes(), before);
	return size;
}

/* The index is consistent, and so are its counters. */
void gup_pin_expect_sound(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	const struct gup_pin_totals *t = gup_pin_test_totals(test);
	struct tally tally = {};
	unsigned int i;
	u64 bytes;

	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		check_shard(test, i, &tally);
	tally.nodes += count_nodes((void __force *)f->index.earlier.xa.xa_head);
	tally.objects[GUP_PIN_ORIGINS] = f->origins.count;
	bytes = tally.nodes * sizeof(struct xa_node);
	for (i = 0; i < NR_GUP_PIN_KINDS; i++)
		if (tally.objects[i])
			bytes += tally.objects[i] * gup_pin_test_size(test, i);
	KUNIT_EXPECT_EQ(test, gup_pin_memory_bytes() - f->memory, bytes);
	KUNIT_EXPECT_EQ(test, gup_pin_test_nodes(test), tally.nodes);
	KUNIT_EXPECT_EQ(test, t->acquired - t->released, tally.pins);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&f->index.whole), tally.whole);
}
