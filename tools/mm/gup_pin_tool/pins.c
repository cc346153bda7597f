// SPDX-License-Identifier: GPL-2.0
/*
 * Pins for people: a line has the page, the holder, where the pin was taken and the file.
 * It fits into 80 columns; a wider terminal truncates less, a pipe nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

#define PAGE_COLUMNS	9
#define PINS_COLUMNS	6
#define AGE_COLUMNS	6
#define HOLDER_COLUMNS	15
#define WHERE_COLUMNS	20
#define FILE_COLUMNS	11

/* All of them, separated by a blank; mode and term take one column and five. */
#define LEAST_COLUMNS	80

/**
 * struct layout - the widths of the columns that share a terminal
 * @holder: the task's name and number
 * @where: the function, and its module
 * @file: the file; 0 for unlimited
 * @cut: whether text that does not fit is truncated
 */
struct layout {
	size_t holder;
	size_t where;
	size_t file;
	bool cut;
};

static struct layout lay_out(void)
{
	size_t width = gp_width(), more = width > LEAST_COLUMNS ? width - LEAST_COLUMNS : 0;
	struct layout layout = {
		.holder = HOLDER_COLUMNS,
		.where = WHERE_COLUMNS,
	};

	if (!width)
		return layout;
	layout.cut = true;
	layout.holder = HOLDER_COLUMNS + (more < 64 ? more / 8 : 8);
	layout.where = WHERE_COLUMNS + (more < 40 ? more / 2 : 20);
	layout.file = LEAST_COLUMNS + more - (layout.holder + layout.where) -
		      (LEAST_COLUMNS - HOLDER_COLUMNS - WHERE_COLUMNS - FILE_COLUMNS);
	return layout;
}

static void print_pin(const struct layout *layout, const char *page, const char *pins,
		      const char *mode, const char *term, const char *age,
		      const char *holder, const char *where, const char *file)
{
	char *name = gp_fit(holder, layout->holder, layout->cut);
	char *function = gp_fit(where, layout->where, layout->cut);
	char *line = gp_format("%-*s %*s %s %-5s %*s %s %s %s", PAGE_COLUMNS, page,
			       PINS_COLUMNS, pins, mode, term, AGE_COLUMNS, age, name,
			       function, file);

	while (*line && line[strlen(line) - 1] == ' ')
		line[strlen(line) - 1] = '\0';
	gp_print_cut(line);
	free(line);
	free(function);
	free(name);
}

/* For orphans, what has ended is more important than the term. */
static void gp_pin_title(bool orphans)
{
	struct layout layout = lay_out();

	print_pin(&layout, "PAGE", "PINS", "M", orphans ? "GONE" : "TERM", "AGE", "HOLDER",
		  "WHERE", "FILE");
}

/* Pins, and the number of pages if it differs. */
static char *pins_text(const struct gp_record *record)
{
	const char *pins = gp_word(record, "pins"), *pages = gp_word(record, "pages");

	if (!strcmp(pins, pages))
		return gp_copy(pins);
	return gp_format("%s/%s", pins, pages);
}

/**
 * gp_holder() - the task that pinned
 * @record: with comm=, task= and owner= of a pin
 * @columns: the available width; 0 for unlimited
 *
 * Return: its name and number, and the process whose memory it is if that is another
 * one. To be freed.
 */
static char *gp_holder(const struct gp_record *record, size_t columns)
{
	const char *comm = gp_pin_word(record, "comm"), *task = gp_pin_word(record, "task");
	const char *owner = gp_word(record, "owner");
	int digits = strcspn(task, "/");
	bool other = strcmp(owner, "0") && (strncmp(owner, task, digits) || owner[digits]);
	char *id = gp_format("%.*s%s%s", digits, task, other ? " on " : "", other ? owner : "");
	char *name, *text;
	size_t room = columns > strlen(id) + 2 ? columns - strlen(id) - 1 : 1;

	name = gp_fit(*comm ? comm : "-", columns ? room : 0, columns);
	name[strcspn(name, " ")] = '\0';
	text = gp_format("%s %s", name, id);
	free(name);
	free(id);
	return text;
}

/* The end of a path is most significant. */
static char *fit_path(const char *path, size_t columns)
{
	return gp_fit_end(path, columns ? columns : SIZE_MAX);
}

/* The file by name or number; memory without a file by its kind. */
static char *file_text(const struct gp_record *record, size_t columns)
{
	const char *path = gp_word(record, "path");
	char *file, *text;

	if (path && *path)
		return fit_path(path, columns);
	file = gp_file_of(record);
	text = fit_path(file ? file : "-", columns);
	free(file);
	return text;
}

/**
 * gp_pin_row() - show a line of `pins` for people
 * @record: the line
 * @frames: its stack; NULL if unknown
 * @orphans: whether it is an orphan
 */
static void gp_pin_row(const struct gp_record *record, const char *frames, bool orphans)
{
	const char *gone = orphans ? gp_word(record, "gone") : gp_word(record, "term");
	struct layout layout = lay_out();
	char *pins = pins_text(record);
	char *holder = gp_holder(record, layout.cut ? layout.holder : 0);
	char *where = frames ? gp_where_of(frames, layout.cut ? layout.where : 0) :
			       gp_copy(gp_word_number(record, "stack") ?
				       gp_word(record, "stack") : "-");
	char *file = file_text(record, layout.file);
	char age[32];

	gp_age(age, sizeof(age), gp_word_number(record, "age_ms"));
	print_pin(&layout, gp_word(record, "pfn"), pins, gp_word(record, "mode"),
		  gone ? gone : "-", age, holder, where, file);
	free(file);
	free(where);
	free(holder);
	free(pins);
}
