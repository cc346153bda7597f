// SPDX-License-Identifier: GPL-2.0
/*
 * diff [A [B]]: what grew between two snapshots, or until now.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gup_pin_tool.h"

/* A busy task acquires all the time: this counts as growth only if asked for. */
static bool has_changed(const struct gp_sum *sum, const struct gp_options *options)
{
	if (sum->now.pins != sum->then.pins || sum->now.pages != sum->then.pages)
		return true;
	return options->sort && !strcmp(options->sort, "acquired") &&
	       gp_acquired_known(sum) && sum->now.acquired != sum->then.acquired;
}

static void add_diff_columns(struct gp_table *table, const struct gp_sums *sums)
{
	gp_table_column(table, "GROWTH", true);
	gp_table_column(table, "BEFORE", true);
	gp_table_column(table, "PINS", true);
	gp_table_column(table, "PAGES", true);
	if (sums->acquired)
		gp_table_column(table, "ACQUIRED", true);
	gp_label_columns(table, sums, false);
}

static void add_diff_row(struct gp_table *table, const struct gp_sums *sums,
			 const struct gp_sum *sum)
{
	gp_table_growth(table, sum->now.pins, sum->then.pins);
	gp_table_number(table, sum->then.pins);
	gp_table_number(table, sum->now.pins);
	gp_table_growth(table, sum->now.pages, sum->then.pages);
	if (sums->acquired && gp_acquired_known(sum))
		gp_table_growth(table, sum->now.acquired, sum->then.acquired);
	else if (sums->acquired)
		gp_table_add(table, gp_copy(""));
	gp_labels(table, sums, sum, false);
	if (sum->frames)
		gp_table_below(table, sum->frames);
}

static void add_to_total(struct gp_values *total, const struct gp_values *values,
			 bool acquired)
{
	total->pins = gp_add(total->pins, values->pins);
	total->pages = gp_add(total->pages, values->pages);
	if (!acquired)
		return;
	total->acquired = gp_add(total->acquired, values->acquired);
	total->origins += values->origins;
}

static void add_total(struct gp_sum *total, const struct gp_sum *sum)
{
	bool acquired = gp_acquired_known(sum);

	add_to_total(&total->now, &sum->now, acquired);
	add_to_total(&total->then, &sum->then, acquired);
}

/* The last row sums all groups, including unchanged ones. */
static void add_total_row(struct gp_table *table, const struct gp_sums *sums)
{
	char total[] = "total", none[] = "";
	struct gp_sum sum = {};
	size_t i;

	for (i = 0; i < sums->nr; i++)
		add_total(&sum, sums->all[i]);
	sum.labels[0] = total;
	for (i = 1; i < sums->by->nr; i++)
		sum.labels[i] = none;
	add_diff_row(table, sums, &sum);
}

static void diff_for_people(const struct gp_sums *sums, const struct gp_options *options,
			    const char *title)
{
	unsigned long long shown = 0;
	struct gp_table table;
	size_t i;

	gp_table_init(&table);
	add_diff_columns(&table, sums);
	for (i = 0; i < sums->nr && (!options->limit || shown < options->limit); i++) {
		if (has_changed(sums->all[i], options)) {
			add_diff_row(&table, sums, sums->all[i]);
			shown++;
		}
	}
	add_total_row(&table, sums);
	gp_print_cut(title);
	gp_table_print(&table, 0);
	gp_table_free(&table);
}

/* A key that pins are summed by was written already. */
static void growth_as_json(struct gp_json *json, const struct gp_sums *sums,
			   const char *key, unsigned long long now,
			   unsigned long long then)
{
	if (!gp_by_has(sums->by, key))
		gp_json_growth(json, key, now, then);
}

/* If the group's origins differ between the snapshots, both values without growth. */
static void acquired_as_json(struct gp_json *json, const struct gp_sums *sums,
			     const struct gp_sum *sum)
{
	if (gp_by_has(sums->by, "acquired"))
		return;
	if (gp_acquired_known(sum)) {
		gp_json_growth(json, "acquired", sum->now.acquired, sum->then.acquired);
		return;
	}
	if (sum->now.origins)
		gp_json_number(json, "acquired", sum->now.acquired);
	if (sum->then.origins)
		gp_json_number(json, "acquired_before", sum->then.acquired);
}

static void change_as_json(struct gp_json *json, const struct gp_sums *sums,
			   const struct gp_sum *sum)
{
	gp_json_object(json);
	gp_json_labels(json, sums, sum);
	growth_as_json(json, sums, "pins", sum->now.pins, sum->then.pins);
	growth_as_json(json, sums, "pages", sum->now.pages, sum->then.pages);
	growth_as_json(json, sums, gp_count_name(sums), sum->now.count, sum->then.count);
	acquired_as_json(json, sums, sum);
	gp_json_stack(json, sums, sum);
	gp_json_object_end();
}

static void diff_as_json(const struct gp_sums *sums, const struct gp_options *options)
{
	struct gp_json json;
	size_t i;

	gp_json_begin(&json, options->jsonl);
	for (i = 0; i < sums->nr && !gp_out_failed(); i++) {
		if (has_changed(sums->all[i], options))
			change_as_json(&json, sums, sums->all[i]);
		if (options->limit && json.objects == options->limit)
			break;
	}
	gp_json_end(&json);
}

/* No delay between the names and the pins of the newer one; the older one stays. */
static int collect_both(struct gp_sums *sums, struct gp_options *options,
			const struct gp_source *now, const struct gp_source *then)
{
	int status = gp_collect_names(sums, then, options, true);

	if (!status)
		status = gp_collect(sums, now, options, false);
	if (!status)
		status = gp_collect(sums, then, options, true);
	return status;
}

/* The wait may be long, and shows nothing. */
static void wait_for_growth(const struct gp_options *options)
{
	if (isatty(STDERR_FILENO))
		gp_note("what grows in %g s? (--delay)", options->delay);
	gp_wait(options->delay);
}

/* Two snapshots of the running kernel. */
static int collect_twice(struct gp_sums *sums, struct gp_options *options,
			 const struct gp_source *source)
{
	int status = gp_collect(sums, source, options, true);

	if (status)
		return status;
	wait_for_growth(options);
	status = gp_collect_names(sums, source, options, false);
	return status ? status : gp_collect(sums, source, options, false);
}

static double now_in_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* The age of a copy. */
static char *copy_and_age(const char *name, double age)
{
	char text[32];

	gp_age(text, sizeof(text), age * 1000);
	return gp_format("from %s, written %s ago, until now", name, text);
}

/* Two copies, and the time between them. */
static char *both_copies(const char *then, const char *now, double span)
{
	char text[32];

	gp_age(text, sizeof(text), (span < 0 ? -span : span) * 1000);
	return gp_format("from %s to %s, written %s %s", then, now, text,
			 span < 0 ? "earlier" : "later");
}

/* What is compared, and over which time: a table may be kept. To be freed. */
static char *title_of(const struct gp_options *options, const struct gp_source *then,
		      const struct gp_source *now)
{
	double from, to = now_in_seconds();
	bool known = gp_source_time(then, &from);
	char text[32];

	if (!options->nr_operands) {
		gp_age(text, sizeof(text), options->delay * 1000);
		return gp_format("in %s", text);
	}
	if (options->nr_operands == 1 && known && from <= to)
		return copy_and_age(options->operands[0], to - from);
	if (options->nr_operands == 1)
		return gp_format("from %s until now", options->operands[0]);
	if (known && gp_source_time(now, &to))
		return both_copies(options->operands[0], options->operands[1], to - from);
	return gp_format("from %s to %s", options->operands[0], options->operands[1]);
}

/* @title: gets the first line for people, to be freed */
static int compare_snapshots(struct gp_sums *sums, struct gp_options *options, char **title)
{
	struct gp_source now = {}, then;
	int status;

	status = gp_source_find(&then, options->operands[0]);
	if (!status)
		status = gp_source_find(&now, options->operands[1]);
	if (!status && !options->nr_operands)
		status = collect_twice(sums, options, &now);
	else if (!status)
		status = collect_both(sums, options, &now, &then);
	gp_source_remark(&now);
	if (!status)
		status = gp_sums_sort(sums, options->sort, true, options->reverse);
	if (!status)
		*title = title_of(options, &then, &now);
	gp_source_free(&now);
	gp_source_free(&then);
	return status;
}

static int gp_diff(struct gp_options *options)
{
	char *title = NULL;
	struct gp_sums sums;
	int status = GP_OK;

	if (options->from)
		return gp_usage("diff takes no --from: name its snapshots instead");
	if (!options->delay)
		options->delay = 10;
	if (!options->by.nr)
		status = gp_by_parse(&options->by, "stack");
	if (status)
		return status;
	gp_sums_init(&sums, &options->by);
	sums.compared = true;
	status = compare_snapshots(&sums, options, &title);
	if (options->no_stacks)
		gp_sums_drop_frames(&sums);
	if (!status && options->json)
		diff_as_json(&sums, options);
	else if (!status)
		diff_for_people(&sums, options, title);
	free(title);
	gp_sums_free(&sums);
	return status;
}
