/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of hazards share: a page of a file, what was counted, what was
 * printed.
 */
#ifndef _MM_GUP_PIN_KUNIT_HAZARD_SCENE_H
#define _MM_GUP_PIN_KUNIT_HAZARD_SCENE_H

#include <kunit/test.h>

#include "../gup_pin.h"

/* Pages of the file; most tests use the first one. */
#define GUP_PIN_SCENE_PAGES	2

/**
 * struct gup_pin_scene - what a test of hazards has in its kunit's priv
 * @addr: where the file is mapped
 * @page: its first page, which is not pinned
 * @folio: that has it
 * @counted: hazards of each kind at the start
 * @suppressed: reports that had not been printed by then
 * @false_positive: what had looked like a pin and was none
 * @line: room for what is expected of a report
 */
struct gup_pin_scene {
	unsigned long addr;
	struct page *page;
	struct folio *folio;
	u64 counted[NR_GUP_PIN_HAZARDS];
	u64 suppressed;
	u64 false_positive;
	char line[3][384];
};

void gup_pin_scene_start(struct kunit *test);
int gup_pin_scene_init(struct kunit *test);
u64 gup_pin_scene_counted(struct kunit *test, enum gup_pin_hazard_kind kind);
void gup_pin_expect_counted(struct kunit *test, enum gup_pin_hazard_kind kind,
			    u64 times);
void gup_pin_expect_reported(struct kunit *test, unsigned int printed,
			     unsigned int not_printed);
void gup_pin_expect_nothing(struct kunit *test);
struct page *gup_pin_scene_pin(struct kunit *test, bool write);
void gup_pin_scene_writeback(struct kunit *test);
void gup_pin_scene_truncate(struct kunit *test, loff_t from, loff_t to);
const char *gup_pin_folio_line(struct kunit *test, unsigned int recorded,
			       unsigned int real);
const char *gup_pin_file_line(struct kunit *test);
const char *gup_pin_event_line(void);
void gup_pin_expect_report(struct kunit *test, const char *title,
			   const char *func, const char *mode,
			   const char *file);

#endif /* _MM_GUP_PIN_KUNIT_HAZARD_SCENE_H */
