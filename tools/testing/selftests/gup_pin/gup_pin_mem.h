/* SPDX-License-Identifier: GPL-2.0 */
/* All kinds of memory that the gup_pin selftests pin. */
#ifndef GUP_PIN_MEM_H
#define GUP_PIN_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum gup_pin_mem_kind {
	MEM_ANON,		/* 4 KiB pages, private */
	MEM_THP,		/* 2 MiB aligned, private, madvise()d */
	MEM_HUGETLB,		/* private */
	MEM_SHARED_ANON,	/* MAP_SHARED | MAP_ANONYMOUS */
	MEM_MEMFD,		/* shared mapping of a memfd */
	MEM_MEMFD_HUGETLB,	/* the same with 2 MiB pages */
	MEM_FILE,		/* shared mapping of a given file */
};

struct gup_pin_mem {
	enum gup_pin_mem_kind kind;
	char *addr;
	size_t size;
	int fd;			/* -1: none */
	dev_t dev;		/* device of a file; 0 for private memory */
	ino_t ino;
	unsigned int order;
	const char *map;	/* as in `pins` */
};

/* Maps and populates; returns NULL, or an error. */
const char *gup_pin_mem_get(struct gup_pin_mem *mem, enum gup_pin_mem_kind kind,
			    size_t size);
const char *gup_pin_mem_file(struct gup_pin_mem *mem, int fd, size_t size,
			     off_t offset);
void gup_pin_mem_put(struct gup_pin_mem *mem);

/* The device and inode of a mapping by /proc/self/maps: stat() has another device for btrfs. */
const char *gup_pin_mem_inode(const void *addr, dev_t *dev, ino_t *ino);

/* Makes this amount of hugetlb memory available, or returns an error. */
const char *gup_pin_mem_want_hugepages(size_t size);

/* Frees all unused hugetlb memory. */
const char *gup_pin_mem_drop_hugepages(void);

/* Returns why there is no memory of this kind; NULL if there can be. */
const char *gup_pin_mem_missing(enum gup_pin_mem_kind kind);

/*
 * Moves the memory to where long-term pins are allowed: no later one moves it, or fails because
 * that is not possible at the moment.
 */
const char *gup_pin_mem_settle(const struct gup_pin_mem *mem);

/* 2 MiB of 4 KiB pages with ascending pfns, from a split THP. */
const char *gup_pin_mem_contiguous(struct gup_pin_mem *mem);

#endif /* GUP_PIN_MEM_H */
