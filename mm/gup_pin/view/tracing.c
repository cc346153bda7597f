// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints of pins and unpins. Called only if the tracepoints are enabled.
 */
#include <linux/mm.h>
#include <linux/sched/clock.h>
#include <trace/events/gup_pin.h>

#include "../compat.h"
#include "view.h"

/* Fill in the fields that describe the origin. */
static void fill_trace(struct gup_pin_trace *t, const struct gup_pin_id *id)
{
	t->write = id->mode == GUP_PIN_WRITE;
	t->longterm = id->term == GUP_PIN_LONG;
	t->api = gup_pin_api_name(id->api);
	t->owner = id->owner;
	t->tgid = id->tgid;
	t->pid = id->pid;
	t->comm = id->comm;
	t->stack = id->stack;
}

static void trace_taken(const struct gup_pin_id *id, unsigned long pfn,
			unsigned long pins, unsigned long addr)
{
	struct gup_pin_trace t = {
		.pfn = pfn,
		.pins = pins,
		.addr = addr,
	};

	/*
	 * The hooks are enabled slightly before recording starts, and
	 * disabled after it stops.
	 */
	if (!READ_ONCE(gup_pin_root.index.recording))
		return;
	fill_trace(&t, id);
	trace_gup_pin_acquire(&t);
}

/**
 * gup_pin_trace_taken() - trace pinned folios
 * @id: id of the origin
 * @folio: the first folio
 * @pins: number of pins of the call
 */
void gup_pin_trace_taken(const struct gup_pin_id *id, struct folio *folio,
			 unsigned long pins)
{
	trace_taken(id, folio_pfn(folio), pins, 0);
}

/**
 * gup_pin_trace_taken_pages() - trace pinned pages of a process
 * @id: id of the origin
 * @pages: result of the pin function; zero pages are not pinned
 * @npages: number of pages
 * @addr: user address of the first page
 */
void gup_pin_trace_taken_pages(const struct gup_pin_id *id,
			       struct page **pages, unsigned long npages,
			       unsigned long addr)
{
	unsigned long i, first = 0, pins = 0;

	for (i = 0; i < npages; i++)
		if (!is_zero_folio(page_folio(pages[i])) && !pins++)
			first = i;
	if (!pins)
		return;
	addr = untagged_addr(addr) & PAGE_MASK;
	trace_taken(id, page_to_pfn(pages[first]), pins,
		    addr + (first << PAGE_SHIFT));
}

/**
 * gup_pin_trace_dropped() - trace unpins of a folio, which are still on record
 * @unpin: what is known about the pins
 * @pfn: the page, or the first of contiguous ones with an unpin each; if the pages are not
 *	known, head of the folio
 * @npages: number of pages of the folio, if the pages are not known; otherwise 1
 * @pins: number of pins
 *
 * Shows the origin of a pin on the first page.
 *
 * Context: Any context in which the lock of a shard may be taken.
 */
void gup_pin_trace_dropped(const struct gup_pin_unpin *unpin, unsigned long pfn,
			   unsigned long npages, unsigned long pins)
{
	static const struct gup_pin_id unknown = {
		.api = NR_GUP_PIN_APIS,
		.comm = "unknown",
	};
	struct gup_pin_trace t = {
		.pfn = pfn,
		.pins = pins,
		.ip = gup_pin_shown_ip(unpin->func),
		.match = gup_pin_match_name(GUP_PIN_INFERRED),
	};
	struct gup_pin_item pin;
	u64 now = local_clock();

	if (!READ_ONCE(gup_pin_root.index.recording))
		return;
	if (gup_pin_unpin_peek(unpin, pfn, npages, pins, &pin)) {
		fill_trace(&t, &pin.id);
		t.addr = pin.addr;
		t.age_ns = now > pin.time ? now - pin.time : 0;
		t.exact = pin.match == GUP_PIN_EXACT;
		t.match = gup_pin_match_name(pin.match);
	} else {
		fill_trace(&t, &unknown);
	}
	trace_gup_pin_release(&t);
}
