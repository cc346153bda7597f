// SPDX-License-Identifier: GPL-2.0
/*
 * Walking all records, in the order of their blocks.
 *
 * A walk holds the lock of a shard for a batch of records at most, copies what it finds,
 * and leaves a record without pages in the block's list as a marker for its place.
 */
#include <linux/mm.h>
#include <linux/sched.h>

#include "internal.h"

/* Number of records to count under one hold of a lock; and to walk over. */
#define COUNT_BATCH	512
#define WALK_BATCH	128

/* Number of consecutive pages in @mask, starting at the first; at most @max. */
static unsigned int run_of(u64 mask, unsigned long max)
{
	u64 rest = ~(mask >> __ffs64(mask));
	unsigned int run = rest ? __ffs64(rest) : 64 - __ffs64(mask);

	return min_t(unsigned long, run, max);
}

/**
 * gup_pin_fill_item() - copy a record, for some of its pages
 * @item: filled in, for the first page in @mask and the following ones in the same folio
 * @block: block of the record
 * @record: the record
 * @mask: bitmap of the pages; not 0
 *
 * Context: The lock of the shard must be held.
 *
 * Return: bitmap of the pages in @item.
 */
u64 gup_pin_fill_item(struct gup_pin_item *item, const struct gup_pin_block *block,
		      const struct gup_pin_record *record, u64 mask)
{
	unsigned int bit = __ffs64(mask), run = 1;
	unsigned long pfn = gup_pin_block_first(block->nr) + bit, idx = 0;
	struct page *page = pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;
	u64 pages;

	item->pfn = pfn;
	item->head = pfn;
	item->id = record->origin->id;
	item->time = record->time;
	item->addr = 0;
	item->folio = (struct gup_pin_folio) { .map = GUP_PIN_MAP_DEVICE };
	if (page) {
		struct folio *folio = page_folio(page);

		idx = folio_page_idx(folio, page);
		item->head = folio_pfn(folio);
		gup_pin_folio_describe(folio, &item->folio);
		if (item->folio.ino)
			item->folio.index += idx;
		item->addr = gup_pin_record_addr(record, folio->index + idx);
		run = run_of(mask, folio_nr_pages(folio) - idx);
	}
	pages = GENMASK_ULL(bit + run - 1, bit);
	item->pages = run;
	item->pins = (u64)run * record->pins;
	if (record->flags & GUP_PIN_RECORD_FOLIO)
		item->pages = 1UL << item->folio.order;
	item->match = block->guessed & pages ? GUP_PIN_INFERRED :
		      block->alike & pages ? GUP_PIN_ALIKE : GUP_PIN_EXACT;
	item->mixed = block->mixed & pages;
	return pages;
}

/**
 * gup_pin_walk_start() - start a walk
 * @walk: the walk
 * @index: the index to walk
 * @first: pfn of the first page to visit
 * @last: pfn of the last page to visit; other pages in the blocks of @first and @last may
 *	be visited as well
 *
 * The walk must be ended by gup_pin_walk_end().
 */
void gup_pin_walk_start(struct gup_pin_walk *walk, struct gup_pin_index *index,
			unsigned long first, unsigned long last)
{
	*walk = (struct gup_pin_walk) {
		.index = index,
		.block = gup_pin_block_nr(first),
		.end = gup_pin_block_nr(last),
	};
}

/* Return to the place of the walk, and set walk->mask to the pages not visited yet. */
static struct gup_pin_record *resume(struct gup_pin_walk *walk, struct gup_pin_block *block)
{
	struct gup_pin_record *record = &block->first;

	if (walk->placed) {
		record = gup_pin_next_record(block, &walk->place);
		gup_pin_place_del(block, &walk->place);
		walk->placed = false;
	}
	if (record && (record != walk->record || record->time != walk->time))
		walk->mask = U64_MAX;
	return record;
}

/* Leave the walk in front of a record, with the pages that were not visited yet. */
static void leave(struct gup_pin_walk *walk, struct gup_pin_block *block,
		  struct gup_pin_record *record, u64 mask)
{
	walk->record = record;
	walk->time = record->time;
	walk->mask = mask;
	if (record == &block->first)
		return;
	gup_pin_place_add(block, &walk->place, record->list.prev);
	walk->placed = true;
}

static void next_block(struct gup_pin_walk *walk)
{
	walk->record = NULL;
	walk->block = walk->block == ULONG_MAX ? ULONG_MAX :
		      gup_pin_index_next(walk->index, walk->block + 1);
}

/* Visits a record; returns the pages for which there was no room. */
typedef u64 (*meet_fn)(const struct gup_pin_block *block,
		       const struct gup_pin_record *record, u64 mask, void *to,
		       unsigned int *nr, unsigned int max);

static bool walk_block(struct gup_pin_walk *walk, struct gup_pin_block *block, meet_fn meet,
		       void *to, unsigned int *nr, unsigned int max)
{
	struct gup_pin_record *record = resume(walk, block);
	unsigned int looked = 0;
	u64 left;

	for (; record; record = gup_pin_next_record(block, record)) {
		left = record->mask & walk->mask;
		if (left)
			left = meet(block, record, left, to, nr, max);
		/* The places of other readers need no room, but take time. */
		if (left || ++looked == WALK_BATCH) {
			leave(walk, block, record, left);
			return false;
		}
		walk->mask = U64_MAX;
	}
	return true;
}

static unsigned int walk_on(struct gup_pin_walk *walk, meet_fn meet, void *to,
			    unsigned int max)
{
	unsigned int nr = 0;

	while (!nr && walk->block <= walk->end && walk->block != ULONG_MAX) {
		struct gup_pin_shard *shard = gup_pin_shard_of(walk->index, walk->block);
		struct gup_pin_block *block;
		unsigned long flags;
		bool done = true;

		xa_lock_irqsave(&shard->xa, flags);
		block = gup_pin_index_find(shard, walk->block);
		if (block) {
			done = walk_block(walk, block, meet, to, &nr, max);
			gup_pin_index_tidy(shard, block);
		}
		gup_pin_shard_unlock(shard, flags);
		if (done)
			next_block(walk);
	}
	return nr;
}

static u64 meet_items(const struct gup_pin_block *block, const struct gup_pin_record *record,
		      u64 mask, void *to, unsigned int *nr, unsigned int max)
{
	struct gup_pin_item *items = to;

	while (mask && *nr < max)
		mask &= ~gup_pin_fill_item(&items[(*nr)++], block, record, mask);
	return mask;
}

/**
 * gup_pin_walk_items() - get the next items
 * @walk: the walk
 * @items: filled in
 * @max: size of @items
 *
 * Context: Any context in which the lock of a shard may be taken.
 *
 * Return: number of items filled in; 0 at the end.
 */
unsigned int gup_pin_walk_items(struct gup_pin_walk *walk, struct gup_pin_item *items,
				unsigned int max)
{
	return walk_on(walk, meet_items, items, max);
}

static u64 meet_share(const struct gup_pin_block *block, const struct gup_pin_record *record,
		      u64 mask, void *to, unsigned int *nr, unsigned int max)
{
	struct gup_pin_share *share = (struct gup_pin_share *)to + *nr;
	u64 doubt = block->guessed | block->alike;

	if (*nr == max)
		return mask;
	share->id = record->origin->id;
	share->origin = record->origin;
	share->time = record->time;
	share->pages = hweight64(mask);
	share->pins = share->pages * record->pins;
	share->guessed = (u64)hweight64(mask & doubt) * record->pins;
	if (record->flags & GUP_PIN_RECORD_FOLIO)
		share->pages = gup_pin_whole_pages(gup_pin_block_first(block->nr), mask);
	++*nr;
	return 0;
}

/**
 * gup_pin_walk_shares() - get the next records
 * @walk: the walk
 * @shares: filled in
 * @max: size of @shares
 *
 * Like gup_pin_walk_items(), but faster, as the folios are not looked at.
 *
 * Return: number of records filled in; 0 at the end.
 */
unsigned int gup_pin_walk_shares(struct gup_pin_walk *walk, struct gup_pin_share *shares,
				 unsigned int max)
{
	return walk_on(walk, meet_share, shares, max);
}

/**
 * gup_pin_walk_end() - end a walk, wherever it is
 * @walk: the walk; a zeroed one counts as ended
 */
void gup_pin_walk_end(struct gup_pin_walk *walk)
{
	struct gup_pin_shard *shard;
	struct gup_pin_block *block;
	unsigned long flags;

	if (!walk->placed)
		return;
	shard = gup_pin_shard_of(walk->index, walk->block);
	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, walk->block);
	gup_pin_place_del(block, &walk->place);
	gup_pin_index_tidy(shard, block);
	gup_pin_shard_unlock(shard, flags);
	walk->placed = false;
}

/*
 * Drop and retake the lock, and go on in front of a record; NULL at the head of the list.
 */
static struct gup_pin_record *pause_back(struct gup_pin_shard *shard,
					 struct gup_pin_block *block,
					 struct gup_pin_record *record, unsigned long *flags)
	__must_hold(&shard->xa.xa_lock)
{
	struct gup_pin_record place = {}, *prev = NULL;

	if (record == &block->first)
		return NULL;
	gup_pin_place_add(block, &place, record->list.prev);
	gup_pin_shard_unlock(shard, *flags);
	xa_lock_irqsave(&shard->xa, *flags);
	prev = list_prev_entry(&place, list);
	gup_pin_place_del(block, &place);
	return prev;
}

static bool is_record_of(const struct gup_pin_record *record, const struct gup_pin_item *item)
{
	return (record->mask & BIT_ULL(gup_pin_block_bit(item->pfn))) &&
	       record->time == item->time && gup_pin_id_equal(&record->origin->id, &item->id);
}

/**
 * gup_pin_still_held() - is a pin that a walk has found still on record?
 * @index: the index
 * @walk: the walk, if it is still near; or NULL
 * @item: the pin
 *
 * Searches backwards from the place of the walk, or from the end of the list;
 * the record is mostly near.
 *
 * Context: Any context in which the lock of a shard may be taken.
 *
 * Return: false if the pin was released.
 */
bool gup_pin_still_held(struct gup_pin_index *index, const struct gup_pin_walk *walk,
			const struct gup_pin_item *item)
{
	unsigned long nr = gup_pin_block_nr(item->pfn), flags;
	struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
	struct gup_pin_record *record = NULL;
	struct gup_pin_block *block;
	unsigned int looked = 0;
	bool held = false;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	/* The place of the walk is in front of a record that is visited in part. */
	if (block && walk && walk->placed && walk->block == nr)
		record = list_entry(walk->place.list.next, struct gup_pin_record, list);
	if (block && (!record || record == &block->first))
		record = list_last_entry(&block->first.list, struct gup_pin_record, list);
	while (record && !held) {
		held = is_record_of(record, item);
		if (!(++looked % COUNT_BATCH))
			record = pause_back(shard, block, record, &flags);
		else if (record == &block->first)
			record = NULL;
		else
			record = list_prev_entry(record, list);
	}
	if (block)
		gup_pin_index_tidy(shard, block);
	gup_pin_shard_unlock(shard, flags);
	return held;
}

/**
 * gup_pin_same_call() - do two items belong to the same call?
 * @a: an item
 * @b: another
 *
 * Return: true if so.
 */
bool gup_pin_same_call(const struct gup_pin_item *a, const struct gup_pin_item *b)
{
	return a->time == b->time && gup_pin_id_equal(&a->id, &b->id);
}

/* Number of folios that the pages are in, not counting @last again. */
static unsigned int count_heads(unsigned long first, u64 mask, unsigned long *last)
{
	unsigned int heads = 0;

	for (; mask; mask &= mask - 1) {
		unsigned long head = gup_pin_head_pfn(first + __ffs64(mask));

		heads += head != *last;
		*last = head;
	}
	return heads;
}

/**
 * gup_pin_count_folios() - number of folios with recorded pins
 * @index: the index
 *
 * Context: Process context. May sleep.
 *
 * Return: number of folios; exact if there are no concurrent pins and unpins.
 */
u64 gup_pin_count_folios(struct gup_pin_index *index)
{
	unsigned long nr = gup_pin_index_next(index, 0), last = ULONG_MAX, flags;
	u64 folios = 0;

	for (; nr != ULONG_MAX; nr = gup_pin_index_next(index, nr + 1)) {
		struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
		struct gup_pin_record *record;
		struct gup_pin_block *block;
		unsigned int seen = 0;
		u64 mask = 0;

		xa_lock_irqsave(&shard->xa, flags);
		block = gup_pin_index_find(shard, nr);
		record = block ? &block->first : NULL;
		while (record) {
			mask |= record->mask;
			if (++seen % COUNT_BATCH)
				record = gup_pin_next_record(block, record);
			else
				record = gup_pin_pause(shard, block, record, &flags);
		}
		if (block)
			gup_pin_index_tidy(shard, block);
		folios += count_heads(gup_pin_block_first(nr), mask, &last);
		gup_pin_shard_unlock(shard, flags);
		cond_resched();
	}
	return folios;
}
