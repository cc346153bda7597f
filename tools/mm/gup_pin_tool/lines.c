// SPDX-License-Identifier: GPL-2.0
/*
 * Reads a file line by line, in a buffer of fixed size.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gup_pin_tool.h"

static int gp_cannot_read(const char *path, int error)
{
	if (error == EACCES || error == EPERM)
		return gp_error("%s: %s: run this as root", path, strerror(error));
	return gp_error("%s: %s", path, strerror(error));
}

/* "-" is stdin. */
static int open_file(const char *path, bool filter)
{
	int fd = -1;

	if (!strcmp(path, "-"))
		return dup(STDIN_FILENO);
	if (filter)
		fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? open(path, O_RDONLY | O_CLOEXEC) : fd;
}

/* With @filter it is also opened for writing, if allowed. */
static int gp_lines_open(struct gp_lines *lines, const char *path, bool filter)
{
	bool in = !strcmp(path, "-");

	memset(lines, 0, sizeof(*lines));
	lines->fd = open_file(path, filter);
	if (lines->fd < 0)
		return gp_cannot_read(in ? "stdin" : path, errno);
	lines->name = gp_copy(in ? "stdin" : path);
	lines->buf = gp_alloc(GP_LINE_MAX);
	return GP_OK;
}

/* Appends to the buffer; *got is 0 at the end of the file. */
static int read_more(struct gp_lines *lines, size_t *got)
{
	ssize_t n;

	if (lines->start) {
		lines->end -= lines->start;
		memmove(lines->buf, lines->buf + lines->start, lines->end);
		lines->start = 0;
	}
	if (lines->end == GP_LINE_MAX)
		return gp_error("%s:%llu: a line of more than %d bytes: damaged",
				lines->name, lines->nr + 1, GP_LINE_MAX);
	do {
		n = read(lines->fd, lines->buf + lines->end, GP_LINE_MAX - lines->end);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return gp_cannot_read(lines->name, errno);
	lines->end += n;
	*got = n;
	return GP_OK;
}

static int take_line(struct gp_lines *lines, char *newline, const char **line)
{
	size_t len;

	*newline = '\0';
	*line = lines->buf + lines->start;
	len = newline - *line;
	lines->start += len + 1;
	lines->nr++;
	if (strlen(*line) != len)
		return gp_error("%s:%llu: a zero byte: damaged", lines->name, lines->nr);
	return GP_OK;
}

/**
 * gp_lines_next() - read the next line
 * @lines: the file
 * @line: the line without its newline, valid until the next call
 * @end: whether there was no more line
 *
 * Return: a status.
 */
static int gp_lines_next(struct gp_lines *lines, const char **line, bool *end)
{
	size_t searched = 0, got = 0;
	int status;

	*end = false;
	for (;;) {
		char *from = lines->buf + lines->start;
		size_t len = lines->end - lines->start;
		char *newline = memchr(from + searched, '\n', len - searched);

		if (newline)
			return take_line(lines, newline, line);
		searched = len;
		status = read_more(lines, &got);
		if (status)
			return status;
		if (!got)
			break;
	}
	*end = true;
	if (searched)
		return gp_error("%s:%llu: the file is cut off in the middle of this line",
				lines->name, lines->nr + 1);
	return GP_OK;
}

/**
 * gp_lines_filter() - have the kernel leave out lines, and start again
 * @lines: one of the kernel's files
 * @words: which lines are wanted
 *
 * Return: whether the kernel filters; if not, nothing has changed, and errno may be set.
 */
static bool gp_lines_filter(struct gp_lines *lines, const char *words)
{
	ssize_t len = strlen(words);

	errno = 0;
	if (write(lines->fd, words, len) != len)
		return false;
	lines->start = 0;
	lines->end = 0;
	return true;
}

static void gp_lines_close(struct gp_lines *lines)
{
	close(lines->fd);
	free(lines->name);
	free(lines->buf);
}
