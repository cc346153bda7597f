// SPDX-License-Identifier: GPL-2.0
/*
 * top: the tasks with the most pins, updated. As plain text here; see top_screen.c.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gup_pin_tool.h"

/* Cursor to the first line; erase to the end of the screen. */
#define CLEAR_SCREEN	"\033[H\033[J"

/* Growth is relative to these sums. */
static void begin_growth(struct gp_sums *start)
{
	size_t i;

	for (i = 0; i < start->nr; i++)
		start->all[i]->then = start->all[i]->now;
}

/* New groups had nothing at the start. */
static void compare_with_start(struct gp_sums *sums, const struct gp_sums *start)
{
	size_t i;

	for (i = 0; i < sums->nr; i++) {
		struct gp_sum *old = gp_sums_find(start, sums->all[i]->key);

		if (old)
			sums->all[i]->then = old->now;
	}
}

/* The newest sums: in the first round, those at the start. */
static struct gp_sums *gp_top_sums(struct gp_top *top)
{
	return top->rounds > 1 ? &top->now : &top->start;
}

static int gp_top_sort(struct gp_top *top)
{
	const struct gp_options *options = top->options;

	return gp_sums_sort(gp_top_sums(top), options->sort, false, options->reverse);
}

/* Pins whose owner or task has ended, if a file lists them. */
static int count_orphans(struct gp_top *top)
{
	struct gp_source source = *top->source;
	struct gp_reader *reader;
	struct gp_record *record;
	char *path;
	int status;

	top->orphans_known = false;
	if (!source.dir)
		return GP_OK;
	path = gp_format("%s/orphans", source.dir);
	status = access(path, F_OK);
	free(path);
	if (status)
		return GP_OK;
	source.pins = "orphans";
	status = gp_source_open(&source, GP_PINS, false, NULL, &reader);
	if (status)
		return status;
	top->orphans = 0;
	while (!(status = gp_reader_next(reader, &record)) && record)
		top->orphans = gp_add(top->orphans, record->pins);
	gp_reader_close(reader);
	top->orphans_known = true;
	return status;
}

static int collect_into(struct gp_top *top, struct gp_sums *sums)
{
	int status;

	gp_sums_init(sums, &top->options->by);
	sums->compared = true;
	top->options->by.records = 0;
	gp_stats_forget(top->source->stats);
	status = gp_collect(sums, top->source, top->options, false);
	return status ? status : count_orphans(top);
}

/**
 * gp_top_round() - read the newest sums
 * @top: gets the sums; keeps those of the start, replaces others
 *
 * Return: a status.
 */
static int gp_top_round(struct gp_top *top)
{
	struct gp_sums *sums = top->rounds ? &top->now : &top->start;
	int status;

	if (top->rounds > 1)
		gp_sums_free(&top->now);
	top->rounds++;
	status = collect_into(top, sums);
	if (status)
		return status;
	if (top->rounds == 1)
		begin_growth(sums);
	else
		compare_with_start(sums, &top->start);
	return gp_top_sort(top);
}

/* Start again: growth is relative to the next round. */
static void gp_top_restart(struct gp_top *top)
{
	if (top->rounds > 1)
		gp_sums_free(&top->now);
	if (top->rounds)
		gp_sums_free(&top->start);
	top->rounds = 0;
}

static void add_top_columns(struct gp_table *table, const struct gp_sums *sums)
{
	gp_table_column(table, "PINS", true);
	gp_table_column(table, "GROWTH", true);
	gp_table_column(table, "PAGES", true);
	gp_table_column(table, "AGE", true);
	if (sums->acquired)
		gp_table_column(table, "ACQUIRED", true);
	gp_label_columns(table, sums, true);
}

static void add_top_row(struct gp_table *table, const struct gp_sums *sums,
			const struct gp_sum *sum)
{
	char age[32];

	gp_age(age, sizeof(age), sum->now.oldest);
	gp_table_number(table, sum->now.pins);
	gp_table_growth(table, sum->now.pins, sum->then.pins);
	gp_table_number(table, sum->now.pages);
	gp_table_add(table, gp_copy(age));
	if (sums->acquired)
		gp_table_number(table, sum->now.acquired);
	gp_labels(table, sums, sum, true);
}

static void add_part(char **text, char *more)
{
	char *longer = gp_format("%s%s%s", *text, **text ? "  " : "", more);

	free(*text);
	free(more);
	*text = longer;
}

static void add_stat(char **text, const struct gp_source *source, const char *name,
		     const char *title)
{
	unsigned long long value;

	if (gp_source_stat(source, name, &value))
		add_part(text, gp_format("%s %llu", title, value));
}

static void add_time(char **text)
{
	time_t now = time(NULL);
	char clock[32];
	struct tm tm;

	if (localtime_r(&now, &tm) && strftime(clock, sizeof(clock), "%H:%M:%S", &tm))
		add_part(text, gp_copy(clock));
}

/* " for AGE": since when tracking is on or off. A copy does not say when it was made. */
static char *since_switched(const struct gp_source *source)
{
	unsigned long long at, ms;
	struct timespec now;
	char age[32];

	if (!source->live || !gp_source_stat(source, "switched_at_ms", &at) ||
	    clock_gettime(CLOCK_MONOTONIC, &now))
		return gp_copy("");
	ms = now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
	gp_age(age, sizeof(age), ms > at ? ms - at : 0);
	return gp_format(" for %s", age);
}

/* On or off, since when, and how to enable it. */
static void add_tracking(char **text, const struct gp_source *source)
{
	unsigned long long enabled;
	char *since;

	if (!gp_source_stat(source, "enabled", &enabled))
		return;
	since = since_switched(source);
	if (enabled)
		add_part(text, gp_format("tracking on%s", since));
	else if (source->live)
		add_part(text, gp_format("tracking off%s: echo 1 > %s/enable", since,
					 source->dir));
	else
		add_part(text, gp_copy("tracking was off"));
	free(since);
}

static void add_hazards(char **text, const struct gp_source *source)
{
	unsigned long long sum = 0, count;
	const char *kind;
	size_t i;

	for (i = 0; gp_source_hazard(source, i, &kind, &count); i++)
		sum = gp_add(sum, count);
	if (i)
		add_part(text, gp_format("hazards %llu", sum));
}

/**
 * gp_top_headline() - the overall state
 * @top: the sums
 *
 * Return: a line, to be freed.
 */
static char *gp_top_headline(struct gp_top *top)
{
	const struct gp_sums *sums = gp_top_sums(top);
	const struct gp_source *source = top->source;
	unsigned long long pins = 0;
	char *text = gp_copy("");
	size_t i;

	for (i = 0; i < sums->nr; i++)
		pins = gp_add(pins, sums->all[i]->now.pins);
	if (source->live)
		add_time(&text);
	add_tracking(&text, source);
	add_part(&text, gp_format("pins %llu", pins));
	if (top->orphans_known)
		add_part(&text, gp_format("orphans %llu", top->orphans));
	add_hazards(&text, source);
	add_stat(&text, source, "untracked", "untracked");
	add_stat(&text, source, "memory_bytes", "memory_bytes");
	return text;
}

/* All rows, and the titles; --limit leaves out the rest. */
static void gp_top_table(struct gp_top *top, struct gp_table *table)
{
	const struct gp_sums *sums = gp_top_sums(top);
	unsigned long long limit = top->options->limit;
	size_t i;

	gp_table_init(table);
	add_top_columns(table, sums);
	for (i = 0; i < sums->nr && (!limit || i < limit); i++)
		add_top_row(table, sums, sums->all[i]);
}

/*
 * The headline, the cursor and a note about omitted rows take one line each; at least
 * one row is shown on any terminal.
 */
static unsigned int table_lines(unsigned int height, size_t rows)
{
	if (!height || rows <= (height > 4 ? height - 2 : 2))
		return 0;
	return height > 4 ? height - 3 : 2;
}

static void print_round(struct gp_top *top)
{
	char *headline = gp_top_headline(top);
	unsigned int height, lines;
	struct gp_table table;
	size_t rows;

	gp_measure();
	height = gp_screen() ? gp_height() : 0;
	if (height)
		fputs(CLEAR_SCREEN, stdout);
	else if (top->rounds > 1)
		putchar('\n');
	gp_print_cut(headline);
	free(headline);
	gp_top_table(top, &table);
	rows = table.nr / table.columns;
	lines = table_lines(height, rows);
	gp_table_print(&table, lines);
	if (lines && height > 4)
		printf("%zu more\n", rows - lines);
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

static int print_rounds(struct gp_top *top)
{
	unsigned long long round, last = top->options->rounds;
	const struct gp_source *source = top->source;
	int status = GP_OK;

	/* Copies do not change, and a pipe has no viewer. */
	if (!last && (!source->live || !gp_width()))
		last = 1;
	if (source->file && !strcmp(source->file, "-"))
		last = 1;
	heed_size();
	for (round = 0; !status && !gp_out_failed(); round++) {
		if (round)
			gp_wait(top->options->delay);
		status = gp_top_round(top);
		if (!status && top->options->json)
			gp_sums_json(gp_top_sums(top), top->options);
		else if (!status)
			print_round(top);
		fflush(stdout);
		if (round + 1 == last)
			break;
	}
	return status;
}

static int gp_top(struct gp_options *options)
{
	struct gp_source source;
	struct gp_top top = { .source = &source, .options = options };
	int status = GP_OK;

	if (!options->delay)
		options->delay = 2;
	if (!options->by.nr)
		status = gp_by_parse(&options->by, "owner,comm");
	if (status)
		return status;
	status = gp_source_find(&source, options->from);
	if (!status)
		status = gp_screen_begin(&top) ? gp_top_screen(&top) : print_rounds(&top);
	gp_top_restart(&top);
	gp_source_free(&source);
	return status;
}
