// SPDX-License-Identifier: GPL-2.0
/* Check that something really happened. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "gup_pin_seen.h"
#include "gup_pin_util.h"

#define KPF_DIRTY	4
#define KPF_WRITEBACK	8

long gup_pin_vmstat(const char *name)
{
	size_t len = strlen(name);
	char *text, *at;
	long value = -1;

	if (gup_pin_slurp("/proc/vmstat", &text, NULL))
		return -1;
	for (at = text; value < 0 && at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, name, len) && at[len] == ' ')
			value = strtol(at + len, NULL, 10);
	}
	free(text);
	return value;
}

bool gup_pin_cached(int fd, size_t page)
{
	/* Not with pages of an existing mapping, which would be faulted in. */
	void *map = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, fd, page * PAGE_SIZE);
	unsigned char is = 0;

	if (map == MAP_FAILED)
		return false;
	if (mincore(map, PAGE_SIZE, &is))
		is = 0;
	munmap(map, PAGE_SIZE);
	return is & 1;
}

static bool has_flag(unsigned long pfn, int flag)
{
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	unsigned long flags = 0;

	if (fd < 0)
		return false;
	if (pread(fd, &flags, sizeof(flags), pfn * sizeof(flags)) != sizeof(flags))
		flags = 0;
	close(fd);
	return flags >> flag & 1;
}

bool gup_pin_under_writeback(unsigned long pfn)
{
	return has_flag(pfn, KPF_WRITEBACK);
}

bool gup_pin_dirty(unsigned long pfn)
{
	return has_flag(pfn, KPF_DIRTY);
}

const char *gup_pin_wait_sleeps(pid_t pid)
{
	char path[64], *text, state = 'R';
	unsigned int waited = 0;
	const char *problem;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	do {
		problem = gup_pin_slurp(path, &text, NULL);
		if (problem)
			return problem;
		state = strrchr(text, ')')[2];
		free(text);
		if (state == 'S' || state == 'D')
			return NULL;
	} while (gup_pin_patience(&waited));
	return gup_pin_problem("process %d is '%c' and does not wait", pid, state);
}
