// SPDX-License-Identifier: GPL-2.0
/*
 * O_DIRECT reads and writes that stay in flight while the device below is suspended:
 * short-term pins of pin_user_pages_fast(), and of folio_add_pin() on vfat, which still
 * uses fs/direct-io.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_dm.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

#define FILE_SIZE	(64 * PAGE_SIZE)

FIXTURE(direct_io)
{
	struct gup_pin_base base;
	struct gup_pin_dm dm;
	struct gup_pin_mem mem;
	struct aio_one aio;
	int file;
};

FIXTURE_VARIANT(direct_io)
{
	const char *fs;
	bool write;
	enum gup_pin_mem_kind kind;
	size_t mem_size;
};

FIXTURE_VARIANT_ADD(direct_io, ext4_read)
{
	.fs = "ext4",
	.kind = MEM_ANON,
	.mem_size = 8 * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(direct_io, ext4_write)
{
	.fs = "ext4",
	.write = true,
	.kind = MEM_ANON,
	.mem_size = 8 * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(direct_io, ext4_read_file)
{
	.fs = "ext4",
	.kind = MEM_FILE,
	.mem_size = 8 * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(direct_io, ext4_write_file)
{
	.fs = "ext4",
	.write = true,
	.kind = MEM_FILE,
	.mem_size = 8 * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(direct_io, ext4_read_memfd)
{
	.fs = "ext4",
	.kind = MEM_MEMFD,
	.mem_size = 8 * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(direct_io, ext4_read_thp)
{
	.fs = "ext4",
	.kind = MEM_THP,
	.mem_size = SIZE_2M,
};

FIXTURE_VARIANT_ADD(direct_io, ext4_write_hugetlb)
{
	.fs = "ext4",
	.write = true,
	.kind = MEM_HUGETLB,
	.mem_size = SIZE_2M,
};

FIXTURE_VARIANT_ADD(direct_io, vfat_read)
{
	.fs = "vfat",
	.kind = MEM_ANON,
	.mem_size = 8 * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(direct_io, vfat_write)
{
	.fs = "vfat",
	.write = true,
	.kind = MEM_ANON,
	.mem_size = 8 * PAGE_SIZE,
};

FIXTURE_SETUP(direct_io)
{
	const char *missing = gup_pin_missing() ?: gup_pin_dm_missing() ?:
		gup_pin_mem_missing(variant->kind);
	int fd;

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	self->mem.fd = -1;
	ASSERT_OK(gup_pin_dm_create(&self->dm, 24 << 20));
	ASSERT_OK(gup_pin_dm_mount(&self->dm, variant->fs));
	self->file = gup_pin_dm_file(&self->dm, "data", FILE_SIZE, O_RDWR | O_DIRECT);
	ASSERT_LE(0, self->file);
	if (variant->kind == MEM_FILE) {
		fd = gup_pin_dm_file(&self->dm, "map", FILE_SIZE, O_RDWR);
		ASSERT_LE(0, fd);
		ASSERT_OK(gup_pin_mem_file(&self->mem, fd, variant->mem_size,
					   8 * PAGE_SIZE));
		close(fd);
	} else {
		ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind,
					  variant->mem_size));
	}
}

FIXTURE_TEARDOWN(direct_io)
{
	gup_pin_dm_resume(&self->dm);
	close(self->file);
	gup_pin_mem_put(&self->mem);
	gup_pin_dm_remove(&self->dm);
}

TEST_F(direct_io, in_flight)
{
	bool vfat = !strcmp(variant->fs, "vfat");
	char *addr = self->mem.addr + 2 * PAGE_SIZE;
	unsigned long npages = 4;
	struct gup_pin_stats stats;
	struct gup_pin_want want;
	ssize_t result;

	ASSERT_OK(gup_pin_dm_suspend(&self->dm));
	ASSERT_OK(aio_start(&self->aio, self->file, variant->write, addr,
			    npages * PAGE_SIZE, 0));

	gup_pin_want_mem(&want, "pin_user_pages_fast", variant->write ? 'r' : 'w',
			 "short", &self->mem);
	want.index = self->mem.kind == MEM_FILE ? 10 : 2;
	want.any_order = self->mem.kind == MEM_FILE;
	if (vfat) {
		/*
		 * It takes another pin for the bio, and then drops the first one: it is
		 * a guess that the older one was released.
		 */
		want.api = "folio_add_pin";
		want.match = "inferred";
	}
	ASSERT_OK(gup_pin_check_pages(&want, 0, addr, npages));
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(self->base.stats.live_pins + npages, stats.live_pins);
	EXPECT_LE(self->base.stats.inferred + (vfat ? npages : 0), stats.inferred);
	if (!vfat)
		EXPECT_EQ(self->base.stats.inferred, stats.inferred);

	ASSERT_OK(gup_pin_dm_resume(&self->dm));
	ASSERT_OK(aio_finish(&self->aio, &result));
	ASSERT_EQ((ssize_t)(npages * PAGE_SIZE), result);
	if (!variant->write)
		EXPECT_EQ('f', addr[17]);
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Several requests from one buffer are separate calls. */
TEST_F(direct_io, two_requests)
{
	bool vfat = !strcmp(variant->fs, "vfat");
	struct gup_pin_lines lines;
	struct aio_one other;
	ssize_t result;

	ASSERT_OK(gup_pin_dm_suspend(&self->dm));
	ASSERT_OK(aio_start(&self->aio, self->file, variant->write, self->mem.addr,
			    PAGE_SIZE, 0));
	ASSERT_OK(aio_start(&other, self->file, variant->write, self->mem.addr,
			    PAGE_SIZE, 8 * PAGE_SIZE));

	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(2, gup_pin_sum_pins(&lines));
	if (!vfat) {
		ASSERT_EQ(2, lines.nr);
		EXPECT_EQ(lines.line[0].pfn, lines.line[1].pfn);
		EXPECT_EQ(lines.line[0].stack, lines.line[1].stack);
		EXPECT_STREQ("exact", lines.line[0].match);
		EXPECT_STREQ("exact", lines.line[1].match);
	}
	gup_pin_free(&lines);

	ASSERT_OK(gup_pin_dm_resume(&self->dm));
	ASSERT_OK(aio_finish(&self->aio, &result));
	EXPECT_EQ((ssize_t)PAGE_SIZE, result);
	ASSERT_OK(aio_finish(&other, &result));
	EXPECT_EQ((ssize_t)PAGE_SIZE, result);
	ASSERT_OK(gup_pin_end(&self->base));
}

FIXTURE(zero_page)
{
	struct gup_pin_base base;
	struct gup_pin_dm dm;
	struct aio_one aio;
	char *mem;
	int file;
};

FIXTURE_VARIANT(zero_page)
{
	const char *fs;
};

FIXTURE_VARIANT_ADD(zero_page, ext4)
{
	.fs = "ext4",
};

FIXTURE_VARIANT_ADD(zero_page, vfat)
{
	.fs = "vfat",
};

FIXTURE_SETUP(zero_page)
{
	const char *missing = gup_pin_missing() ?: gup_pin_dm_missing();

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_dm_create(&self->dm, 24 << 20));
	ASSERT_OK(gup_pin_dm_mount(&self->dm, variant->fs));
	self->file = gup_pin_dm_file(&self->dm, "data", FILE_SIZE, O_RDWR | O_DIRECT);
	ASSERT_LE(0, self->file);
	self->mem = mmap(NULL, 8 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(zero_page)
{
	gup_pin_dm_resume(&self->dm);
	close(self->file);
	gup_pin_dm_remove(&self->dm);
}

/* Writing from memory that was never touched reads the zero page, which is not pinned. */
TEST_F(zero_page, none)
{
	struct gup_pin_stats stats;
	ssize_t result;

	ASSERT_OK(gup_pin_dm_suspend(&self->dm));
	ASSERT_OK(aio_start(&self->aio, self->file, true, self->mem, 4 * PAGE_SIZE, 0));
	ASSERT_OK(gup_pin_check_no_lines(getpid()));
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(self->base.stats.live_pins, stats.live_pins);
	EXPECT_EQ(self->base.stats.acquired, stats.acquired);
	ASSERT_OK(gup_pin_dm_resume(&self->dm));
	ASSERT_OK(aio_finish(&self->aio, &result));
	EXPECT_EQ((ssize_t)(4 * PAGE_SIZE), result);
	ASSERT_OK(gup_pin_end(&self->base));
	munmap(self->mem, 8 * PAGE_SIZE);
}

/* Between zero pages, the pinned pages have their own addresses. */
TEST_F(zero_page, some)
{
	static const int touched[] = { 1, 4, 5 };
	bool vfat = !strcmp(variant->fs, "vfat");
	struct gup_pin_lines lines;
	ssize_t result;
	size_t i, j, found;

	for (i = 0; i < ARRAY_SIZE(touched); i++)
		self->mem[touched[i] * PAGE_SIZE] = 1;
	ASSERT_OK(gup_pin_dm_suspend(&self->dm));
	ASSERT_OK(aio_start(&self->aio, self->file, true, self->mem, 8 * PAGE_SIZE, 0));
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(3, gup_pin_sum_pins(&lines));
	for (i = 0; i < ARRAY_SIZE(touched); i++) {
		char *addr = self->mem + touched[i] * PAGE_SIZE;
		unsigned long pfn = gup_pin_pfn_of(0, addr);

		for (j = 0, found = 0; j < lines.nr; j++) {
			struct gup_pin_line *line = &lines.line[j];

			if (pfn < line->pfn || pfn >= line->pfn + line->pages)
				continue;
			found++;
			EXPECT_EQ((unsigned long)addr,
				  line->addr + (pfn - line->pfn) * PAGE_SIZE);
			EXPECT_EQ('r', line->mode);
			EXPECT_STREQ(vfat ? "folio_add_pin" : "pin_user_pages_fast",
				     line->api);
		}
		EXPECT_EQ(1, found);
	}
	gup_pin_free(&lines);
	ASSERT_OK(gup_pin_dm_resume(&self->dm));
	ASSERT_OK(aio_finish(&self->aio, &result));
	EXPECT_EQ((ssize_t)(8 * PAGE_SIZE), result);
	ASSERT_OK(gup_pin_end(&self->base));
	munmap(self->mem, 8 * PAGE_SIZE);
}

TEST_HARNESS_MAIN
