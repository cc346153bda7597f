// SPDX-License-Identifier: GPL-2.0
/*
 * Places that are too few: the one that was of no use for longest is given up, but of
 * the user that has most of them.
 */
#include <linux/minmax.h>

#include "internal.h"

static const struct gup_pin_place *place_at(const struct gup_pin_place *places,
					    size_t stride, unsigned int i)
{
	return (const void *)places + i * stride;
}

/* The places that a user has, with that for the new one. */
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
 * gup_pin_place_for() - find a place for something new
 * @places: what is in the first of them
 * @stride: bytes from one to the next
 * @nr: how many places; few, for each is compared with all others
 * @uid: the user that it is for
 *
 * Under the lock of the places.
 *
 * Return: a free place, or else one that is to be given up.
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
