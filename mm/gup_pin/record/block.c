// SPDX-License-Identifier: GPL-2.0
/*
 * A block: 64 neighbouring pages, and a list of the records on them, the oldest first.
 *
 * A call that pins many pages nearly always gets neighbours. A record says that in one
 * mask, and adding or dropping them all is an operation on it.
 *
 * All under the lock of the block's shard.
 */
#include <linux/list.h>
#include <linux/string.h>

#include "internal.h"

/**
 * gup_pin_block_alloc() - make an empty block
 * @nr: its number
 * @gfp: how memory may be allocated
 *
 * Return: the block, or NULL.
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

/* Is this a part of what @record has, so that one record can tell of both? */
static bool belongs_to(const struct gup_pin_record *record,
		       const struct gup_pin_record *what)
{
	return record->mask && !(record->mask & what->mask) &&
	       record->time == what->time && record->origin == what->origin &&
	       record->base == what->base && record->cookie == what->cookie &&
	       record->flags == what->flags && record->pins == 1 && what->pins == 1;
}

/**
 * gup_pin_block_add() - put pins on pages of a block
 * @block: the block
 * @what: the pins
 * @spare: memory for a record, or NULL; becomes NULL when it was used
 * @gfp: how else memory may be allocated under the lock
 *
 * Return: false if there is no memory, and nothing has changed.
 */
bool gup_pin_block_add(struct gup_pin_block *block, const struct gup_pin_record *what,
		       struct gup_pin_record **spare, gfp_t gfp)
{
	struct gup_pin_record *record = list_last_entry(&block->first.list,
							struct gup_pin_record, list);

	if (belongs_to(record, what)) {
		record->mask |= what->mask;
		return true;
	}
	record = gup_pin_block_empty(block) ? &block->first :
		 *spare ?: gup_pin_alloc(GUP_PIN_RECORDS, gfp);
	if (!record)
		return false;
	record->origin = what->origin;
	record->time = what->time;
	record->base = what->base;
	record->cookie = what->cookie;
	record->pins = what->pins;
	record->flags = what->flags;
	/* A crash dump may be taken any time: last what makes it a record of the block. */
	WRITE_ONCE(record->mask, what->mask);
	if (record != &block->first) {
		*spare = NULL;
		list_add_tail(&record->list, &block->first.list);
	}
	block->nr_records++;
	return true;
}

/**
 * gup_pin_block_lose() - take pins off a record
 * @shard: the shard, whose lock is held
 * @block: the record's block
 * @record: the record; gone on return if it has no pin left
 * @mask: the pages; all of them are the record's
 * @pins: how many of each; at most the record's
 */
void gup_pin_block_lose(struct gup_pin_shard *shard, struct gup_pin_block *block,
			struct gup_pin_record *record, u64 mask, unsigned int pins)
{
	if (pins < record->pins) {
		record->pins -= pins;
		return;
	}
	record->mask &= ~mask;
	if (record->mask)
		return;
	block->nr_records--;
	if (record == &block->first)
		return;
	list_del(&record->list);
	gup_pin_free_later(shard, GUP_PIN_RECORDS, record);
}

/**
 * gup_pin_block_pins() - recorded pins on pages of a block
 * @block: the block
 * @mask: the pages
 *
 * Return: their number.
 */
unsigned int gup_pin_block_pins(const struct gup_pin_block *block, u64 mask)
{
	struct gup_pin_record *record;
	unsigned int pins = 0;

	for (record = gup_pin_first_record(block); record;
	     record = gup_pin_next_record(block, record))
		pins += gup_pin_count(record->mask & mask) * record->pins;
	return pins;
}

/**
 * gup_pin_record_addr() - where a call found a page
 * @record: the record
 * @index: of the page in its mapping
 *
 * Return: the user address, or 0 if it is not known.
 */
unsigned long gup_pin_record_addr(const struct gup_pin_record *record, pgoff_t index)
{
	if (!(record->flags & GUP_PIN_RECORD_ADDR))
		return 0;
	return record->base + (index << PAGE_SHIFT);
}

/**
 * gup_pin_pause() - let others have a shard's lock, and go on behind a record
 * @shard: the shard, whose lock is held
 * @block: the block
 * @record: the record; it may be gone on return
 * @flags: of the lock
 *
 * The block stays. It may be empty on return, so that gup_pin_index_tidy() is due.
 *
 * Return: the next record, or NULL.
 */
struct gup_pin_record *gup_pin_pause(struct gup_pin_shard *shard,
				     struct gup_pin_block *block,
				     struct gup_pin_record *record, unsigned long *flags)
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
 * @nr: the block's number
 * @pfn: of the folio's head
 * @npages: of the folio
 *
 * Return: the pages, by bits; there is one at least.
 */
u64 gup_pin_folio_mask(unsigned long nr, unsigned long pfn, unsigned long npages)
{
	unsigned long first = max(pfn, gup_pin_block_first(nr));
	unsigned long last = min(pfn + npages, gup_pin_block_first(nr + 1)) - 1;

	return GENMASK_ULL(gup_pin_block_bit(last), gup_pin_block_bit(first));
}
