// SPDX-License-Identifier: GPL-2.0
/* Devices that a program registers memory with. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_xdp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "gup_pin_device.h"
#include "gup_pin_iommu.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

static int open_umem(void *addr, size_t size)
{
	struct xdp_umem_reg reg = {
		.addr = (unsigned long)addr,
		.len = size,
		.chunk_size = PAGE_SIZE,
	};
	int sock = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0), ret;
	unsigned int waited = 0;

	/* As with those in gup_pin_pinners.h. */
	do {
		ret = sock < 0 ? 0 : setsockopt(sock, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg));
	} while (ret && errno == ENOMEM && gup_pin_patience(&waited));
	if (ret) {
		ret = errno;
		close(sock);
		errno = ret;
		return -1;
	}
	return sock;
}

static int open_ring(void *addr, size_t size)
{
	int ring = uring_open(), ret;

	ret = ring < 0 ? 0 : uring_register_one(ring, addr, size);
	if (ret) {
		close(ring);
		errno = -ret;
		return -1;
	}
	return ring;
}

static int open_iommu(void *addr, size_t size)
{
	__u32 ioas;
	int fd, ret;

	ret = gup_pin_iommu_open(&fd, &ioas) ?: gup_pin_iommu_attach(fd, ioas) ?:
		gup_pin_iommu_map(fd, ioas, addr, 0, size, true);
	if (ret) {
		if (fd >= 0)
			close(fd);
		errno = -ret;
		return -1;
	}
	return fd;
}

/* Pins nothing. */
static const char *try_iommu(void)
{
	__u32 ioas;
	int fd, ret;

	ret = gup_pin_iommu_open(&fd, &ioas);
	if (fd < 0)
		return "no /dev/iommu (CONFIG_IOMMUFD)";
	if (!ret)
		ret = gup_pin_iommu_attach(fd, ioas);
	close(fd);
	return ret == -ENOTTY ? GUP_PIN_NO_MOCK : NULL;
}

const char *gup_pin_device_missing(enum gup_pin_device_kind kind)
{
	int fd;

	switch (kind) {
	case DEVICE_IOMMU:
		return try_iommu();
	case DEVICE_DMABUF:
		return access(UDMABUF, F_OK) ? "no " UDMABUF " (CONFIG_UDMABUF)" : NULL;
	case DEVICE_RING:
		return uring_missing();
	case DEVICE_UMEM:
		fd = socket(AF_XDP, SOCK_RAW, 0);
		if (fd < 0)
			return "no AF_XDP (CONFIG_XDP_SOCKETS)";
		break;
	default:
		return "no such device";
	}
	close(fd);
	return NULL;
}

const char *gup_pin_device_give_part(enum gup_pin_device_kind kind, int memfd, char *addr,
				     size_t offset, size_t size, int *fd)
{
	switch (kind) {
	case DEVICE_RING:
		*fd = open_ring(addr + offset, size);
		break;
	case DEVICE_UMEM:
		*fd = open_umem(addr + offset, size);
		break;
	case DEVICE_IOMMU:
		*fd = open_iommu(addr + offset, size);
		break;
	case DEVICE_DMABUF:
		*fd = udmabuf_open(memfd, offset, size);
		break;
	}
	return *fd < 0 ? gup_pin_problem("cannot give memory to device %d: %s", kind,
					 strerror(errno)) : NULL;
}

const char *gup_pin_device_give(enum gup_pin_device_kind kind,
				const struct gup_pin_shared *mem, int *fd)
{
	return gup_pin_device_give_part(kind, mem->fd, mem->addr, 0, mem->size, fd);
}
