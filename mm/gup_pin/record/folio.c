// SPDX-License-Identifier: GPL-2.0
/*
 * Describing a pinned folio.
 *
 * All of this runs while the folio has a recorded pin, so the folio cannot be freed,
 * unless a driver dropped the pin by put_page(). That is a bug this feature should show,
 * so pointers in the folio are not trusted.
 */
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>
#include <linux/uaccess.h>

#include "../compat.h"
#include "internal.h"

/**
 * gup_pin_folio_pins() - number of pins on a folio, recorded or not
 * @folio: the folio
 *
 * Exact for large folios. The pins of a small folio are part of its reference count, 1024
 * for each, so that very many ordinary references look like a pin.
 *
 * Return: number of pins.
 */
unsigned int gup_pin_folio_pins(const struct folio *folio)
{
	if (folio_has_pincount(folio))
		return atomic_read(&folio->_pincount);
	return (unsigned int)folio_ref_count(folio) / GUP_PIN_COUNTING_BIAS;
}

/**
 * gup_pin_head_pfn() - the head of a page's folio
 * @pfn: the page
 *
 * Return: pfn of the head; @pfn if there is no struct page.
 */
unsigned long gup_pin_head_pfn(unsigned long pfn)
{
	return pfn_valid(pfn) ? folio_pfn(page_folio(pfn_to_page(pfn))) : pfn;
}

/**
 * gup_pin_folio_pages() - number of pages of a folio
 * @pfn: head of the folio
 *
 * Return: number of pages; 1 if there is no struct page.
 */
unsigned long gup_pin_folio_pages(unsigned long pfn)
{
	return pfn_valid(pfn) ? folio_nr_pages(page_folio(pfn_to_page(pfn))) : 1;
}

/**
 * gup_pin_whole_pages() - number of pages of folios that were pinned as a whole
 * @first: first pfn of a block
 * @mask: bitmap of the folios' heads
 *
 * Return: number of pages.
 */
u64 gup_pin_whole_pages(unsigned long first, u64 mask)
{
	u64 pages = 0;

	for (; mask; mask &= mask - 1)
		pages += gup_pin_folio_pages(first + __ffs64(mask));
	return pages;
}

/**
 * gup_pin_real_pins() - gup_pin_folio_pins() for a page's folio
 * @pfn: the page
 *
 * Return: number of pins; 0 if there is no struct page.
 */
unsigned int gup_pin_real_pins(unsigned long pfn)
{
	return pfn_valid(pfn) ? gup_pin_folio_pins(page_folio(pfn_to_page(pfn))) : 0;
}

/**
 * gup_pin_folio_file() - address space of a file folio
 * @folio: the folio
 *
 * Return: the mapping, not to be trusted; NULL if the folio is
 * anonymous or not in a file.
 */
struct address_space *gup_pin_folio_file(const struct folio *folio)
{
	unsigned long mapping = (unsigned long)READ_ONCE(folio->mapping);

	/* The low bits mark anonymous and other memory that has no file. */
	return mapping & 3 ? NULL : (struct address_space *)mapping;
}

/**
 * gup_pin_needs_stable() - must the contents of a folio stay unchanged during writeback?
 * @folio: the folio
 *
 * Context: Any context.
 *
 * Return: true if the device needs stable pages; false if it does not, or if
 * the folio is not in a file.
 */
bool gup_pin_needs_stable(const struct folio *folio)
{
	struct address_space *mapping;
	unsigned long flags;
	bool stable;

	/* An inode is freed only after an RCU grace period. */
	rcu_read_lock();
	mapping = gup_pin_folio_file(folio);
	stable = mapping && !get_kernel_nofault(flags, &mapping->flags) &&
		 test_bit(AS_STABLE_WRITES, &flags);
	rcu_read_unlock();
	return stable;
}

/**
 * gup_pin_folio_get() - get a reference to a folio whose pin may be dropped concurrently
 * @pfn: head of the folio
 *
 * Return: the folio, or NULL if it was freed or is part of another folio.
 */
struct folio *gup_pin_folio_get(unsigned long pfn)
{
	struct folio *folio;

	if (!pfn_valid(pfn))
		return NULL;
	folio = page_folio(pfn_to_page(pfn));
	if (folio_pfn(folio) != pfn || !folio_try_get(folio))
		return NULL;
	if (folio_pfn(page_folio(pfn_to_page(pfn))) == pfn)
		return folio;
	gup_pin_folio_put(folio);
	return NULL;
}

/**
 * gup_pin_folio_put() - drop the reference of gup_pin_folio_get()
 * @folio: the folio
 */
void gup_pin_folio_put(struct folio *folio)
{
	/* On 6.12, folio_put() does not wake a task waiting to truncate a DAX file. */
	put_page(&folio->page);
}

static enum gup_pin_map device_map(const struct folio *folio)
{
	const struct dev_pagemap *pgmap = gup_pin_folio_pgmap(folio);
	enum memory_type type;

	if (get_kernel_nofault(type, &pgmap->type))
		return GUP_PIN_MAP_DEVICE;
	/* MEMORY_DEVICE_GENERIC is device-dax. */
	return type == MEMORY_DEVICE_FS_DAX || type == MEMORY_DEVICE_GENERIC ?
	       GUP_PIN_MAP_DAX : GUP_PIN_MAP_DEVICE;
}

static enum gup_pin_map folio_map(const struct folio *folio)
{
	if (folio_is_zone_device(folio))
		return device_map(folio);
	if (folio_test_hugetlb(folio))
		return GUP_PIN_MAP_HUGETLB;
	if (folio_test_anon(folio))
		return GUP_PIN_MAP_ANON;
	if (folio_test_swapbacked(folio))
		return GUP_PIN_MAP_SHMEM;
	/* A truncated folio has no mapping, but still looks like page cache. */
	if (gup_pin_folio_file(folio) || folio_test_uptodate(folio) ||
	    folio_test_lru(folio))
		return GUP_PIN_MAP_FILE;
	/* Kernel memory mapped by a driver. */
	return GUP_PIN_MAP_DEVICE;
}

static void describe_file(struct address_space *mapping,
			  struct gup_pin_folio *desc)
{
	struct inode *inode;
	struct super_block *sb;
	typeof(inode->i_ino) ino;
	dev_t dev;

	/* An inode is freed only after an RCU grace period. */
	rcu_read_lock();
	if (!get_kernel_nofault(inode, &mapping->host) && inode &&
	    !get_kernel_nofault(ino, &inode->i_ino) &&
	    !get_kernel_nofault(sb, &inode->i_sb) && sb &&
	    !get_kernel_nofault(dev, &sb->s_dev)) {
		desc->ino = ino;
		desc->dev = dev;
	}
	rcu_read_unlock();
}

/**
 * gup_pin_folio_describe() - fill in the description of a folio
 * @folio: the folio
 * @desc: the description to fill in
 *
 * Context: Any context.
 */
void gup_pin_folio_describe(struct folio *folio, struct gup_pin_folio *desc)
{
	struct address_space *mapping;

	*desc = (struct gup_pin_folio) {
		.map = folio_map(folio),
		.order = folio_order(folio),
	};
	if (desc->map == GUP_PIN_MAP_ANON || desc->map == GUP_PIN_MAP_DEVICE ||
	    folio_test_anon(folio))
		return;
	desc->index = folio->index;
	mapping = gup_pin_folio_file(folio);
	if (mapping)
		describe_file(mapping, desc);
}
