/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CONFIG_DEBUG_GUP_PIN: the hooks in mm/. mm/gup.c reports pins and unpins, page cache and
 * allocator report events on pages that may be pinned. Those that other folders call are in
 * include/linux/gup_pin.h.
 */
#ifndef _MM_GUP_PIN_HOOKS_H
#define _MM_GUP_PIN_HOOKS_H

#include <linux/gup_pin.h>

struct mm_struct;
struct vm_area_struct;

/* The pin function. mm/gup_pin/record/words.c has the names that users see. */
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

/**
 * struct gup_pin_request - arguments of a pin function
 * @pages: array that receives the pages
 * @addr: user address of the first page
 * @mm: the address space that the pages belong to
 * @gup_flags: FOLL_WRITE gives the mode, FOLL_LONGTERM the term
 * @api: the pin function
 */
struct gup_pin_request {
	struct page **pages;
	unsigned long addr;
	struct mm_struct *mm;
	unsigned int gup_flags;
	enum gup_pin_api api;
};

#if defined(CONFIG_DEBUG_GUP_PIN) || defined(GUP_PIN_MODULE)
#include <linux/bits.h>

DECLARE_STATIC_KEY_FALSE(gup_pin_proof);

void __gup_pin_acquired(const struct gup_pin_request *request,
			unsigned long npages);
void __gup_pin_acquired_folios(struct folio **folios, unsigned long nfolios);
void __gup_pin_added(struct folio *folio, unsigned int pins,
		     enum gup_pin_api api);
void __gup_pin_released_pages(struct page **pages, unsigned long npages, bool dirty,
			      unsigned long site);
void __gup_pin_released_range(struct page *page, unsigned long npages, bool dirty,
			      unsigned long site);
void __gup_pin_released_page(struct page *page, unsigned long site);
void __gup_pin_released_folio(struct folio *folio, unsigned long pins,
			      unsigned long site);
void __gup_pin_released_folios(struct folio **folios, unsigned long nfolios,
			       unsigned long site);
void __gup_pin_unpin_folios(struct folio **folios, unsigned long nfolios);
void __gup_pin_unpin_pages(struct page **pages, unsigned long npages);
void __gup_pin_dump_page(const struct page *page);
void __gup_pin_contig_busy(unsigned long start, unsigned long end, gfp_t gfp);
void __gup_pin_writeback_start(struct folio *folio, unsigned long ip);
void __gup_pin_invalidate(struct folio *folio);
void __gup_pin_writeback_end(struct folio *folio);
void __gup_pin_refused(struct mm_struct *mm, unsigned int gup_flags, int err,
		       unsigned long addr, struct page **pages,
		       unsigned long npages);
void __gup_pin_refused_vma(struct vm_area_struct *vma, unsigned int gup_flags,
			   int err, unsigned long addr);
/**
 * gup_pin_tracking() - is pin tracking enabled?
 *
 * For a pin function so short that keeping its arguments alive for a hook at its end
 * would cost more than 1 % even with tracking off.
 *
 * Return: true if the caller must call gup_pin_acquired_request().
 */
static __always_inline bool gup_pin_tracking(void)
{
	return static_branch_unlikely(&gup_pin_hooks);
}

/**
 * gup_pin_acquired_request() - a call has pinned pages
 * @ret: the return value of the call: number of pages pinned, 0 or -errno
 * @request: the arguments of the call; only the first @ret pages count
 *
 * Call after the pins were taken, and after the last point where the call may still undo
 * them. Never fails: pins that cannot be recorded are counted as untracked.
 *
 * Context: May sleep unless FOLL_FAST_ONLY or FOLL_NOFAULT is set.
 *
 * Return: @ret.
 */
static __always_inline long
gup_pin_acquired_request(long ret, const struct gup_pin_request *request)
{
	if (ret > 0)
		__gup_pin_acquired(request, ret);
	return ret;
}

/**
 * gup_pin_acquired() - a call has pinned pages
 * @ret: the return value of the call: number of pages pinned, 0 or -errno
 * @pages: the pages; only the first @ret count
 * @addr: user address of the first page
 * @gup_flags: FOLL_WRITE gives the mode, FOLL_LONGTERM the term
 * @mm: the address space that the pages belong to
 * @api: the pin function
 *
 * Same as gup_pin_acquired_request(), if tracking is enabled.
 *
 * Return: @ret.
 */
static __always_inline long gup_pin_acquired(long ret, struct page **pages,
					     unsigned long addr,
					     unsigned int gup_flags,
					     struct mm_struct *mm,
					     enum gup_pin_api api)
{
	if (gup_pin_tracking()) {
		const struct gup_pin_request request = {
			.pages = pages,
			.addr = addr,
			.mm = mm,
			.gup_flags = gup_flags,
			.api = api,
		};

		gup_pin_acquired_request(ret, &request);
	}
	return ret;
}

/**
 * gup_pin_acquired_folios() - memfd_pin_folios() has pinned folios, once each
 * @ret: the return value of memfd_pin_folios(): number of folios pinned or -errno
 * @folios: the folios; only the first @ret count
 *
 * Context: Process context. May sleep.
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
 * gup_pin_added() - more pins were added to a folio that is already pinned
 * @ret: 0 if the pins were added, -errno if not
 * @folio: the folio
 * @pins: number of pins added
 * @api: GUP_PIN_FOLIO_ADD_PIN or GUP_PIN_FOLIO_ADD_PINS
 *
 * Context: Any context except NMI.
 *
 * Return: @ret.
 */
static __always_inline int gup_pin_added(int ret, struct folio *folio,
					 unsigned int pins,
					 enum gup_pin_api api)
{
	if (static_branch_unlikely(&gup_pin_hooks) && !ret) {
		__gup_pin_added(folio, pins, api);
		/* No tail call: the stack must contain the caller. */
		barrier();
	}
	return ret;
}

/**
 * gup_pin_released_pages() - each of some pages is about to lose a pin
 * @pages: the pages; NULL entries are skipped
 * @npages: number of pages; an error value is ignored
 * @dirty: the caller also marks the pages dirty, so it wrote to them
 *
 * Call before the first pin is dropped, directly from the unpin function: its return
 * address identifies the caller.
 *
 * Context: Any context except NMI.
 */
static __always_inline void gup_pin_released_pages(struct page **pages,
						   unsigned long npages, bool dirty)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released_pages(pages, npages, dirty, _RET_IP_);
}

/**
 * gup_pin_released_range() - contiguous pages of a folio are about to lose a pin each
 * @page: the first page
 * @npages: number of pages
 * @dirty: the caller also marks the pages dirty, so it wrote to them
 *
 * See gup_pin_released_pages().
 */
static __always_inline void gup_pin_released_range(struct page *page,
						   unsigned long npages, bool dirty)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released_range(page, npages, dirty, _RET_IP_);
}

/**
 * gup_pin_released_page() - a page is about to lose a pin
 * @page: the page
 *
 * See gup_pin_released_pages().
 */
static __always_inline void gup_pin_released_page(struct page *page)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released_page(page, _RET_IP_);
}

/**
 * gup_pin_released_folio() - a folio is about to lose pins
 * @folio: the folio; which of its pages is unknown
 * @pins: number of pins
 *
 * See gup_pin_released_pages().
 */
static __always_inline void gup_pin_released_folio(struct folio *folio,
						   unsigned long pins)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released_folio(folio, pins, _RET_IP_);
}

/**
 * gup_pin_released_folios() - each of some folios is about to lose a pin
 * @folios: the folios; NULL entries are skipped
 * @nfolios: number of folios; an error value is ignored
 *
 * See gup_pin_released_pages().
 */
static __always_inline void gup_pin_released_folios(struct folio **folios,
						    unsigned long nfolios)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released_folios(folios, nfolios, _RET_IP_);
}

/**
 * gup_pin_unpin_pages() - unpin_user_pages() on behalf of the caller's caller
 * @pages: the pages
 * @npages: number of pages
 */
static __always_inline void gup_pin_unpin_pages(struct page **pages, unsigned long npages)
{
	if (static_branch_unlikely(&gup_pin_hooks)) {
		__gup_pin_released_pages(pages, npages, false, _RET_IP_);
		__gup_pin_unpin_pages(pages, npages);
	} else {
		unpin_user_pages(pages, npages);
	}
}

/*
 * Drop the pins of a call that has not succeeded yet. They have no record: a record on
 * such a page belongs to another call.
 */
static __always_inline void gup_pin_undo_pages(struct page **pages, unsigned long npages)
{
	__gup_pin_unpin_pages(pages, npages);
}

static __always_inline void gup_pin_undo_page(struct page *page)
{
	__gup_pin_unpin_pages(&page, 1);
}

static __always_inline void gup_pin_undo_folios(struct folio **folios,
						unsigned long nfolios)
{
	__gup_pin_unpin_folios(folios, nfolios);
}

static __always_inline void gup_pin_undo_folio(struct folio *folio)
{
	__gup_pin_unpin_folio(folio, 1);
}

/*
 * Only in the gup_flags of mm/gup.c: the call retries after migrating the pages that it
 * got. A mapping that limits the call was reported the first time.
 */
#define GUP_PIN_AGAIN	BIT(31)

/**
 * gup_pin_refused() - a long-term pin may fail because its memory cannot be migrated
 * @err: 0, -EAGAIN, or the error of the refusal
 * @mm: the address space that the pages belong to; NULL if there is none
 * @gup_flags: FOLL_WRITE gives the mode; GUP_PIN_AGAIN may be set
 * @addr: user address of the first page; 0 if there is none
 * @pages: the pages, which are no longer pinned; or NULL
 * @npages: number of pages
 *
 * Call below the pin function, which is looked up in the stack.
 *
 * Context: Process context. May sleep.
 *
 * Return: @err.
 */
static __always_inline long gup_pin_refused(long err, struct mm_struct *mm,
					    unsigned int gup_flags,
					    unsigned long addr,
					    struct page **pages,
					    unsigned long npages)
{
	if (static_branch_unlikely(&gup_pin_hooks) && err && err != -EAGAIN) {
		__gup_pin_refused(mm, gup_flags, err, addr, pages, npages);
		/* No tail call: the stack must contain the caller. */
		barrier();
	}
	return err;
}

/**
 * gup_pin_refused_vma() - a long-term pin may fail because of the kind of mapping
 * @err: 0, or the error of the refusal
 * @vma: the mapping
 * @addr: user address
 * @gup_flags: flags of the pin; pins that are not long-term are ignored
 *
 * Call below the pin function, which is looked up in the stack.
 *
 * Context: Process context, with the mmap lock held.
 *
 * Return: @err.
 */
static __always_inline long gup_pin_refused_vma(long err,
						struct vm_area_struct *vma,
						unsigned long addr,
						unsigned int gup_flags)
{
	if (static_branch_unlikely(&gup_pin_hooks) && err) {
		__gup_pin_refused_vma(vma, gup_flags, err, addr);
		barrier();
	}
	return err;
}

/**
 * gup_pin_dump_page() - print the pins on a page's folio, for dump_page()
 * @page: the page, in any state
 */
static inline void gup_pin_dump_page(const struct page *page)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_dump_page(page);
}

/**
 * gup_pin_contig_busy() - dump the pinned pages of a range that cannot be allocated
 * @start: first pfn
 * @end: end pfn (exclusive); the range is online and within one zone
 * @gfp: flags of the allocation; __GFP_NOWARN suppresses the dump
 *
 * Context: Process context. Must not hold a lock that pinning takes.
 */
static inline void gup_pin_contig_busy(unsigned long start, unsigned long end,
				       gfp_t gfp)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_contig_busy(start, end, gfp);
}

/**
 * gup_pin_writeback_start() - writeback of a folio has started
 * @folio: the folio
 *
 * Call from the function that sets PG_writeback, right after it; setting the flag must be
 * a full barrier, which pairs with the one in gup_pin_sees_writeback().
 *
 * Context: Any context except NMI. Must not hold a shard lock.
 */
static __always_inline void gup_pin_writeback_start(struct folio *folio)
{
	if (gup_pin_maybe_pinned(folio))
		__gup_pin_writeback_start(folio, _RET_IP_);
}

/**
 * gup_pin_invalidate() - gup_pin_truncate() that ignores dirty folios
 * @folio: the folio; locked and still in its mapping
 */
static __always_inline void gup_pin_invalidate(struct folio *folio)
{
	if (gup_pin_maybe_pinned(folio))
		__gup_pin_invalidate(folio);
}

/**
 * gup_pin_writeback_end() - writeback of a folio ends
 * @folio: the folio, with PG_writeback still set
 *
 * Context: Any context except NMI.
 */
static __always_inline void gup_pin_writeback_end(struct folio *folio)
{
	if (static_branch_unlikely(&gup_pin_proof))
		__gup_pin_writeback_end(folio);
}

#else /* neither CONFIG_DEBUG_GUP_PIN nor the module */

/* A macro, so that the compiler never sees the code that it guards. */
#define gup_pin_tracking()	false

#define GUP_PIN_AGAIN	0

static __always_inline long
gup_pin_acquired_request(long ret, const struct gup_pin_request *request)
{
	return ret;
}

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

static inline void gup_pin_released_pages(struct page **pages, unsigned long npages,
					  bool dirty)
{
}

static inline void gup_pin_released_range(struct page *page, unsigned long npages,
					  bool dirty)
{
}

static inline void gup_pin_released_page(struct page *page)
{
}

static inline void gup_pin_released_folio(struct folio *folio, unsigned long pins)
{
}

static inline void gup_pin_released_folios(struct folio **folios,
					   unsigned long nfolios)
{
}

static __always_inline void gup_pin_unpin_pages(struct page **pages, unsigned long npages)
{
	unpin_user_pages(pages, npages);
}

static __always_inline void gup_pin_undo_pages(struct page **pages, unsigned long npages)
{
	unpin_user_pages(pages, npages);
}

static __always_inline void gup_pin_undo_page(struct page *page)
{
	unpin_user_page(page);
}

static __always_inline void gup_pin_undo_folios(struct folio **folios,
						unsigned long nfolios)
{
	unpin_folios(folios, nfolios);
}

static __always_inline void gup_pin_undo_folio(struct folio *folio)
{
	unpin_folio(folio);
}

static __always_inline long gup_pin_refused(long err, struct mm_struct *mm,
					    unsigned int gup_flags,
					    unsigned long addr,
					    struct page **pages,
					    unsigned long npages)
{
	return err;
}

static __always_inline long gup_pin_refused_vma(long err,
						struct vm_area_struct *vma,
						unsigned long addr,
						unsigned int gup_flags)
{
	return err;
}

static inline void gup_pin_dump_page(const struct page *page)
{
}

static inline void gup_pin_contig_busy(unsigned long start, unsigned long end,
				       gfp_t gfp)
{
}

static inline void gup_pin_writeback_start(struct folio *folio)
{
}

static inline void gup_pin_invalidate(struct folio *folio)
{
}

static inline void gup_pin_writeback_end(struct folio *folio)
{
}

#endif /* CONFIG_DEBUG_GUP_PIN */
#endif /* _MM_GUP_PIN_HOOKS_H */
