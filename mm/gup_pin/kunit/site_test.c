// SPDX-License-Identifier: GPL-2.0
/* Sites: learned from certain unpins, and used for uncertain ones. */
#include "fixture.h"

#define FIRST	GUP_PIN_TEST_PFN

/* No code calls from this address. */
#define SITE	0x1000UL

static const struct gup_pin_id long_write = {
	.stack = 11,
	.mode = GUP_PIN_WRITE,
	.term = GUP_PIN_LONG,
};

static const struct gup_pin_id short_write = {
	.stack = 12,
	.mode = GUP_PIN_WRITE,
	.term = GUP_PIN_SHORT,
};

static const struct gup_pin_id short_read = {
	.stack = 13,
	.mode = GUP_PIN_READ,
	.term = GUP_PIN_SHORT,
};

static struct gup_pin_sites *sites_of(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;

	return &f->index.sites;
}

static const struct gup_pin_site *find(struct kunit *test, unsigned long ip)
{
	return gup_pin_site_find(sites_of(test), ip);
}

static bool has_stack(struct kunit *test, unsigned long ip, u32 stack)
{
	const struct gup_pin_site *site = find(test, ip);

	return site && gup_pin_site_has_stack(site, stack);
}

static bool has_kind(struct kunit *test, unsigned long ip, const struct gup_pin_id *id)
{
	const struct gup_pin_site *site = find(test, ip);

	return site && gup_pin_site_has_kind(site, id);
}

static void set_of_stacks(struct kunit *test)
{
	struct gup_pin_id id = long_write;
	unsigned int i, j;

	KUNIT_EXPECT_NULL(test, find(test, SITE));
	for (i = 0; i < GUP_PIN_SITE_STACKS; i++) {
		id.stack = 100 + i;
		/* Learning the same stack again has no effect. */
		gup_pin_site_learn(sites_of(test), SITE, &id);
		gup_pin_site_learn(sites_of(test), SITE, &id);
		for (j = 0; j < GUP_PIN_SITE_STACKS; j++)
			KUNIT_EXPECT_EQ(test, has_stack(test, SITE, 100 + j), j <= i);
	}
	KUNIT_EXPECT_FALSE(test, has_stack(test, SITE, 99));
	/* Other sites and unknown sites are not affected. */
	KUNIT_EXPECT_NULL(test, find(test, SITE + 1));
	KUNIT_EXPECT_NULL(test, find(test, 0));
	/* With one stack too many, the site accepts any stack. */
	id.stack = 99;
	gup_pin_site_learn(sites_of(test), SITE, &id);
	KUNIT_EXPECT_TRUE(test, has_stack(test, SITE, 99));
	KUNIT_EXPECT_TRUE(test, has_stack(test, SITE, 98));
}

/* Pins without a saved stack do not share a stack. */
static void unknown_stacks(struct kunit *test)
{
	struct gup_pin_id id = long_write;

	id.stack = 0;
	gup_pin_site_learn(sites_of(test), SITE, &id);
	KUNIT_EXPECT_TRUE(test, has_kind(test, SITE, &id));
	KUNIT_EXPECT_FALSE(test, has_stack(test, SITE, 0));
	KUNIT_EXPECT_FALSE(test, has_stack(test, SITE, 11));
}

static void kinds(struct kunit *test)
{
	struct gup_pin_id long_read = long_write;

	long_read.mode = GUP_PIN_READ;
	gup_pin_site_learn(sites_of(test), SITE, &long_write);
	KUNIT_EXPECT_TRUE(test, has_kind(test, SITE, &long_write));
	KUNIT_EXPECT_FALSE(test, has_kind(test, SITE, &short_write));
	KUNIT_EXPECT_FALSE(test, has_kind(test, SITE, &long_read));
	gup_pin_site_learn(sites_of(test), SITE, &short_read);
	KUNIT_EXPECT_TRUE(test, has_kind(test, SITE, &long_write));
	KUNIT_EXPECT_TRUE(test, has_kind(test, SITE, &short_read));
	KUNIT_EXPECT_FALSE(test, has_kind(test, SITE, &short_write));
	KUNIT_EXPECT_FALSE(test, has_kind(test, SITE, &long_read));
}

/* What does not fit is not learned; what is learned is right. */
static void very_many(struct kunit *test)
{
	unsigned int i, nr = 2 * ARRAY_SIZE(sites_of(test)->site), known = 0;

	for (i = 0; i < nr; i++) {
		struct gup_pin_id id = long_write;

		id.stack = i + 1;
		gup_pin_site_learn(sites_of(test), SITE + i, &id);
	}
	for (i = 0; i < nr; i++) {
		if (!find(test, SITE + i))
			continue;
		known++;
		KUNIT_EXPECT_TRUE(test, has_stack(test, SITE + i, i + 1));
		KUNIT_EXPECT_FALSE(test, has_stack(test, SITE + i, i + 2));
	}
	KUNIT_EXPECT_GT(test, known, ARRAY_SIZE(sites_of(test)->site) / 2);
	KUNIT_EXPECT_LE(test, known, ARRAY_SIZE(sites_of(test)->site));
}

static struct gup_pin_test_call add(struct kunit *test, unsigned long pfn,
				    const struct gup_pin_id *id)
{
	struct gup_pin_test_call call = gup_pin_test_call_of(test, id);

	gup_pin_test_add(test, pfn, &call, 1);
	return call;
}

static void unpin_at(struct kunit *test, unsigned long site, unsigned long pfn)
{
	gup_pin_test_unpin_by(gup_pin_test_unpin_at(test, site), pfn);
	gup_pin_expect_sound(test);
}

/* Independent of age. */
static void guess_by_stack(struct kunit *test)
{
	unsigned int i;

	add(test, FIRST, &long_write);
	unpin_at(test, SITE, FIRST);
	add(test, FIRST, &short_read);
	unpin_at(test, SITE + 1, FIRST);
	KUNIT_EXPECT_TRUE(test, has_stack(test, SITE, 11));
	KUNIT_EXPECT_TRUE(test, has_stack(test, SITE + 1, 13));
	for (i = 0; i < 4; i++) {
		struct gup_pin_test_call a = add(test, FIRST, i / 2 ? &long_write : &short_read);
		struct gup_pin_test_call b = add(test, FIRST, i / 2 ? &short_read : &long_write);

		if (i / 2)
			swap(a, b);
		/* Now a is short-term, b is long-term. */
		unpin_at(test, SITE + i % 2, FIRST);
		KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, &a), !(i % 2));
		KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, &b), i % 2);
		gup_pin_expect_match(test, FIRST, GUP_PIN_INFERRED);
		unpin_at(test, SITE + 1 - i % 2, FIRST);
	}
	gup_pin_expect_empty(test);
}

/* A site that has released pins of two stacks distinguishes them from a third. */
static void guess_by_set(struct kunit *test)
{
	struct gup_pin_test_call a, b;

	add(test, FIRST, &short_write);
	unpin_at(test, SITE, FIRST);
	add(test, FIRST, &short_read);
	unpin_at(test, SITE, FIRST);
	a = add(test, FIRST, &long_write);
	b = add(test, FIRST, &short_read);
	unpin_at(test, SITE, FIRST);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, &a), 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, &b), 0);
	b = add(test, FIRST, &short_write);
	unpin_at(test, SITE, FIRST);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, &b), 0);
	/* Without such a pin, one of the others is released. */
	unpin_at(test, SITE, FIRST);
	gup_pin_expect_empty(test);
}

/* Neither a guess nor the pin left after one teaches anything. */
static void a_guess_teaches_nothing(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		add(test, FIRST, &long_write);
		add(test, FIRST, &short_read);
		unpin_at(test, SITE, FIRST);
		unpin_at(test, SITE, FIRST);
		KUNIT_EXPECT_NULL(test, find(test, SITE));
	}
	/* Other pages of the same unpin may teach. */
	add(test, FIRST, &long_write);
	unpin_at(test, SITE, FIRST);
	KUNIT_EXPECT_TRUE(test, has_stack(test, SITE, 11));
	gup_pin_expect_empty(test);
}

/* A bulk unpin teaches page by page. */
static void many_pages_teach(struct kunit *test)
{
	struct gup_pin_unpin unpin = gup_pin_test_unpin_at(test, SITE);
	struct gup_pin_test_call a = gup_pin_test_call_of(test, &long_write);
	struct gup_pin_test_call b = gup_pin_test_call_of(test, &short_read);

	gup_pin_test_add_mask(test, FIRST, 0xff, &a);
	gup_pin_test_add_mask(test, FIRST, 0xff00, &b);
	gup_pin_unpin_range(&unpin, FIRST, 16);
	gup_pin_unpin_end(&unpin);
	KUNIT_EXPECT_TRUE(test, has_stack(test, SITE, 11));
	KUNIT_EXPECT_TRUE(test, has_stack(test, SITE, 13));
	KUNIT_EXPECT_FALSE(test, has_stack(test, SITE, 12));
	KUNIT_EXPECT_FALSE(test, has_kind(test, SITE, &short_write));
	gup_pin_expect_empty(test);
}

/* An origin caches the site that learned it last; other sites still learn it. */
static void each_site_learns(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 6; i++) {
		add(test, FIRST, &long_write);
		unpin_at(test, SITE + i % 3, FIRST);
	}
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_TRUE(test, has_stack(test, SITE + i, 11));
	/* An unknown site cannot learn. */
	add(test, FIRST, &long_write);
	unpin_at(test, 0, FIRST);
	KUNIT_EXPECT_NULL(test, find(test, 0));
	gup_pin_expect_empty(test);
}

/* Sites of which some have the same place in the table. */
static unsigned long nth_site(unsigned int i)
{
	return SITE + 7UL * i * i;
}

/* Sites that were in code that is gone; others that were entered behind them stay. */
static void unloaded_is_forgotten(struct kunit *test)
{
	unsigned int i, nr = ARRAY_SIZE(sites_of(test)->site) / 2, known[2] = {};
	const struct gup_pin_code code = {
		.start = { SITE },
		.end = { nth_site(nr / 2) },
	};

	for (i = 0; i < nr; i++)
		gup_pin_site_learn(sites_of(test), nth_site(i), &long_write);
	for (i = 0; i < nr; i++)
		known[i >= nr / 2] += !!find(test, nth_site(i));
	KUNIT_ASSERT_GT(test, known[0], nr / 4);
	gup_pin_sites_unload(sites_of(test), &code);
	for (i = 0; i < nr; i++)
		known[i >= nr / 2] -= !!find(test, nth_site(i));
	KUNIT_EXPECT_GT(test, known[0], nr / 4);
	KUNIT_EXPECT_EQ(test, known[1], 0);
	/* Their entries are used again, and nothing is left in them. */
	for (i = 0; i < nr / 2; i++) {
		gup_pin_site_learn(sites_of(test), nth_site(i), &short_read);
		KUNIT_EXPECT_FALSE(test, has_stack(test, nth_site(i), long_write.stack));
		KUNIT_EXPECT_FALSE(test, has_kind(test, nth_site(i), &long_write));
		known[0] -= has_stack(test, nth_site(i), short_read.stack);
	}
	KUNIT_EXPECT_EQ(test, known[0], 0);
}

static struct kunit_case site_cases[] = {
	KUNIT_CASE(set_of_stacks),
	KUNIT_CASE(unknown_stacks),
	KUNIT_CASE(kinds),
	KUNIT_CASE(very_many),
	KUNIT_CASE(guess_by_stack),
	KUNIT_CASE(guess_by_set),
	KUNIT_CASE(a_guess_teaches_nothing),
	KUNIT_CASE(many_pages_teach),
	KUNIT_CASE(each_site_learns),
	KUNIT_CASE(unloaded_is_forgotten),
	{}
};

static struct kunit_suite site_suite = {
	.name = "gup_pin_site",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = site_cases,
};

kunit_test_suite(site_suite);
