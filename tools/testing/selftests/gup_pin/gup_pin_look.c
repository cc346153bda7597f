// SPDX-License-Identifier: GPL-2.0
/* Readers of /proc/PID/gup_pins, and whether they see exactly what they may see. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_child.h"
#include "gup_pin_look.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

ssize_t look_read(int fd, char *text, size_t size)
{
	ssize_t len = 0, got;

	while ((got = read(fd, text + len, size - 1 - len)) > 0)
		len += got;
	text[len] = '\0';
	return got < 0 ? -errno : len;
}

void look_at(struct look *look, const char *proc, pid_t pid)
{
	static char maps[1 << 16];
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/%d/maps", proc, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	look->maps_open = fd < 0 ? errno : 0;
	look->maps_read = fd < 0 ? 0 : look_read(fd, maps, sizeof(maps));
	close(fd);
	snprintf(path, sizeof(path), "%s/%d/gup_pins", proc, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	look->open = fd < 0 ? errno : 0;
	look->read = fd < 0 ? 0 : look_read(fd, look->text, sizeof(look->text));
	close(fd);
}

pid_t look_start(struct look *look, void (*fn)(struct look *look, pid_t arg), pid_t arg)
{
	unsigned int waited = 0;
	pid_t pid;

	look->done = false;
	look->ready = false;
	look->go = false;
	look->known = false;
	look->open = -1;
	look->maps_open = -1;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn(look, arg);
		look->done = true;
		for (;;)
			pause();
	}
	while (pid > 0 && !__atomic_load_n(&look->done, __ATOMIC_ACQUIRE) &&
	       !__atomic_load_n(&look->ready, __ATOMIC_ACQUIRE) &&
	       !waitpid(pid, NULL, WNOHANG) && gup_pin_patience(&waited))
		;
	return pid;
}

void look_stop(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

bool look_wait(const bool *flag)
{
	unsigned int waited = 0;

	while (!__atomic_load_n(flag, __ATOMIC_ACQUIRE))
		if (!gup_pin_patience(&waited))
			return false;
	return true;
}

/* Does the text have a number that could be a kernel address, or is as long as one? */
bool look_has_kernel_address(const char *text)
{
	static const char hex[] = "0123456789abcdefABCDEF";

	while ((text += strcspn(text, hex)), *text) {
		size_t len = strspn(text, hex);

		if (len >= 16 || (len == 1 && *text == '0' && text[1] == 'x' &&
				  strspn(text + 2, hex) >= 16))
			return true;
		text += len;
	}
	return false;
}

/* Removes what an unprivileged reader must not see. */
static void hide(struct gup_pin_line *line)
{
	char *name = strrchr(line->path, '/');

	line->pfn = 0;
	line->stack = 0;
	if (name)
		memmove(line->path, name + 1, strlen(name));
}

const char *look_check(const struct look *look, pid_t owner, enum shown shown,
		       pid_t (*translate)(pid_t id, const struct look *look))
{
	struct gup_pin_lines got, want;
	const char *problem;
	char filter[32], *text;
	size_t i;

	if (look->maps_open || look->open || look->read < 0)
		return gup_pin_problem("open: %d, and maps: %d, read: %zd", look->open,
				       look->maps_open, look->read);
	if (shown == HIDDEN && look_has_kernel_address(look->text))
		return gup_pin_problem("a kernel address in: %s", look->text);
	text = strdup(look->text);
	problem = gup_pin_parse_lines(text, "gup_pins", &got);
	free(text);
	if (problem)
		return problem;
	snprintf(filter, sizeof(filter), "owner=%d", owner);
	problem = gup_pin_read_filtered("pins", filter, &want);
	if (!problem && got.nr != want.nr)
		problem = gup_pin_problem("%zu lines, not %zu", got.nr, want.nr);
	if (!problem && !want.nr)
		problem = gup_pin_problem("process %d has no pins", owner);
	for (i = 0; !problem && i < got.nr; i++) {
		struct gup_pin_line *line = &want.line[i];

		if (shown == HIDDEN)
			hide(line);
		if (translate) {
			line->owner = translate(line->owner, look);
			line->tgid = translate(line->tgid, look);
			line->pid = translate(line->pid, look);
		}
		if (!gup_pin_same_line(&got.line[i], line))
			problem = gup_pin_problem("line %zu of owner %d is not that of pins",
						  i, owner);
	}
	gup_pin_free(&want);
	gup_pin_free(&got);
	return problem;
}

const char *look_check_refused(const struct look *look, int why)
{
	if (look->open != why || look->maps_open != why)
		return gup_pin_problem("open: %d, and maps: %d, not %d", look->open,
				       look->maps_open, why);
	return NULL;
}

const char *look_check_empty(const struct look *look)
{
	if (look->open || look->maps_open || look->maps_read || look->read)
		return gup_pin_problem("open: %d, and maps: %d, read: %zd, and maps: %zd",
				       look->open, look->maps_open, look->read,
				       look->maps_read);
	return NULL;
}

const char *look_open_file(void)
{
	int fd = memfd_create("own file", 0);

	if (fd < 0 || ftruncate(fd, PAGE_SIZE) || dup2(fd, LOOK_FILE_FD) < 0)
		return gup_pin_problem("memfd: %s", strerror(errno));
	close(fd);
	return NULL;
}

const char *look_begin(struct gup_pin_base *base, struct look **look)
{
	const char *problem = gup_pin_begin(base) ?: look_open_file();

	if (problem)
		return problem;
	*look = mmap(NULL, sizeof(**look), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return *look == MAP_FAILED ? gup_pin_problem("mmap: %s", strerror(errno)) : NULL;
}

const char *look_end(const struct gup_pin_base *base, struct look *look, pid_t pid)
{
	const char *problem;

	look_stop(pid);
	munmap(look, sizeof(*look));
	problem = gup_pin_end(base);
	close(LOOK_FILE_FD);
	return problem;
}

void look_pin(struct look *look)
{
	struct iovec iov[2];
	int ring;

	ring = uring_open();
	look->addr = mmap(NULL, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	iov[0].iov_base = look->addr;
	iov[0].iov_len = 4 * PAGE_SIZE;
	iov[1].iov_base = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			       LOOK_FILE_FD, 0);
	iov[1].iov_len = PAGE_SIZE;
	if (ring < 0 || iov[0].iov_base == MAP_FAILED || iov[1].iov_base == MAP_FAILED)
		_exit(1);
	madvise(look->addr, 4 * PAGE_SIZE, MADV_NOHUGEPAGE);
	memset(look->addr, 1, 4 * PAGE_SIZE);
	if (uring_register(ring, iov, 2))
		_exit(2);
}

void look_as_user(struct look *look, pid_t pid)
{
	if (gup_pin_become(CHILD_USER))
		_exit(1);
	look_at(look, "/proc", pid);
}

int look_open(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/gup_pins", pid);
	return open(path, O_RDONLY);
}
