// SPDX-License-Identifier: GPL-2.0
/*
 * Initialisation at boot, and the parameter gup_pin=.
 */
#include <linux/init.h>
#include <linux/kstrtox.h>
#include <linux/printk.h>

#include "gup_pin.h"

#undef pr_fmt
#define pr_fmt(fmt)	"gup_pin: " fmt

static bool on_at_boot __initdata = IS_ENABLED(CONFIG_DEBUG_GUP_PIN_DEFAULT_ON);

static int __init setup_gup_pin(char *arg)
{
	if (!arg || kstrtobool(arg, &on_at_boot))
		pr_warn("gup_pin=%s is neither on nor off\n", arg ?: "");
	return 0;
}
early_param("gup_pin", setup_gup_pin);

/* Before the first user page can be pinned, so that no pin goes unrecorded. */
static int __init init_at_boot(void)
{
	int err = gup_pin_init();

	if (!err && on_at_boot) {
		WRITE_ONCE(gup_pin_root.index.complete, true);
		gup_pin_switch(true);
		pr_info("tracking pins since boot\n");
	}
	return err;
}
core_initcall(init_at_boot);
late_initcall(gup_pin_init_late);
