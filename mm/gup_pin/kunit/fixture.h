/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the KUnit tests share: an index of their own, and calls to put into it.
 */
#ifndef _MM_GUP_PIN_KUNIT_FIXTURE_H
#define _MM_GUP_PIN_KUNIT_FIXTURE_H

#include <kunit/test.h>

#include "../gup_pin.h"

/**
 * struct gup_pin_fixture - state of a test that keeps off the real index
 * @index: empty at first, recording, complete
 * @origins: of the calls that gup_pin_test_call() makes
 * @totals: filled in by gup_pin_test_totals()
 */
struct gup_pin_fixture {
	struct gup_pin_index index;
	struct gup_pin_origins origins;
	struct gup_pin_totals totals;
};

int gup_pin_fixture_init(struct kunit *test);
void gup_pin_fixture_exit(struct kunit *test);
struct gup_pin_call *gup_pin_test_call(struct kunit *test,
				       enum gup_pin_mode mode);
void gup_pin_test_add(struct kunit *test, unsigned long pfn,
		      struct gup_pin_call *call, unsigned int pins);
void gup_pin_test_release(struct kunit *test, unsigned long pfn,
			  unsigned int pins, bool dirty);
const struct gup_pin_totals *gup_pin_test_totals(struct kunit *test);
void gup_pin_expect_empty(struct kunit *test);

#endif /* _MM_GUP_PIN_KUNIT_FIXTURE_H */
