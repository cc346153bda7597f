// SPDX-License-Identifier: GPL-2.0
/*
 * The wrappers of what writes folios back, and marks them dirty.
 */
#include <linux/buffer_head.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/version.h>
#include <linux/writeback.h>

#include "dirty.h"
#include "hooks.h"
#include "mm/gup_pin/hooks.h"

WRAPPER(void, __folio_start_writeback, struct folio *folio, bool keep_write)
{
	wrapper_enter();
	REAL(__folio_start_writeback)(folio, keep_write);
	gup_pin_writeback_start(folio);
	wrapper_leave();
}

WRAPPER(void, folio_end_writeback, struct folio *folio)
{
	gup_pin_writeback_end(folio);
	REAL(folio_end_writeback)(folio);
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
HIDDEN_WRAPPER(void, submit_bh_wbc, blk_opf_t opf, struct buffer_head *bh,
	       enum rw_hint write_hint, struct writeback_control *wbc)
{
	gup_pin_submit(bh->b_folio, op_is_write(opf));
	REAL(submit_bh_wbc)(opf, bh, write_hint, wbc);
}

WRAPPER(int, set_page_dirty_lock, struct page *page)
{
	int ret;

	wrapper_enter();
	ret = mark_dirty(page_folio(page));
	wrapper_leave();
	return ret;
}
#else
WRAPPER(void, folio_end_writeback_no_dropbehind, struct folio *folio)
{
	gup_pin_writeback_end(folio);
	REAL(folio_end_writeback_no_dropbehind)(folio);
}

HIDDEN_WRAPPER(void, __bh_submit, struct buffer_head *bh, blk_opf_t opf,
	       enum rw_hint write_hint, struct writeback_control *wbc, bio_end_io_t end_bio)
{
	gup_pin_submit(bh->b_folio, op_is_write(opf));
	REAL(__bh_submit)(bh, opf, write_hint, wbc, end_bio);
}

WRAPPER(bool, folio_mark_dirty_lock, struct folio *folio)
{
	bool ret;

	wrapper_enter();
	ret = mark_dirty(folio);
	wrapper_leave();
	return ret;
}
#endif
