/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What users read: lines of pins, figures, and the files that they are in.
 */
#ifndef _MM_GUP_PIN_TEXT_H
#define _MM_GUP_PIN_TEXT_H

#include "record/record.h"

struct gup_pin_filter;
struct inode;
struct seq_file;

/* Of the lines in debugfs: the number in `# gup_pin <file> N`. */
#define GUP_PIN_TEXT_FORMAT	1

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
#define GUP_PIN_BATCH		64

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

/* A task's name, escaped. */
#define GUP_PIN_COMM_MAX	(4 * TASK_COMM_LEN + 1)

extern const char *const gup_pin_api_names[NR_GUP_PIN_APIS];
int gup_pin_format_run(char *buf, size_t size, const struct gup_pin_run *run,
		       u64 now);
const char *gup_pin_mode_name(enum gup_pin_mode mode);
const char *gup_pin_term_name(enum gup_pin_term term);
const char *gup_pin_api_name(unsigned int api);
const char *gup_pin_map_name(enum gup_pin_map map);
const char *gup_pin_match_name(enum gup_pin_match match);
unsigned int gup_pin_format_comm(char *buf, const char *comm);
u64 gup_pin_age_ms(u64 time, u64 now);

/* name.c */

/* A path in `pins`, and one that is kept or reported. */
#define GUP_PIN_NAME_MAX	256
#define GUP_PIN_SHORT_NAME	64

unsigned int gup_pin_file_nlink(const struct folio *folio);
void gup_pin_file_type(const struct folio *folio, char *type, size_t size);
void gup_pin_file_name(const struct folio *folio,
		       const struct gup_pin_folio *desc, char *name, size_t size);
void gup_pin_inode_name(const struct inode *inode, char *name, size_t size);
void gup_pin_item_name(const struct gup_pin_item *item, char *name, size_t size);
void gup_pin_show_path(struct seq_file *m, const char *name);

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

/* The files in debugfs. */
extern const struct file_operations gup_pin_hazards_fops;
extern const struct file_operations gup_pin_orphans_fops;
extern const struct file_operations gup_pin_pins_fops;
extern const struct file_operations gup_pin_refused_fops;
extern const struct file_operations gup_pin_stacks_fops;
extern const struct file_operations gup_pin_stats_fops;
extern const struct file_operations gup_pin_verify_fops;

#endif /* _MM_GUP_PIN_TEXT_H */
