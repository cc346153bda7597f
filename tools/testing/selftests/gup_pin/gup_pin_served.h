/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file system of one file, "data", whose server is a process of the test's, and answers
 * when the test lets it.
 */
#ifndef GUP_PIN_SERVED_H
#define GUP_PIN_SERVED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SERVED_NAME	"data"
#define SERVED_MOST	131072	/* bytes of a read or write */

/**
 * struct gup_pin_served - a mounted one
 * @server: its process; 0: none
 * @held: in memory shared with it: reads and writes are not answered
 * @dir: where it is mounted; empty: it is not
 */
struct gup_pin_served {
	pid_t server;
	bool *held;
	char dir[40];
};

/*
 * Mounts it, and starts the server with the file descriptor of its connection, which is
 * closed here, and with @held.
 */
const char *gup_pin_served_mount(struct gup_pin_served *served, const char *type,
				 const char *options, int fd,
				 void (*serve)(int fd, const bool *held));
/* Stops (held) or resumes the answers to reads and writes. */
void gup_pin_served_hold(struct gup_pin_served *served, bool held);
/* For the server. */
void gup_pin_served_wait(const bool *held);
/* By SIGKILL: what was not answered ends with an error. */
void gup_pin_served_kill(struct gup_pin_served *served);
/* Ends the server, too; may be called on a zeroed one. */
void gup_pin_served_unmount(struct gup_pin_served *served);

#endif /* GUP_PIN_SERVED_H */
