// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/gup_pin/: the directory, `enable` and `pins`.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/sched/clock.h>
#include <linux/seq_file.h>

#include "gup_pin.h"

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

/**
 * struct pins_iter - a reader of `pins`
 * @at: the position in the file, in lines, that @run is the line of
 * @run: that line; NULL before the first and behind the last
 * @runs: the walk
 */
struct pins_iter {
	loff_t at;
	const struct gup_pin_run *run;
	struct gup_pin_runs runs;
};

/*
 * seq_file asks again for the line that did not fit, or else starts over: it
 * never goes back by less than the whole file.
 */
static void *pins_start(struct seq_file *m, loff_t *pos)
{
	struct pins_iter *iter = m->private;

	if (!*pos) {
		gup_pin_runs_init(&iter->runs, &gup_pin_root.index);
		iter->at = 0;
		return SEQ_START_TOKEN;
	}
	return *pos == iter->at ? (void *)iter->run : NULL;
}

static void *pins_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct pins_iter *iter = m->private;

	iter->at = ++*pos;
	iter->run = gup_pin_runs_next(&iter->runs);
	return (void *)iter->run;
}

static void pins_stop(struct seq_file *m, void *v)
{
}

static int pins_show(struct seq_file *m, void *v)
{
	char line[GUP_PIN_LINE_MAX];

	if (v == SEQ_START_TOKEN) {
		seq_printf(m, "# gup_pin pins %d\n", GUP_PIN_TEXT_FORMAT);
		return 0;
	}
	gup_pin_format_run(line, sizeof(line), v, local_clock());
	seq_puts(m, line);
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations pins_sops = {
	.start = pins_start,
	.next = pins_next,
	.stop = pins_stop,
	.show = pins_show,
};

static int pins_open(struct inode *inode, struct file *file)
{
	if (!__seq_open_private(file, &pins_sops, sizeof(struct pins_iter)))
		return -ENOMEM;
	return 0;
}

static const struct file_operations pins_fops = {
	.open = pins_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release_private,
};

static int __init gup_pin_debugfs_init(void)
{
	struct dentry *dir;

	if (!gup_pin_ready())
		return -ENODEV;
	dir = debugfs_create_dir("gup_pin", NULL);
	debugfs_create_file("enable", 0600, dir, NULL, &enable_fops);
	debugfs_create_file("pins", 0400, dir, NULL, &pins_fops);
	debugfs_create_file("stacks", 0400, dir, NULL, &gup_pin_stacks_fops);
	debugfs_create_file("hazards", 0400, dir, NULL, &gup_pin_hazards_fops);
	debugfs_create_file("stats", 0444, dir, NULL, &gup_pin_stats_fops);
	debugfs_create_file("verify", 0400, dir, NULL, &gup_pin_verify_fops);
	return 0;
}
late_initcall(gup_pin_debugfs_init);
