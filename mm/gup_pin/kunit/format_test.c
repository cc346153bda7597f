// SPDX-License-Identifier: GPL-2.0
/* Text of a line. */
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/time64.h>

#include "case.h"
#include "fixture.h"

static struct gup_pin_run example(void)
{
	return (struct gup_pin_run) {
		.first = {
			.pfn = 0x1a2b0,
			.id = {
				.stack = 0x2b40003,
				.mode = GUP_PIN_WRITE,
				.term = GUP_PIN_LONG,
				.api = GUP_PIN_USER_PAGES_FAST,
				.tgid = 812,
				.pid = 815,
				.owner = 812,
				.comm = "fio",
			},
			.time = 1000,
			.addr = 0x7f21c0000000,
			.folio.map = GUP_PIN_MAP_ANON,
		},
		.pages = 16,
		.pins = 16,
	};
}

static void whole_line(struct kunit *test)
{
	struct gup_pin_run run = example();
	char line[GUP_PIN_LINE_MAX];
	int len;

	len = gup_pin_format_run(line, sizeof(line), &run,
				 5203 * NSEC_PER_MSEC + 1500);
	KUNIT_EXPECT_STREQ(test, line,
			   "pfn=0x1a2b0 pages=16 order=0 pins=16 mode=w term=long api=pin_user_pages_fast owner=812 task=812/815 comm=fio age_ms=5203 addr=0x7f21c0000000 map=anon dev=0:0 ino=0 index=0x0 stack=0x2b40003 match=exact");
	KUNIT_EXPECT_EQ(test, len, (int)strlen(line));

	run.first.id.mode = GUP_PIN_READ;
	run.first.id.term = GUP_PIN_SHORT;
	run.first.id.api = GUP_PIN_FOLIO_ADD_PIN;
	run.first.match = GUP_PIN_INFERRED;
	run.first.folio = (struct gup_pin_folio) {
		.map = GUP_PIN_MAP_FILE,
		.order = 2,
		.dev = MKDEV(253, 1),
		.ino = 12,
		.index = 0x40,
	};
	gup_pin_format_run(line, sizeof(line), &run, 0);
	KUNIT_EXPECT_STREQ(test, line,
			   "pfn=0x1a2b0 pages=16 order=2 pins=16 mode=r term=short api=folio_add_pin owner=812 task=812/815 comm=fio age_ms=0 addr=0x7f21c0000000 map=file dev=253:1 ino=12 index=0x40 stack=0x2b40003 match=inferred");
}

static void comm_is_one_word(struct kunit *test)
{
	static const struct {
		const char *comm;
		const char *text;
	} cases[] = {
		{ "a b", " comm=a\\x20b " },
		{ "a\\b", " comm=a\\x5cb " },
		{ "\t\n=\x7f\xe4", " comm=\\x09\\x0a=\\x7f\\xe4 " },
		{ "", " comm= " },
		{ "     ", " comm=\\x20\\x20\\x20\\x20\\x20 " },
	};
	struct gup_pin_run run = example();
	char line[GUP_PIN_LINE_MAX];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		strscpy_pad(run.first.id.comm, cases[i].comm,
			    sizeof(run.first.id.comm));
		gup_pin_format_run(line, sizeof(line), &run, 0);
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(line, cases[i].text),
					  "%s lacks %s", line, cases[i].text);
	}
}

static void longest_line_fits(struct kunit *test)
{
	struct gup_pin_run run = example();
	char line[GUP_PIN_LINE_MAX];
	int len;

	memset(&run.first.id, 0xff, sizeof(run.first.id));
	run.first.id.api = GUP_PIN_USER_PAGES_UNLOCKED;
	run.first.pfn = ULONG_MAX;
	run.first.addr = ULONG_MAX;
	run.first.time = 0;
	run.first.match = GUP_PIN_INFERRED;
	run.first.id.tgid = INT_MIN;
	run.first.id.pid = INT_MIN;
	run.first.id.owner = INT_MIN;
	run.first.folio = (struct gup_pin_folio) {
		.map = GUP_PIN_MAP_HUGETLB,
		.order = UINT_MAX,
		.dev = U32_MAX,
		.ino = U64_MAX,
		.index = ULONG_MAX,
	};
	run.pages = ULONG_MAX;
	run.pins = ULONG_MAX;
	len = gup_pin_format_run(line, sizeof(line), &run, U64_MAX);
	KUNIT_EXPECT_LT(test, len, GUP_PIN_LINE_MAX - 1);
	KUNIT_EXPECT_NOT_NULL(test, strstr(line, " match=inferred"));
	/* A comm without a terminator must not overrun. */
	KUNIT_EXPECT_NOT_NULL(test, strstr(line, "\\xff age_ms="));
}

static void ages(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, gup_pin_age_ms(0, 999999), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_age_ms(0, 1000000), 1);
	/* The clock of another CPU may be slightly behind. */
	KUNIT_EXPECT_EQ(test, gup_pin_age_ms(2000000, 1000000), 0);
}

static struct kunit_case format_cases[] = {
	KUNIT_CASE(whole_line),
	KUNIT_CASE(comm_is_one_word),
	KUNIT_CASE(longest_line_fits),
	KUNIT_CASE(ages),
	{}
};

static struct kunit_suite format_suite = {
	.name = "gup_pin_format",
	.init = gup_pin_case_start,
	.test_cases = format_cases,
};

kunit_test_suite(format_suite);
