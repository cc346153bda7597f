// SPDX-License-Identifier: GPL-2.0
/*
 * Sorts records. With a limit, at most twice as many records are kept, or KEPT_LEAST.
 */
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

/* Sorting very few records again and again would be slow. */
#define KEPT_LEAST	64

struct gp_kept {
	unsigned int rank;
	unsigned long long number;
	unsigned long long at;
	char *text;
	char *line;
	char *frames;
	char *event;
};

static int kept_sign;

/*
 * The worst first, then numbers, the largest first, then text by the alphabet; otherwise
 * the order of the file.
 */
static int compare_kept(const void *a, const void *b)
{
	const struct gp_kept *x = a, *y = b;
	int way;

	if (x->rank != y->rank)
		way = x->rank < y->rank ? -1 : 1;
	else if (x->text && y->text)
		way = strcmp(x->text, y->text);
	else if (x->text || y->text)
		way = x->text ? 1 : -1;
	else
		way = (x->number < y->number) - (x->number > y->number);
	return way ? kept_sign * way : (x->at > y->at) - (x->at < y->at);
}

static void free_kept(struct gp_kept *kept)
{
	free(kept->text);
	free(kept->line);
	free(kept->frames);
	free(kept->event);
}

static void gp_keep_sort(struct gp_keep *keep)
{
	kept_sign = keep->reverse ? -1 : 1;
	if (keep->nr)
		qsort(keep->all, keep->nr, sizeof(*keep->all), compare_kept);
	while (keep->limit && keep->nr > keep->limit)
		free_kept(&keep->all[--keep->nr]);
}

/* The sort key; for stakes by severity, then by the time of the last hazard. */
static void set_order(struct gp_kept *kept, const struct gp_record *record, const char *key)
{
	const char *value = gp_pin_word(record, key);

	if (record->kind == GP_HAZARDS && !strcmp(key, "stake")) {
		kept->rank = gp_stake_rank(value);
		kept->number = ~gp_word_number(record, "last_ms");
	} else if (!value || !gp_number(value, &kept->number)) {
		kept->text = gp_copy(value ? value : "");
	}
}

static void gp_keep_add(struct gp_keep *keep, const struct gp_record *record)
{
	struct gp_kept *kept;

	if (keep->limit && keep->nr >= KEPT_LEAST && keep->nr / 2 >= keep->limit)
		gp_keep_sort(keep);
	if (keep->nr == keep->room)
		keep->all = gp_grow(keep->all, &keep->room, sizeof(*keep->all));
	kept = &keep->all[keep->nr++];
	memset(kept, 0, sizeof(*kept));
	kept->at = keep->added++;
	if (gp_word(record, keep->key))
		keep->seen = true;
	set_order(kept, record, keep->key);
	kept->line = gp_copy(record->line);
	if (record->kind != GP_PINS)
		kept->frames = gp_copy(record->frames);
	if (record->kind == GP_HAZARDS)
		kept->event = gp_copy(record->event);
}

/* Makes a record of a kept one. */
static void gp_keep_get(const struct gp_keep *keep, size_t which, struct gp_record *record)
{
	const struct gp_kept *kept = &keep->all[which];
	const char *problem;

	gp_record_parse(record, keep->kind, kept->line, &problem);
	record->frames = kept->frames;
	record->event = kept->event;
}

static void gp_keep_free(struct gp_keep *keep)
{
	size_t i;

	for (i = 0; i < keep->nr; i++)
		free_kept(&keep->all[i]);
	free(keep->all);
}
