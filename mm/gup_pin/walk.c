// SPDX-License-Identifier: GPL-2.0
/*
 * Walking all recorded pins, in the order of their pfns.
 *
 * A walk holds a shard's lock for no more than a block of 64 folios and a batch
 * of items, copies what it finds, and remembers only where it is. A pin never
 * moves while it is held, so one that is held during the whole walk is met
 * exactly once.
 */
#include <linux/mm.h>
#include <linux/string.h>

#include "gup_pin.h"

/* Empty blocks to look into before asking every shard for its next folio. */
#define BLOCKS_PROBED	16

#define WALK_END	ULONG_MAX

static void fill_item(struct gup_pin_item *item, unsigned long pfn, void *slot,
		      const struct gup_pin_ref *ref)
{
	struct page *page = pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;
	struct folio *folio = page ? page_folio(page) : NULL;

	item->pfn = pfn;
	item->call = ref->call;
	item->id = ref->call->origin->id;
	item->time = ref->call->time;
	item->addr = 0;
	item->pins = ref->pins;
	item->inferred = gup_pin_slot_inferred(slot);
	item->folio_pins = gup_pin_slot_pins(slot);
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
static unsigned int walk_slot(unsigned long pfn, void *slot, u64 *seq,
			      struct gup_pin_item *items, unsigned int max)
{
	const struct gup_pin_ref *ref;
	struct gup_pin_ref_iter iter;
	unsigned int nr = 0;

	for (ref = gup_pin_ref_first(&iter, slot, *seq); ref && nr < max;
	     ref = gup_pin_ref_next(&iter)) {
		fill_item(&items[nr++], pfn, slot, ref);
		*seq = ref->seq + 1;
	}
	return nr;
}

/* The rest of the block that pos stands in. */
static unsigned int walk_block(struct gup_pin_index *index,
			       struct gup_pin_pos *pos,
			       struct gup_pin_item *items, unsigned int max)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(index, pos->pfn);
	unsigned int shard_nr = gup_pin_shard_nr(pos->pfn), nr = 0;
	unsigned long last = pos->pfn | (BIT(GUP_PIN_BLOCK_SHIFT) - 1);
	unsigned long flags;
	void *slot;

	XA_STATE(xas, &shard->xa, gup_pin_key(pos->pfn));

	xas_lock_irqsave(&xas, flags);
	xas_for_each(&xas, slot, gup_pin_key(last)) {
		unsigned long pfn = gup_pin_key_pfn(xas.xa_index, shard_nr);

		if (pfn != pos->pfn)
			*pos = (struct gup_pin_pos) { .pfn = pfn };
		nr += walk_slot(pfn, slot, &pos->seq, &items[nr], max - nr);
		if (nr == max)
			break;
	}
	xas_unlock_irqrestore(&xas, flags);

	if (nr < max) {
		pos->pfn = last == ULONG_MAX ? WALK_END : last + 1;
		pos->seq = 0;
	}
	return nr;
}

/* The first folio from pfn on that lies in the shard. */
static unsigned long shard_next(struct gup_pin_index *index, unsigned int nr,
				unsigned long pfn)
{
	unsigned long block = pfn >> GUP_PIN_BLOCK_SHIFT;
	unsigned long key;

	/* Go to the shard's own next block. */
	if ((block & (GUP_PIN_NR_SHARDS - 1)) != nr) {
		unsigned long round = block >> GUP_PIN_SHARD_BITS;

		if ((block & (GUP_PIN_NR_SHARDS - 1)) > nr)
			round++;
		block = round << GUP_PIN_SHARD_BITS | nr;
		pfn = block << GUP_PIN_BLOCK_SHIFT;
	}
	key = gup_pin_key(pfn);
	if (!xa_find(&index->shards[nr].xa, &key, ULONG_MAX, XA_PRESENT))
		return WALK_END;
	return gup_pin_key_pfn(key, nr);
}

/* Move pos to a block that has folios; near blocks first. */
static void skip_empty(struct gup_pin_index *index, struct gup_pin_pos *pos)
{
	unsigned long pfn = pos->pfn, next = WALK_END;
	unsigned int i;

	for (i = 0; i < BLOCKS_PROBED; i++) {
		unsigned long last = pfn | (BIT(GUP_PIN_BLOCK_SHIFT) - 1);
		unsigned long key = gup_pin_key(pfn);

		if (xa_find(&gup_pin_shard_of(index, pfn)->xa, &key,
			    gup_pin_key(last), XA_PRESENT)) {
			next = gup_pin_key_pfn(key, gup_pin_shard_nr(pfn));
			goto found;
		}
		if (last == ULONG_MAX)
			goto found;
		pfn = last + 1;
	}
	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		next = min(next, shard_next(index, i, pfn));
found:
	if (next != pos->pfn)
		*pos = (struct gup_pin_pos) { .pfn = next };
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
		skip_empty(index, pos);
	}
	return 0;
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
	struct gup_pin_shard *shard = gup_pin_shard_of(index, pos->pfn);
	unsigned int nr = 0;
	unsigned long flags;
	void *slot;

	*busy = true;
	if (!spin_trylock_irqsave(&shard->xa.xa_lock, flags))
		return 0;
	*busy = false;
	slot = xa_load(&shard->xa, gup_pin_key(pos->pfn));
	if (slot)
		nr = walk_slot(pos->pfn, slot, &pos->seq, items, max);
	spin_unlock_irqrestore(&shard->xa.xa_lock, flags);
	return nr;
}
