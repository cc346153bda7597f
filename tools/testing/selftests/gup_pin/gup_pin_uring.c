// SPDX-License-Identifier: GPL-2.0
/* One request by io_uring, without a library. */
#include <errno.h>
#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

struct uring_one {
	int fd;
	struct io_uring_params params;
	char *rings;
	size_t rings_size;
	struct io_uring_sqe *sqe;
	size_t sqe_size;
};

static void put(struct uring_one **one)
{
	if ((*one)->rings)
		munmap((*one)->rings, (*one)->rings_size);
	if ((*one)->sqe)
		munmap((*one)->sqe, (*one)->sqe_size);
	close((*one)->fd);
	free(*one);
	*one = NULL;
}

static void *map(int fd, size_t size, off_t what)
{
	void *addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			  fd, what);

	return addr == MAP_FAILED ? NULL : addr;
}

static int enter(struct uring_one *one, unsigned int submit, unsigned int wait)
{
	return syscall(__NR_io_uring_enter, one->fd, submit, wait,
		       wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0);
}

/* With entries of twice the size if there is a command in them. */
static const char *open_one(struct uring_one *one, bool command)
{
	size_t cq_size;

	one->params.flags = command ? IORING_SETUP_SQE128 : 0;
	one->sqe_size = (command ? 2 : 1) * sizeof(*one->sqe);
	one->fd = syscall(__NR_io_uring_setup, 1, &one->params);
	if (one->fd < 0)
		return gup_pin_problem("io_uring_setup: %s", strerror(errno));
	if (!(one->params.features & IORING_FEAT_SINGLE_MMAP))
		return "io_uring has two rings to map";
	cq_size = one->params.cq_off.cqes +
		one->params.cq_entries * sizeof(struct io_uring_cqe);
	one->rings_size = one->params.sq_off.array +
		one->params.sq_entries * sizeof(unsigned int);
	if (one->rings_size < cq_size)
		one->rings_size = cq_size;
	one->rings = map(one->fd, one->rings_size, IORING_OFF_SQ_RING);
	one->sqe = map(one->fd, one->sqe_size, IORING_OFF_SQES);
	if (!one->rings || !one->sqe)
		return gup_pin_problem("cannot map an io_uring: %s", strerror(errno));
	return NULL;
}

/* Submits the only entry. */
static const char *submit(struct uring_one *one)
{
	unsigned int *tail, *array;

	array = (unsigned int *)(one->rings + one->params.sq_off.array);
	tail = (unsigned int *)(one->rings + one->params.sq_off.tail);
	array[0] = 0;
	__atomic_store_n(tail, 1, __ATOMIC_RELEASE);
	if (enter(one, 1, 0) != 1)
		return gup_pin_problem("io_uring_enter: %s", strerror(errno));
	return NULL;
}

const char *uring_start(struct uring_one **one, int opcode, int fd, const void *addr,
			unsigned int len)
{
	const char *problem;

	*one = calloc(1, sizeof(**one));
	problem = open_one(*one, false);
	if (!problem) {
		(*one)->sqe->opcode = opcode;
		(*one)->sqe->fd = fd;
		(*one)->sqe->addr = (unsigned long)addr;
		(*one)->sqe->len = len;
		problem = submit(*one);
	}
	if (problem)
		put(one);
	return problem;
}

const char *uring_read_start(struct uring_one **one, int fd, void *buf, size_t size)
{
	return uring_start(one, IORING_OP_READ, fd, buf, size);
}

/* Waits for it. */
const char *uring_finish(struct uring_one **one, ssize_t *result)
{
	const char *problem = NULL;
	struct io_uring_cqe *cqe;

	if (enter(*one, 0, 1) < 0)
		problem = gup_pin_problem("io_uring_enter: %s", strerror(errno));
	cqe = (struct io_uring_cqe *)((*one)->rings + (*one)->params.cq_off.cqes);
	*result = cqe->res;
	put(one);
	return problem;
}

const char *uring_command(int fd, unsigned int command, const void *payload, size_t size,
			  ssize_t *result)
{
	struct uring_one *one = calloc(1, sizeof(*one));
	const char *problem = open_one(one, true);

	if (!problem) {
		one->sqe->opcode = IORING_OP_URING_CMD;
		one->sqe->fd = fd;
		one->sqe->cmd_op = command;
		memcpy(one->sqe->cmd, payload, size);
		problem = submit(one);
	}
	if (!problem)
		return uring_finish(&one, result);
	put(&one);
	return problem;
}
