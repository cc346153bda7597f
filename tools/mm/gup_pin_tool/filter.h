/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a filter is made of.
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
	RULE_PID,
	RULE_FILE,
};

/**
 * struct gp_rule - what a record has to meet
 * @type: how it is compared
 * @key: the word that is looked at
 * @value: what it has to be
 * @escaped: the same as the kernel would write it, or the real name of a file
 * @from: the first number that fits
 * @to: the last number that fits; of a task, its own number
 * @both: of a task: process and task have to fit, not one of them
 * @inode: of a file: its inode
 * @here: of a file: the records are of this machine, now
 * @looked: some record was looked at
 * @seen: some record had the word
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

#endif /* GUP_PIN_FILTER_H */
