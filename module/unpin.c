// SPDX-License-Identifier: GPL-2.0
/*
 * The wrappers of functions that unpin.
 *
 * unpin_user_pages_dirty_lock() and its like are not called but done here, page by page: what
 * they dirty is looked at while it is locked, before its records go.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "dirty.h"
#include "handle.h"
#include "hooks.h"
#include "site.h"
#include "mm/gup_pin/hooks.h"

WRAPPER(void, unpin_user_page, struct page *page)
{
	if (static_branch_unlikely(&gup_pin_hooks)) {
		unsigned long site = site_of(_RET_IP_);

		if (!is_undo(site))
			__gup_pin_released_page(page, site);
	}
	REAL(unpin_user_page)(page);
}

WRAPPER(void, unpin_user_pages, struct page **pages, unsigned long npages)
{
	if (static_branch_unlikely(&gup_pin_hooks)) {
		unsigned long site = site_of(_RET_IP_);

		if (!is_undo(site))
			__gup_pin_released_pages(pages, npages, false, site);
	}
	REAL(unpin_user_pages)(pages, npages);
}

/* Of which page is not said, but perhaps known. */
static __always_inline void released_folio(struct folio *folio, unsigned long npages,
					   unsigned long site)
{
	struct scope *scope = gup_pin_scope(SCOPE_RELEASE);
	struct page **pages = NULL;

	if (scope && npages == 1) {
		__gup_pin_released_kept((void *)scope->handle, folio);
		return;
	}
	scope = gup_pin_scope(SCOPE_PIN);
	if (scope)
		pages = gup_pin_scope_part(scope, folio, npages);
	if (pages)
		__gup_pin_released_part(pages, npages);
	else
		__gup_pin_released_folio(folio, npages, site);
}

WRAPPER(void, unpin_user_folio, struct folio *folio, unsigned long npages)
{
	if (static_branch_unlikely(&gup_pin_hooks)) {
		unsigned long site = site_of(_RET_IP_);

		if (!is_undo(site))
			released_folio(folio, npages, site);
	}
	REAL(unpin_user_folio)(folio, npages);
}

WRAPPER(void, unpin_folio, struct folio *folio)
{
	if (static_branch_unlikely(&gup_pin_hooks)) {
		unsigned long site = site_of(_RET_IP_);

		if (!is_undo(site))
			released_folio(folio, 1, site);
	}
	REAL(unpin_folio)(folio);
}

WRAPPER(void, unpin_folios, struct folio **folios, unsigned long nfolios)
{
	if (static_branch_unlikely(&gup_pin_hooks)) {
		unsigned long site = site_of(_RET_IP_);

		if (!is_undo(site))
			__gup_pin_released_folios(folios, nfolios, site);
	}
	REAL(unpin_folios)(folios, nfolios);
}

/* For the core: pins whose records are gone already. */
void __gup_pin_unpin_folio(struct folio *folio, unsigned long npages)
{
	REAL(unpin_user_folio)(folio, npages);
}

static __always_inline void unpin_dirty_pages(struct page **pages, unsigned long npages,
					      unsigned long site)
{
	unsigned long i, nr;

	for (i = 0; i < npages; i += nr) {
		struct folio *folio = page_folio(pages[i]);

		nr = 1;
		while (i + nr < npages && page_folio(pages[i + nr]) == folio)
			nr++;
		if (!folio_test_dirty(folio))
			mark_dirty(folio);
		__gup_pin_released_pages(pages + i, nr, true, site);
		REAL(unpin_user_folio)(folio, nr);
	}
}

WRAPPER(void, unpin_user_pages_dirty_lock, struct page **pages, unsigned long npages,
	bool make_dirty)
{
	unsigned long site;

	if (!static_branch_unlikely(&gup_pin_hooks)) {
		REAL(unpin_user_pages_dirty_lock)(pages, npages, make_dirty);
		return;
	}
	site = site_of(_RET_IP_);
	if (make_dirty) {
		wrapper_enter();
		unpin_dirty_pages(pages, npages, site);
		wrapper_leave();
		return;
	}
	__gup_pin_released_pages(pages, npages, false, site);
	REAL(unpin_user_pages)(pages, npages);
}

static __always_inline void unpin_range(struct page *page, unsigned long npages, bool dirty,
					unsigned long site)
{
	unsigned long i, nr, pfn = page_to_pfn(page);

	for (i = 0; i < npages; i += nr) {
		struct page *next = pfn_to_page(pfn + i);
		struct folio *folio = page_folio(next);

		nr = folio_nr_pages(folio) - folio_page_idx(folio, next);
		nr = min(nr, npages - i);
		if (dirty && !folio_test_dirty(folio))
			mark_dirty(folio);
		__gup_pin_released_range(next, nr, dirty, site);
		REAL(unpin_user_folio)(folio, nr);
	}
}

WRAPPER(void, unpin_user_page_range_dirty_lock, struct page *page, unsigned long npages,
	bool make_dirty)
{
	if (!static_branch_unlikely(&gup_pin_hooks)) {
		REAL(unpin_user_page_range_dirty_lock)(page, npages, make_dirty);
		return;
	}
	wrapper_enter();
	unpin_range(page, npages, make_dirty, site_of(_RET_IP_));
	wrapper_leave();
}
