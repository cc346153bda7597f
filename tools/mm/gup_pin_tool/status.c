// SPDX-License-Identifier: GPL-2.0
/*
 * status: the kernel's own figures.
 */
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

/* In "hooks NAME HOW" the name is two words. */
static int split_line(char *line, const char **name, const char **value)
{
	char *space = strrchr(line, ' ');

	if (!space || !space[1] || !gp_is_key(line, strcspn(line, " ")))
		return GP_ERROR;
	*space = '\0';
	*name = line;
	*value = space + 1;
	return GP_OK;
}

/* Figures are numbers in JSON, as in gup_pins.py; everything else is text. */
static void stat_as_json(struct gp_json *json, const char *name, const char *value)
{
	unsigned long long number;

	if (gp_number(value, &number))
		gp_json_number(json, name, number);
	else
		gp_json_word(json, name, value);
}

static int show_figures(struct gp_lines *lines, const struct gp_options *options)
{
	const char *line, *name, *value;
	struct gp_json json;
	int status;
	bool end;

	/* A single object, not an array. */
	gp_json_begin(&json, true);
	if (options->json)
		gp_json_object(&json);
	while (!(status = gp_lines_next(lines, &line, &end)) && !end) {
		char *copy = gp_copy(line);

		if (split_line(copy, &name, &value))
			status = gp_error("%s:%llu: not a name and a value: damaged",
					  lines->name, lines->nr);
		else if (options->json)
			stat_as_json(&json, name, value);
		else
			gp_print_cut(line);
		free(copy);
		if (status)
			break;
	}
	if (options->json) {
		gp_json_object_end();
		gp_json_end(&json);
	}
	return status;
}

static int gp_status(struct gp_options *options)
{
	struct gp_source source;
	struct gp_lines lines;
	int status = gp_source_find(&source, options->from);
	char *path;

	if (!status) {
		path = source.dir ? gp_format("%s/stats", source.dir) : gp_copy(source.file);
		status = gp_lines_open(&lines, path, false);
		free(path);
		if (!status) {
			status = show_figures(&lines, options);
			gp_lines_close(&lines);
			gp_source_remark(&source);
		}
	}
	gp_source_free(&source);
	return status;
}
