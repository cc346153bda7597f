// SPDX-License-Identifier: GPL-2.0
/* Memory blocks, their hot-unplug, and pages that are out of use. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_block.h"
#include "gup_pin_log.h"
#include "gup_pin_util.h"

/* Writes a word to a file, which may block for a long time. */
pid_t gup_pin_start_writing(const char *path, const char *word)
{
	pid_t pid = fork();
	int fd;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(path, O_WRONLY);
	_exit(write(fd, word, strlen(word)) == (ssize_t)strlen(word) ? 0 : errno);
}

/* Returns the exit status; -1 if it has not ended. */
int gup_pin_status_after(pid_t pid, unsigned int ms)
{
	int status;

	for (;; ms -= 10) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		if (ms < 10)
			return -1;
		gup_pin_msleep(10);
	}
}

const char *gup_pin_block_path(unsigned long block, const char *file)
{
	static char path[100];

	snprintf(path, sizeof(path), GUP_PIN_BLOCKS "/memory%lu/%s", block, file);
	return path;
}

bool gup_pin_block_is(unsigned long block, const char *file, const char *want)
{
	char *text;
	bool is;

	if (gup_pin_slurp(gup_pin_block_path(block, file), &text, NULL))
		return false;
	text[strcspn(text, "\n ")] = '\0';
	is = !strcmp(text, want);
	free(text);
	return is;
}

static unsigned long block_pages(void)
{
	unsigned long size = 0;
	char *text;

	if (!gup_pin_slurp(GUP_PIN_BLOCKS "/block_size_bytes", &text, NULL)) {
		size = strtoul(text, NULL, 16);
		free(text);
	}
	return size / PAGE_SIZE;
}

const char *gup_pin_block_online(unsigned long block)
{
	return gup_pin_write(gup_pin_block_path(block, "state"), "online_movable");
}

static const char *block_offline(unsigned long block)
{
	pid_t child = gup_pin_start_writing(gup_pin_block_path(block, "state"), "offline");
	int status = gup_pin_status_after(child, GUP_PIN_PATIENCE_MS);

	if (status < 0) {
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
	}
	if (WIFSIGNALED(status))
		return gup_pin_problem("still online after %d s", GUP_PIN_PATIENCE_MS / 1000);
	if (status)
		return strerror(WEXITSTATUS(status));
	return gup_pin_block_is(block, "state", "offline") ? NULL : "not offline";
}

/*
 * Takes the block offline and online again: impossible for a block with a hole, for
 * example. The reason says what the kernel said of its pages.
 */
const char *gup_pin_block_cycle(unsigned long block)
{
	const char *problem;
	char *log;
	int fd;

	problem = gup_pin_log_open(0, SEEK_END, &fd);
	if (problem)
		return problem;
	problem = block_offline(block) ?: gup_pin_block_online(block);
	if (problem) {
		log = gup_pin_log_rest(fd);
		problem = gup_pin_problem("block %lu: %s: %.600s", block, problem, log);
		free(log);
	}
	close(fd);
	return problem;
}

#define NO_BLOCK "no memory block that is all movable (boot with movablecore=512M)"

/* Finds a block of movable memory without CMA. */
const char *gup_pin_block_find(unsigned long *block, struct gup_pin_range *range, bool *any)
{
	/* One reason for each block. */
	static char problems[2000];
	size_t len = 0;
	struct gup_pin_range movable;
	unsigned long pages = block_pages();
	struct gup_pin_cma cma = {};
	const char *problem;

	*any = false;
	if (!pages || !gup_pin_movable_zone(&movable))
		return NO_BLOCK;
	gup_pin_cma_area(&cma);
	for (*block = movable.start / pages; *block * pages < movable.end; ++*block) {
		range->start = *block * pages;
		range->end = range->start + pages;
		if (range->start < cma.range.end && cma.range.start < range->end)
			continue;
		if (!gup_pin_block_is(*block, "valid_zones", "Movable") ||
		    !gup_pin_block_is(*block, "state", "online"))
			continue;
		*any = true;
		problem = gup_pin_block_cycle(*block);
		if (!problem)
			return NULL;
		len += snprintf(problems + len, sizeof(problems) - len, "%s%s",
				len ? "; " : "", problem);
		if (len >= sizeof(problems))
			break;
	}
	return *any ? problems : NO_BLOCK;
}

const char *gup_pin_unpoison(unsigned long pfn)
{
	unsigned int waited = 0;
	const char *problem;
	char text[32];

	/* What used the page may not have freed it yet. */
	snprintf(text, sizeof(text), "0x%lx", pfn);
	do {
		problem = gup_pin_write(GUP_PIN_UNPOISON, text);
	} while (problem && errno == EBUSY && gup_pin_patience(&waited));
	return problem;
}
