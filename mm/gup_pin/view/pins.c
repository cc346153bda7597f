// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/gup_pin/pins and orphans.
 */
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/seq_file.h>

#include "view.h"

static void *pins_start(struct seq_file *m, loff_t *pos)
{
	return gup_pin_lines_start(m->private, pos);
}

static void *pins_next(struct seq_file *m, void *v, loff_t *pos)
{
	return gup_pin_lines_next(m->private, pos);
}

static void pins_stop(struct seq_file *m, void *v)
{
}

static int pins_show(struct seq_file *m, void *v)
{
	return gup_pin_lines_show(m, m->private, v);
}

static const struct seq_operations pins_sops = {
	.start = pins_start,
	.next = pins_next,
	.stop = pins_stop,
	.show = pins_show,
};

static struct gup_pin_lines *lines_open(struct file *file, const char *title)
{
	struct gup_pin_lines *lines;

	lines = __seq_open_private(file, &pins_sops, sizeof(*lines));
	if (lines)
		lines->title = title;
	return lines;
}

static int pins_open(struct inode *inode, struct file *file)
{
	return lines_open(file, "pins") ? 0 : -ENOMEM;
}

static ssize_t pins_write(struct file *file, const char __user *ubuf,
			  size_t count, loff_t *ppos)
{
	struct seq_file *m = file->private_data;
	struct gup_pin_lines *lines = m->private;

	return gup_pin_filter_write(m, &lines->filter, ubuf, count, ppos);
}

const struct file_operations gup_pin_pins_fops = {
	.owner = THIS_MODULE,
	.open = pins_open,
	.read = seq_read,
	.write = pins_write,
	.llseek = seq_lseek,
	.release = gup_pin_lines_release,
};

/*
 * Value of gone=; NULL if neither is gone. An owner of 0 means no owner, as
 * for the memory of a memfd.
 */
static const char *what_is_gone(const struct gup_pin_id *id, u64 age)
{
	bool owner = id->owner && !gup_pin_process_lives(id->owner, age);
	bool task = !gup_pin_task_lives(id->pid, age);

	if (owner && task)
		return "both";
	if (owner)
		return "owner";
	return task ? "task" : NULL;
}

/*
 * The task is looked up after the record was read: a task that released the pin and
 * exited in between has left no orphan, so look for the record again.
 */
static bool is_orphan(struct gup_pin_lines *lines, const struct gup_pin_item *pin, u64 now)
{
	u64 age = now > pin->time ? now - pin->time : 0;

	lines->gone = what_is_gone(&pin->id, age);
	return lines->gone &&
	       gup_pin_still_held(&gup_pin_root.index, &lines->runs.walk, pin);
}

static int orphans_open(struct inode *inode, struct file *file)
{
	struct gup_pin_lines *lines = lines_open(file, "orphans");

	if (!lines)
		return -ENOMEM;
	lines->wanted = is_orphan;
	return 0;
}

const struct file_operations gup_pin_orphans_fops = {
	.owner = THIS_MODULE,
	.open = orphans_open,
	.read = seq_read,
	.write = pins_write,
	.llseek = seq_lseek,
	.release = gup_pin_lines_release,
};
