// SPDX-License-Identifier: GPL-2.0
/*
 * O_DIRECT on file systems, and on a disk without one, in all the ways that a program has:
 * short-term pins, as long as the disk does not answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_9p.h"
#include "gup_pin_dm.h"
#include "gup_pin_frame.h"
#include "gup_pin_fuse.h"
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_util.h"
#include "gup_pin_way.h"

#define NPAGES		6
/* More than fit into one bio. */
#define NPAGES_LARGE	300
#define FILE_SIZE	(512 * PAGE_SIZE)
#define DISK_SIZE	(320UL << 20)

FIXTURE(direct_fs)
{
	struct gup_pin_base base;
	struct gup_pin_dm dm;
	struct gup_pin_served served;
	struct gup_pin_mem mem;
	size_t npages;
	int file;
	pid_t child;
};

FIXTURE_VARIANT(direct_fs)
{
	const char *fs;		/* NULL: the disk itself */
	const char *options;
	const char *config;
	const char *pinner;
	bool write;
	size_t npages;		/* 0: NPAGES */
};

#define READS(type, option, frame)					\
	.fs = (type), .config = (option), .pinner = (frame)
#define WRITES(type, option, frame)					\
	.fs = (type), .config = (option), .pinner = (frame), .write = true
FIXTURE_VARIANT_ADD(direct_fs, disk_read) { READS(NULL, NULL, "blkdev_read_iter") };
FIXTURE_VARIANT_ADD(direct_fs, disk_write) { WRITES(NULL, NULL, "blkdev_write_iter") };
FIXTURE_VARIANT_ADD(direct_fs, disk_read_large)
{
	READS(NULL, NULL, "blkdev_read_iter"), .npages = NPAGES_LARGE,
};

FIXTURE_VARIANT_ADD(direct_fs, disk_write_large)
{
	WRITES(NULL, NULL, "blkdev_write_iter"), .npages = NPAGES_LARGE,
};

FIXTURE_VARIANT_ADD(direct_fs, ext4_read)
{
	READS("ext4", "EXT4_FS", "ext4_file_read_iter|ext4_dio_read_iter"),
};

FIXTURE_VARIANT_ADD(direct_fs, ext4_write) { WRITES("ext4", "EXT4_FS", "ext4_file_write_iter") };
FIXTURE_VARIANT_ADD(direct_fs, xfs_read) { READS("xfs", "XFS_FS", "xfs_file_read_iter") };
FIXTURE_VARIANT_ADD(direct_fs, xfs_write) { WRITES("xfs", "XFS_FS", "xfs_file_write_iter") };
FIXTURE_VARIANT_ADD(direct_fs, f2fs_read) { READS("f2fs", "F2FS_FS", "f2fs_file_read_iter") };
FIXTURE_VARIANT_ADD(direct_fs, f2fs_write) { WRITES("f2fs", "F2FS_FS", "f2fs_file_write_iter") };
FIXTURE_VARIANT_ADD(direct_fs, btrfs_read) { READS("btrfs", "BTRFS_FS", "btrfs_file_read_iter") };
/* What has checksums is not written directly, for it might change meanwhile. */
FIXTURE_VARIANT_ADD(direct_fs, btrfs_write)
{
	WRITES("btrfs", "BTRFS_FS", "btrfs_do_write_iter"), .options = "nodatacow",
};

FIXTURE_VARIANT_ADD(direct_fs, fuse_read) { READS("fuse", "FUSE_FS", "fuse_direct_io") };
FIXTURE_VARIANT_ADD(direct_fs, fuse_write) { WRITES("fuse", "FUSE_FS", "fuse_direct_io") };

FIXTURE_VARIANT_ADD(direct_fs, 9p_read)
{
	READS("9p", "9P_FS", "netfs_unbuffered_read_iter_locked|netfs_unbuffered_read_iter"),
};

FIXTURE_VARIANT_ADD(direct_fs, 9p_write)
{
	WRITES("9p", "9P_FS", "netfs_unbuffered_write_iter_locked|netfs_unbuffered_write_iter"),
};

static const char *missing_fs(const char *type, const char *config)
{
	char *text, word[32];
	bool found;

	if (type && !strcmp(type, "fuse"))
		return gup_pin_fuse_missing();
	if (!type || gup_pin_slurp("/proc/filesystems", &text, NULL))
		return NULL;
	snprintf(word, sizeof(word), "\t%s\n", type);
	found = strstr(text, word);
	free(text);
	return found ? NULL : gup_pin_problem("no %s (CONFIG_%s)", type, config);
}

/* The disk itself has something to be read as well. */
static const char *fill_disk(struct gup_pin_dm *dm)
{
	char data[PAGE_SIZE];
	size_t at;

	memset(data, 'f', sizeof(data));
	for (at = 0; at < FILE_SIZE; at += sizeof(data))
		if (pwrite(dm->memfd, data, sizeof(data), at) != sizeof(data))
			return gup_pin_problem("cannot write a disk: %s", strerror(errno));
	return NULL;
}

static const char *open_served(struct gup_pin_served *served, const char *fs, int *file)
{
	const char *problem;
	char path[80];

	problem = strcmp(fs, "9p") ? gup_pin_fuse_mount(served, FILE_SIZE) :
		gup_pin_9p_mount(served, FILE_SIZE);
	if (problem)
		return problem;
	snprintf(path, sizeof(path), "%s/" SERVED_NAME, served->dir);
	*file = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	return *file < 0 ? gup_pin_problem("%s: %s", path, strerror(errno)) : NULL;
}

static const char *open_file(struct _test_data_direct_fs *self, const char *fs,
			     const char *options)
{
	struct gup_pin_dm *dm = &self->dm;
	int *file = &self->file;
	const char *problem;

	if (fs && (!strcmp(fs, "fuse") || !strcmp(fs, "9p")))
		return open_served(&self->served, fs, file);
	problem = gup_pin_dm_create(dm, DISK_SIZE);
	if (problem)
		return problem;
	if (fs) {
		problem = gup_pin_mkfs(fs, dm->dev) ?: gup_pin_dm_mount_with(dm, fs, options);
		if (problem)
			return problem;
		*file = gup_pin_dm_file(dm, "data", FILE_SIZE, O_RDWR | O_DIRECT);
	} else {
		problem = fill_disk(dm);
		if (problem)
			return problem;
		*file = open(dm->dev, O_RDWR | O_DIRECT | O_CLOEXEC);
	}
	return *file < 0 ? gup_pin_problem("O_DIRECT: %s", strerror(errno)) : NULL;
}

/* Stop answering I/O, and resume. */
static const char *hold(struct _test_data_direct_fs *self)
{
	if (!self->served.dir[0])
		return gup_pin_dm_suspend(&self->dm);
	gup_pin_served_hold(&self->served, true);
	return NULL;
}

static const char *resume_io(struct _test_data_direct_fs *self)
{
	if (!self->served.dir[0])
		return gup_pin_dm_resume(&self->dm);
	gup_pin_served_hold(&self->served, false);
	return NULL;
}

FIXTURE_SETUP(direct_fs)
{
	const char *missing = gup_pin_missing() ?: gup_pin_dm_missing() ?:
		missing_fs(variant->fs, variant->config);

	if (missing)
		SKIP(return, "%s", missing);
	self->mem.fd = -1;
	self->file = -1;
	self->dm.loop = -1;
	self->dm.memfd = -1;
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(open_file(self, variant->fs, variant->options));
	self->npages = variant->npages ?: NPAGES;
	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_ANON, self->npages * PAGE_SIZE));
	/* Where the data lies is known from now on, and is not asked of the disk. */
	ASSERT_OK(gup_pin_way_go(WAY_SYNC, self->file, variant->write, self->mem.addr,
				 self->mem.size));
}

FIXTURE_TEARDOWN(direct_fs)
{
	if (self->dm.name[0] || self->served.dir[0])
		resume_io(self);
	if (self->child > 0) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
	}
	if (self->file >= 0)
		close(self->file);
	gup_pin_mem_put(&self->mem);
	gup_pin_dm_remove(&self->dm);
	gup_pin_served_unmount(&self->served);
}

static pid_t start(const struct _test_data_direct_fs *self, enum gup_pin_way way, bool write)
{
	const char *problem;
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "gup_pin reader");
	/* Its own: btrfs takes another way with pages that it would have to unshare. */
	memset(self->mem.addr, 2, self->mem.size);
	problem = gup_pin_way_go(way, self->file, write, self->mem.addr, self->mem.size);
	if (problem)
		fprintf(stderr, "# way %d: %s\n", way, problem);
	_exit(!!problem);
}

static void want_io(struct gup_pin_want *want, pid_t child, enum gup_pin_way way, bool write)
{
	gup_pin_want_self(want, "pin_user_pages_fast", write ? 'r' : 'w', "short", "anon");
	want->tgid = child;
	want->pid = child;
	want->owner = child;
	want->comm = "gup_pin\\x20reader";
	/* A file system that may have to wait is left to a thread of io_uring's. */
	if (way >= WAY_URING) {
		want->pid = 0;
		want->comm = NULL;
	}
}

/*
 * io_uring first tries without waiting: the suspended disk refuses that, what was pinned is
 * unpinned, and pinned again by a thread that may wait.
 */
static const char *wait_for_io(const struct _test_data_direct_fs *self,
			       const struct gup_pin_want *want, const char *pinner)
{
	unsigned int waited = 0;
	const char *problem;

	do {
		problem = gup_pin_check_pages(want, self->child, self->mem.addr, self->npages) ?:
			gup_pin_check_frame(self->child, pinner);
	} while (problem && gup_pin_patience(&waited));
	return problem;
}

static const char *go(struct _test_data_direct_fs *self, enum gup_pin_way way,
		      const struct _fixture_variant_direct_fs *variant)
{
	struct gup_pin_want want;
	const char *problem;
	int status;

	problem = hold(self);
	if (problem)
		return problem;
	self->child = start(self, way, variant->write);
	want_io(&want, self->child, way, variant->write);
	problem = wait_for_io(self, &want, variant->pinner) ?: resume_io(self);
	if (problem)
		return problem;
	if (waitpid(self->child, &status, 0) != self->child)
		return gup_pin_problem("waitpid: %s", strerror(errno));
	self->child = 0;
	if (status)
		return gup_pin_problem("the process ended with 0x%x", status);
	return gup_pin_end(&self->base);
}

TEST_F(direct_fs, under_way)
{
	enum gup_pin_way way;
	const char *problem;

	for (way = 0; way < WAYS; way++) {
		problem = go(self, way, variant);
		ASSERT_EQ(NULL, problem) {
			TH_LOG("way %d: %s", way, problem);
		}
	}
}

/* What a dead server has not answered fails, and is unpinned. */
static const char *kill_server(struct _test_data_direct_fs *self, bool write)
{
	const char *problem;
	int status;

	problem = hold(self);
	if (problem)
		return problem;
	self->child = start(self, WAY_SYNC, write);
	problem = gup_pin_wait_task(self->child, self->npages);
	if (problem)
		return problem;
	gup_pin_served_kill(&self->served);
	if (waitpid(self->child, &status, 0) != self->child)
		return gup_pin_problem("waitpid: %s", strerror(errno));
	self->child = 0;
	return status ? gup_pin_end(&self->base) : "it was answered";
}

/* The process is killed, and gone when the disk answers; and so is a server. */
TEST_F(direct_fs, killed)
{
	ASSERT_OK(hold(self));
	self->child = start(self, WAY_AIO, variant->write);
	ASSERT_OK(gup_pin_wait_task(self->child, self->npages));
	ASSERT_EQ(0, kill(self->child, SIGKILL));
	ASSERT_OK(gup_pin_wait_task(self->child, self->npages));
	ASSERT_OK(resume_io(self));
	ASSERT_EQ(self->child, waitpid(self->child, NULL, 0));
	self->child = 0;
	ASSERT_OK(gup_pin_end(&self->base));
	if (self->served.dir[0])
		ASSERT_OK(kill_server(self, variant->write));
}

TEST_HARNESS_MAIN
