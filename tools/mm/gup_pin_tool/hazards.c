// SPDX-License-Identifier: GPL-2.0
/*
 * Hazards: their order, and the columns shown.
 */
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

/**
 * gp_stake_rank() - how bad a hazard is
 * @stake: a value of stake=
 *
 * Return: smaller is worse; 0 for an unknown stake of a later kernel, which may be anything.
 */
static unsigned int gp_stake_rank(const char *stake)
{
	static const char *const stakes[] = {
		"data", "memory", "hang", "time", "guess", "rewrite", "done", "wait", "read",
		"nothing", "end",
	};
	unsigned int i;

	for (i = 0; i < sizeof(stakes) / sizeof(*stakes); i++)
		if (!strcmp(stakes[i], stake))
			return i + 1;
	return 0;
}

/* The widest columns come last, since a terminal may be too narrow for them. */
static void gp_hazard_columns(struct gp_table *table)
{
	gp_table_init(table);
	gp_table_column(table, "COUNT", true);
	gp_table_column(table, "LAST", true);
	gp_table_column(table, "STAKE", false);
	gp_table_column(table, "KIND", false);
	gp_table_column(table, "REPORTED", true);
	gp_table_column(table, "M", false);
	gp_table_column(table, "OWNER", false);
	gp_table_column(table, "COMM", false);
	gp_table_column(table, "FUNC", false);
	gp_table_column(table, "FILE", false);
}

static void add_word_cell(struct gp_table *table, const char *word)
{
	gp_table_add(table, gp_copy(word));
}

/* An unpin without a record has no pin, so its holder is unknown. */
static void add_holder(struct gp_table *table, const struct gp_record *record)
{
	bool known = strcmp(gp_word(record, "api"), "unknown");

	add_word_cell(table, known ? gp_word(record, "mode") : "-");
	add_word_cell(table, known ? gp_word(record, "owner") : "-");
	add_word_cell(table, known ? gp_pin_word(record, "comm") : "-");
}

/* The file and the index in it; memory without a file by its kind. */
static char *file_and_indexes(const struct gp_record *record)
{
	const char *path = gp_word(record, "path");
	char *file = *path ? gp_copy(path) : gp_file_of(record), *text;

	if (!*path && !gp_word_number(record, "ino"))
		return file;
	text = gp_format("%s %s", file, gp_word(record, "indexes"));
	free(file);
	return text;
}

/* Both numbers, as in the file. */
static void add_stacks(struct gp_table *table, const struct gp_record *record)
{
	char *event = gp_frames_text(record->event), *pin = gp_frames_text(record->frames);
	char *text = gp_format("event:\n%spin:\n%s", event, pin);

	gp_table_below(table, text);
	free(text);
	free(pin);
	free(event);
}

/**
 * gp_hazard_row() - show a hazard for people
 * @table: its columns are those of gp_hazard_columns()
 * @record: the hazard
 * @stacks: whether its stacks are shown below it
 */
static void gp_hazard_row(struct gp_table *table, const struct gp_record *record,
			  bool stacks)
{
	char last[32];

	gp_age(last, sizeof(last), gp_word_number(record, "last_ms"));
	add_word_cell(table, gp_word(record, "count"));
	add_word_cell(table, last);
	add_word_cell(table, gp_word(record, "stake"));
	add_word_cell(table, gp_word(record, "kind"));
	add_word_cell(table, gp_word(record, "reported"));
	add_holder(table, record);
	add_word_cell(table, gp_word(record, "func"));
	gp_table_add(table, file_and_indexes(record));
	if (stacks)
		add_stacks(table, record);
}

/*
 * The pin, some of whose words the event has as well, is an object of its own with the
 * frames of its stack. Keys are unique, also with words of later kernels.
 */
static void gp_hazard_json(struct gp_json *json, const struct gp_record *record)
{
	unsigned int i;

	gp_json_object(json);
	for (i = 0; i < record->nr_words; i++) {
		const struct gp_word *word = &record->words[i];

		if (i == GP_EVENT_WORDS)
			gp_json_inner(json, "pin");
		if (i == GP_EVENT_WORDS + GP_PIN_WORDS) {
			gp_json_frames(json, record->frames);
			gp_json_inner_end(json);
		}
		if (strcmp(word->key, "pin"))
			gp_json_word(json, word->key, word->value);
	}
	if (!gp_word(record, "frames"))
		gp_json_frames(json, record->event);
	gp_json_object_end();
}
