/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the tests of hazards: a page of a file, counted hazards, printed reports. */
#ifndef _MM_GUP_PIN_KUNIT_HAZARD_SCENE_H
#define _MM_GUP_PIN_KUNIT_HAZARD_SCENE_H

#include <kunit/test.h>

#include "../gup_pin.h"

/* Size of the file in pages; most tests use the first page only. */
#define GUP_PIN_SCENE_PAGES	2

/**
 * struct gup_pin_scene - state of a test of hazards, in priv of its kunit
 * @addr: address of the file's mapping
 * @page: its first page, which is not pinned
 * @folio: folio of the page
 * @counted: hazards of each kind at the start
 * @suppressed: suppressed reports at the start
 * @false_positive: false positives at the start
 * @line: buffer for an expected line
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
