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
#include <linux/memblock.h>
#include <linux/memory_hotplug.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "gup_pin.h"

static struct gup_pin_earlier *earlier_of(struct xa_node *node)
{
	return container_of(node->array, struct gup_pin_earlier, xa);
}

/* As in index.c: entries are only added, or only removed, by one xas_store(). */
static void count_new_node(struct xa_node *node)
{
	if (node->count == 1)
		earlier_of(node)->nodes++;
}

static void count_freed_node(struct xa_node *node)
{
	if (!node->count)
		earlier_of(node)->nodes--;
}

/**
 * gup_pin_earlier_bytes() - the memory that earlier pins take
 * @earlier: the pins
 *
 * Return: bytes.
 */
size_t gup_pin_earlier_bytes(const struct gup_pin_earlier *earlier)
{
	return READ_ONCE(earlier->nodes) * sizeof(struct xa_node);
}

static unsigned int load(struct gup_pin_earlier *earlier, unsigned long pfn)
{
	void *entry = xa_load(&earlier->xa, pfn);

	return entry ? xa_to_value(entry) : 0;
}

/* Needs no memory unless the folio had none. */
static void store(struct gup_pin_earlier *earlier, struct xa_state *xas, unsigned int pins)
{
	unsigned int old;
	void *entry;

	xas_lock(xas);
	entry = xas_load(xas);
	old = entry ? xa_to_value(entry) : 0;
	xas_set_update(xas, pins ? count_new_node : count_freed_node);
	xas_store(xas, pins ? xa_mk_value(pins) : NULL);
	if (!xas_error(xas))
		earlier->pins += (u64)pins - old;
	xas_unlock(xas);
}

static void change(struct gup_pin_earlier *earlier, unsigned long pfn, unsigned int pins)
{
	XA_STATE(xas, &earlier->xa, pfn);

	store(earlier, &xas, pins);
}

/**
 * gup_pin_earlier_doubt() - pins were recorded where there may be earlier ones
 * @block: their block
 *
 * A folio that has more pins than records is marked. Under the lock of the shard.
 */
void gup_pin_earlier_doubt(struct gup_pin_block *block)
{
	u64 mask = block->earlier & block->used & ~block->inferred;
	unsigned long first = block->nr << GUP_PIN_BLOCK_SHIFT;
	unsigned int bit, calls;

	for (; mask; mask &= mask - 1) {
		bit = __ffs64(mask);
		if (gup_pin_has_unrecorded(first + bit,
					   gup_pin_block_pins(block, bit, &calls)))
			block->inferred |= BIT_ULL(bit);
	}
}

/*
 * The pins on a folio, as far as is certain: very many mappings of a small one look like a
 * pin, and what is taken for an earlier pin that is none eats an unpin.
 */
static unsigned int certain_pins(const struct folio *folio)
{
	int refs;

	if (folio_has_pincount(folio))
		return gup_pin_folio_pins(folio);
	refs = folio_ref_count(folio) - folio_mapcount(folio);
	return max(refs, 0) / GUP_PIN_COUNTING_BIAS;
}

/* Under the lock of the shard, so that what is on record stays. */
static void note_locked(struct gup_pin_index *index, struct gup_pin_shard *shard,
			const struct folio *folio, struct xa_state *xas)
{
	unsigned long pfn = xas->xa_index;
	struct gup_pin_block *block = gup_pin_index_find(shard, gup_pin_block_nr(pfn));
	unsigned int bit = gup_pin_block_bit(pfn), calls, recorded = 0;
	unsigned int pins = certain_pins(folio);

	if (block)
		recorded = gup_pin_block_pins(block, bit, &calls);
	if (pins <= recorded)
		return;
	store(&index->earlier, xas, pins - recorded);
	if (!block || xas_error(xas))
		return;
	block->earlier |= BIT_ULL(bit);
	gup_pin_block_doubt_earlier(block);
}

static int note(struct gup_pin_index *index, struct folio *folio)
{
	unsigned long pfn = folio_pfn(folio), flags;
	struct gup_pin_shard *shard = gup_pin_shard_of(index, gup_pin_block_nr(pfn));

	XA_STATE(xas, &index->earlier.xa, pfn);

	if (gup_pin_memory_full())
		return -ENOMEM;
	do {
		xa_lock_irqsave(&shard->xa, flags);
		note_locked(index, shard, folio, &xas);
		xa_unlock_irqrestore(&shard->xa, flags);
	} while (xas_nomem(&xas, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN));
	return xas_error(&xas);
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
 * Return: 0, or -ENOMEM; then some are missing.
 */
int gup_pin_earlier_look(struct gup_pin_index *index, unsigned long start, unsigned long end)
{
	unsigned long pfn = start, stop;
	struct page *page;
	int err = 0;

	while (pfn < end && !err) {
		stop = min(round_up(pfn + 1, GUP_PIN_BLOCK_PFNS), end);
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
 * May sleep. If memory is short some are missing, and each release that may be of one of
 * those is a guess.
 */
void gup_pin_earlier_find(struct gup_pin_index *index)
{
	WRITE_ONCE(index->earlier.late, true);
	if (!gup_pin_earlier_look(index, 0, max_pfn))
		gup_pin_index_earlier_known(index, true);
}

/**
 * gup_pin_earlier_forget() - forget all earlier pins
 * @index: the index; it is not recording, and empty
 *
 * They are not @earlier.known any more.
 */
void gup_pin_earlier_forget(struct gup_pin_index *index)
{
	struct gup_pin_earlier *earlier = &index->earlier;

	WRITE_ONCE(earlier->late, false);
	xa_destroy(&earlier->xa);
	earlier->pins = 0;
	earlier->nodes = 0;
}

/**
 * gup_pin_earlier_mask() - which folios of a block may have earlier pins?
 * @index: the index
 * @nr: the block's number
 *
 * For a new block, under its shard's lock.
 *
 * Return: the folios, by bits.
 */
u64 gup_pin_earlier_mask(struct gup_pin_index *index, unsigned long nr)
{
	unsigned long first = nr << GUP_PIN_BLOCK_SHIFT;
	u64 mask = 0;
	void *entry;

	XA_STATE(xas, &index->earlier.xa, first);

	if (!READ_ONCE(index->earlier.late))
		return 0;
	if (pfn_valid(first) && !pfn_to_online_page(first))
		return U64_MAX;
	xas_lock(&xas);
	xas_for_each(&xas, entry, first + GUP_PIN_BLOCK_PFNS - 1)
		mask |= BIT_ULL(gup_pin_block_bit(xas.xa_index));
	xas_unlock(&xas);
	return mask;
}

/*
 * Pins on record that end before an earlier one does: short-term ones. An earlier one
 * was there before them, so it is nearly always long-term. If their site is known to
 * release other pins, they do not count.
 */
static unsigned int sooner_pins(const struct gup_pin_block *block, unsigned int bit,
				const struct gup_pin_hint *hint)
{
	unsigned int pins = 0, seen = 0;
	const struct gup_pin_ref *ref;
	struct gup_pin_ref_iter iter;

	for (ref = gup_pin_ref_first(&iter, block, bit, 0);
	     ref && seen++ < GUP_PIN_CHOSEN_FROM; ref = gup_pin_ref_next(&iter))
		if (ref->call->origin->id.term == GUP_PIN_SHORT &&
		    gup_pin_hint_rank(hint, &ref->call->origin->id) <= 1)
			pins += ref->pins;
	return pins;
}

/**
 * gup_pin_earlier_split() - which of a folio's pins does a release take?
 * @index: the index
 * @block: the folio's block, of which @earlier has the folio
 * @bit: the folio
 * @pins: how many pins are about to be released
 * @hint: what is known of them
 *
 * Under the lock of the block's shard. Changes nothing.
 *
 * Return: how many of them are earlier ones; how many records are to go, which are more if
 * there are more than pins, after a wrong guess; and whether any of this is in doubt.
 */
struct gup_pin_split gup_pin_earlier_split(struct gup_pin_index *index,
					   const struct gup_pin_block *block,
					   unsigned int bit, unsigned int pins,
					   const struct gup_pin_hint *hint)
{
	unsigned long pfn = (block->nr << GUP_PIN_BLOCK_SHIFT) + bit;
	unsigned int calls, recorded = gup_pin_block_pins(block, bit, &calls);
	struct gup_pin_split split = { .records = pins };
	unsigned int real, left;

	if (!pfn_valid(pfn))
		return split;
	real = gup_pin_folio_pins(page_folio(pfn_to_page(pfn)));
	split.doubt = real != recorded;
	if (real < recorded) {
		split.records += recorded - real;
		return split;
	}
	left = min(load(&index->earlier, pfn), real - recorded);
	split.earlier = pins - min(pins, sooner_pins(block, bit, hint));
	split.earlier = min(split.earlier, left);
	split.records -= split.earlier;
	return split;
}

/**
 * gup_pin_earlier_released() - earlier pins are about to be dropped
 * @index: the index
 * @pfn: of their folio's head
 * @pins: how many; there may be fewer
 *
 * Under the lock of the folio's shard.
 */
void gup_pin_earlier_released(struct gup_pin_index *index, unsigned long pfn,
			      unsigned int pins)
{
	struct gup_pin_earlier *earlier = &index->earlier;
	unsigned int old;

	if (xa_empty(&earlier->xa))
		return;
	old = load(earlier, pfn);
	if (old)
		change(earlier, pfn, old - min(old, pins));
}

/**
 * gup_pin_earlier_first() - is an earlier pin the first that a release would take?
 * @index: the index
 * @pfn: of the folio's head
 * @pins: how many are about to be released
 * @hint: what is known of them
 *
 * Any context where the shards' locks may be taken.
 */
bool gup_pin_earlier_first(struct gup_pin_index *index, unsigned long pfn,
			   unsigned int pins, const struct gup_pin_hint *hint)
{
	unsigned long nr = gup_pin_block_nr(pfn), flags;
	struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
	unsigned int bit = gup_pin_block_bit(pfn);
	const struct gup_pin_block *block;
	bool first = false;

	if (xa_empty(&index->earlier.xa))
		return false;
	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	if (block && (block->earlier & BIT_ULL(bit)))
		first = gup_pin_earlier_split(index, block, bit, pins, hint).earlier;
	xa_unlock_irqrestore(&shard->xa, flags);
	return first;
}
