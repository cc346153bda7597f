// SPDX-License-Identifier: GPL-2.0
/*
 * gup_pin_stress [seconds] [threads]
 *
 * Threads pin and unpin overlapping memory in all possible ways, while others fork,
 * discard and split that memory, and others read the records. At the end nothing may be
 * left.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_dm.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

static unsigned int seconds = 30;
static unsigned int threads = 4;

#define MAX_THREADS	64
#define MOST_MORE	300	/* seconds */
#define FILE_SIZE	(256 * PAGE_SIZE)
#define SPAN		64	/* maximum number of pages at once */

/* Memory used by all threads. */
enum { AREA_ANON, AREA_THP, AREA_MEMFD, AREA_HUGETLB, NR_AREAS };

struct stress {
	struct gup_pin_mem area[NR_AREAS];
	struct gup_pin_dm dm;
	int file;
	bool stop;
};

struct worker {
	struct stress *stress;
	pthread_t thread;
	unsigned int nr;
	unsigned long seed;
	unsigned long rounds;
	unsigned long failures;		/* refused for a legitimate reason */
	char problem[300];
};

static bool stopped(const struct worker *worker)
{
	return __atomic_load_n(&worker->stress->stop, __ATOMIC_RELAXED) ||
		worker->problem[0];
}

static unsigned long pick(struct worker *worker, unsigned long below)
{
	/* xorshift64 */
	worker->seed ^= worker->seed << 13;
	worker->seed ^= worker->seed >> 7;
	worker->seed ^= worker->seed << 17;
	return worker->seed % below;
}

struct piece {
	char *addr;
	size_t size;
};

static struct piece pick_piece(struct worker *worker, unsigned int area)
{
	struct gup_pin_mem *mem = &worker->stress->area[area];
	unsigned long npages = mem->size / PAGE_SIZE, first, nr;

	first = pick(worker, npages);
	nr = 1 + pick(worker, SPAN);
	if (nr > npages - first)
		nr = npages - first;
	return (struct piece){ mem->addr + first * PAGE_SIZE, nr * PAGE_SIZE };
}

/* Pinning memory that is concurrently discarded or copied may fail. */
static void note(struct worker *worker, const char *what, int ret)
{
	worker->rounds++;
	if (!ret)
		return;
	worker->failures++;
	if (ret != -ENOMEM && ret != -EFAULT && ret != -EAGAIN && ret != -EBUSY &&
	    ret != -EINTR)
		snprintf(worker->problem, sizeof(worker->problem), "%s: %s", what,
			 strerror(-ret));
}

static void *pin_by_io_uring(void *arg)
{
	struct worker *worker = arg;
	int ring = uring_open(), ret;
	struct iovec iov[8];
	unsigned int i, nr;

	while (!stopped(worker)) {
		nr = 1 + pick(worker, 8);
		for (i = 0; i < nr; i++) {
			struct piece piece = pick_piece(worker, pick(worker, NR_AREAS));

			iov[i].iov_base = piece.addr;
			iov[i].iov_len = piece.size;
		}
		ret = uring_register_once(ring, iov, nr);
		note(worker, "io_uring register", ret);
		if (!ret && pick(worker, 8)) {
			note(worker, "io_uring unregister", uring_unregister(ring));
		} else if (!ret) {
			/*
			 * Closed with its buffers registered: a work item releases them
			 * later.
			 */
			close(ring);
			ring = uring_open();
		}
	}
	close(ring);
	return NULL;
}

static void *pin_by_gup_test(void *arg)
{
	struct worker *worker = arg;
	int fd = gup_test_open(), ret = 0;

	while (!stopped(worker)) {
		struct piece piece = pick_piece(worker, pick(worker, NR_AREAS));
		bool write = pick(worker, 2);

		/*
		 * Short-term read pins may hit the zero page, which is not pinned, and
		 * then gup_test would warn: use io_uring and direct I/O for those.
		 */
		switch (pick(worker, 4)) {
		case 0:
			ret = gup_test_basic(fd, piece.addr, piece.size, true);
			break;
		case 1:
			ret = gup_test_fast_benchmark(fd, piece.addr, piece.size, true);
			break;
		case 2:
			ret = gup_test_longterm_benchmark(fd, piece.addr, piece.size, write);
			break;
		case 3:
			ret = gup_test_hold_once(fd, piece.addr, piece.size,
						 pick(worker, 4));
			/* Another thread uses it: on 6.12 there is only one set. */
			if (ret == -EINVAL)
				ret = -EBUSY;
			gup_test_release(fd);
			break;
		}
		note(worker, "gup_test", ret);
	}
	close(fd);
	return NULL;
}

static void *pin_by_direct_io(void *arg)
{
	struct worker *worker = arg;
	ssize_t ret;

	while (!stopped(worker)) {
		struct piece piece = pick_piece(worker, pick(worker, NR_AREAS));
		off_t pos = pick(worker, (FILE_SIZE - piece.size) / PAGE_SIZE) * PAGE_SIZE;

		ret = pick(worker, 2) ?
			pread(worker->stress->file, piece.addr, piece.size, pos) :
			pwrite(worker->stress->file, piece.addr, piece.size, pos);
		note(worker, "O_DIRECT", ret < 0 ? -errno : 0);
	}
	return NULL;
}

static void *pin_by_others(void *arg)
{
	struct worker *worker = arg;
	char *buf = malloc(SPAN * PAGE_SIZE);
	int fd;

	while (!stopped(worker)) {
		bool hugetlb = pick(worker, 2);
		struct piece piece = pick_piece(worker, pick(worker, NR_AREAS));
		struct iovec local = { buf, piece.size };
		struct iovec remote = { piece.addr, piece.size };
		struct gup_pin_mem *mem;

		note(worker, "process_vm_readv",
		     process_vm_readv(getpid(), &local, 1, &remote, 1, 0) < 0 ? -errno : 0);
		if (access(UDMABUF, F_OK))
			continue;
		mem = &worker->stress->area[hugetlb ? AREA_HUGETLB : AREA_MEMFD];
		piece = pick_piece(worker, hugetlb ? AREA_HUGETLB : AREA_MEMFD);
		fd = udmabuf_open_once(mem->fd, piece.addr - mem->addr, piece.size);
		note(worker, "udmabuf", fd < 0 ? -errno : 0);
		if (fd >= 0)
			close(fd);
	}
	free(buf);
	return NULL;
}

static void *(*const pinners[])(void *) = {
	pin_by_io_uring, pin_by_gup_test, pin_by_direct_io, pin_by_others,
};

/* Forks, discards, splits and collapses the pinned memory. */
static void *press(void *arg)
{
	struct worker *worker = arg;
	struct stress *stress = worker->stress;
	struct gup_pin_mem *thp = &stress->area[AREA_THP];
	unsigned int area, i;
	char text[80];
	pid_t pid;

	while (!stopped(worker)) {
		struct piece piece = pick_piece(worker, pick(worker, AREA_HUGETLB));

		switch (pick(worker, 5)) {
		case 0:
			pid = fork();
			if (!pid) {
				for (area = 0; area < AREA_HUGETLB; area++)
					for (i = 0; i < 64; i++)
						stress->area[area].addr[i * PAGE_SIZE]++;
				_exit(0);
			}
			waitpid(pid, NULL, 0);
			break;
		case 1:
			madvise(piece.addr, piece.size, MADV_DONTNEED);
			break;
		case 2:
			snprintf(text, sizeof(text), "%d,0x%lx,0x%lx", getpid(),
				 (unsigned long)thp->addr,
				 (unsigned long)thp->addr + thp->size);
			gup_pin_write("/sys/kernel/debug/split_huge_pages", text);
			break;
		case 3:
			madvise(thp->addr, SIZE_2M, MADV_DONTNEED);
			memset(thp->addr, 1, SIZE_2M);
			break;
		case 4:
			mmap(stress->area[AREA_ANON].addr, SPAN * PAGE_SIZE,
			     PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			break;
		}
		worker->rounds++;
	}
	return NULL;
}

/* Reads all files repeatedly, with strict parsers. */
static void *watch(void *arg)
{
	struct worker *worker = arg;
	struct gup_pin_verify verify;
	struct gup_pin_stacks stacks;
	struct gup_pin_lines lines;
	struct gup_pin_stats stats;
	const char *problem;

	while (!stopped(worker)) {
		problem = gup_pin_read_pins(&lines);
		if (!problem)
			gup_pin_free(&lines);
		if (!problem)
			problem = gup_pin_read_stacks(&stacks);
		if (!problem)
			free(stacks.stack);
		problem = problem ?: gup_pin_read_stats(&stats) ?:
			gup_pin_read_verify(&verify);
		if (problem)
			snprintf(worker->problem, sizeof(worker->problem), "%s", problem);
		worker->rounds++;
	}
	return NULL;
}

FIXTURE(stress)
{
	struct gup_pin_base base;
	struct stress stress;
};

FIXTURE_SETUP(stress)
{
	struct {
		enum gup_pin_mem_kind kind;
		size_t size;
	} areas[NR_AREAS] = {
		[AREA_ANON] = { MEM_ANON, 4 << 20 },
		[AREA_THP] = { MEM_THP, 4 << 20 },
		[AREA_MEMFD] = { MEM_MEMFD, 4 << 20 },
		[AREA_HUGETLB] = { MEM_MEMFD_HUGETLB, 4 << 20 },
	};
	struct stress *stress = &self->stress;
	const char *missing = gup_pin_missing() ?: uring_missing() ?:
		gup_test_missing() ?: gup_pin_dm_missing();
	int i;

	/* PREEMPT_RT has no transparent huge pages. */
	if (gup_pin_mem_missing(MEM_THP)) {
		TH_LOG("%s: small pages instead", gup_pin_mem_missing(MEM_THP));
		areas[AREA_THP].kind = MEM_ANON;
	}
	for (i = 0; !missing && i < NR_AREAS; i++)
		missing = gup_pin_mem_missing(areas[i].kind);
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	for (i = 0; i < NR_AREAS; i++)
		ASSERT_OK(gup_pin_mem_get(&stress->area[i], areas[i].kind,
					  areas[i].size));
	ASSERT_OK(gup_pin_dm_create(&stress->dm, 16 << 20));
	ASSERT_OK(gup_pin_dm_mount(&stress->dm, "ext4"));
	stress->file = gup_pin_dm_file(&stress->dm, "data", FILE_SIZE, O_RDWR | O_DIRECT);
	ASSERT_LE(0, stress->file);
}

FIXTURE_TEARDOWN(stress)
{
	int i;

	close(self->stress.file);
	for (i = 0; i < NR_AREAS; i++)
		gup_pin_mem_put(&self->stress.area[i]);
	gup_pin_dm_remove(&self->stress.dm);
}

static void start(struct worker *worker, struct stress *stress, unsigned int nr,
		  void *(*what)(void *))
{
	worker->stress = stress;
	worker->nr = nr;
	worker->seed = 88172645463325252UL + 7919 * nr;
	if (pthread_create(&worker->thread, NULL, what, worker))
		snprintf(worker->problem, sizeof(worker->problem), "no thread");
}

/* Has each thread done something, even if some of its calls were refused? */
static bool all_worked(const struct worker *worker, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (__atomic_load_n(&worker[i].rounds, __ATOMIC_RELAXED) <=
		    __atomic_load_n(&worker[i].failures, __ATOMIC_RELAXED))
			return false;
	return true;
}

/* Runs for the requested time, and longer on a busy machine until each thread has run. */
TEST_F_TIMEOUT(stress, pin_and_unpin, 3600)
{
	static struct worker worker[MAX_THREADS + 2];
	unsigned int nr = threads + 2, i, tenths;
	struct gup_pin_stats stats;
	bool failed = false;

	for (i = 0; i < threads; i++)
		start(&worker[i], &self->stress, i, pinners[i % ARRAY_SIZE(pinners)]);
	start(&worker[threads], &self->stress, threads, press);
	start(&worker[threads + 1], &self->stress, threads + 1, watch);

	for (tenths = 0; !failed && (tenths < 10 * seconds ||
				     (tenths < 10 * (seconds + MOST_MORE) &&
				      !all_worked(worker, nr))); tenths++) {
		gup_pin_msleep(100);
		for (i = 0; i < nr; i++)
			failed |= worker[i].problem[0];
	}
	__atomic_store_n(&self->stress.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < nr; i++) {
		pthread_join(worker[i].thread, NULL);
		EXPECT_STREQ("", worker[i].problem) {
			TH_LOG("worker %u", i);
		}
		EXPECT_LT(worker[i].failures, worker[i].rounds) {
			TH_LOG("worker %u: %lu rounds, all refused", i, worker[i].rounds);
		}
		TH_LOG("worker %u: %lu rounds, %lu refused", i, worker[i].rounds,
		       worker[i].failures);
	}
	ASSERT_OK(gup_pin_end(&self->base));
	ASSERT_OK(gup_pin_read_stats(&stats));
	TH_LOG("%lu pins in %u s, %lu released by guess",
	       stats.acquired - self->base.stats.acquired, seconds,
	       stats.inferred - self->base.stats.inferred);
	EXPECT_NE(self->base.stats.acquired, stats.acquired);
	EXPECT_EQ(0, stats.live_pins);
}

int main(int argc, char **argv)
{
	unsigned int *number[] = { &seconds, &threads };
	unsigned int found = 0;
	int i;

	for (i = 1; i < argc && found < ARRAY_SIZE(number); i++)
		if (isdigit(argv[i][0]))
			*number[found++] = atoi(argv[i]);
	if (!seconds || threads < 1 || threads > MAX_THREADS) {
		fprintf(stderr, "usage: %s [seconds] [threads, up to %d]\n", argv[0],
			MAX_THREADS);
		return KSFT_FAIL;
	}
	return test_harness_run(argc, argv);
}
