// SPDX-License-Identifier: GPL-2.0
/*
 * VFIO with an IOMMU of type 1: pin_user_pages_remote(), long term. The device is QEMU's
 * "edu", which nothing else drives.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_frame.h"
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_program.h"
#include "gup_pin_util.h"

#define DEVICES		"/sys/bus/pci/devices/"
#define EDU		"0x11e8\n"
#define IOVA		0x1000000UL
#define PINNER		"vfio_iommu_type1_ioctl"

FIXTURE(vfio)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	struct gup_pin_program program;
	int container;
	int group;
	size_t npages;
};

FIXTURE_VARIANT(vfio)
{
	enum gup_pin_mem_kind kind;
	size_t size;
};

FIXTURE_VARIANT_ADD(vfio, anon)
{
	.kind = MEM_ANON, .size = 16 * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(vfio, thp)
{
	.kind = MEM_THP, .size = SIZE_2M,
};

FIXTURE_VARIANT_ADD(vfio, hugetlb)
{
	.kind = MEM_HUGETLB, .size = 2 * SIZE_2M,
};

FIXTURE_VARIANT_ADD(vfio, memfd)
{
	.kind = MEM_MEMFD, .size = 16 * PAGE_SIZE,
};

/* Its folder in sysfs. */
static const char *find_edu(char *folder, size_t size)
{
	const char *problem = "there is no device edu (--device intel-iommu --device edu)";
	glob_t found;
	char *text;
	size_t i;

	if (glob(DEVICES "*/device", 0, NULL, &found))
		return "there is no PCI";
	for (i = 0; i < found.gl_pathc; i++) {
		if (gup_pin_slurp(found.gl_pathv[i], &text, NULL))
			continue;
		if (!strcmp(text, EDU)) {
			snprintf(folder, size, "%.*s", (int)(strlen(found.gl_pathv[i]) - 7),
				 found.gl_pathv[i]);
			problem = NULL;
		}
		free(text);
	}
	globfree(&found);
	return problem;
}

/* Gives a device to VFIO. */
static const char *bind_device(const char *folder)
{
	const char *problem;
	char path[200];

	snprintf(path, sizeof(path), "%s/driver", folder);
	if (!access(path, F_OK))
		return NULL;
	snprintf(path, sizeof(path), "%s/driver_override", folder);
	problem = gup_pin_write(path, "vfio-pci");
	return problem ?: gup_pin_write("/sys/bus/pci/drivers_probe", strrchr(folder, '/') + 1);
}

static const char *open_group(const char *folder, int *group)
{
	char path[200], target[200];
	ssize_t len;

	snprintf(path, sizeof(path), "%s/iommu_group", folder);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return "the device has no IOMMU (intel_iommu=on on the kernel's command line)";
	target[len] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio%s", strrchr(target, '/'));
	*group = open(path, O_RDWR | O_CLOEXEC);
	return *group < 0 ? gup_pin_problem("%s: %s", path, strerror(errno)) : NULL;
}

static const char *open_container(int *container, int *group)
{
	const char *problem;
	char folder[200];

	problem = find_edu(folder, sizeof(folder)) ?: bind_device(folder) ?:
		open_group(folder, group);
	if (problem)
		return problem;
	*container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (*container < 0 || ioctl(*group, VFIO_GROUP_SET_CONTAINER, container) ||
	    ioctl(*container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return gup_pin_problem("a container: %s", strerror(errno));
	return NULL;
}

FIXTURE_SETUP(vfio)
{
	const char *missing = gup_pin_missing() ?: gup_pin_mem_missing(variant->kind);

	self->container = -1;
	self->group = -1;
	if (!missing && access("/sys/module/vfio_iommu_type1", F_OK))
		missing = "vfio_iommu_type1 is not loaded (CONFIG_VFIO_IOMMU_TYPE1)";
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(open_container(&self->container, &self->group));
	ASSERT_OK(gup_pin_begin(&self->base));
	/* A child has as many of its own. */
	if (variant->kind == MEM_HUGETLB)
		ASSERT_OK(gup_pin_mem_want_hugepages(2 * variant->size));
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, variant->size));
	self->npages = variant->size / PAGE_SIZE;
}

static void close_all(struct _test_data_vfio *self)
{
	if (self->group >= 0)
		close(self->group);
	if (self->container >= 0)
		close(self->container);
	self->group = -1;
	self->container = -1;
}

FIXTURE_TEARDOWN(vfio)
{
	gup_pin_program_kill(&self->program);
	close_all(self);
	gup_pin_mem_put(&self->mem);
}

static int map(int container, unsigned long iova, const void *addr, size_t size, __u32 flags)
{
	struct vfio_iommu_type1_dma_map dma = {
		.argsz = sizeof(dma),
		.flags = flags,
		.vaddr = (unsigned long)addr,
		.iova = iova,
		.size = size,
	};

	return gup_pin_patiently(ioctl(container, VFIO_IOMMU_MAP_DMA, &dma) ? -errno : 0);
}

static int unmap(int container, unsigned long iova, size_t size)
{
	struct vfio_iommu_type1_dma_unmap dma = {
		.argsz = sizeof(dma),
		.iova = iova,
		.size = size,
	};

	return ioctl(container, VFIO_IOMMU_UNMAP_DMA, &dma) ? -errno : 0;
}

#define READ	VFIO_DMA_MAP_FLAG_READ
#define BOTH	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

static void want_mapped(struct gup_pin_want *want, const struct gup_pin_mem *mem, char mode)
{
	gup_pin_want_mem(want, "pin_user_pages_remote", mode, "long", mem);
	want->comm = "gup_pin_vfio";
}

TEST_F(vfio, read_write)
{
	struct gup_pin_want want;

	ASSERT_EQ(0, map(self->container, IOVA, self->mem.addr, self->mem.size, BOTH));
	want_mapped(&want, &self->mem, 'w');
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, self->npages));
	ASSERT_OK(gup_pin_check_frame(getpid(), PINNER));
	ASSERT_EQ(0, unmap(self->container, IOVA, self->mem.size));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_F(vfio, read_only)
{
	struct gup_pin_want want;

	ASSERT_EQ(0, map(self->container, IOVA, self->mem.addr, self->mem.size, READ));
	want_mapped(&want, &self->mem, 'r');
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, self->npages));
	ASSERT_EQ(0, unmap(self->container, IOVA, self->mem.size));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* A map goes as a whole, or not at all. */
TEST_F(vfio, part)
{
	size_t half = self->mem.size / 2;
	struct gup_pin_want want;

	ASSERT_EQ(0, map(self->container, IOVA, self->mem.addr, self->mem.size, BOTH));
	EXPECT_EQ(-EINVAL, unmap(self->container, IOVA, half));
	EXPECT_EQ(-EEXIST, map(self->container, IOVA + half, self->mem.addr, half, BOTH));
	want_mapped(&want, &self->mem, 'w');
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, self->npages));
	ASSERT_EQ(0, unmap(self->container, IOVA, self->mem.size));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_F(vfio, one_of_two)
{
	size_t half = self->mem.size / 2;
	struct gup_pin_want want;

	ASSERT_EQ(0, map(self->container, IOVA, self->mem.addr, half, BOTH));
	ASSERT_EQ(0, map(self->container, IOVA + half, self->mem.addr + half, half, READ));
	ASSERT_EQ(0, unmap(self->container, IOVA, half));
	want_mapped(&want, &self->mem, 'r');
	want.index = half / PAGE_SIZE;
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr + half, self->npages / 2));
	ASSERT_EQ(0, unmap(self->container, IOVA + half, half));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* The second half is not there: nothing stays pinned of the first. */
TEST_F(vfio, hole)
{
	size_t half = self->mem.size / 2;

	ASSERT_EQ(0, munmap(self->mem.addr + half, half));
	EXPECT_GT(0, map(self->container, IOVA, self->mem.addr, self->mem.size, BOTH));
	self->mem.size = half;
	ASSERT_OK(gup_pin_end(&self->base));
}

/* A child has the container as well, and copies of the pages; the pins stay as they are. */
TEST_F(vfio, fork)
{
	struct gup_pin_want want;
	int status;
	pid_t child;

	ASSERT_EQ(0, map(self->container, IOVA, self->mem.addr, self->mem.size, BOTH));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		self->mem.addr[0]++;
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	want_mapped(&want, &self->mem, 'w');
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, self->npages));
	close_all(self);
	ASSERT_OK(gup_pin_end(&self->base));
}

struct maps {
	struct _test_data_vfio *self;
	enum gup_pin_mem_kind kind;
	size_t size;
};

static const char *map_and_wait(void *arg)
{
	const struct maps *what = arg;
	const char *problem;
	struct gup_pin_mem mem;
	int ret;

	problem = gup_pin_mem_get(&mem, what->kind, what->size);
	if (problem)
		return problem;
	ret = map(what->self->container, IOVA, mem.addr, mem.size, BOTH);
	if (ret)
		return gup_pin_problem("map: %s", strerror(-ret));
	gup_pin_program_serve(NULL, NULL);
	return NULL;
}

/* The test has the container, too: what a process has mapped stays pinned without it. */
TEST_F(vfio, killed)
{
	struct maps what = { self, variant->kind, variant->size };
	struct gup_pin_lines lines;
	pid_t pid;
	size_t i;

	ASSERT_OK(gup_pin_program_run(&self->program, map_and_wait, &what));
	pid = self->program.pid;
	ASSERT_OK(gup_pin_check_frame(pid, PINNER));
	gup_pin_program_kill(&self->program);
	ASSERT_OK(gup_pin_read_orphans(&lines));
	gup_pin_only_task(&lines, pid);
	EXPECT_EQ(self->npages, gup_pin_sum_pins(&lines));
	for (i = 0; i < lines.nr; i++) {
		EXPECT_EQ('w', lines.line[i].mode);
		EXPECT_EQ(pid, lines.line[i].owner);
		EXPECT_STREQ("exact", lines.line[i].match);
	}
	gup_pin_free(&lines);
	close_all(self);
	ASSERT_OK(gup_pin_wait_task(pid, 0));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
