// SPDX-License-Identifier: GPL-2.0
/*
 * Pinned pages that leave their file, in all possible ways; and pages that leave it
 * without pins.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "gup_pin_block.h"
#include "gup_pin_harness.h"
#include "gup_pin_hazard.h"
#include "gup_pin_scene.h"

#define CLEANERS	"truncate_cleanup_folio|truncate_inode_pages_range|" \
			"truncate_inode_folio|truncate_folio_batch_exceptionals|" \
			"truncate_inode_pages|shmem_undo_range|" \
			"remove_inode_hugepages|hugetlb_delete_from_page_cache|" \
			"remove_inode_single_folio|generic_error_remove_folio"
#define PARTIAL		"truncate_inode_partial_folio|truncate_inode_pages_range|" \
			"shmem_undo_range|shmem_get_partial_folio|" \
			"hugetlbfs_zero_partial_page"
#define INVALIDATORS	"invalidate_complete_folio2|invalidate_inode_pages2_range|" \
			"folio_unmap_invalidate"

enum how {
	BY_TRUNCATE,		/* ftruncate() to nothing */
	BY_PART,		/* ftruncate() to the middle of the page */
	BY_O_TRUNC,
	BY_PUNCH,
	BY_PUNCH_PART,		/* a hole within the page */
	BY_COLLAPSE,
	BY_ZERO_RANGE,
	BY_DROP,		/* the last name, mapping and descriptor are removed */
	BY_DIRECT_WRITE,	/* O_DIRECT write over it */
	BY_POISON,		/* memory failure */
};

FIXTURE(truncate)
{
	struct gup_pin_base base;
	struct gup_pin_scene scene;
	struct gup_pin_watch watch;
};

FIXTURE_VARIANT(truncate)
{
	enum gup_pin_scene_fs fs;
	enum gup_pin_scene_holder holder;
	enum how how;
};

FIXTURE_VARIANT_ADD(truncate, ext4_truncate)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_LONG_READ,
	.how = BY_TRUNCATE,
};

FIXTURE_VARIANT_ADD(truncate, ext4_truncate_write)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_READ,
	.how = BY_TRUNCATE,
};

FIXTURE_VARIANT_ADD(truncate, ext4_part)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_LONG_READ,
	.how = BY_PART,
};

FIXTURE_VARIANT_ADD(truncate, ext4_o_trunc)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_READ,
	.how = BY_O_TRUNC,
};

FIXTURE_VARIANT_ADD(truncate, ext4_punch)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_LONG_READ,
	.how = BY_PUNCH,
};

FIXTURE_VARIANT_ADD(truncate, ext4_punch_part)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_LONG_READ,
	.how = BY_PUNCH_PART,
};

FIXTURE_VARIANT_ADD(truncate, ext4_collapse)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_LONG_READ,
	.how = BY_COLLAPSE,
};

FIXTURE_VARIANT_ADD(truncate, ext4_zero_range)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_LONG_READ,
	.how = BY_ZERO_RANGE,
};

FIXTURE_VARIANT_ADD(truncate, ext4_drop)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_LONG_READ,
	.how = BY_DROP,
};

FIXTURE_VARIANT_ADD(truncate, ext4_drop_write)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_URING_READ,
	.how = BY_DROP,
};

FIXTURE_VARIANT_ADD(truncate, ext4_direct_write)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_LONG_READ,
	.how = BY_DIRECT_WRITE,
};

FIXTURE_VARIANT_ADD(truncate, ext4_poison)
{
	.fs = SCENE_EXT4,
	.holder = HOLD_LONG_READ,
	.how = BY_POISON,
};

FIXTURE_VARIANT_ADD(truncate, xfs_truncate)
{
	.fs = SCENE_XFS,
	.holder = HOLD_LONG_READ,
	.how = BY_TRUNCATE,
};

FIXTURE_VARIANT_ADD(truncate, xfs_vm_write)
{
	.fs = SCENE_XFS,
	.holder = HOLD_VM_WRITE,
	.how = BY_TRUNCATE,
};

FIXTURE_VARIANT_ADD(truncate, xfs_part)
{
	.fs = SCENE_XFS,
	.holder = HOLD_LONG_READ,
	.how = BY_PART,
};

FIXTURE_VARIANT_ADD(truncate, xfs_o_trunc)
{
	.fs = SCENE_XFS,
	.holder = HOLD_READ,
	.how = BY_O_TRUNC,
};

FIXTURE_VARIANT_ADD(truncate, xfs_punch)
{
	.fs = SCENE_XFS,
	.holder = HOLD_LONG_READ,
	.how = BY_PUNCH,
};

FIXTURE_VARIANT_ADD(truncate, xfs_collapse)
{
	.fs = SCENE_XFS,
	.holder = HOLD_LONG_READ,
	.how = BY_COLLAPSE,
};

FIXTURE_VARIANT_ADD(truncate, xfs_drop)
{
	.fs = SCENE_XFS,
	.holder = HOLD_LONG_READ,
	.how = BY_DROP,
};

FIXTURE_VARIANT_ADD(truncate, xfs_direct_write)
{
	.fs = SCENE_XFS,
	.holder = HOLD_LONG_READ,
	.how = BY_DIRECT_WRITE,
};

FIXTURE_VARIANT_ADD(truncate, shmem_truncate)
{
	.fs = SCENE_SHMEM,
	.holder = HOLD_FIXED,
	.how = BY_TRUNCATE,
};

FIXTURE_VARIANT_ADD(truncate, shmem_truncate_read)
{
	.fs = SCENE_SHMEM,
	.holder = HOLD_READ,
	.how = BY_TRUNCATE,
};

FIXTURE_VARIANT_ADD(truncate, shmem_part)
{
	.fs = SCENE_SHMEM,
	.holder = HOLD_FIXED,
	.how = BY_PART,
};

FIXTURE_VARIANT_ADD(truncate, shmem_o_trunc)
{
	.fs = SCENE_SHMEM,
	.holder = HOLD_LONG_READ,
	.how = BY_O_TRUNC,
};

FIXTURE_VARIANT_ADD(truncate, shmem_punch)
{
	.fs = SCENE_SHMEM,
	.holder = HOLD_FIXED,
	.how = BY_PUNCH,
};

FIXTURE_VARIANT_ADD(truncate, shmem_punch_part)
{
	.fs = SCENE_SHMEM,
	.holder = HOLD_FIXED,
	.how = BY_PUNCH_PART,
};

FIXTURE_VARIANT_ADD(truncate, shmem_drop)
{
	.fs = SCENE_SHMEM,
	.holder = HOLD_FIXED,
	.how = BY_DROP,
};

FIXTURE_VARIANT_ADD(truncate, hugetlbfs_truncate)
{
	.fs = SCENE_HUGETLBFS,
	.holder = HOLD_FIXED,
	.how = BY_TRUNCATE,
};

FIXTURE_VARIANT_ADD(truncate, hugetlbfs_punch)
{
	.fs = SCENE_HUGETLBFS,
	.holder = HOLD_FIXED,
	.how = BY_PUNCH,
};

FIXTURE_VARIANT_ADD(truncate, hugetlbfs_punch_part)
{
	.fs = SCENE_HUGETLBFS,
	.holder = HOLD_READ,
	.how = BY_PUNCH_PART,
};

FIXTURE_VARIANT_ADD(truncate, hugetlbfs_drop)
{
	.fs = SCENE_HUGETLBFS,
	.holder = HOLD_FIXED,
	.how = BY_DROP,
};

FIXTURE_SETUP(truncate)
{
	const char *missing = gup_pin_scene_missing(variant->fs) ?:
		gup_pin_scene_holder_missing(variant->holder);

	if (missing)
		SKIP(return, "%s", missing);
	if (variant->how == BY_POISON && access(GUP_PIN_UNPOISON, F_OK))
		SKIP(return, "no " GUP_PIN_UNPOISON " (CONFIG_HWPOISON_INJECT)");
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_scene_open(&self->scene, variant->fs));
	ASSERT_OK(gup_pin_watch_begin(&self->watch));
}

FIXTURE_TEARDOWN(truncate)
{
	unsigned long pfn = self->scene.line.pfn;

	gup_pin_scene_close(&self->scene);
	gup_pin_watch_end(&self->watch);
	gup_pin_set_policy("truncate", "write");
	if (variant->how == BY_POISON && pfn)
		ASSERT_OK(gup_pin_unpoison(pfn));
}

static const char *o_trunc(const struct gup_pin_scene *scene)
{
	int fd = open(scene->path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0)
		return gup_pin_problem("cannot open %s: %s", scene->path, strerror(errno));
	close(fd);
	return NULL;
}

static const char *direct_write(const struct gup_pin_scene *scene, off_t at)
{
	int fd = open(scene->path, O_WRONLY | O_DIRECT | O_CLOEXEC);
	void *data = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const char *problem = NULL;

	if (fd < 0)
		return gup_pin_problem("cannot open %s: %s", scene->path, strerror(errno));
	if (pwrite(fd, data, PAGE_SIZE, at) != PAGE_SIZE)
		problem = gup_pin_problem("O_DIRECT write: %s", strerror(errno));
	munmap(data, PAGE_SIZE);
	close(fd);
	return problem;
}

static int remove_page(struct gup_pin_scene *scene, enum how how, off_t at, off_t len)
{
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	switch (how) {
	case BY_TRUNCATE:
		return ftruncate(scene->fd, 0);
	case BY_PART:
		return ftruncate(scene->fd, at + len / 2);
	case BY_PUNCH:
		return fallocate(scene->fd, punch, at, len);
	case BY_PUNCH_PART:
		return fallocate(scene->fd, punch, at + 512, 1024);
	case BY_COLLAPSE:
		return fallocate(scene->fd, FALLOC_FL_COLLAPSE_RANGE, at, len);
	case BY_ZERO_RANGE:
		return fallocate(scene->fd, FALLOC_FL_ZERO_RANGE, at, len);
	case BY_POISON:
		return madvise(scene->pinned, PAGE_SIZE, MADV_HWPOISON);
	default:
		errno = EINVAL;
		return -1;
	}
}

static const char *leave_file(struct gup_pin_scene *scene, enum how how)
{
	off_t at = scene->pinned - scene->map;

	switch (how) {
	case BY_O_TRUNC:
		return o_trunc(scene);
	case BY_DROP:
		return gup_pin_scene_drop(scene);
	case BY_DIRECT_WRITE:
		return direct_write(scene, at);
	default:
		break;
	}
	if (!remove_page(scene, how, at, scene->page_size))
		return NULL;
	/* The page has left its file, though it cannot be taken out of use. */
	if (how != BY_POISON || errno != EBUSY)
		return gup_pin_problem("cannot remove a page from its file: %s", strerror(errno));
	return NULL;
}

static void expect_truncate(struct gup_pin_expect *expect, const struct gup_pin_line *pin,
			    enum how how)
{
	bool part = how == BY_PART || how == BY_PUNCH_PART;

	memset(expect, 0, sizeof(*expect));
	expect->kind = HAZARD_TRUNCATE;
	expect->func = part ? PARTIAL : how == BY_DIRECT_WRITE ? INVALIDATORS : CLEANERS;
	expect->task = getpid();
	expect->pin = pin;
	expect->title = pin->mode == 'w' ? "truncation of write-pinned folio in " :
		"truncation of read-pinned folio in ";
	if (pin->mode == 'r')
		expect->stake = "read";
	/* The file ends, and its content with it. */
	if (how == BY_DROP) {
		expect->stake = "end";
		expect->quiet = true;
	}
}

/* Any pin must be reported. */
TEST_F(truncate, pinned)
{
	struct gup_pin_expect expect;

	ASSERT_OK(gup_pin_set_policy("truncate", "any"));
	ASSERT_OK(gup_pin_scene_pin(&self->scene, variant->holder));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	expect_truncate(&expect, &self->scene.line, variant->how);
	ASSERT_OK(leave_file(&self->scene, variant->how));
	ASSERT_OK(gup_pin_watch_saw(&self->watch, &expect));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* The twin: by default, a hazard of a pin for read is only counted. */
TEST_F(truncate, pinned_by_default)
{
	struct gup_pin_expect expect;

	ASSERT_OK(gup_pin_scene_pin(&self->scene, variant->holder));
	expect_truncate(&expect, &self->scene.line, variant->how);
	if (expect.pin->mode == 'r')
		expect.quiet = true;
	ASSERT_OK(leave_file(&self->scene, variant->how));
	ASSERT_OK(gup_pin_watch_saw(&self->watch, &expect));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* The twin: the same, but without the pin. */
TEST_F(truncate, not_pinned_any_more)
{
	ASSERT_OK(gup_pin_scene_pin(&self->scene, variant->holder));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_OK(leave_file(&self->scene, variant->how));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_end(&self->base));
}

FIXTURE(policy)
{
	struct gup_pin_base base;
	struct gup_pin_scene scene;
	struct gup_pin_watch watch;
};

FIXTURE_VARIANT(policy)
{
	enum gup_pin_scene_fs fs;
};

FIXTURE_VARIANT_ADD(policy, ext4)
{
	.fs = SCENE_EXT4,
};

FIXTURE_VARIANT_ADD(policy, shmem)
{
	.fs = SCENE_SHMEM,
};

FIXTURE_SETUP(policy)
{
	const char *missing = gup_pin_scene_missing(variant->fs);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_scene_open(&self->scene, variant->fs));
	ASSERT_OK(gup_pin_watch_begin(&self->watch));
}

FIXTURE_TEARDOWN(policy)
{
	gup_pin_scene_close(&self->scene);
	gup_pin_watch_end(&self->watch);
	gup_pin_set_policy("truncate", "write");
}

TEST_F(policy, off)
{
	ASSERT_OK(gup_pin_set_policy("truncate", "off"));
	ASSERT_OK(gup_pin_scene_pin(&self->scene, HOLD_READ));
	ASSERT_EQ(0, ftruncate(self->scene.fd, 0));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_F(policy, count)
{
	struct gup_pin_expect expect;

	ASSERT_OK(gup_pin_set_policy("truncate", "count"));
	ASSERT_OK(gup_pin_scene_pin(&self->scene, HOLD_READ));
	expect_truncate(&expect, &self->scene.line, BY_TRUNCATE);
	expect.quiet = true;
	ASSERT_EQ(0, ftruncate(self->scene.fd, 0));
	ASSERT_OK(gup_pin_watch_saw(&self->watch, &expect));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_F(policy, write_write_pin)
{
	struct gup_pin_expect expect = {
		.kind = HAZARD_TRUNCATE,
		.func = CLEANERS,
		.task = getpid(),
	};

	expect.title = "truncation of write-pinned folio in ";
	ASSERT_OK(gup_pin_set_policy("truncate", "write"));
	ASSERT_OK(gup_pin_scene_pin(&self->scene, HOLD_READ));
	ASSERT_EQ(0, ftruncate(self->scene.fd, 0));
	expect.pin = &self->scene.line;
	ASSERT_OK(gup_pin_watch_saw(&self->watch, &expect));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* The part that the file loses is not pinned. */
TEST_F(policy, another_page)
{
	ASSERT_OK(gup_pin_scene_pin(&self->scene, HOLD_READ));
	if (self->scene.line.order)
		SKIP(return, "one folio has all pages");
	ASSERT_EQ(0, ftruncate(self->scene.fd, (SCENE_PAGE + 1) * PAGE_SIZE));
	ASSERT_EQ(0, fallocate(self->scene.fd, FALLOC_FL_PUNCH_HOLE |
			       FALLOC_FL_KEEP_SIZE, 0, SCENE_PAGE * PAGE_SIZE));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_F(policy, words)
{
	ASSERT_OK(gup_pin_set_policy("truncate", "write"));
	ASSERT_NE(NULL, gup_pin_write("/sys/module/gup_pin/parameters/truncate", "all"));
	ASSERT_EQ(EINVAL, errno);
	ASSERT_OK(gup_pin_set_policy("truncate", "off"));
	ASSERT_OK(gup_pin_set_policy("truncate", "count"));
	ASSERT_OK(gup_pin_set_policy("truncate", "report"));
	ASSERT_OK(gup_pin_set_policy("truncate", "any"));
}

TEST_HARNESS_MAIN
