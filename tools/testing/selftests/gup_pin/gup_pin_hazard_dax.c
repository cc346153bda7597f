// SPDX-License-Identifier: GPL-2.0
/*
 * Truncation of a DAX file waits for the pins on its pages: if that takes long, the
 * holders are reported during the wait, and not after it.
 *
 * Needs persistent memory, for example by memmap=64M!1G on the command line.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_hazard.h"
#include "gup_pin_scene.h"

/* The file system's function, or its caller, if it was inlined there. */
#define WAITERS	"ext4_break_layouts|ext4_setattr|ext4_fallocate|" \
		"xfs_break_dax_layouts|xfs_break_layouts|xfs_vn_setattr|" \
		"__xfs_file_fallocate|xfs_file_fallocate"

FIXTURE(dax)
{
	struct gup_pin_base base;
	struct gup_pin_scene scene;
	struct gup_pin_watch watch;
	pid_t child;
};

FIXTURE_VARIANT(dax)
{
	enum gup_pin_scene_fs fs;
	enum gup_pin_scene_holder holder;
	bool punch;
};

FIXTURE_VARIANT_ADD(dax, ext4_truncate)
{
	.fs = SCENE_EXT4_DAX,
	.holder = HOLD_READ,
};

FIXTURE_VARIANT_ADD(dax, ext4_truncate_read_pin)
{
	.fs = SCENE_EXT4_DAX,
	.holder = HOLD_WRITE,
};

FIXTURE_VARIANT_ADD(dax, ext4_punch)
{
	.fs = SCENE_EXT4_DAX,
	.holder = HOLD_URING_READ,
	.punch = true,
};

FIXTURE_VARIANT_ADD(dax, xfs_truncate)
{
	.fs = SCENE_XFS_DAX,
	.holder = HOLD_READ,
};

FIXTURE_VARIANT_ADD(dax, xfs_punch)
{
	.fs = SCENE_XFS_DAX,
	.holder = HOLD_READ,
	.punch = true,
};

FIXTURE_SETUP(dax)
{
	const char *missing = gup_pin_scene_missing(variant->fs);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_scene_open(&self->scene, variant->fs));
	ASSERT_OK(gup_pin_watch_begin(&self->watch));
}

FIXTURE_TEARDOWN(dax)
{
	/* Closing it ends the child's wait. */
	if (self->scene.held)
		gup_pin_scene_unpin(&self->scene);
	if (self->child)
		waitpid(self->child, NULL, 0);
	gup_pin_scene_close(&self->scene);
	gup_pin_watch_end(&self->watch);
	gup_pin_set_policy("dax_wait_ms", "1000");
}

static int free_blocks(const struct gup_pin_scene *scene, bool punch)
{
	if (!punch)
		return ftruncate(scene->fd, 0);
	return fallocate(scene->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 scene->pinned - scene->map, scene->page_size);
}

/* A process that truncates, and therefore waits. */
static pid_t start_child(const struct gup_pin_scene *scene, bool punch)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(free_blocks(scene, punch) ? errno : 0);
	}
	return pid;
}

/* The pin ends, and so do the child's wait and the child. */
static const char *end_wait(struct _test_data_dax *self)
{
	const char *problem = gup_pin_scene_unpin(&self->scene);
	int status;

	if (problem)
		return problem;
	if (waitpid(self->child, &status, 0) < 0)
		return gup_pin_problem("waitpid: %s", strerror(errno));
	self->child = 0;
	if (status)
		return gup_pin_problem("the child that truncates ended with status 0x%x", status);
	return gup_pin_watch_silent(&self->watch);
}

TEST_F(dax, waits)
{
	struct gup_pin_expect expect = {
		.kind = HAZARD_TRUNCATE,
		.func = WAITERS,
		.title = "truncation waits for pinned folio in ",
		.stake = "hang",
		.words = "waits for 1 pin, the oldest held for ",
	};
	int status;

	ASSERT_OK(gup_pin_set_policy("dax_wait_ms", "300"));
	ASSERT_OK(gup_pin_scene_pin(&self->scene, variant->holder));
	self->child = start_child(&self->scene, variant->punch);
	ASSERT_LT(0, self->child);
	expect.pin = &self->scene.line;
	expect.task = self->child;
	ASSERT_OK(gup_pin_watch_saw(&self->watch, &expect));
	/* It has found the pin, and must not get past it. */
	ASSERT_EQ(0, waitpid(self->child, &status, WNOHANG));

	ASSERT_OK(end_wait(self));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* The twin: it waits, but only briefly. */
TEST_F(dax, waits_not_for_long)
{
	struct gup_pin_expect expect = {
		.kind = HAZARD_TRUNCATE,
		.func = WAITERS,
		.stake = "wait",
		.quiet = true,
	};

	ASSERT_OK(gup_pin_set_policy("dax_wait_ms", "100000"));
	ASSERT_OK(gup_pin_scene_pin(&self->scene, variant->holder));
	self->child = start_child(&self->scene, variant->punch);
	ASSERT_LT(0, self->child);
	expect.pin = &self->scene.line;
	expect.task = self->child;
	ASSERT_OK(gup_pin_watch_saw(&self->watch, &expect));
	ASSERT_OK(end_wait(self));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* The twin: without a wait. */
TEST_F(dax, does_not_wait)
{
	ASSERT_OK(gup_pin_scene_pin(&self->scene, variant->holder));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_EQ(0, free_blocks(&self->scene, variant->punch));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Written back while it is pinned: a DAX page is its own disk block. */
TEST_F(dax, no_writeback)
{
	ASSERT_OK(gup_pin_scene_pin(&self->scene, variant->holder));
	ASSERT_EQ(0, fsync(self->scene.fd));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
