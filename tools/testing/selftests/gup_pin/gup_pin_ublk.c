// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that a server of a ublk disk shares with its clients: pinned by
 * pin_user_pages_fast(), long-term, for write or for reading only, and unpinned by ranges of
 * adjacent pages, of which those of two buffers lie in one tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/ublk_cmd.h>
#include <string.h>
#include <unistd.h>
#include "gup_pin_frame.h"
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

#define CONTROL		"/dev/ublk-control"
#define PINNER		"ublk_ctrl_uring_cmd|ublk_ctrl_reg_buf"
#define NPAGES		16

/* What 6.12's headers lack. */
#ifndef UBLK_F_SHMEM_ZC
#define UBLK_F_SHMEM_ZC			0x80000
#define UBLK_SHMEM_BUF_READ_ONLY	1
#define UBLK_U_CMD_REG_BUF		_IOWR('u', 0x18, struct ublksrv_ctrl_cmd)
#define UBLK_U_CMD_UNREG_BUF		_IOWR('u', 0x19, struct ublksrv_ctrl_cmd)
struct ublk_shmem_buf_reg {
	__u64 addr;
	__u64 len;
	__u32 flags;
	__u32 reserved;
};
#endif

FIXTURE(ublk)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	int control;
	int disk;		/* its number; -1: none */
};

FIXTURE_VARIANT(ublk)
{
	enum gup_pin_mem_kind kind;
	size_t size;
	bool write;
};

FIXTURE_VARIANT_ADD(ublk, memfd_write)
{
	.kind = MEM_MEMFD, .size = NPAGES * PAGE_SIZE, .write = true,
};

FIXTURE_VARIANT_ADD(ublk, memfd_read)
{
	.kind = MEM_MEMFD, .size = NPAGES * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(ublk, hugetlb_write)
{
	.kind = MEM_HUGETLB, .size = SIZE_2M, .write = true,
};

/* NULL, or what is wrong; result: the command's, which is negative for an error. */
static const char *command(int control, int disk, unsigned int op, const void *arg, size_t size,
			   __u64 data, ssize_t *result)
{
	struct ublksrv_ctrl_cmd cmd = {
		.dev_id = disk,
		.queue_id = -1,
		.len = size,
		.addr = (unsigned long)arg,
		.data = { data },
	};

	return uring_command(control, op, &cmd, sizeof(cmd), result);
}

static const char *add_disk(int control, int *disk, ssize_t *result)
{
	struct ublksrv_ctrl_dev_info info = {
		.nr_hw_queues = 1,
		.queue_depth = 1,
		.max_io_buf_bytes = 64 << 10,
		.dev_id = -1,
		.flags = UBLK_F_SHMEM_ZC | UBLK_F_CMD_IOCTL_ENCODE,
	};
	const char *problem;

	problem = command(control, -1, UBLK_U_CMD_ADD_DEV, &info, sizeof(info), 0, result);
	if (!problem && !*result)
		*disk = info.dev_id;
	return problem;
}

static const char *remove_disk(struct _test_data_ublk *self)
{
	const char *problem;
	ssize_t result;

	if (self->disk < 0)
		return NULL;
	problem = command(self->control, self->disk, UBLK_U_CMD_DEL_DEV, NULL, 0, 0, &result);
	self->disk = -1;
	return problem ?: result ? gup_pin_problem("UBLK_U_CMD_DEL_DEV: %zd", result) : NULL;
}

static const char *register_pages(struct _test_data_ublk *self, size_t first, size_t nr,
				  bool write, ssize_t *result)
{
	struct ublk_shmem_buf_reg reg = {
		.addr = (unsigned long)self->mem.addr + first * PAGE_SIZE,
		.len = nr * PAGE_SIZE,
		.flags = write ? 0 : UBLK_SHMEM_BUF_READ_ONLY,
	};

	return command(self->control, self->disk, UBLK_U_CMD_REG_BUF, &reg, sizeof(reg), 0,
		       result);
}

static const char *unregister(struct _test_data_ublk *self, ssize_t index, ssize_t *result)
{
	return command(self->control, self->disk, UBLK_U_CMD_UNREG_BUF, NULL, 0, index, result);
}

FIXTURE_SETUP(ublk)
{
	const char *missing = gup_pin_missing() ?: gup_pin_mem_missing(variant->kind);
	ssize_t result;

	self->disk = -1;
	self->control = open(CONTROL, O_RDWR | O_CLOEXEC);
	if (!missing && self->control < 0)
		missing = "no " CONTROL " (CONFIG_BLK_DEV_UBLK)";
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, variant->size));
	ASSERT_OK(add_disk(self->control, &self->disk, &result));
	ASSERT_EQ(0, result);
	/* A driver that does not know the flag clears it. */
	ASSERT_OK(unregister(self, 0, &result));
	if (result != -ENOENT)
		SKIP(return, "this kernel has no ublk_ctrl_reg_buf()");
}

FIXTURE_TEARDOWN(ublk)
{
	const char *problem = remove_disk(self);

	if (self->control >= 0)
		close(self->control);
	gup_pin_mem_put(&self->mem);
	ASSERT_OK(problem);
}

static const char *check_held(struct _test_data_ublk *self, bool write, size_t nr)
{
	struct gup_pin_want want;

	gup_pin_want_mem(&want, "pin_user_pages_fast", write ? 'w' : 'r', "long", &self->mem);
	/* The driver leaves a command to a thread of io_uring's. */
	want.pid = 0;
	return gup_pin_check_pages(&want, 0, self->mem.addr, nr) ?:
		gup_pin_check_frame(getpid(), PINNER);
}

TEST_F(ublk, held)
{
	size_t nr = self->mem.size / PAGE_SIZE;
	ssize_t index, result;

	ASSERT_OK(register_pages(self, 0, nr, variant->write, &index));
	ASSERT_LE(0, index);
	ASSERT_OK(check_held(self, variant->write, nr));
	ASSERT_OK(unregister(self, index, &result));
	ASSERT_EQ(0, result);
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Two buffers beside each other, of which one is unregistered. */
TEST_F(ublk, one_of_two)
{
	size_t half = self->mem.size / PAGE_SIZE / 2;
	ssize_t first, second, result;

	ASSERT_OK(register_pages(self, 0, half, variant->write, &first));
	ASSERT_LE(0, first);
	ASSERT_OK(register_pages(self, half, half, variant->write, &second));
	ASSERT_LE(0, second);
	ASSERT_OK(unregister(self, second, &result));
	ASSERT_EQ(0, result);
	ASSERT_OK(check_held(self, variant->write, half));
	ASSERT_OK(remove_disk(self));
	ASSERT_OK(gup_pin_end(&self->base));
}

/*
 * Pages that are registered already: nothing remains of the second attempt. Its pins were
 * taken like the first ones, so that the age of these is a guess.
 */
TEST_F(ublk, twice)
{
	size_t nr = self->mem.size / PAGE_SIZE;
	ssize_t index, result;

	ASSERT_OK(register_pages(self, 0, nr / 2, variant->write, &index));
	ASSERT_LE(0, index);
	ASSERT_OK(register_pages(self, 1, nr - 1, variant->write, &result));
	ASSERT_EQ(-EEXIST, result);
	ASSERT_OK(gup_pin_wait_task(getpid(), nr / 2));
	ASSERT_OK(remove_disk(self));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
