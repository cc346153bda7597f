// SPDX-License-Identifier: GPL-2.0
/* Tasks of a program that pin and unpin parts of its memory on request. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_device.h"
#include "gup_pin_holder.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

/* Maximum number of pages of a short-term pin. */
#define SHORT_PAGES	8

static const enum gup_pin_device_kind devices[KINDS] = {
	[BY_RING]	= DEVICE_RING,
	[BY_UDMABUF]	= DEVICE_DMABUF,
	[BY_UMEM]	= DEVICE_UMEM,
	[BY_IOMMU]	= DEVICE_IOMMU,
	[BY_CHILD]	= DEVICE_RING,
};

const char *gup_pin_holder_missing(enum gup_pin_holder_kind kind)
{
	if (kind != BY_GUP_TEST)
		return gup_pin_device_missing(devices[kind]);
	return gup_test_missing();
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *work(void *arg)
{
	struct gup_pin_holder *holder = arg;

	if (holder->cpu >= 0)
		stay_on(holder->cpu);
	holder->tid = gettid();
	holder->pinner = holder->tid;
	sem_post(&holder->done);
	for (;;) {
		sem_wait(&holder->go);
		if (!holder->op)
			return NULL;
		if (holder->meet)
			pthread_barrier_wait(holder->meet);
		holder->op(holder);
		sem_post(&holder->done);
	}
}

const char *gup_pin_holder_start(struct gup_pin_holder *holder)
{
	int err;

	holder->folio_size = (size_t)PAGE_SIZE << holder->mem->order;
	holder->fd = -1;
	if (sem_init(&holder->go, 0, 0) || sem_init(&holder->done, 0, 0))
		return gup_pin_problem("sem_init: %s", strerror(errno));
	err = pthread_create(&holder->thread, NULL, work, holder);
	if (err)
		return gup_pin_problem("pthread_create: %s", strerror(err));
	gup_pin_holder_wait(holder);
	return NULL;
}

void gup_pin_holder_begin(struct gup_pin_holder *holder,
			  void (*op)(struct gup_pin_holder *holder))
{
	holder->op = op;
	holder->err = 0;
	sem_post(&holder->go);
}

void gup_pin_holder_wait(struct gup_pin_holder *holder)
{
	sem_wait(&holder->done);
}

void gup_pin_holder_end(struct gup_pin_holder *holder)
{
	if (holder->nr)
		gup_pin_holder_unpin(holder);
	gup_pin_holder_begin(holder, NULL);
	pthread_join(holder->thread, NULL);
}

static char *address(const struct gup_pin_holder *holder)
{
	return holder->mem->addr + holder->first * holder->folio_size;
}

static const char *give(const struct gup_pin_holder *holder, int *fd)
{
	return gup_pin_device_give_part(devices[holder->kind], holder->mem->fd,
					holder->mem->addr,
					holder->first * holder->folio_size,
					holder->nr * holder->folio_size, fd);
}

/* Reports through a pipe that it has pinned; then waits to be killed. */
static void start_child(struct gup_pin_holder *holder)
{
	int ready[2], fd;
	char byte;

	if (pipe(ready)) {
		holder->err = errno;
		return;
	}
	holder->pinner = fork();
	if (!holder->pinner) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (give(holder, &fd) || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	holder->err = holder->pinner < 0 || read(ready[0], &byte, 1) != 1 ? ECHILD : 0;
	close(ready[0]);
}

void gup_pin_holder_pin(struct gup_pin_holder *holder)
{
	holder->pinner = holder->tid;
	if (holder->kind == BY_CHILD) {
		start_child(holder);
	} else if (holder->kind == BY_GUP_TEST) {
		holder->fd = gup_test_open();
		holder->err = holder->fd < 0 ? errno :
			-gup_test_hold(holder->fd, address(holder),
				       holder->nr * holder->folio_size, GUP_TEST_WRITE);
	} else if (give(holder, &holder->fd)) {
		holder->err = errno;
	}
}

void gup_pin_holder_unpin(struct gup_pin_holder *holder)
{
	switch (holder->kind) {
	case BY_RING:
		holder->err = -uring_unregister(holder->fd);
		break;
	case BY_GUP_TEST:
		holder->err = -gup_test_release(holder->fd);
		break;
	case BY_CHILD:
		kill(holder->pinner, SIGKILL);
		waitpid(holder->pinner, NULL, 0);
		break;
	default:
		break;
	}
	close(holder->fd);
	holder->fd = -1;
	holder->nr = 0;
}

static unsigned int first_pages(const struct gup_pin_holder *holder, struct iovec *iov)
{
	unsigned int i, nr = holder->nr < SHORT_PAGES ? holder->nr : SHORT_PAGES;

	for (i = 0; i < nr; i++) {
		iov[i].iov_base = address(holder) + i * holder->folio_size;
		iov[i].iov_len = PAGE_SIZE;
	}
	return nr;
}

/* Asynchronous, because otherwise the task that is woken up would unpin. */
static void do_io(struct gup_pin_holder *holder, bool write)
{
	struct iovec iov[SHORT_PAGES];
	unsigned int nr = first_pages(holder, iov);
	ssize_t result = 0;
	struct aio_one aio;

	if (aio_start_parts(&aio, holder->file, write, iov, nr, 0) ||
	    aio_finish(&aio, &result) || result != (ssize_t)(nr * PAGE_SIZE))
		holder->err = result < 0 ? -result : EIO;
	holder->nr = 0;
}

void gup_pin_holder_read(struct gup_pin_holder *holder)
{
	do_io(holder, false);
}

void gup_pin_holder_write(struct gup_pin_holder *holder)
{
	do_io(holder, true);
}

void gup_pin_holder_copy(struct gup_pin_holder *holder)
{
	char page[SHORT_PAGES * PAGE_SIZE];
	struct iovec from[SHORT_PAGES], to;
	unsigned int nr = first_pages(holder, from);

	to.iov_base = page;
	to.iov_len = sizeof(page);
	if (process_vm_readv(getpid(), &to, 1, from, nr, 0) != (ssize_t)(nr * PAGE_SIZE))
		holder->err = errno;
	holder->nr = 0;
}
