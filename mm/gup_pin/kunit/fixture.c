// SPDX-License-Identifier: GPL-2.0
#include <linux/sched/clock.h>

#include "fixture.h"

int gup_pin_fixture_init(struct kunit *test)
{
	struct gup_pin_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	gup_pin_index_init(&f->index);
	gup_pin_origins_init(&f->origins);
	f->index.recording = true;
	f->index.complete = true;
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
	gup_pin_origins_destroy(&f->origins);
}

/* A call of a task of its own; it has no pins yet and so is the test's to add. */
struct gup_pin_call *gup_pin_test_call(struct kunit *test,
				       enum gup_pin_mode mode)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_call *call;
	struct gup_pin_id id;

	memset(&id, 0, sizeof(id));
	id.mode = mode;
	id.pid = f->origins.count + 1;
	strscpy(id.comm, "kunit", sizeof(id.comm));
	call = gup_pin_call_alloc(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, call);
	memset(call, 0, sizeof(*call));
	call->origin = gup_pin_origin_get(&f->origins, &id, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, call->origin);
	call->time = local_clock();
	return call;
}

void gup_pin_test_add(struct kunit *test, unsigned long pfn,
		      struct gup_pin_call *call, unsigned int pins)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_cursor cur;

	atomic_add(pins, &call->live);
	gup_pin_cursor_add_init(&cur, &f->index, GFP_KERNEL);
	KUNIT_EXPECT_TRUE(test, gup_pin_index_add(&cur, pfn, call, pins));
	gup_pin_cursor_end(&cur);
}

void gup_pin_test_release(struct kunit *test, unsigned long pfn,
			  unsigned int pins, bool dirty)
{
	struct gup_pin_fixture *f = test->priv;
	struct gup_pin_cursor cur;

	gup_pin_cursor_release_init(&cur, &f->index);
	gup_pin_index_release(&cur, pfn, NULL, pins, dirty);
	gup_pin_cursor_end(&cur);
}

const struct gup_pin_totals *gup_pin_test_totals(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;

	gup_pin_index_totals(&f->index, &f->totals);
	return &f->totals;
}

/* Nothing is recorded, and nothing is allocated. */
void gup_pin_expect_empty(struct kunit *test)
{
	struct gup_pin_fixture *f = test->priv;
	const struct gup_pin_totals *t = gup_pin_test_totals(test);
	unsigned int i;

	KUNIT_EXPECT_EQ(test, t->acquired, t->released);
	KUNIT_EXPECT_EQ(test, t->folios, 0);
	KUNIT_EXPECT_EQ(test, t->nodes, 0);
	KUNIT_EXPECT_EQ(test, t->sets, 0);
	KUNIT_EXPECT_EQ(test, t->chunks, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_origins_live(&f->origins), 0);
	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		KUNIT_EXPECT_TRUE(test, xa_empty(&f->index.shards[i].xa));
}
