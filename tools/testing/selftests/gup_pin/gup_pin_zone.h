/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that must not have long-term pins, and pages in it. */
#ifndef GUP_PIN_ZONE_H
#define GUP_PIN_ZONE_H

#include <stdbool.h>
#include <stddef.h>

/* pfns; the end is exclusive */
struct gup_pin_range {
	unsigned long start;
	unsigned long end;
};

/* A CMA area that user memory can use, and its directory in debugfs. */
struct gup_pin_cma {
	struct gup_pin_range range;
	char dir[300];
};

/* Return false if there is none. */
bool gup_pin_movable_zone(struct gup_pin_range *range);
bool gup_pin_cma_area(struct gup_pin_cma *cma);

/* A line of /proc/meminfo; -1: there is none. */
long gup_pin_meminfo_kb(const char *name);
bool gup_pin_in_range(const struct gup_pin_range *range, const char *addr);
/* Faults in memory until some of it is from CMA. */
void gup_pin_fill_up(char *mem, size_t size);
/* The same until this number of adjacent pages is in the range; NULL: none is. */
char *gup_pin_fault_into(const struct gup_pin_range *range, char *mem, size_t size,
			 unsigned int npages);

#endif /* GUP_PIN_ZONE_H */
