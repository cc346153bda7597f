/* SPDX-License-Identifier: GPL-2.0 */
/* People who look at /proc/PID/gup_pins, and whether they saw what they may see. */
#ifndef GUP_PIN_LOOK_H
#define GUP_PIN_LOOK_H

#include <stdbool.h>
#include <sys/types.h>

struct gup_pin_base;

/* What somebody got who looked, in memory shared with who asked him to. */
struct look {
	int maps_open;			/* errno; 0: it worked */
	int open;
	ssize_t maps_read;		/* how much there was, or -errno */
	ssize_t read;
	char text[1 << 16];
	bool done;

	/* Of who looks, if he has pinned: */
	char *addr;
	pid_t pid;			/* as everybody sees it */
	bool known;			/* it is in pid */
	bool ready;			/* waits for: */
	bool go;
};

/* Both of PID's files below a procfs. */
void look_at(struct look *look, const char *proc, pid_t pid);
/* The same as CHILD_USER. */
void look_as_user(struct look *look, pid_t pid);
int look_open(pid_t pid);
ssize_t look_read(int fd, char *text, size_t size);

/* A process that runs fn, and stays: look->done says when it has. */
pid_t look_start(struct look *look, void (*fn)(struct look *look, pid_t arg), pid_t arg);
void look_stop(pid_t pid);
/* Who looks waits for the test; and the other way round. False: in vain. */
bool look_wait(const bool *flag);

/*
 * A file of which processes pin a page. It stays until they have let go of it, or
 * that it goes would be a hazard.
 */
#define LOOK_FILE_FD	102

const char *look_open_file(void);

/* What each test of these begins with, and ends with: pid is who looks, or 0. */
const char *look_begin(struct gup_pin_base *base, struct look **look);
const char *look_end(const struct gup_pin_base *base, struct look *look, pid_t pid);

/* Pins 4 pages of memory and that one, and says where. */
void look_pin(struct look *look);

#define LOOK_PINS	5

enum shown { HIDDEN, ALL };

bool look_has_kernel_address(const char *text);
/*
 * Is what was seen what `pins` has of the owner, but for what has to be hidden?
 * Of ids, translate knows what is to be seen; NULL: no change.
 */
const char *look_check(const struct look *look, pid_t owner, enum shown shown,
		       pid_t (*translate)(pid_t id, const struct look *look));
/* Neither may be opened. */
const char *look_check_refused(const struct look *look, int why);
/* Both may be opened, and show nothing. */
const char *look_check_empty(const struct look *look);

#endif /* GUP_PIN_LOOK_H */
