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

/**
 * struct attempt - an attempt to record pins on pages of a block
 * @adder: state of the call
 * @nr: number of the block
 * @what: the pins to record
 * @block: preallocated block, or NULL
 * @record: preallocated record, or NULL
 */
struct attempt {
	struct gup_pin_adder *adder;
	unsigned long nr;
	struct gup_pin_record what;
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
	if (unlikely(adder->flags & GUP_PIN_RECORD_FOLIO))
		atomic_long_add(pins, &adder->index->whole);
}

static enum add_result add_locked(struct attempt *try, struct gup_pin_shard *shard,
				  struct xa_state *xas)
{
	struct gup_pin_index *index = try->adder->index;
	struct gup_pin_block *block;

	/*
	 * Checked under the lock: gup_pin_index_flush() clears ->recording and then takes
	 * the lock, so it flushes whatever is added before.
	 */
	if (!READ_ONCE(index->recording))
		return ADD_OFF;
	block = gup_pin_index_find(shard, try->nr);
	if (!block) {
		block = try->block ?: gup_pin_block_alloc(try->nr, AT_HAND);
		if (!block)
			return ADD_NO_BLOCK;
		try->block = block;
		if (!gup_pin_index_insert(shard, block, xas))
			return ADD_NO_NODE;
		block->earlier = gup_pin_earlier_mask(index, try->nr);
		try->block = NULL;
	}
	if (!gup_pin_block_add(shard, block, &try->what, &try->record, AT_HAND))
		return ADD_NO_RECORD;
	count_added(try->adder, shard, (u64)gup_pin_count(try->what.mask) * try->what.pins);
	if (unlikely(block->earlier & try->what.mask))
		gup_pin_earlier_doubt(index, block, try->what.mask);
	if (unlikely(try->what.flags & GUP_PIN_RECORD_ASSUMED)) {
		block->guessed |= try->what.mask;
		block->mixed |= try->what.mask;
	}
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
		try->block = gup_pin_block_alloc(try->nr, gfp);
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

/* The pins need a record other than the block's first. */
static noinline bool add_behind(struct gup_pin_adder *adder, struct gup_pin_shard *shard,
				struct gup_pin_block *block, u64 mask, unsigned int pins)
{
	const struct gup_pin_record what = {
		.origin = adder->origin,
		.time = adder->time,
		.mask = mask,
		.base = adder->base,
		.cookie = adder->cookie,
		.pins = pins,
		.flags = adder->flags,
	};
	struct gup_pin_record *none = NULL;

	return gup_pin_block_add(shard, block, &what, &none, AT_HAND);
}

/*
 * Fast path: the block exists and no allocation has to wait. make bench: scattered on/off
 * 3.79, without this 4.00.
 */
static bool add_quickly(struct gup_pin_adder *adder, struct gup_pin_shard *shard,
			unsigned long nr, u64 mask, unsigned int pins)
{
	struct gup_pin_block *block;
	unsigned long flags;
	bool done;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	done = block && READ_ONCE(adder->index->recording) && !block->earlier &&
	       !(adder->flags & GUP_PIN_RECORD_ASSUMED);
	if (done && gup_pin_block_empty(block)) {
		struct gup_pin_record *record = &block->first;

		record->origin = adder->origin;
		record->time = adder->time;
		record->base = adder->base;
		record->cookie = adder->cookie;
		record->pins = pins;
		record->flags = adder->flags;
		WRITE_ONCE(record->mask, mask);
		block->nr_records = 1;
	} else if (done) {
		done = add_behind(adder, shard, block, mask, pins);
	}
	if (done)
		count_added(adder, shard, (u64)gup_pin_count(mask) * pins);
	xa_unlock_irqrestore(&shard->xa, flags);
	return done;
}

static void add_untracked(struct gup_pin_index *index, struct gup_pin_shard *shard, u64 pins)
{
	unsigned long flags;

	xa_lock_irqsave(&shard->xa, flags);
	if (READ_ONCE(index->recording)) {
		shard->untracked += pins;
		shard->untracked_total += pins;
		gup_pin_count_events(GUP_PIN_UNTRACKED, pins);
	}
	xa_unlock_irqrestore(&shard->xa, flags);
}

static noinline void add_slowly(struct gup_pin_adder *adder, struct gup_pin_shard *shard,
				unsigned long block, u64 mask, unsigned int pins)
{
	u64 all = (u64)gup_pin_count(mask) * pins;
	struct attempt try = {
		.adder = adder,
		.nr = block,
		.what = {
			.origin = adder->origin,
			.time = adder->time,
			.mask = mask,
			.base = adder->base,
			.cookie = adder->cookie,
			.pins = pins,
			.flags = adder->flags,
		},
	};
	enum add_result result = ADD_NO_RECORD;

	if (adder->origin)
		result = add(&try, shard);
	if (result == ADD_DONE)
		adder->added += all;
	else if (result != ADD_OFF)
		add_untracked(adder->index, shard, all);
}

/**
 * __gup_pin_add() - record pins on pages of a block
 * @adder: the state
 * @block: number of the block
 * @mask: bitmap of the pages
 * @pins: number of pins on each page
 *
 * Pins that cannot be recorded for lack of memory are counted as untracked.
 *
 * Context: May sleep if the adder's gfp allows it.
 */
void __gup_pin_add(struct gup_pin_adder *adder, unsigned long block, u64 mask,
		   unsigned int pins)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(adder->index, block);

	if (likely(adder->origin) && add_quickly(adder, shard, block, mask, pins))
		adder->added += (u64)gup_pin_count(mask) * pins;
	else
		add_slowly(adder, shard, block, mask, pins);
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
			adder->base = base;
			__gup_pin_add(adder, gup_pin_block_nr(pfn),
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
	if (adder->origin && adder->added != pins)
		atomic64_sub(pins - adder->added, &adder->origin->acquired);
}
