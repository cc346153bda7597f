// SPDX-License-Identifier: GPL-2.0
/* Several pins on a folio, several folios in a call, and their holders. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

#define WHO	"pin_user_pages_fast"

FIXTURE(share)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	int ring;
	int other;
};

FIXTURE_SETUP(share)
{
	const char *missing = gup_pin_missing() ?: uring_missing();

	if (missing)
		SKIP(return, "%s", missing);
	self->ring = uring_open();
	self->other = uring_open();
	ASSERT_LE(0, self->ring);
	ASSERT_LE(0, self->other);
	ASSERT_OK(gup_pin_begin(&self->base));
}

FIXTURE_TEARDOWN(share)
{
	close(self->ring);
	close(self->other);
	gup_pin_mem_put(&self->mem);
}

/* A child that pins and unpins on request. */
struct helper {
	pid_t pid;
	int to[2];
	int from[2];
};

static const char *helper_start(struct helper *helper, int ring, void *addr, size_t size)
{
	int ret;
	char c;

	if (pipe(helper->to) || pipe(helper->from))
		return gup_pin_problem("pipe: %s", strerror(errno));
	helper->pid = fork();
	if (helper->pid < 0)
		return gup_pin_problem("fork: %s", strerror(errno));
	if (helper->pid) {
		close(helper->to[0]);
		close(helper->from[1]);
		return NULL;
	}
	close(helper->to[1]);
	close(helper->from[0]);
	while (read(helper->to[0], &c, 1) == 1) {
		ret = c == 'p' ? uring_register_one(ring, addr, size) :
			uring_unregister(ring);
		if (write(helper->from[1], &ret, sizeof(ret)) != sizeof(ret))
			break;
	}
	_exit(0);
}

static int helper_do(struct helper *helper, char what)
{
	int ret = -EPIPE;

	if (write(helper->to[1], &what, 1) != 1 ||
	    read(helper->from[0], &ret, sizeof(ret)) != sizeof(ret))
		return -EPIPE;
	return ret;
}

static int helper_end(struct helper *helper)
{
	int status = -1;

	close(helper->to[1]);
	waitpid(helper->pid, &status, 0);
	close(helper->from[0]);
	return status;
}

/* Two processes pin one shared page: the ring identifies the one that unpins. */
TEST_F(share, two_processes)
{
	struct gup_pin_want mine, theirs;
	struct gup_pin_stats stats;
	struct gup_pin_lines lines;
	struct helper helper;
	unsigned long pfn;

	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_SHARED_ANON, PAGE_SIZE));
	ASSERT_OK(helper_start(&helper, self->other, self->mem.addr, PAGE_SIZE));
	ASSERT_EQ(0, uring_register_one(self->ring, self->mem.addr, PAGE_SIZE));
	pfn = gup_pin_pfn_of(0, self->mem.addr);
	ASSERT_NE(0, pfn);
	ASSERT_EQ(0, helper_do(&helper, 'p'));

	gup_pin_want_self(&mine, WHO, 'w', "long", "shmem");
	mine.dev = self->mem.dev;
	mine.ino = self->mem.ino;
	mine.has_index = true;
	theirs = mine;
	theirs.tgid = helper.pid;
	theirs.pid = helper.pid;
	theirs.owner = helper.pid;
	ASSERT_OK(gup_pin_check_pages(&mine, 0, self->mem.addr, 1));
	ASSERT_OK(gup_pin_check_pages(&theirs, helper.pid, self->mem.addr, 1));
	ASSERT_OK(gup_pin_read_pfn(&lines, pfn));
	EXPECT_EQ(2, lines.nr);
	gup_pin_free(&lines);
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(self->base.stats.inferred, stats.inferred);
	EXPECT_EQ(self->base.stats.live_folios + 1, stats.live_folios);
	EXPECT_EQ(self->base.stats.live_calls + 2, stats.live_calls);

	ASSERT_EQ(0, helper_do(&helper, 'u'));
	ASSERT_OK(gup_pin_read_pfn(&lines, pfn));
	ASSERT_EQ(1, lines.nr);
	EXPECT_OK(gup_pin_check_line(lines.line, &mine));
	EXPECT_EQ(1, lines.line->pins);
	gup_pin_free(&lines);
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(self->base.stats.inferred, stats.inferred);

	ASSERT_EQ(0, uring_unregister(self->ring));
	ASSERT_OK(gup_pin_read_pfn(&lines, pfn));
	EXPECT_EQ(0, lines.nr);
	gup_pin_free(&lines);
	ASSERT_EQ(0, helper_end(&helper));

	ASSERT_EQ(0, uring_register_one(self->ring, self->mem.addr, PAGE_SIZE));
	ASSERT_OK(gup_pin_check_pages(&mine, 0, self->mem.addr, 1));
	ASSERT_EQ(0, uring_unregister(self->ring));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Pins of two processes on different pages are independent. */
TEST_F(share, two_processes_apart)
{
	struct gup_pin_stats stats;
	struct gup_pin_want want;
	struct helper helper;

	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_SHARED_ANON, 8 * PAGE_SIZE));
	ASSERT_OK(helper_start(&helper, self->other, self->mem.addr + 4 * PAGE_SIZE,
			       4 * PAGE_SIZE));
	ASSERT_EQ(0, uring_register_one(self->ring, self->mem.addr, 4 * PAGE_SIZE));
	ASSERT_EQ(0, helper_do(&helper, 'p'));
	ASSERT_EQ(0, helper_do(&helper, 'u'));
	gup_pin_want_self(&want, WHO, 'w', "long", "shmem");
	want.dev = self->mem.dev;
	want.ino = self->mem.ino;
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, 4));
	ASSERT_EQ(0, uring_unregister(self->ring));
	ASSERT_EQ(0, helper_end(&helper));
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(self->base.stats.inferred, stats.inferred);
	ASSERT_OK(gup_pin_end(&self->base));
}

/* One call has the same page twice. */
TEST_F(share, page_twice)
{
	struct gup_pin_lines lines;
	struct gup_pin_want want;
	char *twice, *again;
	size_t i;

	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_MEMFD, PAGE_SIZE));
	twice = mmap(NULL, 2 * PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, twice);
	again = mmap(twice, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		     self->mem.fd, 0);
	ASSERT_EQ(twice, again);
	again = mmap(twice + PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_FIXED, self->mem.fd, 0);
	ASSERT_EQ(twice + PAGE_SIZE, again);

	ASSERT_EQ(0, uring_register_one(self->ring, twice, 2 * PAGE_SIZE));
	gup_pin_want_self(&want, WHO, 'w', "long", "shmem");
	want.dev = self->mem.dev;
	want.ino = self->mem.ino;
	want.has_index = true;
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	ASSERT_EQ(2, lines.nr);
	for (i = 0; i < lines.nr; i++) {
		ASSERT_OK(gup_pin_check_line(&lines.line[i], &want));
		EXPECT_EQ(1, lines.line[i].pages);
		EXPECT_EQ(1, lines.line[i].pins);
		EXPECT_EQ(gup_pin_pfn_of(0, self->mem.addr), lines.line[i].pfn);
		EXPECT_EQ((unsigned long)twice + i * PAGE_SIZE, lines.line[i].addr);
		ASSERT_OK(gup_pin_check_stack(&lines.line[i]));
	}
	gup_pin_free(&lines);
	ASSERT_EQ(0, uring_unregister(self->ring));
	ASSERT_OK(gup_pin_end(&self->base));
	munmap(twice, 2 * PAGE_SIZE);
}

/* Adjacent pages pinned by one call share a line. */
TEST_F(share, one_run)
{
	char *addr;
	struct gup_pin_lines lines;
	struct gup_pin_want want;

	if (gup_pin_mem_missing(MEM_THP))
		SKIP(return, "%s", gup_pin_mem_missing(MEM_THP));
	ASSERT_OK(gup_pin_mem_contiguous(&self->mem));
	/* Not at a boundary of the 64 pages of a block. */
	addr = self->mem.addr + 56 * PAGE_SIZE;
	ASSERT_EQ(0, uring_register_one(self->ring, addr, 16 * PAGE_SIZE));
	gup_pin_want_self(&want, WHO, 'w', "long", "anon");
	ASSERT_OK(gup_pin_check_pages(&want, 0, addr, 16));
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(1, lines.nr);
	EXPECT_EQ(16, lines.line->pages);
	EXPECT_EQ(16, lines.line->pins);
	EXPECT_EQ((unsigned long)addr, lines.line->addr);
	gup_pin_free(&lines);
	ASSERT_EQ(0, uring_unregister(self->ring));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Adjacent pages pinned by two calls have two lines. */
TEST_F(share, two_runs_apart)
{
	struct gup_pin_lines lines;
	size_t i;

	if (gup_pin_mem_missing(MEM_THP))
		SKIP(return, "%s", gup_pin_mem_missing(MEM_THP));
	ASSERT_OK(gup_pin_mem_contiguous(&self->mem));
	ASSERT_EQ(0, uring_register_one(self->ring, self->mem.addr, 8 * PAGE_SIZE));
	ASSERT_EQ(0, uring_register_one(self->other, self->mem.addr + 8 * PAGE_SIZE,
					8 * PAGE_SIZE));
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(2, lines.nr);
	for (i = 0; i < lines.nr; i++) {
		EXPECT_EQ(8, lines.line[i].pages);
		EXPECT_EQ(8, lines.line[i].pins);
	}
	gup_pin_free(&lines);
	ASSERT_EQ(0, uring_unregister(self->ring));
	ASSERT_EQ(0, uring_unregister(self->other));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Two calls on the same pages, by different functions and in different modes. */
TEST_F(share, two_calls_over)
{
	struct gup_pin_want fast, slow;
	struct gup_pin_lines lines;
	struct gup_pin_stats stats;
	int fd = gup_test_open();
	size_t i;

	if (fd < 0)
		SKIP(return, "no " GUP_TEST " (CONFIG_GUP_TEST): %s", strerror(errno));
	if (gup_pin_mem_missing(MEM_THP))
		SKIP(return, "%s", gup_pin_mem_missing(MEM_THP));
	ASSERT_OK(gup_pin_mem_contiguous(&self->mem));
	ASSERT_EQ(0, uring_register_one(self->ring, self->mem.addr, 16 * PAGE_SIZE));
	ASSERT_EQ(0, gup_test_hold(fd, self->mem.addr, 16 * PAGE_SIZE, 0));
	gup_pin_want_self(&fast, WHO, 'w', "long", "anon");
	gup_pin_want_self(&slow, "pin_user_pages", 'r', "long", "anon");
	ASSERT_OK(gup_pin_check_pages(&fast, 0, self->mem.addr, 16));
	ASSERT_OK(gup_pin_check_pages(&slow, 0, self->mem.addr, 16));
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(2, lines.nr);
	EXPECT_EQ(32, gup_pin_sum_pins(&lines));
	gup_pin_free(&lines);
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(self->base.stats.live_folios + 16, stats.live_folios);
	EXPECT_EQ(self->base.stats.live_calls + 2, stats.live_calls);

	ASSERT_EQ(0, gup_test_release(fd));
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(16, gup_pin_sum_pins(&lines));
	for (i = 0; i < lines.nr; i++)
		EXPECT_OK(gup_pin_check_line(&lines.line[i], &fast));
	gup_pin_free(&lines);
	ASSERT_EQ(0, uring_unregister(self->ring));
	close(fd);
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Two calls that overlap partly: each page is in the lines of its own calls. */
TEST_F(share, overlap)
{
	unsigned long pins[24] = {}, first;
	struct gup_pin_lines lines;
	size_t i, j;

	if (gup_pin_mem_missing(MEM_THP))
		SKIP(return, "%s", gup_pin_mem_missing(MEM_THP));
	ASSERT_OK(gup_pin_mem_contiguous(&self->mem));
	first = gup_pin_pfn_of(0, self->mem.addr);
	ASSERT_EQ(0, uring_register_one(self->ring, self->mem.addr, 16 * PAGE_SIZE));
	ASSERT_EQ(0, uring_register_one(self->other, self->mem.addr + 8 * PAGE_SIZE,
					16 * PAGE_SIZE));
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(2, lines.nr);
	for (i = 0; i < lines.nr; i++) {
		EXPECT_EQ(16, lines.line[i].pages);
		EXPECT_EQ(lines.line[i].pages, lines.line[i].pins);
		for (j = 0; j < lines.line[i].pages; j++) {
			ASSERT_LT(lines.line[i].pfn - first + j, ARRAY_SIZE(pins));
			pins[lines.line[i].pfn - first + j]++;
		}
	}
	gup_pin_free(&lines);
	for (i = 0; i < ARRAY_SIZE(pins); i++)
		EXPECT_EQ(i >= 8 && i < 16 ? 2 : 1, pins[i]);

	ASSERT_EQ(0, uring_unregister(self->ring));
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(16, gup_pin_sum_pins(&lines));
	for (i = 0; i < lines.nr; i++) {
		unsigned long page = lines.line[i].pfn - first;

		EXPECT_LE(8, page);
		EXPECT_STREQ("exact", lines.line[i].match);
	}
	gup_pin_free(&lines);
	ASSERT_EQ(0, uring_unregister(self->other));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Calls that share no folio are distinguished with certainty. */
TEST_F(share, exact)
{
	struct gup_pin_stats stats;
	struct gup_pin_want want;

	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_ANON, 16 * PAGE_SIZE));
	ASSERT_EQ(0, uring_register_one(self->ring, self->mem.addr, 8 * PAGE_SIZE));
	ASSERT_EQ(0, uring_register_one(self->other, self->mem.addr + 8 * PAGE_SIZE,
					8 * PAGE_SIZE));
	ASSERT_EQ(0, uring_unregister(self->ring));
	gup_pin_want_self(&want, WHO, 'w', "long", "anon");
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr + 8 * PAGE_SIZE, 8));
	ASSERT_EQ(0, uring_unregister(self->other));
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(self->base.stats.inferred, stats.inferred);
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Many calls on one page: each has a line, and they end one by one. */
TEST_F(share, many_calls)
{
	unsigned int nr = 100, i;
	struct gup_pin_lines lines;
	struct gup_pin_want want;
	struct iovec iov[100];

	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_ANON, PAGE_SIZE));
	for (i = 0; i < nr; i++) {
		iov[i].iov_base = self->mem.addr;
		iov[i].iov_len = PAGE_SIZE;
	}
	ASSERT_EQ(0, uring_register(self->ring, iov, nr));
	gup_pin_want_self(&want, WHO, 'w', "long", "anon");
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(nr, lines.nr);
	for (i = 0; i < lines.nr; i++) {
		ASSERT_OK(gup_pin_check_line(&lines.line[i], &want));
		EXPECT_EQ(1, lines.line[i].pins);
		EXPECT_EQ((unsigned long)self->mem.addr, lines.line[i].addr);
	}
	gup_pin_free(&lines);
	ASSERT_EQ(0, uring_unregister(self->ring));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Each part of a huge page has a line of its own, by its own call. */
TEST_F(share, huge_page_parts)
{
	static const struct {
		unsigned int first;
		unsigned int nr;
	} part[] = { { 0, 3 }, { 100, 1 }, { 101, 4 }, { 511, 1 } };
	int ring[ARRAY_SIZE(part)];
	struct gup_pin_lines lines;
	struct gup_pin_want want;
	size_t i, j;

	if (gup_pin_mem_missing(MEM_THP))
		SKIP(return, "%s", gup_pin_mem_missing(MEM_THP));
	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_THP, SIZE_2M));
	for (i = 0; i < ARRAY_SIZE(part); i++) {
		ring[i] = uring_open();
		/* io_uring keeps only one pin of each. */
		ASSERT_EQ(0, uring_register_one(ring[i], self->mem.addr +
						part[i].first * PAGE_SIZE,
						part[i].nr * PAGE_SIZE));
	}
	gup_pin_want_self(&want, WHO, 'w', "long", "anon");
	want.order = 9;
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(ARRAY_SIZE(part), gup_pin_sum_pins(&lines));
	for (i = 0; i < lines.nr; i++) {
		struct gup_pin_line *line = &lines.line[i];

		ASSERT_OK(gup_pin_check_line(line, &want));
		EXPECT_EQ(1, line->pages);
		EXPECT_EQ(gup_pin_pfn_of(0, (void *)line->addr), line->pfn);
		for (j = 0; j < ARRAY_SIZE(part); j++)
			if (line->addr == (unsigned long)self->mem.addr +
			    part[j].first * PAGE_SIZE)
				break;
		EXPECT_NE(ARRAY_SIZE(part), j) {
			TH_LOG("addr=0x%lx was not pinned", line->addr);
		}
	}
	gup_pin_free(&lines);
	for (i = 0; i < ARRAY_SIZE(part); i++)
		close(ring[i]);
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
