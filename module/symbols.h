/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions of the kernel by their names, also those that are not exported.
 */
#ifndef _GUP_PIN_SYMBOLS_H
#define _GUP_PIN_SYMBOLS_H

#include <linux/types.h>

/**
 * struct symbol - where a function is
 * @start: its first byte
 * @end: behind its last
 * @name: its name, or as much of it as there is room for
 */
struct symbol {
	unsigned long start;
	unsigned long end;
	char name[64];
};

unsigned long gup_pin_symbol(const char *name);
bool gup_pin_symbol_at(unsigned long at, struct symbol *symbol);
bool gup_pin_symbol_find(const char *name, struct symbol *symbol);

#endif /* _GUP_PIN_SYMBOLS_H */
