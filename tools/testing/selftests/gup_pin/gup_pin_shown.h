/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Compare the pins that `pins` shows with those that holders have.
 *
 * As in gup_pin_util.h, `const char *` is NULL or an error.
 */
#ifndef GUP_PIN_SHOWN_H
#define GUP_PIN_SHOWN_H

#include <stdbool.h>
#include "gup_pin_holder.h"
#include "gup_pin_mem.h"

#define HOLDERS		8
#define FOLIOS		16

/**
 * struct gup_pin_shown - holders of parts of a memory area, and what `pins` showed
 * @mem: the memory, of FOLIOS folios
 * @holder: the holders
 * @nr: number of holders
 * @blind: tracking is off
 * @scarce: pins may have no record because memory is scarce
 * @filter: selects the relevant lines; NULL: all
 * @known: for each holder: @pins is valid
 * @before: for each holder: pinned before tracking was switched on
 * @pins: pins on each folio as shown after pinning; must not change until the unpin
 * @steps: number of comparisons
 * @wrong: number of comparisons with a mismatch
 * @wrong_exact: number of pins shown as exact that are not held
 * @report: description of the first mismatch
 */
struct gup_pin_shown {
	struct gup_pin_mem mem;
	struct gup_pin_holder holder[HOLDERS];
	unsigned int nr;
	bool blind;
	bool scarce;
	const char *filter;
	bool known[HOLDERS];
	bool before[HOLDERS];
	unsigned long pins[HOLDERS][FOLIOS];
	unsigned long steps;
	unsigned long wrong;
	unsigned long wrong_exact;
	char report[200];
};

/* Does the holder have pins on the folio that must be shown? */
bool gup_pin_shown_holds(const struct gup_pin_shown *shown, unsigned int holder,
			 unsigned int folio);
/* Call only while no holder is active. */
const char *gup_pin_shown_compare(struct gup_pin_shown *shown, unsigned int step,
				  const char *what);
/* Switches tracking on; all pins held now are earlier ones. */
const char *gup_pin_shown_switch_on(struct gup_pin_shown *shown);

#endif /* GUP_PIN_SHOWN_H */
