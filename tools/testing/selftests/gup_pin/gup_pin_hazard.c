// SPDX-License-Identifier: GPL-2.0
/* Strict parsers of `hazards`, and of the counters of hazards. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "gup_pin_hazard.h"

static const char *const names[NR_HAZARDS] = {
	[HAZARD_WRITEBACK] = "writeback",
	[HAZARD_PIN_UNDER_WRITEBACK] = "pin_under_writeback",
	[HAZARD_TRUNCATE] = "truncate",
	[HAZARD_UNMATCHED_UNPIN] = "unmatched_unpin",
	[HAZARD_DIRTY_READ_PIN] = "dirty_read_pin",
	[HAZARD_CHANGED_UNDER_WRITEBACK] = "changed_under_writeback",
	[HAZARD_DIRTIED_AFTER_CLEAN] = "dirtied_after_clean",
	[HAZARD_OVERDUE] = "overdue",
};

const char *gup_pin_hazard_name(enum gup_pin_hazard_kind kind)
{
	return names[kind];
}

/* The number after a name at the start of a line. */
static bool number_of(const char *text, const char *name, unsigned long *value)
{
	size_t len = strlen(name);
	const char *at;

	for (at = strstr(text, name); at; at = strstr(at + 1, name)) {
		if ((at != text && at[-1] != '\n') || at[len] != ' ')
			continue;
		*value = strtoul(at + len, NULL, 10);
		return true;
	}
	return false;
}

static const char *take_counts(const char *stats, const char *vmstat,
			       struct gup_pin_counts *out)
{
	char name[64];
	int kind;

	for (kind = 0; kind < NR_HAZARDS; kind++) {
		snprintf(name, sizeof(name), "hazard_%s", names[kind]);
		if (!number_of(stats, name, &out->kind[kind]))
			return gup_pin_problem("no %s in stats", name);
	}
	if (!number_of(stats, "reports_suppressed", &out->suppressed))
		return gup_pin_problem("no reports_suppressed in stats");
	if (!number_of(stats, "false_positive", &out->false_positive))
		return gup_pin_problem("no false_positive in stats");
	/* A module cannot add to /proc/vmstat: `stats` alone has them. */
	if (gup_pin_is_module()) {
		out->vm_writeback = out->kind[HAZARD_WRITEBACK];
		out->vm_truncate = out->kind[HAZARD_TRUNCATE];
		return NULL;
	}
	if (!number_of(vmstat, "gup_pin_hazard_writeback", &out->vm_writeback) ||
	    !number_of(vmstat, "gup_pin_hazard_truncate", &out->vm_truncate))
		return gup_pin_problem("no hazards in /proc/vmstat");
	return NULL;
}

const char *gup_pin_read_counts(struct gup_pin_counts *out)
{
	char *stats = NULL, *vmstat = NULL;
	const char *problem;

	problem = gup_pin_slurp(GUP_PIN_DIR "/stats", &stats, NULL);
	if (!problem)
		problem = gup_pin_slurp("/proc/vmstat", &vmstat, NULL);
	if (!problem)
		problem = take_counts(stats, vmstat, out);
	free(stats);
	free(vmstat);
	return problem;
}

static char *take_line(char **text)
{
	char *line = *text, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return line;
}

static bool known_kind(const char *name)
{
	int kind;

	for (kind = 0; kind < NR_HAZARDS; kind++)
		if (!strcmp(names[kind], name))
			return true;
	return false;
}

/* The words after the path, which cover all equal hazards; cuts them off. */
static const char *parse_all(char *line, struct gup_pin_hazard *out)
{
	char *words = strstr(line, " path="), *all = words ? strstr(words, " count=") : NULL;
	int end = 0, len = 0;

	if (!all || sscanf(all, " count=%lu last_ms=%lu reported=%lu indexes=0x%lx-0x%lx %n",
			   &out->count, &out->last_ms, &out->reported, &out->first_index,
			   &out->last_index, &end) != 5 || !end ||
	    sscanf(all + end, "stake=%31[a-z]%n", out->stake, &len) != 1 || all[end + len])
		return gup_pin_problem("no words of all equal hazards: %s", line);
	if (!out->count || out->reported > out->count || out->last_ms > out->age_ms ||
	    out->first_index > out->last_index)
		return gup_pin_problem("words that cannot be: %s", all);
	*all = '\0';
	return NULL;
}

/* The words of the event, those of a line of `pins`, and the ones that follow. */
static const char *parse_words(char *line, struct gup_pin_hazard *out)
{
	char *copy = strdup(line), *pin = strstr(line, " pfn="), *later = NULL;
	const char *problem = NULL;
	int end = 0;

	/* A task may have no name. */
	if (sscanf(line, "kind=%31s age_ms=%lu task=%d/%d comm=%n%67[^ ]", out->kind,
		   &out->age_ms, &out->tgid, &out->pid, &end, out->comm) < 4 ||
	    !end || line + end + strlen(out->comm) != pin)
		problem = gup_pin_problem("not the words of an event: %s", copy);
	else if (!known_kind(out->kind))
		problem = gup_pin_problem("no such kind: %s", copy);
	else
		problem = parse_all(pin, out);
	if (!problem)
		problem = gup_pin_parse_pin(pin + 1, &out->pin, &later);
	end = 0;
	if (!problem && (!later || sscanf(later, "func=%127s pins_on_folio=%lu %n",
					  out->func, &out->pins_on_folio, &end) != 2 ||
			 !end))
		problem = gup_pin_problem("no func= and pins_on_folio= in: %s", copy);
	if (!problem)
		problem = gup_pin_parse_end(later + end, &out->pin);
	free(copy);
	return problem;
}

/* Takes frames up to the next line that is not a frame; returns that line. */
static char *take_frames(char **text, char *out, size_t size)
{
	size_t len = 0;
	char *line;

	while ((line = take_line(text)) && line[0] == ' ' && line[1] && line[1] != ' ')
		len += snprintf(out + len, len < size ? size - len : 0, "%s\n", line + 1);
	return line;
}

static const char *parse_hazard(char **text, struct gup_pin_hazard *out)
{
	char *line = take_line(text);
	const char *problem;

	memset(out, 0, sizeof(*out));
	problem = line ? parse_words(line, out) : gup_pin_problem("hazards ends in a line");
	if (problem)
		return problem;
	line = take_line(text);
	if (!line || strcmp(line, "event:"))
		return gup_pin_problem("'%s' where event: belongs", line ?: "");
	line = take_frames(text, out->event, sizeof(out->event));
	if (!line || strcmp(line, "pin:"))
		return gup_pin_problem("'%s' where pin: belongs", line ?: "");
	line = take_frames(text, out->stack, sizeof(out->stack));
	if (!line || line[0])
		return gup_pin_problem("'%s' where an empty line belongs", line ?: "");
	return NULL;
}

static const char *parse_hazards(char *text, struct gup_pin_hazards *out)
{
	char *line = take_line(&text);
	const char *problem = NULL;
	size_t room = 0;

	if (!line || strcmp(line, "# gup_pin hazards 1"))
		return gup_pin_problem("the first line of hazards is '%s'", line ?: "");
	while (!problem && *text) {
		if (out->nr == room) {
			room = room ? 2 * room : 16;
			out->hazard = realloc(out->hazard, room * sizeof(*out->hazard));
		}
		problem = parse_hazard(&text, &out->hazard[out->nr]);
		out->nr++;
	}
	return problem;
}

const char *gup_pin_read_hazards_of(int fd, struct gup_pin_hazards *out)
{
	const char *problem;
	char *text;

	memset(out, 0, sizeof(*out));
	problem = gup_pin_slurp_fd(fd, "hazards", &text, NULL);
	if (problem)
		return problem;
	problem = parse_hazards(text, out);
	free(text);
	if (problem) {
		free(out->hazard);
		memset(out, 0, sizeof(*out));
	}
	return problem;
}

const char *gup_pin_read_hazards(struct gup_pin_hazards *out)
{
	int fd = gup_pin_view_open("hazards");
	const char *problem;

	if (fd < 0)
		return gup_pin_problem("cannot open hazards");
	problem = gup_pin_read_hazards_of(fd, out);
	close(fd);
	return problem;
}

/* Sets a parameter of the feature, and reads it back. */
const char *gup_pin_set_policy(const char *name, const char *word)
{
	const char *problem;
	char path[100], *text;

	snprintf(path, sizeof(path), "/sys/module/gup_pin/parameters/%s", name);
	problem = gup_pin_write(path, word);
	if (!problem)
		problem = gup_pin_slurp(path, &text, NULL);
	if (problem)
		return problem;
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, word))
		problem = gup_pin_problem("%s reads '%s', not '%s'", name, text, word);
	free(text);
	return problem;
}
