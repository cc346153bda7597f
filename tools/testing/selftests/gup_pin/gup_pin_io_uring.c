// SPDX-License-Identifier: GPL-2.0
/* Registered buffers of io_uring: pin_user_pages_fast(), write, long-term. */
#include <string.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

FIXTURE(io_uring)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	int ring;
};

FIXTURE_VARIANT(io_uring)
{
	enum gup_pin_mem_kind kind;
	size_t size;
};

FIXTURE_VARIANT_ADD(io_uring, anon)
{
	.kind = MEM_ANON,
	.size = 16 * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(io_uring, memfd)
{
	.kind = MEM_MEMFD,
	.size = 16 * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(io_uring, thp)
{
	.kind = MEM_THP,
	.size = SIZE_2M,
};

FIXTURE_VARIANT_ADD(io_uring, hugetlb)
{
	.kind = MEM_HUGETLB,
	.size = 2 * SIZE_2M,
};

FIXTURE_SETUP(io_uring)
{
	const char *missing = gup_pin_missing() ?: uring_missing() ?:
		gup_pin_mem_missing(variant->kind);

	if (missing)
		SKIP(return, "%s", missing);
	self->ring = uring_open();
	ASSERT_LE(0, self->ring);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, variant->size));
}

FIXTURE_TEARDOWN(io_uring)
{
	close(self->ring);
	gup_pin_mem_put(&self->mem);
}

static void want_buffers(struct gup_pin_want *want, const struct gup_pin_mem *mem)
{
	gup_pin_want_mem(want, "pin_user_pages_fast", 'w', "long", mem);
	want->comm = "gup_pin_io_urin";
}

/*
 * For a huge page that is entirely in a buffer, io_uring keeps one pin and releases the
 * other 511 at once.
 */
static const char *check_coalesced(const struct gup_pin_mem *mem, unsigned long folios)
{
	const char *problem = NULL;
	struct gup_pin_lines lines;
	unsigned long pages = 0, i;
	struct gup_pin_want want;

	want_buffers(&want, mem);
	problem = gup_pin_read_task(&lines, getpid());
	for (i = 0; !problem && i < lines.nr; i++) {
		struct gup_pin_line *line = &lines.line[i];

		problem = gup_pin_check_line(line, &want) ?: gup_pin_check_stack(line);
		pages += line->pages;
		if (!problem && line->pins != line->pages)
			problem = gup_pin_problem("pages=%lu pins=%lu", line->pages,
						  line->pins);
		if (!problem && gup_pin_pfn_of(0, (char *)line->addr) != line->pfn)
			problem = gup_pin_problem("pfn=0x%lx is not at addr=0x%lx",
						  line->pfn, line->addr);
	}
	if (!problem && pages != folios)
		problem = gup_pin_problem("lines have %lu pages, not %lu", pages, folios);
	gup_pin_free(&lines);
	return problem;
}

TEST_F(io_uring, one_buffer)
{
	struct gup_pin_want want;

	ASSERT_EQ(0, uring_register_one(self->ring, self->mem.addr, self->mem.size));
	want_buffers(&want, &self->mem);
	if (self->mem.order)
		ASSERT_OK(check_coalesced(&self->mem, self->mem.size / SIZE_2M));
	else
		ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr,
					      self->mem.size / PAGE_SIZE));
	ASSERT_EQ(0, uring_unregister(self->ring));
	ASSERT_OK(gup_pin_check_no_lines(getpid()));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Each buffer is pinned by a separate call. */
TEST_F(io_uring, many_buffers)
{
	size_t i, npages = 8;
	struct gup_pin_stats stats;
	struct gup_pin_lines lines;
	struct gup_pin_want want;
	struct iovec iov[8];

	for (i = 0; i < npages; i++) {
		iov[i].iov_base = self->mem.addr + i * PAGE_SIZE;
		iov[i].iov_len = PAGE_SIZE;
	}
	ASSERT_EQ(0, uring_register(self->ring, iov, npages));
	want_buffers(&want, &self->mem);
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(self->base.stats.live_calls + npages, stats.live_calls);
	EXPECT_EQ(self->base.stats.live_pins + npages, stats.live_pins);

	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(npages, lines.nr);
	for (i = 0; i < lines.nr; i++) {
		ASSERT_OK(gup_pin_check_line(&lines.line[i], &want));
		EXPECT_EQ(1, lines.line[i].pins);
		EXPECT_EQ(1, lines.line[i].pages);
	}
	gup_pin_free(&lines);
	if (!self->mem.order)
		ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, npages));
	ASSERT_EQ(0, uring_unregister(self->ring));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Closing a ring without unregistering releases its pins. */
TEST_F(io_uring, close)
{
	ASSERT_EQ(0, uring_register_one(self->ring, self->mem.addr, self->mem.size));
	EXPECT_NE(NULL, gup_pin_check_no_lines(getpid()));
	ASSERT_EQ(0, close(self->ring));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* If the last buffer cannot be pinned, none is. */
TEST_F(io_uring, failure)
{
	struct iovec iov[2] = {
		{ .iov_base = self->mem.addr, .iov_len = 2 * PAGE_SIZE },
		{ .iov_base = (void *)PAGE_SIZE, .iov_len = PAGE_SIZE },
	};

	ASSERT_EQ(-EFAULT, uring_register_once(self->ring, iov, 2));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
