/* SPDX-License-Identifier: GPL-2.0 */
/* The ways in which a program reads or writes a file. */
#ifndef GUP_PIN_WAY_H
#define GUP_PIN_WAY_H

#include <stdbool.h>
#include <stddef.h>

enum gup_pin_way {
	WAY_SYNC,		/* pread(), pwrite() */
	WAY_SYNC_PARTS,		/* preadv(), pwritev() */
	WAY_AIO,
	WAY_AIO_PARTS,
	WAY_URING,
	WAY_URING_PARTS,
	WAYS,
};

/*
 * Reads or writes the first bytes of a file, and waits for the end of it; by parts: the
 * second half of the memory comes first. NULL, or what is wrong.
 */
const char *gup_pin_way_go(enum gup_pin_way way, int fd, bool write, char *addr, size_t size);

#endif /* GUP_PIN_WAY_H */
