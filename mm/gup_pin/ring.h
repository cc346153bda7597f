/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is kept, and printed, of hazards.
 */
#ifndef _MM_GUP_PIN_RING_H
#define _MM_GUP_PIN_RING_H

#include "hazard.h"
#include "text.h"
#include "walk.h"

/* ring.c */

/**
 * struct gup_pin_hazard_record - a hazard that was counted
 * @seq: its number, from 1 on; 0 while it is being written, and before
 * @kind: which
 * @pins: recorded pins on the folio
 * @writes: there are write pins
 * @stake: what is at stake
 * @event: what happened
 * @pin: who pinned it: the first that the report names. Its @call may be gone.
 *	If nobody is known to, its api is NR_GUP_PIN_APIS
 * @name: of the folio's file, when it happened; empty if it has none
 */
struct gup_pin_hazard_record {
	u64 seq;
	enum gup_pin_hazard_kind kind;
	u32 pins;
	bool writes;
	enum gup_pin_stake stake;
	struct gup_pin_event event;
	struct gup_pin_item pin;
	char name[GUP_PIN_SHORT_NAME];
};

/**
 * struct gup_pin_ring - the newest hazards
 * @newest: number of the newest; 0 at first
 * @entries: number N is in entry N % GUP_PIN_RING_ENTRIES
 */
struct gup_pin_ring {
	u64 newest;
	struct gup_pin_hazard_record entries[GUP_PIN_RING_ENTRIES];
};

extern struct gup_pin_ring gup_pin_ring;
void gup_pin_ring_add(struct gup_pin_hazard_record *hazard);
bool gup_pin_ring_get(struct gup_pin_hazard_record *hazard, u64 after);

/* report.c */
void gup_pin_report(const struct gup_pin_hazard *hazard,
		    const struct gup_pin_hazard_record *record);
void gup_pin_report_forget(void);
size_t gup_pin_report_bytes(void);

/* event.c */
void gup_pin_under_writeback(struct folio *folio, unsigned long ip);
void gup_pin_unmatched(unsigned long block, u64 mask, unsigned int pins,
		       unsigned long ip);
void gup_pin_dirty_read(unsigned long pfn, unsigned long ip);

/* dax.c */
extern unsigned long gup_pin_dax_wait_ms;

/* overdue.c */
void gup_pin_overdue_look(u64 max_ms);

#endif /* _MM_GUP_PIN_RING_H */
