/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Too little memory for tracking, so that some pins are not recorded.
 *
 * As in gup_pin_util.h, `const char *` is NULL or an error.
 */
#ifndef GUP_PIN_SCARCE_H
#define GUP_PIN_SCARCE_H

#include <sys/types.h>

enum gup_pin_scarce_kind {
	SCARCE_NOT,
	SCARCE_SLAB,		/* allocations fail at random */
	SCARCE_BOUND,		/* a process uses nearly all of max_memory_mb */
};

struct gup_pin_scarce {
	enum gup_pin_scarce_kind kind;
	pid_t filler;
};

/* Returns why this is not possible; NULL if it is. */
const char *gup_pin_scarce_missing(enum gup_pin_scarce_kind kind);
/* Must be ended even if it fails. */
const char *gup_pin_scarce_begin(struct gup_pin_scarce *scarce, enum gup_pin_scarce_kind kind);
void gup_pin_scarce_end(struct gup_pin_scarce *scarce);

#endif /* GUP_PIN_SCARCE_H */
