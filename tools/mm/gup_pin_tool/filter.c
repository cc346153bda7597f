// SPDX-License-Identifier: GPL-2.0
/*
 * Which records are wanted: those that meet all rules of a filter.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter.h"
#include "gup_pin_tool.h"

/* The number of bytes of a path that the kernel keeps. */
#define PATH_KEPT	255

/* Has the path lost its front? Then it may begin in the middle of a name. */
static bool is_cut(const char *path)
{
	size_t bytes;

	if (*path == '/')
		return false;
	for (bytes = 0; *path; bytes++)
		path += !strncmp(path, "\\x", 2) && strlen(path) >= 4 ? 4 : 1;
	return bytes >= PATH_KEPT;
}

/* Does @path end with @end, and at the start of a name unless @cut? */
static bool is_end(const char *end, size_t len, const char *path, bool cut)
{
	size_t path_len = strlen(path);

	if (!len || len > path_len || strncmp(path + path_len - len, end, len))
		return false;
	return cut || len == path_len || *end == '/' || path[path_len - len - 1] == '/';
}

/* Length of the kernel's path, without a note that the name is deleted. */
static size_t path_length(const char *path)
{
	static const char deleted[] = "\\x20(deleted)";
	size_t len = strlen(path), gone = strlen(deleted);

	return len > gone && !strcmp(path + len - gone, deleted) ? len - gone : len;
}

/*
 * The kernel's path begins at the root of its file system, or later if it is very
 * long.
 */
static bool same_path(const char *path, const char *wanted)
{
	size_t len = path_length(path);

	if (*wanted != '/') {
		char *name = gp_format("%.*s", (int)len, path);
		bool same = is_end(wanted, strlen(wanted), name, false);

		free(name);
		return same;
	}
	return is_end(path, len, wanted, is_cut(path));
}

/* Is the last name equal? */
static bool same_name(const char *path, const char *wanted)
{
	const char *slash = strrchr(wanted, '/');

	return same_path(path, slash ? slash + 1 : wanted);
}

/*
 * Device and inode. A copy may be of another machine: there the last name must be equal,
 * too. Its folders may differ, if some folder is mounted.
 */
static bool same_numbers(const struct gp_rule *rule, const struct gp_record *record)
{
	const char *path = gp_word(record, "path"), *dev = gp_word(record, "dev");
	const struct gp_inode *inode = &rule->inode;

	if (!inode->dev || !inode->ino || !dev || strcmp(dev, inode->dev) ||
	    gp_word_number(record, "ino") != inode->ino)
		return false;
	if (!path || !*path)
		return true;
	if (rule->here)
		return gp_inode_has_path(inode, path);
	return same_name(path, rule->escaped);
}

/* Does it have the name of the file, or its name in a layer of an overlay? */
static bool has_name(const struct gp_rule *rule, const char *path)
{
	size_t i;

	for (i = 0; i < rule->inode.nr_names; i++)
		if (same_path(path, rule->inode.names[i]))
			return true;
	return same_path(path, rule->value) || same_path(path, rule->escaped);
}

static bool on_file(struct gp_rule *rule, const struct gp_record *record)
{
	const char *path = gp_word(record, "path");

	if (path)
		rule->seen = true;
	if (same_numbers(rule, record))
		return true;
	if ((rule->here && rule->inode.sure) || !path || !*path)
		return false;
	return has_name(rule, path);
}

/* The second pass, by task, skips records found by owner in the first. */
static bool of_process(const struct gp_record *record, unsigned long long wanted,
		       unsigned int pass)
{
	const char *task = gp_word(record, "task");
	unsigned long long tgid, pid;

	if (gp_word(record, "owner") && gp_word_number(record, "owner") == wanted)
		return !pass;
	return task && gp_split_task(task, &tgid, &pid) && (tgid == wanted || pid == wanted);
}

/* As in the kernel's filter: a single number may be either. */
static bool same_task(const struct gp_rule *rule, const char *task)
{
	unsigned long long tgid, pid;

	if (!gp_split_task(task, &tgid, &pid))
		return false;
	if (rule->both)
		return tgid == rule->from && pid == rule->to;
	return tgid == rule->from || pid == rule->from;
}

static bool is_handle(const struct gp_rule *rule, const char *stack)
{
	const char *rest = rule->value;
	unsigned long long handle, wanted;

	while (gp_number(stack, &handle) && gp_next_handle(&rest, &wanted))
		if (handle == wanted)
			return true;
	return false;
}

static bool same_word(const struct gp_rule *rule, const char *value)
{
	enum gp_type type = gp_key_type(rule->key);
	unsigned long long a, b;

	if (!strcmp(value, rule->value) || !strcmp(value, rule->escaped))
		return true;
	return (type == GP_DECIMAL || type == GP_HEX) && gp_number(value, &a) &&
	       gp_number(rule->value, &b) && a == b;
}

static bool in_range(const struct gp_rule *rule, const struct gp_record *record)
{
	/* A refusal names a single page and has no word pages=; pfn=0 is no page. */
	unsigned long long pages = record->pages ? record->pages : 1;

	if (record->kind == GP_REFUSED && !record->pfn)
		return false;
	return record->pfn <= rule->to &&
	       gp_add(record->pfn, pages) > rule->from;
}

static bool old_enough(const struct gp_rule *rule, const char *age)
{
	unsigned long long ms;

	return gp_number(age, &ms) && ms >= rule->from;
}

/* For a hazard, the module of its pin, or that of its event. */
static bool in_module(const struct gp_rule *rule, const struct gp_record *record,
		      const char *frames)
{
	char *module = gp_module_of(frames);
	bool same = !strcmp(module, rule->value);

	free(module);
	if (!same && record->kind == GP_HAZARDS) {
		module = gp_module_of(record->event);
		same = !strcmp(module, rule->value);
		free(module);
	}
	return same;
}

static bool meets_word(const struct gp_rule *rule, const struct gp_record *record,
		       const char *value, unsigned int pass)
{
	switch (rule->type) {
	case RULE_PFN:
		return in_range(rule, record);
	case RULE_MIN_AGE:
		return old_enough(rule, value);
	case RULE_TASK:
		return same_task(rule, value);
	case RULE_STACK:
		return is_handle(rule, value);
	case RULE_PID:
		return of_process(record, rule->from, pass);
	default:
		return same_word(rule, value);
	}
}

/* The word of a line that a rule compares; NULL if it compares something else. */
static const char *word_of(const struct gp_rule *rule)
{
	if (rule->type == RULE_FILE || rule->type == RULE_MODULE)
		return NULL;
	return rule->type == RULE_MIN_AGE ? "age_ms" : rule->key;
}

/* For a word that a hazard has twice, either may match. */
static bool meets_rule(struct gp_rule *rule, const struct gp_record *record,
		       const char *frames, unsigned int pass)
{
	const char *key = word_of(rule), *value;
	unsigned int at = 0;

	rule->looked = true;
	if (rule->type == RULE_FILE)
		return on_file(rule, record);
	if (rule->type == RULE_MODULE) {
		rule->seen = true;
		return in_module(rule, record, frames);
	}
	while ((value = gp_next_word(record, key, &at))) {
		rule->seen = true;
		if (meets_word(rule, record, value, pass))
			return true;
	}
	return false;
}

/*
 * The kernel leaves out folios of a run outside of the range; a copy has the whole run.
 * If a call's folios have different numbers of pins, all count the average.
 */
static void clip_record(struct gp_record *record, const struct gp_rule *range)
{
	unsigned long long order = gp_word_number(record, "order");
	unsigned long long size = order < 32 ? 1ULL << order : 0;
	unsigned long long folios = size ? record->pages / size : 0;
	unsigned long long first, last, nr;

	/* Invalid: no run is that large. */
	if (!folios || folios > UINT_MAX || record->pages % size)
		return;
	first = range->from > record->pfn ? (range->from - record->pfn) / size : 0;
	last = (range->to - record->pfn) / size;
	nr = (last < folios ? last + 1 : folios) - first;
	record->pfn += first * size;
	record->pages = nr * size;
	record->pins = record->pins / folios * nr +
		       (record->pins % folios * nr + folios - 1) / folios;
}

/**
 * gp_filter_pass() - is a record wanted?
 * @filter: which ones are
 * @record: the record; limited to the part of its run that is in the range
 * @frames: the frames of its stack; NULL if unknown
 *
 * Return: true if so.
 */
static bool gp_filter_pass(struct gp_filter *filter, struct gp_record *record,
			   const char *frames)
{
	bool pass = true;
	size_t i;

	filter->looked++;
	filter->pins = gp_add(filter->pins, record->pins);
	/* Check all rules, since each notes whether its word was seen. */
	for (i = 0; i < filter->nr; i++)
		if (!meets_rule(&filter->rules[i], record, frames, filter->pass))
			pass = false;
	for (i = 0; pass && i < filter->nr; i++) {
		if (filter->rules[i].type != RULE_PFN)
			continue;
		/* Another range may have left nothing of it. */
		pass = in_range(&filter->rules[i], record);
		if (pass)
			clip_record(record, &filter->rules[i]);
	}
	return pass;
}

/*
 * A word that only `pins` has, or NULL. Sums have the age of the oldest pin only, so
 * min_age_ms= needs `pins`, too.
 */
static const char *gp_filter_needs_pins(const struct gp_filter *filter)
{
	size_t i;

	for (i = 0; i < filter->nr; i++) {
		const struct gp_rule *rule = &filter->rules[i];

		if (rule->type == RULE_MIN_AGE || gp_key_needs_pins(rule->key))
			return rule->key;
	}
	return NULL;
}

/* The names of modules are those in the frames. */
static bool gp_filter_needs_frames(const struct gp_filter *filter)
{
	return gp_filter_has(filter, RULE_MODULE);
}

/* At the end of the file: an empty answer to a typing error would mislead. */
static int gp_filter_check(const struct gp_filter *filter, const struct gp_reader *reader)
{
	int status = GP_OK;
	size_t i;

	for (i = 0; !status && i < filter->nr; i++) {
		const struct gp_rule *rule = &filter->rules[i];

		if (rule->seen)
			continue;
		if (rule->type == RULE_FILE && rule->inode.error && rule->looked)
			return gp_error("%s: %s, and %s has no path= to find it by",
					rule->value, strerror(rule->inode.error),
					reader->lines.name);
		if (word_of(rule))
			status = gp_reader_lacks(reader, word_of(rule), rule->looked, "");
	}
	return status;
}

static char *rule_problem(const struct gp_rule *rule, bool live)
{
	char *folder, *text = NULL;

	if (rule->type == RULE_FILE && rule->inode.error)
		return gp_copy(strerror(rule->inode.error));
	if (rule->type == RULE_FILE && rule->here && rule->inode.directory)
		return gp_copy("it is a directory: name a file in it");
	if (rule->type == RULE_PID && live) {
		folder = gp_format("/proc/%llu", rule->from);
		if (access(folder, F_OK))
			text = gp_copy("there is no such task");
		free(folder);
	}
	return text;
}

/**
 * gp_filter_problem() - why no record can pass
 * @filter: a filter that no record has passed
 * @live: whether the records are the kernel's current ones
 *
 * Return: the problem of the first such rule, to be freed; NULL if there is none.
 */
static char *gp_filter_problem(const struct gp_filter *filter, bool live)
{
	char *problem = NULL;
	size_t i;

	for (i = 0; !problem && i < filter->nr; i++)
		problem = rule_problem(&filter->rules[i], live);
	return problem;
}

static void gp_filter_free(struct gp_filter *filter)
{
	size_t i;

	for (i = 0; i < filter->nr; i++) {
		free(filter->rules[i].key);
		free(filter->rules[i].value);
		free(filter->rules[i].escaped);
		gp_inode_free(&filter->rules[i].inode);
	}
	free(filter->rules);
	free(filter->text);
}
