// SPDX-License-Identifier: GPL-2.0
/*
 * The wrappers of what takes folios out of their files, or waits for them to be free.
 */
#include <linux/dax.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/stacktrace.h>

#include "hooks.h"
#include "site.h"
#include "mm/gup_pin/hazard/hazard.h"
#include "mm/gup_pin/hooks.h"

HIDDEN_WRAPPER(void, truncate_cleanup_folio, struct folio *folio)
{
	gup_pin_truncate(folio);
	REAL(truncate_cleanup_folio)(folio);
}

HIDDEN_WRAPPER(bool, truncate_inode_partial_folio, struct folio *folio, loff_t start, loff_t end)
{
	loff_t pos = folio_pos(folio), behind = pos + folio_size(folio);
	loff_t from = max(start, pos), to = behind;

	/* tmpfs says -1 for the end of the file. */
	if ((u64)end < behind)
		to = end + 1;
	/* A folio that goes as a whole is met in truncate_cleanup_folio(). */
	if (from > pos || to < behind)
		gup_pin_truncate_part(folio, from - pos, to - from);
	return REAL(truncate_inode_partial_folio)(folio, start, end);
}

/* What invalidates a folio calls this when nothing can keep it any more. */
HIDDEN_WRAPPER(void, __filemap_remove_folio, struct folio *folio, void *shadow)
{
	if (gup_pin_maybe_pinned(folio)) {
		unsigned long site = site_of(_RET_IP_);

		if (gup_pin_in_invalidate(site))
			gup_pin_leaves_file(folio, 0, 0, site);
	}
	REAL(__filemap_remove_folio)(folio, shadow);
}

/* So do hole punching and truncation of hugetlbfs, which have their own way. */
HIDDEN_WRAPPER(void, filemap_remove_folio, struct folio *folio)
{
	if (gup_pin_maybe_pinned(folio)) {
		unsigned long site = site_of(_RET_IP_);

		if (gup_pin_in_hugetlbfs(site))
			gup_pin_leaves_file(folio, 0, 0, site);
	}
	REAL(filemap_remove_folio)(folio);
}

/* Part of the wrapper, as it is what the title of a report names. */
static __always_inline void zero_part(struct hstate *h, struct address_space *mapping,
				      loff_t start, loff_t end)
{
	pgoff_t index = (start >> huge_page_shift(h)) << huge_page_order(h);
	struct folio *folio = filemap_lock_folio(mapping, index);

	if (IS_ERR(folio))
		return;
	start &= ~huge_page_mask(h);
	end = (end & ~huge_page_mask(h)) ?: huge_page_size(h);
	gup_pin_truncate_part(folio, start, end - start);
	folio_unlock(folio);
	folio_put(folio);
}

HIDDEN_WRAPPER(void, hugetlbfs_zero_partial_page, struct hstate *h,
	       struct address_space *mapping, loff_t start, loff_t end)
{
	if (static_branch_unlikely(&gup_pin_hooks)) {
		wrapper_enter();
		zero_part(h, mapping, start, end);
		wrapper_leave();
	}
	REAL(hugetlbfs_zero_partial_page)(h, mapping, start, end);
}

/* The address that the function returns to which @site is in. */
static unsigned long caller_of(unsigned long site)
{
	unsigned long entries[8];
	unsigned int i, nr;

	nr = stack_trace_save(entries, ARRAY_SIZE(entries), 1);
	for (i = 0; i + 1 < nr; i++)
		if (entries[i] == site)
			return entries[i + 1];
	return site;
}

/* Since 7.0 the file system calls what waits, before that it waits itself. */
static void dax_wait(struct page *page, unsigned long site)
{
	struct folio *folio = page_folio(page);

	if (gup_pin_maybe_pinned(folio))
		__gup_pin_dax_wait(folio, gup_pin_in_dax(site) ? caller_of(site) : site);
}

WRAPPER(struct page *, dax_layout_busy_page_range, struct address_space *mapping, loff_t start,
	loff_t end)
{
	struct page *page;

	wrapper_enter();
	page = REAL(dax_layout_busy_page_range)(mapping, start, end);
	if (page)
		dax_wait(page, site_of(_RET_IP_));
	wrapper_leave();
	return page;
}
