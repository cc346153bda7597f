// SPDX-License-Identifier: GPL-2.0
/*
 * Switching tracking on and off.
 */
#include <linux/export.h>
#include <linux/init.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/sched/clock.h>

#include "compat.h"
#include "gup_pin.h"

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
	.unloads = &gup_pin_unloads,
};

/* Initialisation at boot has succeeded. */
static bool ready __ro_after_init;

/**
 * gup_pin_switch() - switch tracking on or off
 * @on: true to switch on, false to switch off
 *
 * Switching off drops all records, as later unpins will not be seen. Switching on again
 * starts without records: pins taken before are only counted, and their unpins are no
 * error. Hazards that were reported before may be reported again.
 *
 * Context: Process context. May sleep.
 *
 * Return: 0, or -ENODEV if initialisation at boot failed.
 */
int gup_pin_switch(bool on)
{
	struct gup_pin_index *index = &gup_pin_root.index;

	if (!ready)
		return -ENODEV;

	mutex_lock(&gup_pin_root.switching);
	if (on == index->recording)
		goto unlock;
	WRITE_ONCE(gup_pin_root.switched, local_clock());
	if (on) {
		/* Record pins only after every CPU runs the unpin hooks. */
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

/* The cached empty blocks count against the bound and could use all of it. */
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

/**
 * gup_pin_init() - allocate what tracking needs
 *
 * Call before anything else, and before the first pin is recorded.
 *
 * Return: 0 or -errno.
 */
int __init gup_pin_init(void)
{
	int err;

	gup_pin_index_init(&gup_pin_root.index);
	gup_pin_origins_init(&gup_pin_root.origins);
	err = stack_depot_init();
	err = err ?: gup_pin_memory_init();
	err = err ?: gup_pin_stack_cache_init();
	err = err ?: gup_pin_modules_init();
	if (err) {
		pr_err("not available: %d\n", err);
		return err;
	}
	gup_pin_proof_init();
	ready = true;
	return 0;
}

/**
 * gup_pin_init_late() - initialise the parts that depend on other subsystems
 *
 * Return: 0, or -errno if a part is not available.
 */
int __init gup_pin_init_late(void)
{
	int err = ready ? 0 : -ENODEV;

	gup_pin_tasks_init();
	err = err ?: gup_pin_overdue_init();
	if (err)
		return err;
	/* Last: the user may switch tracking on from here on. */
	gup_pin_debugfs_init();
	return 0;
}

/**
 * gup_pin_exit() - free all memory
 *
 * Tracking must be off, no hook may be running or be called again, and no file in debugfs
 * may be open. May be called after a failed initialisation.
 */
void __gup_pin_exit gup_pin_exit(void)
{
	gup_pin_debugfs_exit();
	gup_pin_modules_exit();
	gup_pin_overdue_exit();
	gup_pin_dax_exit();
	gup_pin_proof_switch(false);
	gup_pin_report_exit();
	gup_pin_refused_exit();
	gup_pin_stack_cache_exit();
	gup_pin_origins_destroy(&gup_pin_root.origins);
	gup_pin_unloaded_exit();
	gup_pin_memory_exit();
}
