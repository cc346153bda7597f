// SPDX-License-Identifier: GPL-2.0
/* A file system whose server is a process of the test's. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_served.h"
#include "gup_pin_util.h"

static void start(struct gup_pin_served *served, int fd,
		  void (*serve)(int fd, const bool *held))
{
	served->server = fork();
	if (served->server)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	serve(fd, served->held);
	_exit(1);
}

/* The server comes first: mount() may wait for its answers. */
const char *gup_pin_served_mount(struct gup_pin_served *served, const char *type,
				 const char *options, int fd,
				 void (*serve)(int fd, const bool *held))
{
	int error;

	served->held = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);
	snprintf(served->dir, sizeof(served->dir), "/tmp/gup_pin.XXXXXX");
	if (!mkdtemp(served->dir)) {
		error = errno;
		served->dir[0] = '\0';
		close(fd);
		return gup_pin_problem("mkdtemp: %s", strerror(error));
	}
	start(served, fd, serve);
	error = mount("gup_pin", served->dir, type, 0, options) ? errno : 0;
	close(fd);
	if (!error)
		return NULL;
	gup_pin_served_kill(served);
	rmdir(served->dir);
	served->dir[0] = '\0';
	return gup_pin_problem("cannot mount %s: %s", type, strerror(error));
}

void gup_pin_served_hold(struct gup_pin_served *served, bool held)
{
	__atomic_store_n(served->held, held, __ATOMIC_RELEASE);
}

void gup_pin_served_wait(const bool *held)
{
	while (__atomic_load_n(held, __ATOMIC_ACQUIRE))
		gup_pin_msleep(10);
}

void gup_pin_served_kill(struct gup_pin_served *served)
{
	if (served->server <= 0)
		return;
	kill(served->server, SIGKILL);
	waitpid(served->server, NULL, 0);
	served->server = 0;
}

void gup_pin_served_unmount(struct gup_pin_served *served)
{
	if (!served->dir[0])
		return;
	gup_pin_served_hold(served, false);
	umount2(served->dir, MNT_DETACH);
	gup_pin_served_kill(served);
	rmdir(served->dir);
	served->dir[0] = '\0';
	munmap(served->held, PAGE_SIZE);
}
