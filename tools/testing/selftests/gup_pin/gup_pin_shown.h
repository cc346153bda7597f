/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What `pins` shows of holders' pins, against what they hold.
 *
 * As in gup_pin_util.h, `const char *` is NULL or what is wrong.
 */
#ifndef GUP_PIN_SHOWN_H
#define GUP_PIN_SHOWN_H

#include <stdbool.h>
#include "gup_pin_holder.h"
#include "gup_pin_mem.h"

#define HOLDERS		8
#define FOLIOS		16

/**
 * struct gup_pin_shown - holders of parts of a memory, and what `pins` showed of them
 * @mem: the memory, of FOLIOS folios
 * @holder: the holders
 * @nr: how many there are
 * @blind: tracking is off
 * @scarce: pins may be without a record, for lack of memory
 * @filter: of lines that may be of interest; NULL: any
 * @known: for each holder: @pins has what is on record
 * @before: for each holder: pinned before tracking was switched on
 * @pins: on each folio, as shown when it was pinned: that is to stay until it is unpinned
 * @steps: comparisons
 * @wrong: those after which something was not as it is to be
 * @wrong_exact: times a pin was shown as exact that is not held
 * @report: of the first that was wrong
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

/* Is a folio held, by pins that are to be shown? */
bool gup_pin_shown_holds(const struct gup_pin_shown *shown, unsigned int holder,
			 unsigned int folio);
/* While no holder does anything. */
const char *gup_pin_shown_compare(struct gup_pin_shown *shown, unsigned int step,
				  const char *what);
/* What is held is from before tracking, which is switched on now. */
const char *gup_pin_shown_switch_on(struct gup_pin_shown *shown);

#endif /* GUP_PIN_SHOWN_H */
