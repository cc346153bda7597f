// SPDX-License-Identifier: GPL-2.0
/* Compare the index with a simple model, a number for each page, after random operations. */
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sched.h>

#include "fixture.h"

#define STEPS	20000
#define CHECKED	100
#define BLOCKS	3
#define PAGES	(BLOCKS * GUP_PIN_BLOCK_PAGES)
#define IDS	12
#define SITES	5

/*
 * Maximum number of pins of a call, and in total: below or above what a search of a
 * block's records covers.
 */
#define CALL	150
#define FEW	(512 - CALL)
#define MANY	6000

/**
 * struct model - what the index should contain
 * @rnd: random numbers
 * @first: pfn of the first page
 * @most: maximum number of pins before the last call
 * @pins: pins on each page
 * @one_id: the only id of the pins on the page since it last had none, plus one; 0 if
 *	there were several. An unpin of such a page is no guess
 * @total: pins on all pages
 * @acquired: pins acquired in total
 */
struct model {
	struct rnd_state rnd;
	unsigned long first;
	unsigned int most;
	unsigned int pins[PAGES];
	unsigned int one_id[PAGES];
	u64 total;
	u64 acquired;
};

static unsigned int chance(struct model *m, unsigned int below)
{
	return prandom_u32_state(&m->rnd) % below;
}

static void model_pin(struct model *m, unsigned int page, unsigned int id, unsigned int pins)
{
	if (!m->pins[page])
		m->one_id[page] = id + 1;
	else if (m->one_id[page] != id + 1)
		m->one_id[page] = 0;
	m->pins[page] += pins;
	m->total += pins;
	m->acquired += pins;
}

static void model_unpin(struct model *m, unsigned int page)
{
	m->pins[page]--;
	m->total--;
}

/* Adjacent or scattered pages with one pin, or several pins on one page. */
static void model_add(struct kunit *test, struct model *m)
{
	unsigned int nr = chance(m, IDS), page = chance(m, PAGES), i, left, want;
	const struct gup_pin_id id = {
		.stack = nr % 5,
		.mode = nr % 2,
		.term = nr % 3 == 0,
		.pid = nr / 3,
	};
	struct gup_pin_test_call call = gup_pin_test_call_of(test, &id);
	struct gup_pin_adder adder;

	if (chance(m, 8) == 0) {
		want = 1 + chance(m, 5);
		gup_pin_test_add(test, m->first + page, &call, want);
		model_pin(m, page, nr, want);
		return;
	}
	want = chance(m, 2) ? 1 : 1 + chance(m, CALL);
	call.cookie = chance(m, 2) ? 0x1000 : 0;
	call.flags = chance(m, 2) ? GUP_PIN_RECORD_ADDR : 0;
	adder = gup_pin_test_adder(test, &call, want);
	for (left = want, i = 0; left; left--) {
		unsigned int p = chance(m, 10) ? (page + i++) % PAGES : chance(m, PAGES);

		gup_pin_add(&adder, m->first + p, 0);
		model_pin(m, p, nr, 1);
	}
	gup_pin_add_end(&adder, want);
	KUNIT_ASSERT_EQ(test, adder.added, want);
}

static struct gup_pin_unpin model_how(struct kunit *test, struct model *m)
{
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, chance(m, SITES) * 0x1000);

	unpin.pid = chance(m, 5);
	unpin.write = chance(m, 2);
	if (chance(m, 2)) {
		unpin.first = 0x1000;
		unpin.last = 0x1000;
	}
	return unpin;
}

/* Unpin those of a range of pages that have pins. */
static void model_release(struct kunit *test, struct model *m)
{
	struct gup_pin_unpin unpin = model_how(test, m);
	unsigned int page = chance(m, PAGES), i;
	unsigned int nr = chance(m, 2) ? 1 : 1 + chance(m, PAGES - page);
	u64 masks[BLOCKS] = {};

	for (i = page; i < page + nr && i < PAGES; i++) {
		if (!m->pins[i])
			continue;
		masks[gup_pin_block_nr(i)] |= BIT_ULL(gup_pin_block_bit(i));
		model_unpin(m, i);
	}
	for (i = 0; i < BLOCKS; i++)
		if (masks[i])
			gup_pin_unpin_mask(&unpin, gup_pin_block_nr(m->first) + i, masks[i]);
	gup_pin_unpin_end(&unpin);
}

/* The number of pins on each page is that of the model, with the best possible match. */
static void model_check(struct kunit *test, struct model *m)
{
	const struct gup_pin_totals *t = gup_pin_test_totals(test);
	unsigned int i, found[PAGES] = {};
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_walk walk;
	struct gup_pin_item item;

	gup_pin_walk_start(&walk, &f->index, 0, ULONG_MAX);
	while (gup_pin_walk_items(&walk, &item, 1)) {
		unsigned int page = item.pfn - m->first;

		KUNIT_ASSERT_LT(test, page, PAGES);
		KUNIT_ASSERT_EQ(test, item.pages, 1);
		found[page] += item.pins;
		if (m->one_id[page] && m->most == FEW)
			KUNIT_ASSERT_NE(test, (int)item.match, GUP_PIN_INFERRED);
	}
	gup_pin_walk_end(&walk);
	for (i = 0; i < PAGES; i++)
		KUNIT_ASSERT_EQ_MSG(test, found[i], m->pins[i], "page %u", i);
	KUNIT_ASSERT_EQ(test, t->acquired, m->acquired);
	KUNIT_ASSERT_EQ(test, t->acquired - t->released, m->total);
	KUNIT_ASSERT_EQ(test, t->unmatched, 0);
	gup_pin_expect_sound(test);
}

static void run(struct kunit *test, unsigned long first, unsigned int seed,
		unsigned int most)
{
	struct model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, m);
	prandom_seed_state(&m->rnd, seed);
	m->first = first;
	m->most = most;
	for (i = 1; i <= STEPS; i++) {
		/* The number of pins grows and shrinks alternately. */
		if (m->total < most && chance(m, 100) < (i / 300 % 2 ? 15 : 60))
			model_add(test, m);
		else
			model_release(test, m);
		if (i % CHECKED == 0)
			model_check(test, m);
		cond_resched();
	}
	for (i = 0; i < PAGES; i++)
		gup_pin_test_unpin(test, m->first + i, m->pins[i]);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	gup_pin_expect_empty(test);
}

static void goes_like_a_model(struct kunit *test)
{
	run(test, GUP_PIN_TEST_PFN, 42, FEW);
}

static void many_go_like_a_model(struct kunit *test)
{
	run(test, GUP_PIN_TEST_PFN, 43, MANY);
}

/* The same on pages that exist, of small folios. */
static void goes_like_a_model_in_memory(struct kunit *test)
{
	struct page *page = alloc_pages(GFP_KERNEL, 8);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, page);
	split_page(page, 8);
	for (i = 0; i < BIT(8); i++)
		page_folio(page + i)->index = i;
	run(test, page_to_pfn(page), 44, FEW);
	for (i = 0; i < BIT(8); i++)
		__free_page(page + i);
}

static struct kunit_case model_cases[] = {
	KUNIT_CASE_SLOW(goes_like_a_model),
	KUNIT_CASE_SLOW(many_go_like_a_model),
	KUNIT_CASE_SLOW(goes_like_a_model_in_memory),
	{}
};

static struct kunit_suite model_suite = {
	.name = "gup_pin_model",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = model_cases,
};

kunit_test_suite(model_suite);
