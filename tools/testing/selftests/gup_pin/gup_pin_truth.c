// SPDX-License-Identifier: GPL-2.0
/*
 * Ground truth: tasks pin and unpin shared pages at random, one at a time or
 * concurrently, and after each step `pins` is compared with what they hold. Mismatches
 * must be marked as guesses, and be rare.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_dm.h"
#include "gup_pin_harness.h"
#include "gup_pin_holder.h"
#include "gup_pin_mem.h"
#include "gup_pin_null.h"
#include "gup_pin_pinners.h"
#include "gup_pin_scarce.h"
#include "gup_pin_shown.h"
#include "gup_pin_tracefs.h"
#include "gup_pin_util.h"

#define STEPS		400
/* Steps before tracking is switched on, in variants that switch it on late. */
#define BLIND_STEPS	40
/* Maximum number of steps in a thousand after which a record is wrong. */
#define WRONG_PER_MILLE	1
#define LATE_PER_MILLE	10
#define ENABLE		GUP_PIN_DIR "/enable"

/* Number of steps that are traced, to check that some releases are in interrupts. */
#define TRACED_STEPS	40

/* Time that the disk takes for I/O, which ends in its timer interrupt; and its size. */
#define IO_MS		1
#define IO_SIZE		SIZE_2M

FIXTURE(truth)
{
	struct gup_pin_base base;
	struct gup_pin_shown shown;
	struct gup_pin_scarce scarce;
	struct gup_pin_null null;
	struct gup_pin_dm dm;
	unsigned long untracked;
	char filter[32];
};

FIXTURE_VARIANT(truth)
{
	enum gup_pin_mem_kind mem;
	unsigned int holders;
	/* Weights out of ten; the remainder is short-term pins. */
	unsigned int by[KINDS];
	bool late;
	/* Occasionally a child gets a copy of all memory, and writes to it. */
	bool fork;
	/* All holders act concurrently, each on its own CPU. */
	bool at_once;
	/* Short-term pins are for I/O that ends in interrupts on any CPU. */
	bool interrupts;
	enum gup_pin_scarce_kind scarce;
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

FIXTURE_VARIANT_ADD(truth, forks_thp)
{
	.mem = MEM_THP, .holders = 6, .by = { [BY_RING] = 4, [BY_UMEM] = 2, [BY_GUP_TEST] = 2 },
	.fork = true,
};

FIXTURE_VARIANT_ADD(truth, forks_huge)
{
	.mem = MEM_HUGETLB, .holders = 6,
	.by = { [BY_RING] = 4, [BY_UMEM] = 2, [BY_GUP_TEST] = 2 }, .fork = true,
};

FIXTURE_VARIANT_ADD(truth, at_once)
{
	.mem = MEM_MEMFD, .holders = 8,
	.by = { [BY_RING] = 3, [BY_UDMABUF] = 2, [BY_UMEM] = 1, [BY_IOMMU] = 1, [BY_GUP_TEST] = 1 },
	.at_once = true,
};

FIXTURE_VARIANT_ADD(truth, at_once_huge)
{
	.mem = MEM_MEMFD_HUGETLB, .holders = 8,
	.by = { [BY_RING] = 3, [BY_UDMABUF] = 2, [BY_UMEM] = 1, [BY_IOMMU] = 2 }, .at_once = true,
};

FIXTURE_VARIANT_ADD(truth, at_once_killed)
{
	.mem = MEM_MEMFD, .holders = 8, .by = { [BY_RING] = 4, [BY_CHILD] = 4 }, .at_once = true,
};

FIXTURE_VARIANT_ADD(truth, at_once_forks)
{
	.mem = MEM_ANON, .holders = 6, .by = { [BY_RING] = 5, [BY_UMEM] = 2, [BY_GUP_TEST] = 1 },
	.fork = true, .at_once = true,
};

FIXTURE_VARIANT_ADD(truth, late_at_once)
{
	.mem = MEM_MEMFD, .holders = 8,
	.by = { [BY_RING] = 4, [BY_UDMABUF] = 3, [BY_GUP_TEST] = 1 }, .late = true, .at_once = true,
};

FIXTURE_VARIANT_ADD(truth, late_at_once_huge)
{
	.mem = MEM_MEMFD_HUGETLB, .holders = 8, .by = { [BY_RING] = 4, [BY_UDMABUF] = 4 },
	.late = true, .at_once = true,
};

FIXTURE_VARIANT_ADD(truth, interrupts)
{
	.mem = MEM_MEMFD, .holders = 8, .by = { [BY_RING] = 3, [BY_UDMABUF] = 2 },
	.at_once = true, .interrupts = true,
};

FIXTURE_VARIANT_ADD(truth, interrupts_huge)
{
	.mem = MEM_MEMFD_HUGETLB, .holders = 8, .by = { [BY_RING] = 3, [BY_UDMABUF] = 2 },
	.at_once = true, .interrupts = true,
};

FIXTURE_VARIANT_ADD(truth, late_interrupts)
{
	.mem = MEM_MEMFD, .holders = 8, .by = { [BY_RING] = 3, [BY_UDMABUF] = 2 },
	.late = true, .at_once = true, .interrupts = true,
};

FIXTURE_VARIANT_ADD(truth, scarce)
{
	.mem = MEM_MEMFD, .holders = 8,
	.by = { [BY_RING] = 3, [BY_UDMABUF] = 3, [BY_GUP_TEST] = 1 }, .scarce = SCARCE_SLAB,
};

FIXTURE_VARIANT_ADD(truth, scarce_huge)
{
	.mem = MEM_MEMFD_HUGETLB, .holders = 8, .by = { [BY_RING] = 4, [BY_UDMABUF] = 4 },
	.scarce = SCARCE_SLAB,
};

FIXTURE_VARIANT_ADD(truth, scarce_devices)
{
	.mem = MEM_MEMFD, .holders = 8,
	.by = { [BY_RING] = 2, [BY_UDMABUF] = 2, [BY_UMEM] = 2, [BY_IOMMU] = 2 },
	.scarce = SCARCE_SLAB,
};

FIXTURE_VARIANT_ADD(truth, scarce_devices_huge)
{
	.mem = MEM_MEMFD_HUGETLB, .holders = 8,
	.by = { [BY_RING] = 3, [BY_UDMABUF] = 2, [BY_UMEM] = 2, [BY_IOMMU] = 3 },
	.scarce = SCARCE_SLAB,
};

FIXTURE_VARIANT_ADD(truth, late_scarce_huge)
{
	.mem = MEM_MEMFD_HUGETLB, .holders = 8, .by = { [BY_RING] = 4, [BY_UDMABUF] = 4 },
	.scarce = SCARCE_SLAB, .late = true,
};

FIXTURE_VARIANT_ADD(truth, scarce_at_once)
{
	.mem = MEM_MEMFD, .holders = 8,
	.by = { [BY_RING] = 3, [BY_UDMABUF] = 3, [BY_GUP_TEST] = 1 },
	.scarce = SCARCE_SLAB, .at_once = true,
};

FIXTURE_VARIANT_ADD(truth, bound)
{
	.mem = MEM_MEMFD, .holders = 8,
	.by = { [BY_RING] = 3, [BY_UDMABUF] = 3, [BY_GUP_TEST] = 1 }, .scarce = SCARCE_BOUND,
};

static bool is_small(enum gup_pin_mem_kind kind)
{
	return kind == MEM_MEMFD || kind == MEM_ANON;
}

static const char *missing(const struct _fixture_variant_truth *variant)
{
	const char *problem = gup_pin_missing() ?: gup_pin_mem_missing(variant->mem) ?:
		gup_pin_holder_missing(BY_RING) ?: gup_pin_scarce_missing(variant->scarce);
	unsigned int i;

	for (i = 0; i < KINDS && !problem; i++)
		if (variant->by[i])
			problem = gup_pin_holder_missing(i);
	if (!problem && variant->interrupts)
		problem = gup_pin_null_missing() ?: gup_pin_dm_missing() ?:
			gup_pin_tracefs_missing();
	return problem;
}

/* Writes end on the CPU of the writer, reads on that of the thread that delays them. */
static const char *get_disk(struct gup_pin_null *null, struct gup_pin_dm *dm)
{
	const char *problem = gup_pin_null_create(null, IO_MS);
	char path[40];

	if (problem)
		return problem;
	snprintf(path, sizeof(path), "/dev%s", strrchr(null->dir, '/'));
	return gup_pin_dm_create_over(dm, path, IO_SIZE) ?: gup_pin_dm_delay(dm, IO_MS);
}

static const char *get_memory(struct gup_pin_mem *mem,
			      const struct _fixture_variant_truth *variant)
{
	size_t size = FOLIOS * (is_small(variant->mem) ? PAGE_SIZE : SIZE_2M);
	const char *problem = NULL;

	/* A child needs as many pages again. */
	if (variant->fork && variant->mem == MEM_HUGETLB)
		problem = gup_pin_mem_want_hugepages(2 * size);
	return problem ?: gup_pin_mem_get(mem, variant->mem, size) ?:
		gup_pin_mem_settle(mem);
}

FIXTURE_SETUP(truth)
{
	struct gup_pin_shown *shown = &self->shown;
	const char *problem = missing(variant);
	unsigned int i;

	if (problem)
		SKIP(return, "%s", problem);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_read_stat("untracked_total", &self->untracked));
	ASSERT_OK(get_memory(&shown->mem, variant));
	ASSERT_OK(gup_pin_scarce_begin(&self->scarce, variant->scarce));
	shown->scarce = variant->scarce;
	if (variant->scarce == SCARCE_BOUND) {
		snprintf(self->filter, sizeof(self->filter), "task=%d", getpid());
		shown->filter = self->filter;
	}
	if (variant->interrupts) {
		ASSERT_OK(gup_pin_tracefs_begin());
		ASSERT_OK(get_disk(&self->null, &self->dm));
	}
	for (i = 0; i < variant->holders; i++, shown->nr++) {
		struct gup_pin_holder *holder = &shown->holder[i];

		holder->mem = &shown->mem;
		holder->cpu = variant->at_once ? i % 2 : -1;
		holder->file = open(variant->interrupts ? self->dm.dev : "/dev/nullb0",
				    O_RDWR | O_DIRECT | O_CLOEXEC);
		ASSERT_OK(gup_pin_holder_start(holder));
	}
}

FIXTURE_TEARDOWN(truth)
{
	unsigned int i;

	for (i = 0; i < self->shown.nr; i++) {
		gup_pin_holder_end(&self->shown.holder[i]);
		close(self->shown.holder[i].file);
	}
	gup_pin_scarce_end(&self->scarce);
	/* A failed test's rings must not be counted as pins of the next one. */
	gup_pin_wait_task(getpid(), 0);
	gup_pin_mem_put(&self->shown.mem);
	if (variant->interrupts) {
		gup_pin_dm_remove(&self->dm);
		gup_pin_null_remove(&self->null);
		gup_pin_tracefs_end();
	}
	if (variant->late)
		gup_pin_write(ENABLE, "1");
}

/* Pinned memory is copied by fork(); otherwise the child's write could replace it. */
static const char *let_child_write(const struct gup_pin_mem *mem)
{
	pid_t pid = fork();
	int status;
	size_t at;

	if (!pid) {
		/* Some pages of each huge page. */
		for (at = 0; at < mem->size; at += PAGE_SIZE << (mem->order / 2))
			mem->addr[at]++;
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return gup_pin_problem("no child: %s", strerror(errno));
	return status ? gup_pin_problem("a child ended with 0x%x", status) : NULL;
}

/* Replaces huge pages that were split for a child, and are not pinned, by new ones. */
static const char *renew(const struct gup_pin_shown *shown)
{
	char *addr = shown->mem.addr;
	unsigned int f, i;

	for (f = 0; f < FOLIOS; f++, addr += SIZE_2M) {
		for (i = 0; i < shown->nr && !gup_pin_shown_holds(shown, i, f); i++)
			;
		if (i < shown->nr)
			continue;
		if (madvise(addr, SIZE_2M, MADV_DONTNEED))
			return gup_pin_problem("MADV_DONTNEED: %s", strerror(errno));
		*addr = 1;
	}
	return NULL;
}

/* Chooses a kind by its weight; KINDS: a short-term pin. */
static enum gup_pin_holder_kind kind_of(const struct _fixture_variant_truth *variant,
					unsigned int dice)
{
	unsigned int kind;

	for (kind = 0; kind < KINDS && dice >= variant->by[kind]; kind++)
		dice -= variant->by[kind];
	return kind;
}

typedef void (*op_fn)(struct gup_pin_holder *holder);

static op_fn short_op(const struct _fixture_variant_truth *variant,
		      const struct gup_pin_holder *holder, unsigned int dice)
{
	if (holder->file < 0 || (!variant->interrupts && dice % 2))
		return gup_pin_holder_copy;
	return dice % 4 < 2 ? gup_pin_holder_read : gup_pin_holder_write;
}

/* Returns the next operation of a holder, or NULL. */
static op_fn plan(struct gup_pin_shown *shown, const struct _fixture_variant_truth *variant,
		  struct gup_pin_holder *holder, unsigned int *seed)
{
	enum gup_pin_holder_kind kind = kind_of(variant, rand_r(seed) % 10);

	if (holder->nr)
		return rand_r(seed) % 2 ? gup_pin_holder_unpin : NULL;
	/* There is only one set in the system. */
	if (kind == BY_GUP_TEST && holder != shown->holder)
		return NULL;
	holder->first = rand_r(seed) % FOLIOS;
	holder->nr = 1 + rand_r(seed) % (FOLIOS - holder->first);
	if (kind == KINDS)
		return short_op(variant, holder, rand_r(seed));
	holder->kind = kind;
	if (shown->mem.order && (kind == BY_RING || kind == BY_CHILD))
		holder->nr = 1;
	return gup_pin_holder_pin;
}

static const char *result_of(const struct gup_pin_holder *holder)
{
	return holder->err ? gup_pin_problem("holder of kind %d: %s", holder->kind,
					     strerror(holder->err)) : NULL;
}

/* One holder acts; its pins may be released by another task. */
static const char *step(struct _test_data_truth *self,
			const struct _fixture_variant_truth *variant, unsigned int *seed,
			unsigned int nr)
{
	struct gup_pin_shown *shown = &self->shown;
	struct gup_pin_holder *holder = &shown->holder[rand_r(seed) % shown->nr];
	struct gup_pin_holder *other = &shown->holder[rand_r(seed) % shown->nr];
	const char *problem;
	char what[80];
	op_fn op;

	if (variant->fork && !(rand_r(seed) % 8)) {
		problem = let_child_write(&shown->mem);
		if (!problem && shown->mem.kind == MEM_THP)
			problem = renew(shown);
		return problem ?: gup_pin_shown_compare(shown, nr, "fork");
	}
	op = plan(shown, variant, holder, seed);
	if (!op)
		return NULL;
	snprintf(what, sizeof(what), "%s of kind %d", op == gup_pin_holder_unpin ? "unpin" :
		 op == gup_pin_holder_pin ? "pin" : "short pin", holder->kind);
	if (op == gup_pin_holder_unpin && other != holder) {
		op(holder);
	} else {
		gup_pin_holder_begin(holder, op);
		gup_pin_holder_wait(holder);
	}
	return result_of(holder) ?: gup_pin_shown_compare(shown, nr, what);
}

/* All holders act concurrently, and so may a child. */
static const char *round_of_all(struct _test_data_truth *self,
				const struct _fixture_variant_truth *variant,
				unsigned int *seed, unsigned int nr)
{
	struct gup_pin_shown *shown = &self->shown;
	bool fork = variant->fork && !(rand_r(seed) % 4);
	unsigned int i, busy = 0;
	const char *problem = NULL;
	pthread_barrier_t meet;
	op_fn op[HOLDERS];
	char what[80];

	for (i = 0; i < shown->nr; i++) {
		op[i] = plan(shown, variant, &shown->holder[i], seed);
		busy += !!op[i];
	}
	if (!busy)
		return NULL;
	snprintf(what, sizeof(what), "%u at once%s", busy, fork ? ", and a fork" : "");
	pthread_barrier_init(&meet, NULL, busy);
	for (i = 0; i < shown->nr; i++) {
		shown->holder[i].meet = &meet;
		if (op[i])
			gup_pin_holder_begin(&shown->holder[i], op[i]);
	}
	if (fork)
		problem = let_child_write(&shown->mem);
	for (i = 0; i < shown->nr; i++) {
		if (op[i])
			gup_pin_holder_wait(&shown->holder[i]);
		shown->holder[i].meet = NULL;
		problem = problem ?: result_of(&shown->holder[i]);
	}
	pthread_barrier_destroy(&meet);
	return problem ?: gup_pin_shown_compare(shown, nr, what);
}

/* The traced releases must include some in interrupts, also on the other CPU. */
static const char *check_interrupts(const struct gup_pin_shown *shown)
{
	unsigned long interrupts = 0, elsewhere = 0;
	struct gup_pin_events events;
	const char *problem = gup_pin_tracefs_switch(EVENT_RELEASE, false) ?:
		gup_pin_tracefs_read(&events);
	unsigned int i;
	size_t e;

	if (problem)
		return problem;
	for (e = 0; e < events.nr; e++) {
		const struct gup_pin_event *event = &events.event[e];

		for (i = 0; i < shown->nr; i++)
			if (event->interrupt && event->pid == shown->holder[i].tid)
				break;
		if (i == shown->nr)
			continue;
		interrupts++;
		elsewhere += event->cpu != shown->holder[i].cpu;
	}
	gup_pin_tracefs_free(&events);
	ksft_print_msg("%lu releases in interrupts, %lu on another CPU\n", interrupts,
		       elsewhere);
	return interrupts > elsewhere && elsewhere ? NULL : "the interrupts are of one kind";
}

static const char *next(struct _test_data_truth *self,
			const struct _fixture_variant_truth *variant, unsigned int *seed,
			unsigned int nr)
{
	return variant->at_once ? round_of_all(self, variant, seed, nr) :
		step(self, variant, seed, nr);
}

TEST_F_TIMEOUT(truth, is_told, 600)
{
	struct gup_pin_shown *shown = &self->shown;
	unsigned long untracked;
	unsigned int seed = 1, i;

	if (variant->late) {
		ASSERT_OK(gup_pin_write(ENABLE, "0"));
		shown->blind = true;
		for (i = 0; i < BLIND_STEPS; i++)
			ASSERT_OK(next(self, variant, &seed, i));
		ASSERT_OK(gup_pin_shown_switch_on(shown));
	}
	if (variant->interrupts)
		ASSERT_OK(gup_pin_tracefs_switch(EVENT_RELEASE, true));
	for (i = 0; i < STEPS; i++) {
		ASSERT_OK(next(self, variant, &seed, i));
		if (variant->interrupts && i == TRACED_STEPS)
			ASSERT_OK(check_interrupts(shown));
	}
	TH_LOG("%lu of %lu steps wrong, %lu wrong and exact; %s", shown->wrong, shown->steps,
	       shown->wrong_exact, shown->report);
	EXPECT_EQ(0, shown->wrong_exact);
	EXPECT_LE(shown->wrong * 1000,
		  shown->steps * (variant->late ? LATE_PER_MILLE : WRONG_PER_MILLE));
	for (i = 0; i < shown->nr; i++)
		if (shown->holder[i].nr)
			gup_pin_holder_unpin(&shown->holder[i]);
	gup_pin_scarce_end(&self->scarce);
	ASSERT_OK(gup_pin_end(&self->base));
	ASSERT_OK(gup_pin_read_stat("untracked_total", &untracked));
	if (variant->scarce) {
		TH_LOG("%lu pins were not recorded", untracked - self->untracked);
		EXPECT_LT(self->untracked, untracked);
	} else {
		EXPECT_EQ(self->untracked, untracked);
	}
}

TEST_HARNESS_MAIN
