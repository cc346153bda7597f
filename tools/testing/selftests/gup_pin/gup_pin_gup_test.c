// SPDX-License-Identifier: GPL-2.0
/* pin_user_pages() and pin_user_pages_fast(), long-term, through the gup_test device. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_dm.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

FIXTURE(pin)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	int fd;
};

FIXTURE_VARIANT(pin)
{
	enum gup_pin_mem_kind kind;
	size_t size;
	size_t first;		/* first page */
	size_t npages;
};

FIXTURE_VARIANT_ADD(pin, anon)
{
	.kind = MEM_ANON,
	.size = 16 * PAGE_SIZE,
	.npages = 16,
};

FIXTURE_VARIANT_ADD(pin, anon_one)
{
	.kind = MEM_ANON,
	.size = PAGE_SIZE,
	.npages = 1,
};

FIXTURE_VARIANT_ADD(pin, anon_part)
{
	.kind = MEM_ANON,
	.size = 16 * PAGE_SIZE,
	.first = 5,
	.npages = 6,
};

FIXTURE_VARIANT_ADD(pin, thp)
{
	.kind = MEM_THP,
	.size = SIZE_2M,
	.npages = 512,
};

FIXTURE_VARIANT_ADD(pin, thp_part)
{
	.kind = MEM_THP,
	.size = SIZE_2M,
	.first = 10,
	.npages = 10,
};

FIXTURE_VARIANT_ADD(pin, thp_two)
{
	.kind = MEM_THP,
	.size = 2 * SIZE_2M,
	.first = 500,
	.npages = 24,
};

FIXTURE_VARIANT_ADD(pin, hugetlb)
{
	.kind = MEM_HUGETLB,
	.size = SIZE_2M,
	.npages = 512,
};

FIXTURE_VARIANT_ADD(pin, hugetlb_part)
{
	.kind = MEM_HUGETLB,
	.size = SIZE_2M,
	.first = 3,
	.npages = 7,
};

FIXTURE_VARIANT_ADD(pin, shared_anon)
{
	.kind = MEM_SHARED_ANON,
	.size = 8 * PAGE_SIZE,
	.first = 1,
	.npages = 7,
};

FIXTURE_VARIANT_ADD(pin, memfd)
{
	.kind = MEM_MEMFD,
	.size = 16 * PAGE_SIZE,
	.first = 2,
	.npages = 8,
};

FIXTURE_VARIANT_ADD(pin, memfd_hugetlb)
{
	.kind = MEM_MEMFD_HUGETLB,
	.size = 2 * SIZE_2M,
	.first = 512,
	.npages = 512,
};

FIXTURE_SETUP(pin)
{
	const char *missing = gup_pin_missing() ?: gup_test_missing() ?:
		gup_pin_mem_missing(variant->kind);

	if (missing)
		SKIP(return, "%s", missing);
	self->fd = gup_test_open();
	ASSERT_LE(0, self->fd);
	ASSERT_OK(gup_pin_begin(&self->base));
}

FIXTURE_TEARDOWN(pin)
{
	close(self->fd);
	gup_pin_mem_put(&self->mem);
}

static void hold(struct __test_metadata *_metadata, struct _test_data_pin *self,
		 const struct _fixture_variant_pin *variant, unsigned int flags)
{
	struct gup_pin_want want;
	char *addr;

	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, variant->size));
	addr = self->mem.addr + variant->first * PAGE_SIZE;
	ASSERT_EQ(0, gup_test_hold(self->fd, addr, variant->npages * PAGE_SIZE, flags));

	gup_pin_want_mem(&want, flags & GUP_TEST_FAST ? "pin_user_pages_fast" :
			 "pin_user_pages", flags & GUP_TEST_WRITE ? 'w' : 'r', "long",
			 &self->mem);
	want.index = variant->first;
	want.comm = "gup_pin_gup_tes";
	ASSERT_OK(gup_pin_check_pages(&want, 0, addr, variant->npages));

	ASSERT_EQ(0, gup_test_release(self->fd));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_F(pin, slow_read)
{
	hold(_metadata, self, variant, 0);
}

TEST_F(pin, slow_write)
{
	hold(_metadata, self, variant, GUP_TEST_WRITE);
}

TEST_F(pin, fast_read)
{
	hold(_metadata, self, variant, GUP_TEST_FAST);
}

TEST_F(pin, fast_write)
{
	hold(_metadata, self, variant, GUP_TEST_FAST | GUP_TEST_WRITE);
}

/* Pinned and unpinned at once: counted, released, without errors. */
TEST_F(pin, at_once)
{
	size_t size = variant->npages * PAGE_SIZE;
	struct gup_pin_stats before, stats;
	unsigned int write;
	char *addr;

	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, variant->size));
	ASSERT_OK(gup_pin_mem_settle(&self->mem));
	ASSERT_OK(gup_pin_read_stats(&before));
	addr = self->mem.addr + variant->first * PAGE_SIZE;
	for (write = 0; write < 2; write++) {
		ASSERT_EQ(0, gup_test_basic(self->fd, addr, size, write));
		ASSERT_EQ(0, gup_test_fast_benchmark(self->fd, addr, size, write));
		ASSERT_EQ(0, gup_test_longterm_benchmark(self->fd, addr, size, write));
	}
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(before.acquired + 6 * variant->npages, stats.acquired);
	EXPECT_EQ(before.inferred, stats.inferred);
	ASSERT_OK(gup_pin_end(&self->base));
}

/* A call that hits a hole fails, and its partial pins are not recorded. */
TEST_F(pin, hole)
{
	size_t npages = variant->npages > 1 ? variant->npages : 2;
	size_t size = variant->npages > 1 ? variant->size : 2 * PAGE_SIZE;
	size_t end = variant->first + npages, step;
	unsigned int flags;
	char *addr;

	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, size));
	step = self->mem.order ? SIZE_2M : PAGE_SIZE;
	addr = self->mem.addr + variant->first * PAGE_SIZE;
	/* The last page or huge page. */
	munmap(self->mem.addr + (end - 1) * PAGE_SIZE / step * step, step);
	for (flags = 0; flags < 4; flags++)
		EXPECT_EQ(-EFAULT, gup_test_hold(self->fd, addr, npages * PAGE_SIZE, flags));
	ASSERT_OK(gup_pin_check_no_lines(getpid()));
	ASSERT_OK(gup_pin_end(&self->base));
}

FIXTURE(pin_file)
{
	struct gup_pin_base base;
	struct gup_pin_dm dm;
	struct gup_pin_mem mem;
	int fd;
};

FIXTURE_VARIANT(pin_file)
{
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(pin_file, slow)
{
};

FIXTURE_VARIANT_ADD(pin_file, fast)
{
	.flags = GUP_TEST_FAST,
};

FIXTURE_SETUP(pin_file)
{
	const char *missing = gup_pin_missing() ?: gup_test_missing() ?: gup_pin_dm_missing();

	if (missing)
		SKIP(return, "%s", missing);
	self->fd = gup_test_open();
	ASSERT_LE(0, self->fd);
	ASSERT_OK(gup_pin_begin(&self->base));
}

FIXTURE_TEARDOWN(pin_file)
{
	close(self->fd);
	gup_pin_mem_put(&self->mem);
	gup_pin_dm_remove(&self->dm);
}

/* Pages of an ext4 file: long-term pins work for read, and are refused for write. */
TEST_F(pin_file, ext4)
{
	struct gup_pin_want want;
	char *addr;
	int file;

	ASSERT_OK(gup_pin_dm_create(&self->dm, 16 << 20));
	ASSERT_OK(gup_pin_dm_mount(&self->dm, "ext4"));
	file = gup_pin_dm_file(&self->dm, "data", 16 * PAGE_SIZE, O_RDWR);
	ASSERT_LE(0, file);
	ASSERT_OK(gup_pin_mem_file(&self->mem, file, 12 * PAGE_SIZE, 4 * PAGE_SIZE));
	close(file);
	addr = self->mem.addr + 2 * PAGE_SIZE;

	EXPECT_EQ(-EFAULT, gup_test_hold(self->fd, addr, 4 * PAGE_SIZE,
					 variant->flags | GUP_TEST_WRITE));
	ASSERT_OK(gup_pin_check_no_lines(getpid()));

	ASSERT_EQ(0, gup_test_hold(self->fd, addr, 4 * PAGE_SIZE, variant->flags));
	gup_pin_want_self(&want, variant->flags & GUP_TEST_FAST ?
			  "pin_user_pages_fast" : "pin_user_pages", 'r', "long",
			  "file");
	want.dev = self->mem.dev;
	want.ino = self->mem.ino;
	want.has_index = true;
	want.index = 6;
	want.any_order = true;
	ASSERT_OK(gup_pin_check_pages(&want, 0, addr, 4));
	ASSERT_EQ(0, gup_test_release(self->fd));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
