/* SPDX-License-Identifier: GPL-2.0 */
/* Pins that end in the function that took them, as events show them. */
#ifndef GUP_PIN_PASSED_H
#define GUP_PIN_PASSED_H

#include <sys/types.h>

/*
 * Since the buffer was emptied, that process has pinned a single page, which is this one of
 * ours, short-term, and unpinned it. NULL, or what is wrong.
 */
const char *gup_pin_check_passed(const void *page, pid_t tgid, const char *api, char mode);

#endif /* GUP_PIN_PASSED_H */
