// SPDX-License-Identifier: GPL-2.0
/*
 * Recording a pin without memory. The N-th allocation of the pinning call fails, for
 * all N: the pin succeeds anyway, is counted as untracked if it could not be recorded,
 * and its release is never an error.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

#define FAILSLAB	"/sys/kernel/debug/failslab/"
#define FAIL_NTH	"/proc/thread-self/fail-nth"

FIXTURE(failslab)
{
	struct gup_pin_base base;
	int fd;
	int ring;
	int fail_nth;
};

FIXTURE_VARIANT(failslab)
{
	enum gup_pin_mem_kind kind;
	size_t size;
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(failslab, slow)
{
	.kind = MEM_ANON,
	.size = 256 * PAGE_SIZE,
	.flags = GUP_TEST_WRITE,
};

FIXTURE_VARIANT_ADD(failslab, fast)
{
	.kind = MEM_ANON,
	.size = 256 * PAGE_SIZE,
	.flags = GUP_TEST_WRITE | GUP_TEST_FAST,
};

FIXTURE_VARIANT_ADD(failslab, one_page)
{
	.kind = MEM_ANON,
	.size = PAGE_SIZE,
	.flags = GUP_TEST_FAST,
};

FIXTURE_VARIANT_ADD(failslab, thp)
{
	.kind = MEM_THP,
	.size = SIZE_2M,
	.flags = GUP_TEST_WRITE,
};

FIXTURE_SETUP(failslab)
{
	const char *missing = gup_pin_missing() ?: gup_test_missing() ?:
		gup_pin_mem_missing(variant->kind);

	if (missing)
		SKIP(return, "%s", missing);
	if (access(FAILSLAB, F_OK))
		SKIP(return, "no " FAILSLAB " (CONFIG_FAILSLAB, CONFIG_FAULT_INJECTION_DEBUG_FS)");
	self->fd = gup_test_open();
	ASSERT_LE(0, self->fd);
	self->ring = uring_open();
	ASSERT_LE(0, self->ring);
	self->fail_nth = open(FAIL_NTH, O_RDWR);
	ASSERT_LE(0, self->fail_nth);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_write(FAILSLAB "ignore-gfp-wait", "N"));
	ASSERT_OK(gup_pin_write(FAILSLAB "verbose", "0"));
}

FIXTURE_TEARDOWN(failslab)
{
	close(self->fail_nth);
	close(self->fd);
	close(self->ring);
	gup_pin_write(FAILSLAB "ignore-gfp-wait", "Y");
	gup_pin_write(FAILSLAB "verbose", "2");
}

static void arm(int fail_nth, unsigned int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	if (pwrite(fail_nth, text, strlen(text), 0) < 0)
		perror(FAIL_NTH);
}

/* Returns whether the N-th allocation was reached, and thus failed. */
static bool disarm(int fail_nth)
{
	char text[16] = "";

	if (pread(fail_nth, text, sizeof(text) - 1, 0) <= 0)
		return false;
	arm(fail_nth, 0);
	return atoi(text) == 0;
}

/*
 * Pins with the N-th allocation failing. Checks that each page is either in a line or
 * counted as untracked; *untracked grows by the latter.
 */
static const char *check_held(const struct gup_pin_base *base, const char *api,
			      unsigned long npages, unsigned long *untracked)
{
	struct gup_pin_stats stats;
	struct gup_pin_verify verify;
	struct gup_pin_lines lines;
	const char *problem;
	unsigned long recorded;

	problem = gup_pin_read_stats(&stats) ?: gup_pin_read_verify(&verify) ?:
		gup_pin_read_task(&lines, getpid());
	if (problem)
		return problem;
	gup_pin_only_api(&lines, api);
	recorded = gup_pin_sum_pins(&lines);
	gup_pin_free(&lines);
	if (recorded > npages)
		return gup_pin_problem("%lu pins in lines, %lu taken", recorded, npages);
	if (stats.untracked - base->stats.untracked != npages - recorded)
		return gup_pin_problem("%lu of %lu pins recorded, %lu untracked",
				       recorded, npages,
				       stats.untracked - base->stats.untracked);
	*untracked += npages - recorded;
	return NULL;
}

/*
 * Each round uses other memory, so that the index needs new nodes; in every second
 * round the pages are already pinned, so that there must be room for two calls.
 */
TEST_F(failslab, each_allocation)
{
	const char *api = variant->flags & GUP_TEST_FAST ? "pin_user_pages_fast" :
		"pin_user_pages";
	unsigned int n, refused = 0, held = 0, end = 0, waited = 0;
	unsigned long npages = variant->size / PAGE_SIZE, untracked = 0;
	struct gup_pin_mem mem;
	bool failed, twice;
	int ret;

	for (n = 1; n < 200 && end < 4; n++) {
		ASSERT_OK(gup_pin_mem_get(&mem, variant->kind, variant->size));
		twice = n & 1 && !(variant->flags & GUP_TEST_FAST);
		if (twice)
			ASSERT_EQ(0, uring_register_one(self->ring, mem.addr, mem.size));
		/* Nothing failed, but a page could not be moved: that says nothing. */
		do {
			arm(self->fail_nth, (n + 1) / 2);
			ret = gup_test_hold_once(self->fd, mem.addr, mem.size, variant->flags);
			failed = disarm(self->fail_nth);
		} while (ret == -ENOMEM && !failed && gup_pin_patience(&waited));
		end = failed ? 0 : end + 1;
		if (ret) {
			/* The device itself or a page table failed, so there is no pin. */
			EXPECT_EQ(-ENOMEM, ret);
			EXPECT_TRUE(failed);
			refused++;
		} else {
			ASSERT_OK(check_held(&self->base, api, npages, &untracked));
			held++;
			if (n % 16 == 0 && gup_pin_on_since_boot())
				ASSERT_OK(gup_pin_check_vmstat());
			ASSERT_EQ(0, gup_test_release(self->fd));
		}
		if (twice)
			ASSERT_EQ(0, uring_unregister(self->ring));
		gup_pin_mem_put(&mem);
		ASSERT_OK(gup_pin_wait_live(self->base.stats.live_pins));
		ASSERT_OK(gup_pin_check_no_lines(getpid()));
		if (n % 16 == 0)
			ASSERT_OK(gup_pin_check_at_rest(&self->base));
	}
	TH_LOG("%u allocations failed in turn: %u calls refused, %u held, %lu pins untracked",
	       (n - 1) / 2, refused, held, untracked);
	EXPECT_NE(0, held);
	EXPECT_NE(0, untracked);
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Many pins while some of all allocations fail. */
TEST_F(failslab, some_allocations)
{
	const char *api = variant->flags & GUP_TEST_FAST ? "pin_user_pages_fast" :
		"pin_user_pages";
	unsigned long npages = variant->size / PAGE_SIZE, untracked = 0;
	struct gup_pin_mem mem;
	int round, ret, held = 0;

	ASSERT_OK(gup_pin_write(FAILSLAB "task-filter", "Y"));
	ASSERT_OK(gup_pin_write(FAILSLAB "probability", "30"));
	ASSERT_OK(gup_pin_write(FAILSLAB "interval", "1"));
	for (round = 0; round < 40; round++) {
		ASSERT_OK(gup_pin_mem_get(&mem, variant->kind, variant->size));
		ASSERT_OK(gup_pin_write(FAILSLAB "times", "-1"));
		ASSERT_OK(gup_pin_write("/proc/self/make-it-fail", "1"));
		ret = gup_test_hold_once(self->fd, mem.addr, mem.size, variant->flags);
		/* Opening this file may fail, too, until the budget is used up. */
		while (gup_pin_write(FAILSLAB "times", "0"))
			;
		ASSERT_OK(gup_pin_write("/proc/self/make-it-fail", "0"));
		if (!ret) {
			ASSERT_OK(check_held(&self->base, api, npages, &untracked));
			held++;
			ASSERT_EQ(0, gup_test_release(self->fd));
		}
		gup_pin_mem_put(&mem);
	}
	ASSERT_OK(gup_pin_write(FAILSLAB "probability", "0"));
	ASSERT_OK(gup_pin_write(FAILSLAB "task-filter", "N"));
	TH_LOG("%d of 40 calls held, %lu pins untracked", held, untracked);
	EXPECT_NE(0, held);
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
