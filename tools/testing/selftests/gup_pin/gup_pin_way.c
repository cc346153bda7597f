// SPDX-License-Identifier: GPL-2.0
/* The ways in which a program reads or writes a file. */
#include <errno.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"
#include "gup_pin_way.h"

#define NPARTS	2

static const char *sync_io(int fd, bool write, const struct iovec *iov, unsigned int nr,
			   ssize_t *done)
{
	*done = write ? pwritev(fd, iov, nr, 0) : preadv(fd, iov, nr, 0);
	return *done < 0 ? strerror(errno) : NULL;
}

static const char *by_aio(int fd, bool write, const struct iovec *iov, unsigned int nr,
			  ssize_t *done)
{
	struct aio_one aio;
	const char *problem;

	problem = nr == 1 ? aio_start(&aio, fd, write, iov->iov_base, iov->iov_len, 0) :
		aio_start_parts(&aio, fd, write, iov, nr, 0);
	return problem ?: aio_finish(&aio, done);
}

static const char *by_uring(int fd, bool write, const struct iovec *iov, unsigned int nr,
			    ssize_t *done)
{
	struct uring_one *uring;
	const char *problem;

	problem = nr == 1 ?
		uring_start(&uring, write ? IORING_OP_WRITE : IORING_OP_READ, fd, iov->iov_base,
			    iov->iov_len) :
		uring_start(&uring, write ? IORING_OP_WRITEV : IORING_OP_READV, fd, iov, nr);
	return problem ?: uring_finish(&uring, done);
}

const char *gup_pin_way_go(enum gup_pin_way way, int fd, bool write, char *addr, size_t size)
{
	static const struct {
		const char *(*go)(int fd, bool write, const struct iovec *iov,
				  unsigned int nr, ssize_t *done);
		unsigned int nr;
	} ways[WAYS] = {
		[WAY_SYNC] = { sync_io, 1 },
		[WAY_SYNC_PARTS] = { sync_io, NPARTS },
		[WAY_AIO] = { by_aio, 1 },
		[WAY_AIO_PARTS] = { by_aio, NPARTS },
		[WAY_URING] = { by_uring, 1 },
		[WAY_URING_PARTS] = { by_uring, NPARTS },
	};
	struct iovec parts[NPARTS] = {
		{ addr + size / 2, size - size / 2 },
		{ addr, size / 2 },
	};
	struct iovec whole = { addr, size };
	const char *problem;
	ssize_t done;

	problem = ways[way].go(fd, write, ways[way].nr == 1 ? &whole : parts, ways[way].nr,
			       &done);
	if (!problem && done != (ssize_t)size)
		problem = gup_pin_problem("%zd of %zu bytes", done, size);
	return problem;
}
