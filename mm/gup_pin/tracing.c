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

static void trace_taken(const struct gup_pin_id *id, unsigned long pfn,
			unsigned long pins, unsigned long addr)
{
	struct gup_pin_trace t = {
		.pfn = pfn,
		.pins = pins,
		.addr = addr,
	};

	/* Hooks are live a little before tracking is, and after. */
	if (!READ_ONCE(gup_pin_root.index.recording))
		return;
	fill_trace(&t, id);
	trace_gup_pin_acquire(&t);
}

/**
 * gup_pin_trace_taken() - folios were pinned
 * @id: of the call's origin
 * @folio: the first
 * @pins: how many pins the call took
 */
void gup_pin_trace_taken(const struct gup_pin_id *id, struct folio *folio,
			 unsigned long pins)
{
	trace_taken(id, folio_pfn(folio), pins, 0);
}

/**
 * gup_pin_trace_taken_pages() - pages of a process were pinned
 * @id: of the call's origin
 * @pages: what the pin function got; zero pages are not pinned
 * @npages: how many
 * @addr: user address of the first
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

/* As gup_pin_block_release_some() has it. */
static bool goes_first(const struct gup_pin_item *a,
		       const struct gup_pin_item *b,
		       const struct gup_pin_hint *hint)
{
	unsigned int first = gup_pin_hint_rank(hint, &a->id);
	unsigned int second = gup_pin_hint_rank(hint, &b->id);

	return first != second ? first < second : a->time < b->time;
}

/* The pin that is about to be forgotten, or the first of several. */
static bool find_pin(struct folio *folio, const struct gup_pin_hint *hint,
		     struct gup_pin_item *pin)
{
	struct gup_pin_pos pos = { .pfn = folio_pfn(folio) };
	struct gup_pin_item next;
	unsigned int i;

	if (!gup_pin_walk_pins(&gup_pin_root.index, &pos, pin, 1))
		return false;
	if (pin->pins == pin->folio_pins)
		return true;
	for (i = 1; i < GUP_PIN_CHOSEN_FROM; i++) {
		if (!gup_pin_walk_pins(&gup_pin_root.index, &pos, &next, 1))
			break;
		if (goes_first(&next, pin, hint))
			*pin = next;
	}
	return true;
}

/**
 * gup_pin_trace_dropped() - a folio is about to lose pins
 * @folio: the folio; its pins are still on record
 * @pins: how many
 * @dirty: the caller says that it wrote to it
 * @ip: return address into the unpin function
 * @site: return address into its caller
 *
 * Who had taken them is told as far as can be. Any context where the shards'
 * locks may be taken.
 */
void gup_pin_trace_dropped(struct folio *folio, unsigned long pins,
			   bool dirty, unsigned long ip, unsigned long site)
{
	static const struct gup_pin_id unknown = {
		.api = NR_GUP_PIN_APIS,
		.comm = "unknown",
	};
	struct gup_pin_trace t = {
		.pfn = folio_pfn(folio),
		.pins = pins,
		.ip = ip,
	};
	struct gup_pin_hint hint;
	struct gup_pin_item pin;
	u64 now = local_clock();

	if (!READ_ONCE(gup_pin_root.index.recording))
		return;
	hint = gup_pin_site_hint(&gup_pin_root.sites, site, dirty);
	if (!gup_pin_earlier_first(&gup_pin_root.index, t.pfn, pins, &hint) &&
	    find_pin(folio, &hint, &pin)) {
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
 * @site: return address into its caller
 */
void gup_pin_trace_dropped_pages(struct page **pages, unsigned long npages,
				 unsigned long ip, unsigned long site)
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
			gup_pin_trace_dropped(folio, 1, false, ip, site);
	}
}

/* When the first begins to trace unpins, before any is traced. May sleep. */
int gup_pin_release_traced(void)
{
	gup_pin_index_traced(&gup_pin_root.index, true);
	return 0;
}

/* When the last has ended. */
void gup_pin_release_untraced(void)
{
	gup_pin_index_traced(&gup_pin_root.index, false);
}
