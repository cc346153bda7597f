/* SPDX-License-Identifier: GPL-2.0 */
/* A hazard that was made on purpose: it is reported once, with all that is known of it. */
#ifndef GUP_PIN_BLAME_H
#define GUP_PIN_BLAME_H

#include <stdbool.h>
#include <sys/types.h>
#include "gup_pin_util.h"

/*
 * What a report has to say.
 *
 * title: what it begins with; pin: a line of `pins` before the event, whose words the
 * report repeats; task: process that the event is in, 0: any; name: of the file, NULL:
 * any; maybe: it need not come
 */
struct gup_pin_blame {
	const char *title;
	const struct gup_pin_line *pin;
	pid_t task;
	const char *name;
	bool maybe;
};

/*
 * What was reported before is forgotten, and with it how many reports there may be.
 * Nothing may be pinned.
 */
const char *gup_pin_blame_begin(void);
/* All reports of a log are of these, each of them once. */
const char *gup_pin_blame_check(int log, const struct gup_pin_blame *blames, size_t nr);
#endif /* GUP_PIN_BLAME_H */
