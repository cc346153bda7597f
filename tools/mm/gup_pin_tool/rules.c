// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of a filter: from words key=value of the command line, for a process, or for a
 * file.
 */
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "gup_pin_tool.h"

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

/* The filter as named in messages. */
static void add_text(struct gp_filter *filter, const char *front, const char *text)
{
	char *old = filter->text;

	filter->text = gp_format("%s%s%s%s", old ? old : "", old ? " " : "", front, text);
	free(old);
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
	return good ? GP_OK : gp_usage("pfn=%s is not a range like 0x1000-0x1fff", rule->value);
}

/* Both numbers of a task, TGID/PID. */
static bool gp_split_task(const char *task, unsigned long long *tgid,
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

/* A process or a task, or both with a slash. */
static int parse_task(struct gp_rule *rule)
{
	if (gp_number(rule->value, &rule->from))
		return GP_OK;
	rule->both = gp_split_task(rule->value, &rule->from, &rule->to);
	return rule->both ? GP_OK : gp_usage("task=%s is neither PID nor TGID/PID", rule->value);
}

/* Frames have underscores where the name of the module's file may have dashes. */
static int parse_module(struct gp_rule *rule)
{
	char *c;

	for (c = rule->value; *c; c++)
		if (*c == '-')
			*c = '_';
	return *rule->value ? GP_OK : gp_usage("module= has no name: vmlinux is built-in code");
}

/* The next of several handles with commas; *rest is NULL behind the last one. */
static bool gp_next_handle(const char **rest, unsigned long long *handle)
{
	size_t len = *rest ? strcspn(*rest, ",") : 0;
	char *text = gp_format("%.*s", (int)len, *rest ? *rest : "");
	bool good = gp_number(text, handle);

	if (good)
		*rest = (*rest)[len] ? *rest + len + 1 : NULL;
	free(text);
	return good;
}

static int parse_handles(const struct gp_rule *rule)
{
	const char *rest = rule->value;
	unsigned long long handle;

	while (gp_next_handle(&rest, &handle))
		;
	return rest ? gp_usage("stack=%s is not a number", rule->value) : GP_OK;
}

/* Major and minor number of a device, MAJOR:MINOR. */
static bool is_device(const char *text)
{
	unsigned int major, minor;
	int end = 0;

	return sscanf(text, "%u:%u%n", &major, &minor, &end) == 2 && !text[end];
}

static int check_number(const struct gp_rule *rule)
{
	enum gp_type type = gp_key_type(rule->key);
	unsigned long long number;

	if (!strcmp(rule->key, "dev") && !is_device(rule->value))
		return gp_usage("dev=%s is not a device like 8:1", rule->value);
	if ((type == GP_DECIMAL || type == GP_HEX) && !gp_number(rule->value, &number))
		return gp_usage("%s=%s is not a number", rule->key, rule->value);
	return GP_OK;
}

/* Words whose values are the same in all kernels. */
static int check_value(const struct gp_rule *rule)
{
	bool mode = !strcmp(rule->key, "mode"), term = !strcmp(rule->key, "term");

	if (mode && strcmp(rule->value, "r") && strcmp(rule->value, "w"))
		return gp_usage("mode=%s is neither r nor w", rule->value);
	if (term && strcmp(rule->value, "short") && strcmp(rule->value, "long"))
		return gp_usage("term=%s is neither short nor long", rule->value);
	if (!strcmp(rule->key, "gone") && strcmp(rule->value, "owner") &&
	    strcmp(rule->value, "task") && strcmp(rule->value, "both"))
		return gp_usage("gone=%s is neither owner, task nor both", rule->value);
	return check_number(rule);
}

static enum rule_type rule_type_of(const char *key)
{
	if (!strcmp(key, "pfn"))
		return RULE_PFN;
	if (!strcmp(key, "min_age_ms"))
		return RULE_MIN_AGE;
	if (!strcmp(key, "task"))
		return RULE_TASK;
	if (!strcmp(key, "stack"))
		return RULE_STACK;
	if (!strcmp(key, "module"))
		return RULE_MODULE;
	return RULE_WORD;
}

/* key=value, as in the kernel's own filter, with any word of a line. */
static int gp_filter_add(struct gp_filter *filter, const char *word)
{
	size_t len = strcspn(word, "=");
	struct gp_rule *rule;
	char *key;

	if (!word[len] || !gp_is_key(word, len))
		return gp_usage("'%s' is not a filter: key=value is wanted", word);
	key = gp_copy(word);
	key[len] = '\0';
	rule = new_rule(filter, rule_type_of(key), key);
	free(key);
	add_text(filter, "", word);
	rule->value = gp_copy(word + len + 1);
	rule->escaped = gp_escape(rule->value);
	if (rule->type == RULE_PFN)
		return parse_range(rule);
	if (rule->type == RULE_TASK)
		return parse_task(rule);
	if (rule->type == RULE_STACK)
		return parse_handles(rule);
	if (rule->type == RULE_MODULE)
		return parse_module(rule);
	if (rule->type == RULE_MIN_AGE && !gp_number(rule->value, &rule->from))
		return gp_usage("min_age_ms=%s is not a number", rule->value);
	return check_value(rule);
}

/* The pins on a process's memory, and the pins that it took. */
static void gp_filter_add_pid(struct gp_filter *filter, unsigned long long pid)
{
	char *text = gp_format("%llu", pid);

	new_rule(filter, RULE_PID, "owner")->from = pid;
	add_text(filter, "task ", text);
	free(text);
}

/* The path as given, and from the root on. */
static void set_paths(struct gp_rule *rule, const char *path)
{
	char *clean = gp_path_clean(path), *real = gp_path_real(path);
	bool up = !strcmp(clean, "..") || !strncmp(clean, "../", 3);

	/* A path with leading ".." cannot be the end of another path. */
	rule->value = gp_escape(up ? real : clean);
	rule->escaped = gp_escape(real);
	free(clean);
	free(real);
}

/*
 * The pins on a file: by device and inode if it is a file of this kernel, otherwise
 * also by its name if the line has one, which other files may share.
 */
static void gp_filter_add_file(struct gp_filter *filter, const char *path, bool here)
{
	struct gp_rule *rule = new_rule(filter, RULE_FILE, "path");

	add_text(filter, "", path);
	set_paths(rule, path);
	gp_inode_find(&rule->inode, path);
	rule->here = here;
}
