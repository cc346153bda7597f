/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rules of a filter.
 */
#ifndef GUP_PIN_FILTER_H
#define GUP_PIN_FILTER_H

#include <stdbool.h>

#include "gup_pin_tool.h"

enum rule_type {
	RULE_WORD,
	RULE_PFN,
	RULE_MIN_AGE,
	RULE_TASK,
	RULE_STACK,
	RULE_MODULE,
	RULE_PID,
	RULE_FILE,
};

/**
 * struct gp_rule - a condition for records
 * @type: how it is compared
 * @key: the word to compare
 * @value: its wanted value
 * @escaped: the same in the kernel's spelling, or the real name of a file
 * @from: the first number that matches
 * @to: the last number that matches; of a task, its own number
 * @both: of a task: process and task have to match, not one of them
 * @inode: of a file: its inode
 * @here: of a file: the records are of this machine, now
 * @looked: whether a record was compared
 * @seen: whether a record had the word
 */
struct gp_rule {
	enum rule_type type;
	char *key;
	char *value;
	char *escaped;
	unsigned long long from;
	unsigned long long to;
	bool both;
	struct gp_inode inode;
	bool here;
	bool looked;
	bool seen;
};

/* rules.c */
static bool gp_split_task(const char *task, unsigned long long *tgid,
			  unsigned long long *pid);
static bool gp_next_handle(const char **rest, unsigned long long *handle);

/* words.c */
static bool gp_filter_has(const struct gp_filter *filter, enum rule_type type);

#endif /* GUP_PIN_FILTER_H */
