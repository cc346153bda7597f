// SPDX-License-Identifier: GPL-2.0
/*
 * What a stock kernel has, but not for modules: the same by other means.
 */
#include <linux/kallsyms.h>
#include <linux/nodemask.h>
#include <linux/mmzone.h>
#include <linux/backing-dev.h>
#include <linux/sched.h>
#include <linux/utsname.h>
#include <asm/unwind.h>

#include "stock.h"
#include "symbols.h"

#undef panic_on_warn

static const int no_panic;
const int *gup_pin_panic_on_warn __ro_after_init = &no_panic;

/* NULL if it is not known, or there is no such memory. */
static const struct vm_operations_struct *secretmem_ops __ro_after_init;

/* xas_nomem() destroys what there is if no memory is missing. */
void gup_pin_xas_destroy(struct xa_state *xas)
{
	xas_reset(xas);
	xas_nomem(xas, 0);
}

int gup_pin_num_to_str(char *buf, int size, u64 nr)
{
	char digits[20];
	int i, len = 0;

	do {
		digits[len++] = '0' + nr % 10;
		nr /= 10;
	} while (nr);
	if (len > size)
		return 0;
	for (i = 0; i < len; i++)
		buf[i] = digits[len - 1 - i];
	return len;
}

/* Returns the length with the 0; it may be missing if there is no room. */
long gup_pin_copy_text(char *to, const void *from, long size)
{
	long i;

	for (i = 0; i < size; i++) {
		if (copy_from_kernel_nofault(to + i, from + i, 1))
			return -EFAULT;
		if (!to[i])
			return i + 1;
	}
	return size;
}

bool gup_pin_size_offset(unsigned long at, unsigned long *size, unsigned long *offset)
{
	struct symbol symbol;

	if (!gup_pin_symbol_at(at, &symbol))
		return false;
	*size = symbol.end - symbol.start;
	*offset = at - symbol.start;
	return true;
}

unsigned long *gup_pin_return_address_ptr(struct unwind_state *state)
{
	if (unwind_done(state))
		return NULL;
	if (state->regs)
		return &state->regs->ip;
	return state->sp ? (unsigned long *)state->sp - 1 : NULL;
}

bool gup_pin_is_secretmem(const struct vm_area_struct *vma)
{
	return secretmem_ops && vma->vm_ops == secretmem_ops;
}

/* Does the file system want to know of each write to a page of the mapping? */
bool gup_pin_needs_tracking(const struct vm_area_struct *vma)
{
	if ((vma->vm_flags & (VM_WRITE | VM_SHARED)) != (VM_WRITE | VM_SHARED))
		return false;
	if (vma->vm_ops && (vma->vm_ops->page_mkwrite || vma->vm_ops->pfn_mkwrite))
		return true;
	return vma->vm_file && mapping_can_writeback(vma->vm_file->f_mapping);
}

void gup_pin_print_info(void)
{
	pr_err("CPU: %d PID: %d Comm: %.20s %s %.*s\n", raw_smp_processor_id(),
	       current->pid, current->comm, init_utsname()->release,
	       (int)strcspn(init_utsname()->version, " "), init_utsname()->version);
}

void gup_pin_check_panic(const char *what)
{
	if (READ_ONCE(*gup_pin_panic_on_warn))
		panic("%s: panic_on_warn set ...\n", what);
}

unsigned long gup_pin_max_pfn(void)
{
	unsigned long max = 0;
	int nid;

	for_each_online_node(nid)
		max = max(max, node_end_pfn(nid));
	return max;
}

void __init gup_pin_stock_init(void)
{
	unsigned long at = gup_pin_symbol("panic_on_warn");

	if (at)
		gup_pin_panic_on_warn = (const int *)at;
	secretmem_ops = (const void *)gup_pin_symbol("secretmem_vm_ops");
}
