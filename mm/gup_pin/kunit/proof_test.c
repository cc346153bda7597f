// SPDX-License-Identifier: GPL-2.0
/* gup_pin.proof: checksums, and reports about folios that changed. */
#include <kunit/test.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/string.h>

#include "../gup_pin.h"
#include "../hazard/internal.h"
#include "case.h"
#include "console.h"
#include "file.h"

#define SUM	GUP_PIN_SUM_BYTES

static void change(struct folio *folio, size_t at)
{
	u8 *byte = kmap_local_folio(folio, at);

	++*byte;
	kunmap_local(byte);
}

/* Sums */

struct sums_state {
	struct folio *folio;
	u32 *sums;
	struct gup_pin_changes changes;
};

static void free_folio(void *folio)
{
	folio_put(folio);
}

static int sums_init(struct kunit *test)
{
	struct sums_state *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	unsigned int nr;

	gup_pin_case_start(test);
	if (!s)
		return -ENOMEM;
	s->folio = folio_alloc(GFP_KERNEL | __GFP_ZERO, 2);
	if (!s->folio)
		return -ENOMEM;
	if (kunit_add_action_or_reset(test, free_folio, s->folio))
		return -ENOMEM;
	nr = gup_pin_sums_of(s->folio);
	KUNIT_EXPECT_EQ(test, nr, 4 * PAGE_SIZE / SUM);
	s->sums = kunit_kcalloc(test, nr, sizeof(u32), GFP_KERNEL);
	if (!s->sums)
		return -ENOMEM;
	gup_pin_sum(s->folio, s->sums);
	test->priv = s;
	return 0;
}

static bool compare(struct sums_state *s)
{
	return gup_pin_sum_compare(s->folio, s->sums, &s->changes);
}

static void expect_range(struct kunit *test, unsigned int i, size_t first,
			 size_t last)
{
	struct sums_state *s = test->priv;

	KUNIT_EXPECT_EQ(test, s->changes.range[i].first, first);
	KUNIT_EXPECT_EQ(test, s->changes.range[i].last, last);
}

static void nothing_changed(struct kunit *test)
{
	struct sums_state *s = test->priv;

	KUNIT_EXPECT_FALSE(test, compare(s));
	change(s->folio, 0);
	KUNIT_EXPECT_TRUE(test, compare(s));
	gup_pin_sum(s->folio, s->sums);
	KUNIT_EXPECT_FALSE(test, compare(s));
}

static void one_byte(struct kunit *test)
{
	static const size_t at[] = {
		0, SUM - 1, SUM, PAGE_SIZE - 1, PAGE_SIZE, 4 * PAGE_SIZE - 1,
	};
	struct sums_state *s = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		change(s->folio, at[i]);
		KUNIT_EXPECT_TRUE(test, compare(s));
		KUNIT_EXPECT_EQ(test, s->changes.nr, 1);
		expect_range(test, 0, rounddown(at[i], SUM),
			     rounddown(at[i], SUM) + SUM - 1);
		gup_pin_sum(s->folio, s->sums);
	}
}

/* Adjacent changes are one range, also across pages. */
static void neighbours(struct kunit *test)
{
	struct sums_state *s = test->priv;

	change(s->folio, PAGE_SIZE - SUM);
	change(s->folio, PAGE_SIZE);
	change(s->folio, PAGE_SIZE + SUM);
	change(s->folio, PAGE_SIZE + 3 * SUM);
	KUNIT_EXPECT_TRUE(test, compare(s));
	KUNIT_ASSERT_EQ(test, s->changes.nr, 2);
	expect_range(test, 0, PAGE_SIZE - SUM, PAGE_SIZE + 2 * SUM - 1);
	expect_range(test, 1, PAGE_SIZE + 3 * SUM, PAGE_SIZE + 4 * SUM - 1);
}

static void many_ranges(struct kunit *test)
{
	struct sums_state *s = test->priv;
	unsigned int i;

	for (i = 0; i < GUP_PIN_RANGES_MAX + 3; i++)
		change(s->folio, 2 * i * SUM);
	change(s->folio, (2 * i - 1) * SUM);
	KUNIT_EXPECT_TRUE(test, compare(s));
	KUNIT_EXPECT_EQ(test, s->changes.nr, GUP_PIN_RANGES_MAX + 3);
	for (i = 0; i < GUP_PIN_RANGES_MAX; i++)
		expect_range(test, i, 2 * i * SUM, 2 * i * SUM + SUM - 1);
}

static void all_of_it(struct kunit *test)
{
	struct sums_state *s = test->priv;
	size_t at;

	for (at = 0; at < 4 * PAGE_SIZE; at += SUM)
		change(s->folio, at + 7);
	KUNIT_EXPECT_TRUE(test, compare(s));
	KUNIT_ASSERT_EQ(test, s->changes.nr, 1);
	expect_range(test, 0, 0, 4 * PAGE_SIZE - 1);
}

static struct kunit_case sum_cases[] = {
	KUNIT_CASE(nothing_changed),
	KUNIT_CASE(one_byte),
	KUNIT_CASE(neighbours),
	KUNIT_CASE(many_ranges),
	KUNIT_CASE(all_of_it),
	{}
};

static struct kunit_suite sum_suite = {
	.name = "gup_pin_sum",
	.init = sums_init,
	.test_cases = sum_cases,
};

/* From the start of writeback to its end */

struct proof_state {
	unsigned long addr;
	unsigned long max_kb;
	bool was_on;
	u64 bytes;
	u64 changed;
};

static u64 changed(void)
{
	return atomic64_read(&gup_pin_root.hazards[GUP_PIN_HAZARD_CHANGED_UNDER_WRITEBACK]);
}

static int proof_init(struct kunit *test)
{
	struct proof_state *s = gup_pin_case_begin(test, false, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->addr = gup_pin_test_map(test, 1);
	s->max_kb = gup_pin_proof_max_kb;
	s->was_on = static_key_enabled(&gup_pin_proof);
	gup_pin_proof_switch(true);
	s->bytes = gup_pin_proof_bytes();
	s->changed = changed();
	gup_pin_report_forget();
	test->priv = s;
	return gup_pin_console_watch(test);
}

static void proof_exit(struct kunit *test)
{
	struct proof_state *s = test->priv;

	gup_pin_case_unpin(test);
	if (!s)
		return;
	KUNIT_EXPECT_EQ(test, gup_pin_proof_bytes(), s->bytes);
	gup_pin_proof_max_kb = s->max_kb;
	gup_pin_proof_switch(s->was_on);
}

/* Entering writeback is a hazard of its own, which is not tested here. */
static noinline void start(struct folio *folio)
{
	gup_pin_test_start_writeback(folio);
	gup_pin_console_clear();
}

static void whole_report(struct kunit *test)
{
	static const char *const want[] = {
		GUP_PIN_RULE,
		"BUG: GUP_PIN: page changed under writeback in start+0x*/0x*",
		"",
		"folio: pfn=0x* order=0 map=shmem flags=0x*(*writeback*) refcount=* mapcount=1 recorded_pins=1 real_pins=1",
		"file: fs=tmpfs dev=0:* ino=* index=0x0 name=\"/gup_pin\" stable_pages=no nlink=0",
		"the writeback, whose start is the event, took * ms",
		"bytes 512-1535 of the folio changed",
		"bytes 3584-4095 of the folio changed",
		"the folio is clean: it will not be written again",
		"",
		"event: task=*/* comm=kunit_try_catch*",
		" start+0x*/0x*",
		" whole_*+0x*/0x*",
		GUP_PIN_FRAMES,
		"",
		"pin: mode=w term=short api=pin_user_pages_fast owner=* task=*/* comm=kunit_try_catch* age_ms=* pins=1 addr=0x* match=exact alive=yes uid=0 stack=0x*",
		" pin_user_pages_fast+0x*/0x*",
		" gup_pin_test_pin+0x*/0x*",
		" whole_*+0x*/0x*",
		GUP_PIN_FRAMES,
		"",
		GUP_PIN_TAIL
	};
	struct proof_state *s = test->priv;
	struct page *page = gup_pin_test_pin(test, s->addr, true);
	struct folio *folio = page_folio(page);

	folio_clear_dirty(folio);
	start(folio);
	change(folio, 513);
	change(folio, 1024);
	change(folio, 3584);
	gup_pin_test_end_writeback(folio);
	unpin_user_page(page);
	KUNIT_EXPECT_EQ(test, changed(), s->changed + 1);
	gup_pin_console_expect(test, want, ARRAY_SIZE(want));
}

/* Is a change counted while the folio is dirty, and is it reported? */
static void expect_dirty_change(struct kunit *test, struct folio *folio, bool reported)
{
	struct proof_state *s = test->priv;
	u64 before = changed();

	gup_pin_report_forget();
	start(folio);
	change(folio, 0);
	folio_set_dirty(folio);
	gup_pin_test_end_writeback(folio);
	KUNIT_EXPECT_EQ(test, changed(), before + 1);
	KUNIT_EXPECT_EQ(test, gup_pin_console_reports(), reported);
	s->changed = changed();
}

/* Without stable pages, a store or write() may have changed the folio. */
static void dirty_folios_may_change(struct kunit *test)
{
	struct proof_state *s = test->priv;
	struct page *page = gup_pin_test_pin(test, s->addr, true);
	struct folio *folio = page_folio(page);

	expect_dirty_change(test, folio, false);
	mapping_set_stable_writes(folio->mapping);
	expect_dirty_change(test, folio, true);
	mapping_clear_stable_writes(folio->mapping);

	/* write() has copied the data, but not yet marked the locked folio dirty. */
	folio_lock(folio);
	folio_clear_dirty(folio);
	gup_pin_report_forget();
	start(folio);
	change(folio, 0);
	gup_pin_test_end_writeback(folio);
	folio_unlock(folio);
	KUNIT_EXPECT_EQ(test, changed(), s->changed + 1);
	KUNIT_EXPECT_EQ(test, gup_pin_console_reports(), 0);
	unpin_user_page(page);
}

static void no_change_no_report(struct kunit *test)
{
	struct proof_state *s = test->priv;
	struct page *page = gup_pin_test_pin(test, s->addr, true);
	struct folio *folio = page_folio(page);

	start(folio);
	KUNIT_EXPECT_GT(test, gup_pin_proof_bytes(), s->bytes);
	gup_pin_test_end_writeback(folio);
	/* From here on changes are allowed. */
	change(folio, 0);
	gup_pin_test_end_writeback(folio);
	unpin_user_page(page);
	KUNIT_EXPECT_EQ(test, changed(), s->changed);
	KUNIT_EXPECT_EQ(test, gup_pin_console_reports(), 0);
}

static void read_pins_change_nothing(struct kunit *test)
{
	struct proof_state *s = test->priv;
	struct page *page = gup_pin_test_pin(test, s->addr, true);
	struct folio *folio = page_folio(page);

	unpin_user_page(page);
	page = gup_pin_test_pin(test, s->addr, false);
	start(folio);
	KUNIT_EXPECT_EQ(test, gup_pin_proof_bytes(), s->bytes);
	change(folio, 0);
	gup_pin_test_end_writeback(folio);
	unpin_user_page(page);
	KUNIT_EXPECT_EQ(test, changed(), s->changed);
}

/* Direct I/O usually ends before the writeback: the pin must be reported nevertheless. */
static void pin_released_before_the_end(struct kunit *test)
{
	struct proof_state *s = test->priv;
	struct page *page = gup_pin_test_pin(test, s->addr, true);
	struct gup_pin_hazard_record record = {};
	struct folio *folio = page_folio(page);

	folio_clear_dirty(folio);
	start(folio);
	change(folio, 100);
	unpin_user_page(page);
	gup_pin_test_end_writeback(folio);
	KUNIT_EXPECT_EQ(test, changed(), s->changed + 1);
	KUNIT_EXPECT_EQ(test, gup_pin_console_reports(), 1);
	KUNIT_ASSERT_TRUE(test, gup_pin_ring_get(&record, gup_pin_ring.newest - 1));
	KUNIT_EXPECT_EQ(test, (int)record.kind,
			GUP_PIN_HAZARD_CHANGED_UNDER_WRITEBACK);
	KUNIT_EXPECT_EQ(test, record.pin.pfn, folio_pfn(folio));
	KUNIT_EXPECT_EQ(test, record.pin.id.pid, task_pid_nr(current));
	KUNIT_EXPECT_EQ(test, (int)record.pin.id.mode, GUP_PIN_WRITE);
	KUNIT_EXPECT_EQ(test, record.event.pid, task_pid_nr(current));
}

static void memory_is_bounded(struct kunit *test)
{
	struct proof_state *s = test->priv;
	struct page *page = gup_pin_test_pin(test, s->addr, true);
	struct folio *folio = page_folio(page);
	u64 skipped = gup_pin_proof_skipped();

	gup_pin_proof_max_kb = 0;
	start(folio);
	KUNIT_EXPECT_EQ(test, gup_pin_proof_skipped(), skipped + 1);
	KUNIT_EXPECT_EQ(test, gup_pin_proof_bytes(), s->bytes);
	change(folio, 0);
	gup_pin_test_end_writeback(folio);
	KUNIT_EXPECT_EQ(test, changed(), s->changed);

	gup_pin_proof_max_kb = s->max_kb;
	start(folio);
	KUNIT_EXPECT_EQ(test, gup_pin_proof_skipped(), skipped + 1);
	gup_pin_test_end_writeback(folio);
	unpin_user_page(page);
}

static void off_forgets(struct kunit *test)
{
	struct proof_state *s = test->priv;
	struct page *page = gup_pin_test_pin(test, s->addr, true);
	struct folio *folio = page_folio(page);

	start(folio);
	KUNIT_EXPECT_GT(test, gup_pin_proof_bytes(), s->bytes);
	gup_pin_proof_switch(false);
	KUNIT_EXPECT_EQ(test, gup_pin_proof_bytes(), s->bytes);
	change(folio, 0);
	gup_pin_proof_switch(true);
	gup_pin_test_end_writeback(folio);
	unpin_user_page(page);
	KUNIT_EXPECT_EQ(test, changed(), s->changed);
}

static struct kunit_case proof_cases[] = {
	KUNIT_CASE(whole_report),
	KUNIT_CASE(dirty_folios_may_change),
	KUNIT_CASE(no_change_no_report),
	KUNIT_CASE(read_pins_change_nothing),
	KUNIT_CASE(pin_released_before_the_end),
	KUNIT_CASE(memory_is_bounded),
	KUNIT_CASE(off_forgets),
	{}
};

static struct kunit_suite proof_suite = {
	.name = "gup_pin_proof",
	.init = proof_init,
	.exit = proof_exit,
	.test_cases = proof_cases,
};

kunit_test_suites(&sum_suite, &proof_suite);
