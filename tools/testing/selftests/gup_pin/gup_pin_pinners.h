/* SPDX-License-Identifier: GPL-2.0 */
/* Ways to have the kernel hold pins for as long as a test needs. */
#ifndef GUP_PIN_PINNERS_H
#define GUP_PIN_PINNERS_H

#include <errno.h>
#include <linux/aio_abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>
#include "gup_pin_util.h"

/*
 * A long-term pin moves the pages out of a movable zone or CMA, which fails while something else
 * refers to one of them for a moment: another task that pins or moves it, or compaction. The
 * functions here try again, except for those whose name ends in _once: for tests that expect
 * to fail, and for those that count each attempt.
 */

/* The value of an expression that pins, and is 0 or -errno: evaluated until pages can be moved. */
#define gup_pin_patiently(call)						\
({									\
	unsigned int __waited = 0;					\
	int __ret;							\
									\
	do {								\
		__ret = (call);						\
	} while (__ret == -ENOMEM && gup_pin_patience(&__waited));	\
	__ret;								\
})

/*
 * /sys/kernel/debug/gup_test. On 6.12 the pages belong to the device and not to the
 * open file: only one set can be held in the whole system, and closing any descriptor
 * of the device releases it.
 */
#define GUP_TEST	"/sys/kernel/debug/gup_test"

enum { GUP_TEST_WRITE = 1, GUP_TEST_FAST = 2 };

/* Returns why it cannot be used, or NULL. */
const char *gup_test_missing(void);
int gup_test_open(void);
int gup_test_hold(int fd, const void *addr, size_t size, unsigned int flags);
int gup_test_hold_once(int fd, const void *addr, size_t size, unsigned int flags);
int gup_test_release(int fd);
/* Pins and immediately unpins. */
int gup_test_basic(int fd, const void *addr, size_t size, bool write);
int gup_test_fast_benchmark(int fd, const void *addr, size_t size, bool write);
int gup_test_longterm_benchmark(int fd, const void *addr, size_t size, bool write);

/* io_uring: registered buffers; pin_user_pages_fast(), one call per buffer. */
const char *uring_missing(void);
int uring_open(void);
int uring_register(int ring, const struct iovec *iov, unsigned int nr);
int uring_register_once(int ring, const struct iovec *iov, unsigned int nr);
int uring_register_one(int ring, const void *addr, size_t size);
int uring_unregister(int ring);

/*
 * One asynchronous read or write at the start of a file by a ring of its own; opcode: one
 * of IORING_OP_*, with what is its addr and its len
 */
struct uring_one;
const char *uring_start(struct uring_one **one, int opcode, int fd, const void *addr,
			unsigned int len);
const char *uring_read_start(struct uring_one **one, int fd, void *buf, size_t size);
const char *uring_finish(struct uring_one **one, ssize_t *result);

/* A command to a driver (IORING_OP_URING_CMD), whose payload is at most 80 bytes. */
const char *uring_command(int fd, unsigned int command, const void *payload, size_t size,
			  ssize_t *result);

/* One asynchronous read or write. */
struct aio_one {
	aio_context_t ctx;
	struct iocb iocb;
};

const char *aio_start(struct aio_one *aio, int fd, bool write, void *buf,
		      size_t size, off_t offset);
/* With several buffers. */
const char *aio_start_parts(struct aio_one *aio, int fd, bool write, const struct iovec *iov,
			    unsigned int nr, off_t offset);
const char *aio_finish(struct aio_one *aio, ssize_t *result);

/* /dev/udmabuf: memfd_pin_folios(). Returns a dma-buf, or -1. */
#define UDMABUF		"/dev/udmabuf"
int udmabuf_open(int memfd, off_t offset, size_t size);
int udmabuf_open_once(int memfd, off_t offset, size_t size);

#endif /* GUP_PIN_PINNERS_H */
