// SPDX-License-Identifier: GPL-2.0
/* Hazards: which events are hazards, and the full text of reports. */
#include <linux/compiler.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/shmem_fs.h>

#include "../compat.h"
#include "case.h"
#include "console.h"
#include "file.h"
#include "hazard_scene.h"

#define PAGES	GUP_PIN_SCENE_PAGES

static void writeback_is_reported(struct kunit *test)
{
	struct page *page = gup_pin_scene_pin(test, true);

	gup_pin_scene_writeback(test);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_WRITEBACK, 1);
	gup_pin_expect_report(test, "writeback of write-pinned folio",
			      "gup_pin_scene_*", "w", gup_pin_file_line(test));
	unpin_user_page(page);
	gup_pin_scene_start(test);
	gup_pin_scene_writeback(test);
	gup_pin_expect_nothing(test);
}

static void pin_under_writeback_is_reported(struct kunit *test)
{
	struct gup_pin_scene *s = test->priv;
	struct page *page;

	gup_pin_test_start_writeback(s->folio);
	/* A clean folio will not be written again. */
	folio_clear_dirty(s->folio);
	gup_pin_expect_nothing(test);
	page = gup_pin_scene_pin(test, true);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK, 1);
	gup_pin_expect_report(test, "write pin of folio under writeback",
			      "pin_user_pages_fast", "w",
			      gup_pin_file_line(test));
	gup_pin_test_end_writeback(s->folio);
	unpin_user_page(page);
}

/* A dirty folio will be written again, unless the device needs stable pages. */
static void dirty_folio_under_writeback(struct kunit *test)
{
	struct gup_pin_scene *s = test->priv;
	struct page *page;

	gup_pin_test_start_writeback(s->folio);
	folio_set_dirty(s->folio);
	page = gup_pin_scene_pin(test, true);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK, 1);
	gup_pin_expect_reported(test, 0, 0);
	unpin_user_page(page);

	gup_pin_scene_start(test);
	mapping_set_stable_writes(s->folio->mapping);
	page = gup_pin_scene_pin(test, true);
	mapping_clear_stable_writes(s->folio->mapping);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK, 1);
	gup_pin_expect_reported(test, 1, 0);
	gup_pin_test_end_writeback(s->folio);
	unpin_user_page(page);
}

/* Path of calls for many pages; the second page is not under writeback. */
static void many_under_writeback(struct kunit *test)
{
	struct gup_pin_scene *s = test->priv;
	struct page *pages[PAGES];
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		struct page *page = gup_pin_test_pin(test, s->addr +
						     i * PAGE_SIZE, true);
		struct folio *folio = page_folio(page);

		unpin_user_page(page);
		gup_pin_scene_start(test);
		gup_pin_test_start_writeback(folio);
		folio_clear_dirty(folio);
		KUNIT_ASSERT_EQ(test, PAGES,
				pin_user_pages_fast(s->addr, PAGES, FOLL_WRITE,
						    pages));
		gup_pin_test_end_writeback(folio);
		gup_pin_expect_counted(test, GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK,
				       1);
		gup_pin_expect_reported(test, 1, 0);
		unpin_user_pages(pages, PAGES);
	}
	gup_pin_scene_start(test);
	KUNIT_ASSERT_EQ(test, PAGES, pin_user_pages_fast(s->addr, PAGES,
							 FOLL_WRITE, pages));
	gup_pin_expect_nothing(test);
	unpin_user_pages(pages, PAGES);
}

static void truncation_is_reported(struct kunit *test)
{
	const char *file = gup_pin_file_line(test);
	struct page *page = gup_pin_scene_pin(test, true);

	/* The file has no name, but is still open. */
	gup_pin_scene_truncate(test, 0, -1);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	gup_pin_expect_report(test, "truncation of write-pinned folio",
			      "truncate_*", "w", file);
	unpin_user_page(page);
}

static void truncation_of_what_is_read(struct kunit *test)
{
	struct page *page = gup_pin_scene_pin(test, false);

	gup_pin_scene_truncate(test, 0, -1);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	gup_pin_expect_reported(test, 0, 0);
	unpin_user_page(page);
}

/* Like a memfd that is unmapped and closed while a device still writes to it. */
static void end_of_a_file(struct kunit *test)
{
	struct file *file = shmem_file_setup("gup_pin", PAGE_SIZE,
					     GUP_PIN_NO_VMA_FLAGS);
	struct page *page;
	unsigned long addr;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	addr = vm_mmap(file, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	page = gup_pin_test_pin(test, addr, true);
	vm_munmap(addr, PAGE_SIZE);
	fput(file);
	flush_delayed_fput();
	KUNIT_EXPECT_NULL(test, page_folio(page)->mapping);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	gup_pin_expect_reported(test, 0, 0);
	unpin_user_page(page);
}

/* Later truncations of the same folio are not reported again for the same pin. */
static void parts_of_one_truncation(struct kunit *test)
{
	struct page *page = gup_pin_scene_pin(test, true);

	gup_pin_scene_truncate(test, 0, 511);
	gup_pin_scene_truncate(test, 0, -1);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 2);
	gup_pin_expect_reported(test, 1, 1);
	unpin_user_page(page);
}

/* Counter-check: with a new pin, the second truncation is reported. */
static void another_truncation(struct kunit *test)
{
	unsigned int i, times = 2;

	/* All pins must come from one call site, so the loop must not be unrolled. */
	OPTIMIZER_HIDE_VAR(times);
	for (i = 0; i < times; i++) {
		struct page *page = gup_pin_scene_pin(test, true);

		if (i)
			gup_pin_scene_truncate(test, 0, -1);
		else
			gup_pin_scene_truncate(test, 0, 511);
		unpin_user_page(page);
	}
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 2);
	gup_pin_expect_reported(test, 2, 0);
}

/* It is a guess whether the read pin or the write pin is left. */
static void a_guessed_mode(struct kunit *test)
{
	struct page *reader = gup_pin_scene_pin(test, false);
	struct page *writer = gup_pin_scene_pin(test, true);

	unpin_user_page(reader);
	gup_pin_scene_truncate(test, 0, 511);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	gup_pin_expect_reported(test, 0, 0);
	unpin_user_page(writer);
}

/* Counter-check: a write pin is left in either case. */
static void a_guess_that_matters_not(struct kunit *test)
{
	struct page *a = gup_pin_scene_pin(test, true);
	struct page *b = gup_pin_scene_pin(test, true);

	unpin_user_page(a);
	gup_pin_scene_truncate(test, 0, 511);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	gup_pin_expect_reported(test, 1, 0);
	unpin_user_page(b);
}

/* An unpin that dirties releases a write pin, so the read pin is certainly left. */
static void a_guess_that_is_none(struct kunit *test)
{
	struct page *writers[] = {
		gup_pin_scene_pin(test, true), gup_pin_scene_pin(test, true),
	};
	struct page *reader = gup_pin_scene_pin(test, false);

	unpin_user_pages_dirty_lock(writers, 1, true);
	gup_pin_scene_truncate(test, 0, 511);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	gup_pin_expect_reported(test, 1, 0);
	unpin_user_pages_dirty_lock(writers + 1, 1, true);
	unpin_user_page(reader);
}

/* Like the journal with data=journal. */
static void a_buffer_is_submitted(struct kunit *test)
{
	struct gup_pin_scene *s = test->priv;
	struct page *page;

	gup_pin_submit(s->folio, true);
	gup_pin_expect_nothing(test);
	page = gup_pin_scene_pin(test, true);
	gup_pin_submit(s->folio, false);
	gup_pin_expect_nothing(test);
	gup_pin_submit(s->folio, true);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_WRITEBACK, 1);
	gup_pin_expect_reported(test, 1, 0);

	/* Already checked when its writeback started. */
	gup_pin_test_start_writeback(s->folio);
	gup_pin_scene_start(test);
	gup_pin_submit(s->folio, true);
	gup_pin_expect_nothing(test);
	gup_pin_test_end_writeback(s->folio);
	unpin_user_page(page);
}

/* Only part of the page is zeroed; the page stays. */
static void partial_truncation_is_reported(struct kunit *test)
{
	struct page *page = gup_pin_scene_pin(test, true);

	gup_pin_scene_truncate(test, 512, 1023);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	gup_pin_expect_report(test, "truncation of write-pinned folio",
			      "truncate_inode_partial_folio", "w",
			      gup_pin_file_line(test));
	unpin_user_page(page);
}

static void invalidation_is_reported(struct kunit *test)
{
	struct gup_pin_scene *s = test->priv;
	struct address_space *mapping = s->folio->mapping;
	const char *file = gup_pin_file_line(test);
	struct page *page = gup_pin_scene_pin(test, true);

	/* A dirty folio stays in its file. */
	folio_mark_dirty(s->folio);
	KUNIT_EXPECT_EQ(test, -EBUSY, invalidate_inode_pages2(mapping));
	gup_pin_expect_nothing(test);

	folio_lock(s->folio);
	folio_cancel_dirty(s->folio);
	folio_unlock(s->folio);
	KUNIT_EXPECT_EQ(test, 0, invalidate_inode_pages2(mapping));
	KUNIT_EXPECT_NULL(test, s->folio->mapping);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	gup_pin_expect_report(test, "truncation of write-pinned folio", "*inv*",
			      "w", file);
	unpin_user_page(page);
}

/* Add a pin that the hooks do not see. */
static void pin_secretly(struct page *page)
{
	folio_ref_add(page_folio(page), GUP_PIN_COUNTING_BIAS);
	node_stat_mod_folio(page_folio(page), NR_FOLL_PIN_ACQUIRED, 1);
}

static void unmatched_unpin_is_reported(struct kunit *test)
{
	struct gup_pin_scene *s = test->priv;
	const char *const want[] = {
		GUP_PIN_RULE,
		"BUG: GUP_PIN: unpin of folio without recorded pin in unpin_user_page+0x*",
		"",
		gup_pin_folio_line(test, 0, 1),
		gup_pin_file_line(test),
		"last release: age_ms=* pid=* in gup_pin_scene_init+0x*",
		"",
		gup_pin_event_line(),
		" unpin_user_page+0x*",
		" unmatched_unpin_is_*+0x*",
		GUP_PIN_FRAMES,
		"",
		"pins that are dropped without a record: 1",
		"",
		GUP_PIN_TAIL
	};

	pin_secretly(s->page);
	unpin_user_page(s->page);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_UNMATCHED_UNPIN, 1);
	gup_pin_console_expect(test, want, ARRAY_SIZE(want));
}

/* No previous unpin of the page is known. */
static void unmatched_unpin_of_a_fresh_page(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	unsigned long block;
	struct gup_pin_last last;

	KUNIT_ASSERT_NOT_NULL(test, page);
	block = gup_pin_block_nr(page_to_pfn(page));
	/* Clear the last release of the shard. */
	memset(&gup_pin_shard_of(&gup_pin_root.index, block)->last, 0, sizeof(last));
	KUNIT_EXPECT_FALSE(test, gup_pin_last_release(&gup_pin_root.index,
						      page_to_pfn(page), &last));
	pin_secretly(page);
	unpin_user_page(page);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_UNMATCHED_UNPIN, 1);
	gup_pin_expect_reported(test, 1, 0);
	__free_page(page);
}

/* Not a hazard if pins from before tracking may be left. */
static void unmatched_unless_incomplete(struct kunit *test)
{
	struct gup_pin_scene *s = test->priv;
	struct page *pages[2] = { s->page, s->page };

	pin_secretly(s->page);
	gup_pin_root.index.complete = false;
	unpin_user_page(s->page);
	gup_pin_root.index.complete = true;
	gup_pin_expect_nothing(test);

	pin_secretly(s->page);
	pin_secretly(s->page);
	unpin_user_pages(pages, 2);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_UNMATCHED_UNPIN, 2);
}

static void dirty_read_pin_is_reported(struct kunit *test)
{
	struct page *page = gup_pin_scene_pin(test, false);

	unpin_user_pages_dirty_lock(&page, 1, true);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_DIRTY_READ_PIN, 1);
	gup_pin_expect_report(test, "unpin of read-pinned folio as dirty",
			      "unpin_user_pages_dirty_lock", "r",
			      gup_pin_file_line(test));
}

static void dirty_unpins_that_may(struct kunit *test)
{
	struct page *reader, *writer;

	writer = gup_pin_scene_pin(test, true);
	unpin_user_pages_dirty_lock(&writer, 1, true);
	reader = gup_pin_scene_pin(test, false);
	unpin_user_pages_dirty_lock(&reader, 1, false);
	gup_pin_expect_nothing(test);

	/* It is unknown which of the two pins is released. */
	reader = gup_pin_scene_pin(test, false);
	writer = gup_pin_scene_pin(test, true);
	unpin_user_pages_dirty_lock(&writer, 1, true);
	unpin_user_page(reader);
	gup_pin_expect_nothing(test);

	/* The remaining record is no proof, because the unpin before was a wrong guess. */
	writer = gup_pin_scene_pin(test, true);
	reader = gup_pin_scene_pin(test, false);
	unpin_user_page(reader);
	unpin_user_pages_dirty_lock(&writer, 1, true);
	gup_pin_expect_nothing(test);
}

/* Swap may write pinned anonymous memory, which is harmless. */
static void anonymous_memory_is_no_hazard(struct kunit *test)
{
	unsigned long addr = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE,
					   PROT_READ | PROT_WRITE,
					   MAP_ANONYMOUS | MAP_PRIVATE, 0);
	struct page *page, *other;

	KUNIT_ASSERT_NE(test, addr, 0);
	page = gup_pin_test_pin(test, addr, true);
	gup_pin_test_start_writeback(page_folio(page));
	other = gup_pin_test_pin(test, addr, true);
	gup_pin_test_end_writeback(page_folio(page));
	gup_pin_expect_nothing(test);
	unpin_user_page(page);
	unpin_user_page(other);
}

/* So many references that they look like a pin. */
static void many_references_are_no_pin(struct kunit *test)
{
	struct gup_pin_scene *s = test->priv;

	folio_ref_add(s->folio, GUP_PIN_COUNTING_BIAS);
	gup_pin_scene_writeback(test);
	gup_pin_scene_truncate(test, 0, 511);
	folio_ref_sub(s->folio, GUP_PIN_COUNTING_BIAS);
	gup_pin_expect_nothing(test);
	KUNIT_EXPECT_EQ(test, atomic64_read(&gup_pin_root.false_positive) -
			s->false_positive, 1);

	/* Pins from before tracking are not known, so it may be one. */
	folio_ref_add(s->folio, GUP_PIN_COUNTING_BIAS);
	gup_pin_root.index.complete = false;
	gup_pin_scene_writeback(test);
	gup_pin_root.index.complete = true;
	folio_ref_sub(s->folio, GUP_PIN_COUNTING_BIAS);
	KUNIT_EXPECT_EQ(test, atomic64_read(&gup_pin_root.false_positive) -
			s->false_positive, 1);
}

static struct kunit_case hazard_cases[] = {
	KUNIT_CASE(writeback_is_reported),
	KUNIT_CASE(pin_under_writeback_is_reported),
	KUNIT_CASE(dirty_folio_under_writeback),
	KUNIT_CASE(many_under_writeback),
	KUNIT_CASE(a_buffer_is_submitted),
	KUNIT_CASE(truncation_is_reported),
	KUNIT_CASE(truncation_of_what_is_read),
	KUNIT_CASE(end_of_a_file),
	KUNIT_CASE(parts_of_one_truncation),
	KUNIT_CASE(another_truncation),
	KUNIT_CASE(a_guessed_mode),
	KUNIT_CASE(a_guess_that_matters_not),
	KUNIT_CASE(a_guess_that_is_none),
	KUNIT_CASE(partial_truncation_is_reported),
	KUNIT_CASE(invalidation_is_reported),
	KUNIT_CASE(unmatched_unpin_is_reported),
	KUNIT_CASE(unmatched_unpin_of_a_fresh_page),
	KUNIT_CASE(unmatched_unless_incomplete),
	KUNIT_CASE(dirty_read_pin_is_reported),
	KUNIT_CASE(dirty_unpins_that_may),
	KUNIT_CASE(anonymous_memory_is_no_hazard),
	KUNIT_CASE(many_references_are_no_pin),
	{}
};

static struct kunit_suite hazard_suite = {
	.name = "gup_pin_hazard",
	.init = gup_pin_scene_init,
	.exit = gup_pin_case_unpin,
	.test_cases = hazard_cases,
};

kunit_test_suite(hazard_suite);
