// SPDX-License-Identifier: GPL-2.0
/*
 * Innocents: a page of a file is pinned while something happens that does the pin no
 * harm, and no data is lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_calm.h"
#include "gup_pin_scene.h"
#include "gup_pin_seen.h"

#define PUNCH		(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define STORM		20

enum what {
	/* These take the page from its file; where it lives, only read pins allow that. */
	WHAT_TRUNCATE,
	WHAT_HOLE,
	WHAT_DIRECT_WRITE,	/* over it */
	WHAT_UNLINK,		/* and no more mapped or open */
	WHAT_UMOUNT,		/* of a file system in memory alone */
	/* These leave it there. */
	WHAT_FSYNC,
	WHAT_STORM,		/* of writes and fsync()s of other files */
	WHAT_DROP_CACHES,
	WHAT_FADVISE,
	WHAT_COMPACT,
	WHAT_PAGEOUT,
};

FIXTURE(file)
{
	struct gup_pin_calm calm;
	struct gup_pin_scene scene;
};

FIXTURE_VARIANT(file)
{
	enum gup_pin_scene_fs fs;
	enum gup_pin_scene_holder holder;
	enum what what;
};

#define SEEN(which_fs, which_holder, which)				\
	.fs = SCENE_##which_fs, .holder = HOLD_##which_holder, .what = WHAT_##which

/* A device reads from a page, and another process changes the file. */
FIXTURE_VARIANT_ADD(file, ext4_truncate_read) { SEEN(EXT4, WRITE, TRUNCATE) };
FIXTURE_VARIANT_ADD(file, ext4_truncate_long_read) { SEEN(EXT4, LONG_READ, TRUNCATE) };
FIXTURE_VARIANT_ADD(file, xfs_truncate_read) { SEEN(XFS, WRITE, TRUNCATE) };
FIXTURE_VARIANT_ADD(file, tmpfs_truncate_read) { SEEN(SHMEM, WRITE, TRUNCATE) };
FIXTURE_VARIANT_ADD(file, hugetlbfs_truncate_read) { SEEN(HUGETLBFS, WRITE, TRUNCATE) };
FIXTURE_VARIANT_ADD(file, ext4_hole_read) { SEEN(EXT4, LONG_READ, HOLE) };
FIXTURE_VARIANT_ADD(file, xfs_hole_read) { SEEN(XFS, WRITE, HOLE) };
FIXTURE_VARIANT_ADD(file, tmpfs_hole_read) { SEEN(SHMEM, LONG_READ, HOLE) };
FIXTURE_VARIANT_ADD(file, hugetlbfs_hole_read) { SEEN(HUGETLBFS, LONG_READ, HOLE) };
FIXTURE_VARIANT_ADD(file, ext4_direct_write_read) { SEEN(EXT4, WRITE, DIRECT_WRITE) };
FIXTURE_VARIANT_ADD(file, ext4_direct_write_long_read) { SEEN(EXT4, LONG_READ, DIRECT_WRITE) };
FIXTURE_VARIANT_ADD(file, xfs_direct_write_read) { SEEN(XFS, WRITE, DIRECT_WRITE) };
FIXTURE_VARIANT_ADD(file, ext4_fsync_read) { SEEN(EXT4, WRITE, FSYNC) };
FIXTURE_VARIANT_ADD(file, ext4_fsync_long_read) { SEEN(EXT4, LONG_READ, FSYNC) };
FIXTURE_VARIANT_ADD(file, xfs_fsync_read) { SEEN(XFS, WRITE, FSYNC) };
/* The end of a file that had no name any more. */
FIXTURE_VARIANT_ADD(file, ext4_unlink) { SEEN(EXT4, URING_READ, UNLINK) };
FIXTURE_VARIANT_ADD(file, ext4_unlink_aio) { SEEN(EXT4, READ, UNLINK) };
FIXTURE_VARIANT_ADD(file, xfs_unlink) { SEEN(XFS, URING_READ, UNLINK) };
FIXTURE_VARIANT_ADD(file, tmpfs_unlink) { SEEN(SHMEM, READ, UNLINK) };
FIXTURE_VARIANT_ADD(file, tmpfs_unlink_fixed) { SEEN(SHMEM, FIXED, UNLINK) };
FIXTURE_VARIANT_ADD(file, hugetlbfs_unlink) { SEEN(HUGETLBFS, URING_READ, UNLINK) };
FIXTURE_VARIANT_ADD(file, tmpfs_umount) { SEEN(SHMEM, READ, UMOUNT) };
FIXTURE_VARIANT_ADD(file, tmpfs_umount_fixed) { SEEN(SHMEM, FIXED, UMOUNT) };
FIXTURE_VARIANT_ADD(file, hugetlbfs_umount) { SEEN(HUGETLBFS, FIXED, UMOUNT) };
/* Others are written back. */
FIXTURE_VARIANT_ADD(file, ext4_storm) { SEEN(EXT4, READ, STORM) };
FIXTURE_VARIANT_ADD(file, ext4_storm_vm_write) { SEEN(EXT4, VM_WRITE, STORM) };
FIXTURE_VARIANT_ADD(file, xfs_storm) { SEEN(XFS, URING_READ, STORM) };
/* Reclaim and the like leave a pinned page alone. */
FIXTURE_VARIANT_ADD(file, ext4_drop_caches) { SEEN(EXT4, READ, DROP_CACHES) };
FIXTURE_VARIANT_ADD(file, ext4_drop_caches_read) { SEEN(EXT4, LONG_READ, DROP_CACHES) };
FIXTURE_VARIANT_ADD(file, xfs_drop_caches) { SEEN(XFS, READ, DROP_CACHES) };
FIXTURE_VARIANT_ADD(file, ext4_fadvise) { SEEN(EXT4, READ, FADVISE) };
FIXTURE_VARIANT_ADD(file, ext4_fadvise_read) { SEEN(EXT4, LONG_READ, FADVISE) };
FIXTURE_VARIANT_ADD(file, xfs_fadvise) { SEEN(XFS, LONG_READ, FADVISE) };
FIXTURE_VARIANT_ADD(file, ext4_compact) { SEEN(EXT4, READ, COMPACT) };
FIXTURE_VARIANT_ADD(file, tmpfs_compact) { SEEN(SHMEM, FIXED, COMPACT) };
FIXTURE_VARIANT_ADD(file, ext4_pageout) { SEEN(EXT4, READ, PAGEOUT) };
FIXTURE_VARIANT_ADD(file, xfs_pageout) { SEEN(XFS, READ, PAGEOUT) };
/*
 * The same on others. Not there: btrfs, which writes what has checksums by the page cache;
 * unlink() on NFS, which writes the file back first, as long as it has its name.
 */
FIXTURE_VARIANT_ADD(file, btrfs_truncate_read) { SEEN(BTRFS, WRITE, TRUNCATE) };
FIXTURE_VARIANT_ADD(file, btrfs_hole_read) { SEEN(BTRFS, WRITE, HOLE) };
FIXTURE_VARIANT_ADD(file, btrfs_fsync_read) { SEEN(BTRFS, WRITE, FSYNC) };
FIXTURE_VARIANT_ADD(file, btrfs_unlink) { SEEN(BTRFS, URING_READ, UNLINK) };
FIXTURE_VARIANT_ADD(file, btrfs_storm) { SEEN(BTRFS, READ, STORM) };
FIXTURE_VARIANT_ADD(file, btrfs_drop_caches) { SEEN(BTRFS, READ, DROP_CACHES) };
FIXTURE_VARIANT_ADD(file, btrfs_pageout) { SEEN(BTRFS, READ, PAGEOUT) };
FIXTURE_VARIANT_ADD(file, f2fs_truncate_read) { SEEN(F2FS, WRITE, TRUNCATE) };
FIXTURE_VARIANT_ADD(file, f2fs_hole_read) { SEEN(F2FS, WRITE, HOLE) };
FIXTURE_VARIANT_ADD(file, f2fs_direct_write_read) { SEEN(F2FS, WRITE, DIRECT_WRITE) };
FIXTURE_VARIANT_ADD(file, f2fs_fsync_read) { SEEN(F2FS, WRITE, FSYNC) };
FIXTURE_VARIANT_ADD(file, f2fs_unlink) { SEEN(F2FS, URING_READ, UNLINK) };
FIXTURE_VARIANT_ADD(file, f2fs_storm) { SEEN(F2FS, READ, STORM) };
FIXTURE_VARIANT_ADD(file, f2fs_drop_caches) { SEEN(F2FS, READ, DROP_CACHES) };
FIXTURE_VARIANT_ADD(file, f2fs_pageout) { SEEN(F2FS, READ, PAGEOUT) };
FIXTURE_VARIANT_ADD(file, overlay_truncate_read) { SEEN(OVERLAY, WRITE, TRUNCATE) };
FIXTURE_VARIANT_ADD(file, overlay_hole_read) { SEEN(OVERLAY, WRITE, HOLE) };
FIXTURE_VARIANT_ADD(file, overlay_direct_write_read) { SEEN(OVERLAY, WRITE, DIRECT_WRITE) };
FIXTURE_VARIANT_ADD(file, overlay_fsync_read) { SEEN(OVERLAY, WRITE, FSYNC) };
FIXTURE_VARIANT_ADD(file, overlay_unlink) { SEEN(OVERLAY, URING_READ, UNLINK) };
FIXTURE_VARIANT_ADD(file, overlay_storm) { SEEN(OVERLAY, READ, STORM) };
FIXTURE_VARIANT_ADD(file, overlay_drop_caches) { SEEN(OVERLAY, READ, DROP_CACHES) };
FIXTURE_VARIANT_ADD(file, overlay_pageout) { SEEN(OVERLAY, READ, PAGEOUT) };
FIXTURE_VARIANT_ADD(file, nfs_truncate_read) { SEEN(NFS, WRITE, TRUNCATE) };
FIXTURE_VARIANT_ADD(file, nfs_fsync_read) { SEEN(NFS, WRITE, FSYNC) };
FIXTURE_VARIANT_ADD(file, nfs_storm) { SEEN(NFS, READ, STORM) };
FIXTURE_VARIANT_ADD(file, nfs_drop_caches) { SEEN(NFS, READ, DROP_CACHES) };
FIXTURE_VARIANT_ADD(file, nfs_pageout) { SEEN(NFS, READ, PAGEOUT) };

FIXTURE_SETUP(file)
{
	const char *missing = gup_pin_scene_missing(variant->fs) ?:
		gup_pin_scene_holder_missing(variant->holder);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_calm_begin(&self->calm));
	ASSERT_OK(gup_pin_scene_open(&self->scene, variant->fs));
	/* What is to be read has been written, and not yet to the disk. */
	if (variant->holder == HOLD_WRITE || variant->what == WHAT_FSYNC)
		self->scene.pinned[0] = 1;
	ASSERT_OK(gup_pin_scene_pin(&self->scene, variant->holder));
}

FIXTURE_TEARDOWN(file)
{
	gup_pin_scene_close(&self->scene);
	gup_pin_calm_close(&self->calm);
}

static const char *direct_write(const char *path, off_t at)
{
	int fd = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
	void *data = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool ok = fd >= 0 && pwrite(fd, data, PAGE_SIZE, at) == PAGE_SIZE;

	munmap(data, PAGE_SIZE);
	if (fd >= 0)
		close(fd);
	return ok ? NULL : gup_pin_problem("O_DIRECT write: %s", strerror(errno));
}

static const char *storm(const struct gup_pin_scene *scene)
{
	static char data[4 * PAGE_SIZE];
	long before = gup_pin_vmstat("nr_written");
	const char *problem = NULL;
	char path[100];
	int fd, i;

	snprintf(path, sizeof(path), "%s/other", scene->dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return gup_pin_problem("cannot create %s: %s", path, strerror(errno));
	for (i = 0; !problem && i < STORM; i++)
		if (pwrite(fd, data, sizeof(data), (i % 4) * sizeof(data)) !=
		    sizeof(data) || (i % 2 ? fsync(fd) : fdatasync(fd)))
			problem = gup_pin_problem("cannot write %s: %s", path,
						  strerror(errno));
	close(fd);
	if (!problem && gup_pin_vmstat("nr_written") - before < STORM)
		problem = "hardly a page was written back";
	return problem;
}

static const char *drop_cache(void)
{
	long before = gup_pin_vmstat("drop_pagecache");
	const char *problem = gup_pin_write("/proc/sys/vm/drop_caches", "3");

	if (!problem && gup_pin_vmstat("drop_pagecache") == before)
		problem = "no page cache was dropped";
	return problem;
}

static const char *compact(void)
{
	long before = gup_pin_vmstat("compact_migrate_scanned");
	const char *problem = gup_pin_write("/proc/sys/vm/compact_memory", "1");

	if (!problem && gup_pin_vmstat("compact_migrate_scanned") == before)
		problem = "nothing was compacted";
	return problem;
}

/* The pages beside it go, but where one folio has them all. */
static const char *evict(const struct gup_pin_scene *scene, enum what what)
{
	size_t other = SCENE_PAGES - 1, page = (scene->pinned - scene->map) / PAGE_SIZE;
	unsigned int waited = 0;
	int ret;

	if (!gup_pin_cached(scene->fd, other))
		return "the file is not in memory";
	if (what == WHAT_PAGEOUT) {
		ret = madvise(scene->map, scene->size, MADV_PAGEOUT);
		/*
		 * A page that another CPU has yet to put on a list is left out. Compaction
		 * makes all CPUs do so.
		 */
		while (!ret && !scene->line.order && gup_pin_cached(scene->fd, other) &&
		       !compact() && gup_pin_patience(&waited))
			ret = madvise(scene->map, scene->size, MADV_PAGEOUT);
	} else {
		/* What is in a page table stays; and what is dirty is written, so not it. */
		ret = madvise(scene->map, scene->size, MADV_DONTNEED) ?:
			posix_fadvise(scene->fd, (page + 1) * PAGE_SIZE, 0,
				      POSIX_FADV_DONTNEED);
	}
	if (ret)
		return gup_pin_problem("cannot advise: %s", strerror(errno));
	if (!scene->line.order && gup_pin_cached(scene->fd, other))
		return "nothing was evicted";
	return gup_pin_cached(scene->fd, page) ? NULL : "the pinned page was evicted";
}

static const char *end_of_file(struct gup_pin_scene *scene, enum what what)
{
	if (what == WHAT_UNLINK)
		return gup_pin_scene_drop(scene);
	munmap(scene->map, scene->size);
	scene->map = NULL;
	close(scene->fd);
	scene->fd = -1;
	if (umount(scene->dir))
		return gup_pin_problem("umount: %s", strerror(errno));
	scene->mounted = false;
	return NULL;
}

static const char *make_happen(struct gup_pin_scene *scene, enum what what)
{
	off_t at = scene->pinned - scene->map;
	int ret = 0;

	switch (what) {
	case WHAT_TRUNCATE:
		ret = ftruncate(scene->fd, 0);
		break;
	case WHAT_HOLE:
		ret = fallocate(scene->fd, PUNCH, at, scene->page_size);
		break;
	case WHAT_FSYNC:
		ret = fsync(scene->fd);
		if (!ret && gup_pin_dirty(scene->line.pfn))
			return "the page is still dirty";
		break;
	case WHAT_DIRECT_WRITE:
		return direct_write(scene->path, at);
	case WHAT_UNLINK:
	case WHAT_UMOUNT:
		return end_of_file(scene, what);
	case WHAT_STORM:
		return storm(scene);
	case WHAT_DROP_CACHES:
		return drop_cache();
	case WHAT_COMPACT:
		return compact();
	case WHAT_FADVISE:
	case WHAT_PAGEOUT:
		return evict(scene, what);
	}
	return ret ? gup_pin_problem("nothing came of it: %s", strerror(errno)) : NULL;
}

/* The pin is the same; of what file the page is may be not. */
static const char *check_pin(const struct gup_pin_line *before, bool in_file)
{
	struct gup_pin_lines lines;
	const char *problem = gup_pin_read_pfn(&lines, before->pfn);

	if (problem)
		return problem;
	if (lines.nr != 1 || lines.line->pins != before->pins ||
	    lines.line->tgid != before->tgid || lines.line->mode != before->mode)
		problem = gup_pin_problem("pfn 0x%lx is no longer pinned as it was",
					  before->pfn);
	else if (lines.line->ino != (in_file ? before->ino : 0))
		problem = gup_pin_problem("ino=%lu, and was %lu", lines.line->ino,
					  before->ino);
	gup_pin_free(&lines);
	return problem;
}

TEST_F_TIMEOUT(file, no_report, GUP_PIN_PATIENCE)
{
	ASSERT_OK(make_happen(&self->scene, variant->what));
	ASSERT_OK(check_pin(&self->scene.line, variant->what >= WHAT_FSYNC));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	/* And then it is written back. */
	if (self->scene.fd >= 0)
		ASSERT_EQ(0, fsync(self->scene.fd));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

/* Writeback first, and then the pin. */
FIXTURE(late)
{
	struct gup_pin_calm calm;
	struct gup_pin_scene scene;
	unsigned long pfn;
	pid_t child;
};

FIXTURE_VARIANT(late)
{
	enum gup_pin_scene_fs fs;
	enum gup_pin_scene_holder holder;
};

FIXTURE_VARIANT_ADD(late, ext4)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_READ,
};

FIXTURE_VARIANT_ADD(late, ext4_vm_write)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_VM_WRITE,
};

FIXTURE_VARIANT_ADD(late, xfs)
{
	.fs = SCENE_XFS,
	.holder = HOLD_READ,
};

FIXTURE_VARIANT_ADD(late, ext4_stable)
{
	.fs = SCENE_EXT4_STABLE,
	.holder = HOLD_READ,
};

FIXTURE_VARIANT_ADD(late, xfs_stable)
{
	.fs = SCENE_XFS_STABLE,
	.holder = HOLD_READ,
};

FIXTURE_SETUP(late)
{
	const char *missing = gup_pin_scene_missing(variant->fs);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_calm_begin(&self->calm));
	ASSERT_OK(gup_pin_scene_open(&self->scene, variant->fs));
	ASSERT_OK(gup_pin_dm_suspend(&self->scene.disk));
	self->scene.pinned[0] = 1;
	self->pfn = gup_pin_pfn_of(0, self->scene.pinned);
	ASSERT_EQ(0, sync_file_range(self->scene.fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	ASSERT_TRUE(gup_pin_under_writeback(self->pfn));
}

FIXTURE_TEARDOWN(late)
{
	if (self->scene.size)
		gup_pin_dm_resume(&self->scene.disk);
	if (self->child > 0)
		waitpid(self->child, NULL, 0);
	gup_pin_scene_close(&self->scene);
	gup_pin_calm_close(&self->calm);
}

static pid_t start_read(const struct gup_pin_scene *scene)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(pread(scene->slow_fd, scene->pinned, PAGE_SIZE, 0) != PAGE_SIZE);
	}
	return pid;
}

/*
 * The page is dirty again, as the fault for the pin has said, and will be written
 * once more. Where pages have to be stable, the fault waits.
 */
TEST_F_TIMEOUT(late, no_report, GUP_PIN_PATIENCE)
{
	bool stable = variant->fs == SCENE_EXT4_STABLE || variant->fs == SCENE_XFS_STABLE;
	int status;

	if (stable) {
		self->child = start_read(&self->scene);
		ASSERT_LT(0, self->child);
		ASSERT_OK(gup_pin_wait_sleeps(self->child));
		ASSERT_OK(gup_pin_check_no_lines(self->child));
	} else {
		ASSERT_OK(gup_pin_scene_pin(&self->scene, variant->holder));
	}
	ASSERT_TRUE(gup_pin_under_writeback(self->pfn));
	ASSERT_OK(gup_pin_dm_resume(&self->scene.disk));
	if (stable) {
		ASSERT_EQ(self->child, waitpid(self->child, &status, 0));
		self->child = 0;
		ASSERT_EQ(0, status);
	} else {
		ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	}
	ASSERT_LT(0, gup_pin_calm_acquired(&self->calm));
	ASSERT_EQ(0, fsync(self->scene.fd));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

int main(int argc, char **argv)
{
	return gup_pin_repeat(test_harness_run, argc, argv);
}
