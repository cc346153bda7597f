// SPDX-License-Identifier: GPL-2.0
/*
 * Refused long-term pins: the task that asked, the place, and the reason.
 */
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

static void gp_refused_columns(struct gp_table *table)
{
	gp_table_init(table);
	gp_table_column(table, "COUNT", true);
	gp_table_column(table, "LAST", true);
	gp_table_column(table, "WHY", false);
	gp_table_column(table, "ERR", false);
	gp_table_column(table, "M", false);
	gp_table_column(table, "HOLDER", false);
	gp_table_column(table, "WHERE", false);
	gp_table_column(table, "WHAT", false);
}

/* What was refused last: a file, a page that could not be moved, or an address. */
static char *target_text(const struct gp_record *record)
{
	const char *path = gp_word(record, "path");

	if (path && *path)
		return gp_copy(path);
	if (gp_word_number(record, "ino"))
		return gp_file_of(record);
	if (gp_word_number(record, "pfn"))
		return gp_format("page %s", gp_word(record, "pfn"));
	return gp_copy(gp_word(record, "addr"));
}

/**
 * gp_refused_row() - show a line of `refused` for people
 * @table: its columns are those of gp_refused_columns()
 * @record: the line
 * @stacks: whether its stack is shown below it
 */
static void gp_refused_row(struct gp_table *table, const struct gp_record *record,
			   bool stacks)
{
	char last[32];

	gp_age(last, sizeof(last), gp_word_number(record, "newest_ms"));
	gp_table_add(table, gp_copy(gp_word(record, "count")));
	gp_table_add(table, gp_copy(last));
	gp_table_add(table, gp_copy(gp_word(record, "why")));
	gp_table_add(table, gp_copy(gp_word(record, "err")));
	gp_table_add(table, gp_copy(gp_word(record, "mode")));
	gp_table_add(table, gp_holder(record, 0));
	gp_table_add(table, gp_where_of(record->frames, 0));
	gp_table_add(table, target_text(record));
	if (stacks)
		gp_table_below(table, record->frames);
}
