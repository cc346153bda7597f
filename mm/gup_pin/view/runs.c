// SPDX-License-Identifier: GPL-2.0
/*
 * Merging items into lines: a run has contiguous pages that one call has pinned.
 *
 * Several calls may pin the same pages, so several runs are open at a time, and may
 * continue in the next block.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "view.h"

static unsigned long run_end(const struct gup_pin_run *run)
{
	return run->first.pfn + run->pages;
}

static bool run_continues(const struct gup_pin_run *run,
			  const struct gup_pin_item *item)
{
	const struct gup_pin_item *first = &run->first;

	if (run_end(run) != item->pfn || !gup_pin_same_call(first, item))
		return false;
	if (first->folio.map != item->folio.map ||
	    first->folio.order != item->folio.order ||
	    first->folio.dev != item->folio.dev ||
	    first->folio.ino != item->folio.ino ||
	    first->match != item->match)
		return false;
	if (first->folio.ino && item->folio.index != first->folio.index + run->pages)
		return false;
	if (!first->addr || !item->addr)
		return first->addr == item->addr;
	return item->addr == first->addr + (run->pages << PAGE_SHIFT);
}

static void run_close(struct gup_pin_runs *runs, unsigned int i)
{
	runs->done[runs->ready++] = runs->open[i];
	runs->nr_open--;
	memmove(&runs->open[i], &runs->open[i + 1],
		(runs->nr_open - i) * sizeof(runs->open[0]));
}

/*
 * A run continues with the next pages of its record, or from the end of a block with the
 * first pages of the next one. Close all others.
 */
static void close_before(struct gup_pin_runs *runs, const struct gup_pin_item *item)
{
	unsigned long first = round_down(item->pfn, GUP_PIN_BLOCK_PAGES);
	unsigned int i, kept = 0;

	for (i = 0; i < runs->nr_open; i++) {
		unsigned long end = run_end(&runs->open[i]);

		if (end != item->pfn && end != first && end != first + GUP_PIN_BLOCK_PAGES)
			runs->done[runs->ready++] = runs->open[i];
		else if (kept++ != i)
			runs->open[kept - 1] = runs->open[i];
	}
	runs->nr_open = kept;
}

static void take_item(struct gup_pin_runs *runs, const struct gup_pin_item *item)
{
	unsigned int i;

	close_before(runs, item);
	for (i = 0; i < runs->nr_open; i++) {
		if (run_continues(&runs->open[i], item)) {
			runs->open[i].pages += item->pages;
			runs->open[i].pins += item->pins;
			return;
		}
	}
	/* Close the newest, so that the others are not split. */
	if (runs->nr_open == GUP_PIN_OPEN_RUNS)
		run_close(runs, GUP_PIN_OPEN_RUNS - 1);
	runs->open[runs->nr_open++] = (struct gup_pin_run) {
		.first = *item,
		.pages = item->pages,
		.pins = item->pins,
	};
}

/**
 * gup_pin_runs_init() - start at the first pin
 * @runs: the state; zeroed, or ended
 * @index: the index to walk
 * @filter: pins to visit, or NULL; must stay valid
 *
 * The caller must call gup_pin_runs_end().
 */
void gup_pin_runs_init(struct gup_pin_runs *runs, struct gup_pin_index *index,
		       const struct gup_pin_filter *filter)
{
	memset(runs, 0, offsetof(struct gup_pin_runs, items));
	runs->filter = filter;
	gup_pin_walk_start(&runs->walk, index,
			   filter ? gup_pin_filter_start(filter) : 0,
			   filter ? gup_pin_filter_end(filter) : ULONG_MAX);
}

/**
 * gup_pin_runs_end() - end, at any place
 * @runs: the state; a zeroed one counts as ended
 */
void gup_pin_runs_end(struct gup_pin_runs *runs)
{
	gup_pin_walk_end(&runs->walk);
}

/* The filter may match only few of many pins: stop if the reader is killed. */
static void get_items(struct gup_pin_runs *runs)
{
	runs->next = 0;
	runs->nr = 0;
	if (fatal_signal_pending(current))
		return;
	runs->nr = gup_pin_walk_items(&runs->walk, runs->items, GUP_PIN_BATCH);
	cond_resched();
}

static bool is_wanted(const struct gup_pin_runs *runs,
		      const struct gup_pin_item *item)
{
	return !runs->filter ||
	       gup_pin_filter_item(runs->filter, item, local_clock());
}

/**
 * gup_pin_runs_next() - get the next run
 * @runs: the state
 *
 * Context: Process context. May sleep.
 *
 * Return: the run, valid until the next call; NULL at the end.
 */
const struct gup_pin_run *gup_pin_runs_next(struct gup_pin_runs *runs)
{
	while (runs->taken == runs->ready) {
		runs->taken = 0;
		runs->ready = 0;
		if (runs->next == runs->nr)
			get_items(runs);
		if (runs->next < runs->nr) {
			const struct gup_pin_item *item =
				&runs->items[runs->next++];

			if (is_wanted(runs, item))
				take_item(runs, item);
			continue;
		}
		if (!runs->nr_open)
			return NULL;
		while (runs->nr_open)
			run_close(runs, 0);
	}
	return &runs->done[runs->taken++];
}
