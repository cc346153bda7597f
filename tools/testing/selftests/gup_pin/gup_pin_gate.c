// SPDX-License-Identifier: GPL-2.0
/* A page that a system call waits for: userfaultfd. */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "gup_pin_gate.h"
#include "gup_pin_util.h"

/* Of the process that waits. */
static struct uffdio_range range;
static int uffd = -1, signal_from = -1;

static int open_uffd(void)
{
	return syscall(__NR_userfaultfd, O_CLOEXEC);
}

const char *gup_pin_gate_missing(void)
{
	int fd = open_uffd();

	if (fd < 0)
		return gup_pin_problem("no userfaultfd (CONFIG_USERFAULTFD): %s",
				       strerror(errno));
	close(fd);
	return NULL;
}

const char *gup_pin_gate_create(struct gup_pin_gate *gate)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return gup_pin_problem("pipe: %s", strerror(errno));
	gate->from = ends[0];
	gate->to = ends[1];
	return NULL;
}

static void *fill(void *arg)
{
	struct uffdio_zeropage zero = { .range = range };
	char byte;

	if (read(signal_from, &byte, 1) == 1)
		ioctl(uffd, UFFDIO_ZEROPAGE, &zero);
	return NULL;
}

char *gup_pin_gate_page(struct gup_pin_gate *gate)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };
	pthread_t thread;
	char *page;

	signal_from = gate->from;
	uffd = open_uffd();
	page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (uffd < 0 || page == MAP_FAILED || ioctl(uffd, UFFDIO_API, &api))
		return NULL;
	range.start = (uintptr_t)page;
	range.len = PAGE_SIZE;
	reg.range = range;
	if (ioctl(uffd, UFFDIO_REGISTER, &reg) || pthread_create(&thread, NULL, fill, NULL))
		return NULL;
	return page;
}

const char *gup_pin_gate_open(struct gup_pin_gate *gate)
{
	return write(gate->to, "", 1) == 1 ? NULL :
		gup_pin_problem("gate: %s", strerror(errno));
}

void gup_pin_gate_close(struct gup_pin_gate *gate)
{
	close(gate->from);
	close(gate->to);
}
