/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Unpin sites: the callers of unpin functions, and what they have released.
 */
#ifndef _MM_GUP_PIN_SITE_H
#define _MM_GUP_PIN_SITE_H

#include <linux/types.h>

struct gup_pin_id;

#define GUP_PIN_SITE_BITS	8

/**
 * struct gup_pin_site - a caller of an unpin function
 * @ip: where it calls; 0 if this is unused. Set once
 * @stack: of all pins that it released without a doubt, or GUP_PIN_SITE_SEVERAL;
 *	0 before the first
 * @kinds: their modes and terms, a bit for each pair
 *
 * Written without a lock: what is lost will be learned again.
 */
struct gup_pin_site {
	unsigned long ip;
	u32 stack;
	u32 kinds;
};

#define GUP_PIN_SITE_SEVERAL	U32_MAX

/**
 * struct gup_pin_sites - all that are known
 * @site: hashed by @ip; when there is no room for one, nothing is learned of it
 */
struct gup_pin_sites {
	struct gup_pin_site site[1 << GUP_PIN_SITE_BITS];
};

/**
 * struct gup_pin_hint - what is known of a pin that is about to be released
 * @stack: where it was taken, if that is what its site always releases, or 0
 * @kinds: what modes and terms its site releases
 * @dirty: who releases it says that it wrote
 */
struct gup_pin_hint {
	u32 stack;
	u32 kinds;
	bool dirty;
};

void gup_pin_site_learn(struct gup_pin_sites *sites, unsigned long ip,
			const struct gup_pin_id *id);
struct gup_pin_hint gup_pin_site_hint(const struct gup_pin_sites *sites,
				      unsigned long ip, bool dirty);
unsigned int gup_pin_hint_rank(const struct gup_pin_hint *hint,
			       const struct gup_pin_id *id);

#endif /* _MM_GUP_PIN_SITE_H */
