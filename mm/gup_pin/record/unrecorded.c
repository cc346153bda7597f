// SPDX-License-Identifier: GPL-2.0
/*
 * Pins without a record: how many a page may have, and accounting for their unpins.
 */
#include <linux/mm.h>
#include <linux/xarray.h>

#include "unpin.h"

static bool all_recorded_on(struct gup_pin_index *index, unsigned long head,
			    unsigned long npages)
{
	unsigned long nr = gup_pin_block_nr(head), last = gup_pin_block_nr(head + npages - 1);

	while (nr <= last)
		if (!gup_pin_all_recorded(index, gup_pin_shard_of(index, nr++)))
			return false;
	return true;
}

/*
 * Upper bound for the number of pins from before tracking among a
 * folio's pins without a record.
 */
unsigned int gup_pin_most_before(struct gup_pin_index *index, unsigned long head)
{
	if (READ_ONCE(index->complete))
		return 0;
	return READ_ONCE(index->earlier.known) ? gup_pin_earlier_pins(index, head) : UINT_MAX;
}

/* Entries of an array to search for those of a folio. */
#define LOOK_BACK	64UL

/*
 * Number of pins on a folio that the array has released before, but which are not dropped
 * yet. A small folio is released later than its entry is passed, together with others.
 */
static u64 gone_before(const struct gup_pin_unpin *unpin, unsigned long head, bool small)
{
	unsigned long i, left = min(unpin->at, LOOK_BACK);
	const struct folio *folio;
	u64 gone = 0;

	if (!unpin->array || !pfn_valid(head))
		return 0;
	folio = page_folio(pfn_to_page(head));
	for (i = unpin->at - left; i < unpin->at; i++)
		if (unpin->array[i] && page_folio(unpin->array[i]) == folio)
			gone++;
	gone -= small && gone;
	return min(gone, unpin->before + unpin->taken);
}

/*
 * Count the pins without a record on a page's folio. Once is enough for all pins of an
 * unpin, as none of them is dropped until it is complete; but an array may have come back
 * to the folio, and then pins whose records it has removed look like them. Call without a
 * lock.
 */
void gup_pin_count_others(struct gup_pin_unpin *unpin, unsigned long pfn)
{
	unsigned long head = gup_pin_head_pfn(pfn);
	unsigned long npages = gup_pin_folio_pages(head);
	unsigned int real, most = UINT_MAX;
	u64 recorded, gone;

	if (all_recorded_on(unpin->index, head, npages))
		most = gup_pin_most_before(unpin->index, head);
	unpin->counted = head + 1;
	unpin->others = 0;
	unpin->certain = 0;
	if (!most)
		return;
	gone = gone_before(unpin, head, npages == 1);
	recorded = gup_pin_index_pins(unpin->index, head, npages) +
		   (npages > 1 ? unpin->taken : 0);
	real = gup_pin_real_pins(head);
	if (real > recorded)
		unpin->others = min_t(u64, real - recorded, most);
	if (real > recorded + gone)
		unpin->certain = min_t(u64, real - recorded - gone, most);
}

/*
 * May the page's folio have pins without a record, so that
 * gup_pin_count_others() must be called?
 */
bool gup_pin_must_count(const struct gup_pin_unpin *unpin, const struct gup_pin_shard *shard,
			const struct gup_pin_block *block, unsigned int bit)
{
	unsigned long pfn = gup_pin_block_first(block->nr) + bit;

	return (!gup_pin_all_recorded(unpin->index, shard) || block->earlier & BIT_ULL(bit)) &&
	       unpin->counted != gup_pin_head_pfn(pfn) + 1;
}

/*
 * Upper bound for the number of pins without a record on a page:
 * their pages are not known.
 */
unsigned int gup_pin_unrecorded(const struct gup_pin_unpin *unpin,
				const struct gup_pin_shard *shard,
				const struct gup_pin_block *block, unsigned int bit)
{
	unsigned long pfn = gup_pin_block_first(block->nr) + bit;

	if (!gup_pin_all_recorded(unpin->index, shard))
		return unpin->others;
	if (!(block->earlier & BIT_ULL(bit)))
		return 0;
	return min(unpin->others, gup_pin_earlier_pins(unpin->index, gup_pin_head_pfn(pfn)));
}

/*
 * Account for unpins without a record: untracked for lack of memory, from before
 * tracking, or a bug. Returns true for a bug. @guess: there is a record, too.
 */
bool gup_pin_count_unrecorded(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
			      unsigned long pfn, unsigned int pins, bool guess)
{
	unsigned int untracked = min_t(u64, pins, shard->untracked);

	shard->untracked -= untracked;
	if (guess)
		shard->untracked_guessed += untracked;
	pins -= untracked;
	if (!READ_ONCE(unpin->index->complete)) {
		shard->before += pins;
		gup_pin_earlier_released(unpin->index, gup_pin_head_pfn(pfn), pins);
		return false;
	}
	shard->unmatched += pins;
	/* If some pins are untracked, it is not known which. */
	if (untracked || guess || !shard->untracked_guessed)
		return !untracked && !guess;
	shard->untracked_guessed--;
	return false;
}

/*
 * Release pins of a block that are counted as untracked; @guess: they may be those of another
 * folio. Returns the number of pins left.
 */
unsigned int gup_pin_unpin_untracked(struct gup_pin_index *index, unsigned long nr,
				     unsigned int pins, bool guess)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
	unsigned long flags;
	unsigned int gone;

	xa_lock_irqsave(&shard->xa, flags);
	gone = min_t(u64, pins, shard->untracked);
	shard->untracked -= gone;
	if (guess)
		shard->untracked_guessed += gone;
	xa_unlock_irqrestore(&shard->xa, flags);
	return pins - gone;
}
