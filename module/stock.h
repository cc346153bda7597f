/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the core takes of the kernel that a module on a stock kernel cannot have, or has to
 * get in another way. Stands for mm/gup_pin/builtin.h.
 */
#ifndef _GUP_PIN_STOCK_H
#define _GUP_PIN_STOCK_H

#include <linux/ftrace.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/panic.h>
#include <linux/pid.h>
#include <linux/printk.h>
#include <linux/secretmem.h>
#include <linux/stackdepot.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/xarray.h>
#include <asm/unwind.h>
#include <trace/events/error_report.h>

#ifdef CONFIG_DEBUG_GUP_PIN
#error "this kernel has CONFIG_DEBUG_GUP_PIN=y: boot it with gup_pin=on, it needs no module"
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0) || \
	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0) && \
	 LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)) || \
	LINUX_VERSION_CODE >= KERNEL_VERSION(7, 4, 0)
#error "the module works with linux 6.12 and 7.3"
#endif

struct gup_pin_code;
struct seq_file;
struct vm_area_struct;

/* Parameters have the module's name anyway. */

#define __gup_pin_exit

/* Of mm/internal.h; nothing outside mm/ may pass the first. */
#define FOLL_FAST_ONLY	0
#define FOLL_PIN	BIT(19)

/* The kernel has no place for these: `stats` has them. */
#define gup_pin_count_events(item, nr)	((void)(nr))

/* The kernel has no name for this detector, and shows its number. */
static inline void gup_pin_trace_report(unsigned long id)
{
	trace_error_report_end(ERROR_DETECTOR_WARN + 1, id);
}

unsigned long gup_pin_max_pfn(void);

/* site.c: what the function graph tracer and kretprobes make a function return to. */
extern unsigned long gup_pin_graph_return, gup_pin_probe_return;

static inline unsigned long gup_pin_real_site(unsigned long site)
{
	return site == gup_pin_graph_return || site == gup_pin_probe_return ? 0 : site;
}

void gup_pin_callers_unload(const struct gup_pin_code *code);

/* shown.c */
unsigned long gup_pin_shown_ip(unsigned long ip);
void gup_pin_shown_stack(unsigned long *entries, unsigned int nr);
depot_stack_handle_t gup_pin_depot_save(const unsigned long *entries, unsigned int nr,
					gfp_t gfp, depot_flags_t flags);

/* hooks.c */
void gup_pin_show_hooks(struct seq_file *m);

/* stock.c: by the names that the core uses. */

#define xas_destroy(xas)		gup_pin_xas_destroy(xas)
#define num_to_str(buf, size, nr, width)	gup_pin_num_to_str(buf, size, nr)
#define strncpy_from_kernel_nofault(to, from, size) gup_pin_copy_text(to, from, size)
#define find_task_by_pid_ns(nr, ns)	pid_task(find_pid_ns(nr, ns), PIDTYPE_PID)
#define kallsyms_lookup_size_offset(at, size, offset) gup_pin_size_offset(at, size, offset)
#define unwind_get_return_address_ptr(state)	gup_pin_return_address_ptr(state)
#define dump_stack_print_info(level)	gup_pin_print_info()
#define check_panic_on_warn(what)	gup_pin_check_panic(what)
#define vma_needs_dirty_tracking(vma)	gup_pin_needs_tracking(vma)
/* Which pages could not be moved is not known to the hook. */
#undef is_migrate_cma_page
#define is_migrate_cma_page(page)	false
#define vma_is_secretmem(vma)		gup_pin_is_secretmem(vma)
#define panic_on_warn			(*gup_pin_panic_on_warn)
#define disable_trace_on_warning()	do { } while (0)

extern const int *gup_pin_panic_on_warn;

void gup_pin_xas_destroy(struct xa_state *xas);
int gup_pin_num_to_str(char *buf, int size, u64 nr);
long gup_pin_copy_text(char *to, const void *from, long size);
bool gup_pin_size_offset(unsigned long at, unsigned long *size, unsigned long *offset);
unsigned long *gup_pin_return_address_ptr(struct unwind_state *state);
bool gup_pin_is_secretmem(const struct vm_area_struct *vma);
bool gup_pin_needs_tracking(const struct vm_area_struct *vma);
void gup_pin_print_info(void);
void gup_pin_check_panic(const char *what);
void gup_pin_stock_init(void);

#endif /* _GUP_PIN_STOCK_H */
