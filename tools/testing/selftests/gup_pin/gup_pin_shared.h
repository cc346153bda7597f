/* SPDX-License-Identifier: GPL-2.0 */
/* Shared memory whose end is harmless: it has no name, or never had one. */
#ifndef GUP_PIN_SHARED_H
#define GUP_PIN_SHARED_H

#include <stdbool.h>
#include <stddef.h>

enum gup_pin_shared_kind {
	SHARED_ANON,		/* MAP_SHARED | MAP_ANONYMOUS */
	SHARED_MEMFD,
	SHARED_MEMFD_HUGETLB,
	SHARED_TMPFS,		/* an unlinked file */
	SHARED_HUGETLBFS,	/* the same */
	SHARED_SYSV,		/* marked for removal */
};

struct gup_pin_shared {
	enum gup_pin_shared_kind kind;
	char *addr;
	size_t size;
	int fd;			/* -1: none */
};

/* A file system for the kinds that need one, mounted on a directory of its own. */
struct gup_pin_mounted {
	char dir[64];
};

const char *gup_pin_mount(struct gup_pin_mounted *at, const char *type, const char *options);
/* Returns an error, and keeps the directory, if it fails. */
const char *gup_pin_unmount(struct gup_pin_mounted *at);

const char *gup_pin_shared_missing(enum gup_pin_shared_kind kind);
size_t gup_pin_shared_page(enum gup_pin_shared_kind kind);
/* As in `pins`. */
const char *gup_pin_shared_map(enum gup_pin_shared_kind kind);
/* File system type that must be mounted; NULL: none. */
const char *gup_pin_shared_fs(enum gup_pin_shared_kind kind);

/* Gets this number of pages, written to; dir: mount point of such a file system, or NULL. */
const char *gup_pin_shared_get(struct gup_pin_shared *mem, enum gup_pin_shared_kind kind,
			       const char *dir, size_t pages);
/* The same with an existing file; takes over the descriptor, or -1. */
const char *gup_pin_shared_take(struct gup_pin_shared *mem, enum gup_pin_shared_kind kind,
				int fd, size_t pages);
/* After this, only pins refer to the memory. */
void gup_pin_shared_put(struct gup_pin_shared *mem);

#endif /* GUP_PIN_SHARED_H */
