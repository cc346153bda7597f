// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/gup_pin/: the directory and `enable`.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/init.h>

#include "../compat.h"
#include "view.h"

static int enable_get(void *data, u64 *val)
{
	*val = READ_ONCE(gup_pin_root.index.recording);
	return 0;
}

static int enable_set(void *data, u64 val)
{
	if (val > 1)
		return -EINVAL;
	return gup_pin_switch(val);
}
DEFINE_DEBUGFS_ATTRIBUTE(enable_fops, enable_get, enable_set, "%llu\n");

static struct dentry *dir;

/**
 * gup_pin_debugfs_init() - create the directory and its files
 */
void __init gup_pin_debugfs_init(void)
{
	dir = debugfs_create_dir("gup_pin", NULL);
	debugfs_create_file("enable", 0600, dir, NULL, &enable_fops);
	debugfs_create_file("pins", 0600, dir, NULL, &gup_pin_pins_fops);
	debugfs_create_file("stacks", 0400, dir, NULL, &gup_pin_stacks_fops);
	debugfs_create_file("hazards", 0600, dir, NULL, &gup_pin_hazards_fops);
	debugfs_create_file("orphans", 0600, dir, NULL, &gup_pin_orphans_fops);
	debugfs_create_file("refused", 0400, dir, NULL, &gup_pin_refused_fops);
	debugfs_create_file("stats", 0444, dir, NULL, &gup_pin_stats_fops);
	debugfs_create_file("verify", 0400, dir, NULL, &gup_pin_verify_fops);
}

/**
 * gup_pin_debugfs_exit() - remove the directory and its files
 */
void __gup_pin_exit gup_pin_debugfs_exit(void)
{
	debugfs_remove(dir);
}
