// SPDX-License-Identifier: GPL-2.0
/*
 * Sums records in groups, found by a hash of their common words.
 */
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

static void gp_sums_init(struct gp_sums *sums, struct gp_by *by)
{
	memset(sums, 0, sizeof(*sums));
	sums->by = by;
	sums->nr_buckets = 256;
	sums->buckets = gp_alloc(sums->nr_buckets * sizeof(*sums->buckets));
}

#define HASH_START	0xcbf29ce484222325ULL

/* FNV-1a, which is good enough for text. */
static unsigned long long hash_on(unsigned long long h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3ULL;
	return h;
}

static size_t hash_of(const char *text)
{
	unsigned long long h = hash_on(HASH_START, text);

	return h ^ h >> 32;
}

static struct gp_sum **bucket_of(const struct gp_sums *sums, const char *key)
{
	return &sums->buckets[hash_of(key) & (sums->nr_buckets - 1)];
}

static void rehash(struct gp_sums *sums)
{
	size_t i;

	free(sums->buckets);
	sums->nr_buckets *= 4;
	sums->buckets = gp_alloc(sums->nr_buckets * sizeof(*sums->buckets));
	for (i = 0; i < sums->nr; i++) {
		struct gp_sum **head = bucket_of(sums, sums->all[i]->key);

		sums->all[i]->next = *head;
		*head = sums->all[i];
	}
}

static struct gp_sum *gp_sums_find(const struct gp_sums *sums, const char *key)
{
	struct gp_sum *sum;

	for (sum = *bucket_of(sums, key); sum; sum = sum->next)
		if (!strcmp(sum->key, key))
			return sum;
	return NULL;
}

/* The identity of a stack in any snapshot and boot: frames, not handles. */
static char *group_key(const struct gp_by *by, char **labels, const char *frames)
{
	size_t len = 1;
	unsigned int i;
	char *key, *to;

	for (i = 0; i < by->nr; i++)
		len += strlen(labels[i]) + 1;
	key = gp_alloc(len + (frames ? strlen(frames) * by->nr : 0));
	to = key;
	for (i = 0; i < by->nr; i++) {
		bool stack = frames && *frames && !strcmp(by->keys[i], "stack");

		to = stpcpy(to, stack ? frames : labels[i]);
		*to++ = '\t';
	}
	*to = '\0';
	return key;
}

static struct gp_sum *new_sum(struct gp_sums *sums, char *key)
{
	struct gp_sum *sum = gp_alloc(sizeof(*sum)), **head;

	if (sums->nr == sums->room)
		sums->all = gp_grow(sums->all, &sums->room, sizeof(*sums->all));
	sums->all[sums->nr++] = sum;
	sum->key = key;
	if (sums->nr > sums->nr_buckets) {
		rehash(sums);
	} else {
		head = bucket_of(sums, key);
		sum->next = *head;
		*head = sum;
	}
	return sum;
}

static void free_labels(const struct gp_by *by, char **labels)
{
	unsigned int i;

	for (i = 0; i < by->nr; i++)
		free(labels[i]);
}

/* The group of a record; created if it is the first. */
static struct gp_sum *group_of(struct gp_sums *sums, const struct gp_record *record,
			       const char *frames)
{
	char *labels[GP_BY_MAX], *key, *lasting;
	struct gp_sum *sum;
	unsigned int i;

	for (i = 0; i < sums->by->nr; i++)
		labels[i] = gp_by_value(sums->by, i, record, frames);
	lasting = frames && sums->compared ? gp_lasting_frames(frames) : NULL;
	key = group_key(sums->by, labels, lasting ? lasting : frames);
	free(lasting);
	sum = gp_sums_find(sums, key);
	if (sum) {
		free_labels(sums->by, labels);
		free(key);
		return sum;
	}
	sum = new_sum(sums, key);
	memcpy(sum->labels, labels, sums->by->nr * sizeof(*labels));
	if (frames && gp_by_has(sums->by, "stack"))
		sum->frames = gp_copy(frames);
	return sum;
}

static void add_ages(struct gp_values *values, unsigned long long oldest,
		     unsigned long long newest)
{
	if (!values->count || newest < values->newest)
		values->newest = newest;
	if (oldest > values->oldest)
		values->oldest = oldest;
}

/* The identity of a record of `stacks`, in any boot. */
static unsigned long long origin_of(const struct gp_record *record)
{
	char *frames = gp_lasting_frames(record->frames);
	unsigned long long h = hash_on(HASH_START, frames);

	free(frames);
	h = hash_on(h, *record->frames ? "" : gp_word(record, "stack"));
	h = hash_on(h, gp_word(record, "mode"));
	h = hash_on(h, gp_word(record, "term"));
	return hash_on(h, gp_word(record, "api"));
}

/*
 * Do both snapshots have the same stacks? A stack without live pins is not in the file,
 * and its acquired pins are unknown.
 */
static bool gp_acquired_known(const struct gp_sum *sum)
{
	return sum->now.origins && sum->now.origins == sum->then.origins;
}

/* Is the handle in a list with commas? */
static bool has_handle(const char *list, const char *handle)
{
	size_t len = strlen(handle);

	for (; list; list = strchr(list, ',')) {
		list += *list == ',';
		if (!strncmp(list, handle, len) && (!list[len] || list[len] == ','))
			return true;
	}
	return false;
}

/*
 * Equal frames may have several handles: a module was loaded again at another place, or
 * a stack was unwound differently.
 */
static void add_handle(char **list, const char *handle)
{
	char *old = *list;

	if (!handle || has_handle(old, handle))
		return;
	*list = gp_format("%s%s%s", old ? old : "", old ? "," : "", handle);
	free(old);
}

/**
 * gp_sum_label() - a group's value of one of the keys
 * @sums: the groups
 * @sum: the group
 * @which: the index of the key
 *
 * Return: the value; for a stack all of its handles in the newer snapshot, or in the older
 * one if the newer has none.
 */
static const char *gp_sum_label(const struct gp_sums *sums, const struct gp_sum *sum,
				unsigned int which)
{
	const char *handles = sum->handles[0] ? sum->handles[0] : sum->handles[1];

	if (handles && !strcmp(sums->by->keys[which], "stack"))
		return handles;
	return sum->labels[which];
}

static void add_record(struct gp_values *values, const struct gp_record *record)
{
	bool pins = record->kind == GP_PINS;

	add_ages(values, gp_word_number(record, pins ? "age_ms" : "oldest_ms"),
		 gp_word_number(record, pins ? "age_ms" : "newest_ms"));
	values->pins = gp_add(values->pins, record->pins);
	values->pages = gp_add(values->pages, record->pages);
	values->count = gp_add(values->count, pins ? 1 : gp_word_number(record, "calls"));
	values->acquired = gp_add(values->acquired, gp_word_number(record, "acquired"));
	values->peak = gp_add(values->peak, gp_word_number(record, "peak"));
	/* Independent of their order. */
	if (!pins && gp_word(record, "acquired"))
		values->origins += origin_of(record);
}

/**
 * gp_sums_add() - add a record to its group
 * @sums: the groups
 * @record: the record
 * @frames: its stack; NULL if unknown
 * @then: whether it is of the older of two snapshots
 */
static void gp_sums_add(struct gp_sums *sums, const struct gp_record *record,
			const char *frames, bool then)
{
	struct gp_sum *sum = group_of(sums, record, frames);
	const char *path;

	add_record(then ? &sum->then : &sum->now, record);
	if (gp_by_has(sums->by, "stack"))
		add_handle(&sum->handles[then], gp_word(record, "stack"));
	if (gp_word(record, "acquired"))
		sums->acquired = true;
	if (gp_word(record, "peak"))
		sums->peak = true;
	path = sum->path || !gp_by_has(sums->by, "file") ? NULL : gp_word(record, "path");
	if (path && *path)
		sum->path = gp_copy(path);
}

/* Only the groups are wanted, although they are stacks. */
static void gp_sums_drop_frames(struct gp_sums *sums)
{
	size_t i;

	for (i = 0; i < sums->nr; i++) {
		free(sums->all[i]->frames);
		sums->all[i]->frames = NULL;
	}
}

static void gp_sums_free(struct gp_sums *sums)
{
	size_t i;

	for (i = 0; i < sums->nr; i++) {
		free_labels(sums->by, sums->all[i]->labels);
		free(sums->all[i]->key);
		free(sums->all[i]->path);
		free(sums->all[i]->frames);
		free(sums->all[i]->handles[0]);
		free(sums->all[i]->handles[1]);
		free(sums->all[i]);
	}
	gp_names_free(&sums->names[0]);
	gp_names_free(&sums->names[1]);
	free(sums->all);
	free(sums->buckets);
}
