// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's part of a filter. All lines are checked again, so the kernel may support
 * fewer words.
 */
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "gup_pin_tool.h"

/* Keys that the kernel's filter accepts. */
static bool is_kernel_key(const char *key)
{
	static const char *const keys[] = {
		"owner", "task", "comm", "mode", "term", "api", "ino", "dev",
	};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (!strcmp(keys[i], key))
			return true;
	return false;
}

/* A rule as a word of the kernel's filter; NULL if it has none. */
static char *rule_word(const struct gp_rule *rule, unsigned int pass)
{
	switch (rule->type) {
	case RULE_PFN:
		return gp_format("pfn=0x%llx-0x%llx", rule->from, rule->to);
	case RULE_MIN_AGE:
		return gp_format("min_age_ms=%llu", rule->from);
	case RULE_PID:
		return gp_format("%s=%llu", pass ? "task" : "owner", rule->from);
	case RULE_FILE:
		if (!rule->inode.sure)
			return NULL;
		return gp_format("ino=%llu dev=%s", rule->inode.ino, rule->inode.dev);
	case RULE_MODULE:
		return NULL;
	case RULE_STACK:
		/* The kernel takes one. */
		return strchr(rule->value, ',') ? NULL : gp_format("stack=%s", rule->value);
	default:
		/* A backslash may be the name's own, or part of an escape. */
		if (!*rule->value || !is_kernel_key(rule->key) || strchr(rule->value, '\\'))
			return NULL;
		return gp_format("%s=%s", rule->key, rule->escaped);
	}
}

static bool gp_filter_has(const struct gp_filter *filter, enum rule_type type)
{
	size_t i;

	for (i = 0; i < filter->nr; i++)
		if (filter->rules[i].type == type)
			return true;
	return false;
}

/* Is the key of this word among the words? */
static bool has_word(const char *words, const char *word)
{
	size_t len = strcspn(word, "=") + 1;

	for (; *words; words += strcspn(words, " "), words += *words == ' ')
		if (!strncmp(words, word, len))
			return true;
	return false;
}

/* The kernel refuses a repeated word; this program checks the second one. */
static char *add_word(char *words, char *word)
{
	char *longer;

	if (!word || has_word(words, word)) {
		free(word);
		return words;
	}
	longer = gp_format("%s%s%s", words, *words ? " " : "", word);
	free(word);
	free(words);
	return longer;
}

/* A command's own words come first: they distinguish the passes. */
static bool is_of_command(const struct gp_rule *rule)
{
	return rule->type == RULE_PID || rule->type == RULE_FILE;
}

/**
 * gp_filter_words() - the words with which the kernel leaves out lines
 * @filter: what is wanted; the kernel may let more pass
 * @pass: number of earlier passes, with other words
 *
 * Return: the words, to be freed; NULL if there are none, or no other pass is needed.
 */
static char *gp_filter_words(const struct gp_filter *filter, unsigned int pass)
{
	char *words = gp_copy("");
	size_t i;

	if (pass <= gp_filter_has(filter, RULE_PID)) {
		for (i = 0; i < filter->nr; i++)
			if (is_of_command(&filter->rules[i]))
				words = add_word(words, rule_word(&filter->rules[i], pass));
		for (i = 0; i < filter->nr; i++)
			if (!is_of_command(&filter->rules[i]))
				words = add_word(words, rule_word(&filter->rules[i], pass));
	}
	if (*words)
		return words;
	free(words);
	return NULL;
}
