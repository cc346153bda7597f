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

/* @pin: the first of them; NULL if it has no record */
static void trace_dropped(const struct gup_pin_unpin *unpin, unsigned long pfn,
			  unsigned long pins, const struct gup_pin_item *pin)
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
	u64 now = local_clock();

	fill_trace(&t, pin ? &pin->id : &unknown);
	if (pin) {
		t.addr = pin->addr;
		t.age_ns = now > pin->time ? now - pin->time : 0;
		t.exact = pin->match == GUP_PIN_EXACT;
		t.match = gup_pin_match_name(pin->match);
	}
	trace_gup_pin_release(&t);
}

/**
 * gup_pin_trace_dropped() - trace one unpin on each of contiguous pages of a folio
 * @unpin: what is known about the pins
 * @page: the first page; its pin is still on record
 * @pins: number of pins
 *
 * Shows the origin of the pin on the first page.
 *
 * Context: Any context in which the lock of a shard may be taken.
 */
void gup_pin_trace_dropped(const struct gup_pin_unpin *unpin, struct page *page,
			   unsigned long pins)
{
	unsigned long pfn = page_to_pfn(page);
	struct gup_pin_item pin;
	bool found;

	if (!READ_ONCE(gup_pin_root.index.recording))
		return;
	found = gup_pin_unpin_peek(unpin, pfn, &pin);
	trace_dropped(unpin, pfn, pins, found ? &pin : NULL);
}

/**
 * gup_pin_trace_dropped_folio() - trace unpins of a folio whose pages are not known
 * @unpin: what is known about the pins
 * @folio: the folio; its pins are still on record
 * @pins: number of pins
 *
 * Shows the origin of a pin on the folio's first page.
 *
 * Context: Any context in which the lock of a shard may be taken.
 */
void gup_pin_trace_dropped_folio(const struct gup_pin_unpin *unpin, struct folio *folio,
				 unsigned long pins)
{
	unsigned long pfn = folio_pfn(folio);
	struct gup_pin_item pin;
	bool found;

	if (!READ_ONCE(gup_pin_root.index.recording))
		return;
	found = gup_pin_unpin_peek_folio(unpin, pfn, folio_nr_pages(folio), pins, &pin);
	trace_dropped(unpin, pfn, pins, found ? &pin : NULL);
}
