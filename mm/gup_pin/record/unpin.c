// SPDX-License-Identifier: GPL-2.0
/*
 * Releasing pins by block, each under the lock of its shard. Never
 * allocates, never sleeps.
 */
#include <linux/mm.h>
#include <linux/xarray.h>

#include "unpin.h"

/*
 * Number of records to score under one hold of the lock, if several match. Removing a pin
 * costs as much as scoring TAKE_COST records.
 */
#define SCORED		128
#define TAKE_COST	8

/**
 * struct elsewhere - pages of a block whose pins are not among the records on them
 * @missing: pages without a record
 * @beside: pages whose folio has a pin as a whole that fits better
 */
struct elsewhere {
	u64 missing;
	u64 beside;
};

/*
 * Release one of several pins on the first of the pages, or one without a record. Returns
 * false if the pins on the page's folio must be counted first.
 */
static bool unpin_one(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
		      struct gup_pin_block *block, u64 mask, struct elsewhere *elsewhere,
		      unsigned long *flags)
{
	unsigned int bit = __ffs64(mask);

	switch (gup_pin_take_one(unpin, shard, block, bit, false, flags)) {
	case GUP_PIN_COUNT_FIRST:
		return false;
	case GUP_PIN_NO_RECORD:
		elsewhere->missing |= BIT_ULL(bit);
		break;
	case GUP_PIN_WHOLE_FITS:
		elsewhere->beside |= BIT_ULL(bit);
		break;
	case GUP_PIN_NOT_RECORDED:
		gup_pin_one_less(unpin);
		gup_pin_count_unrecorded(unpin, shard, gup_pin_block_first(block->nr) + bit, 1,
					 true);
		break;
	case GUP_PIN_TAKEN:
		break;
	}
	return true;
}

/*
 * Returns the pages still to be processed. Stops after some pages if there are many
 * records, so that others can take the lock; or, with @count set, if the pins on the
 * folio of the next page must be counted first.
 */
static u64 unpin_each(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
		      struct gup_pin_block *block, u64 mask, struct elsewhere *elsewhere,
		      bool *count, unsigned long *flags)
{
	unsigned int pages = DIV_ROUND_UP(SCORED, block->nr_records + TAKE_COST);

	for (; mask && pages--; mask &= mask - 1) {
		*count = !unpin_one(unpin, shard, block, mask, elsewhere, flags);
		if (*count)
			break;
	}
	gup_pin_index_tidy(shard, block);
	return mask;
}

/* Slow path of gup_pin_unpin_mask(): page by page. */
static noinline void unpin_pages(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
				 unsigned long nr, u64 mask)
{
	struct elsewhere elsewhere = {};
	struct gup_pin_block *block;
	u64 unmatched = 0, left;
	unsigned long flags;
	bool count;

	while (mask) {
		xa_lock_irqsave(&shard->xa, flags);
		if (!READ_ONCE(unpin->index->recording)) {
			xa_unlock_irqrestore(&shard->xa, flags);
			return;
		}
		block = gup_pin_index_find(shard, nr);
		count = false;
		if (block) {
			mask = unpin_each(unpin, shard, block, mask, &elsewhere, &count, &flags);
		} else {
			elsewhere.missing |= mask;
			mask = 0;
		}
		gup_pin_shard_unlock(shard, flags);
		if (count)
			gup_pin_count_others(unpin, gup_pin_block_first(nr) + __ffs64(mask));
	}
	for (left = elsewhere.beside; left; left &= left - 1)
		gup_pin_unpin_beside(unpin, gup_pin_block_first(nr) + __ffs64(left));
	for (left = elsewhere.missing; left; left &= left - 1)
		if (gup_pin_unpin_elsewhere(unpin, gup_pin_block_first(nr) + __ffs64(left)))
			unmatched |= left & -left;
	if (unmatched && unpin->unmatched)
		unpin->unmatched(nr, unmatched, 1, unpin->ip);
}

/**
 * gup_pin_unpin_mask() - release one pin on each of some pages of a block
 * @unpin: what is known about the pins
 * @nr: number of the block
 * @mask: bitmap of the pages
 *
 * Call while the pages still have the pins.
 *
 * Context: Any context in which the lock of a shard may be taken.
 */
void gup_pin_unpin_mask(struct gup_pin_unpin *unpin, unsigned long nr, u64 mask)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(unpin->index, nr);
	struct gup_pin_block *block;
	unsigned long flags;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	if (likely(block && READ_ONCE(unpin->index->recording) &&
		   gup_pin_all_recorded(unpin->index, shard) &&
		   block->nr_records <= GUP_PIN_LOOK && !unpin->whole)) {
		mask = gup_pin_take_only(unpin, shard, block, mask);
		gup_pin_index_tidy(shard, block);
	}
	gup_pin_shard_unlock(shard, flags);
	if (unlikely(mask))
		unpin_pages(unpin, shard, nr, mask);
}

/**
 * gup_pin_unpin_range() - release one pin on each of contiguous pages of a folio
 * @unpin: what is known about the pins
 * @pfn: the first page
 * @npages: number of pages
 *
 * See gup_pin_unpin_mask().
 */
void gup_pin_unpin_range(struct gup_pin_unpin *unpin, unsigned long pfn,
			 unsigned long npages)
{
	gup_pin_next_folio(unpin);
	if (unlikely(gup_pin_any_whole(unpin->index)))
		gup_pin_look_at_whole(unpin, pfn);
	while (npages) {
		unsigned int bit = gup_pin_block_bit(pfn);
		unsigned long nr = min(npages, GUP_PIN_BLOCK_PAGES - bit);

		gup_pin_unpin_mask(unpin, gup_pin_block_nr(pfn),
				   GENMASK_ULL(bit + nr - 1, bit));
		pfn += nr;
		npages -= nr;
	}
	if (unlikely(unpin->whole))
		gup_pin_doubt_whole(unpin);
}

/* gup_pin_take_one() without any change; the pins on the folio must have been counted. */
static bool peek(struct gup_pin_unpin *unpin, unsigned long pfn, bool whole,
		 struct gup_pin_item *item, unsigned int *score)
{
	unsigned long nr = gup_pin_block_nr(pfn), flags;
	struct gup_pin_shard *shard = gup_pin_shard_of(unpin->index, nr);
	u64 mask = BIT_ULL(gup_pin_block_bit(pfn));
	struct gup_pin_verdict verdict = {};
	u8 also = whole ? unpin->beside : 0;
	struct gup_pin_block *block;
	unsigned int others;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	if (block)
		verdict = gup_pin_decide(unpin, shard, block, mask, whole, &flags);
	if (verdict.record) {
		others = whole ? unpin->others :
			 gup_pin_unrecorded(unpin, shard, block, gup_pin_block_bit(pfn));
		if (min(others, unpin->certain) && !gup_pin_takes_record(&verdict))
			verdict.record = NULL;
	}
	if (verdict.record && !whole && gup_pin_whole_too(unpin, block, gup_pin_block_bit(pfn))) {
		if (gup_pin_either(unpin, &verdict))
			also = unpin->whole_modes;
		if (unpin->whole_score > verdict.score) {
			unpin->beside = also ? verdict.modes : 0;
			verdict.record = NULL;
		}
	}
	if (verdict.record) {
		gup_pin_fill_item(item, block, verdict.record, mask);
		item->match = gup_pin_match_of(block, mask, &verdict, others + also);
		*score = verdict.score;
	}
	if (block)
		gup_pin_index_tidy(shard, block);
	gup_pin_shard_unlock(shard, flags);
	return verdict.record;
}

/**
 * gup_pin_unpin_peek() - find the record that an unpin would release
 * @unpin: what is known about the pins
 * @pfn: the page; if it is not known, head of the folio
 * @npages: number of pages of the folio, if the page is not known; otherwise 1
 * @pins: number of pins
 * @item: filled in. If the page is not known, a record on the first one: a guess if the folio
 *	has more pins, unless the record has the handle of the unpin
 *
 * Context: As for gup_pin_unpin_mask().
 *
 * Return: false if there is no record, or if the unpin would
 * release a pin without a record.
 */
bool gup_pin_unpin_peek(const struct gup_pin_unpin *unpin, unsigned long pfn,
			unsigned long npages, unsigned long pins, struct gup_pin_item *item)
{
	unsigned long head = gup_pin_head_pfn(pfn);
	struct gup_pin_unpin copy = *unpin;
	unsigned int score;

	gup_pin_next_folio(&copy);
	if (unlikely(gup_pin_any_whole(unpin->index)))
		gup_pin_look_at_whole(&copy, pfn);
	gup_pin_count_others(&copy, head);
	if (!peek(&copy, pfn, false, item, &score) &&
	    (head == pfn || !peek(&copy, head, true, item, &score)))
		return false;
	if (npages > 1 && score < GUP_PIN_FITS_HANDLE &&
	    gup_pin_index_pins(unpin->index, pfn, npages) > pins)
		item->match = GUP_PIN_INFERRED;
	return true;
}
