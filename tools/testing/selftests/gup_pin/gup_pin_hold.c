// SPDX-License-Identifier: GPL-2.0
/*
 * gup_pin_hold [-f]
 *
 * Holds pins of several kinds at the same time, each in a process with a descriptive
 * name. Prints what it holds, one line each, then `ready`, and continues in the
 * background (with -f: in the foreground) until SIGTERM; then it releases all pins.
 *
 * Not a test: for demonstrations and crash dumps.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_device.h"
#include "gup_pin_dm.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

/* What a holder reports to its parent: what it holds, or the error. */
struct report {
	bool ok;
	char text[300];
};

static struct report report;

#define HOLDS(...)							\
	do {								\
		report.ok = true;					\
		snprintf(report.text, sizeof(report.text), __VA_ARGS__); \
	} while (0)

static const char *failed(const char *what, int ret)
{
	return ret ? gup_pin_problem("%s: %s", what, strerror(-ret)) : NULL;
}

static const char *hold_io_uring(void)
{
	struct gup_pin_mem mem;
	const char *problem;

	problem = gup_pin_mem_get(&mem, MEM_HUGETLB, 2 * SIZE_2M);
	if (!problem)
		problem = failed("io_uring", uring_register_one(uring_open(), mem.addr,
								mem.size));
	HOLDS("an io_uring registered buffer of two 2 MiB hugetlb pages, at %p", mem.addr);
	return problem;
}

static const char *hold_gup_test(void)
{
	struct gup_pin_mem mem;
	const char *problem;

	problem = gup_pin_mem_get(&mem, MEM_ANON, 16 * PAGE_SIZE);
	if (!problem)
		problem = failed(GUP_TEST, gup_test_hold(gup_test_open(), mem.addr,
							 mem.size, 0));
	HOLDS("a long-term read pin of 16 pages by gup_test, at %p", mem.addr);
	return problem;
}

static const char *hold_udmabuf(void)
{
	struct gup_pin_mem mem;
	const char *problem;

	problem = gup_pin_mem_get(&mem, MEM_MEMFD, 8 * PAGE_SIZE);
	if (!problem && udmabuf_open(mem.fd, 0, mem.size) < 0)
		problem = failed(UDMABUF, -errno);
	HOLDS("a udmabuf of 8 folios of a memfd (inode %lu)", (unsigned long)mem.ino);
	return problem;
}

static const char *hold_part_of_thp(void)
{
	struct gup_pin_mem mem;
	const char *problem;
	int sock;

	problem = gup_pin_mem_get(&mem, MEM_THP, SIZE_2M);
	if (!problem)
		problem = gup_pin_device_give_part(DEVICE_UMEM, -1, mem.addr, 10 * PAGE_SIZE,
						   10 * PAGE_SIZE, &sock);
	HOLDS("an AF_XDP umem of pages 10 to 19 of a transparent huge page, at %p",
	      mem.addr);
	return problem;
}

/* Inherited by the two processes below. */
static struct gup_pin_mem shared;

/* Two of these pin one page, and one of them unpins: which pin is released? */
static const char *hold_shared(void)
{
	const char *problem;

	problem = failed("io_uring", uring_register_one(uring_open(), shared.addr,
							PAGE_SIZE));
	HOLDS("a shared page that another process pinned as well, at %p", shared.addr);
	return problem;
}

static const char *release_shared(void)
{
	int ring = uring_open();
	const char *problem;

	problem = failed("io_uring", uring_register_one(ring, shared.addr, PAGE_SIZE));
	if (!problem)
		problem = failed("io_uring", uring_unregister(ring));
	HOLDS("nothing: it has released the shared page, and which pin is left is known");
	return problem;
}

/* The disk, owned by the manager. */
static struct gup_pin_dm dm;
static int disk_file;
static struct aio_one reads[2];

static const char *hold_direct_io(void)
{
	struct gup_pin_mem mem;
	const char *problem;

	problem = gup_pin_mem_get(&mem, MEM_ANON, 16 * PAGE_SIZE);
	if (!problem)
		problem = aio_start(&reads[0], disk_file, false, mem.addr,
				    8 * PAGE_SIZE, 0);
	if (!problem)
		problem = aio_start(&reads[1], disk_file, false, mem.addr + 12 * PAGE_SIZE,
				    4 * PAGE_SIZE, 32 * PAGE_SIZE);
	HOLDS("two O_DIRECT reads from ext4 on %s, suspended, of 8 and 4 pages, at %p",
	      dm.dev, mem.addr);
	return problem;
}

struct holder {
	const char *name;
	const char *(*hold)(void);
	pid_t pid;
};

static struct holder holders[] = {
	{ "hold-io_uring", hold_io_uring },
	{ "hold-direct-io", hold_direct_io },
	{ "hold-gup_test", hold_gup_test },
	{ "hold-shared-1", hold_shared },
	{ "hold-shared-2", release_shared },
	{ "hold-udmabuf", hold_udmabuf },
	{ "hold-thp-part", hold_part_of_thp },
};

#define NR_HOLDERS	(sizeof(holders) / sizeof(*holders))

static void on_term(int sig)
{
}

static void wait_for_term(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigwait(&set, &sig);
}

/* Readers of our output must not wait for the background processes. */
static void be_silent(void)
{
	int null = open("/dev/null", O_RDWR);

	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
}

static void run_holder(struct holder *holder, int to)
{
	const char *problem;

	be_silent();
	prctl(PR_SET_NAME, holder->name);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	problem = holder->hold();
	if (problem) {
		report.ok = false;
		snprintf(report.text, sizeof(report.text), "%s", problem);
	}
	if (write(to, &report, sizeof(report)) != sizeof(report) || problem)
		_exit(1);
	wait_for_term();
	/* The manager has resumed the disk, so I/O in flight ends by itself. */
	_exit(0);
}

static bool start_holder(struct holder *holder)
{
	struct report said = {};
	int from[2];

	if (pipe(from))
		return false;
	holder->pid = fork();
	if (!holder->pid)
		run_holder(holder, from[1]);
	close(from[1]);
	if (read(from[0], &said, sizeof(said)) != sizeof(said))
		snprintf(said.text, sizeof(said.text), "died");
	close(from[0]);
	printf("%s %d %s %s\n", holder->name, holder->pid,
	       said.ok ? "holds" : "fails:", said.text);
	fflush(stdout);
	return said.ok;
}

static const char *prepare(void)
{
	const char *problem;

	problem = gup_pin_dm_missing() ?: gup_pin_mem_get(&shared, MEM_SHARED_ANON, PAGE_SIZE);
	if (!problem)
		problem = gup_pin_dm_create(&dm, 32 << 20);
	if (!problem)
		problem = gup_pin_dm_mount(&dm, "ext4");
	if (problem)
		return problem;
	disk_file = gup_pin_dm_file(&dm, "data", 64 * PAGE_SIZE, O_RDWR | O_DIRECT);
	if (disk_file < 0)
		return gup_pin_problem("a file on ext4: %s", strerror(errno));
	return gup_pin_dm_suspend(&dm);
}

static void release(void)
{
	unsigned int i;

	if (dm.name[0])
		gup_pin_dm_resume(&dm);
	for (i = 0; i < NR_HOLDERS; i++)
		if (holders[i].pid > 0)
			kill(holders[i].pid, SIGTERM);
	for (i = 0; i < NR_HOLDERS; i++)
		if (holders[i].pid > 0)
			waitpid(holders[i].pid, NULL, 0);
	if (disk_file > 0)
		close(disk_file);
	gup_pin_dm_remove(&dm);
}

/* Holds until SIGTERM; reports to @to when all is held. */
static int manage(int to)
{
	const char *problem;
	bool ok = true;
	unsigned int i;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGTERM, on_term);

	problem = prepare();
	if (problem)
		fprintf(stderr, "gup_pin_hold: %s\n", problem);
	for (i = 0; !problem && i < NR_HOLDERS; i++)
		ok &= start_holder(&holders[i]);
	if (problem || !ok) {
		release();
		return 1;
	}
	printf("gup_pin_hold %d ends it all at SIGTERM\nready\n", getpid());
	fflush(stdout);
	if (to >= 0) {
		if (write(to, &ok, sizeof(ok)) != sizeof(ok))
			fprintf(stderr, "gup_pin_hold: the parent has left\n");
		close(to);
		be_silent();
	}
	wait_for_term();
	release();
	return 0;
}

int main(int argc, char **argv)
{
	bool ok = false;
	int ready[2];
	pid_t pid;

	if (argc == 2 && !strcmp(argv[1], "-f"))
		return manage(-1);
	if (argc != 1) {
		fprintf(stderr, "usage: %s [-f]\n", argv[0]);
		return 2;
	}
	if (pipe2(ready, O_CLOEXEC)) {
		perror("pipe");
		return 1;
	}
	pid = fork();
	if (!pid) {
		close(ready[0]);
		setsid();
		return manage(ready[1]);
	}
	close(ready[1]);
	/* End of file: the manager failed and has printed why. */
	if (read(ready[0], &ok, sizeof(ok)) != sizeof(ok))
		return 1;
	return !ok;
}
