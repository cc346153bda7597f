// SPDX-License-Identifier: GPL-2.0
/*
 * A block: the pins on folios whose heads are 64 neighbouring pfns.
 *
 * A call that pins many pages nearly always gets neighbours, one pin on each. A
 * layer says that in a few words, whatever the number, and adding or dropping
 * them all is an operation on one mask. Only what layers cannot say, or would
 * say at greater length, goes to slots, one for each folio.
 *
 * All under the lock of the block's shard.
 */
#include <linux/err.h>
#include <linux/math.h>
#include <linux/string.h>

#include "gup_pin.h"

static bool has_pins(const struct gup_pin_layer *layer, unsigned int bit)
{
	return layer->mask & BIT_ULL(bit);
}

static void *block_slot(const struct gup_pin_block *block, unsigned int bit)
{
	return block->slotted & BIT_ULL(bit) ? block->slots[bit] : NULL;
}

/**
 * gup_pin_block_alloc() - make an empty block
 * @gfp: how memory may be allocated
 *
 * Return: the block, or NULL.
 */
struct gup_pin_block *gup_pin_block_alloc(gfp_t gfp)
{
	struct gup_pin_block *block = gup_pin_alloc(GUP_PIN_BLOCKS, gfp);

	if (block)
		memset(block, 0, sizeof(*block));
	return block;
}

static struct gup_pin_layer *find_layer(struct gup_pin_block *block,
					const struct gup_pin_call *call)
{
	struct gup_pin_layer *layer;

	for (layer = &block->layer; layer; layer = layer->next)
		if (layer->call == call && layer->mask)
			return layer;
	return NULL;
}

/* Does a layer take less memory for these, or hardly more, than slots? */
static bool worth_a_layer(const struct gup_pin_block *block, u64 mask)
{
	if (!mask)
		return false;
	return !block->nr_layers ||
	       (!gup_pin_single(mask) && block->nr_layers < GUP_PIN_LAYERS_MANY &&
		hweight64(mask) >= GUP_PIN_LAYER_FOLIOS);
}

/*
 * A new layer, at the end. The block's own may be in front of others, so it is
 * free only while it is the only one.
 */
static struct gup_pin_layer *new_layer(struct gup_pin_block *block,
				       struct gup_pin_spare *spare)
{
	struct gup_pin_layer *last = &block->layer, *layer;

	if (last->mask || last->next) {
		layer = spare->layer;
		if (!layer)
			return NULL;
		spare->layer = NULL;
		/* A crash dump may be taken any time. */
		layer->next = NULL;
		WRITE_ONCE(layer->mask, 0);
		while (last->next)
			last = last->next;
		last->next = layer;
		last = layer;
	}
	last->seq = block->next_seq++;
	block->nr_layers++;
	return last;
}

/*
 * Give more folios to a call that has a layer; those left over want slots. A
 * folio with a slot is among them, for that may have some of the call already.
 */
static u64 extend_layer(struct gup_pin_layer *layer, u64 mask, u64 slotted,
			unsigned int pins)
{
	u64 rest = mask & (layer->mask | slotted);

	if (layer->mask == mask && gup_pin_single(mask)) {
		layer->pins += pins;
		return 0;
	}
	if (layer->pins > 1 || pins > 1)
		return mask;
	layer->mask |= mask & ~slotted;
	return rest;
}

static void free_empty_layers(struct gup_pin_block *block)
{
	struct gup_pin_layer **link = &block->layer.next, *layer;

	while ((layer = *link)) {
		if (layer->mask) {
			link = &layer->next;
		} else {
			*link = layer->next;
			gup_pin_free(GUP_PIN_LAYERS, layer);
		}
	}
}

/* Put pins into a folio's slot. If a layer has some of the call, they move. */
static bool add_to_slot(struct gup_pin_block *block, unsigned int bit,
			struct gup_pin_layer *layer, struct gup_pin_call *call,
			unsigned int pins, struct gup_pin_spare *spare,
			enum gup_pin_kind *missing)
{
	bool both = layer && has_pins(layer, bit);
	void *slot = block_slot(block, bit);

	if (!block->slots) {
		*missing = GUP_PIN_SLOTS;
		if (!spare->slots)
			return false;
		block->slots = spare->slots;
		spare->slots = NULL;
	}
	*missing = slot && gup_pin_slot_is_set(slot) ? GUP_PIN_REFS :
						       GUP_PIN_SETS;
	/* READ_ONCE(): gcc 14 reads what it adds only if @both even if @layer is NULL. */
	slot = gup_pin_slot_add(slot, call, both ? pins + READ_ONCE(layer->pins) : pins,
				&spare->set, &spare->chunk);
	if (!slot)
		return false;
	block->slots[bit] = slot;
	block->slotted |= BIT_ULL(bit);
	if (both)
		gup_pin_layer_lose(block, layer, BIT_ULL(bit));
	return true;
}

static void set_only_layer(struct gup_pin_block *block,
			   struct gup_pin_call *call, u64 mask,
			   unsigned int pins)
{
	struct gup_pin_layer *layer = &block->layer;

	layer->call = call;
	layer->mask = mask;
	layer->pins = pins;
	layer->seq = block->next_seq++;
	block->nr_layers = 1;
}

/**
 * gup_pin_block_add_new() - put pins on folios that have none, if that is easy
 * @block: the block
 * @call: the call
 * @mask: the folios
 * @pins: pins on each of them; 1, or else @mask has just one folio
 *
 * The two most common cases of gup_pin_block_add(), which need no memory.
 *
 * Return: false if it is neither, and nothing has changed.
 */
bool gup_pin_block_add_new(struct gup_pin_block *block,
			   struct gup_pin_call *call, u64 mask,
			   unsigned int pins)
{
	if (!block->used) {
		set_only_layer(block, call, mask, pins);
	} else if (block->slots && !(block->used & mask) && pins == 1 &&
		   gup_pin_single(mask)) {
		block->slots[__ffs64(mask)] = call;
		block->slotted |= mask;
	} else {
		return false;
	}
	block->used |= mask;
	return true;
}

/* The first in a group does without, so that a lonely pin costs no more. */
static bool worth_a_group(const struct gup_pin_block *block, unsigned int bit)
{
	unsigned int first = round_down(bit, GUP_PIN_GROUP_CALLS);

	return block->slots && !(block->used & BIT_ULL(bit)) &&
	       (block->slotted >> first & (BIT(GUP_PIN_GROUP_CALLS) - 1));
}

/**
 * gup_pin_block_add_own() - put a pin of a new call on a folio that has none
 * @block: the block
 * @bit: the folio
 * @spare: memory for a group of calls, which becomes NULL when it was used, or
 *	NULL if there is none
 *
 * Return: where the caller is to put the call; an error, and nothing has
 * changed, if there is no room: -ENOMEM if a group would make some, else -ENOSPC.
 */
struct gup_pin_call *gup_pin_block_add_own(struct gup_pin_block *block,
					   unsigned int bit,
					   struct gup_pin_call **spare)
{
	struct gup_pin_call **group = &block->groups[bit >> GUP_PIN_GROUP_SHIFT];
	struct gup_pin_call *call;
	u64 mask = BIT_ULL(bit);

	if (!block->used) {
		block->used = mask;
		set_only_layer(block, &block->own, mask, 1);
		return &block->own;
	}
	if (!*group) {
		if (!worth_a_group(block, bit))
			return ERR_PTR(-ENOSPC);
		if (!spare)
			return ERR_PTR(-ENOMEM);
		*group = *spare;
		*spare = NULL;
		block->grouped |= BIT(bit >> GUP_PIN_GROUP_SHIFT);
	}
	/* Where there is a group there are slots. */
	if (block->used & mask)
		return ERR_PTR(-ENOSPC);
	call = *group + (bit & (GUP_PIN_GROUP_CALLS - 1));
	block->slots[bit] = call;
	block->slotted |= mask;
	block->used |= mask;
	return call;
}

/**
 * gup_pin_block_add() - put pins of a call on folios of a block
 * @block: the block
 * @call: the call
 * @mask: the folios
 * @pins: pins on each of them; 1, or else @mask has just one folio
 * @fresh: the call has no pins in this block yet
 * @spare: memory; what was used is NULL on return
 * @missing: set to what @spare would have had to have
 *
 * Return: those of @mask that could not be added; 0 is success.
 */
u64 gup_pin_block_add(struct gup_pin_block *block, struct gup_pin_call *call,
		      u64 mask, unsigned int pins, bool fresh,
		      struct gup_pin_spare *spare, enum gup_pin_kind *missing)
{
	struct gup_pin_layer *layer = fresh ? NULL : find_layer(block, call);
	u64 left = mask;

	if (layer) {
		left = extend_layer(layer, mask, block->slotted, pins);
	} else if (worth_a_layer(block, mask & ~block->slotted)) {
		struct gup_pin_layer *new = new_layer(block, spare);

		if (!new) {
			*missing = GUP_PIN_LAYERS;
			return mask;
		}
		new->call = call;
		new->mask = mask & ~block->slotted;
		new->pins = pins;
		left = mask & block->slotted;
	}
	while (left && add_to_slot(block, __ffs64(left), layer, call, pins,
				   spare, missing))
		left &= left - 1;
	if (layer && !layer->mask)
		free_empty_layers(block);
	block->used |= mask & ~left;
	return left;
}

/**
 * gup_pin_block_pins() - recorded pins on a folio
 * @block: its block
 * @bit: the folio
 * @calls: set to the number of calls that they are of
 *
 * Return: their number.
 */
unsigned int gup_pin_block_pins(const struct gup_pin_block *block,
				unsigned int bit, unsigned int *calls)
{
	const struct gup_pin_layer *layer;
	void *slot = block_slot(block, bit);
	unsigned int pins = 0;

	*calls = 0;
	if (slot) {
		*calls = gup_pin_slot_calls(slot);
		pins = gup_pin_slot_pins(slot);
	}
	for (layer = &block->layer; layer; layer = layer->next) {
		if (has_pins(layer, bit)) {
			pins += layer->pins;
			++*calls;
		}
	}
	return pins;
}

/* Which folios have one pin, and that in a layer. */
static u64 once_in_layers(const struct gup_pin_block *block)
{
	const struct gup_pin_layer *layer;
	u64 once = 0, more = block->slotted;

	for (layer = &block->layer; layer; layer = layer->next) {
		more |= once & layer->mask;
		if (layer->pins == 1)
			once |= layer->mask;
		else
			more |= layer->mask;
	}
	return once & ~more;
}

/* Release the only pins on folios that are in layers, all of one at a time. */
static void release_masks(struct gup_pin_block *block, u64 mask,
			  struct gup_pin_drops *drops)
{
	struct gup_pin_layer *layer;
	bool emptied = false;
	u64 taken;

	for (layer = &block->layer; layer && mask; layer = layer->next) {
		taken = layer->mask & mask;
		if (!taken)
			continue;
		mask &= ~taken;
		gup_pin_drop_later(drops, layer->call,
				   gup_pin_count(taken));
		gup_pin_layer_lose(block, layer, taken);
		emptied |= !layer->mask;
	}
	if (emptied && block->layer.next)
		free_empty_layers(block);
}

/* Release the pins of slots that have just one; returns which these were. */
static u64 release_direct_slots(struct gup_pin_block *block, u64 mask,
				struct gup_pin_drops *drops)
{
	u64 taken = 0;

	for (; mask; mask &= mask - 1) {
		void *slot = block->slots[__ffs64(mask)];

		if (gup_pin_slot_is_set(slot))
			continue;
		gup_pin_drop_later(drops, slot, 1);
		taken |= mask & -mask;
	}
	block->slotted &= ~taken;
	return taken;
}

/**
 * gup_pin_block_release_each() - forget the only pin on each of some folios
 * @block: the block
 * @mask: the folios
 * @drops: where the calls' pins go
 *
 * Return: those of @mask that had more than one pin, or none, or on which an
 * unpin was guessed, so that nobody may learn from them; on them nothing has
 * changed.
 */
u64 gup_pin_block_release_each(struct gup_pin_block *block, u64 mask,
			       struct gup_pin_drops *drops)
{
	const struct gup_pin_layer *layer;
	u64 once, direct;

	once = mask & once_in_layers(block) & ~block->inferred;
	direct = mask & block->slotted & ~block->inferred;
	release_masks(block, once, drops);
	for (layer = &block->layer; direct && layer; layer = layer->next)
		direct &= ~layer->mask;
	once |= release_direct_slots(block, direct, drops);
	block->used &= ~once;
	return mask & ~once;
}

static bool release_from_layers(struct gup_pin_block *block, unsigned int bit,
				struct gup_pin_drops *drops)
{
	struct gup_pin_layer *layer;
	bool emptied = false;

	for (layer = &block->layer; layer; layer = layer->next) {
		if (has_pins(layer, bit)) {
			gup_pin_drop_later(drops, layer->call, layer->pins);
			gup_pin_layer_lose(block, layer, BIT_ULL(bit));
			emptied |= !layer->mask;
		}
	}
	return emptied;
}

/**
 * gup_pin_block_release_all() - forget all pins on a folio
 * @block: the block
 * @bit: the folio
 * @drops: where its calls' pins go
 */
void gup_pin_block_release_all(struct gup_pin_block *block, unsigned int bit,
			       struct gup_pin_drops *drops)
{
	void *slot = block_slot(block, bit);
	u64 mask = BIT_ULL(bit);

	if (slot)
		gup_pin_slot_clear(slot, drops);
	if (release_from_layers(block, bit, drops))
		free_empty_layers(block);
	block->slotted &= ~mask;
	block->used &= ~mask;
	block->inferred &= ~mask;
	if (!block->inferred)
		block->unsure = false;
}

static struct gup_pin_layer *oldest_layer(struct gup_pin_block *block,
					  unsigned int bit,
					  const struct gup_pin_want *want)
{
	struct gup_pin_layer *layer, *oldest = NULL;

	for (layer = &block->layer; layer; layer = layer->next)
		if (has_pins(layer, bit) &&
		    gup_pin_wants(want, layer->call) &&
		    (!oldest || layer->call->time < oldest->call->time))
			oldest = layer;
	return oldest;
}

static unsigned int release_from_layer(struct gup_pin_block *block,
				       struct gup_pin_layer *layer,
				       unsigned int bit, unsigned int pins,
				       struct gup_pin_drops *drops)
{
	unsigned int taken = min(pins, layer->pins);

	gup_pin_drop_later(drops, layer->call, taken);
	if (taken == layer->pins) {
		gup_pin_layer_lose(block, layer, BIT_ULL(bit));
		free_empty_layers(block);
	} else {
		layer->pins -= taken;
	}
	return taken;
}

/* Release from a slot what is older than @before; returns what is left to do. */
static unsigned int release_from_slot(struct gup_pin_block *block,
				      unsigned int bit, unsigned int pins,
				      const struct gup_pin_want *want,
				      u64 before, struct gup_pin_drops *drops)
{
	void *slot = block_slot(block, bit);

	if (!slot)
		return pins;
	slot = gup_pin_slot_release(slot, &pins, want, before, drops);
	block->slots[bit] = slot;
	if (!slot)
		block->slotted &= ~BIT_ULL(bit);
	return pins;
}

/* Of those that are wanted, the oldest first. Returns what is left to do. */
static unsigned int release_oldest(struct gup_pin_block *block,
				   unsigned int bit, unsigned int pins,
				   const struct gup_pin_want *want,
				   struct gup_pin_drops *drops)
{
	struct gup_pin_layer *layer;

	do {
		layer = oldest_layer(block, bit, want);
		pins = release_from_slot(block, bit, pins, want,
					 layer ? layer->call->time : U64_MAX,
					 drops);
		if (layer && pins)
			pins -= release_from_layer(block, layer, bit, pins,
						   drops);
	} while (layer && pins);
	return pins;
}

/* How well does the pin fit that fits best? */
static unsigned int best_rank(const struct gup_pin_block *block,
			      unsigned int bit,
			      const struct gup_pin_hint *hint)
{
	unsigned int rank, best = UINT_MAX;
	const struct gup_pin_ref *ref;
	struct gup_pin_ref_iter iter;

	for (ref = gup_pin_ref_first(&iter, block, bit, 0); ref && best;
	     ref = gup_pin_ref_next(&iter)) {
		rank = gup_pin_hint_rank(hint, &ref->call->origin->id);
		best = min(best, rank);
	}
	return best;
}

/* Where so many calls have pins, the time to choose among them is not to be had. */
static unsigned int release_from_many(struct gup_pin_block *block,
				      unsigned int bit, unsigned int pins,
				      bool dirty, struct gup_pin_drops *drops)
{
	const struct gup_pin_hint hint = { .dirty = dirty };
	struct gup_pin_want want = { .hint = &hint };

	pins = release_oldest(block, bit, pins, &want, drops);
	want.rank = 1;
	return dirty && pins ?
	       release_oldest(block, bit, pins, &want, drops) : pins;
}

/**
 * gup_pin_block_release_some() - forget some, but not all, of a folio's pins
 * @block: the block
 * @bit: the folio
 * @pins: how many; fewer than it has
 * @calls: how many calls have pins on it
 * @hint: what is known of them
 * @drops: where the calls' pins go
 *
 * Which calls the pins belonged to is a guess when there is more than one. Those
 * are taken that fit the hint best, and of them the oldest, as short-term pins
 * on a folio mostly end in their order.
 */
void gup_pin_block_release_some(struct gup_pin_block *block, unsigned int bit,
				unsigned int pins, unsigned int calls,
				const struct gup_pin_hint *hint,
				struct gup_pin_drops *drops)
{
	struct gup_pin_want want = { .hint = hint };

	if (calls > GUP_PIN_CHOSEN_FROM) {
		release_from_many(block, bit, pins, hint->dirty, drops);
		return;
	}
	while (pins) {
		want.rank = best_rank(block, bit, hint);
		if (want.rank == UINT_MAX)
			break;
		pins = release_oldest(block, bit, pins, &want, drops);
	}
}

/**
 * gup_pin_block_emptied() - give back most of what an empty block does not need
 * @block: the block
 *
 * The slots stay: they are what its next pins will want, but not that much.
 */
void gup_pin_block_emptied(struct gup_pin_block *block)
{
	BUILD_BUG_ON(BITS_PER_TYPE(block->grouped) < GUP_PIN_GROUPS);
	while (block->grouped) {
		unsigned int i = __ffs(block->grouped);

		block->grouped &= block->grouped - 1;
		gup_pin_free(GUP_PIN_CALL_GROUPS, block->groups[i]);
		block->groups[i] = NULL;
	}
}

/**
 * gup_pin_block_free() - free an empty block
 * @block: the block; out of the index
 */
void gup_pin_block_free(struct gup_pin_block *block)
{
	gup_pin_block_emptied(block);
	gup_pin_free(GUP_PIN_SLOTS, block->slots);
	gup_pin_free(GUP_PIN_BLOCKS, block);
}

static const struct gup_pin_ref *
next_in_layers(struct gup_pin_ref_iter *iter)
{
	const struct gup_pin_layer *layer = iter->layer;

	while (layer && !has_pins(layer, iter->bit))
		layer = layer->next;
	if (!layer) {
		iter->layer = NULL;
		return NULL;
	}
	iter->layer = layer->next;
	iter->ref = (struct gup_pin_ref) {
		.call = layer->call,
		.pins = layer->pins,
		.seq = layer->seq,
	};
	return &iter->ref;
}

static const struct gup_pin_ref *next_in_slot(struct gup_pin_ref_iter *iter)
{
	if (iter->direct) {
		iter->ref = (struct gup_pin_ref) {
			.call = iter->direct,
			.pins = 1,
			.seq = GUP_PIN_SLOT_SEQ,
		};
		iter->direct = NULL;
		return &iter->ref;
	}
	while (iter->refs && iter->next == iter->refs->nr) {
		iter->refs = iter->refs->next;
		iter->next = 0;
	}
	if (!iter->refs)
		return NULL;
	iter->ref = iter->refs->ref[iter->next++];
	iter->ref.seq |= GUP_PIN_SLOT_SEQ;
	return &iter->ref;
}

/**
 * gup_pin_ref_next() - go on to the next pins on a folio
 * @iter: where
 *
 * Return: the ref, valid until the next call, or NULL after the last.
 */
const struct gup_pin_ref *gup_pin_ref_next(struct gup_pin_ref_iter *iter)
{
	return next_in_layers(iter) ?: next_in_slot(iter);
}

/**
 * gup_pin_block_writes() - has a folio a write pin?
 * @block: the block
 * @bit: the folio
 */
bool gup_pin_block_writes(const struct gup_pin_block *block, unsigned int bit)
{
	const struct gup_pin_layer *layer;
	void *slot = block_slot(block, bit);

	for (layer = &block->layer; layer; layer = layer->next)
		if (has_pins(layer, bit) && gup_pin_call_is_write(layer->call))
			return true;
	return slot && gup_pin_slot_writes(slot);
}

/**
 * gup_pin_ref_first() - find pins on a folio
 * @iter: filled in
 * @block: the folio's block
 * @bit: the folio
 * @seq: where to start: 0, or one more than that of the last ref that was met
 *
 * Return: the first ref whose sequence number is @seq or more, or NULL.
 */
const struct gup_pin_ref *gup_pin_ref_first(struct gup_pin_ref_iter *iter,
					    const struct gup_pin_block *block,
					    unsigned int bit, u64 seq)
{
	void *slot = block_slot(block, bit);
	const struct gup_pin_layer *layer;

	*iter = (struct gup_pin_ref_iter) { .bit = bit };
	if (!(seq & GUP_PIN_SLOT_SEQ)) {
		layer = &block->layer;
		while (layer && layer->seq < seq)
			layer = layer->next;
		iter->layer = layer;
		seq = 0;
	}
	seq &= ~GUP_PIN_SLOT_SEQ;
	if (slot && gup_pin_slot_is_set(slot))
		iter->refs = gup_pin_slot_refs(slot, seq, &iter->next);
	else if (slot && !seq)
		iter->direct = slot;
	return gup_pin_ref_next(iter);
}
