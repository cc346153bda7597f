// SPDX-License-Identifier: GPL-2.0
/*
 * Parses a line into words. The words of the contract come first and in order, so that
 * a damaged line is noticed; any others may follow.
 */
#include <string.h>

#include "gup_pin_tool.h"

struct key {
	const char *name;
	enum gp_type type;
};

#define NR_STACKS_KEYS	9
#define NR_HAZARD_KEYS	8
#define NR_REFUSED_KEYS	17
#define NR_LATER_PINS_KEYS	2
#define NR_LATER_STACKS_KEYS	3
#define NR_LATER_REFUSED_KEYS	1

static const struct key pins_keys[GP_PIN_WORDS] = {
	{ "pfn", GP_HEX },
	{ "pages", GP_DECIMAL },
	{ "order", GP_DECIMAL },
	{ "pins", GP_DECIMAL },
	{ "mode", GP_TEXT },
	{ "term", GP_TEXT },
	{ "api", GP_TEXT },
	{ "owner", GP_DECIMAL },
	{ "task", GP_TEXT },
	{ "comm", GP_NAME },
	{ "age_ms", GP_DECIMAL },
	{ "addr", GP_HEX },
	{ "map", GP_TEXT },
	{ "dev", GP_TEXT },
	{ "ino", GP_DECIMAL },
	{ "index", GP_HEX },
	{ "stack", GP_HEX },
	{ "match", GP_TEXT },
};

static const struct key stacks_keys[NR_STACKS_KEYS] = {
	{ "pins", GP_DECIMAL },
	{ "pages", GP_DECIMAL },
	{ "calls", GP_DECIMAL },
	{ "mode", GP_TEXT },
	{ "term", GP_TEXT },
	{ "api", GP_TEXT },
	{ "oldest_ms", GP_DECIMAL },
	{ "newest_ms", GP_DECIMAL },
	{ "stack", GP_HEX },
};

/* Words of a hazard, before and after those of its pin. */
static const struct key event_keys[GP_EVENT_WORDS] = {
	{ "kind", GP_TEXT },
	{ "age_ms", GP_DECIMAL },
	{ "task", GP_TEXT },
	{ "comm", GP_NAME },
};

static const struct key hazard_keys[NR_HAZARD_KEYS] = {
	{ "func", GP_TEXT },
	{ "pins_on_folio", GP_DECIMAL },
	{ "path", GP_NAME },
	{ "count", GP_DECIMAL },
	{ "last_ms", GP_DECIMAL },
	{ "reported", GP_DECIMAL },
	{ "indexes", GP_TEXT },
	{ "stake", GP_TEXT },
};

static const struct key refused_keys[NR_REFUSED_KEYS] = {
	{ "count", GP_DECIMAL },
	{ "err", GP_TEXT },
	{ "mode", GP_TEXT },
	{ "term", GP_TEXT },
	{ "api", GP_TEXT },
	{ "owner", GP_DECIMAL },
	{ "task", GP_TEXT },
	{ "comm", GP_NAME },
	{ "oldest_ms", GP_DECIMAL },
	{ "newest_ms", GP_DECIMAL },
	{ "stack", GP_HEX },
	{ "why", GP_TEXT },
	{ "addr", GP_HEX },
	{ "pfn", GP_HEX },
	{ "dev", GP_TEXT },
	{ "ino", GP_DECIMAL },
	{ "index", GP_HEX },
};

/* Words after those of the contract; gone= is of orphans only. */
static const struct key later_pins_keys[NR_LATER_PINS_KEYS] = {
	{ "path", GP_NAME },
	{ "gone", GP_TEXT },
};

static const struct key later_stacks_keys[NR_LATER_STACKS_KEYS] = {
	{ "acquired", GP_DECIMAL },
	{ "peak", GP_DECIMAL },
	{ "guessed", GP_DECIMAL },
};

static const struct key later_refused_keys[NR_LATER_REFUSED_KEYS] = {
	{ "path", GP_NAME },
};

#define PARTS_MAX	3

struct part {
	const struct key *keys;
	unsigned int nr;
};

/* The parts of a line, in order. */
static const struct part parts[][PARTS_MAX] = {
	[GP_PINS] = { { pins_keys, GP_PIN_WORDS } },
	[GP_STACKS] = { { stacks_keys, NR_STACKS_KEYS } },
	[GP_HAZARDS] = {
		{ event_keys, GP_EVENT_WORDS },
		{ pins_keys, GP_PIN_WORDS },
		{ hazard_keys, NR_HAZARD_KEYS },
	},
	[GP_REFUSED] = { { refused_keys, NR_REFUSED_KEYS } },
};

/* What may follow them, depending on the kernel. */
static const struct part later_parts[] = {
	[GP_PINS] = { later_pins_keys, NR_LATER_PINS_KEYS },
	[GP_STACKS] = { later_stacks_keys, NR_LATER_STACKS_KEYS },
	[GP_HAZARDS] = {},
	[GP_REFUSED] = { later_refused_keys, NR_LATER_REFUSED_KEYS },
};

static const struct key *find_key(const struct key *keys, unsigned int nr,
				  const char *name)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (!strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

static const struct key *find_in_parts(enum gp_kind kind, const char *name)
{
	const struct key *found = NULL;
	unsigned int i;

	for (i = 0; !found && i < PARTS_MAX; i++)
		found = find_key(parts[kind][i].keys, parts[kind][i].nr, name);
	return found;
}

/* Do all lines of this file have the word? */
static bool gp_kind_has(enum gp_kind kind, const char *key)
{
	return find_in_parts(kind, key);
}

static const struct key *find_in_kind(enum gp_kind kind, const char *name)
{
	const struct key *found = find_in_parts(kind, name);

	return found ? found : find_key(later_parts[kind].keys, later_parts[kind].nr, name);
}

/* Does this program know it as a word of this file? A later kernel may have more. */
static bool gp_kind_knows(enum gp_kind kind, const char *key)
{
	return find_in_kind(kind, key);
}

/*
 * Does it need `pins`? Words that both files have describe a run in one and the sum of
 * a stack in the other.
 */
static bool gp_key_needs_pins(const char *key)
{
	if (!strcmp(key, "pins") || !strcmp(key, "pages") || !strcmp(key, "path"))
		return true;
	return gp_kind_has(GP_PINS, key) && !gp_kind_has(GP_STACKS, key);
}

/* The type of unknown words: text. */
static enum gp_type gp_key_type(const char *key)
{
	const struct key *found = NULL;
	enum gp_kind kind;

	for (kind = GP_PINS; !found && kind <= GP_REFUSED; kind++)
		found = find_in_kind(kind, key);
	return found ? found->type : GP_TEXT;
}

/* Cuts the text into words. */
static const char *split_words(struct gp_record *record)
{
	char *next = record->text;

	record->nr_words = 0;
	while (next) {
		struct gp_word *word = &record->words[record->nr_words];
		char *equals = strchr(next, '=');

		if (!equals || !gp_is_key(next, equals - next))
			return "has a word that is not key=value";
		if (++record->nr_words > GP_WORDS_MAX)
			return "has too many words";
		word->key = next;
		word->value = equals + 1;
		next = strchr(equals, ' ');
		*equals = '\0';
		if (next)
			*next++ = '\0';
	}
	return NULL;
}

static bool value_fits(const char *value, enum gp_type type)
{
	unsigned long long number;

	if (type == GP_NAME)
		return true;
	if (type == GP_TEXT)
		return *value;
	if (type == GP_DECIMAL && !strncmp(value, "0x", 2))
		return false;
	return gp_number(value, &number);
}

static bool has_before(const struct gp_record *record, unsigned int which)
{
	unsigned int i;

	for (i = 0; i < which; i++)
		if (!strcmp(record->words[i].key, record->words[which].key))
			return true;
	return false;
}

/* The problem of the words from @at on, which should form a part; or NULL. */
static const char *check_part(const struct gp_record *record, const struct part *part,
			      unsigned int at)
{
	unsigned int i;

	if (record->nr_words < at + part->nr)
		return "has too few words";
	for (i = 0; i < part->nr; i++) {
		const struct gp_word *word = &record->words[at + i];

		if (strcmp(word->key, part->keys[i].name))
			return "lacks the words that belong there";
		if (!value_fits(word->value, part->keys[i].type))
			return "has a word with a wrong value";
	}
	return NULL;
}

/* The problem of the words, or NULL. */
static const char *check_words(const struct gp_record *record)
{
	const struct part *part = parts[record->kind];
	const char *problem = NULL;
	unsigned int i, at = 0;

	for (i = 0; !problem && i < PARTS_MAX; i++) {
		problem = check_part(record, &part[i], at);
		at += part[i].nr;
	}
	for (i = at; !problem && i < record->nr_words; i++)
		if (has_before(record, i))
			problem = "has a word twice";
	return problem;
}

/**
 * gp_record_parse() - split a line into words
 * @record: gets the words; keeps its frames
 * @kind: the file the line is from
 * @line: the line; shorter than GP_LINE_MAX
 * @problem: what is wrong with the line
 *
 * Return: a status.
 */
static int gp_record_parse(struct gp_record *record, enum gp_kind kind, const char *line,
			   const char **problem)
{
	record->kind = kind;
	record->line = line;
	memcpy(record->text, line, strlen(line) + 1);
	*problem = split_words(record);
	if (!*problem)
		*problem = check_words(record);
	if (*problem)
		return GP_ERROR;
	record->pfn = gp_word_number(record, "pfn");
	record->pages = gp_word_number(record, "pages");
	record->pins = gp_word_number(record, "pins");
	return GP_OK;
}

/*
 * The value of the next word with that name, from the word *at on; NULL if there is
 * none. A hazard has some twice: first its event's, then its pin's.
 */
static const char *gp_next_word(const struct gp_record *record, const char *key,
				unsigned int *at)
{
	while (*at < record->nr_words) {
		const struct gp_word *word = &record->words[(*at)++];

		if (!strcmp(word->key, key))
			return word->value;
	}
	return NULL;
}

/* The value of a word; NULL if the line does not have it. */
static const char *gp_word(const struct gp_record *record, const char *key)
{
	unsigned int at = 0;

	return gp_next_word(record, key, &at);
}

/* The same; for a word that a hazard has twice, its pin's. */
static const char *gp_pin_word(const struct gp_record *record, const char *key)
{
	unsigned int at = record->kind == GP_HAZARDS ? GP_EVENT_WORDS : 0;
	const char *value = gp_next_word(record, key, &at);

	return value ? value : gp_word(record, key);
}

/* The same as a number; 0 if it is not one. */
static unsigned long long gp_word_number(const struct gp_record *record, const char *key)
{
	const char *value = gp_word(record, key);
	unsigned long long number;

	return value && gp_number(value, &number) ? number : 0;
}
