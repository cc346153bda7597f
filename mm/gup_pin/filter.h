/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a reader of `pins` or `hazards` wants to see: `key=value` words that he
 * has written to the file he has open.
 */
#ifndef _MM_GUP_PIN_FILTER_H
#define _MM_GUP_PIN_FILTER_H

#include <linux/sched.h>
#include <linux/types.h>

struct gup_pin_hazard_record;
struct gup_pin_item;
struct seq_file;

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

#endif /* _MM_GUP_PIN_FILTER_H */
