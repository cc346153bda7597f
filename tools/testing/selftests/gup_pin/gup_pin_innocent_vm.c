// SPDX-License-Identifier: GPL-2.0
/*
 * Innocents: a virtual machine, whose memory is a memfd that a device may write to
 * by iommufd, with a balloon; and a part of a huge page that is given away, where
 * a device writes to another part.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_calm.h"
#include "gup_pin_device.h"
#include "gup_pin_iommu.h"
#include "gup_pin_mem.h"
#include "gup_pin_program.h"

#define CHUNKS		8
#define ROUNDS		3
#define PUNCH		(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

struct machine {
	struct gup_pin_shared mem;
	size_t chunk;
	int iommu;
	__u32 ioas;
};

FIXTURE(vm)
{
	struct gup_pin_calm calm;
	struct gup_pin_mounted fs;
	struct machine vm;
	struct gup_pin_program backend;	/* maps the memory, as vhost-user does */
};

FIXTURE_VARIANT(vm)
{
	enum gup_pin_shared_kind memory;
};

FIXTURE_VARIANT_ADD(vm, memfd)
{
	.memory = SHARED_MEMFD,
};

FIXTURE_VARIANT_ADD(vm, memfd_hugetlb)
{
	.memory = SHARED_MEMFD_HUGETLB,
};

FIXTURE_VARIANT_ADD(vm, tmpfs)
{
	.memory = SHARED_TMPFS,
};

FIXTURE_VARIANT_ADD(vm, hugetlbfs)
{
	.memory = SHARED_HUGETLBFS,
};

static const char *step(void *arg, char what)
{
	struct gup_pin_shared *mem = arg;

	if (what != STEP_WRITE)
		return "it cannot do that";
	memset(mem->addr, 4, mem->size);
	return NULL;
}

static const char *be_backend(void *arg)
{
	gup_pin_program_serve(step, arg);
	return NULL;
}

FIXTURE_SETUP(vm)
{
	const char *fs = gup_pin_shared_fs(variant->memory);
	const char *missing = gup_pin_missing() ?:
		gup_pin_shared_missing(variant->memory) ?:
		gup_pin_device_missing(DEVICE_IOMMU);
	size_t i;

	self->vm.iommu = -1;
	if (missing)
		SKIP(return, "%s", missing);
	if (fs)
		ASSERT_OK(gup_pin_mount(&self->fs, fs, NULL));
	ASSERT_OK(gup_pin_calm_begin(&self->calm));
	ASSERT_OK(gup_pin_shared_get(&self->vm.mem, variant->memory, self->fs.dir, CHUNKS));
	ASSERT_OK(gup_pin_program_run(&self->backend, be_backend, &self->vm.mem));
	self->vm.chunk = gup_pin_shared_page(variant->memory);
	ASSERT_EQ(0, gup_pin_iommu_open(&self->vm.iommu, &self->vm.ioas));
	ASSERT_EQ(0, gup_pin_iommu_attach(self->vm.iommu, self->vm.ioas));
	for (i = 0; i < CHUNKS; i++)
		ASSERT_EQ(0, gup_pin_iommu_map(self->vm.iommu, self->vm.ioas,
					       self->vm.mem.addr + i * self->vm.chunk,
					       i * self->vm.chunk, self->vm.chunk, true));
}

FIXTURE_TEARDOWN(vm)
{
	const char *stuck;

	gup_pin_program_kill(&self->backend);
	if (self->vm.iommu >= 0)
		close(self->vm.iommu);
	gup_pin_shared_put(&self->vm.mem);
	gup_pin_calm_close(&self->calm);
	stuck = gup_pin_unmount(&self->fs);
	if (stuck)
		EXPECT_STREQ("", stuck);
}

static const char *check_chunks(pid_t pid, int fd, size_t chunks, size_t chunk)
{
	struct gup_pin_lines lines;
	const char *problem;
	unsigned long pins;
	struct stat st;

	problem = gup_pin_read_task(&lines, pid);
	if (problem)
		return problem;
	pins = gup_pin_sum_pins(&lines);
	gup_pin_free(&lines);
	if (pins != chunks * chunk / PAGE_SIZE)
		return gup_pin_problem("%lu pins, not those of %zu chunks", pins, chunks);
	if (fstat(fd, &st) || st.st_blocks * 512UL != chunks * chunk)
		return gup_pin_problem("%zu bytes in the file, not %zu chunks",
				       st.st_blocks * 512UL, chunks);
	return NULL;
}

/* The guest gives some of its memory back: first the device loses it. */
static const char *inflate(const struct machine *vm, size_t i)
{
	size_t at = i * vm->chunk;
	int ret = gup_pin_iommu_unmap(vm->iommu, vm->ioas, at, vm->chunk);

	if (ret)
		return gup_pin_problem("IOMMU_IOAS_UNMAP: %s", strerror(-ret));
	return fallocate(vm->mem.fd, PUNCH, at, vm->chunk) ?
		gup_pin_problem("fallocate: %s", strerror(errno)) : NULL;
}

static const char *deflate(const struct machine *vm, size_t i)
{
	char *addr = vm->mem.addr + i * vm->chunk;
	int ret;

	if (*addr)
		return gup_pin_problem("what the hole had is still there");
	*addr = 1;
	ret = gup_pin_iommu_map(vm->iommu, vm->ioas, addr, i * vm->chunk, vm->chunk, true);
	return ret ? gup_pin_problem("IOMMU_IOAS_MAP: %s", strerror(-ret)) : NULL;
}

TEST_F_TIMEOUT(vm, balloon, GUP_PIN_PATIENCE)
{
	int round;
	size_t i;

	ASSERT_OK(check_chunks(getpid(), self->vm.mem.fd, CHUNKS, self->vm.chunk));
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < CHUNKS; i += 2)
			ASSERT_OK(inflate(&self->vm, i));
		ASSERT_OK(check_chunks(getpid(), self->vm.mem.fd, CHUNKS / 2, self->vm.chunk));
		for (i = 0; i < CHUNKS; i += 2)
			ASSERT_OK(deflate(&self->vm, i));
		ASSERT_OK(check_chunks(getpid(), self->vm.mem.fd, CHUNKS, self->vm.chunk));
		ASSERT_OK(gup_pin_program_do(&self->backend, STEP_WRITE));
	}
	close(self->vm.iommu);
	self->vm.iommu = -1;
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

/* The backend ends last; then the memory is gone, and the device has it still. */
TEST_F_TIMEOUT(vm, ends, GUP_PIN_PATIENCE)
{
	unsigned long pins;

	ASSERT_OK(gup_pin_program_check_pins(getpid(), gup_pin_shared_map(variant->memory),
					     &pins));
	gup_pin_shared_put(&self->vm.mem);
	ASSERT_OK(gup_pin_program_do(&self->backend, STEP_WRITE));
	gup_pin_program_kill(&self->backend);
	ASSERT_OK(gup_pin_program_check_lost(getpid(), pins));
	close(self->vm.iommu);
	self->vm.iommu = -1;
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

FIXTURE(huge)
{
	struct gup_pin_calm calm;
	struct gup_pin_mounted fs;
	char *map;
	int fd;
	int ring;
};

FIXTURE_VARIANT(huge)
{
	enum gup_pin_device_kind device;
};

FIXTURE_VARIANT_ADD(huge, ring)
{
	.device = DEVICE_RING,
};

FIXTURE_VARIANT_ADD(huge, umem)
{
	.device = DEVICE_UMEM,
};

FIXTURE_VARIANT_ADD(huge, iommu)
{
	.device = DEVICE_IOMMU,
};

/* The page of the huge one that the device has. */
#define HUGE_PAGE	5

FIXTURE_SETUP(huge)
{
	const char *missing = gup_pin_missing() ?: gup_pin_mem_missing(MEM_THP) ?:
		gup_pin_device_missing(variant->device);
	struct gup_pin_lines lines;
	char path[100];

	self->fd = -1;
	self->ring = -1;
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_mount(&self->fs, "tmpfs", "huge=always"));
	ASSERT_OK(gup_pin_calm_begin(&self->calm));
	snprintf(path, sizeof(path), "%s/file", self->fs.dir);
	self->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, SIZE_2M));
	self->map = mmap(NULL, SIZE_2M, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->map);
	memset(self->map, 5, SIZE_2M);
	ASSERT_OK(gup_pin_device_give_part(variant->device, self->fd, self->map,
					   HUGE_PAGE * PAGE_SIZE, PAGE_SIZE, &self->ring));
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	ASSERT_EQ(1, lines.nr);
	ASSERT_EQ(9, lines.line->order);
	gup_pin_free(&lines);
}

FIXTURE_TEARDOWN(huge)
{
	const char *stuck;

	if (self->ring >= 0)
		close(self->ring);
	if (self->map)
		munmap(self->map, SIZE_2M);
	if (self->fd >= 0)
		close(self->fd);
	gup_pin_calm_close(&self->calm);
	stuck = gup_pin_unmount(&self->fs);
	if (stuck)
		EXPECT_STREQ("", stuck);
}

static const char *check_rest(const char *map, size_t gone)
{
	if (map[HUGE_PAGE * PAGE_SIZE] != 5)
		return "the device's page has lost its data";
	return map[gone] ? "what was given away is still there" : NULL;
}

TEST_F_TIMEOUT(huge, hole_elsewhere, GUP_PIN_PATIENCE)
{
	ASSERT_EQ(0, fallocate(self->fd, PUNCH, 100 * PAGE_SIZE, 200 * PAGE_SIZE));
	ASSERT_OK(check_rest(self->map, 100 * PAGE_SIZE));
	close(self->ring);
	self->ring = -1;
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

TEST_F_TIMEOUT(huge, tail_cut_off, GUP_PIN_PATIENCE)
{
	ASSERT_EQ(0, ftruncate(self->fd, SIZE_2M / 2));
	ASSERT_EQ(0, ftruncate(self->fd, SIZE_2M));
	ASSERT_OK(check_rest(self->map, SIZE_2M / 2));
	close(self->ring);
	self->ring = -1;
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

int main(int argc, char **argv)
{
	return gup_pin_repeat(test_harness_run, argc, argv);
}
