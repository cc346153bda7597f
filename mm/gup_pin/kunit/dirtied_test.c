// SPDX-License-Identifier: GPL-2.0
/* Stale dirty: a holder of a pin dirties a folio after it was cleaned. */
#include <kunit/test.h>
#include <linux/backing-dev.h>
#include <linux/bio.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "../gup_pin.h"
#include "case.h"
#include "console.h"
#include "file.h"

struct dirtied_state {
	struct folio *folio;
	u64 dirtied;
	u64 truncated;
};

static u64 met(enum gup_pin_hazard_kind kind)
{
	return atomic64_read(&gup_pin_root.hazards[kind]);
}

static int dirtied_init(struct kunit *test)
{
	struct dirtied_state *s = gup_pin_case_begin(test, false, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->folio = gup_pin_test_stand_in(test);
	s->dirtied = met(GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN);
	s->truncated = met(GUP_PIN_HAZARD_TRUNCATE);
	gup_pin_report_forget();
	test->priv = s;
	return gup_pin_console_watch(test);
}

/* The folio is in no address space that it could be pinned from: add the pin by hand. */
static noinline void take_pin(struct folio *folio)
{
	struct page *page = &folio->page;

	folio_ref_add(folio, GUP_PIN_COUNTING_BIAS);
	gup_pin_acquired(1, &page, 0, FOLL_WRITE, NULL, GUP_PIN_USER_PAGES);
}

/* Dirty the folio as a holder of a pin does. */
static noinline void dirty(struct folio *folio)
{
	folio_lock(folio);
	gup_pin_dirtying(folio);
	folio_unlock(folio);
}

static void expect_dirtied(struct kunit *test, unsigned int more)
{
	struct dirtied_state *s = test->priv;

	KUNIT_EXPECT_EQ(test, met(GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN),
			s->dirtied + more);
	KUNIT_EXPECT_EQ(test, met(GUP_PIN_HAZARD_TRUNCATE), s->truncated);
}

static void whole_report(struct kunit *test)
{
	static const char *const want[] = {
		GUP_PIN_RULE,
		"BUG: GUP_PIN: pinned folio dirtied after it was cleaned in dirty+0x*/0x*",
		"",
		"folio: pfn=0x* order=0 map=* flags=0x*(*locked*) refcount=* mapcount=0 recorded_pins=1 real_pins=1",
		"file: fs=stand_in dev=7:3 ino=42 index=0x5 name=\"\" stable_pages=no nlink=0",
		"",
		"event: task=*/* comm=kunit_try_catch*",
		" dirty+0x*/0x*",
		" whole_*+0x*/0x*",
		GUP_PIN_FRAMES,
		"",
		"pin: mode=w term=short api=pin_user_pages owner=0 task=*/* comm=kunit_try_catch* age_ms=* pins=1 addr=0x0 match=exact alive=yes uid=0 stack=0x*",
		" take_pin+0x*/0x*",
		" whole_*+0x*/0x*",
		GUP_PIN_FRAMES,
		"",
		GUP_PIN_TAIL
	};
	struct dirtied_state *s = test->priv;

	take_pin(s->folio);
	dirty(s->folio);
	unpin_user_folio(s->folio, 1);
	expect_dirtied(test, 1);
	gup_pin_console_expect(test, want, ARRAY_SIZE(want));
}

static void what_is_no_hazard(struct kunit *test)
{
	struct dirtied_state *s = test->priv;

	/* No pin. */
	dirty(s->folio);
	expect_dirtied(test, 0);

	take_pin(s->folio);
	/* The file system dirtied the folio itself. */
	folio_set_dirty(s->folio);
	dirty(s->folio);
	expect_dirtied(test, 0);
	folio_clear_dirty(s->folio);
	/* The file system keeps dirty state elsewhere. */
	s->folio->mapping->host->i_sb->s_bdi->capabilities = 0;
	dirty(s->folio);
	expect_dirtied(test, 0);
	s->folio->mapping->host->i_sb->s_bdi->capabilities = BDI_CAP_WRITEBACK;
	dirty(s->folio);
	expect_dirtied(test, 1);
	unpin_user_folio(s->folio, 1);
}

static void read_pins_are_no_hazard(struct kunit *test)
{
	struct dirtied_state *s = test->priv;
	unsigned long addr = gup_pin_test_map(test, 1);
	struct page *page;

	page = gup_pin_test_pin(test, addr, false);
	dirty(page_folio(page));
	expect_dirtied(test, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_console_reports(), 0);
	unpin_user_page(page);
	KUNIT_EXPECT_EQ(test, met(GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN),
			s->dirtied);
}

/* All functions of mm/ that dirty a page pinned by the caller. */
static void who_dirties(struct kunit *test)
{
	struct dirtied_state *s = test->priv;
	struct page *page = &s->folio->page;

	take_pin(s->folio);
	set_page_dirty_lock(page);
	expect_dirtied(test, 1);
	/* The folio is dirty now, so this is no hazard. */
	unpin_user_pages_dirty_lock(&page, 1, true);
	expect_dirtied(test, 1);

	folio_clear_dirty(s->folio);
	take_pin(s->folio);
	unpin_user_pages_dirty_lock(&page, 1, false);
	expect_dirtied(test, 1);

	take_pin(s->folio);
	unpin_user_pages_dirty_lock(&page, 1, true);
	expect_dirtied(test, 2);

	folio_clear_dirty(s->folio);
	take_pin(s->folio);
	unpin_user_page_range_dirty_lock(page, 1, true);
	expect_dirtied(test, 3);
}

/* The writeback of the pinned folio was already reported. */
static void one_deed_one_report(struct kunit *test)
{
	struct dirtied_state *s = test->priv;

	folio_set_dirty(s->folio);
	take_pin(s->folio);
	folio_clear_dirty(s->folio);
	gup_pin_test_start_writeback(s->folio);
	gup_pin_test_end_writeback(s->folio);
	KUNIT_EXPECT_EQ(test, gup_pin_console_reports(), 1);
	dirty(s->folio);
	unpin_user_folio(s->folio, 1);
	expect_dirtied(test, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_console_reports(), 1);

	/* A new pin, so a new report. */
	take_pin(s->folio);
	dirty(s->folio);
	unpin_user_folio(s->folio, 1);
	expect_dirtied(test, 2);
	KUNIT_EXPECT_EQ(test, gup_pin_console_reports(), 2);
}

static void end_read(struct bio *bio, struct folio *folio)
{
	bio_set_flag(bio, BIO_PAGE_PINNED);
	__bio_add_page(bio, &folio->page, PAGE_SIZE, 0);
	bio_endio(bio);
}

/*
 * A program waits for a direct read, and then for the writeback of the page, all before the
 * read's unpin, which dirties the page. Nothing is wrong, if writeback is ignored or not.
 */
static void read_that_has_ended(struct kunit *test)
{
	static const char *const params[] = {
		"gup_pin.writeback=write", "gup_pin.writeback=off",
	};
	struct dirtied_state *s = test->priv;
	struct bio_vec vec;
	struct bio bio;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(params); i++) {
		bio_init(&bio, NULL, &vec, 1, REQ_OP_READ);
		folio_set_dirty(s->folio);
		take_pin(s->folio);
		end_read(&bio, s->folio);
		gup_pin_test_set_param(params[i]);
		folio_clear_dirty(s->folio);
		gup_pin_test_start_writeback(s->folio);
		gup_pin_test_end_writeback(s->folio);
		gup_pin_test_set_param("gup_pin.writeback=write");
		bio_release_pages(&bio, true);
		bio_uninit(&bio);
		expect_dirtied(test, i + 1);
		KUNIT_EXPECT_EQ(test, gup_pin_console_reports(), 0);
	}
}

static struct kunit_case dirtied_cases[] = {
	KUNIT_CASE(whole_report),
	KUNIT_CASE(what_is_no_hazard),
	KUNIT_CASE(read_pins_are_no_hazard),
	KUNIT_CASE(who_dirties),
	KUNIT_CASE(one_deed_one_report),
	KUNIT_CASE(read_that_has_ended),
	{}
};

static struct kunit_suite dirtied_suite = {
	.name = "gup_pin_dirtied",
	.init = dirtied_init,
	.exit = gup_pin_case_unpin,
	.test_cases = dirtied_cases,
};

kunit_test_suite(dirtied_suite);
