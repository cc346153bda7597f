// SPDX-License-Identifier: GPL-2.0
/*
 * Guilty programs: a device writes to a page of a file that is meanwhile written back,
 * removed from the file, or unmounted. Each is reported once, with the right file, pin
 * and task.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_blame.h"
#include "gup_pin_calm.h"
#include "gup_pin_program.h"
#include "gup_pin_scene.h"

#define WRITEBACK	"writeback of write-pinned folio in "
#define TRUNCATION	"truncation of write-pinned folio in "
#define DIRTIED		"pinned folio dirtied after it was cleaned in "
#define CHANGED		"page changed under writeback in "
#define OVERDUE		"short-term write pin held for too long in "
#define PUNCH		(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define MAX_SHORT	"/sys/module/gup_pin/parameters/max_short_ms"

enum deed {
	DEED_FSYNC,
	DEED_MSYNC,
	DEED_RANGE,		/* sync_file_range() */
	DEED_TRUNCATE,		/* to length 0 */
	DEED_CUT,		/* within the page */
	DEED_O_TRUNC,
	DEED_UNLINKED,		/* truncated while unlinked, but open */
	DEED_HOLE,
	DEED_COLLAPSE,
	DEED_DIRECT_WRITE,	/* to the page */
	DEED_UMOUNT,		/* of a file with a name */
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
	enum deed deed;
	const char *title;
};

#define DONE(which_fs, which_holder, what, which_title)			\
	.fs = SCENE_##which_fs, .holder = HOLD_##which_holder,		\
	.deed = DEED_##what, .title = (which_title)

FIXTURE_VARIANT_ADD(file, ext4_fsync) { DONE(EXT4, READ, FSYNC, WRITEBACK) };
FIXTURE_VARIANT_ADD(file, ext4_msync) { DONE(EXT4, URING_READ, MSYNC, WRITEBACK) };
FIXTURE_VARIANT_ADD(file, ext4_range) { DONE(EXT4, VM_WRITE, RANGE, WRITEBACK) };
FIXTURE_VARIANT_ADD(file, ext4_truncate) { DONE(EXT4, READ, TRUNCATE, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, ext4_cut) { DONE(EXT4, READ, CUT, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, ext4_o_trunc) { DONE(EXT4, URING_READ, O_TRUNC, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, ext4_unlinked) { DONE(EXT4, READ, UNLINKED, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, ext4_hole) { DONE(EXT4, READ, HOLE, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, ext4_collapse) { DONE(EXT4, READ, COLLAPSE, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, ext4_direct_write) { DONE(EXT4, READ, DIRECT_WRITE, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, ext4_umount) { DONE(EXT4, READ, UMOUNT, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, xfs_fsync) { DONE(XFS, READ, FSYNC, WRITEBACK) };
FIXTURE_VARIANT_ADD(file, xfs_msync) { DONE(XFS, URING_READ, MSYNC, WRITEBACK) };
FIXTURE_VARIANT_ADD(file, xfs_truncate) { DONE(XFS, READ, TRUNCATE, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, xfs_cut) { DONE(XFS, VM_WRITE, CUT, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, xfs_unlinked) { DONE(XFS, READ, UNLINKED, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, xfs_hole) { DONE(XFS, READ, HOLE, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, xfs_direct_write) { DONE(XFS, READ, DIRECT_WRITE, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, xfs_umount) { DONE(XFS, READ, UMOUNT, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, tmpfs_truncate) { DONE(SHMEM, READ, TRUNCATE, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, tmpfs_long_truncate) { DONE(SHMEM, FIXED, TRUNCATE, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, tmpfs_cut) { DONE(SHMEM, FIXED, CUT, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, tmpfs_o_trunc) { DONE(SHMEM, FIXED, O_TRUNC, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, tmpfs_unlinked) { DONE(SHMEM, FIXED, UNLINKED, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, tmpfs_hole) { DONE(SHMEM, FIXED, HOLE, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, hugetlbfs_truncate) { DONE(HUGETLBFS, FIXED, TRUNCATE, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, hugetlbfs_unlinked) { DONE(HUGETLBFS, FIXED, UNLINKED, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, hugetlbfs_hole) { DONE(HUGETLBFS, FIXED, HOLE, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, btrfs_fsync) { DONE(BTRFS, READ, FSYNC, WRITEBACK) };
FIXTURE_VARIANT_ADD(file, btrfs_msync) { DONE(BTRFS, URING_READ, MSYNC, WRITEBACK) };
FIXTURE_VARIANT_ADD(file, btrfs_truncate) { DONE(BTRFS, READ, TRUNCATE, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, btrfs_cut) { DONE(BTRFS, READ, CUT, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, btrfs_unlinked) { DONE(BTRFS, READ, UNLINKED, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, btrfs_hole) { DONE(BTRFS, READ, HOLE, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, f2fs_fsync) { DONE(F2FS, READ, FSYNC, WRITEBACK) };
FIXTURE_VARIANT_ADD(file, f2fs_msync) { DONE(F2FS, URING_READ, MSYNC, WRITEBACK) };
FIXTURE_VARIANT_ADD(file, f2fs_truncate) { DONE(F2FS, READ, TRUNCATE, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, f2fs_cut) { DONE(F2FS, READ, CUT, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, f2fs_unlinked) { DONE(F2FS, READ, UNLINKED, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, f2fs_hole) { DONE(F2FS, READ, HOLE, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, overlay_fsync) { DONE(OVERLAY, READ, FSYNC, WRITEBACK) };
FIXTURE_VARIANT_ADD(file, overlay_msync) { DONE(OVERLAY, URING_READ, MSYNC, WRITEBACK) };
FIXTURE_VARIANT_ADD(file, overlay_truncate) { DONE(OVERLAY, READ, TRUNCATE, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, overlay_cut) { DONE(OVERLAY, READ, CUT, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, overlay_unlinked) { DONE(OVERLAY, READ, UNLINKED, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, overlay_hole) { DONE(OVERLAY, READ, HOLE, TRUNCATION) };
FIXTURE_VARIANT_ADD(file, nfs_fsync) { DONE(NFS, READ, FSYNC, WRITEBACK) };
FIXTURE_VARIANT_ADD(file, nfs_truncate) { DONE(NFS, READ, TRUNCATE, TRUNCATION) };

FIXTURE_SETUP(file)
{
	const char *missing = gup_pin_scene_missing(variant->fs);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_blame_begin());
	ASSERT_OK(gup_pin_calm_begin(&self->calm));
	ASSERT_OK(gup_pin_scene_open(&self->scene, variant->fs));
	ASSERT_OK(gup_pin_scene_pin(&self->scene, variant->holder));
	ASSERT_EQ('w', self->scene.line.mode);
}

FIXTURE_TEARDOWN(file)
{
	gup_pin_scene_close(&self->scene);
	gup_pin_calm_close(&self->calm);
}

static int direct_write(const char *path, off_t at)
{
	int fd = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
	void *data = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return fd < 0 || pwrite(fd, data, PAGE_SIZE, at) != PAGE_SIZE;
}

static int do_it(const struct gup_pin_scene *scene, enum deed deed)
{
	off_t at = scene->pinned - scene->map;

	switch (deed) {
	case DEED_FSYNC:
		return fsync(scene->fd);
	case DEED_MSYNC:
		return msync(scene->map, scene->size, MS_SYNC);
	case DEED_RANGE:
		return sync_file_range(scene->fd, 0, 0, SYNC_FILE_RANGE_WRITE |
				       SYNC_FILE_RANGE_WAIT_AFTER);
	case DEED_TRUNCATE:
		return ftruncate(scene->fd, 0);
	case DEED_CUT:
		return ftruncate(scene->fd, at + scene->page_size / 2);
	case DEED_O_TRUNC:
		return open(scene->path, O_WRONLY | O_TRUNC | O_CLOEXEC) < 0;
	case DEED_UNLINKED:
		return unlink(scene->path) || ftruncate(scene->fd, 0);
	case DEED_HOLE:
		return fallocate(scene->fd, PUNCH, at, scene->page_size);
	case DEED_COLLAPSE:
		return fallocate(scene->fd, FALLOC_FL_COLLAPSE_RANGE, at, scene->page_size);
	case DEED_DIRECT_WRITE:
		return direct_write(scene->path, at);
	case DEED_UMOUNT:
		return umount(scene->dir);
	}
	return -1;
}

/* A process other than the one that pinned. */
static pid_t let_other_do_it(const struct gup_pin_scene *scene, enum deed deed, int *status)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "guilty");
		_exit(do_it(scene, deed) ? errno ?: 1 : 0);
	}
	if (pid > 0 && waitpid(pid, status, 0) != pid)
		*status = -1;
	return pid;
}

/* Leaves only the file's name. */
static void close_file(struct gup_pin_scene *scene)
{
	munmap(scene->map, scene->size);
	scene->map = NULL;
	close(scene->fd);
	scene->fd = -1;
}

TEST_F_TIMEOUT(file, reported, GUP_PIN_PATIENCE)
{
	struct gup_pin_blame blame[2] = {};
	int status = 0;

	if (variant->deed == DEED_UMOUNT)
		close_file(&self->scene);
	blame[0].task = let_other_do_it(&self->scene, variant->deed, &status);
	ASSERT_LT(0, blame[0].task);
	ASSERT_EQ(0, status) {
		TH_LOG("%s", strerror(WEXITSTATUS(status)));
	}
	blame[0].title = variant->title;
	blame[0].pin = &self->scene.line;
	if (variant->deed == DEED_UMOUNT) {
		self->scene.disk.mounted = false;
		self->scene.mounted = false;
	} else if (variant->deed != DEED_UNLINKED) {
		blame[0].name = "file";
	}
	/* The flusher may write the page back before the file system removes it. */
	blame[1] = blame[0];
	blame[1].title = WRITEBACK;
	blame[1].task = 0;
	blame[1].maybe = true;
	/* The later unpin is not reported again. */
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	gup_pin_calm_show(&self->calm);
	ASSERT_OK(gup_pin_blame_check(self->calm.log, blame,
				      strcmp(variant->title, WRITEBACK) ? 2 : 1));
	ASSERT_OK(gup_pin_end(&self->calm.base));
}

/* The holder has been killed, but its read is in progress. */
FIXTURE(killed)
{
	struct gup_pin_calm calm;
	struct gup_pin_scene scene;
	struct gup_pin_program program;
};

FIXTURE_VARIANT(killed)
{
	enum gup_pin_scene_fs fs;
};

FIXTURE_VARIANT_ADD(killed, ext4)
{
	.fs = SCENE_EXT4,
};

FIXTURE_VARIANT_ADD(killed, xfs)
{
	.fs = SCENE_XFS,
};

FIXTURE_SETUP(killed)
{
	const char *missing = gup_pin_scene_missing(variant->fs);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_blame_begin());
	ASSERT_OK(gup_pin_calm_begin(&self->calm));
	ASSERT_OK(gup_pin_scene_open(&self->scene, variant->fs));
	ASSERT_OK(gup_pin_dm_suspend(&self->scene.slow));
}

FIXTURE_TEARDOWN(killed)
{
	if (self->scene.size)
		gup_pin_dm_resume(&self->scene.slow);
	gup_pin_program_kill(&self->program);
	gup_pin_scene_close(&self->scene);
	gup_pin_calm_close(&self->calm);
}

static const char *be_reader(void *arg)
{
	const struct gup_pin_scene *scene = arg;
	struct uring_one *uring;
	const char *problem;

	problem = uring_read_start(&uring, scene->slow_fd, scene->pinned, PAGE_SIZE);
	if (!problem)
		gup_pin_program_serve(NULL, NULL);
	return problem;
}

TEST_F_TIMEOUT(killed, reported, GUP_PIN_PATIENCE)
{
	struct gup_pin_blame blame = {
		.title = WRITEBACK, .name = "file", .task = getpid(),
		.pin = &self->scene.line,
	};
	struct gup_pin_lines lines;
	unsigned long pins;

	ASSERT_OK(gup_pin_program_run(&self->program, be_reader, &self->scene));
	ASSERT_OK(gup_pin_program_check_pins(self->program.pid, "file", &pins));
	ASSERT_OK(gup_pin_read_task(&lines, self->program.pid));
	ASSERT_EQ(1, lines.nr);
	self->scene.line = *lines.line;
	gup_pin_free(&lines);
	gup_pin_program_kill(&self->program);
	ASSERT_EQ(0, fsync(self->scene.fd));
	ASSERT_OK(gup_pin_dm_resume(&self->scene.slow));
	ASSERT_OK(gup_pin_wait_live(self->calm.base.stats.live_pins));
	ASSERT_OK(gup_pin_blame_check(self->calm.log, &blame, 1));
	ASSERT_OK(gup_pin_end(&self->calm.base));
}

/* Reports that a parameter enables. */
FIXTURE(asked)
{
	struct gup_pin_calm calm;
	struct gup_pin_scene scene;
};

FIXTURE_VARIANT(asked)
{
	enum gup_pin_scene_fs fs;
};

/* Without stable pages, a folio that is dirty again is written once more. */
FIXTURE_VARIANT_ADD(asked, ext4_stable)
{
	.fs = SCENE_EXT4_STABLE,
};

FIXTURE_VARIANT_ADD(asked, xfs_stable)
{
	.fs = SCENE_XFS_STABLE,
};

FIXTURE_SETUP(asked)
{
	const char *missing = gup_pin_scene_missing(variant->fs);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_blame_begin());
	ASSERT_OK(gup_pin_calm_begin(&self->calm));
	ASSERT_OK(gup_pin_scene_open(&self->scene, variant->fs));
}

FIXTURE_TEARDOWN(asked)
{
	gup_pin_write(MAX_SHORT, "0");
	gup_pin_set_policy("proof", "off");
	gup_pin_set_policy("writeback", "write");
	gup_pin_scene_close(&self->scene);
	gup_pin_calm_close(&self->calm);
}

/* If writeback is not reported, the hazard that follows from it is. */
TEST_F_TIMEOUT(asked, dirtied_after_clean, GUP_PIN_PATIENCE)
{
	struct gup_pin_blame blame = { .title = DIRTIED, .name = "file" };

	ASSERT_OK(gup_pin_set_policy("writeback", "off"));
	ASSERT_OK(gup_pin_scene_pin(&self->scene, HOLD_READ));
	ASSERT_EQ(0, fsync(self->scene.fd));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	blame.pin = &self->scene.line;
	ASSERT_OK(gup_pin_blame_check(self->calm.log, &blame, 1));
	ASSERT_OK(gup_pin_end(&self->calm.base));
}

TEST_F_TIMEOUT(asked, changed_under_writeback, GUP_PIN_PATIENCE)
{
	struct gup_pin_blame blame[2] = {
		{ .title = WRITEBACK, .name = "file" },
		{ .title = CHANGED, .name = "file" },
	};

	ASSERT_OK(gup_pin_set_policy("proof", "on"));
	ASSERT_OK(gup_pin_scene_pin(&self->scene, HOLD_READ));
	ASSERT_OK(gup_pin_dm_suspend(&self->scene.disk));
	ASSERT_EQ(0, sync_file_range(self->scene.fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_OK(gup_pin_dm_resume(&self->scene.disk));
	ASSERT_EQ(0, sync_file_range(self->scene.fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE));
	blame[0].pin = &self->scene.line;
	blame[0].task = getpid();
	blame[1].pin = &self->scene.line;
	ASSERT_OK(gup_pin_blame_check(self->calm.log, blame, 2));
	ASSERT_OK(gup_pin_end(&self->calm.base));
}

TEST_F_TIMEOUT(asked, overdue, GUP_PIN_PATIENCE)
{
	struct gup_pin_blame blame = { .title = OVERDUE, .name = "file" };

	ASSERT_OK(gup_pin_scene_pin(&self->scene, HOLD_READ));
	ASSERT_OK(gup_pin_write(MAX_SHORT, "200"));
	blame.pin = &self->scene.line;
	ASSERT_OK(gup_pin_blame_check(self->calm.log, &blame, 1));
	/* Once only, and not for the unpin either. */
	gup_pin_msleep(1000);
	ASSERT_OK(gup_pin_write(MAX_SHORT, "0"));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_OK(gup_pin_blame_check(self->calm.log, NULL, 0));
	ASSERT_OK(gup_pin_end(&self->calm.base));
}

TEST_HARNESS_MAIN
