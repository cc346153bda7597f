/* SPDX-License-Identifier: GPL-2.0 */
/* Hazards caused on purpose: each is reported once, with all that is known about it. */
#ifndef GUP_PIN_BLAME_H
#define GUP_PIN_BLAME_H

#include <stdbool.h>
#include <sys/types.h>
#include "gup_pin_util.h"

/*
 * Expected contents of a report.
 *
 * title: its start; pin: a line of `pins` from before the event, whose words the report
 * repeats; task: process of the event, 0: any; name: of the file, NULL: any; maybe: the
 * report is optional
 */
struct gup_pin_blame {
	const char *title;
	const struct gup_pin_line *pin;
	pid_t task;
	const char *name;
	bool maybe;
};

/* Makes the kernel report everything again, with full rate limits. Nothing may be pinned. */
const char *gup_pin_blame_begin(void);
/* Expects exactly these reports in a log, each of them once. */
const char *gup_pin_blame_check(int log, const struct gup_pin_blame *blames, size_t nr);
#endif /* GUP_PIN_BLAME_H */
