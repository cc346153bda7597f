/* SPDX-License-Identifier: GPL-2.0 */
/* A FUSE file system of one file, "data", whose server answers when the test lets it. */
#ifndef GUP_PIN_FUSE_H
#define GUP_PIN_FUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * struct gup_pin_fuse - a mounted one
 * @server: its process; 0: none
 * @held: in memory shared with it: reads and writes are not answered
 * @dir: where it is mounted; empty: it is not
 */
struct gup_pin_fuse {
	pid_t server;
	bool *held;
	char dir[40];
};

const char *gup_pin_fuse_missing(void);
/* size: of the file, in bytes */
const char *gup_pin_fuse_mount(struct gup_pin_fuse *fuse, size_t size);
/* From now on, reads and writes are not answered; or they are again. */
void gup_pin_fuse_hold(struct gup_pin_fuse *fuse, bool held);
/* By SIGKILL: what was not answered ends with an error. */
void gup_pin_fuse_kill(struct gup_pin_fuse *fuse);
/* Ends the server, too; may be called on a zeroed one. */
void gup_pin_fuse_unmount(struct gup_pin_fuse *fuse);

#endif /* GUP_PIN_FUSE_H */
