// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/PID/gup_pins: who may read it, as what it shows ids, and what it hides.
 * Whatever is the case with /proc/PID/maps has to be with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "gup_pin_child.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

#define OTHER_USER	65533

/* What somebody got who looked, in memory shared with who asked him to. */
struct look {
	int maps_open;			/* errno; 0: it worked */
	int open;
	ssize_t maps_read;		/* how much there was, or -errno */
	ssize_t read;
	char text[1 << 16];
	bool done;

	/* Of who looks, if he has pinned: */
	char *addr;
	pid_t pid;			/* as everybody sees it */
	bool ready;			/* waits for: */
	bool go;
};

static ssize_t read_all(int fd, char *text, size_t size)
{
	ssize_t len = 0, got;

	while ((got = read(fd, text + len, size - 1 - len)) > 0)
		len += got;
	text[len] = '\0';
	return got < 0 ? -errno : len;
}

/* Both of PID's files below a procfs. */
static void look_at(struct look *look, const char *proc, pid_t pid)
{
	static char maps[1 << 16];
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/%d/maps", proc, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	look->maps_open = fd < 0 ? errno : 0;
	look->maps_read = fd < 0 ? 0 : read_all(fd, maps, sizeof(maps));
	close(fd);
	snprintf(path, sizeof(path), "%s/%d/gup_pins", proc, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	look->open = fd < 0 ? errno : 0;
	look->read = fd < 0 ? 0 : read_all(fd, look->text, sizeof(look->text));
	close(fd);
}

/* A process that runs fn, and stays: look->done says when it has. */
static pid_t start(struct look *look, void (*fn)(struct look *look, pid_t arg), pid_t arg)
{
	pid_t pid;
	int tries;

	look->done = false;
	look->ready = false;
	look->go = false;
	look->open = -1;
	look->maps_open = -1;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn(look, arg);
		look->done = true;
		for (;;)
			pause();
	}
	for (tries = 0; pid > 0 && tries < 1000; tries++) {
		if (__atomic_load_n(&look->done, __ATOMIC_ACQUIRE) ||
		    __atomic_load_n(&look->ready, __ATOMIC_ACQUIRE) ||
		    waitpid(pid, NULL, WNOHANG))
			break;
		gup_pin_msleep(10);
	}
	return pid;
}

static void stop(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Who looks waits for the test; and the other way round. */
static void wait_for(const bool *flag)
{
	int tries;

	for (tries = 0; !__atomic_load_n(flag, __ATOMIC_ACQUIRE) && tries < 1000; tries++)
		gup_pin_msleep(10);
}

/* No number that could be a kernel address, and nothing as long as one. */
static bool has_kernel_address(const char *text)
{
	static const char hex[] = "0123456789abcdefABCDEF";

	while ((text += strcspn(text, hex)), *text) {
		size_t len = strspn(text, hex);

		if (len >= 16 || (len == 1 && *text == '0' && text[1] == 'x' &&
				  strspn(text + 2, hex) >= 16))
			return true;
		text += len;
	}
	return false;
}

enum shown { HIDDEN, ALL };

/* What of a line an unprivileged reader sees. */
static void hide(struct gup_pin_line *line)
{
	char *name = strrchr(line->path, '/');

	line->pfn = 0;
	line->stack = 0;
	if (name)
		memmove(line->path, name + 1, strlen(name));
}

/*
 * Is what was seen what `pins` has of the owner, but for what has to be hidden?
 * Of ids, translate knows what is to be seen; NULL: no change.
 */
static const char *check(const struct look *look, pid_t owner, enum shown shown,
			 pid_t (*translate)(pid_t id, const struct look *look))
{
	struct gup_pin_lines got, want;
	const char *problem;
	char filter[32], *text;
	size_t i;

	if (look->maps_open || look->open || look->read < 0)
		return gup_pin_problem("open: %d, and maps: %d, read: %zd", look->open,
				       look->maps_open, look->read);
	if (shown == HIDDEN && has_kernel_address(look->text))
		return gup_pin_problem("a kernel address in: %s", look->text);
	text = strdup(look->text);
	problem = gup_pin_parse_lines(text, "gup_pins", &got);
	free(text);
	if (problem)
		return problem;
	snprintf(filter, sizeof(filter), "owner=%d", owner);
	problem = gup_pin_read_filtered("pins", filter, &want);
	if (!problem && got.nr != want.nr)
		problem = gup_pin_problem("%zu lines, not %zu", got.nr, want.nr);
	if (!problem && !want.nr)
		problem = gup_pin_problem("process %d has no pins", owner);
	for (i = 0; !problem && i < got.nr; i++) {
		struct gup_pin_line *line = &want.line[i];

		if (shown == HIDDEN)
			hide(line);
		if (translate) {
			line->owner = translate(line->owner, look);
			line->tgid = translate(line->tgid, look);
			line->pid = translate(line->pid, look);
		}
		if (!gup_pin_same_line(&got.line[i], line))
			problem = gup_pin_problem("line %zu of owner %d is not that of pins",
						  i, owner);
	}
	gup_pin_free(&want);
	gup_pin_free(&got);
	return problem;
}

/* Neither may be opened. */
static const char *check_refused(const struct look *look, int why)
{
	if (look->open != why || look->maps_open != why)
		return gup_pin_problem("open: %d, and maps: %d, not %d", look->open,
				       look->maps_open, why);
	return NULL;
}

/* Both may be opened, and show nothing. */
static const char *check_empty(const struct look *look)
{
	if (look->open || look->maps_open || look->maps_read || look->read)
		return gup_pin_problem("open: %d, and maps: %d, read: %zd, and maps: %zd",
				       look->open, look->maps_open, look->read,
				       look->maps_read);
	return NULL;
}

/*
 * A file of which processes pin a page. It stays until they have let go of it, or
 * that it goes would be a hazard.
 */
#define FILE_FD		102

static const char *open_file(void)
{
	int fd = memfd_create("own file", 0);

	if (fd < 0 || ftruncate(fd, PAGE_SIZE) || dup2(fd, FILE_FD) < 0)
		return gup_pin_problem("memfd: %s", strerror(errno));
	close(fd);
	return NULL;
}

/* Pins 4 pages of memory and that one, and says where. */
static void pin_own(struct look *look)
{
	struct iovec iov[2];
	int ring;

	ring = uring_open();
	look->addr = mmap(NULL, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	iov[0].iov_base = look->addr;
	iov[0].iov_len = 4 * PAGE_SIZE;
	iov[1].iov_base = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			       FILE_FD, 0);
	iov[1].iov_len = PAGE_SIZE;
	if (ring < 0 || iov[0].iov_base == MAP_FAILED || iov[1].iov_base == MAP_FAILED)
		_exit(1);
	madvise(look->addr, 4 * PAGE_SIZE, MADV_NOHUGEPAGE);
	memset(look->addr, 1, 4 * PAGE_SIZE);
	if (uring_register(ring, iov, 2))
		_exit(2);
}

FIXTURE(proc)
{
	struct gup_pin_base base;
	struct look *look;
	struct gup_pin_child child;	/* of CHILD_USER, with pins */
	pid_t pid;			/* who looks */
	pid_t second;
};

FIXTURE_SETUP(proc)
{
	const char *missing = gup_pin_missing();

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(open_file());
	self->look = mmap(NULL, sizeof(*self->look), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->look);
	ASSERT_OK(gup_pin_child_start(&self->child, &(struct gup_pin_child_how) {
		.uid = CHILD_USER,
	}));
}

FIXTURE_TEARDOWN(proc)
{
	gup_pin_child_end(&self->child);
	gup_pin_writer_end(self->second);
	stop(self->pid);
	munmap(self->look, sizeof(*self->look));
	EXPECT_OK(gup_pin_end(&self->base));
	close(FILE_FD);
}

TEST_F(proc, addresses_are_found)
{
	EXPECT_TRUE(has_kernel_address("pfn=0x0 addr=0xffff888012345678 x"));
	EXPECT_TRUE(has_kernel_address("stack=ffffffff81000000"));
	EXPECT_FALSE(has_kernel_address("addr=0x7ffff7fd0000 index=0xfffff comm=ffff"));
}

static void look_as_root(struct look *look, pid_t pid)
{
	look_at(look, "/proc", pid);
}

TEST_F(proc, root)
{
	self->pid = start(self->look, look_as_root, self->child.pid);
	ASSERT_OK(check(self->look, self->child.pid, ALL, NULL));
}

static void look_at_own_as_root(struct look *look, pid_t pid)
{
	pin_own(look);
	look_at(look, "/proc", getpid());
}

TEST_F(proc, root_own)
{
	self->pid = start(self->look, look_at_own_as_root, 0);
	ASSERT_OK(check(self->look, self->pid, ALL, NULL));
}

static void look_at_own(struct look *look, pid_t pid)
{
	if (gup_pin_become(CHILD_USER))
		_exit(1);
	pin_own(look);
	look_at(look, "/proc", getpid());
}

TEST_F(proc, own)
{
	self->pid = start(self->look, look_at_own, 0);
	ASSERT_OK(check(self->look, self->pid, HIDDEN, NULL));
	EXPECT_NE(NULL, strstr(self->look->text, " path=memfd:own\\x20file\n"));
}

/* Who cannot be traced by his own user may yet look at himself. */
static void look_at_own_undumpable(struct look *look, pid_t pid)
{
	if (gup_pin_become(CHILD_USER))
		_exit(1);
	pin_own(look);
	prctl(PR_SET_DUMPABLE, 0);
	look_at(look, "/proc", getpid());
}

static void look_as_user(struct look *look, pid_t pid)
{
	if (gup_pin_become(CHILD_USER))
		_exit(1);
	look_at(look, "/proc", pid);
}

TEST_F(proc, undumpable)
{
	pid_t pid;

	self->pid = start(self->look, look_at_own_undumpable, 0);
	/* Its files are root's then. */
	if (self->look->maps_open)
		ASSERT_OK(check_refused(self->look, self->look->maps_open));
	else
		ASSERT_OK(check(self->look, self->pid, HIDDEN, NULL));
	pid = start(self->look, look_as_user, self->pid);
	EXPECT_OK(check_refused(self->look, EACCES));
	stop(pid);
}

TEST_F(proc, of_the_same_user)
{
	self->pid = start(self->look, look_as_user, self->child.pid);
	ASSERT_OK(check(self->look, self->child.pid, HIDDEN, NULL));
}

static void look_as_other(struct look *look, pid_t pid)
{
	if (gup_pin_become(OTHER_USER))
		_exit(1);
	look_at(look, "/proc", pid);
}

TEST_F(proc, of_another_user)
{
	self->pid = start(self->look, look_as_other, self->child.pid);
	ASSERT_OK(check_refused(self->look, EACCES));
}

TEST_F(proc, of_root)
{
	self->pid = start(self->look, look_as_user, getpid());
	ASSERT_OK(check_refused(self->look, EACCES));
	stop(self->pid);
	self->pid = start(self->look, look_as_user, 1);
	ASSERT_OK(check_refused(self->look, EACCES));
}

static int open_pins(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/gup_pins", pid);
	return open(path, O_RDONLY);
}

/* What root has opened and left to a user. */
static int handed;

static void read_handed(struct look *look, pid_t uid)
{
	if (uid && gup_pin_become(uid))
		_exit(1);
	look->open = 0;
	look->maps_open = 0;
	look->read = read_all(handed, look->text, sizeof(look->text));
}

TEST_F(proc, opened_by_root)
{
	handed = open_pins(self->child.pid);
	ASSERT_LE(0, handed);
	/* Who may not open it may not read it. */
	self->pid = start(self->look, read_handed, OTHER_USER);
	EXPECT_EQ(-EACCES, self->look->read);
	stop(self->pid);
	/* Who may sees what he would see. */
	ASSERT_EQ(0, lseek(handed, 0, SEEK_SET));
	self->pid = start(self->look, read_handed, CHILD_USER);
	EXPECT_OK(check(self->look, self->child.pid, HIDDEN, NULL));
	stop(self->pid);
	ASSERT_EQ(0, lseek(handed, 0, SEEK_SET));
	self->pid = start(self->look, read_handed, 0);
	EXPECT_OK(check(self->look, self->child.pid, ALL, NULL));
	close(handed);
}

static void open_and_read(struct look *look, pid_t pid)
{
	int fd;

	/* As the user for access to files alone, which open() goes by. */
	if (setegid(CHILD_USER) || seteuid(CHILD_USER))
		_exit(1);
	fd = open_pins(pid);
	if (seteuid(0) || setegid(0))
		_exit(2);
	look->open = fd < 0 ? errno : 0;
	look->maps_open = 0;
	look->read = read_all(fd, look->text, sizeof(look->text));
}

/* A right that comes later does not count. */
TEST_F(proc, opened_by_user)
{
	self->pid = start(self->look, open_and_read, self->child.pid);
	ASSERT_OK(check(self->look, self->child.pid, HIDDEN, NULL));
}

/* Pins that others have on a process's memory are shown with it. */
TEST_F(proc, pinned_by_another)
{
	struct gup_pin_lines lines;

	ASSERT_OK(gup_pin_writer_start(&self->second, self->child.pid, self->child.addr));
	self->pid = start(self->look, look_as_user, self->child.pid);
	ASSERT_OK(check(self->look, self->child.pid, HIDDEN, NULL));
	EXPECT_NE(NULL, strstr(self->look->text, "api=pin_user_pages_remote "));
	EXPECT_NE(NULL, strstr(self->look->text, "comm=gup_pin_writer "));
	ASSERT_OK(gup_pin_read_proc(self->second, &lines));
	EXPECT_EQ(0, lines.nr);
	gup_pin_free(&lines);
}

/* A child has its parent's memory, but not its pins. */
static void pin_and_fork(struct look *look, pid_t pid)
{
	pid_t child;

	pin_own(look);
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

	self->pid = start(self->look, pin_and_fork, 0);
	ASSERT_OK(check(self->look, self->pid, ALL, NULL));
	ASSERT_OK(gup_pin_read_proc(self->look->pid, &lines));
	EXPECT_EQ(0, lines.nr);
	gup_pin_free(&lines);
}

static void *thread_pins(void *arg)
{
	struct look *look = arg;

	pin_own(look);
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
	wait_for(&look->ready);
	look_at(look, "/proc", getpid());
	look->ready = false;
	look->done = true;
	wait_for(&look->go);
	pthread_exit(NULL);
}

/* What a thread pins is its process's, whichever thread is asked for. */
TEST_F(proc, threads)
{
	char path[64], task[64];
	struct stat st;

	self->pid = start(self->look, pin_by_thread, 0);
	wait_for(&self->look->done);
	ASSERT_OK(check(self->look, self->pid, ALL, NULL));
	snprintf(task, sizeof(task), " task=%d/%d ", self->pid, self->look->pid);
	EXPECT_NE(NULL, strstr(self->look->text, task));
	look_at(self->look, "/proc", self->look->pid);
	ASSERT_OK(check(self->look, self->pid, ALL, NULL));
	/* It is a process's, and not each thread's. */
	snprintf(path, sizeof(path), "/proc/%d/task/%d/maps", self->pid, self->pid);
	EXPECT_EQ(0, stat(path, &st));
	snprintf(path, sizeof(path), "/proc/%d/task/%d/gup_pins", self->pid, self->pid);
	EXPECT_EQ(-1, stat(path, &st));
	EXPECT_EQ(ENOENT, errno);

	/* When the first thread has ended, the others still can be asked. */
	self->look->go = true;
	gup_pin_msleep(200);
	look_at(self->look, "/proc", self->pid);
	EXPECT_OK(check_empty(self->look));
	look_at(self->look, "/proc", self->look->pid);
	ASSERT_OK(check(self->look, self->pid, ALL, NULL));
}

/* A process that ends while its file is open; its zombie; and nobody at all. */
TEST_F(proc, ended)
{
	char path[64], text[256];
	int fd, maps;

	fd = open_pins(self->child.pid);
	ASSERT_LE(0, fd);
	snprintf(path, sizeof(path), "/proc/%d/maps", self->child.pid);
	maps = open(path, O_RDONLY);
	ASSERT_LE(0, maps);
	ASSERT_OK(gup_pin_child_exit(&self->child));
	EXPECT_EQ(0, read_all(maps, text, sizeof(text)));
	EXPECT_EQ(0, read_all(fd, text, sizeof(text)));
	look_at(self->look, "/proc", self->child.pid);
	EXPECT_OK(check_empty(self->look));
	gup_pin_child_end(&self->child);
	EXPECT_EQ(-ESRCH, read_all(maps, text, sizeof(text)));
	EXPECT_EQ(-ESRCH, read_all(fd, text, sizeof(text)));
	close(maps);
	close(fd);
}

TEST_F(proc, kernel_thread)
{
	look_at(self->look, "/proc", 2);
	EXPECT_OK(check_empty(self->look));
}

/* A process does not inherit the pins that one of the same id left behind. */
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

/* In a pid namespace with a procfs of its own. */
static const char *mount_proc(const char *options)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("proc", "/proc", "proc", 0, options))
		return gup_pin_problem("cannot mount proc: %s", strerror(errno));
	return NULL;
}

/* Process 1 of the namespace: pins, waits for the test, and looks at itself. */
static void inside(struct look *look)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (mount_proc(NULL))
		_exit(1);
	pin_own(look);
	look->ready = true;
	wait_for(&look->go);
	look_at(look, "/proc", 1);
	look->done = true;
	for (;;)
		pause();
}

static void enter(struct look *look, int flags)
{
	pid_t pid;

	if (unshare(flags | CLONE_NEWPID | CLONE_NEWNS))
		_exit(1);
	pid = fork();
	if (!pid)
		inside(look);
	/* As seen from here, which is outside. */
	look->pid = pid;
	wait_for(&look->ready);
	look->ready = true;
	wait_for(&look->done);
}

static void enter_pid_ns(struct look *look, pid_t pid)
{
	enter(look, 0);
}

static void enter_user_ns(struct look *look, pid_t pid)
{
	if (gup_pin_become(CHILD_USER))
		_exit(1);
	enter(look, CLONE_NEWUSER);
}

static void root_enters_user_ns(struct look *look, pid_t pid)
{
	enter(look, CLONE_NEWUSER);
}

/* Who is outside cannot be seen. */
static pid_t as_seen_inside(pid_t id, const struct look *look)
{
	return id == look->pid ? 1 : 0;
}

TEST_F(proc, pid_namespace)
{
	self->pid = start(self->look, enter_pid_ns, 0);
	ASSERT_TRUE(self->look->ready);
	/* One pin from outside. */
	ASSERT_OK(gup_pin_writer_start(&self->second, self->look->pid, self->look->addr));
	self->look->go = true;
	wait_for(&self->look->done);
	ASSERT_OK(check(self->look, self->look->pid, ALL, as_seen_inside));
	EXPECT_NE(NULL, strstr(self->look->text, " owner=1 task=1/1 "));
	EXPECT_NE(NULL, strstr(self->look->text,
			       "api=pin_user_pages_remote owner=1 task=0/0 "));
	/* From outside it is as ever. */
	look_at(self->look, "/proc", self->look->pid);
	ASSERT_OK(check(self->look, self->look->pid, ALL, NULL));
}

TEST_F(proc, user_namespace)
{
	self->pid = start(self->look, enter_user_ns, 0);
	ASSERT_TRUE(self->look->ready);
	self->look->go = true;
	wait_for(&self->look->done);
	ASSERT_OK(check(self->look, self->look->pid, HIDDEN, as_seen_inside));
	EXPECT_NE(NULL, strstr(self->look->text, " owner=1 task=1/1 "));
}

/* To be root there, or to have been it here, is no right. */
TEST_F(proc, user_namespace_of_root)
{
	self->pid = start(self->look, root_enters_user_ns, 0);
	ASSERT_TRUE(self->look->ready);
	self->look->go = true;
	wait_for(&self->look->done);
	ASSERT_OK(check(self->look, self->look->pid, HIDDEN, as_seen_inside));
}

FIXTURE(hidepid)
{
	struct gup_pin_base base;
	struct look *look;
	struct gup_pin_child child;
	pid_t pid;
};

FIXTURE_VARIANT(hidepid)
{
	const char *options;
	int why;			/* another user's process cannot be opened */
};

FIXTURE_VARIANT_ADD(hidepid, noaccess)
{
	.options = "hidepid=1",
	.why = EPERM,
};

FIXTURE_VARIANT_ADD(hidepid, invisible)
{
	.options = "hidepid=2",
	.why = ENOENT,
};

FIXTURE_VARIANT_ADD(hidepid, ptraceable)
{
	.options = "hidepid=4",
	.why = ENOENT,
};

FIXTURE_SETUP(hidepid)
{
	const char *missing = gup_pin_missing();

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(open_file());
	self->look = mmap(NULL, sizeof(*self->look), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->look);
	ASSERT_OK(gup_pin_child_start(&self->child, &(struct gup_pin_child_how) {
		.uid = CHILD_USER,
	}));
}

FIXTURE_TEARDOWN(hidepid)
{
	gup_pin_child_end(&self->child);
	stop(self->pid);
	munmap(self->look, sizeof(*self->look));
	EXPECT_OK(gup_pin_end(&self->base));
	close(FILE_FD);
}

static const char *options;

static void hide_others(struct look *look, pid_t uid)
{
	if (unshare(CLONE_NEWNS) || mount_proc(options) || gup_pin_become(uid))
		_exit(1);
	look->ready = true;
	wait_for(&look->go);
	look_at(look, "/proc", look->pid);
}

TEST_F(hidepid, another_user)
{
	options = variant->options;
	self->pid = start(self->look, hide_others, OTHER_USER);
	ASSERT_TRUE(self->look->ready);
	self->look->pid = self->child.pid;
	self->look->go = true;
	wait_for(&self->look->done);
	ASSERT_OK(check_refused(self->look, variant->why));
}

TEST_F(hidepid, same_user)
{
	options = variant->options;
	self->pid = start(self->look, hide_others, CHILD_USER);
	ASSERT_TRUE(self->look->ready);
	self->look->pid = self->child.pid;
	self->look->go = true;
	wait_for(&self->look->done);
	ASSERT_OK(check(self->look, self->child.pid, HIDDEN, NULL));
}

/* A program that is executed while its process's file is open. */
FIXTURE(execve)
{
	struct gup_pin_base base;
	struct look *look;		/* of who executes it */
	struct look *watcher;
	char dir[64];
	char program[100];
	pid_t pid;
	pid_t second;
};

FIXTURE_VARIANT(execve)
{
	bool setuid;
};

FIXTURE_VARIANT_ADD(execve, plain)
{
};

FIXTURE_VARIANT_ADD(execve, setuid)
{
	.setuid = true,
};

static const char *copy_self(const char *to, mode_t mode)
{
	char buf[4096];
	ssize_t got;
	int in, out;

	in = open("/proc/self/exe", O_RDONLY);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0700);
	if (in < 0 || out < 0)
		return gup_pin_problem("cannot copy the program: %s", strerror(errno));
	while ((got = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, got) != got)
			return gup_pin_problem("cannot write the program");
	fchmod(out, mode);
	close(in);
	close(out);
	return NULL;
}

/* Where the executed program finds struct look, and the file of its former self. */
#define LOOK_FD		100
#define PINS_FD		101
#define EXECUTED	"GUP_PIN_EXECUTED"

/* What this program does instead of tests when it is executed so. */
static void __attribute__((constructor)) executed(void)
{
	struct look *look;

	if (!getenv(EXECUTED))
		return;
	look = mmap(NULL, sizeof(*look), PROT_READ | PROT_WRITE, MAP_SHARED, LOOK_FD, 0);
	if (look == MAP_FAILED)
		_exit(1);
	pin_own(look);
	look->read = read_all(PINS_FD, look->text, sizeof(look->text));
	look->open = geteuid();
	look->done = true;
	for (;;)
		pause();
}

static struct look *shared(int *fd)
{
	struct look *look;

	*fd = memfd_create("look", 0);
	if (*fd < 0 || ftruncate(*fd, sizeof(*look)))
		return MAP_FAILED;
	return mmap(NULL, sizeof(*look), PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
}

static int look_fd;

FIXTURE_SETUP(execve)
{
	const char *missing = gup_pin_missing();

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(open_file());
	self->look = shared(&look_fd);
	ASSERT_NE(MAP_FAILED, self->look);
	self->watcher = mmap(NULL, sizeof(*self->watcher), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->watcher);
	snprintf(self->dir, sizeof(self->dir), "/tmp/gup_pin.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	ASSERT_EQ(0, mount("tmpfs", self->dir, "tmpfs", 0, "mode=755"));
	ASSERT_EQ(0, chmod(self->dir, 0755));
	snprintf(self->program, sizeof(self->program), "%s/program", self->dir);
	ASSERT_OK(copy_self(self->program, variant->setuid ? 04755 : 0755));
}

FIXTURE_TEARDOWN(execve)
{
	stop(self->second);
	stop(self->pid);
	close(look_fd);
	umount(self->dir);
	rmdir(self->dir);
	EXPECT_OK(gup_pin_end(&self->base));
	close(FILE_FD);
}

static const char *program;

static void execute(struct look *look, pid_t unused)
{
	char *const args[] = { "program", NULL };
	char *const env[] = { EXECUTED "=1", NULL };

	if (gup_pin_become(CHILD_USER))
		_exit(1);
	pin_own(look);
	if (dup2(look_fd, LOOK_FD) < 0 || dup2(open_pins(getpid()), PINS_FD) < 0)
		_exit(2);
	look->ready = true;
	wait_for(&look->go);
	execve(program, args, env);
	_exit(3);
}

static struct look *executes;

/* Another process of the user, which has opened the file in time. */
static void watch(struct look *look, pid_t pid)
{
	int fd;

	if (gup_pin_become(CHILD_USER))
		_exit(1);
	fd = open_pins(pid);
	look->open = fd < 0 ? errno : 0;
	look->maps_open = read_all(fd, look->text, sizeof(look->text)) < 300;
	if (lseek(fd, 0, SEEK_SET))
		_exit(2);
	executes->go = true;
	wait_for(&executes->done);
	look->read = read_all(fd, look->text, sizeof(look->text));
}

TEST_F(execve, file_is_open)
{
	program = self->program;
	executes = self->look;
	self->pid = start(self->look, execute, 0);
	ASSERT_TRUE(self->look->ready);
	self->second = start(self->watcher, watch, self->pid);
	ASSERT_TRUE(self->watcher->done);
	/* Before it he could see something. */
	EXPECT_EQ(0, self->watcher->open);
	EXPECT_EQ(0, self->watcher->maps_open);

	ASSERT_TRUE(self->look->done);
	EXPECT_EQ(variant->setuid ? 0 : CHILD_USER, self->look->open);
	/* It pins again, but neither file shows it. */
	EXPECT_EQ(0, self->look->read) {
		TH_LOG("%s", self->look->text);
	}
	EXPECT_EQ(variant->setuid ? -EACCES : 0, self->watcher->read) {
		TH_LOG("%s", self->watcher->text);
	}
	/* One that is opened now does. */
	stop(self->second);
	self->second = start(self->watcher, look_as_user, self->pid);
	if (variant->setuid)
		ASSERT_OK(check_refused(self->watcher, EACCES));
	else
		ASSERT_OK(check(self->watcher, self->pid, HIDDEN, NULL));
	look_at(self->watcher, "/proc", self->pid);
	ASSERT_OK(check(self->watcher, self->pid, ALL, NULL));
}

/* As others it can be read from anywhere, and not be written. */
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
	fd = open_pins(self->child.pid);
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

TEST_HARNESS_MAIN
