// SPDX-License-Identifier: GPL-2.0
/*
 * A million pins, none of them adjacent to another of the same call: each file can be
 * read in bounded time and constant memory, and a reader that is killed leaves nothing
 * behind.
 *
 * Uses most of the free memory: run it alone. Measures CPU time, which is most accurate
 * in a guest that counts instructions.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_bulk.h"
#include "gup_pin_pinners.h"
#include "gup_pin_reading.h"
#include "gup_pin_util.h"

#define MILLION		1000000UL
#define TIMEOUT		900
#define CACHES_MAX	100
/* Number of calls for each page, because there are not enough pages. */
#define TIMES		2UL

struct shared {
	struct gup_pin_bulk hold;
	bool done;
	char problem[300];
};

FIXTURE(million)
{
	struct gup_pin_base base;
	struct shared *shared;
	pid_t child;
};

/* Forks a process that shares our descriptors, so that what it registers stays when it ends. */
static pid_t fork_with_files(void)
{
	return syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
}

static const char *hold_million(struct gup_pin_bulk *hold)
{
	const char *problem;
	unsigned long i;

	problem = gup_pin_bulk_map(hold, MILLION / TIMES, 1);
	for (i = 0; !problem && i < TIMES; i++)
		problem = gup_pin_bulk_add_all(hold, 1);
	return problem;
}

static const char *hold_in_child(struct shared *shared, pid_t *child)
{
	const char *problem;

	*child = fork_with_files();
	if (*child < 0)
		return gup_pin_problem("clone: %s", strerror(errno));
	if (!*child) {
		problem = hold_million(&shared->hold);
		snprintf(shared->problem, sizeof(shared->problem), "%s", problem ?: "");
		__atomic_store_n(&shared->done, true, __ATOMIC_RELEASE);
		for (;;)
			pause();
	}
	while (!__atomic_load_n(&shared->done, __ATOMIC_ACQUIRE)) {
		if (waitpid(*child, NULL, WNOHANG) == *child)
			return "the process that holds pins has ended";
		gup_pin_msleep(20);
	}
	return shared->problem[0] ? shared->problem : NULL;
}

FIXTURE_SETUP(million)
{
	const char *missing = gup_pin_missing() ?: uring_missing();

	if (missing)
		SKIP(return, "%s", missing);
	if (gup_pin_most_pages() < MILLION / TIMES)
		SKIP(return, "too little memory for %lu pages", MILLION / TIMES);
	ASSERT_OK(gup_pin_begin(&self->base));
	self->shared = mmap(NULL, sizeof(*self->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->shared);
	ASSERT_OK(hold_in_child(self->shared, &self->child));
}

static void end_child(pid_t *child)
{
	if (*child <= 0)
		return;
	kill(*child, SIGKILL);
	waitpid(*child, NULL, 0);
	*child = 0;
}

FIXTURE_TEARDOWN(million)
{
	struct gup_pin_bulk *hold = &self->shared->hold;

	end_child(&self->child);
	/* The memory belongs to the child. */
	hold->npages = 0;
	gup_pin_bulk_drop(hold);
	munmap(self->shared, sizeof(*self->shared));
}

/*
 * Files, and their number of lines with a million pins; without a directory: files of a
 * process.
 */
struct view {
	const char *name;
	const char *filter;
	unsigned long least;
	unsigned long most;
};

static const struct view views[] = {
	{ "pins", NULL, MILLION + 1, MILLION + 1 },
	{ "pins", "mode=w term=long", MILLION + 1, MILLION + 1 },
	{ "pins", "mode=r", 1, 1 },
	{ "pins", "min_age_ms=999999999", 1, 1 },
	{ "gup_pins", NULL, MILLION + 1, MILLION + 1 },
	{ "stacks", NULL, 4, 100000 },
	{ "orphans", NULL, 1, 1 },
	{ "stats", NULL, 17, 100 },
	{ "verify", NULL, 1, 1 },
	{ "hazards", NULL, 1, 1 },
	{ "refused", NULL, 1, 1 },
};

/* With limits on time and memory. */
static const char *read_view(const struct view *view, pid_t owner)
{
	struct gup_pin_reading reading;
	const char *problem;
	char path[64];

	if (!strcmp(view->name, "gup_pins"))
		snprintf(path, sizeof(path), "/proc/%d/gup_pins", owner);
	else
		snprintf(path, sizeof(path), GUP_PIN_DIR "/%s", view->name);
	problem = gup_pin_reading(path, view->filter, &reading);
	if (!problem)
		problem = gup_pin_reading_check(&reading, view->least, view->most);
	if (problem)
		problem = gup_pin_problem("%s %s: %s", view->name, view->filter ?: "",
					  problem);
	return problem;
}

TEST_F_TIMEOUT(million, streams, TIMEOUT)
{
	static const struct view orphaned = { "orphans", NULL, MILLION + 1, MILLION + 1 };
	struct gup_pin_stats before, after;
	size_t i;

	ASSERT_OK(gup_pin_read_stats(&before));
	ASSERT_EQ(self->base.stats.live_pins + MILLION, before.live_pins);
	ASSERT_EQ(self->base.stats.untracked, before.untracked);
	for (i = 0; i < ARRAY_SIZE(views); i++) {
		const char *problem = read_view(&views[i], self->child);

		EXPECT_EQ(NULL, problem) {
			TH_LOG("%s", problem);
		}
	}
	end_child(&self->child);
	ASSERT_OK(read_view(&orphaned, 0));
	ASSERT_OK(gup_pin_read_stats(&after));
	EXPECT_EQ(before.memory_bytes, after.memory_bytes);
	EXPECT_EQ(before.live_pins, after.live_pins);
	ASSERT_OK(gup_pin_bulk_release(&self->shared->hold));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* A slab cache used by kmalloc() and open files. */
struct cache {
	char name[64];
	unsigned long bytes;		/* of objects in use */
};

static bool is_wanted(const char *name)
{
	return !strncmp(name, "kmalloc-", 8) || !strcmp(name, "seq_file") ||
		!strcmp(name, "filp");
}

static const char *read_caches(struct cache *cache, size_t *nr)
{
	unsigned long active, total, size;
	const char *problem;
	char *text, *line, *rest;

	*nr = 0;
	problem = gup_pin_slurp("/proc/slabinfo", &text, NULL);
	if (problem)
		return problem;
	for (rest = text; (line = strsep(&rest, "\n")) && *nr < CACHES_MAX;) {
		if (sscanf(line, "%63s %lu %lu %lu", cache[*nr].name, &active, &total,
			   &size) != 4 || !is_wanted(cache[*nr].name))
			continue;
		cache[(*nr)++].bytes = active * size;
	}
	free(text);
	return NULL;
}

/* In kB. Free objects in per-CPU lists count as in use unless the caches are shrunk. */
static const char *objects_kb(unsigned long *kb)
{
	struct cache cache[CACHES_MAX];
	unsigned long bytes = 0;
	const char *problem;
	char path[120];
	size_t i, nr;

	problem = read_caches(cache, &nr);
	for (i = 0; !problem && i < nr; i++) {
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", cache[i].name);
		problem = gup_pin_write(path, "1");
	}
	problem = problem ?: read_caches(cache, &nr);
	for (i = 0; !problem && i < nr; i++)
		bytes += cache[i].bytes;
	*kb = bytes >> 10;
	return problem;
}

/* Reads the file repeatedly until it is killed. */
static void read_for_ever(const char *path)
{
	static char buf[1 << 16];
	int fd;

	for (;;) {
		fd = open(path, O_RDONLY);
		while (fd >= 0 && read(fd, buf, sizeof(buf)) > 0)
			;
		close(fd);
	}
}

static const char *kill_a_reader(const char *path, unsigned int ms)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return gup_pin_problem("fork: %s", strerror(errno));
	if (!pid)
		read_for_ever(path);
	gup_pin_msleep(ms);
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		return gup_pin_problem("the reader of %s was not killed", path);
	return NULL;
}

#define KILLS		40
/* A reader that leaks its state leaks 2 to 20 kB. */
#define LEFT_KB		64UL
/* Maximum time before it is killed, and maximum time that its end takes. */
#define KILL_STEPS_MS	20UL
#define KILLED_MS	50UL

TEST_F_TIMEOUT(million, killed_reader, TIMEOUT)
{
	static const char *const names[] = { "pins", "stacks", "verify", "orphans", "stats" };
	struct gup_pin_stats before, after;
	unsigned long left[2];
	struct timespec t[2];
	unsigned long took;
	char path[64];
	size_t i;
	int k;

	ASSERT_OK(gup_pin_read_stats(&before));
	for (i = 0; i <= ARRAY_SIZE(names); i++) {
		if (i < ARRAY_SIZE(names))
			snprintf(path, sizeof(path), GUP_PIN_DIR "/%s", names[i]);
		else
			snprintf(path, sizeof(path), "/proc/%d/gup_pins", self->child);
		ASSERT_OK(kill_a_reader(path, 50));
		ASSERT_OK(objects_kb(&left[0]));
		clock_gettime(CLOCK_MONOTONIC, &t[0]);
		for (k = 0; k < KILLS; k++)
			ASSERT_OK(kill_a_reader(path, k % KILL_STEPS_MS + 1));
		clock_gettime(CLOCK_MONOTONIC, &t[1]);
		ASSERT_OK(objects_kb(&left[1]));
		took = (t[1].tv_sec - t[0].tv_sec) * 1000 +
			(t[1].tv_nsec - t[0].tv_nsec) / 1000000;
		TH_LOG("%s: %d killed in %lu ms, objects %lu kB then %lu kB", path, KILLS,
		       took, left[0], left[1]);
		EXPECT_GT(left[0] + LEFT_KB, left[1]);
		EXPECT_GT(KILLED_MS * KILLS, took);
	}
	ASSERT_OK(gup_pin_read_stats(&after));
	EXPECT_EQ(before.memory_bytes, after.memory_bytes);

	/* Readers do not block unpins, or switching tracking off and on. */
	ASSERT_OK(kill_a_reader(GUP_PIN_DIR "/pins", 20));
	ASSERT_OK(gup_pin_bulk_release(&self->shared->hold));
	ASSERT_OK(gup_pin_end(&self->base));
	ASSERT_OK(gup_pin_write(GUP_PIN_DIR "/enable", "0"));
	ASSERT_OK(gup_pin_write(GUP_PIN_DIR "/enable", "1"));
}

/* Tracking is switched off during a read, which still comes to an end. */
TEST_F_TIMEOUT(million, switched_off, TIMEOUT)
{
	struct gup_pin_stats stats;
	int fd, round;
	char buf[100];
	ssize_t got;

	for (round = 0; round < 2; round++) {
		fd = open(GUP_PIN_DIR "/pins", O_RDONLY);
		ASSERT_LE(0, fd);
		ASSERT_LT(0, read(fd, buf, sizeof(buf)));
		ASSERT_OK(gup_pin_write(GUP_PIN_DIR "/enable", round ? "1" : "0"));
		ASSERT_OK(gup_pin_read_stats(&stats));
		EXPECT_EQ(0, stats.live_pins);
		while ((got = read(fd, buf, sizeof(buf))) > 0)
			;
		EXPECT_EQ(0, got);
		close(fd);
		if (!round)
			continue;
		ASSERT_OK(gup_pin_bulk_release(&self->shared->hold));
		ASSERT_OK(gup_pin_read_stats(&stats));
		EXPECT_EQ(self->base.stats.unmatched, stats.unmatched);
	}
}

TEST_HARNESS_MAIN
