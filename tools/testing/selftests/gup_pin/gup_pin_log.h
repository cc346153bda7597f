/* SPDX-License-Identifier: GPL-2.0 */
/* Messages of the kernel log. */
#ifndef GUP_PIN_LOG_H
#define GUP_PIN_LOG_H

#include <sys/types.h>

/* SEEK_SET: all that the log still has; SEEK_END: new messages. */
const char *gup_pin_log_open(off_t from, int whence, int *fd);
/* Returns the log from the current position, a line for each record. The caller frees it. */
char *gup_pin_log_rest(int fd);
/* The same, appended to *text; NULL: empty. */
void gup_pin_log_add(int fd, char **text);
/* Start of each report of a hazard. */
#define GUP_PIN_REPORT	"BUG: GUP_PIN: "
/* Cuts the next report out of a text; NULL if there is none. */
char *gup_pin_log_next(char **text);
/* Number of complete reports in a log. */
unsigned int gup_pin_log_reports(const char *log);

#endif /* GUP_PIN_LOG_H */
