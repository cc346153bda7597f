// SPDX-License-Identifier: GPL-2.0
/*
 * DAX: truncation of a file waits for the pins on its pages. Guilty programs hold them
 * for longer than gup_pin.dax_wait_ms, innocent ones do not.
 *
 * Needs persistent memory, for example memmap=64M!1G on the command line.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_blame.h"
#include "gup_pin_calm.h"
#include "gup_pin_scene.h"
#include "gup_pin_seen.h"

/* Well above the default of 1000. */
#define LONG_MS		3000
#define DAX_WAIT_MS	"/sys/module/gup_pin/parameters/dax_wait_ms"
#define PUNCH		(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

FIXTURE(dax)
{
	struct gup_pin_calm calm;
	struct gup_pin_scene scene;
	pid_t child;
};

FIXTURE_VARIANT(dax)
{
	enum gup_pin_scene_fs fs;
	enum gup_pin_scene_holder holder;
	bool hole;
};

FIXTURE_VARIANT_ADD(dax, ext4_truncate)
{
	.fs = SCENE_EXT4_DAX,
	.holder = HOLD_READ,
};

FIXTURE_VARIANT_ADD(dax, ext4_hole)
{
	.fs = SCENE_EXT4_DAX,
	.holder = HOLD_URING_READ,
	.hole = true,
};

FIXTURE_VARIANT_ADD(dax, xfs_truncate)
{
	.fs = SCENE_XFS_DAX,
	.holder = HOLD_READ,
};

FIXTURE_VARIANT_ADD(dax, xfs_hole)
{
	.fs = SCENE_XFS_DAX,
	.holder = HOLD_READ,
	.hole = true,
};

FIXTURE_SETUP(dax)
{
	const char *missing = gup_pin_scene_missing(variant->fs);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_blame_begin());
	ASSERT_OK(gup_pin_calm_begin(&self->calm));
	ASSERT_OK(gup_pin_scene_open(&self->scene, variant->fs));
	ASSERT_OK(gup_pin_scene_pin(&self->scene, variant->holder));
	ASSERT_EQ('w', self->scene.line.mode);
	ASSERT_STREQ("dax", self->scene.line.map);
}

FIXTURE_TEARDOWN(dax)
{
	/* The child waits for this. */
	if (self->scene.held)
		gup_pin_scene_unpin(&self->scene);
	if (self->child > 0)
		waitpid(self->child, NULL, 0);
	gup_pin_scene_close(&self->scene);
	gup_pin_calm_close(&self->calm);
	if (!access(DAX_WAIT_MS, F_OK))
		gup_pin_set_policy("dax_wait_ms", "1000");
}

static pid_t start_waiting(const struct gup_pin_scene *scene, bool hole)
{
	off_t at = scene->pinned - scene->map;
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "waits");
		_exit((hole ? fallocate(scene->fd, PUNCH, at, scene->page_size) :
		       ftruncate(scene->fd, 0)) ? errno : 0);
	}
	return pid;
}

static const char *end_waiting(struct gup_pin_scene *scene, pid_t *child)
{
	const char *problem;
	int status;

	if (waitpid(*child, &status, WNOHANG))
		return gup_pin_problem("truncation did not wait: 0x%x", status);
	problem = gup_pin_scene_unpin(scene);
	if (waitpid(*child, &status, 0) != *child || status)
		return gup_pin_problem("truncation ended with 0x%x", status);
	*child = 0;
	return problem;
}

/* The report comes during the wait, and no other one at its end. */
TEST_F_TIMEOUT(dax, waits_long, GUP_PIN_PATIENCE)
{
	struct gup_pin_blame blame = {
		.title = "truncation waits for pinned folio in ",
		.pin = &self->scene.line,
		.name = "file",
	};

	self->child = start_waiting(&self->scene, variant->hole);
	ASSERT_LT(0, self->child);
	blame.task = self->child;
	gup_pin_msleep(LONG_MS);
	ASSERT_OK(gup_pin_blame_check(self->calm.log, &blame, 1));
	ASSERT_OK(end_waiting(&self->scene, &self->child));
	gup_pin_calm_show(&self->calm);
	ASSERT_OK(gup_pin_blame_check(self->calm.log, NULL, 0));
	ASSERT_OK(gup_pin_end(&self->calm.base));
}

TEST_F_TIMEOUT(dax, waits_a_moment, GUP_PIN_PATIENCE)
{
	/* On a busy machine a short wait may take a second. */
	if (!access(DAX_WAIT_MS, F_OK))
		ASSERT_OK(gup_pin_set_policy("dax_wait_ms", "60000"));
	self->child = start_waiting(&self->scene, variant->hole);
	ASSERT_LT(0, self->child);
	ASSERT_OK(gup_pin_wait_sleeps(self->child));
	ASSERT_OK(end_waiting(&self->scene, &self->child));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

TEST_HARNESS_MAIN
