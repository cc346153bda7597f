/* SPDX-License-Identifier: GPL-2.0 */
/* A swap device of a few megabytes. */
#ifndef GUP_PIN_SWAP_H
#define GUP_PIN_SWAP_H

#include <stdbool.h>
#include "gup_pin_dm.h"

struct gup_pin_swap {
	struct gup_pin_dm dm;
	bool on;
};

const char *gup_pin_swap_missing(void);
const char *gup_pin_swap_on(struct gup_pin_swap *swap);
/* Its contents are swapped in first. */
const char *gup_pin_swap_off(struct gup_pin_swap *swap);

#endif /* GUP_PIN_SWAP_H */
