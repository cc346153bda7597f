// SPDX-License-Identifier: GPL-2.0
/*
 * Pins that end in the function that took them, before `pins` can be read: the events show
 * them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/rds.h>
#include <linux/user_events.h>
#include <drivers/iommu/iommufd/iommufd_test.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_iommu.h"
#include "gup_pin_mem.h"
#include "gup_pin_passed.h"
#include "gup_pin_tracefs.h"
#include "gup_pin_util.h"

#define USER_EVENTS	TRACEFS "/user_events_data"
#define NAME		"gup_pin_passing"
#define REMOTE		"pin_user_pages_remote"
/* Pages of the mock device are smaller than those of the CPU. */
#define DEVICE_SIZE	(4 * PAGE_SIZE)
#define DEVICE_PAGE_SIZE (PAGE_SIZE / 2)

FIXTURE(passing)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	struct gup_pin_mem device;	/* mapped for one */
	int fd;
};

FIXTURE_SETUP(passing)
{
	const char *missing = gup_pin_missing() ?: gup_pin_tracefs_missing();

	self->fd = -1;
	self->device.fd = -1;
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_ANON, PAGE_SIZE));
	ASSERT_OK(gup_pin_tracefs_begin());
}

FIXTURE_TEARDOWN(passing)
{
	gup_pin_tracefs_end();
	if (self->fd >= 0)
		close(self->fd);
	gup_pin_mem_put(&self->mem);
	gup_pin_mem_put(&self->device);
}

/* A child enables this process's event: a bit of its memory changes. */
TEST_F(passing, user_event)
{
	struct user_reg reg = {
		.size = sizeof(reg),
		.enable_bit = 3,
		.enable_size = sizeof(uint32_t),
		.enable_addr = (unsigned long)self->mem.addr,
		.name_args = (unsigned long)NAME " u32 count",
	};
	uint32_t *enabled = (uint32_t *)self->mem.addr;
	int status, go[2];
	char byte = 0;
	pid_t pid;

	self->fd = open(USER_EVENTS, O_RDWR | O_CLOEXEC);
	if (self->fd < 0)
		SKIP(return, "no %s (CONFIG_USER_EVENTS): %s", USER_EVENTS, strerror(errno));
	ASSERT_EQ(0, pipe(go));
	/* A child that is forked later would inherit the event. */
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (read(go[0], &byte, 1) != 1)
			_exit(2);
		_exit(!!gup_pin_write(TRACEFS "/events/user_events/" NAME "/enable", "1"));
	}
	/* Make the page writable: for a shared page, a worker would have to do that first. */
	__atomic_store_n(enabled, 0, __ATOMIC_RELAXED);
	ASSERT_EQ(0, ioctl(self->fd, DIAG_IOCSREG, &reg));
	ASSERT_OK(gup_pin_tracefs_both(true));
	ASSERT_EQ(1, write(go[1], &byte, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ(1U << reg.enable_bit, __atomic_load_n(enabled, __ATOMIC_RELAXED));
	ASSERT_OK(gup_pin_check_passed(self->mem.addr, pid, REMOTE, 'w'));
	ASSERT_OK(gup_pin_write(TRACEFS "/events/user_events/" NAME "/enable", "0"));
	ASSERT_EQ(0, __atomic_load_n(enabled, __ATOMIC_RELAXED));
	close(go[0]);
	close(go[1]);
	ASSERT_OK(gup_pin_end(&self->base));
}

static int iommu_test(int fd, struct iommu_test_cmd *cmd)
{
	cmd->size = sizeof(*cmd);
	return ioctl(fd, IOMMU_TEST_CMD, cmd) ? -errno : 0;
}

/* A driver in the kernel reads or writes a part of a page that is mapped for a device. */
static int access_part(int fd, __u32 access, void *data, size_t size, bool write)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_ACCESS_RW,
		.id = access,
		.access_rw = {
			.iova = MOCK_APERTURE_START + 8,
			.length = size,
			.uptr = (unsigned long)data,
			.flags = MOCK_ACCESS_RW_SLOW_PATH | (write ? MOCK_ACCESS_RW_WRITE : 0),
		},
	};

	return iommu_test(fd, &cmd);
}

static int open_access(int fd, __u32 ioas, __u32 *access)
{
	struct iommu_test_cmd create = {
		.op = IOMMU_TEST_OP_CREATE_ACCESS,
		.id = ioas,
		.create_access = { .flags = MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES },
	};
	struct iommu_test_cmd attach = {
		.op = IOMMU_TEST_OP_ACCESS_REPLACE_IOAS,
		.access_replace_ioas = { .ioas_id = ioas },
	};
	int ret = iommu_test(fd, &create);

	if (ret)
		return ret;
	*access = create.create_access.out_access_fd;
	attach.id = *access;
	return iommu_test(fd, &attach);
}

TEST_F(passing, iommufd_access)
{
	char data[8] = "written";
	__u32 ioas, access;
	int ret, write;

	ret = gup_pin_iommu_open(&self->fd, &ioas);
	if (self->fd < 0)
		SKIP(return, "no /dev/iommu (CONFIG_IOMMUFD): %s", strerror(-ret));
	ASSERT_EQ(0, ret);
	ret = open_access(self->fd, ioas, &access);
	if (ret == -ENOTTY)
		SKIP(return, "%s", GUP_PIN_NO_MOCK);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, gup_pin_iommu_map(self->fd, ioas, self->mem.addr, 0, self->mem.size, true));
	for (write = 1; write >= 0; write--) {
		ASSERT_OK(gup_pin_tracefs_empty());
		ASSERT_OK(gup_pin_tracefs_both(true));
		ASSERT_EQ(0, access_part(self->fd, access, data, sizeof(data), write));
		ASSERT_OK(gup_pin_tracefs_both(false));
		ASSERT_OK(gup_pin_check_passed(self->mem.addr, getpid(), REMOTE,
					       write ? 'w' : 'r'));
		ASSERT_STREQ("written", self->mem.addr + 8);
	}
	ASSERT_EQ(0, close(access));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* What a device has written is asked for: bits are set in a page of the program's. */
static int enable_dirty(int fd, __u32 ioas, __u32 *hwpt)
{
	struct iommu_test_cmd mock = {
		.op = IOMMU_TEST_OP_MOCK_DOMAIN,
		.id = ioas,
	};
	struct iommu_hwpt_alloc alloc = {
		.size = sizeof(alloc),
		.flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
		.pt_id = ioas,
	};
	struct iommu_hwpt_set_dirty_tracking set = {
		.size = sizeof(set),
		.flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE,
	};
	int ret = iommu_test(fd, &mock);

	if (ret)
		return ret;
	alloc.dev_id = mock.mock_domain.out_idev_id;
	if (ioctl(fd, IOMMU_HWPT_ALLOC, &alloc))
		return -errno;
	*hwpt = alloc.out_hwpt_id;
	set.hwpt_id = *hwpt;
	return ioctl(fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &set) ? -errno : 0;
}

/* The mock device writes to pages of its own size, those of the bits that are set. */
static int make_dirty(int fd, __u32 hwpt, const __u64 *bits)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_DIRTY,
		.id = hwpt,
		.dirty = {
			.iova = MOCK_APERTURE_START,
			.length = DEVICE_SIZE,
			.page_size = DEVICE_PAGE_SIZE,
			.uptr = (unsigned long)bits,
		},
	};

	return iommu_test(fd, &cmd);
}

static int get_dirty(int fd, __u32 hwpt, void *bits)
{
	struct iommu_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.hwpt_id = hwpt,
		.iova = MOCK_APERTURE_START,
		.length = DEVICE_SIZE,
		.page_size = DEVICE_PAGE_SIZE,
		.data = (unsigned long)bits,
	};

	return ioctl(fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd) ? -errno : 0;
}

TEST_F(passing, dirty_bitmap)
{
	const __u64 written = 0xff;	/* all of them */
	__u32 ioas, hwpt;
	int ret;

	ret = gup_pin_iommu_open(&self->fd, &ioas);
	if (self->fd < 0)
		SKIP(return, "no /dev/iommu (CONFIG_IOMMUFD): %s", strerror(-ret));
	ASSERT_EQ(0, ret);
	ret = enable_dirty(self->fd, ioas, &hwpt);
	if (ret == -ENOTTY)
		SKIP(return, "%s", GUP_PIN_NO_MOCK);
	ASSERT_EQ(0, ret);
	ASSERT_OK(gup_pin_mem_get(&self->device, MEM_ANON, DEVICE_SIZE));
	ASSERT_EQ(0, gup_pin_iommu_map(self->fd, ioas, self->device.addr, 0, DEVICE_SIZE, true));
	ASSERT_EQ(0, make_dirty(self->fd, hwpt, &written));
	memset(self->mem.addr, 0, self->mem.size);
	ASSERT_OK(gup_pin_tracefs_both(true));
	ASSERT_EQ(0, get_dirty(self->fd, hwpt, self->mem.addr));
	ASSERT_OK(gup_pin_tracefs_both(false));
	EXPECT_EQ(0, memcmp(self->mem.addr, &written, sizeof(written)));
	ASSERT_OK(gup_pin_check_passed(self->mem.addr, getpid(), "pin_user_pages_fast", 'w'));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	ASSERT_OK(gup_pin_end(&self->base));
}

/* The kernel writes the value of a socket option to pinned memory. */
TEST_F(passing, rds_info)
{
	socklen_t len = self->mem.size;

	self->fd = socket(AF_RDS, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (self->fd < 0)
		SKIP(return, "no AF_RDS (CONFIG_RDS): %s", strerror(errno));
	ASSERT_OK(gup_pin_tracefs_both(true));
	ASSERT_LT(0, getsockopt(self->fd, SOL_RDS, RDS_INFO_COUNTERS, self->mem.addr, &len));
	EXPECT_LT(0, len);
	ASSERT_OK(gup_pin_check_passed(self->mem.addr, getpid(), "pin_user_pages_fast", 'w'));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
