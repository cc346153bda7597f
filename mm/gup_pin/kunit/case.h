/* SPDX-License-Identifier: GPL-2.0 */
/* Start and end of each case, and rendezvous of its threads. */
#ifndef _MM_GUP_PIN_KUNIT_CASE_H
#define _MM_GUP_PIN_KUNIT_CASE_H

#include <kunit/test.h>
#include <linux/atomic.h>

struct gup_pin_totals;

int gup_pin_case_start(struct kunit *test);
void gup_pin_case_need(struct kunit *test, bool complete);
void *gup_pin_case_begin(struct kunit *test, bool complete, size_t size);
void gup_pin_case_expect(struct kunit *test, const struct gup_pin_totals *before,
			 unsigned int pins);
void gup_pin_case_unpin(struct kunit *test);
int gup_pin_test_set_param(const char *arg);
void gup_pin_test_meet(atomic_t *arrived, unsigned int *times);

#endif /* _MM_GUP_PIN_KUNIT_CASE_H */
