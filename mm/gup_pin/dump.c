// SPDX-License-Identifier: GPL-2.0
/*
 * dump_page() prints the pins on a page, so that every report of the kernel
 * about a page that cannot be moved, offlined or freed names who holds it.
 */
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched/clock.h>

#include "gup_pin.h"

#undef pr_fmt
#define pr_fmt(fmt)	"gup_pin: " fmt

/* A page may be pinned by thousands of calls; a report is no place for all. */
#define DUMP_CALLS	8

/* Other stacks have a say in how much of this one is left: two at a time. */
#define DUMP_BATCH	2

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
