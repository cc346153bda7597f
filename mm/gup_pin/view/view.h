/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The output: lines of pins and hazards, statistics, and the files for them.
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

/* Format of the files in debugfs: N in `# gup_pin <file> N`. */
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
 * struct gup_pin_filter - selects pins and hazards; a zeroed filter matches all
 * @keys: the members in use, a bitmap of &enum gup_pin_filter_key
 * @owner: process whose memory was pinned
 * @tgid: process of the pinning task
 * @pid: the pinning task; with @any_id, its process or itself
 * @any_id: a single number was given for process and task
 * @comm: name of the pinning task
 * @mode: read or write
 * @term: short or long
 * @api: the pin function
 * @dev: device of the file
 * @stack: stack handle
 * @ino: inode number of the file
 * @first: first page of the range; a folio matches if any page does
 * @last: last page of the range (inclusive)
 * @min_age_ms: minimum age, in ms
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

/* Maximum length of a filter; more than all words together. */
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
 * struct gup_pin_run - contiguous pages pinned by one call: one line of output
 * @first: the first item
 * @pages: total number of pages
 * @pins: total number of pins
 */
struct gup_pin_run {
	struct gup_pin_item first;
	unsigned long pages;
	unsigned long pins;
};

/* If more calls than this pin the same pages, runs are split into several lines. */
#define GUP_PIN_OPEN_RUNS	32

/**
 * struct gup_pin_runs - merges the items of a walk into runs
 * @filter: items to use; NULL for all
 * @next: index of the first unused entry of @items
 * @nr: number of entries in @items
 * @nr_open: number of entries in @open
 * @taken: index of the first entry of @done that was not returned yet
 * @ready: number of entries in @done
 * @items: items from the walk
 * @open: runs that the next items may continue
 * @done: complete runs
 * @walk: source of the items; last, as it must survive the reset of the other members
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

/* The longest line: every word at its maximum, comm escaped to four times its size. */
#define GUP_PIN_LINE_MAX	512

int gup_pin_format_run(char *buf, size_t size, const struct gup_pin_run *run,
		       u64 now);

/* lines.c */

/**
 * struct gup_pin_lines - state of reading a file
 * @title: name of the file, for its first line
 * @wanted: pins to show, in addition to @filter; NULL for all
 * @gone: value of gone= for the pin last passed to @wanted; NULL to omit the word
 * @hide: show pfn and stack as 0
 * @ns: pid namespace for ids; NULL for the initial one
 * @filter: pins to show
 * @at: file position, in lines, of @run
 * @run: the current line; NULL before the first and after the last one
 * @runs: source of the lines
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

/* tracing.c: call only if the tracepoints are enabled */
void gup_pin_trace_taken(const struct gup_pin_id *id, struct folio *folio,
			 unsigned long pins);
void gup_pin_trace_taken_pages(const struct gup_pin_id *id,
			       struct page **pages, unsigned long npages,
			       unsigned long addr);
void gup_pin_trace_dropped(const struct gup_pin_unpin *unpin, unsigned long pfn,
			   unsigned long npages, unsigned long pins);

/* refused.c */

/**
 * struct gup_pin_target - the memory that could not be pinned
 * @why: reason: device, dax, file, movable or secretmem
 * @addr: user address; 0 if there is none
 * @pfn: the page that could not be migrated; 0 if unknown
 * @dev: device of the mapped file; 0 without a file, as are @ino and @index
 * @ino: inode number of the file
 * @index: index in the file, in pages
 * @name: name of the file
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
void gup_pin_refused_unload(const struct gup_pin_code *code);
void gup_pin_refused_exit(void);

/* stacks.c */
void gup_pin_show_frames(struct seq_file *m, const unsigned long *entries,
			 unsigned int nr, u32 mark, u32 as_of);
void gup_pin_show_stack(struct seq_file *m, depot_stack_handle_t stack, u32 as_of);

/* calls.c */

/**
 * struct gup_pin_calls - counts calls by their records
 * @key: keys of the records; several for a call with several records
 * @nr: number of keys
 * @max: size of @key
 * @lost: memory was short, so some records are missing
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

extern const struct file_operations gup_pin_hazards_fops;
extern const struct file_operations gup_pin_orphans_fops;
extern const struct file_operations gup_pin_pins_fops;
extern const struct file_operations gup_pin_refused_fops;
extern const struct file_operations gup_pin_stacks_fops;
extern const struct file_operations gup_pin_stats_fops;
extern const struct file_operations gup_pin_verify_fops;

#endif /* _MM_GUP_PIN_VIEW_H */
