/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel interfaces that only built-in code can use. The module
 * has module/stock.h instead.
 */
#ifndef _MM_GUP_PIN_BUILTIN_H
#define _MM_GUP_PIN_BUILTIN_H

#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/memblock.h>
#include <linux/panic.h>
#include <linux/stackdepot.h>
#include <linux/vmstat.h>
#include <trace/events/error_report.h>

#include "../internal.h"

struct gup_pin_code;
struct seq_file;

/* The parameters of all files are named gup_pin.NAME. */
#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "gup_pin."

/* Only the module calls the exit functions. */
#define __gup_pin_exit	__exit

/* Also count in /proc/vmstat. */
#define gup_pin_count_events(item, nr)	count_vm_events(item, nr)

/* End of memory (exclusive). */
#define gup_pin_max_pfn()	max_pfn

static inline void gup_pin_trace_report(unsigned long id)
{
	trace_error_report_end(ERROR_DETECTOR_GUP_PIN, id);
}

/*
 * The function graph tracer and kretprobes replace return addresses by their trampolines.
 * Returns 0 for a trampoline: the caller is unknown.
 */
static inline unsigned long gup_pin_real_site(unsigned long site)
{
#ifdef CONFIG_FUNCTION_GRAPH_TRACER
	if (site == (unsigned long)dereference_kernel_function_descriptor(return_to_handler))
		return 0;
#endif
	return is_kretprobe_trampoline(site) ? 0 : site;
}

/*
 * Map a return address into a hook to the hooked function, for output. Built-in hooks are
 * part of the hooked function.
 */
static inline unsigned long gup_pin_shown_ip(unsigned long ip)
{
	return ip;
}

static inline void gup_pin_shown_stack(unsigned long *entries, unsigned int nr)
{
}

static inline depot_stack_handle_t gup_pin_depot_save(unsigned long *entries, unsigned int nr,
						      gfp_t gfp, depot_flags_t flags)
{
	return stack_depot_save_flags(entries, nr, gfp, flags);
}

/* The module caches callers. */
static inline void gup_pin_callers_unload(const struct gup_pin_code *code)
{
}

/* The module lists missing hooks here; built-in code has them all. */
static inline void gup_pin_show_hooks(struct seq_file *m)
{
}

#endif /* _MM_GUP_PIN_BUILTIN_H */
