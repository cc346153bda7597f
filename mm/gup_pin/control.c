// SPDX-License-Identifier: GPL-2.0
/*
 * Switching tracking on and off.
 */
#include <linux/export.h>
#include <linux/init.h>
#include <linux/kstrtox.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>

#include "gup_pin.h"

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "gup_pin."
#undef pr_fmt
#define pr_fmt(fmt)	"gup_pin: " fmt

DEFINE_STATIC_KEY_FALSE(gup_pin_hooks);
EXPORT_SYMBOL_GPL(gup_pin_hooks);

struct gup_pin_root gup_pin_root = {
	.format = GUP_PIN_FORMAT,
	.shard_bits = GUP_PIN_SHARD_BITS,
	.block_shift = GUP_PIN_BLOCK_SHIFT,
	.ring = &gup_pin_ring,
	.hazard_names = gup_pin_hazard_names,
	.stake_names = gup_pin_stake_names,
	.api_names = gup_pin_api_names,
	.switching = __MUTEX_INITIALIZER(gup_pin_root.switching),
};

/* All that tracking needs is there. */
static bool ready __ro_after_init;

static bool on_at_boot __initdata = IS_ENABLED(CONFIG_DEBUG_GUP_PIN_DEFAULT_ON);

/**
 * gup_pin_ready() - can tracking be switched on?
 *
 * Return: false if the feature could not be set up at boot.
 */
bool gup_pin_ready(void)
{
	return ready;
}

/**
 * gup_pin_switch() - switch tracking on or off
 * @on: which
 *
 * Off forgets all pins, for their unpins will not be seen. On again starts
 * from nothing; pins taken before are only counted, and their unpins no error;
 * what was reported before may be reported again.
 * May sleep.
 *
 * Return: 0, or -ENODEV if the feature could not be set up at boot.
 */
int gup_pin_switch(bool on)
{
	struct gup_pin_index *index = &gup_pin_root.index;

	if (!ready)
		return -ENODEV;

	mutex_lock(&gup_pin_root.switching);
	if (on == index->recording)
		goto unlock;
	if (on) {
		/* No pin is recorded before every CPU has the unpin hooks. */
		static_branch_enable(&gup_pin_hooks);
		WRITE_ONCE(index->recording, true);
		if (!index->complete)
			gup_pin_earlier_find(index);
		gup_pin_report_forget();
		gup_pin_origins_unreported(&gup_pin_root.origins);
	} else {
		WRITE_ONCE(index->complete, false);
		WRITE_ONCE(index->recording, false);
		gup_pin_index_flush(index);
		gup_pin_earlier_forget(index);
		static_branch_disable(&gup_pin_hooks);
		gup_pin_ended_forget();
	}
unlock:
	mutex_unlock(&gup_pin_root.switching);
	return 0;
}

/* Empty blocks may take all that there is room for. */
static int bound_set(const char *val, const struct kernel_param *kp)
{
	int err = param_set_ulong(val, kp);

	if (!err && READ_ONCE(gup_pin_max_memory_mb) && ready)
		gup_pin_index_drop_kept(&gup_pin_root.index);
	return err;
}

static const struct kernel_param_ops bound_ops = {
	.set = bound_set,
	.get = param_get_ulong,
};

module_param_cb(max_memory_mb, &bound_ops, &gup_pin_max_memory_mb, 0644);
MODULE_PARM_DESC(max_memory_mb,
		 "MiB that tracking may take; pins beyond it are untracked; 0: no bound");

static int __init setup_gup_pin(char *arg)
{
	if (!arg || kstrtobool(arg, &on_at_boot))
		pr_warn("gup_pin=%s is neither on nor off\n", arg ?: "");
	return 0;
}
early_param("gup_pin", setup_gup_pin);

/* Before any user page can be pinned, so that tracking can be complete. */
static int __init gup_pin_init(void)
{
	int err;

	gup_pin_index_init(&gup_pin_root.index);
	gup_pin_origins_init(&gup_pin_root.origins);
	err = stack_depot_init();
	err = err ?: gup_pin_memory_init();
	err = err ?: gup_pin_stack_cache_init();
	if (err) {
		pr_err("not available: %d\n", err);
		return err;
	}
	ready = true;
	if (on_at_boot) {
		WRITE_ONCE(gup_pin_root.index.complete, true);
		gup_pin_switch(true);
		pr_info("tracking pins since boot\n");
	}
	return 0;
}
core_initcall(gup_pin_init);
