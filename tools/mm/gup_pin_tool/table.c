// SPDX-License-Identifier: GPL-2.0
/*
 * Tables whose columns are as wide as their content.
 */
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

static void gp_table_init(struct gp_table *table)
{
	memset(table, 0, sizeof(*table));
}

/* All columns are added before the first cell. */
static void gp_table_column(struct gp_table *table, const char *title, bool right)
{
	table->right = reallocarray(table->right, table->columns + 1, sizeof(bool));
	if (!table->right)
		exit(gp_error("out of memory"));
	table->right[table->columns++] = right;
	gp_table_add(table, gp_copy(title));
}

/* Adds the next cell; takes the text. */
static void gp_table_add(struct gp_table *table, char *text)
{
	gp_clean(text);
	if (table->nr == table->room)
		table->cells = gp_grow(table->cells, &table->room, sizeof(*table->cells));
	table->cells[table->nr++] = text;
}

static void gp_table_number(struct gp_table *table, unsigned long long number)
{
	gp_table_add(table, gp_format("%llu", number));
}

static void gp_table_growth(struct gp_table *table, unsigned long long now,
			    unsigned long long then)
{
	gp_table_add(table, now == then ? gp_copy("") :
					  gp_format("%+lld", gp_growth(now, then)));
}

/* Lines below the last complete row. */
static void gp_table_below(struct gp_table *table, const char *text)
{
	size_t row = table->nr / table->columns - 1;
	size_t old = table->below_room;

	while (row >= table->below_room) {
		table->below = gp_grow(table->below, &table->below_room,
				       sizeof(*table->below));
		memset(table->below + old, 0,
		       (table->below_room - old) * sizeof(*table->below));
		old = table->below_room;
	}
	table->below[row] = gp_copy(text);
}

static size_t width_of(const struct gp_table *table, unsigned int column)
{
	size_t i, width = 0;

	for (i = column; i < table->nr; i += table->columns) {
		size_t columns = gp_columns(table->cells[i]);

		if (columns > width)
			width = columns;
	}
	return width;
}

/* The width of each column; to be freed. */
static size_t *gp_table_widths(const struct gp_table *table)
{
	size_t *widths = gp_alloc(table->columns * sizeof(*widths));
	unsigned int i;

	for (i = 0; i < table->columns; i++)
		widths[i] = width_of(table, i);
	return widths;
}

/* A row as text, to be freed; row 0 is the titles. */
static char *gp_table_row(const struct gp_table *table, size_t row, const size_t *widths)
{
	char **cells = table->cells + row * table->columns;
	size_t size = 1;
	char *text, *to;
	unsigned int i;

	for (i = 0; i < table->columns; i++)
		size += strlen(cells[i]) + widths[i] + 1;
	text = gp_alloc(size);
	to = text;
	for (i = 0; i < table->columns; i++) {
		int blanks = widths[i] - gp_columns(cells[i]);

		to += sprintf(to, "%*s%s%*s ", table->right[i] ? blanks : 0, "", cells[i],
			      table->right[i] ? 0 : blanks, "");
	}
	while (to > text && to[-1] == ' ')
		*--to = '\0';
	return text;
}

/* Lines indented by two blanks, then an empty one. */
static void gp_print_below(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		char *line = gp_format("  %.*s", (int)len, text);

		gp_print_cut(line);
		free(line);
		text += len;
		text += *text == '\n';
	}
	putchar('\n');
}

/* 0 lines: all. */
static void gp_table_print(struct gp_table *table, unsigned int max_lines)
{
	size_t *widths = gp_table_widths(table), row, rows = table->nr / table->columns;
	char *text;

	if (max_lines && rows > max_lines)
		rows = max_lines;
	for (row = 0; row < rows && !gp_out_failed(); row++) {
		text = gp_table_row(table, row, widths);
		gp_print_cut(text);
		free(text);
		if (row < table->below_room && table->below[row])
			gp_print_below(table->below[row]);
	}
	free(widths);
}

static void gp_table_free(struct gp_table *table)
{
	size_t i;

	for (i = 0; i < table->nr; i++)
		free(table->cells[i]);
	for (i = 0; i < table->below_room; i++)
		free(table->below[i]);
	free(table->cells);
	free(table->below);
	free(table->right);
}
