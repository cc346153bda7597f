// SPDX-License-Identifier: GPL-2.0
/* Check that a hazard was reported once, with all that is known about it. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gup_pin_blame.h"
#include "gup_pin_log.h"

const char *gup_pin_blame_begin(void)
{
	return gup_pin_write(GUP_PIN_DIR "/enable", "0") ?:
		gup_pin_write(GUP_PIN_DIR "/enable", "1");
}

/* Does the line that starts with @begin contain these words? */
static bool line_has(const char *report, const char *begin, const char *words)
{
	const char *at, *end;

	for (at = report; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		end = strchr(at, '\n');
		if (strncmp(at, begin, strlen(begin)))
			continue;
		at = strstr(at, words);
		return at && (!end || at < end);
	}
	return false;
}

static const char *check_words(const char *report, const struct gup_pin_blame *blame)
{
	const struct gup_pin_line *pin = blame->pin;
	char words[400];

	if (pin->ino) {
		snprintf(words, sizeof(words), " dev=%u:%u ino=%lu ", pin->major,
			 pin->minor, pin->ino);
		if (!line_has(report, "file: ", words))
			return gup_pin_problem("no file with '%s': %.700s", words, report);
	}
	/* The name may be preceded by its directories. */
	snprintf(words, sizeof(words), "%s\"", blame->name ?: "");
	if (blame->name && !line_has(report, "file: ", words))
		return gup_pin_problem("no file with '%s': %.700s", words, report);
	snprintf(words, sizeof(words), " task=%d/", blame->task);
	if (blame->task && !line_has(report, "event: ", words))
		return gup_pin_problem("no event with '%s': %.700s", words, report);
	snprintf(words, sizeof(words), " mode=%c term=%s api=%s owner=%d task=%d/%d comm=%s ",
		 pin->mode, pin->term, pin->api, pin->owner, pin->tgid, pin->pid, pin->comm);
	if (!line_has(report, "pin: ", words))
		return gup_pin_problem("no pin with '%s': %.700s", words, report);
	return NULL;
}

static const char *check_report(const char *report, const struct gup_pin_blame *blames,
				size_t nr, unsigned int *seen)
{
	const char *title = report + strlen(GUP_PIN_REPORT);
	size_t i;

	for (i = 0; i < nr; i++)
		if (!strncmp(title, blames[i].title, strlen(blames[i].title)))
			break;
	if (i == nr)
		return gup_pin_problem("a report of another kind: %.700s", title);
	seen[i]++;
	return check_words(report, &blames[i]);
}

/* A hazard in an interrupt is reported by a work item, so wait for its report. */
static char *wait_for_reports(int log, const struct gup_pin_blame *blames, size_t nr)
{
	unsigned int waited = 0, must = 0;
	char *text = NULL;
	size_t i;

	for (i = 0; i < nr; i++)
		must += !blames[i].maybe;
	do {
		gup_pin_log_add(log, &text);
	} while (gup_pin_log_reports(text) < must && gup_pin_patience(&waited));
	return text;
}

const char *gup_pin_blame_check(int log, const struct gup_pin_blame *blames, size_t nr)
{
	unsigned int *seen = calloc(nr, sizeof(*seen));
	char *text = wait_for_reports(log, blames, nr), *rest = text, *report;
	const char *problem = NULL;
	size_t i;

	while (!problem && (report = gup_pin_log_next(&rest)))
		problem = check_report(report, blames, nr, seen);
	for (i = 0; !problem && i < nr; i++)
		if (seen[i] != 1 && (seen[i] || !blames[i].maybe))
			problem = gup_pin_problem("%u reports of '%s'", seen[i],
						  blames[i].title);
	free(text);
	free(seen);
	return problem;
}
