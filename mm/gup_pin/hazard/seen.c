// SPDX-License-Identifier: GPL-2.0
/*
 * Which hazards were reported, and how many more may be: an equal one is reported once,
 * and neither a kind of hazard nor a user can use up what the others have.
 */
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "internal.h"

/* Reported hazards that are remembered of each kind. */
#define SEEN_PLACES	64

/* Reports of a kind at once, and how long it takes until there may be one more. */
#define KIND_BURST	20
#define KIND_NS		(250 * NSEC_PER_MSEC)

/*
 * The same for pins of a user, of each kind; half of the kind's, so that others have
 * the rest. root can print what it likes anyway.
 */
#define USER_BURST	10
#define USER_NS		(10 * NSEC_PER_SEC)

/* Users that are told apart at once. */
#define USER_PLACES	16

/**
 * struct bucket - how many reports may be printed
 * @time: when it was last filled, in ns of local_clock(); 0 if it never was: it is full
 * @left: how many
 */
struct bucket {
	u64 time;
	u32 left;
};

/**
 * struct seen - a hazard that was reported
 * @place: when it was last met
 * @key: of its record
 */
struct seen {
	struct gup_pin_place place;
	u64 key;
};

/**
 * struct user - what a user has left
 * @place: who, and when it was last asked for
 * @bucket: reports
 */
struct user {
	struct gup_pin_place place;
	struct bucket bucket;
};

/* All of this is under seen_lock. */
static struct seen seen[NR_GUP_PIN_HAZARDS][SEEN_PLACES];
static struct user users[NR_GUP_PIN_HAZARDS][USER_PLACES];
static struct bucket kinds[NR_GUP_PIN_HAZARDS];

/* Held for no longer than it takes to look. */
static DEFINE_RAW_SPINLOCK(seen_lock);

/**
 * gup_pin_seen_bytes() - the memory that this takes from boot on
 *
 * Return: bytes.
 */
size_t gup_pin_seen_bytes(void)
{
	return sizeof(seen) + sizeof(users) + sizeof(kinds);
}

static struct seen *find(const struct gup_pin_hazard_record *record)
{
	struct seen *entry = seen[record->kind];
	unsigned int i;

	for (i = 0; i < SEEN_PLACES; i++, entry++) {
		if (!entry->place.used || entry->key != record->key)
			continue;
		entry->place.used = record->place.used;
		return entry;
	}
	return NULL;
}

/* Clocks of CPUs may be apart: time does not go back here. */
static void fill(struct bucket *bucket, u32 burst, u64 interval, u64 now)
{
	u64 more;

	if (!bucket->time) {
		bucket->left = burst;
		bucket->time = now;
	}
	if (now <= bucket->time)
		return;
	more = div64_u64(now - bucket->time, interval);
	if (!more)
		return;
	bucket->left = min_t(u64, bucket->left + more, burst);
	bucket->time += more * interval;
}

static struct bucket *bucket_of_user(const struct gup_pin_hazard_record *record)
{
	struct user *first = users[record->kind], *user;
	u32 uid = record->place.uid;
	unsigned int i;

	for (i = 0; i < USER_PLACES; i++)
		if (first[i].place.used && first[i].place.uid == uid)
			break;
	if (i == USER_PLACES) {
		i = gup_pin_place_for(&first->place, sizeof(*first), USER_PLACES, uid);
		/* When there are so many, little is left for each: they may be one. */
		if (first[i].place.used)
			first[i].bucket = (struct bucket) { record->place.used, 1 };
	}
	user = &first[i];
	user->place.uid = uid;
	user->place.used = record->place.used;
	return &user->bucket;
}

/* Takes it, if there is one. */
static bool take_report(const struct gup_pin_hazard_record *record)
{
	struct bucket *kind = &kinds[record->kind], *user = NULL;
	u64 now = record->place.used;

	fill(kind, KIND_BURST, KIND_NS, now);
	if (!kind->left)
		return false;
	if (record->place.uid) {
		user = bucket_of_user(record);
		fill(user, USER_BURST, USER_NS, now);
		if (!user->left)
			return false;
		user->left--;
	}
	kind->left--;
	return true;
}

static void remember(const struct gup_pin_hazard_record *record)
{
	struct seen *first = seen[record->kind], *entry;

	entry = first + gup_pin_place_for(&first->place, sizeof(*first), SEEN_PLACES,
					  record->place.uid);
	entry->place = record->place;
	entry->key = record->key;
}

/**
 * gup_pin_seen() - was an equal hazard reported?
 * @record: the hazard
 *
 * Any context but NMI.
 *
 * Return: true if so.
 */
bool gup_pin_seen(const struct gup_pin_hazard_record *record)
{
	unsigned long flags;
	bool found;

	raw_spin_lock_irqsave(&seen_lock, flags);
	found = find(record);
	raw_spin_unlock_irqrestore(&seen_lock, flags);
	return found;
}

/**
 * gup_pin_seen_first() - is a hazard to be reported now?
 * @record: the hazard
 *
 * What is not, because there were too many, may be when an equal one is met later. Any
 * context but NMI.
 *
 * Return: true if so; then equal ones will not be.
 */
bool gup_pin_seen_first(const struct gup_pin_hazard_record *record)
{
	unsigned long flags;
	bool first;

	raw_spin_lock_irqsave(&seen_lock, flags);
	first = !find(record) && take_report(record);
	if (first)
		remember(record);
	raw_spin_unlock_irqrestore(&seen_lock, flags);
	return first;
}

/**
 * gup_pin_seen_forget() - report again what was reported before
 */
void gup_pin_seen_forget(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&seen_lock, flags);
	memset(seen, 0, sizeof(seen));
	memset(users, 0, sizeof(users));
	memset(kinds, 0, sizeof(kinds));
	raw_spin_unlock_irqrestore(&seen_lock, flags);
}
