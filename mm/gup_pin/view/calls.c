// SPDX-License-Identifier: GPL-2.0
/*
 * Counting calls. There is no object for a call: records of equal origin and time
 * belong to one. Readers that show the number of calls collect a key for each
 * record and sort the keys.
 */
#include <linux/hash.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "view.h"

/*
 * The records of a call mostly follow each other, or are mixed with
 * those of a few other calls.
 */
#define KEYS_COMPARED	4

#define KEYS_AT_FIRST	64

static bool grow(struct gup_pin_calls *calls)
{
	size_t max = calls->max ? 2 * calls->max : KEYS_AT_FIRST;
	u64 *key = kvmalloc_array(max, sizeof(*key), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);

	if (!key)
		return false;
	memcpy(key, calls->key, calls->nr * sizeof(*key));
	kvfree(calls->key);
	calls->key = key;
	calls->max = max;
	return true;
}

/**
 * gup_pin_calls_add() - add a record
 * @calls: the calls so far; zeroed at first
 * @share: the record
 *
 * Context: Process context. May sleep.
 */
void gup_pin_calls_add(struct gup_pin_calls *calls, const struct gup_pin_share *share)
{
	u64 key = (u64)(unsigned long)share->origin * GOLDEN_RATIO_64 ^ share->time;
	size_t i;

	for (i = calls->nr; i && i + KEYS_COMPARED > calls->nr; i--)
		if (calls->key[i - 1] == key)
			return;
	if (calls->nr == calls->max && !grow(calls)) {
		calls->lost = true;
		return;
	}
	calls->key[calls->nr++] = key;
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/**
 * gup_pin_calls_count() - count the calls
 * @calls: the calls; their keys are sorted on return
 *
 * Context: Process context. May sleep.
 *
 * Return: number of calls; a lower bound if memory was short.
 */
u64 gup_pin_calls_count(struct gup_pin_calls *calls)
{
	u64 count = calls->nr > 0;
	size_t i;

	sort(calls->key, calls->nr, sizeof(*calls->key), compare, NULL);
	for (i = 1; i < calls->nr; i++)
		count += calls->key[i] != calls->key[i - 1];
	return count;
}

/**
 * gup_pin_calls_free() - free the collected keys
 * @calls: the calls; zeroed on return
 */
void gup_pin_calls_free(struct gup_pin_calls *calls)
{
	kvfree(calls->key);
	*calls = (struct gup_pin_calls) {};
}
