// SPDX-License-Identifier: GPL-2.0
/* Files and page tables, for the gup_pin selftests. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "gup_pin_util.h"

#define PM_PRESENT	0x8000000000000000UL
#define PM_PFN		0x007fffffffffffffUL

const char *gup_pin_problem(const char *fmt, ...)
{
	static __thread char spare[2][1024];
	static __thread int next;
	va_list ap;

	/* Two buffers, so that a message may quote the previous one. */
	next = !next;
	va_start(ap, fmt);
	vsnprintf(spare[next], sizeof(spare[next]), fmt, ap);
	va_end(ap);
	return spare[next];
}

void gup_pin_msleep(unsigned int ms)
{
	struct timespec ts = {
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000L,
	};

	nanosleep(&ts, NULL);
}

bool gup_pin_patience(unsigned int *waited_ms)
{
	if (*waited_ms >= GUP_PIN_PATIENCE_MS)
		return false;
	gup_pin_msleep(10);
	*waited_ms += 10;
	return true;
}

/* Reads an open file to its end, and appends a NUL. The caller frees *text. */
const char *gup_pin_slurp_fd(int fd, const char *name, char **text, size_t *len)
{
	size_t size = 0, room = 1 << 16;
	char *buf = malloc(room);
	ssize_t got = -1;

	*text = NULL;
	while (buf) {
		char *more;

		got = read(fd, buf + size, room - size - 1);
		if (got <= 0)
			break;
		size += got;
		if (room - size > 1 << 15)
			continue;
		room *= 2;
		more = realloc(buf, room);
		if (!more)
			free(buf);
		buf = more;
	}
	if (!buf)
		return gup_pin_problem("out of memory for %s", name);
	if (got < 0) {
		free(buf);
		return gup_pin_problem("cannot read %s: %s", name, strerror(errno));
	}
	buf[size] = '\0';
	if (strlen(buf) != size) {
		free(buf);
		return gup_pin_problem("%s contains a NUL byte", name);
	}
	*text = buf;
	if (len)
		*len = size;
	return NULL;
}

/* The same for a path. */
const char *gup_pin_slurp(const char *path, char **text, size_t *len)
{
	const char *problem;
	int fd;

	*text = NULL;
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return gup_pin_problem("cannot open %s: %s", path, strerror(errno));
	problem = gup_pin_slurp_fd(fd, path, text, len);
	close(fd);
	return problem;
}

const char *gup_pin_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t put;

	if (fd < 0)
		return gup_pin_problem("cannot open %s: %s", path, strerror(errno));
	put = write(fd, text, strlen(text));
	if (put != (ssize_t)strlen(text)) {
		const char *problem = gup_pin_problem("cannot write %s to %s: %s", text,
						      path, strerror(errno));
		close(fd);
		return problem;
	}
	close(fd);
	return NULL;
}

long gup_pin_read_number(const char *path)
{
	char *text;
	long n;

	if (gup_pin_slurp(path, &text, NULL))
		return -1;
	n = strtol(text, NULL, 0);
	free(text);
	return n;
}

bool gup_pin_on_since_boot(void)
{
	bool found = false;
	char *text, *word;

	if (gup_pin_slurp("/proc/cmdline", &text, NULL))
		return false;
	text[strcspn(text, "\n")] = '\0';
	for (word = strtok(text, " "); word; word = strtok(NULL, " "))
		found |= !strcmp(word, "gup_pin=on");
	free(text);
	return found;
}

bool gup_pin_is_module(void)
{
	return !access("/sys/module/gup_pin/initstate", F_OK);
}

bool gup_pin_has_symbol(const char *name)
{
	char line[512], symbol[256];
	bool found = false;
	FILE *f;

	f = fopen("/proc/kallsyms", "r");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*s %*s %255s", symbol) == 1 &&
			!strcmp(symbol, name);
	fclose(f);
	return found;
}

unsigned long gup_pin_pfn_of(pid_t pid, const void *addr)
{
	unsigned long entry = 0;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid ?: getpid());
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry),
		  (uintptr_t)addr / PAGE_SIZE * sizeof(entry)) != sizeof(entry))
		entry = 0;
	close(fd);
	return entry & PM_PRESENT ? entry & PM_PFN : 0;
}
