/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CONFIG_DEBUG_GUP_PIN: the hooks outside mm/. File systems, drivers and the block layer
 * report events on folios that may be pinned, and which pins they drop. Those of mm/ are in
 * mm/gup_pin/hooks.h.
 *
 * A hook is a static-key nop until tracking is switched on, and compiles to nothing
 * without the option. The out-of-line parts are in mm/gup_pin/.
 */
#ifndef _LINUX_GUP_PIN_H
#define _LINUX_GUP_PIN_H

#include <linux/mm.h>
#include <linux/types.h>

struct bio;
struct file;
struct folio;
struct inode;
struct page;
struct pid;

#if defined(CONFIG_DEBUG_GUP_PIN) || defined(GUP_PIN_MODULE)
#include <linux/compiler.h>
#include <linux/jump_label.h>

DECLARE_STATIC_KEY_FALSE(gup_pin_hooks);
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
void __gup_pin_submit(struct folio *folio, unsigned long ip);
void __gup_pin_truncate(struct folio *folio);
void __gup_pin_truncate_part(struct folio *folio, size_t offset, size_t length);
void __gup_pin_read_ended(struct bio *bio);
void __gup_pin_read_released(struct bio *bio, struct folio *folio, size_t npages);
void __gup_pin_dirtying(struct folio *folio);
void __gup_pin_dax_wait(struct folio *folio, unsigned long ip);
int gup_pin_proc_open(struct file *file, struct pid *pid);
int gup_pin_proc_release(struct inode *inode, struct file *file);

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

/* Common test of the hazard hooks: costs next to nothing for a folio that is not pinned. */
static __always_inline bool gup_pin_maybe_pinned(struct folio *folio)
{
	return static_branch_unlikely(&gup_pin_hooks) &&
	       unlikely(folio_maybe_dma_pinned(folio));
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
 * @npages: number of pages
 *
 * Context: Any context except NMI.
 */
static __always_inline void gup_pin_read_released(struct bio *bio, struct folio *folio,
						  size_t npages)
{
	if (static_branch_unlikely(&gup_pin_hooks))
		__gup_pin_read_released(bio, folio, npages);
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

static inline void gup_pin_read_released(struct bio *bio, struct folio *folio,
					 size_t npages)
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
