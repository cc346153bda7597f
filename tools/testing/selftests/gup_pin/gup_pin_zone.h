/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that must not be pinned for long, and memory that lies in it. */
#ifndef GUP_PIN_ZONE_H
#define GUP_PIN_ZONE_H

#include <stdbool.h>
#include <stddef.h>

/* pfns, last one excluded */
struct gup_pin_range {
	unsigned long start;
	unsigned long end;
};

/* An area that anybody may use, and its directory in debugfs. */
struct gup_pin_cma {
	struct gup_pin_range range;
	char dir[300];
};

/* false: there is none. */
bool gup_pin_movable_zone(struct gup_pin_range *range);
bool gup_pin_cma_area(struct gup_pin_cma *cma);

/* A line of /proc/meminfo; -1: there is none. */
long gup_pin_meminfo_kb(const char *name);
bool gup_pin_in_range(const struct gup_pin_range *range, const char *addr);
/* Faults memory, until there is some from CMA. */
void gup_pin_fill_up(char *mem, size_t size);
/* The same, until so many neighbouring pages lie in the range; NULL: none do. */
char *gup_pin_fault_into(const struct gup_pin_range *range, char *mem, size_t size,
			 unsigned int npages);

#endif /* GUP_PIN_ZONE_H */
