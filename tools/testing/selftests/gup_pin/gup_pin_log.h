/* SPDX-License-Identifier: GPL-2.0 */
/* What comes into the kernel log. */
#ifndef GUP_PIN_LOG_H
#define GUP_PIN_LOG_H

#include <sys/types.h>

/* From SEEK_SET: all that is still there; SEEK_END: what comes from now on. */
const char *gup_pin_log_open(off_t from, int whence, int *fd);
/* What is in the log from here on; each record is a line. The caller frees it. */
char *gup_pin_log_rest(int fd);
/* The same, behind what *text has already; NULL: nothing. */
void gup_pin_log_add(int fd, char **text);
/* What each report of a hazard begins with. */
#define GUP_PIN_REPORT	"BUG: GUP_PIN: "
/* The next report in a text, cut out of it; NULL if there is none. */
char *gup_pin_log_next(char **text);
/* Reports in a log that have come to their end. */
unsigned int gup_pin_log_reports(const char *log);

#endif /* GUP_PIN_LOG_H */
