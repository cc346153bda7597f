// SPDX-License-Identifier: GPL-2.0
/*
 * Writeback of a page that a device may write to, in all the ways in which user
 * space can start it; and of pages without writers.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_hazard.h"
#include "gup_pin_scene.h"

/* Code that starts writeback: of single folios, of many, through iomap. */
#define STARTERS	"ext4_bio_write_folio|mpage_submit_folio|mpage_process_page_bufs|" \
			"iomap_writepage_map|iomap_writeback_folio|iomap_start_folio_write|" \
			"xfs_do_writepage|iomap_do_writepage|iomap_writepages|" \
			"__iomap_writepage_map"

/* Code that marks a page dirty after the device has written to it. */
#define DIRTIERS	"bio_check_pages_dirty|__bio_release_pages|bio_dirty_fn"

/* The default size of a pipe. */
#define PIPE_PAGES	256

/* In /proc/kpageflags. */
#define KPF_DIRTY	4
#define KPF_WRITEBACK	8

enum how {
	BY_MSYNC,
	BY_FSYNC,
	BY_SYNC,
	BY_SYNCFS,
	BY_RANGE,
	BY_FLUSHER,
};

FIXTURE(writeback)
{
	struct gup_pin_base base;
	struct gup_pin_scene scene;
	struct gup_pin_watch watch;
};

FIXTURE_VARIANT(writeback)
{
	enum gup_pin_scene_fs fs;
};

FIXTURE_VARIANT_ADD(writeback, ext4)
{
	.fs = SCENE_EXT4,
};

FIXTURE_VARIANT_ADD(writeback, xfs)
{
	.fs = SCENE_XFS,
};

FIXTURE_SETUP(writeback)
{
	const char *missing = gup_pin_scene_missing(variant->fs);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_scene_open(&self->scene, variant->fs));
	ASSERT_OK(gup_pin_set_policy("writeback", "write"));
	ASSERT_OK(gup_pin_watch_begin(&self->watch));
}

FIXTURE_TEARDOWN(writeback)
{
	gup_pin_scene_close(&self->scene);
	gup_pin_watch_end(&self->watch);
	gup_pin_set_policy("writeback", "write");
}

/* Written back, and complete. */
static bool is_clean(const struct gup_pin_scene *scene)
{
	unsigned long flags = 0;
	int fd = open("/proc/kpageflags", O_RDONLY);

	if (pread(fd, &flags, sizeof(flags), scene->line.pfn * sizeof(flags)) !=
	    sizeof(flags))
		flags = 1 << KPF_DIRTY;
	close(fd);
	return !(flags >> KPF_DIRTY & 1 || flags >> KPF_WRITEBACK & 1);
}

/* Writeback by the flusher, which is another task. */
static const char *wake_flusher(struct gup_pin_scene *scene)
{
	unsigned int waited = 0;
	const char *problem;

	problem = gup_pin_write("/proc/sys/vm/dirty_expire_centisecs", "1");
	if (!problem)
		problem = gup_pin_write("/proc/sys/vm/dirty_writeback_centisecs", "10");
	while (!problem && !is_clean(scene))
		if (!gup_pin_patience(&waited))
			problem = "the flusher does not come";
	gup_pin_write("/proc/sys/vm/dirty_writeback_centisecs", GUP_PIN_SCENE_NEVER);
	gup_pin_write("/proc/sys/vm/dirty_expire_centisecs", "3000");
	return problem;
}

static const char *write_back(struct gup_pin_scene *scene, enum how how)
{
	int ret = 0;

	switch (how) {
	case BY_MSYNC:
		ret = msync(scene->map, scene->size, MS_SYNC);
		break;
	case BY_FSYNC:
		ret = fsync(scene->fd);
		break;
	case BY_SYNC:
		sync();
		break;
	case BY_SYNCFS:
		ret = syncfs(scene->fd);
		break;
	case BY_RANGE:
		ret = sync_file_range(scene->fd, 0, 0, SYNC_FILE_RANGE_WRITE |
				      SYNC_FILE_RANGE_WAIT_AFTER);
		break;
	case BY_FLUSHER:
		return wake_flusher(scene);
	}
	return ret ? gup_pin_problem("cannot write back: %s", strerror(errno)) : NULL;
}

static void expect_writeback(struct gup_pin_expect *expect,
			     const struct gup_pin_scene *scene, enum how how)
{
	memset(expect, 0, sizeof(*expect));
	expect->kind = HAZARD_WRITEBACK;
	expect->pin = &scene->line;
	expect->func = STARTERS;
	expect->title = "writeback of write-pinned folio in ";
	/* sync() and syncfs() leave it to the flusher, too. */
	if (how == BY_MSYNC || how == BY_FSYNC || how == BY_RANGE)
		expect->task = getpid();
}

/* Each way to pin, each way to write back. */
FIXTURE(ways)
{
	struct gup_pin_base base;
	struct gup_pin_scene scene;
	struct gup_pin_watch watch;
};

FIXTURE_VARIANT(ways)
{
	enum gup_pin_scene_fs fs;
	enum gup_pin_scene_holder holder;
	enum how how;
};

FIXTURE_VARIANT_ADD(ways, ext4_read_msync)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_READ,
	.how = BY_MSYNC,
};

FIXTURE_VARIANT_ADD(ways, ext4_read_fsync)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_READ,
	.how = BY_FSYNC,
};

FIXTURE_VARIANT_ADD(ways, ext4_read_sync)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_READ,
	.how = BY_SYNC,
};

FIXTURE_VARIANT_ADD(ways, ext4_read_syncfs)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_READ,
	.how = BY_SYNCFS,
};

FIXTURE_VARIANT_ADD(ways, ext4_read_range)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_READ,
	.how = BY_RANGE,
};

FIXTURE_VARIANT_ADD(ways, ext4_read_flusher)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_READ,
	.how = BY_FLUSHER,
};

FIXTURE_VARIANT_ADD(ways, ext4_io_uring_msync)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_URING_READ,
	.how = BY_MSYNC,
};

FIXTURE_VARIANT_ADD(ways, ext4_vm_write_msync)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_VM_WRITE,
	.how = BY_MSYNC,
};

FIXTURE_VARIANT_ADD(ways, ext4_null_blk_msync)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_NULL_BLK,
	.how = BY_MSYNC,
};

FIXTURE_VARIANT_ADD(ways, ext4_delayed_sync)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_DELAYED,
	.how = BY_SYNC,
};

FIXTURE_VARIANT_ADD(ways, xfs_null_blk_fsync)
{
	.fs = SCENE_XFS,
	.holder = HOLD_NULL_BLK,
	.how = BY_FSYNC,
};

FIXTURE_VARIANT_ADD(ways, xfs_read_msync)
{
	.fs = SCENE_XFS,
	.holder = HOLD_READ,
	.how = BY_MSYNC,
};

FIXTURE_VARIANT_ADD(ways, xfs_read_fsync)
{
	.fs = SCENE_XFS,
	.holder = HOLD_READ,
	.how = BY_FSYNC,
};

FIXTURE_VARIANT_ADD(ways, xfs_read_sync)
{
	.fs = SCENE_XFS,
	.holder = HOLD_READ,
	.how = BY_SYNC,
};

FIXTURE_VARIANT_ADD(ways, xfs_read_flusher)
{
	.fs = SCENE_XFS,
	.holder = HOLD_READ,
	.how = BY_FLUSHER,
};

FIXTURE_VARIANT_ADD(ways, xfs_io_uring_fsync)
{
	.fs = SCENE_XFS,
	.holder = HOLD_URING_READ,
	.how = BY_FSYNC,
};

FIXTURE_VARIANT_ADD(ways, xfs_vm_write_fsync)
{
	.fs = SCENE_XFS,
	.holder = HOLD_VM_WRITE,
	.how = BY_FSYNC,
};

FIXTURE_SETUP(ways)
{
	const char *missing = gup_pin_scene_missing(variant->fs) ?:
		gup_pin_scene_holder_missing(variant->holder);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_scene_open(&self->scene, variant->fs));
	ASSERT_OK(gup_pin_watch_begin(&self->watch));
}

FIXTURE_TEARDOWN(ways)
{
	gup_pin_scene_close(&self->scene);
	gup_pin_watch_end(&self->watch);
}

static const char *is_pinned(const struct gup_pin_scene *scene)
{
	struct gup_pin_lines lines;
	const char *problem = gup_pin_read_pfn(&lines, scene->line.pfn);

	if (!problem && !lines.nr)
		problem = gup_pin_problem("pfn 0x%lx is not pinned any more",
					  scene->line.pfn);
	gup_pin_free(&lines);
	return problem;
}

static const char *pin_and_see(struct gup_pin_scene *scene, struct gup_pin_watch *watch,
			       enum gup_pin_scene_holder holder, enum how how)
{
	struct gup_pin_expect expect;
	const char *problem;

	problem = gup_pin_scene_pin(scene, holder) ?: gup_pin_watch_silent(watch) ?:
		write_back(scene, how) ?: is_pinned(scene);
	if (problem)
		return problem;
	expect_writeback(&expect, scene, how);
	return gup_pin_watch_saw(watch, &expect);
}

/* The request ended too early to show anything: the next one takes more time. */
static void last_longer(struct gup_pin_scene *scene)
{
	gup_pin_scene_unpin(scene);
	gup_pin_null_remove(&scene->null);
	scene->null_ms *= 4;
}

TEST_F(ways, pinned)
{
	struct gup_pin_scene *scene = &self->scene;
	const char *problem;

	for (;;) {
		problem = pin_and_see(scene, &self->watch, variant->holder, variant->how);
		if (!is_pinned(scene) || variant->holder != HOLD_NULL_BLK ||
		    scene->null_ms >= GUP_PIN_SCENE_NULL_MOST_MS)
			break;
		last_longer(scene);
		gup_pin_watch_end(&self->watch);
		ASSERT_OK(gup_pin_watch_begin(&self->watch));
	}
	ASSERT_OK(problem);
	ASSERT_OK(gup_pin_scene_unpin(scene));
}

/* The twin: the same, but the pin is gone when the page is written back. */
TEST_F(ways, not_pinned_any_more)
{
	struct gup_pin_scene *scene = &self->scene;
	const char *problem;

	while ((problem = gup_pin_scene_pin(scene, variant->holder)) &&
	       variant->holder == HOLD_NULL_BLK && scene->null_ms < GUP_PIN_SCENE_NULL_MOST_MS)
		last_longer(scene);
	ASSERT_OK(problem);
	ASSERT_OK(gup_pin_scene_unpin(scene));
	ASSERT_OK(write_back(&self->scene, variant->how));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* The page was written back under the pin; then the device writes to it. */
TEST_F(writeback, dirtied_after_clean)
{
	struct gup_pin_expect expect;

	ASSERT_OK(gup_pin_scene_pin(&self->scene, HOLD_READ));
	ASSERT_OK(write_back(&self->scene, BY_MSYNC));
	expect_writeback(&expect, &self->scene, BY_MSYNC);
	ASSERT_OK(gup_pin_watch_saw(&self->watch, &expect));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	expect.kind = HAZARD_DIRTIED_AFTER_CLEAN;
	expect.func = DIRTIERS;
	expect.task = 0;
	expect.title = "pinned folio dirtied after it was cleaned in ";
	/* Related hazards have one report. */
	expect.quiet = true;
	ASSERT_OK(gup_pin_watch_saw(&self->watch, &expect));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Read pins are harmless here. */
TEST_F(writeback, read_pin)
{
	struct gup_pin_expect expect;

	self->scene.pinned[0] = 1;
	ASSERT_OK(gup_pin_scene_pin(&self->scene, HOLD_WRITE));
	ASSERT_OK(write_back(&self->scene, BY_MSYNC));
	expect_writeback(&expect, &self->scene, BY_MSYNC);
	expect.stake = "read";
	expect.quiet = true;
	ASSERT_OK(gup_pin_watch_saw(&self->watch, &expect));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_F(writeback, long_read_pin)
{
	struct gup_pin_expect expect;

	if (gup_test_missing())
		SKIP(return, "%s", gup_test_missing());
	self->scene.pinned[0] = 1;
	ASSERT_OK(gup_pin_scene_pin(&self->scene, HOLD_LONG_READ));
	ASSERT_OK(write_back(&self->scene, BY_MSYNC));
	expect_writeback(&expect, &self->scene, BY_MSYNC);
	expect.stake = "read";
	expect.quiet = true;
	ASSERT_OK(gup_pin_watch_saw(&self->watch, &expect));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Others of the same file are written back: only the folio itself matters. */
TEST_F(writeback, another_page)
{
	char *other = self->scene.map + (SCENE_PAGES - 1) * PAGE_SIZE;

	ASSERT_OK(gup_pin_scene_pin(&self->scene, HOLD_READ));
	if (self->scene.line.order)
		SKIP(return, "one folio has all pages");
	other[0] = 1;
	ASSERT_EQ(0, sync_file_range(self->scene.fd, (SCENE_PAGES - 1) * PAGE_SIZE,
				     PAGE_SIZE, SYNC_FILE_RANGE_WRITE |
				     SYNC_FILE_RANGE_WAIT_AFTER));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Each of a full pipe's buffers is a reference to the page. */
static const char *refer_often(const struct gup_pin_scene *scene, int pipes[][2], int nr)
{
	loff_t page = scene->pinned - scene->map, at;
	int i, j;

	for (i = 0; i < nr; i++) {
		if (pipe(pipes[i]) || fcntl(pipes[i][1], F_SETPIPE_SZ, PIPE_PAGES *
					    PAGE_SIZE) < 0)
			return gup_pin_problem("pipe: %s", strerror(errno));
		for (j = 0; j < PIPE_PAGES; j++) {
			at = page;
			if (splice(scene->fd, &at, pipes[i][1], NULL, PAGE_SIZE, 0) !=
			    (ssize_t)PAGE_SIZE)
				return gup_pin_problem("splice: %s", strerror(errno));
		}
	}
	return NULL;
}

/* With 1,024 references, a page looks as if it were pinned. */
TEST_F(writeback, false_positive)
{
	int pipes[5][2];

	self->scene.pinned[0] = 1;
	ASSERT_OK(refer_often(&self->scene, pipes, 5));
	ASSERT_OK(write_back(&self->scene, BY_MSYNC));
	/* That none of them is a pin is only known if all pins since boot were recorded. */
	ASSERT_OK(gup_pin_watch_false_positives(&self->watch, gup_pin_is_module() ? 0 : 1));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* The twin: fewer of them. */
TEST_F(writeback, few_references)
{
	int pipes[3][2];

	self->scene.pinned[0] = 1;
	ASSERT_OK(refer_often(&self->scene, pipes, 3));
	ASSERT_OK(write_back(&self->scene, BY_MSYNC));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_F(writeback, policy_any)
{
	struct gup_pin_expect expect;

	ASSERT_OK(gup_pin_set_policy("writeback", "any"));
	self->scene.pinned[0] = 1;
	ASSERT_OK(gup_pin_scene_pin(&self->scene, HOLD_WRITE));
	ASSERT_OK(write_back(&self->scene, BY_MSYNC));
	expect_writeback(&expect, &self->scene, BY_MSYNC);
	expect.title = "writeback of read-pinned folio in ";
	expect.stake = "read";
	ASSERT_OK(gup_pin_watch_saw(&self->watch, &expect));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_F(writeback, policy_off)
{
	ASSERT_OK(gup_pin_set_policy("writeback", "off"));
	ASSERT_OK(gup_pin_scene_pin(&self->scene, HOLD_READ));
	ASSERT_OK(write_back(&self->scene, BY_MSYNC));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	/* Folios dirtied after they were cleaned are not subject to this policy. */
}

/* An invalid word changes nothing. */
TEST_F(writeback, policy_words)
{
	ASSERT_OK(gup_pin_set_policy("writeback", "any"));
	ASSERT_NE(NULL, gup_pin_write("/sys/module/gup_pin/parameters/writeback", "some"));
	ASSERT_EQ(EINVAL, errno);
	ASSERT_NE(NULL, gup_pin_set_policy("writeback", "writ"));
	ASSERT_NE(NULL, gup_pin_set_policy("writeback", ""));
	ASSERT_OK(gup_pin_set_policy("writeback", "any"));
	ASSERT_OK(gup_pin_set_policy("writeback", "off"));
	ASSERT_OK(gup_pin_set_policy("writeback", "write"));
}

/* First the writeback, which the disk does not complete; then the pin. */
static const char *start_writeback(struct gup_pin_scene *scene)
{
	const char *problem = gup_pin_dm_suspend(&scene->disk);

	scene->pinned[0] = 1;
	if (!problem && sync_file_range(scene->fd, 0, 0, SYNC_FILE_RANGE_WRITE))
		problem = gup_pin_problem("sync_file_range: %s", strerror(errno));
	return problem;
}

/* A pin meanwhile is a hazard, which is expected with these words, and nothing else is. */
static const char *pin_under(struct gup_pin_scene *scene, struct gup_pin_watch *watch,
			     enum gup_pin_scene_holder holder, struct gup_pin_expect *expect)
{
	const char *problem = start_writeback(scene) ?: gup_pin_scene_pin(scene, holder);

	if (problem)
		return problem;
	expect->kind = HAZARD_PIN_UNDER_WRITEBACK;
	expect->func = "pin_user_pages_fast";
	expect->task = getpid();
	expect->pin = &scene->line;
	return gup_pin_watch_saw(watch, expect) ?: gup_pin_dm_resume(&scene->disk) ?:
		gup_pin_scene_unpin(scene) ?: gup_pin_watch_silent(watch);
}

TEST_F(writeback, pin_under)
{
	struct gup_pin_expect expect = {
		.title = "write pin of folio under writeback in ",
		/* The page fault has made it dirty again, and the disk needs no stable pages. */
		.stake = "rewrite",
		.quiet = true,
	};

	ASSERT_OK(pin_under(&self->scene, &self->watch, HOLD_READ, &expect));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* The twins: a read pin; and a write pin after writeback. */
TEST_F(writeback, read_pin_under)
{
	struct gup_pin_expect expect = {
		.stake = "read",
		.quiet = true,
	};

	ASSERT_OK(pin_under(&self->scene, &self->watch, HOLD_WRITE, &expect));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_F(writeback, pin_after)
{
	ASSERT_OK(start_writeback(&self->scene));
	ASSERT_OK(gup_pin_dm_resume(&self->scene.disk));
	ASSERT_EQ(0, fsync(self->scene.fd));
	ASSERT_OK(gup_pin_scene_pin(&self->scene, HOLD_READ));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_F(writeback, read_pin_under_policy_any)
{
	struct gup_pin_expect expect = {
		.title = "read pin of folio under writeback in ",
		.stake = "read",
	};

	ASSERT_OK(gup_pin_set_policy("writeback", "any"));
	ASSERT_OK(pin_under(&self->scene, &self->watch, HOLD_WRITE, &expect));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
