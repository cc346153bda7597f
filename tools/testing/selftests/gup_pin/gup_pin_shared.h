/* SPDX-License-Identifier: GPL-2.0 */
/* Shared memory whose end takes nothing from anybody: it has no name, or never had one. */
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

/* A file system for the kinds that need one, mounted at a folder of its own. */
struct gup_pin_mounted {
	char dir[64];
};

const char *gup_pin_mount(struct gup_pin_mounted *at, const char *type, const char *options);
/* Why not; the folder stays then. */
const char *gup_pin_unmount(struct gup_pin_mounted *at);

const char *gup_pin_shared_missing(enum gup_pin_shared_kind kind);
size_t gup_pin_shared_page(enum gup_pin_shared_kind kind);
/* As `pins` calls it. */
const char *gup_pin_shared_map(enum gup_pin_shared_kind kind);
/* What to mount for it; NULL: nothing. */
const char *gup_pin_shared_fs(enum gup_pin_shared_kind kind);

/* So many pages, written to; dir: where such a file system is mounted, or NULL. */
const char *gup_pin_shared_get(struct gup_pin_shared *mem, enum gup_pin_shared_kind kind,
			       const char *dir, size_t pages);
/* The same of a file that is there; the descriptor is the memory's then, or -1. */
const char *gup_pin_shared_take(struct gup_pin_shared *mem, enum gup_pin_shared_kind kind,
				int fd, size_t pages);
/* With this, nothing refers to it any more but pins. */
void gup_pin_shared_put(struct gup_pin_shared *mem);

#endif /* GUP_PIN_SHARED_H */
