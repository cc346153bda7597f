// SPDX-License-Identifier: GPL-2.0
/*
 * Ground truth: tasks pin and unpin shared pages at random, and after each step `pins` is
 * compared with what they hold. What is wrong must say that it is a guess, and be rare.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
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

enum kind { BY_RING, BY_UDMABUF, BY_GUP_TEST };

/**
 * struct holder - a task that pins
 * @thread: the task; waits for work on @go, and posts @done
 * @tid: its id
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
	/* How often of ten times: rings, udmabuf, gup_test; the rest is short. */
	unsigned int ring;
	unsigned int udmabuf;
	unsigned int gup_test;
	bool late;
};

FIXTURE_VARIANT_ADD(truth, rings)
{
	.mem = MEM_MEMFD, .holders = 4, .ring = 10,
};

FIXTURE_VARIANT_ADD(truth, rings_huge)
{
	.mem = MEM_MEMFD_HUGETLB, .holders = 4, .ring = 10,
};

FIXTURE_VARIANT_ADD(truth, udmabufs)
{
	.mem = MEM_MEMFD, .holders = 4, .udmabuf = 10,
};

FIXTURE_VARIANT_ADD(truth, udmabufs_huge)
{
	.mem = MEM_MEMFD_HUGETLB, .holders = 4, .udmabuf = 10,
};

FIXTURE_VARIANT_ADD(truth, short_over_rings)
{
	.mem = MEM_MEMFD, .holders = 4, .ring = 5,
};

FIXTURE_VARIANT_ADD(truth, mixed)
{
	.mem = MEM_MEMFD, .holders = 8, .ring = 4, .udmabuf = 3, .gup_test = 1,
};

FIXTURE_VARIANT_ADD(truth, mixed_huge)
{
	.mem = MEM_MEMFD_HUGETLB, .holders = 8, .ring = 5, .udmabuf = 5,
};

FIXTURE_VARIANT_ADD(truth, late_rings)
{
	.mem = MEM_MEMFD, .holders = 4, .ring = 10, .late = true,
};

FIXTURE_VARIANT_ADD(truth, late_mixed)
{
	.mem = MEM_MEMFD, .holders = 8, .ring = 4, .udmabuf = 3, .gup_test = 1, .late = true,
};

FIXTURE_VARIANT_ADD(truth, late_mixed_huge)
{
	.mem = MEM_MEMFD_HUGETLB, .holders = 8, .ring = 5, .udmabuf = 5, .late = true,
};

static size_t folio_size(const struct gup_pin_mem *mem)
{
	return (size_t)PAGE_SIZE << mem->order;
}

static void *work(void *arg)
{
	struct holder *holder = arg;

	holder->tid = gettid();
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

static void pin(struct holder *holder)
{
	size_t size = folio_size(holder->mem);
	char *addr = holder->mem->addr + holder->first * size;

	switch (holder->kind) {
	case BY_RING:
		holder->fd = uring_open();
		if (holder->fd < 0)
			holder->err = errno;
		else
			holder->err = -uring_register_one(holder->fd, addr, holder->nr * size);
		break;
	case BY_UDMABUF:
		holder->fd = udmabuf_open(holder->mem->fd, holder->first * size,
					  holder->nr * size);
		holder->err = holder->fd < 0 ? errno : 0;
		break;
	default:
		holder->fd = gup_test_open();
		holder->err = holder->fd < 0 ? errno :
			gup_test_hold(holder->fd, addr, holder->nr * size, GUP_TEST_WRITE);
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
	default:
		break;
	}
	close(holder->fd);
	holder->fd = -1;
	holder->nr = 0;
	holder->before = false;
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
	if (!missing && variant->udmabuf && access(UDMABUF, R_OK | W_OK))
		missing = "no " UDMABUF " (CONFIG_UDMABUF)";
	if (!missing && variant->gup_test && access(GUP_TEST, R_OK | W_OK))
		missing = "no " GUP_TEST " (CONFIG_GUP_TEST)";
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->mem,
				  variant->mem == MEM_MEMFD ? FOLIOS * PAGE_SIZE :
				  FOLIOS * SIZE_2M));
	/* Pinned for long, memory is moved out of CMA and the like: once, before we look. */
	ASSERT_EQ(0, uring_register_one(ring, self->mem.addr, self->mem.size));
	uring_unregister(ring);
	close(ring);
	ASSERT_OK(gup_pin_wait_task(getpid(), 0));
	for (i = 0; i < FOLIOS; i++) {
		self->pfn[i] = gup_pin_pfn_of(0, self->mem.addr + i * folio_size(&self->mem));
		ASSERT_NE(0, self->pfn[i]);
	}
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

		if (holder->fd >= 0)
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

/* Of the folios, each holder is to have one pin on those that it has pinned since. */
static const char *compare(struct _test_data_truth *self, unsigned int step, const char *what)
{
	unsigned int has[HOLDERS][FOLIOS] = {}, i, f;
	struct gup_pin_lines lines;
	const char *problem;
	bool wrong = false;
	size_t l;

	if (self->blind)
		return NULL;
	problem = gup_pin_read_task(&lines, getpid());
	for (l = 0; !problem && l < lines.nr; l++) {
		const struct gup_pin_line *line = &lines.line[l];
		unsigned long step_by = 1UL << line->order, p;

		for (i = 0; i < self->nr; i++)
			if (self->holder[i].tid == line->pid)
				break;
		for (p = 0; p < line->pages; p += step_by) {
			f = folio_of(self, line->pfn + p);
			if (i == self->nr || f == FOLIOS)
				continue;
			has[i][f]++;
			if (has[i][f] > holds(&self->holder[i], f) &&
			    !strcmp(line->match, "exact"))
				self->wrong_exact++;
		}
	}
	for (i = 0; !problem && i < self->nr; i++)
		for (f = 0; f < FOLIOS; f++)
			wrong |= has[i][f] != holds(&self->holder[i], f);
	gup_pin_free(&lines);
	self->steps++;
	self->wrong += wrong;
	if (wrong && !self->report[0])
		snprintf(self->report, sizeof(self->report), "first wrong after step %u: %s",
			 step, what);
	return problem;
}

static const char *step(struct _test_data_truth *self,
			const struct _fixture_variant_truth *variant, unsigned int *seed,
			unsigned int nr)
{
	struct holder *holder = &self->holder[rand_r(seed) % self->nr];
	struct holder *other = &self->holder[rand_r(seed) % self->nr];
	unsigned int dice = rand_r(seed) % 10;
	char what[80];

	if (holder->nr && rand_r(seed) % 2) {
		snprintf(what, sizeof(what), "unpin of kind %d", holder->kind);
		/* The task that runs it is the holder's, or ours. */
		if (other == holder)
			run(holder, unpin);
		else
			unpin(holder);
		/* What io_uring and dma-buf have is released a little later. */
		return compare(self, nr, what);
	}
	if (!holder->nr && dice < variant->ring + variant->udmabuf + variant->gup_test) {
		holder->kind = dice < variant->ring ? BY_RING :
			dice < variant->ring + variant->udmabuf ? BY_UDMABUF : BY_GUP_TEST;
		/* There is but one set of it in the system. */
		if (holder->kind == BY_GUP_TEST && holder != self->holder)
			return NULL;
		holder->first = rand_r(seed) % FOLIOS;
		holder->nr = 1 + rand_r(seed) % (FOLIOS - holder->first);
		if (holder->kind == BY_RING && self->mem.order)
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
		if (self->holder[i].fd >= 0)
			unpin(&self->holder[i]);
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
