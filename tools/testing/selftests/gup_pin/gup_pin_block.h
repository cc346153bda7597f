/* SPDX-License-Identifier: GPL-2.0 */
/* Memory blocks, their hot-unplug, and pages that are out of use. */
#ifndef GUP_PIN_BLOCK_H
#define GUP_PIN_BLOCK_H

#include <stdbool.h>
#include <sys/types.h>
#include "gup_pin_zone.h"

#define GUP_PIN_BLOCKS		"/sys/devices/system/memory"
#define GUP_PIN_UNPOISON	"/sys/kernel/debug/hwpoison/unpoison-pfn"

/* Writes a word to a file, which may block for a long time. */
pid_t gup_pin_start_writing(const char *path, const char *word);
/* Returns the exit status; -1 if it has not ended. */
int gup_pin_status_after(pid_t pid, unsigned int ms);

const char *gup_pin_block_path(unsigned long block, const char *file);
bool gup_pin_block_is(unsigned long block, const char *file, const char *want);
const char *gup_pin_block_online(unsigned long block);
/* Takes the block offline and online again: impossible for a block with a hole, for example. */
const char *gup_pin_block_cycle(unsigned long block);
/* Finds a block of movable memory without CMA; any: whether one exists that cannot be cycled. */
const char *gup_pin_block_find(unsigned long *block, struct gup_pin_range *range, bool *any);
/* Makes a page usable again: a block with a poisoned page cannot go online. */
const char *gup_pin_unpoison(unsigned long pfn);

#endif /* GUP_PIN_BLOCK_H */
