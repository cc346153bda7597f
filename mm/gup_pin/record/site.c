// SPDX-License-Identifier: GPL-2.0
/*
 * Which of several pins on a page does an unpin release? Most callers of unpin functions
 * release what one caller of a pin function took, or few: what they released where there
 * was no doubt tells what it is where there is.
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/hash.h>
#include <linux/kernel.h>

#include "internal.h"

/* Entries that are looked at for a site. */
#define PROBES	4

static u32 kind_of(const struct gup_pin_id *id)
{
	return BIT(id->mode * 2 + id->term);
}

/**
 * gup_pin_site_find() - what is known of a site
 * @sites: the sites
 * @ip: return address into the caller of the unpin function, or 0
 *
 * Any context; takes no lock.
 *
 * Return: the site, or NULL if nothing is.
 */
const struct gup_pin_site *gup_pin_site_find(const struct gup_pin_sites *sites,
					     unsigned long ip)
{
	unsigned int i, at = hash_long(ip, GUP_PIN_SITE_BITS);

	for (i = 0; i < PROBES && ip; i++) {
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

static struct gup_pin_site *site_claim(struct gup_pin_sites *sites, unsigned long ip)
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

static void add_stack(struct gup_pin_site *site, u32 stack)
{
	unsigned int i;

	for (i = 0; i < GUP_PIN_SITE_STACKS; i++) {
		u32 found = READ_ONCE(site->stack[i]);

		if (!found)
			found = cmpxchg(&site->stack[i], 0, stack) ?: stack;
		if (found == stack)
			return;
	}
	WRITE_ONCE(site->many, true);
}

/**
 * gup_pin_site_learn() - a site released a pin, and there was no doubt which
 * @sites: the sites
 * @ip: return address into the caller of the unpin function; not 0
 * @id: where the pin came from
 *
 * Any context; takes no lock.
 */
void gup_pin_site_learn(struct gup_pin_sites *sites, unsigned long ip,
			const struct gup_pin_id *id)
{
	struct gup_pin_site *site = site_claim(sites, ip);
	u32 kinds;

	if (!site)
		return;
	kinds = READ_ONCE(site->kinds);
	if (!(kinds & kind_of(id)))
		WRITE_ONCE(site->kinds, kinds | kind_of(id));
	if (id->stack && !READ_ONCE(site->many))
		add_stack(site, id->stack);
}

/**
 * gup_pin_site_has_stack() - may a site release pins of a stack?
 * @site: the site
 * @stack: the stack; 0 if it could not be kept
 *
 * Return: true if it was seen to, or to release those of very many.
 */
bool gup_pin_site_has_stack(const struct gup_pin_site *site, u32 stack)
{
	unsigned int i;

	if (!stack)
		return false;
	for (i = 0; i < GUP_PIN_SITE_STACKS; i++)
		if (READ_ONCE(site->stack[i]) == stack)
			return true;
	return READ_ONCE(site->many);
}

/**
 * gup_pin_site_has_kind() - was a pin of this mode and term released there?
 * @site: the site
 * @id: the mode and the term
 */
bool gup_pin_site_has_kind(const struct gup_pin_site *site, const struct gup_pin_id *id)
{
	return READ_ONCE(site->kinds) & kind_of(id);
}
