// SPDX-License-Identifier: GPL-2.0
/*
 * Ground truth: tasks pin and unpin shared pages at random, and after each step `pins` is
 * compared with what they hold. What is wrong must say that it is a guess, and be rare.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_device.h"
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

#define HOLDERS		8
#define FOLIOS		16
#define STEPS		400
/* Of them, before tracking is switched on, where it is switched on late. */
#define BLIND_STEPS	40
/* Of a thousand steps so many may leave a wrong record behind. */
#define WRONG_PER_MILLE	1
#define LATE_PER_MILLE	10
#define ENABLE		GUP_PIN_DIR "/enable"

/* What is dropped by a work goes a little later. */
#define LATER_MS	1000

enum kind {
	BY_RING,
	BY_UDMABUF,
	BY_UMEM,
	BY_IOMMU,
	BY_GUP_TEST,
	BY_CHILD,		/* a ring of a process that is killed */
	KINDS,
};

static const enum gup_pin_device_kind devices[KINDS] = {
	[BY_RING]	= DEVICE_RING,
	[BY_UDMABUF]	= DEVICE_DMABUF,
	[BY_UMEM]	= DEVICE_UMEM,
	[BY_IOMMU]	= DEVICE_IOMMU,
	[BY_CHILD]	= DEVICE_RING,
};

/**
 * struct holder - a task that pins
 * @thread: the task; waits for work on @go, and posts @done
 * @tid: its id
 * @pinner: of what has pinned: it, or its child
 * @op: what it is to do; NULL: to end
 * @kind: of pins that it holds
 * @fd: what has them; -1: none
 * @first: the first folio that is pinned
 * @nr: how many; 0: none
 * @before: pinned before tracking was switched on
 * @err: of the last operation
 */
struct holder {
	pthread_t thread;
	pid_t tid;
	pid_t pinner;
	sem_t go;
	sem_t done;
	void (*op)(struct holder *holder);
	enum kind kind;
	int fd;
	unsigned int first;
	unsigned int nr;
	bool before;
	int err;
	const struct gup_pin_mem *mem;
	int file;
	unsigned int seed;
};

FIXTURE(truth)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	struct holder holder[HOLDERS];
	unsigned int nr;
	unsigned long pfn[FOLIOS];
	unsigned long steps;
	unsigned long wrong;
	unsigned long wrong_exact;
	bool blind;			/* tracking is off */
	char report[200];
};

FIXTURE_VARIANT(truth)
{
	enum gup_pin_mem_kind mem;
	unsigned int holders;
	/* How often of ten times; the rest is short. */
	unsigned int by[KINDS];
	bool late;
	/* Now and then, a child gets a copy of all memory, and writes to it. */
	bool fork;
};

FIXTURE_VARIANT_ADD(truth, rings)
{
	.mem = MEM_MEMFD, .holders = 4, .by[BY_RING] = 10,
};

FIXTURE_VARIANT_ADD(truth, rings_huge)
{
	.mem = MEM_MEMFD_HUGETLB, .holders = 4, .by[BY_RING] = 10,
};

FIXTURE_VARIANT_ADD(truth, udmabufs)
{
	.mem = MEM_MEMFD, .holders = 4, .by[BY_UDMABUF] = 10,
};

FIXTURE_VARIANT_ADD(truth, udmabufs_huge)
{
	.mem = MEM_MEMFD_HUGETLB, .holders = 4, .by[BY_UDMABUF] = 10,
};

FIXTURE_VARIANT_ADD(truth, short_over_rings)
{
	.mem = MEM_MEMFD, .holders = 4, .by[BY_RING] = 5,
};

FIXTURE_VARIANT_ADD(truth, mixed)
{
	.mem = MEM_MEMFD, .holders = 8,
	.by = { [BY_RING] = 4, [BY_UDMABUF] = 3, [BY_GUP_TEST] = 1 },
};

FIXTURE_VARIANT_ADD(truth, mixed_huge)
{
	.mem = MEM_MEMFD_HUGETLB, .holders = 8, .by = { [BY_RING] = 5, [BY_UDMABUF] = 5 },
};

FIXTURE_VARIANT_ADD(truth, late_rings)
{
	.mem = MEM_MEMFD, .holders = 4, .by[BY_RING] = 10, .late = true,
};

FIXTURE_VARIANT_ADD(truth, late_mixed)
{
	.mem = MEM_MEMFD, .holders = 8,
	.by = { [BY_RING] = 4, [BY_UDMABUF] = 3, [BY_GUP_TEST] = 1 }, .late = true,
};

FIXTURE_VARIANT_ADD(truth, late_mixed_huge)
{
	.mem = MEM_MEMFD_HUGETLB, .holders = 8,
	.by = { [BY_RING] = 5, [BY_UDMABUF] = 5 }, .late = true,
};

FIXTURE_VARIANT_ADD(truth, devices)
{
	.mem = MEM_MEMFD, .holders = 8,
	.by = { [BY_RING] = 2, [BY_UDMABUF] = 2, [BY_UMEM] = 2, [BY_IOMMU] = 2 },
};

FIXTURE_VARIANT_ADD(truth, devices_huge)
{
	.mem = MEM_MEMFD_HUGETLB, .holders = 8,
	.by = { [BY_RING] = 3, [BY_UDMABUF] = 2, [BY_UMEM] = 2, [BY_IOMMU] = 3 },
};

FIXTURE_VARIANT_ADD(truth, killed)
{
	.mem = MEM_MEMFD, .holders = 8, .by = { [BY_RING] = 4, [BY_CHILD] = 4 },
};

FIXTURE_VARIANT_ADD(truth, killed_huge)
{
	.mem = MEM_MEMFD_HUGETLB, .holders = 8, .by = { [BY_RING] = 4, [BY_CHILD] = 4 },
};

FIXTURE_VARIANT_ADD(truth, forks)
{
	.mem = MEM_ANON, .holders = 6, .by = { [BY_RING] = 5, [BY_UMEM] = 2, [BY_GUP_TEST] = 1 },
	.fork = true,
};

static size_t folio_size(const struct gup_pin_mem *mem)
{
	return (size_t)PAGE_SIZE << mem->order;
}

static void *work(void *arg)
{
	struct holder *holder = arg;

	holder->tid = gettid();
	holder->pinner = holder->tid;
	sem_post(&holder->done);
	for (;;) {
		sem_wait(&holder->go);
		if (!holder->op)
			return NULL;
		holder->op(holder);
		sem_post(&holder->done);
	}
}

static void run(struct holder *holder, void (*op)(struct holder *holder))
{
	holder->op = op;
	holder->err = 0;
	sem_post(&holder->go);
	if (op)
		sem_wait(&holder->done);
}

static const char *give(const struct holder *holder, int *fd)
{
	size_t size = folio_size(holder->mem);

	return gup_pin_device_give_part(devices[holder->kind], holder->mem->fd,
					holder->mem->addr, holder->first * size,
					holder->nr * size, fd);
}

/* Says in a pipe that it pins; then it waits to be killed. */
static void start_child(struct holder *holder)
{
	int ready[2], fd;
	char byte;

	if (pipe(ready)) {
		holder->err = errno;
		return;
	}
	holder->pinner = fork();
	if (!holder->pinner) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (give(holder, &fd) || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	holder->err = holder->pinner < 0 || read(ready[0], &byte, 1) != 1 ? ECHILD : 0;
	close(ready[0]);
}

static void pin(struct holder *holder)
{
	char *addr = holder->mem->addr + holder->first * folio_size(holder->mem);

	holder->pinner = holder->tid;
	if (holder->kind == BY_CHILD) {
		start_child(holder);
	} else if (holder->kind == BY_GUP_TEST) {
		holder->fd = gup_test_open();
		holder->err = holder->fd < 0 ? errno :
			gup_test_hold(holder->fd, addr,
				      holder->nr * folio_size(holder->mem), GUP_TEST_WRITE);
	} else if (give(holder, &holder->fd)) {
		holder->err = EIO;
	}
}

/* By the holder itself, or by another task that has been handed the descriptor. */
static void unpin(struct holder *holder)
{
	switch (holder->kind) {
	case BY_RING:
		holder->err = -uring_unregister(holder->fd);
		break;
	case BY_GUP_TEST:
		holder->err = gup_test_release(holder->fd);
		break;
	case BY_CHILD:
		kill(holder->pinner, SIGKILL);
		waitpid(holder->pinner, NULL, 0);
		break;
	default:
		break;
	}
	close(holder->fd);
	holder->fd = -1;
	holder->nr = 0;
	holder->before = false;
}

/* Memory that is pinned is copied when it is forked, or the child could take it away. */
static const char *let_child_write(const struct gup_pin_mem *mem)
{
	pid_t pid = fork();
	size_t at;

	if (!pid) {
		for (at = 0; at < mem->size; at += PAGE_SIZE)
			mem->addr[at]++;
		_exit(0);
	}
	return pid < 0 || waitpid(pid, NULL, 0) != pid ? "no child" : NULL;
}

/* Pinned, read to, and unpinned when the read has ended. */
static void read_direct(struct holder *holder)
{
	char *addr = holder->mem->addr + holder->first * folio_size(holder->mem);

	if (pread(holder->file, addr, PAGE_SIZE, 0) != PAGE_SIZE)
		holder->err = errno ?: EIO;
}

static void copy(struct holder *holder)
{
	struct iovec from = {
		.iov_base = holder->mem->addr + holder->first * folio_size(holder->mem),
		.iov_len = PAGE_SIZE,
	};
	char page[PAGE_SIZE];
	struct iovec to = { .iov_base = page, .iov_len = PAGE_SIZE };

	if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != PAGE_SIZE)
		holder->err = errno;
}

FIXTURE_SETUP(truth)
{
	const char *missing = gup_pin_missing() ?: gup_pin_mem_missing(variant->mem);
	int ring = uring_open();
	unsigned int i;

	if (!missing && ring < 0)
		missing = "no io_uring (CONFIG_IO_URING)";
	for (i = 0; i < KINDS && !missing; i++)
		if (variant->by[i] && i != BY_GUP_TEST)
			missing = gup_pin_device_missing(devices[i]);
	if (!missing && variant->by[BY_GUP_TEST] && access(GUP_TEST, R_OK | W_OK))
		missing = "no " GUP_TEST " (CONFIG_GUP_TEST)";
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->mem,
				  variant->mem == MEM_MEMFD || variant->mem == MEM_ANON ?
				  FOLIOS * PAGE_SIZE : FOLIOS * SIZE_2M));
	/* A long-term pin moves memory out of CMA and the like: once, before pfns are read. */
	ASSERT_EQ(0, uring_register_one(ring, self->mem.addr, self->mem.size));
	uring_unregister(ring);
	close(ring);
	ASSERT_OK(gup_pin_wait_task(getpid(), 0));
	self->nr = variant->holders;
	for (i = 0; i < self->nr; i++) {
		struct holder *holder = &self->holder[i];

		holder->mem = &self->mem;
		holder->fd = -1;
		/* A device that ends its I/O in an interrupt, if there is one. */
		holder->file = open("/dev/nullb0", O_RDONLY | O_DIRECT);
		ASSERT_EQ(0, sem_init(&holder->go, 0, 0));
		ASSERT_EQ(0, sem_init(&holder->done, 0, 0));
		ASSERT_EQ(0, pthread_create(&holder->thread, NULL, work, holder));
		sem_wait(&holder->done);
	}
}

FIXTURE_TEARDOWN(truth)
{
	unsigned int i;

	for (i = 0; i < self->nr; i++) {
		struct holder *holder = &self->holder[i];

		if (holder->nr)
			unpin(holder);
		run(holder, NULL);
		pthread_join(holder->thread, NULL);
		close(holder->file);
	}
	gup_pin_mem_put(&self->mem);
	if (variant->late)
		gup_pin_write(ENABLE, "1");
}

/* Where in the memory a line's page is; FOLIOS: nowhere. */
static unsigned int folio_of(const struct _test_data_truth *self, unsigned long pfn)
{
	unsigned long mask = ~((1UL << self->mem.order) - 1);
	unsigned int i;

	for (i = 0; i < FOLIOS; i++)
		if (self->pfn[i] == (pfn & mask))
			break;
	return i;
}

static bool holds(const struct holder *holder, unsigned int folio)
{
	return holder->nr && !holder->before && folio >= holder->first &&
	       folio < holder->first + holder->nr;
}

/* What holders have by `pins`: lines on each folio; a huge one may have several. */
static const char *look(struct _test_data_truth *self, unsigned int has[HOLDERS][FOLIOS],
			unsigned int *wrong_exact)
{
	struct gup_pin_lines lines;
	const char *problem = gup_pin_read_pins(&lines);
	unsigned int i, f;
	size_t l;

	memset(has, 0, sizeof(*has) * HOLDERS);
	*wrong_exact = 0;
	/* A page that is not pinned may be copied when it is written to after a fork. */
	for (f = 0; f < FOLIOS; f++)
		self->pfn[f] = gup_pin_pfn_of(0, self->mem.addr + f * folio_size(&self->mem));
	for (l = 0; !problem && l < lines.nr; l++) {
		const struct gup_pin_line *line = &lines.line[l];
		unsigned long step_by = 1UL << line->order, p;

		for (i = 0; i < self->nr; i++)
			if (self->holder[i].pinner == line->pid)
				break;
		for (p = 0; p < line->pages; p += step_by) {
			f = folio_of(self, line->pfn + p);
			if (i == self->nr || f == FOLIOS)
				continue;
			has[i][f] = line->order ? 1 : has[i][f] + 1;
			if (has[i][f] > holds(&self->holder[i], f) &&
			    !strcmp(line->match, "exact"))
				++*wrong_exact;
		}
	}
	gup_pin_free(&lines);
	return problem;
}

/* Of the folios, each holder is to have one pin on those that it has pinned since. */
static const char *compare(struct _test_data_truth *self, unsigned int step, const char *what)
{
	unsigned int has[HOLDERS][FOLIOS], i, f, wrong_exact, waited;
	const char *problem;
	bool wrong;

	if (self->blind)
		return NULL;
	for (waited = 0;; waited += 10) {
		problem = look(self, has, &wrong_exact);
		if (problem)
			return problem;
		wrong = false;
		for (i = 0; i < self->nr; i++)
			for (f = 0; f < FOLIOS; f++)
				wrong |= has[i][f] != holds(&self->holder[i], f);
		if (!wrong || waited >= LATER_MS)
			break;
		gup_pin_msleep(10);
	}
	self->steps++;
	self->wrong += wrong;
	self->wrong_exact += wrong_exact;
	if (wrong && !self->report[0])
		snprintf(self->report, sizeof(self->report), "first wrong after step %u: %s",
			 step, what);
	return NULL;
}

/* Of ten times, how often; KINDS: it pins for a short time. */
static enum kind kind_of(const struct _fixture_variant_truth *variant, unsigned int dice)
{
	unsigned int kind;

	for (kind = 0; kind < KINDS && dice >= variant->by[kind]; kind++)
		dice -= variant->by[kind];
	return kind;
}

static const char *step(struct _test_data_truth *self,
			const struct _fixture_variant_truth *variant, unsigned int *seed,
			unsigned int nr)
{
	struct holder *holder = &self->holder[rand_r(seed) % self->nr];
	struct holder *other = &self->holder[rand_r(seed) % self->nr];
	enum kind kind = kind_of(variant, rand_r(seed) % 10);
	const char *problem;
	char what[80];

	if (variant->fork && !(rand_r(seed) % 8)) {
		problem = let_child_write(&self->mem);
		return problem ?: compare(self, nr, "fork");
	}
	if (holder->nr && rand_r(seed) % 2) {
		snprintf(what, sizeof(what), "unpin of kind %d", holder->kind);
		/* The task that runs it is the holder's, or ours. */
		if (other == holder)
			run(holder, unpin);
		else
			unpin(holder);
		return compare(self, nr, what);
	}
	if (!holder->nr && kind < KINDS) {
		holder->kind = kind;
		/* There is but one set of it in the system. */
		if (holder->kind == BY_GUP_TEST && holder != self->holder)
			return NULL;
		holder->first = rand_r(seed) % FOLIOS;
		holder->nr = 1 + rand_r(seed) % (FOLIOS - holder->first);
		if (self->mem.order && (kind == BY_RING || kind == BY_CHILD))
			holder->nr = 1;
		snprintf(what, sizeof(what), "pin of kind %d", holder->kind);
		run(holder, pin);
	} else if (!holder->nr) {
		holder->first = rand_r(seed) % FOLIOS;
		snprintf(what, sizeof(what), "short pin");
		run(holder, holder->file >= 0 && rand_r(seed) % 2 ? read_direct : copy);
	} else {
		return NULL;
	}
	if (holder->err)
		return gup_pin_problem("%s: %s", what, strerror(holder->err));
	return compare(self, nr, what);
}

TEST_F_TIMEOUT(truth, is_told, 300)
{
	unsigned int seed = 1, i;

	if (variant->late) {
		ASSERT_OK(gup_pin_write(ENABLE, "0"));
		self->blind = true;
		for (i = 0; i < BLIND_STEPS; i++)
			ASSERT_OK(step(self, variant, &seed, i));
		self->blind = false;
		for (i = 0; i < self->nr; i++)
			self->holder[i].before = self->holder[i].nr;
		ASSERT_OK(gup_pin_write(ENABLE, "1"));
	}
	for (i = 0; i < STEPS; i++)
		ASSERT_OK(step(self, variant, &seed, i));
	TH_LOG("%lu of %lu steps wrong, %lu wrong and exact; %s", self->wrong, self->steps,
	       self->wrong_exact, self->report);
	EXPECT_EQ(0, self->wrong_exact);
	EXPECT_LE(self->wrong * 1000,
		  self->steps * (variant->late ? LATE_PER_MILLE : WRONG_PER_MILLE));
	for (i = 0; i < self->nr; i++)
		if (self->holder[i].nr)
			unpin(&self->holder[i]);
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
