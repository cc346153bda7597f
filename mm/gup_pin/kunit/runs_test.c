// SPDX-License-Identifier: GPL-2.0
/*
 * Runs: which pages share a line.
 *
 * Runs look at folios, so the pages are real. Their location is up to the page
 * allocator, so blocks of 2^ORDER pages are split.
 */
#include <linux/mm.h>

#include "case.h"
#include "fixture.h"

#define ORDER	7
#define NR	BIT(ORDER)

struct runs_state {
	struct gup_pin_fixture fixture;
	struct gup_pin_runs runs;
	struct page *pages;
	unsigned long pfn;
};

static int runs_init(struct kunit *test)
{
	struct runs_state *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);

	gup_pin_case_start(test);
	if (!s)
		return -ENOMEM;
	s->pages = alloc_pages(GFP_KERNEL, ORDER);
	if (!s->pages)
		return -ENOMEM;
	split_page(s->pages, ORDER);
	s->pfn = page_to_pfn(s->pages);
	gup_pin_fixture_start(&s->fixture);
	test->priv = s;
	return 0;
}

static void runs_exit(struct kunit *test)
{
	struct runs_state *s = test->priv;
	unsigned int i;

	if (!s)
		return;
	gup_pin_runs_end(&s->runs);
	gup_pin_fixture_exit(test);
	for (i = 0; i < NR; i++)
		__free_page(s->pages + i);
}

static const struct gup_pin_run *next(struct kunit *test)
{
	struct runs_state *s = test->priv;

	return gup_pin_runs_next(&s->runs);
}

static void start(struct kunit *test)
{
	struct runs_state *s = test->priv;

	gup_pin_runs_end(&s->runs);
	gup_pin_runs_init(&s->runs, &s->fixture.index, NULL);
}

/* Expect the next run to start at page @from. */
static void expect_run(struct kunit *test, unsigned int from,
		       unsigned long pages, unsigned long pins)
{
	const struct gup_pin_run *run = next(test);
	struct runs_state *s = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, run);
	KUNIT_EXPECT_EQ(test, run->first.pfn, s->pfn + from);
	KUNIT_EXPECT_EQ(test, run->pages, pages);
	KUNIT_EXPECT_EQ(test, run->pins, pins);
}

static void expect_end(struct kunit *test)
{
	KUNIT_EXPECT_NULL(test, next(test));
}

static void neighbours_are_one_line(struct kunit *test)
{
	struct runs_state *s = test->priv;
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_WRITE);
	unsigned int i;

	/* Across the end of a block, and so from shard to shard. */
	for (i = 3; i < 100; i++)
		gup_pin_test_add(test, s->pfn + i, &call, 1);
	start(test);
	expect_run(test, 3, 97, 97);
	expect_end(test);

	/* A hole splits the run. */
	gup_pin_test_unpin(test, s->pfn + 50, 1);
	start(test);
	expect_run(test, 3, 47, 47);
	expect_run(test, 51, 49, 49);
	expect_end(test);
}

static void calls_are_told_apart(struct kunit *test)
{
	struct runs_state *s = test->priv;
	struct gup_pin_test_call a = gup_pin_test_call(test, GUP_PIN_WRITE);
	struct gup_pin_test_call b = gup_pin_test_call(test, GUP_PIN_WRITE);
	unsigned int i;

	/* a: 0 to 15, b: 8 to 23, so both on 8 to 15. */
	for (i = 0; i < 16; i++)
		gup_pin_test_add(test, s->pfn + i, &a, 2);
	for (i = 8; i < 24; i++)
		gup_pin_test_add(test, s->pfn + i, &b, 1);
	start(test);
	expect_run(test, 0, 16, 32);
	expect_run(test, 8, 16, 16);
	expect_end(test);

	/* Only the lines that depend on a guessed unpin say so. */
	gup_pin_test_unpin(test, s->pfn + 10, 1);
	start(test);
	expect_run(test, 0, 10, 20);
	expect_run(test, 10, 1, 1);
	expect_run(test, 11, 5, 10);
	expect_run(test, 8, 2, 2);
	expect_run(test, 10, 1, 1);
	expect_run(test, 11, 13, 13);
	expect_end(test);
}

static void addresses_must_follow(struct kunit *test)
{
	struct runs_state *s = test->priv;
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_WRITE);
	unsigned int i;

	/* In the mapping the second four pages come first. */
	call.base = 0x10000 - 100 * PAGE_SIZE;
	call.flags = GUP_PIN_RECORD_ADDR;
	for (i = 0; i < 8; i++) {
		page_folio(s->pages + i)->index = 100 + (i ^ 4);
		gup_pin_test_add(test, s->pfn + i, &call, 1);
	}
	start(test);
	expect_run(test, 0, 4, 4);
	expect_run(test, 4, 4, 4);
	expect_end(test);
	start(test);
	KUNIT_EXPECT_EQ(test, next(test)->first.addr, 0x14000);
	KUNIT_EXPECT_EQ(test, next(test)->first.addr, 0x10000);
}

/* More calls on a page than runs can be open: lines are split, none is lost. */
static void very_many_calls(struct kunit *test)
{
	const unsigned int nr = 3 * GUP_PIN_OPEN_RUNS;
	struct runs_state *s = test->priv;
	const struct gup_pin_run *run;
	unsigned long pins = 0, lines = 0;
	unsigned int i;

	/* The pages are adjacent, but in different blocks. */
	for (i = 0; i < nr; i++) {
		struct gup_pin_test_call call = gup_pin_test_call(test, i % 2);

		gup_pin_test_add(test, s->pfn + 63, &call, 1);
		gup_pin_test_add(test, s->pfn + 64, &call, 1);
	}
	start(test);
	while ((run = next(test))) {
		pins += run->pins;
		lines++;
	}
	KUNIT_EXPECT_EQ(test, pins, 2 * nr);
	/* Runs that were open stay whole. */
	KUNIT_EXPECT_EQ(test, lines, 2 * nr - GUP_PIN_OPEN_RUNS);
	expect_end(test);
}

/* A walk that is stopped early leaves nothing behind, and can be restarted. */
static void left_in_the_middle(struct kunit *test)
{
	struct runs_state *s = test->priv;
	unsigned int i;

	for (i = 0; i < 3 * GUP_PIN_BATCH; i++) {
		struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);

		gup_pin_test_add(test, s->pfn + 2, &call, 1);
	}
	start(test);
	KUNIT_EXPECT_NOT_NULL(test, next(test));
	KUNIT_EXPECT_TRUE(test, s->runs.walk.placed);
	gup_pin_test_unpin(test, s->pfn + 2, 3 * GUP_PIN_BATCH);
	KUNIT_EXPECT_EQ(test, gup_pin_test_blocks(test), 1);
	gup_pin_runs_end(&s->runs);
	gup_pin_expect_empty(test);
	start(test);
	expect_end(test);
}

static struct kunit_case runs_cases[] = {
	KUNIT_CASE(neighbours_are_one_line),
	KUNIT_CASE(calls_are_told_apart),
	KUNIT_CASE(addresses_must_follow),
	KUNIT_CASE(very_many_calls),
	KUNIT_CASE(left_in_the_middle),
	{}
};

static struct kunit_suite runs_suite = {
	.name = "gup_pin_runs",
	.init = runs_init,
	.exit = runs_exit,
	.test_cases = runs_cases,
};

kunit_test_suite(runs_suite);
