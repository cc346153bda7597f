// SPDX-License-Identifier: GPL-2.0
#include <linux/sched/clock.h>

#include "case.h"
#include "fixture.h"

/* KUnit runs before user space does, so nobody else takes memory meanwhile. */
void gup_pin_fixture_start(struct gup_pin_fixture *f)
{
	gup_pin_index_init(&f->index);
	gup_pin_origins_init(&f->origins);
	f->index.recording = true;
	gup_pin_index_complete(&f->index, true);
	f->memory = gup_pin_memory_bytes();
	f->calls = gup_pin_call_count();
}

int gup_pin_fixture_init(struct kunit *test)
{
	struct gup_pin_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	gup_pin_case_start(test);
	if (!f)
		return -ENOMEM;
	gup_pin_fixture_start(f);
	test->priv = f;
	return 0;
}

void gup_pin_fixture_exit(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;

	if (!f)
		return;
	f->index.recording = false;
	gup_pin_index_flush(&f->index);
	gup_pin_earlier_forget(&f->index);
	gup_pin_origins_destroy(&f->origins);
}

/* That of a task of its own. */
static struct gup_pin_origin *test_origin(struct kunit *test,
					  const struct gup_pin_id *like)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_origin *origin;
	struct gup_pin_id id;

	memset(&id, 0, sizeof(id));
	id.stack = like->stack;
	id.mode = like->mode;
	id.term = like->term;
	id.pid = f->origins.count + 1;
	strscpy(id.comm, "kunit", sizeof(id.comm));
	origin = gup_pin_origin_get(&f->origins, &id, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, origin);
	return origin;
}

struct gup_pin_call *gup_pin_test_call(struct kunit *test,
				       enum gup_pin_mode mode)
{
	const struct gup_pin_id id = { .mode = mode };

	return gup_pin_test_call_of(test, &id);
}

/*
 * A call of such a stack, mode and term, later than all before; it has no pins
 * yet and so is the test's to add.
 */
struct gup_pin_call *gup_pin_test_call_of(struct kunit *test,
					  const struct gup_pin_id *id)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call *call;

	call = gup_pin_call_alloc(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, call);
	memset(call, 0, sizeof(*call));
	call->origin = test_origin(test, id);
	f->time = max(local_clock(), f->time + 1);
	call->time = f->time;
	return call;
}

/* Record further pins of a call. One that has none yet is in no block. */
struct gup_pin_adder gup_pin_test_adder(struct kunit *test,
					struct gup_pin_call *call,
					unsigned int pins)
{
	struct gup_pin_fixture *f = test->priv;

	return (struct gup_pin_adder) {
		.index = &f->index,
		.call = call,
		.gfp = GFP_KERNEL,
		.fresh = !atomic_fetch_add(pins, &call->live),
	};
}

void gup_pin_test_add(struct kunit *test, unsigned long pfn,
		      struct gup_pin_call *call, unsigned int pins)
{
	struct gup_pin_adder adder = gup_pin_test_adder(test, call, pins);

	gup_pin_add(&adder, pfn, pins);
	gup_pin_add_flush(&adder);
	KUNIT_EXPECT_EQ(test, adder.left, 0);
}

/* One pin on each of some folios of a block, all of them at once. */
void gup_pin_test_add_mask(struct kunit *test, unsigned long first, u64 mask,
			   struct gup_pin_call *call)
{
	struct gup_pin_adder adder = gup_pin_test_adder(test, call,
							hweight64(mask));

	for (; mask; mask &= mask - 1)
		gup_pin_add(&adder, first + __ffs64(mask), 1);
	gup_pin_add_flush(&adder);
	KUNIT_EXPECT_EQ(test, adder.left, 0);
}

void gup_pin_test_release(struct kunit *test, unsigned long pfn,
			  unsigned int pins, bool dirty)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_releaser rel = { .index = &f->index };

	gup_pin_release(&rel, pfn, pins, dirty);
	gup_pin_release_end(&rel);
}

/* One pin of each of some folios of a block, all of them at once. */
void gup_pin_test_release_mask(struct kunit *test, unsigned long first, u64 mask)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_releaser rel = { .index = &f->index };

	for (; mask; mask &= mask - 1)
		gup_pin_release(&rel, first + __ffs64(mask), 1, false);
	gup_pin_release_end(&rel);
}

/* Have so many calls with a layer each in a block, at its end. */
void gup_pin_test_layers(struct kunit *test, unsigned long first,
			 unsigned int nr)
{
	while (nr--)
		gup_pin_test_add_mask(test, first, GUP_PIN_TEST_LAYER,
				      gup_pin_test_call(test, GUP_PIN_READ));
}

/* All pins of those calls are released, on each folio all at once. */
void gup_pin_test_layers_gone(struct kunit *test, unsigned long first,
			      unsigned int nr)
{
	u64 mask;

	for (mask = GUP_PIN_TEST_LAYER; mask && nr; mask &= mask - 1)
		gup_pin_test_release(test, first + __ffs64(mask), nr, false);
}

/* A call of a single page, if its block has room for one. */
bool gup_pin_test_single(struct kunit *test, unsigned long pfn,
			 enum gup_pin_mode mode)
{
	const struct gup_pin_id id = { .mode = mode };
	struct gup_pin_origin *origin = test_origin(test, &id);
	struct gup_pin_fixture *f = test->priv;

	if (gup_pin_add_single(&f->index, pfn, origin, 0x1000, 1, GFP_KERNEL))
		return true;
	gup_pin_origin_put(origin);
	return false;
}

/* The block that a folio's pins are in, or NULL. */
struct gup_pin_block *gup_pin_test_block(struct kunit *test, unsigned long pfn)
{
	struct gup_pin_fixture *f = test->priv;
	unsigned long nr = gup_pin_block_nr(pfn);
	struct gup_pin_shard *shard = gup_pin_shard_of(&f->index, nr);
	struct gup_pin_block *block;
	unsigned long flags;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	xa_unlock_irqrestore(&shard->xa, flags);
	return block;
}

/* How many pins a call has on a folio; they must be one item. */
unsigned int gup_pin_test_pins(struct kunit *test, unsigned long pfn,
			       const struct gup_pin_call *call)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_pos pos = { .pfn = pfn };
	unsigned int pins = 0, found = 0;
	struct gup_pin_item item;

	while (gup_pin_walk(&f->index, &pos, &item, 1) && item.pfn == pfn) {
		if (item.call == call) {
			pins += item.pins;
			found++;
		}
	}
	KUNIT_EXPECT_LE(test, found, 1);
	return pins;
}

/* Do a folio's items say that an unpin had to be guessed? */
bool gup_pin_test_inferred(struct kunit *test, unsigned long pfn)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_pos pos = { .pfn = pfn };
	struct gup_pin_item item;

	KUNIT_ASSERT_EQ(test, 1, gup_pin_walk(&f->index, &pos, &item, 1));
	KUNIT_ASSERT_EQ(test, item.pfn, pfn);
	return item.inferred;
}

const struct gup_pin_totals *gup_pin_test_totals(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;

	gup_pin_index_totals(&f->index, &f->totals);
	return &f->totals;
}

/* As when tracking is switched off and on again. */
void gup_pin_test_flush(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	bool recording = f->index.recording;

	f->index.recording = false;
	gup_pin_index_flush(&f->index);
	f->index.recording = recording;
}

/*
 * Nothing is recorded, and nothing is allocated but origins that have no calls
 * and blocks that were kept though they are empty. All that is freed here.
 */
void gup_pin_expect_empty(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	const struct gup_pin_totals *t = gup_pin_test_totals(test);
	unsigned int i;

	KUNIT_EXPECT_EQ(test, t->acquired, t->released);
	KUNIT_EXPECT_EQ(test, t->folios, 0);
	KUNIT_EXPECT_LE(test, gup_pin_test_blocks(test),
			GUP_PIN_KEPT * GUP_PIN_NR_SHARDS);
	KUNIT_EXPECT_EQ(test, gup_pin_call_count(), f->calls);

	gup_pin_test_flush(test);
	t = gup_pin_test_totals(test);
	KUNIT_EXPECT_EQ(test, t->acquired, t->released);
	KUNIT_EXPECT_EQ(test, t->nodes, 0);
	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		KUNIT_EXPECT_TRUE(test, xa_empty(&f->index.shards[i].xa));

	KUNIT_ASSERT_EQ(test, gup_pin_origins_live(&f->origins), 0);
	gup_pin_origins_destroy(&f->origins);
	gup_pin_origins_init(&f->origins);
	KUNIT_EXPECT_EQ(test, gup_pin_memory_bytes(), f->memory);
}
