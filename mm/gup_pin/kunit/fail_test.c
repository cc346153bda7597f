// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation fails once, in turn: nothing is lost, leaked or counted twice.
 */
#include <linux/fault-inject.h>
#include <linux/sched.h>

#include "fixture.h"

#define FAIL_GFP	(GFP_NOWAIT | __GFP_NOWARN)

#define FIRST		GUP_PIN_TEST_PFN

/* The nth allocation from now on fails; 0 ends that. Was it met? */
static void fail_nth(unsigned int nth)
{
#ifdef CONFIG_FAILSLAB
	WRITE_ONCE(current->fail_nth, nth);
#endif
}

static bool failed(void)
{
#ifdef CONFIG_FAILSLAB
	return !READ_ONCE(current->fail_nth);
#else
	return false;
#endif
}

static int fail_init(struct kunit *test)
{
	int err = gup_pin_fixture_init(test);

	if (!IS_ENABLED(CONFIG_FAILSLAB))
		kunit_skip(test, "needs CONFIG_FAILSLAB");
	return err;
}

/**
 * struct situation - what there is, and what is to be added to it
 * @name: of the situation
 * @layers: calls with a layer each, on the block's last folios
 * @others: calls with a pin on each folio of @on
 * @on: these folios
 * @own: folios on which the call has a pin already
 * @add: folios to be added
 * @pins: on each of @add; if it is not 1 they come one by one
 * @least: allocations that this must take
 */
struct situation {
	const char *name;
	unsigned int layers;
	unsigned int others;
	u64 on;
	u64 own;
	u64 add;
	unsigned int pins;
	unsigned int least;
};

static const struct situation situations[] = {
	{
		.name = "first pin",	/* a block, and a node for it */
		.add = 1,
		.pins = 1,
		.least = 1,
	}, {
		.name = "first bulk",
		.add = U64_MAX,
		.pins = 1,
		.least = 1,
	}, {
		.name = "first huge page",
		.add = 1,
		.pins = 512,
		.least = 1,
	}, {
		.name = "second layer",
		.others = 1,
		.on = U64_MAX,
		.add = U64_MAX,
		.pins = 1,
		.least = 1,
	}, {
		.name = "second pins of a huge page",
		.others = 1,
		.on = 1,
		.add = 1,
		.pins = 512,
		.least = 1,
	}, {
		.name = "slots",
		.layers = 1,
		.add = 1,
		.pins = 1,
		.least = 1,
	}, {
		.name = "slots for many",
		.layers = 1,
		.add = 0xf0f,
		.pins = 1,
		.least = 1,
	}, {
		.name = "set",
		.layers = 1,
		.others = 1,
		.on = 1,
		.add = 1,
		.pins = 1,
		.least = 1,
	}, {
		.name = "sets, and slots between them",
		.layers = 1,
		.others = 1,
		.on = 0x5a,
		.add = 0xff & ~1,
		.pins = 1,
		.least = 4,
	}, {
		.name = "slots and a set for a huge page",
		.layers = 1,
		.add = 1,
		.pins = 512,
		.least = 2,
	}, {
		.name = "medium folios",
		.add = BIT_ULL(0) | BIT_ULL(16) | BIT_ULL(32) | BIT_ULL(48),
		.pins = 16,
		.least = 1,
	}, {
		.name = "chunk",
		.layers = 1,
		.others = GUP_PIN_SET_REFS,
		.on = 1,
		.add = 1,
		.pins = 1,
		.least = 1,
	}, {
		.name = "chunks, sets and slots",
		.layers = 1,
		.others = GUP_PIN_SET_REFS + GUP_PIN_CHUNK_REFS,
		.on = 0x15,
		.add = 0x3f,
		.pins = 1,
		.least = 3,
	}, {
		.name = "too many layers",
		.layers = GUP_PIN_LAYERS_MANY,
		.add = 0xffff,
		.pins = 1,
		.least = 1,
	}, {
		.name = "same folios again",
		.own = 0xff,
		.add = 0xfff0,
		.pins = 1,
		.least = 2,
	}, {
		.name = "same folios again, between others",
		.layers = 1,
		.others = 2,
		.on = 0x0f,
		.own = 0xff,
		.add = 0x33,
		.pins = 1,
		.least = 2,
	},
};

KUNIT_ARRAY_PARAM_DESC(situation, situations, name);

static void prepare(struct kunit *test, const struct situation *s)
{
	unsigned int i;

	gup_pin_test_layers(test, FIRST, s->layers);
	for (i = 0; i < s->others; i++)
		gup_pin_test_add_mask(test, FIRST, s->on,
				      gup_pin_test_call(test, GUP_PIN_READ));
}

/* Returns how many pins were not recorded. */
static unsigned int try_add(struct kunit *test, const struct situation *s,
			    struct gup_pin_call *call, unsigned int nth,
			    bool *met)
{
	struct gup_pin_adder adder;
	u64 mask;

	adder = gup_pin_test_adder(test, call, hweight64(s->add) * s->pins);
	adder.fresh = !s->own;
	adder.gfp = FAIL_GFP;
	fail_nth(nth);
	for (mask = s->add; mask; mask &= mask - 1)
		gup_pin_add(&adder, FIRST + __ffs64(mask), s->pins);
	gup_pin_add_flush(&adder);
	*met = failed();
	fail_nth(0);
	return adder.left;
}

/* The folios have all their pins, whoever knows of them. */
static void release_all(struct kunit *test, const struct situation *s)
{
	const struct gup_pin_totals *t;
	unsigned int i, pins;

	for (i = 0; i < GUP_PIN_BLOCK_PFNS; i++) {
		u64 bit = BIT_ULL(i);

		pins = (s->on & bit ? s->others : 0) + !!(s->own & bit) +
		       (s->add & bit ? s->pins : 0) +
		       (GUP_PIN_TEST_LAYER & bit ? s->layers : 0);
		if (pins)
			gup_pin_test_release(test, FIRST + i, pins, i % 2);
	}
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->untracked, 0);
	KUNIT_EXPECT_EQ(test, t->unmatched, 0);
	KUNIT_EXPECT_EQ(test, t->acquired, t->released);
}

/*
 * One failure is not enough to lose a pin where a second attempt is made, so
 * what is asked for is only that the figures say what happened.
 */
static void fails_in_turn(struct kunit *test)
{
	const struct situation *s = test->param_value;
	unsigned int nth, left = 1, misses = 0;
	struct gup_pin_totals before;
	struct gup_pin_call *call;
	bool met = true;

	for (nth = 1; met; nth++) {
		const struct gup_pin_totals *t;

		KUNIT_ASSERT_LT(test, nth, 100);
		call = gup_pin_test_call(test, GUP_PIN_WRITE);
		atomic_set(&call->live, 1);
		gup_pin_test_add_mask(test, FIRST, s->own, call);
		prepare(test, s);
		before = *gup_pin_test_totals(test);
		left = try_add(test, s, call, nth, &met);
		misses += !!left;
		t = gup_pin_test_totals(test);
		KUNIT_EXPECT_EQ(test, t->untracked, left);
		KUNIT_EXPECT_EQ(test, t->acquired - before.acquired + left,
				hweight64(s->add) * s->pins);
		/* A tree that was half built is whole when it was not the first. */
		if (!left || before.acquired > before.released)
			gup_pin_expect_sound(test);
		gup_pin_call_drop(call, 1 + left);
		release_all(test, s);
		/* Whatever a failure left is used or freed. */
		gup_pin_expect_empty(test);
	}
	/* The last time none failed. */
	KUNIT_EXPECT_EQ(test, left, 0);
	KUNIT_EXPECT_GE(test, nth - 2, s->least);
	kunit_info(test, "%s: %u allocations, %u of them lost pins\n", s->name,
		   nth - 2, misses);
}

static void origin_fails(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_origin *origin;
	struct gup_pin_id id;

	memset(&id, 0, sizeof(id));
	fail_nth(1);
	origin = gup_pin_origin_get(&f->origins, &id, FAIL_GFP);
	fail_nth(0);
	KUNIT_EXPECT_NULL(test, origin);
	KUNIT_EXPECT_EQ(test, f->origins.count, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_memory_bytes(), f->memory);

	/* Once it is there, there is nothing to fail. */
	gup_pin_origin_put(gup_pin_origin_get(&f->origins, &id, FAIL_GFP));
	fail_nth(1);
	origin = gup_pin_origin_get(&f->origins, &id, FAIL_GFP);
	KUNIT_EXPECT_FALSE(test, failed());
	fail_nth(0);
	KUNIT_ASSERT_NOT_NULL(test, origin);
	gup_pin_origin_put(origin);
}

/* A block that was kept needs no memory, and so cannot fail. */
static void empty_block_cannot_fail(struct kunit *test)
{
	static const struct situation s = { .add = 0xffff, .pins = 1 };
	struct gup_pin_call *call;
	unsigned int left;
	bool met;

	gup_pin_test_add(test, FIRST, gup_pin_test_call(test, GUP_PIN_READ), 1);
	gup_pin_test_release(test, FIRST, 1, false);
	call = gup_pin_test_call(test, GUP_PIN_WRITE);
	left = try_add(test, &s, call, 1, &met);
	KUNIT_EXPECT_EQ(test, left, 0);
	KUNIT_EXPECT_FALSE(test, met);
	release_all(test, &s);
	gup_pin_expect_empty(test);
}

/* Without memory for it a single page's call is an ordinary one. */
static void group_fails(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_origin *origin;
	struct gup_pin_id id;
	bool added;

	gup_pin_test_layers(test, FIRST, 1);
	gup_pin_test_add(test, FIRST, gup_pin_test_call(test, GUP_PIN_READ), 1);
	memset(&id, 0, sizeof(id));
	origin = gup_pin_origin_get(&f->origins, &id, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, origin);
	fail_nth(1);
	added = gup_pin_add_single(&f->index, FIRST + 1, origin, 0x1000, 1,
				   FAIL_GFP);
	KUNIT_EXPECT_TRUE(test, failed());
	fail_nth(0);
	KUNIT_EXPECT_FALSE(test, added);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_calls(origin), 1);
	gup_pin_expect_sound(test);

	added = gup_pin_add_single(&f->index, FIRST + 1, origin, 0x1000, 1,
				   FAIL_GFP);
	KUNIT_EXPECT_TRUE(test, added);
	gup_pin_expect_sound(test);
	gup_pin_test_release_mask(test, FIRST, 3);
	gup_pin_test_layers_gone(test, FIRST, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_origin_calls(origin), 0);
	gup_pin_expect_empty(test);
}

static struct kunit_case fail_cases[] = {
	KUNIT_CASE_PARAM(fails_in_turn, situation_gen_params),
	KUNIT_CASE(origin_fails),
	KUNIT_CASE(empty_block_cannot_fail),
	KUNIT_CASE(group_fails),
	{}
};

static struct kunit_suite fail_suite = {
	.name = "gup_pin_fail",
	.init = fail_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = fail_cases,
};

kunit_test_suite(fail_suite);
