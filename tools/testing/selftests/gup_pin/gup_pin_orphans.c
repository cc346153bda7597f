// SPDX-License-Identifier: GPL-2.0
/* `orphans`: exactly the pins whose owner process or pinning thread has ended. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_child.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

FIXTURE(orphans)
{
	struct gup_pin_base base;
	struct gup_pin_child child;
	pid_t writer;
	int ring;			/* children pin with it, and end */
};

FIXTURE_SETUP(orphans)
{
	const char *missing = gup_pin_missing();
	struct gup_pin_lines lines;

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	self->ring = uring_open();
	ASSERT_LT(0, self->ring);
	ASSERT_OK(gup_pin_read_orphans(&lines));
	ASSERT_EQ(0, lines.nr) {
		TH_LOG("others have left pins behind");
	}
}

FIXTURE_TEARDOWN(orphans)
{
	struct gup_pin_lines lines;

	gup_pin_writer_end(self->writer);
	gup_pin_child_end(&self->child);
	close(self->ring);
	EXPECT_OK(gup_pin_end(&self->base));
	EXPECT_OK(gup_pin_read_orphans(&lines));
	EXPECT_EQ(0, lines.nr);
	gup_pin_free(&lines);
}

/* Expects the task's lines of `pins`, each with what is gone, and this number of pins. */
static const char *check_left(pid_t tgid, pid_t pid, unsigned long pins, const char *gone)
{
	struct gup_pin_lines left, all;
	const char *problem;
	char filter[64];
	size_t i;

	snprintf(filter, sizeof(filter), "task=%d/%d", tgid, pid);
	problem = gup_pin_read_filtered("pins", filter, &all) ?:
		gup_pin_read_orphans(&left);
	if (problem)
		return problem;
	if (gup_pin_sum_pins(&all) != pins)
		problem = gup_pin_problem("%s has %lu pins, not %lu", filter,
					  gup_pin_sum_pins(&all), pins);
	else if (all.nr != left.nr)
		problem = gup_pin_problem("%zu lines in pins, %zu in orphans", all.nr,
					  left.nr);
	for (i = 0; !problem && i < all.nr; i++)
		if (!gup_pin_same_line(&all.line[i], &left.line[i]))
			problem = gup_pin_problem("line %zu is not that of pins", i);
		else if (*all.line[i].gone || strcmp(left.line[i].gone, gone))
			problem = gup_pin_problem("line %zu: gone=%s, not %s", i,
						  left.line[i].gone, gone);
	gup_pin_free(&all);
	gup_pin_free(&left);
	return problem;
}

/* Expects no orphans, although the task has this number of pins. */
static const char *check_none(pid_t tgid, unsigned long pins)
{
	struct gup_pin_lines left, all;
	const char *problem;

	problem = gup_pin_read_task(&all, tgid) ?: gup_pin_read_orphans(&left);
	if (!problem && gup_pin_sum_pins(&all) != pins)
		problem = gup_pin_problem("task %d has %lu pins, not %lu", tgid,
					  gup_pin_sum_pins(&all), pins);
	if (!problem && left.nr)
		problem = gup_pin_problem("pfn=0x%lx task=%d/%d owner=%d is no orphan",
					  left.line->pfn, left.line->tgid,
					  left.line->pid, left.line->owner);
	gup_pin_free(&all);
	gup_pin_free(&left);
	return problem;
}

static const struct gup_pin_child_how plain;

TEST_F(orphans, both_live)
{
	ASSERT_OK(gup_pin_child_start(&self->child, &plain));
	ASSERT_OK(check_none(self->child.pid, CHILD_PAGES));
}

/* A zombie counts as ended. */
TEST_F(orphans, ended)
{
	struct gup_pin_child_how how = { .ring = self->ring, .comm = "gone for good" };
	pid_t pid;

	ASSERT_OK(gup_pin_child_start(&self->child, &how));
	pid = self->child.pid;
	ASSERT_OK(check_none(pid, CHILD_PAGES));
	ASSERT_OK(gup_pin_child_exit(&self->child));
	ASSERT_OK(check_left(pid, pid, CHILD_PAGES, "both"));
	gup_pin_child_end(&self->child);
	ASSERT_OK(check_left(pid, pid, CHILD_PAGES, "both"));
	ASSERT_EQ(0, uring_unregister(self->ring));
	ASSERT_OK(check_none(pid, 0));
}

TEST_F(orphans, thread_ended)
{
	struct gup_pin_child_how how = { .thread = true };
	struct gup_pin_lines lines;

	ASSERT_OK(gup_pin_child_start(&self->child, &how));
	ASSERT_NE(self->child.pid, self->child.pinner);
	ASSERT_OK(check_left(self->child.pid, self->child.pinner, CHILD_PAGES, "task"));
	if (gup_pin_proc_missing())
		return;
	/* The owner is alive, so these are its pins. */
	ASSERT_OK(gup_pin_read_proc(self->child.pid, &lines));
	EXPECT_EQ(CHILD_PAGES, gup_pin_sum_pins(&lines));
	gup_pin_free(&lines);
}

/* The reverse: the owner has ended, the pinning task is alive. */
TEST_F(orphans, owner_ended)
{
	pid_t pid;

	ASSERT_OK(gup_pin_child_start(&self->child, &plain));
	pid = self->child.pid;
	ASSERT_OK(gup_pin_writer_start(&self->writer, pid, self->child.addr));
	ASSERT_OK(check_none(self->writer, 1));
	ASSERT_OK(gup_pin_child_exit(&self->child));
	/* Pins of its own ring are released asynchronously. */
	ASSERT_OK(gup_pin_wait_live(self->base.stats.live_pins + 1));
	ASSERT_OK(check_left(self->writer, self->writer, 1, "owner"));
	gup_pin_child_end(&self->child);
	ASSERT_OK(check_left(self->writer, self->writer, 1, "owner"));
	gup_pin_writer_end(self->writer);
	self->writer = 0;
	ASSERT_OK(gup_pin_wait_live(self->base.stats.live_pins));
}

/* Another task has the id now. */
TEST_F(orphans, recycled_id)
{
	struct gup_pin_child_how how = { .ring = self->ring };
	struct gup_pin_child second;
	struct gup_pin_lines lines;
	pid_t pid;

	ASSERT_OK(gup_pin_child_start(&self->child, &how));
	pid = self->child.pid;
	/* The compared clocks may differ by 100 ms. */
	gup_pin_msleep(500);
	gup_pin_child_end(&self->child);
	ASSERT_OK(gup_pin_child_start(&second, &(struct gup_pin_child_how) {
		.pid = pid,
	}));
	ASSERT_EQ(pid, second.pid);
	ASSERT_OK(gup_pin_read_task(&lines, pid));
	EXPECT_EQ(2 * CHILD_PAGES, gup_pin_sum_pins(&lines));
	gup_pin_free(&lines);
	ASSERT_OK(gup_pin_read_orphans(&lines));
	EXPECT_EQ(CHILD_PAGES, gup_pin_sum_pins(&lines));
	EXPECT_LE(500, lines.line->age_ms);
	gup_pin_free(&lines);
	gup_pin_child_end(&second);
	ASSERT_OK(gup_pin_wait_live(self->base.stats.live_pins + CHILD_PAGES));
	ASSERT_OK(check_left(pid, pid, CHILD_PAGES, "both"));
}

/* A process whose first thread ends; the second one reports its id and stays. */
static void *stay(void *arg)
{
	int *to = arg;
	pid_t tid = gettid();

	if (write(*to, &tid, sizeof(tid)) != sizeof(tid))
		_exit(1);
	for (;;)
		pause();
	return NULL;
}

/* The first thread pins a page, if given, before it ends. */
static pid_t start_headless(int to, void *pinned)
{
	pid_t pid = fork();
	pthread_t thread;

	if (pid)
		return pid;
	/* PR_SET_PDEATHSIG refers to the parent's thread, which stays. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pinned && uring_register_one(uring_open(), pinned, PAGE_SIZE))
		_exit(1);
	if (pthread_create(&thread, NULL, stay, &to))
		_exit(1);
	pthread_exit(NULL);
}

/* The first thread, whose id is that of the process, has ended; the process has not. */
TEST_F(orphans, first_thread_ended)
{
	struct gup_pin_lines lines;
	pid_t pid, tid;
	char *mem;
	int up[2];

	ASSERT_EQ(0, pipe(up));
	mem = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		   -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	pid = start_headless(up[1], NULL);
	ASSERT_LT(0, pid);
	ASSERT_EQ((ssize_t)sizeof(tid), read(up[0], &tid, sizeof(tid)));
	ASSERT_OK(gup_pin_wait_ended(pid));
	ASSERT_OK(gup_pin_writer_start(&self->writer, tid, mem));
	/* The writer is alive, and so is the owner, although without its first thread. */
	ASSERT_OK(gup_pin_read_task(&lines, self->writer));
	ASSERT_EQ(1, lines.nr);
	EXPECT_EQ(pid, lines.line->owner);
	gup_pin_free(&lines);
	ASSERT_OK(check_none(self->writer, 1));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	ASSERT_OK(check_left(self->writer, self->writer, 1, "owner"));
	close(up[0]);
	close(up[1]);
	munmap(mem, PAGE_SIZE);
}

/* The thread that pinned has ended, and is a zombie; the process is alive. */
TEST_F(orphans, first_thread_pinned)
{
	struct gup_pin_mem mem;
	pid_t pid, tid;
	int up[2];

	ASSERT_EQ(0, pipe(up));
	ASSERT_OK(gup_pin_mem_get(&mem, MEM_ANON, PAGE_SIZE));
	pid = start_headless(up[1], mem.addr);
	ASSERT_LT(0, pid);
	ASSERT_EQ((ssize_t)sizeof(tid), read(up[0], &tid, sizeof(tid)));
	ASSERT_OK(gup_pin_wait_ended(pid));
	ASSERT_OK(check_left(pid, pid, 1, "task"));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	ASSERT_OK(gup_pin_wait_live(self->base.stats.live_pins));
	close(up[0]);
	close(up[1]);
	gup_pin_mem_put(&mem);
}

struct passer {
	void *addr;
	pid_t tid;
	int err;
};

/* Pins a page, unpins it, and ends. */
static void *pass(void *arg)
{
	struct passer *passer = arg;
	int ring = uring_open();

	passer->tid = gettid();
	passer->err = uring_register_one(ring, passer->addr, PAGE_SIZE) ?:
		uring_unregister(ring);
	close(ring);
	return NULL;
}

/* Of two pins on a page, the released one is certain, so the ended task leaves none. */
TEST_F(orphans, undone)
{
	struct passer passer = {};
	struct gup_pin_mem mem;
	pthread_t thread;

	ASSERT_OK(gup_pin_mem_get(&mem, MEM_ANON, PAGE_SIZE));
	ASSERT_EQ(0, uring_register_one(self->ring, mem.addr, PAGE_SIZE));
	ASSERT_OK(check_none(getpid(), 1));
	passer.addr = mem.addr;
	ASSERT_EQ(0, pthread_create(&thread, NULL, pass, &passer));
	pthread_join(thread, NULL);
	ASSERT_EQ(0, passer.err);
	ASSERT_OK(gup_pin_wait_thread_gone(passer.tid));
	ASSERT_OK(check_none(getpid(), 1));
	ASSERT_EQ(0, uring_unregister(self->ring));
	ASSERT_OK(check_none(getpid(), 0));
	gup_pin_mem_put(&mem);
}

/* Memory without an owner, pinned by a task that is alive, and by one that has ended. */
TEST_F(orphans, no_owner)
{
	struct gup_pin_mem mem;
	struct gup_pin_lines lines;
	int buf, status;
	pid_t pid;

	ASSERT_OK(gup_pin_mem_get(&mem, MEM_MEMFD, 2 * PAGE_SIZE));
	buf = udmabuf_open(mem.fd, 0, 2 * PAGE_SIZE);
	ASSERT_LE(0, buf);
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	ASSERT_NE(0, lines.nr);
	EXPECT_EQ(0, lines.line->owner);
	gup_pin_free(&lines);
	ASSERT_OK(check_none(getpid(), 2));
	close(buf);

	/* A process that shares our descriptors, and so leaves its own open. */
	pid = syscall(__NR_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(udmabuf_open(mem.fd, 0, 2 * PAGE_SIZE));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	buf = WEXITSTATUS(status);
	ASSERT_NE(255, buf);
	ASSERT_OK(check_left(pid, pid, 2, "task"));
	close(buf);
	gup_pin_mem_put(&mem);
}

/* Pins held by a descriptor that was passed to another process. */
TEST_F(orphans, passed)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	int pair[2], fd, status;
	struct gup_pin_mem mem;
	pid_t pid;

	if (gup_test_missing())
		SKIP(return, "%s", gup_test_missing());
	ASSERT_OK(gup_pin_mem_get(&mem, MEM_ANON, 2 * PAGE_SIZE));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		fd = gup_test_open();
		memset(mem.addr, 2, mem.size);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
		_exit(gup_test_hold(fd, mem.addr, mem.size, 0) ||
		      sendmsg(pair[1], &msg, 0) != 1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ(1, recvmsg(pair[0], &msg, 0));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	ASSERT_OK(check_left(pid, pid, 2, "both"));
	ASSERT_EQ(0, gup_test_release(fd));
	ASSERT_OK(check_none(pid, 0));
	close(fd);
	close(pair[0]);
	close(pair[1]);
	gup_pin_mem_put(&mem);
}

/* A filter selects from what would be shown without it. */
TEST_F(orphans, filtered)
{
	struct gup_pin_child_how how = { .ring = self->ring, .comm = "left it" };
	struct gup_pin_child live;
	struct gup_pin_lines lines;
	char filter[64];
	pid_t pid;

	ASSERT_OK(gup_pin_child_start(&self->child, &how));
	pid = self->child.pid;
	gup_pin_child_end(&self->child);
	how.ring = 0;
	ASSERT_OK(gup_pin_child_start(&live, &how));
	ASSERT_OK(gup_pin_read_filtered("pins", "comm=left\\x20it", &lines));
	EXPECT_EQ(2 * CHILD_PAGES, gup_pin_sum_pins(&lines));
	gup_pin_free(&lines);
	ASSERT_OK(gup_pin_read_filtered("orphans", "comm=left\\x20it", &lines));
	EXPECT_EQ(CHILD_PAGES, gup_pin_sum_pins(&lines));
	gup_pin_free(&lines);
	ASSERT_OK(gup_pin_read_filtered("orphans", "comm=left", &lines));
	EXPECT_EQ(0, lines.nr);
	gup_pin_free(&lines);
	snprintf(filter, sizeof(filter), "owner=%d mode=w term=long", pid);
	ASSERT_OK(gup_pin_read_filtered("orphans", filter, &lines));
	EXPECT_EQ(CHILD_PAGES, gup_pin_sum_pins(&lines));
	gup_pin_free(&lines);
	snprintf(filter, sizeof(filter), "owner=%d", live.pid);
	ASSERT_OK(gup_pin_read_filtered("orphans", filter, &lines));
	EXPECT_EQ(0, lines.nr);
	gup_pin_free(&lines);
	gup_pin_child_end(&live);
}

TEST_HARNESS_MAIN
