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

#include <linux/types.h>

struct folio;
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
	NR_GUP_PIN_HAZARDS,
};

/* Those that `stats` had from the first version on; the others come at its end. */
#define NR_GUP_PIN_FIRST_HAZARDS	(GUP_PIN_HAZARD_DIRTY_READ_PIN + 1)

/**
 * struct gup_pin_hazard - a hazard that was just met
 * @kind: which
 * @folio: the folio; the caller sees to it that it stays
 * @ip: return address into the function that the title names, with which the
 *	event's stack starts; the whole stack if it is not in there
 * @title: what the title says before " in FUNCTION", or NULL for the kind's own
 * @pins: pins that the event is about, where it is about pins without a record
 * @pin: a pin to tell of first, that is no longer on record, or NULL
 * @entries: the event's stack where it is not that of the caller, or NULL
 * @nr_entries: its return addresses
 * @details: prints further lines of the report by pr_err(), each whole, with
 *	interrupts off and a raw lock held; or NULL
 * @data: for @details
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
	const unsigned long *entries;
	unsigned int nr_entries;
	void (*details)(const struct gup_pin_hazard *hazard);
	const void *data;
};

/* hazard.c */
void gup_pin_hazard(const struct gup_pin_hazard *hazard);
bool gup_pin_hazard_wanted(enum gup_pin_hazard_kind kind, bool writes);

#endif /* _MM_GUP_PIN_HAZARD_H */
