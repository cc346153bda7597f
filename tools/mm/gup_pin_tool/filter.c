// SPDX-License-Identifier: GPL-2.0
/*
 * Which records are wanted: the words key=value of the command line, a process,
 * or a file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

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
 * @to: the last number that fits; of a file, its inode
 * @dev: of a file: its file system; NULL if the file was not found
 * @error: of a file: why it was not found
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
	char *dev;
	int error;
	bool looked;
	bool seen;
};

static struct gp_rule *new_rule(struct gp_filter *filter, enum rule_type type,
				const char *key)
{
	struct gp_rule *rule;

	if (filter->nr == filter->room)
		filter->rules = gp_grow(filter->rules, &filter->room,
					sizeof(*filter->rules));
	rule = &filter->rules[filter->nr++];
	memset(rule, 0, sizeof(*rule));
	rule->type = type;
	rule->key = gp_copy(key);
	return rule;
}

/* A or A-B. */
static int parse_range(struct gp_rule *rule)
{
	char *first = gp_copy(rule->value), *dash = strchr(first, '-');
	bool good;

	if (dash)
		*dash++ = '\0';
	good = gp_number(first, &rule->from) &&
	       gp_number(dash ? dash : first, &rule->to) && rule->from <= rule->to;
	free(first);
	return good ? GP_OK : gp_usage("pfn=%s is no range like 0x1000-0x1fff", rule->value);
}

static enum rule_type type_of(const char *key)
{
	if (!strcmp(key, "pfn"))
		return RULE_PFN;
	if (!strcmp(key, "min_age_ms"))
		return RULE_MIN_AGE;
	if (!strcmp(key, "task"))
		return RULE_TASK;
	return RULE_WORD;
}

/* key=value, as the kernel's own filter takes it; any word of a line will do. */
int gp_filter_add(struct gp_filter *filter, const char *word)
{
	size_t len = strcspn(word, "=");
	struct gp_rule *rule;
	char *key;

	if (!word[len] || !gp_is_key(word, len))
		return gp_usage("'%s' is no filter: key=value is wanted", word);
	key = gp_copy(word);
	key[len] = '\0';
	rule = new_rule(filter, type_of(key), key);
	free(key);
	rule->value = gp_copy(word + len + 1);
	rule->escaped = gp_escape(rule->value);
	if (rule->type == RULE_PFN)
		return parse_range(rule);
	if (rule->type == RULE_MIN_AGE && !gp_number(rule->value, &rule->from))
		return gp_usage("min_age_ms=%s is no number", rule->value);
	return GP_OK;
}

/* The pins on a process's memory, and those that it took. */
void gp_filter_add_pid(struct gp_filter *filter, unsigned long long pid)
{
	new_rule(filter, RULE_PID, "owner")->from = pid;
}

/*
 * The pins on a file: by device and inode while it is there, and by its name if
 * the kernel tells that. Each is enough: the name may be another one of several.
 */
int gp_filter_add_file(struct gp_filter *filter, const char *path)
{
	struct gp_rule *rule = new_rule(filter, RULE_FILE, "path");
	char *real = realpath(path, NULL);
	struct stat st;

	rule->value = gp_escape(path);
	rule->escaped = gp_escape(real ? real : path);
	free(real);
	if (stat(path, &st)) {
		rule->error = errno;
		return GP_OK;
	}
	rule->dev = gp_format("%u:%u", major(st.st_dev), minor(st.st_dev));
	rule->to = st.st_ino;
	return GP_OK;
}

/* The kernel says of a name that is gone that it is. */
static bool same_path(const char *path, const char *wanted)
{
	size_t len = strlen(wanted);

	return *path && !strncmp(path, wanted, len) &&
	       (!path[len] || !strcmp(path + len, "\\x20(deleted)"));
}

static bool on_file(struct gp_rule *rule, const struct gp_record *record)
{
	const char *path = gp_word(record, "path");
	const char *dev = gp_word(record, "dev");

	if (path)
		rule->seen = true;
	if (path && (same_path(path, rule->value) || same_path(path, rule->escaped)))
		return true;
	return rule->dev && dev && !strcmp(dev, rule->dev) && rule->to &&
	       gp_word_number(record, "ino") == rule->to;
}

/* Both numbers of a task, TGID/PID. */
static bool split_task(const char *task, unsigned long long *tgid,
		       unsigned long long *pid)
{
	char first[32];
	size_t len = strcspn(task, "/");

	if (!task[len] || len >= sizeof(first))
		return false;
	memcpy(first, task, len);
	first[len] = '\0';
	return gp_number(first, tgid) && gp_number(task + len + 1, pid);
}

static bool of_process(const struct gp_record *record, unsigned long long wanted)
{
	const char *task = gp_word(record, "task");
	unsigned long long tgid, pid;

	if (gp_word(record, "owner") && gp_word_number(record, "owner") == wanted)
		return true;
	return task && split_task(task, &tgid, &pid) && (tgid == wanted || pid == wanted);
}

/* task=A/B is one thread, task=A any of a process. */
static bool same_task(const char *task, const char *wanted)
{
	size_t len = strlen(wanted);

	return !strcmp(task, wanted) || (!strncmp(task, wanted, len) && task[len] == '/');
}

static bool same_word(const struct gp_rule *rule, const char *value)
{
	unsigned long long a, b;

	if (!strcmp(value, rule->value) || !strcmp(value, rule->escaped))
		return true;
	return gp_key_type(rule->key) != GP_TEXT && gp_number(value, &a) &&
	       gp_number(rule->value, &b) && a == b;
}

static bool in_range(const struct gp_rule *rule, const struct gp_record *record)
{
	unsigned long long pfn = gp_word_number(record, "pfn");
	unsigned long long end = gp_add(pfn, gp_word_number(record, "pages"));

	return pfn <= rule->to && end > rule->from;
}

static bool old_enough(struct gp_rule *rule, const struct gp_record *record)
{
	const char *key = record->kind == GP_PINS ? "age_ms" : "oldest_ms";

	rule->seen = true;
	return gp_word_number(record, key) >= rule->from;
}

static bool meets(struct gp_rule *rule, const struct gp_record *record)
{
	const char *value;

	rule->looked = true;
	if (rule->type == RULE_FILE)
		return on_file(rule, record);
	if (rule->type == RULE_MIN_AGE)
		return old_enough(rule, record);
	value = gp_word(record, rule->key);
	if (!value)
		return false;
	rule->seen = true;
	switch (rule->type) {
	case RULE_PFN:
		return in_range(rule, record);
	case RULE_TASK:
		return same_task(value, rule->value);
	case RULE_PID:
		return of_process(record, rule->from);
	default:
		return same_word(rule, value);
	}
}

bool gp_filter_pass(struct gp_filter *filter, const struct gp_record *record)
{
	bool pass = true;
	size_t i;

	/* All are asked, for each remembers whether it saw its word. */
	for (i = 0; i < filter->nr; i++)
		if (!meets(&filter->rules[i], record))
			pass = false;
	return pass;
}

/* Does it ask for words that are in `pins` only? */
bool gp_filter_needs_pins(const struct gp_filter *filter)
{
	size_t i;

	for (i = 0; i < filter->nr; i++) {
		const struct gp_rule *rule = &filter->rules[i];

		if (rule->type == RULE_FILE || !strcmp(rule->key, "path"))
			return true;
		if (gp_kind_has(GP_PINS, rule->key) && !gp_kind_has(GP_STACKS, rule->key))
			return true;
	}
	return false;
}

/* When all was read: an empty answer to a slip of the pen would mislead. */
int gp_filter_check(const struct gp_filter *filter, const char *name)
{
	size_t i;

	for (i = 0; i < filter->nr; i++) {
		const struct gp_rule *rule = &filter->rules[i];

		if (rule->type == RULE_FILE && rule->error && !rule->seen)
			return gp_error("%s: %s, and %s has no path= to find it by",
					rule->value, strerror(rule->error), name);
		if (rule->type != RULE_FILE && rule->looked && !rule->seen)
			return gp_error("%s: no line has a word %s=", name, rule->key);
	}
	return GP_OK;
}

void gp_filter_free(struct gp_filter *filter)
{
	size_t i;

	for (i = 0; i < filter->nr; i++) {
		free(filter->rules[i].key);
		free(filter->rules[i].value);
		free(filter->rules[i].escaped);
		free(filter->rules[i].dev);
	}
	free(filter->rules);
}
