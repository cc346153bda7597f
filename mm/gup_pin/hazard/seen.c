// SPDX-License-Identifier: GPL-2.0
/*
 * Deduplication and rate limits of reports. Equal hazards are reported once, and
 * neither a kind of hazard nor a user can use up the budget of the others.
 */
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "internal.h"

/* Number of reported hazards that are remembered of each kind. */
#define SEEN_PLACES	64

/* Burst of reports of a kind, and the interval until the next one is allowed. */
#define KIND_BURST	20
#define KIND_NS		(250 * NSEC_PER_MSEC)

/*
 * The same for the pins of a user, for each kind; half of the kind's burst, which
 * leaves the rest for others. No limit for root, which can print anything anyway.
 */
#define USER_BURST	10
#define USER_NS		(10ULL * NSEC_PER_SEC)

/* Number of users that are limited separately. */
#define USER_PLACES	16

/**
 * struct bucket - token bucket of reports
 * @time: time of the last refill in ns of local_clock(); 0 if never filled, thus full
 * @left: number of reports that may be printed
 */
struct bucket {
	u64 time;
	u32 left;
};

/**
 * struct seen - a hazard that was reported
 * @place: user, and time of the last equal hazard
 * @key: key of its record
 */
struct seen {
	struct gup_pin_place place;
	u64 key;
};

/**
 * struct user_budget - budget of a user
 * @place: the user, and when the budget was last used
 * @bucket: reports
 */
struct user_budget {
	struct gup_pin_place place;
	struct bucket bucket;
};

/* Protected by seen_lock. */
static struct seen seen[NR_GUP_PIN_HAZARDS][SEEN_PLACES];
static struct user_budget users[NR_GUP_PIN_HAZARDS][USER_PLACES];
static struct bucket kinds[NR_GUP_PIN_HAZARDS];

/* Held for short searches only. */
static DEFINE_RAW_SPINLOCK(seen_lock);

/**
 * gup_pin_seen_bytes() - memory that the tables take from boot on
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

/* The clocks of CPUs may differ: ignore time that goes backwards. */
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
	struct user_budget *first = users[record->kind], *user;
	u32 uid = record->place.uid;
	unsigned int i;

	for (i = 0; i < USER_PLACES; i++)
		if (first[i].place.used && first[i].place.uid == uid)
			break;
	if (i == USER_PLACES) {
		i = gup_pin_place_for(&first->place, sizeof(*first), USER_PLACES, uid);
		/* With so many users, a new one gets one report only: they may be one person. */
		if (first[i].place.used)
			first[i].bucket = (struct bucket) { record->place.used, 1 };
	}
	user = &first[i];
	user->place.uid = uid;
	user->place.used = record->place.used;
	return &user->bucket;
}

/* Take a token, if there is one. */
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
 * Context: Any except NMI.
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
 * gup_pin_seen_first() - should a hazard be reported now?
 * @record: the hazard
 *
 * A hazard that exceeds the limits may be reported when an equal one is detected later.
 *
 * Context: Any except NMI.
 * Return: true if so; equal hazards are not reported then.
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
 * gup_pin_seen_forget() - allow reporting everything again
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
