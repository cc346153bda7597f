// SPDX-License-Identifier: GPL-2.0
/* A block device whose I/O stays in flight while it is suspended. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "gup_pin_dm.h"
#include "gup_pin_util.h"

#define DM_CONTROL	"/dev/mapper/control"
#define SECTOR_SIZE	512

struct dm_request {
	struct dm_ioctl io;
	struct dm_target_spec target;
	char params[64];
};

static const char *dm_call(struct gup_pin_dm *dm, unsigned long cmd,
			   const char *what, struct dm_request *req)
{
	const char *problem = NULL;
	int fd;

	fd = open(DM_CONTROL, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return gup_pin_problem("cannot open " DM_CONTROL ": %s", strerror(errno));
	req->io.version[0] = DM_VERSION_MAJOR;
	req->io.data_size = sizeof(*req);
	req->io.data_start = sizeof(req->io);
	snprintf(req->io.name, sizeof(req->io.name), "%s", dm->name);
	if (ioctl(fd, cmd, req))
		problem = gup_pin_problem("device-mapper %s: %s", what, strerror(errno));
	close(fd);
	return problem;
}

const char *gup_pin_dm_missing(void)
{
	if (access(DM_CONTROL, F_OK))
		return "no " DM_CONTROL " (CONFIG_BLK_DEV_DM)";
	if (access("/dev/loop-control", F_OK))
		return "no /dev/loop-control (CONFIG_BLK_DEV_LOOP)";
	return NULL;
}

static const char *loop_create(struct gup_pin_dm *dm, size_t size)
{
	struct loop_config config = {
		.info.lo_flags = LO_FLAGS_AUTOCLEAR,
	};
	int control, nr;

	dm->memfd = memfd_create("gup_pin disk", MFD_CLOEXEC);
	if (dm->memfd < 0 || ftruncate(dm->memfd, size))
		return gup_pin_problem("memfd: %s", strerror(errno));
	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return gup_pin_problem("/dev/loop-control: %s", strerror(errno));
	nr = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	if (nr < 0)
		return gup_pin_problem("no free loop device: %s", strerror(errno));
	snprintf(dm->below, sizeof(dm->below), "/dev/loop%d", nr);
	dm->loop = open(dm->below, O_RDWR | O_CLOEXEC);
	if (dm->loop < 0)
		return gup_pin_problem("cannot open %s: %s", dm->below, strerror(errno));
	config.fd = dm->memfd;
	if (ioctl(dm->loop, LOOP_CONFIGURE, &config))
		return gup_pin_problem("LOOP_CONFIGURE: %s", strerror(errno));
	return NULL;
}

/* The whole disk as one target; @more are further parameters after those of the disk. */
static const char *load_table(struct gup_pin_dm *dm, const char *target, const char *more)
{
	struct dm_request req = {};

	req.io.target_count = 1;
	req.target.length = dm->size / SECTOR_SIZE;
	req.target.next = sizeof(req) - sizeof(req.io);
	snprintf(req.target.target_type, sizeof(req.target.target_type), "%s", target);
	snprintf(req.params, sizeof(req.params), "%s 0%s", dm->below, more);
	return dm_call(dm, DM_TABLE_LOAD, "table", &req) ?: gup_pin_dm_resume(dm);
}

const char *gup_pin_dm_delay(struct gup_pin_dm *dm, unsigned int ms)
{
	char more[64];

	snprintf(more, sizeof(more), " %u %s 0 0", ms, dm->below);
	return load_table(dm, "delay", more);
}

static void clear(struct gup_pin_dm *dm)
{
	memset(dm, 0, sizeof(*dm));
	dm->memfd = -1;
	dm->loop = -1;
}

static const char *create(struct gup_pin_dm *dm)
{
	struct dm_request req = {};
	static unsigned int count;
	const char *problem;

	snprintf(dm->name, sizeof(dm->name), "gup_pin-%d-%u", getpid(), count++);
	problem = dm_call(dm, DM_DEV_CREATE, "create", &req);
	if (problem) {
		dm->name[0] = '\0';
		return problem;
	}
	snprintf(dm->dev, sizeof(dm->dev), "/dev/dm-%u", minor(req.io.dev));

	problem = load_table(dm, "linear", "");
	if (problem)
		return problem;
	if (access(dm->dev, F_OK))
		return gup_pin_problem("%s did not appear: is devtmpfs mounted at /dev?",
				       dm->dev);
	return NULL;
}

const char *gup_pin_dm_create(struct gup_pin_dm *dm, size_t size)
{
	clear(dm);
	dm->size = size;
	return loop_create(dm, size) ?: create(dm);
}

const char *gup_pin_dm_create_over(struct gup_pin_dm *dm, const char *below, size_t size)
{
	clear(dm);
	dm->size = size;
	snprintf(dm->below, sizeof(dm->below), "%s", below);
	return create(dm);
}

const char *gup_pin_dm_stable(struct gup_pin_dm *dm)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/block/%s/queue/stable_writes",
		 strrchr(dm->dev, '/') + 1);
	return gup_pin_write(path, "1");
}

/*
 * An empty FAT16 file system, so that mkfs.vfat is not needed: a boot sector and the
 * first two entries of the only FAT.
 */
static const char *mkfs_vfat(struct gup_pin_dm *dm)
{
	unsigned char boot[SECTOR_SIZE] = { 0xeb, 0x3c, 0x90 };
	unsigned char fat[4] = { 0xf8, 0xff, 0xff, 0xff };
	off_t size = lseek(dm->memfd, 0, SEEK_END);
	unsigned int sectors = size / SECTOR_SIZE, fat_sectors;
	const char *problem = NULL;
	int fd;

	if (sectors > 0xffff)
		return gup_pin_problem("too large for this FAT16");
	fat_sectors = (sectors * 2 + SECTOR_SIZE - 1) / SECTOR_SIZE;
	memcpy(boot + 3, "gup_pin ", 8);
	boot[11] = SECTOR_SIZE & 0xff;
	boot[12] = SECTOR_SIZE >> 8;
	boot[13] = 8;			/* sectors in a cluster */
	boot[14] = 1;			/* reserved sectors */
	boot[16] = 1;			/* FATs */
	boot[18] = 2;			/* 512 entries in the root directory */
	boot[19] = sectors & 0xff;
	boot[20] = sectors >> 8;
	boot[21] = 0xf8;
	boot[22] = fat_sectors & 0xff;
	boot[23] = fat_sectors >> 8;
	boot[38] = 0x29;
	memcpy(boot + 43, "NO NAME    FAT16   ", 19);
	boot[510] = 0x55;
	boot[511] = 0xaa;

	fd = open(dm->dev, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return gup_pin_problem("cannot open %s: %s", dm->dev, strerror(errno));
	if (pwrite(fd, boot, sizeof(boot), 0) != sizeof(boot) ||
	    pwrite(fd, fat, sizeof(fat), SECTOR_SIZE) != sizeof(fat) || fsync(fd))
		problem = gup_pin_problem("cannot write %s: %s", dm->dev, strerror(errno));
	close(fd);
	return problem;
}

/*
 * ext4 without a journal: only the test may wait for the suspended device. mkfs.xfs
 * needs an option to make one this small.
 */
static const struct {
	const char *type;
	const char *command;
} makers[] = {
	{ "ext4", "mkfs.ext4 -q -F -b 4096 -O ^has_journal -E lazy_itable_init=0" },
	{ "xfs", "mkfs.xfs -q -f -K --unsupported -d agcount=1 -m reflink=0,rmapbt=0" },
	{ "btrfs", "mkfs.btrfs -q -f -K -m single" },
	{ "f2fs", "mkfs.f2fs -q -f -t 0" },
};

const char *gup_pin_mkfs(const char *type, const char *dev)
{
	const char *how = NULL;
	char command[200];
	int status;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(makers); i++)
		if (!strcmp(makers[i].type, type))
			how = makers[i].command;
	if (!how)
		return gup_pin_problem("no program makes %s", type);
	snprintf(command, sizeof(command), "PATH=$PATH:/sbin:/usr/sbin %s %s >/dev/null", how, dev);
	status = system(command);
	if (status)
		return gup_pin_problem("mkfs for %s failed with status 0x%x", type, status);
	return NULL;
}

const char *gup_pin_dm_mount(struct gup_pin_dm *dm, const char *type)
{
	const char *problem;

	problem = strcmp(type, "vfat") ? gup_pin_mkfs(type, dm->dev) : mkfs_vfat(dm);
	return problem ?: gup_pin_dm_mount_made(dm, type);
}

const char *gup_pin_dm_mount_made(struct gup_pin_dm *dm, const char *type)
{
	return gup_pin_dm_mount_with(dm, type, NULL);
}

const char *gup_pin_dm_mount_with(struct gup_pin_dm *dm, const char *type,
				  const char *options)
{
	snprintf(dm->dir, sizeof(dm->dir), "/tmp/gup_pin.XXXXXX");
	if (!mkdtemp(dm->dir)) {
		dm->dir[0] = '\0';
		return gup_pin_problem("mkdtemp: %s", strerror(errno));
	}
	if (mount(dm->dev, dm->dir, type, 0, options))
		return gup_pin_problem("cannot mount %s: %s", type, strerror(errno));
	dm->mounted = true;
	return NULL;
}

const char *gup_pin_dm_suspend(struct gup_pin_dm *dm)
{
	struct dm_request req = {
		.io.flags = DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG | DM_NOFLUSH_FLAG,
	};

	return dm_call(dm, DM_DEV_SUSPEND, "suspend", &req);
}

const char *gup_pin_dm_resume(struct gup_pin_dm *dm)
{
	struct dm_request req = {};

	return dm_call(dm, DM_DEV_SUSPEND, "resume", &req);
}

int gup_pin_dm_file(struct gup_pin_dm *dm, const char *name, size_t size, int flags)
{
	char path[100], *data;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dm->dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	data = malloc(size);
	memset(data, 'f', size);
	if (write(fd, data, size) != (ssize_t)size || fsync(fd)) {
		free(data);
		close(fd);
		return -1;
	}
	free(data);
	close(fd);
	return open(path, flags | O_CLOEXEC);
}

static const char *remove_device(struct gup_pin_dm *dm)
{
	struct dm_request req = {};

	return dm_call(dm, DM_DEV_REMOVE, "remove", &req);
}

void gup_pin_dm_remove(struct gup_pin_dm *dm)
{
	unsigned int waited = 0;

	if (dm->name[0])
		gup_pin_dm_resume(dm);
	/* The last I/O may still keep the file system busy. */
	while (dm->mounted && umount(dm->dir) && gup_pin_patience(&waited))
		;
	if (dm->dir[0])
		rmdir(dm->dir);
	while (dm->name[0] && remove_device(dm) && gup_pin_patience(&waited))
		;
	if (dm->loop >= 0)
		close(dm->loop);
	if (dm->memfd >= 0)
		close(dm->memfd);
	clear(dm);
}
