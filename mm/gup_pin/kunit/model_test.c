// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks: a model of them, which keeps a number for each call and folio, goes
 * along with an index in which things happen at random.
 */
#include <linux/prandom.h>
#include <linux/sched.h>

#include "fixture.h"

#define FIRST	GUP_PIN_TEST_PFN

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

static struct kunit_case block_model_cases[] = {
	KUNIT_CASE(goes_like_a_model),
	{}
};

static struct kunit_suite block_model_suite = {
	.name = "gup_pin_block_model",
	.init = gup_pin_fixture_init,
	.exit = gup_pin_fixture_exit,
	.test_cases = block_model_cases,
};

kunit_test_suite(block_model_suite);
