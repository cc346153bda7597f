/* SPDX-License-Identifier: GPL-2.0 */
/* Has it really happened? What tells is the kernel, not the program that did it. */
#ifndef GUP_PIN_SEEN_H
#define GUP_PIN_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Of /proc/vmstat; -1: there is none of this name. */
long gup_pin_vmstat(const char *name);
/* Is a page of a file in memory, though it may not be in a page table? */
bool gup_pin_cached(int fd, size_t page);
/* In /proc/kpageflags. */
bool gup_pin_under_writeback(unsigned long pfn);
bool gup_pin_dirty(unsigned long pfn);
/* Until a process sleeps, in whatever it does. */
const char *gup_pin_wait_sleeps(pid_t pid);

#endif /* GUP_PIN_SEEN_H */
