// SPDX-License-Identifier: GPL-2.0
/*
 * Recording pins: block by block, each under one hold of its shard's lock.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/clock.h>
#include <linux/vmstat.h>
#include <linux/xarray.h>

#include "gup_pin.h"

enum add_result {
	ADD_DONE,
	ADD_OFF,
	ADD_NO_NODE,
	ADD_NO_OBJECT,
};

/**
 * struct attempt - an attempt to add pins to a block
 * @adder: the state of the whole call
 * @shard: the block's shard
 * @nr: the block's number
 * @mask: folios that are still to be added
 * @pins: pins on each of them
 * @spare: memory
 * @missing: what @spare would have had to have
 */
struct attempt {
	struct gup_pin_adder *adder;
	struct gup_pin_shard *shard;
	unsigned long nr;
	u64 mask;
	unsigned int pins;
	struct gup_pin_spare spare;
	enum gup_pin_kind missing;
};

/* Make the block of these pfns. */
static enum add_result insert_block(struct attempt *try, struct xa_state *xas)
{
	struct gup_pin_block *block = try->spare.block;

	try->missing = GUP_PIN_BLOCKS;
	if (!block)
		return ADD_NO_OBJECT;
	block->nr = try->nr;
	if (!gup_pin_index_insert(try->shard, block, xas))
		return ADD_NO_NODE;
	block->earlier = gup_pin_earlier_mask(try->adder->index, try->nr);
	try->spare.block = NULL;
	return ADD_DONE;
}

/* Add what can be, under the lock; what is still in @try->mask could not. */
static enum add_result add_locked(struct attempt *try, struct xa_state *xas)
{
	struct gup_pin_shard *shard = try->shard;
	struct gup_pin_block *block;
	enum add_result result;
	u64 used, left;

	/*
	 * Checked under the lock: gup_pin_index_flush() takes it after it has
	 * cleared this, so what is added is either not or flushed.
	 */
	if (!READ_ONCE(try->adder->index->recording))
		return ADD_OFF;
	block = gup_pin_index_find(shard, try->nr);
	if (!block) {
		result = insert_block(try, xas);
		if (result != ADD_DONE)
			return result;
		block = gup_pin_index_find(shard, try->nr);
	}
	used = block->used;
	left = gup_pin_block_add(block, try->adder->call, try->mask, try->pins,
				 try->adder->fresh, &try->spare, &try->missing);
	gup_pin_block_doubt_earlier(block);
	shard->acquired += (u64)gup_pin_count(try->mask & ~left) * try->pins;
	shard->folios += gup_pin_count(block->used & ~used);
	/* With a part of its folios a call may have got a layer already. */
	if (left != try->mask)
		try->adder->fresh = false;
	try->mask = left;
	return left ? ADD_NO_OBJECT : ADD_DONE;
}

static enum add_result try_add(struct attempt *try, struct xa_state *xas)
{
	enum add_result result;
	unsigned long flags;

	xa_lock_irqsave(&try->shard->xa, flags);
	result = add_locked(try, xas);
	xa_unlock_irqrestore(&try->shard->xa, flags);
	return result;
}

/* Get what was missing, without a lock. */
static bool refill(struct attempt *try, struct xa_state *xas,
		   enum add_result result)
{
	struct gup_pin_spare *spare = &try->spare;
	gfp_t gfp = try->adder->gfp;

	if (result == ADD_NO_NODE)
		return xas_nomem(xas, gfp);
	switch (try->missing) {
	case GUP_PIN_BLOCKS:
		spare->block = gup_pin_block_alloc(gfp);
		return spare->block;
	case GUP_PIN_LAYERS:
		spare->layer = gup_pin_alloc(GUP_PIN_LAYERS, gfp);
		return spare->layer;
	case GUP_PIN_SLOTS:
		spare->slots = gup_pin_alloc(GUP_PIN_SLOTS, gfp);
		return spare->slots;
	case GUP_PIN_SETS:
		spare->set = gup_pin_set_alloc(gfp);
		return spare->set;
	case GUP_PIN_REFS:
		spare->chunk = gup_pin_chunk_alloc(gfp);
		return spare->chunk;
	default:
		return false;
	}
}

static void free_spare(struct gup_pin_spare *spare)
{
	gup_pin_free(GUP_PIN_BLOCKS, spare->block);
	gup_pin_free(GUP_PIN_LAYERS, spare->layer);
	gup_pin_free(GUP_PIN_SLOTS, spare->slots);
	gup_pin_free(GUP_PIN_SETS, spare->set);
	gup_pin_free(GUP_PIN_REFS, spare->chunk);
}

/* Get what is missing and try again; other CPUs may come in between. */
static noinline enum add_result add_slowly(struct attempt *try)
{
	enum add_result result;

	XA_STATE(xas, &try->shard->xa, 0);

	do {
		result = try_add(try, &xas);
	} while (result > ADD_OFF && refill(try, &xas, result));
	free_spare(&try->spare);
	xas_destroy(&xas);
	return result;
}

/* Nearly always the block is there, and its folios have no pins yet. */
static bool add_quickly(struct gup_pin_adder *adder,
			struct gup_pin_shard *shard, unsigned long nr, u64 mask,
			unsigned int pins)
{
	struct gup_pin_block *block;
	unsigned long flags;
	unsigned int folios = gup_pin_count(mask);
	bool done;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	done = block && READ_ONCE(adder->index->recording) &&
	       gup_pin_block_add_new(block, adder->call, mask, pins);
	if (done) {
		gup_pin_block_doubt_earlier(block);
		shard->acquired += folios * pins;
		shard->folios += folios;
	}
	xa_unlock_irqrestore(&shard->xa, flags);
	return done;
}

static void add_untracked(struct attempt *try)
{
	u64 pins = (u64)gup_pin_count(try->mask) * try->pins;
	struct gup_pin_shard *shard = try->shard;
	unsigned long flags;

	xa_lock_irqsave(&shard->xa, flags);
	if (READ_ONCE(try->adder->index->recording)) {
		shard->untracked += pins;
		shard->untracked_total += pins;
		count_vm_events(GUP_PIN_UNTRACKED, pins);
	}
	xa_unlock_irqrestore(&shard->xa, flags);
}

static noinline void add_rest(struct gup_pin_adder *adder,
			      struct gup_pin_shard *shard, unsigned long nr,
			      u64 mask, unsigned int pins)
{
	struct attempt try = {
		.adder = adder,
		.shard = shard,
		.nr = nr,
		.mask = mask,
		.pins = pins,
	};
	enum add_result result = ADD_NO_OBJECT;

	if (adder->call)
		result = add_slowly(&try);
	if (result == ADD_DONE)
		return;
	adder->left += gup_pin_count(try.mask) * pins;
	if (result != ADD_OFF)
		add_untracked(&try);
}

/**
 * __gup_pin_add() - record pins on folios of a block
 * @adder: the state
 * @block: the block's number
 * @mask: the folios
 * @pins: pins on each of them; 1, or else @mask has just one folio
 *
 * What cannot be recorded for lack of memory is counted as untracked and, as
 * what is not recorded because tracking is off, added to @adder->left.
 */
void __gup_pin_add(struct gup_pin_adder *adder, unsigned long block, u64 mask,
		   unsigned int pins)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(adder->index, block);

	if (!adder->call || !add_quickly(adder, shard, block, mask, pins))
		add_rest(adder, shard, block, mask, pins);
	adder->fresh = false;
}

static __always_inline int try_single(struct gup_pin_index *index,
				      unsigned long pfn,
				      struct gup_pin_origin *origin,
				      unsigned long addr, pgoff_t pgoff,
				      struct gup_pin_call **group)
{
	unsigned long nr = gup_pin_block_nr(pfn);
	struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
	struct gup_pin_call *own = ERR_PTR(-ENOENT);
	struct gup_pin_block *block;
	u64 time = local_clock();
	unsigned long flags;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	if (block && READ_ONCE(index->recording))
		own = gup_pin_block_add_own(block, gup_pin_block_bit(pfn),
					    group);
	if (!IS_ERR(own)) {
		gup_pin_block_doubt_earlier(block);
		own->origin = origin;
		own->time = time;
		own->addr = addr;
		own->index = pgoff;
		own->npages = 1 | GUP_PIN_CALL_OWN;
		atomic_set(&own->live, 1);
		this_cpu_inc(gup_pin_live_calls);
		shard->acquired++;
		shard->folios++;
	}
	xa_unlock_irqrestore(&shard->xa, flags);
	return PTR_ERR_OR_ZERO(own);
}

static noinline bool add_single_slowly(struct gup_pin_index *index,
				       unsigned long pfn,
				       struct gup_pin_origin *origin,
				       unsigned long addr, pgoff_t pgoff,
				       gfp_t gfp)
{
	struct gup_pin_call *group = gup_pin_alloc(GUP_PIN_CALL_GROUPS, gfp);
	int err;

	if (!group)
		return false;
	err = try_single(index, pfn, origin, addr, pgoff, &group);
	gup_pin_free(GUP_PIN_CALL_GROUPS, group);
	return !err;
}

/**
 * gup_pin_add_single() - record a call that has a single pin, if that is easy
 * @index: the index
 * @pfn: of the folio's head
 * @origin: of the call, which takes over the caller's reference
 * @addr: user address of the page
 * @pgoff: index of the page in its mapping
 * @gfp: how memory may be allocated
 *
 * May sleep if @gfp says so.
 *
 * Return: false if there is no room for the call in the folio's block; then
 * nothing has changed.
 */
bool gup_pin_add_single(struct gup_pin_index *index, unsigned long pfn,
			struct gup_pin_origin *origin, unsigned long addr,
			pgoff_t pgoff, gfp_t gfp)
{
	int err = try_single(index, pfn, origin, addr, pgoff, NULL);

	if (err == -ENOMEM)
		return add_single_slowly(index, pfn, origin, addr, pgoff, gfp);
	return !err;
}
