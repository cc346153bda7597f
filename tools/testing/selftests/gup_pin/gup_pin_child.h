/* SPDX-License-Identifier: GPL-2.0 */
/* Processes that pin, of other users, in other namespaces, or gone again. */
#ifndef GUP_PIN_CHILD_H
#define GUP_PIN_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#define CHILD_PAGES	4

struct gup_pin_child {
	pid_t pid;
	pid_t pinner;		/* the thread, which has ended if it is another */
	char *addr;		/* CHILD_PAGES pages that are pinned: w, long */
	int go;			/* it waits for a byte from here */
};

/*
 * comm: its name, NULL: as it is; uid: and gid, 0: root; ring: to pin with, 0: one
 * of its own; thread: pins by a thread that ends then; pid: what it is to be, 0: any
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
/* It ends, but is not waited for: a zombie. */
const char *gup_pin_child_exit(struct gup_pin_child *child);
/* It ends, unless it has, and is waited for. */
void gup_pin_child_end(struct gup_pin_child *child);

/* Until a process's first thread has ended, or waits for a disk. */
const char *gup_pin_wait_ended(pid_t pid);
const char *gup_pin_wait_disk(pid_t pid);
/* The same for a thread of ours, which pthread_join() does not wait for to the end. */
const char *gup_pin_wait_thread_gone(pid_t tid);

/* A user without any right. */
#define CHILD_USER	65534

/* From now on this process is the user's, may be looked at by him, and ends with its parent. */
const char *gup_pin_become(uid_t uid);

/*
 * A process that writes to a page of another, and waits for what it is to write:
 * pin_user_pages_remote(), w, short. Ends by SIGKILL, by gup_pin_writer_end().
 */
const char *gup_pin_writer_start(pid_t *writer, pid_t victim, char *addr);
void gup_pin_writer_end(pid_t writer);

#endif /* GUP_PIN_CHILD_H */
