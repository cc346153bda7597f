// SPDX-License-Identifier: GPL-2.0
/*
 * The holders of a folio, most harmful first.
 */
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "internal.h"

/* Records to count under one hold of the lock, with interrupts off. */
#define HOLDERS_BATCH	96

/* Calls recognised when their records continue in the next block of the folio. */
#define CALLS_KNOWN	8

/**
 * struct tally - state of counting the pins on a folio
 * @index: the index
 * @pfn: the first page
 * @npages: number of pages
 * @try: do not wait for locks
 * @holders: the summary
 * @items: calls to show, most harmful first
 * @nr: number of entries in @items
 * @max: size of @items
 * @known: the most recent calls, by origin and time
 * @next: entry of @known to replace next
 */
struct tally {
	struct gup_pin_index *index;
	unsigned long pfn;
	unsigned long npages;
	bool try;
	struct gup_pin_holders *holders;
	struct gup_pin_item *items;
	unsigned int nr;
	unsigned int max;
	struct {
		const struct gup_pin_origin *origin;
		u64 time;
	} known[CALLS_KNOWN];
	unsigned int next;
};

/* How harmful a pin is, the worst first: a write pin, what may be one, a read pin. */
static unsigned int harm(enum gup_pin_mode mode, bool mixed)
{
	return mode == GUP_PIN_WRITE ? mixed : 2;
}

/* The most harmful come first, then the oldest. */
static bool comes_before(const struct gup_pin_record *record, bool mixed,
			 const struct gup_pin_item *item)
{
	unsigned int mine = harm(record->origin->id.mode, mixed);
	unsigned int others = harm(item->id.mode, item->mixed);

	return mine != others ? mine < others : record->time < item->time;
}

static struct gup_pin_item *find_item(struct tally *tally, const struct gup_pin_record *record)
{
	unsigned int i;

	for (i = 0; i < tally->nr; i++)
		if (tally->items[i].time == record->time &&
		    gup_pin_id_equal(&tally->items[i].id, &record->origin->id))
			return &tally->items[i];
	return NULL;
}

/* Insert a record in order; drop it if tally->max others come first. */
static void insert(struct tally *tally, const struct gup_pin_block *block,
		   const struct gup_pin_record *record, u64 mask)
{
	struct gup_pin_item *items = tally->items, *item = find_item(tally, record);
	unsigned int i = tally->nr;

	if (item) {
		item->pages += hweight64(mask);
		item->pins += hweight64(mask) * record->pins;
		return;
	}
	while (i && comes_before(record, block->mixed & mask, &items[i - 1]))
		i--;
	if (i == tally->max)
		return;
	if (tally->nr < tally->max)
		tally->nr++;
	memmove(&items[i + 1], &items[i], (tally->nr - 1 - i) * sizeof(*items));
	gup_pin_fill_item(&items[i], block, record, mask);
}

static bool is_known(struct tally *tally, const struct gup_pin_record *record)
{
	unsigned int i;

	for (i = 0; i < CALLS_KNOWN; i++)
		if (tally->known[i].origin == record->origin &&
		    tally->known[i].time == record->time)
			return true;
	tally->known[tally->next].origin = record->origin;
	tally->known[tally->next].time = record->time;
	tally->next = (tally->next + 1) % CALLS_KNOWN;
	return false;
}

static void count(struct tally *tally, const struct gup_pin_block *block,
		  const struct gup_pin_record *record, u64 mask)
{
	struct gup_pin_holders *holders = tally->holders;
	unsigned int pins = hweight64(mask) * record->pins;

	holders->calls += !is_known(tally, record);
	holders->pins += pins;
	holders->oldest = min(holders->oldest, record->time);
	if (gup_pin_is_write(record))
		holders->writes += pins;
	insert(tally, block, record, mask);
}

/* For accusing a caller, the scan for earlier pins is not certain enough. */
static bool all_recorded(const struct gup_pin_index *index, const struct gup_pin_shard *shard)
{
	return READ_ONCE(index->complete) && !shard->untracked;
}

/* With @whole, count pins of whole folios only. Returns false if the lock was not available. */
static bool count_block(struct tally *tally, unsigned long nr, u64 mask, bool whole)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(tally->index, nr);
	struct gup_pin_record *record;
	struct gup_pin_block *block;
	unsigned int seen = 0;
	unsigned long flags;

	if (!tally->try)
		xa_lock_irqsave(&shard->xa, flags);
	else if (!spin_trylock_irqsave(&shard->xa.xa_lock, flags))
		return false;
	block = gup_pin_index_find(shard, nr);
	tally->holders->all_recorded &= all_recorded(tally->index, shard);
	record = block ? &block->first : NULL;
	while (record) {
		bool pause = ++seen % HOLDERS_BATCH == 0;

		if ((record->mask & mask) &&
		    (!whole || (record->flags & GUP_PIN_RECORD_FOLIO)))
			count(tally, block, record, record->mask & mask);
		if (pause && tally->try)
			break;
		record = pause ? gup_pin_pause(shard, block, record, &flags) :
				 gup_pin_next_record(block, record);
	}
	if (block)
		gup_pin_index_tidy(shard, block);
	gup_pin_shard_unlock(shard, flags);
	return true;
}

/* The pins on some pages of a folio, and on the whole folio, which are on its first page. */
static bool count_folio(struct tally *tally)
{
	unsigned long nr = gup_pin_block_nr(tally->pfn), head = gup_pin_head_pfn(tally->pfn);
	unsigned long last = gup_pin_block_nr(tally->pfn + tally->npages - 1);

	*tally->holders = (struct gup_pin_holders) {
		.oldest = U64_MAX,
		.all_recorded = true,
	};
	for (; nr <= last; nr++)
		if (!count_block(tally, nr, gup_pin_folio_mask(nr, tally->pfn, tally->npages),
				 false))
			return false;
	return head == tally->pfn ||
	       count_block(tally, gup_pin_block_nr(head), BIT_ULL(gup_pin_block_bit(head)), true);
}

/**
 * gup_pin_walk_holders_of() - pins on some pages of a folio, or on all of it, with their sums
 * @index: the index
 * @pfn: the first page
 * @npages: number of pages
 * @items: filled in, one item for each call: write pins first, those that may be read pins
 *	after others; then oldest first
 * @max: size of @items; further calls are only counted
 * @holders: filled in
 *
 * Context: Any context in which the lock of a shard may be taken.
 *
 * Return: number of items filled in.
 */
unsigned int gup_pin_walk_holders_of(struct gup_pin_index *index, unsigned long pfn,
				     unsigned long npages, struct gup_pin_item *items,
				     unsigned int max, struct gup_pin_holders *holders)
{
	struct tally tally = {
		.index = index,
		.pfn = pfn,
		.npages = npages,
		.holders = holders,
		.items = items,
		.max = max,
	};

	count_folio(&tally);
	return tally.nr;
}

/**
 * gup_pin_walk_holders() - gup_pin_walk_holders_of() for all pages of a folio
 * @index: the index
 * @pfn: head of the folio
 * @items: filled in
 * @max: size of @items
 * @holders: filled in
 *
 * Return: number of items filled in.
 */
unsigned int gup_pin_walk_holders(struct gup_pin_index *index, unsigned long pfn,
				  struct gup_pin_item *items, unsigned int max,
				  struct gup_pin_holders *holders)
{
	return gup_pin_walk_holders_of(index, pfn, gup_pin_folio_pages(pfn), items, max,
				       holders);
}

/**
 * gup_pin_try_holders() - gup_pin_walk_holders() without waiting for locks
 * @index: the index
 * @pfn: head of the folio
 * @items: filled in
 * @max: size of @items
 * @holders: filled in; if a block has very many records, with the oldest only
 * @busy: set to true if a lock was not available
 *
 * For callers that may hold any lock, including that of a shard.
 *
 * Return: number of items filled in.
 */
unsigned int gup_pin_try_holders(struct gup_pin_index *index, unsigned long pfn,
				 struct gup_pin_item *items, unsigned int max,
				 struct gup_pin_holders *holders, bool *busy)
{
	struct tally tally = {
		.index = index,
		.pfn = pfn,
		.npages = gup_pin_folio_pages(pfn),
		.try = true,
		.holders = holders,
		.items = items,
		.max = max,
	};

	*busy = !count_folio(&tally);
	return tally.nr;
}

/* Does each of these pages have recorded read pins, and certainly no other pins? */
static bool only_reads_in(struct gup_pin_index *index, unsigned long nr, u64 mask)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
	struct gup_pin_record *record;
	struct gup_pin_block *block;
	unsigned long flags;
	u64 reads = 0, writes = U64_MAX;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	/* With very many records, do not look. */
	if (block && all_recorded(index, shard) && block->nr_records <= HOLDERS_BATCH) {
		writes = block->guessed;
		for (record = gup_pin_first_record(block); record;
		     record = gup_pin_next_record(block, record)) {
			/* The place of a reader has no origin. */
			if (!(record->mask & mask))
				continue;
			if (gup_pin_is_write(record))
				writes |= record->mask;
			else
				reads |= record->mask;
		}
	}
	xa_unlock_irqrestore(&shard->xa, flags);
	return !(writes & mask) && !(mask & ~reads);
}

/* May the folio have a write pin that belongs to none of its pages? */
static bool written_as_whole(struct gup_pin_index *index, unsigned long head)
{
	unsigned long nr = gup_pin_block_nr(head), flags;
	struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
	u64 mask = BIT_ULL(gup_pin_block_bit(head));
	struct gup_pin_record *record;
	struct gup_pin_block *block;
	bool written;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	/* One that is untracked is counted here. */
	written = !all_recorded(index, shard) || (block && block->nr_records > HOLDERS_BATCH);
	record = block && !written ? &block->first : NULL;
	for (; record && !written; record = gup_pin_next_record(block, record))
		written = (record->mask & mask) && (record->flags & GUP_PIN_RECORD_FOLIO) &&
			  (gup_pin_is_write(record) || block->guessed & mask);
	xa_unlock_irqrestore(&shard->xa, flags);
	return written;
}

/**
 * gup_pin_only_reads() - do contiguous pages of a folio certainly have read pins only?
 * @index: the index
 * @pfn: the first page
 * @npages: number of pages
 *
 * Context: Any context in which the lock of a shard may be taken.
 *
 * Return: true if every page has a recorded pin, no recorded pin of them or of the whole
 * folio is for write, and no pin can be without a record.
 */
bool gup_pin_only_reads(struct gup_pin_index *index, unsigned long pfn,
			unsigned long npages)
{
	unsigned long nr, head = gup_pin_head_pfn(pfn);

	for (nr = gup_pin_block_nr(pfn); nr <= gup_pin_block_nr(pfn + npages - 1); nr++)
		if (!only_reads_in(index, nr, gup_pin_folio_mask(nr, pfn, npages)))
			return false;
	return head == pfn || !written_as_whole(index, head);
}
