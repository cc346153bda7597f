// SPDX-License-Identifier: GPL-2.0
/*
 * The wrappers of what refuses pins, and of what finds pages pinned that it wants to have.
 */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mmdebug.h>
#include <linux/sched.h>
#include <linux/version.h>

#include "hooks.h"
#include "mm/gup_pin/hooks.h"

/* At which address is not known here. */
HIDDEN_WRAPPER(int, check_vma_flags, struct vm_area_struct *vma, unsigned long gup_flags)
{
	int ret;

	wrapper_enter();
	ret = REAL(check_vma_flags)(vma, gup_flags);
	gup_pin_refused_vma(ret, vma, vma->vm_start, gup_flags);
	wrapper_leave();
	return ret;
}

/* Nor is here whose memory it is, and for what. */
HIDDEN_WRAPPER(int, migrate_longterm_unpinnable_folios, struct list_head *folios, void *pofs)
{
	int ret;

	wrapper_enter();
	ret = REAL(migrate_longterm_unpinnable_folios)(folios, pofs);
	gup_pin_refused(ret, current->mm, FOLL_WRITE, 0, NULL, 0);
	wrapper_leave();
	return ret;
}

WRAPPER(void, dump_page, const struct page *page, const char *reason)
{
	wrapper_enter();
	REAL(dump_page)(page, reason);
	gup_pin_dump_page(page);
	wrapper_leave();
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
HIDDEN_WRAPPER(int, alloc_contig_range_noprof, unsigned long start, unsigned long end,
	       unsigned int migratetype, gfp_t gfp)
{
	int ret;

	wrapper_enter();
	ret = REAL(alloc_contig_range_noprof)(start, end, migratetype, gfp);
	if (ret == -EBUSY)
		gup_pin_contig_busy(start, end, gfp);
	wrapper_leave();
	return ret;
}
#else
HIDDEN_WRAPPER(int, alloc_contig_frozen_range_noprof, unsigned long start, unsigned long end,
	       acr_flags_t alloc_flags, gfp_t gfp)
{
	int ret;

	wrapper_enter();
	ret = REAL(alloc_contig_frozen_range_noprof)(start, end, alloc_flags, gfp);
	if (ret == -EBUSY)
		gup_pin_contig_busy(start, end, gfp);
	wrapper_leave();
	return ret;
}
#endif
