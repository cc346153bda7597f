// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that a program provides for io_uring's own rings: for the ring itself
 * (IORING_SETUP_NO_MMAP), and for a ring of buffers. Pinned by pin_user_pages_fast(), for
 * write, long-term, as the kernel writes to it at any time.
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "gup_pin_frame.h"
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

/* Eight pages of buffers; an entry of the ring describes one. */
#define NPAGES		8
#define NBUFS		(NPAGES * PAGE_SIZE / sizeof(struct io_uring_buf))

FIXTURE(ring_memory)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	size_t npages;
	int ring;
};

FIXTURE_VARIANT(ring_memory)
{
	bool buffers;
	const char *pinner;
};

FIXTURE_VARIANT_ADD(ring_memory, ring)
{
	.pinner = "__io_uaddr_map|io_create_region",
};

FIXTURE_VARIANT_ADD(ring_memory, buffers)
{
	.buffers = true,
	.pinner = "io_register_pbuf_ring",
};

/* The entries of the submission queue, and both queues' rings, a page each. */
static int open_in(const char *entries, const char *rings)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_NO_MMAP,
		.sq_off.user_addr = (unsigned long)entries,
		.cq_off.user_addr = (unsigned long)rings,
	};
	int fd = syscall(__NR_io_uring_setup, 8, &params);

	return fd < 0 ? -errno : fd;
}

static int register_buffers(int ring, const char *addr)
{
	struct io_uring_buf_reg reg = {
		.ring_addr = (unsigned long)addr,
		.ring_entries = NBUFS,
		.bgid = 7,
	};

	return syscall(__NR_io_uring_register, ring, IORING_REGISTER_PBUF_RING, &reg, 1) ?
		-errno : 0;
}

static int unregister_buffers(int ring)
{
	struct io_uring_buf_reg reg = { .bgid = 7 };

	return syscall(__NR_io_uring_register, ring, IORING_UNREGISTER_PBUF_RING, &reg, 1) ?
		-errno : 0;
}

FIXTURE_SETUP(ring_memory)
{
	const char *missing = gup_pin_missing();

	self->ring = -1;
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	self->npages = variant->buffers ? NPAGES : 2;
	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_ANON, self->npages * PAGE_SIZE));
	ASSERT_OK(gup_pin_mem_settle(&self->mem));
	if (variant->buffers) {
		/* io_uring has to begin with zeroes there. */
		memset(self->mem.addr, 0, self->mem.size);
		self->ring = uring_open();
		ASSERT_LE(0, self->ring);
		ASSERT_EQ(0, register_buffers(self->ring, self->mem.addr));
	} else {
		self->ring = open_in(self->mem.addr, self->mem.addr + PAGE_SIZE);
		ASSERT_LE(0, self->ring);
	}
}

FIXTURE_TEARDOWN(ring_memory)
{
	if (self->ring >= 0)
		close(self->ring);
	gup_pin_mem_put(&self->mem);
}

static const char *check_held(struct _test_data_ring_memory *self, const char *pinner)
{
	struct gup_pin_want want;

	gup_pin_want_mem(&want, "pin_user_pages_fast", 'w', "long", &self->mem);
	want.comm = "gup_pin_ring_me";
	return gup_pin_check_pages(&want, 0, self->mem.addr, self->npages) ?:
		gup_pin_check_frame(getpid(), pinner);
}

/* Two calls for the two parts of a ring, which are unpinned when the ring is closed. */
TEST_F(ring_memory, held)
{
	ASSERT_OK(check_held(self, variant->pinner));
	if (variant->buffers) {
		ASSERT_EQ(0, unregister_buffers(self->ring));
		ASSERT_OK(gup_pin_check_no_lines(getpid()));
		ASSERT_EQ(0, register_buffers(self->ring, self->mem.addr));
		ASSERT_OK(check_held(self, variant->pinner));
	}
	ASSERT_EQ(0, close(self->ring));
	self->ring = -1;
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Memory that is not mapped. The other part of a ring was pinned before. */
TEST_F(ring_memory, failure)
{
	const char *nowhere = (char *)PAGE_SIZE;

	if (variant->buffers) {
		ASSERT_EQ(0, unregister_buffers(self->ring));
		ASSERT_EQ(-EFAULT, register_buffers(self->ring, nowhere));
	} else {
		ASSERT_EQ(0, close(self->ring));
		self->ring = open_in(nowhere, self->mem.addr);
		ASSERT_EQ(-EFAULT, self->ring);
	}
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
