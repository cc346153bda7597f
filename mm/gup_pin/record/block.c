// SPDX-License-Identifier: GPL-2.0
/*
 * A block: 64 contiguous pages, and a list of the records on them, oldest first.
 *
 * A call that pins many pages mostly gets contiguous ones. A record has them in one
 * bitmap, so that adding or removing them all is a single operation.
 *
 * Everything here is protected by the lock of the block's shard.
 */
#include <linux/list.h>
#include <linux/string.h>

#include "internal.h"

/**
 * gup_pin_block_alloc() - allocate an empty block
 * @nr: number of the block
 * @gfp: flags for the allocation
 *
 * Return: the block, or NULL if there is no memory.
 */
struct gup_pin_block *gup_pin_block_alloc(unsigned long nr, gfp_t gfp)
{
	struct gup_pin_block *block = gup_pin_alloc(GUP_PIN_BLOCKS, gfp);

	if (block) {
		memset(block, 0, sizeof(*block));
		block->nr = nr;
		INIT_LIST_HEAD(&block->first.list);
	}
	return block;
}

/*
 * Take a free record that the shard has kept, or allocate one. make bench: single on/off
 * 2.14, without the kept ones 2.59; scattered 2.79, without 3.49.
 */
static struct gup_pin_record *record_get(struct gup_pin_shard *shard, gfp_t gfp)
{
	struct gup_pin_freed *spare = shard->spare;

	if (!spare)
		return gup_pin_alloc(GUP_PIN_RECORDS, gfp);
	shard->spare = spare->next;
	shard->nr_spare--;
	return (struct gup_pin_record *)spare;
}

/* Keep a free record for record_get(), unless there is a bound on memory. */
static void record_put(struct gup_pin_shard *shard, struct gup_pin_record *record)
{
	struct gup_pin_freed *spare = (struct gup_pin_freed *)record;

	if (shard->nr_spare == GUP_PIN_SPARE || READ_ONCE(gup_pin_max_memory_mb)) {
		gup_pin_free_later(shard, GUP_PIN_RECORDS, record);
		return;
	}
	spare->next = shard->spare;
	shard->spare = spare;
	shard->nr_spare++;
}

/**
 * gup_pin_drop_spare() - free the records that are kept for the next pins
 * @shard: the shard, whose lock is held
 */
void gup_pin_drop_spare(struct gup_pin_shard *shard)
{
	struct gup_pin_freed *spare;

	lockdep_assert_held(&shard->xa.xa_lock);
	while ((spare = shard->spare)) {
		shard->spare = spare->next;
		gup_pin_free_later(shard, GUP_PIN_RECORDS, spare);
	}
	shard->nr_spare = 0;
}

/* Can the pins be merged into @record: same call, other pages? */
static bool belongs_to(const struct gup_pin_record *record,
		       const struct gup_pin_record *what)
{
	return record->time == what->time && record->mask &&
	       !(record->mask & what->mask) && record->origin == what->origin &&
	       record->base == what->base && record->cookie == what->cookie &&
	       record->flags == what->flags && record->pins == 1 && what->pins == 1;
}

/**
 * gup_pin_block_add() - add pins to pages of a block
 * @shard: the shard, whose lock is held
 * @block: the block
 * @what: the pins
 * @ready: preallocated record, or NULL; set to NULL if used
 * @gfp: flags for an allocation under the lock
 *
 * Return: false if there is no memory; then nothing has changed.
 */
bool gup_pin_block_add(struct gup_pin_shard *shard, struct gup_pin_block *block,
		       const struct gup_pin_record *what, struct gup_pin_record **ready,
		       gfp_t gfp)
{
	struct gup_pin_record *record = list_last_entry(&block->first.list,
							struct gup_pin_record, list);

	if (belongs_to(record, what)) {
		record->mask |= what->mask;
		return true;
	}
	record = gup_pin_block_empty(block) ? &block->first :
		 *ready ?: record_get(shard, gfp);
	if (!record)
		return false;
	record->origin = what->origin;
	record->time = what->time;
	record->base = what->base;
	record->cookie = what->cookie;
	record->pins = what->pins;
	record->flags = what->flags;
	/* Set the mask last: a crash dump may be taken at any time. */
	WRITE_ONCE(record->mask, what->mask);
	if (record != &block->first) {
		*ready = NULL;
		list_add_tail(&record->list, &block->first.list);
	}
	block->nr_records++;
	return true;
}

/**
 * gup_pin_block_drop() - remove a record
 * @shard: the shard, whose lock is held
 * @block: the block of @record
 * @record: the record; unused or free on return
 */
void gup_pin_block_drop(struct gup_pin_shard *shard, struct gup_pin_block *block,
			struct gup_pin_record *record)
{
	record->mask = 0;
	block->nr_records--;
	if (record == &block->first)
		return;
	list_del(&record->list);
	record_put(shard, record);
}

/**
 * gup_pin_block_pins() - count the recorded pins on pages of a block
 * @block: the block
 * @mask: bitmap of the pages
 *
 * Return: number of pins.
 */
unsigned int gup_pin_block_pins(const struct gup_pin_block *block, u64 mask)
{
	struct gup_pin_record *record;
	unsigned int pins = 0;

	for (record = gup_pin_first_record(block); record;
	     record = gup_pin_next_record(block, record))
		pins += hweight64(record->mask & mask) * record->pins;
	return pins;
}

/**
 * gup_pin_record_addr() - user address of a page in a record
 * @record: the record
 * @index: index of the page in its mapping
 *
 * Return: the user address, or 0 if unknown.
 */
unsigned long gup_pin_record_addr(const struct gup_pin_record *record, pgoff_t index)
{
	if (!(record->flags & GUP_PIN_RECORD_ADDR))
		return 0;
	return record->base + (index << PAGE_SHIFT);
}

/**
 * gup_pin_pause() - drop and retake a shard's lock within a list of records
 * @shard: the shard, whose lock is held
 * @block: the block
 * @record: the current record; may be freed on return
 * @flags: saved interrupt state
 *
 * The block stays. As it may be empty on return, the caller must
 * call gup_pin_index_tidy().
 *
 * Return: the next record, or NULL.
 */
struct gup_pin_record *gup_pin_pause(struct gup_pin_shard *shard,
				     struct gup_pin_block *block,
				     struct gup_pin_record *record, unsigned long *flags)
	__must_hold(&shard->xa.xa_lock)
{
	struct gup_pin_record place = {}, *next;

	lockdep_assert_held(&shard->xa.xa_lock);
	gup_pin_place_add(block, &place, &record->list);
	gup_pin_shard_unlock(shard, *flags);
	xa_lock_irqsave(&shard->xa, *flags);
	next = gup_pin_next_record(block, &place);
	gup_pin_place_del(block, &place);
	return next;
}

/**
 * gup_pin_folio_mask() - the pages of a folio that are in a block
 * @nr: number of the block
 * @pfn: head of the folio
 * @npages: number of pages of the folio
 *
 * Return: bitmap of the pages; never 0.
 */
u64 gup_pin_folio_mask(unsigned long nr, unsigned long pfn, unsigned long npages)
{
	unsigned long first = max(pfn, gup_pin_block_first(nr));
	unsigned long last = min(pfn + npages, gup_pin_block_first(nr + 1)) - 1;

	return GENMASK_ULL(gup_pin_block_bit(last), gup_pin_block_bit(first));
}
