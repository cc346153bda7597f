// SPDX-License-Identifier: GPL-2.0
/*
 * Earlier pins, taken before tracking was switched on: they are found, distinguished
 * from recorded pins, and never leave a wrong record behind. On small and large folios.
 */
#include <linux/mm.h>

#include "case.h"
#include "fixture.h"

/* An unknown call site of unpins, and a known one. */
#define NO_SITE	0UL
#define SITE	0x1000UL

/**
 * struct earlier_state - state of a test
 * @fixture: as in other tests
 * @order: order of the folio
 * @folio: the pinned folio
 * @pfn: its head pfn
 */
struct earlier_state {
	struct gup_pin_fixture fixture;
	unsigned int order;
	struct folio *folio;
	unsigned long pfn;
};

/* A folio within one block, and one across several. */
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

/* Add pins that the hooks do not see. */
static void pin(struct kunit *test, int pins)
{
	struct earlier_state *s = test->priv;

	atomic_add(pins, &s->folio->_pincount);
	folio_ref_add(s->folio, pins);
}

/* The hook is called first, then the pin is dropped. */
static void unpin_at(struct kunit *test, unsigned long site, unsigned int page)
{
	struct earlier_state *s = test->priv;

	gup_pin_test_unpin_by(gup_pin_test_unpin_at(test, site), s->pfn + page);
	pin(test, -1);
	gup_pin_expect_sound(test);
}

/* Release several pins of the folio, on unspecified pages. */
static void unpin_folio_pins(struct kunit *test, unsigned int pins)
{
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, NO_SITE);
	struct earlier_state *s = test->priv;

	gup_pin_unpin_folio(&unpin, s->pfn, BIT(s->order), pins);
	gup_pin_unpin_end(&unpin);
	pin(test, -pins);
	gup_pin_expect_sound(test);
}

/* Pin a page, with a record of this term and stack. */
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

/* Switch tracking on now. */
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

static u64 mask_of(struct gup_pin_index *index, unsigned long nr)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
	unsigned long flags;
	u64 mask;

	xa_lock_irqsave(&shard->xa, flags);
	mask = gup_pin_earlier_mask(index, nr);
	xa_unlock_irqrestore(&shard->xa, flags);
	return mask;
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
	/* The pages of earlier pins are unknown. */
	for (; nr <= gup_pin_block_nr(s->pfn + last_page(test)); nr++)
		KUNIT_EXPECT_EQ(test, mask_of(index, nr),
				gup_pin_folio_mask(nr, s->pfn, BIT(s->order)));
	unpin_at(test, NO_SITE, 0);
	unpin_at(test, NO_SITE, last_page(test));
	KUNIT_EXPECT_EQ(test, earlier(test), 1);
	unpin_folio_pins(test, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->before, 3);
	the_end(test);
}

/* Of two long-term pins, the earlier one is released first. */
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

/* The same if all pages of the folio have been pinned since. */
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
		/* Never more recorded pins than real ones. */
		KUNIT_ASSERT_LE(test, gup_pin_index_pins(&s->fixture.index, s->pfn,
							 BIT(s->order)),
				atomic_read(&s->folio->_pincount));
	}
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->before, 2);
	/* It is unknown which page has the pin that is left. */
	unpin_at(test, SITE, 0);
	unpin_folio_pins(test, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->released, BIT(s->order));
	the_end(test);
}

/* Unpin without page: an earlier pin of a memfd goes before a later record. */
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

/* A short-term pin that the site is known to release goes before an earlier pin. */
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

/* A long-term pin stays, even if the site is known to release it. */
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

/* An unpin through the array that a call filled in releases that call's pin. */
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

/* Of several unpins at once, those without a record take earlier pins. */
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

/* A folio without earlier pins is treated as if tracking had been on since boot. */
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

/* A pin taken during the scan is both recorded and counted as an earlier pin. */
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
	/* The count has no pin behind it, so an unpin without a record takes it. */
	gup_pin_test_unpin(test, s->pfn, 1);
	the_end(test);
}

/* Pins recorded before the scan are not earlier ones, on whatever page. */
static void are_what_is_not_recorded(struct kunit *test)
{
	struct earlier_state *s = test->priv;

	record(test, GUP_PIN_LONG, 11, 0);
	record(test, GUP_PIN_LONG, 11, last_page(test));
	pin(test, 1);
	switch_on(test);
	KUNIT_EXPECT_EQ(test, earlier(test), 1);
	/* Older records are no longer certain. */
	gup_pin_expect_match(test, s->pfn, GUP_PIN_INFERRED);
	gup_pin_expect_match(test, s->pfn + last_page(test), GUP_PIN_INFERRED);
	unpin_at(test, NO_SITE, 0);
	KUNIT_EXPECT_EQ(test, earlier(test), 0);
	unpin_at(test, NO_SITE, 0);
	unpin_at(test, NO_SITE, last_page(test));
	the_end(test);
}

/* Once the earlier pins are gone, new pins are exact. */
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

/* Many references of a small folio are no pins if they come from mappings. */
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

/* gup_pin_unpin_peek() predicts which pin is released. */
static void are_foreseen(struct kunit *test)
{
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, NO_SITE);
	struct earlier_state *s = test->priv;
	struct gup_pin_item item;

	pin(test, 1);
	switch_on(test);
	record(test, GUP_PIN_LONG, 11, last_page(test));
	KUNIT_EXPECT_FALSE(test, gup_pin_unpin_peek(&unpin, s->pfn + last_page(test), 1, 1, &item));
	unpin_at(test, NO_SITE, last_page(test));
	KUNIT_EXPECT_TRUE(test, gup_pin_unpin_peek(&unpin, s->pfn + last_page(test), 1, 1, &item));
	unpin_at(test, NO_SITE, last_page(test));
	the_end(test);
}

/* Earlier pins that a bulk unpin takes off other folios do not affect this one. */
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
