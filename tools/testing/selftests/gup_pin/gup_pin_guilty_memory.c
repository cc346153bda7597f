// SPDX-License-Identifier: GPL-2.0
/*
 * Guilty programs: part of shared memory that a device writes to is freed while other
 * processes still use the memory. Each is reported once.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_blame.h"
#include "gup_pin_calm.h"
#include "gup_pin_device.h"
#include "gup_pin_mem.h"

#define NPAGES	4
#define PUNCH	(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define TRUNCATION	"truncation of write-pinned folio in "

enum deed {
	DEED_TRUNCATE,		/* to length 0 */
	DEED_CUT,		/* to half the length */
	DEED_HOLE,		/* all of it */
	DEED_PART,		/* a hole in a page */
	DEED_REMOVE,		/* MADV_REMOVE, for memory without a descriptor */
};

FIXTURE(memory)
{
	struct gup_pin_calm calm;
	struct gup_pin_mounted fs;
	struct gup_pin_shared mem;
	struct gup_pin_line line;
	int device;
};

FIXTURE_VARIANT(memory)
{
	enum gup_pin_shared_kind memory;
	enum gup_pin_device_kind device;
	enum deed deed;
};

#define GIVEN(memory_kind, device_kind, what)				\
	.memory = SHARED_##memory_kind, .device = DEVICE_##device_kind, .deed = DEED_##what

FIXTURE_VARIANT_ADD(memory, anon_ring_remove) { GIVEN(ANON, RING, REMOVE) };
FIXTURE_VARIANT_ADD(memory, anon_iommu_remove) { GIVEN(ANON, IOMMU, REMOVE) };
FIXTURE_VARIANT_ADD(memory, sysv_ring_remove) { GIVEN(SYSV, RING, REMOVE) };
FIXTURE_VARIANT_ADD(memory, memfd_ring_truncate) { GIVEN(MEMFD, RING, TRUNCATE) };
FIXTURE_VARIANT_ADD(memory, memfd_ring_cut) { GIVEN(MEMFD, RING, CUT) };
FIXTURE_VARIANT_ADD(memory, memfd_ring_hole) { GIVEN(MEMFD, RING, HOLE) };
FIXTURE_VARIANT_ADD(memory, memfd_ring_part) { GIVEN(MEMFD, RING, PART) };
FIXTURE_VARIANT_ADD(memory, memfd_umem_truncate) { GIVEN(MEMFD, UMEM, TRUNCATE) };
FIXTURE_VARIANT_ADD(memory, memfd_iommu_truncate) { GIVEN(MEMFD, IOMMU, TRUNCATE) };
FIXTURE_VARIANT_ADD(memory, memfd_iommu_hole) { GIVEN(MEMFD, IOMMU, HOLE) };
FIXTURE_VARIANT_ADD(memory, memfd_dmabuf_hole) { GIVEN(MEMFD, DMABUF, HOLE) };
FIXTURE_VARIANT_ADD(memory, memfd_dmabuf_remove) { GIVEN(MEMFD, DMABUF, REMOVE) };
FIXTURE_VARIANT_ADD(memory, memfd_hugetlb_ring_truncate) { GIVEN(MEMFD_HUGETLB, RING, TRUNCATE) };
FIXTURE_VARIANT_ADD(memory, memfd_hugetlb_ring_part) { GIVEN(MEMFD_HUGETLB, RING, PART) };
FIXTURE_VARIANT_ADD(memory, memfd_hugetlb_iommu_hole) { GIVEN(MEMFD_HUGETLB, IOMMU, HOLE) };
FIXTURE_VARIANT_ADD(memory, memfd_hugetlb_dmabuf_hole) { GIVEN(MEMFD_HUGETLB, DMABUF, HOLE) };
/* These have no name either, but live while they are open. */
FIXTURE_VARIANT_ADD(memory, tmpfs_ring_truncate) { GIVEN(TMPFS, RING, TRUNCATE) };
FIXTURE_VARIANT_ADD(memory, tmpfs_iommu_hole) { GIVEN(TMPFS, IOMMU, HOLE) };
FIXTURE_VARIANT_ADD(memory, hugetlbfs_ring_truncate) { GIVEN(HUGETLBFS, RING, TRUNCATE) };
FIXTURE_VARIANT_ADD(memory, hugetlbfs_iommu_hole) { GIVEN(HUGETLBFS, IOMMU, HOLE) };

FIXTURE_SETUP(memory)
{
	const char *fs = gup_pin_shared_fs(variant->memory);
	const char *missing = gup_pin_missing() ?:
		gup_pin_shared_missing(variant->memory) ?:
		gup_pin_device_missing(variant->device);
	struct gup_pin_lines lines;

	self->device = -1;
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_blame_begin());
	if (fs)
		ASSERT_OK(gup_pin_mount(&self->fs, fs, NULL));
	ASSERT_OK(gup_pin_calm_begin(&self->calm));
	ASSERT_OK(gup_pin_shared_get(&self->mem, variant->memory, self->fs.dir, NPAGES));
	/* One for the page that replaces the hole. */
	if (gup_pin_shared_page(variant->memory) == SIZE_2M)
		ASSERT_OK(gup_pin_mem_want_hugepages(SIZE_2M));
	ASSERT_OK(gup_pin_device_give(variant->device, &self->mem, &self->device));
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	ASSERT_LT(0, lines.nr);
	self->line = *lines.line;
	ASSERT_EQ('w', self->line.mode);
	gup_pin_free(&lines);
}

FIXTURE_TEARDOWN(memory)
{
	const char *stuck;

	if (self->device >= 0)
		close(self->device);
	gup_pin_shared_put(&self->mem);
	gup_pin_calm_close(&self->calm);
	stuck = gup_pin_unmount(&self->fs);
	if (stuck)
		EXPECT_STREQ("", stuck);
}

static int do_it(const struct gup_pin_shared *mem, enum deed deed)
{
	switch (deed) {
	case DEED_TRUNCATE:
		return ftruncate(mem->fd, 0);
	case DEED_CUT:
		return ftruncate(mem->fd, mem->size / 2);
	case DEED_HOLE:
		return fallocate(mem->fd, PUNCH, 0, mem->size);
	case DEED_PART:
		return fallocate(mem->fd, PUNCH, 100, 1000);
	case DEED_REMOVE:
		return madvise(mem->addr, mem->size, MADV_REMOVE);
	}
	return -1;
}

/* Another process does it, and the report must name that one. */
static pid_t let_other_do_it(const struct gup_pin_shared *mem, enum deed deed, int *status)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "guilty");
		_exit(do_it(mem, deed) ? errno : 0);
	}
	if (pid > 0 && waitpid(pid, status, 0) != pid)
		*status = -1;
	return pid;
}

/* The file now has other memory than the device. */
static const char *check_given_away(const struct gup_pin_shared *mem, enum deed deed)
{
	off_t size = mem->fd >= 0 ? lseek(mem->fd, 0, SEEK_END) : (off_t)mem->size;

	switch (deed) {
	case DEED_TRUNCATE:
		return size ? "the file is as long as before" : NULL;
	case DEED_CUT:
		return size == (off_t)mem->size / 2 ? NULL : "the file is as long as before";
	case DEED_PART:
		return mem->addr[0] ? NULL : "all of a page is gone";
	default:
		return mem->addr[0] ? "a hole has data" : NULL;
	}
}

/* The later unpin by the device is not reported. */
TEST_F_TIMEOUT(memory, reported, GUP_PIN_PATIENCE)
{
	struct gup_pin_blame blame = { .title = TRUNCATION, .pin = &self->line };
	int status = 0;

	blame.task = let_other_do_it(&self->mem, variant->deed, &status);
	ASSERT_LT(0, blame.task);
	ASSERT_EQ(0, status) {
		TH_LOG("%s", strerror(WEXITSTATUS(status)));
	}
	ASSERT_OK(check_given_away(&self->mem, variant->deed));
	close(self->device);
	self->device = -1;
	ASSERT_OK(gup_pin_wait_live(self->calm.base.stats.live_pins));
	gup_pin_calm_show(&self->calm);
	ASSERT_OK(gup_pin_blame_check(self->calm.log, &blame, 1));
	gup_pin_shared_put(&self->mem);
	ASSERT_OK(gup_pin_end(&self->calm.base));
}

/* Counter-check: the device released the pins before. */
TEST_F_TIMEOUT(memory, not_pinned_any_more, GUP_PIN_PATIENCE)
{
	int status = 0;

	close(self->device);
	self->device = -1;
	ASSERT_OK(gup_pin_wait_live(self->calm.base.stats.live_pins));
	ASSERT_LT(0, let_other_do_it(&self->mem, variant->deed, &status));
	ASSERT_EQ(0, status);
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

TEST_HARNESS_MAIN
