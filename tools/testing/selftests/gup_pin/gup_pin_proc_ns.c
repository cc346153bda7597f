// SPDX-License-Identifier: GPL-2.0
/* /proc/PID/gup_pins in pid and user namespaces, and with hidepid. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_child.h"
#include "gup_pin_look.h"
#include "gup_pin_util.h"

#define OTHER_USER	65533

FIXTURE(namespace)
{
	struct gup_pin_base base;
	struct look *look;
	pid_t pid;			/* the reader */
	pid_t writer;			/* from outside */
};

FIXTURE_SETUP(namespace)
{
	const char *missing = gup_pin_missing() ?: gup_pin_proc_missing();

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(look_begin(&self->base, &self->look));
}

FIXTURE_TEARDOWN(namespace)
{
	gup_pin_writer_end(self->writer);
	EXPECT_OK(look_end(&self->base, self->look, self->pid));
}

/* In a pid namespace with its own procfs. */
static const char *mount_proc(const char *options)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("proc", "/proc", "proc", 0, options))
		return gup_pin_problem("cannot mount proc: %s", strerror(errno));
	return NULL;
}

/* Process 1 of the namespace: pins, waits for the test, and reads its own file. */
static void inside(struct look *look)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (mount_proc(NULL))
		_exit(1);
	look_pin(look);
	/* The reader needs the outer pid for comparison. */
	look_wait(&look->known);
	look->ready = true;
	look_wait(&look->go);
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
	/* As seen from outside, which is here. */
	look->pid = pid;
	__atomic_store_n(&look->known, true, __ATOMIC_RELEASE);
	look_wait(&look->done);
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

/* Tasks outside the namespace have no id here. */
static pid_t as_seen_inside(pid_t id, const struct look *look)
{
	return id == look->pid ? 1 : 0;
}

TEST_F(namespace, pid_namespace)
{
	self->pid = look_start(self->look, enter_pid_ns, 0);
	ASSERT_TRUE(self->look->ready);
	/* One pin from outside. */
	ASSERT_OK(gup_pin_writer_start(&self->writer, self->look->pid, self->look->addr));
	self->look->go = true;
	ASSERT_TRUE(look_wait(&self->look->done));
	ASSERT_OK(look_check(self->look, self->look->pid, ALL, as_seen_inside));
	EXPECT_NE(NULL, strstr(self->look->text, " owner=1 task=1/1 "));
	EXPECT_NE(NULL, strstr(self->look->text,
			       "api=pin_user_pages_remote owner=1 task=0/0 "));
	/* From outside it looks as usual. */
	look_at(self->look, "/proc", self->look->pid);
	ASSERT_OK(look_check(self->look, self->look->pid, ALL, NULL));
}

TEST_F(namespace, user_namespace)
{
	self->pid = look_start(self->look, enter_user_ns, 0);
	ASSERT_TRUE(self->look->ready);
	self->look->go = true;
	ASSERT_TRUE(look_wait(&self->look->done));
	ASSERT_OK(look_check(self->look, self->look->pid, HIDDEN, as_seen_inside));
	EXPECT_NE(NULL, strstr(self->look->text, " owner=1 task=1/1 "));
}

/* Being root in the namespace, or having been root outside, grants no access. */
TEST_F(namespace, user_namespace_of_root)
{
	self->pid = look_start(self->look, root_enters_user_ns, 0);
	ASSERT_TRUE(self->look->ready);
	self->look->go = true;
	ASSERT_TRUE(look_wait(&self->look->done));
	ASSERT_OK(look_check(self->look, self->look->pid, HIDDEN, as_seen_inside));
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
	int why;			/* errno for the process of another user */
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
	const char *missing = gup_pin_missing() ?: gup_pin_proc_missing();

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(look_begin(&self->base, &self->look));
	ASSERT_OK(gup_pin_child_start(&self->child, &(struct gup_pin_child_how) {
		.uid = CHILD_USER,
	}));
}

FIXTURE_TEARDOWN(hidepid)
{
	gup_pin_child_end(&self->child);
	EXPECT_OK(look_end(&self->base, self->look, self->pid));
}

static const char *options;

static void hide_others(struct look *look, pid_t uid)
{
	if (unshare(CLONE_NEWNS) || mount_proc(options) || gup_pin_become(uid))
		_exit(1);
	look->ready = true;
	look_wait(&look->go);
	look_at(look, "/proc", look->pid);
}

TEST_F(hidepid, another_user)
{
	options = variant->options;
	self->pid = look_start(self->look, hide_others, OTHER_USER);
	ASSERT_TRUE(self->look->ready);
	self->look->pid = self->child.pid;
	self->look->go = true;
	ASSERT_TRUE(look_wait(&self->look->done));
	ASSERT_OK(look_check_refused(self->look, variant->why));
}

TEST_F(hidepid, same_user)
{
	options = variant->options;
	self->pid = look_start(self->look, hide_others, CHILD_USER);
	ASSERT_TRUE(self->look->ready);
	self->look->pid = self->child.pid;
	self->look->go = true;
	ASSERT_TRUE(look_wait(&self->look->done));
	ASSERT_OK(look_check(self->look, self->child.pid, HIDDEN, NULL));
}

TEST_HARNESS_MAIN
