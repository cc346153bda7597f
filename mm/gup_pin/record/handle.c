// SPDX-License-Identifier: GPL-2.0
/*
 * Handles: an object that passes only the folio when it unpins is stored in
 * the records of its pins.
 */
#include <linux/xarray.h>

#include "internal.h"

/**
 * struct newest - result of a search for the newest record
 * @time: time of the record; 0 if there is none
 * @block: number of the block
 * @origin: origin of the record
 * @handled: the record already has a handle
 */
struct newest {
	u64 time;
	unsigned long block;
	const struct gup_pin_origin *origin;
	bool handled;
};

/* The newest record of a task on some pages, or NULL. Mostly near the end of the list. */
static struct gup_pin_record *find(struct gup_pin_block *block, u64 mask, pid_t pid)
{
	struct gup_pin_record *record = list_last_entry(&block->first.list,
							struct gup_pin_record, list);
	unsigned int looked;

	for (looked = 0; looked < GUP_PIN_LOOK; looked++) {
		if ((record->mask & mask) && record->origin->id.pid == pid)
			return record;
		if (record == &block->first)
			break;
		record = list_prev_entry(record, list);
	}
	return NULL;
}

/* Returns false if a pin on the pages may have no record. */
static bool find_in(struct gup_pin_index *index, unsigned long nr, u64 mask, pid_t pid,
		    struct newest *newest)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
	struct gup_pin_record *record = NULL;
	struct gup_pin_block *block;
	unsigned long flags;
	bool recorded;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	if (block)
		record = find(block, mask, pid);
	recorded = !shard->untracked;
	if (record && record->time > newest->time)
		*newest = (struct newest) {
			.time = record->time,
			.block = nr,
			.origin = record->origin,
			.handled = record->flags & GUP_PIN_RECORD_HANDLE,
		};
	xa_unlock_irqrestore(&shard->xa, flags);
	return recorded;
}

/* If an unpin may have taken the right record, or there was none, this is that of another pin. */
static void mark(struct gup_pin_index *index, const struct newest *newest, u64 mask, pid_t pid,
		 unsigned long handle, bool sure)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(index, newest->block);
	struct gup_pin_record *record = NULL;
	struct gup_pin_block *block;
	unsigned long flags;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, newest->block);
	if (block)
		record = find(block, mask, pid);
	if (record && record->time == newest->time && record->origin == newest->origin) {
		record->cookie = handle;
		record->flags |= GUP_PIN_RECORD_HANDLE;
		if (!sure || (block->guessed | block->alike) & record->mask & mask)
			record->flags |= GUP_PIN_RECORD_UNSURE;
	}
	xa_unlock_irqrestore(&shard->xa, flags);
}

/**
 * gup_pin_keep() - store a handle in the newest record of a task on a folio
 * @index: the index
 * @pfn: head of the folio, or a page
 * @npages: number of pages of the folio, or 1
 * @pid: the task
 * @handle: the handle that the unpin will pass; not 0
 *
 * Does nothing if the pin has no record, or the record has a handle: the pages of a
 * record are of one call, and so belong to one object.
 *
 * Context: Any context in which the lock of a shard may be taken.
 */
void gup_pin_keep(struct gup_pin_index *index, unsigned long pfn, unsigned long npages,
		  pid_t pid, unsigned long handle)
{
	unsigned long nr, last = gup_pin_block_nr(pfn + npages - 1);
	struct newest newest = {};
	bool sure = true;

	for (nr = gup_pin_block_nr(pfn); nr <= last; nr++)
		sure &= find_in(index, nr, gup_pin_folio_mask(nr, pfn, npages), pid, &newest);
	if (!sure)
		sure = gup_pin_real_pins(pfn) <=
		       gup_pin_index_pins(index, gup_pin_head_pfn(pfn),
					  gup_pin_folio_pages(pfn));
	if (newest.time && !newest.handled)
		mark(index, &newest, gup_pin_folio_mask(newest.block, pfn, npages), pid, handle,
		     sure);
}
