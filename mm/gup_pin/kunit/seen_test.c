// SPDX-License-Identifier: GPL-2.0
/* Deduplication and rate limits of reports. The hazards provide the time. */
#include <kunit/test.h>
#include <linux/sched/clock.h>
#include <linux/time64.h>

#include "../gup_pin.h"
#include "case.h"

#define KIND	GUP_PIN_HAZARD_WRITEBACK
#define OTHER	GUP_PIN_HAZARD_TRUNCATE
#define ROOT	0
#define USER	1000

struct seen_state {
	struct gup_pin_hazard_record record;
	u64 now;
};

static int seen_init(struct kunit *test)
{
	struct seen_state *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);

	gup_pin_case_start(test);
	if (!s)
		return -ENOMEM;
	s->now = local_clock() + NSEC_PER_SEC;
	test->priv = s;
	gup_pin_seen_forget();
	return 0;
}

static void seen_exit(struct kunit *test)
{
	gup_pin_seen_forget();
}

static struct gup_pin_hazard_record *record(struct kunit *test,
					    enum gup_pin_hazard_kind kind,
					    u32 uid, u64 key)
{
	struct seen_state *s = test->priv;

	s->record.kind = kind;
	s->record.place.uid = uid;
	s->record.place.used = s->now;
	s->record.key = key;
	return &s->record;
}

static bool is_first(struct kunit *test, enum gup_pin_hazard_kind kind, u32 uid,
		     u64 key)
{
	return gup_pin_seen_first(record(test, kind, uid, key));
}

static bool was_seen(struct kunit *test, enum gup_pin_hazard_kind kind, u32 uid,
		     u64 key)
{
	return gup_pin_seen(record(test, kind, uid, key));
}

/* Number of reports for @nr hazards at the same time. */
static unsigned int reported(struct kunit *test, enum gup_pin_hazard_kind kind,
			     u32 uid, unsigned int nr)
{
	unsigned int i, found = 0;

	for (i = 0; i < nr; i++)
		found += is_first(test, kind, uid, uid * 1000 + i + 1);
	return found;
}

static void later(struct kunit *test, u64 seconds)
{
	struct seen_state *s = test->priv;

	s->now += seconds * NSEC_PER_SEC;
}

static void equal_ones_once(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, was_seen(test, KIND, ROOT, 1));
	KUNIT_EXPECT_TRUE(test, is_first(test, KIND, ROOT, 1));
	KUNIT_EXPECT_TRUE(test, was_seen(test, KIND, ROOT, 1));
	KUNIT_EXPECT_FALSE(test, is_first(test, KIND, ROOT, 1));
	KUNIT_EXPECT_FALSE(test, was_seen(test, OTHER, ROOT, 1));
	KUNIT_EXPECT_TRUE(test, is_first(test, OTHER, ROOT, 1));
}

static void a_kind_has_its_share(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 20, reported(test, KIND, ROOT, 100));
	KUNIT_EXPECT_EQ(test, 20, reported(test, OTHER, ROOT, 100));
	/* Suppressed hazards are reported once the limit allows it. */
	later(test, 1);
	KUNIT_EXPECT_EQ(test, 4, reported(test, KIND, ROOT, 100));
	later(test, 3600);
	KUNIT_EXPECT_EQ(test, 20, reported(test, KIND, ROOT, 100));
}

static void a_user_has_a_share(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 10, reported(test, KIND, USER, 100));
	KUNIT_EXPECT_EQ(test, 10, reported(test, OTHER, USER, 100));
	KUNIT_EXPECT_EQ(test, 5, reported(test, KIND, USER + 1, 5));
	KUNIT_EXPECT_EQ(test, 5, reported(test, KIND, ROOT, 100));
	/* Later the rate is low. */
	later(test, 30);
	KUNIT_EXPECT_EQ(test, 3, reported(test, KIND, USER, 100));
	KUNIT_EXPECT_EQ(test, 17, reported(test, KIND, ROOT, 100));
}

/* The first hazards, early at boot. */
static void all_of_a_share_at_once(struct kunit *test)
{
	struct seen_state *s = test->priv;

	s->now = 1;
	KUNIT_EXPECT_EQ(test, 10, reported(test, KIND, USER, 100));
	KUNIT_EXPECT_EQ(test, 10, reported(test, KIND, ROOT, 100));
}

/* Of one user. */
static void the_oldest_is_forgotten(struct kunit *test)
{
	unsigned int i;

	for (i = 1; i <= 64; i++) {
		later(test, 1);
		KUNIT_EXPECT_TRUE(test, is_first(test, KIND, ROOT, i));
	}
	/* The oldest is the one that was not met for the longest time. */
	later(test, 1);
	KUNIT_EXPECT_TRUE(test, was_seen(test, KIND, ROOT, 1));
	later(test, 1);
	KUNIT_EXPECT_TRUE(test, is_first(test, KIND, ROOT, 65));
	KUNIT_EXPECT_TRUE(test, was_seen(test, KIND, ROOT, 1));
	KUNIT_EXPECT_FALSE(test, was_seen(test, KIND, ROOT, 2));
	KUNIT_EXPECT_TRUE(test, was_seen(test, KIND, ROOT, 3));
}

static void a_user_forgets_his_own(struct kunit *test)
{
	unsigned int i;

	for (i = 1; i <= 20; i++)
		KUNIT_EXPECT_TRUE(test, is_first(test, KIND, ROOT, i));
	for (i = 1; i <= 300; i++) {
		later(test, 10);
		KUNIT_EXPECT_TRUE(test, is_first(test, KIND, USER, 1000 + i));
	}
	for (i = 1; i <= 20; i++)
		KUNIT_EXPECT_TRUE(test, was_seen(test, KIND, ROOT, i));
}

/* The clock of another CPU may be behind. */
static void time_that_goes_back(struct kunit *test)
{
	struct seen_state *s = test->priv;

	KUNIT_EXPECT_EQ(test, 20, reported(test, KIND, ROOT, 100));
	s->now -= NSEC_PER_SEC;
	KUNIT_EXPECT_EQ(test, 0, reported(test, KIND, ROOT, 100));
	s->now += NSEC_PER_SEC;
	KUNIT_EXPECT_EQ(test, 0, reported(test, KIND, ROOT, 100));
}

static struct kunit_case seen_cases[] = {
	KUNIT_CASE(equal_ones_once),
	KUNIT_CASE(a_kind_has_its_share),
	KUNIT_CASE(a_user_has_a_share),
	KUNIT_CASE(all_of_a_share_at_once),
	KUNIT_CASE(the_oldest_is_forgotten),
	KUNIT_CASE(a_user_forgets_his_own),
	KUNIT_CASE(time_that_goes_back),
	{}
};

static struct kunit_suite seen_suite = {
	.name = "gup_pin_seen",
	.init = seen_init,
	.exit = seen_exit,
	.test_cases = seen_cases,
};

kunit_test_suite(seen_suite);
