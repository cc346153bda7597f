// SPDX-License-Identifier: GPL-2.0
/*
 * Lets dump_page() print the pins on a page, so that all reports of the kernel about a
 * page that cannot be migrated, offlined or freed name the holders.
 *
 * alloc_contig_range() does not try to migrate pinned anonymous memory, and so never
 * dumps it: look for pinned pages in the range here.
 */
#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mmdebug.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched/clock.h>

#include "view.h"

#undef pr_fmt
#define pr_fmt(fmt)	"gup_pin: " fmt

/* A page may be pinned by thousands of calls: print only some of them. */
#define DUMP_CALLS	8

/* Dump at most this many folios per failed range. */
#define DUMP_FOLIOS	4

/* May a shard lock be tried in this context? On PREEMPT_RT it is a sleeping lock. */
static bool can_look(void)
{
	return !in_nmi() && !(IS_ENABLED(CONFIG_PREEMPT_RT) && in_hardirq());
}

/*
 * Not on the stack, as little of it may be left. A bit protects the items and the frame
 * instead of a lock: printing takes too long to disable interrupts, and a caller in an
 * interrupt must not wait.
 */
static struct gup_pin_item items[DUMP_CALLS];
static char frame[GUP_PIN_FRAME_MAX];
static unsigned long items_in_use;

static void dump_item(const struct gup_pin_item *item, u32 as_of)
{
	const struct gup_pin_run run = {
		.first = *item,
		.pages = item->pages,
		.pins = item->pins,
	};
	depot_stack_handle_t stack = item->id.stack;
	char line[GUP_PIN_LINE_MAX];
	unsigned long *entries;
	unsigned int nr;

	gup_pin_format_run(line, sizeof(line), &run, local_clock());
	pr_warn("%s\n", line);
	nr = stack_depot_fetch(stack, &entries);
	gup_pin_print_stack(entries, nr, stack_depot_get_extra_bits(stack), as_of, frame);
}

static void dump_items(const struct page *page)
{
	u32 as_of = gup_pin_frames_as_of();
	struct gup_pin_holders holders;
	unsigned int i, nr;
	bool busy;

	nr = gup_pin_try_holders(&gup_pin_root.index, page_to_pfn(compound_head(page)), items,
				 DUMP_CALLS, &holders, &busy);
	if (nr)
		pr_warn("page has %u recorded pins\n", holders.pins);
	for (i = 0; i < nr; i++)
		dump_item(&items[i], as_of);
	if (nr == DUMP_CALLS)
		pr_warn("more calls that pinned it may be in debugfs\n");
	if (busy)
		pr_warn("the page's pins are being changed, not shown\n");
	else if (!nr)
		pr_warn("page has no recorded pins\n");
}

void __gup_pin_dump_page(const struct page *page)
{
	if (PagePoisoned(page))
		return;
	if (!can_look()) {
		pr_warn("the page's pins cannot be looked up in this context\n");
		return;
	}
	if (test_and_set_bit_lock(0, &items_in_use)) {
		pr_warn("another page's pins are being shown\n");
		return;
	}
	dump_items(page);
	clear_bit_unlock(0, &items_in_use);
}

/**
 * __gup_pin_contig_busy() - dump the pinned pages of a range
 * @start: first pfn
 * @end: end pfn (exclusive)
 * @gfp: flags of the failed allocation
 *
 * CMA tries one range after the other, so dumps are rate limited, as
 * for memory to be offlined.
 *
 * Context: Any context in which the lock of a shard may be taken.
 */
void __gup_pin_contig_busy(unsigned long start, unsigned long end, gfp_t gfp)
{
	static DEFINE_RATELIMIT_STATE(rate, DEFAULT_RATELIMIT_INTERVAL,
				      DEFAULT_RATELIMIT_BURST);
	/* A large folio pinned as a whole may start before the range and end in it. */
	unsigned long from = min(start, folio_pfn(page_folio(pfn_to_page(start))));
	unsigned long last = ULONG_MAX;
	struct gup_pin_item item;
	struct gup_pin_walk walk;
	unsigned int dumped = 0;

	if (gfp & __GFP_NOWARN)
		return;
	gup_pin_walk_start(&walk, &gup_pin_root.index, from, end - 1);
	while (dumped < DUMP_FOLIOS && gup_pin_walk_items(&walk, &item, 1)) {
		if (item.head == last || item.head >= end ||
		    item.head + (1UL << item.folio.order) <= start)
			continue;
		if (!__ratelimit(&rate))
			break;
		last = item.head;
		dump_page(pfn_to_page(item.head), "pinned, in a range to be allocated");
		dumped++;
	}
	gup_pin_walk_end(&walk);
}
