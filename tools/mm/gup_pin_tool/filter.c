// SPDX-License-Identifier: GPL-2.0
/*
 * Which records are wanted: words key=value of the command line, a process, or a
 * file.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* A process or a task, or both with a slash. */
static int parse_task(struct gp_rule *rule)
{
	if (gp_number(rule->value, &rule->from))
		return GP_OK;
	rule->both = split_task(rule->value, &rule->from, &rule->to);
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
static bool next_handle(const char **rest, unsigned long long *handle)
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

	while (next_handle(&rest, &handle))
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
	return task && split_task(task, &tgid, &pid) && (tgid == wanted || pid == wanted);
}

/* As in the kernel's filter: a single number may be either. */
static bool same_task(const struct gp_rule *rule, const char *task)
{
	unsigned long long tgid, pid;

	if (!split_task(task, &tgid, &pid))
		return false;
	if (rule->both)
		return tgid == rule->from && pid == rule->to;
	return tgid == rule->from || pid == rule->from;
}

static bool is_handle(const struct gp_rule *rule, const char *stack)
{
	const char *rest = rule->value;
	unsigned long long handle, wanted;

	while (gp_number(stack, &handle) && next_handle(&rest, &wanted))
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
