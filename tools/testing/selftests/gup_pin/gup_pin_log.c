// SPDX-License-Identifier: GPL-2.0
/* Messages of the kernel log. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "gup_pin_log.h"
#include "gup_pin_util.h"

/* The line at the end of a report. */
#define REPORT_END	"\n====="

const char *gup_pin_log_open(off_t from, int whence, int *fd)
{
	*fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (*fd < 0)
		return gup_pin_problem("cannot open /dev/kmsg: %s", strerror(errno));
	lseek(*fd, from, whence);
	return NULL;
}

/* Returns the log from the current position, a line for each record. The caller frees it. */
char *gup_pin_log_rest(int fd)
{
	size_t len = 0, room = 1 << 16;
	char *text = malloc(room), record[8192], *line;
	ssize_t got;

	for (;;) {
		got = read(fd, record, sizeof(record) - 1);
		/* Overwritten before it was read: continue with the oldest record. */
		if (got < 0 && errno == EPIPE)
			continue;
		if (got <= 0)
			break;
		record[got] = '\0';
		line = strchr(record, ';');
		line = line ? line + 1 : record;
		line[strcspn(line, "\n")] = '\0';
		if (len + strlen(line) + 2 > room) {
			room *= 2;
			text = realloc(text, room);
		}
		len += sprintf(text + len, "%s\n", line);
	}
	text[len] = '\0';
	return text;
}

void gup_pin_log_add(int fd, char **text)
{
	char *rest = gup_pin_log_rest(fd);
	size_t len = *text ? strlen(*text) : 0;

	*text = realloc(*text, len + strlen(rest) + 1);
	sprintf(*text + len, "%s", rest);
	free(rest);
}

char *gup_pin_log_next(char **text)
{
	char *report = strstr(*text, GUP_PIN_REPORT), *end;

	if (!report)
		return NULL;
	end = strstr(report, REPORT_END);
	*text = end ? end + 1 : report + strlen(report);
	if (end)
		*end = '\0';
	return report;
}

unsigned int gup_pin_log_reports(const char *log)
{
	unsigned int count = 0;

	for (; (log = strstr(log, GUP_PIN_REPORT)) && strstr(log, REPORT_END); log++)
		count++;
	return count;
}
