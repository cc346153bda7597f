// SPDX-License-Identifier: GPL-2.0
/*
 * Walking all recorded pins, in the order of their pfns.
 *
 * A walk holds a shard's lock for no more than a block of 64 folios and a batch
 * of items, copies what it finds, and remembers only where it is. A pin does not
 * move while it is held, so one that is held during the whole walk is met exactly
 * once; but for a call that meets a folio again, whose pins go from a layer to a
 * slot, so that a reader in between may meet them twice.
 */
#include <linux/mm.h>
#include <linux/string.h>

#include "gup_pin.h"

/* Blocks to look for before asking every shard for its next. */
#define BLOCKS_PROBED	16

#define WALK_END	ULONG_MAX
#define BLOCKS_END	ULONG_MAX

/**
 * gup_pin_fill_item() - copy what is known of the pins of one call on one folio
 * @item: filled in, but for folio_pins, which is of all calls
 * @block: the folio's block
 * @bit: the folio
 * @ref: the pins
 *
 * Under the lock of the folio's shard.
 */
void gup_pin_fill_item(struct gup_pin_item *item,
		       const struct gup_pin_block *block, unsigned int bit,
		       const struct gup_pin_ref *ref)
{
	unsigned long pfn = (block->nr << GUP_PIN_BLOCK_SHIFT) + bit;
	struct page *page = pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;
	struct folio *folio = page ? page_folio(page) : NULL;

	item->pfn = pfn;
	item->seq = ref->seq;
	item->call = ref->call;
	item->id = ref->call->origin->id;
	item->time = ref->call->time;
	item->addr = 0;
	item->pins = ref->pins;
	item->inferred = block->inferred & BIT_ULL(bit);
	item->unsure = item->inferred && block->unsure;
	item->head = folio && &folio->page == page;
	if (!item->head) {
		item->real_pins = 0;
		item->folio = (struct gup_pin_folio) {
			.map = GUP_PIN_MAP_DEVICE,
		};
		return;
	}
	item->real_pins = gup_pin_folio_pins(folio);
	gup_pin_folio_describe(folio, &item->folio);
	item->addr = gup_pin_call_addr(ref->call, folio->index);
}

/* The pins on one folio, from *seq on. */
static unsigned int walk_folio(const struct gup_pin_block *block,
			       unsigned int bit, u64 *seq,
			       struct gup_pin_item *items, unsigned int max)
{
	unsigned int calls, nr = 0, pins = gup_pin_block_pins(block, bit, &calls);
	const struct gup_pin_ref *ref;
	struct gup_pin_ref_iter iter;

	for (ref = gup_pin_ref_first(&iter, block, bit, *seq); ref && nr < max;
	     ref = gup_pin_ref_next(&iter)) {
		gup_pin_fill_item(&items[nr], block, bit, ref);
		items[nr].folio_pins = pins;
		*seq = ref->seq + 1;
		nr++;
	}
	return nr;
}

/* The rest of the block that pos stands in. */
static unsigned int walk_block(struct gup_pin_index *index,
			       struct gup_pin_pos *pos,
			       struct gup_pin_item *items, unsigned int max)
{
	unsigned long block_nr = gup_pin_block_nr(pos->pfn);
	struct gup_pin_shard *shard = gup_pin_shard_of(index, block_nr);
	unsigned int bit = gup_pin_block_bit(pos->pfn), nr = 0;
	const struct gup_pin_block *block;
	unsigned long flags;

	xa_lock_irqsave(&shard->xa, flags);
	block = xa_load(&shard->xa, gup_pin_key(block_nr));
	for (; block && bit < GUP_PIN_BLOCK_PFNS; bit++) {
		unsigned long pfn = (block_nr << GUP_PIN_BLOCK_SHIFT) + bit;

		if (!(block->used & BIT_ULL(bit)))
			continue;
		if (pfn != pos->pfn)
			*pos = (struct gup_pin_pos) { .pfn = pfn };
		nr += walk_folio(block, bit, &pos->seq, &items[nr], max - nr);
		if (nr == max)
			break;
	}
	xa_unlock_irqrestore(&shard->xa, flags);

	if (nr < max) {
		pos->seq = 0;
		pos->pfn = (block_nr + 1) << GUP_PIN_BLOCK_SHIFT;
		if (!pos->pfn)
			pos->pfn = WALK_END;
	}
	return nr;
}

static u64 folio_pages(unsigned long pfn)
{
	struct page *page = pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;

	if (!page || page_folio(page) != (struct folio *)page)
		return 1;
	return folio_nr_pages(page_folio(page));
}

static void fill_share(struct gup_pin_share *share,
		       const struct gup_pin_call *call, u64 pins)
{
	share->id = call->origin->id;
	share->time = call->time;
	share->pins = pins;
	share->pages = 0;
}

static unsigned int layer_shares(const struct gup_pin_block *block,
				 struct gup_pin_share *shares)
{
	const struct gup_pin_layer *layer;
	unsigned int nr = 0;
	u64 mask;

	for (layer = &block->layer; layer; layer = layer->next) {
		if (!layer->mask)
			continue;
		fill_share(&shares[nr], layer->call,
			   (u64)layer->pins * hweight64(layer->mask));
		for (mask = layer->mask; mask; mask &= mask - 1)
			shares[nr].pages +=
				folio_pages((block->nr << GUP_PIN_BLOCK_SHIFT) +
					    __ffs64(mask));
		nr++;
	}
	return nr;
}

/* The refs of one slot, from *seq on. */
static unsigned int slot_shares(const struct gup_pin_block *block,
				unsigned int bit, u64 *seq,
				struct gup_pin_share *shares, unsigned int max)
{
	const struct gup_pin_ref *ref;
	struct gup_pin_ref_iter iter;
	unsigned int nr = 0;

	for (ref = gup_pin_ref_first(&iter, block, bit, *seq); ref && nr < max;
	     ref = gup_pin_ref_next(&iter), nr++) {
		fill_share(&shares[nr], ref->call, ref->pins);
		shares[nr].pages =
			folio_pages((block->nr << GUP_PIN_BLOCK_SHIFT) + bit);
		*seq = ref->seq + 1;
	}
	return nr;
}

/* The rest of the block that pos stands in: first all layers, then the slots. */
static unsigned int block_shares(const struct gup_pin_block *block,
				 struct gup_pin_pos *pos,
				 struct gup_pin_share *shares, unsigned int max)
{
	unsigned int bit = gup_pin_block_bit(pos->pfn), nr = 0;

	if (!bit && !pos->seq)
		nr = layer_shares(block, shares);
	for (; bit < GUP_PIN_BLOCK_PFNS; bit++, pos->pfn++, pos->seq = 0) {
		if (nr == max)
			return nr;
		if (!(block->slotted & BIT_ULL(bit)))
			continue;
		pos->seq = max_t(u64, pos->seq, GUP_PIN_SLOT_SEQ);
		nr += slot_shares(block, bit, &pos->seq, &shares[nr], max - nr);
		if (nr == max)
			return nr;
	}
	return nr;
}

/* The shard's first block from @from on that is in the index. */
static unsigned long shard_next(struct gup_pin_index *index, unsigned int nr,
				unsigned long from)
{
	unsigned long key = gup_pin_key(from);

	/* Go to the shard's own next block. */
	if (gup_pin_shard_nr(from) > nr)
		key++;
	if (!xa_find(&index->shards[nr].xa, &key, ULONG_MAX, XA_PRESENT))
		return BLOCKS_END;
	return gup_pin_key_block(key, nr);
}

/**
 * gup_pin_next_block() - find blocks that are in the index
 * @index: the index
 * @from: number of the first that will do
 *
 * Near ones are quickly found.
 *
 * Return: number of a block, which may be empty; ULONG_MAX if there is none.
 */
unsigned long gup_pin_next_block(struct gup_pin_index *index,
				 unsigned long from)
{
	unsigned long next = BLOCKS_END;
	unsigned int i;

	for (i = 0; i < BLOCKS_PROBED && from < BLOCKS_END; i++, from++)
		if (xa_load(&gup_pin_shard_of(index, from)->xa,
			    gup_pin_key(from)))
			return from;
	for (i = 0; i < GUP_PIN_NR_SHARDS && from < BLOCKS_END; i++)
		next = min(next, shard_next(index, i, from));
	return next;
}

/* Move pos to a block that is there. */
static void skip_absent(struct gup_pin_index *index, struct gup_pin_pos *pos)
{
	unsigned long nr = gup_pin_block_nr(pos->pfn);
	unsigned long next = gup_pin_next_block(index, nr);

	if (next == BLOCKS_END)
		*pos = (struct gup_pin_pos) { .pfn = WALK_END };
	else if (next != nr)
		*pos = (struct gup_pin_pos) {
			.pfn = next << GUP_PIN_BLOCK_SHIFT,
		};
}

/**
 * gup_pin_walk() - get some more pins
 * @index: the index
 * @pos: where to go on; all zeroes at first
 * @items: filled in
 * @max: how many items there is room for
 *
 * May be called from any context where the shards' locks may be taken.
 *
 * Return: how many items were found; 0 at the end.
 */
unsigned int gup_pin_walk(struct gup_pin_index *index, struct gup_pin_pos *pos,
			  struct gup_pin_item *items, unsigned int max)
{
	unsigned int nr;

	while (pos->pfn != WALK_END) {
		nr = walk_block(index, pos, items, max);
		if (nr)
			return nr;
		if (pos->pfn != WALK_END)
			skip_absent(index, pos);
	}
	return 0;
}

/**
 * gup_pin_walk_shares() - get some more pins, summed by call and block
 * @index: the index
 * @pos: where to go on; all zeroes at first
 * @shares: filled in
 * @max: how many there is room for; more than GUP_PIN_LAYERS_MANY
 *
 * Quicker than gup_pin_walk() where nobody wants to know the folios.
 *
 * Return: how many shares were found; 0 at the end.
 */
unsigned int gup_pin_walk_shares(struct gup_pin_index *index,
				 struct gup_pin_pos *pos,
				 struct gup_pin_share *shares,
				 unsigned int max)
{
	const struct gup_pin_block *block;
	unsigned int nr = 0;
	unsigned long flags;

	while (!nr && pos->pfn != WALK_END) {
		unsigned long block_nr = gup_pin_block_nr(pos->pfn);
		struct gup_pin_shard *shard = gup_pin_shard_of(index, block_nr);

		xa_lock_irqsave(&shard->xa, flags);
		block = xa_load(&shard->xa, gup_pin_key(block_nr));
		if (block)
			nr = block_shares(block, pos, shares, max);
		xa_unlock_irqrestore(&shard->xa, flags);
		if (nr == max)
			break;
		*pos = (struct gup_pin_pos) {
			.pfn = (block_nr + 1) << GUP_PIN_BLOCK_SHIFT,
		};
		if (pos->pfn)
			skip_absent(index, pos);
		else
			pos->pfn = WALK_END;
	}
	return nr;
}

static unsigned int walk_locked(struct gup_pin_shard *shard,
				struct gup_pin_pos *pos,
				struct gup_pin_item *items, unsigned int max)
{
	unsigned long block_nr = gup_pin_block_nr(pos->pfn);
	const struct gup_pin_block *block;

	block = xa_load(&shard->xa, gup_pin_key(block_nr));
	if (!block)
		return 0;
	return walk_folio(block, gup_pin_block_bit(pos->pfn), &pos->seq, items,
			  max);
}

/**
 * gup_pin_walk_folio() - get some more pins on one folio, without waiting
 * @index: the index
 * @pos: the head pfn, and where to go on
 * @items: filled in
 * @max: how many items there is room for
 * @busy: set if the shard's lock could not be had
 *
 * For reports, whose caller may hold any lock, this one too.
 *
 * Return: how many items were found; 0 at the end.
 */
unsigned int gup_pin_walk_folio(struct gup_pin_index *index,
				struct gup_pin_pos *pos,
				struct gup_pin_item *items, unsigned int max,
				bool *busy)
{
	unsigned long block_nr = gup_pin_block_nr(pos->pfn);
	struct gup_pin_shard *shard = gup_pin_shard_of(index, block_nr);
	unsigned long flags;
	unsigned int nr;

	*busy = true;
	if (!spin_trylock_irqsave(&shard->xa.xa_lock, flags))
		return 0;
	*busy = false;
	nr = walk_locked(shard, pos, items, max);
	spin_unlock_irqrestore(&shard->xa.xa_lock, flags);
	return nr;
}

/**
 * gup_pin_walk_pins() - get some more pins on one folio
 * @index: the index
 * @pos: the head pfn, and where to go on
 * @items: filled in
 * @max: how many items there is room for
 *
 * As gup_pin_walk_folio(), but waits for the shard's lock.
 *
 * Return: how many items were found; 0 at the end.
 */
unsigned int gup_pin_walk_pins(struct gup_pin_index *index,
			       struct gup_pin_pos *pos,
			       struct gup_pin_item *items, unsigned int max)
{
	unsigned long block_nr = gup_pin_block_nr(pos->pfn);
	struct gup_pin_shard *shard = gup_pin_shard_of(index, block_nr);
	unsigned long flags;
	unsigned int nr;

	xa_lock_irqsave(&shard->xa, flags);
	nr = walk_locked(shard, pos, items, max);
	xa_unlock_irqrestore(&shard->xa, flags);
	return nr;
}

/**
 * gup_pin_still_held() - is a pin still on record that a walk has found?
 * @index: the index
 * @item: what the walk found
 *
 * Context as for gup_pin_walk_pins().
 *
 * Return: false if it has been released since; or, rarely, if its call is still
 * busy and has met the folio again.
 */
bool gup_pin_still_held(struct gup_pin_index *index,
			const struct gup_pin_item *item)
{
	struct gup_pin_pos pos = { .pfn = item->pfn, .seq = item->seq };
	struct gup_pin_item now;

	return gup_pin_walk_pins(index, &pos, &now, 1) &&
	       now.call == item->call && now.time == item->time;
}
