// SPDX-License-Identifier: GPL-2.0
/*
 * Who holds a folio, those first who may do most harm.
 */
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "gup_pin.h"

/* Refs to count at a time: for so long, interrupts are off. */
#define HOLDERS_BATCH	256

/**
 * struct tally - a count that is under way
 * @holders: the sums
 * @items: the pins that are to be told of
 * @nr: how many there are so far
 * @max: how many there is room for
 */
struct tally {
	struct gup_pin_holders *holders;
	struct gup_pin_item *items;
	unsigned int nr;
	unsigned int max;
};

/* Write pins come first, then the oldest. */
static bool comes_before(const struct gup_pin_call *call,
			 const struct gup_pin_item *item)
{
	enum gup_pin_mode mode = call->origin->id.mode;

	if (mode != item->id.mode)
		return mode == GUP_PIN_WRITE;
	return call->time < item->time;
}

/* Put pins in their place, if they have one among the first. */
static void insert_ref(struct tally *tally, const struct gup_pin_block *block,
		       unsigned int bit, const struct gup_pin_ref *ref)
{
	struct gup_pin_item *items = tally->items;
	unsigned int i = tally->nr;

	while (i && comes_before(ref->call, &items[i - 1]))
		i--;
	if (i == tally->max)
		return;
	if (tally->nr < tally->max)
		tally->nr++;
	memmove(&items[i + 1], &items[i], (tally->nr - 1 - i) * sizeof(*items));
	gup_pin_fill_item(&items[i], block, bit, ref);
}

static void count_ref(struct tally *tally, const struct gup_pin_block *block,
		      unsigned int bit, const struct gup_pin_ref *ref)
{
	struct gup_pin_holders *holders = tally->holders;

	holders->calls++;
	holders->pins += ref->pins;
	holders->oldest = min(holders->oldest, ref->call->time);
	if (gup_pin_call_is_write(ref->call))
		holders->writes += ref->pins;
	insert_ref(tally, block, bit, ref);
}

/* Returns whether there may be more. */
static bool count_some(struct gup_pin_index *index, struct gup_pin_pos *pos,
		       struct tally *tally)
{
	unsigned long nr = gup_pin_block_nr(pos->pfn), flags;
	struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
	unsigned int bit = gup_pin_block_bit(pos->pfn), seen = 0;
	const struct gup_pin_block *block;
	const struct gup_pin_ref *ref = NULL;
	struct gup_pin_ref_iter iter;

	xa_lock_irqsave(&shard->xa, flags);
	block = xa_load(&shard->xa, gup_pin_key(nr));
	if (block)
		ref = gup_pin_ref_first(&iter, block, bit, pos->seq);
	for (; ref && seen < HOLDERS_BATCH; ref = gup_pin_ref_next(&iter)) {
		count_ref(tally, block, bit, ref);
		pos->seq = ref->seq + 1;
		seen++;
	}
	xa_unlock_irqrestore(&shard->xa, flags);
	return ref;
}

static bool all_recorded(struct gup_pin_index *index, unsigned long pfn)
{
	struct gup_pin_shard *shard =
		gup_pin_shard_of(index, gup_pin_block_nr(pfn));

	return READ_ONCE(index->complete) && !READ_ONCE(shard->untracked);
}

/**
 * gup_pin_walk_holders() - the pins on a folio, and their sums
 * @index: the index
 * @pfn: of the folio's head
 * @items: filled in: write pins first, then the oldest
 * @max: how many items there is room for; the others only count
 * @holders: filled in
 *
 * May be called from any context where the shards' locks may be taken, without
 * that of the folio's.
 *
 * Return: how many items were filled in.
 */
unsigned int gup_pin_walk_holders(struct gup_pin_index *index,
				  unsigned long pfn, struct gup_pin_item *items,
				  unsigned int max,
				  struct gup_pin_holders *holders)
{
	struct gup_pin_pos pos = { .pfn = pfn };
	struct tally tally = {
		.holders = holders,
		.items = items,
		.max = max,
	};
	unsigned int i;

	*holders = (struct gup_pin_holders) {
		.oldest = U64_MAX,
		.all_recorded = all_recorded(index, pfn),
	};
	while (count_some(index, &pos, &tally))
		;
	for (i = 0; i < tally.nr; i++)
		items[i].folio_pins = holders->pins;
	return tally.nr;
}
