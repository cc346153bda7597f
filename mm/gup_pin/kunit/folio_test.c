// SPDX-License-Identifier: GPL-2.0
/*
 * Unpins of large folios: of some of their pages, and of the folio as a whole, which
 * does not say which pages are meant.
 */
#include <linux/atomic.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/processor.h>
#include <linux/sched.h>

#include "case.h"
#include "fixture.h"

/* Two blocks. */
#define ORDER	(GUP_PIN_BLOCK_SHIFT + 1)
#define PAGES	BIT(ORDER)

/**
 * struct folio_state - state of a test
 * @fixture: as in other tests
 * @folio: a large folio
 * @pfn: its head pfn
 * @call: a long-term call for write
 */
struct folio_state {
	struct gup_pin_fixture fixture;
	struct folio *folio;
	unsigned long pfn;
	struct gup_pin_test_call call;
};

static unsigned int unmatched;

static void count_unmatched(unsigned long block, u64 mask, unsigned int pins, unsigned long ip)
{
	unmatched += hweight64(mask) * pins;
}

static int folio_init(struct kunit *test)
{
	static const struct gup_pin_id id = { .mode = GUP_PIN_WRITE, .term = GUP_PIN_LONG };
	struct folio_state *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	struct page *page;

	gup_pin_case_start(test);
	if (!s)
		return -ENOMEM;
	page = alloc_pages(GFP_KERNEL | __GFP_COMP, ORDER);
	if (!page)
		return -ENOMEM;
	s->folio = page_folio(page);
	s->folio->index = 0;
	s->pfn = page_to_pfn(page);
	gup_pin_fixture_start(&s->fixture);
	test->priv = s;
	unmatched = 0;
	s->call = gup_pin_test_call_of(test, &id);
	return 0;
}

static void folio_exit(struct kunit *test)
{
	struct folio_state *s = test->priv;

	if (!s)
		return;
	atomic_set(&s->folio->_pincount, 0);
	gup_pin_fixture_exit(test);
	__free_pages(&s->folio->page, ORDER);
}

/* Pin some pages, with records. */
static void pin_pages(struct kunit *test, const struct gup_pin_test_call *call,
		      unsigned int first, unsigned int npages)
{
	struct folio_state *s = test->priv;
	struct gup_pin_adder adder = gup_pin_test_adder(test, call, npages);

	atomic_add(npages, &s->folio->_pincount);
	gup_pin_add_range(&adder, s->pfn + first, npages, 0);
	gup_pin_add_end(&adder, npages);
	KUNIT_EXPECT_EQ(test, adder.added, npages);
}

/* Pin the whole folio, as memfd_pin_folios() and folio_add_pin() do. */
static void pin_folio(struct kunit *test, struct gup_pin_test_call *call, unsigned int pins)
{
	struct folio_state *s = test->priv;

	atomic_add(pins, &s->folio->_pincount);
	call->flags = GUP_PIN_RECORD_FOLIO;
	gup_pin_test_add(test, s->pfn, call, pins);
}

/* Add untracked pins to one of the pages. */
static void pin_untracked(struct kunit *test, unsigned int page, unsigned int pins)
{
	struct folio_state *s = test->priv;

	atomic_add(pins, &s->folio->_pincount);
	gup_pin_test_add_untracked(test, s->pfn + page, pins);
}

static struct gup_pin_unpin accusing(struct kunit *test)
{
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, 0);

	unpin.unmatched = count_unmatched;
	return unpin;
}

/* Like unpin_user_page_range_dirty_lock(): remove the records, then drop the pins. */
static void unpin_pages(struct kunit *test, unsigned int first, unsigned int npages)
{
	struct gup_pin_unpin unpin = accusing(test);
	struct folio_state *s = test->priv;

	gup_pin_unpin_range(&unpin, s->pfn + first, npages);
	gup_pin_unpin_end(&unpin);
	atomic_sub(npages, &s->folio->_pincount);
	gup_pin_expect_sound(test);
}

/* Like unpin_user_folio(). */
static void unpin_folio_pins(struct kunit *test, unsigned int pins)
{
	struct gup_pin_unpin unpin = accusing(test);
	struct folio_state *s = test->priv;

	gup_pin_unpin_folio(&unpin, s->pfn, PAGES, pins);
	gup_pin_unpin_end(&unpin);
	atomic_sub(pins, &s->folio->_pincount);
	gup_pin_expect_sound(test);
}

static unsigned int pins_on(struct kunit *test, unsigned int page)
{
	struct folio_state *s = test->priv;

	return gup_pin_test_page_pins(test, s->pfn + page);
}

/* Nothing is left, and each unpin found a pin. */
static void the_end(struct kunit *test, u64 inferred)
{
	const struct gup_pin_totals *t = gup_pin_test_totals(test);

	KUNIT_EXPECT_EQ(test, unmatched, 0);
	KUNIT_EXPECT_EQ(test, t->unmatched, 0);
	KUNIT_EXPECT_EQ(test, t->untracked, 0);
	KUNIT_EXPECT_EQ(test, t->inferred, inferred);
	gup_pin_expect_empty(test);
}

static void some_pages(struct kunit *test)
{
	struct folio_state *s = test->priv;
	unsigned int i;

	pin_pages(test, &s->call, 3, 100);
	unpin_pages(test, 50, 20);
	for (i = 0; i < PAGES; i++)
		KUNIT_EXPECT_EQ(test, pins_on(test, i),
				i >= 3 && i < 103 && (i < 50 || i >= 70));
	gup_pin_expect_match(test, s->pfn + 3, GUP_PIN_EXACT);
	unpin_pages(test, 3, 47);
	unpin_pages(test, 70, 33);
	the_end(test, 0);
}

/*
 * A pin of the whole folio belongs to no page; if nothing else is known, an unpin of a page
 * takes it only if the page has no pin.
 */
static void folio_as_such(struct kunit *test)
{
	struct gup_pin_test_call other = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_fixture *f = test->priv;
	struct folio_state *s = test->priv;
	struct gup_pin_item item;
	struct gup_pin_walk walk;

	pin_folio(test, &other, 1);
	gup_pin_walk_start(&walk, &f->index, 0, ULONG_MAX);
	KUNIT_EXPECT_EQ(test, 1, gup_pin_walk_items(&walk, &item, 1));
	gup_pin_walk_end(&walk);
	KUNIT_EXPECT_EQ(test, item.pages, PAGES);
	KUNIT_EXPECT_EQ(test, item.pins, 1);
	pin_pages(test, &s->call, 70, 3);
	/* This page has a pin of its own. */
	unpin_pages(test, 71, 1);
	KUNIT_EXPECT_EQ(test, pins_on(test, 71), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, s->pfn, &other), 1);
	/* An unpin of the whole folio takes a pin of the whole folio. */
	unpin_folio_pins(test, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, s->pfn, &other), 0);
	unpin_pages(test, 70, 1);
	unpin_pages(test, 72, 1);

	/* The page has no pin, so it takes one of the folio, or is a bug of the caller. */
	pin_folio(test, &other, 2);
	unpin_pages(test, 99, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, s->pfn, &other), 1);
	unpin_pages(test, 0, 1);
	/* The unpins of a page and of the folio that had both were guesses: so is the rest. */
	the_end(test, 4);
}

/* What is known about an unpin of one task's pins, with or without a handle. */
#define TASK	77
#define HANDLE	0xffff000000020000UL

/* A call of this task. */
static struct gup_pin_test_call call_by(struct kunit *test, pid_t pid, enum gup_pin_mode mode)
{
	const struct gup_pin_id id = { .mode = mode, .term = GUP_PIN_LONG, .pid = pid };

	return gup_pin_test_call_of(test, &id);
}

static struct gup_pin_unpin unpin_by_task(struct kunit *test)
{
	struct gup_pin_unpin unpin = accusing(test);

	unpin.pid = TASK;
	return unpin;
}

/* unpin_pages() of which more is known. */
static void unpin_with(struct kunit *test, struct gup_pin_unpin unpin, unsigned int first,
		       unsigned int npages)
{
	struct folio_state *s = test->priv;

	gup_pin_unpin_range(&unpin, s->pfn + first, npages);
	gup_pin_unpin_end(&unpin);
	atomic_sub(npages, &s->folio->_pincount);
	gup_pin_expect_sound(test);
}

/*
 * An unpin of a page that has a pin of its own may mean a pin of the whole folio, as iommufd
 * does with those of memfd_pin_folios(): it is a guess, and so is what remains.
 */
static void page_beside_folio(struct kunit *test)
{
	struct gup_pin_test_call whole = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_unpin unpin = accusing(test);
	struct folio_state *s = test->priv;
	struct gup_pin_item item;

	pin_folio(test, &whole, 1);
	pin_pages(test, &s->call, 70, 2);
	KUNIT_EXPECT_TRUE(test, gup_pin_unpin_peek(&unpin, s->pfn + 70, 1, 1, &item));
	KUNIT_EXPECT_EQ(test, (int)item.match, GUP_PIN_INFERRED);
	unpin_pages(test, 70, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, s->pfn, &whole), 1);
	gup_pin_expect_match(test, s->pfn, GUP_PIN_INFERRED);
	gup_pin_expect_match(test, s->pfn + 71, GUP_PIN_EXACT);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 1);
	/* The modes differ, so that the remaining pin may be for write. */
	KUNIT_EXPECT_TRUE(test, gup_pin_test_block(test, s->pfn)->mixed &
			  BIT_ULL(gup_pin_block_bit(s->pfn)));
	/* It was of the page, after all. */
	unpin_pages(test, 70, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, s->pfn, &whole), 0);
	/* No pin of the whole folio is left. */
	unpin_pages(test, 71, 1);
	the_end(test, 2);
}

/*
 * An unpin of the folio may mean a pin of a page, as those of FUSE do: the unpin of a page
 * through which the other pin is released finds the one that is left.
 */
static void folio_beside_pages(struct kunit *test)
{
	struct gup_pin_test_call whole = gup_pin_test_call(test, GUP_PIN_WRITE);
	struct folio_state *s = test->priv;

	pin_folio(test, &whole, 1);
	pin_pages(test, &s->call, 70, 1);
	unpin_folio_pins(test, 1);
	gup_pin_expect_match(test, s->pfn + 70, GUP_PIN_INFERRED);
	KUNIT_EXPECT_EQ(test, gup_pin_test_block(test, s->pfn + 70)->mixed, 0);
	unpin_pages(test, 5, 1);
	the_end(test, 2);
}

/* The better match goes, be it of the page or of the whole folio. */
static void folio_fits_better(struct kunit *test)
{
	struct gup_pin_test_call whole = call_by(test, TASK, GUP_PIN_WRITE);
	struct gup_pin_test_call page = call_by(test, TASK + 1, GUP_PIN_WRITE);
	struct gup_pin_unpin unpin = unpin_by_task(test);
	struct folio_state *s = test->priv;
	struct gup_pin_item item;

	pin_folio(test, &whole, 2);
	pin_pages(test, &page, 70, 1);
	KUNIT_EXPECT_TRUE(test, gup_pin_unpin_peek(&unpin, s->pfn + 70, 1, 1, &item));
	KUNIT_EXPECT_EQ(test, item.time, whole.time);
	KUNIT_EXPECT_EQ(test, (int)item.match, GUP_PIN_INFERRED);
	unpin_with(test, unpin, 70, 1);
	KUNIT_EXPECT_EQ(test, pins_on(test, 70), 1);
	gup_pin_expect_match(test, s->pfn + 70, GUP_PIN_INFERRED);
	gup_pin_expect_match(test, s->pfn, GUP_PIN_INFERRED);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 1);
	/* All of them were for write. */
	KUNIT_EXPECT_EQ(test, gup_pin_test_block(test, s->pfn)->mixed, 0);
	/* A pin of the folio is left: it is released through a page without a pin. */
	unpin_with(test, unpin, 5, 1);
	KUNIT_EXPECT_EQ(test, pins_on(test, 0), 0);
	unpin_pages(test, 70, 1);
	the_end(test, 3);
}

/* The folio's pins are used up on the way: the other pages' own are released. */
static void folio_fits_some(struct kunit *test)
{
	struct gup_pin_test_call whole = call_by(test, TASK, GUP_PIN_WRITE);
	struct gup_pin_test_call page = call_by(test, TASK + 1, GUP_PIN_WRITE);

	pin_folio(test, &whole, 2);
	pin_pages(test, &page, 60, 10);
	unpin_with(test, unpin_by_task(test), 60, 10);
	KUNIT_EXPECT_EQ(test, pins_on(test, 0), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->acquired -
			gup_pin_test_totals(test)->released, 2);
	unpin_pages(test, 60, 2);
	the_end(test, gup_pin_test_totals(test)->inferred);
}

/* A handle proves which pin it is, whatever else is pinned. */
static void handle_beside_folio(struct kunit *test)
{
	struct gup_pin_test_call whole = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_unpin unpin = accusing(test);
	struct folio_state *s = test->priv;

	pin_folio(test, &whole, 1);
	s->call.flags = GUP_PIN_RECORD_HANDLE;
	s->call.cookie = HANDLE;
	pin_pages(test, &s->call, 70, 1);
	unpin.handle = HANDLE;
	unpin_with(test, unpin, 70, 1);
	KUNIT_EXPECT_EQ(test, pins_on(test, 70), 0);
	gup_pin_expect_match(test, s->pfn, GUP_PIN_EXACT);
	/* Nor is the page's pin meant by an unpin with another handle, or without. */
	pin_pages(test, &s->call, 70, 1);
	unpin.handle = HANDLE + 1;
	unpin_with(test, unpin, 70, 1);
	KUNIT_EXPECT_EQ(test, pins_on(test, 0), 0);
	gup_pin_expect_match(test, s->pfn + 70, GUP_PIN_EXACT);
	pin_folio(test, &whole, 1);
	unpin_pages(test, 70, 1);
	KUNIT_EXPECT_EQ(test, pins_on(test, 0), 0);
	gup_pin_expect_match(test, s->pfn + 70, GUP_PIN_EXACT);
	unpin.handle = HANDLE;
	unpin_with(test, unpin, 70, 1);
	the_end(test, 0);
}

/* The pin of the folio, by a udmabuf, has a handle: an unpin of a page does not mean it. */
static void folio_with_handle(struct kunit *test)
{
	struct gup_pin_test_call whole = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_unpin unpin = accusing(test);
	struct folio_state *s = test->priv;
	struct gup_pin_item item;

	atomic_inc(&s->folio->_pincount);
	whole.flags = GUP_PIN_RECORD_FOLIO | GUP_PIN_RECORD_HANDLE;
	whole.cookie = HANDLE;
	gup_pin_test_add(test, s->pfn, &whole, 1);
	pin_pages(test, &s->call, 70, 2);
	KUNIT_EXPECT_TRUE(test, gup_pin_unpin_peek(&unpin, s->pfn + 70, 1, 1, &item));
	KUNIT_EXPECT_EQ(test, (int)item.match, GUP_PIN_EXACT);
	unpin_pages(test, 70, 1);
	KUNIT_EXPECT_EQ(test, pins_on(test, 70), 0);
	/* Nor does one of the folio. */
	unpin_folio_pins(test, 1);
	KUNIT_EXPECT_EQ(test, pins_on(test, 71), 0);
	unpin.handle = HANDLE;
	gup_pin_unpin_folio(&unpin, s->pfn, PAGES, 1);
	gup_pin_unpin_end(&unpin);
	atomic_dec(&s->folio->_pincount);
	the_end(test, 0);
}

/* Several pins of the whole folio at once. */
static void folio_several_pins(struct kunit *test)
{
	struct folio_state *s = test->priv;

	pin_folio(test, &s->call, 5);
	unpin_folio_pins(test, 4);
	KUNIT_EXPECT_EQ(test, pins_on(test, 0), 1);
	unpin_folio_pins(test, 1);
	the_end(test, 0);
}

/* The pins of one call on pages are alike: the unpin does not say which pages it means. */
static void folio_of_pages(struct kunit *test)
{
	struct folio_state *s = test->priv;
	unsigned int i, left = 0;

	pin_pages(test, &s->call, 10, 100);
	unpin_folio_pins(test, 30);
	for (i = 0; i < PAGES; i++) {
		if (!pins_on(test, i))
			continue;
		left++;
		/* No record of this block was removed, so its pins are certain. */
		if (i < GUP_PIN_BLOCK_PAGES)
			gup_pin_expect_match(test, s->pfn + i, GUP_PIN_ALIKE);
	}
	KUNIT_EXPECT_EQ(test, left, 70);
	unpin_folio_pins(test, 70);
	the_end(test, 0);
}

/* With two calls it is a guess. */
static void folio_of_two_calls(struct kunit *test)
{
	struct gup_pin_test_call other = gup_pin_test_call(test, GUP_PIN_READ);
	struct folio_state *s = test->priv;

	pin_pages(test, &s->call, 0, 2);
	pin_pages(test, &other, 4, 2);
	unpin_folio_pins(test, 1);
	gup_pin_expect_match(test, s->pfn + 4, GUP_PIN_INFERRED);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 1);
	unpin_folio_pins(test, 3);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	gup_pin_expect_empty(test);
}

/* The same if their pages are in different blocks. */
static void folio_of_two_blocks(struct kunit *test)
{
	struct gup_pin_test_call other = gup_pin_test_call(test, GUP_PIN_READ);
	struct folio_state *s = test->priv;

	pin_pages(test, &s->call, 0, 2);
	pin_pages(test, &other, 70, 2);
	unpin_folio_pins(test, 1);
	gup_pin_expect_match(test, s->pfn + 70, GUP_PIN_INFERRED);
	gup_pin_expect_match(test, s->pfn + 1, GUP_PIN_INFERRED);
	KUNIT_EXPECT_TRUE(test, gup_pin_test_block(test, s->pfn + 70)->mixed &
			  BIT_ULL(gup_pin_block_bit(s->pfn + 70)));
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 1);
	unpin_folio_pins(test, 3);
	the_end(test, 4);
}

/* The best match goes, whatever block it is in. */
static void folio_best_block(struct kunit *test)
{
	struct gup_pin_test_call other = call_by(test, TASK + 1, GUP_PIN_WRITE);
	struct gup_pin_test_call mine = call_by(test, TASK, GUP_PIN_WRITE);
	struct gup_pin_unpin unpin = unpin_by_task(test);
	struct folio_state *s = test->priv;
	struct gup_pin_block *block;

	pin_pages(test, &other, 0, 2);
	pin_pages(test, &mine, 70, 1);
	gup_pin_unpin_folio(&unpin, s->pfn, PAGES, 2);
	gup_pin_unpin_end(&unpin);
	atomic_sub(2, &s->folio->_pincount);
	KUNIT_EXPECT_EQ(test, pins_on(test, 70), 0);
	KUNIT_EXPECT_EQ(test, pins_on(test, 0) + pins_on(test, 1), 1);
	/* All of them were for write. */
	block = gup_pin_test_block(test, s->pfn);
	KUNIT_ASSERT_NOT_NULL(test, block);
	KUNIT_EXPECT_EQ(test, block->mixed, 0);
	unpin_folio_pins(test, 1);
	the_end(test, 3);
}

/* More pins are released than there are: the excess is unmatched. */
static void folio_of_too_many(struct kunit *test)
{
	struct folio_state *s = test->priv;

	pin_pages(test, &s->call, 60, 10);
	atomic_add(3, &s->folio->_pincount);
	unpin_folio_pins(test, 13);
	KUNIT_EXPECT_EQ(test, unmatched, 3);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 3);
	gup_pin_expect_empty(test);
}

/* An untracked pin is counted in the block of its page. */
static void untracked_pages(struct kunit *test)
{
	pin_untracked(test, 100, 2);
	unpin_pages(test, 100, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 1);
	unpin_folio_pins(test, 1);
	the_end(test, 0);
}

/* The array names a record, but the untracked pin may be meant. */
static void untracked_beside_what_fits(struct kunit *test)
{
	struct gup_pin_unpin unpin = accusing(test);
	struct folio_state *s = test->priv;
	struct gup_pin_item item;

	pin_untracked(test, 5, 1);
	s->call.cookie = 0x1000;
	pin_pages(test, &s->call, 5, 1);
	unpin.first = 0x1000 + 5 * sizeof(void *);
	unpin.last = unpin.first;
	KUNIT_EXPECT_TRUE(test, gup_pin_unpin_peek(&unpin, s->pfn + 5, 1, 1, &item));
	KUNIT_EXPECT_EQ(test, item.match, GUP_PIN_INFERRED);
	unpin_pages(test, 5, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 0);
	unpin_pages(test, 5, 1);
	the_end(test, 1);
}

/* Each block has its own count of untracked pins. */
static void untracked_in_both_blocks(struct kunit *test)
{
	struct folio_state *s = test->priv;

	pin_untracked(test, 0, 1);
	pin_untracked(test, 70, 3);
	pin_pages(test, &s->call, 0, 1);
	unpin_folio_pins(test, 4);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 0);
	unpin_folio_pins(test, 1);
	KUNIT_EXPECT_EQ(test, unmatched, 0);
	gup_pin_expect_empty(test);
}

/* An untracked pin of a page goes before a recorded pin of the whole folio, in any block. */
static void untracked_beside_folio(struct kunit *test)
{
	struct folio_state *s = test->priv;
	unsigned int i;

	pin_folio(test, &s->call, 1);
	pin_untracked(test, 5, 1);
	pin_untracked(test, 100, 2);
	for (i = 0; i < 2; i++) {
		unpin_pages(test, 100, 1);
		KUNIT_EXPECT_EQ(test, pins_on(test, 0), 1);
		KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 2 - i);
		gup_pin_expect_match(test, s->pfn, GUP_PIN_INFERRED);
	}
	unpin_pages(test, 5, 1);
	KUNIT_EXPECT_EQ(test, pins_on(test, 0), 1);
	unpin_folio_pins(test, 1);
	the_end(test, 1);
}

/*
 * An untracked pin of the whole folio is counted in the block of its head, but may be meant
 * by the unpin of any page.
 */
static void untracked_whole(struct kunit *test)
{
	struct gup_pin_test_call other = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_unpin unpin = accusing(test);
	struct folio_state *s = test->priv;
	struct gup_pin_adder adder = {
		.index = &s->fixture.index,
		.gfp = GFP_KERNEL,
		.what.flags = GUP_PIN_RECORD_FOLIO,
	};
	struct gup_pin_item item;

	atomic_inc(&s->folio->_pincount);
	gup_pin_add_mask(&adder, gup_pin_block_nr(s->pfn),
			 BIT_ULL(gup_pin_block_bit(s->pfn)), 1);
	gup_pin_add_end(&adder, 1);
	pin_pages(test, &other, 70, 1);
	KUNIT_EXPECT_FALSE(test, gup_pin_only_reads(&s->fixture.index, s->pfn + 70, 1));
	KUNIT_EXPECT_TRUE(test, gup_pin_unpin_peek(&unpin, s->pfn + 70, 1, 1, &item));
	KUNIT_EXPECT_EQ(test, (int)item.match, GUP_PIN_INFERRED);
	unpin_pages(test, 70, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 1);
	unpin_pages(test, 70, 1);
	the_end(test, 1);
}

/* A page in the shard of one of the folio's pages. */
static unsigned long far_from(struct kunit *test, unsigned int page)
{
	struct folio_state *s = test->priv;

	return GUP_PIN_TEST_PFN +
	       (s->pfn + page) % (GUP_PIN_NR_SHARDS * GUP_PIN_BLOCK_PAGES);
}

/*
 * A pin that was just being taken looked like an untracked one: the pin that is untracked is
 * not counted any more, but its unpin is no bug of the caller.
 */
static void untracked_mistaken(struct kunit *test)
{
	struct gup_pin_unpin unpin = accusing(test);
	unsigned long far = far_from(test, 70);
	struct folio_state *s = test->priv;

	gup_pin_test_add_untracked(test, far, 1);
	pin_pages(test, &s->call, 70, 1);
	/* Its record follows. */
	atomic_inc(&s->folio->_pincount);
	unpin_pages(test, 70, 1);
	gup_pin_test_add(test, s->pfn + 70, &s->call, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 0);
	gup_pin_expect_match(test, s->pfn + 70, GUP_PIN_INFERRED);
	gup_pin_test_unpin_by(unpin, far);
	KUNIT_EXPECT_EQ(test, unmatched, 0);
	/* The next one is. */
	gup_pin_test_unpin_by(unpin, far);
	KUNIT_EXPECT_EQ(test, unmatched, 1);
	unpin_pages(test, 70, 1);
	/* It is the leftover record of the first pin. */
	gup_pin_test_unpin(test, s->pfn + 70, 1);
	gup_pin_expect_empty(test);
}

/* A caller unpins a page that has no pin: another one's untracked pin is not blamed. */
static void untracked_of_another(struct kunit *test)
{
	struct gup_pin_unpin unpin = accusing(test);
	unsigned long far = far_from(test, 70);
	struct folio_state *s = test->priv;

	gup_pin_test_add_untracked(test, far, 1);
	gup_pin_test_unpin_by(unpin, s->pfn + 70);
	gup_pin_test_unpin_by(unpin, far);
	KUNIT_EXPECT_EQ(test, unmatched, 0);
	gup_pin_expect_empty(test);
}

static enum gup_pin_match peek_kept(struct kunit *test, unsigned int page)
{
	struct gup_pin_unpin unpin = accusing(test);
	struct folio_state *s = test->priv;
	struct gup_pin_item item;

	unpin.handle = HANDLE;
	KUNIT_ASSERT_TRUE(test, gup_pin_unpin_peek(&unpin, s->pfn + page, 1, 1, &item));
	return item.match;
}

/* Without a record of its own pin, a handle gets that of another: it proves nothing. */
static void handle_of_untracked(struct kunit *test)
{
	struct gup_pin_test_call call = call_by(test, TASK, GUP_PIN_WRITE);
	struct gup_pin_fixture *f = test->priv;
	struct folio_state *s = test->priv;

	/* An untracked pin elsewhere is not meant. */
	gup_pin_test_add_untracked(test, far_from(test, 70), 1);
	pin_pages(test, &call, 70, 1);
	gup_pin_keep(&f->index, s->pfn + 70, 1, TASK, HANDLE);
	KUNIT_EXPECT_EQ(test, (int)peek_kept(test, 70), GUP_PIN_EXACT);
	unpin_pages(test, 70, 1);
	pin_pages(test, &call, 70, 1);
	pin_untracked(test, 70, 1);
	gup_pin_keep(&f->index, s->pfn + 70, 1, TASK, HANDLE);
	KUNIT_EXPECT_EQ(test, (int)peek_kept(test, 70), GUP_PIN_INFERRED);
	/* Also if no other pin is left. */
	unpin_pages(test, 70, 1);
	gup_pin_test_unpin(test, far_from(test, 70), 1);
	KUNIT_EXPECT_EQ(test, (int)peek_kept(test, 70), GUP_PIN_INFERRED);
	unpin_pages(test, 70, 1);
	the_end(test, gup_pin_test_totals(test)->inferred);
}

/* The record that a handle gets, or that a pin continues, may be that of another pin. */
static void newest_is_a_guess(struct kunit *test)
{
	struct gup_pin_test_call first = call_by(test, TASK, GUP_PIN_READ);
	struct gup_pin_test_call second = call_by(test, TASK, GUP_PIN_WRITE);
	struct gup_pin_fixture *f = test->priv;
	struct folio_state *s = test->priv;
	struct gup_pin_record newest;
	struct gup_pin_id id;

	pin_pages(test, &first, 70, 1);
	pin_pages(test, &second, 70, 1);
	KUNIT_ASSERT_TRUE(test, gup_pin_index_newest(&f->index, s->pfn, PAGES, TASK, &newest,
						     &id));
	KUNIT_EXPECT_EQ(test, newest.flags, 0);
	unpin_pages(test, 70, 1);
	KUNIT_ASSERT_TRUE(test, gup_pin_index_newest(&f->index, s->pfn, PAGES, TASK, &newest,
						     &id));
	second.flags = newest.flags;
	gup_pin_test_add(test, s->pfn, &second, 1);
	atomic_inc(&s->folio->_pincount);
	gup_pin_expect_match(test, s->pfn, GUP_PIN_INFERRED);
	unpin_pages(test, 0, 1);
	gup_pin_keep(&f->index, s->pfn + 70, 1, TASK, HANDLE);
	KUNIT_EXPECT_EQ(test, (int)peek_kept(test, 70), GUP_PIN_INFERRED);
	unpin_pages(test, 70, 1);
	the_end(test, gup_pin_test_totals(test)->inferred);
}

/*
 * An untracked pin is taken off the count of its own page's block, not where a guess
 * was made.
 */
static void untracked_beside_doubted(struct kunit *test)
{
	struct folio_state *s = test->priv;
	unsigned int i;

	pin_untracked(test, 3, 1);
	pin_untracked(test, 70, 3);
	pin_pages(test, &s->call, 70, 1);
	unpin_pages(test, 70, 1);
	gup_pin_expect_match(test, s->pfn + 70, GUP_PIN_INFERRED);
	unpin_pages(test, 3, 1);
	for (i = 0; i < 2; i++) {
		unpin_pages(test, 70, 1);
		KUNIT_EXPECT_EQ(test, pins_on(test, 70), 1);
		KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 1 - i);
	}
	unpin_pages(test, 70, 1);
	the_end(test, 1);
}

/*
 * If no record has the handle, an untracked pin is taken off the first page, where it
 * was counted.
 */
static void untracked_of_a_handle(struct kunit *test)
{
	struct gup_pin_unpin unpin = accusing(test);
	struct folio_state *s = test->priv;

	pin_untracked(test, 0, 1);
	pin_untracked(test, 70, 1);
	pin_pages(test, &s->call, 70, 1);
	unpin.handle = 0x1000;
	gup_pin_unpin_folio(&unpin, s->pfn, PAGES, 1);
	gup_pin_unpin_end(&unpin);
	atomic_dec(&s->folio->_pincount);
	gup_pin_expect_match(test, s->pfn + 70, GUP_PIN_INFERRED);
	unpin_pages(test, 70, 1);
	KUNIT_EXPECT_EQ(test, pins_on(test, 70), 1);
	unpin_pages(test, 70, 1);
	the_end(test, 1);
}

/* Without earlier pins, the untracked ones are taken. */
static void untracked_where_late(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct folio_state *s = test->priv;

	f->index.complete = false;
	f->index.earlier.late = true;
	f->index.earlier.known = true;
	pin_folio(test, &s->call, 1);
	pin_untracked(test, 100, 5);
	unpin_folio_pins(test, 3);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 2);
	unpin_pages(test, 30, 1);
	unpin_pages(test, 100, 1);
	KUNIT_EXPECT_EQ(test, pins_on(test, 0), 1);
	unpin_folio_pins(test, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->before, 0);
	the_end(test, 1);
}

/*
 * Untracked pins are used up first, then the unpin of the page whose record was taken
 * before is accepted.
 */
static void untracked_then_doubted(struct kunit *test)
{
	struct gup_pin_unpin unpin = accusing(test);
	struct folio_state *s = test->priv;
	unsigned int i;

	pin_pages(test, &s->call, 0, 2);
	/* The caller meant the second page. */
	unpin_folio_pins(test, 1);
	KUNIT_EXPECT_EQ(test, pins_on(test, 0), 0);
	pin_untracked(test, 70, 2);
	for (i = 0; i < 2; i++)
		gup_pin_unpin_range(&unpin, s->pfn + 70, 1);
	KUNIT_EXPECT_EQ(test, pins_on(test, 1), 1);
	gup_pin_unpin_range(&unpin, s->pfn, 1);
	gup_pin_unpin_end(&unpin);
	atomic_sub(3, &s->folio->_pincount);
	the_end(test, gup_pin_test_totals(test)->inferred);
}

/*
 * The only untracked pin is on another folio, whose block is in the same shard: every
 * unpin must still remove a record.
 */
static void untracked_elsewhere(struct kunit *test)
{
	const unsigned long far = GUP_PIN_NR_SHARDS * GUP_PIN_BLOCK_PAGES;
	struct gup_pin_unpin unpin = accusing(test);
	struct folio_state *s = test->priv;
	unsigned int i;

	gup_pin_test_add_untracked(test, GUP_PIN_TEST_PFN + s->pfn % far, 1);
	pin_pages(test, &s->call, 0, PAGES);
	unpin_pages(test, 0, 60);
	for (i = 60; i < PAGES; i++)
		unpin_pages(test, i, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->released, PAGES);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 1);

	/* The same if a page is unpinned twice in a batch. */
	pin_pages(test, &s->call, 7, 1);
	pin_pages(test, &s->call, 7, 1);
	gup_pin_unpin_range(&unpin, s->pfn + 7, 1);
	gup_pin_unpin_range(&unpin, s->pfn + 7, 1);
	gup_pin_unpin_end(&unpin);
	atomic_sub(2, &s->folio->_pincount);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 1);
	gup_pin_test_unpin(test, GUP_PIN_TEST_PFN + s->pfn % far, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	gup_pin_expect_empty(test);
}

/*
 * An array comes back to the folio after another: the pins whose records it has removed by
 * then are not dropped, but are not the untracked one.
 */
static void untracked_between(struct kunit *test)
{
	struct gup_pin_test_call other = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_unpin unpin = accusing(test);
	unsigned long far = far_from(test, 70);
	struct folio_state *s = test->priv;
	struct page *pages[6];
	unsigned int i;

	gup_pin_test_add_untracked(test, far + 1, 1);
	for (i = 0; i < 3; i++) {
		pin_pages(test, &s->call, 70 + i, 1);
		gup_pin_test_add(test, far, &other, 1);
	}
	/* The other pages of the array only have to be of other folios. */
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = i % 2 ? virt_to_page(s) : pfn_to_page(s->pfn + 70 + i / 2);
	unpin.array = pages;
	for (i = 0; i < 3; i++) {
		unpin.at = 2 * i;
		gup_pin_unpin_range(&unpin, s->pfn + 70 + i, 1);
		unpin.at = 2 * i + 2;
		gup_pin_unpin_range(&unpin, far, 1);
	}
	gup_pin_unpin_end(&unpin);
	atomic_sub(3, &s->folio->_pincount);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->acquired,
			gup_pin_test_totals(test)->released);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 1);
	/* The next unpin is of pins that are not dropped before. */
	gup_pin_test_unpin(test, far + 1, 1);
	the_end(test, gup_pin_test_totals(test)->inferred);
}

/* The same for folios of an array. */
static void untracked_between_folios(struct kunit *test)
{
	struct gup_pin_unpin unpin = accusing(test);
	unsigned long far = far_from(test, 0);
	struct folio_state *s = test->priv;
	struct page *array[3];
	unsigned int i;

	gup_pin_test_add_untracked(test, far, 1);
	pin_folio(test, &s->call, 3);
	for (i = 0; i < 3; i++)
		array[i] = &s->folio->page;
	unpin.array = array;
	for (unpin.at = 0; unpin.at < 3; unpin.at++)
		gup_pin_unpin_folio(&unpin, s->pfn, PAGES, 1);
	gup_pin_unpin_end(&unpin);
	atomic_sub(3, &s->folio->_pincount);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 1);
	gup_pin_test_unpin(test, far, 1);
	the_end(test, gup_pin_test_totals(test)->inferred);
}

/* The tracepoint counts the folio's untracked pin, whatever the array has released before. */
static void untracked_is_shown(struct kunit *test)
{
	struct gup_pin_test_call other = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_unpin unpin = accusing(test);
	struct folio_state *s = test->priv;
	struct gup_pin_item item;

	gup_pin_test_add_mask(test, GUP_PIN_TEST_PFN, 7, &other);
	s->call.cookie = 0x1000;
	pin_pages(test, &s->call, 70, 1);
	pin_untracked(test, 70, 1);
	unpin.first = 0x1000 + 70 * sizeof(void *);
	unpin.last = unpin.first;
	gup_pin_unpin_range(&unpin, GUP_PIN_TEST_PFN, 3);
	KUNIT_EXPECT_TRUE(test, gup_pin_unpin_peek(&unpin, s->pfn + 70, 1, 1, &item));
	KUNIT_EXPECT_EQ(test, (int)item.match, GUP_PIN_INFERRED);
	gup_pin_unpin_end(&unpin);
}

/* Never more recorded pins than real ones, in whatever order pages are unpinned. */
static void untracked_among_them(struct kunit *test)
{
	struct folio_state *s = test->priv;
	unsigned int i, left;

	pin_untracked(test, 70, 3);
	pin_pages(test, &s->call, 0, PAGES);
	for (i = 0; i < PAGES; i++)
		unpin_pages(test, (i * 37) % PAGES, 1);
	left = gup_pin_test_totals(test)->acquired - gup_pin_test_totals(test)->released;
	KUNIT_EXPECT_LE(test, left, atomic_read(&s->folio->_pincount));
	for (i = 0; i < 3; i++)
		unpin_pages(test, 70, 1);
	KUNIT_EXPECT_EQ(test, unmatched, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->acquired,
			gup_pin_test_totals(test)->released);
}

/*
 * An unpin of the folio does not say which pages it means; a later unpin of a page
 * without a record is no bug then.
 */
static void page_after_folio(struct kunit *test)
{
	struct folio_state *s = test->priv;

	pin_pages(test, &s->call, 0, PAGES);
	unpin_folio_pins(test, PAGES - 2);
	unpin_pages(test, 0, 1);
	unpin_pages(test, PAGES / 2, 1);
	the_end(test, gup_pin_test_totals(test)->inferred);

	/* Counter-check: here it is known that the page has no pin. */
	pin_pages(test, &s->call, 1, 1);
	atomic_inc(&s->folio->_pincount);
	unpin_pages(test, 0, 1);
	KUNIT_EXPECT_EQ(test, unmatched, 1);
	KUNIT_EXPECT_EQ(test, pins_on(test, 1), 1);
	unpin_pages(test, 1, 1);
	gup_pin_expect_empty(test);
}

/* The same with unknown pins from before tracking. */
static void switched_on_late(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct folio_state *s = test->priv;
	unsigned int i;

	f->index.complete = false;
	f->index.earlier.late = true;
	pin_pages(test, &s->call, 0, PAGES);
	unpin_pages(test, 0, 60);
	for (i = 60; i < PAGES; i++)
		unpin_pages(test, i, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->before, 0);
	the_end(test, gup_pin_test_totals(test)->inferred);
}

#define RACES	3000

/**
 * struct duel - two CPUs that each unpin one of two pins of a folio at the same time
 * @test: the test
 * @arrived: arrivals at gup_pin_test_meet()
 */
struct duel {
	struct kunit *test;
	atomic_t arrived;
};

/* Unpins the first page, whose record the other thread takes. */
static int unpin_first_page(void *data)
{
	struct duel *duel = data;
	struct folio_state *s = duel->test->priv;
	struct gup_pin_unpin unpin = accusing(duel->test);
	unsigned int times = 0, round, i;

	for (round = 0; round < RACES; round++) {
		gup_pin_test_meet(&duel->arrived, &times);
		for (i = 0; i < round % 64; i++)
			cpu_relax();
		gup_pin_unpin_range(&unpin, s->pfn, 1);
		gup_pin_unpin_end(&unpin);
		gup_pin_test_meet(&duel->arrived, &times);
		cond_resched();
	}
	return 0;
}

/*
 * The record of a page may be taken by an unpin that means another page: the block must
 * be marked before the record is removed.
 */
static void page_and_folio_at_once(struct kunit *test)
{
	struct duel duel = { .test = test };
	struct folio_state *s = test->priv;
	struct gup_pin_unpin unpin = accusing(test);
	struct task_struct *other;
	unsigned int times = 0, round;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	other = kthread_create(unpin_first_page, &duel, "gup_pin_duel");
	KUNIT_ASSERT_FALSE(test, IS_ERR(other));
	get_task_struct(other);
	wake_up_process(other);
	for (round = 0; round < RACES; round++) {
		pin_pages(test, &s->call, 0, 1);
		pin_pages(test, &s->call, 100, 1);
		gup_pin_test_meet(&duel.arrived, &times);
		gup_pin_unpin_folio(&unpin, s->pfn, PAGES, 1);
		gup_pin_unpin_end(&unpin);
		gup_pin_test_meet(&duel.arrived, &times);
		atomic_sub(2, &s->folio->_pincount);
		cond_resched();
	}
	kthread_stop_put(other);
	KUNIT_EXPECT_EQ(test, unmatched, 0);
	gup_pin_expect_empty(test);
}

static enum gup_pin_match peek_folio(struct kunit *test, unsigned long handle, unsigned int pins)
{
	struct gup_pin_unpin unpin = accusing(test);
	struct folio_state *s = test->priv;
	struct gup_pin_item item;

	unpin.handle = handle;
	KUNIT_ASSERT_TRUE(test, gup_pin_unpin_peek(&unpin, s->pfn, BIT(ORDER), pins, &item));
	return item.match;
}

/*
 * The tracepoint shows a pin on the first page: an unpin of the folio may mean that of another
 * page, if it has any, unless the handle tells.
 */
static void folio_is_shown(struct kunit *test)
{
	struct gup_pin_test_call other = gup_pin_test_call(test, GUP_PIN_READ);
	struct folio_state *s = test->priv;

	s->call.flags = GUP_PIN_RECORD_HANDLE;
	s->call.cookie = HANDLE;
	pin_pages(test, &s->call, 0, 1);
	KUNIT_EXPECT_EQ(test, (int)peek_folio(test, 0, 1), GUP_PIN_EXACT);
	pin_pages(test, &other, 70, 1);
	KUNIT_EXPECT_EQ(test, (int)peek_folio(test, 0, 1), GUP_PIN_INFERRED);
	KUNIT_EXPECT_EQ(test, (int)peek_folio(test, 0, 2), GUP_PIN_EXACT);
	KUNIT_EXPECT_EQ(test, (int)peek_folio(test, HANDLE, 1), GUP_PIN_EXACT);
	KUNIT_EXPECT_EQ(test, (int)peek_folio(test, HANDLE + 1, 1), GUP_PIN_INFERRED);
}

static struct kunit_case folio_cases[] = {
	KUNIT_CASE(some_pages),
	KUNIT_CASE(folio_as_such),
	KUNIT_CASE(page_beside_folio),
	KUNIT_CASE(folio_beside_pages),
	KUNIT_CASE(folio_fits_better),
	KUNIT_CASE(folio_fits_some),
	KUNIT_CASE(handle_beside_folio),
	KUNIT_CASE(folio_with_handle),
	KUNIT_CASE(folio_is_shown),
	KUNIT_CASE(folio_several_pins),
	KUNIT_CASE(folio_of_pages),
	KUNIT_CASE(folio_of_two_calls),
	KUNIT_CASE(folio_of_two_blocks),
	KUNIT_CASE(folio_best_block),
	KUNIT_CASE(folio_of_too_many),
	KUNIT_CASE(untracked_pages),
	KUNIT_CASE(untracked_beside_what_fits),
	KUNIT_CASE(untracked_in_both_blocks),
	KUNIT_CASE(untracked_beside_folio),
	KUNIT_CASE(untracked_whole),
	KUNIT_CASE(handle_of_untracked),
	KUNIT_CASE(newest_is_a_guess),
	KUNIT_CASE(untracked_mistaken),
	KUNIT_CASE(untracked_of_another),
	KUNIT_CASE(untracked_then_doubted),
	KUNIT_CASE(untracked_beside_doubted),
	KUNIT_CASE(untracked_of_a_handle),
	KUNIT_CASE(untracked_where_late),
	KUNIT_CASE(untracked_elsewhere),
	KUNIT_CASE(untracked_between),
	KUNIT_CASE(untracked_between_folios),
	KUNIT_CASE(untracked_is_shown),
	KUNIT_CASE(untracked_among_them),
	KUNIT_CASE(page_after_folio),
	KUNIT_CASE(switched_on_late),
	KUNIT_CASE(page_and_folio_at_once),
	{}
};

static struct kunit_suite folio_suite = {
	.name = "gup_pin_folio",
	.init = folio_init,
	.exit = folio_exit,
	.test_cases = folio_cases,
};

kunit_test_suite(folio_suite);
