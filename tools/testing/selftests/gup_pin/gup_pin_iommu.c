// SPDX-License-Identifier: GPL-2.0
/* iommufd with a mock device, which pins the memory mapped for it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <drivers/iommu/iommufd/iommufd_test.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "gup_pin_iommu.h"
#include "gup_pin_pinners.h"

#ifndef IOMMU_IOAS_MAP_FILE
struct iommu_ioas_map_file {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__s32 fd;
	__aligned_u64 start;
	__aligned_u64 length;
	__aligned_u64 iova;
};

#define IOMMU_IOAS_MAP_FILE	_IO(IOMMUFD_TYPE, 0x8f)
#endif

#define IOVA		((__u64)MOCK_APERTURE_START)
#define MAP_FLAGS	(IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE)

static int do_pin(int fd, unsigned long request, void *cmd)
{
	return gup_pin_patiently(ioctl(fd, request, cmd) ? -errno : 0);
}

int gup_pin_iommu_open(int *fd, __u32 *ioas)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };

	*fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (*fd < 0)
		return -errno;
	if (ioctl(*fd, IOMMU_IOAS_ALLOC, &alloc))
		return -errno;
	*ioas = alloc.out_ioas_id;
	return 0;
}

int gup_pin_iommu_attach(int fd, __u32 ioas)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_MOCK_DOMAIN,
		.id = ioas,
	};

	return do_pin(fd, IOMMU_TEST_CMD, &cmd);
}

int gup_pin_iommu_map(int fd, __u32 ioas, void *addr, size_t offset, size_t size,
		      bool write)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = MAP_FLAGS | (write ? IOMMU_IOAS_MAP_WRITEABLE : 0),
		.ioas_id = ioas,
		.user_va = (unsigned long)addr,
		.length = size,
		.iova = IOVA + offset,
	};

	return do_pin(fd, IOMMU_IOAS_MAP, &cmd);
}

int gup_pin_iommu_map_file(int fd, __u32 ioas, int file, size_t size)
{
	struct iommu_ioas_map_file cmd = {
		.size = sizeof(cmd),
		.flags = MAP_FLAGS | IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas,
		.fd = file,
		.length = size,
		.iova = IOVA,
	};

	return do_pin(fd, IOMMU_IOAS_MAP_FILE, &cmd);
}

int gup_pin_iommu_unmap(int fd, __u32 ioas, size_t offset, size_t size)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.iova = IOVA + offset,
		.length = size,
	};

	return ioctl(fd, IOMMU_IOAS_UNMAP, &cmd) ? -errno : 0;
}
