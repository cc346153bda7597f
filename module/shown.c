// SPDX-License-Identifier: GPL-2.0
/*
 * Stacks and titles name the function that is hooked, not its wrapper.
 */
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/string.h>

#include "hooks.h"
#include "stock.h"
#include "mm/gup_pin/record/model.h"

/* The last wrapper that begins before an address of the module. */
static const struct hook *hook_of(unsigned long ip)
{
	const struct hook *hook, *found = NULL;

	for (hook = gup_pin_hook; hook < gup_pin_hook + gup_pin_nr_hooks; hook++)
		if ((unsigned long)hook->wrapper < ip &&
		    (!found || hook->wrapper > found->wrapper))
			found = hook;
	return found;
}

/**
 * gup_pin_shown_ip() - the address that is shown for one in a wrapper
 * @ip: the address
 *
 * Return: one in the function that is wrapped; or @ip.
 */
unsigned long gup_pin_shown_ip(unsigned long ip)
{
	const struct hook *hook;

	if (!within_module_core(ip, THIS_MODULE))
		return ip;
	hook = hook_of(ip);
	return hook ? hook->behind : ip;
}

/**
 * gup_pin_shown_stack() - gup_pin_shown_ip() for each of a stack
 * @entries: the stack
 * @nr: how many there are
 */
void gup_pin_shown_stack(unsigned long *entries, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		entries[i] = gup_pin_shown_ip(entries[i]);
}

/**
 * gup_pin_depot_save() - save a stack as it is shown
 * @entries: the stack; not changed
 * @nr: how many there are
 * @gfp: see stack_depot_save_flags()
 * @flags: see stack_depot_save_flags()
 *
 * The depot keeps stacks for ever, and the module may go.
 *
 * Return: its handle, or 0.
 */
depot_stack_handle_t gup_pin_depot_save(const unsigned long *entries, unsigned int nr,
					gfp_t gfp, depot_flags_t flags)
{
	unsigned long shown[GUP_PIN_STACK_DEPTH];

	nr = min_t(unsigned int, nr, ARRAY_SIZE(shown));
	memcpy(shown, entries, nr * sizeof(*shown));
	gup_pin_shown_stack(shown, nr);
	return stack_depot_save_flags(shown, nr, gfp, flags);
}
