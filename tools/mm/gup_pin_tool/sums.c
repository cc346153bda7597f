// SPDX-License-Identifier: GPL-2.0
/*
 * Shows sums for people and as JSON.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

/* The figures other than pins and pages. */
static const char *gp_count_name(const struct gp_sums *sums)
{
	return sums->kind == GP_PINS ? "runs" : "calls";
}

static char *upper_case(const char *text)
{
	char *copy = gp_copy(text), *c;

	for (c = copy; *c; c++)
		*c = toupper((unsigned char)*c);
	return copy;
}

static void key_column(struct gp_table *table, const char *key, bool right)
{
	char *title = upper_case(key);

	gp_table_column(table, title, right);
	free(title);
}

/**
 * gp_label_columns() - add the columns that identify the groups
 * @table: the table
 * @sums: the groups
 * @chain: whether to add one for the callers, if grouped by stack
 */
static void gp_label_columns(struct gp_table *table, const struct gp_sums *sums, bool chain)
{
	unsigned int i;

	for (i = 0; i < sums->by->nr; i++)
		key_column(table, sums->by->keys[i], false);
	if (chain && gp_by_has(sums->by, "stack"))
		gp_table_column(table, "CALLED BY", false);
}

/* The cells of these columns. */
static void gp_labels(struct gp_table *table, const struct gp_sums *sums,
		      const struct gp_sum *sum, bool chain)
{
	unsigned int i;

	for (i = 0; i < sums->by->nr; i++) {
		bool path = sum->path && !strcmp(sums->by->keys[i], "file");

		gp_table_add(table, gp_copy(path ? sum->path : gp_sum_label(sums, sum, i)));
	}
	if (chain && gp_by_has(sums->by, "stack"))
		gp_table_add(table, sum->frames ? gp_chain_of(sum->frames) : gp_copy(""));
}

static void gp_json_labels(struct gp_json *json, const struct gp_sums *sums,
			   const struct gp_sum *sum)
{
	unsigned int i;

	for (i = 0; i < sums->by->nr; i++)
		gp_json_word(json, sums->by->keys[i], gp_sum_label(sums, sum, i));
	if (sum->path && !gp_by_has(sums->by, "path"))
		gp_json_word(json, "path", sum->path);
}

/* A key that pins are summed by was written already. */
static void figure_as_json(struct gp_json *json, const struct gp_sums *sums,
			   const char *key, unsigned long long number)
{
	if (!gp_by_has(sums->by, key))
		gp_json_number(json, key, number);
}

static void gp_json_stack(struct gp_json *json, const struct gp_sums *sums,
			  const struct gp_sum *sum)
{
	if (sum->frames && !gp_by_has(sums->by, "frames"))
		gp_json_frames(json, sum->frames);
}

static void sum_as_json(struct gp_json *json, const struct gp_sums *sums,
			const struct gp_sum *sum)
{
	gp_json_object(json);
	gp_json_labels(json, sums, sum);
	figure_as_json(json, sums, "pins", sum->now.pins);
	figure_as_json(json, sums, "pages", sum->now.pages);
	figure_as_json(json, sums, gp_count_name(sums), sum->now.count);
	figure_as_json(json, sums, "oldest_ms", sum->now.oldest);
	figure_as_json(json, sums, "newest_ms", sum->now.newest);
	if (sums->acquired)
		figure_as_json(json, sums, "acquired", sum->now.acquired);
	if (sums->peak)
		figure_as_json(json, sums, "peak", sum->now.peak);
	gp_json_stack(json, sums, sum);
	gp_json_object_end();
}

static size_t limited_nr(const struct gp_sums *sums, const struct gp_options *options)
{
	return options->limit && options->limit < sums->nr ? options->limit : sums->nr;
}

static void gp_sums_json(const struct gp_sums *sums, const struct gp_options *options)
{
	size_t i, nr = limited_nr(sums, options);
	struct gp_json json;

	gp_json_begin(&json, options->jsonl);
	for (i = 0; i < nr && !gp_out_failed(); i++)
		sum_as_json(&json, sums, sums->all[i]);
	gp_json_end(&json);
}

static void add_sum_columns(struct gp_table *table, const struct gp_sums *sums)
{
	gp_table_column(table, "PINS", true);
	gp_table_column(table, "PAGES", true);
	key_column(table, gp_count_name(sums), true);
	gp_table_column(table, "OLDEST", true);
	gp_table_column(table, "NEWEST", true);
	if (sums->acquired)
		gp_table_column(table, "ACQUIRED", true);
	if (sums->peak)
		gp_table_column(table, "PEAK", true);
	gp_label_columns(table, sums, false);
}

static void add_age(struct gp_table *table, unsigned long long ms)
{
	char age[32];

	gp_age(age, sizeof(age), ms);
	gp_table_add(table, gp_copy(age));
}

static void add_sum_row(struct gp_table *table, const struct gp_sums *sums,
			const struct gp_sum *sum)
{
	gp_table_number(table, sum->now.pins);
	gp_table_number(table, sum->now.pages);
	gp_table_number(table, sum->now.count);
	add_age(table, sum->now.oldest);
	add_age(table, sum->now.newest);
	if (sums->acquired)
		gp_table_number(table, sum->now.acquired);
	if (sums->peak)
		gp_table_number(table, sum->now.peak);
	gp_labels(table, sums, sum, false);
	if (sum->frames)
		gp_table_below(table, sum->frames);
}

static void sums_for_people(const struct gp_sums *sums, const struct gp_options *options)
{
	size_t i, nr = limited_nr(sums, options);
	struct gp_table table;

	gp_table_init(&table);
	add_sum_columns(&table, sums);
	for (i = 0; i < nr; i++)
		add_sum_row(&table, sums, sums->all[i]);
	gp_table_print(&table, 0);
	gp_table_free(&table);
}

/* Shows sums by --by, once. */
static int gp_sum_up(const struct gp_source *source, struct gp_options *options)
{
	struct gp_sums sums;
	int status;

	gp_sums_init(&sums, &options->by);
	status = gp_collect(&sums, source, options, false);
	if (!status)
		status = gp_sums_sort(&sums, options->sort, false, options->reverse);
	if (options->no_stacks)
		gp_sums_drop_frames(&sums);
	if (!status && options->json)
		gp_sums_json(&sums, options);
	else if (!status && sums.nr)
		sums_for_people(&sums, options);
	if (!status && !sums.nr)
		status = gp_none(source, &options->filter, sums.kind == GP_PINS ?
				 source->pins : gp_kind_name(sums.kind));
	gp_sums_free(&sums);
	return status;
}
