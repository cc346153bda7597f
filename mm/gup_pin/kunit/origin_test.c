// SPDX-License-Identifier: GPL-2.0
/*
 * Origins and calls.
 */
#include <linux/rculist.h>

#include "fixture.h"

static struct gup_pin_origin *get(struct kunit *test, const struct gup_pin_id *id)
{
	struct gup_pin_fixture *f = test->priv;

	return gup_pin_origin_get(&f->origins, id, GFP_KERNEL);
}

static void equal_is_one(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_origin *origin, *same, *other;
	struct gup_pin_id id;
	unsigned int i;

	memset(&id, 0, sizeof(id));
	id.stack = 0x1234;
	id.pid = 42;
	origin = get(test, &id);
	same = get(test, &id);
	KUNIT_ASSERT_NOT_NULL(test, origin);
	KUNIT_EXPECT_PTR_EQ(test, origin, same);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_calls(origin), 2);
	KUNIT_EXPECT_EQ(test, gup_pin_origins_live(&f->origins), 1);

	/* Every part makes a difference. */
	for (i = 0; i < 8; i++) {
		struct gup_pin_id x = id;

		switch (i) {
		case 0:
			x.stack++;
			break;
		case 1:
			x.mode = GUP_PIN_WRITE;
			break;
		case 2:
			x.term = GUP_PIN_LONG;
			break;
		case 3:
			x.api = GUP_PIN_FOLIO_ADD_PIN;
			break;
		case 4:
			x.tgid++;
			break;
		case 5:
			x.pid++;
			break;
		case 6:
			x.owner++;
			break;
		case 7:
			x.comm[0] = 'x';
			break;
		}
		other = get(test, &x);
		KUNIT_EXPECT_PTR_NE(test, origin, other);
		KUNIT_EXPECT_EQ(test, f->origins.count, i + 2);
		gup_pin_origin_put(other);
	}
	gup_pin_origin_put(origin);
	gup_pin_origin_put(origin);

	/* It stays: steady I/O from one place allocates nothing. */
	KUNIT_EXPECT_EQ(test, gup_pin_origins_live(&f->origins), 0);
	KUNIT_EXPECT_PTR_EQ(test, origin, get(test, &id));
	gup_pin_origin_put(origin);
}

/* Endless tasks that pin once each do not fill the memory, nor lose a live one. */
static void unused_are_freed(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_origin *live, *origin;
	struct gup_pin_id id;
	unsigned int i;

	memset(&id, 0, sizeof(id));
	live = get(test, &id);
	KUNIT_ASSERT_NOT_NULL(test, live);
	for (i = 1; i < 20000; i++) {
		id.pid = i;
		origin = get(test, &id);
		KUNIT_ASSERT_NOT_NULL(test, origin);
		gup_pin_origin_put(origin);
		KUNIT_ASSERT_LT(test, f->origins.count, 4000);
	}
	KUNIT_EXPECT_EQ(test, gup_pin_origins_live(&f->origins), 1);
	id.pid = 0;
	KUNIT_EXPECT_PTR_EQ(test, live, get(test, &id));
	gup_pin_origin_put(live);
	gup_pin_origin_put(live);
}

/* What is live and what ever was, by calls of one pin and of many. */
static void acquired_and_peak(struct kunit *test)
{
	struct gup_pin_origin *origin;
	struct gup_pin_id id;
	unsigned int i;

	memset(&id, 0, sizeof(id));
	id.pid = 7;
	origin = get(test, &id);
	KUNIT_ASSERT_NOT_NULL(test, origin);
	for (i = 1; i < 10; i++)
		KUNIT_ASSERT_PTR_EQ(test, origin, get(test, &id));
	KUNIT_EXPECT_EQ(test, gup_pin_origin_pins(origin), 10);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_acquired(origin), 10);
	/* Nobody looked yet. */
	KUNIT_EXPECT_EQ(test, atomic64_read(&origin->peak), 0);
	gup_pin_origin_see_peak(origin);
	for (i = 0; i < 9; i++)
		gup_pin_origin_put(origin);
	gup_pin_origin_see_peak(origin);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_calls(origin), 1);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_pins(origin), 1);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_acquired(origin), 10);
	KUNIT_EXPECT_EQ(test, atomic64_read(&origin->peak), 10);

	/* The last one has 512 pins. */
	atomic64_add(511, &origin->more.live);
	atomic64_add(511, &origin->more.ever);
	gup_pin_origin_see_peak(origin);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_pins(origin), 512);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_acquired(origin), 521);
	KUNIT_EXPECT_EQ(test, atomic64_read(&origin->peak), 512);
	/* All of its stack had more; and less is no peak. */
	gup_pin_origin_raise_peak(origin, 600);
	gup_pin_origin_raise_peak(origin, 599);
	KUNIT_EXPECT_EQ(test, atomic64_read(&origin->peak), 600);
	atomic64_sub(511, &origin->more.live);
	gup_pin_origin_put(origin);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_pins(origin), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_acquired(origin), 521);
}

/* An origin is told of once, and that it was looked at does not keep it. */
static void told_once(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_origin *origin;
	struct gup_pin_id id;

	memset(&id, 0, sizeof(id));
	id.pid = 8;
	KUNIT_EXPECT_FALSE(test, gup_pin_origin_to_tell(&f->origins, &id));
	KUNIT_EXPECT_FALSE(test, gup_pin_origin_tell_once(&f->origins, &id));
	origin = get(test, &id);
	KUNIT_ASSERT_NOT_NULL(test, origin);
	KUNIT_EXPECT_TRUE(test, gup_pin_origin_to_tell(&f->origins, &id));
	KUNIT_EXPECT_TRUE(test, gup_pin_origin_tell_once(&f->origins, &id));
	KUNIT_EXPECT_FALSE(test, gup_pin_origin_tell_once(&f->origins, &id));
	KUNIT_EXPECT_FALSE(test, gup_pin_origin_to_tell(&f->origins, &id));
	gup_pin_origins_untold(&f->origins);
	KUNIT_EXPECT_TRUE(test, gup_pin_origin_tell_once(&f->origins, &id));
	KUNIT_EXPECT_EQ(test, gup_pin_origin_calls(origin), 1);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_acquired(origin), 1);
	gup_pin_origin_put(origin);
	KUNIT_EXPECT_EQ(test, gup_pin_origins_live(&f->origins), 0);
}

/* Is there an origin of this task in the table? */
static bool is_there(struct kunit *test, pid_t pid)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_origin *origin;
	bool found = false;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < ARRAY_SIZE(f->origins.buckets); i++)
		hlist_for_each_entry_rcu(origin, &f->origins.buckets[i], node)
			found |= origin->id.pid == pid;
	rcu_read_unlock();
	return found;
}

/* So many others come and go that one which nothing holds is freed. */
static void come_and_go(struct kunit *test, pid_t from)
{
	struct gup_pin_origin *origin;
	struct gup_pin_id id;
	unsigned int i;

	memset(&id, 0, sizeof(id));
	for (i = 0; i < 5000; i++) {
		id.pid = from + i;
		origin = get(test, &id);
		KUNIT_ASSERT_NOT_NULL(test, origin);
		gup_pin_origin_put(origin);
	}
}

/* A remembered trace may give its origin to the next call at any time. */
static void hints_keep_origins(struct kunit *test)
{
	struct gup_pin_origin *hinted, *other;
	struct gup_pin_id id;

	memset(&id, 0, sizeof(id));
	id.pid = 1;
	hinted = get(test, &id);
	KUNIT_ASSERT_NOT_NULL(test, hinted);
	atomic_inc(&hinted->hints);
	gup_pin_origin_put(hinted);
	id.pid = 2;
	other = get(test, &id);
	KUNIT_ASSERT_NOT_NULL(test, other);
	gup_pin_origin_put(other);

	come_and_go(test, 1000);
	KUNIT_EXPECT_FALSE(test, is_there(test, 2));
	KUNIT_ASSERT_TRUE(test, is_there(test, 1));
	/* It was not killed for good, either. */
	KUNIT_EXPECT_EQ(test, gup_pin_origin_calls(hinted), 0);
	id.pid = 1;
	KUNIT_EXPECT_PTR_EQ(test, hinted, get(test, &id));
	gup_pin_origin_put(hinted);

	atomic_dec(&hinted->hints);
	come_and_go(test, 10000);
	KUNIT_EXPECT_FALSE(test, is_there(test, 1));
}

static void call_tells_address(struct kunit *test)
{
	struct gup_pin_call call = {
		.addr = 0x7f0000003000,
		.index = 0x203,
		.npages = 1024,
	};

	/* It began three pages into a huge folio, and went on into the next. */
	KUNIT_EXPECT_EQ(test, gup_pin_call_addr(&call, 0x200), 0x7f0000003000);
	KUNIT_EXPECT_EQ(test, gup_pin_call_addr(&call, 0x400), 0x7f0000200000);
	KUNIT_EXPECT_EQ(test, gup_pin_call_addr(&call, 0x203), 0x7f0000003000);
	/* Its first pages were zero pages, before the beginning of the file. */
	call.index = -2UL;
	KUNIT_EXPECT_EQ(test, gup_pin_call_addr(&call, 0), 0x7f0000005000);
	KUNIT_EXPECT_EQ(test, gup_pin_call_addr(&call, 3), 0x7f0000008000);
	call.index = 0x203;
	/* Not of this call. */
	KUNIT_EXPECT_EQ(test, gup_pin_call_addr(&call, 0x603), 0);
	/* Not known, or not yet. */
	call.npages = 0;
	KUNIT_EXPECT_EQ(test, gup_pin_call_addr(&call, 0x203), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_call_addr(&call, 0x400), 0);
	call.npages = 1024;
	call.addr = 0;
	KUNIT_EXPECT_EQ(test, gup_pin_call_addr(&call, 0x400), 0);
}

static void last_pin_frees_call(struct kunit *test)
{
	struct gup_pin_call *call = gup_pin_test_call(test, GUP_PIN_READ);
	unsigned long before = gup_pin_call_count();
	struct gup_pin_fixture *f = test->priv;

	gup_pin_test_add(test, 1, call, 1);
	gup_pin_test_add(test, 2, call, 1);
	gup_pin_test_release(test, 1, 1, false);
	KUNIT_EXPECT_EQ(test, gup_pin_call_count(), before);
	KUNIT_EXPECT_EQ(test, gup_pin_origins_live(&f->origins), 1);
	gup_pin_test_release(test, 2, 1, false);
	KUNIT_EXPECT_EQ(test, gup_pin_call_count(), before - 1);
	gup_pin_expect_empty(test);
}

static struct kunit_case origin_cases[] = {
	KUNIT_CASE(equal_is_one),
	KUNIT_CASE(acquired_and_peak),
	KUNIT_CASE(told_once),
	KUNIT_CASE(unused_are_freed),
	KUNIT_CASE(hints_keep_origins),
	KUNIT_CASE(call_tells_address),
	KUNIT_CASE(last_pin_frees_call),
	{}
};

static struct kunit_suite origin_suite = {
	.name = "gup_pin_origin",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = origin_cases,
};

kunit_test_suite(origin_suite);
