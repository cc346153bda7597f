/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CONFIG_DEBUG_GUP_PIN: the hooks by which mm/gup.c tells of pins and unpins.
 *
 * A hook is a static-key nop until tracking is switched on, and nothing at all
 * without the option. What the hooks call lies in mm/gup_pin/.
 */
#ifndef _LINUX_GUP_PIN_H
#define _LINUX_GUP_PIN_H

#include <linux/types.h>

struct folio;
struct mm_struct;
struct page;

/* The function that took a pin. The names that users see are in mm/gup_pin/format.c. */
enum gup_pin_api {
	GUP_PIN_USER_PAGES,
	GUP_PIN_USER_PAGES_FAST,
	GUP_PIN_USER_PAGES_REMOTE,
	GUP_PIN_USER_PAGES_UNLOCKED,
	GUP_PIN_MEMFD_PIN_FOLIOS,
	GUP_PIN_FOLIO_ADD_PIN,
	GUP_PIN_FOLIO_ADD_PINS,
	NR_GUP_PIN_APIS,
};

#ifdef CONFIG_DEBUG_GUP_PIN
#include <linux/compiler.h>
#include <linux/jump_label.h>

DECLARE_STATIC_KEY_FALSE(gup_pin_hooks);

void __gup_pin_acquired(struct page **pages, unsigned long npages,
			unsigned long addr, unsigned int gup_flags,
			struct mm_struct *mm, enum gup_pin_api api);
void __gup_pin_acquired_folios(struct folio **folios, unsigned long nfolios);
void __gup_pin_added(struct folio *folio, unsigned int pins,
		     enum gup_pin_api api);
void __gup_pin_released(struct page **pages, unsigned long npages);
void __gup_pin_released_folio(struct folio *folio, unsigned long pins,
			      bool dirty);
void __gup_pin_released_folios(struct folio **folios, unsigned long nfolios);
void __gup_pin_dump_page(const struct page *page);

/**
 * gup_pin_acquired() - pages were pinned by one call
 * @ret: what the call is about to return: pages pinned, 0 or -errno
 * @pages: the pages; only the first @ret count
 * @addr: user address of the first page
 * @gup_flags: FOLL_WRITE is the mode, FOLL_LONGTERM the term
 * @mm: the address space that the pages belong to
 * @api: the function that pinned
 *
 * To be called after the pins were taken, and after everything that could
 * still undo them. May sleep unless FOLL_FAST_ONLY or FOLL_NOFAULT is set.
 * Never fails: what cannot be recorded is counted as untracked.
 *
 * Return: @ret.
 */
static __always_inline long gup_pin_acquired(long ret, struct page **pages,
					     unsigned long addr,
					     unsigned int gup_flags,
					     struct mm_struct *mm,
					     enum gup_pin_api api)
{
	if (static_branch_unlikely(&gup_pin_hooks) && ret > 0)
		__gup_pin_acquired(pages, ret, addr, gup_flags, mm, api);
	return ret;
}

/**
 * gup_pin_acquired_folios() - folios of a memfd were pinned, once each
 * @ret: what memfd_pin_folios() is about to return: folios pinned or -errno
 * @folios: the folios; only the first @ret count
 *
 * May sleep.
 *
 * Return: @ret.
 */
static __always_inline long gup_pin_acquired_folios(long ret,
						    struct folio **folios)
{
	if (static_branch_unlikely(&gup_pin_hooks) && ret > 0)
		__gup_pin_acquired_folios(folios, ret);
	return ret;
}

/**
 * gup_pin_added() - further pins were put on a folio that is pinned already
 * @ret: 0 if they were taken, -errno if not
 * @folio: the folio
 * @pins: how many
 * @api: GUP_PIN_FOLIO_ADD_PIN or GUP_PIN_FOLIO_ADD_PINS
 *
 * Any context but NMI.
 *
 * Return: @ret.
 */
static __always_inline int gup_pin_added(int ret, struct folio *folio,
					 unsigned int pins,
					 enum gup_pin_api api)
{
	if (static_branch_unlikely(&gup_pin_hooks) && !ret) {
		__gup_pin_added(folio, pins, api);
		/* No tail call: the caller is to be in the stack. */
		barrier();
	}
	return ret;
}

/**
 * gup_pin_released() - one pin on each of some pages is about to be dropped
 * @pages: the pages; NULL entries are passed over
 * @npages: how many
 *
 * To be called before the first pin is dropped. Any context but NMI.
 */
static __always_inline void gup_pin_released(struct page **pages,
					     unsigned long npages)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released(pages, npages);
}

/**
 * gup_pin_released_folio() - some pins of a folio are about to be dropped
 * @folio: the folio
 * @pins: how many
 * @dirty: the caller marks it dirty as well: it says that it wrote to it
 *
 * As gup_pin_released().
 */
static __always_inline void gup_pin_released_folio(struct folio *folio,
						   unsigned long pins,
						   bool dirty)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released_folio(folio, pins, dirty);
}

/**
 * gup_pin_released_folios() - one pin on each of some folios is about to be dropped
 * @folios: the folios; NULL entries are passed over
 * @nfolios: how many
 */
static __always_inline void gup_pin_released_folios(struct folio **folios,
						    unsigned long nfolios)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released_folios(folios, nfolios);
}

/**
 * gup_pin_dump_page() - print the pins on a page's folio, for dump_page()
 * @page: the page; may be in any state
 */
static inline void gup_pin_dump_page(const struct page *page)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_dump_page(page);
}

#else /* !CONFIG_DEBUG_GUP_PIN */

static __always_inline long gup_pin_acquired(long ret, struct page **pages,
					     unsigned long addr,
					     unsigned int gup_flags,
					     struct mm_struct *mm,
					     enum gup_pin_api api)
{
	return ret;
}

static __always_inline long gup_pin_acquired_folios(long ret,
						    struct folio **folios)
{
	return ret;
}

static __always_inline int gup_pin_added(int ret, struct folio *folio,
					 unsigned int pins,
					 enum gup_pin_api api)
{
	return ret;
}

static inline void gup_pin_released(struct page **pages, unsigned long npages)
{
}

static inline void gup_pin_released_folio(struct folio *folio,
					  unsigned long pins, bool dirty)
{
}

static inline void gup_pin_released_folios(struct folio **folios,
					   unsigned long nfolios)
{
}

static inline void gup_pin_dump_page(const struct page *page)
{
}

#endif /* CONFIG_DEBUG_GUP_PIN */
#endif /* _LINUX_GUP_PIN_H */
