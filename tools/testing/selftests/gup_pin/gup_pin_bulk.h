/* SPDX-License-Identifier: GPL-2.0 */
/* Millions of pins at once, by registered buffers of io_uring. */
#ifndef GUP_PIN_BULK_H
#define GUP_PIN_BULK_H

#include "gup_pin_util.h"

/* Limits of a ring: buffers, and pages of a buffer. */
#define GUP_PIN_RING_BUFFERS	16384UL
#define GUP_PIN_BUFFER_PAGES	((1UL << 30) / PAGE_SIZE)
#define GUP_PIN_BULK_RINGS	64

/* Memory, and the rings that it is registered with; all zeroes: nothing. */
struct gup_pin_bulk {
	char *addr;
	unsigned long npages;
	int ring[GUP_PIN_BULK_RINGS];
	unsigned int nr_rings;
	unsigned long pins;
	unsigned long calls;
};

/* Returns a line of /proc/meminfo, in kB; 0: no such line. */
unsigned long gup_pin_memory_kb(const char *name);
unsigned long gup_pin_most_pages(void);

/* With a step above 1, adjacent pages of the mapping are not adjacent in memory. */
const char *gup_pin_bulk_map(struct gup_pin_bulk *hold, unsigned long npages,
			     unsigned int step);
/* Pins some of the pages once more, with a_call pages in each call. */
const char *gup_pin_bulk_add(struct gup_pin_bulk *hold, unsigned long first,
			     unsigned long nr, unsigned long a_call);
const char *gup_pin_bulk_add_all(struct gup_pin_bulk *hold, unsigned long a_call);
const char *gup_pin_bulk_release(struct gup_pin_bulk *hold);
void gup_pin_bulk_drop(struct gup_pin_bulk *hold);

#endif /* GUP_PIN_BULK_H */
