// SPDX-License-Identifier: GPL-2.0
/* Processes that pin: of other users, in other namespaces, or ended. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_child.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

/* What a child sends after it has pinned. */
struct reply {
	char *addr;
	pid_t pinner;
	int err;
};

struct pinning {
	int ring;
	struct reply *reply;
};

const char *gup_pin_become(uid_t uid)
{
	if (setgroups(0, NULL) || setgid(uid) || setuid(uid))
		return gup_pin_problem("cannot become user %d: %s", uid, strerror(errno));
	/* setuid() clears both: access by its own user, and the end with its parent. */
	if (prctl(PR_SET_DUMPABLE, 1) || prctl(PR_SET_PDEATHSIG, SIGKILL))
		return gup_pin_problem("prctl: %s", strerror(errno));
	return NULL;
}

static void *pin(void *arg)
{
	struct pinning *pinning = arg;
	struct reply *reply = pinning->reply;

	reply->pinner = gettid();
	reply->err = uring_register_one(pinning->ring, reply->addr,
					CHILD_PAGES * PAGE_SIZE);
	return NULL;
}

const char *gup_pin_wait_thread_gone(pid_t tid)
{
	unsigned int waited = 0;

	do {
		if (syscall(__NR_tgkill, getpid(), tid, 0) && errno == ESRCH)
			return NULL;
	} while (gup_pin_patience(&waited));
	return gup_pin_problem("thread %d does not end", tid);
}

static int pin_by_thread(struct pinning *pinning)
{
	pthread_t thread;
	int err;

	err = pthread_create(&thread, NULL, pin, pinning) ?: pthread_join(thread, NULL);
	if (!err && gup_pin_wait_thread_gone(pinning->reply->pinner))
		err = ETIMEDOUT;
	return err;
}

static void live(const struct gup_pin_child_how *how, int up, int go)
{
	struct reply reply = { .err = EIO };
	struct pinning pinning = { .ring = how->ring, .reply = &reply };
	char byte;

	if (how->comm)
		prctl(PR_SET_NAME, how->comm);
	if (how->uid && gup_pin_become(how->uid))
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!how->ring)
		pinning.ring = uring_open();
	reply.addr = mmap(NULL, CHILD_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pinning.ring < 0 || reply.addr == MAP_FAILED)
		_exit(2);
	madvise(reply.addr, CHILD_PAGES * PAGE_SIZE, MADV_NOHUGEPAGE);
	memset(reply.addr, 1, CHILD_PAGES * PAGE_SIZE);
	if (!how->thread)
		pin(&pinning);
	else if (pin_by_thread(&pinning))
		_exit(3);
	if (write(up, &reply, sizeof(reply)) != sizeof(reply))
		_exit(4);
	_exit(read(go, &byte, 1) != 1);
}

/* fork() with a given pid. */
static pid_t fork_as(pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};

	return pid ? syscall(__NR_clone3, &args, sizeof(args)) : fork();
}

const char *gup_pin_child_start(struct gup_pin_child *child,
				const struct gup_pin_child_how *how)
{
	const char *problem = NULL;
	struct reply reply;
	int up[2], go[2];

	memset(child, 0, sizeof(*child));
	if (pipe2(up, O_CLOEXEC) || pipe2(go, O_CLOEXEC))
		return gup_pin_problem("pipe: %s", strerror(errno));
	child->pid = fork_as(how->pid);
	if (!child->pid)
		live(how, up[1], go[0]);
	close(up[1]);
	close(go[0]);
	child->go = go[1];
	if (child->pid < 0)
		problem = gup_pin_problem("fork: %s", strerror(errno));
	else if (read(up[0], &reply, sizeof(reply)) != sizeof(reply))
		problem = gup_pin_problem("a child has ended");
	else if (reply.err)
		problem = gup_pin_problem("a child cannot pin: %s", strerror(-reply.err));
	close(up[0]);
	if (problem)
		return problem;
	child->addr = reply.addr;
	child->pinner = reply.pinner;
	return NULL;
}

const char *gup_pin_child_exit(struct gup_pin_child *child)
{
	siginfo_t info;

	if (write(child->go, "", 1) != 1 ||
	    waitid(P_PID, child->pid, &info, WEXITED | WNOWAIT))
		return gup_pin_problem("child %d: %s", child->pid, strerror(errno));
	return NULL;
}

void gup_pin_child_end(struct gup_pin_child *child)
{
	if (child->pid <= 0)
		return;
	kill(child->pid, SIGKILL);
	close(child->go);
	waitpid(child->pid, NULL, 0);
	child->pid = 0;
}

/* Polls a file of a process in /proc. */
static const char *wait_text(pid_t pid, const char *name, bool (*is_right)(const char *text))
{
	unsigned int waited = 0;
	const char *problem;
	char path[64], *text;
	bool right;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	do {
		problem = gup_pin_slurp(path, &text, NULL);
		if (problem)
			return problem;
		right = is_right(text);
		free(text);
		if (right)
			return NULL;
	} while (gup_pin_patience(&waited));
	return gup_pin_problem("%s does not become what is waited for", path);
}

static bool is_zombie(const char *stat)
{
	const char *at = strrchr(stat, ')');

	return at && !strncmp(at, ") Z", 3);
}

const char *gup_pin_wait_ended(pid_t pid)
{
	return wait_text(pid, "stat", is_zombie);
}

static bool is_page_wait(const char *wchan)
{
	return !strncmp(wchan, "folio_wait_", strlen("folio_wait_"));
}

const char *gup_pin_wait_page(pid_t pid)
{
	return wait_text(pid, "wchan", is_page_wait);
}

/* A page whose fault is never completed. */
static char *endless_page(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	char *page;
	int fd;

	fd = syscall(__NR_userfaultfd, O_CLOEXEC);
	page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fd < 0 || page == MAP_FAILED || ioctl(fd, UFFDIO_API, &api))
		return NULL;
	reg.range.start = (uintptr_t)page;
	reg.range.len = PAGE_SIZE;
	return ioctl(fd, UFFDIO_REGISTER, &reg) ? NULL : page;
}

static const char *wait_for_pin(pid_t writer)
{
	struct gup_pin_lines lines;
	const char *problem;
	unsigned int waited = 0;
	size_t nr;

	do {
		problem = gup_pin_read_task(&lines, writer);
		nr = lines.nr;
		gup_pin_free(&lines);
		if (problem || nr)
			return problem;
		if (waitpid(writer, NULL, WNOHANG))
			return "a pin has ended: CONFIG_USERFAULTFD?";
	} while (gup_pin_patience(&waited));
	return gup_pin_problem("process %d has pinned nothing", writer);
}

const char *gup_pin_writer_start(pid_t *writer, pid_t victim, char *addr)
{
	*writer = fork();
	if (*writer < 0)
		return gup_pin_problem("fork: %s", strerror(errno));
	if (!*writer) {
		struct iovec to = { addr, PAGE_SIZE }, from = to;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "gup_pin_writer");
		from.iov_base = endless_page();
		if (from.iov_base)
			process_vm_writev(victim, &from, 1, &to, 1, 0);
		_exit(1);
	}
	return wait_for_pin(*writer);
}

void gup_pin_writer_end(pid_t writer)
{
	if (writer <= 0)
		return;
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
}
