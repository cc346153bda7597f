// SPDX-License-Identifier: GPL-2.0
/*
 * pin_user_pages_remote() and folio_add_pins(), by iommufd with a mock device.
 *
 * iommufd records whose memory was mapped into an IOAS, but pins it only when a domain
 * is attached, in the attaching task. So a child that inherited /dev/iommu pins its
 * parent's memory.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_iommu.h"
#include "gup_pin_mem.h"
#include "gup_pin_util.h"

FIXTURE(iommufd)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	int fd;
	__u32 ioas;
};

FIXTURE_VARIANT(iommufd)
{
	enum gup_pin_mem_kind kind;
	size_t size;
	bool write;
};

FIXTURE_VARIANT_ADD(iommufd, anon_write)
{
	.kind = MEM_ANON,
	.size = 16 * PAGE_SIZE,
	.write = true,
};

FIXTURE_VARIANT_ADD(iommufd, anon_read)
{
	.kind = MEM_ANON,
	.size = 16 * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(iommufd, thp_write)
{
	.kind = MEM_THP,
	.size = SIZE_2M,
	.write = true,
};

FIXTURE_VARIANT_ADD(iommufd, hugetlb_read)
{
	.kind = MEM_HUGETLB,
	.size = SIZE_2M,
};

FIXTURE_SETUP(iommufd)
{
	const char *missing = gup_pin_missing() ?: gup_pin_mem_missing(variant->kind);
	int ret;

	if (missing)
		SKIP(return, "%s", missing);
	ret = gup_pin_iommu_open(&self->fd, &self->ioas);
	if (self->fd < 0)
		SKIP(return, "no /dev/iommu (CONFIG_IOMMUFD): %s", strerror(-ret));
	ASSERT_EQ(0, ret);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, variant->size));
}

FIXTURE_TEARDOWN(iommufd)
{
	close(self->fd);
	gup_pin_mem_put(&self->mem);
}

/* If the domain is attached first, the mapping task pins its own memory. */
TEST_F(iommufd, local)
{
	struct gup_pin_want want;
	int ret;

	ret = gup_pin_iommu_attach(self->fd, self->ioas);
	if (ret == -ENOTTY)
		SKIP(return, GUP_PIN_NO_MOCK);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, gup_pin_iommu_map(self->fd, self->ioas, self->mem.addr, 0, self->mem.size,
				       variant->write));
	gup_pin_want_self(&want, "pin_user_pages_fast", variant->write ? 'w' : 'r',
			  "long", self->mem.map);
	want.order = self->mem.order;
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr,
				      self->mem.size / PAGE_SIZE));
	ASSERT_EQ(0, gup_pin_iommu_unmap(self->fd, self->ioas, 0, self->mem.size));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_F(iommufd, remote)
{
	struct gup_pin_want want;
	int status, up[2], down[2];
	int ret = 1;
	pid_t child;

	ASSERT_EQ(0, gup_pin_iommu_map(self->fd, self->ioas, self->mem.addr, 0, self->mem.size,
				       variant->write));
	ASSERT_OK(gup_pin_check_no_lines(getpid()));
	ASSERT_EQ(0, pipe(up));
	ASSERT_EQ(0, pipe(down));

	/* Otherwise the child would share the pages, and pinning would copy them. */
	ASSERT_EQ(0, madvise(self->mem.addr, self->mem.size, MADV_DONTFORK));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		prctl(PR_SET_NAME, "gup_pin child");
		ret = gup_pin_iommu_attach(self->fd, self->ioas);
		if (write(up[1], &ret, sizeof(ret)) != sizeof(ret))
			_exit(1);
		close(down[1]);
		_exit(read(down[0], &ret, sizeof(ret)) != 0);
	}
	ASSERT_EQ((ssize_t)sizeof(ret), read(up[0], &ret, sizeof(ret)));
	if (ret == -ENOTTY) {
		close(down[1]);
		waitpid(child, &status, 0);
		SKIP(return, GUP_PIN_NO_MOCK);
	}
	ASSERT_EQ(0, ret);

	gup_pin_want_self(&want, "pin_user_pages_remote", variant->write ? 'w' : 'r',
			  "long", self->mem.map);
	want.tgid = child;
	want.pid = child;
	want.comm = "gup_pin\\x20child";
	want.order = self->mem.order;
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr,
				      self->mem.size / PAGE_SIZE));

	/* The pins outlive the task that took them. */
	close(down[1]);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr,
				      self->mem.size / PAGE_SIZE));

	ASSERT_EQ(0, gup_pin_iommu_unmap(self->fd, self->ioas, 0, self->mem.size));
	ASSERT_OK(gup_pin_check_no_lines(child));
	ASSERT_OK(gup_pin_end(&self->base));
}

FIXTURE(iommufd_file)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	int fd;
	__u32 ioas;
};

FIXTURE_VARIANT(iommufd_file)
{
	enum gup_pin_mem_kind kind;
	size_t size;
};

FIXTURE_VARIANT_ADD(iommufd_file, hugetlb)
{
	.kind = MEM_MEMFD_HUGETLB,
	.size = SIZE_2M,
};

FIXTURE_VARIANT_ADD(iommufd_file, shmem)
{
	.kind = MEM_MEMFD,
	.size = 16 * PAGE_SIZE,
};

FIXTURE_SETUP(iommufd_file)
{
	const char *missing = gup_pin_missing() ?: gup_pin_mem_missing(variant->kind);
	int ret;

	if (missing)
		SKIP(return, "%s", missing);
	if (!gup_pin_has_symbol("folio_add_pins"))
		SKIP(return, "this kernel has no folio_add_pins()");
	ret = gup_pin_iommu_open(&self->fd, &self->ioas);
	if (self->fd < 0)
		SKIP(return, "no /dev/iommu (CONFIG_IOMMUFD): %s", strerror(-ret));
	ASSERT_EQ(0, ret);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, variant->size));
}

FIXTURE_TEARDOWN(iommufd_file)
{
	close(self->fd);
	gup_pin_mem_put(&self->mem);
}

/*
 * memfd_pin_folios() pins each folio once; as the pages are unpinned one by one later,
 * folio_add_pins() takes the other 511 pins of a huge page.
 */
TEST_F(iommufd_file, add_pins)
{
	size_t npages = self->mem.size / PAGE_SIZE, nfolios, i;
	struct gup_pin_lines lines;
	struct gup_pin_want want;
	int ret;

	nfolios = npages >> self->mem.order;
	ret = gup_pin_iommu_attach(self->fd, self->ioas);
	if (ret == -ENOTTY)
		SKIP(return, GUP_PIN_NO_MOCK);
	ASSERT_EQ(0, ret);
	ret = gup_pin_iommu_map_file(self->fd, self->ioas, self->mem.fd, self->mem.size);
	ASSERT_EQ(0, ret) {
		TH_LOG("IOMMU_IOAS_MAP_FILE: %s", strerror(-ret));
	}

	gup_pin_want_self(&want, "memfd_pin_folios", 'w', "long", self->mem.map);
	want.owner = 0;
	want.no_owner = true;
	want.order = self->mem.order;
	want.dev = self->mem.dev;
	want.ino = self->mem.ino;
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(npages, gup_pin_sum_pins(&lines));
	gup_pin_only_api(&lines, "memfd_pin_folios");
	EXPECT_EQ(nfolios, gup_pin_sum_pins(&lines));
	for (i = 0; i < lines.nr; i++) {
		ASSERT_OK(gup_pin_check_line(&lines.line[i], &want));
		ASSERT_OK(gup_pin_check_stack(&lines.line[i]));
	}
	gup_pin_free(&lines);

	want.api = "folio_add_pins";
	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	gup_pin_only_api(&lines, "folio_add_pins");
	EXPECT_EQ(npages - nfolios, gup_pin_sum_pins(&lines));
	for (i = 0; i < lines.nr; i++) {
		ASSERT_OK(gup_pin_check_line(&lines.line[i], &want));
		ASSERT_OK(gup_pin_check_stack(&lines.line[i]));
		EXPECT_EQ(gup_pin_pfn_of(0, self->mem.addr), lines.line[i].pfn);
	}
	gup_pin_free(&lines);

	ASSERT_EQ(0, gup_pin_iommu_unmap(self->fd, self->ioas, 0, self->mem.size));
	ASSERT_OK(gup_pin_end(&self->base));
}

/*
 * The pages are unmapped one by one, and as dirty. Another mapping of them, for read only, keeps
 * its pins, and is not taken for one that was written to.
 */
TEST_F(iommufd_file, beside_a_read_only_mapping)
{
	size_t size = self->mem.size;
	unsigned long accused, now;
	struct gup_pin_lines lines;
	int ret;

	ret = gup_pin_iommu_attach(self->fd, self->ioas);
	if (ret == -ENOTTY)
		SKIP(return, GUP_PIN_NO_MOCK);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, gup_pin_iommu_map(self->fd, self->ioas, self->mem.addr, size, size, false));
	ret = gup_pin_iommu_map_file(self->fd, self->ioas, self->mem.fd, size);
	ASSERT_EQ(0, ret) {
		TH_LOG("IOMMU_IOAS_MAP_FILE: %s", strerror(-ret));
	}
	ASSERT_OK(gup_pin_read_stat("hazard_dirty_read_pin", &accused));
	ASSERT_EQ(0, gup_pin_iommu_unmap(self->fd, self->ioas, 0, size));
	ASSERT_OK(gup_pin_read_stat("hazard_dirty_read_pin", &now));
	EXPECT_EQ(accused, now);

	ASSERT_OK(gup_pin_read_task(&lines, getpid()));
	EXPECT_EQ(size / PAGE_SIZE, gup_pin_sum_pins(&lines));
	gup_pin_only_api(&lines, "pin_user_pages_fast");
	EXPECT_EQ(size / PAGE_SIZE, gup_pin_sum_pins(&lines));
	gup_pin_free(&lines);
	ASSERT_EQ(0, gup_pin_iommu_unmap(self->fd, self->ioas, size, size));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
