// SPDX-License-Identifier: GPL-2.0
/* Check that there is no report and that no pin is left. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "gup_pin_calm.h"
#include "gup_pin_log.h"

const char *gup_pin_calm_begin(struct gup_pin_calm *calm)
{
	memset(calm, 0, sizeof(*calm));
	calm->log = -1;
	return gup_pin_begin(&calm->base) ?: gup_pin_read_counts(&calm->counts) ?:
		gup_pin_log_open(0, SEEK_END, &calm->log);
}

unsigned long gup_pin_calm_acquired(const struct gup_pin_calm *calm)
{
	struct gup_pin_stats stats;

	return gup_pin_read_stats(&stats) ? 0 :
		stats.acquired - calm->base.stats.acquired;
}

/* Hazards may be counted without being reported. */
void gup_pin_calm_show(const struct gup_pin_calm *calm)
{
	struct gup_pin_counts now;
	unsigned long grown;
	int kind;

	if (gup_pin_read_counts(&now))
		return;
	for (kind = 0; kind < NR_HAZARDS; kind++) {
		grown = now.kind[kind] - calm->counts.kind[kind];
		if (grown)
			printf("# counted: %s %lu\n",
			       gup_pin_hazard_name((enum gup_pin_hazard_kind)kind), grown);
	}
	grown = now.suppressed - calm->counts.suppressed;
	if (grown)
		printf("# counted: suppressed %lu\n", grown);
	/* The harness exits without flushing. */
	fflush(stdout);
}

/* A report that was suppressed as a duplicate is as bad as one that was printed. */
static const char *check_reports(const struct gup_pin_calm *calm)
{
	struct gup_pin_counts now;
	const char *problem = gup_pin_read_counts(&now);
	char *log, *report;

	if (problem)
		return problem;
	log = gup_pin_log_rest(calm->log);
	report = strstr(log, GUP_PIN_REPORT);
	if (report)
		problem = gup_pin_problem("%.900s", report);
	else if (now.suppressed != calm->counts.suppressed)
		problem = gup_pin_problem("%lu reports, whose stacks were printed before",
					  now.suppressed - calm->counts.suppressed);
	free(log);
	return problem;
}

const char *gup_pin_calm_end(struct gup_pin_calm *calm)
{
	/* Pins first, because releasing them may cause a report. */
	const char *left = gup_pin_end(&calm->base);
	const char *problem;

	if (left)
		printf("# %s\n", left);
	gup_pin_calm_show(calm);
	problem = check_reports(calm);
	return problem ?: left;
}

void gup_pin_calm_close(struct gup_pin_calm *calm)
{
	if (calm->log > 0)
		close(calm->log);
	calm->log = -1;
}
