/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hazards: something happens to a folio that its pins make dangerous.
 *
 * Whoever meets one fills in a &struct gup_pin_hazard and calls
 * gup_pin_hazard(), which does the rest: policy, counters, tracepoint, ring,
 * report.
 */
#ifndef _MM_GUP_PIN_HAZARD_H
#define _MM_GUP_PIN_HAZARD_H

#include <linux/mm_types.h>
#include <linux/page-flags.h>
#include <linux/sched.h>
#include <linux/types.h>

struct gup_pin_item;

/* New ones go to the end: users and crash-dump scripts know the numbers. */
enum gup_pin_hazard_kind {
	GUP_PIN_HAZARD_WRITEBACK,
	GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK,
	GUP_PIN_HAZARD_TRUNCATE,
	GUP_PIN_HAZARD_UNMATCHED_UNPIN,
	GUP_PIN_HAZARD_DIRTY_READ_PIN,
	GUP_PIN_HAZARD_CHANGED_UNDER_WRITEBACK,
	GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN,
	GUP_PIN_HAZARD_OVERDUE,
	NR_GUP_PIN_HAZARDS,
};

/* Those that `stats` had from the first version on; the others come at its end. */
#define NR_GUP_PIN_FIRST_HAZARDS	(GUP_PIN_HAZARD_DIRTY_READ_PIN + 1)

/* Frames of an event's stack; deeper ones are cut at the far end. */
#define GUP_PIN_EVENT_DEPTH	32

/**
 * struct gup_pin_event - what a hazard's folio met: when, by whom, where
 * @time: in ns of local_clock()
 * @ip: return address into the function that the report's title names
 * @tgid: process of the task, as the initial pid namespace sees it; 0 in an
 *	interrupt, which has nothing to do with the task that it came upon
 * @pid: the task; 0 likewise
 * @comm: its name
 * @nr: return addresses in @entries
 * @entries: the stack
 */
struct gup_pin_event {
	u64 time;
	unsigned long ip;
	pid_t tgid;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	u32 nr;
	unsigned long entries[GUP_PIN_EVENT_DEPTH];
};

/**
 * struct gup_pin_hazard - a hazard that was just met
 * @kind: which
 * @folio: the folio; the caller sees to it that it stays
 * @ip: return address into the function that the title names, with which the
 *	event's stack starts; the whole stack if it is not in there
 * @title: what the title says before " in FUNCTION", or NULL for the kind's own
 * @pins: pins without a record, where the event is about such
 * @pin: a pin to tell of first, that may be no longer on record, or NULL
 * @event: what happened, if not just now, and here; @ip is in it; or NULL
 * @details: prints further lines of the report by pr_err(), each whole, with
 *	interrupts off and a raw lock held; or NULL
 *
 * What is not set is 0.
 */
struct gup_pin_hazard {
	enum gup_pin_hazard_kind kind;
	struct folio *folio;
	unsigned long ip;
	const char *title;
	unsigned int pins;
	const struct gup_pin_item *pin;
	const struct gup_pin_event *event;
	void (*details)(const struct gup_pin_hazard *hazard);
};

/* The newest hazards that are kept. */
#define GUP_PIN_RING_ENTRIES	128

/* policy.c */
bool gup_pin_hazard_wanted(enum gup_pin_hazard_kind kind, bool writes);

/* event.c */
void gup_pin_event_now(struct gup_pin_event *event, unsigned long ip);

/* hazard.c */
extern const char *const gup_pin_hazard_names[NR_GUP_PIN_HAZARDS];
void gup_pin_hazard(const struct gup_pin_hazard *hazard);

/**
 * gup_pin_sees_writeback() - is a folio under writeback that was just pinned?
 * @folio: the folio; its pin is on record
 *
 * The pin and its record come before the flag is read, and whoever starts
 * writeback sets the flag before it looks for pins: at least one of the two sees
 * the other. Pairs with the full barrier of setting PG_writeback in
 * __folio_start_writeback().
 *
 * Return: true if so.
 */
static inline bool gup_pin_sees_writeback(struct folio *folio)
{
	smp_mb(); /* see above */
	return folio_test_writeback(folio);
}

#endif /* _MM_GUP_PIN_HAZARD_H */
