/* SPDX-License-Identifier: GPL-2.0 */
/* Processes that pin: of other users, in other namespaces, or ended. */
#ifndef GUP_PIN_CHILD_H
#define GUP_PIN_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#define CHILD_PAGES	4

struct gup_pin_child {
	pid_t pid;
	pid_t pinner;		/* the thread that pinned; has ended if it is not the main one */
	char *addr;		/* CHILD_PAGES pinned pages: w, long */
	int go;			/* the child waits for a byte from here */
};

/*
 * comm: its name, NULL: unchanged; uid: also its gid, 0: root; ring: to pin with, 0:
 * its own; thread: a thread pins and ends; pid: pid to use, 0: any
 */
struct gup_pin_child_how {
	const char *comm;
	uid_t uid;
	int ring;
	bool thread;
	pid_t pid;
};

const char *gup_pin_child_start(struct gup_pin_child *child,
				const struct gup_pin_child_how *how);
/* Ends the child without waiting for it: a zombie. */
const char *gup_pin_child_exit(struct gup_pin_child *child);
/* Ends the child, unless it has ended, and waits for it. */
void gup_pin_child_end(struct gup_pin_child *child);

/* Wait until the first thread of a process has ended, or sleeps until a page is written. */
const char *gup_pin_wait_ended(pid_t pid);
const char *gup_pin_wait_page(pid_t pid);
/* The same for a thread of this process: pthread_join() returns before it is gone. */
const char *gup_pin_wait_thread_gone(pid_t tid);

/* An unprivileged user. */
#define CHILD_USER	65534

/* This process becomes one of the user, accessible to that user, and ends with its parent. */
const char *gup_pin_become(uid_t uid);

/*
 * Starts a process that writes to a page of another, and blocks waiting for the data to
 * write: pin_user_pages_remote(), w, short. Ends only by SIGKILL, see
 * gup_pin_writer_end().
 */
const char *gup_pin_writer_start(pid_t *writer, pid_t victim, char *addr);
void gup_pin_writer_end(pid_t writer);

#endif /* GUP_PIN_CHILD_H */
