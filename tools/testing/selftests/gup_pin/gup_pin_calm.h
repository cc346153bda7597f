/* SPDX-License-Identifier: GPL-2.0 */
/* A correct program: it causes no report, and leaves no pin. */
#ifndef GUP_PIN_CALM_H
#define GUP_PIN_CALM_H

#include "gup_pin_hazard.h"
#include "gup_pin_util.h"

/*
 * Time limit of a test in seconds, generous for busy emulated machines: it may wait several times
 * for GUP_PIN_PATIENCE_MS.
 */
#define GUP_PIN_PATIENCE	300

struct gup_pin_calm {
	struct gup_pin_base base;
	struct gup_pin_counts counts;
	int log;		/* messages of the kernel log from now on */
};

const char *gup_pin_calm_begin(struct gup_pin_calm *calm);
/* Number of pins taken since then, held or not; 0: unknown. */
unsigned long gup_pin_calm_acquired(const struct gup_pin_calm *calm);
/* Prints what was counted since then. */
void gup_pin_calm_show(const struct gup_pin_calm *calm);
/* Expects no report, and all pins to go within seconds. Prints the counts, too. */
const char *gup_pin_calm_end(struct gup_pin_calm *calm);
void gup_pin_calm_close(struct gup_pin_calm *calm);

/* Runs all tests, repeatedly until GUP_PIN_SECONDS have passed. */
int gup_pin_repeat(int (*run)(int argc, char **argv), int argc, char **argv);

#endif /* GUP_PIN_CALM_H */
