// SPDX-License-Identifier: GPL-2.0
/*
 * Removing pins from the records of a block, and tracking which remaining pins are in
 * doubt. Under the lock of the block's shard.
 */
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "unpin.h"

/*
 * Store the last release, in case the same pins are released again. One block in each
 * shard and one site for it are enough: neighbouring blocks are in different shards, and
 * most blocks have one site.
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
 * gup_pin_last_release() - last release of a page's pins
 * @index: the index
 * @pfn: the page
 * @last: filled in
 *
 * Context: Any context in which the lock of a shard may be taken.
 *
 * Return: false if the last release is unknown or was overwritten.
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

/**
 * gup_pin_last_unload() - keep the names of code that released pins last
 * @index: the index
 * @code: the code
 *
 * Context: Process context. The caller serialises calls.
 */
void gup_pin_last_unload(struct gup_pin_index *index, const struct gup_pin_code *code)
{
	struct gup_pin_shard *shard;
	struct gup_pin_last last;
	unsigned long flags;

	for (shard = index->shards; shard < index->shards + GUP_PIN_NR_SHARDS; shard++) {
		xa_lock_irqsave(&shard->xa, flags);
		last = shard->last;
		xa_unlock_irqrestore(&shard->xa, flags);
		gup_pin_unloaded_note_site(code, last.site, last.time);
	}
}

/* The pages of an unpin mostly have the same origin: update its counter once. */
static noinline void put_origin(struct gup_pin_unpin *unpin)
{
	if (unpin->released)
		gup_pin_origin_put(unpin->origin, unpin->released);
	unpin->released = 0;
}

static noinline void site_learn(const struct gup_pin_unpin *unpin,
				struct gup_pin_origin *origin)
{
	gup_pin_site_learn(&unpin->index->sites, unpin->site, &origin->id);
	WRITE_ONCE(origin->site, unpin->site);
}

/*
 * Remove pins from each page in @mask of a record, at most as many as it has: the record is
 * unused or free if no pin is left. @sure: it is certainly the right one.
 */
void gup_pin_take(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
		  struct gup_pin_block *block, struct gup_pin_record *record, u64 mask,
		  unsigned int pins, bool sure)
{
	struct gup_pin_origin *origin = record->origin;
	u64 all = (u64)hweight64(mask) * pins;

	if (unlikely(unpin->origin != origin)) {
		put_origin(unpin);
		unpin->origin = origin;
	}
	unpin->released += all;
	unpin->taken += all;
	shard->released += all;
	if (unlikely(record->flags & GUP_PIN_RECORD_FOLIO))
		atomic_long_sub(all, &unpin->index->whole);
	if (sure && unpin->site && unlikely(READ_ONCE(origin->site) != unpin->site))
		site_learn(unpin, origin);
	note_release(unpin, shard, block->nr, mask);
	if (pins < record->pins)
		record->pins -= pins;
	else
		record->mask &= ~mask;
	if (!record->mask)
		gup_pin_block_drop(shard, block, record);
}

/*
 * Releases one pin of each page that has one record, which is certain. Returns the other
 * pages. make bench: single on/off 2.14, with gup_pin_take_one() alone 4.06.
 */
static noinline u64 take_several(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
				 struct gup_pin_block *block, u64 mask)
{
	u64 once = 0, more = block->earlier | block->alike | block->guessed, left, hit;
	struct gup_pin_record *record, *next;

	for (record = gup_pin_first_record(block); record;
	     record = gup_pin_next_record(block, record)) {
		hit = record->mask & mask;
		more |= once & hit;
		once |= hit;
	}
	once &= ~more;
	for (record = &block->first, left = once; left; record = next) {
		hit = record->mask & left;
		/* Removing its last pin frees a record. */
		next = gup_pin_next_record(block, record);
		if (hit)
			gup_pin_take(unpin, shard, block, record, hit, 1, true);
		left &= ~hit;
	}
	return mask & ~once;
}

/*
 * As take_several(), for the most common case: all of these pins are in one record. make
 * bench: scattered on/off 2.79, with take_several() alone 3.01.
 */
u64 gup_pin_take_only(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
		      struct gup_pin_block *block, u64 mask)
{
	struct gup_pin_record *record = &block->first, *only = NULL;
	u64 hit;

	do {
		hit = record->mask & mask;
		if (hit) {
			if (only || hit != mask)
				return take_several(unpin, shard, block, mask);
			only = record;
		}
		record = list_next_entry(record, list);
	} while (record != &block->first);
	if (!only || (block->earlier | block->alike | block->guessed) & mask)
		return mask;
	gup_pin_take(unpin, shard, block, only, mask, 1, true);
	return 0;
}

static void trust(struct gup_pin_block *block, u64 mask)
{
	block->alike &= ~mask;
	block->guessed &= ~mask;
	block->mixed &= ~mask;
}

enum gup_pin_doubt gup_pin_doubt_of(const struct gup_pin_verdict *verdict,
				    const struct gup_pin_unpin *unpin,
				    enum gup_pin_match match, unsigned int others)
{
	bool writes = verdict->modes & BIT(GUP_PIN_WRITE);

	if (match != GUP_PIN_INFERRED)
		return match == GUP_PIN_ALIKE ? GUP_PIN_DOUBT_ALIKE : GUP_PIN_DOUBT_NONE;
	if (others || (!(unpin->write && writes) &&
		       (verdict->cut || verdict->modes & (verdict->modes - 1))))
		return GUP_PIN_DOUBT_MIXED;
	return GUP_PIN_DOUBT_GUESSED;
}

/* Pages with remaining pins. With very many records, not all are visited: returns @mask. */
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

/*
 * Update the doubts about the remaining pins of pages. Pages
 * without pins are not in doubt.
 */
void gup_pin_doubt_rest(struct gup_pin_block *block, u64 mask, enum gup_pin_doubt doubt)
{
	u64 left = left_on(block, mask);

	trust(block, mask & ~left);
	if (doubt == GUP_PIN_DOUBT_ALIKE)
		block->alike |= left;
	if (doubt >= GUP_PIN_DOUBT_GUESSED)
		block->guessed |= left;
	if (doubt == GUP_PIN_DOUBT_MIXED)
		block->mixed |= left;
}

/*
 * A pin of the folio as a whole fits better than those on the page. If they are candidates,
 * mark them before it is released: the unpin of a page without a record looks for marks.
 */
static enum gup_pin_taken leave_to_whole(struct gup_pin_unpin *unpin,
					 struct gup_pin_block *block, u64 mask,
					 struct gup_pin_verdict *verdict)
{
	if (gup_pin_either(unpin, verdict)) {
		unpin->beside |= verdict->modes;
		verdict->modes |= unpin->whole_modes;
		gup_pin_doubt_rest(block, mask,
				   gup_pin_doubt_of(verdict, unpin, GUP_PIN_INFERRED, 0));
	}
	return GUP_PIN_WHOLE_FITS;
}

/* Release one pin of a page that may have several. */
enum gup_pin_taken gup_pin_take_one(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
				    struct gup_pin_block *block, unsigned int bit, bool whole,
				    unsigned long *flags)
{
	u64 mask = BIT_ULL(bit);
	struct gup_pin_verdict verdict = gup_pin_decide(unpin, shard, block, mask, whole, flags);
	u8 also = whole ? unpin->beside : 0;
	enum gup_pin_doubt doubt;
	enum gup_pin_match match;
	unsigned int others;

	if (!verdict.record)
		return GUP_PIN_NO_RECORD;
	if (gup_pin_must_count(unpin, shard, block, bit))
		return GUP_PIN_COUNT_FIRST;
	/*
	 * For the folio as a whole, this includes pins in other blocks,
	 * which were counted before.
	 */
	others = whole ? unpin->others : gup_pin_unrecorded(unpin, shard, block, bit);
	if (min(others, unpin->certain) && !gup_pin_takes_record(&verdict)) {
		gup_pin_doubt_rest(block, mask, GUP_PIN_DOUBT_MIXED);
		return GUP_PIN_NOT_RECORDED;
	}
	if (!whole && gup_pin_whole_too(unpin, block, bit)) {
		if (unpin->whole_score > verdict.score)
			return leave_to_whole(unpin, block, mask, &verdict);
		if (gup_pin_either(unpin, &verdict))
			also = unpin->whole_modes;
	}
	match = gup_pin_match_of(block, mask, &verdict, others + also);
	verdict.modes |= also;
	doubt = gup_pin_doubt_of(&verdict, unpin, match, others);
	shard->inferred += match == GUP_PIN_INFERRED;
	gup_pin_take(unpin, shard, block, verdict.record, mask, 1, match == GUP_PIN_EXACT);
	gup_pin_doubt_rest(block, mask, doubt);
	if (!whole && also)
		unpin->doubt = max_t(u8, unpin->doubt, doubt);
	return GUP_PIN_TAKEN;
}

/**
 * gup_pin_unpin_end() - complete an unpin after its last pin
 * @unpin: the unpin
 */
void gup_pin_unpin_end(struct gup_pin_unpin *unpin)
{
	put_origin(unpin);
	unpin->taken = 0;
	unpin->before = 0;
}
