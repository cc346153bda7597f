// SPDX-License-Identifier: GPL-2.0
/*
 * Pinning a folio races with starting its writeback. Each side first publishes its own
 * state and then reads that of the other:
 *
 *	pin				writeback
 *	---				---------
 *	take the pin, record it		set PG_writeback
 *	full barrier			full barrier
 *	read PG_writeback		read the pins
 *
 * so that at least one of the two sees the other. Without either barrier a CPU may read
 * before its own write is visible to others, and neither side may see the other: a
 * miss.
 *
 * Two threads on two CPUs meet before each round, and are released together except for
 * a delay that differs from round to round: there must be no miss. Whether a CPU
 * reorders accesses depends on the machine, so a missing barrier is simulated: one
 * side, or both, read first and wait for the other before they write. Then each round
 * must be a miss; otherwise rounds without a miss would prove nothing.
 */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

#include "../gup_pin.h"
#include "case.h"
#include "file.h"

/* Rounds that must not miss, and rounds that must all miss. */
#define ROUNDS		200000
#define PIN_ROUNDS	20000
#define ACTED_ROUNDS	100

/* Time limit, because the machine may be slow. */
#define LONGEST		(15 * HZ)

struct race;

/**
 * struct race_side - one of the two threads
 * @act: publish own state, read that of the other; return true if it is seen
 * @undo: undo @act
 * @saw: what @act returned in this round
 */
struct race_side {
	bool (*act)(struct race *race);
	void (*undo)(struct race *race);
	bool saw;
};

/**
 * struct race - two threads and what they race on
 * @arrived: arrivals at gup_pin_test_meet()
 * @pinned: stands for the folio's pins where there are no real ones
 * @turn: which side acts next, where a missing barrier is simulated
 * @folio: the folio that is pinned and written back
 * @addr: address of its mapping
 * @page: page returned by the pin function
 * @pin: the thread that pins; on the first CPU
 * @writeback: the thread that starts writeback; on another CPU
 * @spread: range of the delays
 * @rounds: maximum number of rounds
 * @over: the time limit has been reached
 * @deadline: the time limit
 * @done: number of rounds
 * @misses: number of rounds in which neither side saw the other
 */
struct race {
	atomic_t arrived ____cacheline_aligned_in_smp;
	int pinned ____cacheline_aligned_in_smp;
	enum { FIRST, SECOND, FIRST_AGAIN } turn ____cacheline_aligned_in_smp;
	struct folio *folio ____cacheline_aligned_in_smp;
	unsigned long addr;
	struct page *page;
	struct race_side pin;
	struct race_side writeback;
	unsigned int spread;
	unsigned int rounds;
	bool over;
	unsigned long deadline;
	unsigned int done;
	unsigned int misses;
};

/* Between two accesses: let the other side do all its work. */
static void let_other(struct race *race)
{
	/* Pairs with wait_for_turn(). */
	smp_store_release(&race->turn, SECOND);
	/* Pairs with give_back(). */
	while (smp_load_acquire(&race->turn) != FIRST_AGAIN)
		cpu_relax();
	WRITE_ONCE(race->turn, FIRST);
}

/* Wait for the other side before acting, and return the turn after. */
static void wait_for_turn(struct race *race)
{
	/* Pairs with let_other(). */
	while (smp_load_acquire(&race->turn) != SECOND)
		cpu_relax();
}

static void give_back(struct race *race)
{
	/* Pairs with let_other(). */
	smp_store_release(&race->turn, FIRST_AGAIN);
}

static void delay(unsigned int n)
{
	while (n--)
		barrier();
}

static bool another_round(struct race *race, unsigned int round)
{
	return round < race->rounds && !READ_ONCE(race->over);
}

static int writeback_thread(void *data)
{
	struct race_side *side = &((struct race *)data)->writeback;
	unsigned int times = 0, round;
	struct race *race = data;

	for (round = 0; another_round(race, round); round++) {
		gup_pin_test_meet(&race->arrived, &times);
		delay(round / 8 % race->spread);
		side->saw = side->act(race);
		gup_pin_test_meet(&race->arrived, &times);
		side->undo(race);
		gup_pin_test_meet(&race->arrived, &times);
	}
	return 0;
}

static void pin_thread(struct race *race)
{
	struct race_side *side = &race->pin;
	unsigned int times = 0, round;

	for (round = 0; another_round(race, round); round++) {
		gup_pin_test_meet(&race->arrived, &times);
		delay(round % 8);
		side->saw = side->act(race);
		gup_pin_test_meet(&race->arrived, &times);
		race->misses += !side->saw && !race->writeback.saw;
		side->undo(race);
		/* Must be set before the other side checks whether there is another round. */
		if (time_after(jiffies, race->deadline))
			WRITE_ONCE(race->over, true);
		gup_pin_test_meet(&race->arrived, &times);
		cond_resched();
	}
	race->done = round;
}

/* This thread pins, because it has the address space; another starts writeback. */
static void run(struct kunit *test, struct race *race)
{
	unsigned int here = cpumask_first(cpu_online_mask);
	struct task_struct *other;
	cpumask_var_t old;

	KUNIT_ASSERT_TRUE(test, alloc_cpumask_var(&old, GFP_KERNEL));
	cpumask_copy(old, current->cpus_ptr);
	atomic_set(&race->arrived, 0);
	race->over = false;
	race->deadline = jiffies + LONGEST;
	race->misses = 0;
	other = kthread_create(writeback_thread, race, "gup_pin_race");
	if (IS_ERR(other)) {
		free_cpumask_var(old);
		KUNIT_FAIL_AND_ABORT(test, "no thread");
	}
	kthread_bind(other, cpumask_next(here, cpu_online_mask));
	get_task_struct(other);
	set_cpus_allowed_ptr(current, cpumask_of(here));
	wake_up_process(other);
	pin_thread(race);
	kthread_stop_put(other);
	set_cpus_allowed_ptr(current, old);
	free_cpumask_var(old);
	kunit_info(test, "%u misses in %u rounds\n", race->misses, race->done);
}

/* On plain words instead of pins, so that no lock or atomic operation interferes. */

static bool pin_word(struct race *race)
{
	WRITE_ONCE(race->pinned, 1);
	return gup_pin_sees_writeback(race->folio);
}

/* As a CPU may do without the barrier: the write becomes visible after the read. */
static bool pin_word_late(struct race *race)
{
	bool saw = folio_test_writeback(race->folio);

	let_other(race);
	WRITE_ONCE(race->pinned, 1);
	return saw;
}

static bool pin_word_between(struct race *race)
{
	bool saw;

	wait_for_turn(race);
	saw = pin_word(race);
	give_back(race);
	return saw;
}

static void unpin_word(struct race *race)
{
	WRITE_ONCE(race->pinned, 0);
}

static bool start_word(struct race *race)
{
	folio_test_set_writeback(race->folio);
	return READ_ONCE(race->pinned);
}

static bool start_word_late(struct race *race)
{
	bool saw = READ_ONCE(race->pinned);

	let_other(race);
	folio_test_set_writeback(race->folio);
	return saw;
}

static bool start_word_between(struct race *race)
{
	bool saw;

	wait_for_turn(race);
	saw = start_word(race);
	give_back(race);
	return saw;
}

/* Late, too: this side has read before the other writes. */
static bool start_word_late_too(struct race *race)
{
	bool saw = READ_ONCE(race->pinned);

	wait_for_turn(race);
	give_back(race);
	folio_test_set_writeback(race->folio);
	return saw;
}

static void end_word(struct race *race)
{
	folio_test_clear_writeback(race->folio);
}

static struct race *race_new(struct kunit *test)
{
	struct race *race;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, race);
	return race;
}

static void expect_misses(struct kunit *test, const struct race *race, bool all)
{
	KUNIT_EXPECT_GT(test, race->done, 0);
	KUNIT_EXPECT_EQ(test, race->misses, all ? race->done : 0);
}

/* On a private folio whose flags may be changed freely. */
static void race_words(struct kunit *test, bool (*pin)(struct race *race),
		       bool (*start)(struct race *race), bool acted)
{
	struct race *race = race_new(test);
	struct page *page = alloc_page(GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, page);
	race->folio = page_folio(page);
	race->pin.act = pin;
	race->pin.undo = unpin_word;
	race->writeback.act = start;
	race->writeback.undo = end_word;
	race->spread = 8;
	race->rounds = acted ? ACTED_ROUNDS : ROUNDS;
	run(test, race);
	__free_page(page);
	expect_misses(test, race, acted);
}

static void words_with_barriers(struct kunit *test)
{
	race_words(test, pin_word, start_word, false);
}

static void words_without_the_pin_barrier(struct kunit *test)
{
	race_words(test, pin_word_late, start_word_between, true);
}

static void words_without_the_writeback_barrier(struct kunit *test)
{
	race_words(test, pin_word_between, start_word_late, true);
}

static void words_without_barriers(struct kunit *test)
{
	race_words(test, pin_word_late, start_word_late_too, true);
}

/* With the real pin function and the real hook, on a page of a file. */

static u64 met(enum gup_pin_hazard_kind kind)
{
	return atomic64_read(&gup_pin_root.hazards[kind]);
}

static bool pin_page(struct race *race)
{
	u64 before = met(GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK);

	if (pin_user_pages_fast(race->addr, 1, FOLL_WRITE, &race->page) != 1)
		race->page = NULL;
	return met(GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK) != before;
}

/* Simulate a missing barrier: read first, publish later. */
static bool pin_page_too_early(struct race *race)
{
	bool saw = folio_test_writeback(race->folio);

	let_other(race);
	pin_page(race);
	return saw;
}

static void unpin_page(struct race *race)
{
	if (race->page)
		unpin_user_page(race->page);
}

/* Like __folio_start_writeback(), without the parts that need a real file system. */
static bool start_folio(struct race *race)
{
	u64 before = met(GUP_PIN_HAZARD_WRITEBACK);

	folio_test_set_writeback(race->folio);
	gup_pin_writeback_start(race->folio);
	return met(GUP_PIN_HAZARD_WRITEBACK) != before;
}

static bool start_folio_between(struct race *race)
{
	bool saw;

	wait_for_turn(race);
	saw = start_folio(race);
	give_back(race);
	return saw;
}

static void race_folio(struct kunit *test, bool (*pin)(struct race *race),
		       bool (*start)(struct race *race), bool acted)
{
	struct race *race = race_new(test);
	struct page *page;

	gup_pin_case_need(test, false);
	race->addr = gup_pin_test_map(test, 1);
	page = gup_pin_test_pin(test, race->addr, true);
	race->folio = page_folio(page);
	unpin_user_page(page);

	race->pin.act = pin;
	race->pin.undo = unpin_page;
	race->writeback.act = start;
	race->writeback.undo = end_word;
	race->spread = 500;
	race->rounds = acted ? ACTED_ROUNDS : PIN_ROUNDS;
	run(test, race);
	expect_misses(test, race, acted);
}

static void pins_as_they_are(struct kunit *test)
{
	race_folio(test, pin_page, start_folio, false);
}

static void pins_that_look_too_early(struct kunit *test)
{
	race_folio(test, pin_page_too_early, start_folio_between, true);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE_SLOW(words_with_barriers),
	KUNIT_CASE(words_without_the_pin_barrier),
	KUNIT_CASE(words_without_the_writeback_barrier),
	KUNIT_CASE(words_without_barriers),
	KUNIT_CASE_SLOW(pins_as_they_are),
	KUNIT_CASE(pins_that_look_too_early),
	{}
};

static struct kunit_suite race_suite = {
	.name = "gup_pin_race",
	.init = gup_pin_case_start,
	.exit = gup_pin_case_unpin,
	.test_cases = race_cases,
};

kunit_test_suite(race_suite);
