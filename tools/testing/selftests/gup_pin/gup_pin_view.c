// SPDX-License-Identifier: GPL-2.0
/* Files with a line for each pin, with and without a filter. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "gup_pin_util.h"

/* Opens one that takes filters; -1 and errno on failure. */
int gup_pin_view_open(const char *file)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/%s", GUP_PIN_DIR, file);
	return open(path, O_RDWR | O_CLOEXEC);
}

const char *gup_pin_view_filter(int fd, const char *filter)
{
	ssize_t len = strlen(filter), put = write(fd, filter, len);

	if (put < 0)
		return gup_pin_problem("the filter '%s': %s", filter, strerror(errno));
	if (put != len)
		return gup_pin_problem("of the filter '%s' %zd bytes were taken", filter,
				       put);
	return NULL;
}

const char *gup_pin_view_read(int fd, const char *title, struct gup_pin_lines *out)
{
	const char *problem;
	char *text;

	memset(out, 0, sizeof(*out));
	problem = gup_pin_slurp_fd(fd, title, &text, NULL);
	if (!problem)
		problem = gup_pin_parse_lines(text, title, out);
	free(text);
	return problem;
}

const char *gup_pin_read_filtered(const char *file, const char *filter,
				  struct gup_pin_lines *out)
{
	int fd = gup_pin_view_open(file);
	const char *problem;

	memset(out, 0, sizeof(*out));
	if (fd < 0)
		return gup_pin_problem("cannot open %s: %s", file, strerror(errno));
	problem = gup_pin_view_filter(fd, filter);
	if (!problem)
		problem = gup_pin_view_read(fd, file, out);
	close(fd);
	return problem;
}

static const char *read_at(const char *path, const char *title,
			   struct gup_pin_lines *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *problem;

	memset(out, 0, sizeof(*out));
	if (fd < 0)
		return gup_pin_problem("cannot open %s: %s", path, strerror(errno));
	problem = gup_pin_view_read(fd, title, out);
	close(fd);
	return problem;
}

const char *gup_pin_read_orphans(struct gup_pin_lines *out)
{
	return read_at(GUP_PIN_DIR "/orphans", "orphans", out);
}

const char *gup_pin_proc_missing(void)
{
	return access("/proc/self/gup_pins", F_OK) ?
		"no /proc/self/gup_pins (CONFIG_DEBUG_GUP_PIN)" : NULL;
}

const char *gup_pin_read_proc(pid_t pid, struct gup_pin_lines *out)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/gup_pins", pid);
	return read_at(path, "gup_pins", out);
}
