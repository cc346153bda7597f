/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the supported kernels. Everything of the kind goes here
 * or into patches/.
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

/* The device memory that a ZONE_DEVICE folio belongs to. */
static inline const struct dev_pagemap *
gup_pin_folio_pgmap(const struct folio *folio)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
	return folio->page.pgmap;
#else
	return folio->pgmap;
#endif
}

/* For shmem_file_setup(), whose flags became a type of their own. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define GUP_PIN_NO_VMA_FLAGS	0
#else
#define GUP_PIN_NO_VMA_FLAGS	((vma_flags_t) {})
#endif

/* The name of a file that this node of &inode.i_dentry is in. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define gup_pin_alias(node)	container_of(node, struct dentry, d_u.d_alias)
#else
#define gup_pin_alias(node)	container_of(node, struct dentry, d_alias)
#endif

/* What only anonymous folios have in their mapping. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define GUP_PIN_MAPPING_ANON	PAGE_MAPPING_ANON
#else
#define GUP_PIN_MAPPING_ANON	FOLIO_MAPPING_ANON
#endif

/* The flags of a page as a word. */
static inline unsigned long gup_pin_page_flags(const struct page *page)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
	return READ_ONCE(page->flags);
#else
	return READ_ONCE(page->flags.f);
#endif
}

/* Which of a KUnit case's parameters this is, as its result counts them. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define gup_pin_param_nr(test)	((test)->param_index + 1)
#else
#define gup_pin_param_nr(test)	((test)->param_index)
#endif

/* Nothing refers to the inode any more: its pages are being dropped. */
static inline bool gup_pin_inode_ends(const struct inode *inode)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
	return READ_ONCE(inode->i_state) & I_FREEING;
#else
	return inode_state_read_once((struct inode *)inode) & I_FREEING;
#endif
}

/* For tests: make an inode look as if it were evicted. */
static inline void gup_pin_end_inode(struct inode *inode)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
	inode->i_state = I_FREEING;
#else
	inode_state_assign_raw(inode, I_FREEING);
#endif
}

/* folio_add_pins() is there. */
#define GUP_PIN_HAS_ADD_PINS	(LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0))

#endif /* _MM_GUP_PIN_COMPAT_H */
