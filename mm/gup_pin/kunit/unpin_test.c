// SPDX-License-Identifier: GPL-2.0
/* Which record an unpin removes, and how certain the match is. */
#include <linux/jiffies.h>
#include <linux/sched.h>

#include "fixture.h"

#define FIRST	GUP_PIN_TEST_PFN

/* No code calls from this address. */
#define SITE	0x1000UL

/* What is known about an unpin: an array of pages, a handle, a task. */
#define ARRAY	0xffff000000010000UL
#define HANDLE	0xffff000000020000UL
#define TASK	77

/* How a record matches the unpin. */
enum level {
	OTHERS_HANDLE,
	NOTHING,
	IN_ARRAY,
	BY_HANDLE,
	NR_LEVELS,
};

/**
 * struct candidate - a record on the page
 * @level: match by array or handle
 * @stack: the site has released pins of the record's stack
 * @write: mode of the record
 * @kind: the site has released pins of the record's mode and term
 * @task: the unpinning task had taken the pin
 */
struct candidate {
	enum level level;
	bool stack;
	bool write;
	bool kind;
	bool task;
};

#define NR_CANDIDATES	(NR_LEVELS << 4)

static struct candidate candidate_of(unsigned int nr)
{
	return (struct candidate) {
		.level = nr >> 4,
		.stack = nr & 8,
		.write = nr & 4,
		.kind = nr & 2,
		.task = nr & 1,
	};
}

/* The site has released pins of one stack: long-term reads and short-term writes. */
static void teach(struct kunit *test)
{
	static const struct gup_pin_id long_read = {
		.stack = 11,
		.mode = GUP_PIN_READ,
		.term = GUP_PIN_LONG,
	};
	static const struct gup_pin_id short_write = {
		.stack = 11,
		.mode = GUP_PIN_WRITE,
		.term = GUP_PIN_SHORT,
	};
	struct gup_pin_fixture *f = test->priv;

	memset(&f->index.sites, 0, sizeof(f->index.sites));
	gup_pin_site_learn(&f->index.sites, SITE, &long_read);
	gup_pin_site_learn(&f->index.sites, SITE, &short_write);
}

static struct gup_pin_test_call add_candidate(struct kunit *test, const struct candidate *c)
{
	const struct gup_pin_id id = {
		.stack = c->stack ? 11 : 12,
		.mode = c->write ? GUP_PIN_WRITE : GUP_PIN_READ,
		.term = c->write == c->kind ? GUP_PIN_SHORT : GUP_PIN_LONG,
		.pid = c->task ? TASK : TASK + 1,
	};
	struct gup_pin_test_call call = gup_pin_test_call_of(test, &id);

	if (c->level == BY_HANDLE || c->level == OTHERS_HANDLE) {
		call.flags = GUP_PIN_RECORD_HANDLE;
		call.cookie = c->level == BY_HANDLE ? HANDLE : HANDLE + 1;
	} else {
		call.cookie = c->level == IN_ARRAY ? ARRAY : ARRAY + 8;
	}
	gup_pin_test_add(test, FIRST, &call, 1);
	return call;
}

/* The criteria, in order of priority. */
static unsigned int rank(const struct candidate *c, bool write)
{
	return c->level << 4 | c->stack << 3 | (c->write && write) << 2 | c->kind << 1 | c->task;
}

static enum gup_pin_match expected_match(const struct gup_pin_test_call *a,
					 const struct gup_pin_test_call *b,
					 const struct candidate *ca,
					 const struct candidate *cb)
{
	unsigned int handles = (ca->level == BY_HANDLE) + (cb->level == BY_HANDLE);
	unsigned int others = (ca->level == OTHERS_HANDLE) + (cb->level == OTHERS_HANDLE);

	/* A record with another handle is no candidate if there is one without. */
	if (handles == 1 || others == 1)
		return GUP_PIN_EXACT;
	return a->origin == b->origin ? GUP_PIN_ALIKE : GUP_PIN_INFERRED;
}

/*
 * Two records on a page, the older one first: one is removed, and the match of the
 * other is as certain.
 */
static void try_pair(struct kunit *test, const struct candidate *ca,
		     const struct candidate *cb, bool write)
{
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, SITE);
	struct gup_pin_test_call a = add_candidate(test, ca), b = add_candidate(test, cb);
	bool first = rank(ca, write) >= rank(cb, write);
	enum gup_pin_match match = expected_match(&a, &b, ca, cb);
	u64 inferred = gup_pin_test_totals(test)->inferred;
	struct gup_pin_block *block;
	struct gup_pin_item item;

	teach(test);
	unpin.pid = TASK;
	unpin.write = write;
	unpin.handle = HANDLE;
	unpin.first = ARRAY;
	unpin.last = ARRAY;
	KUNIT_ASSERT_TRUE(test, gup_pin_unpin_peek(&unpin, FIRST, 1, 1, &item));
	KUNIT_ASSERT_EQ(test, item.time, first ? a.time : b.time);
	KUNIT_ASSERT_EQ(test, (int)item.match, (int)match);
	gup_pin_test_unpin_by(unpin, FIRST);
	KUNIT_ASSERT_EQ(test, gup_pin_test_pins(test, FIRST, &a), !first);
	KUNIT_ASSERT_EQ(test, gup_pin_test_pins(test, FIRST, &b), first);
	block = gup_pin_test_block(test, FIRST);
	KUNIT_ASSERT_EQ(test, block->guessed & 1, match == GUP_PIN_INFERRED);
	KUNIT_ASSERT_EQ(test, block->alike & 1, match == GUP_PIN_ALIKE);
	/* Is the mode of the remaining pin known? */
	KUNIT_ASSERT_EQ(test, block->mixed & 1, match == GUP_PIN_INFERRED &&
			ca->write != cb->write && !write);
	KUNIT_ASSERT_EQ(test, gup_pin_test_totals(test)->inferred - inferred,
			match == GUP_PIN_INFERRED);
	gup_pin_test_unpin(test, FIRST, 1);
	KUNIT_ASSERT_NULL(test, gup_pin_test_block(test, FIRST));
}

/* All criteria in order, and the oldest pin if none applies. */
static void decides_in_order(struct kunit *test)
{
	unsigned int i, j;

	for (i = 0; i < NR_CANDIDATES; i++) {
		for (j = 0; j < NR_CANDIDATES; j++) {
			struct candidate a = candidate_of(i), b = candidate_of(j);

			try_pair(test, &a, &b, false);
			try_pair(test, &a, &b, true);
		}
		cond_resched();
	}
	gup_pin_expect_empty(test);
}

/* Only the task could decide, but an interrupt has none. */
static void no_task_in_an_interrupt(struct kunit *test)
{
	const struct gup_pin_id none = {}, some = { .pid = TASK };
	struct gup_pin_test_call a = gup_pin_test_call_of(test, &some);
	struct gup_pin_test_call b = gup_pin_test_call_of(test, &none);

	gup_pin_test_add(test, FIRST, &a, 1);
	gup_pin_test_add(test, FIRST, &b, 1);
	gup_pin_test_unpin(test, FIRST, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, &b), 1);
	gup_pin_test_unpin(test, FIRST, 1);
	gup_pin_expect_empty(test);
}

static void only_one_is_exact(struct kunit *test)
{
	struct gup_pin_test_call a = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, SITE);
	struct gup_pin_item item;

	gup_pin_test_add_mask(test, FIRST, 0xff, &a);
	/* Independent of the other criteria. */
	unpin.write = true;
	unpin.pid = TASK;
	unpin.first = ARRAY;
	unpin.last = ARRAY + 8;
	KUNIT_EXPECT_TRUE(test, gup_pin_unpin_peek(&unpin, FIRST + 3, 1, 1, &item));
	KUNIT_EXPECT_EQ(test, item.pfn, FIRST + 3);
	KUNIT_EXPECT_EQ(test, (int)item.match, GUP_PIN_EXACT);
	/* Peeking changes nothing. */
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST + 3, &a), 1);
	gup_pin_test_unpin_by(unpin, FIRST + 3);
	KUNIT_EXPECT_FALSE(test, gup_pin_unpin_peek(&unpin, FIRST + 3, 1, 1, &item));
	gup_pin_expect_match(test, FIRST + 4, GUP_PIN_EXACT);
	gup_pin_test_unpin_mask(test, FIRST, 0xff & ~BIT(3));
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
	gup_pin_expect_empty(test);
}

/* Two equal handles prove nothing. */
static void equal_handles(struct kunit *test)
{
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, SITE);
	struct gup_pin_test_call a = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_test_call b = gup_pin_test_call(test, GUP_PIN_READ);

	a.flags = GUP_PIN_RECORD_HANDLE;
	a.cookie = HANDLE;
	b.flags = GUP_PIN_RECORD_HANDLE;
	b.cookie = HANDLE;
	gup_pin_test_add(test, FIRST, &a, 1);
	gup_pin_test_add(test, FIRST, &b, 1);
	unpin.handle = HANDLE;
	gup_pin_test_unpin_by(unpin, FIRST);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, &a), 0);
	gup_pin_expect_match(test, FIRST, GUP_PIN_INFERRED);
	/* Nor does the record left after a guess, except by its handle. */
	gup_pin_test_unpin_by(unpin, FIRST);
	gup_pin_expect_empty(test);
}

/* Uncertainty is limited to pages, and ends with their last pin. */
static void doubt_is_of_pages(struct kunit *test)
{
	struct gup_pin_test_call a = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_test_call b = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_test_call c = gup_pin_test_call(test, GUP_PIN_READ);
	unsigned int i;

	gup_pin_test_add_mask(test, FIRST, 0xff, &a);
	gup_pin_test_add_mask(test, FIRST, 0xff, &b);
	gup_pin_test_unpin_mask(test, FIRST, 0x18);
	/* A range affects only its own pages. */
	for (i = 0; i < 8; i++) {
		bool hit = i == 3 || i == 4;

		KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST + i, &a), !hit);
		KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST + i, &b), 1);
		gup_pin_expect_match(test, FIRST + i, hit ? GUP_PIN_INFERRED : GUP_PIN_EXACT);
	}
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 2);
	/* Pins added later on the page are uncertain, too. */
	gup_pin_test_add(test, FIRST + 3, &c, 1);
	gup_pin_expect_match(test, FIRST + 3, GUP_PIN_INFERRED);
	gup_pin_expect_sound(test);
	/* It ends when all pins are gone. */
	gup_pin_test_unpin(test, FIRST + 3, 2);
	gup_pin_test_unpin(test, FIRST + 4, 1);
	gup_pin_test_add_mask(test, FIRST, 0x18, &c);
	gup_pin_expect_match(test, FIRST + 3, GUP_PIN_EXACT);
	gup_pin_expect_match(test, FIRST + 4, GUP_PIN_EXACT);
	gup_pin_expect_sound(test);
	gup_pin_test_unpin_mask(test, FIRST, 0xff);
	gup_pin_test_unpin_mask(test, FIRST, 0xff & ~0x18);
	gup_pin_expect_empty(test);
}

/* The last of two pins that were alike may be either. */
static void last_of_alike_ones(struct kunit *test)
{
	const struct gup_pin_id id = { .mode = GUP_PIN_WRITE };
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, 0);
	struct gup_pin_item item;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct gup_pin_test_call call = gup_pin_test_call_of(test, &id);

		gup_pin_test_add(test, FIRST, &call, 1);
	}
	gup_pin_test_unpin(test, FIRST, 1);
	KUNIT_EXPECT_TRUE(test, gup_pin_unpin_peek(&unpin, FIRST, 1, 1, &item));
	KUNIT_EXPECT_EQ(test, (int)item.match, GUP_PIN_ALIKE);
	gup_pin_test_unpin(test, FIRST, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
	gup_pin_expect_empty(test);
}

/* Pins stay alike until there is a guess, which is permanent. */
static void alike_then_guessed(struct kunit *test)
{
	const struct gup_pin_id id = { .mode = GUP_PIN_WRITE };
	struct gup_pin_test_call other = gup_pin_test_call(test, GUP_PIN_READ);
	unsigned int i;

	for (i = 0; i < 4; i++) {
		struct gup_pin_test_call call = gup_pin_test_call_of(test, &id);

		gup_pin_test_add(test, FIRST, &call, 1);
	}
	gup_pin_expect_match(test, FIRST, GUP_PIN_EXACT);
	gup_pin_test_unpin(test, FIRST, 1);
	gup_pin_expect_match(test, FIRST, GUP_PIN_ALIKE);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
	gup_pin_test_add(test, FIRST, &other, 1);
	gup_pin_test_unpin(test, FIRST, 1);
	gup_pin_expect_match(test, FIRST, GUP_PIN_INFERRED);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 1);
	KUNIT_EXPECT_TRUE(test, gup_pin_test_block(test, FIRST)->mixed & 1);
	gup_pin_test_unpin(test, FIRST, 3);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 4);
	gup_pin_expect_empty(test);
}

/* More records than are searched under one hold of the lock. */
#define MANY	1300

static void add_many(struct kunit *test, unsigned long pfn)
{
	const struct gup_pin_id id = { .mode = GUP_PIN_WRITE, .pid = 99 };
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		struct gup_pin_test_call call = gup_pin_test_call_of(test, &id);

		gup_pin_test_add(test, pfn, &call, 1);
	}
}

static void behind_very_many(struct kunit *test)
{
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, 0);
	struct gup_pin_item item;

	add_many(test, FIRST + 1);
	gup_pin_test_add_mask(test, FIRST, BIT(0) | BIT(2), &call);
	KUNIT_EXPECT_TRUE(test, gup_pin_unpin_peek(&unpin, FIRST, 1, 1, &item));
	KUNIT_EXPECT_EQ(test, item.time, call.time);
	KUNIT_EXPECT_EQ(test, (int)item.match, GUP_PIN_EXACT);
	gup_pin_test_unpin(test, FIRST, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, &call), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST + 2, &call), 1);
	/* A missing record is not found, either. */
	gup_pin_test_unpin(test, FIRST, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 1);
	/* With very many alike records, the search stops early. */
	gup_pin_test_unpin_mask(test, FIRST, BIT(1) | BIT(2));
	gup_pin_expect_match(test, FIRST + 1, GUP_PIN_INFERRED);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 1);
	gup_pin_expect_sound(test);
	gup_pin_test_unpin(test, FIRST + 1, MANY - 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 1);
	gup_pin_expect_empty(test);
}

/* The handle is on the last of many records. */
static void handle_behind_very_many(struct kunit *test)
{
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, 0);

	add_many(test, FIRST + 1);
	call.flags = GUP_PIN_RECORD_HANDLE;
	call.cookie = HANDLE;
	gup_pin_test_add(test, FIRST + 1, &call, 1);
	unpin.handle = HANDLE;
	gup_pin_test_unpin_by(unpin, FIRST + 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST + 1, &call), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
	gup_pin_test_unpin(test, FIRST + 1, MANY);
	gup_pin_expect_empty(test);
}

static unsigned int unmatched_times;
static u64 unmatched_pages;

static void count_unmatched(unsigned long block, u64 mask, unsigned int pins, unsigned long ip)
{
	if (block != gup_pin_block_nr(FIRST) || ip != SITE)
		return;
	unmatched_times++;
	unmatched_pages |= mask;
}

static struct gup_pin_unpin accusing(struct kunit *test)
{
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, SITE);

	unmatched_times = 0;
	unmatched_pages = 0;
	unpin.unmatched = count_unmatched;
	unpin.ip = SITE;
	return unpin;
}

static void without_a_record(struct kunit *test)
{
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_unpin unpin = accusing(test);

	gup_pin_unpin_mask(&unpin, gup_pin_block_nr(FIRST), 0xf0);
	KUNIT_EXPECT_EQ(test, unmatched_times, 1);
	KUNIT_EXPECT_EQ(test, unmatched_pages, 0xf0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 4);

	/* Some of the pages have a record. */
	unpin = accusing(test);
	gup_pin_test_add_mask(test, FIRST, 0x3c, &call);
	gup_pin_unpin_mask(&unpin, gup_pin_block_nr(FIRST), 0xf0);
	gup_pin_unpin_end(&unpin);
	KUNIT_EXPECT_EQ(test, unmatched_pages, 0xc0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 6);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->released, 2);
	gup_pin_test_unpin_mask(test, FIRST, 0x0c);

	/* Switched on late: the pins may be older. */
	f->index.complete = false;
	unpin = accusing(test);
	gup_pin_unpin_mask(&unpin, gup_pin_block_nr(FIRST), 0xf0);
	KUNIT_EXPECT_EQ(test, unmatched_times, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->before, 4);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 6);
	gup_pin_expect_empty(test);
}

/* The number of pins that were not recorded for lack of memory is known. */
static void untracked_pins(struct kunit *test)
{
	struct gup_pin_unpin unpin = accusing(test);

	gup_pin_test_add_untracked(test, FIRST, 3);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 3);
	gup_pin_unpin_mask(&unpin, gup_pin_block_nr(FIRST), 3);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 1);
	gup_pin_unpin_mask(&unpin, gup_pin_block_nr(FIRST), 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	KUNIT_EXPECT_EQ(test, unmatched_times, 0);
	gup_pin_unpin_mask(&unpin, gup_pin_block_nr(FIRST), 1);
	KUNIT_EXPECT_EQ(test, unmatched_times, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked_total, 3);
	gup_pin_expect_empty(test);
}

/* While tracking is off, no record is removed and no unpin is reported. */
static void switched_off(struct kunit *test)
{
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_unpin unpin = accusing(test);

	gup_pin_test_add(test, FIRST, &call, 1);
	f->index.recording = false;
	gup_pin_unpin_range(&unpin, FIRST, 200);
	gup_pin_unpin_folio(&unpin, FIRST, 1, 3);
	gup_pin_unpin_folio(&unpin, FIRST, 512, 3);
	gup_pin_unpin_end(&unpin);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->released, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	KUNIT_EXPECT_EQ(test, unmatched_times, 0);
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
}

/* Previous release of a page's pins, for reports of a second one. */
static void last_release(struct kunit *test)
{
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, SITE);
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_last last;

	gup_pin_test_add_mask(test, FIRST, 0xff, &call);
	KUNIT_EXPECT_FALSE(test, gup_pin_last_release(&f->index, FIRST, &last));
	unpin.pid = TASK;
	gup_pin_unpin_mask(&unpin, gup_pin_block_nr(FIRST), 0xf0);
	gup_pin_unpin_end(&unpin);
	KUNIT_EXPECT_FALSE(test, gup_pin_last_release(&f->index, FIRST, &last));
	KUNIT_EXPECT_TRUE(test, gup_pin_last_release(&f->index, FIRST + 5, &last));
	KUNIT_EXPECT_EQ(test, last.site, SITE);
	KUNIT_EXPECT_EQ(test, last.pid, TASK);
	gup_pin_test_unpin_mask(test, FIRST, 0x0f);
	/* A different page. */
	KUNIT_EXPECT_FALSE(test, gup_pin_last_release(&f->index, FIRST + 5, &last));
	KUNIT_EXPECT_TRUE(test, gup_pin_last_release(&f->index, FIRST, &last));
	KUNIT_EXPECT_EQ(test, last.site, 0);
	gup_pin_expect_empty(test);
}

/* Unpins page by page from one caller within a tick count as one release. */
static void releases_of_a_tick(struct kunit *test)
{
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_last last;
	unsigned long tick;

	do {
		tick = jiffies;
		gup_pin_test_add_mask(test, FIRST, 0xff, &call);
		gup_pin_test_unpin_mask(test, FIRST, 0x0f);
		gup_pin_test_unpin_mask(test, FIRST, 0xf0);
	} while (time_after(jiffies, tick));
	KUNIT_EXPECT_TRUE(test, gup_pin_last_release(&f->index, FIRST, &last));
	KUNIT_EXPECT_TRUE(test, gup_pin_last_release(&f->index, FIRST + 5, &last));

	/* After the next tick it is another release. */
	gup_pin_test_add_mask(test, FIRST, 0xff, &call);
	schedule_timeout_uninterruptible(2);
	gup_pin_test_unpin_mask(test, FIRST, 0xf0);
	KUNIT_EXPECT_FALSE(test, gup_pin_last_release(&f->index, FIRST, &last));
	gup_pin_test_unpin_mask(test, FIRST, 0x0f);
	gup_pin_expect_empty(test);
}

/* Of a task's pins on a folio, the newest gets the handle, and keeps it. */
static void newest_gets_the_handle(struct kunit *test)
{
	static const struct gup_pin_id id = { .pid = TASK };
	const unsigned long behind = FIRST + GUP_PIN_BLOCK_PAGES;
	struct gup_pin_test_call older = gup_pin_test_call_of(test, &id);
	struct gup_pin_test_call newer = gup_pin_test_call_of(test, &id);
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_record *first, *second;

	gup_pin_test_add(test, FIRST, &older, 1);
	gup_pin_test_add(test, behind, &newer, 1);
	first = &gup_pin_test_block(test, FIRST)->first;
	second = &gup_pin_test_block(test, behind)->first;

	gup_pin_keep(&f->index, FIRST, 2 * GUP_PIN_BLOCK_PAGES, TASK + 1, HANDLE);
	KUNIT_EXPECT_EQ(test, second->flags, 0);
	gup_pin_keep(&f->index, FIRST, 2 * GUP_PIN_BLOCK_PAGES, TASK, HANDLE);
	KUNIT_EXPECT_EQ(test, first->flags, 0);
	KUNIT_EXPECT_EQ(test, second->flags, GUP_PIN_RECORD_HANDLE);
	KUNIT_EXPECT_EQ(test, second->cookie, HANDLE);
	gup_pin_keep(&f->index, FIRST, 2 * GUP_PIN_BLOCK_PAGES, TASK, HANDLE + 1);
	KUNIT_EXPECT_EQ(test, first->flags, 0);
	KUNIT_EXPECT_EQ(test, second->cookie, HANDLE);

	gup_pin_test_unpin(test, FIRST, 1);
	gup_pin_test_unpin(test, behind, 1);
	gup_pin_expect_empty(test);
}

static struct kunit_case unpin_cases[] = {
	KUNIT_CASE(decides_in_order),
	KUNIT_CASE(no_task_in_an_interrupt),
	KUNIT_CASE(only_one_is_exact),
	KUNIT_CASE(equal_handles),
	KUNIT_CASE(newest_gets_the_handle),
	KUNIT_CASE(doubt_is_of_pages),
	KUNIT_CASE(last_of_alike_ones),
	KUNIT_CASE(alike_then_guessed),
	KUNIT_CASE(behind_very_many),
	KUNIT_CASE(handle_behind_very_many),
	KUNIT_CASE(without_a_record),
	KUNIT_CASE(untracked_pins),
	KUNIT_CASE(switched_off),
	KUNIT_CASE(last_release),
	KUNIT_CASE(releases_of_a_tick),
	{}
};

static struct kunit_suite unpin_suite = {
	.name = "gup_pin_unpin",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = unpin_cases,
};

kunit_test_suite(unpin_suite);
