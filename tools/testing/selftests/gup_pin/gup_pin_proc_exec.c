// SPDX-License-Identifier: GPL-2.0
/* /proc/PID/gup_pins is open while the process executes another program. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_child.h"
#include "gup_pin_look.h"
#include "gup_pin_util.h"

/* A program is executed while the file of its process is open. */
FIXTURE(execve)
{
	struct gup_pin_base base;
	struct look *look;		/* of the process that executes it */
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

/* Descriptors of struct look and of the old process's file, for the executed program. */
#define LOOK_FD		100
#define PINS_FD		101
#define EXECUTED	"GUP_PIN_EXECUTED"

/* Runs instead of the tests if this program is executed that way. */
static void __attribute__((constructor)) executed(void)
{
	struct look *look;

	if (!getenv(EXECUTED))
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	look = mmap(NULL, sizeof(*look), PROT_READ | PROT_WRITE, MAP_SHARED, LOOK_FD, 0);
	if (look == MAP_FAILED)
		_exit(1);
	look_pin(look);
	look->read = look_read(PINS_FD, look->text, sizeof(look->text));
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
	const char *missing = gup_pin_missing() ?: gup_pin_proc_missing();

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(look_open_file());
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
	look_stop(self->second);
	look_stop(self->pid);
	close(look_fd);
	umount(self->dir);
	rmdir(self->dir);
	EXPECT_OK(gup_pin_end(&self->base));
	close(LOOK_FILE_FD);
}

static const char *program;

static void execute(struct look *look, pid_t unused)
{
	char *const args[] = { "program", NULL };
	char *const env[] = { EXECUTED "=1", NULL };

	if (gup_pin_become(CHILD_USER))
		_exit(1);
	look_pin(look);
	if (dup2(look_fd, LOOK_FD) < 0 || dup2(look_open(getpid()), PINS_FD) < 0)
		_exit(2);
	look->ready = true;
	look_wait(&look->go);
	execve(program, args, env);
	_exit(3);
}

static struct look *executes;

/* Another process of the same user, which opened the file before. */
static void watch(struct look *look, pid_t pid)
{
	int fd;

	if (gup_pin_become(CHILD_USER))
		_exit(1);
	fd = look_open(pid);
	look->open = fd < 0 ? errno : 0;
	look->maps_open = look_read(fd, look->text, sizeof(look->text)) < 300;
	if (lseek(fd, 0, SEEK_SET))
		_exit(2);
	executes->go = true;
	look_wait(&executes->done);
	look->read = look_read(fd, look->text, sizeof(look->text));
}

/* Three processes wait for each other, possibly on a busy machine. */
TEST_F(execve, file_is_open)
{
	program = self->program;
	executes = self->look;
	self->pid = look_start(self->look, execute, 0);
	ASSERT_TRUE(self->look->ready);
	self->second = look_start(self->watcher, watch, self->pid);
	ASSERT_TRUE(self->watcher->done);
	/* Before the exec the watcher could read it. */
	EXPECT_EQ(0, self->watcher->open);
	EXPECT_EQ(0, self->watcher->maps_open);

	ASSERT_TRUE(self->look->done);
	EXPECT_EQ(variant->setuid ? 0 : CHILD_USER, self->look->open);
	/* It pins again, but neither open file shows that. */
	EXPECT_EQ(0, self->look->read) {
		TH_LOG("%s", self->look->text);
	}
	EXPECT_EQ(variant->setuid ? -EACCES : 0, self->watcher->read) {
		TH_LOG("%s", self->watcher->text);
	}
	/* A newly opened file does. The pins of the old ring are released asynchronously. */
	look_stop(self->second);
	ASSERT_OK(gup_pin_wait_task(self->pid, LOOK_PINS));
	self->second = look_start(self->watcher, look_as_user, self->pid);
	if (variant->setuid)
		ASSERT_OK(look_check_refused(self->watcher, EACCES));
	else
		ASSERT_OK(look_check(self->watcher, self->pid, HIDDEN, NULL));
	look_at(self->watcher, "/proc", self->pid);
	ASSERT_OK(look_check(self->watcher, self->pid, ALL, NULL));
}

TEST_HARNESS_MAIN
