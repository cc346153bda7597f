/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The functions of the kernel that are hooked: HOOK(FUNCTION, NEEDED or OPTIONAL). Without
 * one that is needed what is recorded would be wrong. For C and for assembly: each user
 * defines HOOK first.
 */
#include <linux/version.h>

/* Those that are called most: the trampoline compares with one after another. */
HOOK(bio_endio, OPTIONAL)
HOOK(pin_user_pages_fast, NEEDED)
HOOK(__bio_release_pages, OPTIONAL)
HOOK(unpin_user_folio, NEEDED)
HOOK(unpin_user_page, NEEDED)
HOOK(bio_set_pages_dirty, OPTIONAL)
HOOK(__folio_start_writeback, OPTIONAL)
HOOK(folio_end_writeback, OPTIONAL)

HOOK(pin_user_pages, NEEDED)
HOOK(pin_user_pages_remote, NEEDED)
HOOK(pin_user_pages_unlocked, NEEDED)
HOOK(memfd_pin_folios, NEEDED)
HOOK(folio_add_pin, NEEDED)
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
HOOK(folio_add_pins, NEEDED)
#endif

HOOK(unpin_user_pages, NEEDED)
HOOK(unpin_user_pages_dirty_lock, NEEDED)
HOOK(unpin_user_page_range_dirty_lock, NEEDED)
HOOK(unpin_folio, NEEDED)
HOOK(unpin_folios, NEEDED)

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
HOOK(submit_bh_wbc, OPTIONAL)
HOOK(set_page_dirty_lock, OPTIONAL)
#else
HOOK(folio_end_writeback_no_dropbehind, OPTIONAL)
HOOK(__bh_submit, OPTIONAL)
HOOK(folio_mark_dirty_lock, OPTIONAL)
#endif

HOOK(truncate_cleanup_folio, OPTIONAL)
HOOK(truncate_inode_partial_folio, OPTIONAL)
HOOK(__filemap_remove_folio, OPTIONAL)
HOOK(filemap_remove_folio, OPTIONAL)
HOOK(hugetlbfs_zero_partial_page, OPTIONAL)
HOOK(dax_layout_busy_page_range, OPTIONAL)

HOOK(check_vma_flags, OPTIONAL)
HOOK(migrate_longterm_unpinnable_folios, OPTIONAL)

HOOK(io_sqe_buffer_register, OPTIONAL)
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
HOOK(io_buffer_unmap, OPTIONAL)
#else
HOOK(io_release_ubuf, OPTIONAL)
#endif
HOOK(udmabuf_create, OPTIONAL)
HOOK(release_udmabuf, OPTIONAL)

HOOK(dump_page, OPTIONAL)
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
HOOK(alloc_contig_range_noprof, OPTIONAL)
#else
HOOK(alloc_contig_frozen_range_noprof, OPTIONAL)
#endif

#undef HOOK
