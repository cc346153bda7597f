// SPDX-License-Identifier: GPL-2.0
/*
 * Loading and unloading.
 */
#include <linux/module.h>

#include "handle.h"
#include "hooks.h"
#include "stock.h"
#include "mm/gup_pin/gup_pin.h"

#undef pr_fmt
#define pr_fmt(fmt)	"gup_pin: " fmt

/* Of another kernel of the same version, which the build did not see. */
static int __init check_kernel(void)
{
	if (!gup_pin_symbol("gup_pin_proc_open"))
		return 0;
	pr_err("this kernel has CONFIG_DEBUG_GUP_PIN=y, boot it with gup_pin=on: not loaded\n");
	return -EEXIST;
}

static void unload(void)
{
	gup_pin_hooks_remove();
	gup_pin_handles_exit();
	gup_pin_exit();
}

static int __init gup_pin_load(void)
{
	int err = check_kernel();

	err = err ?: gup_pin_hooks_find();
	err = err ?: gup_pin_sites_init();
	err = err ?: gup_pin_text_check();
	if (err)
		return err;
	gup_pin_stock_init();
	err = gup_pin_init();
	err = err ?: gup_pin_hooks_add();
	/* From then on a user can switch tracking on, for which all hooks have to be there. */
	err = err ?: gup_pin_init_late();
	err = err ?: gup_pin_switch(true);
	if (err)
		unload();
	return err;
}

static void __exit gup_pin_unload(void)
{
	gup_pin_switch(false);
	unload();
}

module_init(gup_pin_load);
module_exit(gup_pin_unload);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Tracks pins of user pages, and reports what endangers pinned pages");
