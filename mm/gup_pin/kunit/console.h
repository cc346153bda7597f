/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the tests of reports: text printed to the console. */
#ifndef _MM_GUP_PIN_KUNIT_CONSOLE_H
#define _MM_GUP_PIN_KUNIT_CONSOLE_H

#include <kunit/test.h>

/* Matches one or more lines with stack frames. */
#define GUP_PIN_FRAMES	"(frames)"

#define GUP_PIN_RULE	"=================================================================="

/* End of a report. Lines with a question mark are optional. */
#define GUP_PIN_TAIL	"kind=*, see Hazards in Documentation/admin-guide/mm/gup_pin.rst", \
			"CPU: *", "?Tainted: *", "?Hardware name: *", \
			"?Workqueue: *", "?", GUP_PIN_RULE

int gup_pin_console_watch(struct kunit *test);
void gup_pin_console_clear(void);
unsigned int gup_pin_console_reports(void);
bool gup_pin_test_matches(const char *want, const char *text);
void gup_pin_console_expect(struct kunit *test, const char *const *want,
			    unsigned int nr);

#endif /* _MM_GUP_PIN_KUNIT_CONSOLE_H */
