// SPDX-License-Identifier: GPL-2.0
/*
 * Reads a file record by record.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

#define FILE_FORMAT	1

static const struct {
	const char *name;
	enum gp_kind kind;
} known_files[] = {
	{ "pins", GP_PINS },
	{ "orphans", GP_PINS },
	{ "gup_pins", GP_PINS },
	{ "stacks", GP_STACKS },
	{ "hazards", GP_HAZARDS },
	{ "refused", GP_REFUSED },
};

static const char *gp_kind_name(enum gp_kind kind)
{
	static const char *const names[] = {
		[GP_PINS] = "pins",
		[GP_STACKS] = "stacks",
		[GP_HAZARDS] = "hazards",
		[GP_REFUSED] = "refused",
	};

	return names[kind];
}

static bool find_kind(const char *name, enum gp_kind *kind)
{
	size_t i;

	for (i = 0; i < sizeof(known_files) / sizeof(*known_files); i++) {
		if (!strcmp(known_files[i].name, name)) {
			*kind = known_files[i].kind;
			return true;
		}
	}
	return false;
}

/* Is the line "# gup_pin NAME NUMBER"? */
static bool split_title(const char *title, char *name, size_t size,
			unsigned long long *number)
{
	static const char start[] = "# gup_pin ";
	const char *space;
	size_t len;

	if (strncmp(title, start, strlen(start)))
		return false;
	title += strlen(start);
	space = strchr(title, ' ');
	len = space ? space - title : 0;
	if (!gp_is_key(title, len) || len >= size)
		return false;
	memcpy(name, title, len);
	name[len] = '\0';
	return gp_number(space + 1, number);
}

/* A process without memory, a zombie or a kernel thread, has an empty file. */
static int no_title(struct gp_reader *reader, bool process)
{
	if (!process)
		return gp_error("%s: the file is empty", reader->lines.name);
	reader->kind = GP_PINS;
	reader->title = gp_format("# gup_pin gup_pins %d", FILE_FORMAT);
	return GP_OK;
}

static int read_title(struct gp_reader *reader, bool process)
{
	const char *file = reader->lines.name, *line;
	unsigned long long number;
	char *name = reader->name;
	bool end;
	int status;

	status = gp_lines_next(&reader->lines, &line, &end);
	if (status)
		return status;
	if (end)
		return no_title(reader, process);
	if (!split_title(line, name, sizeof(reader->name), &number))
		return gp_error("%s:1: not '# gup_pin pins %d' or the like",
				file, FILE_FORMAT);
	if (number != FILE_FORMAT)
		return gp_error("%s:1: %s has format %llu, but only %d can be read",
				file, name, number, FILE_FORMAT);
	if (!find_kind(name, &reader->kind))
		return gp_error("%s:1: this is %s, which is not a file that this program reads",
				file, name);
	reader->title = gp_copy(line);
	return GP_OK;
}

/* An older kernel, or a value that no pin has; once is enough for top. */
static void tell_refused(const char *file, const char *words)
{
	static bool told;

	if (!told)
		gp_note("%s: the kernel refuses the filter '%s': all is read", file, words);
	told = true;
}

/* Have the kernel leave out what it can; this program filters the rest. */
static void filter_in_kernel(struct gp_reader *reader)
{
	char *words = gp_filter_words(reader->filter, 0);

	reader->filter->pass = 0;
	reader->filtered = words && gp_lines_filter(&reader->lines, words);
	if (words && !reader->filtered && errno == EINVAL)
		tell_refused(reader->lines.name, words);
	free(words);
}

/**
 * gp_reader_open() - open a file and read its first line
 * @reader: the opened file
 * @path: its name
 * @filter: of a file with filters: which records will be wanted; or NULL
 * @process: whether it is the kernel's own for a process
 *
 * Return: a status.
 */
static int gp_reader_open(struct gp_reader **reader, const char *path,
			  struct gp_filter *filter, bool process)
{
	struct gp_reader *new = gp_alloc(sizeof(*new));
	int status = gp_lines_open(&new->lines, path, filter);

	if (status) {
		free(new);
		return status;
	}
	new->filter = filter;
	if (filter)
		filter_in_kernel(new);
	status = read_title(new, process);
	if (status)
		gp_reader_close(new);
	else
		*reader = new;
	return status;
}

/* The next line overwrites this one, and frames come next. */
static void keep_line(struct gp_record *record, char **kept, const char *line)
{
	free(*kept);
	*kept = gp_copy(line);
	record->line = *kept;
}

/*
 * A filter's words must all match, so one or the other takes two passes. If the kernel
 * refuses the words, this program filters everything.
 */
static int begin_again(struct gp_reader *reader, bool *again)
{
	char *words = reader->filtered ?
		      gp_filter_words(reader->filter, reader->filter->pass + 1) : NULL;
	const char *line;
	bool end;

	*again = words && (gp_lines_filter(&reader->lines, words) ||
			   gp_lines_filter(&reader->lines, "\n"));
	free(words);
	if (!*again)
		return GP_OK;
	reader->filter->pass++;
	return gp_lines_next(&reader->lines, &line, &end);
}

static int next_line(struct gp_reader *reader, const char **line, bool *end)
{
	bool again;
	int status;

	do {
		again = false;
		status = gp_lines_next(&reader->lines, line, end);
		if (!status && *end)
			status = begin_again(reader, &again);
	} while (again && !status);
	return status;
}

/**
 * gp_reader_next() - the next record
 * @reader: the file
 * @record: the record, valid until the next call; NULL at the end of the file
 *
 * Return: a status.
 */
static int gp_reader_next(struct gp_reader *reader, struct gp_record **record)
{
	struct gp_lines *lines = &reader->lines;
	const char *line, *problem;
	bool end;
	int status;

	*record = NULL;
	status = next_line(reader, &line, &end);
	if (status || end)
		return status;
	if (gp_record_parse(&reader->record, reader->kind, line, &problem))
		return gp_error("%s:%llu: the line %s: damaged", lines->name,
				lines->nr, problem);
	if (reader->kind != GP_PINS) {
		keep_line(&reader->record, &reader->line, line);
		status = gp_read_frames(lines, &reader->record);
	}
	if (!status)
		*record = &reader->record;
	return status;
}

/* Only orphans have gone=. */
static bool knows_word(const struct gp_reader *reader, const char *key)
{
	if (!strcmp(key, "gone"))
		return !strcmp(reader->name, "orphans");
	return gp_kind_knows(reader->kind, key);
}

/**
 * gp_reader_lacks() - check a word of the command line that no line has
 * @reader: the file, read to its end
 * @key: the word
 * @lines: whether lines were searched for it
 * @purpose: for messages: "", or " to sort by"
 *
 * Without lines, only words that this program does not know for the file are wrong.
 *
 * Return: a status.
 */
static int gp_reader_lacks(const struct gp_reader *reader, const char *key, bool lines,
			   const char *purpose)
{
	if (lines)
		return gp_usage("%s: no line has a word %s=%s", reader->lines.name, key,
				purpose);
	if (!knows_word(reader, key))
		return gp_usage("%s= is not a known word of %s%s", key, reader->name,
				purpose);
	return GP_OK;
}

static void gp_reader_close(struct gp_reader *reader)
{
	gp_lines_close(&reader->lines);
	free(reader->title);
	free(reader->line);
	free(reader->record.frames);
	free(reader->record.event);
	free(reader);
}
