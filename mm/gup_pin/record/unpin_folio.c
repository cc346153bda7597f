// SPDX-License-Identifier: GPL-2.0
/*
 * Unpins for which the pages of the folio, or the record, are not known.
 */
#include <linux/mm.h>
#include <linux/xarray.h>

#include "unpin.h"

/*
 * Release up to @pins pins on the folio as a whole, or on its pages in this block: from
 * the best record that scores at least @least; or from the pins without a record, if
 * these are more likely. The page that the unpin means is not known.
 */
static unsigned int unpin_locked(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
				 struct gup_pin_block *block, u64 mask, bool whole,
				 unsigned int least, unsigned int pins, enum gup_pin_doubt *doubt,
				 unsigned long *flags)
{
	struct gup_pin_verdict verdict = gup_pin_decide(unpin, shard, block, mask, whole, flags);
	unsigned long pfn = gup_pin_block_first(block->nr) + __ffs64(mask);
	u8 also = whole ? 0 : unpin->beside;
	unsigned int others = unpin->others;
	enum gup_pin_match match;
	u64 page;

	if (!verdict.record || verdict.score < least)
		return 0;
	if (unpin->certain && !gup_pin_takes_record(&verdict)) {
		*doubt = GUP_PIN_DOUBT_MIXED;
		/* Pins that are untracked in another block are counted there. */
		pins = min3((u64)pins, (u64)unpin->certain, shard->untracked +
			    gup_pin_most_before(unpin->index, gup_pin_head_pfn(pfn)));
		unpin->others -= pins;
		unpin->certain -= pins;
		unpin->before += pins;
		gup_pin_count_unrecorded(unpin, shard, pfn, pins, true);
		return pins;
	}
	match = gup_pin_match_of(block, mask, &verdict, others + also);
	verdict.modes |= also;
	if (match == GUP_PIN_EXACT && !whole && verdict.score < GUP_PIN_FITS_HANDLE)
		match = GUP_PIN_ALIKE;
	page = verdict.record->mask & mask;
	page &= -page;
	pins = min(pins, verdict.record->pins);
	if (match == GUP_PIN_INFERRED)
		shard->inferred += pins;
	gup_pin_take(unpin, shard, block, verdict.record, page, pins, match == GUP_PIN_EXACT);
	*doubt = max(*doubt, gup_pin_doubt_of(&verdict, unpin, match, others));
	gup_pin_doubt_rest(block, page, GUP_PIN_DOUBT_NONE);
	return pins;
}

/*
 * Where to look for pins: on the folio as a whole, on its pages,
 * or on its pages in doubt.
 */
enum part {
	AS_SUCH,
	PAGES,
	DOUBTED_PAGES,
};

static unsigned int unpin_any(struct gup_pin_unpin *unpin, unsigned long nr, u64 mask,
			      enum part part, unsigned int least, unsigned int pins,
			      enum gup_pin_doubt *doubt)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(unpin->index, nr);
	struct gup_pin_block *block;
	unsigned int taken = 0;
	unsigned long flags;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	if (block && part == DOUBTED_PAGES)
		mask &= block->alike | block->guessed;
	if (block && mask && READ_ONCE(unpin->index->recording)) {
		taken = unpin_locked(unpin, shard, block, mask, part == AS_SUCH, least, pins,
				     doubt, &flags);
		gup_pin_index_tidy(shard, block);
	}
	gup_pin_shard_unlock(shard, flags);
	return taken;
}

/*
 * If an earlier unpin did not say which pages or which record it meant, the pin on one
 * page may be recorded on another. Release such a record, if there is one.
 */
static bool unpin_doubted(struct gup_pin_unpin *unpin, unsigned long head)
{
	unsigned long npages = gup_pin_folio_pages(head), nr = gup_pin_block_nr(head);
	unsigned long last = gup_pin_block_nr(head + npages - 1);
	enum gup_pin_doubt doubt = GUP_PIN_DOUBT_NONE;
	bool taken = false;

	if (npages == 1)
		return false;
	for (; nr <= last && !taken; nr++)
		taken = unpin_any(unpin, nr, gup_pin_folio_mask(nr, head, npages),
				  DOUBTED_PAGES, 0, 1, &doubt);
	return taken;
}

/*
 * The folio has pins without a record: release one that is counted as untracked, in the
 * block of the page; or in any block of the folio, unless it may be from before tracking.
 */
static bool unpin_untracked_of(struct gup_pin_unpin *unpin, unsigned long pfn)
{
	unsigned long head = gup_pin_head_pfn(pfn), nr = gup_pin_block_nr(head);
	unsigned long last = gup_pin_block_nr(head + gup_pin_folio_pages(head) - 1);
	bool gone = !gup_pin_unpin_untracked(unpin->index, gup_pin_block_nr(pfn), 1, false);

	if (gup_pin_most_before(unpin->index, head))
		return gone;
	for (; !gone && nr <= last; nr++)
		gone = !gup_pin_unpin_untracked(unpin->index, nr, 1, false);
	return gone;
}

/*
 * Release a pin on the folio as a whole, if there is one, or one of
 * its pins without a record.
 */
static enum gup_pin_taken unpin_whole(struct gup_pin_unpin *unpin, unsigned long head)
{
	unsigned long nr = gup_pin_block_nr(head), flags;
	struct gup_pin_shard *shard = gup_pin_shard_of(unpin->index, nr);
	enum gup_pin_taken result = GUP_PIN_NO_RECORD;
	struct gup_pin_block *block;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	if (block && READ_ONCE(unpin->index->recording)) {
		result = gup_pin_take_one(unpin, shard, block, gup_pin_block_bit(head), true,
					  &flags);
		gup_pin_index_tidy(shard, block);
	}
	gup_pin_shard_unlock(shard, flags);
	return result;
}

/**
 * gup_pin_look_at_whole() - find the pins of a page's folio as a whole
 * @unpin: the unpin of the page, and of others of its folio; @whole and the following members
 *	are set
 * @pfn: the page
 *
 * A small folio's are on the same page as others, and so are found with them. One that is
 * untracked is counted in the block of the head, so it must be looked for here as well.
 *
 * Return: number of these pins; less if there are very many.
 */
unsigned int gup_pin_look_at_whole(struct gup_pin_unpin *unpin, unsigned long pfn)
{
	unsigned long head = gup_pin_head_pfn(pfn), nr = gup_pin_block_nr(head), flags;
	struct gup_pin_shard *shard = gup_pin_shard_of(unpin->index, nr);
	struct gup_pin_verdict verdict = {};
	struct gup_pin_block *block;
	bool untracked;

	if (gup_pin_folio_pages(head) == 1)
		return 0;
	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	if (block) {
		verdict = gup_pin_decide(unpin, shard, block, BIT_ULL(gup_pin_block_bit(head)),
					 true, &flags);
		gup_pin_index_tidy(shard, block);
	}
	untracked = shard->untracked && READ_ONCE(unpin->index->whole_untracked);
	gup_pin_shard_unlock(shard, flags);
	if (untracked) {
		verdict.score = max(verdict.score, GUP_PIN_FITS_NOTHING);
		verdict.modes = BIT(GUP_PIN_READ) | BIT(GUP_PIN_WRITE);
	}
	unpin->whole = verdict.record || untracked ? head + 1 : 0;
	unpin->whole_score = verdict.score;
	unpin->whole_modes = verdict.modes;
	unpin->beside = 0;
	unpin->doubt = GUP_PIN_DOUBT_NONE;
	return verdict.pins;
}

/*
 * Release a pin of the page's folio as a whole, which fits better than those on the page; or
 * one of these, if there is none any more.
 */
void gup_pin_unpin_beside(struct gup_pin_unpin *unpin, unsigned long pfn)
{
	unsigned long head = gup_pin_head_pfn(pfn), was = unpin->whole;

	if (unpin->counted != head + 1)
		gup_pin_count_others(unpin, head);
	if (unpin_whole(unpin, head) != GUP_PIN_TAKEN) {
		unpin->whole = 0;
		gup_pin_unpin_mask(unpin, gup_pin_block_nr(pfn),
				   BIT_ULL(gup_pin_block_bit(pfn)));
		unpin->whole = was;
	}
	unpin->beside = 0;
}

/*
 * The page has no record: the folio may be pinned as a whole; otherwise, the pin has no
 * record. Returns true if that is an error.
 */
bool gup_pin_unpin_elsewhere(struct gup_pin_unpin *unpin, unsigned long pfn)
{
	unsigned long head = gup_pin_head_pfn(pfn), flags;
	struct gup_pin_shard *shard =
		gup_pin_shard_of(unpin->index, gup_pin_block_nr(pfn));
	enum gup_pin_taken result;
	bool error = false, all;

	if (unpin->counted != head + 1)
		gup_pin_count_others(unpin, head);
	/* Do all pins of the folio have records? */
	all = !unpin->others && pfn_valid(pfn);
	result = unpin_whole(unpin, head);
	if (result == GUP_PIN_TAKEN || !READ_ONCE(unpin->index->recording))
		return false;
	if (unpin->certain && unpin_untracked_of(unpin, pfn)) {
		gup_pin_one_less(unpin);
		return false;
	}
	if ((result == GUP_PIN_NO_RECORD && unpin_doubted(unpin, head)) ||
	    !gup_pin_unpin_untracked(unpin->index, gup_pin_block_nr(pfn), 1, all))
		return false;
	/*
	 * A pin that was just being taken looked like one without a record:
	 * release a record instead.
	 */
	if (result == GUP_PIN_NOT_RECORDED && READ_ONCE(unpin->index->complete)) {
		unpin->others = 0;
		unpin->certain = 0;
		if (unpin_whole(unpin, head) == GUP_PIN_TAKEN)
			return false;
	}
	gup_pin_one_less(unpin);
	xa_lock_irqsave(&shard->xa, flags);
	if (READ_ONCE(unpin->index->recording))
		error = gup_pin_count_unrecorded(unpin, shard, pfn, 1, false);
	xa_unlock_irqrestore(&shard->xa, flags);
	return error;
}

/* Mark the remaining pins on other pages that an unpin may have meant. */
static void doubt_block(struct gup_pin_index *index, unsigned long nr, u64 mask,
			enum gup_pin_doubt doubt)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
	struct gup_pin_block *block;
	unsigned long flags;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	if (block) {
		gup_pin_doubt_rest(block, mask, doubt);
		gup_pin_index_tidy(shard, block);
	}
	gup_pin_shard_unlock(shard, flags);
}

/**
 * gup_pin_doubt_whole() - complete an unpin of pages whose folio has pins as a whole
 * @unpin: the unpin; @whole is reset
 *
 * If a pin on a page was released, but one of these may have been meant, they are in doubt.
 */
void gup_pin_doubt_whole(struct gup_pin_unpin *unpin)
{
	unsigned long head = unpin->whole - 1;

	if (unpin->doubt)
		doubt_block(unpin->index, gup_pin_block_nr(head),
			    BIT_ULL(gup_pin_block_bit(head)), unpin->doubt);
	unpin->whole = 0;
}

/*
 * Look at the records on all pages of a folio that score at least @least: as they are in
 * several blocks, note their modes in @unpin if their origins differ. Returns the best score.
 */
static unsigned int look_at_pages(struct gup_pin_unpin *unpin, unsigned long pfn,
				  unsigned long npages, unsigned int least)
{
	unsigned long nr = gup_pin_block_nr(pfn), last = gup_pin_block_nr(pfn + npages - 1);
	bool found = false, alike = true;
	unsigned int best = least;
	struct gup_pin_id id;
	u8 modes = 0;

	for (; nr <= last; nr++) {
		struct gup_pin_shard *shard = gup_pin_shard_of(unpin->index, nr);
		struct gup_pin_verdict verdict = {};
		struct gup_pin_block *block;
		unsigned long flags;

		xa_lock_irqsave(&shard->xa, flags);
		block = gup_pin_index_find(shard, nr);
		if (block)
			verdict = gup_pin_decide(unpin, shard, block,
						 gup_pin_folio_mask(nr, pfn, npages), false,
						 &flags);
		if (verdict.record && verdict.score >= least) {
			if (!found)
				id = verdict.record->origin->id;
			found = true;
			alike &= verdict.alike && !verdict.cut &&
				 gup_pin_id_equal(&id, &verdict.record->origin->id);
			modes |= verdict.modes;
			best = max(best, verdict.score);
		}
		if (block)
			gup_pin_index_tidy(shard, block);
		gup_pin_shard_unlock(shard, flags);
	}
	if (!alike)
		unpin->beside |= modes;
	return best;
}

/* Release pins on a folio's pages, the best match first. Returns the number that is left. */
static unsigned int unpin_best(struct gup_pin_unpin *unpin, unsigned long pfn,
			       unsigned long npages, unsigned int least, unsigned int pins,
			       enum gup_pin_doubt *doubt)
{
	unsigned long first = gup_pin_block_nr(pfn), nr;
	unsigned long last = gup_pin_block_nr(pfn + npages - 1);
	unsigned int best = least, was, taken;

	do {
		was = pins;
		if (least < GUP_PIN_FITS_HANDLE)
			best = look_at_pages(unpin, pfn, npages, least);
		for (nr = first; pins && nr <= last; nr += !taken) {
			taken = unpin_any(unpin, nr, gup_pin_folio_mask(nr, pfn, npages), PAGES,
					  best, pins, doubt);
			pins -= taken;
		}
	} while (pins && pins < was);
	unpin->beside = 0;
	return pins;
}

/* Returns the number of pins for which no record scores at least @least. */
static unsigned int unpin_fitting(struct gup_pin_unpin *unpin, unsigned long pfn,
				  unsigned long npages, unsigned int least,
				  unsigned int pins)
{
	unsigned long first = gup_pin_block_nr(pfn), nr;
	unsigned long last = gup_pin_block_nr(pfn + npages - 1);
	u64 head = BIT_ULL(gup_pin_block_bit(pfn));
	enum gup_pin_doubt doubt = GUP_PIN_DOUBT_NONE;
	unsigned int taken;

	do {
		taken = unpin_any(unpin, first, head, AS_SUCH, least, pins, &doubt);
		pins -= taken;
	} while (taken && pins);
	if (doubt)
		doubt_block(unpin->index, first, head, doubt);
	/*
	 * If the record of another page is taken, the unpin of that page looks for marks,
	 * so set them first. A match by handle needs no marks.
	 */
	for (nr = first; pins && least < GUP_PIN_FITS_HANDLE && nr <= last; nr++)
		doubt_block(unpin->index, nr, gup_pin_folio_mask(nr, pfn, npages),
			    GUP_PIN_DOUBT_ALIKE);
	doubt = GUP_PIN_DOUBT_NONE;
	if (pins)
		pins = unpin_best(unpin, pfn, npages, least, pins, &doubt);
	for (nr = first; doubt && nr <= last; nr++)
		doubt_block(unpin->index, nr, gup_pin_folio_mask(nr, pfn, npages), doubt);
	return pins;
}

/*
 * The handle has no record: its pins are among those without a record, if there
 * are any. Most are on the first page of the folio. Returns the number of pins
 * that remain to be released.
 */
static unsigned int unpin_kept(struct gup_pin_unpin *unpin, unsigned long pfn,
			       unsigned long npages, unsigned int pins)
{
	unsigned long nr = gup_pin_block_nr(pfn), last = gup_pin_block_nr(pfn + npages - 1);
	unsigned int left = pins;

	while (left && unpin->certain && unpin_untracked_of(unpin, pfn)) {
		gup_pin_one_less(unpin);
		left--;
	}
	for (; left < pins && nr <= last; nr++)
		doubt_block(unpin->index, nr, gup_pin_folio_mask(nr, pfn, npages),
			    GUP_PIN_DOUBT_MIXED);
	return left;
}

/*
 * If a folio has pins as a whole, and others on its pages, either may be meant: mark all of
 * them before one is released. Pins with a handle are not meant.
 */
static void doubt_all(struct gup_pin_unpin *unpin, unsigned long pfn, unsigned long npages)
{
	unsigned long nr = gup_pin_block_nr(pfn), last = gup_pin_block_nr(pfn + npages - 1);
	unsigned int pins = gup_pin_look_at_whole(unpin, pfn);
	bool meant = unpin->whole && unpin->whole_score >= GUP_PIN_FITS_NOTHING;
	struct gup_pin_holders all;

	unpin->whole = 0;
	if (!meant)
		return;
	gup_pin_walk_holders(unpin->index, pfn, NULL, 0, &all);
	if (all.pins == pins)
		return;
	for (; nr <= last; nr++)
		doubt_block(unpin->index, nr, gup_pin_folio_mask(nr, pfn, npages),
			    all.writes && all.writes < all.pins ? GUP_PIN_DOUBT_MIXED :
								  GUP_PIN_DOUBT_GUESSED);
}

static void unpin_large(struct gup_pin_unpin *unpin, unsigned long pfn, unsigned long npages,
			unsigned int pins)
{
	unsigned long nr = gup_pin_block_nr(pfn), last = gup_pin_block_nr(pfn + npages - 1);

	if (unlikely(gup_pin_any_whole(unpin->index)) && !unpin->handle)
		doubt_all(unpin, pfn, npages);
	gup_pin_count_others(unpin, pfn);
	if (unpin->handle) {
		pins = unpin_fitting(unpin, pfn, npages, GUP_PIN_FITS_HANDLE, pins);
		pins = unpin_kept(unpin, pfn, npages, pins);
	}
	if (pins)
		pins = unpin_fitting(unpin, pfn, npages, GUP_PIN_FITS_NOTHING, pins);
	if (pins)
		pins = unpin_fitting(unpin, pfn, npages, 0, pins);
	for (; pins && nr <= last; nr++)
		pins = gup_pin_unpin_untracked(unpin->index, nr, pins, !unpin->others);
	/*
	 * A pin that was just being taken looked like one without a record:
	 * release a record instead.
	 */
	unpin->others = 0;
	unpin->certain = 0;
	if (pins)
		pins = unpin_fitting(unpin, pfn, npages, 0, pins);
	for (; pins; pins--)
		if (gup_pin_unpin_elsewhere(unpin, pfn) && unpin->unmatched)
			unpin->unmatched(gup_pin_block_nr(pfn), BIT_ULL(gup_pin_block_bit(pfn)),
					 1, unpin->ip);
}

/**
 * gup_pin_unpin_folio() - release pins on unknown pages of a folio
 * @unpin: what is known about the pins
 * @pfn: head of the folio
 * @npages: number of pages of the folio
 * @pins: number of pins
 *
 * See gup_pin_unpin_mask().
 */
void gup_pin_unpin_folio(struct gup_pin_unpin *unpin, unsigned long pfn,
			 unsigned long npages, unsigned int pins)
{
	if (!READ_ONCE(unpin->index->recording))
		return;
	gup_pin_next_folio(unpin);
	if (npages > 1) {
		unpin_large(unpin, pfn, npages, pins);
		return;
	}
	while (pins--)
		gup_pin_unpin_mask(unpin, gup_pin_block_nr(pfn),
				   BIT_ULL(gup_pin_block_bit(pfn)));
}
