/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the files of this directory: reports, and checksums of folios under writeback. */
#ifndef _MM_GUP_PIN_HAZARD_INTERNAL_H
#define _MM_GUP_PIN_HAZARD_INTERNAL_H

#include "../root.h"
#include "hazard.h"

/* A folio may be pinned by thousands of calls, too many for a report. */
#define GUP_PIN_REPORT_PINS	4

/* Maximum size of the lines that a kind adds to its report, in bytes. */
#define GUP_PIN_DETAILS_MAX	1024

/* Maximum length of the name of a file system type. */
#define GUP_PIN_TYPE_MAX	16

/**
 * struct gup_pin_report - contents of a report
 * @list: entry in the queue of reports to be printed
 * @record: the hazard
 * @title: title before " in FUNCTION"
 * @id: address of the folio for error_report:error_report_end; must not be dereferenced
 * @pfn: head pfn of the folio
 * @flags: flags of the folio. These and the rest up to @nlink are as of the event
 * @refcount: reference count of the folio
 * @mapcount: mapcount of the folio
 * @real_pins: pins on the folio, recorded or not
 * @type: type of the file system; empty if unknown
 * @stable: the device needs stable pages
 * @nlink: number of links to the file
 * @pins_lost: number of pins without a record, if the hazard is about such pins
 * @calls: number of calls whose pins the folio has
 * @nr: number of @pins
 * @pins: the pins that are shown, one of each call
 * @alive: bitmap of the @pins whose task is still alive
 * @as_of: see gup_pin_frames_as_of()
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
	u32 as_of;
	char details[GUP_PIN_DETAILS_MAX];
};

/* report_text.c */
void gup_pin_report_fill(struct gup_pin_report *report,
			 const struct gup_pin_hazard *hazard,
			 const struct gup_pin_hazard_record *record);
void gup_pin_report_print(const struct gup_pin_report *report);

/* Granularity of checksums in bytes: the least that a device writes. */
#define GUP_PIN_SUM_BYTES	512

/* Maximum number of ranges that a report shows; further ranges are counted. */
#define GUP_PIN_RANGES_MAX	8

/**
 * struct gup_pin_changes - where the content of a folio has changed
 * @nr: number of ranges, including those that do not fit into @range
 * @end: end of the last of them
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
