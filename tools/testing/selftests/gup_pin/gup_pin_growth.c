// SPDX-License-Identifier: GPL-2.0
/*
 * acquired= and peak= of `stacks` distinguish a busy stack from a leaking one. Switches
 * tracking off and on, which changes the numbers since boot.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

#define NPAGES	64
#define MANY	10

struct grower {
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	int ring[MANY];
};

FIXTURE(growth)
{
	struct grower at;
};

/*
 * A call that gets a part of the pages, and fails as another cannot be moved, would be
 * counted. One by one they are moved without a peak; each of these pins is counted once.
 */
static int settle(struct grower *at, unsigned int ring, unsigned int npages)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < npages; i++)
		ret = uring_register_one(at->ring[ring], at->mem.addr + i * PAGE_SIZE,
					 PAGE_SIZE) ?: uring_unregister(at->ring[ring]);
	return ret;
}

FIXTURE_SETUP(growth)
{
	const char *missing = gup_pin_missing() ?: uring_missing();
	unsigned int i;

	if (missing)
		SKIP(return, "%s", missing);
	for (i = 0; i < MANY; i++) {
		self->at.ring[i] = uring_open();
		ASSERT_LE(0, self->at.ring[i]);
	}
	ASSERT_OK(gup_pin_begin(&self->at.base));
	ASSERT_OK(gup_pin_mem_get(&self->at.mem, MEM_ANON, 2 * NPAGES * PAGE_SIZE));
	ASSERT_EQ(0, settle(&self->at, 0, 2 * NPAGES));
}

FIXTURE_TEARDOWN(growth)
{
	unsigned int i;

	for (i = 0; i < MANY; i++)
		close(self->at.ring[i]);
	gup_pin_mem_put(&self->at.mem);
	gup_pin_write(GUP_PIN_DIR "/enable", "1");
}

/* Gets the record of the stack with which this process, or pid, pinned. */
static const char *read_stack(pid_t pid, struct gup_pin_stack *out)
{
	struct gup_pin_stacks stacks;
	struct gup_pin_lines lines;
	unsigned long handle = 0;
	const char *problem;
	size_t i;

	problem = gup_pin_read_task(&lines, pid);
	if (problem)
		return problem;
	if (lines.nr)
		handle = lines.line->stack;
	for (i = 0; i < lines.nr; i++)
		if (lines.line[i].stack != handle)
			problem = gup_pin_problem("pins of several stacks");
	gup_pin_free(&lines);
	if (!problem && !handle)
		problem = gup_pin_problem("task %d has no pins", pid);
	if (!problem)
		problem = gup_pin_read_stacks(&stacks);
	if (problem)
		return problem;
	problem = gup_pin_problem("stack 0x%lx is not in stacks", handle);
	for (i = 0; i < stacks.nr; i++) {
		if (stacks.stack[i].stack != handle)
			continue;
		*out = stacks.stack[i];
		problem = NULL;
	}
	free(stacks.stack);
	return problem;
}

static unsigned long max(unsigned long a, unsigned long b)
{
	return a > b ? a : b;
}

static const char *check(unsigned long pins, unsigned long calls, unsigned long acquired,
			 unsigned long peak)
{
	struct gup_pin_stack now;
	const char *problem = read_stack(getpid(), &now);

	if (!problem && (now.pins != pins || now.calls != calls ||
			 now.acquired != acquired || now.peak != peak))
		problem = gup_pin_problem("%lu pins, %lu calls, %lu and %lu, not %lu %lu %lu %lu",
					  now.pins, now.calls, now.acquired, now.peak,
					  pins, calls, acquired, peak);
	return problem;
}

static int pin(struct grower *at, unsigned int ring, unsigned int npages)
{
	return uring_register_one(at->ring[ring], at->mem.addr, npages * PAGE_SIZE);
}

static int pin_others(struct grower *at, unsigned int ring, unsigned int npages)
{
	return uring_register_one(at->ring[ring], at->mem.addr + NPAGES * PAGE_SIZE,
				  npages * PAGE_SIZE);
}

/* A leaking stack has acquired as many pins as it holds. */
TEST_F(growth, leak)
{
	struct gup_pin_stack first;
	unsigned int i;

	ASSERT_EQ(0, pin(&self->at, 0, 1));
	ASSERT_OK(read_stack(getpid(), &first));
	EXPECT_EQ(1, first.pins);
	for (i = 1; i < MANY; i++) {
		ASSERT_EQ(0, pin(&self->at, i, 1));
		ASSERT_OK(check(i + 1, i + 1, first.acquired + i, max(first.peak, i + 1)));
	}
	for (i = 0; i < MANY; i++)
		ASSERT_EQ(0, uring_unregister(self->at.ring[i]));
	ASSERT_OK(gup_pin_end(&self->at.base));
}

/* A busy stack holds few pins at a time, and has acquired many. */
TEST_F(growth, busy)
{
	struct gup_pin_stack first;
	unsigned int i;

	ASSERT_EQ(0, pin(&self->at, 0, 1));
	ASSERT_OK(read_stack(getpid(), &first));
	for (i = 1; i <= MANY; i++) {
		ASSERT_EQ(0, pin(&self->at, 1, 3));
		ASSERT_OK(check(4, 2, first.acquired + 3 * i, max(first.peak, 4)));
		ASSERT_EQ(0, uring_unregister(self->at.ring[1]));
		ASSERT_OK(check(1, 1, first.acquired + 3 * i, max(first.peak, 4)));
	}
	ASSERT_EQ(0, uring_unregister(self->at.ring[0]));
	ASSERT_OK(gup_pin_end(&self->at.base));
}

/* The peak is kept, even if the file was not read at the time. */
TEST_F(growth, peak)
{
	struct gup_pin_stack first;

	ASSERT_EQ(0, pin(&self->at, 0, 1));
	ASSERT_OK(read_stack(getpid(), &first));
	ASSERT_EQ(0, pin(&self->at, 1, NPAGES));
	ASSERT_EQ(0, pin(&self->at, 2, NPAGES));
	ASSERT_EQ(0, uring_unregister(self->at.ring[1]));
	ASSERT_EQ(0, uring_unregister(self->at.ring[2]));
	ASSERT_OK(check(1, 1, first.acquired + 2 * NPAGES, max(first.peak, 2 * NPAGES + 1)));
	/* A lower number of pins does not raise it. */
	ASSERT_EQ(0, pin(&self->at, 1, NPAGES));
	ASSERT_OK(check(NPAGES + 1, 2, first.acquired + 3 * NPAGES,
			max(first.peak, 2 * NPAGES + 1)));
	ASSERT_EQ(0, uring_unregister(self->at.ring[1]));
	ASSERT_EQ(0, uring_unregister(self->at.ring[0]));
	ASSERT_OK(gup_pin_end(&self->at.base));
}

/* The same if each pin is a call of its own. */
TEST_F(growth, single_pages)
{
	struct iovec iov[NPAGES];
	struct gup_pin_stack first;
	unsigned int i;

	ASSERT_EQ(0, pin_others(&self->at, 0, 1));
	ASSERT_OK(read_stack(getpid(), &first));
	for (i = 0; i < NPAGES; i++) {
		iov[i].iov_base = self->at.mem.addr + i * PAGE_SIZE;
		iov[i].iov_len = PAGE_SIZE;
	}
	for (i = 1; i <= NPAGES; i += NPAGES / 4) {
		ASSERT_EQ(0, uring_register(self->at.ring[1], iov, i));
		ASSERT_EQ(0, uring_unregister(self->at.ring[1]));
		ASSERT_EQ(0, uring_register(self->at.ring[1], iov, 1));
		first.acquired += i + 1;
		ASSERT_OK(check(2, 2, first.acquired, max(first.peak, i + 1)));
		ASSERT_EQ(0, uring_unregister(self->at.ring[1]));
	}
	ASSERT_EQ(0, uring_unregister(self->at.ring[0]));
	ASSERT_OK(gup_pin_end(&self->at.base));
}

/* The peak of all tasks together is kept when one of them releases its pins. */
TEST_F(growth, tasks_at_once)
{
	struct gup_pin_stack first;
	unsigned int i;
	int status;

	ASSERT_EQ(0, pin(&self->at, 0, 1));
	ASSERT_OK(read_stack(getpid(), &first));
	for (i = 1; i <= 2; i++) {
		pid_t child = fork();

		ASSERT_LE(0, child);
		/* It gets copies of the pages. */
		if (!child)
			_exit(settle(&self->at, i, NPAGES) || pin(&self->at, i, NPAGES));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		ASSERT_EQ(0, status);
	}
	first.acquired += 2 * 2 * NPAGES;
	first.peak = max(first.peak, 2 * NPAGES + 1);
	ASSERT_OK(check(2 * NPAGES + 1, 3, first.acquired, first.peak));
	ASSERT_EQ(0, uring_unregister(self->at.ring[2]));
	ASSERT_OK(check(NPAGES + 1, 2, first.acquired, first.peak));
	ASSERT_EQ(0, uring_unregister(self->at.ring[1]));
	ASSERT_OK(check(1, 1, first.acquired, first.peak));
	ASSERT_EQ(0, uring_unregister(self->at.ring[0]));
	ASSERT_OK(gup_pin_end(&self->at.base));
}

/* Totals over tasks include those that have ended. */
TEST_F(growth, tasks)
{
	struct gup_pin_stack first, now;
	unsigned int i;
	int status;

	ASSERT_EQ(0, pin(&self->at, 0, 1));
	ASSERT_OK(read_stack(getpid(), &first));
	for (i = 1; i <= 3; i++) {
		pid_t child = fork();

		ASSERT_LE(0, child);
		if (!child)
			_exit(settle(&self->at, 1, 8) || pin(&self->at, 1, 8) ||
			      uring_unregister(self->at.ring[1]));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		ASSERT_EQ(0, status);
		ASSERT_OK(check(1, 1, first.acquired + 2 * 8 * i, max(first.peak, 8)));
	}
	/* The ring holds the pin of a task that has ended. */
	if (!fork())
		_exit(!!pin(&self->at, 2, 1));
	wait(&status);
	ASSERT_EQ(0, status);
	ASSERT_OK(read_stack(getpid(), &now));
	EXPECT_EQ(2, now.pins);
	EXPECT_EQ(first.acquired + 2 * 8 * 3 + 1, now.acquired);
	ASSERT_EQ(0, uring_unregister(self->at.ring[2]));
	ASSERT_EQ(0, uring_unregister(self->at.ring[0]));
	ASSERT_OK(gup_pin_end(&self->at.base));
}

/* Switching off drops pins, but not what was acquired. */
TEST_F(growth, switched)
{
	struct gup_pin_stack first;

	ASSERT_EQ(0, pin(&self->at, 0, NPAGES));
	ASSERT_OK(read_stack(getpid(), &first));
	ASSERT_OK(gup_pin_write(GUP_PIN_DIR "/enable", "0"));
	ASSERT_EQ(0, pin(&self->at, 1, NPAGES));
	ASSERT_EQ(0, uring_unregister(self->at.ring[1]));
	ASSERT_OK(gup_pin_write(GUP_PIN_DIR "/enable", "1"));
	/* Pins of other pages; an unpin without a record does not decrease anything. */
	ASSERT_EQ(0, pin_others(&self->at, 2, 1));
	ASSERT_OK(check(1, 1, first.acquired + 1, max(first.peak, NPAGES)));
	ASSERT_EQ(0, uring_unregister(self->at.ring[0]));
	ASSERT_EQ(0, pin_others(&self->at, 1, 2));
	ASSERT_OK(check(3, 2, first.acquired + 3, max(first.peak, NPAGES)));
	ASSERT_EQ(0, uring_unregister(self->at.ring[1]));
	ASSERT_EQ(0, uring_unregister(self->at.ring[2]));
	ASSERT_OK(gup_pin_wait_live(0));
}

TEST_HARNESS_MAIN
