// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that must not have long-term pins: a long-term pin first pins the pages where
 * they are, unpins them, migrates them and retries. None of this may be visible, and it
 * must not remove the record of another holder.
 *
 * Needs a movable zone (boot with movablecore=512M) and, for the CMA variant, a CMA
 * area that user memory can use (cma=128M, and CONFIG_CMA_DEBUGFS to find it).
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_dm.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"
#include "gup_pin_zone.h"

#define NPAGES	8

FIXTURE(movable)
{
	struct gup_pin_base base;
	struct gup_pin_dm dm;
	struct gup_pin_range range;
	struct gup_pin_cma cma;
	char *filler;		/* all other memory, to get into CMA */
	size_t filler_size;
	char *mem;		/* all memory faulted in to get into the range */
	size_t size;
	char *addr;		/* NPAGES in the range */
	int fd;
};

FIXTURE_VARIANT(movable)
{
	bool cma;
	unsigned int flags;	/* of gup_test */
};

FIXTURE_VARIANT_ADD(movable, zone_slow)
{
	.flags = GUP_TEST_WRITE,
};

FIXTURE_VARIANT_ADD(movable, zone_fast)
{
	.flags = GUP_TEST_WRITE | GUP_TEST_FAST,
};

FIXTURE_VARIANT_ADD(movable, zone_slow_read)
{
};

FIXTURE_VARIANT_ADD(movable, cma)
{
	.cma = true,
	.flags = GUP_TEST_WRITE,
};

FIXTURE_SETUP(movable)
{
	const char *missing = gup_pin_missing() ?: gup_test_missing();

	self->fd = -1;
	if (missing)
		SKIP(return, "%s", missing);
	if (!variant->cma && !gup_pin_movable_zone(&self->range))
		SKIP(return, "no movable zone (boot with movablecore=512M)");
	if (variant->cma && !gup_pin_cma_area(&self->cma))
		SKIP(return, "no CMA area in debugfs (CONFIG_CMA_DEBUGFS, boot with cma=128M)");
	if (variant->cma)
		self->range = self->cma.range;
	self->fd = gup_test_open();
	ASSERT_LE(0, self->fd);
	ASSERT_OK(gup_pin_begin(&self->base));

	if (variant->cma) {
		self->filler_size = (gup_pin_meminfo_kb("MemFree") << 10) & -SIZE_2M;
		self->filler = mmap(NULL, self->filler_size, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		ASSERT_NE(MAP_FAILED, self->filler);
		gup_pin_fill_up(self->filler, self->filler_size);
	}
	self->size = (gup_pin_meminfo_kb("MemFree") * 9 / 10) << 10 & -PAGE_SIZE;
	self->mem = mmap(NULL, self->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	madvise(self->mem, self->size, MADV_NOHUGEPAGE);
	self->addr = gup_pin_fault_into(&self->range, self->mem, self->size, NPAGES);
	ASSERT_NE(NULL, self->addr) {
		TH_LOG("no memory from pfn 0x%lx to 0x%lx in %zu MiB",
		       self->range.start, self->range.end, self->size >> 20);
	}
}

FIXTURE_TEARDOWN(movable)
{
	if (self->dm.name[0])
		gup_pin_dm_resume(&self->dm);
	munmap(self->mem, self->size);
	if (self->filler)
		munmap(self->filler, self->filler_size);
	close(self->fd);
	gup_pin_dm_remove(&self->dm);
}

static void want_gup_test(struct gup_pin_want *want, unsigned int flags)
{
	gup_pin_want_self(want, flags & GUP_TEST_FAST ? "pin_user_pages_fast" :
			  "pin_user_pages", flags & GUP_TEST_WRITE ? 'w' : 'r',
			  "long", "anon");
}

/* The pages have been migrated, and only the new ones have records. */
TEST_F(movable, migrated)
{
	unsigned long before[NPAGES], after;
	struct gup_pin_stats start, stats;
	struct gup_pin_lines lines;
	struct gup_pin_want want;
	unsigned int waited = 0;
	size_t i;
	int ret;

	for (i = 0; i < NPAGES; i++)
		before[i] = gup_pin_pfn_of(0, self->addr + i * PAGE_SIZE);
	/* A call that fails may have got the pages that an earlier one could migrate. */
	do {
		ASSERT_OK(gup_pin_read_stats(&start));
		ret = gup_test_hold_once(self->fd, self->addr, NPAGES * PAGE_SIZE, variant->flags);
	} while (ret == -ENOMEM && gup_pin_patience(&waited));
	ASSERT_EQ(0, ret);
	for (i = 0; i < NPAGES; i++) {
		after = gup_pin_pfn_of(0, self->addr + i * PAGE_SIZE);
		EXPECT_NE(before[i], after);
		EXPECT_FALSE(gup_pin_in_range(&self->range, self->addr + i * PAGE_SIZE));
		ASSERT_OK(gup_pin_read_pfn(&lines, before[i]));
		EXPECT_EQ(0, lines.nr);
		gup_pin_free(&lines);
	}
	want_gup_test(&want, variant->flags);
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->addr, NPAGES));

	/* Pins of failed attempts within the call are not counted. */
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(start.acquired + NPAGES, stats.acquired);
	EXPECT_EQ(start.released, stats.released);
	EXPECT_EQ(start.inferred, stats.inferred);
	ASSERT_EQ(0, gup_test_release(self->fd));
	ASSERT_OK(gup_pin_end(&self->base));
}

/*
 * A page in the middle cannot be migrated, because it is the target of a disk read in
 * flight. The long-term pin fails, and its cleanup must not remove the other holder's
 * record.
 */
TEST_F(movable, other_holder)
{
	char *busy = self->addr + 3 * PAGE_SIZE;
	struct gup_pin_stats stats;
	struct gup_pin_want want;
	struct gup_pin_lines lines;
	struct aio_one aio;
	const char *missing;
	unsigned long pfn;
	ssize_t result;
	int file, ret;

	missing = gup_pin_dm_missing();
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_dm_create(&self->dm, 16 << 20));
	ASSERT_OK(gup_pin_dm_mount(&self->dm, "ext4"));
	file = gup_pin_dm_file(&self->dm, "data", 16 * PAGE_SIZE, O_RDWR | O_DIRECT);
	ASSERT_LE(0, file);
	pfn = gup_pin_pfn_of(0, busy);
	ASSERT_TRUE(gup_pin_in_range(&self->range, busy));
	ASSERT_OK(gup_pin_dm_suspend(&self->dm));
	ASSERT_OK(aio_start(&aio, file, false, busy, PAGE_SIZE, 0));

	gup_pin_want_self(&want, "pin_user_pages_fast", 'w', "short", "anon");
	ASSERT_OK(gup_pin_check_pages(&want, 0, busy, 1));
	EXPECT_EQ(pfn, gup_pin_pfn_of(0, busy));

	ret = gup_test_hold_once(self->fd, self->addr, NPAGES * PAGE_SIZE, variant->flags);
	EXPECT_EQ(-ENOMEM, ret);
	EXPECT_EQ(pfn, gup_pin_pfn_of(0, busy));
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(1, lines.nr);
	EXPECT_EQ(1, gup_pin_sum_pins(&lines));
	gup_pin_free(&lines);
	ASSERT_OK(gup_pin_check_pages(&want, 0, busy, 1));
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(self->base.stats.acquired + 1, stats.acquired);
	EXPECT_EQ(self->base.stats.released, stats.released);
	EXPECT_EQ(self->base.stats.inferred, stats.inferred);
	EXPECT_EQ(self->base.stats.unmatched, stats.unmatched);

	ASSERT_OK(gup_pin_dm_resume(&self->dm));
	ASSERT_OK(aio_finish(&aio, &result));
	EXPECT_EQ((ssize_t)PAGE_SIZE, result);
	close(file);
	ASSERT_OK(gup_pin_wait_live(self->base.stats.live_pins));

	/* Now it can be migrated. */
	ASSERT_EQ(0, gup_test_hold(self->fd, self->addr, NPAGES * PAGE_SIZE,
				   variant->flags));
	want_gup_test(&want, variant->flags);
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->addr, NPAGES));
	ASSERT_EQ(0, gup_test_release(self->fd));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* memfd_pin_folios() has its own loop for this. */
TEST_F(movable, memfd)
{
	struct gup_pin_lines lines;
	struct gup_pin_stats stats;
	size_t i, at, size = 64 * PAGE_SIZE, all = 512 * size, in = 0;
	char *addr, *start;
	int memfd, buf;

	if (access(UDMABUF, F_OK))
		SKIP(return, "no " UDMABUF " (CONFIG_UDMABUF)");
	memfd = memfd_create("gup_pin", MFD_ALLOW_SEALING);
	ASSERT_LE(0, memfd);
	ASSERT_EQ(0, ftruncate(memfd, all));
	start = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	ASSERT_NE(MAP_FAILED, start);
	/* Not all pages are in the range: find a part that has some. */
	for (at = 0; at < all; at += size) {
		addr = start + at;
		for (i = 0; i < size; i += PAGE_SIZE) {
			addr[i] = 1;
			in += gup_pin_in_range(&self->range, addr + i);
		}
		if (in)
			break;
	}
	ASSERT_NE(0, in);
	buf = udmabuf_open(memfd, at, size);
	ASSERT_LE(0, buf);
	for (i = 0; i < size; i += PAGE_SIZE) {
		addr[i] = 1;
		EXPECT_FALSE(gup_pin_in_range(&self->range, addr + i));
	}
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(64, gup_pin_sum_pins(&lines));
	for (i = 0; i < lines.nr; i++) {
		EXPECT_STREQ("memfd_pin_folios", lines.line[i].api);
		EXPECT_STREQ("exact", lines.line[i].match);
		EXPECT_TRUE(lines.line[i].pfn >= self->range.end ||
			    lines.line[i].pfn + lines.line[i].pages <= self->range.start);
	}
	gup_pin_free(&lines);
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(self->base.stats.acquired + 64, stats.acquired);
	EXPECT_EQ(self->base.stats.released, stats.released);
	close(buf);
	ASSERT_OK(gup_pin_end(&self->base));
	munmap(start, all);
	close(memfd);
}

TEST_HARNESS_MAIN
