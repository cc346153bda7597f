/* SPDX-License-Identifier: GPL-2.0 */
/* A process that gives memory to a device, and ends in all the ways there are. */
#ifndef GUP_PIN_PROGRAM_H
#define GUP_PIN_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>
#include "gup_pin_device.h"

/*
 * what it does, in this order, is asked for by gup_pin_program_do(); it answers when
 * it is done
 */
enum gup_pin_program_step {
	STEP_UNMAP = 'u',	/* its memory, and closes its file */
	STEP_CLOSE = 'c',	/* the device */
	STEP_WRITE = 'w',	/* to its memory */
};

struct gup_pin_program_how {
	enum gup_pin_shared_kind memory;
	enum gup_pin_device_kind device;
	/* Descriptors are closed in their order when a process ends. */
	bool device_last;
	const char *dir;	/* of a file system that the memory needs */
};

struct gup_pin_program {
	pid_t pid;		/* 0: there is none */
	int to;
	int from;
};

/* When this returns, the pins are taken. */
const char *gup_pin_program_start(struct gup_pin_program *program,
				  const struct gup_pin_program_how *how);
/*
 * The same for a function that does all of it, and returns what is wrong. What it
 * does by steps, it does by calling gup_pin_program_serve().
 */
const char *gup_pin_program_run(struct gup_pin_program *program,
				const char *(*fn)(void *arg), void *arg);
/* In the process: it is ready. Answers with what fn says; ends with the process. */
void gup_pin_program_serve(const char *(*fn)(void *arg, char step), void *arg);

const char *gup_pin_program_do(struct gup_pin_program *program, char step);
/* It is another program then, which waits to be ended. */
const char *gup_pin_program_exec(struct gup_pin_program *program);
const char *gup_pin_program_exit(struct gup_pin_program *program);
/* By SIGKILL, if it is still there. */
void gup_pin_program_kill(struct gup_pin_program *program);

/* The pins that a process has taken are there, on memory of this kind. */
const char *gup_pin_program_check_pins(pid_t pid, const char *map, unsigned long *pins);
/* The same pins, on pages that are no longer in a file. */
const char *gup_pin_program_check_lost(pid_t pid, unsigned long pins);

#endif /* GUP_PIN_PROGRAM_H */
