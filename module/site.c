// SPDX-License-Identifier: GPL-2.0
/*
 * From where a function was called, though a tracer has put an address of its own in place
 * of the one to return to; and which of the kernel's own calls undo a pin.
 */
#include <linux/kernel.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#include "hooks.h"
#include "site.h"

#undef pr_fmt
#define pr_fmt(fmt)	"gup_pin: " fmt

struct sites gup_pin_sites __ro_after_init;

unsigned long gup_pin_graph_return __ro_after_init;
unsigned long gup_pin_probe_return __ro_after_init;

/* Functions of mm/gup.c that drop what they, or what they call, have just pinned. */
static const char *const undo_names[] = {
	"migrate_longterm_unpinnable_folios",
	"memfd_pin_folios",
};

static struct symbol undo[ARRAY_SIZE(undo_names)] __ro_after_init;

bool gup_pin_in_undo(unsigned long site)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(undo); i++)
		if (site > undo[i].start && site <= undo[i].end)
			return true;
	return false;
}

/* Is it in a trampoline of BPF, which calls the function? */
static bool is_bpf(unsigned long ip)
{
	char text[KSYM_SYMBOL_LEN];

	sprint_symbol(text, ip);
	return strstr(text, "[bpf]");
}

/* Modules that unpin: these return addresses are what they seem. */
static unsigned long of_modules[32];

static unsigned long *place_of(unsigned long ip)
{
	return &of_modules[ip % 31];
}

/**
 * gup_pin_find_site() - where a wrapper was called from
 * @ip: what it returns to, which is not in the kernel's own text, or is a tracer's
 *
 * To be called by the wrapper itself. Any context.
 *
 * Return: the address in the caller.
 */
noinline unsigned long gup_pin_find_site(unsigned long ip)
{
	unsigned long entries[8];
	unsigned int i, nr;

	if (gup_pin_real_site(ip)) {
		if (READ_ONCE(*place_of(ip)) == ip)
			return ip;
		if (!is_bpf(ip)) {
			WRITE_ONCE(*place_of(ip), ip);
			return ip;
		}
	}
	/* This function, and the wrapper, come first; the unwinder knows the tracers. */
	nr = stack_trace_save(entries, ARRAY_SIZE(entries), 2);
	for (i = 0; i < nr; i++)
		if (entries[i] - gup_pin_sites.text < gup_pin_sites.text_size &&
		    gup_pin_real_site(entries[i]))
			return entries[i];
	return ip;
}

/**
 * gup_pin_sites_init() - find what return addresses are compared with
 *
 * Return: 0, or -ENOENT if the kernel is not as expected.
 */
int __init gup_pin_sites_init(void)
{
	unsigned long end = gup_pin_symbol("_etext");
	struct symbol symbol;
	unsigned int i;

	gup_pin_sites.text = gup_pin_symbol("_stext");
	if (!gup_pin_sites.text || end < gup_pin_sites.text) {
		pr_err("where this kernel's text is cannot be told: not loaded\n");
		return -ENOENT;
	}
	gup_pin_sites.text_size = end - gup_pin_sites.text;
	for (i = 0; i < ARRAY_SIZE(undo); i++) {
		if (gup_pin_symbol_find(undo_names[i], &undo[i]))
			continue;
		pr_err("this kernel has no %s(): not loaded\n", undo_names[i]);
		return -ENOENT;
	}
	if (gup_pin_symbol_find("return_to_handler", &symbol))
		gup_pin_graph_return = symbol.start;
	if (gup_pin_symbol_find("arch_rethook_trampoline", &symbol))
		gup_pin_probe_return = symbol.start;
	return 0;
}
