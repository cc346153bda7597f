/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of this room share: reports, and sums of what is written back.
 */
#ifndef _MM_GUP_PIN_HAZARD_INTERNAL_H
#define _MM_GUP_PIN_HAZARD_INTERNAL_H

#include "../root.h"
#include "hazard.h"

/* A folio may be pinned by thousands of calls; a report is no place for all. */
#define GUP_PIN_REPORT_PINS	4

/* Further lines of a kind's own: as many bytes. */
#define GUP_PIN_DETAILS_MAX	1024

/* Longest name of a type of file systems. */
#define GUP_PIN_TYPE_MAX	16

/**
 * struct gup_pin_report - what a report says
 * @list: in the queue of those that are to be printed
 * @record: the hazard
 * @title: what the title says before " in FUNCTION"
 * @id: the folio's address, for error_report:error_report_end; not to be followed
 * @pfn: of the folio's head
 * @flags: of the folio, as of the rest up to @nlink, when the hazard was met
 * @refcount: of the folio
 * @mapcount: of the folio
 * @real_pins: on the folio, recorded or not
 * @type: of the file system; empty if it is not known
 * @stable: the device needs stable pages
 * @nlink: names that the file has
 * @pins_lost: pins without a record, where the event is about such
 * @calls: calls whose pins the folio has
 * @nr: how many @pins there are
 * @pins: of the calls, the first that are to be shown
 * @alive: by bits: the task that took the pin still lives
 * @details: further lines, each with its newline
 */
struct gup_pin_report {
	struct list_head list;
	struct gup_pin_hazard_record record;
	const char *title;
	unsigned long id;
	unsigned long pfn;
	unsigned long flags;
	int refcount;
	int mapcount;
	unsigned int real_pins;
	char type[GUP_PIN_TYPE_MAX];
	bool stable;
	unsigned int nlink;
	unsigned int pins_lost;
	unsigned int calls;
	unsigned int nr;
	struct gup_pin_item pins[GUP_PIN_REPORT_PINS];
	unsigned long alive;
	char details[GUP_PIN_DETAILS_MAX];
};

/* report_text.c */
void gup_pin_report_fill(struct gup_pin_report *report,
			 const struct gup_pin_hazard *hazard,
			 const struct gup_pin_hazard_record *record);
void gup_pin_report_print(const struct gup_pin_report *report);

/* So many bytes have a sum of their own: what a device writes at least. */
#define GUP_PIN_SUM_BYTES	512

/* Ranges that a report tells; what lies beyond is counted. */
#define GUP_PIN_RANGES_MAX	8

/**
 * struct gup_pin_changes - where a folio's content is no longer what it was
 * @nr: ranges, including those that @range has no room for
 * @end: where the last of them ends
 * @dirty: the folio is dirty again
 * @range: the first of them: bytes @first to @last of the folio
 */
struct gup_pin_changes {
	unsigned int nr;
	size_t end;
	bool dirty;
	struct gup_pin_range {
		size_t first;
		size_t last;
	} range[GUP_PIN_RANGES_MAX];
};

/* sum.c */
unsigned int gup_pin_sums_of(const struct folio *folio);
void gup_pin_sum(struct folio *folio, u32 *sums);
bool gup_pin_sum_compare(struct folio *folio, const u32 *sums,
			 struct gup_pin_changes *changes);

#endif /* _MM_GUP_PIN_HAZARD_INTERNAL_H */
