// SPDX-License-Identifier: GPL-2.0
/*
 * Which of several pins on a folio does an unpin release? Nobody says, but most
 * callers of unpin functions release what one caller of a pin function took:
 * what they released where there was no doubt tells what it is where there is.
 *
 * A caller that serves many, as the end of a bio does, at least releases pins
 * of one term.
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/hash.h>
#include <linux/kernel.h>

#include "gup_pin.h"

/* Entries that are looked at for a site. */
#define PROBES	4

static u32 kind_of(const struct gup_pin_id *id)
{
	return BIT(id->mode * 2 + id->term);
}

static const struct gup_pin_site *site_find(const struct gup_pin_sites *sites,
					    unsigned long ip)
{
	unsigned int i, at = hash_long(ip, GUP_PIN_SITE_BITS);

	for (i = 0; i < PROBES; i++) {
		const struct gup_pin_site *site =
			&sites->site[(at + i) % ARRAY_SIZE(sites->site)];
		unsigned long found = READ_ONCE(site->ip);

		if (found == ip)
			return site;
		if (!found)
			break;
	}
	return NULL;
}

static struct gup_pin_site *site_claim(struct gup_pin_sites *sites,
				       unsigned long ip)
{
	unsigned int i, at = hash_long(ip, GUP_PIN_SITE_BITS);

	for (i = 0; i < PROBES; i++) {
		struct gup_pin_site *site =
			&sites->site[(at + i) % ARRAY_SIZE(sites->site)];
		unsigned long found = READ_ONCE(site->ip);

		if (!found)
			found = cmpxchg(&site->ip, 0, ip) ?: ip;
		if (found == ip)
			return site;
	}
	return NULL;
}

/**
 * gup_pin_site_learn() - a site released a pin, and there was no doubt which
 * @sites: the sites
 * @ip: return address into the caller of the unpin function; not 0
 * @id: where the pin came from
 *
 * Any context; takes no lock. Writes nothing that it has written before.
 */
void gup_pin_site_learn(struct gup_pin_sites *sites, unsigned long ip,
			const struct gup_pin_id *id)
{
	struct gup_pin_site *site = site_claim(sites, ip);
	u32 stack, kinds;

	if (!site)
		return;
	stack = READ_ONCE(site->stack);
	if (!stack)
		stack = cmpxchg(&site->stack, 0, id->stack) ?: id->stack;
	if (stack != id->stack && stack != GUP_PIN_SITE_SEVERAL)
		WRITE_ONCE(site->stack, GUP_PIN_SITE_SEVERAL);
	kinds = READ_ONCE(site->kinds);
	if (!(kinds & kind_of(id)))
		WRITE_ONCE(site->kinds, kinds | kind_of(id));
}

/**
 * gup_pin_site_hint() - what may a site be about to release?
 * @sites: the sites
 * @ip: return address into the caller of the unpin function, or 0
 * @dirty: it says that it wrote
 *
 * Any context; takes no lock.
 *
 * Return: what is known; of a site that is not known, nothing but @dirty.
 */
struct gup_pin_hint gup_pin_site_hint(const struct gup_pin_sites *sites,
				      unsigned long ip, bool dirty)
{
	const struct gup_pin_site *site = ip ? site_find(sites, ip) : NULL;
	struct gup_pin_hint hint = { .dirty = dirty };

	if (!site)
		return hint;
	hint.stack = READ_ONCE(site->stack);
	if (hint.stack == GUP_PIN_SITE_SEVERAL)
		hint.stack = 0;
	hint.kinds = READ_ONCE(site->kinds);
	return hint;
}

/**
 * gup_pin_hint_rank() - how well does a pin fit a hint?
 * @hint: the hint
 * @id: where the pin came from
 *
 * Return: the lower, the better. Without a site, 0 or 1: is it for write if it
 * was written to?
 */
unsigned int gup_pin_hint_rank(const struct gup_pin_hint *hint,
			       const struct gup_pin_id *id)
{
	unsigned int rank = hint->dirty && id->mode != GUP_PIN_WRITE;

	if (hint->kinds && !(hint->kinds & kind_of(id)))
		rank |= 2;
	if (hint->stack && hint->stack != id->stack)
		rank |= 4;
	return rank;
}
