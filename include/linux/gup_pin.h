/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CONFIG_DEBUG_GUP_PIN: the hooks by which mm/gup.c reports pins and unpins, and others
 * what happens to folios that may be pinned.
 *
 * A hook is a static-key nop until tracking is switched on, and nothing at all
 * without the option. What the hooks call lies in mm/gup_pin/.
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

/* The function that took a pin. The names that users see are in mm/gup_pin/record/words.c. */
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
 * struct gup_pin_request - what a pin function was asked for
 * @pages: where it puts the pages
 * @addr: user address of the first page
 * @mm: the address space that the pages belong to
 * @gup_flags: FOLL_WRITE is the mode, FOLL_LONGTERM the term
 * @api: the function
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
 * gup_pin_tracking() - are pins to be told of?
 *
 * For a pin function that is so short that even keeping its arguments, for a
 * hook after the fact, would cost more than one per cent of it.
 *
 * Return: true if gup_pin_acquired_request() is to be called.
 */
static __always_inline bool gup_pin_tracking(void)
{
	return static_branch_unlikely(&gup_pin_hooks);
}

/**
 * gup_pin_acquired_request() - pages were pinned by one call
 * @ret: what the call is about to return: pages pinned, 0 or -errno
 * @request: what it was asked for; only the first @ret of the pages count
 *
 * To be called after the pins were taken, and after everything that could
 * still undo them. May sleep unless FOLL_FAST_ONLY or FOLL_NOFAULT is set.
 * Never fails: what cannot be recorded is counted as untracked.
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
 * gup_pin_acquired() - pages were pinned by one call
 * @ret: what the call is about to return: pages pinned, 0 or -errno
 * @pages: the pages; only the first @ret count
 * @addr: user address of the first page
 * @gup_flags: FOLL_WRITE is the mode, FOLL_LONGTERM the term
 * @mm: the address space that the pages belong to
 * @api: the function that pinned
 *
 * As gup_pin_acquired_request(), if tracking is on.
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
 * gup_pin_released_pages() - a pin on each of some pages is about to be dropped
 * @pages: the pages; NULL entries are passed over
 * @npages: how many; an error is passed over
 * @dirty: the caller marks them dirty as well: it says that it wrote to them
 *
 * To be called before the first of them is dropped, by the function whose caller is to be
 * known. Any context but NMI.
 */
static __always_inline void gup_pin_released_pages(struct page **pages,
						   unsigned long npages, bool dirty)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released_pages(pages, npages, dirty, _RET_IP_);
}

/**
 * gup_pin_released_range() - as gup_pin_released_pages(), for neighbouring pages of a folio
 * @page: the first
 * @npages: how many
 * @dirty: the caller says that it wrote to them
 */
static __always_inline void gup_pin_released_range(struct page *page,
						   unsigned long npages, bool dirty)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released_range(page, npages, dirty, _RET_IP_);
}

/**
 * gup_pin_released_page() - as gup_pin_released_pages(), for one
 * @page: the page
 */
static __always_inline void gup_pin_released_page(struct page *page)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released_page(page, _RET_IP_);
}

/**
 * gup_pin_released_folio() - pins of a folio are about to be dropped
 * @folio: the folio; on which of its pages is not known
 * @pins: how many
 *
 * As gup_pin_released_pages().
 */
static __always_inline void gup_pin_released_folio(struct folio *folio,
						   unsigned long pins)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released_folio(folio, pins, _RET_IP_);
}

/**
 * gup_pin_released_folios() - a pin on each of some folios is about to be dropped
 * @folios: the folios; NULL entries are passed over
 * @nfolios: how many; an error is passed over
 *
 * As gup_pin_released_pages().
 */
static __always_inline void gup_pin_released_folios(struct folio **folios,
						    unsigned long nfolios)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released_folios(folios, nfolios, _RET_IP_);
}

/**
 * gup_pin_unpin_pages() - unpin_user_pages() for the caller of the function that calls this
 * @pages: the pages
 * @npages: how many
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
 * Pins of a call that has not succeeded yet are dropped: they are not on record, and one
 * that is on the page is another's.
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
 * gup_pin_unpin_bio() - unpin_user_folio() of pages that a bio has
 * @bio: the bio
 * @folio: the folio
 * @first: number of the first page in it
 * @npages: how many
 *
 * Any context but NMI.
 */
static __always_inline void gup_pin_unpin_bio(struct bio *bio, struct folio *folio,
					      size_t first, size_t npages)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released_bio(bio, folio_page(folio, first), npages);
	__gup_pin_unpin_folio(folio, npages);
}

/**
 * gup_pin_unpin_part() - unpin_user_folio() of pages that an array has
 * @folio: the folio
 * @pages: its pages
 * @npages: how many
 *
 * Any context but NMI.
 */
static __always_inline void gup_pin_unpin_part(struct folio *folio, struct page **pages,
					       unsigned long npages)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released_part(pages, npages);
	__gup_pin_unpin_folio(folio, npages);
}

/**
 * gup_pin_keep_pages() - pins that current has just taken will be released by a handle
 * @handle: the object that has them from now on
 * @pages: the pages; if only one of a large folio is among them, it stands for all
 * @npages: how many
 *
 * For callers that name the folio when they unpin, not the page. May sleep.
 */
static __always_inline void gup_pin_keep_pages(const void *handle, struct page **pages,
					       unsigned long npages)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_keep_pages(handle, pages, npages);
}

/**
 * gup_pin_keep_folios() - as gup_pin_keep_pages(), for memfd_pin_folios()
 * @handle: the object
 * @folios: the folios
 * @nfolios: how many
 */
static __always_inline void gup_pin_keep_folios(const void *handle, struct folio **folios,
						unsigned long nfolios)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_keep_folios(handle, folios, nfolios);
}

/**
 * gup_pin_unpin_kept() - unpin_user_folio() of one pin that an object has
 * @handle: the object
 * @folio: the folio
 *
 * Any context but NMI.
 */
static __always_inline void gup_pin_unpin_kept(const void *handle, struct folio *folio)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_released_kept(handle, folio);
	__gup_pin_unpin_folio(folio, 1);
}

/**
 * gup_pin_unpin_kept_range() - unpin_user_page_range_dirty_lock() of pins that an object has
 * @handle: the object
 * @page: the first page
 * @npages: how many
 * @dirty: mark them dirty
 *
 * May sleep, as that.
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
 * In gup_flags of mm/gup.c alone: what the call has got so far was moved, and all of it
 * is asked for again. What it did not get was told of before.
 */
#define GUP_PIN_AGAIN	BIT(31)

/**
 * gup_pin_refused() - a long-term pin may be about to be refused, as its memory cannot move
 * @err: 0, -EAGAIN, or why it is refused
 * @mm: the address space that the pages belong to; NULL if to none
 * @gup_flags: FOLL_WRITE is the mode, and there may be GUP_PIN_AGAIN
 * @addr: user address of the first page; 0 if there is none
 * @pages: the pages, which are not pinned any more; or NULL
 * @npages: how many
 *
 * To be called below the pin function. May sleep.
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
		/* No tail call: the caller is to be in the stack. */
		barrier();
	}
	return err;
}

/**
 * gup_pin_refused_vma() - a pin may be about to be refused, as of such a mapping
 * @err: 0, or why it is refused
 * @vma: the mapping
 * @addr: user address
 * @gup_flags: of the pin; only long-term ones count
 *
 * To be called below the pin function, with the mmap lock held.
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
 * @page: the page; may be in any state
 */
static inline void gup_pin_dump_page(const struct page *page)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_dump_page(page);
}

/**
 * gup_pin_contig_busy() - a range of memory cannot be allocated: is it pinned?
 * @start: first pfn
 * @end: the last, and one; all of them are there, and of one zone
 * @gfp: how it was to be allocated; __GFP_NOWARN: say nothing
 *
 * Dumps pages that are pinned. In a task, under no lock that pinning takes.
 */
static inline void gup_pin_contig_busy(unsigned long start, unsigned long end,
				       gfp_t gfp)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_contig_busy(start, end, gfp);
}

/* What hooks that tell of hazards begin with: next to nothing unless it is pinned. */
static __always_inline bool gup_pin_maybe_pinned(struct folio *folio)
{
	return static_branch_unlikely(&gup_pin_hooks) &&
	       unlikely(folio_maybe_dma_pinned(folio));
}

/**
 * gup_pin_writeback_start() - a folio is under writeback from now on
 * @folio: the folio
 *
 * To be called by the function that has set PG_writeback, by an operation that
 * is a full barrier. Any context but NMI, and but under the lock of a shard.
 */
static __always_inline void gup_pin_writeback_start(struct folio *folio)
{
	if (gup_pin_maybe_pinned(folio))
		__gup_pin_writeback_start(folio, _RET_IP_);
}

/**
 * gup_pin_submit() - a buffer of a folio is about to be submitted by itself
 * @folio: the folio; may be any memory
 * @write: to be written
 *
 * For writes from a file's own page that is not under writeback. Context as
 * gup_pin_writeback_start().
 */
static __always_inline void gup_pin_submit(struct folio *folio, bool write)
{
	if (write && gup_pin_maybe_pinned(folio))
		__gup_pin_submit(folio, _RET_IP_);
}

/**
 * gup_pin_truncate() - a folio is about to leave its file
 * @folio: the folio; locked, and still in its mapping
 *
 * Context as gup_pin_writeback_start().
 */
static __always_inline void gup_pin_truncate(struct folio *folio)
{
	if (gup_pin_maybe_pinned(folio))
		__gup_pin_truncate(folio);
}

/**
 * gup_pin_truncate_part() - a part of a folio is about to be cleared
 * @folio: the folio; locked, and still in its mapping
 * @offset: where the part begins, in bytes of the folio
 * @length: its bytes
 *
 * Context as gup_pin_writeback_start().
 */
static __always_inline void gup_pin_truncate_part(struct folio *folio, size_t offset,
						  size_t length)
{
	if (gup_pin_maybe_pinned(folio))
		__gup_pin_truncate_part(folio, offset, length);
}

/**
 * gup_pin_invalidate() - as gup_pin_truncate(), unless the folio is dirty
 * @folio: the folio; locked, and still in its mapping
 */
static __always_inline void gup_pin_invalidate(struct folio *folio)
{
	if (gup_pin_maybe_pinned(folio))
		__gup_pin_invalidate(folio);
}

/**
 * gup_pin_read_ended() - a bio has ended, and what waits for it is about to be told
 * @bio: the bio; any
 *
 * What it has pinned is not written to any more. Any context but NMI.
 */
static __always_inline void gup_pin_read_ended(struct bio *bio)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_read_ended(bio);
}

/**
 * gup_pin_read_released() - a bio's pins on a folio were released
 * @bio: the bio
 * @folio: the folio, which may be gone
 *
 * Any context but NMI.
 */
static __always_inline void gup_pin_read_released(struct bio *bio,
						  struct folio *folio)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_read_released(bio, folio_pfn(folio));
}

/**
 * gup_pin_writeback_end() - a folio's writeback ends
 * @folio: the folio; PG_writeback is still set
 *
 * Any context but NMI.
 */
static __always_inline void gup_pin_writeback_end(struct folio *folio)
{
	if (static_branch_unlikely(&gup_pin_proof))
		__gup_pin_writeback_end(folio);
}

/**
 * gup_pin_dirtying() - somebody who may have a pin is about to dirty a folio
 * @folio: the folio; locked
 *
 * Not for page faults and write(), of which the file system knows.
 */
static __always_inline void gup_pin_dirtying(struct folio *folio)
{
	if (gup_pin_maybe_pinned(folio) && !folio_test_dirty(folio))
		__gup_pin_dirtying(folio);
}

/**
 * gup_pin_dax_wait() - a DAX file's block is to be freed, but its page is in use
 * @page: the page
 *
 * To be called by the function whose caller is to be named. May sleep.
 */
static __always_inline void gup_pin_dax_wait(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (gup_pin_maybe_pinned(folio))
		__gup_pin_dax_wait(folio, _RET_IP_);
}

#else /* neither CONFIG_DEBUG_GUP_PIN nor the module */

/* Not a function, so that the compiler never sees what it would guard. */
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
