/* SPDX-License-Identifier: GPL-2.0 */
/* Readers of /proc/PID/gup_pins, and whether they see exactly what they may see. */
#ifndef GUP_PIN_LOOK_H
#define GUP_PIN_LOOK_H

#include <stdbool.h>
#include <sys/types.h>

struct gup_pin_base;

/* Results of a reader, in memory shared with the test. */
struct look {
	int maps_open;			/* errno; 0: success */
	int open;
	ssize_t maps_read;		/* size, or -errno */
	ssize_t read;
	char text[1 << 16];
	bool done;

	/* About the reader, if it has pinned: */
	char *addr;
	pid_t pid;			/* in the initial pid namespace */
	bool known;			/* pid is set */
	bool ready;			/* waits for go */
	bool go;
};

/* Reads both files of PID below a procfs. */
void look_at(struct look *look, const char *proc, pid_t pid);
/* The same as CHILD_USER. */
void look_as_user(struct look *look, pid_t pid);
int look_open(pid_t pid);
ssize_t look_read(int fd, char *text, size_t size);

/* Starts a process that runs fn and stays; look->done is set after fn. */
pid_t look_start(struct look *look, void (*fn)(struct look *look, pid_t arg), pid_t arg);
void look_stop(pid_t pid);
/* Wait of a reader for the test, or vice versa. Returns false on timeout. */
bool look_wait(const bool *flag);

/*
 * A file that processes pin a page of. It stays until they have unpinned it; its
 * removal would be a hazard.
 */
#define LOOK_FILE_FD	102

const char *look_open_file(void);

/* Start and end of each test of these; pid is the reader, or 0. */
const char *look_begin(struct gup_pin_base *base, struct look **look);
const char *look_end(const struct gup_pin_base *base, struct look *look, pid_t pid);

/* Pins 4 pages of memory and the one of the file, and stores the address. */
void look_pin(struct look *look);

#define LOOK_PINS	5

enum shown { HIDDEN, ALL };

bool look_has_kernel_address(const char *text);
/*
 * Compares what was seen with what `pins` has of the owner, without the hidden parts.
 * translate maps an id to the one that should be seen; NULL: unchanged.
 */
const char *look_check(const struct look *look, pid_t owner, enum shown shown,
		       pid_t (*translate)(pid_t id, const struct look *look));
/* Expects that neither file may be opened. */
const char *look_check_refused(const struct look *look, int why);
/* Expects that both files may be opened, and are empty. */
const char *look_check_empty(const struct look *look);

#endif /* GUP_PIN_LOOK_H */
