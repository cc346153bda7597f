// SPDX-License-Identifier: GPL-2.0
/*
 * Huge pages have so many pages that comparing them is most of what tracking costs. Of make
 * bench: thp on/off 1.50, without this 1.65.
 */
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/pgtable.h>

#include "gup_pin.h"

/**
 * gup_pin_mapped_huge() - is a page mapped as a part of a whole huge page?
 * @mm: the address space, which is current's, for only that is kept by interrupts
 *	being off
 * @addr: where in it; it is in a mapping, as it has just been pinned
 * @page: the page
 *
 * As fast GUP does, look without a lock: with interrupts off the page tables
 * stay.
 *
 * Return: true if @addr is mapped to @page by an entry for a PMD.
 */
bool gup_pin_mapped_huge(struct mm_struct *mm, unsigned long addr,
			 const struct page *page)
{
	bool huge = false;
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	unsigned long flags;
	pgd_t *pgdp, pgd;
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;
	pmd_t pmd;

	local_irq_save(flags);
	pgdp = pgd_offset(mm, addr);
	pgd = pgdp_get(pgdp);
	if (pgd_none(pgd) || pgd_leaf(pgd))
		goto out;
	p4dp = p4d_offset_lockless(pgdp, pgd, addr);
	p4d = p4dp_get(p4dp);
	if (p4d_none(p4d) || p4d_leaf(p4d))
		goto out;
	pudp = pud_offset_lockless(p4dp, p4d, addr);
	pud = pudp_get(pudp);
	if (pud_none(pud) || pud_leaf(pud))
		goto out;
	pmd = pmdp_get_lockless(pmd_offset_lockless(pudp, pud, addr));
	huge = pmd_present(pmd) && pmd_leaf(pmd) &&
	       pmd_page(pmd) + ((addr & ~PMD_MASK) >> PAGE_SHIFT) == page;
out:
	local_irq_restore(flags);
#endif
	return huge;
}
