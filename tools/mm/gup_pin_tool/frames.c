// SPDX-License-Identifier: GPL-2.0
/*
 * The stack behind a line, frame by frame.
 */
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

/* The frames behind a line of stacks, to the empty line that ends them. */
static int gp_read_frames(struct gp_lines *lines, struct gp_record *record)
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
		if (!*line)
			return GP_OK;
		if (*line != ' ' || !line[1])
			return gp_error("%s:%llu: no frame, nor an empty line: damaged",
					lines->name, lines->nr);
		add_frame(record, line + 1);
	}
	return gp_error("%s:%llu: a stack of more than %d frames: damaged",
			lines->name, lines->nr, GP_FRAMES_MAX);
}
