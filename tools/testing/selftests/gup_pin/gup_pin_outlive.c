// SPDX-License-Identifier: GPL-2.0
/* Pins that outlive the mapping or the process that they were taken on. */
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_fd.h"
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

#define NPAGES	8

FIXTURE(outlive)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	int ring;
};

FIXTURE_VARIANT(outlive)
{
	enum gup_pin_mem_kind kind;
};

FIXTURE_VARIANT_ADD(outlive, anon)
{
	.kind = MEM_ANON,
};

FIXTURE_VARIANT_ADD(outlive, shared_anon)
{
	.kind = MEM_SHARED_ANON,
};

FIXTURE_SETUP(outlive)
{
	const char *missing = gup_pin_missing() ?: uring_missing();

	if (missing)
		SKIP(return, "%s", missing);
	self->ring = uring_open();
	ASSERT_LE(0, self->ring);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, NPAGES * PAGE_SIZE));
}

FIXTURE_TEARDOWN(outlive)
{
	close(self->ring);
	gup_pin_mem_put(&self->mem);
}

static void want_ring(struct gup_pin_want *want, const struct gup_pin_mem *mem)
{
	gup_pin_want_self(want, "pin_user_pages_fast", 'w', "long", mem->map);
	want->dev = mem->dev;
	want->ino = mem->ino;
}

/* Pages seen in the lines of a task's pins. */
struct seen {
	unsigned long pfn[NPAGES];
	unsigned long addr[NPAGES];
	size_t nr;
};

static const char *look(struct seen *seen, pid_t tgid, const struct gup_pin_want *want)
{
	const char *problem = NULL;
	struct gup_pin_lines lines;
	size_t i, j;

	memset(seen, 0, sizeof(*seen));
	problem = gup_pin_read_task(&lines, tgid);
	for (i = 0; !problem && i < lines.nr; i++) {
		struct gup_pin_line *line = &lines.line[i];

		problem = gup_pin_check_line(line, want) ?: gup_pin_check_stack(line);
		if (!problem && line->pins != line->pages)
			problem = gup_pin_problem("pages=%lu pins=%lu", line->pages,
						  line->pins);
		for (j = 0; !problem && j < line->pages; j++) {
			if (seen->nr == NPAGES) {
				problem = gup_pin_problem("too many pages");
				break;
			}
			seen->pfn[seen->nr] = line->pfn + j;
			seen->addr[seen->nr++] = line->addr + j * PAGE_SIZE;
		}
	}
	gup_pin_free(&lines);
	return problem;
}

/* The lines have the same pages after munmap(). */
TEST_F(outlive, munmap)
{
	struct gup_pin_want want;
	struct seen before, after;

	ASSERT_EQ(0, uring_register_one(self->ring, self->mem.addr, self->mem.size));
	want_ring(&want, &self->mem);
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, NPAGES));
	ASSERT_OK(look(&before, getpid(), &want));
	EXPECT_EQ(NPAGES, before.nr);

	ASSERT_EQ(0, munmap(self->mem.addr, self->mem.size));
	if (variant->kind == MEM_SHARED_ANON) {
		/* The file is gone, too, and its page cache truncated. */
		want.map = NULL;
		want.dev = 0;
		want.ino = 0;
	}
	ASSERT_OK(look(&after, getpid(), &want));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	self->mem.addr = NULL;

	ASSERT_EQ(0, uring_unregister(self->ring));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_F(outlive, dontneed)
{
	struct gup_pin_want want;
	struct seen before, after;

	ASSERT_EQ(0, uring_register_one(self->ring, self->mem.addr, self->mem.size));
	want_ring(&want, &self->mem);
	ASSERT_OK(look(&before, getpid(), &want));
	ASSERT_EQ(0, madvise(self->mem.addr, self->mem.size, MADV_DONTNEED));
	self->mem.addr[0] = 2;
	ASSERT_OK(look(&after, getpid(), &want));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	ASSERT_EQ(0, uring_unregister(self->ring));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* fork() copies pinned pages: the child gets the copies, the records do not change. */
TEST_F(outlive, fork)
{
	unsigned long pfn[NPAGES], child_pfn[NPAGES] = {};
	struct seen before, after;
	struct gup_pin_want want;
	int up[2], down[2];
	int i, status;
	pid_t child;
	char c;

	ASSERT_EQ(0, uring_register_one(self->ring, self->mem.addr, self->mem.size));
	want_ring(&want, &self->mem);
	ASSERT_OK(look(&before, getpid(), &want));
	for (i = 0; i < NPAGES; i++)
		pfn[i] = gup_pin_pfn_of(0, self->mem.addr + i * PAGE_SIZE);
	ASSERT_EQ(0, pipe(up));
	ASSERT_EQ(0, pipe(down));

	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		close(down[1]);
		for (i = 0; i < NPAGES; i++) {
			self->mem.addr[i * PAGE_SIZE] = 3;
			child_pfn[i] = gup_pin_pfn_of(0, self->mem.addr + i * PAGE_SIZE);
		}
		if (write(up[1], child_pfn, sizeof(child_pfn)) != sizeof(child_pfn))
			_exit(1);
		_exit(read(down[0], &c, 1) != 0);
	}
	ASSERT_EQ((ssize_t)sizeof(child_pfn), read(up[0], child_pfn, sizeof(child_pfn)));
	for (i = 0; i < NPAGES; i++) {
		self->mem.addr[i * PAGE_SIZE] = 4;
		EXPECT_EQ(pfn[i], gup_pin_pfn_of(0, self->mem.addr + i * PAGE_SIZE));
		EXPECT_EQ(variant->kind == MEM_SHARED_ANON, pfn[i] == child_pfn[i]);
	}
	ASSERT_OK(gup_pin_check_no_lines(child));
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, NPAGES));
	ASSERT_OK(look(&after, getpid(), &want));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));

	close(down[1]);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_OK(look(&after, getpid(), &want));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	ASSERT_EQ(0, uring_unregister(self->ring));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* What a child reports about the pins that it leaves. */
struct left {
	unsigned long pfn[NPAGES];
	int ret;
};

static void pin_and_tell(int ring, char *addr, int to)
{
	struct left left = {};
	int i;

	prctl(PR_SET_NAME, "gup_pin gone");
	memset(addr, 5, NPAGES * PAGE_SIZE);
	left.ret = uring_register_one(ring, addr, NPAGES * PAGE_SIZE);
	for (i = 0; i < NPAGES; i++)
		left.pfn[i] = gup_pin_pfn_of(0, addr + i * PAGE_SIZE);
	if (write(to, &left, sizeof(left)) != sizeof(left))
		_exit(1);
}

static const char *check_left(const struct left *left, pid_t gone,
			      const struct gup_pin_want *want)
{
	const char *problem;
	struct seen seen;
	size_t i, j;

	problem = look(&seen, gone, want);
	if (problem)
		return problem;
	if (seen.nr != NPAGES)
		return gup_pin_problem("%zu pages are left, not %d", seen.nr, NPAGES);
	for (i = 0; i < NPAGES; i++) {
		for (j = 0; j < NPAGES && seen.pfn[j] != left->pfn[i]; j++)
			;
		if (j == NPAGES)
			return gup_pin_problem("pfn 0x%lx is in no line", left->pfn[i]);
	}
	return NULL;
}

/* A child pins its own memory with its parent's ring, and exits. */
TEST_F(outlive, exit)
{
	struct gup_pin_want want;
	struct left left = {};
	int up[2], status;
	pid_t child;

	ASSERT_EQ(0, pipe(up));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		pin_and_tell(self->ring, self->mem.addr, up[1]);
		_exit(0);
	}
	ASSERT_EQ((ssize_t)sizeof(left), read(up[0], &left, sizeof(left)));
	ASSERT_EQ(0, left.ret);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);

	want_ring(&want, &self->mem);
	want.tgid = child;
	want.pid = child;
	want.owner = child;
	want.comm = "gup_pin\\x20gone";
	ASSERT_OK(check_left(&left, child, &want));
	ASSERT_OK(gup_pin_check_no_lines(getpid()));
	ASSERT_EQ(0, uring_unregister(self->ring));
	ASSERT_OK(gup_pin_check_no_lines(child));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* The same with a descriptor of the child that came by SCM_RIGHTS. */
TEST_F(outlive, passed)
{
	struct gup_pin_want want;
	int up[2], pair[2], status, fd;
	struct left left = {};
	pid_t child;

	/* gup_test, because io_uring descriptors cannot be passed. */
	if (gup_test_missing())
		SKIP(return, "%s", gup_test_missing());
	ASSERT_EQ(0, pipe(up));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		int i;

		prctl(PR_SET_NAME, "gup_pin gone");
		memset(self->mem.addr, 5, self->mem.size);
		fd = gup_test_open();
		left.ret = gup_test_hold(fd, self->mem.addr, self->mem.size,
					 GUP_TEST_WRITE);
		for (i = 0; i < NPAGES; i++)
			left.pfn[i] = gup_pin_pfn_of(0, self->mem.addr + i * PAGE_SIZE);
		if (gup_pin_fd_send(pair[1], fd) ||
		    write(up[1], &left, sizeof(left)) != sizeof(left))
			_exit(1);
		_exit(0);
	}
	ASSERT_EQ((ssize_t)sizeof(left), read(up[0], &left, sizeof(left)));
	ASSERT_EQ(0, left.ret);
	ASSERT_OK(gup_pin_fd_receive(pair[0], &fd));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);

	want_ring(&want, &self->mem);
	want.api = "pin_user_pages";
	want.tgid = child;
	want.pid = child;
	want.owner = child;
	ASSERT_OK(check_left(&left, child, &want));
	ASSERT_EQ(0, gup_test_release(fd));
	ASSERT_OK(gup_pin_check_no_lines(child));
	close(fd);
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
