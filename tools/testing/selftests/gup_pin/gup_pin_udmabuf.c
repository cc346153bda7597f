// SPDX-License-Identifier: GPL-2.0
/* memfd_pin_folios(), through /dev/udmabuf. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

FIXTURE(udmabuf)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
};

FIXTURE_VARIANT(udmabuf)
{
	enum gup_pin_mem_kind kind;
	size_t size;
	size_t first;		/* page */
	size_t npages;
	size_t nfolios;
};

FIXTURE_VARIANT_ADD(udmabuf, shmem)
{
	.kind = MEM_MEMFD,
	.size = 16 * PAGE_SIZE,
	.npages = 16,
	.nfolios = 16,
};

FIXTURE_VARIANT_ADD(udmabuf, shmem_part)
{
	.kind = MEM_MEMFD,
	.size = 16 * PAGE_SIZE,
	.first = 3,
	.npages = 5,
	.nfolios = 5,
};

FIXTURE_VARIANT_ADD(udmabuf, hugetlb)
{
	.kind = MEM_MEMFD_HUGETLB,
	.size = 2 * SIZE_2M,
	.npages = 1024,
	.nfolios = 2,
};

FIXTURE_VARIANT_ADD(udmabuf, hugetlb_part)
{
	.kind = MEM_MEMFD_HUGETLB,
	.size = 2 * SIZE_2M,
	.first = 512 + 7,
	.npages = 5,
	.nfolios = 1,
};

FIXTURE_SETUP(udmabuf)
{
	const char *missing = gup_pin_missing() ?: gup_pin_mem_missing(variant->kind);

	if (missing)
		SKIP(return, "%s", missing);
	if (access(UDMABUF, F_OK))
		SKIP(return, "no " UDMABUF " (CONFIG_UDMABUF)");
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, variant->size));
}

FIXTURE_TEARDOWN(udmabuf)
{
	gup_pin_mem_put(&self->mem);
}

/* Each folio is pinned once, without an address or an owner. */
static const char *check(const struct gup_pin_mem *mem, size_t first, size_t nfolios)
{
	size_t folio_pages = 1UL << mem->order, nr = 0, i, j;
	const char *problem = NULL;
	struct gup_pin_lines lines;
	struct gup_pin_want want;

	gup_pin_want_self(&want, "memfd_pin_folios", 'w', "long", mem->map);
	want.owner = 0;
	want.no_owner = true;
	want.order = mem->order;
	want.dev = mem->dev;
	want.ino = mem->ino;
	want.comm = "gup_pin_udmabuf";
	first -= first % folio_pages;

	problem = gup_pin_read_task(&lines, getpid());
	for (i = 0; !problem && i < lines.nr; i++) {
		struct gup_pin_line *line = &lines.line[i];

		problem = gup_pin_check_line(line, &want) ?: gup_pin_check_stack(line);
		if (!problem && line->addr)
			problem = gup_pin_problem("addr=0x%lx", line->addr);
		if (!problem && (line->pages != line->pins * folio_pages ||
				 line->index < first))
			problem = gup_pin_problem("pages=%lu pins=%lu index=0x%lx",
						  line->pages, line->pins, line->index);
		for (j = 0; !problem && j < line->pages; j++)
			if (gup_pin_pfn_of(0, mem->addr + (line->index + j) * PAGE_SIZE) !=
			    line->pfn + j)
				problem = gup_pin_problem("pfn=0x%lx is not at index=0x%lx",
							  line->pfn, line->index);
		nr += line->pins;
	}
	if (!problem && nr != nfolios)
		problem = gup_pin_problem("%zu folios pinned, not %zu", nr, nfolios);
	gup_pin_free(&lines);
	return problem;
}

TEST_F(udmabuf, hold)
{
	int fd;

	fd = udmabuf_open(self->mem.fd, variant->first * PAGE_SIZE,
			  variant->npages * PAGE_SIZE);
	ASSERT_LE(0, fd) {
		TH_LOG("UDMABUF_CREATE: %s", strerror(errno));
	}
	ASSERT_OK(check(&self->mem, variant->first, variant->nfolios));
	ASSERT_EQ(0, close(fd));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Two buffers on the same memory: when one is closed, the other's pins stay. */
TEST_F(udmabuf, twice)
{
	struct gup_pin_stats stats;
	struct gup_pin_lines lines;
	int fd[2];
	size_t i;

	for (i = 0; i < 2; i++) {
		fd[i] = udmabuf_open(self->mem.fd, variant->first * PAGE_SIZE,
				     variant->npages * PAGE_SIZE);
		ASSERT_LE(0, fd[i]);
	}
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(2 * variant->nfolios, gup_pin_sum_pins(&lines));
	for (i = 0; i < lines.nr; i++)
		EXPECT_STREQ("exact", lines.line[i].match);
	gup_pin_free(&lines);

	ASSERT_EQ(0, close(fd[0]));
	ASSERT_OK(gup_pin_wait_live(self->base.stats.live_pins + variant->nfolios));
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(variant->nfolios, gup_pin_sum_pins(&lines));
	for (i = 0; i < lines.nr; i++)
		EXPECT_STREQ("exact", lines.line[i].match);
	gup_pin_free(&lines);
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(self->base.stats.inferred, stats.inferred);

	ASSERT_EQ(0, close(fd[1]));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* A range that ends beyond the file is refused, and no pin is left. */
TEST_F(udmabuf, refused)
{
	EXPECT_EQ(-1, udmabuf_open(self->mem.fd, 0, variant->size + SIZE_2M));
	ASSERT_OK(gup_pin_end(&self->base));
}

/*
 * There is no memory for the second folio: the pin on the first one, not yet recorded,
 * is dropped.
 */
TEST_F(udmabuf, no_memory)
{
	struct gup_pin_stats stats;
	int fd;

	if (variant->kind != MEM_MEMFD_HUGETLB)
		return;
	fd = memfd_create("gup_pin", MFD_ALLOW_SEALING | MFD_HUGETLB);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, 2 * SIZE_2M));
	ASSERT_OK(gup_pin_mem_want_hugepages(SIZE_2M));
	ASSERT_EQ(0, fallocate(fd, 0, 0, SIZE_2M));
	ASSERT_OK(gup_pin_mem_drop_hugepages());
	EXPECT_EQ(-1, udmabuf_open_once(fd, 0, 2 * SIZE_2M));
	EXPECT_EQ(ENOMEM, errno);
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(self->base.stats.unmatched, stats.unmatched);
	close(fd);
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
