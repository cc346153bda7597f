// SPDX-License-Identifier: GPL-2.0
/*
 * The index: page pfn / 64 -> block.
 */
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "internal.h"

/* Blocks to look up one by one before searching every shard. */
#define BLOCKS_PROBED	16

/* Records to drop under one hold of a lock. */
#define FLUSH_BATCH	64

/*
 * Count the xa_nodes in use. xas_store() calls the update function for each change of a
 * node's count. While entries are only added, a count of 1 is a new node; while they are
 * only removed, a count of 0 is a freed node.
 */
static void count_node(struct xa_node *node, int change)
{
	container_of(node->array, struct gup_pin_shard, xa)->nodes += change;
	gup_pin_memory_count(change * (long)sizeof(*node));
}

static void count_new_node(struct xa_node *node)
{
	if (node->count == 1)
		count_node(node, 1);
}

static void count_freed_node(struct xa_node *node)
{
	if (!node->count)
		count_node(node, -1);
}

/**
 * gup_pin_index_init() - initialise an index
 * @index: the index, zeroed
 */
void gup_pin_index_init(struct gup_pin_index *index)
{
	static struct lock_class_key earlier_key;
	unsigned int i;

	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		xa_init_flags(&index->shards[i].xa, XA_FLAGS_LOCK_IRQ);
	xa_init_flags(&index->earlier.xa, XA_FLAGS_LOCK_IRQ);
	/* Nests inside the lock of a shard. */
	lockdep_set_class(&index->earlier.xa.xa_lock, &earlier_key);
}

/* Slow path of gup_pin_index_find(). */
struct gup_pin_block *__gup_pin_index_find(struct gup_pin_shard *shard, unsigned long nr)
{
	struct gup_pin_block *block = xa_load(&shard->xa, gup_pin_key(nr));

	if (block)
		*gup_pin_recent(shard, nr) = block;
	return block;
}

/**
 * gup_pin_index_insert() - insert a new block
 * @shard: its shard, whose lock is held
 * @block: the block, with its number set
 * @xas: state on the shard's xarray, for xas_nomem() after a failure
 *
 * Return: false if there is no memory for an xa_node.
 */
bool gup_pin_index_insert(struct gup_pin_shard *shard, struct gup_pin_block *block,
			  struct xa_state *xas)
{
	lockdep_assert_held(&shard->xa.xa_lock);
	xas_set(xas, gup_pin_key(block->nr));
	xas_set_update(xas, count_new_node);
	xas_store(xas, block);
	if (xas_error(xas))
		return false;
	*gup_pin_recent(shard, block->nr) = block;
	return true;
}

static void remove(struct gup_pin_shard *shard, struct gup_pin_block *block)
{
	XA_STATE(xas, &shard->xa, gup_pin_key(block->nr));

	xas_set_update(&xas, count_freed_node);
	xas_store(&xas, NULL);
	if (*gup_pin_recent(shard, block->nr) == block)
		*gup_pin_recent(shard, block->nr) = NULL;
	gup_pin_free_later(shard, GUP_PIN_BLOCKS, block);
}

/*
 * Keep an empty block, and drop one that became empty earlier. make bench: thp on/off
 * 1.50, without this 2.57; scattered 2.79, without this 3.82.
 */
static void keep(struct gup_pin_shard *shard, struct gup_pin_block *block)
{
	struct gup_pin_block *old = shard->kept[shard->next_kept];

	shard->kept[shard->next_kept] = block;
	shard->next_kept = (shard->next_kept + 1) % GUP_PIN_KEPT;
	block->kept = true;
	if (!old)
		return;
	old->kept = false;
	if (gup_pin_block_empty(old))
		remove(shard, old);
}

/* Slow path of gup_pin_index_tidy(). */
void __gup_pin_index_tidy(struct gup_pin_shard *shard, struct gup_pin_block *block)
{
	lockdep_assert_held(&shard->xa.xa_lock);
	if (block->kept)
		return;
	/* Earlier pins are looked up only when a block is created. */
	if (READ_ONCE(gup_pin_max_memory_mb) || block->earlier)
		remove(shard, block);
	else
		keep(shard, block);
}

static void drop_kept(struct gup_pin_shard *shard)
{
	unsigned int i;

	lockdep_assert_held(&shard->xa.xa_lock);
	for (i = 0; i < GUP_PIN_KEPT; i++) {
		struct gup_pin_block *block = shard->kept[i];

		shard->kept[i] = NULL;
		if (!block)
			continue;
		block->kept = false;
		if (gup_pin_block_empty(block))
			remove(shard, block);
	}
	gup_pin_drop_spare(shard);
}

/**
 * gup_pin_index_drop_kept() - free the cached empty blocks and free records
 * @index: the index
 *
 * Context: Any context in which the lock of a shard may be taken.
 */
void gup_pin_index_drop_kept(struct gup_pin_index *index)
{
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < GUP_PIN_NR_SHARDS; i++) {
		xa_lock_irqsave(&index->shards[i].xa, flags);
		drop_kept(&index->shards[i]);
		gup_pin_shard_unlock(&index->shards[i], flags);
	}
}

/**
 * gup_pin_index_totals() - sum up the counters of all shards
 * @index: the index
 * @totals: filled in; consistent within each shard only
 */
void gup_pin_index_totals(struct gup_pin_index *index, struct gup_pin_totals *totals)
{
	unsigned int i;

	memset(totals, 0, sizeof(*totals));
	for (i = 0; i < GUP_PIN_NR_SHARDS; i++) {
		struct gup_pin_shard *shard = &index->shards[i];
		unsigned long flags;

		xa_lock_irqsave(&shard->xa, flags);
		totals->acquired += shard->acquired;
		totals->released += shard->released;
		totals->inferred += shard->inferred;
		totals->unmatched += shard->unmatched;
		totals->before += shard->before;
		totals->untracked += shard->untracked;
		totals->untracked_total += shard->untracked_total;
		xa_unlock_irqrestore(&shard->xa, flags);
	}
}

/**
 * gup_pin_index_pins() - number of recorded pins on contiguous pages
 * @index: the index
 * @pfn: the first page
 * @npages: number of pages
 *
 * Context: Any context in which the lock of a shard may be taken.
 *
 * Return: the number of pins; exact if there are no concurrent pins and unpins.
 */
u64 gup_pin_index_pins(struct gup_pin_index *index, unsigned long pfn, unsigned long npages)
{
	unsigned long nr = gup_pin_block_nr(pfn), last = gup_pin_block_nr(pfn + npages - 1);
	u64 pins = 0;

	for (; nr <= last; nr++) {
		struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
		u64 mask = gup_pin_folio_mask(nr, pfn, npages);
		struct gup_pin_record *record;
		struct gup_pin_block *block;
		unsigned int looked = 0;
		unsigned long flags;

		xa_lock_irqsave(&shard->xa, flags);
		block = gup_pin_index_find(shard, nr);
		record = block ? &block->first : NULL;
		while (record) {
			pins += hweight64(record->mask & mask) * record->pins;
			if (++looked % GUP_PIN_LOOK)
				record = gup_pin_next_record(block, record);
			else
				record = gup_pin_pause(shard, block, record, &flags);
		}
		if (block)
			gup_pin_index_tidy(shard, block);
		gup_pin_shard_unlock(shard, flags);
	}
	return pins;
}

/* The shard's first block in the index at or after @from. */
static unsigned long shard_next(struct gup_pin_index *index, unsigned int nr,
				unsigned long from)
{
	unsigned long key = gup_pin_key(from);

	/* Round up to a block of this shard. */
	if (gup_pin_shard_nr(from) > nr)
		key++;
	if (!xa_find(&index->shards[nr].xa, &key, ULONG_MAX, XA_PRESENT))
		return ULONG_MAX;
	return gup_pin_key_block(key, nr);
}

/**
 * gup_pin_index_next() - find the next block in the index
 * @index: the index
 * @from: number of the first block to consider
 *
 * Fast if the next block is near.
 *
 * Return: number of the block; ULONG_MAX if there is none.
 */
unsigned long gup_pin_index_next(struct gup_pin_index *index, unsigned long from)
{
	unsigned long next = ULONG_MAX;
	unsigned int i;

	for (i = 0; i < BLOCKS_PROBED && from < ULONG_MAX; i++, from++)
		if (xa_load(&gup_pin_shard_of(index, from)->xa, gup_pin_key(from)))
			return from;
	for (i = 0; i < GUP_PIN_NR_SHARDS && from < ULONG_MAX; i++)
		next = min(next, shard_next(index, i, from));
	return next;
}

/* Replace @newest by the task's newest record in the block, unless that is older. */
static void find_newest(struct gup_pin_block *block, u64 mask, pid_t pid,
			struct gup_pin_record *newest, struct gup_pin_id *id)
{
	struct gup_pin_record *record = list_last_entry(&block->first.list,
							struct gup_pin_record, list);
	unsigned int looked;

	for (looked = 0; looked < GUP_PIN_LOOK; looked++) {
		if ((record->mask & mask) && record->origin->id.pid == pid) {
			if (!newest->mask || record->time >= newest->time) {
				*newest = *record;
				*id = record->origin->id;
				if (block->guessed & record->mask & mask)
					newest->flags |= GUP_PIN_RECORD_UNSURE;
			}
			return;
		}
		if (record == &block->first)
			return;
		record = list_prev_entry(record, list);
	}
}

/**
 * gup_pin_index_newest() - find the pin that an additional pin continues
 * @index: the index
 * @pfn: head of the folio
 * @npages: number of pages of the folio
 * @pid: the task
 * @record: set to a copy of the task's newest record on the folio; do not
 *	dereference its @origin. GUP_PIN_RECORD_UNSURE is set if it is in doubt
 * @id: set to the id of its origin
 *
 * Context: Any context in which the lock of a shard may be taken.
 *
 * Return: false if the task has no recorded pin on the folio.
 */
bool gup_pin_index_newest(struct gup_pin_index *index, unsigned long pfn,
			  unsigned long npages, pid_t pid,
			  struct gup_pin_record *record, struct gup_pin_id *id)
{
	unsigned long nr = gup_pin_block_nr(pfn), last = gup_pin_block_nr(pfn + npages - 1);
	u64 mask = npages < GUP_PIN_BLOCK_PAGES ?
		   (BIT_ULL(npages) - 1) << gup_pin_block_bit(pfn) : U64_MAX;

	record->mask = 0;
	for (; nr <= last; nr++) {
		struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
		struct gup_pin_block *block;
		unsigned long flags;

		xa_lock_irqsave(&shard->xa, flags);
		block = gup_pin_index_find(shard, nr);
		if (block)
			find_newest(block, mask, pid, record, id);
		xa_unlock_irqrestore(&shard->xa, flags);
	}
	return record->mask;
}

static void drop_record(struct gup_pin_shard *shard, struct gup_pin_block *block,
			struct gup_pin_record *record)
{
	u64 pins = gup_pin_record_pins(record);

	shard->released += pins;
	gup_pin_origin_put(record->origin, pins);
	gup_pin_block_drop(shard, block, record);
}

/*
 * Drop all records of a block, in batches. If the place of a reader keeps it, it is older than
 * what switching on again finds.
 */
static void flush_block(struct gup_pin_shard *shard, struct gup_pin_block *block,
			unsigned long *flags)
	__must_hold(&shard->xa.xa_lock)
{
	struct gup_pin_record *record, place = {};
	unsigned int looked = 0;

	if (block->first.mask)
		drop_record(shard, block, &block->first);
	gup_pin_place_add(block, &place, &block->first.list);
	while ((record = gup_pin_next_record(block, &place))) {
		if (record->mask)
			drop_record(shard, block, record);
		else
			list_move(&place.list, &record->list);
		if (++looked % FLUSH_BATCH)
			continue;
		gup_pin_shard_unlock(shard, *flags);
		cond_resched();
		xa_lock_irqsave(&shard->xa, *flags);
	}
	gup_pin_place_del(block, &place);
	block->alike = 0;
	block->guessed = 0;
	block->mixed = 0;
	block->earlier = U64_MAX;
}

/* After failed allocations, empty nodes may be left that are still counted. */
static void drop_nodes(struct gup_pin_shard *shard)
{
	unsigned long key = 0, flags;

	xa_lock_irqsave(&shard->xa, flags);
	drop_kept(shard);
	gup_pin_shard_unlock(shard, flags);
	if (xa_find(&shard->xa, &key, ULONG_MAX, XA_PRESENT))
		return;
	gup_pin_memory_count(-(long)(shard->nodes * sizeof(struct xa_node)));
	shard->nodes = 0;
	xa_destroy(&shard->xa);
}

/* A paused walk resumes at its key, so the lock may be dropped anywhere. */
static void flush_shard(struct gup_pin_shard *shard)
{
	struct gup_pin_block *block;
	unsigned long flags;

	XA_STATE(xas, &shard->xa, 0);

	xas_lock_irqsave(&xas, flags);
	xas_for_each(&xas, block, ULONG_MAX) {
		xas_pause(&xas);
		flush_block(shard, block, &flags);
		gup_pin_index_tidy(shard, block);
		gup_pin_shard_unlock(shard, flags);
		cond_resched();
		xas_lock_irqsave(&xas, flags);
	}
	shard->untracked = 0;
	shard->untracked_guessed = 0;
	xas_unlock_irqrestore(&xas, flags);
	drop_nodes(shard);
}

/**
 * gup_pin_index_flush() - drop all records
 * @index: the index, with ->recording already cleared
 *
 * A block with the place of a reader is left to that reader.
 *
 * Context: Process context. May sleep.
 */
void gup_pin_index_flush(struct gup_pin_index *index)
{
	unsigned int i;

	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		flush_shard(&index->shards[i]);
	atomic_long_set(&index->whole, 0);
	WRITE_ONCE(index->whole_untracked, false);
}
