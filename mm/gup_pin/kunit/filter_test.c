// SPDX-License-Identifier: GPL-2.0
/* Filters: which words are accepted, and what they select. */
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/limits.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "../view/view.h"
#include "fixture.h"

static int parse(struct gup_pin_filter *filter, const char *words)
{
	char text[128];

	strscpy(text, words, sizeof(text));
	return gup_pin_filter_parse(filter, text);
}

static const struct gup_pin_item pin = {
	.pfn = 0x1000,
	.id = {
		.stack = 0x2b40003,
		.mode = GUP_PIN_WRITE,
		.term = GUP_PIN_LONG,
		.api = GUP_PIN_USER_PAGES_FAST,
		.tgid = 812,
		.pid = 815,
		.owner = 700,
		.comm = "a b",
	},
	.time = NSEC_PER_SEC,
	.pages = 16,
	.pins = 1,
	.head = 0x1000,
	.folio = {
		.map = GUP_PIN_MAP_FILE,
		.order = 4,
		.dev = MKDEV(253, 1),
		.ino = 42,
	},
};

/* 500 ms after the pin. */
#define NOW	(NSEC_PER_SEC + 500 * NSEC_PER_MSEC)

static const struct word {
	const char *words;
	bool wanted;
} words[] = {
	{ "", true },
	{ " \t\n", true },
	{ "owner=700", true },
	{ "owner=812", false },
	{ "owner=0", false },
	{ "task=812", true },
	{ "task=815", true },
	{ "task=700", false },
	{ "task=812/815", true },
	{ "task=812/812", false },
	{ "task=815/815", false },
	{ "comm=a\\x20b", true },
	{ "comm=a", false },
	{ "mode=w", true },
	{ "mode=r", false },
	{ "term=long", true },
	{ "term=short", false },
	{ "api=pin_user_pages_fast", true },
	{ "api=pin_user_pages", false },
	{ "pfn=0x1000", true },
	{ "pfn=4096", true },
	{ "pfn=04096", true },
	{ "pfn=04095-04096", true },
	{ "pfn=0X1000", true },
	{ "ino=042", true },
	{ "ino=0x2a", true },
	{ "ino=052", false },
	{ "pfn=0x100f", true },
	{ "pfn=0x1010", false },
	{ "pfn=0xfff", false },
	{ "pfn=0-0xfff", false },
	{ "pfn=0-0x1000", true },
	{ "pfn=0x1005-0x1006", true },
	{ "pfn=0x100f-0x2000", true },
	{ "pfn=0x1010-0x2000", false },
	{ "ino=42", true },
	{ "ino=0", false },
	{ "dev=253:1", true },
	{ "dev=253:2", false },
	{ "dev=1:253", false },
	{ "min_age_ms=500", true },
	{ "min_age_ms=501", false },
	{ "stack=0x2b40003", true },
	{ "stack=0x2b40004", false },
	/* All words must match. */
	{ "owner=700 mode=w ino=42", true },
	{ "owner=700 mode=r ino=42", false },
	{ "\towner=700\n", true },
};

static void wanted(struct kunit *test)
{
	struct gup_pin_filter filter;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		KUNIT_ASSERT_EQ_MSG(test, 0, parse(&filter, words[i].words),
				    "%s", words[i].words);
		KUNIT_EXPECT_EQ_MSG(test, words[i].wanted,
				    gup_pin_filter_item(&filter, &pin, NOW),
				    "%s", words[i].words);
	}
}

static void not_understood(struct kunit *test)
{
	static const char *const bad[] = {
		"x", "x=1", "owner", "owner=", "owner=x", "owner=-1", "owner=1x",
		"Owner=1", " =1", "task=1/", "task=/1", "task=1/2/3",
		"comm=", "comm=a\\x00b", "comm=0123456789abcdef", "mode=", "mode=rw", "term=l",
		"api=get_user_pages", "pfn=", "pfn=2-1", "pfn=1-", "pfn=-1",
		"pfn=1-2-3", "ino=-1", "ino=18446744073709551616", "dev=1",
		"dev=1:", "dev=4096:0", "dev=0:1048576", "min_age_ms=x",
		"stack=0x100000000", "owner=1 owner=1", "mode=w x=1",
		"path=data",
	};
	struct gup_pin_filter filter;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test, -EINVAL, parse(&filter, bad[i]), "%s",
				    bad[i]);
}

/* Keys that a hazard line has twice match either value. */
static void hazards(struct kunit *test)
{
	static const struct word cases[] = {
		{ "task=812", true },
		{ "task=9", true },
		{ "task=10", false },
		{ "comm=a\\x20b", true },
		{ "comm=kworker", true },
		{ "comm=other", false },
		{ "min_age_ms=500", true },
		{ "min_age_ms=501", false },
		{ "mode=w task=9", true },
		{ "mode=r task=9", false },
	};
	struct gup_pin_hazard_record *hazard;
	struct gup_pin_filter filter;
	unsigned int i;

	hazard = kunit_kzalloc(test, sizeof(*hazard), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, hazard);
	hazard->pin = pin;
	hazard->event.time = NOW;
	hazard->event.tgid = 9;
	hazard->event.pid = 9;
	strscpy_pad(hazard->event.comm, "kworker");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		KUNIT_ASSERT_EQ(test, 0, parse(&filter, cases[i].words));
		KUNIT_EXPECT_EQ_MSG(test, cases[i].wanted,
				    gup_pin_filter_hazard(&filter, hazard, NOW),
				    "%s", cases[i].words);
	}
}

#define FIRST	GUP_PIN_TEST_PFN

/*
 * The walk starts where a folio that overlaps the range may start, and ends with the
 * range: it does not visit other blocks.
 */
static void ranges(struct kunit *test)
{
	const unsigned long near = FIRST + MAX_FOLIO_NR_PAGES;
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	const struct gup_pin_run *run;
	struct gup_pin_filter filter;
	struct gup_pin_runs *runs;
	char words[64];
	unsigned int i;

	runs = kunit_kzalloc(test, sizeof(*runs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, runs);
	gup_pin_test_add(test, near - 1, &call, 1);
	for (i = 0; i < 1000; i++)
		gup_pin_test_add(test, near + i, &call, 1);
	gup_pin_test_add(test, near + MAX_FOLIO_NR_PAGES, &call, 1);
	snprintf(words, sizeof(words), "pfn=0x%lx-0x%lx", near + 20, near + 30);
	KUNIT_ASSERT_EQ(test, 0, parse(&filter, words));
	KUNIT_EXPECT_EQ(test, gup_pin_filter_start(&filter), near);
	KUNIT_EXPECT_EQ(test, gup_pin_filter_end(&filter), near + MAX_FOLIO_NR_PAGES - 1);
	gup_pin_runs_init(runs, &f->index, &filter);
	KUNIT_EXPECT_EQ(test, runs->walk.block, gup_pin_block_nr(near));
	run = gup_pin_runs_next(runs);
	KUNIT_ASSERT_NOT_NULL(test, run);
	KUNIT_EXPECT_EQ(test, run->first.pfn, near + 20);
	KUNIT_EXPECT_EQ(test, run->pages, 11);
	KUNIT_EXPECT_NULL(test, gup_pin_runs_next(runs));
	/* The walk stopped at the end of the range. */
	KUNIT_EXPECT_EQ(test, runs->walk.block,
			gup_pin_block_nr(near + MAX_FOLIO_NR_PAGES));
	gup_pin_runs_end(runs);

	KUNIT_ASSERT_EQ(test, 0, parse(&filter, "mode=w"));
	KUNIT_EXPECT_EQ(test, gup_pin_filter_start(&filter), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_filter_end(&filter), ULONG_MAX);
	gup_pin_runs_init(runs, &f->index, &filter);
	KUNIT_EXPECT_NULL(test, gup_pin_runs_next(runs));
	gup_pin_runs_end(runs);
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
}

/* The head of a large folio precedes a range that starts within the folio. */
static void range_within_folio(struct kunit *test)
{
	struct gup_pin_item item = { .folio.order = 3 };
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);
	struct gup_pin_filter filter;
	char words[64];

	KUNIT_ASSERT_NOT_NULL(test, page);
	item.head = page_to_pfn(page);
	item.pfn = item.head + 2;
	snprintf(words, sizeof(words), "pfn=%lu", item.head + 5);
	KUNIT_EXPECT_EQ(test, 0, parse(&filter, words));
	KUNIT_EXPECT_LE(test, gup_pin_filter_start(&filter), item.head);
	KUNIT_EXPECT_TRUE(test, gup_pin_filter_item(&filter, &item, 0));
	item.head -= 8;
	KUNIT_EXPECT_FALSE(test, gup_pin_filter_item(&filter, &item, 0));
	__free_pages(page, 3);
}

static struct kunit_case filter_cases[] = {
	KUNIT_CASE(wanted),
	KUNIT_CASE(not_understood),
	KUNIT_CASE(hazards),
	KUNIT_CASE(ranges),
	KUNIT_CASE(range_within_folio),
	{}
};

static struct kunit_suite filter_suite = {
	.name = "gup_pin_filter",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = filter_cases,
};

kunit_test_suite(filter_suite);
