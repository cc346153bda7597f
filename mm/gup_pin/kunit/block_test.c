// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks: what goes to layers and what to slots, and that neither shows.
 */
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
	{}
};

static struct kunit_suite block_suite = {
	.name = "gup_pin_block",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = block_cases,
};

kunit_test_suite(block_suite);
