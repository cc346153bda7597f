// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the stack after a line, frame by frame.
 */
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

static void no_frames(struct gp_record *record)
{
	if (!record->frames)
		record->frames = gp_grow(NULL, &record->frames_room, 1);
	record->frames[0] = '\0';
	record->frames_len = 0;
}

static void add_frame(struct gp_record *record, const char *frame)
{
	size_t len = strlen(frame);

	while (record->frames_len + len + 2 > record->frames_room)
		record->frames = gp_grow(record->frames, &record->frames_room, 1);
	memcpy(record->frames + record->frames_len, frame, len);
	record->frames_len += len;
	record->frames[record->frames_len++] = '\n';
	record->frames[record->frames_len] = '\0';
}

/* Frames up to the line that ends them, or to an empty line if @end is "". */
static int read_stack(struct gp_lines *lines, struct gp_record *record, const char *until)
{
	unsigned int nr;
	const char *line;
	bool end;
	int status;

	no_frames(record);
	for (nr = 0; nr <= GP_FRAMES_MAX; nr++) {
		status = gp_lines_next(lines, &line, &end);
		if (status)
			return status;
		if (end)
			return gp_error("%s:%llu: the file is cut off in a stack",
					lines->name, lines->nr);
		if (!strcmp(line, until))
			return GP_OK;
		if (*line != ' ' || !line[1])
			return gp_error("%s:%llu: no frame, nor %s: damaged", lines->name,
					lines->nr, *until ? "'pin:'" : "an empty line");
		add_frame(record, line + 1);
	}
	return gp_error("%s:%llu: a stack of more than %d frames: damaged",
			lines->name, lines->nr, GP_FRAMES_MAX);
}

/* A hazard has the event's frames first. */
static int read_event(struct gp_lines *lines, struct gp_record *record)
{
	const char *line;
	bool end;
	int status = gp_lines_next(lines, &line, &end);

	if (status)
		return status;
	if (end)
		return gp_error("%s:%llu: the file is cut off in a hazard",
				lines->name, lines->nr);
	if (strcmp(line, "event:"))
		return gp_error("%s:%llu: not 'event:': damaged", lines->name, lines->nr);
	status = read_stack(lines, record, "pin:");
	free(record->event);
	record->event = status ? NULL : gp_copy(record->frames);
	return status;
}

/**
 * gp_read_frames() - read the frames after a line of `stacks` or `hazards`
 * @lines: the file
 * @record: the line; gets the frames
 *
 * Return: a status.
 */
static int gp_read_frames(struct gp_lines *lines, struct gp_record *record)
{
	int status = record->kind == GP_HAZARDS ? read_event(lines, record) : GP_OK;

	return status ? status : read_stack(lines, record, "");
}

/* Frames as in the file, each after a blank; to be freed. */
static char *gp_frames_text(const char *frames)
{
	char *text = gp_alloc(2 * strlen(frames) + 1), *to = text;

	for (; *frames; frames++) {
		if (to == text || to[-1] == '\n')
			*to++ = ' ';
		*to++ = *frames;
	}
	return text;
}
