// SPDX-License-Identifier: GPL-2.0
/*
 * Choosing the record that an unpin releases.
 *
 * The pages are known, so there is nearly always only one candidate. If there are
 * several, each is scored by the other properties of the unpin, and the oldest with
 * the best score is chosen.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "unpin.h"

/* Scoring a record takes as long as visiting this many. */
#define SCORE_COST	5

/* Is the record's array entry for this page within the array that the caller passes? */
static bool in_array(const struct gup_pin_unpin *unpin, const struct gup_pin_record *record,
		     pgoff_t index)
{
	unsigned long addr = record->base + (index << PAGE_SHIFT);
	unsigned long entry = record->cookie + (addr >> PAGE_SHIFT) * sizeof(void *);

	return record->cookie && entry >= unpin->first && entry <= unpin->last;
}

static unsigned int score(const struct gup_pin_unpin *unpin, const struct gup_pin_site *site,
			  const struct gup_pin_record *record, pgoff_t index)
{
	const struct gup_pin_id *id = &record->origin->id;
	unsigned int score = GUP_PIN_FITS_NOTHING;

	if (record->flags & GUP_PIN_RECORD_HANDLE)
		score = unpin->handle && record->cookie == unpin->handle ? GUP_PIN_FITS_HANDLE : 0;
	else if (unpin->first && in_array(unpin, record, index))
		score = GUP_PIN_FITS_ARRAY;
	if (site && gup_pin_site_has_stack(site, id->stack))
		score |= GUP_PIN_FITS_STACK;
	if (unpin->write && id->mode == GUP_PIN_WRITE)
		score |= GUP_PIN_FITS_MODE;
	if (site && gup_pin_site_has_kind(site, id))
		score |= GUP_PIN_FITS_KIND;
	if (unpin->pid && id->pid == unpin->pid)
		score |= GUP_PIN_FITS_TASK;
	return score;
}

static void consider(struct gup_pin_verdict *verdict, struct gup_pin_record *record,
		     unsigned int fits)
{
	if (!verdict->records++) {
		verdict->origin = record->origin;
		verdict->alike = true;
	}
	if (!verdict->record || fits > verdict->score) {
		verdict->record = record;
		verdict->score = fits;
	}
	verdict->alike &= record->origin == verdict->origin;
	verdict->modes |= BIT(record->origin->id.mode);
	verdict->handles += fits >= GUP_PIN_FITS_HANDLE;
}

static pgoff_t page_index(unsigned long pfn)
{
	struct page *page = pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;
	struct folio *folio;

	if (!page)
		return 0;
	folio = page_folio(page);
	return folio->index + folio_page_idx(folio, page);
}

/*
 * Scan the records on some pages of a block; with @whole, only those of the folio as a
 * whole. With very many records, the oldest decide: the scan stops as soon as it has
 * visited enough and a record scores at least @least.
 */
static struct gup_pin_verdict look(const struct gup_pin_unpin *unpin,
				   struct gup_pin_shard *shard,
				   struct gup_pin_block *block, u64 mask, bool whole,
				   unsigned int least, unsigned long *flags)
{
	const struct gup_pin_site *site =
		gup_pin_site_find(&unpin->index->sites, unpin->site);
	pgoff_t index = page_index(gup_pin_block_first(block->nr) + __ffs64(mask));
	struct gup_pin_record *record = &block->first;
	struct gup_pin_verdict verdict = {};
	unsigned int looked = 0, fits;
	bool pause;

	lockdep_assert_held(&shard->xa.xa_lock);
	while (record) {
		if ((record->mask & mask) &&
		    (!whole || (record->flags & GUP_PIN_RECORD_FOLIO))) {
			verdict.pins += hweight64(record->mask & mask) * record->pins;
			looked += SCORE_COST;
			fits = score(unpin, site, record, index);
			if (fits >= least)
				consider(&verdict, record, fits);
		}
		pause = ++looked >= GUP_PIN_LOOK;
		verdict.cut = pause && verdict.record;
		if (verdict.cut)
			break;
		if (pause)
			looked = 0;
		record = pause ? gup_pin_pause(shard, block, record, flags) :
				 gup_pin_next_record(block, record);
	}
	return verdict;
}

/*
 * Pins with a handle are released through this handle only, so records with another
 * handle are candidates only if there are no others.
 */
struct gup_pin_verdict gup_pin_decide(const struct gup_pin_unpin *unpin,
				      struct gup_pin_shard *shard,
				      struct gup_pin_block *block, u64 mask, bool whole,
				      unsigned long *flags)
{
	struct gup_pin_verdict verdict;

	if (unpin->handle) {
		verdict = look(unpin, shard, block, mask, whole, GUP_PIN_FITS_HANDLE, flags);
		if (verdict.record)
			return verdict;
	}
	verdict = look(unpin, shard, block, mask, whole, GUP_PIN_FITS_NOTHING, flags);
	if (verdict.record || !verdict.pins)
		return verdict;
	return look(unpin, shard, block, mask, whole, 0, flags);
}

/*
 * A pin without a record is older than the recorded ones, and so nearly always long-term.
 * It is taken to be the released one, unless a record is known to fit.
 */
bool gup_pin_takes_record(const struct gup_pin_verdict *verdict)
{
	const struct gup_pin_id *id = &verdict->record->origin->id;

	return verdict->score >= GUP_PIN_FITS_ARRAY ||
	       ((verdict->score & GUP_PIN_FITS_STACK) && id->term == GUP_PIN_SHORT);
}

/* How certain is it that the chosen record is the right one? */
enum gup_pin_match gup_pin_match_of(const struct gup_pin_block *block, u64 mask,
				    const struct gup_pin_verdict *verdict, unsigned int others)
{
	if (verdict->record->flags & GUP_PIN_RECORD_UNSURE)
		return GUP_PIN_INFERRED;
	if (verdict->score >= GUP_PIN_FITS_HANDLE && verdict->handles == 1)
		return GUP_PIN_EXACT;
	if (others || (block->guessed & mask) || verdict->cut || !verdict->alike)
		return GUP_PIN_INFERRED;
	return verdict->records > 1 || (block->alike & mask) ? GUP_PIN_ALIKE : GUP_PIN_EXACT;
}
