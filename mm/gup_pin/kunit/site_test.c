// SPDX-License-Identifier: GPL-2.0
/*
 * Sites: what is learned where there is no doubt, and taken where there is.
 */
#include "fixture.h"

#define FIRST	GUP_PIN_TEST_PFN

/* Where nobody calls from. Tests of the index have to share them with the kernel. */
#define NOWHERE	0x1000UL

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

static struct gup_pin_sites *new_sites(struct kunit *test)
{
	struct gup_pin_sites *sites = kunit_kzalloc(test, sizeof(*sites),
						    GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, sites);
	return sites;
}

static void one_stack(struct kunit *test)
{
	struct gup_pin_sites *sites = new_sites(test);
	struct gup_pin_hint hint;
	unsigned int i;

	hint = gup_pin_site_hint(sites, NOWHERE, true);
	KUNIT_EXPECT_EQ(test, hint.stack, 0);
	KUNIT_EXPECT_EQ(test, hint.kinds, 0);
	KUNIT_EXPECT_TRUE(test, hint.dirty);
	for (i = 0; i < 3; i++) {
		gup_pin_site_learn(sites, NOWHERE, &long_write);
		hint = gup_pin_site_hint(sites, NOWHERE, false);
		KUNIT_EXPECT_EQ(test, hint.stack, 11);
		KUNIT_EXPECT_EQ(test, hweight32(hint.kinds), 1);
		KUNIT_EXPECT_FALSE(test, hint.dirty);
	}
	/* No other site has to do with it, nor has one that is not known. */
	KUNIT_EXPECT_EQ(test, gup_pin_site_hint(sites, NOWHERE + 1, 0).kinds, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_site_hint(sites, 0, 0).kinds, 0);
}

static void several_stacks(struct kunit *test)
{
	struct gup_pin_sites *sites = new_sites(test);
	struct gup_pin_hint hint;

	gup_pin_site_learn(sites, NOWHERE, &short_read);
	gup_pin_site_learn(sites, NOWHERE, &short_write);
	hint = gup_pin_site_hint(sites, NOWHERE, false);
	KUNIT_EXPECT_EQ(test, hint.stack, 0);
	KUNIT_EXPECT_EQ(test, hweight32(hint.kinds), 2);
	KUNIT_EXPECT_EQ(test, gup_pin_hint_rank(&hint, &short_read), 0);
	KUNIT_EXPECT_NE(test, gup_pin_hint_rank(&hint, &long_write), 0);
	/* And that is how it stays. */
	gup_pin_site_learn(sites, NOWHERE, &short_read);
	KUNIT_EXPECT_EQ(test, gup_pin_site_hint(sites, NOWHERE, 0).stack, 0);
}

/* The stack says more than the kind, and the kind more than what was written. */
static void ranks(struct kunit *test)
{
	struct gup_pin_sites *sites = new_sites(test);
	struct gup_pin_id same = short_read;
	struct gup_pin_hint hint;

	gup_pin_site_learn(sites, NOWHERE, &short_read);
	hint = gup_pin_site_hint(sites, NOWHERE, true);
	same.stack = short_write.stack;
	KUNIT_EXPECT_LT(test, gup_pin_hint_rank(&hint, &short_read),
			gup_pin_hint_rank(&hint, &same));
	KUNIT_EXPECT_LT(test, gup_pin_hint_rank(&hint, &same),
			gup_pin_hint_rank(&hint, &short_write));
	hint = gup_pin_site_hint(sites, 0, true);
	KUNIT_EXPECT_EQ(test, gup_pin_hint_rank(&hint, &short_write), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_hint_rank(&hint, &long_write), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_hint_rank(&hint, &short_read), 1);
}

/* What there is no room for is not known; what is known is right. */
static void very_many(struct kunit *test)
{
	struct gup_pin_sites *sites = new_sites(test);
	unsigned int i, nr = 2 * ARRAY_SIZE(sites->site), known = 0;

	for (i = 0; i < nr; i++) {
		struct gup_pin_id id = long_write;

		id.stack = i + 1;
		gup_pin_site_learn(sites, NOWHERE + i, &id);
	}
	for (i = 0; i < nr; i++) {
		struct gup_pin_hint hint = gup_pin_site_hint(sites, NOWHERE + i,
							     false);

		if (!hint.kinds)
			continue;
		known++;
		KUNIT_EXPECT_EQ(test, hint.stack, i + 1);
	}
	KUNIT_EXPECT_GT(test, known, ARRAY_SIZE(sites->site) / 2);
	KUNIT_EXPECT_LE(test, known, ARRAY_SIZE(sites->site));
}

static void release_at(struct kunit *test, unsigned long site,
		       unsigned long pfn, unsigned int pins)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_releaser rel = {
		.index = &f->index,
		.drops.site = site,
	};

	gup_pin_release(&rel, pfn, pins, false);
	gup_pin_release_end(&rel);
	gup_pin_expect_sound(test);
}

/* One pin of each of some folios of a block, all of them at once. */
static void release_mask_at(struct kunit *test, unsigned long site,
			    unsigned long first, u64 mask)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_releaser rel = {
		.index = &f->index,
		.drops.site = site,
	};

	for (; mask; mask &= mask - 1)
		gup_pin_release(&rel, first + __ffs64(mask), 1, false);
	gup_pin_release_end(&rel);
	gup_pin_expect_sound(test);
}

static struct gup_pin_call *add(struct kunit *test, unsigned long pfn,
				const struct gup_pin_id *id)
{
	struct gup_pin_call *call = gup_pin_test_call_of(test, id);

	gup_pin_test_add(test, pfn, call, 1);
	return call;
}

static struct gup_pin_hint known_of(unsigned long site)
{
	return gup_pin_site_hint(&gup_pin_root.sites, site, false);
}

/* Whichever is older. */
static void guess_by_stack(struct kunit *test)
{
	struct gup_pin_call *a, *b;
	unsigned int i;

	add(test, FIRST, &long_write);
	release_at(test, NOWHERE + 100, FIRST, 1);
	add(test, FIRST, &short_read);
	release_at(test, NOWHERE + 101, FIRST, 1);
	KUNIT_EXPECT_EQ(test, known_of(NOWHERE + 100).stack, 11);
	KUNIT_EXPECT_EQ(test, known_of(NOWHERE + 101).stack, 13);
	for (i = 0; i < 4; i++) {
		a = add(test, FIRST, i / 2 ? &long_write : &short_read);
		b = add(test, FIRST, i / 2 ? &short_read : &long_write);
		if (i / 2)
			swap(a, b);
		/* Now a is short, b is long. */
		release_at(test, NOWHERE + 100 + i % 2, FIRST, 1);
		KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, a), !(i % 2));
		KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, b), i % 2);
		KUNIT_EXPECT_TRUE(test, gup_pin_test_inferred(test, FIRST));
		release_at(test, NOWHERE + 101 - i % 2, FIRST, 1);
	}
	gup_pin_expect_empty(test);
}

/* Who ends the I/O of many: not those that are held for long. */
static void guess_by_kind(struct kunit *test)
{
	struct gup_pin_id other = short_read;
	struct gup_pin_call *a, *b, *c;

	add(test, FIRST, &short_read);
	release_at(test, NOWHERE + 200, FIRST, 1);
	add(test, FIRST, &short_write);
	release_at(test, NOWHERE + 200, FIRST, 1);
	other.stack = 14;
	a = add(test, FIRST, &long_write);
	b = add(test, FIRST, &other);
	c = add(test, FIRST, &short_write);
	release_at(test, NOWHERE + 200, FIRST, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, a), 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, b), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, c), 1);
	/* When there is no such, then of those that there are. */
	release_at(test, NOWHERE + 200, FIRST, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, c), 0);
	release_at(test, NOWHERE + 200, FIRST, 1);
	gup_pin_expect_empty(test);
}

/* Neither a guess teaches, nor what is left after one. */
static void a_guess_teaches_nothing(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		add(test, FIRST, &long_write);
		add(test, FIRST, &short_read);
		release_at(test, NOWHERE + 300, FIRST, 1);
		release_at(test, NOWHERE + 300, FIRST, 1);
		KUNIT_EXPECT_EQ(test, known_of(NOWHERE + 300).kinds, 0);
	}
	/* On other folios of the same unpin it may be learned. */
	add(test, FIRST, &long_write);
	release_at(test, NOWHERE + 300, FIRST, 1);
	KUNIT_EXPECT_EQ(test, known_of(NOWHERE + 300).stack, 11);
	gup_pin_expect_empty(test);
}

/* Each way in which pins are released. */
static void every_way_teaches(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call *call;

	/* A block's own call, for which there are slots. */
	gup_pin_test_layers(test, FIRST, 1);
	add(test, FIRST, &short_read);
	KUNIT_ASSERT_TRUE(test, gup_pin_test_single(test, FIRST + 3,
						    GUP_PIN_WRITE));
	KUNIT_EXPECT_TRUE(test, gup_pin_release_only(&f->index, FIRST + 3,
						     NOWHERE + 400));
	KUNIT_EXPECT_NE(test, known_of(NOWHERE + 400).kinds, 0);
	gup_pin_test_release(test, FIRST, 1, false);
	gup_pin_test_layers_gone(test, FIRST, 1);

	/* Several at once. */
	gup_pin_test_layers(test, FIRST, 1);
	add(test, FIRST, &short_read);
	KUNIT_ASSERT_TRUE(test, gup_pin_test_single(test, FIRST + 3,
						    GUP_PIN_WRITE));
	KUNIT_ASSERT_TRUE(test, gup_pin_test_single(test, FIRST + 4,
						    GUP_PIN_WRITE));
	release_mask_at(test, NOWHERE + 403, FIRST, BIT(3) | BIT(4));
	KUNIT_EXPECT_NE(test, known_of(NOWHERE + 403).kinds, 0);
	gup_pin_test_release(test, FIRST, 1, false);
	gup_pin_test_layers_gone(test, FIRST, 1);

	call = gup_pin_test_call_of(test, &long_write);
	gup_pin_test_add_mask(test, FIRST, U64_MAX, call);
	release_at(test, NOWHERE + 401, FIRST, 1);
	KUNIT_EXPECT_EQ(test, known_of(NOWHERE + 401).stack, 11);
	gup_pin_test_release_mask(test, FIRST, U64_MAX - 1);

	/* All pins of a folio that several have pinned. */
	add(test, FIRST, &short_read);
	add(test, FIRST, &short_write);
	release_at(test, NOWHERE + 402, FIRST, 2);
	KUNIT_EXPECT_EQ(test, hweight32(known_of(NOWHERE + 402).kinds), 2);
	gup_pin_expect_empty(test);
}

static struct kunit_case site_cases[] = {
	KUNIT_CASE(one_stack),
	KUNIT_CASE(several_stacks),
	KUNIT_CASE(ranks),
	KUNIT_CASE(very_many),
	KUNIT_CASE(guess_by_stack),
	KUNIT_CASE(guess_by_kind),
	KUNIT_CASE(a_guess_teaches_nothing),
	KUNIT_CASE(every_way_teaches),
	{}
};

static struct kunit_suite site_suite = {
	.name = "gup_pin_site",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = site_cases,
};

kunit_test_suite(site_suite);
