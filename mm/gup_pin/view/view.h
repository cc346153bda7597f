/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What users read: lines of pins and of hazards, figures, and the files that they are in.
 */
#ifndef _MM_GUP_PIN_VIEW_H
#define _MM_GUP_PIN_VIEW_H

#include <linux/sched.h>
#include <linux/types.h>

#include "../hazard/hazard.h"
#include "../root.h"

struct inode;
struct pid_namespace;
struct seq_file;

/* Of the lines in debugfs: the number in `# gup_pin <file> N`. */
#define GUP_PIN_TEXT_FORMAT	1

/* filter.c */

enum gup_pin_filter_key {
	GUP_PIN_FILTER_OWNER,
	GUP_PIN_FILTER_TASK,
	GUP_PIN_FILTER_COMM,
	GUP_PIN_FILTER_MODE,
	GUP_PIN_FILTER_TERM,
	GUP_PIN_FILTER_API,
	GUP_PIN_FILTER_PFN,
	GUP_PIN_FILTER_INO,
	GUP_PIN_FILTER_DEV,
	GUP_PIN_FILTER_MIN_AGE,
	GUP_PIN_FILTER_STACK,
	NR_GUP_PIN_FILTER_KEYS,
};

/**
 * struct gup_pin_filter - what is wanted; all zeroes is everything
 * @keys: which of the following count, by bits of &enum gup_pin_filter_key
 * @owner: process whose memory was pinned
 * @tgid: process that pinned
 * @pid: task that pinned; with @any_id, of process or task
 * @any_id: one number was given for both
 * @comm: name of the task
 * @mode: read or write
 * @term: short or long
 * @api: the pin function
 * @dev: of the file
 * @stack: handle of the stack
 * @ino: of the file
 * @first: folios that have pages from here
 * @last: to here
 * @min_age_ms: pins that are as old
 */
struct gup_pin_filter {
	u32 keys;
	pid_t owner;
	pid_t tgid;
	pid_t pid;
	bool any_id;
	char comm[TASK_COMM_LEN];
	int mode;
	int term;
	int api;
	dev_t dev;
	u32 stack;
	u64 ino;
	unsigned long first;
	unsigned long last;
	u64 min_age_ms;
};

/* More than all words at their longest. */
#define GUP_PIN_FILTER_MAX	1024

int gup_pin_filter_parse(struct gup_pin_filter *filter, char *text);
unsigned long gup_pin_filter_start(const struct gup_pin_filter *filter);
unsigned long gup_pin_filter_end(const struct gup_pin_filter *filter);
bool gup_pin_filter_item(const struct gup_pin_filter *filter,
			 const struct gup_pin_item *item, u64 now);
bool gup_pin_filter_hazard(const struct gup_pin_filter *filter,
			   const struct gup_pin_hazard_record *hazard, u64 now);
ssize_t gup_pin_filter_write(struct seq_file *m, struct gup_pin_filter *filter,
			     const char __user *ubuf, size_t count,
			     loff_t *ppos);

/* runs.c */

/**
 * struct gup_pin_run - neighbouring pages pinned by one call: one line
 * @first: the first of them
 * @pages: how many pages there are in all
 * @pins: on all of them
 */
struct gup_pin_run {
	struct gup_pin_item first;
	unsigned long pages;
	unsigned long pins;
};

/* Pages that are pinned by more calls at once than this are split over lines. */
#define GUP_PIN_OPEN_RUNS	32

/**
 * struct gup_pin_runs - makes runs of the items of a walk
 * @filter: which items are wanted; NULL for all
 * @walk: where they come from; last, for it outlives the rest
 * @items: found but not used yet: from @next to @nr
 * @open: runs that reach the end of a block, and so may go on in the next
 * @done: runs to be handed out: from @taken to @ready
 * @nr_open: how many are open
 */
struct gup_pin_runs {
	const struct gup_pin_filter *filter;
	unsigned int next;
	unsigned int nr;
	unsigned int nr_open;
	unsigned int taken;
	unsigned int ready;
	struct gup_pin_item items[GUP_PIN_BATCH];
	struct gup_pin_run open[GUP_PIN_OPEN_RUNS];
	struct gup_pin_run done[GUP_PIN_OPEN_RUNS];
	struct gup_pin_walk walk;
};

void gup_pin_runs_init(struct gup_pin_runs *runs, struct gup_pin_index *index,
		       const struct gup_pin_filter *filter);
const struct gup_pin_run *gup_pin_runs_next(struct gup_pin_runs *runs);
void gup_pin_runs_end(struct gup_pin_runs *runs);

/* format.c */

/* The longest line: every word at its widest, comm escaped to four times its size. */
#define GUP_PIN_LINE_MAX	512

int gup_pin_format_run(char *buf, size_t size, const struct gup_pin_run *run,
		       u64 now);

/* lines.c */

/**
 * struct gup_pin_lines - a reader
 * @title: of the file, for its first line
 * @wanted: which pins are lines, beyond what @filter says; NULL for all
 * @gone: value of gone= for the pin that @wanted saw last; NULL for no such word
 * @hide: pfn and stack read 0
 * @ns: as which pid namespace sees ids; NULL for the initial one
 * @filter: which pins are lines
 * @at: the position in the file, in lines, that @run is the line of
 * @run: that line; NULL before the first and behind the last
 * @runs: the walk
 */
struct gup_pin_lines {
	const char *title;
	bool (*wanted)(struct gup_pin_lines *lines, const struct gup_pin_item *pin, u64 now);
	const char *gone;
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

/* tracing.c: to be called only if the tracepoints of pins are on */
void gup_pin_trace_taken(const struct gup_pin_id *id, struct folio *folio,
			 unsigned long pins);
void gup_pin_trace_taken_pages(const struct gup_pin_id *id,
			       struct page **pages, unsigned long npages,
			       unsigned long addr);
void gup_pin_trace_dropped(const struct gup_pin_unpin *unpin, struct page *page,
			   unsigned long pins);

/* refused.c */

/**
 * struct gup_pin_target - what a pin was refused of
 * @why: a word: device, dax, file, movable or secretmem
 * @addr: user address; 0 if there is none
 * @pfn: of the page that could not be moved; 0 if it is not known
 * @dev: of the mapping's file, 0 if it has none; so are the following
 * @ino: of the file
 * @index: in the file, in pages
 * @name: of the file
 */
struct gup_pin_target {
	const char *why;
	unsigned long addr;
	unsigned long pfn;
	dev_t dev;
	u64 ino;
	pgoff_t index;
	char name[GUP_PIN_SHORT_NAME];
};

void gup_pin_refused_by(const struct gup_pin_id *id, int err,
			const struct gup_pin_target *target);
u64 gup_pin_refusals(void);
void gup_pin_refused_exit(void);

/* calls.c */

/**
 * struct gup_pin_calls - counts calls by their records
 * @key: of records that were met; many times if a call has many
 * @nr: how many
 * @max: how many there is room for
 * @lost: there was no memory for some
 */
struct gup_pin_calls {
	u64 *key;
	size_t nr;
	size_t max;
	bool lost;
};

void gup_pin_calls_add(struct gup_pin_calls *calls, const struct gup_pin_share *share);
u64 gup_pin_calls_count(struct gup_pin_calls *calls);
void gup_pin_calls_free(struct gup_pin_calls *calls);

/* debugfs.c */
void gup_pin_debugfs_init(void);
void gup_pin_debugfs_exit(void);

/* The files in debugfs. */
extern const struct file_operations gup_pin_hazards_fops;
extern const struct file_operations gup_pin_orphans_fops;
extern const struct file_operations gup_pin_pins_fops;
extern const struct file_operations gup_pin_refused_fops;
extern const struct file_operations gup_pin_stacks_fops;
extern const struct file_operations gup_pin_stats_fops;
extern const struct file_operations gup_pin_verify_fops;

#endif /* _MM_GUP_PIN_VIEW_H */
