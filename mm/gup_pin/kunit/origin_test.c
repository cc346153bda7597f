// SPDX-License-Identifier: GPL-2.0
/* Origins: equal ones are shared, and unused ones are freed. */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/rculist.h>
#include <linux/sched.h>

#include "fixture.h"

/* As in origin.c: maximum number of origins without live pins. */
#define KEPT	1024

static struct gup_pin_origin *get(struct kunit *test, const struct gup_pin_id *id)
{
	struct gup_pin_fixture *f = test->priv;

	return gup_pin_origin_get(&f->origins, id, 1, GFP_KERNEL);
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
	KUNIT_EXPECT_EQ(test, gup_pin_origin_live(origin), 2);
	KUNIT_EXPECT_EQ(test, gup_pin_origins_live(&f->origins), 1);

	/* Origins that differ in any member are different. */
	for (i = 0; i < 9; i++) {
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
		case 8:
			x.uid = 1000;
			break;
		}
		KUNIT_EXPECT_FALSE(test, gup_pin_id_equal(&x, &id));
		other = get(test, &x);
		KUNIT_EXPECT_PTR_NE(test, origin, other);
		KUNIT_EXPECT_EQ(test, f->origins.count, i + 2);
		gup_pin_origin_put(other, 1);
	}
	gup_pin_origin_put(origin, 2);

	/* It stays, so that steady I/O from one place allocates nothing. */
	KUNIT_EXPECT_EQ(test, gup_pin_origins_live(&f->origins), 0);
	KUNIT_EXPECT_PTR_EQ(test, origin, get(test, &id));
	gup_pin_origin_put(origin, 1);
}

/*
 * An endless series of tasks that pin once neither fills the memory nor evicts a live
 * origin.
 */
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
		gup_pin_origin_put(origin, 1);
		KUNIT_ASSERT_LT(test, f->origins.count, 4000);
	}
	KUNIT_EXPECT_EQ(test, gup_pin_origins_live(&f->origins), 1);
	id.pid = 0;
	KUNIT_EXPECT_PTR_EQ(test, live, get(test, &id));
	gup_pin_origin_put(live, 2);
}

/*
 * Many origins become unused at once and no further pins follow: they are freed
 * nevertheless.
 */
static void unused_go_by_themselves(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_origin **origins;
	const unsigned int nr = 3 * KEPT;
	struct gup_pin_id id;
	unsigned int i;

	origins = kunit_kcalloc(test, nr, sizeof(*origins), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, origins);
	memset(&id, 0, sizeof(id));
	for (i = 0; i < nr; i++) {
		id.pid = i;
		origins[i] = get(test, &id);
		KUNIT_ASSERT_NOT_NULL(test, origins[i]);
	}
	KUNIT_EXPECT_EQ(test, f->origins.count, nr);
	/* Live origins survive all sweeps. */
	msleep(2500);
	KUNIT_EXPECT_EQ(test, READ_ONCE(f->origins.count), nr);
	for (i = 1; i < nr; i++)
		gup_pin_origin_put(origins[i], 1);
	for (i = 0; i < 600 && READ_ONCE(f->origins.count) > KEPT; i++)
		msleep(100);
	KUNIT_EXPECT_LE(test, READ_ONCE(f->origins.count), KEPT);
	/* Except the live one. */
	id.pid = 0;
	KUNIT_EXPECT_PTR_EQ(test, origins[0], get(test, &id));
	gup_pin_origin_put(origins[0], 2);
	gup_pin_expect_empty(test);
}

/* Live and peak numbers, for calls with one pin and with many. */
static void acquired_and_peak(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_origin *origin;
	struct gup_pin_id id;

	memset(&id, 0, sizeof(id));
	id.pid = 7;
	origin = gup_pin_origin_get(&f->origins, &id, 10, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, origin);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_live(origin), 10);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_acquired(origin), 10);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_peak(origin), 10);
	gup_pin_origin_put(origin, 9);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_live(origin), 1);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_acquired(origin), 10);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_peak(origin), 10);

	/* The peak counts simultaneous pins. */
	KUNIT_EXPECT_TRUE(test, gup_pin_origin_take(origin, 9));
	KUNIT_EXPECT_EQ(test, gup_pin_origin_peak(origin), 10);
	KUNIT_EXPECT_PTR_EQ(test, origin,
			    gup_pin_origin_get(&f->origins, &id, 502, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, gup_pin_origin_live(origin), 512);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_acquired(origin), 521);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_peak(origin), 512);
	/* The peak of a stack covers all its origins; a lower value does not change it. */
	gup_pin_origin_raise_peak(origin, 600);
	gup_pin_origin_raise_peak(origin, 599);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_peak(origin), 600);
	gup_pin_origin_put(origin, 512);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_live(origin), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_acquired(origin), 521);
}

/* Pins that were not recorded do not count as acquired. */
static void part_is_recorded(struct kunit *test)
{
	struct gup_pin_test_call call = gup_pin_test_call(test, GUP_PIN_READ);
	struct gup_pin_adder adder = gup_pin_test_adder(test, &call, 10);

	gup_pin_add_range(&adder, GUP_PIN_TEST_PFN, 4, 0);
	gup_pin_add_end(&adder, 10);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_live(call.origin), 4);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_acquired(call.origin), 4);
	gup_pin_test_unpin_mask(test, GUP_PIN_TEST_PFN, 0xf);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_live(call.origin), 0);
	gup_pin_expect_empty(test);
}

/* An origin is reported once; checking it does not keep it alive. */
static void reported_once(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_origin *origin;
	struct gup_pin_id id;
	bool again;

	memset(&id, 0, sizeof(id));
	id.pid = 8;
	KUNIT_EXPECT_FALSE(test, gup_pin_origin_to_report(&f->origins, &id));
	KUNIT_EXPECT_FALSE(test, gup_pin_origin_report_once(&f->origins, &id, &again));
	origin = get(test, &id);
	KUNIT_ASSERT_NOT_NULL(test, origin);
	KUNIT_EXPECT_TRUE(test, gup_pin_origin_to_report(&f->origins, &id));
	KUNIT_EXPECT_TRUE(test, gup_pin_origin_report_once(&f->origins, &id, &again));
	KUNIT_EXPECT_FALSE(test, again);
	KUNIT_EXPECT_FALSE(test, gup_pin_origin_report_once(&f->origins, &id, &again));
	KUNIT_EXPECT_FALSE(test, gup_pin_origin_to_report(&f->origins, &id));
	gup_pin_origin_report_later(&f->origins, &id);
	KUNIT_EXPECT_TRUE(test, gup_pin_origin_report_once(&f->origins, &id, &again));
	KUNIT_EXPECT_TRUE(test, again);
	gup_pin_origins_unreported(&f->origins);
	KUNIT_EXPECT_TRUE(test, gup_pin_origin_report_once(&f->origins, &id, &again));
	KUNIT_EXPECT_FALSE(test, again);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_live(origin), 1);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_acquired(origin), 1);
	gup_pin_origin_put(origin, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_origins_live(&f->origins), 0);
}

/* Otherwise, a user could rename its tasks such that all of their origins share a bucket. */
static void hash_has_a_secret(struct kunit *test)
{
	const struct gup_pin_id id = { .stack = 0x1234, .pid = 42 };
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_origin *origin;
	unsigned int i, changes = 0;
	u32 last = 0;

	for (i = 0; i < 4; i++) {
		origin = get(test, &id);
		KUNIT_ASSERT_NOT_NULL(test, origin);
		changes += i && origin->hash != last;
		last = origin->hash;
		gup_pin_origin_put(origin, 1);
		gup_pin_origins_destroy(&f->origins);
		gup_pin_origins_init(&f->origins);
	}
	KUNIT_EXPECT_GT(test, changes, 0);
}

/* Does the table have an origin with this task? */
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

/* Create and drop enough origins to have unused ones freed. */
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
		gup_pin_origin_put(origin, 1);
	}
}

/* The stack cache may hand out its origin at any time. */
static void cached_ones_stay(struct kunit *test)
{
	struct gup_pin_origin *cached, *other;
	struct gup_pin_id id;

	memset(&id, 0, sizeof(id));
	id.pid = 1;
	cached = get(test, &id);
	KUNIT_ASSERT_NOT_NULL(test, cached);
	atomic_inc(&cached->cached);
	gup_pin_origin_put(cached, 1);
	id.pid = 2;
	other = get(test, &id);
	KUNIT_ASSERT_NOT_NULL(test, other);
	gup_pin_origin_put(other, 1);

	come_and_go(test, 1000);
	KUNIT_EXPECT_FALSE(test, is_there(test, 2));
	KUNIT_ASSERT_TRUE(test, is_there(test, 1));
	/* The origin is still usable. */
	KUNIT_EXPECT_TRUE(test, gup_pin_origin_take(cached, 1));
	KUNIT_EXPECT_EQ(test, gup_pin_origin_live(cached), 1);
	id.pid = 1;
	KUNIT_EXPECT_PTR_EQ(test, cached, get(test, &id));
	gup_pin_origin_put(cached, 2);

	atomic_dec(&cached->cached);
	come_and_go(test, 10000);
	KUNIT_EXPECT_FALSE(test, is_there(test, 1));
}

/* An origin that is used now and then stays, however many others come and go. */
static void used_ones_stay(struct kunit *test)
{
	struct gup_pin_origin *origin;
	struct gup_pin_id id;
	unsigned int i, gets = 0;

	memset(&id, 0, sizeof(id));
	for (i = 0; i < 5000; i++) {
		id.pid = i % 16 ? 1000 + i : 1;
		origin = get(test, &id);
		KUNIT_ASSERT_NOT_NULL(test, origin);
		if (id.pid == 1)
			KUNIT_EXPECT_EQ(test, gup_pin_origin_acquired(origin), ++gets);
		gup_pin_origin_put(origin, 1);
	}
}

/* An origin about to be freed gets no pins: gup_pin_origin_get() makes a new one. */
static void dying_ones_are_left(struct kunit *test)
{
	struct gup_pin_origin *dying, *other;
	struct gup_pin_id id;

	memset(&id, 0, sizeof(id));
	id.pid = 1;
	dying = get(test, &id);
	KUNIT_ASSERT_NOT_NULL(test, dying);
	gup_pin_origin_put(dying, 1);
	atomic64_set(&dying->acquired, GUP_PIN_ORIGIN_DEAD);

	KUNIT_EXPECT_FALSE(test, gup_pin_origin_take(dying, 1));
	other = get(test, &id);
	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_EXPECT_PTR_NE(test, dying, other);
	KUNIT_EXPECT_PTR_EQ(test, other, get(test, &id));
	KUNIT_EXPECT_EQ(test, gup_pin_origin_live(dying), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_live(other), 2);
	gup_pin_origin_put(other, 2);
	gup_pin_expect_empty(test);
}

/* Under RCU, an origin stays readable after its removal from the table. */
static void readers_may_look_on(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_origin *found, *other;
	struct gup_pin_id id;
	unsigned int i;
	bool there;
	pid_t pid;

	memset(&id, 0, sizeof(id));
	id.pid = 1;
	found = get(test, &id);
	KUNIT_ASSERT_NOT_NULL(test, found);
	gup_pin_origin_put(found, 1);
	rcu_read_lock();
	for (i = 0; i < 5000; i++) {
		id.pid = 1000 + i;
		other = gup_pin_origin_get(&f->origins, &id, 1, GFP_NOWAIT);
		if (other)
			gup_pin_origin_put(other, 1);
	}
	there = is_there(test, 1);
	pid = READ_ONCE(found->id.pid);
	rcu_read_unlock();
	KUNIT_EXPECT_FALSE(test, there);
	KUNIT_EXPECT_EQ(test, pid, 1);
}

#define TAKERS		3
#define TAKES		30000

/**
 * struct taker - a thread that repeatedly gets and puts an origin
 * @f: the fixture
 * @id: the origin, the same for all threads
 * @wrong: number of invalid origins
 * @done: the thread has ended
 */
struct taker {
	struct gup_pin_fixture *f;
	struct gup_pin_id id;
	unsigned int wrong;
	struct completion done;
};

static int taker_run(void *data)
{
	struct taker *t = data;
	unsigned int i;

	for (i = 0; i < TAKES; i++) {
		struct gup_pin_origin *origin =
			gup_pin_origin_get(&t->f->origins, &t->id, 3, GFP_KERNEL);

		if (!origin || !gup_pin_id_equal(&origin->id, &t->id) ||
		    gup_pin_origin_live(origin) < 3)
			t->wrong++;
		if (origin)
			gup_pin_origin_put(origin, 3);
		cond_resched();
	}
	complete(&t->done);
	return 0;
}

/* Getting an origin during a sweep either succeeds or fails, and loses nothing. */
static void taken_while_swept(struct kunit *test)
{
	struct taker *takers = kunit_kcalloc(test, TAKERS, sizeof(*takers), GFP_KERNEL);
	struct gup_pin_fixture *f = test->priv;
	struct task_struct *task;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, takers);
	for (i = 0; i < TAKERS; i++) {
		takers[i].f = f;
		takers[i].id.pid = 4711;
		init_completion(&takers[i].done);
		task = kthread_run(taker_run, &takers[i], "gup_pin_test/%u", i);
		if (IS_ERR(task))
			complete(&takers[i].done);
		KUNIT_EXPECT_FALSE(test, IS_ERR(task));
	}
	for (i = 0; i < TAKERS; i++)
		while (!try_wait_for_completion(&takers[i].done)) {
			come_and_go(test, 10000);
			/* Without preemption, a single CPU frees nothing before. */
			cond_resched();
		}
	for (i = 0; i < TAKERS; i++)
		KUNIT_EXPECT_EQ(test, takers[i].wrong, 0);
	gup_pin_expect_empty(test);
}

static int take_and_put(void *data)
{
	struct gup_pin_origin *origin = data;

	while (!kthread_should_stop()) {
		gup_pin_origin_take(origin, 1);
		gup_pin_origin_put(origin, 1);
		cond_resched();
	}
	return 0;
}

/* A live origin is found, however many others come and go concurrently. */
static void held_is_seen(struct kunit *test)
{
	const struct gup_pin_id id = { .pid = 4711 };
	struct gup_pin_origin *origin;
	struct task_struct *task;
	unsigned int wrong = 0, i;
	unsigned long end;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	origin = get(test, &id);
	KUNIT_ASSERT_NOT_NULL(test, origin);
	task = kthread_run(take_and_put, origin, "gup_pin_test");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	end = jiffies + HZ;
	while (time_before(jiffies, end)) {
		for (i = 0; i < 10000; i++)
			wrong += !gup_pin_origin_live(origin);
		cond_resched();
	}
	kthread_stop(task);
	KUNIT_EXPECT_EQ(test, wrong, 0);
	gup_pin_origin_put(origin, 1);
}

static struct kunit_case origin_cases[] = {
	KUNIT_CASE(equal_is_one),
	KUNIT_CASE(acquired_and_peak),
	KUNIT_CASE(part_is_recorded),
	KUNIT_CASE(reported_once),
	KUNIT_CASE(unused_are_freed),
	KUNIT_CASE_SLOW(unused_go_by_themselves),
	KUNIT_CASE(cached_ones_stay),
	KUNIT_CASE(used_ones_stay),
	KUNIT_CASE(dying_ones_are_left),
	KUNIT_CASE(readers_may_look_on),
	KUNIT_CASE_SLOW(taken_while_swept),
	KUNIT_CASE_SLOW(held_is_seen),
	KUNIT_CASE(hash_has_a_secret),
	{}
};

static struct kunit_suite origin_suite = {
	.name = "gup_pin_origin",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = origin_cases,
};

kunit_test_suite(origin_suite);
