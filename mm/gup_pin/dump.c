// SPDX-License-Identifier: GPL-2.0
/*
 * dump_page() prints the pins on a page, so that every report of the kernel
 * about a page that cannot be moved, offlined or freed names who holds it.
 *
 * alloc_contig_range() does not even try to move anonymous memory that is pinned,
 * so nobody would dump it: pinned memory that is in its way is looked for here.
 */
#include <linux/gfp.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mmdebug.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched/clock.h>

#include "gup_pin.h"

#undef pr_fmt
#define pr_fmt(fmt)	"gup_pin: " fmt

/* A page may be pinned by thousands of calls; a report is no place for all. */
#define DUMP_CALLS	8

/* Other stacks have a say in how much of this one is left: two at a time. */
#define DUMP_BATCH	2

/* Of a range that cannot be had, so many folios say enough. */
#define DUMP_FOLIOS	4

/* May the lock of a shard be tried here? On PREEMPT_RT it is one that sleeps. */
static bool can_look(void)
{
	return !in_nmi() && !(IS_ENABLED(CONFIG_PREEMPT_RT) && in_hardirq());
}

static void dump_item(const struct gup_pin_item *item)
{
	const struct gup_pin_run run = {
		.first = *item,
		.pages = 1UL << item->folio.order,
		.pins = item->pins,
	};
	char line[GUP_PIN_LINE_MAX];

	gup_pin_format_run(line, sizeof(line), &run, local_clock());
	pr_warn("%s\n", line);
	if (item->id.stack)
		stack_depot_print(item->id.stack);
}

void __gup_pin_dump_page(const struct page *page)
{
	struct gup_pin_item items[DUMP_BATCH];
	struct gup_pin_pos pos = {};
	unsigned int i, nr, shown = 0;
	bool busy;

	if (PagePoisoned(page))
		return;
	if (!can_look()) {
		pr_warn("the page's pins cannot be looked up in this context\n");
		return;
	}
	pos.pfn = page_to_pfn(compound_head(page));
	while ((nr = gup_pin_walk_folio(&gup_pin_root.index, &pos, items,
					ARRAY_SIZE(items), &busy))) {
		if (!shown)
			pr_warn("page has %u recorded pins\n",
				items[0].folio_pins);
		for (i = 0; i < nr && shown < DUMP_CALLS; i++, shown++)
			dump_item(&items[i]);
		if (shown == DUMP_CALLS) {
			pr_warn("more calls that pinned it may be in debugfs\n");
			return;
		}
	}
	if (busy)
		pr_warn("the page's pins are being changed, not shown\n");
	else if (!shown)
		pr_warn("page has no recorded pins\n");
}

/**
 * __gup_pin_contig_busy() - dump what is pinned in a range of memory
 * @start: first pfn
 * @end: the last, and one
 * @gfp: how the range was to be allocated
 *
 * May be called from any context where the shards' locks may be taken. CMA tries one
 * range after the other, so the rate is bounded, as for memory that is to go offline.
 */
void __gup_pin_contig_busy(unsigned long start, unsigned long end, gfp_t gfp)
{
	static DEFINE_RATELIMIT_STATE(rate, DEFAULT_RATELIMIT_INTERVAL,
				      DEFAULT_RATELIMIT_BURST);
	struct gup_pin_pos pos = {
		/* Of a large folio, the end may be in the range. */
		.pfn = min(start, folio_pfn(page_folio(pfn_to_page(start)))),
	};
	struct gup_pin_item item;
	unsigned int dumped = 0;

	if (gfp & __GFP_NOWARN)
		return;
	while (dumped < DUMP_FOLIOS &&
	       gup_pin_walk(&gup_pin_root.index, &pos, &item, 1) &&
	       item.pfn < end) {
		unsigned long next = item.pfn + (1UL << item.folio.order);

		pos = (struct gup_pin_pos) { .pfn = next };
		if (next <= start)
			continue;
		if (!__ratelimit(&rate))
			return;
		dump_page(pfn_to_page(item.pfn), "pinned, in a range to be allocated");
		dumped++;
	}
}
