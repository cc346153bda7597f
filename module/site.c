// SPDX-License-Identifier: GPL-2.0
/*
 * From where a function was called, though a tracer has put an address of its own in place
 * of the one to return to; and which of the kernel's own calls undo a pin.
 */
#include <linux/bio.h>
#include <linux/kernel.h>
#include <linux/stacktrace.h>
#include <linux/string.h>
#include <linux/version.h>

#include "hooks.h"
#include "site.h"
#include "mm/gup_pin/record/record.h"

#undef pr_fmt
#define pr_fmt(fmt)	"gup_pin: " fmt

struct sites gup_pin_sites __ro_after_init;

unsigned long gup_pin_graph_return __ro_after_init;
unsigned long gup_pin_probe_return __ro_after_init;

/* Functions of mm/gup.c that drop what they, or what they call, have just pinned. */
static struct symbol undo[] __ro_after_init = {
	{ .name = "migrate_longterm_unpinnable_folios" },
	{ .name = "memfd_pin_folios" },
};

/* Since 7.0, what frees blocks of a DAX file, and waits for their pages. */
static struct symbol dax[] __ro_after_init = {
	{ .name = "dax_break_layout" },
	{ .name = "dax_break_layout_final" },
};

/* What takes clean folios out of a file though they are wanted. */
static struct symbol invalidate __ro_after_init = {
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
	.name = "invalidate_inode_pages2_range",
#else
	.name = "folio_unmap_invalidate",
#endif
};

static struct symbol hugetlbfs __ro_after_init = { .name = "remove_inode_hugepages" };

static unsigned long chain_endio __ro_after_init;

/* A return address may be behind the last byte, but not be the first. */
static bool returns_into(unsigned long site, const struct symbol *function)
{
	return site > function->start && site <= function->end;
}

static bool returns_into_one(unsigned long site, const struct symbol *functions, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (returns_into(site, &functions[i]))
			return true;
	return false;
}

bool gup_pin_in_undo(unsigned long site)
{
	return returns_into_one(site, undo, ARRAY_SIZE(undo));
}

/* Is a DAX file waited for there? */
bool gup_pin_in_dax(unsigned long site)
{
	return returns_into_one(site, dax, ARRAY_SIZE(dax));
}

/* Was a folio taken out of its file there as it is not valid any more? */
bool gup_pin_in_invalidate(unsigned long site)
{
	return returns_into(site, &invalidate);
}

/* Was it taken out of a file of hugetlbfs? */
bool gup_pin_in_hugetlbfs(unsigned long site)
{
	return returns_into(site, &hugetlbfs);
}

/* Does the end of a bio end that in its bi_private? */
bool gup_pin_is_chained(const struct bio *bio)
{
	return chain_endio && (unsigned long)bio->bi_end_io == chain_endio;
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
 * gup_pin_callers_unload() - forget what is known of callers in code
 * @code: the code, which does not run
 *
 * The next in its place may be a trampoline of BPF.
 */
void gup_pin_callers_unload(const struct gup_pin_code *code)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(of_modules); i++)
		if (gup_pin_in_code(code, READ_ONCE(of_modules[i])))
			WRITE_ONCE(of_modules[i], 0);
}

/* By its name. What is not there returns to nowhere. */
static bool __init find(struct symbol *function)
{
	char name[sizeof(function->name)];

	memcpy(name, function->name, sizeof(name));
	if (gup_pin_symbol_find(name, function))
		return true;
	memcpy(function->name, name, sizeof(name));
	return false;
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
		pr_err("cannot find out where this kernel's text is: not loaded\n");
		return -ENOENT;
	}
	gup_pin_sites.text_size = end - gup_pin_sites.text;
	for (i = 0; i < ARRAY_SIZE(undo); i++) {
		if (find(&undo[i]))
			continue;
		pr_err("this kernel has no %s(): not loaded\n", undo[i].name);
		return -ENOENT;
	}
	find(&invalidate);
	find(&hugetlbfs);
	for (i = 0; i < ARRAY_SIZE(dax); i++)
		find(&dax[i]);
	if (gup_pin_symbol_find("bio_chain_endio", &symbol))
		chain_endio = symbol.start;
	if (gup_pin_symbol_find("return_to_handler", &symbol))
		gup_pin_graph_return = symbol.start;
	if (gup_pin_symbol_find("arch_rethook_trampoline", &symbol))
		gup_pin_probe_return = symbol.start;
	return 0;
}
