/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A block device whose I/O stays in flight while it is suspended: device-mapper
 * "linear" on a loop device on a memfd.
 */
#ifndef GUP_PIN_DM_H
#define GUP_PIN_DM_H

#include <stdbool.h>
#include <stddef.h>

struct gup_pin_dm {
	int memfd;
	int loop;
	char below[40];		/* /dev/loopN, or the given device */
	size_t size;
	char name[40];
	char dev[40];		/* /dev/dm-N */
	char dir[40];		/* mount point of its file system */
	bool mounted;
};

const char *gup_pin_dm_missing(void);
const char *gup_pin_dm_create(struct gup_pin_dm *dm, size_t size);
/* On another block device, of at least this size. */
const char *gup_pin_dm_create_over(struct gup_pin_dm *dm, const char *below, size_t size);
/* Makes an ext4, xfs, btrfs or f2fs on a block device. */
const char *gup_pin_mkfs(const char *type, const char *dev);
const char *gup_pin_dm_mount(struct gup_pin_dm *dm, const char *type);
/* The same for an existing file system. */
const char *gup_pin_dm_mount_made(struct gup_pin_dm *dm, const char *type);
/* The same, with the file system's own options, or NULL. */
const char *gup_pin_dm_mount_with(struct gup_pin_dm *dm, const char *type,
				  const char *options);
/* What is written to it must not change meanwhile; before it is mounted. */
const char *gup_pin_dm_stable(struct gup_pin_dm *dm);
/* From now on each read takes this long, and completes on any CPU. */
const char *gup_pin_dm_delay(struct gup_pin_dm *dm, unsigned int ms);
const char *gup_pin_dm_suspend(struct gup_pin_dm *dm);
const char *gup_pin_dm_resume(struct gup_pin_dm *dm);
/* Resumes, unmounts and removes whatever exists of it. */
void gup_pin_dm_remove(struct gup_pin_dm *dm);

/* Creates a file of this size, written and clean; opened with flags. */
int gup_pin_dm_file(struct gup_pin_dm *dm, const char *name, size_t size, int flags);

#endif /* GUP_PIN_DM_H */
