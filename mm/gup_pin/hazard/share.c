// SPDX-License-Identifier: GPL-2.0
/*
 * Replacement in small tables: the user with most entries loses the entry that has been
 * unused for longest.
 */
#include <linux/minmax.h>

#include "internal.h"

static const struct gup_pin_place *place_at(const struct gup_pin_place *places,
					    size_t stride, unsigned int i)
{
	return (const void *)places + i * stride;
}

/* Number of entries of a user, including the new one. */
static unsigned int places_of(const struct gup_pin_place *places, size_t stride,
			      unsigned int nr, u32 uid, u32 new_uid)
{
	unsigned int i, has = uid == new_uid;

	for (i = 0; i < nr; i++)
		has += place_at(places, stride, i)->uid == uid;
	return has;
}

static bool goes_before(const struct gup_pin_place *a,
			const struct gup_pin_place *b)
{
	if (a->spare != b->spare)
		return a->spare;
	return a->used < b->used;
}

/**
 * gup_pin_place_for() - find an entry for something new
 * @places: state of the first entry
 * @stride: distance between entries in bytes
 * @nr: number of entries; small, because all pairs are compared
 * @uid: the user that the new entry belongs to
 *
 * Context: The caller holds the lock of the table.
 * Return: index of a free entry, or else of one to be replaced.
 */
unsigned int gup_pin_place_for(const struct gup_pin_place *places, size_t stride,
			       unsigned int nr, u32 uid)
{
	unsigned int i, has, most = 0, found = 0;
	const struct gup_pin_place *place;

	for (i = 0; i < nr; i++) {
		place = place_at(places, stride, i);
		if (!place->used)
			return i;
		has = places_of(places, stride, nr, place->uid, uid);
		if (has > most ||
		    (has == most &&
		     goes_before(place, place_at(places, stride, found)))) {
			most = has;
			found = i;
		}
	}
	return found;
}
