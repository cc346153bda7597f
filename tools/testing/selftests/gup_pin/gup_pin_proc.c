// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/PID/gup_pins: access, and what it shows and hides. Access rules are those of
 * /proc/PID/maps.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_child.h"
#include "gup_pin_look.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

#define OTHER_USER	65533

FIXTURE(proc)
{
	struct gup_pin_base base;
	struct look *look;
	struct gup_pin_child child;	/* of CHILD_USER, with pins */
	pid_t pid;			/* the reader */
	pid_t second;
};

FIXTURE_SETUP(proc)
{
	const char *missing = gup_pin_missing() ?: gup_pin_proc_missing();

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(look_begin(&self->base, &self->look));
	ASSERT_OK(gup_pin_child_start(&self->child, &(struct gup_pin_child_how) {
		.uid = CHILD_USER,
	}));
}

FIXTURE_TEARDOWN(proc)
{
	gup_pin_child_end(&self->child);
	gup_pin_writer_end(self->second);
	EXPECT_OK(look_end(&self->base, self->look, self->pid));
}

TEST_F(proc, addresses_are_found)
{
	EXPECT_TRUE(look_has_kernel_address("pfn=0x0 addr=0xffff888012345678 x"));
	EXPECT_TRUE(look_has_kernel_address("stack=ffffffff81000000"));
	EXPECT_FALSE(look_has_kernel_address("addr=0x7ffff7fd0000 index=0xfffff comm=ffff"));
}

static void look_as_root(struct look *look, pid_t pid)
{
	look_at(look, "/proc", pid);
}

TEST_F(proc, root)
{
	self->pid = look_start(self->look, look_as_root, self->child.pid);
	ASSERT_OK(look_check(self->look, self->child.pid, ALL, NULL));
}

static void look_at_own_as_root(struct look *look, pid_t pid)
{
	look_pin(look);
	look_at(look, "/proc", getpid());
}

TEST_F(proc, root_own)
{
	self->pid = look_start(self->look, look_at_own_as_root, 0);
	ASSERT_OK(look_check(self->look, self->pid, ALL, NULL));
}

static void look_at_own(struct look *look, pid_t pid)
{
	if (gup_pin_become(CHILD_USER))
		_exit(1);
	look_pin(look);
	look_at(look, "/proc", getpid());
}

TEST_F(proc, own)
{
	self->pid = look_start(self->look, look_at_own, 0);
	ASSERT_OK(look_check(self->look, self->pid, HIDDEN, NULL));
	EXPECT_NE(NULL, strstr(self->look->text, " path=memfd:own\\x20file\n"));
}

/* A process that its own user cannot trace may still read its own file. */
static void look_at_own_undumpable(struct look *look, pid_t pid)
{
	if (gup_pin_become(CHILD_USER))
		_exit(1);
	look_pin(look);
	prctl(PR_SET_DUMPABLE, 0);
	look_at(look, "/proc", getpid());
}

TEST_F(proc, undumpable)
{
	pid_t pid;

	self->pid = look_start(self->look, look_at_own_undumpable, 0);
	/* Its files belong to root then. */
	if (self->look->maps_open)
		ASSERT_OK(look_check_refused(self->look, self->look->maps_open));
	else
		ASSERT_OK(look_check(self->look, self->pid, HIDDEN, NULL));
	pid = look_start(self->look, look_as_user, self->pid);
	EXPECT_OK(look_check_refused(self->look, EACCES));
	look_stop(pid);
}

TEST_F(proc, of_the_same_user)
{
	self->pid = look_start(self->look, look_as_user, self->child.pid);
	ASSERT_OK(look_check(self->look, self->child.pid, HIDDEN, NULL));
}

static void look_as_other(struct look *look, pid_t pid)
{
	if (gup_pin_become(OTHER_USER))
		_exit(1);
	look_at(look, "/proc", pid);
}

TEST_F(proc, of_another_user)
{
	self->pid = look_start(self->look, look_as_other, self->child.pid);
	ASSERT_OK(look_check_refused(self->look, EACCES));
}

TEST_F(proc, of_root)
{
	self->pid = look_start(self->look, look_as_user, getpid());
	ASSERT_OK(look_check_refused(self->look, EACCES));
	look_stop(self->pid);
	self->pid = look_start(self->look, look_as_user, 1);
	ASSERT_OK(look_check_refused(self->look, EACCES));
}

/* A descriptor that root opened and passed to a user. */
static int handed;

static void read_handed(struct look *look, pid_t uid)
{
	if (uid && gup_pin_become(uid))
		_exit(1);
	look->open = 0;
	look->maps_open = 0;
	look->read = look_read(handed, look->text, sizeof(look->text));
}

TEST_F(proc, opened_by_root)
{
	handed = look_open(self->child.pid);
	ASSERT_LE(0, handed);
	/* A user that may not open the file may not read it either. */
	self->pid = look_start(self->look, read_handed, OTHER_USER);
	EXPECT_EQ(-EACCES, self->look->read);
	look_stop(self->pid);
	/* A user that may sees the same as after opening it. */
	ASSERT_EQ(0, lseek(handed, 0, SEEK_SET));
	self->pid = look_start(self->look, read_handed, CHILD_USER);
	EXPECT_OK(look_check(self->look, self->child.pid, HIDDEN, NULL));
	look_stop(self->pid);
	ASSERT_EQ(0, lseek(handed, 0, SEEK_SET));
	self->pid = look_start(self->look, read_handed, 0);
	EXPECT_OK(look_check(self->look, self->child.pid, ALL, NULL));
	close(handed);
}

static void open_and_read(struct look *look, pid_t pid)
{
	int fd;

	/* Change only the ids for file access, which open() checks. */
	if (setegid(CHILD_USER) || seteuid(CHILD_USER))
		_exit(1);
	fd = look_open(pid);
	if (seteuid(0) || setegid(0))
		_exit(2);
	look->open = fd < 0 ? errno : 0;
	look->maps_open = 0;
	look->read = look_read(fd, look->text, sizeof(look->text));
}

/* Privileges gained later do not count. */
TEST_F(proc, opened_by_user)
{
	self->pid = look_start(self->look, open_and_read, self->child.pid);
	ASSERT_OK(look_check(self->look, self->child.pid, HIDDEN, NULL));
}

/* Pins of other tasks on a process's memory are shown. */
TEST_F(proc, pinned_by_another)
{
	struct gup_pin_lines lines;

	ASSERT_OK(gup_pin_writer_start(&self->second, self->child.pid, self->child.addr));
	self->pid = look_start(self->look, look_as_user, self->child.pid);
	ASSERT_OK(look_check(self->look, self->child.pid, HIDDEN, NULL));
	EXPECT_NE(NULL, strstr(self->look->text, "api=pin_user_pages_remote "));
	EXPECT_NE(NULL, strstr(self->look->text, "comm=gup_pin_writer "));
	ASSERT_OK(gup_pin_read_proc(self->second, &lines));
	EXPECT_EQ(0, lines.nr);
	gup_pin_free(&lines);
}

/* A child shares its parent's memory, but not its pins. */
static void pin_and_fork(struct look *look, pid_t pid)
{
	pid_t child;

	look_pin(look);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	look->pid = child;
	look_at(look, "/proc", getpid());
}

TEST_F(proc, forked)
{
	struct gup_pin_lines lines;

	self->pid = look_start(self->look, pin_and_fork, 0);
	ASSERT_OK(look_check(self->look, self->pid, ALL, NULL));
	ASSERT_OK(gup_pin_read_proc(self->look->pid, &lines));
	EXPECT_EQ(0, lines.nr);
	gup_pin_free(&lines);
}

static void *thread_pins(void *arg)
{
	struct look *look = arg;

	look_pin(look);
	look->pid = gettid();
	look->ready = true;
	for (;;)
		pause();
	return NULL;
}

static void pin_by_thread(struct look *look, pid_t pid)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_pins, look))
		_exit(1);
	look_wait(&look->ready);
	look_at(look, "/proc", getpid());
	look->ready = false;
	look->done = true;
	look_wait(&look->go);
	pthread_exit(NULL);
}

/* A thread's pins belong to its process, whichever thread is asked. */
TEST_F(proc, threads)
{
	char path[64], task[64];
	struct stat st;

	self->pid = look_start(self->look, pin_by_thread, 0);
	ASSERT_TRUE(look_wait(&self->look->done));
	ASSERT_OK(look_check(self->look, self->pid, ALL, NULL));
	snprintf(task, sizeof(task), " task=%d/%d ", self->pid, self->look->pid);
	EXPECT_NE(NULL, strstr(self->look->text, task));
	look_at(self->look, "/proc", self->look->pid);
	ASSERT_OK(look_check(self->look, self->pid, ALL, NULL));
	/* The file exists per process, not per thread. */
	snprintf(path, sizeof(path), "/proc/%d/task/%d/maps", self->pid, self->pid);
	EXPECT_EQ(0, stat(path, &st));
	snprintf(path, sizeof(path), "/proc/%d/task/%d/gup_pins", self->pid, self->pid);
	EXPECT_EQ(-1, stat(path, &st));
	EXPECT_EQ(ENOENT, errno);

	/* After the first thread has ended, the process can still be read. */
	self->look->go = true;
	ASSERT_OK(gup_pin_wait_ended(self->pid));
	look_at(self->look, "/proc", self->pid);
	EXPECT_OK(look_check_empty(self->look));
	look_at(self->look, "/proc", self->look->pid);
	ASSERT_OK(look_check(self->look, self->pid, ALL, NULL));
}

/* A process that ends while its file is open; its zombie; and no process at all. */
TEST_F(proc, ended)
{
	char path[64], text[256];
	int fd, maps;

	fd = look_open(self->child.pid);
	ASSERT_LE(0, fd);
	snprintf(path, sizeof(path), "/proc/%d/maps", self->child.pid);
	maps = open(path, O_RDONLY);
	ASSERT_LE(0, maps);
	ASSERT_OK(gup_pin_child_exit(&self->child));
	EXPECT_EQ(0, look_read(maps, text, sizeof(text)));
	EXPECT_EQ(0, look_read(fd, text, sizeof(text)));
	look_at(self->look, "/proc", self->child.pid);
	EXPECT_OK(look_check_empty(self->look));
	gup_pin_child_end(&self->child);
	EXPECT_EQ(-ESRCH, look_read(maps, text, sizeof(text)));
	EXPECT_EQ(-ESRCH, look_read(fd, text, sizeof(text)));
	close(maps);
	close(fd);
}

TEST_F(proc, kernel_thread)
{
	look_at(self->look, "/proc", 2);
	EXPECT_OK(look_check_empty(self->look));
}

/* A process does not inherit pins from an earlier one with the same id. */
TEST_F(proc, recycled_id)
{
	struct gup_pin_child first, second;
	struct gup_pin_lines lines;
	int ring = uring_open();
	char filter[32];

	ASSERT_LE(0, ring);
	ASSERT_OK(gup_pin_child_start(&first, &(struct gup_pin_child_how) {
		.ring = ring,
	}));
	gup_pin_msleep(500);
	gup_pin_child_end(&first);
	ASSERT_OK(gup_pin_child_start(&second, &(struct gup_pin_child_how) {
		.pid = first.pinner,
	}));
	ASSERT_EQ(first.pinner, second.pid);
	snprintf(filter, sizeof(filter), "owner=%d", second.pid);
	ASSERT_OK(gup_pin_read_filtered("pins", filter, &lines));
	EXPECT_EQ(2 * CHILD_PAGES, gup_pin_sum_pins(&lines));
	gup_pin_free(&lines);
	ASSERT_OK(gup_pin_read_proc(second.pid, &lines));
	EXPECT_EQ(CHILD_PAGES, gup_pin_sum_pins(&lines));
	gup_pin_free(&lines);
	gup_pin_child_end(&second);
	close(ring);
}

/* Like other files, it can be read at any offset, and not be written. */
TEST_F(proc, as_a_file)
{
	char path[64], part[100];
	struct stat st;
	size_t len;
	char *text;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/gup_pins", self->child.pid);
	ASSERT_EQ(0, stat(path, &st));
	EXPECT_EQ(0444, st.st_mode & 07777);
	fd = open(path, O_RDWR);
	if (fd >= 0)
		EXPECT_EQ(-1, write(fd, "\n", 1));
	close(fd);
	fd = look_open(self->child.pid);
	ASSERT_LE(0, fd);
	ASSERT_OK(gup_pin_slurp_fd(fd, path, &text, &len));
	ASSERT_LT(60, len);
	EXPECT_EQ(0, strncmp(text, "# gup_pin gup_pins 1\n", 21));
	ASSERT_EQ(30, pread(fd, part, 30, 10));
	EXPECT_EQ(0, strncmp(part, text + 10, 30));
	ASSERT_EQ(0, lseek(fd, 0, SEEK_SET));
	ASSERT_EQ(25, read(fd, part, 25));
	EXPECT_EQ(0, strncmp(part, text, 25));
	free(text);
	close(fd);
}

#define PROCESSES	200

/* Number of address spaces in use, without free objects in per-CPU lists; 0: unknown. */
static unsigned long address_spaces(void)
{
	unsigned long active = 0;
	char *text, *line;

	if (gup_pin_write("/sys/kernel/slab/mm_struct/shrink", "1") ||
	    gup_pin_slurp("/proc/slabinfo", &text, NULL))
		return 0;
	line = strstr(text, "\nmm_struct ");
	if (line)
		sscanf(line, " %*s %lu", &active);
	free(text);
	return active;
}

/* The file keeps the address space only while it is open. */
TEST_F(proc, keeps_no_address_space)
{
	unsigned long before = address_spaces();
	char text[256];
	int i, fd;

	if (!before)
		SKIP(return, "no /proc/slabinfo with mm_struct (CONFIG_SLUB_DEBUG)");
	for (i = 0; i < PROCESSES; i++) {
		self->second = fork();
		ASSERT_LE(0, self->second);
		while (!self->second)
			pause();
		fd = look_open(self->second);
		ASSERT_LE(0, fd);
		EXPECT_LE(0, look_read(fd, text, sizeof(text)));
		close(fd);
		gup_pin_writer_end(self->second);
		self->second = 0;
	}
	EXPECT_GT(before + PROCESSES / 2, address_spaces());
}

TEST_HARNESS_MAIN
