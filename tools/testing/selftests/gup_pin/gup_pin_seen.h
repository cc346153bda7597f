/* SPDX-License-Identifier: GPL-2.0 */
/* Check that something really happened, according to the kernel. */
#ifndef GUP_PIN_SEEN_H
#define GUP_PIN_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* From /proc/vmstat; -1: no counter with this name. */
long gup_pin_vmstat(const char *name);
/* Is a page of a file in the page cache? It need not be mapped. */
bool gup_pin_cached(int fd, size_t page);
/* From /proc/kpageflags. */
bool gup_pin_under_writeback(unsigned long pfn);
bool gup_pin_dirty(unsigned long pfn);
/* Waits until a process sleeps. */
const char *gup_pin_wait_sleeps(pid_t pid);

#endif /* GUP_PIN_SEEN_H */
