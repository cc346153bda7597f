/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From where a function was called.
 */
#ifndef _GUP_PIN_SITE_H
#define _GUP_PIN_SITE_H

#include <linux/compiler.h>

#include "stock.h"

struct bio;

/**
 * struct sites - what to know of return addresses
 * @text: the kernel's own text begins here,
 * @text_size: and is so long
 * @gup: the part that is mm/gup.c's,
 * @gup_size: and its size
 */
struct sites {
	unsigned long text;
	unsigned long text_size;
	unsigned long gup;
	unsigned long gup_size;
};

extern struct sites gup_pin_sites;

unsigned long gup_pin_find_site(unsigned long ip);
bool gup_pin_in_undo(unsigned long site);
bool gup_pin_in_invalidate(unsigned long site);
bool gup_pin_in_hugetlbfs(unsigned long site);
bool gup_pin_in_dax(unsigned long site);
bool gup_pin_is_chained(const struct bio *bio);

/* Where a wrapper was called from, whose _RET_IP_ is @ip. */
static __always_inline unsigned long site_of(unsigned long ip)
{
	if (likely(ip - gup_pin_sites.text < gup_pin_sites.text_size &&
		   gup_pin_real_site(ip)))
		return ip;
	return gup_pin_find_site(ip);
}

/*
 * Are pins dropped there that a call has taken and not handed out? They are not on record,
 * and one that is on the page is another's.
 */
static __always_inline bool is_undo(unsigned long site)
{
	return unlikely(site - gup_pin_sites.gup < gup_pin_sites.gup_size) &&
	       gup_pin_in_undo(site);
}

#endif /* _GUP_PIN_SITE_H */
