/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Environment for a hazard: a file with a shared mapping, on each kind of file system,
 * and a holder that pins one of its pages for as long as the test needs.
 */
#ifndef GUP_PIN_SCENE_H
#define GUP_PIN_SCENE_H

#include <stdbool.h>
#include <sys/types.h>
#include "gup_pin_dm.h"
#include "gup_pin_nfs.h"
#include "gup_pin_null.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

/* Pages of the file and of its mapping, except on hugetlbfs; and the pinned page. */
#define SCENE_PAGES	16
#define SCENE_PAGE	5

/* Value of /proc/sys/vm/dirty_writeback_centisecs while a scene is open. */
#define GUP_PIN_SCENE_NEVER	"360000"

enum gup_pin_scene_fs {
	SCENE_EXT4,
	SCENE_XFS,
	SCENE_SHMEM,
	SCENE_HUGETLBFS,
	SCENE_EXT4_DAX,
	SCENE_XFS_DAX,
	/* On a disk that needs stable pages: */
	SCENE_EXT4_STABLE,
	SCENE_XFS_STABLE,
	/* Of the kernels that distributions ship: */
	SCENE_BTRFS,
	SCENE_F2FS,
	SCENE_OVERLAY,		/* over ext4, which the pages belong to */
	SCENE_NFS,
};

enum gup_pin_scene_holder {
	HOLD_READ,		/* O_DIRECT read in flight: w, short */
	HOLD_WRITE,		/* O_DIRECT write in flight: r, short */
	HOLD_URING_READ,	/* HOLD_READ with io_uring */
	HOLD_FIXED,		/* registered buffer of io_uring: w, long */
	HOLD_LONG_READ,		/* gup_test: r, long */
	HOLD_VM_WRITE,		/* process_vm_writev() by a child: w, short */
	HOLD_DELAYED,		/* HOLD_READ from a dm-delay */
	/*
	 * HOLD_READ from a null_blk with a completion time: for scene->null_ms only. A
	 * test that is slower must retry.
	 */
	HOLD_NULL_BLK,
};

/* For an idle machine; and a maximum that is sufficient for any. */
#define GUP_PIN_SCENE_NULL_MS		2000
#define GUP_PIN_SCENE_NULL_MOST_MS	128000

struct gup_pin_scene {
	enum gup_pin_scene_fs fs;
	/* Source of the data; while suspended, it does not respond. */
	struct gup_pin_dm slow;
	int slow_fd;
	/* The disk with the file. */
	struct gup_pin_dm disk;
	struct gup_pin_nfs nfs;
	char dir[64];
	bool mounted;
	char path[100];
	char real[100];		/* the file that has the pages, if it is another */
	dev_t dev;		/* of that */
	ino_t ino;
	int fd;
	size_t size;
	size_t page_size;
	char *map;		/* NULL: not mapped */
	char *pinned;		/* the address that is pinned */

	enum gup_pin_scene_holder holder;
	bool held;
	struct aio_one aio;
	struct uring_one *uring;
	struct gup_pin_null null;
	unsigned int null_ms;
	int ring;
	int gup_test;
	pid_t child;
	struct gup_pin_line line;	/* line of the pin in `pins` */
};

const char *gup_pin_scene_missing(enum gup_pin_scene_fs fs);
const char *gup_pin_scene_holder_missing(enum gup_pin_scene_holder holder);
const char *gup_pin_scene_open(struct gup_pin_scene *scene, enum gup_pin_scene_fs fs);
void gup_pin_scene_close(struct gup_pin_scene *scene);

/* Pins the page, and checks its line in `pins`, which is stored in scene->line. */
const char *gup_pin_scene_pin(struct gup_pin_scene *scene,
			      enum gup_pin_scene_holder holder);
/* Data that was read is in the page on return. */
const char *gup_pin_scene_unpin(struct gup_pin_scene *scene);

/* Unlinks the file, and removes all its mappings and descriptors. */
const char *gup_pin_scene_drop(struct gup_pin_scene *scene);

#endif /* GUP_PIN_SCENE_H */
