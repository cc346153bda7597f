// SPDX-License-Identifier: GPL-2.0
/* Is a driver's function in the stacks of pins? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gup_pin_frame.h"
#include "gup_pin_util.h"

/* The record of a stack in the text of `stacks`, which ends with an empty line. */
static bool has_frame(const char *text, unsigned long stack, const char *functions)
{
	const char *at, *end, *name, *found;
	char word[40], frame[100];
	int len;

	snprintf(word, sizeof(word), " stack=0x%lx ", stack);
	at = strstr(text, word);
	end = at ? strstr(at, "\n\n") : NULL;
	if (!end)
		return false;
	for (name = functions; *name; name += len + (name[len] == '|')) {
		len = strcspn(name, "|");
		snprintf(frame, sizeof(frame), "\n %.*s+0x", len, name);
		found = strstr(at, frame);
		if (found && found < end)
			return true;
	}
	return false;
}

const char *gup_pin_check_frame(pid_t tgid, const char *functions)
{
	struct gup_pin_lines lines;
	const char *problem;
	char *text;
	size_t i;

	problem = gup_pin_read_task(&lines, tgid);
	if (problem)
		return problem;
	problem = gup_pin_slurp(GUP_PIN_DIR "/stacks", &text, NULL);
	if (!problem && !lines.nr)
		problem = gup_pin_problem("task %d has no pins", tgid);
	for (i = 0; !problem && i < lines.nr; i++)
		if (!has_frame(text, lines.line[i].stack, functions))
			problem = gup_pin_problem("stack 0x%lx has no %s()",
						  lines.line[i].stack, functions);
	free(text);
	gup_pin_free(&lines);
	return problem;
}
