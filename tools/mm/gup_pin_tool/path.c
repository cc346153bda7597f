// SPDX-License-Identifier: GPL-2.0
/*
 * Names of files, including files that are deleted or on another machine, whose names
 * cannot be resolved.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gup_pin_tool.h"

static bool is_up(const char *part, size_t len)
{
	return len == 2 && !strncmp(part, "..", 2);
}

/* Goes up from the path that ends at *to; the root has no parent. */
static bool go_up(const char *start, char **to, bool absolute)
{
	char *slash;

	**to = '\0';
	slash = strrchr(start, '/');
	if (!slash)
		return absolute;
	if (!strcmp(slash, "/.."))
		return false;
	*to = slash;
	return true;
}

/**
 * gp_path_clean() - remove . and .. and double slashes from a path
 * @path: the path; leading ".." of a relative path stay
 *
 * Return: the path, to be freed.
 */
static char *gp_path_clean(const char *path)
{
	char *clean = gp_alloc(strlen(path) + 2), *to = clean;
	bool absolute = *path == '/';
	size_t len;

	for (; *path; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		if (!len || (len == 1 && *path == '.'))
			continue;
		if (is_up(path, len) && go_up(clean, &to, absolute))
			continue;
		*to++ = '/';
		memcpy(to, path, len);
		to += len;
	}
	*to = '\0';
	if (!absolute && *clean)
		memmove(clean, clean + 1, strlen(clean));
	return clean;
}

/* From the root on, if the working directory is known. */
static char *whole_path(const char *path)
{
	char *here = *path == '/' ? NULL : getcwd(NULL, 0), *joined, *clean;

	if (!here)
		return gp_path_clean(path);
	joined = gp_format("%s/%s", here, path);
	clean = gp_path_clean(joined);
	free(joined);
	free(here);
	return clean;
}

/**
 * gp_path_real() - resolve a path
 * @path: the path; if it does not exist, its folder may
 *
 * Return: the path from the root on, to be freed.
 */
static char *gp_path_real(const char *path)
{
	char *real = realpath(path, NULL), *full, *slash, *folder;

	if (real)
		return real;
	full = whole_path(path);
	slash = strrchr(full, '/');
	if (!slash || slash == full)
		return full;
	*slash = '\0';
	folder = realpath(full, NULL);
	*slash = '/';
	if (!folder)
		return full;
	real = gp_format("%s%s", strcmp(folder, "/") ? folder : "", slash);
	free(folder);
	free(full);
	return real;
}
