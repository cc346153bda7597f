// SPDX-License-Identifier: GPL-2.0
/* Stakes that depend on the file system of the file. */
#include <kunit/test.h>
#include <linux/backing-dev.h>
#include <linux/buffer_head.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/mm.h>

#include "../compat.h"
#include "../gup_pin.h"
#include "case.h"
#include "file.h"

static struct inode *inode_of(const struct folio *folio)
{
	return folio->mapping->host;
}

static void expect_truncate(struct kunit *test, struct folio *folio,
			    unsigned int links, bool disk,
			    enum gup_pin_stake stake)
{
	inode_of(folio)->__i_nlink = links;
	inode_of(folio)->i_sb->s_bdi->capabilities =
		disk ? BDI_CAP_WRITEBACK : 0;
	KUNIT_EXPECT_STREQ_MSG(test, gup_pin_stake_names[stake],
			       gup_pin_stake_names[gup_pin_truncate_stake(folio)],
			       "links=%u disk=%d", links, disk);
}

/* While the inode is not evicted, it does not matter whether it has a name. */
static void truncation_of_what_lives(struct kunit *test)
{
	struct folio *folio = gup_pin_test_stand_in(test);

	expect_truncate(test, folio, 1, true, GUP_PIN_STAKE_DATA);
	expect_truncate(test, folio, 0, true, GUP_PIN_STAKE_DATA);
	expect_truncate(test, folio, 1, false, GUP_PIN_STAKE_DATA);
	expect_truncate(test, folio, 0, false, GUP_PIN_STAKE_DATA);
}

/* An evicted file on a disk can be read again if it has a name. */
static void truncation_at_the_end(struct kunit *test)
{
	struct folio *folio = gup_pin_test_stand_in(test);

	gup_pin_end_inode(inode_of(folio));
	expect_truncate(test, folio, 1, true, GUP_PIN_STAKE_DATA);
	expect_truncate(test, folio, 0, true, GUP_PIN_STAKE_END);
	expect_truncate(test, folio, 1, false, GUP_PIN_STAKE_END);
	expect_truncate(test, folio, 0, false, GUP_PIN_STAKE_END);
}

#ifdef CONFIG_BUFFER_HEAD
static void free_buffers(void *data)
{
	struct folio *folio = data;
	struct buffer_head *head = folio_detach_private(folio), *bh = head, *next;

	do {
		next = bh->b_this_page;
		free_buffer_head(bh);
		bh = next;
	} while (bh != head);
}

static void expect_writeback(struct kunit *test, struct folio *folio,
			     enum gup_pin_stake stake)
{
	KUNIT_EXPECT_STREQ(test, gup_pin_stake_names[stake],
			   gup_pin_stake_names[gup_pin_writeback_stake(folio)]);
}

static void writeback_of_nothing(struct kunit *test)
{
	struct folio *folio = gup_pin_test_stand_in(test);
	struct buffer_head *head;

	spin_lock_init(&folio->mapping->i_private_lock);
	folio_lock(folio);
	head = create_empty_buffers(folio, 1024, 0);
	folio_unlock(folio);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_buffers,
							   folio));
	/* Other file systems do not say what they submit. */
	expect_writeback(test, folio, GUP_PIN_STAKE_DATA);
	inode_of(folio)->i_sb->s_magic = EXT4_SUPER_MAGIC;
	inode_of(folio)->i_sb->s_type->name = "ext2";
	expect_writeback(test, folio, GUP_PIN_STAKE_DATA);
	inode_of(folio)->i_sb->s_type->name = "ext4";
	expect_writeback(test, folio, GUP_PIN_STAKE_NOTHING);
	set_buffer_async_write(head->b_this_page);
	expect_writeback(test, folio, GUP_PIN_STAKE_DATA);
	clear_buffer_async_write(head->b_this_page);
	expect_writeback(test, folio, GUP_PIN_STAKE_NOTHING);
}
#endif

static void expect_stake(struct kunit *test, const struct gup_pin_hazard *hazard,
			 const struct gup_pin_item *pin,
			 enum gup_pin_stake stake)
{
	const struct gup_pin_ended none = {};
	enum gup_pin_stake found = gup_pin_pin_stake(hazard, pin, 1, &none);

	KUNIT_EXPECT_STREQ(test, gup_pin_stake_names[stake],
			   gup_pin_stake_names[found]);
}

/* Harmless because of the pin. */
static void stakes_of_pins(struct kunit *test)
{
	struct gup_pin_item pin = { .id.mode = GUP_PIN_WRITE, .pins = 1 };
	struct gup_pin_hazard hazard = {
		.kind = GUP_PIN_HAZARD_TRUNCATE,
		.folio = gup_pin_test_stand_in(test),
	};
	struct gup_pin_hazard ends = hazard, hangs = hazard, unmatched = hazard;

	ends.stake = GUP_PIN_STAKE_END;
	hangs.stake = GUP_PIN_STAKE_HANG;
	unmatched.kind = GUP_PIN_HAZARD_UNMATCHED_UNPIN;
	unmatched.stake = GUP_PIN_STAKE_MEMORY;

	expect_stake(test, &hazard, &pin, GUP_PIN_STAKE_DATA);
	expect_stake(test, &ends, &pin, GUP_PIN_STAKE_END);
	pin.mixed = true;
	expect_stake(test, &hazard, &pin, GUP_PIN_STAKE_GUESS);
	expect_stake(test, &ends, &pin, GUP_PIN_STAKE_END);
	pin.id.mode = GUP_PIN_READ;
	expect_stake(test, &hazard, &pin, GUP_PIN_STAKE_READ);
	expect_stake(test, &hangs, &pin, GUP_PIN_STAKE_HANG);
	expect_stake(test, &unmatched, &pin, GUP_PIN_STAKE_MEMORY);
}

/*
 * Part of a large folio is zeroed. It is a guess whether the pin is affected, unless
 * affected pages are recorded as pinned, or all pages of the folio are.
 */
static void stakes_of_parts(struct kunit *test)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);
	struct gup_pin_item pin = { .id.mode = GUP_PIN_WRITE, .pages = 1 };
	struct gup_pin_hazard hazard = { .kind = GUP_PIN_HAZARD_TRUNCATE };

	KUNIT_ASSERT_NOT_NULL(test, page);
	hazard.folio = page_folio(page);
	pin.pfn = page_to_pfn(page);
	expect_stake(test, &hazard, &pin, GUP_PIN_STAKE_DATA);
	hazard.first = 1;
	hazard.npages = 2;
	expect_stake(test, &hazard, &pin, GUP_PIN_STAKE_GUESS);
	pin.pfn++;
	expect_stake(test, &hazard, &pin, GUP_PIN_STAKE_DATA);
	pin.pfn++;
	expect_stake(test, &hazard, &pin, GUP_PIN_STAKE_DATA);
	pin.pfn++;
	expect_stake(test, &hazard, &pin, GUP_PIN_STAKE_GUESS);
	pin.pfn = page_to_pfn(page);
	pin.pages = 4;
	expect_stake(test, &hazard, &pin, GUP_PIN_STAKE_DATA);
	__free_pages(page, 2);
}

static void expect_ended(struct kunit *test, enum gup_pin_hazard_kind kind,
			 const struct gup_pin_ended *ended,
			 enum gup_pin_stake stake)
{
	const struct gup_pin_item pin = { .id.mode = GUP_PIN_WRITE, .pins = 1 };
	const struct gup_pin_hazard hazard = {
		.kind = kind,
		.folio = gup_pin_test_stand_in(test),
	};
	enum gup_pin_stake found = gup_pin_pin_stake(&hazard, &pin, 2, ended);

	KUNIT_EXPECT_STREQ(test, gup_pin_stake_names[stake],
			   gup_pin_stake_names[found]);
}

/* Two write pins. */
static void stakes_of_ended_reads(struct kunit *test)
{
	struct gup_pin_ended ended = { .pins = 1 };

	expect_ended(test, GUP_PIN_HAZARD_WRITEBACK, &ended, GUP_PIN_STAKE_DATA);
	ended.lossy = true;
	expect_ended(test, GUP_PIN_HAZARD_WRITEBACK, &ended, GUP_PIN_STAKE_GUESS);
	/* The pin was just taken; the content has changed. */
	expect_ended(test, GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK, &ended, GUP_PIN_STAKE_DATA);
	expect_ended(test, GUP_PIN_HAZARD_CHANGED_UNDER_WRITEBACK, &ended,
		     GUP_PIN_STAKE_DATA);
	ended.pins = 2;
	expect_ended(test, GUP_PIN_HAZARD_WRITEBACK, &ended, GUP_PIN_STAKE_DONE);
	ended.lossy = false;
	expect_ended(test, GUP_PIN_HAZARD_TRUNCATE, &ended, GUP_PIN_STAKE_DONE);
	/* The folio was not written back after the reads had ended. */
	expect_ended(test, GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN, &ended,
		     GUP_PIN_STAKE_DATA);
	ended.excused = true;
	expect_ended(test, GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN, &ended,
		     GUP_PIN_STAKE_DONE);
}

static struct kunit_case judge_cases[] = {
	KUNIT_CASE(truncation_of_what_lives),
	KUNIT_CASE(truncation_at_the_end),
#ifdef CONFIG_BUFFER_HEAD
	KUNIT_CASE(writeback_of_nothing),
#endif
	KUNIT_CASE(stakes_of_pins),
	KUNIT_CASE(stakes_of_parts),
	KUNIT_CASE(stakes_of_ended_reads),
	{}
};

static struct kunit_suite judge_suite = {
	.name = "gup_pin_judge",
	.init = gup_pin_case_start,
	.test_cases = judge_cases,
};

kunit_test_suite(judge_suite);
