// SPDX-License-Identifier: GPL-2.0
/*
 * Forgetting pins: block by block, each under one hold of its shard's lock.
 * Never allocates, never sleeps.
 */
#include <linux/mm.h>
#include <linux/xarray.h>

#include "gup_pin.h"

/* Pins that have no record: not recorded for lack of memory, too old, or a bug. */
static void release_unrecorded(struct gup_pin_index *index,
			       struct gup_pin_shard *shard, unsigned int pins)
{
	unsigned int untracked = min_t(u64, pins, shard->untracked);

	shard->untracked -= untracked;
	pins -= untracked;
	if (READ_ONCE(index->complete))
		shard->unmatched += pins;
	else
		shard->before += pins;
}

/* Are there pins without a record, which an unpin may be of? */
static bool all_recorded(const struct gup_pin_index *index,
			 const struct gup_pin_shard *shard)
{
	return READ_ONCE(index->complete) && !shard->untracked;
}

/* The folio's own count has all of its pins. */
static bool has_unrecorded(unsigned long pfn, unsigned int recorded)
{
	return pfn_valid(pfn) &&
	       gup_pin_folio_pins(page_folio(pfn_to_page(pfn))) > recorded;
}

static void release_folio(struct gup_pin_releaser *rel,
			  struct gup_pin_shard *shard,
			  struct gup_pin_block *block, unsigned int bit,
			  unsigned int pins, bool dirty)
{
	unsigned int recorded, calls, taken;
	bool guess;

	recorded = gup_pin_block_pins(block, bit, &calls);
	taken = min(pins, recorded);
	if (pins > taken)
		release_unrecorded(rel->index, shard, pins - taken);
	if (!taken)
		return;

	guess = (taken < recorded && calls > 1) ||
		(!all_recorded(rel->index, shard) &&
		 has_unrecorded((block->nr << GUP_PIN_BLOCK_SHIFT) + bit,
				recorded));
	shard->released += taken;
	if (guess)
		shard->inferred += taken;
	if (taken == recorded) {
		shard->folios--;
		gup_pin_block_release_all(block, bit, &rel->drops);
		return;
	}
	if (guess)
		block->inferred |= BIT_ULL(bit);
	gup_pin_block_release_some(block, bit, taken, dirty, &rel->drops);
}

/* One pin on each; nearly always the only ones there are. */
static void release_mask(struct gup_pin_releaser *rel,
			 struct gup_pin_shard *shard,
			 struct gup_pin_block *block, u64 mask)
{
	unsigned int released;
	u64 left = mask;

	if (all_recorded(rel->index, shard)) {
		if (gup_pin_single(mask) &&
		    gup_pin_block_release_only(block, mask, &rel->drops)) {
			shard->released++;
			shard->folios--;
			return;
		}
		left = gup_pin_block_release_each(block, mask, &rel->drops);
		released = gup_pin_count(mask & ~left);
		shard->released += released;
		shard->folios -= released;
	}
	for (; left; left &= left - 1)
		release_folio(rel, shard, block, __ffs64(left), 1, false);
}

/**
 * __gup_pin_release_each() - forget one pin on each folio that is still to be
 * @rel: the state
 */
void __gup_pin_release_each(struct gup_pin_releaser *rel)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(rel->index, rel->block);
	struct gup_pin_block *block;
	unsigned long flags;

	xa_lock_irqsave(&shard->xa, flags);
	if (READ_ONCE(rel->index->recording)) {
		block = gup_pin_index_find(shard, rel->block);
		if (!block || !block->used) {
			release_unrecorded(rel->index, shard,
					   gup_pin_count(rel->mask));
		} else {
			release_mask(rel, shard, block, rel->mask);
			if (!block->used)
				gup_pin_index_emptied(shard, block);
		}
	}
	xa_unlock_irqrestore(&shard->xa, flags);
	if (!gup_pin_single(rel->mask))
		gup_pin_free_calls();
	rel->mask = 0;
}

/**
 * __gup_pin_release() - forget pins on a folio, now
 * @rel: the state
 * @pfn: of the folio's head
 * @pins: how many
 * @dirty: the caller says that it wrote to them
 */
void __gup_pin_release(struct gup_pin_releaser *rel, unsigned long pfn,
		       unsigned int pins, bool dirty)
{
	unsigned long nr = gup_pin_block_nr(pfn);
	struct gup_pin_shard *shard = gup_pin_shard_of(rel->index, nr);
	struct gup_pin_block *block;
	unsigned long flags;

	xa_lock_irqsave(&shard->xa, flags);
	if (READ_ONCE(rel->index->recording)) {
		block = gup_pin_index_find(shard, nr);
		if (!block || !block->used) {
			release_unrecorded(rel->index, shard, pins);
		} else {
			release_folio(rel, shard, block, gup_pin_block_bit(pfn),
				      pins, dirty);
			if (!block->used)
				gup_pin_index_emptied(shard, block);
		}
	}
	xa_unlock_irqrestore(&shard->xa, flags);
}

static bool release_only(struct gup_pin_index *index,
			 struct gup_pin_shard *shard, unsigned long pfn,
			 struct gup_pin_drops *drops)
{
	struct gup_pin_block *block;

	block = gup_pin_index_find(shard, gup_pin_block_nr(pfn));
	if (!block || !READ_ONCE(index->recording) ||
	    !all_recorded(index, shard) ||
	    !gup_pin_block_release_only(block, BIT_ULL(gup_pin_block_bit(pfn)),
					drops))
		return false;
	shard->released++;
	shard->folios--;
	if (!block->used)
		gup_pin_index_emptied(shard, block);
	return true;
}

static noinline void release_slowly(struct gup_pin_index *index,
				    unsigned long pfn)
{
	struct gup_pin_releaser rel = { .index = index };

	__gup_pin_release(&rel, pfn, 1, false);
	gup_pin_drop_now(&rel.drops);
}

/**
 * gup_pin_release_single() - forget a pin on a folio, now
 * @index: the index
 * @pfn: of the folio's head
 *
 * As with a &struct gup_pin_releaser, but shorter where the pin is the folio's
 * only one.
 */
void gup_pin_release_single(struct gup_pin_index *index, unsigned long pfn)
{
	struct gup_pin_shard *shard =
		gup_pin_shard_of(index, gup_pin_block_nr(pfn));
	struct gup_pin_drops drops = {};
	unsigned long flags;
	bool done;

	xa_lock_irqsave(&shard->xa, flags);
	done = release_only(index, shard, pfn, &drops);
	xa_unlock_irqrestore(&shard->xa, flags);
	if (done)
		gup_pin_drop_now(&drops);
	else
		release_slowly(index, pfn);
}

/**
 * gup_pin_release_end() - forget what is still to be; the end
 * @rel: the state
 */
void gup_pin_release_end(struct gup_pin_releaser *rel)
{
	if (rel->mask)
		__gup_pin_release_each(rel);
	gup_pin_drop_now(&rel->drops);
}
