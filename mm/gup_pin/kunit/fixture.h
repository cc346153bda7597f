/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the KUnit tests share: an index of their own, and calls to put into it.
 */
#ifndef _MM_GUP_PIN_KUNIT_FIXTURE_H
#define _MM_GUP_PIN_KUNIT_FIXTURE_H

#include <kunit/test.h>
#include <linux/bits.h>

#include "../gup_pin.h"

/* The first pfn of a block where no memory is, so that nothing but us has pins there. */
#define GUP_PIN_TEST_PFN	0x3ffff000000UL

/* Folios of a block that gup_pin_test_layers() takes for itself: just enough. */
#define GUP_PIN_TEST_LAYER	GENMASK_ULL(63, 64 - GUP_PIN_LAYER_FOLIOS)

/**
 * struct gup_pin_fixture - state of a test that keeps off the real index
 * @index: empty at first, recording, complete
 * @origins: of the calls that gup_pin_test_call() makes
 * @totals: filled in by gup_pin_test_totals()
 * @memory: gup_pin_memory_bytes() at the start
 * @calls: gup_pin_call_count() at the start
 * @time: of the last call that gup_pin_test_call() made
 */
struct gup_pin_fixture {
	struct gup_pin_index index;
	struct gup_pin_origins origins;
	struct gup_pin_totals totals;
	u64 memory;
	unsigned long calls;
	u64 time;
};

void gup_pin_fixture_start(struct gup_pin_fixture *f);
int gup_pin_fixture_init(struct kunit *test);
void gup_pin_fixture_exit(struct kunit *test);
struct gup_pin_call *gup_pin_test_call(struct kunit *test,
				       enum gup_pin_mode mode);
struct gup_pin_call *gup_pin_test_call_of(struct kunit *test,
					  const struct gup_pin_id *id);
struct gup_pin_adder gup_pin_test_adder(struct kunit *test,
					struct gup_pin_call *call,
					unsigned int pins);
void gup_pin_test_add(struct kunit *test, unsigned long pfn,
		      struct gup_pin_call *call, unsigned int pins);
void gup_pin_test_add_mask(struct kunit *test, unsigned long first, u64 mask,
			   struct gup_pin_call *call);
void gup_pin_test_release(struct kunit *test, unsigned long pfn,
			  unsigned int pins, bool dirty);
void gup_pin_test_release_mask(struct kunit *test, unsigned long first,
			       u64 mask);
void gup_pin_test_layers(struct kunit *test, unsigned long first,
			 unsigned int nr);
void gup_pin_test_layers_gone(struct kunit *test, unsigned long first,
			      unsigned int nr);
bool gup_pin_test_single(struct kunit *test, unsigned long pfn,
			 enum gup_pin_mode mode);
struct gup_pin_block *gup_pin_test_block(struct kunit *test, unsigned long pfn);
unsigned int gup_pin_test_pins(struct kunit *test, unsigned long pfn,
			       const struct gup_pin_call *call);
bool gup_pin_test_inferred(struct kunit *test, unsigned long pfn);
const struct gup_pin_totals *gup_pin_test_totals(struct kunit *test);
void gup_pin_test_flush(struct kunit *test);
void gup_pin_expect_empty(struct kunit *test);

/* sound.c */
unsigned int gup_pin_test_blocks(struct kunit *test);
u64 gup_pin_test_size(struct kunit *test, enum gup_pin_kind kind);
void gup_pin_expect_sound(struct kunit *test);

#endif /* _MM_GUP_PIN_KUNIT_FIXTURE_H */
