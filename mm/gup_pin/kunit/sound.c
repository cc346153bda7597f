// SPDX-License-Identifier: GPL-2.0
/*
 * Is what an index holds as gup_pin.h says, and do the figures agree with it?
 */
#include "fixture.h"

/**
 * struct tally - what is really there
 * @objects: that were allocated
 * @nodes: xa_nodes
 * @folios: that have pins
 * @pins: of all calls on all folios
 * @own: calls that lie in their blocks
 */
struct tally {
	u64 objects[NR_GUP_PIN_KINDS];
	u64 nodes;
	u64 folios;
	u64 pins;
	u64 own;
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

/* Where a call of a single page on that folio would lie. */
static bool is_own(const struct gup_pin_block *block, unsigned int bit,
		   const struct gup_pin_call *call)
{
	const struct gup_pin_call *group = block->groups[bit / GUP_PIN_GROUP_CALLS];

	return call == &block->own ||
	       (group && call == group + bit % GUP_PIN_GROUP_CALLS);
}

static const char *call_wrong(const struct gup_pin_block *block, unsigned int bit,
			      const struct gup_pin_call *call, unsigned int pins,
			      struct tally *tally)
{
	bool own = call->npages & GUP_PIN_CALL_OWN;

	if (is_own(block, bit, call) != own)
		return "a call is the block's own and does not say so, or is not";
	if (own && pins != 1)
		return "a block's own call has several pins";
	if (atomic_read(&call->live) < (int)pins)
		return "a call has more pins than are live";
	if (!gup_pin_origin_calls(call->origin))
		return "a live call's origin has none";
	tally->own += own;
	tally->pins += pins;
	return NULL;
}

static const char *layer_wrong(const struct gup_pin_block *block,
			       const struct gup_pin_layer *layer)
{
	const struct gup_pin_layer *other;

	if (layer != &block->layer && !layer->mask)
		return "an empty layer was not freed";
	if (!layer->mask)
		return NULL;
	if (!layer->pins)
		return "a layer has no pins";
	if (layer->pins > 1 && !gup_pin_single(layer->mask))
		return "a layer has several pins on several folios";
	if (layer->seq >= block->next_seq)
		return "a layer's number is yet to come";
	for (other = layer->next; other; other = other->next) {
		if (other->seq <= layer->seq)
			return "layers are out of order";
		if (other->mask && other->call == layer->call)
			return "a call has two layers";
	}
	return NULL;
}

static const char *layers_wrong(const struct gup_pin_block *block,
				struct tally *tally)
{
	const struct gup_pin_layer *layer;
	unsigned int nr = 0;
	const char *wrong;
	u64 mask;

	for (layer = &block->layer; layer; layer = layer->next) {
		wrong = layer_wrong(block, layer);
		for (mask = layer->mask; mask && !wrong; mask &= mask - 1)
			wrong = call_wrong(block, __ffs64(mask), layer->call,
					   layer->pins, tally);
		if (wrong)
			return wrong;
		nr += !!layer->mask;
		tally->objects[GUP_PIN_LAYERS] += layer != &block->layer;
	}
	if (nr != block->nr_layers)
		return "layers are miscounted";
	if (nr > GUP_PIN_LAYERS_MANY)
		return "there are too many layers";
	return NULL;
}

static bool in_layer(const struct gup_pin_block *block, unsigned int bit,
		     const struct gup_pin_call *call)
{
	const struct gup_pin_layer *layer;

	for (layer = &block->layer; layer; layer = layer->next)
		if (layer->call == call && layer->mask & BIT_ULL(bit))
			return true;
	return false;
}

static const char *ref_wrong(const struct gup_pin_block *block, unsigned int bit,
			     const struct gup_pin_ref *ref, u64 seq,
			     struct tally *tally)
{
	if (!ref->pins)
		return "a ref has no pins";
	if (ref->seq < seq)
		return "refs are out of order";
	if (in_layer(block, bit, ref->call))
		return "a call's pins on a folio are in a layer and in a set";
	return call_wrong(block, bit, ref->call, ref->pins, tally);
}

static const char *set_wrong(const struct gup_pin_block *block, unsigned int bit,
			     const struct gup_pin_set *set, struct tally *tally)
{
	const struct gup_pin_refs *refs, *last = NULL;
	u32 i, pins = 0, writes = 0, calls = 0;
	const char *wrong;
	u64 seq = 0;

	for (refs = &set->refs; refs; refs = refs->next) {
		if (refs->nr > refs->cap || (last && !refs->nr))
			return "a chunk is empty, or more than full";
		tally->objects[GUP_PIN_REFS] += !!last;
		last = refs;
		for (i = 0; i < refs->nr; i++) {
			const struct gup_pin_ref *ref = &refs->ref[i];

			wrong = ref_wrong(block, bit, ref, seq, tally);
			if (wrong)
				return wrong;
			seq = ref->seq + 1;
			calls++;
			pins += ref->pins;
			if (ref->call->origin->id.mode == GUP_PIN_WRITE)
				writes += ref->pins;
		}
	}
	if (set->tail != last || seq > set->next_seq)
		return "a set's tail is not its last chunk, or its last ref too late";
	if (!pins || set->pins != pins || set->writes != writes ||
	    set->calls != calls)
		return "a set's figures are wrong";
	tally->objects[GUP_PIN_SETS]++;
	return NULL;
}

static const char *slots_wrong(const struct gup_pin_block *block,
			       struct tally *tally)
{
	const char *wrong = NULL;
	unsigned int bit, i;
	void *slot;
	u64 mask;

	tally->objects[GUP_PIN_SLOTS] += !!block->slots;
	for (i = 0; i < GUP_PIN_GROUPS; i++) {
		tally->objects[GUP_PIN_CALL_GROUPS] += !!block->groups[i];
		if (block->groups[i] && !block->slots)
			return "there is a group of calls and no slots";
		if (!block->groups[i] != !(block->grouped & BIT(i)))
			return "groups of calls are mismarked";
	}
	if (block->slotted && !block->slots)
		return "slots are in use that are not there";
	for (mask = block->slotted; mask && !wrong; mask &= mask - 1) {
		bit = __ffs64(mask);
		slot = block->slots[bit];
		if (!slot) {
			wrong = "a slot is in use that is empty";
		} else if (gup_pin_slot_is_set(slot)) {
			wrong = set_wrong(block, bit, xa_untag_pointer(slot),
					  tally);
		} else if (in_layer(block, bit, slot)) {
			wrong = "a call's pins on a folio are in a layer and in a slot";
		} else {
			wrong = call_wrong(block, bit, slot, 1, tally);
		}
	}
	return wrong;
}

static const char *block_wrong(const struct gup_pin_block *block,
			       struct tally *tally)
{
	const struct gup_pin_layer *layer;
	u64 used = block->slotted;

	for (layer = &block->layer; layer; layer = layer->next)
		used |= layer->mask;
	tally->objects[GUP_PIN_BLOCKS]++;
	tally->folios += hweight64(used);
	if (used != block->used)
		return "folios are marked that have no pins, or some are not";
	if (block->inferred & ~block->used)
		return "a folio was guessed at that has no pins";
	if (!used && !block->kept)
		return "a block is empty and not kept";
	return layers_wrong(block, tally) ?: slots_wrong(block, tally);
}

/* Whoever looks for blocks lately found is not led astray. */
static void check_recent(struct kunit *test, struct gup_pin_shard *shard)
{
	struct gup_pin_block *block;
	unsigned int i;

	for (i = 0; i < GUP_PIN_RECENT; i++) {
		block = shard->recent[i];
		if (!block)
			continue;
		KUNIT_ASSERT_PTR_EQ(test, block,
				    xa_load(&shard->xa, gup_pin_key(block->nr)));
		KUNIT_ASSERT_PTR_EQ(test, &shard->recent[i],
				    gup_pin_recent(shard, block->nr));
	}
}

static const char *kept_wrong(const struct gup_pin_shard *shard,
			      const struct gup_pin_block *block)
{
	unsigned int i, found = 0;

	for (i = 0; i < GUP_PIN_KEPT; i++)
		found += shard->kept[i] == block;
	if (found != block->kept)
		return "a block is kept or not, and the shard does not know";
	return NULL;
}

static void check_shard(struct kunit *test, unsigned int nr, struct tally *tally)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_shard *shard = &f->index.shards[nr];
	struct gup_pin_block *block;
	const char *wrong = NULL;
	unsigned long key;

	tally->nodes += count_nodes((void __force *)shard->xa.xa_head);
	xa_for_each(&shard->xa, key, block) {
		if (block->nr != gup_pin_key_block(key, nr))
			wrong = "a block is not in its place";
		wrong = wrong ?: kept_wrong(shard, block);
		wrong = wrong ?: block_wrong(block, tally);
		if (wrong)
			KUNIT_FAIL_AND_ABORT(test, "block %lx: %s", block->nr, wrong);
	}
	check_recent(test, shard);
}

/* How many blocks there are, empty ones too. */
unsigned int gup_pin_test_blocks(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_block *block;
	unsigned int i, nr = 0;
	unsigned long key;

	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		xa_for_each(&f->index.shards[i].xa, key, block)
			nr++;
	return nr;
}

/* What an object counts for; its cache may have been merged with another. */
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

/* All that the index holds is in order, and what is counted is there. */
void gup_pin_expect_sound(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	const struct gup_pin_totals *t = gup_pin_test_totals(test);
	struct tally tally = {};
	unsigned int i;
	u64 bytes = 0;

	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		check_shard(test, i, &tally);
	tally.objects[GUP_PIN_CALLS] = gup_pin_call_count() - f->calls - tally.own;
	tally.objects[GUP_PIN_ORIGINS] = f->origins.count;
	for (i = 0; i < NR_GUP_PIN_KINDS; i++)
		if (tally.objects[i])
			bytes += tally.objects[i] * gup_pin_test_size(test, i);
	KUNIT_EXPECT_EQ(test, gup_pin_memory_bytes() - f->memory, bytes);
	KUNIT_EXPECT_EQ(test, t->nodes, tally.nodes);
	KUNIT_EXPECT_EQ(test, t->folios, tally.folios);
	KUNIT_EXPECT_EQ(test, t->acquired - t->released, tally.pins);
}
