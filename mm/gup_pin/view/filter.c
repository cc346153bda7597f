// SPDX-License-Identifier: GPL-2.0
/*
 * Filters: parsing them, and matching pins and hazards against them.
 *
 * Values have the same format as in the output, so that a word of a line
 * can be used as a filter.
 */
#include <linux/bits.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/kdev_t.h>
#include <linux/kstrtox.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/string_helpers.h>

#include "view.h"

#define BLANKS	" \t\r\n"

static int parse_id(const char *value, pid_t *id)
{
	int err = kstrtoint(value, 10, id);

	return err ?: *id < 0 ? -EINVAL : 0;
}

static int parse_owner(struct gup_pin_filter *filter, char *value)
{
	return parse_id(value, &filter->owner);
}

/* A single number is the id of a process or a task; two numbers are the ids of both. */
static int parse_task(struct gup_pin_filter *filter, char *value)
{
	char *tgid = strsep(&value, "/");
	int err = parse_id(tgid, &filter->tgid);

	filter->any_id = !value;
	filter->pid = filter->tgid;
	if (!err && value)
		err = parse_id(value, &filter->pid);
	return err;
}

/* An empty value is an error rather than a task without a name. */
static int parse_comm(struct gup_pin_filter *filter, char *value)
{
	int len = string_unescape_inplace(value, UNESCAPE_HEX);

	if (!len || len >= TASK_COMM_LEN || len != strlen(value))
		return -EINVAL;
	strscpy_pad(filter->comm, value, sizeof(filter->comm));
	return 0;
}

static int parse_name(const char *const *names, unsigned int nr,
		      const char *value, int *found)
{
	*found = match_string(names, nr, value);
	return *found < 0 ? -EINVAL : 0;
}

static int parse_mode(struct gup_pin_filter *filter, char *value)
{
	const char *const names[] = {
		[GUP_PIN_READ] = gup_pin_mode_name(GUP_PIN_READ),
		[GUP_PIN_WRITE] = gup_pin_mode_name(GUP_PIN_WRITE),
	};

	return parse_name(names, ARRAY_SIZE(names), value, &filter->mode);
}

static int parse_term(struct gup_pin_filter *filter, char *value)
{
	const char *const names[] = {
		[GUP_PIN_SHORT] = gup_pin_term_name(GUP_PIN_SHORT),
		[GUP_PIN_LONG] = gup_pin_term_name(GUP_PIN_LONG),
	};

	return parse_name(names, ARRAY_SIZE(names), value, &filter->term);
}

static int parse_api(struct gup_pin_filter *filter, char *value)
{
	return parse_name(gup_pin_api_names, NR_GUP_PIN_APIS, value,
			  &filter->api);
}

/* Some numbers in the output are hexadecimal. None are octal. */
static unsigned int base_of(const char *value)
{
	return value[0] == '0' && tolower(value[1]) == 'x' ? 16 : 10;
}

/* A-B (inclusive), or just A. */
static int parse_pfn(struct gup_pin_filter *filter, char *value)
{
	char *first = strsep(&value, "-");
	int err = kstrtoul(first, base_of(first), &filter->first);

	filter->last = filter->first;
	if (!err && value)
		err = kstrtoul(value, base_of(value), &filter->last);
	return err ?: filter->last < filter->first ? -EINVAL : 0;
}

static int parse_ino(struct gup_pin_filter *filter, char *value)
{
	return kstrtou64(value, base_of(value), &filter->ino);
}

static int parse_dev(struct gup_pin_filter *filter, char *value)
{
	char *word = strsep(&value, ":");
	unsigned int major, minor;

	if (!value || kstrtouint(word, 10, &major) ||
	    kstrtouint(value, 10, &minor) ||
	    major > BIT(32 - MINORBITS) - 1 || minor > MINORMASK)
		return -EINVAL;
	filter->dev = MKDEV(major, minor);
	return 0;
}

static int parse_min_age(struct gup_pin_filter *filter, char *value)
{
	return kstrtou64(value, 10, &filter->min_age_ms);
}

static int parse_stack(struct gup_pin_filter *filter, char *value)
{
	return kstrtou32(value, base_of(value), &filter->stack);
}

static const struct {
	const char *name;
	int (*parse)(struct gup_pin_filter *filter, char *value);
} keys[NR_GUP_PIN_FILTER_KEYS] = {
	[GUP_PIN_FILTER_OWNER]		= { "owner", parse_owner },
	[GUP_PIN_FILTER_TASK]		= { "task", parse_task },
	[GUP_PIN_FILTER_COMM]		= { "comm", parse_comm },
	[GUP_PIN_FILTER_MODE]		= { "mode", parse_mode },
	[GUP_PIN_FILTER_TERM]		= { "term", parse_term },
	[GUP_PIN_FILTER_API]		= { "api", parse_api },
	[GUP_PIN_FILTER_PFN]		= { "pfn", parse_pfn },
	[GUP_PIN_FILTER_INO]		= { "ino", parse_ino },
	[GUP_PIN_FILTER_DEV]		= { "dev", parse_dev },
	[GUP_PIN_FILTER_MIN_AGE]	= { "min_age_ms", parse_min_age },
	[GUP_PIN_FILTER_STACK]		= { "stack", parse_stack },
};

static int parse_word(struct gup_pin_filter *filter, char *word)
{
	const char *key = strsep(&word, "=");
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(key, keys[i].name))
			break;
	/* A repeated word is an error: only one of the two could apply. */
	if (i == ARRAY_SIZE(keys) || !word || filter->keys & BIT(i) ||
	    keys[i].parse(filter, word))
		return -EINVAL;
	filter->keys |= BIT(i);
	return 0;
}

/**
 * gup_pin_filter_parse() - parse a filter
 * @filter: filled in; undefined on failure
 * @text: the words, which are modified; without any words, everything matches
 *
 * Return: 0, or -EINVAL for an unknown word or an invalid value.
 */
int gup_pin_filter_parse(struct gup_pin_filter *filter, char *text)
{
	char *word;
	int err;

	memset(filter, 0, sizeof(*filter));
	while ((word = strsep(&text, BLANKS))) {
		if (!*word)
			continue;
		err = parse_word(filter, word);
		if (err)
			return err;
	}
	return 0;
}

static bool has(const struct gup_pin_filter *filter, enum gup_pin_filter_key key)
{
	return filter->keys & BIT(key);
}

/**
 * gup_pin_filter_start() - first page to visit
 * @filter: the filter
 *
 * The pins on a large folio may be far from the first page of the range. The head of that
 * folio is not looked up, as its memory may have been removed.
 *
 * Return: a pfn.
 */
unsigned long gup_pin_filter_start(const struct gup_pin_filter *filter)
{
	if (!has(filter, GUP_PIN_FILTER_PFN))
		return 0;
	return round_down(filter->first, MAX_FOLIO_NR_PAGES);
}

/**
 * gup_pin_filter_end() - last page to visit
 * @filter: the filter
 *
 * Return: a pfn.
 */
unsigned long gup_pin_filter_end(const struct gup_pin_filter *filter)
{
	if (!has(filter, GUP_PIN_FILTER_PFN))
		return ULONG_MAX;
	return filter->last | (MAX_FOLIO_NR_PAGES - 1);
}

static bool wants_task(const struct gup_pin_filter *filter, pid_t tgid, pid_t pid)
{
	if (!has(filter, GUP_PIN_FILTER_TASK))
		return true;
	if (filter->any_id)
		return filter->pid == tgid || filter->pid == pid;
	return filter->tgid == tgid && filter->pid == pid;
}

static bool wants_comm(const struct gup_pin_filter *filter, const char *comm)
{
	return !has(filter, GUP_PIN_FILTER_COMM) ||
	       !strncmp(filter->comm, comm, sizeof(filter->comm));
}

static bool wants_age(const struct gup_pin_filter *filter, u64 time, u64 now)
{
	return !has(filter, GUP_PIN_FILTER_MIN_AGE) ||
	       gup_pin_age_ms(time, now) >= filter->min_age_ms;
}

static bool wants_id(const struct gup_pin_filter *filter,
		     const struct gup_pin_id *id)
{
	return (!has(filter, GUP_PIN_FILTER_OWNER) ||
		filter->owner == id->owner) &&
	       (!has(filter, GUP_PIN_FILTER_MODE) ||
		filter->mode == (int)id->mode) &&
	       (!has(filter, GUP_PIN_FILTER_TERM) ||
		filter->term == (int)id->term) &&
	       (!has(filter, GUP_PIN_FILTER_API) ||
		filter->api == (int)id->api) &&
	       (!has(filter, GUP_PIN_FILTER_STACK) ||
		filter->stack == id->stack);
}

/* A folio matches if any of its pages does. */
static bool wants_pfn(const struct gup_pin_filter *filter,
		      const struct gup_pin_item *item)
{
	unsigned long last = item->head + (1UL << item->folio.order) - 1;

	return !has(filter, GUP_PIN_FILTER_PFN) ||
	       (item->head <= filter->last && last >= filter->first);
}

static bool wants_folio(const struct gup_pin_filter *filter,
			const struct gup_pin_item *item)
{
	return wants_pfn(filter, item) &&
	       (!has(filter, GUP_PIN_FILTER_INO) ||
		filter->ino == item->folio.ino) &&
	       (!has(filter, GUP_PIN_FILTER_DEV) ||
		filter->dev == item->folio.dev);
}

/**
 * gup_pin_filter_item() - does a pin match a filter?
 * @filter: the filter
 * @item: the pin
 * @now: local_clock()
 *
 * Return: true if it matches.
 */
bool gup_pin_filter_item(const struct gup_pin_filter *filter,
			 const struct gup_pin_item *item, u64 now)
{
	return wants_folio(filter, item) && wants_id(filter, &item->id) &&
	       wants_task(filter, item->id.tgid, item->id.pid) &&
	       wants_comm(filter, item->id.comm) &&
	       wants_age(filter, item->time, now);
}

/**
 * gup_pin_filter_hazard() - does a hazard match a filter?
 * @filter: the filter
 * @hazard: the hazard
 * @now: local_clock()
 *
 * A line has some words twice, for the event and for the pin. Either may match.
 *
 * Return: true if it matches.
 */
bool gup_pin_filter_hazard(const struct gup_pin_filter *filter,
			   const struct gup_pin_hazard_record *hazard, u64 now)
{
	const struct gup_pin_event *event = &hazard->event;
	const struct gup_pin_item *pin = &hazard->pin;

	return wants_folio(filter, pin) && wants_id(filter, &pin->id) &&
	       (wants_task(filter, event->tgid, event->pid) ||
		wants_task(filter, pin->id.tgid, pin->id.pid)) &&
	       (wants_comm(filter, event->comm) ||
		wants_comm(filter, pin->id.comm)) &&
	       (wants_age(filter, event->time, now) ||
		wants_age(filter, pin->time, now));
}

/**
 * gup_pin_filter_write() - set the filter of an open file
 * @m: the file
 * @filter: its filter
 * @ubuf: the words of the filter
 * @count: length of @ubuf
 * @ppos: file position; set to 0, to read from the first matching line
 *
 * Each write is a complete filter. The old filter stays in place on failure.
 *
 * Context: Process context. May sleep.
 *
 * Return: @count or -errno.
 */
ssize_t gup_pin_filter_write(struct seq_file *m, struct gup_pin_filter *filter,
			     const char __user *ubuf, size_t count, loff_t *ppos)
{
	struct gup_pin_filter new;
	char *text;
	int err;

	if (count > GUP_PIN_FILTER_MAX)
		return -EINVAL;
	text = memdup_user_nul(ubuf, count);
	if (IS_ERR(text))
		return PTR_ERR(text);
	/* Text after a null byte would be ignored. */
	err = strlen(text) == count ? gup_pin_filter_parse(&new, text) : -EINVAL;
	kfree(text);
	if (err)
		return err;
	/* Excludes readers of the same open file. */
	mutex_lock(&m->lock);
	*filter = new;
	mutex_unlock(&m->lock);
	*ppos = 0;
	return count;
}
