// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints of pins that are taken and dropped.
 *
 * Nothing of this is called unless somebody traces. Then unpins go the long way,
 * see gup_pin_index_traced().
 */
#include <linux/mm.h>
#include <linux/sched/clock.h>
#include <trace/events/gup_pin.h>

#include "gup_pin.h"
#include "tracing.h"

/* Who pinned comes from the record; the rest is the caller's to fill in. */
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

/**
 * gup_pin_trace_taken() - a call has pinned
 * @id: its origin's
 * @pfn: of the first page
 * @pins: how many pins it took
 * @addr: user address of the first page, 0 when unknown
 */
void gup_pin_trace_taken(const struct gup_pin_id *id, unsigned long pfn,
			 unsigned long pins, unsigned long addr)
{
	struct gup_pin_trace t = {
		.pfn = pfn,
		.pins = pins,
		.addr = addr,
	};

	fill_trace(&t, id);
	trace_gup_pin_acquire(&t);
}

/* The pins that are about to be forgotten, as far as can be told. */
static bool find_pin(struct folio *folio, bool dirty,
		     struct gup_pin_item *pin)
{
	struct gup_pin_pos pos = { .pfn = folio_pfn(folio) };
	struct gup_pin_item next;

	if (!gup_pin_walk_pins(&gup_pin_root.index, &pos, pin, 1))
		return false;
	/* Who dirties it wrote to it. */
	if (dirty && pin->id.mode == GUP_PIN_READ &&
	    gup_pin_walk_pins(&gup_pin_root.index, &pos, &next, 1) &&
	    next.id.mode == GUP_PIN_WRITE)
		*pin = next;
	return true;
}

/**
 * gup_pin_trace_dropped() - a folio is about to lose pins
 * @folio: the folio; its pins are still on record
 * @pins: how many
 * @dirty: the caller says that it wrote to it
 * @ip: return address into the unpin function
 */
void gup_pin_trace_dropped(struct folio *folio, unsigned long pins,
			   bool dirty, unsigned long ip)
{
	const struct gup_pin_id unknown = {
		.api = NR_GUP_PIN_APIS,
		.comm = "unknown",
	};
	struct gup_pin_trace t = {
		.pfn = folio_pfn(folio),
		.pins = pins,
		.ip = ip,
	};
	struct gup_pin_item pin;
	u64 now = local_clock();

	if (find_pin(folio, dirty, &pin)) {
		fill_trace(&t, &pin.id);
		t.addr = pin.addr;
		t.age_ns = now > pin.time ? now - pin.time : 0;
		t.exact = pin.pins == pin.folio_pins && !pin.inferred;
	} else {
		fill_trace(&t, &unknown);
	}
	trace_gup_pin_release(&t);
}

/**
 * gup_pin_trace_dropped_pages() - as gup_pin_trace_dropped(), for small folios
 * @pages: pages; NULL entries are passed over. From the first large folio on
 *	nothing is told
 * @npages: how many
 * @ip: return address into the unpin function
 */
void gup_pin_trace_dropped_pages(struct page **pages, unsigned long npages,
				 unsigned long ip)
{
	struct folio *folio;
	unsigned long i;

	for (i = 0; i < npages; i++) {
		if (!pages[i])
			continue;
		folio = page_folio(pages[i]);
		if (folio_test_large(folio))
			return;
		if (!is_zero_folio(folio))
			gup_pin_trace_dropped(folio, 1, false, ip);
	}
}

int gup_pin_release_traced(void)
{
	gup_pin_index_traced(&gup_pin_root.index, true);
	return 0;
}

void gup_pin_release_untraced(void)
{
	gup_pin_index_traced(&gup_pin_root.index, false);
}
