/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is kept, and printed, of hazards.
 */
#ifndef _MM_GUP_PIN_RING_H
#define _MM_GUP_PIN_RING_H

#include "hazard.h"
#include "share.h"
#include "text.h"

/* ring.c */

/* So many equal hazards are kept of each kind. */
#define GUP_PIN_RING_PLACES	16

/**
 * struct gup_pin_hazard_record - equal hazards that were counted
 * @seq: number of the first, from 1 on; 0 while this is being written, and before
 * @place: when the last was met, whose pin it was about, and whether it is harmless
 * @key: equal for hazards of one kind, by equal stacks, on one file, of one user
 * @count: how many
 * @kind: which
 * @reported: reports that were printed
 * @pins: recorded pins on the folio
 * @writes: there are write pins
 * @stake: what is at stake with the worst of them
 * @first_index: lowest of the folios' indexes in the file, in pages
 * @last_index: highest of them
 * @event: what happened. This, and what follows, is of the first
 * @pin: what pinned it: the first that the report names. If none is known, its api is
 *	NR_GUP_PIN_APIS
 * @name: of the folio's file, when it happened; empty if it has none
 */
struct gup_pin_hazard_record {
	u64 seq;
	struct gup_pin_place place;
	u64 key;
	u64 count;
	enum gup_pin_hazard_kind kind;
	u32 reported;
	u32 pins;
	bool writes;
	enum gup_pin_stake stake;
	pgoff_t first_index;
	pgoff_t last_index;
	struct gup_pin_event event;
	struct gup_pin_item pin;
	char name[GUP_PIN_SHORT_NAME];
};

/**
 * struct gup_pin_ring - the hazards that are kept, by kind
 * @newest: number of the newest; 0 at first
 * @entries: of each kind, in no order
 */
struct gup_pin_ring {
	u64 newest;
	struct gup_pin_hazard_record entries[NR_GUP_PIN_HAZARDS][GUP_PIN_RING_PLACES];
};

extern struct gup_pin_ring gup_pin_ring;
void gup_pin_ring_add(const struct gup_pin_hazard_record *hazard, bool again);
void gup_pin_ring_reported(const struct gup_pin_hazard_record *hazard);
bool gup_pin_ring_get(struct gup_pin_hazard_record *hazard, u64 after);

/* report.c */
bool gup_pin_report(const struct gup_pin_hazard *hazard,
		    const struct gup_pin_hazard_record *record);
void gup_pin_report_forget(void);
size_t gup_pin_report_bytes(void);

/* seen.c */
bool gup_pin_seen(const struct gup_pin_hazard_record *record);
bool gup_pin_seen_first(const struct gup_pin_hazard_record *record);
void gup_pin_seen_forget(void);
size_t gup_pin_seen_bytes(void);

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
