/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between the supported kernels. They are confined to this file and patches/.
 */
#ifndef _MM_GUP_PIN_COMPAT_H
#define _MM_GUP_PIN_COMPAT_H

#include <linux/fs.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/version.h>

#ifdef GUP_PIN_MODULE
#include "stock.h"
#else
#include "builtin.h"
#endif

/* The device memory that contains a ZONE_DEVICE folio. */
static inline const struct dev_pagemap *
gup_pin_folio_pgmap(const struct folio *folio)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
	return folio->page.pgmap;
#else
	return folio->pgmap;
#endif
}

/* No flags for shmem_file_setup(), which takes a vma_flags_t since 7.0. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define GUP_PIN_NO_VMA_FLAGS	0
#else
#define GUP_PIN_NO_VMA_FLAGS	((vma_flags_t) {})
#endif

/* The dentry of a node in &inode.i_dentry. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define gup_pin_alias(node)	container_of(node, struct dentry, d_u.d_alias)
#else
#define gup_pin_alias(node)	container_of(node, struct dentry, d_alias)
#endif

/* Bit of folio->mapping that is set for anonymous folios only. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define GUP_PIN_MAPPING_ANON	PAGE_MAPPING_ANON
#else
#define GUP_PIN_MAPPING_ANON	FOLIO_MAPPING_ANON
#endif

/* The flags of a page as an integer. */
static inline unsigned long gup_pin_page_flags(const struct page *page)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
	return READ_ONCE(page->flags);
#else
	return READ_ONCE(page->flags.f);
#endif
}

/* Number of the current KUnit parameter, as in the test results. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define gup_pin_param_nr(test)	((test)->param_index + 1)
#else
#define gup_pin_param_nr(test)	((test)->param_index)
#endif

/* The inode is being evicted: its pages are being dropped. */
static inline bool gup_pin_inode_ends(const struct inode *inode)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
	return READ_ONCE(inode->i_state) & I_FREEING;
#else
	return inode_state_read_once((struct inode *)inode) & I_FREEING;
#endif
}

/* For tests: mark an inode as being evicted. */
static inline void gup_pin_end_inode(struct inode *inode)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
	inode->i_state = I_FREEING;
#else
	inode_state_assign_raw(inode, I_FREEING);
#endif
}

/* Does the kernel have folio_add_pins()? */
#define GUP_PIN_HAS_ADD_PINS	(LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0))

#endif /* _MM_GUP_PIN_COMPAT_H */
