// SPDX-License-Identifier: GPL-2.0
/*
 * Is the kernel's own text as the module expects it?
 *
 * mm/gup.c drops pins of calls that fail, or have to be tried again, by the very functions
 * that others unpin with. Which of its functions do so is known; if there is one more, each
 * of its calls would take a record that is another's.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "hooks.h"
#include "site.h"

#undef pr_fmt
#define pr_fmt(fmt)	"gup_pin: " fmt

/* Much more than mm/gup.c has. */
#define GUP_TEXT_MAX	SZ_256K

/* They are all in mm/gup.c, which begins and ends with some of them, or near to them. */
static bool is_of_gup(const struct hook *hook)
{
	return hook->needed;
}

static bool is_unpin(const struct hook *hook)
{
	return strstarts(hook->name, "unpin_");
}

/* A call may go to behind the function's ENDBR. */
static const struct hook *unpin_at(unsigned long at)
{
	const struct hook *hook;

	for (hook = gup_pin_hook; hook < gup_pin_hook + gup_pin_nr_hooks; hook++)
		if (is_unpin(hook) && (at == hook->at.start || at == hook->at.start + 4))
			return hook;
	return NULL;
}

/* These do what they do in their wrapper. */
static bool is_wrapped(const char *name)
{
	return !strcmp(name, "unpin_user_pages_dirty_lock");
}

/* Is there a call, or a jump, to what unpins, and from where? Returns false if it is unknown. */
static bool check_code(unsigned long at)
{
	const struct hook *hook;
	struct symbol caller;
	u8 code[5];
	s32 to;

	if (copy_from_kernel_nofault(code, (void *)at, sizeof(code)))
		return true;
	if (code[0] != 0xe8 && code[0] != 0xe9)
		return true;
	memcpy(&to, code + 1, sizeof(to));
	hook = unpin_at(at + sizeof(code) + to);
	if (!hook || gup_pin_in_undo(at + sizeof(code)))
		return true;
	if (gup_pin_symbol_at(at, &caller) && is_wrapped(caller.name))
		return true;
	pr_err("%s() is called by %pS, of which nothing is known: not loaded\n", hook->name,
	       (void *)at);
	return false;
}

/**
 * gup_pin_text_check() - is mm/gup.c as expected?
 *
 * The hooks are found, and not in place.
 *
 * Return: 0, or -ENOEXEC if it is not; that is said.
 */
int __init gup_pin_text_check(void)
{
	unsigned long start = ULONG_MAX, end = 0, at;
	const struct hook *hook;

	for (hook = gup_pin_hook; hook < gup_pin_hook + gup_pin_nr_hooks; hook++) {
		if (!is_of_gup(hook))
			continue;
		start = min(start, hook->at.start);
		end = max(end, hook->at.end);
	}
	if (end - start > GUP_TEXT_MAX) {
		pr_err("mm/gup.c is not in one piece: not loaded\n");
		return -ENOEXEC;
	}
	for (at = start; at < end; at++)
		if (!check_code(at))
			return -ENOEXEC;
	gup_pin_sites.gup = start;
	gup_pin_sites.gup_size = end - start;
	return 0;
}
