// SPDX-License-Identifier: GPL-2.0
/*
 * Earlier pins: those that were there when tracking was switched on. They have no
 * record, but how many there are on which folio is known, for all memory is looked at
 * once. So a folio that has none of them is as well known as with tracking since boot,
 * and where there are some, their unpins take no record of another.
 *
 * Of device memory (DAX) nothing is known: its struct pages may be anything.
 */
#include <linux/math.h>
#include <linux/memory_hotplug.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "../compat.h"
#include "internal.h"

/* Records that are gone through once for each page of a block; and once for all. */
#define DOUBT_AMONG	64
#define RECORDS_COUNTED	2048

static struct gup_pin_earlier *earlier_of(struct xa_node *node)
{
	return container_of(node->array, struct gup_pin_earlier, xa);
}

/* As in index.c: entries are only added, or only removed, by one xas_store(). */
static void count_node(struct xa_node *node, int change)
{
	earlier_of(node)->nodes += change;
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

static unsigned int load(struct gup_pin_earlier *earlier, unsigned long pfn)
{
	void *entry = xa_load(&earlier->xa, pfn);

	return entry ? xa_to_value(entry) : 0;
}

/* Needs no memory unless the folio had none. Under the lock of @xas. */
static void store(struct gup_pin_earlier *earlier, struct xa_state *xas, unsigned int pins)
{
	void *entry = xas_load(xas);
	unsigned int old = entry ? xa_to_value(entry) : 0;

	xas_set_update(xas, pins ? count_new_node : count_freed_node);
	xas_store(xas, pins ? xa_mk_value(pins) : NULL);
	if (!xas_error(xas))
		earlier->pins += (u64)pins - old;
}

/**
 * gup_pin_earlier_doubt() - pins were recorded where there may be earlier ones
 * @index: the index
 * @block: their block
 * @mask: the pages
 *
 * A page with a record is marked if its folio has more pins, and earlier ones. Under the
 * lock of the shard.
 */
void gup_pin_earlier_doubt(struct gup_pin_index *index, struct gup_pin_block *block, u64 mask)
{
	unsigned long first = gup_pin_block_first(block->nr);

	/* Of very many it is not looked at how many. */
	if (block->nr_records > DOUBT_AMONG) {
		block->guessed |= mask & block->earlier;
		return;
	}
	for (mask &= block->earlier & ~block->guessed; mask; mask &= mask - 1) {
		unsigned int bit = __ffs64(mask);
		unsigned int pins = gup_pin_block_pins(block, BIT_ULL(bit));

		if (pins && gup_pin_real_pins(first + bit) > pins &&
		    gup_pin_earlier_pins(index, gup_pin_head_pfn(first + bit)))
			block->guessed |= BIT_ULL(bit);
	}
}

/*
 * The pins on a folio, as far as is certain: very many mappings of a small one look like a
 * pin, and what is taken for an earlier pin that is none eats an unpin.
 */
static unsigned int certain_pins(struct folio *folio)
{
	int refs;

	if (folio_has_pincount(folio))
		return gup_pin_folio_pins(folio);
	refs = folio_ref_count(folio) - folio_mapcount(folio);
	return max(refs, 0) / GUP_PIN_COUNTING_BIAS;
}

/* The folio has earlier pins: what is on record on its pages is in doubt. */
static void mark_blocks(struct gup_pin_index *index, struct folio *folio)
{
	unsigned long pfn = folio_pfn(folio), npages = folio_nr_pages(folio), nr, flags;

	for (nr = gup_pin_block_nr(pfn); nr <= gup_pin_block_nr(pfn + npages - 1); nr++) {
		struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
		struct gup_pin_block *block;

		xa_lock_irqsave(&shard->xa, flags);
		block = gup_pin_index_find(shard, nr);
		if (block) {
			block->earlier |= gup_pin_folio_mask(nr, pfn, npages);
			gup_pin_earlier_doubt(index, block, U64_MAX);
		}
		xa_unlock_irqrestore(&shard->xa, flags);
	}
}

/* Returns false if a block has too many records to look at under one hold of the lock. */
static bool add_recorded(struct gup_pin_index *index, unsigned long nr, struct folio *folio,
			 unsigned int *pins)
{
	struct gup_pin_block *block =
		gup_pin_index_find(gup_pin_shard_of(index, nr), nr);

	if (block && block->nr_records > RECORDS_COUNTED)
		return false;
	if (block)
		*pins += gup_pin_block_pins(block,
					    gup_pin_folio_mask(nr, folio_pfn(folio),
							       folio_nr_pages(folio)));
	return true;
}

/* Of a large folio, what is on record in other blocks than its head's. */
static bool add_recorded_behind(struct gup_pin_index *index, struct folio *folio,
				unsigned int *pins)
{
	unsigned long nr = gup_pin_block_nr(folio_pfn(folio)), flags;
	unsigned long last = gup_pin_block_nr(folio_pfn(folio) + folio_nr_pages(folio) - 1);
	bool counted = true;

	while (counted && nr++ < last) {
		struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);

		xa_lock_irqsave(&shard->xa, flags);
		counted = add_recorded(index, nr, folio, pins);
		xa_unlock_irqrestore(&shard->xa, flags);
	}
	return counted;
}

/*
 * Under the lock of its block a small folio's records do not change. Those of a large one
 * may, in its other blocks; then there may seem to be more earlier pins than there are.
 */
static int note(struct gup_pin_index *index, struct folio *folio)
{
	unsigned long nr = gup_pin_block_nr(folio_pfn(folio)), flags;
	struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
	unsigned int pins, recorded, behind = 0;
	bool found, counted;

	XA_STATE(xas, &index->earlier.xa, folio_pfn(folio));

	if (gup_pin_memory_full())
		return -ENOMEM;
	if (!add_recorded_behind(index, folio, &behind))
		return -EBUSY;
	do {
		xa_lock_irqsave(&shard->xa, flags);
		pins = certain_pins(folio);
		recorded = behind;
		counted = add_recorded(index, nr, folio, &recorded);
		found = counted && pins > recorded;
		if (found) {
			xas_lock(&xas);
			store(&index->earlier, &xas, pins - recorded);
			xas_unlock(&xas);
		}
		xa_unlock_irqrestore(&shard->xa, flags);
	} while (xas_nomem(&xas, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN));
	if (found && !xas_error(&xas))
		mark_blocks(index, folio);
	return counted ? xas_error(&xas) : -EBUSY;
}

/* It looks pinned, but may be going, or have become a part of another. */
static noinline int look_closer(struct gup_pin_index *index, struct page *page)
{
	struct folio *folio = gup_pin_folio_get(page_to_pfn(page));
	int err = 0;

	if (!folio)
		return 0;
	if (!is_zero_folio(folio) && folio_maybe_dma_pinned(folio))
		err = note(index, folio);
	gup_pin_folio_put(folio);
	return err;
}

/* Nearly all are done with at once: few references, or a part of a larger folio. */
static int look_at(struct gup_pin_index *index, struct page *page)
{
	if (page_ref_count(page) < GUP_PIN_COUNTING_BIAS && !PageHead(page))
		return 0;
	return look_closer(index, page);
}

/**
 * gup_pin_earlier_look() - note the pins that a range of memory has without a record
 * @index: the index; it is recording
 * @start: first pfn
 * @end: the last, and one
 *
 * What is pinned from now on is on record; so may be what is just being pinned. May sleep.
 *
 * Return: 0, or that some are missing: -ENOMEM, or -EBUSY for a folio with very many new
 * pins already.
 */
int gup_pin_earlier_look(struct gup_pin_index *index, unsigned long start, unsigned long end)
{
	unsigned long pfn = start, stop;
	struct page *page;
	int err = 0;

	while (pfn < end && !err) {
		stop = min(round_up(pfn + 1, GUP_PIN_BLOCK_PAGES), end);
		cond_resched();
		/* A block is a part of what is online as a whole, or not. */
		page = pfn_to_online_page(pfn);
		for (; page && pfn < stop && !err; pfn++)
			err = look_at(index, page++);
		pfn = stop;
	}
	return err;
}

/**
 * gup_pin_earlier_find() - note all pins that are there without a record
 * @index: the index; it is recording
 *
 * May sleep. If some are missing, each release that may be of one of those is a guess.
 */
void gup_pin_earlier_find(struct gup_pin_index *index)
{
	WRITE_ONCE(index->earlier.late, true);
	if (!gup_pin_earlier_look(index, 0, gup_pin_max_pfn()))
		WRITE_ONCE(index->earlier.known, true);
}

/**
 * gup_pin_earlier_forget() - forget all earlier pins
 * @index: the index; it is not recording, and empty
 */
void gup_pin_earlier_forget(struct gup_pin_index *index)
{
	struct gup_pin_earlier *earlier = &index->earlier;

	WRITE_ONCE(earlier->late, false);
	WRITE_ONCE(earlier->known, false);
	xa_destroy(&earlier->xa);
	gup_pin_memory_count(-(long)(earlier->nodes * sizeof(struct xa_node)));
	earlier->pins = 0;
	earlier->nodes = 0;
}

/* A large folio that begins before a block and has earlier pins is in it up to here. */
static u64 mask_of_head(struct gup_pin_index *index, unsigned long nr)
{
	unsigned long first = gup_pin_block_first(nr), head = gup_pin_head_pfn(first), end;

	if (head == first || !load(&index->earlier, head))
		return 0;
	end = head + folio_nr_pages(pfn_folio(head));
	return gup_pin_folio_mask(nr, head, end - head);
}

/**
 * gup_pin_earlier_mask() - which pages of a block may have earlier pins?
 * @index: the index
 * @nr: the block's number
 *
 * For a new block, under its shard's lock.
 *
 * Return: the pages, by bits.
 */
u64 gup_pin_earlier_mask(struct gup_pin_index *index, unsigned long nr)
{
	unsigned long first = gup_pin_block_first(nr);
	void *entry;
	u64 mask;

	XA_STATE(xas, &index->earlier.xa, first);

	if (!READ_ONCE(index->earlier.late))
		return 0;
	if (pfn_valid(first) && !pfn_to_online_page(first))
		return U64_MAX;
	mask = mask_of_head(index, nr);
	xas_lock(&xas);
	xas_for_each(&xas, entry, first + GUP_PIN_BLOCK_PAGES - 1)
		mask |= gup_pin_folio_mask(nr, xas.xa_index,
				 folio_nr_pages(pfn_folio(xas.xa_index)));
	xas_unlock(&xas);
	return mask;
}

/**
 * gup_pin_earlier_pins() - the earlier pins on a folio
 * @index: the index
 * @pfn: of the folio's head
 *
 * Return: how many were not released since; UINT_MAX if that is not known.
 */
unsigned int gup_pin_earlier_pins(struct gup_pin_index *index, unsigned long pfn)
{
	if (!pfn_to_online_page(pfn))
		return UINT_MAX;
	return xa_empty(&index->earlier.xa) ? 0 : load(&index->earlier, pfn);
}

/**
 * gup_pin_earlier_released() - earlier pins are about to be dropped
 * @index: the index
 * @pfn: of their folio's head
 * @pins: how many; there may be fewer
 *
 * Under the lock of a shard.
 */
void gup_pin_earlier_released(struct gup_pin_index *index, unsigned long pfn,
			      unsigned int pins)
{
	struct gup_pin_earlier *earlier = &index->earlier;
	void *entry;

	XA_STATE(xas, &earlier->xa, pfn);

	if (xa_empty(&earlier->xa))
		return;
	xas_lock(&xas);
	entry = xas_load(&xas);
	if (entry)
		store(earlier, &xas, xa_to_value(entry) - min_t(unsigned int, pins,
								xa_to_value(entry)));
	xas_unlock(&xas);
}
