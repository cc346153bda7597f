// SPDX-License-Identifier: GPL-2.0
/*
 * Pins from before tracking: found, told apart from recorded ones, and never the reason for
 * a record that is wrong for good.
 */
#include <linux/mm.h>

#include "fixture.h"

#define ORDER	2

static struct folio *get_folio(struct kunit *test)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, ORDER);

	KUNIT_ASSERT_NOT_NULL(test, page);
	return page_folio(page);
}

/* As if pinned behind the hooks' back. */
static void pin(struct folio *folio, int pins)
{
	atomic_add(pins, &folio->_pincount);
	folio_ref_add(folio, pins);
}

/* The release is seen by the hook, and then the pin is dropped. */
static void unpin(struct kunit *test, struct folio *folio, int pins)
{
	gup_pin_test_release(test, folio_pfn(folio), pins, false);
	atomic_sub(pins, &folio->_pincount);
	folio_ref_sub(folio, pins);
}

/* A call of this term pins it, and is on record. */
static struct gup_pin_call *record(struct kunit *test, struct folio *folio,
				   enum gup_pin_term term)
{
	const struct gup_pin_id id = { .mode = GUP_PIN_WRITE, .term = term };
	struct gup_pin_call *call = gup_pin_test_call_of(test, &id);

	pin(folio, 1);
	gup_pin_test_add(test, folio_pfn(folio), call, 1);
	return call;
}

/* Tracking is switched on now. */
static void switch_on(struct kunit *test, struct folio *folio)
{
	struct gup_pin_fixture *f = test->priv;
	unsigned long pfn = folio_pfn(folio);

	gup_pin_index_complete(&f->index, false);
	f->index.earlier.late = true;
	KUNIT_ASSERT_EQ(test, 0, gup_pin_earlier_look(&f->index, pfn, pfn + BIT(ORDER)));
	gup_pin_index_earlier_known(&f->index, true);
}

static void the_end(struct kunit *test, struct folio *folio)
{
	struct gup_pin_fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, f->index.earlier.pins, 0);
	KUNIT_EXPECT_EQ(test, f->index.earlier.nodes, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	gup_pin_expect_sound(test);
	gup_pin_expect_empty(test);
	gup_pin_index_earlier_known(&f->index, false);
	gup_pin_earlier_forget(&f->index);
	__free_pages(&folio->page, ORDER);
}

static void are_found(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct folio *folio = get_folio(test);

	pin(folio, 3);
	switch_on(test, folio);
	KUNIT_EXPECT_EQ(test, f->index.earlier.pins, 3);
	KUNIT_EXPECT_GT(test, f->index.earlier.nodes, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_earlier_mask(&f->index, gup_pin_block_nr(folio_pfn(folio))),
			BIT_ULL(gup_pin_block_bit(folio_pfn(folio))));
	unpin(test, folio, 2);
	KUNIT_EXPECT_EQ(test, f->index.earlier.pins, 1);
	unpin(test, folio, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->before, 3);
	the_end(test, folio);
}

/* Whatever tells which of two long-term pins ends: not the one that is on record. */
static void take_no_record(struct kunit *test)
{
	struct folio *folio = get_folio(test);
	struct gup_pin_call *call;

	pin(folio, 1);
	switch_on(test, folio);
	call = record(test, folio, GUP_PIN_LONG);
	KUNIT_EXPECT_TRUE(test, gup_pin_test_inferred(test, folio_pfn(folio)));
	unpin(test, folio, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, folio_pfn(folio), call), 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->before, 1);
	unpin(test, folio, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->released, 1);
	the_end(test, folio);
}

/* What is short-term ends before what was there already. */
static void outlive_short_ones(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct folio *folio = get_folio(test);
	unsigned int i;

	pin(folio, 1);
	switch_on(test, folio);
	for (i = 0; i < 3; i++) {
		record(test, folio, GUP_PIN_SHORT);
		unpin(test, folio, 1);
		KUNIT_EXPECT_EQ(test, f->index.earlier.pins, 1);
	}
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->released, 3);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 3);
	unpin(test, folio, 1);
	the_end(test, folio);
}

/* Several at once: what has no record is the rest. */
static void go_together(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct folio *folio = get_folio(test);

	pin(folio, 2);
	switch_on(test, folio);
	record(test, folio, GUP_PIN_SHORT);
	unpin(test, folio, 2);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->released, 1);
	KUNIT_EXPECT_EQ(test, f->index.earlier.pins, 1);
	unpin(test, folio, 1);
	the_end(test, folio);
}

/* A folio that had none is known as if tracking had been on since boot. */
static void leave_others_alone(struct kunit *test)
{
	struct folio *folio = get_folio(test);

	switch_on(test, folio);
	record(test, folio, GUP_PIN_LONG);
	KUNIT_EXPECT_FALSE(test, gup_pin_test_inferred(test, folio_pfn(folio)));
	unpin(test, folio, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->before, 0);
	the_end(test, folio);
}

/* The pin was being taken when memory was looked at: it is both. */
static void may_be_on_record(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct folio *folio = get_folio(test);
	const struct gup_pin_id id = { .term = GUP_PIN_LONG };

	pin(folio, 1);
	switch_on(test, folio);
	gup_pin_test_add(test, folio_pfn(folio), gup_pin_test_call_of(test, &id), 1);
	unpin(test, folio, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->released, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->folios, 0);
	KUNIT_EXPECT_EQ(test, f->index.earlier.pins, 1);
	/* Of no pin at all, so that a release that finds no record takes it. */
	gup_pin_test_release(test, folio_pfn(folio), 1, false);
	the_end(test, folio);
}

/* A record that was left by a wrong guess goes with the folio's last pin. */
static void leave_nothing(struct kunit *test)
{
	struct folio *folio = get_folio(test);

	pin(folio, 1);
	switch_on(test, folio);
	record(test, folio, GUP_PIN_LONG);
	/* Of the record, in truth, and dropped with two others that nothing knows of. */
	unpin(test, folio, 1);
	record(test, folio, GUP_PIN_LONG);
	atomic_dec(&folio->_pincount);
	folio_ref_dec(folio);
	unpin(test, folio, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->released, 2);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->folios, 0);
	the_end(test, folio);
}

/* Very many references of a small folio are no pin if they are mappings. */
static void are_no_mappings(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct folio *folio = get_folio(test);
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned long pfn = page_to_pfn(page);

	KUNIT_ASSERT_NOT_NULL(test, page);
	switch_on(test, folio);
	atomic_add(3000, &page->_mapcount);
	page_ref_add(page, 3000);
	KUNIT_ASSERT_EQ(test, 0, gup_pin_earlier_look(&f->index, pfn, pfn + 1));
	KUNIT_EXPECT_EQ(test, f->index.earlier.pins, 0);
	page_ref_add(page, GUP_PIN_COUNTING_BIAS);
	KUNIT_ASSERT_EQ(test, 0, gup_pin_earlier_look(&f->index, pfn, pfn + 1));
	KUNIT_EXPECT_EQ(test, f->index.earlier.pins, 1);
	page_ref_sub(page, 3000 + GUP_PIN_COUNTING_BIAS);
	atomic_sub(3000, &page->_mapcount);
	__free_page(page);
	gup_pin_test_release(test, pfn, 1, false);
	the_end(test, folio);
}

/* It says which pin it takes before it does. */
static void are_told(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	const struct gup_pin_hint nothing = {};
	struct folio *folio = get_folio(test);
	unsigned long pfn = folio_pfn(folio);

	pin(folio, 1);
	switch_on(test, folio);
	record(test, folio, GUP_PIN_LONG);
	KUNIT_EXPECT_TRUE(test, gup_pin_earlier_first(&f->index, pfn, 1, &nothing));
	unpin(test, folio, 1);
	KUNIT_EXPECT_FALSE(test, gup_pin_earlier_first(&f->index, pfn, 1, &nothing));
	unpin(test, folio, 1);
	the_end(test, folio);
}

static struct kunit_case earlier_cases[] = {
	KUNIT_CASE(are_found),
	KUNIT_CASE(take_no_record),
	KUNIT_CASE(outlive_short_ones),
	KUNIT_CASE(go_together),
	KUNIT_CASE(leave_others_alone),
	KUNIT_CASE(may_be_on_record),
	KUNIT_CASE(leave_nothing),
	KUNIT_CASE(are_no_mappings),
	KUNIT_CASE(are_told),
	{}
};

static struct kunit_suite earlier_suite = {
	.name = "gup_pin_earlier",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = earlier_cases,
};

kunit_test_suite(earlier_suite);
