// SPDX-License-Identifier: GPL-2.0
/*
 * The keys that records are summed by: any of their words, or derived ones.
 */
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

static bool gp_by_has(const struct gp_by *by, const char *key)
{
	unsigned int i;

	for (i = 0; i < by->nr; i++)
		if (!strcmp(by->keys[i], key))
			return true;
	return false;
}

static int add_by_key(struct gp_by *by, const char *text, size_t len)
{
	char *key;

	if (!gp_is_key(text, len))
		return gp_usage("--by wants words like comm or module,stack");
	if (by->nr == GP_BY_MAX)
		return gp_usage("--by takes at most %d words", GP_BY_MAX);
	key = gp_format("%.*s", (int)len, text);
	if (gp_by_has(by, key)) {
		free(key);
		return gp_usage("--by has a word twice: %s", text);
	}
	by->keys[by->nr++] = key;
	return GP_OK;
}

/* Keys that no line has as a word. */
static bool is_derived(const char *key)
{
	return !strcmp(key, "file") || !strcmp(key, "module");
}

/* KEY[,KEY]... */
static int gp_by_parse(struct gp_by *by, const char *text)
{
	int status;

	gp_by_free(by);
	for (;;) {
		size_t len = strcspn(text, ",");

		status = add_by_key(by, text, len);
		if (status || !text[len])
			return status;
		text += len + 1;
	}
}

/* Is there a key that only `pins` has? */
static bool gp_by_needs_pins(const struct gp_by *by)
{
	unsigned int i;

	for (i = 0; i < by->nr; i++)
		if (!strcmp(by->keys[i], "file") || gp_key_needs_pins(by->keys[i]))
			return true;
	return false;
}

/* A file by device and inode; memory without a file by its kind. */
static char *gp_file_of(const struct gp_record *record)
{
	const char *dev = gp_word(record, "dev"), *ino = gp_word(record, "ino");
	const char *map = gp_word(record, "map");

	if (dev && ino && strcmp(ino, "0"))
		return gp_format("%s:%s", dev, ino);
	return map ? gp_copy(map) : NULL;
}

/**
 * gp_by_value() - a record's value for one of the keys
 * @by: the keys
 * @which: the index of the key
 * @record: the record
 * @frames: its stack; NULL if unknown
 *
 * Return: text, to be freed.
 */
static char *gp_by_value(struct gp_by *by, unsigned int which,
			 const struct gp_record *record, const char *frames)
{
	const char *key = by->keys[which], *word;
	char *value = NULL;

	if (!strcmp(key, "file")) {
		value = gp_file_of(record);
	} else if (!strcmp(key, "module")) {
		value = gp_module_of(frames);
	} else {
		word = gp_word(record, key);
		value = word ? gp_copy(word) : NULL;
	}
	if (value)
		by->seen[which] = true;
	return value ? value : gp_copy("-");
}

/* At the end of the file: a word that no line has is a typing error. */
static int gp_by_check(const struct gp_by *by, const struct gp_reader *reader)
{
	int status = GP_OK;
	unsigned int i;

	for (i = 0; !status && i < by->nr; i++)
		if (!by->seen[i] && !is_derived(by->keys[i]))
			status = gp_reader_lacks(reader, by->keys[i], by->records,
						 " to sum by");
	return status;
}

static void gp_by_free(struct gp_by *by)
{
	unsigned int i;

	for (i = 0; i < by->nr; i++)
		free(by->keys[i]);
	memset(by, 0, sizeof(*by));
}
