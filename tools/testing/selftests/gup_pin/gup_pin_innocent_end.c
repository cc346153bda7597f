// SPDX-License-Identifier: GPL-2.0
/*
 * Innocents: programs whose shared memory is given to a device, and that end. The
 * memory has no name, or never had one: its end takes nothing from anybody, though
 * the device may let go of it later.
 */
#include <string.h>
#include <unistd.h>
#include "kselftest_harness.h"
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

/* Whichever of the two is closed first when the process ends. */
#define ENDS(name, memory_kind, device_kind)				\
	FIXTURE_VARIANT_ADD(ends, name) {				\
		.how = { .memory = memory_kind, .device = device_kind }	\
	};								\
	FIXTURE_VARIANT_ADD(ends, name##_closed_last) {			\
		.how = { .memory = memory_kind, .device = device_kind,	\
			 .device_last = true }				\
	}
/* Without a descriptor there is but one order. */
#define ENDS_NO_FD(name, memory_kind, device_kind)			\
	FIXTURE_VARIANT_ADD(ends, name) {				\
		.how = { .memory = memory_kind, .device = device_kind }	\
	}

ENDS_NO_FD(anon_ring, SHARED_ANON, DEVICE_RING);
ENDS_NO_FD(anon_umem, SHARED_ANON, DEVICE_UMEM);
ENDS_NO_FD(anon_iommu, SHARED_ANON, DEVICE_IOMMU);
ENDS_NO_FD(sysv_ring, SHARED_SYSV, DEVICE_RING);
ENDS_NO_FD(sysv_umem, SHARED_SYSV, DEVICE_UMEM);
ENDS_NO_FD(sysv_iommu, SHARED_SYSV, DEVICE_IOMMU);
ENDS(memfd_ring, SHARED_MEMFD, DEVICE_RING);
ENDS(memfd_umem, SHARED_MEMFD, DEVICE_UMEM);
ENDS(memfd_iommu, SHARED_MEMFD, DEVICE_IOMMU);
ENDS(memfd_dmabuf, SHARED_MEMFD, DEVICE_DMABUF);
ENDS(memfd_hugetlb_ring, SHARED_MEMFD_HUGETLB, DEVICE_RING);
ENDS(memfd_hugetlb_umem, SHARED_MEMFD_HUGETLB, DEVICE_UMEM);
ENDS(memfd_hugetlb_iommu, SHARED_MEMFD_HUGETLB, DEVICE_IOMMU);
ENDS(memfd_hugetlb_dmabuf, SHARED_MEMFD_HUGETLB, DEVICE_DMABUF);
ENDS(tmpfs_ring, SHARED_TMPFS, DEVICE_RING);
ENDS(tmpfs_umem, SHARED_TMPFS, DEVICE_UMEM);
ENDS(tmpfs_iommu, SHARED_TMPFS, DEVICE_IOMMU);
ENDS(hugetlbfs_ring, SHARED_HUGETLBFS, DEVICE_RING);
ENDS(hugetlbfs_umem, SHARED_HUGETLBFS, DEVICE_UMEM);
ENDS(hugetlbfs_iommu, SHARED_HUGETLBFS, DEVICE_IOMMU);

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

#define KILLED(name, memory_kind)					\
	FIXTURE_VARIANT_ADD(killed, name) { .memory = memory_kind }

KILLED(anon, SHARED_ANON);
KILLED(sysv, SHARED_SYSV);
KILLED(memfd, SHARED_MEMFD);
KILLED(memfd_hugetlb, SHARED_MEMFD_HUGETLB);
KILLED(tmpfs, SHARED_TMPFS);
KILLED(hugetlbfs, SHARED_HUGETLBFS);

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

static const char *no_step(void *arg, char what)
{
	return "no such step";
}

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
		gup_pin_program_serve(no_step, NULL);
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

GUP_PIN_REPEAT_MAIN
