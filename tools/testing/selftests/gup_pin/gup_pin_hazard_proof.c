// SPDX-License-Identifier: GPL-2.0
/*
 * Data that changes during writeback: a device writes to the page, which
 * gup_pin.proof=on proves.
 *
 * Two disks, each of which can be stopped: the read is from the first, the file is on
 * the second. So the two can complete in either order.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_child.h"
#include "gup_pin_hazard.h"
#include "gup_pin_scene.h"

#define STARTERS	"ext4_bio_write_folio|iomap_writepage_map|iomap_writeback_folio|" \
			"iomap_start_folio_write|iomap_writepages|__iomap_writepage_map"

FIXTURE(proof)
{
	struct gup_pin_base base;
	struct gup_pin_scene scene;
	struct gup_pin_watch watch;
};

FIXTURE_VARIANT(proof)
{
	enum gup_pin_scene_fs fs;
	enum gup_pin_scene_holder holder;
};

FIXTURE_VARIANT_ADD(proof, ext4_read)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_READ,
};

FIXTURE_VARIANT_ADD(proof, ext4_vm_write)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_VM_WRITE,
};

FIXTURE_VARIANT_ADD(proof, xfs_read)
{
	.fs = SCENE_XFS,
	.holder = HOLD_READ,
};

FIXTURE_SETUP(proof)
{
	const char *missing = gup_pin_scene_missing(variant->fs);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_scene_open(&self->scene, variant->fs));
	ASSERT_OK(gup_pin_set_policy("proof", "on"));
	ASSERT_OK(gup_pin_watch_begin(&self->watch));
}

FIXTURE_TEARDOWN(proof)
{
	gup_pin_scene_close(&self->scene);
	gup_pin_watch_end(&self->watch);
	gup_pin_set_policy("proof", "off");
}

/* Pinned, with a writeback that has started and does not end. */
static const char *start_both(struct gup_pin_scene *scene,
			      enum gup_pin_scene_holder holder)
{
	const char *problem = gup_pin_scene_pin(scene, holder);

	if (!problem)
		problem = gup_pin_dm_suspend(&scene->disk);
	if (!problem && sync_file_range(scene->fd, 0, 0, SYNC_FILE_RANGE_WRITE))
		problem = gup_pin_problem("sync_file_range: %s", strerror(errno));
	return problem;
}

static const char *end_writeback(struct gup_pin_scene *scene)
{
	const char *problem = gup_pin_dm_resume(&scene->disk);

	if (!problem && sync_file_range(scene->fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE))
		problem = gup_pin_problem("sync_file_range: %s", strerror(errno));
	return problem;
}

static void expect_writeback(struct gup_pin_expect *expect,
			     const struct gup_pin_scene *scene)
{
	memset(expect, 0, sizeof(*expect));
	expect->kind = HAZARD_WRITEBACK;
	expect->func = STARTERS;
	expect->title = "writeback of write-pinned folio in ";
	expect->pin = &scene->line;
	expect->task = getpid();
}

/* It is dirty, and the disk needs no stable pages, so it may have been a store. */
static void expect_changed(struct gup_pin_expect *expect)
{
	expect->kind = HAZARD_CHANGED_UNDER_WRITEBACK;
	expect->stake = "rewrite";
	expect->quiet = true;
}

/* An unpin that dirties a clean page is reported as well, but not checked here. */
static const char *skip_dirtied(struct gup_pin_watch *watch)
{
	gup_pin_watch_end(watch);
	return gup_pin_watch_begin(watch);
}

/* A read of 4 KiB into the page changes all of it. */
TEST_F(proof, changed)
{
	struct gup_pin_expect expect;

	ASSERT_OK(start_both(&self->scene, variant->holder));
	expect_writeback(&expect, &self->scene);
	ASSERT_OK(gup_pin_watch_saw(&self->watch, &expect));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_EQ('n', self->scene.pinned[0]);
	ASSERT_OK(skip_dirtied(&self->watch));

	ASSERT_OK(end_writeback(&self->scene));
	expect_changed(&expect);
	ASSERT_OK(gup_pin_watch_saw(&self->watch, &expect));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* The twin: the device writes too late to do harm. */
TEST_F(proof, unchanged)
{
	struct gup_pin_expect expect;

	ASSERT_OK(start_both(&self->scene, variant->holder));
	expect_writeback(&expect, &self->scene);
	ASSERT_OK(gup_pin_watch_saw(&self->watch, &expect));
	ASSERT_OK(end_writeback(&self->scene));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
}

/* Without proof=on, no change is reported. */
TEST_F(proof, off)
{
	struct gup_pin_expect expect;

	ASSERT_OK(gup_pin_set_policy("proof", "off"));
	ASSERT_OK(start_both(&self->scene, variant->holder));
	expect_writeback(&expect, &self->scene);
	ASSERT_OK(gup_pin_watch_saw(&self->watch, &expect));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_OK(skip_dirtied(&self->watch));
	ASSERT_OK(end_writeback(&self->scene));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
}

/* Only the file system uses the page: it may change it at any time. */
TEST_F(proof, not_pinned)
{
	ASSERT_OK(gup_pin_dm_suspend(&self->scene.disk));
	self->scene.pinned[0] = 1;
	ASSERT_EQ(0, sync_file_range(self->scene.fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	self->scene.pinned[0] = 2;
	ASSERT_OK(end_writeback(&self->scene));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_end(&self->base));
}

static pid_t start_msync(const struct gup_pin_scene *scene)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(msync(scene->map, scene->size, MS_SYNC) ? errno : 0);
	}
	return pid;
}

/* One byte, by a store. */
TEST_F(proof, one_byte)
{
	struct gup_pin_expect expect;
	int status;
	pid_t pid;

	ASSERT_OK(gup_pin_scene_pin(&self->scene, variant->holder));
	ASSERT_OK(gup_pin_dm_suspend(&self->scene.disk));
	/* Unlike above: hazards with equal stacks are not reported again. */
	pid = start_msync(&self->scene);
	ASSERT_LT(0, pid);
	expect_writeback(&expect, &self->scene);
	expect.task = pid;
	ASSERT_OK(gup_pin_watch_saw(&self->watch, &expect));
	/* The checksum is made after the report, and before the process waits for the page. */
	ASSERT_OK(gup_pin_wait_page(pid));
	self->scene.pinned[1000] = 1;
	ASSERT_OK(end_writeback(&self->scene));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	expect_changed(&expect);
	ASSERT_OK(gup_pin_watch_saw(&self->watch, &expect));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
}

TEST_HARNESS_MAIN
