// SPDX-License-Identifier: GPL-2.0
/*
 * Learning which pins a caller releases. Most callers of unpin functions release the pins
 * of one caller of a pin function, or of a few. The unambiguous releases of a site show
 * which pin it releases when a page has several.
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "internal.h"

/* Entries to search for a site. */
#define PROBES	4

static u32 kind_of(const struct gup_pin_id *id)
{
	return BIT(id->mode * 2 + id->term);
}

/**
 * gup_pin_site_find() - look up a site
 * @sites: the sites
 * @ip: return address into the caller of the unpin function, or 0
 *
 * Context: Any context. Takes no lock.
 *
 * Return: the site, or NULL if nothing is known about it.
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

/* NULL if there is no free entry, or if another site has just got it. */
static struct gup_pin_site *site_claim(struct gup_pin_sites *sites, unsigned long ip)
{
	unsigned int i, at = hash_long(ip, GUP_PIN_SITE_BITS);
	struct gup_pin_site *free = NULL;
	unsigned long was = 0;

	for (i = 0; i < PROBES; i++) {
		struct gup_pin_site *site =
			&sites->site[(at + i) % ARRAY_SIZE(sites->site)];
		unsigned long found = READ_ONCE(site->ip);

		if (found == ip)
			return site;
		if (!free && (!found || found == GUP_PIN_SITE_UNLOADED)) {
			free = site;
			was = found;
		}
		if (!found)
			break;
	}
	if (!free || (cmpxchg(&free->ip, was, ip) != was && READ_ONCE(free->ip) != ip))
		return NULL;
	return free;
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
 * gup_pin_site_learn() - record an unambiguous release
 * @sites: the sites
 * @ip: return address into the caller of the unpin function; not 0
 * @id: id of the pin's origin
 *
 * Context: Any context. Takes no lock.
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
 * @stack: the stack; 0 if it could not be saved
 *
 * Return: true if the site has released pins of this stack, or of more
 * stacks than it can store.
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
 * gup_pin_site_has_kind() - has a site released pins of this mode and term?
 * @site: the site
 * @id: id with the mode and the term
 *
 * Return: true if so.
 */
bool gup_pin_site_has_kind(const struct gup_pin_site *site, const struct gup_pin_id *id)
{
	return READ_ONCE(site->kinds) & kind_of(id);
}

/**
 * gup_pin_sites_unload() - forget the sites in code
 * @sites: the sites
 * @code: the code, which does not run
 *
 * Otherwise, the releases of the next code in its place would be judged by what this
 * one has released.
 */
void gup_pin_sites_unload(struct gup_pin_sites *sites, const struct gup_pin_code *code)
{
	struct gup_pin_site *site;

	for (site = sites->site; site < sites->site + ARRAY_SIZE(sites->site); site++) {
		if (!gup_pin_in_code(code, READ_ONCE(site->ip)))
			continue;
		memset(site->stack, 0, sizeof(site->stack));
		WRITE_ONCE(site->kinds, 0);
		WRITE_ONCE(site->many, false);
		/* From here on the entry may be claimed: it must be empty by then. */
		smp_store_release(&site->ip, GUP_PIN_SITE_UNLOADED);
	}
}
