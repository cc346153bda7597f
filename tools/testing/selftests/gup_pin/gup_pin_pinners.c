// SPDX-License-Identifier: GPL-2.0
/* Ways to have the kernel hold pins for as long as a test needs. */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/udmabuf.h>
#include <mm/gup_test.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

#define FOLL_WRITE	1

const char *gup_test_missing(void)
{
	return access(GUP_TEST, F_OK) ? "no " GUP_TEST " (CONFIG_GUP_TEST)" : NULL;
}

int gup_test_open(void)
{
	return open(GUP_TEST, O_RDWR | O_CLOEXEC);
}

/* Returns 0 or -errno, like all gup_test_*(). */
int gup_test_hold_once(int fd, const void *addr, size_t size, unsigned int flags)
{
	struct pin_longterm_test args = {
		.addr = (unsigned long)addr,
		.size = size,
		.flags = flags,
	};

	return ioctl(fd, PIN_LONGTERM_TEST_START, &args) ? -errno : 0;
}

int gup_test_hold(int fd, const void *addr, size_t size, unsigned int flags)
{
	return gup_pin_patiently(gup_test_hold_once(fd, addr, size, flags));
}

int gup_test_release(int fd)
{
	return ioctl(fd, PIN_LONGTERM_TEST_STOP) ? -errno : 0;
}

static int benchmark(int fd, unsigned long cmd, const void *addr, size_t size,
		     bool write)
{
	struct gup_test args = {
		.addr = (unsigned long)addr,
		.size = size,
		.nr_pages_per_call = size / PAGE_SIZE,
		.gup_flags = write ? FOLL_WRITE : 0,
	};

	return ioctl(fd, cmd, &args) ? -errno : 0;
}

int gup_test_basic(int fd, const void *addr, size_t size, bool write)
{
	return benchmark(fd, PIN_BASIC_TEST, addr, size, write);
}

int gup_test_fast_benchmark(int fd, const void *addr, size_t size, bool write)
{
	return benchmark(fd, PIN_FAST_BENCHMARK, addr, size, write);
}

int gup_test_longterm_benchmark(int fd, const void *addr, size_t size, bool write)
{
	return benchmark(fd, PIN_LONGTERM_BENCHMARK, addr, size, write);
}

int uring_open(void)
{
	struct io_uring_params params = {};

	return syscall(__NR_io_uring_setup, 4, &params);
}

const char *uring_missing(void)
{
	int ring = uring_open();

	if (ring < 0)
		return gup_pin_problem("no io_uring (CONFIG_IO_URING): %s", strerror(errno));
	close(ring);
	return NULL;
}

int uring_register_once(int ring, const struct iovec *iov, unsigned int nr)
{
	return syscall(__NR_io_uring_register, ring, IORING_REGISTER_BUFFERS, iov, nr) ?
		-errno : 0;
}

/*
 * EFAULT, if pages before the one that cannot be moved were pinned already. Also, the memory of
 * a closed ring is uncharged by a work item.
 */
int uring_register(int ring, const struct iovec *iov, unsigned int nr)
{
	unsigned int waited = 0;
	int ret;

	do {
		ret = uring_register_once(ring, iov, nr);
	} while ((ret == -ENOMEM || ret == -EFAULT) && gup_pin_patience(&waited));
	return ret;
}

int uring_register_one(int ring, const void *addr, size_t size)
{
	struct iovec iov = { .iov_base = (void *)addr, .iov_len = size };

	return uring_register(ring, &iov, 1);
}

int uring_unregister(int ring)
{
	return syscall(__NR_io_uring_register, ring, IORING_UNREGISTER_BUFFERS, NULL, 0) ?
		-errno : 0;
}

static const char *submit(struct aio_one *aio, int fd, unsigned int opcode, const void *what,
			  size_t nr, off_t offset)
{
	struct iocb *list = &aio->iocb;

	memset(aio, 0, sizeof(*aio));
	if (syscall(__NR_io_setup, 1, &aio->ctx))
		return gup_pin_problem("io_setup: %s", strerror(errno));
	aio->iocb.aio_lio_opcode = opcode;
	aio->iocb.aio_fildes = fd;
	aio->iocb.aio_buf = (unsigned long)what;
	aio->iocb.aio_nbytes = nr;
	aio->iocb.aio_offset = offset;
	if (syscall(__NR_io_submit, aio->ctx, 1, &list) != 1) {
		const char *problem = gup_pin_problem("io_submit: %s", strerror(errno));

		syscall(__NR_io_destroy, aio->ctx);
		aio->ctx = 0;
		return problem;
	}
	return NULL;
}

const char *aio_start(struct aio_one *aio, int fd, bool write, void *buf,
		      size_t size, off_t offset)
{
	return submit(aio, fd, write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD, buf, size, offset);
}

const char *aio_start_parts(struct aio_one *aio, int fd, bool write, const struct iovec *iov,
			    unsigned int nr, off_t offset)
{
	return submit(aio, fd, write ? IOCB_CMD_PWRITEV : IOCB_CMD_PREADV, iov, nr, offset);
}

/* Waits for it. */
const char *aio_finish(struct aio_one *aio, ssize_t *result)
{
	struct io_event event;
	long got;

	/* Task work for a ring of this task interrupts the call. */
	do {
		got = syscall(__NR_io_getevents, aio->ctx, 1, 1, &event, NULL);
	} while (got < 0 && errno == EINTR);
	if (got != 1)
		return gup_pin_problem("io_getevents: %s", strerror(errno));
	syscall(__NR_io_destroy, aio->ctx);
	aio->ctx = 0;
	*result = event.res;
	return NULL;
}

int udmabuf_open_once(int memfd, off_t offset, size_t size)
{
	struct udmabuf_create create = {
		.memfd = memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.offset = offset,
		.size = size,
	};
	int dev, fd;

	dev = open(UDMABUF, O_RDWR);
	if (dev < 0)
		return -1;
	fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK);
	fd = ioctl(dev, UDMABUF_CREATE, &create);
	close(dev);
	return fd;
}

int udmabuf_open(int memfd, off_t offset, size_t size)
{
	unsigned int waited = 0;
	int fd;

	do {
		fd = udmabuf_open_once(memfd, offset, size);
	} while (fd < 0 && errno == ENOMEM && gup_pin_patience(&waited));
	return fd;
}
