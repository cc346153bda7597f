// SPDX-License-Identifier: GPL-2.0
/*
 * Where a file is mounted, by /proc/PID/mountinfo. The device number there is the file
 * system's own, which stat() does not show on some file systems.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

/* The kernel writes blanks and the like as \040. */
static char *unescape_octal(char *text)
{
	char *from = text, *to = text;
	unsigned int byte;

	while (*from) {
		if (*from == '\\' && sscanf(from + 1, "%3o", &byte) == 1 && strlen(from) >= 4) {
			*to++ = (char)byte;
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
	return text;
}

/* The next word of a line; NULL at its end. */
static char *next_field(char **line)
{
	return strsep(line, "\n ");
}

/*
 * Parses ID PARENT DEV ROOT POINT OPTIONS [OPTIONAL]... - TYPE SOURCE OPTIONS; false if
 * it is another mount.
 */
static bool parse_mount(struct gp_mount *mount, char *line, unsigned long long id)
{
	char *field = next_field(&line), *dev, *root, *point, *type;
	unsigned long long number;

	if (!field || !gp_number(field, &number) || number != id)
		return false;
	next_field(&line);
	dev = next_field(&line);
	root = next_field(&line);
	point = next_field(&line);
	do {
		field = next_field(&line);
	} while (field && strcmp(field, "-"));
	type = next_field(&line);
	next_field(&line);
	field = next_field(&line);
	if (!field)
		return false;
	mount->dev = gp_copy(dev);
	mount->root = unescape_octal(gp_copy(root));
	mount->point = unescape_octal(gp_copy(point));
	mount->type = gp_copy(type);
	mount->options = gp_copy(field);
	return true;
}

static bool find_in(struct gp_mount *mount, const char *name, unsigned long long id)
{
	FILE *file = fopen(name, "re");
	bool found = false;
	char *line = NULL;
	size_t size = 0;

	if (!file)
		return false;
	while (!found && getline(&line, &size, file) > 0)
		found = parse_mount(mount, line, id);
	free(line);
	fclose(file);
	return found;
}

/**
 * gp_mount_find() - find a mount
 * @mount: to be filled in, and freed if it was found
 * @id: its number, from statx()
 * @path: a path in it; below /proc/PID it may be in another mount namespace
 *
 * Return: false if it is not found.
 */
static bool gp_mount_find(struct gp_mount *mount, unsigned long long id, const char *path)
{
	char name[64];
	int pid, end = 0;

	if (find_in(mount, "/proc/self/mountinfo", id))
		return true;
	if (sscanf(path, "/proc/%d/%n", &pid, &end) != 1 || !end)
		return false;
	snprintf(name, sizeof(name), "/proc/%d/mountinfo", pid);
	return find_in(mount, name, id);
}

/**
 * gp_mount_option() - the value of an option of a mount
 * @mount: the mount
 * @name: of the option, which may occur several times, as NAME= or NAME+=
 * @which: the index of the occurrence, from 0
 *
 * Return: the value, to be freed; NULL if there are fewer.
 */
static char *gp_mount_option(const struct gp_mount *mount, const char *name,
			     unsigned int which)
{
	char *options = gp_copy(mount->options), *rest = options, *option, *value = NULL;
	size_t len = strlen(name);

	while (!value && (option = strsep(&rest, ","))) {
		if (strncmp(option, name, len))
			continue;
		option += len;
		option += *option == '+';
		if (*option == '=' && !which--)
			value = unescape_octal(gp_copy(option + 1));
	}
	free(options);
	return value;
}

static void gp_mount_free(struct gp_mount *mount)
{
	free(mount->dev);
	free(mount->root);
	free(mount->point);
	free(mount->type);
	free(mount->options);
}
