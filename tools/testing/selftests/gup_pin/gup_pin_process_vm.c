// SPDX-License-Identifier: GPL-2.0
/*
 * process_vm_readv() and process_vm_writev(): pin_user_pages_remote(), short term, of
 * another process's memory, which that process need not survive.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_frame.h"
#include "gup_pin_gate.h"
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_util.h"

#define NPAGES	6

FIXTURE(process_vm)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	struct gup_pin_gate gate;
	pid_t owner;
	pid_t child;
};

FIXTURE_VARIANT(process_vm)
{
	bool write;
	enum gup_pin_mem_kind kind;
	size_t size;
};

FIXTURE_VARIANT_ADD(process_vm, read)
{
	.kind = MEM_SHARED_ANON, .size = NPAGES * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(process_vm, write)
{
	.write = true, .kind = MEM_SHARED_ANON, .size = NPAGES * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(process_vm, read_memfd)
{
	.kind = MEM_MEMFD, .size = NPAGES * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(process_vm, write_hugetlb)
{
	.write = true, .kind = MEM_MEMFD_HUGETLB, .size = SIZE_2M,
};

/* The memory is shared, so that the test knows which pages the process has. */
static pid_t start_owner(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static int copy(pid_t owner, char *addr, bool write, char *page)
{
	struct iovec far = { addr, NPAGES * PAGE_SIZE }, near[2];
	char rest[(NPAGES - 1) * PAGE_SIZE];
	ssize_t done;

	near[0].iov_base = page;
	near[0].iov_len = PAGE_SIZE;
	near[1].iov_base = rest;
	near[1].iov_len = sizeof(rest);
	memset(rest, 3, sizeof(rest));
	done = write ? process_vm_writev(owner, near, 2, &far, 1, 0) :
		process_vm_readv(owner, near, 2, &far, 1, 0);
	return done != NPAGES * PAGE_SIZE;
}

FIXTURE_SETUP(process_vm)
{
	const char *missing = gup_pin_missing() ?: gup_pin_gate_missing() ?:
		gup_pin_mem_missing(variant->kind);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_gate_create(&self->gate));
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, variant->size));
	self->owner = start_owner();
	ASSERT_LT(0, self->owner);
	/* Its page tables have nothing of what is shared until it is wanted. */
	self->child = fork();
	ASSERT_LE(0, self->child);
	if (!self->child) {
		char *page;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "gup_pin copies");
		page = gup_pin_gate_page(&self->gate);
		if (!page)
			_exit(2);
		_exit(copy(self->owner, self->mem.addr, variant->write, page));
	}
	ASSERT_OK(gup_pin_wait_task(self->child, NPAGES));
}

static void end(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

FIXTURE_TEARDOWN(process_vm)
{
	end(&self->child);
	end(&self->owner);
	gup_pin_gate_close(&self->gate);
	gup_pin_mem_put(&self->mem);
}

static void want_copy(struct gup_pin_want *want, const struct _test_data_process_vm *self,
		      bool write)
{
	gup_pin_want_self(want, "pin_user_pages_remote", write ? 'w' : 'r', "short",
			  self->mem.map);
	want->comm = "gup_pin\\x20copies";
	want->tgid = self->child;
	want->pid = self->child;
	want->owner = self->owner;
	want->order = self->mem.order;
	want->dev = self->mem.dev;
	want->ino = self->mem.ino;
	want->has_index = true;
}

static const char *finish(struct _test_data_process_vm *self)
{
	const char *problem = gup_pin_gate_open(&self->gate);
	int status;

	if (problem)
		return problem;
	if (waitpid(self->child, &status, 0) != self->child)
		return gup_pin_problem("waitpid: %s", strerror(errno));
	self->child = 0;
	return status ? gup_pin_problem("the copy ended with 0x%x", status) : NULL;
}

TEST_F(process_vm, under_way)
{
	struct gup_pin_want want;

	want_copy(&want, self, variant->write);
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, NPAGES));
	ASSERT_OK(gup_pin_check_frame(self->child, "process_vm_rw"));
	ASSERT_OK(finish(self));
	EXPECT_EQ(variant->write ? 3 : 1, self->mem.addr[PAGE_SIZE]);
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_F(process_vm, killed)
{
	end(&self->child);
	ASSERT_OK(gup_pin_end(&self->base));
}

/* The memory's owner ends; what copies goes on. */
TEST_F(process_vm, owner_killed)
{
	struct gup_pin_lines lines;
	struct gup_pin_want want;
	size_t i;

	want_copy(&want, self, variant->write);
	end(&self->owner);
	ASSERT_OK(gup_pin_read_orphans(&lines));
	gup_pin_only_task(&lines, self->child);
	EXPECT_EQ(NPAGES, gup_pin_sum_pins(&lines));
	for (i = 0; i < lines.nr; i++)
		ASSERT_OK(gup_pin_check_line(&lines.line[i], &want));
	gup_pin_free(&lines);
	ASSERT_OK(finish(self));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
