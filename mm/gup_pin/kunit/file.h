/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the tests of hazards: pinned pages of files. */
#ifndef _MM_GUP_PIN_KUNIT_FILE_H
#define _MM_GUP_PIN_KUNIT_FILE_H

#include <kunit/test.h>

struct folio;
struct page;

unsigned long gup_pin_test_map(struct kunit *test, unsigned int pages);
struct page *gup_pin_test_pin(struct kunit *test, unsigned long addr,
			      bool write);
struct folio *gup_pin_test_stand_in(struct kunit *test);
void gup_pin_test_start_writeback(struct folio *folio);
void gup_pin_test_end_writeback(struct folio *folio);
void gup_pin_test_end_left_writeback(void);

#endif /* _MM_GUP_PIN_KUNIT_FILE_H */
