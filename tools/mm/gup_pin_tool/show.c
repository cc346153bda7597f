// SPDX-License-Identifier: GPL-2.0
/*
 * Records one by one: for people, as JSON, or as they are in the file. Nothing is
 * kept of them, unless they are to be sorted.
 */
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

/**
 * struct show - what is being shown
 * @options: the command line
 * @kind: which file it is of
 * @json: the array
 * @table: of hazards
 * @shown: records so far
 */
struct show {
	struct gp_options *options;
	enum gp_kind kind;
	struct gp_json json;
	struct gp_table table;
	unsigned long long shown;
};

static const char *cell(const struct gp_record *record, const char *key)
{
	const char *value = gp_word(record, key);

	return value ? value : "-";
}

/* As wide as what is common: 80 columns tell who, the rest what. */
#define PINS_COLUMNS "%-10s %6s %6s %1s %-5s %7s %7s %-13s %-15s %-7s %-23s %-10s %s"

static void title_of_pins(void)
{
	char *line;

	line = gp_format(PINS_COLUMNS, "PFN", "PAGES", "PINS", "M", "TERM", "AGE", "OWNER",
			 "TASK", "COMM", "MAP", "API", "STACK", "FILE");
	gp_print_cut(line);
	free(line);
}

static void pins_for_people(const struct gp_record *record)
{
	const char *path = gp_word(record, "path"), *ino = cell(record, "ino");
	char age[32], *file, *line;

	gp_age(age, sizeof(age), gp_word_number(record, "age_ms"));
	if (path && *path)
		file = gp_copy(path);
	else if (strcmp(ino, "0"))
		file = gp_format("%s:%s", cell(record, "dev"), ino);
	else
		file = gp_copy("");
	line = gp_format(PINS_COLUMNS, cell(record, "pfn"), cell(record, "pages"),
			 cell(record, "pins"), cell(record, "mode"), cell(record, "term"),
			 age, cell(record, "owner"), cell(record, "task"),
			 cell(record, "comm"), cell(record, "map"), cell(record, "api"),
			 cell(record, "stack"), file);
	line[strcspn(line, "\n")] = '\0';
	while (*line && line[strlen(line) - 1] == ' ')
		line[strlen(line) - 1] = '\0';
	gp_print_cut(line);
	free(line);
	free(file);
}

/* " KEY VALUE" for words of later kernels. */
static char *later_words(const struct gp_record *record)
{
	char *text = gp_copy("");
	unsigned int i;

	for (i = 0; i < record->nr_words; i++) {
		const struct gp_word *w = &record->words[i];
		char *longer;

		if (gp_kind_has(record->kind, w->key))
			continue;
		longer = gp_format("%s, %s %s", text, w->key, w->value);
		free(text);
		text = longer;
	}
	return text;
}

static void stack_for_people(const struct gp_record *record)
{
	char oldest[32], newest[32], *later = later_words(record), *line;

	gp_age(oldest, sizeof(oldest), gp_word_number(record, "oldest_ms"));
	gp_age(newest, sizeof(newest), gp_word_number(record, "newest_ms"));
	line = gp_format("%s pins, %s pages, %s calls, %s %s by %s, %s to %s old, stack %s%s",
			 cell(record, "pins"), cell(record, "pages"), cell(record, "calls"),
			 cell(record, "mode"), cell(record, "term"), cell(record, "api"),
			 newest, oldest, cell(record, "stack"), later);
	gp_print_cut(line);
	gp_print_below(record->frames);
	free(line);
	free(later);
}

static void record_as_json(struct gp_json *json, const struct gp_record *record)
{
	unsigned int i;

	if (record->kind == GP_HAZARDS) {
		gp_hazard_json(json, record);
		return;
	}
	gp_json_object(json);
	for (i = 0; i < record->nr_words; i++)
		gp_json_word(json, record->words[i].key, record->words[i].value);
	if (record->kind == GP_STACKS && !gp_word(record, "frames"))
		gp_json_frames(json, record->frames);
	gp_json_object_end();
}

static void frames_as_they_are(const char *title, const char *frames)
{
	char *text = gp_frames_text(frames);

	printf("%s%s", title, text);
	free(text);
}

/* As the kernel wrote it: what comes out can be read again. */
static void record_as_it_is(const struct gp_record *record)
{
	bool hazard = record->kind == GP_HAZARDS;

	puts(record->line);
	if (record->kind == GP_PINS)
		return;
	if (hazard)
		frames_as_they_are("event:\n", record->event);
	frames_as_they_are(hazard ? "pin:\n" : "", record->frames);
	putchar('\n');
}

static void begin_show(struct show *show, const char *title)
{
	if (show->options->json)
		gp_json_begin(&show->json);
	else if (show->options->raw)
		puts(title);
	else if (show->kind == GP_PINS)
		title_of_pins();
	else if (show->kind == GP_HAZARDS)
		gp_hazard_columns(&show->table);
}

/* Returns whether more of them are wanted. */
static bool show_record(struct show *show, const struct gp_record *record)
{
	if (show->options->json)
		record_as_json(&show->json, record);
	else if (show->options->raw)
		record_as_it_is(record);
	else if (show->kind == GP_PINS)
		pins_for_people(record);
	else if (show->kind == GP_STACKS)
		stack_for_people(record);
	else
		gp_hazard_row(&show->table, record, gp_by_has(&show->options->by, "stack"));
	show->shown++;
	return !gp_out_failed() && show->shown != show->options->limit;
}

static void show_kept(struct show *show, struct gp_keep *keep)
{
	struct gp_record *record = gp_alloc(sizeof(*record));
	size_t i;

	gp_keep_sort(keep);
	for (i = 0; i < keep->nr; i++) {
		gp_keep_get(keep, i, record);
		if (!show_record(show, record))
			break;
	}
	free(record);
}

/* Reads all; shows what passes at once, or keeps it. */
static int show_each(struct show *show, struct gp_reader *reader, struct gp_keep *keep)
{
	struct gp_filter *filter = &show->options->filter;
	struct gp_record *record;
	int status;

	for (;;) {
		status = gp_reader_next(reader, &record);
		if (status)
			return status;
		if (!record)
			break;
		if (!gp_filter_pass(filter, record))
			continue;
		if (keep)
			gp_keep_add(keep, record);
		else if (!show_record(show, record))
			return GP_OK;
	}
	return gp_filter_check(filter, reader->lines.name);
}

static void end_show(struct show *show)
{
	if (show->options->json)
		gp_json_end(&show->json);
	/* Its columns are as wide as what is in them: all rows have to be known. */
	if (show->table.columns)
		gp_table_print(&show->table, 0);
	gp_table_free(&show->table);
}

static int show_sorted(struct show *show, struct gp_reader *reader)
{
	struct gp_keep keep = {
		.kind = show->kind,
		.key = show->options->sort,
		.reverse = show->options->reverse,
		.limit = show->options->limit,
	};
	int status = show_each(show, reader, &keep);

	if (!status && keep.added && !keep.seen)
		status = gp_error("%s: no line has a word %s= to sort by",
				  reader->lines.name, keep.key);
	show_kept(show, &keep);
	gp_keep_free(&keep);
	return status;
}

/**
 * gp_show() - show the records of one file
 * @source: where it is
 * @options: the command line
 * @kind: which file
 *
 * Return: a status; what was read until then has been shown.
 */
static int gp_show(const struct gp_source *source, struct gp_options *options,
		   enum gp_kind kind)
{
	struct show show = { .options = options, .kind = kind };
	struct gp_reader *reader;
	int status;

	status = gp_source_open(source, kind, false, &options->filter, &reader);
	if (status)
		return status;
	begin_show(&show, reader->title);
	status = options->sort ? show_sorted(&show, reader) : show_each(&show, reader, NULL);
	end_show(&show);
	gp_reader_close(reader);
	if (status)
		return status;
	if (!show.shown)
		return gp_none(source, &options->filter, gp_kind_name(kind));
	gp_source_remark(source);
	return GP_OK;
}
