// SPDX-License-Identifier: GPL-2.0
/*
 * Modules come and go: what is on record of their code must not be taken for that of
 * others.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>

#include "compat.h"
#include "gup_pin.h"

/**
 * gup_pin_code_changes() - code appears, or is about to disappear
 * @code: the code, which does not run
 *
 * Context: Process context. May sleep.
 */
void gup_pin_code_changes(const struct gup_pin_code *code)
{
	static DEFINE_MUTEX(changing);

	mutex_lock(&changing);
	if (!code->gone)
		gup_pin_code_is_new(code);
	/* First: the next code in its place must not get these stacks. */
	gup_pin_stack_cache_unload(code);
	gup_pin_origins_unload(&gup_pin_root.origins, code);
	gup_pin_ring_unload(code);
	gup_pin_refused_unload(code);
	gup_pin_last_unload(&gup_pin_root.index, code);
	gup_pin_sites_unload(&gup_pin_root.index.sites, code);
	gup_pin_callers_unload(code);
	mutex_unlock(&changing);
}

#ifdef CONFIG_MODULES
static void set_text(struct gup_pin_code *code, const struct module *mod,
		     enum mod_mem_type type, unsigned int at)
{
	code->start[at] = (unsigned long)mod->mem[type].base;
	code->end[at] = code->start[at] + mod->mem[type].size;
}

/*
 * Names can still be looked up when a module is going, and those of its init code when
 * it has become live. A module that fails to load goes, too.
 */
static int module_changes(struct notifier_block *nb, unsigned long state, void *data)
{
	const struct module *mod = data;
	struct gup_pin_code code = { .module = mod->name };

	switch (state) {
	case MODULE_STATE_COMING:
		break;
	case MODULE_STATE_LIVE:
		code.gone = "init, freed";
		break;
	case MODULE_STATE_GOING:
		code.gone = "unloaded";
		break;
	default:
		return NOTIFY_DONE;
	}
	if (state != MODULE_STATE_LIVE)
		set_text(&code, mod, MOD_TEXT, 0);
	set_text(&code, mod, MOD_INIT_TEXT, 1);
	gup_pin_code_changes(&code);
	return NOTIFY_OK;
}

static struct notifier_block module_nb = { .notifier_call = module_changes };

/**
 * gup_pin_modules_init() - get to know when modules come and go
 *
 * Return: 0 or -errno.
 */
int __init gup_pin_modules_init(void)
{
	return register_module_notifier(&module_nb);
}

/**
 * gup_pin_modules_exit() - undo gup_pin_modules_init(), if it was called
 */
void __gup_pin_exit gup_pin_modules_exit(void)
{
	unregister_module_notifier(&module_nb);
}
#endif
