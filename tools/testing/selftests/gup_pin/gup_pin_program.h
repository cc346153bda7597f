/* SPDX-License-Identifier: GPL-2.0 */
/* A process that gives memory to a device, and ends in every possible way. */
#ifndef GUP_PIN_PROGRAM_H
#define GUP_PIN_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>
#include "gup_pin_device.h"

/*
 * Steps are requested by gup_pin_program_do(), and executed in this order; the process
 * replies after each.
 */
enum gup_pin_program_step {
	STEP_UNMAP = 'u',	/* unmaps its memory, and closes its file */
	STEP_CLOSE = 'c',	/* closes the device */
	STEP_WRITE = 'w',	/* writes to its memory */
};

struct gup_pin_program_how {
	enum gup_pin_shared_kind memory;
	enum gup_pin_device_kind device;
	/* Descriptors are closed in ascending order when a process ends. */
	bool device_last;
	const char *dir;	/* mount point of a file system that the memory needs */
};

struct gup_pin_program {
	pid_t pid;		/* 0: no process */
	int to;
	int from;
};

/* Returns after the pins have been taken. */
const char *gup_pin_program_start(struct gup_pin_program *program,
				  const struct gup_pin_program_how *how);
/*
 * The same for a function that does everything, and returns an error or NULL. For its
 * steps it calls gup_pin_program_serve().
 */
const char *gup_pin_program_run(struct gup_pin_program *program,
				const char *(*fn)(void *arg), void *arg);
/*
 * Called by the process when it is ready. Replies with what fn returns, or, if it is NULL, with
 * an error; ends with the process.
 */
void gup_pin_program_serve(const char *(*fn)(void *arg, char step), void *arg);

const char *gup_pin_program_do(struct gup_pin_program *program, char step);
/* The process executes another program, which waits to be killed. */
const char *gup_pin_program_exec(struct gup_pin_program *program);
const char *gup_pin_program_exit(struct gup_pin_program *program);
/* By SIGKILL, if it has not ended. */
void gup_pin_program_kill(struct gup_pin_program *program);

/* Expects pins of a process on memory of this kind, and counts them. */
const char *gup_pin_program_check_pins(pid_t pid, const char *map, unsigned long *pins);
/* Expects the same pins, on pages that are no longer in a file. */
const char *gup_pin_program_check_lost(pid_t pid, unsigned long pins);

#endif /* GUP_PIN_PROGRAM_H */
