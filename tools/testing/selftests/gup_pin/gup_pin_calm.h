/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program that does nothing wrong: when it is over there is no report, and no pin
 * is left.
 */
#ifndef GUP_PIN_CALM_H
#define GUP_PIN_CALM_H

#include "gup_pin_hazard.h"
#include "gup_pin_util.h"

/* Seconds that a test may take: an emulated machine may be a busy one. */
#define GUP_PIN_PATIENCE	120

struct gup_pin_calm {
	struct gup_pin_base base;
	struct gup_pin_counts counts;
	int log;		/* of what comes into the kernel log from now on */
};

const char *gup_pin_calm_begin(struct gup_pin_calm *calm);
/* Pins that were taken since then, whether they are held or not; 0: unknown. */
unsigned long gup_pin_calm_acquired(const struct gup_pin_calm *calm);
/* Prints what was counted since then. */
void gup_pin_calm_show(const struct gup_pin_calm *calm);
/* No report; all pins are gone within some seconds. Shows what was counted, too. */
const char *gup_pin_calm_end(struct gup_pin_calm *calm);
void gup_pin_calm_close(struct gup_pin_calm *calm);

/* Runs all tests, and again until GUP_PIN_SECONDS are over. */
int gup_pin_repeat(int (*run)(int argc, char **argv), int argc, char **argv);

#endif /* GUP_PIN_CALM_H */
