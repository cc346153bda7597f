/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the KUnit tests: a private index, and calls to record in it. */
#ifndef _MM_GUP_PIN_KUNIT_FIXTURE_H
#define _MM_GUP_PIN_KUNIT_FIXTURE_H

#include <kunit/test.h>
#include <linux/bits.h>

#include "../gup_pin.h"
#include "../record/internal.h"

/* The first pfn of a block without memory, so that only the tests record pins there. */
#define GUP_PIN_TEST_PFN	0x3ffff000000UL

/**
 * struct gup_pin_fixture - state of a test that does not use the real index
 * @index: empty at first, recording, complete
 * @origins: origins of the calls; swept if a test makes more than 1000 calls
 * @totals: filled in by gup_pin_test_totals()
 * @memory: gup_pin_memory_bytes() at the start
 * @time: time of the last call
 */
struct gup_pin_fixture {
	struct gup_pin_index index;
	struct gup_pin_origins origins;
	struct gup_pin_totals totals;
	u64 memory;
	u64 time;
};

/**
 * struct gup_pin_test_call - common properties of the records of a call
 * @origin: see &struct gup_pin_record, also for the other members
 * @time: later than that of all previous calls
 * @base: initially 0
 * @cookie: initially 0; set by tests
 * @flags: initially 0; set by tests
 */
struct gup_pin_test_call {
	struct gup_pin_origin *origin;
	u64 time;
	unsigned long base;
	unsigned long cookie;
	u32 flags;
};

void gup_pin_fixture_start(struct gup_pin_fixture *f);
int gup_pin_fixture_init(struct kunit *test);
void gup_pin_fixture_exit(struct kunit *test);

struct gup_pin_test_call gup_pin_test_call(struct kunit *test, enum gup_pin_mode mode);
struct gup_pin_test_call gup_pin_test_call_of(struct kunit *test,
					      const struct gup_pin_id *id);
struct gup_pin_adder gup_pin_test_adder(struct kunit *test,
					const struct gup_pin_test_call *call, u64 pins);
void gup_pin_test_add(struct kunit *test, unsigned long pfn,
		      const struct gup_pin_test_call *call, unsigned int pins);
void gup_pin_test_add_mask(struct kunit *test, unsigned long first, u64 mask,
			   const struct gup_pin_test_call *call);
void gup_pin_test_add_untracked(struct kunit *test, unsigned long pfn, unsigned int pins);

struct gup_pin_unpin gup_pin_test_unpin_at(struct kunit *test, unsigned long site);
void gup_pin_test_unpin_by(struct gup_pin_unpin unpin, unsigned long pfn);
void gup_pin_test_unpin(struct kunit *test, unsigned long pfn, unsigned int pins);
void gup_pin_test_unpin_mask(struct kunit *test, unsigned long first, u64 mask);

struct gup_pin_block *gup_pin_test_block(struct kunit *test, unsigned long pfn);
unsigned int gup_pin_test_page_pins(struct kunit *test, unsigned long pfn);
unsigned int gup_pin_test_pins(struct kunit *test, unsigned long pfn,
			       const struct gup_pin_test_call *call);
void gup_pin_expect_match(struct kunit *test, unsigned long pfn,
			  enum gup_pin_match match);
const struct gup_pin_totals *gup_pin_test_totals(struct kunit *test);
void gup_pin_test_flush(struct kunit *test);
void gup_pin_expect_empty(struct kunit *test);

/* sound.c */
unsigned int gup_pin_test_blocks(struct kunit *test);
u64 gup_pin_test_nodes(struct kunit *test);
u64 gup_pin_test_size(struct kunit *test, enum gup_pin_kind kind);
void gup_pin_expect_sound(struct kunit *test);

#endif /* _MM_GUP_PIN_KUNIT_FIXTURE_H */
