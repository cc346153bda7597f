// SPDX-License-Identifier: GPL-2.0
/*
 * Functions of the kernel by their names, also those that are not exported.
 *
 * A kprobe that is registered disabled changes nothing, but knows where it would be. Where
 * none may be it is refused, and knows it nevertheless.
 */
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/string.h>
#include <asm/ibt.h>

#include "symbols.h"

/**
 * gup_pin_symbol() - where a symbol of the kernel is
 * @name: of the symbol; of a function, or of data
 *
 * May sleep.
 *
 * Return: its address, behind an ENDBR if there is one; 0 if it is not known.
 */
unsigned long gup_pin_symbol(const char *name)
{
	struct kprobe kp = {
		.symbol_name = name,
		.flags = KPROBE_FLAG_DISABLED,
	};

	if (!register_kprobe(&kp))
		unregister_kprobe(&kp);
	return (unsigned long)kp.addr;
}

/**
 * gup_pin_symbol_at() - which function an address is in
 * @at: the address
 * @symbol: filled in
 *
 * Return: false if it is in none.
 */
bool gup_pin_symbol_at(unsigned long at, struct symbol *symbol)
{
	char text[KSYM_SYMBOL_LEN], *plus;
	unsigned long offset, size;

	sprint_symbol(text, at);
	plus = strrchr(text, '+');
	if (!plus || sscanf(plus, "+%lx/%lx", &offset, &size) != 2)
		return false;
	*plus = '\0';
	symbol->start = at - offset;
	symbol->end = symbol->start + size;
	strscpy(symbol->name, text);
	return true;
}

/**
 * gup_pin_symbol_find() - find a function of the kernel
 * @name: of the function
 * @symbol: filled in
 *
 * May sleep.
 *
 * Return: false if there is none.
 */
bool gup_pin_symbol_find(const char *name, struct symbol *symbol)
{
	unsigned long at = gup_pin_symbol(name);

	if (!at || !gup_pin_symbol_at(at, symbol) || strcmp(symbol->name, name)) {
		*symbol = (struct symbol) {};
		return false;
	}
	return true;
}
