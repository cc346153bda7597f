// SPDX-License-Identifier: GPL-2.0
/*
 * Files that list pins: `pins`, `orphans` and /proc/PID/gup_pins. A reader has a
 * position in the index and the runs under construction, and so needs the same
 * memory for any number of pins.
 */
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "view.h"

static const struct gup_pin_run *next_wanted(struct gup_pin_lines *lines)
{
	const struct gup_pin_run *run;

	/* The filter may match only few of many pins: stop if the reader is killed. */
	while (!fatal_signal_pending(current)) {
		run = gup_pin_runs_next(&lines->runs);
		if (!run || !lines->wanted ||
		    lines->wanted(lines, &run->first, local_clock()))
			return run;
		cond_resched();
	}
	return NULL;
}

/**
 * gup_pin_lines_start() - seek to a line
 * @lines: state of the reader
 * @pos: number of the line
 *
 * seq_file asks again for a line that did not fit, or else restarts: it seeks backwards
 * only to the start of the file.
 *
 * Return: SEQ_START_TOKEN, a run, or NULL at the end.
 */
void *gup_pin_lines_start(struct gup_pin_lines *lines, loff_t *pos)
{
	if (!*pos) {
		gup_pin_runs_end(&lines->runs);
		gup_pin_runs_init(&lines->runs, &gup_pin_root.index,
				  &lines->filter);
		lines->at = 0;
		return SEQ_START_TOKEN;
	}
	return *pos == lines->at ? (void *)lines->run : NULL;
}

/**
 * gup_pin_lines_next() - move to the next line
 * @lines: state of the reader
 * @pos: number of the line, incremented
 *
 * Return: a run, or NULL at the end.
 */
void *gup_pin_lines_next(struct gup_pin_lines *lines, loff_t *pos)
{
	lines->at = ++*pos;
	lines->run = next_wanted(lines);
	return (void *)lines->run;
}

/**
 * gup_pin_lines_release() - release an open file
 * @inode: inode of the file
 * @file: the file: a seq_file whose private data is a &struct gup_pin_lines
 *
 * Return: 0.
 */
int gup_pin_lines_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct gup_pin_lines *lines = m->private;

	gup_pin_runs_end(&lines->runs);
	return seq_release_private(inode, file);
}

/* Translate ids into the reader's pid namespace, and hide what the reader may not see. */
static void apply_view(const struct gup_pin_lines *lines,
		       struct gup_pin_item *pin, u64 now)
{
	struct gup_pin_id *id = &pin->id;
	u64 age = now > pin->time ? now - pin->time : 0;

	if (lines->hide) {
		pin->pfn = 0;
		pin->head = 0;
		id->stack = 0;
	}
	if (lines->ns) {
		id->owner = gup_pin_process_nr(id->owner, age, lines->ns);
		id->tgid = gup_pin_process_nr(id->tgid, age, lines->ns);
		id->pid = gup_pin_task_nr(id->pid, age, lines->ns);
	}
}

/* The line without the file's name. */
static unsigned int format_line(const struct gup_pin_lines *lines,
				const struct gup_pin_run *run, char *line)
{
	u64 now = local_clock();
	struct gup_pin_run seen;

	if (lines->hide || lines->ns) {
		seen = *run;
		apply_view(lines, &seen.first, now);
		run = &seen;
	}
	return gup_pin_format_run(line, GUP_PIN_LINE_MAX, run, now);
}

static void show_name(struct seq_file *m, const struct gup_pin_lines *lines,
		      const struct gup_pin_run *run)
{
	char name[GUP_PIN_NAME_MAX];

	gup_pin_item_name(&run->first, name, sizeof(name));
	/* The reader may have no access to the directories. */
	gup_pin_show_path(m, lines->hide ? kbasename(name) : name);
}

/**
 * gup_pin_lines_show() - print a line
 * @m: the seq_file to print to
 * @lines: state of the reader
 * @v: return value of gup_pin_lines_start() or gup_pin_lines_next()
 *
 * Return: 0.
 */
int gup_pin_lines_show(struct seq_file *m, const struct gup_pin_lines *lines,
		       void *v)
{
	static const char no_name[] = " path=";
	char line[GUP_PIN_LINE_MAX + sizeof(no_name)];
	const struct gup_pin_run *run = v;
	unsigned int len;

	if (v == SEQ_START_TOKEN) {
		seq_printf(m, "# gup_pin %s %d\n", lines->title,
			   GUP_PIN_TEXT_FORMAT);
		return 0;
	}
	len = format_line(lines, run, line);
	/* Most pins are on anonymous memory: write the line at once. */
	if (!run->first.folio.ino) {
		strscpy(line + len, no_name, sizeof(no_name));
		seq_write(m, line, len + sizeof(no_name) - 1);
	} else {
		seq_write(m, line, len);
		show_name(m, lines, run);
	}
	if (lines->gone)
		seq_printf(m, " gone=%s", lines->gone);
	seq_putc(m, '\n');
	return 0;
}
