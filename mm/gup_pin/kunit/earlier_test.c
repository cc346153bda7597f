// SPDX-License-Identifier: GPL-2.0
/*
 * Pins from before tracking: found, told apart from recorded ones, and never the reason for
 * a record that is wrong for good. On folios of a few pages, and on large ones.
 */
#include <linux/mm.h>

#include "case.h"
#include "fixture.h"

/* An unpin by a caller that is not known, and by one that is. */
#define NO_SITE	0UL
#define SITE	0x1000UL

/**
 * struct earlier_state - what a test has
 * @fixture: as it is for others
 * @order: of the folio
 * @folio: what is pinned
 * @pfn: of its head
 */
struct earlier_state {
	struct gup_pin_fixture fixture;
	unsigned int order;
	struct folio *folio;
	unsigned long pfn;
};

/* In one block, and in several. */
static const struct size {
	const char *name;
	unsigned int order;
} sizes[] = {
	{ "four pages", 2 },
	{ "two blocks", GUP_PIN_BLOCK_SHIFT + 1 },
	{ "eight blocks", GUP_PIN_BLOCK_SHIFT + 3 },
};

KUNIT_ARRAY_PARAM_DESC(size, sizes, name);

static int earlier_init(struct kunit *test)
{
	struct earlier_state *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	const struct size *size = test->param_value;
	struct page *page;

	gup_pin_case_start(test);
	if (!s)
		return -ENOMEM;
	s->order = size ? size->order : 2;
	page = alloc_pages(GFP_KERNEL | __GFP_COMP, s->order);
	if (!page)
		return -ENOMEM;
	s->folio = page_folio(page);
	s->folio->index = 0;
	s->pfn = page_to_pfn(page);
	gup_pin_fixture_start(&s->fixture);
	test->priv = s;
	return 0;
}

static void earlier_exit(struct kunit *test)
{
	struct earlier_state *s = test->priv;

	if (!s)
		return;
	gup_pin_fixture_exit(test);
	folio_ref_sub(s->folio, atomic_read(&s->folio->_pincount));
	atomic_set(&s->folio->_pincount, 0);
	__free_pages(&s->folio->page, s->order);
}

/* As if pinned behind the hooks' back. */
static void pin(struct kunit *test, int pins)
{
	struct earlier_state *s = test->priv;

	atomic_add(pins, &s->folio->_pincount);
	folio_ref_add(s->folio, pins);
}

/* The unpin of a page is seen by the hook, and then the pin is dropped. */
static void unpin_at(struct kunit *test, unsigned long site, unsigned int page)
{
	struct earlier_state *s = test->priv;

	gup_pin_test_unpin_by(gup_pin_test_unpin_at(test, site), s->pfn + page);
	pin(test, -1);
	gup_pin_expect_sound(test);
}

/* Several pins of the folio, whichever pages they are on. */
static void unpin_folio_pins(struct kunit *test, unsigned int pins)
{
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, NO_SITE);
	struct earlier_state *s = test->priv;

	gup_pin_unpin_folio(&unpin, s->pfn, BIT(s->order), pins);
	gup_pin_unpin_end(&unpin);
	pin(test, -pins);
	gup_pin_expect_sound(test);
}

/* A call of this term and stack pins a page, and is on record. */
static struct gup_pin_test_call record(struct kunit *test, enum gup_pin_term term, u32 stack,
				       unsigned int page)
{
	const struct gup_pin_id id = { .mode = GUP_PIN_WRITE, .term = term, .stack = stack };
	struct gup_pin_test_call call = gup_pin_test_call_of(test, &id);
	struct earlier_state *s = test->priv;

	pin(test, 1);
	gup_pin_test_add(test, s->pfn + page, &call, 1);
	return call;
}

static unsigned int last_page(struct kunit *test)
{
	struct earlier_state *s = test->priv;

	return BIT(s->order) - 1;
}

static u64 earlier(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;

	return f->index.earlier.pins;
}

/* Tracking is switched on now. */
static void switch_on(struct kunit *test)
{
	struct earlier_state *s = test->priv;
	struct gup_pin_index *index = &s->fixture.index;

	index->complete = false;
	index->earlier.late = true;
	KUNIT_ASSERT_EQ(test, 0, gup_pin_earlier_look(index, s->pfn, s->pfn + BIT(s->order)));
	index->earlier.known = true;
}

static void the_end(struct kunit *test)
{
	struct earlier_state *s = test->priv;

	KUNIT_EXPECT_EQ(test, atomic_read(&s->folio->_pincount), 0);
	KUNIT_EXPECT_EQ(test, earlier(test), 0);
	KUNIT_EXPECT_EQ(test, s->fixture.index.earlier.nodes, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	gup_pin_expect_sound(test);
	gup_pin_expect_empty(test);
}

static void are_found(struct kunit *test)
{
	struct earlier_state *s = test->priv;
	struct gup_pin_index *index = &s->fixture.index;
	unsigned long nr = gup_pin_block_nr(s->pfn);

	pin(test, 3);
	switch_on(test);
	KUNIT_EXPECT_EQ(test, earlier(test), 3);
	KUNIT_EXPECT_GT(test, index->earlier.nodes, 0);
	gup_pin_expect_sound(test);
	/* On which page is not known. */
	for (; nr <= gup_pin_block_nr(s->pfn + last_page(test)); nr++)
		KUNIT_EXPECT_EQ(test, gup_pin_earlier_mask(index, nr),
				gup_pin_folio_mask(nr, s->pfn, BIT(s->order)));
	unpin_at(test, NO_SITE, 0);
	unpin_at(test, NO_SITE, last_page(test));
	KUNIT_EXPECT_EQ(test, earlier(test), 1);
	unpin_folio_pins(test, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->before, 3);
	the_end(test);
}

/* Whatever tells which of two long-term pins ends: not the one that is on record. */
static void take_no_record(struct kunit *test)
{
	struct earlier_state *s = test->priv;
	struct gup_pin_test_call call;

	pin(test, 1);
	switch_on(test);
	call = record(test, GUP_PIN_LONG, 11, last_page(test));
	gup_pin_expect_match(test, s->pfn + last_page(test), GUP_PIN_INFERRED);
	unpin_at(test, SITE, last_page(test));
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, s->pfn + last_page(test), &call), 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->before, 1);
	unpin_at(test, SITE, last_page(test));
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->released, 1);
	the_end(test);
}

/* Nor if all of the folio was pinned since, page by page. */
static void take_none_of_many(struct kunit *test)
{
	struct earlier_state *s = test->priv;
	unsigned int i;

	pin(test, 2);
	switch_on(test);
	for (i = 0; i <= last_page(test); i++)
		record(test, GUP_PIN_LONG, 11, i);
	for (i = 0; i <= last_page(test); i++) {
		unpin_at(test, SITE, i);
		/* Never more on record than there are. */
		KUNIT_ASSERT_LE(test, gup_pin_index_pins(&s->fixture.index, s->pfn,
							 BIT(s->order)),
				atomic_read(&s->folio->_pincount));
	}
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->before, 2);
	/* Which pages are left is not known, nor what unpins the earlier ones. */
	unpin_at(test, SITE, 0);
	unpin_folio_pins(test, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->released, BIT(s->order));
	the_end(test);
}

/* The folio as such: an earlier pin of a memfd goes before a record of another. */
static void folio_as_such(struct kunit *test)
{
	const struct gup_pin_id id = { .mode = GUP_PIN_WRITE, .term = GUP_PIN_LONG };
	struct earlier_state *s = test->priv;
	struct gup_pin_test_call call;

	pin(test, 1);
	switch_on(test);
	call = gup_pin_test_call_of(test, &id);
	call.flags = GUP_PIN_RECORD_FOLIO;
	pin(test, 1);
	gup_pin_test_add(test, s->pfn, &call, 1);
	unpin_folio_pins(test, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, s->pfn, &call), 1);
	KUNIT_EXPECT_EQ(test, earlier(test), 0);
	unpin_folio_pins(test, 1);
	the_end(test);
}

/* What is short-term, and known to be unpinned there, ends before what was there already. */
static void outlive_short_ones(struct kunit *test)
{
	struct earlier_state *s = test->priv;
	const struct gup_pin_id id = { .mode = GUP_PIN_WRITE, .stack = 12 };
	unsigned int i;

	pin(test, 1);
	switch_on(test);
	gup_pin_site_learn(&s->fixture.index.sites, SITE, &id);
	for (i = 0; i < 3; i++) {
		record(test, GUP_PIN_SHORT, 12, last_page(test));
		unpin_at(test, SITE, last_page(test));
		KUNIT_EXPECT_EQ(test, earlier(test), 1);
	}
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->released, 3);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 3);
	unpin_at(test, NO_SITE, 0);
	the_end(test);
}

/* What is long-term stays, though it is known to be unpinned there. */
static void go_before_long_ones(struct kunit *test)
{
	struct earlier_state *s = test->priv;
	const struct gup_pin_id id = {
		.mode = GUP_PIN_WRITE, .term = GUP_PIN_LONG, .stack = 12,
	};

	pin(test, 1);
	switch_on(test);
	gup_pin_site_learn(&s->fixture.index.sites, SITE, &id);
	record(test, GUP_PIN_LONG, 12, last_page(test));
	unpin_at(test, SITE, last_page(test));
	KUNIT_EXPECT_EQ(test, earlier(test), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->released, 0);
	unpin_at(test, SITE, last_page(test));
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->released, 1);
	the_end(test);
}

/* What an array names is no earlier pin, whatever its term. */
static void are_in_no_array(struct kunit *test)
{
	const struct gup_pin_id id = { .mode = GUP_PIN_WRITE, .term = GUP_PIN_LONG };
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, NO_SITE);
	struct earlier_state *s = test->priv;
	struct gup_pin_test_call call;

	pin(test, 1);
	switch_on(test);
	call = gup_pin_test_call_of(test, &id);
	call.cookie = 0x1000;
	pin(test, 1);
	gup_pin_test_add(test, s->pfn, &call, 1);
	unpin.first = 0x1000;
	unpin.last = 0x1000;
	gup_pin_test_unpin_by(unpin, s->pfn);
	pin(test, -1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, s->pfn, &call), 0);
	KUNIT_EXPECT_EQ(test, earlier(test), 1);
	unpin_at(test, NO_SITE, 0);
	the_end(test);
}

/* Several at once: what has no record is the rest. */
static void go_together(struct kunit *test)
{
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, NO_SITE);
	struct earlier_state *s = test->priv;

	pin(test, 2);
	switch_on(test);
	record(test, GUP_PIN_SHORT, 12, 1);
	gup_pin_unpin_range(&unpin, s->pfn, 3);
	gup_pin_unpin_end(&unpin);
	pin(test, -3);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->released, 1);
	the_end(test);
}

/* A folio that had none is known as if tracking had been on since boot. */
static void leave_others_alone(struct kunit *test)
{
	struct earlier_state *s = test->priv;

	switch_on(test);
	record(test, GUP_PIN_LONG, 11, last_page(test));
	gup_pin_expect_match(test, s->pfn + last_page(test), GUP_PIN_EXACT);
	unpin_at(test, NO_SITE, last_page(test));
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->before, 0);
	the_end(test);
}

/* The pin was being taken when memory was looked at: it is both. */
static void may_be_on_record(struct kunit *test)
{
	const struct gup_pin_id id = { .term = GUP_PIN_LONG };
	struct earlier_state *s = test->priv;
	struct gup_pin_test_call call;

	pin(test, 1);
	switch_on(test);
	call = gup_pin_test_call_of(test, &id);
	gup_pin_test_add(test, s->pfn, &call, 1);
	unpin_at(test, NO_SITE, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->released, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_index_pins(&s->fixture.index, s->pfn, BIT(s->order)), 0);
	KUNIT_EXPECT_EQ(test, earlier(test), 1);
	/* Of no pin at all, so that a release that finds no record takes it. */
	gup_pin_test_unpin(test, s->pfn, 1);
	the_end(test);
}

/* Pins that were taken since are not earlier ones, wherever on the folio they are. */
static void are_what_is_not_recorded(struct kunit *test)
{
	struct earlier_state *s = test->priv;

	record(test, GUP_PIN_LONG, 11, 0);
	record(test, GUP_PIN_LONG, 11, last_page(test));
	pin(test, 1);
	switch_on(test);
	KUNIT_EXPECT_EQ(test, earlier(test), 1);
	/* What was on record already is in doubt from now on. */
	gup_pin_expect_match(test, s->pfn, GUP_PIN_INFERRED);
	gup_pin_expect_match(test, s->pfn + last_page(test), GUP_PIN_INFERRED);
	unpin_at(test, NO_SITE, 0);
	KUNIT_EXPECT_EQ(test, earlier(test), 0);
	unpin_at(test, NO_SITE, 0);
	unpin_at(test, NO_SITE, last_page(test));
	the_end(test);
}

/* When they have gone, what is pinned from then on is known. */
static void leave_no_trace(struct kunit *test)
{
	struct earlier_state *s = test->priv;

	record(test, GUP_PIN_LONG, 11, 0);
	pin(test, 1);
	switch_on(test);
	unpin_at(test, NO_SITE, last_page(test));
	KUNIT_EXPECT_EQ(test, earlier(test), 0);
	gup_pin_expect_match(test, s->pfn, GUP_PIN_INFERRED);
	record(test, GUP_PIN_LONG, 11, 1);
	record(test, GUP_PIN_LONG, 11, last_page(test));
	gup_pin_expect_match(test, s->pfn + 1, GUP_PIN_EXACT);
	gup_pin_expect_match(test, s->pfn + last_page(test), GUP_PIN_EXACT);
	unpin_at(test, NO_SITE, 1);
	unpin_at(test, NO_SITE, last_page(test));
	unpin_at(test, NO_SITE, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 1);
	the_end(test);
}

/* Very many references of a small folio are no pin if they are mappings. */
static void are_no_mappings(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned long pfn = page_to_pfn(page);

	KUNIT_ASSERT_NOT_NULL(test, page);
	switch_on(test);
	atomic_add(3000, &page->_mapcount);
	page_ref_add(page, 3000);
	KUNIT_ASSERT_EQ(test, 0, gup_pin_earlier_look(&f->index, pfn, pfn + 1));
	KUNIT_EXPECT_EQ(test, earlier(test), 0);
	page_ref_add(page, GUP_PIN_COUNTING_BIAS);
	KUNIT_ASSERT_EQ(test, 0, gup_pin_earlier_look(&f->index, pfn, pfn + 1));
	KUNIT_EXPECT_EQ(test, earlier(test), 1);
	page_ref_sub(page, 3000 + GUP_PIN_COUNTING_BIAS);
	atomic_sub(3000, &page->_mapcount);
	__free_page(page);
	gup_pin_test_unpin(test, pfn, 1);
	the_end(test);
}

/* It says which pin it takes before it does. */
static void are_foreseen(struct kunit *test)
{
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, NO_SITE);
	struct earlier_state *s = test->priv;
	struct gup_pin_item item;

	pin(test, 1);
	switch_on(test);
	record(test, GUP_PIN_LONG, 11, last_page(test));
	KUNIT_EXPECT_FALSE(test, gup_pin_unpin_peek(&unpin, s->pfn + last_page(test), &item));
	unpin_at(test, NO_SITE, last_page(test));
	KUNIT_EXPECT_TRUE(test, gup_pin_unpin_peek(&unpin, s->pfn + last_page(test), &item));
	unpin_at(test, NO_SITE, last_page(test));
	the_end(test);
}

/* What an unpin of many pages has taken off other folios says nothing of this one. */
static void are_of_one_folio(struct kunit *test)
{
	const struct gup_pin_id id = {
		.mode = GUP_PIN_WRITE, .term = GUP_PIN_LONG, .stack = 11,
	};
	struct gup_pin_test_call call = gup_pin_test_call_of(test, &id);
	struct gup_pin_fixture *f = test->priv;
	struct page *page = alloc_pages(GFP_KERNEL, 1);
	unsigned long pfn, first;

	KUNIT_ASSERT_NOT_NULL(test, page);
	split_page(page, 1);
	pfn = page_to_pfn(page);
	first = round_down(pfn, GUP_PIN_BLOCK_PAGES);
	page_ref_add(page + 1, GUP_PIN_COUNTING_BIAS);
	f->index.complete = false;
	f->index.earlier.late = true;
	KUNIT_EXPECT_EQ(test, 0, gup_pin_earlier_look(&f->index, pfn, pfn + 2));
	f->index.earlier.known = true;

	page_ref_add(page, GUP_PIN_COUNTING_BIAS);
	page_ref_add(page + 1, GUP_PIN_COUNTING_BIAS);
	gup_pin_test_add_mask(test, first, 3ULL << (pfn - first), &call);
	gup_pin_test_unpin_mask(test, first, 3ULL << (pfn - first));
	page_ref_sub(page, GUP_PIN_COUNTING_BIAS);
	page_ref_sub(page + 1, GUP_PIN_COUNTING_BIAS);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, pfn, &call), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, pfn + 1, &call), 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->before, 1);
	gup_pin_test_unpin(test, pfn + 1, 1);
	page_ref_sub(page + 1, GUP_PIN_COUNTING_BIAS);
	KUNIT_EXPECT_EQ(test, earlier(test), 0);
	gup_pin_expect_empty(test);
	__free_page(page);
	__free_page(page + 1);
}

static struct kunit_case earlier_cases[] = {
	KUNIT_CASE_PARAM(are_found, size_gen_params),
	KUNIT_CASE_PARAM(take_no_record, size_gen_params),
	KUNIT_CASE_PARAM(take_none_of_many, size_gen_params),
	KUNIT_CASE_PARAM(folio_as_such, size_gen_params),
	KUNIT_CASE_PARAM(outlive_short_ones, size_gen_params),
	KUNIT_CASE_PARAM(go_before_long_ones, size_gen_params),
	KUNIT_CASE_PARAM(are_in_no_array, size_gen_params),
	KUNIT_CASE_PARAM(go_together, size_gen_params),
	KUNIT_CASE_PARAM(leave_others_alone, size_gen_params),
	KUNIT_CASE_PARAM(may_be_on_record, size_gen_params),
	KUNIT_CASE_PARAM(are_what_is_not_recorded, size_gen_params),
	KUNIT_CASE_PARAM(are_foreseen, size_gen_params),
	KUNIT_CASE_PARAM(leave_no_trace, size_gen_params),
	KUNIT_CASE(are_no_mappings),
	KUNIT_CASE(are_of_one_folio),
	{}
};

static struct kunit_suite earlier_suite = {
	.name = "gup_pin_earlier",
	.init = earlier_init,
	.exit = earlier_exit,
	.test_cases = earlier_cases,
};

kunit_test_suite(earlier_suite);
