/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CONFIG_DEBUG_GUP_PIN: the hooks. mm/gup.c reports pins and unpins through them; file
 * systems and the block layer report events on folios that may be pinned.
 *
 * A hook is a static-key nop until tracking is switched on, and compiles to nothing
 * without the option. The out-of-line parts are in mm/gup_pin/.
 */
#ifndef _LINUX_GUP_PIN_H
#define _LINUX_GUP_PIN_H

#include <linux/mm.h>
#include <linux/types.h>

struct file;
struct folio;
struct bio;
struct inode;
struct mm_struct;
struct page;
struct pid;
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
#include <linux/compiler.h>
#include <linux/jump_label.h>

DECLARE_STATIC_KEY_FALSE(gup_pin_hooks);
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
void __gup_pin_released_bio(struct bio *bio, struct page *page, unsigned long npages);
void __gup_pin_released_part(struct page **pages, unsigned long npages);
void __gup_pin_released_kept(const void *handle, struct folio *folio);
void __gup_pin_keep_pages(const void *handle, struct page **pages,
			  unsigned long npages);
void __gup_pin_keep_folios(const void *handle, struct folio **folios,
			   unsigned long nfolios);
void __gup_pin_unpin_folio(struct folio *folio, unsigned long npages);
void __gup_pin_unpin_kept_range(const void *handle, struct page *page,
				unsigned long npages, bool dirty);
void __gup_pin_unpin_folios(struct folio **folios, unsigned long nfolios);
void __gup_pin_unpin_pages(struct page **pages, unsigned long npages);
void __gup_pin_dump_page(const struct page *page);
void __gup_pin_contig_busy(unsigned long start, unsigned long end, gfp_t gfp);
void __gup_pin_writeback_start(struct folio *folio, unsigned long ip);
void __gup_pin_submit(struct folio *folio, unsigned long ip);
void __gup_pin_truncate(struct folio *folio);
void __gup_pin_truncate_part(struct folio *folio, size_t offset, size_t length);
void __gup_pin_invalidate(struct folio *folio);
void __gup_pin_read_ended(struct bio *bio);
void __gup_pin_read_released(const struct bio *bio, unsigned long pfn);
void __gup_pin_writeback_end(struct folio *folio);
void __gup_pin_dirtying(struct folio *folio);
void __gup_pin_dax_wait(struct folio *folio, unsigned long ip);
void __gup_pin_refused(struct mm_struct *mm, unsigned int gup_flags, int err,
		       unsigned long addr, struct page **pages,
		       unsigned long npages);
void __gup_pin_refused_vma(struct vm_area_struct *vma, unsigned int gup_flags,
			   int err, unsigned long addr);
int gup_pin_proc_open(struct file *file, struct pid *pid);
int gup_pin_proc_release(struct inode *inode, struct file *file);

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

/**
 * gup_pin_unpin_bio() - unpin_user_folio() for pages of a bio
 * @bio: the bio
 * @folio: the folio
 * @first: index of the first page in the folio
 * @npages: number of pages
 *
 * Context: Any context except NMI.
 */
static __always_inline void gup_pin_unpin_bio(struct bio *bio, struct folio *folio,
					      size_t first, size_t npages)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released_bio(bio, folio_page(folio, first), npages);
	__gup_pin_unpin_folio(folio, npages);
}

/**
 * gup_pin_unpin_part() - unpin_user_folio() for pages in an array
 * @folio: the folio
 * @pages: the pages to unpin, all in @folio
 * @npages: number of pages
 *
 * Context: Any context except NMI.
 */
static __always_inline void gup_pin_unpin_part(struct folio *folio, struct page **pages,
					       unsigned long npages)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released_part(pages, npages);
	__gup_pin_unpin_folio(folio, npages);
}

/**
 * gup_pin_keep_pages() - the pins that current has just taken will be released
 *	through a handle
 * @handle: the object that owns the pins from now on
 * @pages: the pages; a page that is the only one of a large folio stands
 *	for the whole folio
 * @npages: number of pages
 *
 * For callers that pass the folio, not the page, when they unpin.
 *
 * Context: Process context. May sleep.
 */
static __always_inline void gup_pin_keep_pages(const void *handle, struct page **pages,
					       unsigned long npages)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_keep_pages(handle, pages, npages);
}

/**
 * gup_pin_keep_folios() - gup_pin_keep_pages() for memfd_pin_folios()
 * @handle: the object that owns the pins from now on
 * @folios: the folios
 * @nfolios: number of folios
 */
static __always_inline void gup_pin_keep_folios(const void *handle, struct folio **folios,
						unsigned long nfolios)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_keep_folios(handle, folios, nfolios);
}

/**
 * gup_pin_unpin_kept() - unpin_user_folio() for one pin that a handle owns
 * @handle: the object that owns the pin
 * @folio: the folio
 *
 * Context: Any context except NMI.
 */
static __always_inline void gup_pin_unpin_kept(const void *handle, struct folio *folio)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released_kept(handle, folio);
	__gup_pin_unpin_folio(folio, 1);
}

/**
 * gup_pin_unpin_kept_range() - unpin_user_page_range_dirty_lock() for pins
 *	that a handle owns
 * @handle: the object that owns the pins
 * @page: the first page
 * @npages: number of pages
 * @dirty: mark the pages dirty
 *
 * Context: Process context. May sleep, like unpin_user_page_range_dirty_lock().
 */
static __always_inline void gup_pin_unpin_kept_range(const void *handle, struct page *page,
						     unsigned long npages, bool dirty)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_unpin_kept_range(handle, page, npages, dirty);
	else
		unpin_user_page_range_dirty_lock(page, npages, dirty);
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

/* Common test of the hazard hooks: costs next to nothing for a folio that is not pinned. */
static __always_inline bool gup_pin_maybe_pinned(struct folio *folio)
{
	return static_branch_unlikely(&gup_pin_hooks) &&
	       unlikely(folio_maybe_dma_pinned(folio));
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
 * gup_pin_submit() - a single buffer of a folio is about to be submitted
 * @folio: the folio; may be any memory
 * @write: true for a write
 *
 * For a write from a page of a file that is not under writeback.
 *
 * Context: As for gup_pin_writeback_start().
 */
static __always_inline void gup_pin_submit(struct folio *folio, bool write)
{
	if (write && gup_pin_maybe_pinned(folio))
		__gup_pin_submit(folio, _RET_IP_);
}

/**
 * gup_pin_truncate() - a folio is about to be removed from its file
 * @folio: the folio; locked and still in its mapping
 *
 * Context: As for gup_pin_writeback_start().
 */
static __always_inline void gup_pin_truncate(struct folio *folio)
{
	if (gup_pin_maybe_pinned(folio))
		__gup_pin_truncate(folio);
}

/**
 * gup_pin_truncate_part() - part of a folio is about to be cleared
 * @folio: the folio; locked and still in its mapping
 * @offset: start of the part, in bytes from the start of the folio
 * @length: length of the part, in bytes
 *
 * Context: As for gup_pin_writeback_start().
 */
static __always_inline void gup_pin_truncate_part(struct folio *folio, size_t offset,
						  size_t length)
{
	if (gup_pin_maybe_pinned(folio))
		__gup_pin_truncate_part(folio, offset, length);
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
 * gup_pin_read_ended() - a bio has completed, and its waiters are about to be notified
 * @bio: any bio
 *
 * The device no longer writes to the pages that the bio has pinned.
 *
 * Context: Any context except NMI.
 */
static __always_inline void gup_pin_read_ended(struct bio *bio)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_read_ended(bio);
}

/**
 * gup_pin_read_released() - the pins of a bio on a folio were released
 * @bio: the bio
 * @folio: the folio; may already be freed
 *
 * Context: Any context except NMI.
 */
static __always_inline void gup_pin_read_released(struct bio *bio,
						  struct folio *folio)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_read_released(bio, folio_pfn(folio));
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

/**
 * gup_pin_dirtying() - a folio is about to be dirtied by a possible holder of a pin
 * @folio: the folio, locked
 *
 * Not for page faults and write(), which notify the file system.
 */
static __always_inline void gup_pin_dirtying(struct folio *folio)
{
	if (gup_pin_maybe_pinned(folio) && !folio_test_dirty(folio))
		__gup_pin_dirtying(folio);
}

/**
 * gup_pin_dax_wait() - a block of a DAX file is to be freed while its page is in use
 * @page: the page
 *
 * Call from the function whose caller is to be reported.
 *
 * Context: Process context. May sleep.
 */
static __always_inline void gup_pin_dax_wait(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (gup_pin_maybe_pinned(folio))
		__gup_pin_dax_wait(folio, _RET_IP_);
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

static __always_inline void gup_pin_unpin_bio(struct bio *bio, struct folio *folio,
					      size_t first, size_t npages)
{
	unpin_user_folio(folio, npages);
}

static __always_inline void gup_pin_unpin_part(struct folio *folio, struct page **pages,
					       unsigned long npages)
{
	unpin_user_folio(folio, npages);
}

static __always_inline void gup_pin_unpin_kept(const void *handle, struct folio *folio)
{
	unpin_user_folio(folio, 1);
}

static __always_inline void gup_pin_unpin_kept_range(const void *handle, struct page *page,
						     unsigned long npages, bool dirty)
{
	unpin_user_page_range_dirty_lock(page, npages, dirty);
}

static inline void gup_pin_keep_pages(const void *handle, struct page **pages,
				      unsigned long npages)
{
}

static inline void gup_pin_keep_folios(const void *handle, struct folio **folios,
				       unsigned long nfolios)
{
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

static inline void gup_pin_submit(struct folio *folio, bool write)
{
}

static inline void gup_pin_truncate(struct folio *folio)
{
}

static inline void gup_pin_truncate_part(struct folio *folio, size_t offset,
					 size_t length)
{
}

static inline void gup_pin_read_ended(struct bio *bio)
{
}

static inline void gup_pin_read_released(struct bio *bio, struct folio *folio)
{
}

static inline void gup_pin_invalidate(struct folio *folio)
{
}

static inline void gup_pin_writeback_end(struct folio *folio)
{
}

static inline void gup_pin_dirtying(struct folio *folio)
{
}

static inline void gup_pin_dax_wait(struct page *page)
{
}

#endif /* CONFIG_DEBUG_GUP_PIN */
#endif /* _LINUX_GUP_PIN_H */
