// SPDX-License-Identifier: GPL-2.0
/*
 * Earlier pins: pins taken before tracking was switched on. They have no records, but a
 * single scan of all memory finds how many of them are on each folio. A folio without
 * earlier pins is then as well known as with tracking since boot; on one that has some,
 * their unpins do not take the records of other pins.
 *
 * Device memory (DAX) is not scanned: its struct pages may be uninitialised.
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

/*
 * Limits for the number of records in a block: to count pins on single
 * pages, and to count once.
 */
#define DOUBT_AMONG	64
#define RECORDS_COUNTED	2048

static struct gup_pin_earlier *earlier_of(struct xa_node *node)
{
	return container_of(node->array, struct gup_pin_earlier, xa);
}

/* Same as in index.c: an xas_store() either only adds or only removes entries. */
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

/* Allocates only if the folio had no entry. Under the lock of @xas. */
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
 * gup_pin_earlier_doubt() - mark records that may be confused with earlier pins
 * @index: the index
 * @block: a block in which pins were recorded
 * @mask: bitmap of the pages
 *
 * Marks a page with a record as guessed if its folio has more pins than the page has on
 * record, and has earlier pins.
 *
 * Context: The lock of the shard must be held.
 */
void gup_pin_earlier_doubt(struct gup_pin_index *index, struct gup_pin_block *block, u64 mask)
{
	unsigned long first = gup_pin_block_first(block->nr);

	/* With very many records, mark without counting. */
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
 * The number of pins that a folio certainly has. Many mappings of a small folio look like
 * a pin, and an earlier pin that does not exist would absorb an unpin.
 */
static unsigned int certain_pins(struct folio *folio)
{
	int refs;

	if (folio_has_pincount(folio))
		return gup_pin_folio_pins(folio);
	refs = folio_ref_count(folio) - folio_mapcount(folio);
	return max(refs, 0) / GUP_PIN_COUNTING_BIAS;
}

/* The folio has earlier pins: mark the records on its pages. */
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

/* Returns false if the block has too many records to visit under one hold of the lock. */
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

/* Count the records of a large folio in the blocks after that of its head. */
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
 * The records of a small folio cannot change under the lock of its block. Those
 * of a large folio may change in its other blocks; then the number of earlier
 * pins may come out too high.
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

/* The page looks pinned, but may be being freed, or be part of another folio by now. */
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

/* Skips nearly all pages: tail pages, and pages with few references. */
static int look_at(struct gup_pin_index *index, struct page *page)
{
	if (page_ref_count(page) < GUP_PIN_COUNTING_BIAS && !PageHead(page))
		return 0;
	return look_closer(index, page);
}

/**
 * gup_pin_earlier_look() - find the pins in a range that have no record
 * @index: the index, which is recording
 * @start: first pfn
 * @end: end pfn (exclusive)
 *
 * New pins are recorded from now on; a pin that is just being taken may be found as well.
 *
 * Context: Process context. May sleep.
 *
 * Return: 0; -ENOMEM or -EBUSY if some pins were not counted, -EBUSY because a folio
 * already has very many new pins.
 */
int gup_pin_earlier_look(struct gup_pin_index *index, unsigned long start, unsigned long end)
{
	unsigned long pfn = start, stop;
	struct page *page;
	int err = 0;

	while (pfn < end && !err) {
		stop = min(round_up(pfn + 1, GUP_PIN_BLOCK_PAGES), end);
		cond_resched();
		/* A block is online either as a whole or not at all. */
		page = pfn_to_online_page(pfn);
		for (; page && pfn < stop && !err; pfn++)
			err = look_at(index, page++);
		pfn = stop;
	}
	return err;
}

/**
 * gup_pin_earlier_find() - find all pins that have no record
 * @index: the index, which is recording
 *
 * If some pins could not be counted, every release that may be of
 * an earlier pin is a guess.
 *
 * Context: Process context. May sleep.
 */
void gup_pin_earlier_find(struct gup_pin_index *index)
{
	WRITE_ONCE(index->earlier.late, true);
	if (!gup_pin_earlier_look(index, 0, gup_pin_max_pfn()))
		WRITE_ONCE(index->earlier.known, true);
}

/**
 * gup_pin_earlier_forget() - forget all earlier pins
 * @index: the index, which is empty and not recording
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

/* The pages of a large folio with earlier pins that starts before the block. */
static u64 mask_of_head(struct gup_pin_index *index, unsigned long nr)
{
	unsigned long first = gup_pin_block_first(nr), head = gup_pin_head_pfn(first), end;

	if (head == first || !load(&index->earlier, head))
		return 0;
	end = head + folio_nr_pages(pfn_folio(head));
	return gup_pin_folio_mask(nr, head, end - head);
}

/**
 * gup_pin_earlier_mask() - pages of a block that may have earlier pins
 * @index: the index
 * @nr: number of the block
 *
 * Called when a block is created.
 *
 * Context: The lock of the shard must be held.
 *
 * Return: bitmap of the pages.
 */
u64 gup_pin_earlier_mask(struct gup_pin_index *index, unsigned long nr)
{
	unsigned long first = gup_pin_block_first(nr);
	void *entry;
	u64 mask;

	XA_STATE(xas, &index->earlier.xa, first);

	lockdep_assert_held(&gup_pin_shard_of(index, nr)->xa.xa_lock);
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
 * gup_pin_earlier_pins() - number of earlier pins on a folio
 * @index: the index
 * @pfn: head of the folio
 *
 * Return: the number of pins not released yet; UINT_MAX if unknown.
 */
unsigned int gup_pin_earlier_pins(struct gup_pin_index *index, unsigned long pfn)
{
	if (!pfn_to_online_page(pfn))
		return UINT_MAX;
	return xa_empty(&index->earlier.xa) ? 0 : load(&index->earlier, pfn);
}

/**
 * gup_pin_earlier_released() - earlier pins of a folio are about to be dropped
 * @index: the index
 * @pfn: head of the folio
 * @pins: number of pins; may be more than there are
 *
 * Context: The lock of a shard must be held.
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
