// SPDX-License-Identifier: GPL-2.0
/* The memory bound: pins beyond it are untracked, and nothing else changes. */
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "case.h"
#include "fixture.h"

#define PINS_MAX	50000

/* One block for each pin, which needs most memory. */
#define DISTANCE	(3 * GUP_PIN_BLOCK_PAGES)

struct memory_state {
	struct gup_pin_fixture fixture;
	struct gup_pin_origin *origin;
	unsigned long was_mb;
	unsigned int nr;
};

static int memory_init(struct kunit *test)
{
	struct memory_state *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	struct gup_pin_id id;

	gup_pin_case_start(test);
	if (!s)
		return -ENOMEM;
	gup_pin_fixture_start(&s->fixture);
	s->was_mb = gup_pin_max_memory_mb;
	test->priv = s;
	memset(&id, 0, sizeof(id));
	s->origin = gup_pin_origin_get(&s->fixture.origins, &id, 1, GFP_KERNEL);
	return s->origin ? 0 : -ENOMEM;
}

static void memory_exit(struct kunit *test)
{
	struct memory_state *s = test->priv;

	if (!s)
		return;
	WRITE_ONCE(gup_pin_max_memory_mb, s->was_mb);
	if (s->origin)
		gup_pin_origin_put(s->origin, 1);
	gup_pin_fixture_exit(test);
}

static void set_bound(unsigned long mb)
{
	WRITE_ONCE(gup_pin_max_memory_mb, mb);
}

/* Each CPU may exceed the bound by its allowance, and by the xa_nodes for these objects. */
static u64 bound_bytes(void)
{
	return gup_pin_max_memory_mb * (u64)SZ_1M + num_possible_cpus() * 2 * SZ_64K;
}

/* A pin without memory for its record is untracked. */
static void pin_one(struct kunit *test)
{
	struct memory_state *s = test->priv;
	const struct gup_pin_test_call call = { .origin = s->origin };
	struct gup_pin_adder adder = gup_pin_test_adder(test, &call, 1);

	gup_pin_add(&adder, GUP_PIN_TEST_PFN + s->nr++ * DISTANCE, 0);
	gup_pin_add_end(&adder, 1);
}

static void pin_until(struct kunit *test, unsigned int nr)
{
	struct memory_state *s = test->priv;

	while (s->nr < nr) {
		pin_one(test);
		if (s->nr % 1000 == 0)
			cond_resched();
	}
}

static u64 live_pins(struct kunit *test)
{
	const struct gup_pin_totals *t = gup_pin_test_totals(test);

	return t->acquired - t->released;
}

static u64 untracked(struct kunit *test)
{
	return gup_pin_test_totals(test)->untracked;
}

/* The oldest first. */
static void unpin_all(struct kunit *test)
{
	struct memory_state *s = test->priv;
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		gup_pin_test_unpin(test, GUP_PIN_TEST_PFN + i * DISTANCE, 1);
	s->nr = 0;
	KUNIT_EXPECT_EQ(test, live_pins(test), 0);
	KUNIT_EXPECT_EQ(test, untracked(test), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	/* Only the reference of the test itself is left. */
	KUNIT_EXPECT_EQ(test, gup_pin_origin_live(s->origin), 1);
}

static void bound_is_kept(struct kunit *test)
{
	struct memory_state *s = test->priv;
	u64 base = s->fixture.memory;
	unsigned int i, first;

	KUNIT_ASSERT_LT(test, base, SZ_256K);
	set_bound(1);
	while (!untracked(test)) {
		KUNIT_ASSERT_LT(test, s->nr, PINS_MAX);
		pin_until(test, s->nr + 10);
		KUNIT_EXPECT_LE(test, gup_pin_memory_bytes(), bound_bytes());
	}
	/* The bound is almost reached: at most one allowance per CPU is unused. */
	KUNIT_EXPECT_GE(test, gup_pin_memory_bytes() + num_possible_cpus() * SZ_64K,
			SZ_1M);
	/* Existing records stay, and there is no room for more. */
	first = s->nr;
	KUNIT_EXPECT_EQ(test, live_pins(test) + untracked(test), s->nr);
	pin_until(test, 3 * first);
	KUNIT_EXPECT_LE(test, gup_pin_memory_bytes(), bound_bytes());
	KUNIT_EXPECT_EQ(test, live_pins(test) + untracked(test), s->nr);
	KUNIT_EXPECT_GT(test, untracked(test), first);

	/* Released pins free memory for others. */
	for (i = 0; i < 3; i++) {
		unpin_all(test);
		KUNIT_EXPECT_LE(test, gup_pin_memory_bytes(),
				base + gup_pin_test_size(test, GUP_PIN_ORIGINS));
		pin_until(test, first / 2);
		KUNIT_EXPECT_EQ(test, live_pins(test), first / 2);
		KUNIT_EXPECT_EQ(test, untracked(test), 0);
	}
	unpin_all(test);
}

/* A call that hits the bound: some of its pins are recorded, the others are untracked. */
static void part_of_a_call(struct kunit *test)
{
	struct memory_state *s = test->priv;
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	const unsigned int nr = 20000;
	struct gup_pin_adder adder;
	unsigned int i;

	set_bound(1);
	adder = gup_pin_test_adder(test, &call, nr);
	for (i = 0; i < nr; i++)
		gup_pin_add(&adder, GUP_PIN_TEST_PFN + i * DISTANCE, 0);
	gup_pin_add_end(&adder, nr);
	KUNIT_EXPECT_GT(test, adder.added, 0);
	KUNIT_EXPECT_LT(test, adder.added, nr);
	KUNIT_EXPECT_EQ(test, nr - adder.added, untracked(test));
	KUNIT_EXPECT_EQ(test, adder.added, live_pins(test));
	KUNIT_EXPECT_EQ(test, adder.added, gup_pin_origin_live(call.origin));
	KUNIT_EXPECT_LE(test, gup_pin_memory_bytes(), bound_bytes());
	s->nr = nr;
	unpin_all(test);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_live(call.origin), 0);
}

static void bound_changes(struct kunit *test)
{
	struct memory_state *s = test->priv;
	u64 had, nr;

	/* No bound: use far more than is allowed later. */
	set_bound(0);
	while (gup_pin_memory_bytes() < 3 * SZ_1M) {
		KUNIT_ASSERT_LT(test, s->nr, PINS_MAX);
		pin_until(test, s->nr + 100);
	}
	KUNIT_EXPECT_EQ(test, untracked(test), 0);

	/* Existing records stay, however low the bound. */
	set_bound(1);
	had = gup_pin_memory_bytes();
	nr = s->nr;
	pin_until(test, nr + 6000);
	KUNIT_EXPECT_LE(test, gup_pin_memory_bytes(),
			had + num_possible_cpus() * SZ_64K);
	KUNIT_EXPECT_GE(test, live_pins(test), nr);
	KUNIT_EXPECT_EQ(test, live_pins(test) + untracked(test), s->nr);
	KUNIT_EXPECT_GT(test, untracked(test), 0);

	/* Raise the bound again. */
	set_bound(64);
	nr = untracked(test);
	pin_until(test, s->nr + 2000);
	KUNIT_EXPECT_EQ(test, untracked(test), nr);
	unpin_all(test);
}

/* Earlier pins: none are recorded when the memory is used up. */
static void earlier_pins_have_a_bound(struct kunit *test)
{
	struct memory_state *s = test->priv;
	struct gup_pin_index *index = &s->fixture.index;
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned long pfn;

	KUNIT_ASSERT_NOT_NULL(test, page);
	pfn = page_to_pfn(page);
	while (gup_pin_memory_bytes() < 2 * SZ_1M && s->nr < PINS_MAX)
		pin_until(test, s->nr + 100);
	page_ref_add(page, GUP_PIN_COUNTING_BIAS);
	set_bound(1);
	KUNIT_EXPECT_EQ(test, gup_pin_earlier_look(index, pfn, pfn + 1), -ENOMEM);
	KUNIT_EXPECT_EQ(test, index->earlier.pins, 0);
	set_bound(64);
	KUNIT_EXPECT_EQ(test, gup_pin_earlier_look(index, pfn, pfn + 1), 0);
	KUNIT_EXPECT_EQ(test, index->earlier.pins, 1);
	page_ref_sub(page, GUP_PIN_COUNTING_BIAS);
	gup_pin_earlier_forget(index);
	unpin_all(test);
	__free_page(page);
}

/* Many tasks or stacks: the bound covers origins as well as blocks. */
static void origins_have_a_bound(struct kunit *test)
{
	struct memory_state *s = test->priv;
	struct gup_pin_origins *origins = &s->fixture.origins;
	const pid_t max = 2 * SZ_1M / gup_pin_test_size(test, GUP_PIN_ORIGINS);
	struct gup_pin_origin *origin;
	struct gup_pin_id id;
	pid_t pid;

	set_bound(1);
	memset(&id, 0, sizeof(id));
	for (pid = 1; pid < max; pid++) {
		id.pid = pid;
		if (!gup_pin_origin_get(origins, &id, 1, GFP_KERNEL))
			break;
	}
	KUNIT_EXPECT_LT(test, pid, max);
	KUNIT_EXPECT_LE(test, gup_pin_memory_bytes(), bound_bytes());
	/* Existing origins need no further memory. */
	while (--pid) {
		id.pid = pid;
		origin = gup_pin_origin_get(origins, &id, 0, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, origin);
		gup_pin_origin_put(origin, 1);
	}
}

/* Many calls that pin one page: the bound covers records, too. */
static void records_have_a_bound(struct kunit *test)
{
	struct memory_state *s = test->priv;
	struct gup_pin_test_call call = { .origin = s->origin };
	const unsigned int max = 2 * SZ_1M / gup_pin_test_size(test, GUP_PIN_RECORDS);
	struct gup_pin_adder adder;
	unsigned int nr = 0;

	set_bound(1);
	while (nr < max && !untracked(test)) {
		call.time = ++nr;
		adder = gup_pin_test_adder(test, &call, 1);
		gup_pin_add(&adder, GUP_PIN_TEST_PFN, 0);
		gup_pin_add_end(&adder, 1);
	}
	KUNIT_EXPECT_EQ(test, untracked(test), 1);
	KUNIT_EXPECT_EQ(test, live_pins(test), nr - 1);
	KUNIT_EXPECT_LE(test, gup_pin_memory_bytes(), bound_bytes());
	gup_pin_test_flush(test);
	KUNIT_EXPECT_EQ(test, live_pins(test), 0);
	KUNIT_EXPECT_EQ(test, untracked(test), 0);
}

/* xa_nodes count, too: they dominate when pins are far apart. */
static void nodes_count(struct kunit *test)
{
	struct memory_state *s = test->priv;
	struct gup_pin_fixture *f = &s->fixture;
	const struct gup_pin_test_call call = { .origin = s->origin };
	u64 block = gup_pin_test_size(test, GUP_PIN_BLOCKS), before;
	unsigned int i;

	before = gup_pin_memory_bytes();
	/* All in one shard, and each in an xa_node of its own. */
	for (i = 0; i < 64; i++)
		gup_pin_test_add(test, i * (64UL * GUP_PIN_NR_SHARDS * GUP_PIN_BLOCK_PAGES),
				 &call, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_nodes(test), 64 + 1);
	KUNIT_EXPECT_EQ(test, gup_pin_memory_bytes() - before,
			64 * block + 65 * sizeof(struct xa_node));
	for (i = 0; i < 64; i++)
		gup_pin_test_unpin(test, i * (64UL * GUP_PIN_NR_SHARDS * GUP_PIN_BLOCK_PAGES), 1);
	/* A few blocks are cached with their nodes, until they are dropped. */
	KUNIT_EXPECT_EQ(test, gup_pin_test_nodes(test), GUP_PIN_KEPT + 1);
	gup_pin_index_drop_kept(&f->index);
	KUNIT_EXPECT_EQ(test, gup_pin_test_nodes(test), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_memory_bytes(), before);
}

/* Pin a page several times, and unpin it. */
static void pin_often(struct kunit *test, unsigned int nr)
{
	struct memory_state *s = test->priv;
	struct gup_pin_test_call call = { .origin = s->origin };
	unsigned int i;

	for (i = 0; i < nr; i++) {
		call.time = i;
		gup_pin_test_add(test, GUP_PIN_TEST_PFN, &call, 1);
	}
	gup_pin_test_unpin(test, GUP_PIN_TEST_PFN, nr);
}

/* A shard keeps some free records, until they are dropped; with a bound, it keeps none. */
static void spare_records(struct kunit *test)
{
	struct memory_state *s = test->priv;
	struct gup_pin_index *index = &s->fixture.index;
	struct gup_pin_shard *shard =
		gup_pin_shard_of(index, gup_pin_block_nr(GUP_PIN_TEST_PFN));
	u64 before = gup_pin_memory_bytes(), kept;

	/* The first record of a block is in the block. */
	pin_often(test, 10);
	KUNIT_EXPECT_EQ(test, shard->nr_spare, 9);
	gup_pin_expect_sound(test);
	kept = gup_pin_memory_bytes();
	pin_often(test, 10);
	KUNIT_EXPECT_EQ(test, gup_pin_memory_bytes(), kept);
	pin_often(test, 2 * GUP_PIN_SPARE);
	KUNIT_EXPECT_EQ(test, shard->nr_spare, GUP_PIN_SPARE);
	gup_pin_expect_sound(test);
	gup_pin_index_drop_kept(index);
	KUNIT_EXPECT_EQ(test, shard->nr_spare, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_memory_bytes(), before);
	set_bound(1);
	pin_often(test, 10);
	KUNIT_EXPECT_EQ(test, shard->nr_spare, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_memory_bytes(), before);
}

/*
 * So do the nodes of earlier pins, which are freed when tracking is switched off, even
 * if pins are left.
 */
static void earlier_nodes_count(struct kunit *test)
{
	struct memory_state *s = test->priv;
	struct gup_pin_index *index = &s->fixture.index;
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned long pfn;
	u64 before;

	KUNIT_ASSERT_NOT_NULL(test, page);
	pfn = page_to_pfn(page);
	before = gup_pin_memory_bytes();
	page_ref_add(page, GUP_PIN_COUNTING_BIAS);
	KUNIT_EXPECT_EQ(test, gup_pin_earlier_look(index, pfn, pfn + 1), 0);
	KUNIT_EXPECT_EQ(test, index->earlier.pins, 1);
	KUNIT_EXPECT_GT(test, gup_pin_memory_bytes(), before);
	gup_pin_earlier_forget(index);
	KUNIT_EXPECT_EQ(test, gup_pin_memory_bytes(), before);
	page_ref_sub(page, GUP_PIN_COUNTING_BIAS);
	__free_page(page);
}

static struct kunit_case memory_cases[] = {
	KUNIT_CASE(bound_is_kept),
	KUNIT_CASE(part_of_a_call),
	KUNIT_CASE(bound_changes),
	KUNIT_CASE(earlier_pins_have_a_bound),
	KUNIT_CASE(origins_have_a_bound),
	KUNIT_CASE(records_have_a_bound),
	KUNIT_CASE(nodes_count),
	KUNIT_CASE(spare_records),
	KUNIT_CASE(earlier_nodes_count),
	{}
};

static struct kunit_suite memory_suite = {
	.name = "gup_pin_memory",
	.init = memory_init,
	.exit = memory_exit,
	.test_cases = memory_cases,
};

kunit_test_suite(memory_suite);
