// SPDX-License-Identifier: GPL-2.0
/*
 * Innocents: programs whose shared memory is given to a device, and that end. The
 * memory has no name, or never had one: no reader loses it at its end, though
 * the device may unpin it later.
 */
#include <string.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_calm.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_program.h"
#include "gup_pin_slow.h"

FIXTURE(ends)
{
	struct gup_pin_calm calm;
	struct gup_pin_mounted fs;
	struct gup_pin_program program;
	unsigned long pins;
};

FIXTURE_VARIANT(ends)
{
	struct gup_pin_program_how how;
};

#define GIVEN(memory_kind, device_kind)					\
	.how.memory = (memory_kind), .how.device = (device_kind)
/* Which of the two is closed first when the process ends? */
#define LAST(memory_kind, device_kind)					\
	.how.memory = (memory_kind), .how.device = (device_kind), .how.device_last = true
FIXTURE_VARIANT_ADD(ends, anon_ring) { GIVEN(SHARED_ANON, DEVICE_RING) };
FIXTURE_VARIANT_ADD(ends, anon_umem) { GIVEN(SHARED_ANON, DEVICE_UMEM) };
FIXTURE_VARIANT_ADD(ends, anon_iommu) { GIVEN(SHARED_ANON, DEVICE_IOMMU) };
FIXTURE_VARIANT_ADD(ends, sysv_ring) { GIVEN(SHARED_SYSV, DEVICE_RING) };
FIXTURE_VARIANT_ADD(ends, sysv_umem) { GIVEN(SHARED_SYSV, DEVICE_UMEM) };
FIXTURE_VARIANT_ADD(ends, sysv_iommu) { GIVEN(SHARED_SYSV, DEVICE_IOMMU) };
FIXTURE_VARIANT_ADD(ends, memfd_ring) { GIVEN(SHARED_MEMFD, DEVICE_RING) };
FIXTURE_VARIANT_ADD(ends, memfd_ring_last) { LAST(SHARED_MEMFD, DEVICE_RING) };
FIXTURE_VARIANT_ADD(ends, memfd_umem) { GIVEN(SHARED_MEMFD, DEVICE_UMEM) };
FIXTURE_VARIANT_ADD(ends, memfd_umem_last) { LAST(SHARED_MEMFD, DEVICE_UMEM) };
FIXTURE_VARIANT_ADD(ends, memfd_iommu) { GIVEN(SHARED_MEMFD, DEVICE_IOMMU) };
FIXTURE_VARIANT_ADD(ends, memfd_iommu_last) { LAST(SHARED_MEMFD, DEVICE_IOMMU) };
FIXTURE_VARIANT_ADD(ends, memfd_dmabuf) { GIVEN(SHARED_MEMFD, DEVICE_DMABUF) };
FIXTURE_VARIANT_ADD(ends, memfd_dmabuf_last) { LAST(SHARED_MEMFD, DEVICE_DMABUF) };
FIXTURE_VARIANT_ADD(ends, memfd_hugetlb_ring) { GIVEN(SHARED_MEMFD_HUGETLB, DEVICE_RING) };
FIXTURE_VARIANT_ADD(ends, memfd_hugetlb_ring_last) { LAST(SHARED_MEMFD_HUGETLB, DEVICE_RING) };
FIXTURE_VARIANT_ADD(ends, memfd_hugetlb_umem) { GIVEN(SHARED_MEMFD_HUGETLB, DEVICE_UMEM) };
FIXTURE_VARIANT_ADD(ends, memfd_hugetlb_umem_last) { LAST(SHARED_MEMFD_HUGETLB, DEVICE_UMEM) };
FIXTURE_VARIANT_ADD(ends, memfd_hugetlb_iommu) { GIVEN(SHARED_MEMFD_HUGETLB, DEVICE_IOMMU) };
FIXTURE_VARIANT_ADD(ends, memfd_hugetlb_iommu_last) { LAST(SHARED_MEMFD_HUGETLB, DEVICE_IOMMU) };
FIXTURE_VARIANT_ADD(ends, memfd_hugetlb_dmabuf) { GIVEN(SHARED_MEMFD_HUGETLB, DEVICE_DMABUF) };
FIXTURE_VARIANT_ADD(ends, memfd_hugetlb_dmabuf_last) { LAST(SHARED_MEMFD_HUGETLB, DEVICE_DMABUF) };
FIXTURE_VARIANT_ADD(ends, tmpfs_ring) { GIVEN(SHARED_TMPFS, DEVICE_RING) };
FIXTURE_VARIANT_ADD(ends, tmpfs_ring_last) { LAST(SHARED_TMPFS, DEVICE_RING) };
FIXTURE_VARIANT_ADD(ends, tmpfs_umem) { GIVEN(SHARED_TMPFS, DEVICE_UMEM) };
FIXTURE_VARIANT_ADD(ends, tmpfs_umem_last) { LAST(SHARED_TMPFS, DEVICE_UMEM) };
FIXTURE_VARIANT_ADD(ends, tmpfs_iommu) { GIVEN(SHARED_TMPFS, DEVICE_IOMMU) };
FIXTURE_VARIANT_ADD(ends, tmpfs_iommu_last) { LAST(SHARED_TMPFS, DEVICE_IOMMU) };
FIXTURE_VARIANT_ADD(ends, hugetlbfs_ring) { GIVEN(SHARED_HUGETLBFS, DEVICE_RING) };
FIXTURE_VARIANT_ADD(ends, hugetlbfs_ring_last) { LAST(SHARED_HUGETLBFS, DEVICE_RING) };
FIXTURE_VARIANT_ADD(ends, hugetlbfs_umem) { GIVEN(SHARED_HUGETLBFS, DEVICE_UMEM) };
FIXTURE_VARIANT_ADD(ends, hugetlbfs_umem_last) { LAST(SHARED_HUGETLBFS, DEVICE_UMEM) };
FIXTURE_VARIANT_ADD(ends, hugetlbfs_iommu) { GIVEN(SHARED_HUGETLBFS, DEVICE_IOMMU) };
FIXTURE_VARIANT_ADD(ends, hugetlbfs_iommu_last) { LAST(SHARED_HUGETLBFS, DEVICE_IOMMU) };

FIXTURE_SETUP(ends)
{
	const char *fs = gup_pin_shared_fs(variant->how.memory);
	struct gup_pin_program_how how = variant->how;
	const char *missing = gup_pin_missing() ?:
		gup_pin_shared_missing(variant->how.memory) ?:
		gup_pin_device_missing(variant->how.device);

	if (missing)
		SKIP(return, "%s", missing);
	if (fs)
		ASSERT_OK(gup_pin_mount(&self->fs, fs, NULL));
	how.dir = self->fs.dir;
	ASSERT_OK(gup_pin_calm_begin(&self->calm));
	ASSERT_OK(gup_pin_program_start(&self->program, &how));
	ASSERT_OK(gup_pin_program_check_pins(self->program.pid,
					     gup_pin_shared_map(how.memory), &self->pins));
}

FIXTURE_TEARDOWN(ends)
{
	const char *stuck;

	gup_pin_program_kill(&self->program);
	gup_pin_calm_close(&self->calm);
	stuck = gup_pin_unmount(&self->fs);
	/* Not always: what has failed before would be said again. */
	if (stuck)
		EXPECT_STREQ("", stuck);
}

TEST_F_TIMEOUT(ends, by_exit, GUP_PIN_PATIENCE)
{
	ASSERT_OK(gup_pin_program_exit(&self->program));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

TEST_F_TIMEOUT(ends, by_kill, GUP_PIN_PATIENCE)
{
	gup_pin_program_kill(&self->program);
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

TEST_F_TIMEOUT(ends, by_exec, GUP_PIN_PATIENCE)
{
	ASSERT_OK(gup_pin_program_exec(&self->program));
	/* The program that it is now has nothing to do with these pins. */
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

/* It has no use for the memory any more, but for a while still for the device. */
TEST_F_TIMEOUT(ends, device_closed_later, GUP_PIN_PATIENCE)
{
	ASSERT_OK(gup_pin_program_do(&self->program, STEP_UNMAP));
	ASSERT_OK(gup_pin_program_check_lost(self->program.pid, self->pins));
	ASSERT_OK(gup_pin_program_do(&self->program, STEP_CLOSE));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
	ASSERT_OK(gup_pin_program_exit(&self->program));
}

/* The same, but it ends before it closes the device. */
TEST_F_TIMEOUT(ends, unmapped_then_killed, GUP_PIN_PATIENCE)
{
	ASSERT_OK(gup_pin_program_do(&self->program, STEP_UNMAP));
	ASSERT_OK(gup_pin_program_check_lost(self->program.pid, self->pins));
	gup_pin_program_kill(&self->program);
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

TEST_F_TIMEOUT(ends, device_closed_first, GUP_PIN_PATIENCE)
{
	ASSERT_OK(gup_pin_program_do(&self->program, STEP_WRITE));
	ASSERT_OK(gup_pin_program_do(&self->program, STEP_CLOSE));
	ASSERT_OK(gup_pin_program_do(&self->program, STEP_UNMAP));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
	ASSERT_OK(gup_pin_program_exit(&self->program));
}

/*
 * I/O that is under way when the process is killed: the disk answers later than the
 * memory lives.
 */
FIXTURE(killed)
{
	struct gup_pin_calm calm;
	struct gup_pin_mounted fs;
	struct gup_pin_slow slow;
	struct gup_pin_program program;
};

FIXTURE_VARIANT(killed)
{
	enum gup_pin_shared_kind memory;
};

FIXTURE_VARIANT_ADD(killed, anon) { .memory = SHARED_ANON };
FIXTURE_VARIANT_ADD(killed, sysv) { .memory = SHARED_SYSV };
FIXTURE_VARIANT_ADD(killed, memfd) { .memory = SHARED_MEMFD };
FIXTURE_VARIANT_ADD(killed, memfd_hugetlb) { .memory = SHARED_MEMFD_HUGETLB };
FIXTURE_VARIANT_ADD(killed, tmpfs) { .memory = SHARED_TMPFS };
FIXTURE_VARIANT_ADD(killed, hugetlbfs) { .memory = SHARED_HUGETLBFS };

FIXTURE_SETUP(killed)
{
	const char *fs = gup_pin_shared_fs(variant->memory);
	const char *missing = gup_pin_missing() ?: gup_pin_dm_missing() ?:
		gup_pin_shared_missing(variant->memory) ?:
		gup_pin_device_missing(DEVICE_RING);

	if (missing)
		SKIP(return, "%s", missing);
	if (fs)
		ASSERT_OK(gup_pin_mount(&self->fs, fs, NULL));
	ASSERT_OK(gup_pin_calm_begin(&self->calm));
	ASSERT_OK(gup_pin_slow_open(&self->slow));
	ASSERT_OK(gup_pin_dm_suspend(&self->slow.dm));
}

FIXTURE_TEARDOWN(killed)
{
	const char *stuck;

	if (self->slow.dm.name[0])
		gup_pin_dm_resume(&self->slow.dm);
	gup_pin_program_kill(&self->program);
	gup_pin_slow_close(&self->slow);
	gup_pin_calm_close(&self->calm);
	stuck = gup_pin_unmount(&self->fs);
	if (stuck)
		EXPECT_STREQ("", stuck);
}

struct reader {
	enum gup_pin_shared_kind memory;
	const char *dir;
	int disk;
};

static const char *be_reader(void *arg)
{
	const struct reader *reader = arg;
	struct gup_pin_shared mem;
	struct uring_one *uring;
	const char *problem;

	problem = gup_pin_shared_get(&mem, reader->memory, reader->dir, 1);
	if (!problem)
		problem = uring_read_start(&uring, reader->disk, mem.addr, PAGE_SIZE);
	if (!problem)
		gup_pin_program_serve(NULL, NULL);
	return problem;
}

TEST_F_TIMEOUT(killed, reads, GUP_PIN_PATIENCE)
{
	struct reader reader = { variant->memory, self->fs.dir, self->slow.fd };
	unsigned long pins;
	pid_t pid;

	ASSERT_OK(gup_pin_program_run(&self->program, be_reader, &reader));
	pid = self->program.pid;
	ASSERT_OK(gup_pin_program_check_pins(pid, gup_pin_shared_map(variant->memory), &pins));
	gup_pin_program_kill(&self->program);
	ASSERT_OK(gup_pin_program_check_lost(pid, pins));
	ASSERT_OK(gup_pin_dm_resume(&self->slow.dm));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

int main(int argc, char **argv)
{
	return gup_pin_repeat(test_harness_run, argc, argv);
}
