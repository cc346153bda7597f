// SPDX-License-Identifier: GPL-2.0
/* Between the end of a direct read and the unpin of its pages. */
#include <linux/bio.h>
#include <linux/gup_pin.h>
#include <linux/mm.h>
#include <linux/sched/clock.h>

#include "../gup_pin.h"
#include "case.h"
#include "file.h"
#include "hazard_scene.h"

#define MANY	16

/* A bio that owns pins on the scene's page, mostly one. */
struct io {
	struct bio bio;
	struct bio_vec vec[2];
};

static struct io *io_of(struct kunit *test, blk_opf_t op)
{
	struct io *io = kunit_kzalloc(test, sizeof(*io), GFP_KERNEL);
	struct page *page;

	KUNIT_ASSERT_NOT_NULL(test, io);
	page = gup_pin_scene_pin(test, !op_is_write(op));
	bio_init(&io->bio, NULL, io->vec, ARRAY_SIZE(io->vec), op);
	bio_set_flag(&io->bio, BIO_PAGE_PINNED);
	__bio_add_page(&io->bio, page, PAGE_SIZE, 0);
	return io;
}

static void release(struct io *io)
{
	bio_release_pages(&io->bio, false);
	bio_uninit(&io->bio);
}

/* A program waits for the read and has the page written back while it is still pinned. */
static void writeback_after_the_end(struct kunit *test)
{
	struct io *io = io_of(test, REQ_OP_READ);

	bio_endio(&io->bio);
	gup_pin_scene_writeback(test);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_WRITEBACK, 1);
	gup_pin_expect_reported(test, 0, 0);
	release(io);
	gup_pin_scene_start(test);
	gup_pin_scene_writeback(test);
	gup_pin_expect_nothing(test);
}

static void truncation_after_the_end(struct kunit *test)
{
	struct io *io = io_of(test, REQ_OP_READ);

	bio_endio(&io->bio);
	gup_pin_scene_truncate(test, 0, -1);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	gup_pin_expect_reported(test, 0, 0);
	release(io);
}

static void writeback_before_the_end(struct kunit *test)
{
	struct io *io = io_of(test, REQ_OP_READ);

	gup_pin_scene_writeback(test);
	gup_pin_expect_reported(test, 1, 0);
	bio_endio(&io->bio);
	release(io);
}

/* Another read of the page is still in progress. */
static void one_of_two_has_ended(struct kunit *test)
{
	struct io *ended = io_of(test, REQ_OP_READ);
	struct io *goes_on = io_of(test, REQ_OP_READ);

	bio_endio(&ended->bio);
	gup_pin_scene_writeback(test);
	gup_pin_expect_reported(test, 1, 0);
	bio_endio(&goes_on->bio);
	gup_pin_scene_start(test);
	gup_pin_scene_writeback(test);
	gup_pin_expect_reported(test, 0, 0);
	release(ended);
	release(goes_on);
}

/* A read that ends twice, as with in-place decryption, counts once. */
static void it_ends_twice(struct kunit *test)
{
	struct io *io = io_of(test, REQ_OP_READ);
	struct page *page = gup_pin_scene_pin(test, true);

	bio_endio(&io->bio);
	bio_endio(&io->bio);
	gup_pin_scene_writeback(test);
	gup_pin_expect_reported(test, 1, 0);
	release(io);
	unpin_user_page(page);
}

/* An entry does not outlive its read. */
static void nothing_is_left_of_it(struct kunit *test)
{
	struct io *io = io_of(test, REQ_OP_READ);
	struct page *page;

	bio_endio(&io->bio);
	release(io);
	page = gup_pin_scene_pin(test, true);
	gup_pin_scene_writeback(test);
	gup_pin_expect_reported(test, 1, 0);
	unpin_user_page(page);
}

/* A direct write only reads the page, so its end does not excuse another pin. */
static void a_write_excuses_nothing(struct kunit *test)
{
	struct io *io = io_of(test, REQ_OP_WRITE);
	struct page *page = gup_pin_scene_pin(test, true);

	bio_endio(&io->bio);
	gup_pin_scene_writeback(test);
	gup_pin_expect_reported(test, 1, 0);
	release(io);
	unpin_user_page(page);
}

/* More reads of one page than are stored. */
static void end_many(struct kunit *test, struct io **ios)
{
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		ios[i] = io_of(test, REQ_OP_READ);
		bio_endio(&ios[i]->bio);
	}
}

static void release_many(struct io **ios, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		release(ios[i]);
}

/* If reads are missing in the table, nothing is certain until all their pages are unpinned. */
static void too_many_have_ended(struct kunit *test)
{
	struct io *ios[MANY];
	struct page *page;

	end_many(test, ios);
	page = gup_pin_scene_pin(test, true);
	gup_pin_scene_writeback(test);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_WRITEBACK, 1);
	gup_pin_expect_reported(test, 0, 0);
	release_many(ios, MANY / 2);
	gup_pin_scene_writeback(test);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_WRITEBACK, 2);
	gup_pin_expect_reported(test, 0, 0);
	release_many(ios + MANY / 2, MANY / 2);
	gup_pin_scene_start(test);
	gup_pin_scene_writeback(test);
	gup_pin_expect_reported(test, 1, 0);
	unpin_user_page(page);
}

/* The bio has two parts of the page, with a pin each: the second may be there for longer. */
static void one_of_two_parts_is_released(struct kunit *test)
{
	struct gup_pin_scene *s = test->priv;
	struct io *io = io_of(test, REQ_OP_READ);
	struct page *page = gup_pin_scene_pin(test, true);

	io->vec[0].bv_len = 512;
	__bio_add_page(&io->bio, page, 512, 1024);
	bio_endio(&io->bio);
	unpin_user_page(page);
	gup_pin_read_released(&io->bio, s->folio, 1);
	gup_pin_scene_writeback(test);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_WRITEBACK, 1);
	gup_pin_expect_reported(test, 0, 0);
	unpin_user_page(page);
	gup_pin_read_released(&io->bio, s->folio, 1);
	bio_uninit(&io->bio);
	page = gup_pin_scene_pin(test, true);
	gup_pin_scene_start(test);
	gup_pin_scene_writeback(test);
	gup_pin_expect_reported(test, 1, 0);
	unpin_user_page(page);
}

/* Returns the pin of the newest hazard. */
static struct gup_pin_item newest_pin(void)
{
	/* Too large for the stack. */
	static struct gup_pin_hazard_record hazard;

	hazard.seq = 0;
	while (gup_pin_ring_get(&hazard, hazard.seq))
		;
	return hazard.pin;
}

/* A program waits for a read, has the page written back, and writes it to another file. */
static void a_read_pin_after_the_end(struct kunit *test)
{
	struct gup_pin_scene *s = test->priv;
	struct io *io = io_of(test, REQ_OP_READ);
	struct page *page;

	bio_endio(&io->bio);
	gup_pin_test_start_writeback(s->folio);
	folio_clear_dirty(s->folio);
	page = gup_pin_scene_pin(test, false);
	KUNIT_EXPECT_EQ(test, gup_pin_scene_counted(test, GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK),
			1);
	KUNIT_EXPECT_EQ(test, (int)newest_pin().id.mode, GUP_PIN_READ);
	gup_pin_expect_reported(test, 0, 0);
	gup_pin_test_end_writeback(s->folio);
	unpin_user_page(page);
	release(io);
}

/* Counter-check: the second read is reported, and not the first, which has ended. */
static void a_write_pin_after_the_end(struct kunit *test)
{
	struct gup_pin_scene *s = test->priv;
	struct io *io = io_of(test, REQ_OP_READ);
	struct page *page;
	u64 time;

	bio_endio(&io->bio);
	gup_pin_test_start_writeback(s->folio);
	folio_clear_dirty(s->folio);
	time = local_clock();
	page = gup_pin_scene_pin(test, true);
	KUNIT_EXPECT_GE(test, newest_pin().time, time);
	gup_pin_expect_reported(test, 1, 0);
	gup_pin_test_end_writeback(s->folio);
	unpin_user_page(page);
	release(io);
}

/* A direct read takes no long-term pin. */
static void a_long_term_pin_is_certain(struct kunit *test)
{
	struct gup_pin_scene *s = test->priv;
	struct io *ios[MANY];
	struct page *page;

	KUNIT_ASSERT_EQ(test, 1, pin_user_pages_fast(s->addr, 1, FOLL_WRITE | FOLL_LONGTERM,
						     &page));
	end_many(test, ios);
	gup_pin_scene_writeback(test);
	gup_pin_expect_reported(test, 1, 0);
	release_many(ios, MANY);
	unpin_user_page(page);
}

static struct kunit_case ended_cases[] = {
	KUNIT_CASE(writeback_after_the_end),
	KUNIT_CASE(truncation_after_the_end),
	KUNIT_CASE(writeback_before_the_end),
	KUNIT_CASE(one_of_two_has_ended),
	KUNIT_CASE(it_ends_twice),
	KUNIT_CASE(nothing_is_left_of_it),
	KUNIT_CASE(a_write_excuses_nothing),
	KUNIT_CASE(too_many_have_ended),
	KUNIT_CASE(one_of_two_parts_is_released),
	KUNIT_CASE(a_read_pin_after_the_end),
	KUNIT_CASE(a_write_pin_after_the_end),
	KUNIT_CASE(a_long_term_pin_is_certain),
	{}
};

static struct kunit_suite ended_suite = {
	.name = "gup_pin_ended",
	.init = gup_pin_scene_init,
	.test_cases = ended_cases,
};

kunit_test_suite(ended_suite);
