// SPDX-License-Identifier: GPL-2.0
/*
 * top: who holds most, again and again.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gup_pin_tool.h"

/* Home, and what is behind the cursor goes. */
#define CLEAR_SCREEN	"\033[H\033[J"

/* What was there a round ago; groups that are new had nothing. */
static void remember_before(struct gp_sums *sums, const struct gp_sums *before)
{
	size_t i;

	for (i = 0; i < sums->nr; i++) {
		struct gp_sum *old = gp_sums_find(before, sums->all[i]->key);

		if (old)
			sums->all[i]->then = old->now;
	}
}

static void add_top_columns(struct gp_table *table, const struct gp_sums *sums)
{
	gp_table_column(table, "PINS", true);
	gp_table_column(table, "GROWTH", true);
	gp_table_column(table, "PAGES", true);
	gp_table_column(table, "OLDEST", true);
	if (sums->acquired)
		gp_table_column(table, "ACQUIRED", true);
	gp_label_columns(table, sums, true);
}

static void add_top_row(struct gp_table *table, const struct gp_sums *sums,
			const struct gp_sum *sum, bool first)
{
	char age[32];

	gp_age(age, sizeof(age), sum->now.oldest);
	gp_table_number(table, sum->now.pins);
	gp_table_growth(table, sum->now.pins, first ? sum->now.pins : sum->then.pins);
	gp_table_number(table, sum->now.pages);
	gp_table_add(table, gp_copy(age));
	if (sums->acquired)
		gp_table_number(table, sum->now.acquired);
	gp_labels(table, sums, sum, true);
}

static void add_stat(char *text, size_t size, const struct gp_source *source,
		     const char *name, const char *title)
{
	unsigned long long value;
	size_t len = strlen(text);

	if (gp_source_stat(source, name, &value))
		snprintf(text + len, size - len, "  %s %llu", title, value);
}

static void headline(const struct gp_source *source, const struct gp_sums *sums)
{
	unsigned long long pins = 0;
	time_t now = time(NULL);
	char text[256] = "";
	struct tm tm;
	size_t i;

	for (i = 0; i < sums->nr; i++)
		pins = gp_add(pins, sums->all[i]->now.pins);
	if (source->live && localtime_r(&now, &tm))
		strftime(text, sizeof(text), "%H:%M:%S  ", &tm);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "pins %llu  groups %zu",
		 pins, sums->nr);
	add_stat(text, sizeof(text), source, "live_folios", "folios");
	add_stat(text, sizeof(text), source, "untracked", "untracked");
	add_stat(text, sizeof(text), source, "memory_bytes", "memory_bytes");
	gp_print_cut(text);
}

/* The headline takes one, the cursor another; one row is shown on any terminal. */
static unsigned int table_lines(unsigned int height)
{
	if (!height)
		return 0;
	return height > 4 ? height - 2 : 2;
}

static void top_for_people(const struct gp_source *source, const struct gp_sums *sums,
			   const struct gp_options *options, bool first)
{
	unsigned int height;
	struct gp_table table;
	size_t i;

	gp_measure();
	height = gp_screen() ? gp_height() : 0;
	if (height)
		fputs(CLEAR_SCREEN, stdout);
	else if (!first)
		putchar('\n');
	headline(source, sums);
	gp_table_init(&table);
	add_top_columns(&table, sums);
	for (i = 0; i < sums->nr && (!options->limit || i < options->limit); i++)
		add_top_row(&table, sums, sums->all[i], first);
	gp_table_print(&table, table_lines(height));
	gp_table_free(&table);
}

static void resized(int number)
{
	(void)number;
}

/* A new size of the terminal ends the wait. */
static void heed_size(void)
{
	struct sigaction action = { .sa_handler = resized };

	sigaction(SIGWINCH, &action, NULL);
}

static void wait_for(double seconds)
{
	struct timespec span = { .tv_sec = (time_t)seconds };

	span.tv_nsec = (long)((seconds - (double)span.tv_sec) * 1e9);
	nanosleep(&span, NULL);
}

static int one_round(const struct gp_source *source, struct gp_options *options,
		     struct gp_sums *before, bool first)
{
	struct gp_sums sums;
	int status;

	gp_sums_init(&sums, &options->by);
	options->by.records = 0;
	status = gp_collect(&sums, source, options, false);
	if (!status)
		status = gp_sums_sort(&sums, options->sort, false, options->reverse);
	if (!status) {
		remember_before(&sums, before);
		if (options->json)
			gp_sums_json(&sums, options);
		else
			top_for_people(source, &sums, options, first);
		fflush(stdout);
	}
	gp_sums_free(before);
	*before = sums;
	return status;
}

static int watch(const struct gp_source *source, struct gp_options *options)
{
	unsigned long long round, last = options->rounds;
	struct gp_sums before;
	int status = GP_OK;

	/* Copies do not change, and a pipe is not watched. */
	if (!last && (!source->live || !gp_width()))
		last = 1;
	if (source->file && !strcmp(source->file, "-"))
		last = 1;
	gp_sums_init(&before, &options->by);
	for (round = 0; !status && !gp_out_failed(); round++) {
		if (round)
			wait_for(options->delay);
		status = one_round(source, options, &before, !round);
		if (round + 1 == last)
			break;
	}
	gp_sums_free(&before);
	return status;
}

static int gp_top(struct gp_options *options)
{
	struct gp_source source;
	int status = GP_OK;

	if (!options->by.nr)
		status = gp_by_parse(&options->by, "owner,comm");
	if (status)
		return status;
	heed_size();
	status = gp_source_find(&source, options->from);
	if (!status) {
		gp_source_remark(&source);
		status = watch(&source, options);
	}
	gp_source_free(&source);
	return status;
}
