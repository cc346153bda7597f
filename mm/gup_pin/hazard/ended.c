// SPDX-License-Identifier: GPL-2.0
/*
 * Direct reads that have ended, but whose pins are not yet released.
 *
 * The end of a read is signalled before its pages are unpinned. A program that waited
 * for the read may have the pages written back, or truncate them, while they are still
 * pinned: this is harmless, because the device no longer writes to them. An entry for
 * such a read is stored here before the signal, and removed when its pages are
 * unpinned.
 *
 * Only pages of files are stored, because only they can meet a hazard. When a bucket is
 * full, a new entry replaces the oldest one. Until the pages of that read are unpinned,
 * it is uncertain whether pins of folios with that hash belong to reads that have ended.
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

/*
 * Older entries are stale. A work item may unpin the pages with some delay, but not
 * this late: they must have been unpinned without their bio.
 */
#define ENDED_JIFFIES	(10 * HZ)

/**
 * struct ended - pages of a folio that were read to
 * @pfn: head pfn of the folio
 * @bio: address of the bio, only to compare; NULL if this entry is free
 * @time: end of the read, in jiffies
 * @pages: number of pages, each with one pin
 * @excused: a hazard was harmless because the read had ended, and so is what follows
 */
struct ended {
	unsigned long pfn;
	const struct bio *bio;
	unsigned long time;
	unsigned int pages;
	bool excused;
};

/**
 * struct ended_bucket - entries for folios with equal hashes
 * @lock: protects @places
 * @places: in no order
 * @lost: if @nr_lost, when an entry was last replaced, in jiffies
 * @nr_lost: pages of replaced entries that are still pinned
 */
struct ended_bucket {
	raw_spinlock_t lock;
	unsigned int nr_lost;
	unsigned long lost;
	struct ended places[ENDED_PLACES];
};

static struct ended_bucket buckets[BIT(ENDED_BITS)] = {
	[0 ... BIT(ENDED_BITS) - 1] = {
		.lock = __RAW_SPIN_LOCK_UNLOCKED(buckets.lock),
	},
};

/* Number of entries in use, and of pages of those that were replaced. */
static atomic_t ended_nr;

/**
 * gup_pin_ended_bytes() - memory that the table takes from boot on
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

static void clear_lost(struct ended_bucket *bucket)
{
	atomic_sub(bucket->nr_lost, &ended_nr);
	bucket->nr_lost = 0;
}

static bool is_lossy(const struct ended_bucket *bucket)
{
	return bucket->nr_lost && !is_old(bucket->lost);
}

static void replace(struct ended_bucket *bucket, struct ended *place)
{
	if (!is_lossy(bucket))
		clear_lost(bucket);
	if (place->bio && !is_old(place->time)) {
		bucket->nr_lost += place->pages;
		bucket->lost = jiffies;
		atomic_add(place->pages, &ended_nr);
	}
	clear_place(place);
}

/* A read may have several parts of a folio, which share an entry. */
static struct ended *find_place(struct ended_bucket *bucket, const struct bio *bio,
				unsigned long pfn)
{
	unsigned int i;

	for (i = 0; i < ENDED_PLACES; i++)
		if (bucket->places[i].bio == bio && bucket->places[i].pfn == pfn)
			return &bucket->places[i];
	return NULL;
}

/* A free place, or that of the oldest entry. */
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
	place = find_place(bucket, bio, ended.pfn);
	if (place) {
		place->pages += ended.pages;
	} else {
		place = place_in(bucket);
		replace(bucket, place);
		*place = ended;
		atomic_inc(&ended_nr);
	}
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
}

static void forget(const struct bio *bio, unsigned long pfn)
{
	struct ended_bucket *bucket = bucket_of(pfn);
	struct ended *place;
	unsigned long flags;

	raw_spin_lock_irqsave(&bucket->lock, flags);
	place = find_place(bucket, bio, pfn);
	if (place)
		clear_place(place);
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
}

/* Does the bio own write pins? Its vectors then stay until its pages are unpinned. */
static bool is_read(struct bio *bio)
{
	return bio_flagged(bio, BIO_PAGE_PINNED) && !op_is_write(bio_op(bio));
}

/*
 * Pages without a mapping may be a bounce buffer, whose bio ends first: the data has yet
 * to be copied to the pinned pages.
 */
static bool is_bounced(struct bio *bio)
{
	const struct folio *folio = bio->bi_vcnt ? bio_first_folio_all(bio) : NULL;

	return !folio || !folio->mapping;
}

/* A read that ends in several steps, such as in-place decryption, gets here more than once. */
void __gup_pin_read_ended(struct bio *bio)
{
	struct folio_iter fi;

	if (!is_read(bio) || is_bounced(bio))
		return;
	if (atomic_read(&ended_nr))
		bio_for_each_folio_all(fi, bio)
			forget(bio, folio_pfn(fi.folio));
	if (bio_has_crypt_ctx(bio))
		return;
	bio_for_each_folio_all(fi, bio)
		if (gup_pin_folio_file(fi.folio))
			remember(bio, &fi);
}

/* Returns the number of pages that are not in an entry. */
static unsigned int take_pages(struct ended_bucket *bucket, const struct bio *bio,
			       unsigned long pfn, unsigned int pages)
{
	struct ended *place = find_place(bucket, bio, pfn);
	unsigned int taken = place ? min(pages, place->pages) : 0;

	if (place) {
		place->pages -= taken;
		if (!place->pages)
			clear_place(place);
	}
	return pages - taken;
}

/*
 * Called after the unpin, so that a pin always has its entry. A pin taken between the
 * two may be mistaken for the released one. The folio may be free already: if it has
 * left its file, a replaced entry of it counts until it is stale.
 */
void __gup_pin_read_released(struct bio *bio, struct folio *folio, size_t npages)
{
	unsigned long pfn = folio_pfn(folio), flags;
	struct ended_bucket *bucket;
	unsigned int lost;

	/* Usually no page of a file is being read to. */
	if (!atomic_read(&ended_nr))
		return;
	bucket = bucket_of(pfn);
	raw_spin_lock_irqsave(&bucket->lock, flags);
	lost = min(take_pages(bucket, bio, pfn, npages), bucket->nr_lost);
	if (lost && is_read(bio) && gup_pin_folio_file(folio)) {
		bucket->nr_lost -= lost;
		atomic_sub(lost, &ended_nr);
	}
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
}

/**
 * gup_pin_ended_look() - count the pins of direct reads that have ended
 * @folio: the folio
 * @ended: filled in
 *
 * Must be called before the folio's records are looked up: a pin that is released in
 * between then counts as ended.
 *
 * Context: Any except NMI.
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
	ended->lossy = is_lossy(bucket);
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
}

/**
 * gup_pin_ended_excuse() - a hazard was harmless because all writers had ended
 * @folio: the folio
 *
 * The unpin of its pages may dirty the folio, which is harmless then, too.
 *
 * Context: Any except NMI.
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
 * gup_pin_ended_forget() - remove all entries when tracking is switched off
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
		clear_lost(bucket);
		raw_spin_unlock_irqrestore(&bucket->lock, flags);
	}
}
