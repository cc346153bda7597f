// SPDX-License-Identifier: GPL-2.0
/*
 * Releasing pins: which record does an unpin take? Block by block, each under its shard's
 * lock. Never allocates, never sleeps.
 *
 * The pages are known, so nearly always there is one record that it can be. Where there
 * are several, each is scored by all else that the unpin says, and the oldest of the best
 * is taken.
 */
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "internal.h"

/* So few that all 64 pages of a block may be looked at, one after the other. */
#define FEW	8

/* What a record is scored by: the higher bit decides. */
#define FITS_HANDLE	(3 << 8)
#define FITS_ARRAY	(2 << 8)
#define FITS_NOTHING	BIT(8)
#define FITS_STACK	BIT(7)
#define FITS_MODE	BIT(6)
#define FITS_KIND	BIT(5)
#define FITS_TASK	BIT(4)

/**
 * struct verdict - which record an unpin takes
 * @record: the record; NULL if there is none on the pages
 * @score: how well it fits
 * @pins: pins on the pages that are on record, as far as was looked
 * @records: the candidates
 * @handles: those that the unpin's handle names
 * @origin: of the first of them
 * @alike: all are of this origin
 * @modes: a bit for each mode that there is
 * @cut: there may be more
 */
struct verdict {
	struct gup_pin_record *record;
	unsigned int score;
	unsigned int pins;
	unsigned int records;
	unsigned int handles;
	const struct gup_pin_origin *origin;
	bool alike;
	u8 modes;
	bool cut;
};

/* Is the record's entry for this page in the array that is handed over? */
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
	unsigned int score = FITS_NOTHING;

	if (record->flags & GUP_PIN_RECORD_HANDLE)
		score = unpin->handle && record->cookie == unpin->handle ? FITS_HANDLE : 0;
	else if (unpin->first && in_array(unpin, record, index))
		score = FITS_ARRAY;
	if (site && gup_pin_site_has_stack(site, id->stack))
		score |= FITS_STACK;
	if (unpin->write && id->mode == GUP_PIN_WRITE)
		score |= FITS_MODE;
	if (site && gup_pin_site_has_kind(site, id))
		score |= FITS_KIND;
	if (unpin->pid && id->pid == unpin->pid)
		score |= FITS_TASK;
	return score;
}

static void consider(struct verdict *verdict, struct gup_pin_record *record, unsigned int fits)
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
	verdict->handles += fits >= FITS_HANDLE;
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
 * Look through the records on some pages of a block: on all of them, or, with @whole, on
 * the folio as such. Where very many come first, it is by the oldest that is decided, but
 * the list is gone through until there is one that fits @least so well.
 */
static struct verdict look(const struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
			   struct gup_pin_block *block, u64 mask, bool whole,
			   unsigned int least, unsigned long *flags)
{
	const struct gup_pin_site *site =
		gup_pin_site_find(&unpin->index->sites, unpin->site);
	pgoff_t index = page_index(gup_pin_block_first(block->nr) + __ffs64(mask));
	struct gup_pin_record *record = &block->first;
	struct verdict verdict = {};
	unsigned int looked = 0, fits;
	bool pause;

	lockdep_assert_held(&shard->xa.xa_lock);
	while (record) {
		if ((record->mask & mask) &&
		    (!whole || (record->flags & GUP_PIN_RECORD_FOLIO))) {
			verdict.pins += gup_pin_count(record->mask & mask) * record->pins;
			fits = score(unpin, site, record, index);
			if (fits >= least)
				consider(&verdict, record, fits);
		}
		pause = ++looked % GUP_PIN_LOOK == 0;
		verdict.cut = pause && verdict.record;
		if (verdict.cut)
			break;
		record = pause ? gup_pin_pause(shard, block, record, flags) :
				 gup_pin_next_record(block, record);
	}
	return verdict;
}

/*
 * Pins that have a handle are released by it and by nothing else. So records with another
 * handle are candidates only where there are no others.
 */
static struct verdict decide(const struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
			     struct gup_pin_block *block, u64 mask, bool whole,
			     unsigned long *flags)
{
	struct verdict verdict;

	if (unpin->handle) {
		verdict = look(unpin, shard, block, mask, whole, FITS_HANDLE, flags);
		if (verdict.record)
			return verdict;
	}
	verdict = look(unpin, shard, block, mask, whole, FITS_NOTHING, flags);
	if (verdict.record || !verdict.pins)
		return verdict;
	return look(unpin, shard, block, mask, whole, 0, flags);
}

/* Can no pin be without a record, but for the earlier ones that are known? */
static bool all_recorded(const struct gup_pin_index *index, const struct gup_pin_shard *shard)
{
	return (READ_ONCE(index->complete) || READ_ONCE(index->earlier.known)) &&
	       !shard->untracked;
}

static bool all_recorded_on(const struct gup_pin_index *index, unsigned long head,
			    unsigned long npages)
{
	unsigned long nr = gup_pin_block_nr(head), last = gup_pin_block_nr(head + npages - 1);

	while (nr <= last)
		if (!all_recorded(index, gup_pin_shard_of(index, nr++)))
			return false;
	return true;
}

/* Of a folio's pins without a record so many may be from before tracking, at most. */
static unsigned int most_before(const struct gup_pin_index *index, unsigned long head)
{
	if (READ_ONCE(index->complete))
		return 0;
	return READ_ONCE(index->earlier.known) ? gup_pin_earlier_pins(index, head) : UINT_MAX;
}

/*
 * How many pins of a page's folio are not on record? Counted once for all of them that an
 * unpin is about to drop, for they are all there until it is through. Without a lock.
 */
static void count_others(struct gup_pin_unpin *unpin, unsigned long pfn)
{
	unsigned long head = gup_pin_head_pfn(pfn);
	unsigned long npages = gup_pin_folio_pages(head);
	unsigned int real, most = UINT_MAX;
	u64 recorded;

	if (all_recorded_on(unpin->index, head, npages))
		most = most_before(unpin->index, head);
	unpin->counted = head + 1;
	unpin->others = 0;
	if (!most)
		return;
	recorded = gup_pin_index_pins(unpin->index, head, npages) +
		   (npages > 1 ? unpin->taken : 0);
	real = gup_pin_real_pins(head);
	if (real > recorded)
		unpin->others = min_t(u64, real - recorded, most);
}

/* May a page's folio have pins without a record, and count_others() is due? */
static bool must_count(const struct gup_pin_unpin *unpin, const struct gup_pin_shard *shard,
		       const struct gup_pin_block *block, unsigned int bit)
{
	unsigned long pfn = gup_pin_block_first(block->nr) + bit;

	return (!all_recorded(unpin->index, shard) || block->earlier & BIT_ULL(bit)) &&
	       unpin->counted != gup_pin_head_pfn(pfn) + 1;
}

/* How many pins may a page have that are not on record? It is not known on which page. */
static unsigned int unrecorded(const struct gup_pin_unpin *unpin,
			       const struct gup_pin_shard *shard,
			       const struct gup_pin_block *block, unsigned int bit)
{
	unsigned long pfn = gup_pin_block_first(block->nr) + bit;

	if (!all_recorded(unpin->index, shard))
		return unpin->others;
	if (!(block->earlier & BIT_ULL(bit)))
		return 0;
	return min(unpin->others, gup_pin_earlier_pins(unpin->index, gup_pin_head_pfn(pfn)));
}

/*
 * A pin that is not on record is older than those that are, and so nearly always long-term.
 * It is the one that goes, unless a record is known to fit.
 */
static bool takes_record(const struct verdict *verdict)
{
	const struct gup_pin_id *id = &verdict->record->origin->id;

	return verdict->score >= FITS_ARRAY ||
	       ((verdict->score & FITS_STACK) && id->term == GUP_PIN_SHORT);
}

/* How sure is it that the record of a verdict is the right one? */
static enum gup_pin_match match_of(const struct gup_pin_block *block, u64 mask,
				   const struct verdict *verdict, unsigned int others)
{
	if (verdict->score >= FITS_HANDLE && verdict->handles == 1)
		return GUP_PIN_EXACT;
	if (others || (block->guessed & mask) || verdict->cut || !verdict->alike)
		return GUP_PIN_INFERRED;
	return verdict->records > 1 || (block->alike & mask) ? GUP_PIN_ALIKE : GUP_PIN_EXACT;
}

/*
 * What released pins here, should they be released once more. Of a shard that is one
 * block, and of the block one site: neighbouring blocks are of different shards, and most
 * blocks have one site.
 */
static __always_inline void note_release(const struct gup_pin_unpin *unpin,
					 struct gup_pin_shard *shard,
					 unsigned long block, u64 mask)
{
	struct gup_pin_last *last = &shard->last;

	if (last->block == block && last->site == unpin->site && last->pid == unpin->pid &&
	    last->time == (u32)jiffies)
		mask |= last->mask;
	*last = (struct gup_pin_last) {
		.block = block,
		.mask = mask,
		.site = unpin->site,
		.time = jiffies,
		.pid = unpin->pid,
	};
}

/**
 * gup_pin_last_release() - what released a page's pins last
 * @index: the index
 * @pfn: of the page
 * @last: filled in
 *
 * Any context where the shards' locks may be taken.
 *
 * Return: false if it is not known, or not any more.
 */
bool gup_pin_last_release(struct gup_pin_index *index, unsigned long pfn,
			  struct gup_pin_last *last)
{
	unsigned long nr = gup_pin_block_nr(pfn), flags;
	struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);

	xa_lock_irqsave(&shard->xa, flags);
	*last = shard->last;
	xa_unlock_irqrestore(&shard->xa, flags);
	return last->block == nr && last->mask & BIT_ULL(gup_pin_block_bit(pfn));
}

/* An unpin of many pages mostly meets the same origin on all: one atomic does. */
static void put_origin(struct gup_pin_unpin *unpin)
{
	if (unpin->released)
		gup_pin_origin_put(unpin->origin, unpin->released);
	unpin->released = 0;
}

/* Take pins off a record, but for what the caller does once for many. */
static __always_inline void take_off(struct gup_pin_unpin *unpin,
				     struct gup_pin_block *block,
				     struct gup_pin_record *record, u64 mask,
				     unsigned int pins, bool sure)
{
	struct gup_pin_origin *origin = record->origin;

	if (unpin->origin != origin) {
		put_origin(unpin);
		unpin->origin = origin;
	}
	unpin->released += gup_pin_count(mask) * pins;
	unpin->taken += gup_pin_count(mask) * pins;
	if (sure && unpin->site && unlikely(READ_ONCE(origin->site) != unpin->site)) {
		gup_pin_site_learn(&unpin->index->sites, unpin->site, &origin->id);
		WRITE_ONCE(origin->site, unpin->site);
	}
	gup_pin_block_lose(block, record, mask, pins);
}

/* Take pins off a record. @sure: it is certainly the right one. */
static void take(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
		 struct gup_pin_block *block, struct gup_pin_record *record, u64 mask,
		 unsigned int pins, bool sure)
{
	take_off(unpin, block, record, mask, pins, sure);
	shard->released += gup_pin_count(mask) * pins;
	note_release(unpin, shard, block->nr, mask);
}

static void trust(struct gup_pin_block *block, u64 mask)
{
	block->alike &= ~mask;
	block->guessed &= ~mask;
	block->mixed &= ~mask;
}

/*
 * The pages that have one pin, which is on record: nearly all. Returns the others. Of make
 * bench: neighbours on/off 1.30, by unpin_one() alone 3.26; thp 1.50, and 25.6.
 */
static u64 unpin_only(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
		      struct gup_pin_block *block, u64 mask)
{
	u64 once = 0, more = block->earlier, doubt = block->alike | block->guessed;
	struct gup_pin_record *record, *next;
	u64 left;

	for (record = gup_pin_first_record(block); record;
	     record = gup_pin_next_record(block, record)) {
		more |= record->pins > 1 ? record->mask : once & record->mask;
		once |= record->mask;
	}
	once &= mask & ~more;
	if (!once)
		return mask;
	for (record = &block->first, left = once; left; record = next) {
		u64 hit = record->mask & left;

		next = gup_pin_next_record(block, record);
		if (hit)
			take_off(unpin, block, record, hit, 1, hit & ~doubt);
		left &= ~hit;
	}
	shard->released += gup_pin_count(once);
	note_release(unpin, shard, block->nr, once);
	if (unlikely(doubt & once)) {
		shard->inferred += gup_pin_count(once & block->guessed);
		trust(block, once);
	}
	return mask & ~once;
}

/* What is in doubt about pins that are left after an unpin. */
enum doubt {
	DOUBT_NONE,
	DOUBT_ALIKE,
	DOUBT_GUESSED,
	DOUBT_MIXED,
};

static enum doubt doubt_of(const struct verdict *verdict, const struct gup_pin_unpin *unpin,
			   enum gup_pin_match match, unsigned int others)
{
	bool writes = verdict->modes & BIT(GUP_PIN_WRITE);

	if (match != GUP_PIN_INFERRED)
		return match == GUP_PIN_ALIKE ? DOUBT_ALIKE : DOUBT_NONE;
	if (others || (!(unpin->write && writes) &&
		       (verdict->cut || verdict->modes & (verdict->modes - 1))))
		return DOUBT_MIXED;
	return DOUBT_GUESSED;
}

/* Which of the pages have pins left? Of very many records not all are looked at. */
static u64 left_on(const struct gup_pin_block *block, u64 mask)
{
	struct gup_pin_record *record;
	unsigned int looked = 0;
	u64 left = 0;

	for (record = gup_pin_first_record(block); record;
	     record = gup_pin_next_record(block, record)) {
		left |= record->mask & mask;
		if (left == mask)
			break;
		if (++looked == GUP_PIN_LOOK)
			return mask;
	}
	return left;
}

/* Doubt ends with a page's last pin. */
static void doubt_rest(struct gup_pin_block *block, u64 mask, enum doubt doubt)
{
	u64 left = left_on(block, mask);

	trust(block, mask & ~left);
	if (doubt == DOUBT_ALIKE)
		block->alike |= left;
	if (doubt >= DOUBT_GUESSED)
		block->guessed |= left;
	if (doubt == DOUBT_MIXED)
		block->mixed |= left;
}

enum unpin_result {
	UNPIN_DONE,
	UNPIN_NO_RECORD,
	UNPIN_NOT_RECORDED,
	UNPIN_COUNT_FIRST,
};

/* One pin of a page goes, where it is not the only one. */
static enum unpin_result unpin_one(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
				   struct gup_pin_block *block, unsigned int bit, bool whole,
				   unsigned long *flags)
{
	u64 mask = BIT_ULL(bit);
	struct verdict verdict = decide(unpin, shard, block, mask, whole, flags);
	enum gup_pin_match match;
	unsigned int others;

	if (!verdict.record)
		return UNPIN_NO_RECORD;
	if (must_count(unpin, shard, block, bit))
		return UNPIN_COUNT_FIRST;
	/* Of the folio as such, those of other blocks, too: they were counted. */
	others = whole ? unpin->others : unrecorded(unpin, shard, block, bit);
	if (others && !takes_record(&verdict)) {
		doubt_rest(block, mask, DOUBT_MIXED);
		return UNPIN_NOT_RECORDED;
	}
	match = match_of(block, mask, &verdict, others);
	shard->inferred += match == GUP_PIN_INFERRED;
	take(unpin, shard, block, verdict.record, mask, 1, match == GUP_PIN_EXACT);
	doubt_rest(block, mask, doubt_of(&verdict, unpin, match, others));
	return UNPIN_DONE;
}

/* Pins that have no record: not recorded for lack of memory, too old, or a bug. */
static bool count_unrecorded(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
			     unsigned long pfn, unsigned int pins)
{
	unsigned int untracked = min_t(u64, pins, shard->untracked);

	shard->untracked -= untracked;
	pins -= untracked;
	if (!READ_ONCE(unpin->index->complete)) {
		shard->before += pins;
		gup_pin_earlier_released(unpin->index, gup_pin_head_pfn(pfn), pins);
		return false;
	}
	shard->unmatched += pins;
	/* If some are known to be untracked, which of them is not known. */
	return !untracked;
}

/* Of pins in a block that were counted as untracked, some go; returns how many did not. */
static unsigned int unpin_untracked(struct gup_pin_index *index, unsigned long nr,
				    unsigned int pins)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
	unsigned long flags;
	unsigned int gone;

	xa_lock_irqsave(&shard->xa, flags);
	gone = min_t(u64, pins, shard->untracked);
	shard->untracked -= gone;
	xa_unlock_irqrestore(&shard->xa, flags);
	return pins - gone;
}

/*
 * Take up to @pins of those on the folio as such, or on its pages in this block: from the
 * record that fits best, and @least so well, if not of those that have no record. Which page
 * the unpin means is not known.
 */
static unsigned int unpin_locked(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
				 struct gup_pin_block *block, u64 mask, bool whole,
				 unsigned int least, unsigned int pins, enum doubt *doubt,
				 unsigned long *flags)
{
	struct verdict verdict = decide(unpin, shard, block, mask, whole, flags);
	unsigned long pfn = gup_pin_block_first(block->nr) + __ffs64(mask);
	unsigned int others = unpin->others;
	enum gup_pin_match match;
	u64 page;

	if (!verdict.record || verdict.score < least)
		return 0;
	if (others && !takes_record(&verdict)) {
		*doubt = DOUBT_MIXED;
		/* Those that are untracked in another block are counted there. */
		pins = min3((u64)pins, (u64)others, shard->untracked +
			    most_before(unpin->index, gup_pin_head_pfn(pfn)));
		unpin->others -= pins;
		count_unrecorded(unpin, shard, pfn, pins);
		return pins;
	}
	match = match_of(block, mask, &verdict, others);
	if (match == GUP_PIN_EXACT && !whole && verdict.score < FITS_HANDLE)
		match = GUP_PIN_ALIKE;
	page = verdict.record->mask & mask;
	page &= -page;
	pins = min(pins, verdict.record->pins);
	if (match == GUP_PIN_INFERRED)
		shard->inferred += pins;
	take(unpin, shard, block, verdict.record, page, pins, match == GUP_PIN_EXACT);
	*doubt = max(*doubt, doubt_of(&verdict, unpin, match, others));
	doubt_rest(block, page, DOUBT_NONE);
	return pins;
}

static unsigned int unpin_any(struct gup_pin_unpin *unpin, unsigned long nr, u64 mask,
			      bool whole, unsigned int least, unsigned int pins,
			      enum doubt *doubt)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(unpin->index, nr);
	struct gup_pin_block *block;
	unsigned int taken = 0;
	unsigned long flags;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	if (block && READ_ONCE(unpin->index->recording)) {
		taken = unpin_locked(unpin, shard, block, mask, whole, least, pins, doubt,
				     &flags);
		gup_pin_index_tidy(shard, block);
	}
	xa_unlock_irqrestore(&shard->xa, flags);
	return taken;
}

/*
 * Where it was not known which pages of a folio were unpinned, or of which record, the pin
 * of one page may be on record on another. Takes such a record, if there is one.
 */
static bool unpin_doubted(struct gup_pin_unpin *unpin, unsigned long head)
{
	unsigned long npages = gup_pin_folio_pages(head), nr = gup_pin_block_nr(head);
	unsigned long last = gup_pin_block_nr(head + npages - 1);
	enum doubt doubt = DOUBT_NONE;
	bool taken = false;

	if (npages == 1)
		return false;
	for (; nr <= last && !taken; nr++) {
		struct gup_pin_shard *shard = gup_pin_shard_of(unpin->index, nr);
		u64 mask = gup_pin_folio_mask(nr, head, npages);
		struct gup_pin_block *block;
		unsigned long flags;

		xa_lock_irqsave(&shard->xa, flags);
		block = gup_pin_index_find(shard, nr);
		if (block)
			mask &= block->alike | block->guessed;
		if (block && mask && READ_ONCE(unpin->index->recording)) {
			taken = unpin_locked(unpin, shard, block, mask, false, 0, 1, &doubt,
					     &flags);
			gup_pin_index_tidy(shard, block);
		}
		xa_unlock_irqrestore(&shard->xa, flags);
	}
	return taken;
}

/*
 * The folio has pins without a record: one of those that were counted as untracked goes, of
 * the page's block or, if it is none from before tracking, of any.
 */
static bool unpin_untracked_of(struct gup_pin_unpin *unpin, unsigned long pfn)
{
	unsigned long head = gup_pin_head_pfn(pfn), nr = gup_pin_block_nr(head);
	unsigned long last = gup_pin_block_nr(head + gup_pin_folio_pages(head) - 1);
	bool gone = !unpin_untracked(unpin->index, gup_pin_block_nr(pfn), 1);

	if (most_before(unpin->index, head))
		return gone;
	for (; !gone && nr <= last; nr++)
		gone = !unpin_untracked(unpin->index, nr, 1);
	return gone;
}

/* Of the folio as such, if it is pinned so; or of its pins that have no record. */
static enum unpin_result unpin_whole(struct gup_pin_unpin *unpin, unsigned long head)
{
	unsigned long nr = gup_pin_block_nr(head), flags;
	struct gup_pin_shard *shard = gup_pin_shard_of(unpin->index, nr);
	enum unpin_result result = UNPIN_NO_RECORD;
	struct gup_pin_block *block;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	if (block && READ_ONCE(unpin->index->recording)) {
		result = unpin_one(unpin, shard, block, gup_pin_block_bit(head), true, &flags);
		gup_pin_index_tidy(shard, block);
	}
	xa_unlock_irqrestore(&shard->xa, flags);
	return result;
}

/*
 * There is no record on the page: is its folio pinned as a whole? If not, the pin has no
 * record. Returns whether that is an error.
 */
static bool unpin_elsewhere(struct gup_pin_unpin *unpin, unsigned long pfn)
{
	unsigned long head = gup_pin_head_pfn(pfn), flags;
	struct gup_pin_shard *shard =
		gup_pin_shard_of(unpin->index, gup_pin_block_nr(pfn));
	enum unpin_result result;
	bool error = false;

	if (unpin->counted != head + 1)
		count_others(unpin, head);
	result = unpin_whole(unpin, head);
	if (result == UNPIN_DONE || !READ_ONCE(unpin->index->recording))
		return false;
	if (unpin->others && unpin_untracked_of(unpin, pfn)) {
		unpin->others--;
		return false;
	}
	if ((result == UNPIN_NO_RECORD && unpin_doubted(unpin, head)) ||
	    !unpin_untracked(unpin->index, gup_pin_block_nr(pfn), 1))
		return false;
	/* What seemed to have no record was just being taken: then it is that of a record. */
	if (result == UNPIN_NOT_RECORDED && READ_ONCE(unpin->index->complete)) {
		unpin->others = 0;
		if (unpin_whole(unpin, head) == UNPIN_DONE)
			return false;
	}
	if (unpin->others)
		unpin->others--;
	xa_lock_irqsave(&shard->xa, flags);
	if (READ_ONCE(unpin->index->recording))
		error = count_unrecorded(unpin, shard, pfn, 1);
	xa_unlock_irqrestore(&shard->xa, flags);
	return error;
}

/*
 * Returns the pages that are still to be done: after one that has many records, so that others
 * may have the lock; or those of whose folio the pins have to be counted first, which sets
 * @count. To @missing those are added on which there is no record.
 */
static u64 unpin_mask(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
		      struct gup_pin_block *block, u64 mask, u64 *missing, bool *count,
		      unsigned long *flags)
{
	bool many = block->nr_records > FEW;

	if (likely(all_recorded(unpin->index, shard) && block->nr_records <= GUP_PIN_LOOK))
		mask = unpin_only(unpin, shard, block, mask);
	while (mask) {
		unsigned int bit = __ffs64(mask);
		enum unpin_result result = unpin_one(unpin, shard, block, bit, false, flags);

		if (result == UNPIN_COUNT_FIRST) {
			*count = true;
			break;
		}
		if (result == UNPIN_NO_RECORD)
			*missing |= BIT_ULL(bit);
		if (result == UNPIN_NOT_RECORDED) {
			unpin->others--;
			count_unrecorded(unpin, shard, gup_pin_block_first(block->nr) + bit, 1);
		}
		mask &= mask - 1;
		if (many)
			break;
	}
	gup_pin_index_tidy(shard, block);
	return mask;
}

/**
 * gup_pin_unpin_mask() - one pin on each of some pages of a block is about to be dropped
 * @unpin: what is known of them
 * @block: the block's number
 * @mask: the pages
 *
 * While they still have the pins. Any context where the shards' locks may be taken.
 */
void gup_pin_unpin_mask(struct gup_pin_unpin *unpin, unsigned long block, u64 mask)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(unpin->index, block);
	u64 left = mask, unmatched = 0, missing = 0;
	struct gup_pin_block *found;
	unsigned long flags;
	bool count;

	while (left) {
		xa_lock_irqsave(&shard->xa, flags);
		if (unlikely(!READ_ONCE(unpin->index->recording))) {
			xa_unlock_irqrestore(&shard->xa, flags);
			return;
		}
		found = gup_pin_index_find(shard, block);
		count = false;
		if (likely(found)) {
			left = unpin_mask(unpin, shard, found, left, &missing, &count, &flags);
		} else {
			missing |= left;
			left = 0;
		}
		xa_unlock_irqrestore(&shard->xa, flags);
		if (unlikely(count))
			count_others(unpin, gup_pin_block_first(block) + __ffs64(left));
	}
	if (likely(!missing))
		return;
	for (; missing; missing &= missing - 1)
		if (unpin_elsewhere(unpin, gup_pin_block_first(block) + __ffs64(missing)))
			unmatched |= missing & -missing;
	if (unmatched && unpin->unmatched)
		unpin->unmatched(block, unmatched, 1, unpin->ip);
}

/**
 * gup_pin_unpin_range() - one pin on each of neighbouring pages of a folio is about to be
 *	dropped
 * @unpin: what is known of them
 * @pfn: of the first page
 * @npages: how many
 *
 * As gup_pin_unpin_mask().
 */
void gup_pin_unpin_range(struct gup_pin_unpin *unpin, unsigned long pfn,
			 unsigned long npages)
{
	unpin->taken = 0;
	while (npages) {
		unsigned int bit = gup_pin_block_bit(pfn);
		unsigned long nr = min(npages, GUP_PIN_BLOCK_PAGES - bit);

		gup_pin_unpin_mask(unpin, gup_pin_block_nr(pfn),
				   GENMASK_ULL(bit + nr - 1, bit));
		pfn += nr;
		npages -= nr;
	}
}

/* Of pages that an unpin may have meant as well, what is left is in doubt. */
static void doubt_block(struct gup_pin_index *index, unsigned long nr, u64 mask,
			enum doubt doubt)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
	struct gup_pin_block *block;
	unsigned long flags;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	if (block) {
		doubt_rest(block, mask, doubt);
		gup_pin_index_tidy(shard, block);
	}
	xa_unlock_irqrestore(&shard->xa, flags);
}

/* Returns how many pins there were no records for that fit so well. */
static unsigned int unpin_fitting(struct gup_pin_unpin *unpin, unsigned long pfn,
				  unsigned long npages, unsigned int least,
				  unsigned int pins)
{
	unsigned long first = gup_pin_block_nr(pfn), nr;
	unsigned long last = gup_pin_block_nr(pfn + npages - 1);
	u64 head = BIT_ULL(gup_pin_block_bit(pfn));
	enum doubt doubt = DOUBT_NONE;
	unsigned int taken;

	do {
		taken = unpin_any(unpin, first, head, true, least, pins, &doubt);
		pins -= taken;
	} while (taken && pins);
	if (doubt)
		doubt_block(unpin->index, first, head, doubt);
	/*
	 * If the record of another page goes, that page's own unpin looks for marks: they have
	 * to be there before. What a handle proves needs none.
	 */
	for (nr = first; pins && least < FITS_HANDLE && nr <= last; nr++)
		doubt_block(unpin->index, nr, gup_pin_folio_mask(nr, pfn, npages), DOUBT_ALIKE);
	doubt = DOUBT_NONE;
	for (nr = first; pins && nr <= last; nr += !taken) {
		taken = unpin_any(unpin, nr, gup_pin_folio_mask(nr, pfn, npages), false, least,
				  pins, &doubt);
		pins -= taken;
	}
	for (nr = first; doubt && nr <= last; nr++)
		doubt_block(unpin->index, nr, gup_pin_folio_mask(nr, pfn, npages), doubt);
	return pins;
}

/*
 * A handle that has no record: its pins are among those without one, if there are any. Most
 * are on the folio's first page. Returns how many are not.
 */
static unsigned int unpin_kept(struct gup_pin_unpin *unpin, unsigned long pfn,
			       unsigned long npages, unsigned int pins)
{
	unsigned long nr = gup_pin_block_nr(pfn), last = gup_pin_block_nr(pfn + npages - 1);
	unsigned int left = pins;

	while (left && unpin->others && unpin_untracked_of(unpin, pfn)) {
		unpin->others--;
		left--;
	}
	for (; left < pins && nr <= last; nr++)
		doubt_block(unpin->index, nr, gup_pin_folio_mask(nr, pfn, npages), DOUBT_MIXED);
	return left;
}

static void unpin_large(struct gup_pin_unpin *unpin, unsigned long pfn, unsigned long npages,
			unsigned int pins)
{
	unsigned long nr = gup_pin_block_nr(pfn), last = gup_pin_block_nr(pfn + npages - 1);

	count_others(unpin, pfn);
	if (unpin->handle) {
		pins = unpin_fitting(unpin, pfn, npages, FITS_HANDLE, pins);
		pins = unpin_kept(unpin, pfn, npages, pins);
	}
	if (pins)
		pins = unpin_fitting(unpin, pfn, npages, FITS_NOTHING, pins);
	if (pins)
		pins = unpin_fitting(unpin, pfn, npages, 0, pins);
	for (; pins && nr <= last; nr++)
		pins = unpin_untracked(unpin->index, nr, pins);
	/* What seemed to have no record was just being taken: then it is that of a record. */
	unpin->others = 0;
	if (pins)
		pins = unpin_fitting(unpin, pfn, npages, 0, pins);
	for (; pins; pins--)
		if (unpin_elsewhere(unpin, pfn) && unpin->unmatched)
			unpin->unmatched(gup_pin_block_nr(pfn), BIT_ULL(gup_pin_block_bit(pfn)),
					 1, unpin->ip);
}

/**
 * gup_pin_unpin_folio() - pins of a folio are about to be dropped, on which pages is not known
 * @unpin: what is known of them
 * @pfn: of the folio's head
 * @npages: of the folio
 * @pins: how many
 *
 * As gup_pin_unpin_mask().
 */
void gup_pin_unpin_folio(struct gup_pin_unpin *unpin, unsigned long pfn,
			 unsigned long npages, unsigned int pins)
{
	if (!READ_ONCE(unpin->index->recording))
		return;
	unpin->taken = 0;
	if (npages > 1) {
		unpin_large(unpin, pfn, npages, pins);
		return;
	}
	while (pins--)
		gup_pin_unpin_mask(unpin, gup_pin_block_nr(pfn),
				   BIT_ULL(gup_pin_block_bit(pfn)));
}

/**
 * gup_pin_unpin_end() - the last of the pins was unpinned
 * @unpin: what is known of them
 */
void gup_pin_unpin_end(struct gup_pin_unpin *unpin)
{
	put_origin(unpin);
}

/* As unpin_one(), but nothing changes; the folio's pins were counted. */
static bool peek(const struct gup_pin_unpin *unpin, unsigned long pfn, bool whole,
		 struct gup_pin_item *item)
{
	unsigned long nr = gup_pin_block_nr(pfn), flags;
	struct gup_pin_shard *shard = gup_pin_shard_of(unpin->index, nr);
	u64 mask = BIT_ULL(gup_pin_block_bit(pfn));
	struct verdict verdict = {};
	struct gup_pin_block *block;
	unsigned int others;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	if (block)
		verdict = decide(unpin, shard, block, mask, whole, &flags);
	if (verdict.record) {
		others = whole ? unpin->others :
			 unrecorded(unpin, shard, block, gup_pin_block_bit(pfn));
		if (others && !takes_record(&verdict))
			verdict.record = NULL;
	}
	if (verdict.record) {
		gup_pin_fill_item(item, block, verdict.record, mask);
		item->match = match_of(block, mask, &verdict, others);
	}
	if (block)
		gup_pin_index_tidy(shard, block);
	xa_unlock_irqrestore(&shard->xa, flags);
	return verdict.record;
}

/**
 * gup_pin_unpin_peek() - the record that an unpin would take
 * @unpin: what is known of it
 * @pfn: of the page
 * @item: filled in
 *
 * Context as gup_pin_unpin_mask().
 *
 * Return: false if there is none, or if it would take a pin that is not on record.
 */
bool gup_pin_unpin_peek(const struct gup_pin_unpin *unpin, unsigned long pfn,
			struct gup_pin_item *item)
{
	unsigned long head = gup_pin_head_pfn(pfn);
	struct gup_pin_unpin copy = *unpin;

	count_others(&copy, head);
	return peek(&copy, pfn, false, item) ||
	       (head != pfn && peek(&copy, head, true, item));
}
