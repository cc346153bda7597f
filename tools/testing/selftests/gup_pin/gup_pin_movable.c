// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that must not be pinned for long: a long-term pin first takes pins
 * where the pages are, drops them, migrates the pages and tries again. None of
 * that may show, and it must not cost another holder its record.
 *
 * Wants a movable zone (boot with movablecore=256M) and, for the CMA variant, an
 * area that anybody may use (cma=128M, and CONFIG_CMA_DEBUGFS to find it).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "gup_pin_dm.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

#define NPAGES	8

/* pfns, last one excluded */
struct range {
	unsigned long start;
	unsigned long end;
};

static bool movable_zone(struct range *range)
{
	unsigned long spanned = 0, start = 0, n;
	bool movable = false;
	char line[256], zone[32];
	FILE *f;

	f = fopen("/proc/zoneinfo", "r");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %*d, zone %31s", zone) == 1)
			movable = !strcmp(zone, "Movable");
		if (movable && sscanf(line, " spanned %lu", &n) == 1)
			spanned = n;
		if (movable && sscanf(line, " start_pfn: %lu", &n) == 1)
			start = n;
	}
	fclose(f);
	range->start = start;
	range->end = start + spanned;
	return spanned;
}

static bool cma_area(struct range *range)
{
	const char *base = "/sys/kernel/debug/cma";
	unsigned long best = 0;
	struct dirent *entry;
	char path[400];
	long start, count;
	DIR *dir;

	dir = opendir(base);
	if (!dir)
		return false;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/base_pfn", base, entry->d_name);
		if (access(path, F_OK))
			snprintf(path, sizeof(path), "%s/%s/ranges/0/base_pfn", base,
				 entry->d_name);
		start = gup_pin_read_number(path);
		snprintf(path, sizeof(path), "%s/%s/count", base, entry->d_name);
		count = gup_pin_read_number(path);
		if (start <= 0 || count <= (long)best)
			continue;
		best = count;
		range->start = start;
		range->end = start + count;
	}
	closedir(dir);
	return best;
}

FIXTURE(movable)
{
	struct gup_pin_base base;
	struct gup_pin_dm dm;
	struct range range;
	char *filler;		/* all other memory, to get into CMA */
	size_t filler_size;
	char *mem;		/* all that was faulted to get into the range */
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

static bool in_range(const struct range *range, const char *addr)
{
	unsigned long pfn = gup_pin_pfn_of(0, addr);

	return pfn >= range->start && pfn < range->end;
}

static long meminfo_kb(const char *name)
{
	char line[128];
	long kb = -1;
	FILE *f;

	f = fopen("/proc/meminfo", "r");
	while (f && kb < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			sscanf(line + strlen(name) + 1, "%ld", &kb);
	if (f)
		fclose(f);
	return kb;
}

/*
 * CMA is used for ordinary memory once half of what is free in its zone is CMA:
 * take memory, in large pieces, until some of it is.
 */
static void fill_up(char *mem, size_t size)
{
	long cma_kb = meminfo_kb("CmaFree");
	size_t i;

	madvise(mem, size, MADV_HUGEPAGE);
	for (i = 0; i + SIZE_2M <= size; i += SIZE_2M) {
		if (meminfo_kb("CmaFree") < cma_kb - 8 * 1024)
			break;
		memset(mem + i, 1, SIZE_2M);
	}
}

/* Faults memory until some neighbouring pages lie in the range. */
static char *fault_into(const struct range *range, char *mem, size_t size)
{
	static unsigned long entry[512];
	unsigned long found = 0, pfn, nr, i, j;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	for (i = 0; fd >= 0 && i < size / PAGE_SIZE; i += nr) {
		nr = size / PAGE_SIZE - i;
		if (nr > 512)
			nr = 512;
		for (j = 0; j < nr; j++)
			mem[(i + j) * PAGE_SIZE] = 1;
		if (pread(fd, entry, nr * sizeof(*entry),
			  ((unsigned long)mem / PAGE_SIZE + i) * sizeof(*entry)) < 0)
			break;
		for (j = 0; j < nr; j++) {
			pfn = entry[j] & 0x007fffffffffffffUL;
			found = pfn >= range->start && pfn < range->end ? found + 1 : 0;
			if (found == NPAGES) {
				close(fd);
				return mem + (i + j + 1 - NPAGES) * PAGE_SIZE;
			}
		}
	}
	close(fd);
	return NULL;
}

FIXTURE_SETUP(movable)
{
	const char *missing = gup_pin_missing();

	self->fd = -1;
	if (missing)
		SKIP(return, "%s", missing);
	if (!variant->cma && !movable_zone(&self->range))
		SKIP(return, "no movable zone (boot with movablecore=256M)");
	if (variant->cma && !cma_area(&self->range))
		SKIP(return, "no CMA area in debugfs (CONFIG_CMA_DEBUGFS, boot with cma=128M)");
	self->fd = gup_test_open();
	if (self->fd < 0)
		SKIP(return, "no " GUP_TEST " (CONFIG_GUP_TEST): %s", strerror(errno));
	ASSERT_OK(gup_pin_begin(&self->base));

	if (variant->cma) {
		self->filler_size = (meminfo_kb("MemFree") << 10) & -SIZE_2M;
		self->filler = mmap(NULL, self->filler_size, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		ASSERT_NE(MAP_FAILED, self->filler);
		fill_up(self->filler, self->filler_size);
	}
	self->size = (meminfo_kb("MemFree") * 9 / 10) << 10 & -PAGE_SIZE;
	self->mem = mmap(NULL, self->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	madvise(self->mem, self->size, MADV_NOHUGEPAGE);
	self->addr = fault_into(&self->range, self->mem, self->size);
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

/* The pages have moved, and only where they now are is there a record. */
TEST_F_TIMEOUT(movable, migrated, 60)
{
	unsigned long before[NPAGES], after;
	struct gup_pin_lines lines;
	struct gup_pin_stats stats;
	struct gup_pin_want want;
	size_t i;

	for (i = 0; i < NPAGES; i++)
		before[i] = gup_pin_pfn_of(0, self->addr + i * PAGE_SIZE);
	ASSERT_EQ(0, gup_test_hold(self->fd, self->addr, NPAGES * PAGE_SIZE,
				   variant->flags));
	for (i = 0; i < NPAGES; i++) {
		after = gup_pin_pfn_of(0, self->addr + i * PAGE_SIZE);
		EXPECT_NE(before[i], after);
		EXPECT_FALSE(in_range(&self->range, self->addr + i * PAGE_SIZE));
		ASSERT_OK(gup_pin_read_pfn(&lines, before[i]));
		EXPECT_EQ(0, lines.nr);
		gup_pin_free(&lines);
	}
	want_gup_test(&want, variant->flags);
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->addr, NPAGES));

	/* Pins that were only tried are not counted. */
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(self->base.stats.acquired + NPAGES, stats.acquired);
	EXPECT_EQ(self->base.stats.released, stats.released);
	EXPECT_EQ(self->base.stats.inferred, stats.inferred);
	ASSERT_EQ(0, gup_test_release(self->fd));
	ASSERT_OK(gup_pin_end(&self->base));
}

/*
 * A page in the middle cannot move, as a read from a disk is in flight into it.
 * The long-term pin fails, and in undoing its own pin must leave the other one's
 * record alone.
 */
TEST_F_TIMEOUT(movable, other_holder, 60)
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
	ASSERT_TRUE(in_range(&self->range, busy));
	ASSERT_OK(gup_pin_dm_suspend(&self->dm));
	ASSERT_OK(aio_start(&aio, file, false, busy, PAGE_SIZE, 0));

	gup_pin_want_self(&want, "pin_user_pages_fast", 'w', "short", "anon");
	ASSERT_OK(gup_pin_check_pages(&want, 0, busy, 1));
	EXPECT_EQ(pfn, gup_pin_pfn_of(0, busy));

	ret = gup_test_hold(self->fd, self->addr, NPAGES * PAGE_SIZE, variant->flags);
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
	ASSERT_OK(gup_pin_wait_live(self->base.stats.live_pins, 2000));

	/* Now it can move. */
	ASSERT_EQ(0, gup_test_hold(self->fd, self->addr, NPAGES * PAGE_SIZE,
				   variant->flags));
	want_gup_test(&want, variant->flags);
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->addr, NPAGES));
	ASSERT_EQ(0, gup_test_release(self->fd));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* memfd_pin_folios() has a loop of its own for the same purpose. */
TEST_F_TIMEOUT(movable, memfd, 60)
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
	/* Not every page comes from the range: go on to a part that has some. */
	for (at = 0; at < all; at += size) {
		addr = start + at;
		for (i = 0; i < size; i += PAGE_SIZE) {
			addr[i] = 1;
			in += in_range(&self->range, addr + i);
		}
		if (in)
			break;
	}
	ASSERT_NE(0, in);
	buf = udmabuf_open(memfd, at, size);
	ASSERT_LE(0, buf);
	for (i = 0; i < size; i += PAGE_SIZE) {
		addr[i] = 1;
		EXPECT_FALSE(in_range(&self->range, addr + i));
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
