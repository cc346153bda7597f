// SPDX-License-Identifier: GPL-2.0
/*
 * Recording pins: by block, under one hold of the shard's lock for each.
 */
#include <linux/mm.h>
#include <linux/vmstat.h>
#include <linux/xarray.h>

#include "../compat.h"
#include "internal.h"

/* Allocate under the lock without waiting, as the xarray does. */
#define AT_HAND		(GFP_NOWAIT | __GFP_NOMEMALLOC | __GFP_NOWARN)

/* The record is a guess from the start. */
#define DOUBTFUL	(GUP_PIN_RECORD_ASSUMED | GUP_PIN_RECORD_UNSURE)

/**
 * struct attempt - an attempt to record the pending pins
 * @adder: state of the call
 * @block: preallocated block, or NULL
 * @record: preallocated record, or NULL
 */
struct attempt {
	struct gup_pin_adder *adder;
	struct gup_pin_block *block;
	struct gup_pin_record *record;
};

enum add_result {
	ADD_DONE,
	ADD_OFF,
	ADD_NO_NODE,
	ADD_NO_BLOCK,
	ADD_NO_RECORD,
};

static void count_added(const struct gup_pin_adder *adder, struct gup_pin_shard *shard,
			u64 pins)
{
	shard->acquired += pins;
	if (unlikely(adder->what.flags & GUP_PIN_RECORD_FOLIO))
		atomic_long_add(pins, &adder->index->whole);
}

static enum add_result add_locked(struct attempt *try, struct gup_pin_shard *shard,
				  struct xa_state *xas)
{
	const struct gup_pin_record *what = &try->adder->what;
	struct gup_pin_index *index = try->adder->index;
	unsigned long nr = try->adder->block;
	struct gup_pin_block *block;

	/*
	 * Checked under the lock: gup_pin_index_flush() clears ->recording and then takes
	 * the lock, so it flushes whatever is added before.
	 */
	if (!READ_ONCE(index->recording))
		return ADD_OFF;
	block = gup_pin_index_find(shard, nr);
	if (!block) {
		block = try->block ?: gup_pin_block_alloc(nr, AT_HAND);
		if (!block)
			return ADD_NO_BLOCK;
		try->block = block;
		if (!gup_pin_index_insert(shard, block, xas))
			return ADD_NO_NODE;
		block->earlier = gup_pin_earlier_mask(index, nr);
		try->block = NULL;
	}
	if (!gup_pin_block_add(shard, block, what, &try->record, AT_HAND))
		return ADD_NO_RECORD;
	count_added(try->adder, shard, gup_pin_record_pins(what));
	if (unlikely(block->earlier & what->mask))
		gup_pin_earlier_doubt(index, block, what->mask);
	if (unlikely(what->flags & DOUBTFUL))
		block->guessed |= what->mask;
	if (unlikely(what->flags & GUP_PIN_RECORD_ASSUMED))
		block->mixed |= what->mask;
	return ADD_DONE;
}

/* Allocate what was missing, without the lock. */
static bool refill(struct attempt *try, struct xa_state *xas, enum add_result result)
{
	gfp_t gfp = try->adder->gfp;

	switch (result) {
	case ADD_NO_NODE:
		return xas_nomem(xas, gfp);
	case ADD_NO_BLOCK:
		try->block = gup_pin_block_alloc(try->adder->block, gfp);
		return try->block;
	default:
		try->record = gup_pin_alloc(GUP_PIN_RECORDS, gfp);
		return try->record;
	}
}

static enum add_result add(struct attempt *try, struct gup_pin_shard *shard)
{
	enum add_result result;
	unsigned long flags;

	XA_STATE(xas, &shard->xa, 0);

	do {
		xa_lock_irqsave(&shard->xa, flags);
		result = add_locked(try, shard, &xas);
		xa_unlock_irqrestore(&shard->xa, flags);
	} while (unlikely(result > ADD_OFF) && refill(try, &xas, result));
	gup_pin_free(GUP_PIN_BLOCKS, try->block);
	gup_pin_free(GUP_PIN_RECORDS, try->record);
	xas_destroy(&xas);
	return result;
}

/*
 * Fast path: the block exists and no allocation has to wait. make bench: scattered on/off
 * 2.79, without this 2.94.
 */
static bool add_quickly(struct gup_pin_adder *adder, struct gup_pin_shard *shard, u64 pins)
{
	const struct gup_pin_record *what = &adder->what;
	struct gup_pin_record *none = NULL;
	struct gup_pin_block *block;
	unsigned long flags;
	bool done;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, adder->block);
	done = block && READ_ONCE(adder->index->recording) && !block->earlier &&
	       !(what->flags & DOUBTFUL) &&
	       gup_pin_block_add(shard, block, what, &none, AT_HAND);
	if (done)
		count_added(adder, shard, pins);
	xa_unlock_irqrestore(&shard->xa, flags);
	return done;
}

static void add_untracked(const struct gup_pin_adder *adder, struct gup_pin_shard *shard,
			  u64 pins)
{
	struct gup_pin_index *index = adder->index;
	unsigned long flags;

	xa_lock_irqsave(&shard->xa, flags);
	if (READ_ONCE(index->recording)) {
		if (adder->what.flags & GUP_PIN_RECORD_FOLIO)
			WRITE_ONCE(index->whole_untracked, true);
		shard->untracked += pins;
		shard->untracked_total += pins;
		gup_pin_count_events(GUP_PIN_UNTRACKED, pins);
	}
	xa_unlock_irqrestore(&shard->xa, flags);
}

static noinline void add_slowly(struct gup_pin_adder *adder, struct gup_pin_shard *shard,
				u64 pins)
{
	enum add_result result = ADD_NO_RECORD;
	struct attempt try = { .adder = adder };

	if (adder->what.origin)
		result = add(&try, shard);
	if (result == ADD_DONE)
		adder->added += pins;
	else if (result != ADD_OFF)
		add_untracked(adder, shard, pins);
}

/*
 * Slow path of gup_pin_add_flush(). Pins that cannot be recorded for lack of memory are
 * counted as untracked.
 */
void __gup_pin_add_flush(struct gup_pin_adder *adder)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(adder->index, adder->block);
	u64 pins = gup_pin_record_pins(&adder->what);

	if (likely(adder->what.origin) && add_quickly(adder, shard, pins))
		adder->added += pins;
	else
		add_slowly(adder, shard, pins);
}

/**
 * gup_pin_add_mask() - record pins on pages of a block
 * @adder: the state
 * @block: number of the block
 * @mask: bitmap of the pages
 * @pins: number of pins on each page
 *
 * Context: May sleep if the adder's gfp allows it.
 */
void gup_pin_add_mask(struct gup_pin_adder *adder, unsigned long block, u64 mask,
		      unsigned int pins)
{
	gup_pin_add_flush(adder);
	adder->block = block;
	adder->what.mask = mask;
	adder->what.pins = pins;
	gup_pin_add_flush(adder);
}

/**
 * gup_pin_add_range() - record a pin on each of contiguous pages
 * @adder: the state
 * @pfn: the first page
 * @npages: number of pages
 * @base: see &gup_pin_record.base
 *
 * Same as gup_pin_add() on each page.
 */
void gup_pin_add_range(struct gup_pin_adder *adder, unsigned long pfn, unsigned long npages,
		       unsigned long base)
{
	while (npages) {
		unsigned int bit = gup_pin_block_bit(pfn);
		unsigned long nr = min(npages, GUP_PIN_BLOCK_PAGES - bit);

		if (nr == 1) {
			gup_pin_add(adder, pfn, base);
		} else {
			gup_pin_add_flush(adder);
			adder->what.base = base;
			gup_pin_add_mask(adder, gup_pin_block_nr(pfn),
					 GENMASK_ULL(bit + nr - 1, bit), 1);
		}
		pfn += nr;
		npages -= nr;
	}
}

/**
 * gup_pin_add_end() - finish recording the pins of a call
 * @adder: the state
 * @pins: number of pins that the origin was charged with
 *
 * Takes pins that were not recorded off the origin's count.
 */
void gup_pin_add_end(struct gup_pin_adder *adder, u64 pins)
{
	gup_pin_add_flush(adder);
	if (adder->what.origin && adder->added != pins)
		atomic64_sub(pins - adder->added, &adder->what.origin->acquired);
}
