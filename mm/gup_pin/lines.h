/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A reader of a file whose lines are pins.
 */
#ifndef _MM_GUP_PIN_LINES_H
#define _MM_GUP_PIN_LINES_H

#include <linux/types.h>

#include "filter.h"
#include "gup_pin.h"

struct pid_namespace;
struct seq_file;

/**
 * struct gup_pin_lines - a reader
 * @title: of the file, for its first line
 * @wanted: which pins are lines, beyond what @filter says; NULL for all
 * @hide: pfn and stack read 0
 * @ns: as which pid namespace sees ids; NULL for the initial one
 * @filter: which pins are lines
 * @at: the position in the file, in lines, that @run is the line of
 * @run: that line; NULL before the first and behind the last
 * @runs: the walk
 */
struct gup_pin_lines {
	const char *title;
	bool (*wanted)(const struct gup_pin_lines *lines, const struct gup_pin_item *pin,
		       u64 now);
	bool hide;
	struct pid_namespace *ns;
	struct gup_pin_filter filter;
	loff_t at;
	const struct gup_pin_run *run;
	struct gup_pin_runs runs;
};

void *gup_pin_lines_start(struct gup_pin_lines *lines, loff_t *pos);
void *gup_pin_lines_next(struct gup_pin_lines *lines, loff_t *pos);
int gup_pin_lines_show(struct seq_file *m, const struct gup_pin_lines *lines,
		       void *v);

int gup_pin_lines_release(struct inode *inode, struct file *file);

/* task.c */
bool gup_pin_process_lives(pid_t tgid, u64 age);
bool gup_pin_task_lives(pid_t pid, u64 age);
pid_t gup_pin_process_nr(pid_t tgid, u64 age, struct pid_namespace *ns);
pid_t gup_pin_task_nr(pid_t pid, u64 age, struct pid_namespace *ns);

#endif /* _MM_GUP_PIN_LINES_H */
