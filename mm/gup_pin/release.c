// SPDX-License-Identifier: GPL-2.0
/*
 * Forgetting pins: block by block, each under one hold of its shard's lock.
 * Never allocates, never sleeps.
 */
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "gup_pin.h"

/* Pins that have no record: not recorded for lack of memory, too old, or a bug. */
static void release_unrecorded(struct gup_pin_releaser *rel,
			       struct gup_pin_shard *shard, unsigned long block,
			       u64 mask, unsigned int pins)
{
	unsigned int all = gup_pin_count(mask) * pins;
	unsigned int untracked = min_t(u64, all, shard->untracked);

	shard->untracked -= untracked;
	if (!READ_ONCE(rel->index->complete)) {
		shard->before += all - untracked;
		for (; mask; mask &= mask - 1)
			gup_pin_earlier_released(rel->index, __ffs64(mask) +
						 (block << GUP_PIN_BLOCK_SHIFT),
						 pins);
		return;
	}
	shard->unmatched += all - untracked;
	/* If some are known to be untracked, nobody knows which. */
	if (!untracked) {
		rel->unmatched |= mask;
		rel->unmatched_pins = pins;
	}
}

/* Without the lock, and while the folios still have the pins. */
static void tell_unmatched(struct gup_pin_releaser *rel, unsigned long block)
{
	if (rel->ip)
		gup_pin_unmatched(block, rel->unmatched, rel->unmatched_pins,
				  rel->ip);
	rel->unmatched = 0;
}

/*
 * Can no pin be without a record, but for the earlier ones of a block? An unpin may be of
 * those that are.
 */
static bool all_recorded(const struct gup_pin_index *index,
			 const struct gup_pin_shard *shard)
{
	return (READ_ONCE(index->complete) || READ_ONCE(index->earlier.known)) &&
	       !shard->untracked;
}

/*
 * Are all pins on the folio on record, and for read? Then so are those that are
 * about to be released. After a guess, those for write may be the ones that are
 * not on record any more.
 */
static bool only_read_pins(const struct gup_pin_index *index,
			   struct gup_pin_shard *shard, unsigned long pfn,
			   unsigned int pins)
{
	const struct gup_pin_block *block =
		gup_pin_index_find(shard, gup_pin_block_nr(pfn));
	unsigned int calls, recorded, bit = gup_pin_block_bit(pfn);

	if (!block || !(block->used & BIT_ULL(bit)) ||
	    (block->inferred & BIT_ULL(bit)) ||
	    gup_pin_block_writes(block, bit))
		return false;
	recorded = gup_pin_block_pins(block, bit, &calls);
	/* This accuses: what was known when tracking was switched on is not enough. */
	return pins <= recorded &&
	       ((READ_ONCE(index->complete) && !shard->untracked) ||
		!gup_pin_has_unrecorded(pfn, recorded));
}

/*
 * Some of the pins on a folio are about to be released, and which is a guess: may it be
 * wrong about the mode of those that are left? Not if all have the same, or if the
 * release says that it is of a write pin.
 */
static bool guesses_mode(const struct gup_pin_block *block, unsigned int bit,
			 bool dirty, bool unrecorded)
{
	const struct gup_pin_ref *ref;
	struct gup_pin_ref_iter iter;
	unsigned int seen = 0;
	bool writes;

	if (unrecorded)
		return true;
	ref = gup_pin_ref_first(&iter, block, bit, 0);
	writes = ref && gup_pin_call_is_write(ref->call);
	if (dirty && gup_pin_block_writes(block, bit))
		return false;
	for (; ref; ref = gup_pin_ref_next(&iter))
		if (gup_pin_call_is_write(ref->call) != writes ||
		    ++seen == GUP_PIN_CHOSEN_FROM)
			return true;
	return false;
}

/* Nothing is to be learned from what is released now, but from what was before. */
static void forget_site(struct gup_pin_releaser *rel)
{
	gup_pin_drop_now(&rel->drops);
	rel->drops.site = 0;
}

/*
 * What released pins here, should they be released once more. Of a shard that is one
 * block, and of the block one site: neighbouring blocks are of different shards, and most
 * blocks have one site. It costs 14 instructions for each of 512 scattered pages, of 625.
 */
static __always_inline void note_release(struct gup_pin_shard *shard,
					 unsigned long block, u64 mask,
					 const struct gup_pin_drops *drops)
{
	struct gup_pin_last *last = &shard->last;

	if (last->block == block && last->site == drops->site &&
	    last->pid == drops->pid && last->time == (u32)jiffies)
		mask |= last->mask;
	*last = (struct gup_pin_last) {
		.block = block,
		.mask = mask,
		.site = drops->site,
		.time = jiffies,
		.pid = drops->pid,
	};
}

/**
 * gup_pin_last_release() - what released a folio's pins last
 * @index: the index
 * @pfn: of the folio's head
 * @last: filled in
 *
 * Context as gup_pin_hazard().
 *
 * Return: false if it is not known, or not any more.
 */
bool gup_pin_last_release(struct gup_pin_index *index, unsigned long pfn,
			  struct gup_pin_last *last)
{
	unsigned long nr = gup_pin_block_nr(pfn), flags;
	struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);

	xa_lock_irqsave(&shard->xa, flags);
	*last = shard->last;
	xa_unlock_irqrestore(&shard->xa, flags);
	return last->block == nr && last->mask & BIT_ULL(gup_pin_block_bit(pfn));
}

/*
 * On a folio that may have earlier pins: take these, and return how many records are to
 * go.
 */
static noinline unsigned int release_earlier(struct gup_pin_releaser *rel,
					     struct gup_pin_shard *shard,
					     struct gup_pin_block *block,
					     unsigned int bit, unsigned int pins,
					     bool dirty, bool *doubt)
{
	struct gup_pin_hint hint = gup_pin_site_hint(&gup_pin_root.sites,
						     rel->drops.site, dirty);
	struct gup_pin_split split;

	split = gup_pin_earlier_split(rel->index, block, bit, pins, &hint);
	gup_pin_earlier_released(rel->index,
				 (block->nr << GUP_PIN_BLOCK_SHIFT) + bit,
				 split.earlier);
	shard->before += split.earlier;
	*doubt = split.doubt;
	return split.records;
}

/* So many of a folio's records are to go, but not all. */
static void release_some(struct gup_pin_releaser *rel, struct gup_pin_block *block,
			 unsigned int bit, unsigned int pins, unsigned int calls,
			 unsigned long site, bool dirty)
{
	struct gup_pin_hint hint = gup_pin_site_hint(&gup_pin_root.sites, site,
						     dirty);

	gup_pin_block_release_some(block, bit, pins, calls, &hint, &rel->drops);
}

static void release_folio(struct gup_pin_releaser *rel,
			  struct gup_pin_shard *shard,
			  struct gup_pin_block *block, unsigned int bit,
			  unsigned int pins, bool dirty)
{
	unsigned int recorded, calls, taken;
	unsigned long site = rel->drops.site;
	bool guess, unrecorded = false;

	if (unlikely(block->earlier & BIT_ULL(bit)))
		pins = release_earlier(rel, shard, block, bit, pins, dirty,
				       &unrecorded);
	recorded = gup_pin_block_pins(block, bit, &calls);
	taken = min(pins, recorded);
	if (taken)
		note_release(shard, block->nr, BIT_ULL(bit), &rel->drops);
	if (pins > taken)
		release_unrecorded(rel, shard, block->nr, BIT_ULL(bit),
				   pins - taken);
	if (!taken)
		return;

	if (!all_recorded(rel->index, shard))
		unrecorded |= gup_pin_has_unrecorded(bit + (block->nr << GUP_PIN_BLOCK_SHIFT),
						     recorded);
	guess = (taken < recorded && calls > 1) || unrecorded;
	shard->released += taken;
	if (guess)
		shard->inferred += taken;
	if (guess || (block->inferred & BIT_ULL(bit)))
		forget_site(rel);
	if (taken == recorded) {
		shard->folios--;
		gup_pin_block_release_all(block, bit, &rel->drops);
	} else {
		if (guess && guesses_mode(block, bit, dirty, unrecorded))
			block->unsure = true;
		if (guess)
			block->inferred |= BIT_ULL(bit);
		release_some(rel, block, bit, taken, calls, site, dirty);
	}
	if (!rel->drops.site && site) {
		gup_pin_drop_now(&rel->drops);
		rel->drops.site = site;
	}
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
			note_release(shard, block->nr, mask, &rel->drops);
			shard->released++;
			shard->folios--;
			return;
		}
		left = gup_pin_block_release_each(block, mask, &rel->drops);
		released = gup_pin_count(mask & ~left);
		if (released)
			note_release(shard, block->nr, mask & ~left,
				     &rel->drops);
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
			release_unrecorded(rel, shard, rel->block, rel->mask, 1);
		} else {
			release_mask(rel, shard, block, rel->mask);
			if (!block->used)
				gup_pin_index_emptied(shard, block);
		}
	}
	xa_unlock_irqrestore(&shard->xa, flags);
	if (unlikely(rel->unmatched))
		tell_unmatched(rel, rel->block);
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
	if (dirty && rel->ip && only_read_pins(rel->index, shard, pfn, pins)) {
		/* While they are on record, so that they can be told of. */
		xa_unlock_irqrestore(&shard->xa, flags);
		gup_pin_dirty_read(pfn, rel->ip);
		xa_lock_irqsave(&shard->xa, flags);
	}
	if (READ_ONCE(rel->index->recording)) {
		block = gup_pin_index_find(shard, nr);
		if (!block || !block->used) {
			release_unrecorded(rel, shard, nr,
					   BIT_ULL(gup_pin_block_bit(pfn)),
					   pins);
		} else {
			release_folio(rel, shard, block, gup_pin_block_bit(pfn),
				      pins, dirty);
			if (!block->used)
				gup_pin_index_emptied(shard, block);
		}
	}
	xa_unlock_irqrestore(&shard->xa, flags);
	if (unlikely(rel->unmatched))
		tell_unmatched(rel, nr);
}

static bool release_only(struct gup_pin_index *index,
			 struct gup_pin_shard *shard, unsigned long pfn,
			 struct gup_pin_drops *drops)
{
	struct gup_pin_block *block;

	block = gup_pin_index_find(shard, gup_pin_block_nr(pfn));
	if (!block || !READ_ONCE(index->quick) || shard->untracked ||
	    !gup_pin_block_release_only(block, BIT_ULL(gup_pin_block_bit(pfn)),
					drops))
		return false;
	note_release(shard, block->nr, BIT_ULL(gup_pin_block_bit(pfn)), drops);
	shard->released++;
	shard->folios--;
	if (!block->used)
		gup_pin_index_emptied(shard, block);
	return true;
}

/**
 * gup_pin_release_only() - forget the only pin on a folio, if that is easy
 * @index: the index
 * @pfn: of the folio's head
 * @site: return address into the caller of the unpin function
 *
 * So most unpins are, and no releaser is needed.
 *
 * Return: false if it is not, and nothing has changed.
 */
bool gup_pin_release_only(struct gup_pin_index *index, unsigned long pfn,
			  unsigned long site)
{
	struct gup_pin_shard *shard =
		gup_pin_shard_of(index, gup_pin_block_nr(pfn));
	struct gup_pin_drops drops = {
		.site = site,
		.pid = gup_pin_unpinning_pid(),
	};
	unsigned long flags;
	bool done;

	xa_lock_irqsave(&shard->xa, flags);
	done = release_only(index, shard, pfn, &drops);
	xa_unlock_irqrestore(&shard->xa, flags);
	/* Mostly it was a block's own. */
	if (drops.call)
		gup_pin_drop_now(&drops);
	return done;
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
