// SPDX-License-Identifier: GPL-2.0
/*
 * The wrappers of functions that pin.
 */
/* memfd.h of 7.3 needs its types. */
#include <linux/mm.h>
#include <linux/memfd.h>
#include <linux/sched.h>

#include "handle.h"
#include "hooks.h"
#include "mm/gup_pin/compat.h"
#include "mm/gup_pin/hooks.h"

WRAPPER(long, pin_user_pages, unsigned long start, unsigned long nr_pages,
	unsigned int gup_flags, struct page **pages)
{
	long ret;

	wrapper_enter();
	ret = REAL(pin_user_pages)(start, nr_pages, gup_flags, pages);
	gup_pin_acquired(ret, pages, start, gup_flags, current->mm, GUP_PIN_USER_PAGES);
	wrapper_leave();
	return ret;
}

/* io_uring drops some of them right away, and does not say of which pages. */
static __always_inline void note_pages(struct page **pages, long npages)
{
	struct scope *scope = gup_pin_scope(SCOPE_PIN);

	if (!scope || npages <= 0)
		return;
	scope->pages = pages;
	scope->npages = npages;
}

/* They are a udmabuf's. */
static __always_inline void keep_folios(struct folio **folios, long nfolios)
{
	struct scope *scope = gup_pin_scope(SCOPE_PIN);

	if (scope && scope->handle && nfolios > 0)
		__gup_pin_keep_folios((void *)scope->handle, folios, nfolios);
}

WRAPPER(int, pin_user_pages_fast, unsigned long start, int nr_pages, unsigned int gup_flags,
	struct page **pages)
{
	int ret;

	wrapper_enter();
	ret = REAL(pin_user_pages_fast)(start, nr_pages, gup_flags, pages);
	gup_pin_acquired(ret, pages, start, gup_flags, current->mm, GUP_PIN_USER_PAGES_FAST);
	note_pages(pages, ret);
	wrapper_leave();
	return ret;
}

WRAPPER(long, pin_user_pages_remote, struct mm_struct *mm, unsigned long start,
	unsigned long nr_pages, unsigned int gup_flags, struct page **pages, int *locked)
{
	long ret;

	wrapper_enter();
	ret = REAL(pin_user_pages_remote)(mm, start, nr_pages, gup_flags, pages, locked);
	gup_pin_acquired(ret, pages, start, gup_flags, mm, GUP_PIN_USER_PAGES_REMOTE);
	wrapper_leave();
	return ret;
}

WRAPPER(long, pin_user_pages_unlocked, unsigned long start, unsigned long nr_pages,
	struct page **pages, unsigned int gup_flags)
{
	long ret;

	wrapper_enter();
	ret = REAL(pin_user_pages_unlocked)(start, nr_pages, pages, gup_flags);
	gup_pin_acquired(ret, pages, start, gup_flags, current->mm,
			 GUP_PIN_USER_PAGES_UNLOCKED);
	wrapper_leave();
	return ret;
}

WRAPPER(long, memfd_pin_folios, struct file *memfd, loff_t start, loff_t end,
	struct folio **folios, unsigned int max_folios, pgoff_t *offset)
{
	long ret;

	wrapper_enter();
	ret = REAL(memfd_pin_folios)(memfd, start, end, folios, max_folios, offset);
	gup_pin_acquired_folios(ret, folios);
	keep_folios(folios, ret);
	wrapper_leave();
	return ret;
}

HIDDEN_WRAPPER(void, folio_add_pin, struct folio *folio)
{
	wrapper_enter();
	REAL(folio_add_pin)(folio);
	gup_pin_added(0, folio, 1, GUP_PIN_FOLIO_ADD_PIN);
	wrapper_leave();
}

#if GUP_PIN_HAS_ADD_PINS
WRAPPER(int, folio_add_pins, struct folio *folio, unsigned int pins)
{
	int ret;

	wrapper_enter();
	ret = REAL(folio_add_pins)(folio, pins);
	gup_pin_added(ret, folio, pins, GUP_PIN_FOLIO_ADD_PINS);
	wrapper_leave();
	return ret;
}
#endif
