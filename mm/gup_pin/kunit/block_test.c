// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks: what goes to layers and what to slots, and that neither shows.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/sched.h>

#include "fixture.h"

#define FIRST	GUP_PIN_TEST_PFN

static struct gup_pin_block *block_of(struct kunit *test)
{
	struct gup_pin_block *block = gup_pin_test_block(test, FIRST);

	KUNIT_ASSERT_NOT_NULL(test, block);
	return block;
}

/* The folios on which a layer has pins of a call. */
static u64 layer_of(struct kunit *test, const struct gup_pin_call *call)
{
	const struct gup_pin_layer *layer;

	for (layer = &block_of(test)->layer; layer; layer = layer->next)
		if (layer->mask && layer->call == call)
			return layer->mask;
	return 0;
}

static struct gup_pin_call *read_call(struct kunit *test)
{
	return gup_pin_test_call(test, GUP_PIN_READ);
}

static void bulk_is_one_layer(struct kunit *test)
{
	struct gup_pin_call *call = read_call(test);

	gup_pin_test_add_mask(test, FIRST, U64_MAX, call);
	KUNIT_EXPECT_EQ(test, layer_of(test, call), U64_MAX);
	KUNIT_EXPECT_EQ(test, block_of(test)->nr_layers, 1);
	KUNIT_EXPECT_NULL(test, block_of(test)->slots);
	gup_pin_expect_sound(test);
	gup_pin_test_release_mask(test, FIRST, 0xffff0000);
	KUNIT_EXPECT_EQ(test, layer_of(test, call), ~0xffff0000ULL);
	gup_pin_expect_sound(test);
	gup_pin_test_release_mask(test, FIRST, ~0xffff0000ULL);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
	gup_pin_expect_empty(test);
}

/* The pages of a buffer need not lie in memory as they do in the buffer. */
static void call_comes_again(struct kunit *test)
{
	struct gup_pin_call *a = read_call(test), *b = read_call(test);

	gup_pin_test_add_mask(test, FIRST, 0xff, a);
	gup_pin_test_add_mask(test, FIRST, 0xff0, b);
	gup_pin_test_add_mask(test, FIRST + GUP_PIN_BLOCK_PFNS, 0xff, a);
	gup_pin_test_add_mask(test, FIRST, 0xff0000, a);
	gup_pin_test_add_mask(test, FIRST, BIT_ULL(63), b);
	KUNIT_EXPECT_EQ(test, layer_of(test, a), 0xff00ff);
	KUNIT_EXPECT_EQ(test, layer_of(test, b), 0xff0 | BIT_ULL(63));
	KUNIT_EXPECT_EQ(test, block_of(test)->nr_layers, 2);
	KUNIT_EXPECT_NULL(test, block_of(test)->slots);
	gup_pin_expect_sound(test);
	gup_pin_test_release_mask(test, FIRST, 0xff0fff | BIT_ULL(63));
	gup_pin_test_release_mask(test, FIRST, 0x0f00f0);
	gup_pin_test_release_mask(test, FIRST + GUP_PIN_BLOCK_PFNS, 0xff);
	gup_pin_expect_empty(test);
}

/* A call's pins on a folio are one item, however it came to have them. */
static void expect_adds_up(struct kunit *test, unsigned long pfn,
			   struct gup_pin_call *call, unsigned int others)
{
	unsigned int had = gup_pin_test_pins(test, pfn, call);
	u64 inferred = gup_pin_test_totals(test)->inferred;

	gup_pin_test_add(test, pfn, call, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, pfn, call), had + 1);
	gup_pin_expect_sound(test);
	gup_pin_test_add(test, pfn, call, 3);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, pfn, call), had + 4);
	gup_pin_expect_sound(test);
	if (others)
		return;
	/* Nothing to guess with one call. */
	gup_pin_test_release(test, pfn, 2, false);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, pfn, call), had + 2);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, inferred);
	gup_pin_expect_sound(test);
}

static void call_meets_folio_again(struct kunit *test)
{
	struct gup_pin_call *a, *b, *c, *d;
	unsigned int i;

	/* It was all that the call's layer had. */
	a = read_call(test);
	gup_pin_test_add(test, FIRST, a, 1);
	expect_adds_up(test, FIRST, a, 0);
	/* Then others came to the layer, or would have. */
	gup_pin_test_add_mask(test, FIRST, 0xff0, a);
	expect_adds_up(test, FIRST, a, 0);
	expect_adds_up(test, FIRST + 5, a, 0);
	/* One of many in the layer. */
	b = read_call(test);
	gup_pin_test_add_mask(test, FIRST, 0xff000, b);
	KUNIT_EXPECT_EQ(test, layer_of(test, b), 0xff000);
	expect_adds_up(test, FIRST + 13, b, 0);
	/* Somebody else has pins there, too. */
	gup_pin_test_add_mask(test, FIRST, 0xf00, b);
	expect_adds_up(test, FIRST + 8, b, 1);
	expect_adds_up(test, FIRST + 8, a, 1);
	/* Many of them at once. */
	gup_pin_test_add_mask(test, FIRST, 0xff00, b);
	gup_pin_expect_sound(test);
	for (i = 9; i < 16; i++)
		KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST + i, b),
				i == 13 ? 4 : 2);

	/* In a slot, with a layer elsewhere. */
	KUNIT_ASSERT_NOT_NULL(test, block_of(test)->slots);
	c = read_call(test);
	gup_pin_test_add_mask(test, FIRST, 0xff00000000, c);
	gup_pin_test_add(test, FIRST + 42, c, 1);
	expect_adds_up(test, FIRST + 42, c, 0);
	/* In a slot, and then it gets a layer. */
	d = read_call(test);
	gup_pin_test_add(test, FIRST + 43, d, 1);
	expect_adds_up(test, FIRST + 43, d, 0);
	gup_pin_test_add_mask(test, FIRST, 0x3ff80000000000, d);
	gup_pin_expect_sound(test);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST + 43, d), 4);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST + 44, d), 1);
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
}

/* There were too many layers at first, and none later. */
static void room_for_a_layer_later(struct kunit *test)
{
	struct gup_pin_call *call = read_call(test);

	gup_pin_test_layers(test, FIRST, 1);
	gup_pin_test_add(test, FIRST + 1, call, 1);
	gup_pin_test_add(test, FIRST + 2, call, 7);
	KUNIT_EXPECT_EQ(test, layer_of(test, call), 0);
	gup_pin_test_layers_gone(test, FIRST, 1);
	expect_adds_up(test, FIRST + 1, call, 0);
	gup_pin_test_add(test, FIRST + 3, call, 1);
	expect_adds_up(test, FIRST + 1, call, 0);
	expect_adds_up(test, FIRST + 2, call, 0);
	expect_adds_up(test, FIRST + 3, call, 0);
	gup_pin_test_add_mask(test, FIRST, 0xff, call);
	gup_pin_expect_sound(test);
	gup_pin_test_flush(test);
	gup_pin_expect_empty(test);
}

/* Big calls overlap: layers, as long as there are not too many to look through. */
static void overlapping_bulk(struct kunit *test)
{
	const unsigned int nr = GUP_PIN_LAYERS_MANY + 5;
	struct gup_pin_call *calls[GUP_PIN_LAYERS_MANY + 5];
	struct gup_pin_fixture *f = test->priv;
	unsigned int i, bit;

	for (i = 0; i < nr; i++) {
		calls[i] = read_call(test);
		gup_pin_test_add_mask(test, FIRST, 0xffffULL << i, calls[i]);
		KUNIT_EXPECT_EQ(test, block_of(test)->nr_layers,
				min(i + 1, GUP_PIN_LAYERS_MANY));
		KUNIT_EXPECT_EQ(test, !!block_of(test)->slots,
				i >= GUP_PIN_LAYERS_MANY);
	}
	gup_pin_expect_sound(test);
	for (i = 0; i < nr; i++)
		for (bit = i; bit < i + 16; bit++)
			KUNIT_EXPECT_EQ(test, 1,
					gup_pin_test_pins(test, FIRST + bit,
							  calls[i]));
	/* In the order in which they came: each is the oldest then. */
	for (i = 0; i < nr; i++) {
		gup_pin_test_release_mask(test, FIRST, 0xffffULL << i);
		gup_pin_expect_sound(test);
		KUNIT_EXPECT_EQ(test, gup_pin_call_count(),
				f->calls + nr - 1 - i);
	}
	gup_pin_expect_empty(test);
}

/* Reads of single pages: one layer is smaller than slots, many are not. */
static void single_pins(struct kunit *test)
{
	struct gup_pin_call *calls[20];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		bool layer = !i;

		calls[i] = read_call(test);
		gup_pin_test_add(test, FIRST + 3 * i, calls[i], 1);
		KUNIT_EXPECT_EQ(test, layer_of(test, calls[i]),
				layer ? BIT_ULL(3 * i) : 0);
		KUNIT_EXPECT_EQ(test, !!block_of(test)->slots, !layer);
		gup_pin_expect_sound(test);
	}
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST + 3 * i,
							calls[i]), 1);
		gup_pin_test_release(test, FIRST + 3 * i, 1, false);
		gup_pin_expect_sound(test);
	}
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 0);
	gup_pin_expect_empty(test);
}

/* All pages of a huge one are pins on its head. */
static void large_folio(struct kunit *test)
{
	struct gup_pin_call *a = read_call(test), *b = read_call(test);
	unsigned int i;

	gup_pin_test_add(test, FIRST, a, 512);
	KUNIT_EXPECT_EQ(test, layer_of(test, a), 1);
	gup_pin_expect_sound(test);
	gup_pin_test_release(test, FIRST, 100, false);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, a), 412);
	KUNIT_EXPECT_FALSE(test, gup_pin_test_inferred(test, FIRST));
	gup_pin_expect_sound(test);

	gup_pin_test_add(test, FIRST, b, 512);
	gup_pin_test_release(test, FIRST, 400, false);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, a), 12);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, b), 512);
	KUNIT_EXPECT_TRUE(test, gup_pin_test_inferred(test, FIRST));
	/* Over the end of one into the next. */
	gup_pin_test_release(test, FIRST, 100, false);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, a), 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, b), 424);
	gup_pin_expect_sound(test);
	gup_pin_test_release(test, FIRST, 424, false);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->folios, 0);

	/* So many that they need slots, and page by page. */
	for (i = 0; i < 7; i++)
		gup_pin_test_add(test, FIRST, read_call(test), 512);
	KUNIT_EXPECT_NOT_NULL(test, block_of(test)->slots);
	gup_pin_expect_sound(test);
	for (i = 7 * 512; i; i--) {
		gup_pin_test_release(test, FIRST, 1, i % 2);
		if (i % 100 == 0)
			gup_pin_expect_sound(test);
	}
	gup_pin_expect_empty(test);
}

/* Folios of 64 KiB: four to a block, each with its pages' pins. */
static void medium_folios(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call *call = read_call(test);
	struct gup_pin_adder adder = gup_pin_test_adder(test, call, 4 * 16);
	unsigned int i;

	for (i = 0; i < GUP_PIN_BLOCK_PFNS; i += 16)
		gup_pin_add(&adder, FIRST + i, 16);
	gup_pin_add_flush(&adder);
	KUNIT_EXPECT_EQ(test, adder.left, 0);
	gup_pin_expect_sound(test);
	for (i = 0; i < GUP_PIN_BLOCK_PFNS; i += 16) {
		KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST + i, call),
				16);
		gup_pin_test_release(test, FIRST + i, 3, false);
		KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST + i, call),
				13);
		KUNIT_EXPECT_FALSE(test, gup_pin_test_inferred(test, FIRST + i));
		gup_pin_expect_sound(test);
	}
	for (i = 0; i < GUP_PIN_BLOCK_PFNS; i += 16)
		gup_pin_test_release(test, FIRST + i, 13, false);
	KUNIT_EXPECT_EQ(test, gup_pin_call_count(), f->calls);
	gup_pin_expect_empty(test);
}

/* One unpin of everything, whatever it is kept in. */
static void release_of_masks(struct kunit *test)
{
	struct gup_pin_call *a = read_call(test), *b = read_call(test);
	struct gup_pin_call *c = read_call(test), *d = read_call(test);
	const struct gup_pin_totals *t;
	unsigned int i;

	/* a and b share 4 to 7; 8 has three pins; 20 and 21 are slots, 22 a set. */
	gup_pin_test_add(test, FIRST + 8, c, 3);
	gup_pin_test_add_mask(test, FIRST, 0x0ff, a);
	gup_pin_test_add_mask(test, FIRST, 0xf0f0, b);
	gup_pin_test_add_mask(test, FIRST, 0xff000000, d);
	KUNIT_EXPECT_EQ(test, block_of(test)->nr_layers, 4);
	for (i = 20; i < 23; i++)
		gup_pin_test_add(test, FIRST + i, read_call(test), 1);
	gup_pin_test_add(test, FIRST + 22, read_call(test), 1);
	/* 30 is in a layer and has a slot, too. */
	gup_pin_test_add(test, FIRST + 30, read_call(test), 1);
	KUNIT_EXPECT_EQ(test, block_of(test)->slotted, 0x40700000);
	gup_pin_expect_sound(test);

	/* One pin on each of those, and of one that has none. */
	gup_pin_test_release_mask(test, FIRST, BIT_ULL(63) | 0x4070f1ff);
	gup_pin_expect_sound(test);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->released, 4 + 4 + 1 + 4 + 3 + 1);
	KUNIT_EXPECT_EQ(test, t->unmatched, 1);
	/* 4 to 7, 22 and 30 were pinned by two; 8 by one. */
	KUNIT_EXPECT_EQ(test, t->inferred, 4 + 1 + 1);
	KUNIT_EXPECT_EQ(test, block_of(test)->used, 0xff4001f0);
	KUNIT_EXPECT_EQ(test, block_of(test)->inferred, 0x404000f0);
	KUNIT_EXPECT_EQ(test, layer_of(test, b), 0xf0);
	KUNIT_EXPECT_EQ(test, layer_of(test, d), 0xbf000000);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST + 8, c), 2);

	/* What is left needs no guess. */
	gup_pin_test_release_mask(test, FIRST, 0xff4001f0);
	gup_pin_test_release(test, FIRST + 8, 1, false);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->inferred, 4 + 1 + 1);
	KUNIT_EXPECT_EQ(test, t->unmatched, 1);
	gup_pin_expect_empty(test);
}

/*
 * Layers at times 1, 5, 3 and 7, then a set with 2, 4 and 6: layers need not
 * come in the order of time, for the clocks of several CPUs differ a little.
 */
static void make_mixed(struct kunit *test, struct gup_pin_call **calls,
		       const enum gup_pin_mode *modes)
{
	static const unsigned int times[] = { 1, 5, 3, 7, 2, 4, 6 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(times); i++) {
		struct gup_pin_call *call = gup_pin_test_call(test,
							      modes[times[i]]);

		call->time = times[i];
		calls[times[i]] = call;
		if (i < 4)
			gup_pin_test_add_mask(test, FIRST, GUP_PIN_TEST_LAYER | 1,
					      call);
		else
			gup_pin_test_add(test, FIRST, call, 1);
	}
	KUNIT_EXPECT_EQ(test, block_of(test)->nr_layers, 4);
	KUNIT_EXPECT_EQ(test, block_of(test)->slotted, 1);
	gup_pin_expect_sound(test);
}

/* The layers are still there; only on the first folio was anything released. */
static void end_mixed(struct kunit *test)
{
	gup_pin_test_layers_gone(test, FIRST, 4);
	gup_pin_expect_empty(test);
}

/* The next pin that is released on the first folio is this call's. */
static void expect_next(struct kunit *test, struct gup_pin_call **calls,
			unsigned int next, bool dirty)
{
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, calls[next]), 1);
	gup_pin_test_release(test, FIRST, 1, dirty);
	KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, calls[next]), 0);
	gup_pin_expect_sound(test);
}

static void oldest_goes_first(struct kunit *test)
{
	static const enum gup_pin_mode modes[8] = {};
	struct gup_pin_call *calls[8];
	unsigned int i;

	make_mixed(test, calls, modes);
	for (i = 1; i <= 7; i++)
		expect_next(test, calls, i, false);
	/* At the end there was one call left. */
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->inferred, 6);
	end_mixed(test);

	/* Several at once, to and fro between layers and slots. */
	make_mixed(test, calls, modes);
	gup_pin_test_release(test, FIRST, 4, false);
	for (i = 1; i <= 7; i++)
		KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST, calls[i]),
				i > 4);
	gup_pin_expect_sound(test);
	gup_pin_test_release(test, FIRST, 3, false);
	end_mixed(test);
}

static void dirty_takes_writes_first(struct kunit *test)
{
	static const enum gup_pin_mode modes[8] = {
		[2] = GUP_PIN_WRITE,
		[3] = GUP_PIN_WRITE,
		[6] = GUP_PIN_WRITE,
		[7] = GUP_PIN_WRITE,
	};
	static const unsigned int order[] = { 2, 3, 6, 7, 1, 4, 5 };
	struct gup_pin_call *calls[8];
	unsigned int i;

	make_mixed(test, calls, modes);
	for (i = 0; i < ARRAY_SIZE(order); i++)
		expect_next(test, calls, order[i], true);
	end_mixed(test);

	/* More than there are writes: the rest must have been reads. */
	make_mixed(test, calls, modes);
	gup_pin_test_release(test, FIRST, 5, true);
	for (i = 0; i < ARRAY_SIZE(order); i++)
		KUNIT_EXPECT_EQ(test, i >= 5,
				gup_pin_test_pins(test, FIRST, calls[order[i]]));
	gup_pin_expect_sound(test);
	gup_pin_test_release(test, FIRST, 2, true);
	end_mixed(test);
}

static void guesses_are_told_by_folio(struct kunit *test)
{
	struct gup_pin_call *a = read_call(test), *b = read_call(test);
	unsigned int i;

	gup_pin_test_add_mask(test, FIRST, 0xff, a);
	gup_pin_test_add_mask(test, FIRST, 0xff, b);
	gup_pin_test_release_mask(test, FIRST, 0x18);
	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_EQ(test, gup_pin_test_inferred(test, FIRST + i),
				i == 3 || i == 4);
	/* Others that come later are on the same folio. */
	gup_pin_test_add(test, FIRST + 3, read_call(test), 1);
	KUNIT_EXPECT_TRUE(test, gup_pin_test_inferred(test, FIRST + 3));
	gup_pin_expect_sound(test);
	/* It is over when all have gone. */
	gup_pin_test_release(test, FIRST + 3, 2, false);
	gup_pin_test_release_mask(test, FIRST, 0x10);
	KUNIT_EXPECT_EQ(test, block_of(test)->inferred, 0);
	gup_pin_test_add_mask(test, FIRST, 0x18, b);
	KUNIT_EXPECT_FALSE(test, gup_pin_test_inferred(test, FIRST + 3));
	KUNIT_EXPECT_FALSE(test, gup_pin_test_inferred(test, FIRST + 4));
	gup_pin_expect_sound(test);
	gup_pin_test_release_mask(test, FIRST, 0xff);
	gup_pin_test_release_mask(test, FIRST, 0xe7);
	gup_pin_expect_empty(test);
}

/* Calls of single pages lie in the block, so that they need hardly any memory. */
static void own_calls(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call *other;
	unsigned int i, own = 0;
	u64 memory, used;

	/* Not where there is no block yet. */
	KUNIT_EXPECT_FALSE(test, gup_pin_test_single(test, FIRST, 0));
	gup_pin_test_layers(test, FIRST, 1);
	gup_pin_test_layers_gone(test, FIRST, 1);
	memory = gup_pin_memory_bytes();
	KUNIT_EXPECT_TRUE(test, gup_pin_test_single(test, FIRST + 3, 0));
	KUNIT_EXPECT_EQ(test, gup_pin_memory_bytes() - memory,
			gup_pin_test_size(test, GUP_PIN_ORIGINS));
	gup_pin_expect_sound(test);
	/* Only one on each folio, and none where others are. */
	KUNIT_EXPECT_FALSE(test, gup_pin_test_single(test, FIRST + 3, 0));
	for (i = 4; i < GUP_PIN_BLOCK_PFNS; i++) {
		if (!gup_pin_test_single(test, FIRST + i, i % 2))
			gup_pin_test_add(test, FIRST + i, read_call(test), 1);
		else
			own++;
		gup_pin_expect_sound(test);
		KUNIT_EXPECT_FALSE(test, gup_pin_test_single(test, FIRST + i, 0));
	}
	/* All but the first of each eight, or so. */
	KUNIT_EXPECT_GE(test, own, 40);
	KUNIT_EXPECT_EQ(test, gup_pin_call_count() - f->calls, 61);

	/* They leave, and others come to their places. */
	gup_pin_test_release_mask(test, FIRST, 0xf0f0f0f0f0f0f0f0);
	gup_pin_expect_sound(test);
	for (i = 0; i < GUP_PIN_BLOCK_PFNS; i += 2)
		gup_pin_test_single(test, FIRST + i, i % 2);
	gup_pin_expect_sound(test);

	/* All get company, and leave before it, being older. */
	used = block_of(test)->used;
	other = read_call(test);
	other->time++;
	gup_pin_test_add_mask(test, FIRST, U64_MAX, other);
	gup_pin_expect_sound(test);
	gup_pin_test_release_mask(test, FIRST, used);
	gup_pin_expect_sound(test);
	for (i = 0; i < GUP_PIN_BLOCK_PFNS; i++)
		KUNIT_EXPECT_EQ(test, 1,
				gup_pin_test_pins(test, FIRST + i, other));
	for (i = 0; i < GUP_PIN_BLOCK_PFNS; i++)
		KUNIT_EXPECT_FALSE(test, gup_pin_test_single(test, FIRST + i, 0));
	gup_pin_test_release_mask(test, FIRST, U64_MAX);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->folios, 0);
	gup_pin_expect_sound(test);
	gup_pin_expect_empty(test);
}

/* One of them in a set: with others before and after it. */
static void own_call_in_a_set(struct kunit *test)
{
	struct gup_pin_call *a, *b;
	unsigned int i, bit;

	gup_pin_test_layers(test, FIRST, 1);
	gup_pin_test_add(test, FIRST, read_call(test), 1);
	for (i = 0; i < 4; i++) {
		bit = i + 1;
		KUNIT_ASSERT_TRUE(test, gup_pin_test_single(test, FIRST + bit,
							    GUP_PIN_WRITE));
		a = read_call(test);
		b = gup_pin_test_call(test, GUP_PIN_WRITE);
		gup_pin_test_add(test, FIRST + bit, a, 3);
		gup_pin_test_add(test, FIRST + bit, b, 1);
		gup_pin_expect_sound(test);
		/* The write pins first, of which it has the oldest; or all. */
		gup_pin_test_release(test, FIRST + bit, 1 + i, true);
		gup_pin_expect_sound(test);
		KUNIT_EXPECT_FALSE(test, gup_pin_test_single(test, FIRST + bit, 0));
		KUNIT_EXPECT_EQ(test, gup_pin_test_pins(test, FIRST + bit, b), !i);
		gup_pin_test_release(test, FIRST + bit, 4 - i, false);
		gup_pin_expect_sound(test);
		/* Its place is free again. */
		KUNIT_EXPECT_TRUE(test, gup_pin_test_single(test, FIRST + bit, 0));
		gup_pin_expect_sound(test);
	}
	gup_pin_test_release_mask(test, FIRST, 0x1f);
	gup_pin_test_layers_gone(test, FIRST, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->folios, 0);
	gup_pin_expect_empty(test);
}

/*
 * A model of it all, which keeps a number for each call and folio, goes along
 * with an index in which things happen at random.
 */
#define MODEL_STEPS	20000
#define MODEL_CHECKED	100
#define MODEL_BLOCKS	3
#define MODEL_PFNS	(MODEL_BLOCKS * GUP_PIN_BLOCK_PFNS)
#define MODEL_CALLS	40

/**
 * struct model - what the index ought to hold
 * @rnd: chance
 * @steps: that were gone
 * @call: some calls, each of which has one live pin too many, so that it stays
 * @live: the pins of each, in all
 * @pins: on each folio
 * @own: the call of a single page that lies in the folio's block, or NULL
 * @owns: how many there are
 * @total: of all calls on each folio
 * @inferred: some unpin on the folio was ambiguous
 * @items: room for a walk
 */
struct model {
	struct rnd_state rnd;
	unsigned int steps;
	struct gup_pin_call *call[MODEL_CALLS];
	unsigned int live[MODEL_CALLS];
	unsigned int pins[MODEL_CALLS][MODEL_PFNS];
	const struct gup_pin_call *own[MODEL_PFNS];
	unsigned int owns;
	unsigned int total[MODEL_PFNS];
	bool inferred[MODEL_PFNS];
	struct gup_pin_item items[8];
};

static unsigned int chance(struct model *m, unsigned int below)
{
	return prandom_u32_state(&m->rnd) % below;
}

/* Which call is it? MODEL_CALLS is the folio's own. */
static unsigned int model_call(struct kunit *test, const struct model *m,
			       const struct gup_pin_item *item)
{
	unsigned int i;

	if (item->call == m->own[item->pfn - FIRST])
		return MODEL_CALLS;
	for (i = 0; i < MODEL_CALLS; i++)
		if (m->call[i] == item->call)
			return i;
	KUNIT_FAIL_AND_ABORT(test, "an item of no call that was made");
	return 0;
}

static void model_add_pins(struct model *m, struct gup_pin_adder *adder,
			   unsigned int c, unsigned int p, unsigned int pins)
{
	atomic_add(pins, &adder->call->live);
	gup_pin_add(adder, FIRST + p, pins);
	m->pins[c][p] += pins;
	m->total[p] += pins;
	m->live[c] += pins;
}

/* A part of what a call pins: single, large, neighbours, or here and there. */
static void model_add_part(struct model *m, struct gup_pin_adder *adder,
			   unsigned int c)
{
	unsigned int p = chance(m, MODEL_PFNS), nr, i;

	switch (chance(m, 6)) {
	case 0:
		model_add_pins(m, adder, c, p, 1);
		break;
	case 1:
		model_add_pins(m, adder, c, p, 2 + chance(m, 511));
		break;
	case 2:
		for (i = 0; i < 10; i++)
			model_add_pins(m, adder, c, chance(m, MODEL_PFNS), 1);
		break;
	case 3:
		for (i = 0; i < 4; i++)
			model_add_pins(m, adder, c, (p + 16 * i) % MODEL_PFNS, 16);
		break;
	default:
		nr = 1 + chance(m, min(MODEL_PFNS - p, 80U));
		for (i = p; i < p + nr; i++)
			model_add_pins(m, adder, c, i, 1);
		break;
	}
}

static void model_add(struct kunit *test, struct model *m)
{
	struct gup_pin_fixture *f = test->priv;
	unsigned int c = chance(m, MODEL_CALLS), parts = 1 + chance(m, 3);
	struct gup_pin_adder adder = {
		.index = &f->index,
		.gfp = GFP_KERNEL,
	};

	if (m->call[c] && !m->live[c]) {
		gup_pin_call_drop(m->call[c], 1);
		m->call[c] = NULL;
	}
	if (!m->call[c]) {
		m->call[c] = gup_pin_test_call(test, chance(m, 2));
		atomic_set(&m->call[c]->live, 1);
		adder.fresh = true;
	}
	adder.call = m->call[c];
	while (parts--)
		model_add_part(m, &adder, c);
	gup_pin_add_flush(&adder);
	KUNIT_ASSERT_EQ(test, adder.left, 0);
}

/* A call of a single page, on a folio that has no pins. */
static void model_add_single(struct kunit *test, struct model *m)
{
	struct gup_pin_fixture *f = test->priv;
	unsigned int p = chance(m, MODEL_PFNS);
	struct gup_pin_pos pos = { .pfn = FIRST + p };
	struct gup_pin_item item;
	bool busy, added;

	added = gup_pin_test_single(test, FIRST + p, chance(m, 2));
	/* Where there are others, there is no room. */
	if (!added || m->total[p]) {
		KUNIT_ASSERT_FALSE(test, added);
		return;
	}
	KUNIT_ASSERT_EQ(test, 1, gup_pin_walk_folio(&f->index, &pos, &item, 1,
						    &busy));
	KUNIT_ASSERT_EQ(test, item.pins, 1);
	m->own[p] = item.call;
	m->owns++;
	m->total[p]++;
}

/* What is left of each call's pins, where nobody can tell beforehand. */
static void model_look(struct kunit *test, struct model *m, unsigned int p)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_pos pos = { .pfn = FIRST + p };
	unsigned int now[MODEL_CALLS + 1] = {};
	unsigned int c, i, nr, total = 0;
	bool busy;

	while ((nr = gup_pin_walk_folio(&f->index, &pos, m->items,
					ARRAY_SIZE(m->items), &busy))) {
		for (i = 0; i < nr; i++) {
			c = model_call(test, m, &m->items[i]);
			now[c] += m->items[i].pins;
			total += m->items[i].pins;
		}
	}
	KUNIT_ASSERT_EQ(test, total, m->total[p]);
	KUNIT_ASSERT_LE(test, now[MODEL_CALLS], 1);
	if (m->own[p] && !now[MODEL_CALLS]) {
		m->own[p] = NULL;
		m->owns--;
	}
	for (c = 0; c < MODEL_CALLS; c++) {
		KUNIT_ASSERT_LE(test, now[c], m->pins[c][p]);
		m->live[c] -= m->pins[c][p] - now[c];
		m->pins[c][p] = now[c];
	}
}

/* Before pins are released: will it be known whose they are? */
static void model_expect_release(struct kunit *test, struct model *m,
				 unsigned int p, unsigned int pins)
{
	struct gup_pin_block *block = gup_pin_test_block(test, FIRST + p);
	unsigned int bit = gup_pin_block_bit(FIRST + p), calls;

	KUNIT_ASSERT_NOT_NULL(test, block);
	KUNIT_ASSERT_EQ(test, gup_pin_block_pins(block, bit, &calls),
			m->total[p]);
	m->total[p] -= pins;
	if (!m->total[p])
		m->inferred[p] = false;
	else if (calls > 1)
		m->inferred[p] = true;
}

static void model_release_one(struct kunit *test, struct model *m,
			      struct gup_pin_releaser *rel)
{
	unsigned int p = chance(m, MODEL_PFNS), pins;

	if (!m->total[p])
		return;
	pins = chance(m, 3) ? 1 + chance(m, m->total[p]) : m->total[p];
	model_expect_release(test, m, p, pins);
	gup_pin_release(rel, FIRST + p, pins, chance(m, 2));
	gup_pin_release_end(rel);
	model_look(test, m, p);
}

static void model_release_range(struct kunit *test, struct model *m,
				struct gup_pin_releaser *rel)
{
	unsigned int p = chance(m, MODEL_PFNS), i;
	unsigned int nr = 1 + chance(m, MODEL_PFNS - p), step = 1 + chance(m, 3);

	for (i = p; i < p + nr; i += step) {
		if (!m->total[i])
			continue;
		model_expect_release(test, m, i, 1);
		gup_pin_release(rel, FIRST + i, 1, false);
	}
	gup_pin_release_end(rel);
	for (i = p; i < p + nr; i += step)
		model_look(test, m, i);
}

/* All of a block, as when a driver goes. */
static void model_release_block(struct kunit *test, struct model *m,
				struct gup_pin_releaser *rel)
{
	unsigned int p = chance(m, MODEL_BLOCKS) * GUP_PIN_BLOCK_PFNS, i;

	for (i = p; i < p + GUP_PIN_BLOCK_PFNS; i++) {
		if (!m->total[i])
			continue;
		gup_pin_release(rel, FIRST + i, m->total[i], false);
		m->total[i] = 0;
		m->inferred[i] = false;
	}
	gup_pin_release_end(rel);
	for (i = p; i < p + GUP_PIN_BLOCK_PFNS; i++)
		model_look(test, m, i);
}

static void model_release(struct kunit *test, struct model *m)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_releaser rel = { .index = &f->index };

	switch (chance(m, 40)) {
	case 0:
		model_release_block(test, m, &rel);
		break;
	case 1 ... 20:
		model_release_range(test, m, &rel);
		break;
	default:
		model_release_one(test, m, &rel);
		break;
	}
}

static void model_check_item(struct kunit *test, struct model *m,
			     const struct gup_pin_item *item,
			     unsigned int *seen)
{
	unsigned int c, p = item->pfn - FIRST;

	KUNIT_ASSERT_LT(test, p, MODEL_PFNS);
	KUNIT_ASSERT_EQ(test, item->folio_pins, m->total[p]);
	KUNIT_ASSERT_EQ(test, item->inferred, m->inferred[p]);
	c = model_call(test, m, item);
	if (c == MODEL_CALLS) {
		KUNIT_ASSERT_EQ(test, item->pins, 1);
		seen[c]++;
		return;
	}
	KUNIT_ASSERT_EQ(test, item->time, m->call[c]->time);
	KUNIT_ASSERT_LE(test, item->pins, m->pins[c][p]);
	seen[c] += item->pins;
}

/* Walk over all of it, in batches of any size. */
static void model_check(struct kunit *test, struct model *m)
{
	struct gup_pin_fixture *f = test->priv;
	unsigned int max = 1 + chance(m, ARRAY_SIZE(m->items));
	unsigned int seen[MODEL_CALLS + 1] = {};
	struct gup_pin_pos pos = {};
	unsigned long pfn = 0;
	unsigned int i, nr;

	while ((nr = gup_pin_walk(&f->index, &pos, m->items, max))) {
		KUNIT_ASSERT_LE(test, nr, max);
		for (i = 0; i < nr; i++) {
			KUNIT_ASSERT_GE(test, m->items[i].pfn, pfn);
			pfn = m->items[i].pfn;
			model_check_item(test, m, &m->items[i], seen);
		}
	}
	KUNIT_ASSERT_EQ(test, seen[MODEL_CALLS], m->owns);
	for (i = 0; i < MODEL_CALLS; i++) {
		KUNIT_ASSERT_EQ(test, seen[i], m->live[i]);
		if (m->call[i])
			KUNIT_ASSERT_EQ(test, atomic_read(&m->call[i]->live),
					m->live[i] + 1);
	}
	gup_pin_expect_sound(test);
}

static void goes_like_a_model(struct kunit *test)
{
	struct model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, m);
	prandom_seed_state(&m->rnd, 42);
	for (m->steps = 1; m->steps <= MODEL_STEPS; m->steps++) {
		/* More and more pins, then fewer and fewer. */
		if (chance(m, 100) < (m->steps / 300 % 2 ? 15 : 50))
			model_add(test, m);
		else if (chance(m, 2))
			model_add_single(test, m);
		else
			model_release(test, m);
		if (m->steps % MODEL_CHECKED == 0)
			model_check(test, m);
		cond_resched();
	}
	for (i = 0; i < MODEL_PFNS; i++)
		if (m->total[i])
			gup_pin_test_release(test, FIRST + i, m->total[i], false);
	for (i = 0; i < MODEL_CALLS; i++)
		if (m->call[i])
			gup_pin_call_drop(m->call[i], 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	gup_pin_expect_empty(test);
}

/* Several CPUs at once, in the same blocks. */
#define THREADS		4
#define THREAD_STEPS	3000

struct worker {
	struct kunit *test;
	struct gup_pin_call *call;
	struct rnd_state rnd;
	unsigned int lost;
	struct completion done;
};

/* The kind of memory a call of a thread's takes; it has no KUnit of its own. */
static struct gup_pin_call *worker_call(struct worker *w)
{
	struct gup_pin_call *call = gup_pin_call_alloc(GFP_KERNEL);

	if (!call)
		return NULL;
	*call = (struct gup_pin_call) {
		.origin = w->call->origin,
		.time = w->call->time,
	};
	atomic64_inc(&call->origin->got);
	return call;
}

static bool worker_single(struct worker *w, unsigned int p)
{
	struct gup_pin_fixture *f = w->test->priv;

	atomic64_inc(&w->call->origin->got);
	if (gup_pin_add_single(&f->index, FIRST + p, w->call->origin, 0x1000, 1,
			       GFP_KERNEL))
		return true;
	gup_pin_origin_put(w->call->origin);
	return false;
}

static void worker_step(struct worker *w)
{
	struct gup_pin_fixture *f = w->test->priv;
	struct gup_pin_releaser rel = { .index = &f->index };
	struct gup_pin_adder adder = {
		.index = &f->index,
		.gfp = GFP_KERNEL,
		.fresh = true,
	};
	unsigned int from = prandom_u32_state(&w->rnd) % MODEL_PFNS;
	unsigned int nr = 1 + prandom_u32_state(&w->rnd) % (MODEL_PFNS - from);
	unsigned int pins = prandom_u32_state(&w->rnd) % 4 ? 1 : 5, i;

	if (prandom_u32_state(&w->rnd) % 2)
		nr = 1;
	if (nr == 1 && pins == 1 && worker_single(w, from))
		goto release;
	adder.call = worker_call(w);
	if (adder.call)
		atomic_set(&adder.call->live, nr * pins + 1);
	for (i = from; i < from + nr; i++)
		gup_pin_add(&adder, FIRST + i, pins);
	gup_pin_add_flush(&adder);
	w->lost += adder.left;
	if (adder.call)
		gup_pin_call_drop(adder.call, adder.left + 1);
release:
	for (i = from; i < from + nr; i++)
		gup_pin_release(&rel, FIRST + i, pins, i % 2);
	gup_pin_release_end(&rel);
}

static int worker_run(void *data)
{
	struct worker *w = data;
	unsigned int i;

	for (i = 0; i < THREAD_STEPS; i++) {
		worker_step(w);
		cond_resched();
	}
	complete(&w->done);
	return 0;
}

static void several_cpus(struct kunit *test)
{
	struct gup_pin_call *call = read_call(test);
	struct worker *workers = kunit_kcalloc(test, THREADS, sizeof(*workers),
					       GFP_KERNEL);
	struct task_struct *task;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, workers);
	atomic_set(&call->live, 1);
	for (i = 0; i < THREADS; i++) {
		struct worker *w = &workers[i];

		w->test = test;
		w->call = call;
		prandom_seed_state(&w->rnd, i + 1);
		init_completion(&w->done);
		task = kthread_run(worker_run, w, "gup_pin_test/%u", i);
		if (IS_ERR(task))
			complete(&w->done);
		KUNIT_EXPECT_FALSE(test, IS_ERR(task));
	}
	for (i = 0; i < THREADS; i++) {
		wait_for_completion(&workers[i].done);
		KUNIT_EXPECT_EQ(test, workers[i].lost, 0);
	}
	gup_pin_call_drop(call, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->unmatched, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_test_totals(test)->untracked, 0);
	gup_pin_expect_sound(test);
	gup_pin_expect_empty(test);
}

static struct kunit_case block_cases[] = {
	KUNIT_CASE(bulk_is_one_layer),
	KUNIT_CASE(call_comes_again),
	KUNIT_CASE(call_meets_folio_again),
	KUNIT_CASE(room_for_a_layer_later),
	KUNIT_CASE(overlapping_bulk),
	KUNIT_CASE(single_pins),
	KUNIT_CASE(large_folio),
	KUNIT_CASE(medium_folios),
	KUNIT_CASE(release_of_masks),
	KUNIT_CASE(oldest_goes_first),
	KUNIT_CASE(dirty_takes_writes_first),
	KUNIT_CASE(guesses_are_told_by_folio),
	KUNIT_CASE(own_calls),
	KUNIT_CASE(own_call_in_a_set),
	KUNIT_CASE(goes_like_a_model),
	KUNIT_CASE(several_cpus),
	{}
};

static struct kunit_suite block_suite = {
	.name = "gup_pin_block",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = block_cases,
};

kunit_test_suite(block_suite);
