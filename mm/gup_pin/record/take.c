// SPDX-License-Identifier: GPL-2.0
/*
 * Taking pins off the records of a block, under its shard's lock, and what is in doubt
 * of those that are left.
 */
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "unpin.h"

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
				     struct gup_pin_shard *shard,
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
	gup_pin_block_lose(shard, block, record, mask, pins);
}

/* Take pins off a record. @sure: it is certainly the right one. */
void gup_pin_take(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
		  struct gup_pin_block *block, struct gup_pin_record *record, u64 mask,
		  unsigned int pins, bool sure)
{
	take_off(unpin, shard, block, record, mask, pins, sure);
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
 * bench: neighbours on/off 1.30, by gup_pin_take_one() alone 3.26; thp 1.50, and 25.6.
 */
u64 gup_pin_take_only(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
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
			take_off(unpin, shard, block, record, hit, 1, hit & ~doubt);
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

/* One pin of a page goes, where it is not the only one. */
enum gup_pin_taken gup_pin_take_one(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
				    struct gup_pin_block *block, unsigned int bit, bool whole,
				    unsigned long *flags)
{
	u64 mask = BIT_ULL(bit);
	struct gup_pin_verdict verdict = gup_pin_decide(unpin, shard, block, mask, whole, flags);
	enum gup_pin_match match;
	unsigned int others;

	if (!verdict.record)
		return GUP_PIN_NO_RECORD;
	if (gup_pin_must_count(unpin, shard, block, bit))
		return GUP_PIN_COUNT_FIRST;
	/* Of the folio as such, those of other blocks, too: they were counted. */
	others = whole ? unpin->others : gup_pin_unrecorded(unpin, shard, block, bit);
	if (others && !gup_pin_takes_record(&verdict)) {
		gup_pin_doubt_rest(block, mask, GUP_PIN_DOUBT_MIXED);
		return GUP_PIN_NOT_RECORDED;
	}
	match = gup_pin_match_of(block, mask, &verdict, others);
	shard->inferred += match == GUP_PIN_INFERRED;
	gup_pin_take(unpin, shard, block, verdict.record, mask, 1, match == GUP_PIN_EXACT);
	gup_pin_doubt_rest(block, mask, gup_pin_doubt_of(&verdict, unpin, match, others));
	return GUP_PIN_TAKEN;
}

/**
 * gup_pin_unpin_end() - the last of the pins was unpinned
 * @unpin: what is known of them
 */
void gup_pin_unpin_end(struct gup_pin_unpin *unpin)
{
	put_origin(unpin);
}
