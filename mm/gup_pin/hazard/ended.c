// SPDX-License-Identifier: GPL-2.0
/*
 * Direct reads that have ended, but whose pins are not released yet.
 *
 * The end of a read is signalled before its pages are unpinned. A program that has waited
 * for it may well have them written back, or truncate them, while they are still pinned:
 * no device writes to them any more. What is known of such reads is copied here before
 * the signal, and thrown away when their pages are unpinned.
 *
 * Only pages of files are looked at, for nothing happens to others. What does not fit
 * takes the place of the oldest, and for a while it is a guess whether pins of folios with
 * that hash are of reads that have ended.
 */
#include <linux/atomic.h>
#include <linux/bio.h>
#include <linux/blk-crypto.h>
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/spinlock.h>

#include "internal.h"

#define ENDED_BITS	8
#define ENDED_PLACES	4

/* Pages may be unpinned by a work; not this late, but in another way than by their bio. */
#define ENDED_JIFFIES	(10 * HZ)

/**
 * struct ended - pages of a folio that were read to
 * @pfn: of the folio's head
 * @bio: the read, by its address alone; NULL if this is free
 * @time: in jiffies
 * @pages: how many, each with a pin
 * @excused: a hazard was harmless for that reason, and what follows from it is
 */
struct ended {
	unsigned long pfn;
	const struct bio *bio;
	unsigned long time;
	unsigned int pages;
	bool excused;
};

/**
 * struct ended_bucket - those of folios with equal hashes
 * @lock: protects @places
 * @places: in no order
 * @lost: when one was last given up for another, in jiffies, if @lossy
 * @lossy: that has happened
 */
struct ended_bucket {
	raw_spinlock_t lock;
	bool lossy;
	unsigned long lost;
	struct ended places[ENDED_PLACES];
};

static struct ended_bucket buckets[BIT(ENDED_BITS)] = {
	[0 ... BIT(ENDED_BITS) - 1] = {
		.lock = __RAW_SPIN_LOCK_UNLOCKED(buckets.lock),
	},
};

/* Places that are not free. */
static atomic_t ended_nr;

/**
 * gup_pin_ended_bytes() - the memory that this takes from boot on
 *
 * Return: bytes.
 */
size_t gup_pin_ended_bytes(void)
{
	return sizeof(buckets);
}

static struct ended_bucket *bucket_of(unsigned long pfn)
{
	return &buckets[hash_long(pfn, ENDED_BITS)];
}

static bool is_old(unsigned long time)
{
	return time_after(jiffies, time + ENDED_JIFFIES);
}

static bool is_of(const struct ended *place, unsigned long pfn)
{
	return place->bio && place->pfn == pfn && !is_old(place->time);
}

static void clear_place(struct ended *place)
{
	if (place->bio)
		atomic_dec(&ended_nr);
	place->bio = NULL;
}

static struct ended *place_in(struct ended_bucket *bucket)
{
	struct ended *oldest = bucket->places;
	unsigned int i;

	for (i = 0; i < ENDED_PLACES; i++) {
		if (!bucket->places[i].bio)
			return &bucket->places[i];
		if (time_before(bucket->places[i].time, oldest->time))
			oldest = &bucket->places[i];
	}
	if (!is_old(oldest->time)) {
		bucket->lossy = true;
		bucket->lost = jiffies;
	}
	return oldest;
}

static void remember(const struct bio *bio, const struct folio_iter *fi)
{
	const struct ended ended = {
		.pfn = folio_pfn(fi->folio),
		.bio = bio,
		.pages = (fi->offset + fi->length - 1) / PAGE_SIZE -
			 fi->offset / PAGE_SIZE + 1,
		.time = jiffies,
	};
	struct ended_bucket *bucket = bucket_of(ended.pfn);
	struct ended *place;
	unsigned long flags;

	raw_spin_lock_irqsave(&bucket->lock, flags);
	place = place_in(bucket);
	clear_place(place);
	*place = ended;
	atomic_inc(&ended_nr);
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
}

/* Does it own pins for write? Such a bio's vectors stay until its pages are unpinned. */
static bool is_read(struct bio *bio)
{
	return bio_flagged(bio, BIO_PAGE_PINNED) && !op_is_write(bio_op(bio));
}

/*
 * A read by way of a bounce buffer, which comes first, has yet to be copied to the pages
 * that are pinned.
 */
static bool is_bounced(struct bio *bio)
{
	const struct folio *folio = bio->bi_vcnt ? bio_first_folio_all(bio) : NULL;

	return !folio || !folio->mapping;
}

/* What ends in more than one step, as decryption in place, ends more than once. */
void __gup_pin_read_ended(struct bio *bio)
{
	struct folio_iter fi;

	if (!is_read(bio) || is_bounced(bio))
		return;
	if (atomic_read(&ended_nr))
		bio_for_each_folio_all(fi, bio)
			__gup_pin_read_released(bio, folio_pfn(fi.folio));
	if (bio_has_crypt_ctx(bio))
		return;
	bio_for_each_folio_all(fi, bio)
		if (gup_pin_folio_file(fi.folio))
			remember(bio, &fi);
}

/*
 * After the unpin, so that a pin is never without its entry; a pin that is taken between
 * the two may be taken for this one.
 */
void __gup_pin_read_released(const struct bio *bio, unsigned long pfn)
{
	struct ended_bucket *bucket;
	unsigned long flags;
	unsigned int i;

	/* Mostly no page of a file is read to. */
	if (!atomic_read(&ended_nr))
		return;
	bucket = bucket_of(pfn);
	raw_spin_lock_irqsave(&bucket->lock, flags);
	for (i = 0; i < ENDED_PLACES; i++)
		if (bucket->places[i].bio == bio && bucket->places[i].pfn == pfn)
			clear_place(&bucket->places[i]);
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
}

/**
 * gup_pin_ended_look() - the pins on a folio of direct reads that have ended
 * @folio: the folio
 * @ended: filled in
 *
 * To be called before the folio's records are looked at: what is released meanwhile has
 * ended before. Any context but NMI.
 */
void gup_pin_ended_look(struct folio *folio, struct gup_pin_ended *ended)
{
	unsigned long pfn = folio_pfn(folio), flags;
	struct ended_bucket *bucket = bucket_of(pfn);
	unsigned int i;

	*ended = (struct gup_pin_ended) {};
	raw_spin_lock_irqsave(&bucket->lock, flags);
	for (i = 0; i < ENDED_PLACES; i++) {
		if (!is_of(&bucket->places[i], pfn))
			continue;
		ended->pins += bucket->places[i].pages;
		ended->excused |= bucket->places[i].excused;
	}
	ended->lossy = bucket->lossy && !is_old(bucket->lost);
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
}

/**
 * gup_pin_ended_excuse() - a hazard was harmless, for all writers of the folio had ended
 * @folio: the folio
 *
 * The folio may be dirtied when its pages are unpinned: that is excused, too. Any context
 * but NMI.
 */
void gup_pin_ended_excuse(struct folio *folio)
{
	unsigned long pfn = folio_pfn(folio), flags;
	struct ended_bucket *bucket = bucket_of(pfn);
	unsigned int i;

	raw_spin_lock_irqsave(&bucket->lock, flags);
	for (i = 0; i < ENDED_PLACES; i++)
		if (is_of(&bucket->places[i], pfn))
			bucket->places[i].excused = true;
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
}

/**
 * gup_pin_ended_forget() - forget all reads: tracking is switched off
 */
void gup_pin_ended_forget(void)
{
	struct ended_bucket *bucket;
	unsigned long flags;
	unsigned int i;

	for (bucket = buckets; bucket < buckets + ARRAY_SIZE(buckets); bucket++) {
		raw_spin_lock_irqsave(&bucket->lock, flags);
		for (i = 0; i < ENDED_PLACES; i++)
			clear_place(&bucket->places[i]);
		bucket->lossy = false;
		raw_spin_unlock_irqrestore(&bucket->lock, flags);
	}
}
