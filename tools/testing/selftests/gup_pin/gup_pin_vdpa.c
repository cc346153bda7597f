// SPDX-License-Identifier: GPL-2.0
/* Memory of virtio's drivers in user space: pin_user_pages() by vhost-vdpa, long term. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "gup_pin_frame.h"
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_program.h"
#include "gup_pin_util.h"
#include "gup_pin_vdpa.h"

#define PINNER		"vhost_vdpa_process_iotlb_msg"
#define IOVA		0x100000UL

FIXTURE(vdpa)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	struct gup_pin_program program;
	int fd;
	size_t npages;
};

FIXTURE_VARIANT(vdpa)
{
	const char *driver;
	enum gup_pin_mem_kind kind;
	size_t size;
};

FIXTURE_VARIANT_ADD(vdpa, net_anon)
{
	.driver = "net", .kind = MEM_ANON, .size = 16 * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(vdpa, net_thp)
{
	.driver = "net", .kind = MEM_THP, .size = SIZE_2M,
};

FIXTURE_VARIANT_ADD(vdpa, net_memfd)
{
	.driver = "net", .kind = MEM_MEMFD, .size = 16 * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(vdpa, blk_anon)
{
	.driver = "blk", .kind = MEM_ANON, .size = 16 * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(vdpa, blk_hugetlb)
{
	.driver = "blk", .kind = MEM_HUGETLB, .size = 2 * SIZE_2M,
};

FIXTURE_SETUP(vdpa)
{
	const char *missing = gup_pin_missing() ?: gup_pin_vdpa_missing() ?:
		gup_pin_mem_missing(variant->kind);

	self->fd = -1;
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_vdpa_add(variant->driver));
	ASSERT_OK(gup_pin_vdpa_open(&self->fd));
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, variant->size));
	self->npages = variant->size / PAGE_SIZE;
}

FIXTURE_TEARDOWN(vdpa)
{
	gup_pin_program_kill(&self->program);
	if (self->fd >= 0)
		close(self->fd);
	EXPECT_OK(gup_pin_vdpa_remove());
	gup_pin_mem_put(&self->mem);
}

static void want_mapped(struct gup_pin_want *want, const struct gup_pin_mem *mem, char mode)
{
	gup_pin_want_mem(want, "pin_user_pages", mode, "long", mem);
	want->comm = "gup_pin_vdpa";
}

TEST_F(vdpa, read_write)
{
	struct gup_pin_want want;

	ASSERT_EQ(0, vdpa_map(self->fd, IOVA, self->mem.addr, self->mem.size, VHOST_ACCESS_RW));
	want_mapped(&want, &self->mem, 'w');
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, self->npages));
	ASSERT_OK(gup_pin_check_frame(getpid(), PINNER));
	ASSERT_EQ(0, vdpa_unmap(self->fd, IOVA, self->mem.size));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_F(vdpa, read_only)
{
	struct gup_pin_want want;

	ASSERT_EQ(0, vdpa_map(self->fd, IOVA, self->mem.addr, self->mem.size, VHOST_ACCESS_RO));
	want_mapped(&want, &self->mem, 'r');
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, self->npages));
	ASSERT_EQ(0, vdpa_unmap(self->fd, IOVA, self->mem.size));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Of two maps, one goes. */
TEST_F(vdpa, one_of_two)
{
	size_t half = self->mem.size / 2;
	struct gup_pin_want want;

	ASSERT_EQ(0, vdpa_map(self->fd, IOVA, self->mem.addr, half, VHOST_ACCESS_RW));
	ASSERT_EQ(0, vdpa_map(self->fd, IOVA + half, self->mem.addr + half, half, VHOST_ACCESS_RW));
	ASSERT_EQ(0, vdpa_unmap(self->fd, IOVA, half));
	want_mapped(&want, &self->mem, 'w');
	want.index = half / PAGE_SIZE;
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr + half, self->npages / 2));
	ASSERT_EQ(0, vdpa_unmap(self->fd, IOVA + half, half));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* The same pages, at two places: the one that is written to goes first. */
TEST_F(vdpa, twice)
{
	struct gup_pin_lines lines;

	ASSERT_EQ(0, vdpa_map(self->fd, IOVA, self->mem.addr, self->mem.size, VHOST_ACCESS_RO));
	ASSERT_EQ(0, vdpa_map(self->fd, IOVA + self->mem.size, self->mem.addr, self->mem.size,
			      VHOST_ACCESS_RW));
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(2 * self->npages, gup_pin_sum_pins(&lines));
	gup_pin_free(&lines);
	ASSERT_EQ(0, vdpa_unmap(self->fd, IOVA + self->mem.size, self->mem.size));
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(self->npages, gup_pin_sum_pins(&lines));
	gup_pin_free(&lines);
	ASSERT_EQ(0, vdpa_unmap(self->fd, IOVA, self->mem.size));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* What is mapped already is refused, and is not pinned again. */
TEST_F(vdpa, refused)
{
	struct gup_pin_want want;

	ASSERT_EQ(0, vdpa_map(self->fd, IOVA, self->mem.addr, self->mem.size, VHOST_ACCESS_RW));
	EXPECT_GT(0, vdpa_map(self->fd, IOVA, self->mem.addr, PAGE_SIZE, VHOST_ACCESS_RW));
	want_mapped(&want, &self->mem, 'w');
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, self->npages));
	ASSERT_EQ(0, vdpa_unmap(self->fd, IOVA, self->mem.size));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* A process that is killed: the device is closed, and all is unpinned. */
struct maps {
	enum gup_pin_mem_kind kind;
	size_t size;
};

static const char *map_and_wait(void *arg)
{
	const struct maps *what = arg;
	const char *problem;
	struct gup_pin_mem mem;
	int fd, ret;

	problem = gup_pin_mem_get(&mem, what->kind, what->size) ?:
		gup_pin_vdpa_open(&fd);
	if (problem)
		return problem;
	ret = vdpa_map(fd, IOVA, mem.addr, mem.size, VHOST_ACCESS_RW);
	if (ret)
		return gup_pin_problem("map: %s", strerror(-ret));
	gup_pin_program_serve(NULL, NULL);
	return NULL;
}

TEST_F(vdpa, killed)
{
	struct maps what = { variant->kind, variant->size };
	struct gup_pin_lines lines;
	pid_t pid;

	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	ASSERT_OK(gup_pin_program_run(&self->program, map_and_wait, &what));
	pid = self->program.pid;
	ASSERT_OK(gup_pin_read_task(&lines, pid));
	EXPECT_EQ(self->npages, gup_pin_sum_pins(&lines));
	gup_pin_free(&lines);
	ASSERT_OK(gup_pin_check_frame(pid, PINNER));
	gup_pin_program_kill(&self->program);
	ASSERT_OK(gup_pin_wait_task(pid, 0));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Closing the device unpins what is still mapped. */
TEST_F(vdpa, close)
{
	ASSERT_EQ(0, vdpa_map(self->fd, IOVA, self->mem.addr, self->mem.size, VHOST_ACCESS_RW));
	EXPECT_NE(NULL, gup_pin_check_no_lines(getpid()));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
