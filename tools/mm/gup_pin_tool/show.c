// SPDX-License-Identifier: GPL-2.0
/*
 * Shows records one by one: for people, as JSON, or as in the file. Records are only
 * kept for sorting.
 */
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

/**
 * struct show - the state of the output
 * @options: the command line
 * @kind: the file
 * @json: the array
 * @table: of hazards and refusals
 * @names: of stacks, if lines of pins refer to them
 * @orphans: whether the pins are orphans
 * @shown: number of records so far
 */
struct show {
	struct gp_options *options;
	enum gp_kind kind;
	struct gp_json json;
	struct gp_table table;
	struct gp_names names;
	bool orphans;
	unsigned long long shown;
};

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

/* "0.1s to 5.2s", or one if they are shown alike. */
static char *ages_text(const struct gp_record *record)
{
	char oldest[32], newest[32];

	gp_age(oldest, sizeof(oldest), gp_word_number(record, "oldest_ms"));
	gp_age(newest, sizeof(newest), gp_word_number(record, "newest_ms"));
	if (!strcmp(oldest, newest))
		return gp_copy(oldest);
	return gp_format("%s to %s", newest, oldest);
}

static void stack_for_people(const struct gp_record *record, bool stacks)
{
	char *pins = gp_counted(record->pins, "pin"), *ages = ages_text(record);
	char *pages = gp_counted(record->pages, "page");
	char *calls = gp_counted(gp_word_number(record, "calls"), "call");
	char *later = later_words(record), *line;

	line = gp_format("%s, %s, %s, %s %s by %s, %s old, stack %s%s", pins, pages, calls,
			 gp_word(record, "mode"), gp_word(record, "term"),
			 gp_word(record, "api"), ages, gp_word(record, "stack"), later);
	gp_print_cut(line);
	if (stacks)
		gp_print_below(record->frames);
	free(line);
	free(later);
	free(calls);
	free(pages);
	free(ages);
	free(pins);
}

static void record_as_json(struct gp_json *json, const struct gp_record *record,
			   const char *frames)
{
	unsigned int i;

	if (record->kind == GP_HAZARDS) {
		gp_hazard_json(json, record);
		return;
	}
	gp_json_object(json);
	for (i = 0; i < record->nr_words; i++)
		gp_json_word(json, record->words[i].key, record->words[i].value);
	if (frames && !gp_word(record, "frames"))
		gp_json_frames(json, frames);
	gp_json_object_end();
}

static void frames_as_they_are(const char *title, const char *frames)
{
	char *text = gp_frames_text(frames);

	printf("%s%s", title, text);
	free(text);
}

/* As the kernel wrote it: the output can be read again. */
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

/* The frames of a record's own stack; NULL if unknown. */
static const char *frames_of_record(const struct show *show, const struct gp_record *record)
{
	if (record->kind != GP_PINS)
		return record->frames;
	return gp_names_frames(&show->names, gp_word(record, "stack"));
}

static void show_pin(const struct show *show, const struct gp_record *record)
{
	const char *frames = frames_of_record(show, record);

	if (!show->shown)
		gp_pin_title(show->orphans);
	gp_pin_row(record, frames, show->orphans);
	if (show->options->stacks && frames)
		gp_print_below(frames);
}

static void show_stack(const struct show *show, const struct gp_record *record)
{
	char *line;

	if (!show->options->folded) {
		stack_for_people(record, !show->options->no_stacks);
		return;
	}
	line = gp_folded(record->frames, gp_word(record, "api"));
	gp_clean(line);
	printf("%s %s\n", line, gp_word(record, "pins"));
	free(line);
}

static void begin_show(struct show *show, const char *title)
{
	if (show->options->json)
		gp_json_begin(&show->json, show->options->jsonl);
	else if (show->options->raw)
		puts(title);
	else if (show->kind == GP_HAZARDS)
		gp_hazard_columns(&show->table);
	else if (show->kind == GP_REFUSED)
		gp_refused_columns(&show->table);
}

/* Returns whether more records are wanted. */
static bool show_record(struct show *show, const struct gp_record *record)
{
	bool stacks = show->options->stacks;

	if (show->options->json)
		record_as_json(&show->json, record, frames_of_record(show, record));
	else if (show->options->raw)
		record_as_it_is(record);
	else if (show->kind == GP_PINS)
		show_pin(show, record);
	else if (show->kind == GP_STACKS)
		show_stack(show, record);
	else if (show->kind == GP_REFUSED)
		gp_refused_row(&show->table, record, stacks);
	else
		gp_hazard_row(&show->table, record, stacks);
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

/* Reads all records; shows or keeps those that pass. */
static int show_each(struct show *show, struct gp_reader *reader, struct gp_keep *keep)
{
	struct gp_filter *filter = &show->options->filter;
	struct gp_record *record;
	int status;

	while (!(status = gp_reader_next(reader, &record)) && record) {
		if (!gp_filter_pass(filter, record, frames_of_record(show, record)))
			continue;
		if (keep)
			gp_keep_add(keep, record);
		else if (!show_record(show, record))
			return GP_OK;
	}
	return status ? status : gp_filter_check(filter, reader);
}

static void end_show(struct show *show)
{
	if (show->options->json)
		gp_json_end(&show->json);
	/* Its columns are as wide as their content, so all rows are needed first. */
	if (show->table.columns && show->shown)
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
	int status = show_each(show, reader, &keep), unsorted = GP_OK;

	if (!status && !keep.seen)
		unsorted = gp_reader_lacks(reader, keep.key, keep.added, " to sort by");
	/* What was read before an error is shown; in no order it would hide the message. */
	if (!unsorted)
		show_kept(show, &keep);
	gp_keep_free(&keep);
	return unsorted ? unsorted : status;
}

/* People want to know where a pin was taken; programs have to ask for it. */
static bool needs_names(const struct show *show)
{
	const struct gp_options *options = show->options;

	if (show->kind != GP_PINS)
		return false;
	return gp_filter_needs_frames(&options->filter) ||
	       (!options->raw && (!options->json || options->stacks));
}

/**
 * gp_show() - show the records of one file
 * @source: where it is
 * @options: the command line
 * @kind: the file
 *
 * Return: a status; on errors, earlier records have been shown.
 */
static int gp_show(const struct gp_source *source, struct gp_options *options,
		   enum gp_kind kind)
{
	struct show show = { .options = options, .kind = kind };
	struct gp_reader *reader;
	int status = GP_OK;

	if (kind == GP_PINS && gp_filter_needs_frames(&options->filter))
		status = gp_names_check(source);
	if (!status && needs_names(&show))
		status = gp_names_read(&show.names, source);
	if (!status)
		status = gp_source_open(source, kind, false, &options->filter, &reader);
	if (status) {
		gp_names_free(&show.names);
		return status;
	}
	show.orphans = !strcmp(reader->name, "orphans");
	begin_show(&show, reader->title);
	status = options->sort ? show_sorted(&show, reader) : show_each(&show, reader, NULL);
	end_show(&show);
	gp_reader_close(reader);
	gp_names_free(&show.names);
	if (status)
		return status;
	if (!show.shown)
		return gp_none(source, &options->filter,
			       kind == GP_PINS ? source->pins : gp_kind_name(kind));
	gp_source_remark(source);
	return GP_OK;
}
