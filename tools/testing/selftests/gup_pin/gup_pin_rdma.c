// SPDX-License-Identifier: GPL-2.0
/* Memory regions of RDMA: pin_user_pages_fast() by ib_umem_get(), long term. */
#include <errno.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_fd.h"
#include "gup_pin_frame.h"
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_program.h"
#include "gup_pin_rdma.h"
#include "gup_pin_util.h"

#define API	"pin_user_pages_fast"
#define PINNER	"ib_umem_get|ib_umem_get_desc|__ib_umem_get_va"
#define WRITABLE (IB_UVERBS_ACCESS_LOCAL_WRITE | IB_UVERBS_ACCESS_REMOTE_WRITE)
#define READABLE IB_UVERBS_ACCESS_REMOTE_READ

FIXTURE(rdma)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	struct gup_pin_rdma rdma;
	struct gup_pin_program program;
	int passed;		/* by the program: to be closed before the device can go */
	size_t npages;
};

FIXTURE_VARIANT(rdma)
{
	const char *driver;
	enum gup_pin_mem_kind kind;
	size_t size;
};

FIXTURE_VARIANT_ADD(rdma, rxe_anon)
{
	.driver = "rxe", .kind = MEM_ANON, .size = 16 * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(rdma, rxe_thp)
{
	.driver = "rxe", .kind = MEM_THP, .size = SIZE_2M,
};

FIXTURE_VARIANT_ADD(rdma, rxe_hugetlb)
{
	.driver = "rxe", .kind = MEM_HUGETLB, .size = 2 * SIZE_2M,
};

FIXTURE_VARIANT_ADD(rdma, rxe_memfd)
{
	.driver = "rxe", .kind = MEM_MEMFD, .size = 16 * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(rdma, siw_anon)
{
	.driver = "siw", .kind = MEM_ANON, .size = 16 * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(rdma, siw_hugetlb)
{
	.driver = "siw", .kind = MEM_HUGETLB, .size = 2 * SIZE_2M,
};

FIXTURE_SETUP(rdma)
{
	const char *missing = gup_pin_missing() ?: gup_pin_rdma_missing(variant->driver) ?:
		gup_pin_mem_missing(variant->kind);

	self->passed = -1;
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_rdma_open(&self->rdma, variant->driver));
	ASSERT_OK(gup_pin_begin(&self->base));
	/* A child has as many of its own. */
	if (variant->kind == MEM_HUGETLB)
		ASSERT_OK(gup_pin_mem_want_hugepages(2 * variant->size));
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, variant->size));
	self->npages = variant->size / PAGE_SIZE;
}

FIXTURE_TEARDOWN(rdma)
{
	gup_pin_program_kill(&self->program);
	if (self->passed >= 0)
		close(self->passed);
	gup_pin_rdma_close(&self->rdma);
	gup_pin_mem_put(&self->mem);
}

static void want_region(struct gup_pin_want *want, const struct gup_pin_mem *mem, char mode)
{
	gup_pin_want_mem(want, API, mode, "long", mem);
	want->comm = "gup_pin_rdma";
	if (mem->kind == MEM_MEMFD)
		want->path = "/memfd:gup_pin";
}

TEST_F(rdma, writable)
{
	struct gup_pin_want want;
	__u32 mr;

	ASSERT_EQ(0, gup_pin_rdma_reg(&self->rdma, self->mem.addr, self->mem.size, WRITABLE, &mr));
	want_region(&want, &self->mem, 'w');
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, self->npages));
	ASSERT_OK(gup_pin_check_frame(getpid(), PINNER));
	ASSERT_EQ(0, gup_pin_rdma_dereg(&self->rdma, mr));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Pages that may only be read are not pinned for write, and not released as dirty. */
TEST_F(rdma, read_only)
{
	unsigned long dirty, now;
	struct gup_pin_want want;
	__u32 mr;

	ASSERT_OK(gup_pin_read_stat("hazard_dirty_read_pin", &dirty));
	ASSERT_EQ(0, gup_pin_rdma_reg(&self->rdma, self->mem.addr, self->mem.size, READABLE, &mr));
	want_region(&want, &self->mem, 'r');
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, self->npages));
	ASSERT_OK(gup_pin_check_frame(getpid(), PINNER));
	ASSERT_EQ(0, gup_pin_rdma_dereg(&self->rdma, mr));
	ASSERT_OK(gup_pin_end(&self->base));
	ASSERT_OK(gup_pin_read_stat("hazard_dirty_read_pin", &now));
	EXPECT_EQ(dirty, now);
}

/* A region that begins and ends within pages has all of these pages. */
TEST_F(rdma, unaligned)
{
	struct gup_pin_want want;
	__u32 mr;

	ASSERT_EQ(0, gup_pin_rdma_reg(&self->rdma, self->mem.addr + 3 * PAGE_SIZE - 100,
				      PAGE_SIZE + 200, WRITABLE, &mr));
	want_region(&want, &self->mem, 'w');
	want.index = 2;
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr + 2 * PAGE_SIZE, 3));
	ASSERT_EQ(0, gup_pin_rdma_dereg(&self->rdma, mr));
	ASSERT_OK(gup_pin_end(&self->base));
}

/*
 * Two regions have the same pages: it is the writable one that goes, for its
 * pages are dirty then.
 */
TEST_F(rdma, overlapping)
{
	struct gup_pin_want want;
	struct gup_pin_lines lines;
	__u32 readable, writable;

	ASSERT_EQ(0, gup_pin_rdma_reg(&self->rdma, self->mem.addr, self->mem.size, READABLE,
				      &readable));
	ASSERT_EQ(0, gup_pin_rdma_reg(&self->rdma, self->mem.addr, self->mem.size, WRITABLE,
				      &writable));
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(2 * self->npages, gup_pin_sum_pins(&lines));
	gup_pin_free(&lines);
	ASSERT_EQ(0, gup_pin_rdma_dereg(&self->rdma, writable));
	want_region(&want, &self->mem, 'r');
	/* But that might have been wrong. */
	want.match = "inferred";
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, self->npages));
	ASSERT_EQ(0, gup_pin_rdma_dereg(&self->rdma, readable));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Other rights, or another protection domain, are no other pins. */
TEST_F(rdma, registered_again)
{
	struct gup_pin_want want;
	unsigned long acquired, now;
	__u32 mr, pd;
	int ret;

	ASSERT_EQ(0, gup_pin_rdma_new_pd(&self->rdma, &pd));
	ASSERT_EQ(0, gup_pin_rdma_reg(&self->rdma, self->mem.addr, self->mem.size, WRITABLE, &mr));
	ASSERT_OK(gup_pin_read_stat("acquired", &acquired));
	ret = gup_pin_rdma_rereg(&self->rdma, mr, GUP_PIN_REREG_ACCESS, READABLE, 0);
	if (!strcmp(variant->driver, "siw")) {
		/* It has no such function. */
		EXPECT_EQ(-EOPNOTSUPP, ret);
	} else {
		EXPECT_EQ(0, ret);
		EXPECT_EQ(0, gup_pin_rdma_rereg(&self->rdma, mr, GUP_PIN_REREG_PD, 0, pd));
		EXPECT_EQ(-EOPNOTSUPP, gup_pin_rdma_rereg(&self->rdma, mr, GUP_PIN_REREG_TRANS,
							  0, 0));
	}
	want_region(&want, &self->mem, 'w');
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, self->npages));
	ASSERT_OK(gup_pin_read_stat("acquired", &now));
	EXPECT_EQ(acquired, now);
	ASSERT_EQ(0, gup_pin_rdma_dereg(&self->rdma, mr));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* What was pinned for reading cannot be made writable. */
TEST_F(rdma, no_more_rights)
{
	struct gup_pin_want want;
	__u32 mr;

	ASSERT_EQ(0, gup_pin_rdma_reg(&self->rdma, self->mem.addr, self->mem.size, READABLE, &mr));
	EXPECT_GT(0, gup_pin_rdma_rereg(&self->rdma, mr, GUP_PIN_REREG_ACCESS, WRITABLE, 0));
	want_region(&want, &self->mem, 'r');
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, self->npages));
	ASSERT_EQ(0, gup_pin_rdma_dereg(&self->rdma, mr));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Pages that are looked up when they are needed are not pinned. Not each driver can do it. */
TEST_F(rdma, on_demand)
{
	unsigned long acquired, now;
	__u32 mr;
	int ret;

	ASSERT_OK(gup_pin_read_stat("acquired", &acquired));
	ret = gup_pin_rdma_reg(&self->rdma, self->mem.addr, self->mem.size,
			       WRITABLE | IB_UVERBS_ACCESS_ON_DEMAND, &mr);
	TH_LOG("on demand: %s", strerror(-ret));
	EXPECT_TRUE(!ret || ret == -EOPNOTSUPP);
	ASSERT_OK(gup_pin_check_no_lines(getpid()));
	ASSERT_OK(gup_pin_read_stat("acquired", &now));
	EXPECT_EQ(acquired, now);
	if (!ret)
		ASSERT_EQ(0, gup_pin_rdma_dereg(&self->rdma, mr));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Its last page cannot be pinned: none stays so. */
TEST_F(rdma, hole)
{
	size_t half = self->mem.size / 2;
	__u32 mr;

	ASSERT_EQ(0, munmap(self->mem.addr + half, half));
	EXPECT_GT(0, gup_pin_rdma_reg(&self->rdma, self->mem.addr, self->mem.size, WRITABLE, &mr));
	self->mem.size = half;
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Closing the device unpins what is still registered. */
TEST_F(rdma, close)
{
	__u32 mr[2];

	ASSERT_EQ(0, gup_pin_rdma_reg(&self->rdma, self->mem.addr, self->mem.size / 2, WRITABLE,
				      &mr[0]));
	ASSERT_EQ(0, gup_pin_rdma_reg(&self->rdma, self->mem.addr, self->mem.size, READABLE,
				      &mr[1]));
	EXPECT_NE(NULL, gup_pin_check_no_lines(getpid()));
	ASSERT_EQ(0, close(self->rdma.fd));
	self->rdma.fd = -1;
	ASSERT_OK(gup_pin_end(&self->base));
}

/* A program that registers its memory, and waits for how it is to end. */
struct registers {
	struct gup_pin_rdma *rdma;
	enum gup_pin_mem_kind kind;
	size_t size;
	int sock;
};

static const char *register_and_wait(void *arg)
{
	const struct registers *what = arg;
	struct gup_pin_rdma rdma = *what->rdma;
	const char *problem;
	struct gup_pin_mem mem;
	__u32 mr;
	int ret;

	problem = gup_pin_mem_get(&mem, what->kind, what->size) ?:
		gup_pin_rdma_open_again(&rdma);
	if (problem)
		return problem;
	ret = gup_pin_rdma_reg(&rdma, mem.addr, mem.size, WRITABLE, &mr);
	if (ret)
		return gup_pin_problem("register: %s", strerror(-ret));
	problem = gup_pin_fd_send(what->sock, rdma.fd);
	if (!problem)
		gup_pin_program_serve(NULL, NULL);
	return problem;
}

/*
 * The test gets what the process has opened: what that has pinned stays pinned when it is
 * killed, and is an orphan until the test closes the device.
 */
TEST_F(rdma, killed)
{
	struct registers what = { &self->rdma, variant->kind, variant->size };
	struct gup_pin_lines lines;
	struct gup_pin_want want;
	int pair[2];
	pid_t pid;
	size_t i;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	what.sock = pair[1];
	ASSERT_OK(gup_pin_program_run(&self->program, register_and_wait, &what));
	pid = self->program.pid;
	ASSERT_OK(gup_pin_fd_receive(pair[0], &self->passed));
	ASSERT_OK(gup_pin_check_frame(pid, PINNER));
	gup_pin_program_kill(&self->program);

	want_region(&want, &self->mem, 'w');
	want.tgid = pid;
	want.pid = pid;
	want.owner = pid;
	want.path = NULL;
	/* The file of a memfd went with the process, and its pages out of it. */
	if (self->mem.ino) {
		want.map = NULL;
		want.dev = 0;
		want.ino = 0;
	}
	ASSERT_OK(gup_pin_read_orphans(&lines));
	gup_pin_only_task(&lines, pid);
	EXPECT_EQ(self->npages, gup_pin_sum_pins(&lines));
	for (i = 0; i < lines.nr; i++)
		ASSERT_OK(gup_pin_check_line(&lines.line[i], &want));
	gup_pin_free(&lines);

	ASSERT_EQ(0, close(self->passed));
	self->passed = -1;
	ASSERT_OK(gup_pin_check_no_lines(pid));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* A child gets copies of the pages, and the device; the pins stay as they are. */
TEST_F(rdma, fork)
{
	struct gup_pin_want want;
	int status;
	pid_t child;
	__u32 mr;

	ASSERT_EQ(0, gup_pin_rdma_reg(&self->rdma, self->mem.addr, self->mem.size, WRITABLE, &mr));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		self->mem.addr[0]++;
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	want_region(&want, &self->mem, 'w');
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, self->npages));
	ASSERT_EQ(0, gup_pin_rdma_dereg(&self->rdma, mr));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
