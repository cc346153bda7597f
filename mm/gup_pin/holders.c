// SPDX-License-Identifier: GPL-2.0
/*
 * Who holds a folio, those first who may do most harm.
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "gup_pin.h"

/* Others have a say in how much of this stack is left. */
#define HOLDERS_BATCH	2

/* Write pins come first, then the oldest. */
static bool comes_before(const struct gup_pin_item *a,
			 const struct gup_pin_item *b)
{
	if (a->id.mode != b->id.mode)
		return a->id.mode == GUP_PIN_WRITE;
	return a->time < b->time;
}

/* Put an item in its place, if it has one among the first @max. */
static unsigned int insert_item(struct gup_pin_item *items, unsigned int nr,
				unsigned int max,
				const struct gup_pin_item *item)
{
	unsigned int i = nr;

	while (i && comes_before(item, &items[i - 1]))
		i--;
	if (i == max)
		return nr;
	if (nr < max)
		nr++;
	memmove(&items[i + 1], &items[i], (nr - 1 - i) * sizeof(*items));
	items[i] = *item;
	return nr;
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
	struct gup_pin_item batch[HOLDERS_BATCH];
	struct gup_pin_pos pos = { .pfn = pfn };
	unsigned int i, found, nr = 0;

	*holders = (struct gup_pin_holders) {
		.all_recorded = all_recorded(index, pfn),
	};
	do {
		found = gup_pin_walk_pins(index, &pos, batch, HOLDERS_BATCH);
		for (i = 0; i < found; i++) {
			holders->calls++;
			holders->pins += batch[i].pins;
			if (batch[i].id.mode == GUP_PIN_WRITE)
				holders->writes += batch[i].pins;
			nr = insert_item(items, nr, max, &batch[i]);
		}
	} while (found == HOLDERS_BATCH);
	return nr;
}
