// SPDX-License-Identifier: GPL-2.0
/*
 * Where hazards are detected: the entry points of the hooks outside mm/gup.c, and of
 * the record code that detects a hazard.
 *
 * A pin that is just being taken or undone has no record: its folio may look pinned
 * although no pin is recorded. To not miss such a pin, both sides look for the other,
 * see gup_pin_sees_writeback().
 */
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#include "../compat.h"
#include "internal.h"

/*
 * Start with the function that the title names: skip the frames above the one returning
 * to @event->ip.
 */
static void skip_frames(struct gup_pin_event *event)
{
	unsigned int skip;

	for (skip = 0; skip < event->nr; skip++)
		if (event->entries[skip] == event->ip)
			break;
	if (skip == event->nr)
		return;
	event->nr -= skip;
	memmove(event->entries, event->entries + skip,
		event->nr * sizeof(event->entries[0]));
}

/**
 * gup_pin_event_now() - describe the current event
 * @event: filled in
 * @ip: return address into the function that the report names
 *
 * Context: Any except NMI.
 */
noinline void gup_pin_event_now(struct gup_pin_event *event, unsigned long ip)
{
	event->time = local_clock();
	event->ip = ip;
	event->nr = stack_trace_save(event->entries, GUP_PIN_EVENT_DEPTH, 1);
	/* Drop the frames of the interrupted task: they are unrelated and differ each time. */
	event->nr = filter_irq_stacks(event->entries, event->nr);
	skip_frames(event);
	event->ip = gup_pin_shown_ip(ip);
	gup_pin_shown_stack(event->entries, event->nr);
	event->mark = gup_pin_unloaded_mark(event->entries, event->nr);
	if (!in_task()) {
		event->tgid = 0;
		event->pid = 0;
		strscpy_pad(event->comm, "interrupt");
		return;
	}
	event->tgid = task_tgid_nr(current);
	event->pid = task_pid_nr(current);
	memcpy(event->comm, current->comm, sizeof(event->comm));
	event->comm[sizeof(event->comm) - 1] = '\0';
}

/*
 * test_and_set_bit() of PG_writeback is a full barrier, and precedes the look-up of the
 * folio's pins and records. Pairs with gup_pin_sees_writeback().
 *
 * Anonymous and shared memory is written to swap only while it is not pinned. A pin
 * that is taken later is on the folio in the swap cache, which stays and contains what
 * is written to it.
 */
void __gup_pin_writeback_start(struct folio *folio, unsigned long ip)
{
	const struct gup_pin_hazard hazard = {
		.kind = GUP_PIN_HAZARD_WRITEBACK,
		.stake = gup_pin_writeback_stake(folio),
		.folio = folio,
		.ip = ip,
	};

	if (folio_test_anon(folio) || folio_test_swapcache(folio))
		return;
	gup_pin_hazard(&hazard);
	if (hazard.stake != GUP_PIN_STAKE_NOTHING)
		gup_pin_proof_start(folio, ip);
}

/*
 * With data=journal the journal writes the data of files from their own pages, which
 * are not under writeback. Pages under writeback were checked when their writeback
 * started.
 */
void __gup_pin_submit(struct folio *folio, unsigned long ip)
{
	const struct gup_pin_hazard hazard = {
		.kind = GUP_PIN_HAZARD_WRITEBACK,
		.folio = folio,
		.ip = ip,
	};

	if (!folio_test_writeback(folio) && gup_pin_folio_file(folio))
		gup_pin_hazard(&hazard);
}

/**
 * gup_pin_leaves_file() - pages of a folio that may be pinned leave its file
 * @folio: the folio
 * @first: index of the first of them in the folio
 * @npages: number of them; 0 for all
 * @ip: return address into the function that the report names
 *
 * Context: As gup_pin_hazard().
 */
void gup_pin_leaves_file(struct folio *folio, unsigned long first, unsigned long npages,
			 unsigned long ip)
{
	const struct gup_pin_hazard hazard = {
		.kind = GUP_PIN_HAZARD_TRUNCATE,
		.stake = gup_pin_truncate_stake(folio),
		.folio = folio,
		.ip = ip,
		.first = first,
		.npages = npages,
	};

	gup_pin_hazard(&hazard);
}

void __gup_pin_truncate(struct folio *folio)
{
	gup_pin_leaves_file(folio, 0, 0, _RET_IP_);
	/* Prevent a tail call: the event's stack must have the frame that @ip returns to. */
	barrier();
}

void __gup_pin_truncate_part(struct folio *folio, size_t offset, size_t length)
{
	unsigned long first = offset >> PAGE_SHIFT;

	if (length)
		gup_pin_leaves_file(folio, first, PFN_UP(offset + length) - first, _RET_IP_);
	barrier();
}

void __gup_pin_invalidate(struct folio *folio)
{
	/* A dirty folio stays in its file. */
	if (!folio_test_dirty(folio))
		gup_pin_leaves_file(folio, 0, 0, _RET_IP_);
	barrier();
}

/**
 * gup_pin_under_writeback() - a folio under writeback was pinned
 * @folio: the folio
 * @pin: the pin, as it is recorded. Other pins on the folio were there when its writeback
 *	started, which is a hazard of its own
 * @ip: return address into the pin function
 *
 * Context: As gup_pin_hazard().
 */
noinline void gup_pin_under_writeback(struct folio *folio, const struct gup_pin_item *pin,
				      unsigned long ip)
{
	const struct gup_pin_hazard hazard = {
		.kind = GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK,
		.stake = gup_pin_rewrite_stake(folio),
		.folio = folio,
		.ip = ip,
		.pin = pin,
	};

	if (folio_test_anon(folio) || folio_test_swapcache(folio))
		return;
	gup_pin_hazard(&hazard);
}

/* Print the previous unpin of the folio, as far as it is known. */
static noinline_for_stack void print_last(const struct gup_pin_hazard *hazard, char *buf,
					  size_t size)
{
	char site[GUP_PIN_FRAME_MAX];
	struct gup_pin_last last;

	if (!gup_pin_last_release(&gup_pin_root.index, folio_pfn(hazard->folio), &last)) {
		scnprintf(buf, size, "when its pins were released last is not known\n");
		return;
	}
	gup_pin_site_text(site, gup_pin_shown_ip(last.site), last.time);
	scnprintf(buf, size, "last release: age_ms=%u pid=%d in %s\n",
		  jiffies_to_msecs((u32)jiffies - last.time), last.pid, site);
}

/**
 * gup_pin_unmatched() - folios lose pins that are not recorded
 * @block: number of their block
 * @mask: the folios
 * @pins: number of pins that each of them loses
 * @ip: return address into the unpin function
 *
 * Must be called before the pins are dropped.
 *
 * Context: As gup_pin_hazard().
 */
noinline void gup_pin_unmatched(unsigned long block, u64 mask,
				unsigned int pins, unsigned long ip)
{
	struct gup_pin_hazard hazard = {
		.kind = GUP_PIN_HAZARD_UNMATCHED_UNPIN,
		.stake = GUP_PIN_STAKE_MEMORY,
		.pins = pins,
		.ip = ip,
		.details = print_last,
	};

	for (; mask; mask &= mask - 1) {
		hazard.folio = page_folio(pfn_to_page(gup_pin_block_first(block) +
						       __ffs64(mask)));
		gup_pin_hazard(&hazard);
	}
}

/**
 * gup_pin_dirty_read() - a read pin is about to be released as dirty
 * @pfn: head pfn of the folio
 * @ip: return address into the unpin function
 *
 * Must be called before the record is removed.
 *
 * Context: As gup_pin_hazard().
 */
noinline void gup_pin_dirty_read(unsigned long pfn, unsigned long ip)
{
	const struct gup_pin_hazard hazard = {
		.kind = GUP_PIN_HAZARD_DIRTY_READ_PIN,
		.folio = pfn_folio(pfn),
		.ip = ip,
	};

	gup_pin_hazard(&hazard);
}
