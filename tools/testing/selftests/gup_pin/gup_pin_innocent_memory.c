// SPDX-License-Identifier: GPL-2.0
/*
 * Innocents: memory is given to a device, and the kernel moves, swaps, merges and
 * takes away what lies around it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_block.h"
#include "gup_pin_calm.h"
#include "gup_pin_device.h"
#include "gup_pin_mem.h"
#include "gup_pin_seen.h"
#include "gup_pin_swap.h"
#include "gup_pin_zone.h"

#define NPAGES		64
/* Of these, what the device has. */
#define FIRST		10
#define GIVEN		4
#define KSM		"/sys/kernel/mm/ksm/"

FIXTURE(memory)
{
	struct gup_pin_calm calm;
	struct gup_pin_swap swap;
	struct gup_pin_mem mem;
	unsigned long pfn[GIVEN];
	int device;
};

FIXTURE_VARIANT(memory)
{
	enum gup_pin_mem_kind kind;
	enum gup_pin_device_kind device;
};

FIXTURE_VARIANT_ADD(memory, anon_ring)
{
	.kind = MEM_ANON,
	.device = DEVICE_RING,
};

FIXTURE_VARIANT_ADD(memory, anon_umem)
{
	.kind = MEM_ANON,
	.device = DEVICE_UMEM,
};

FIXTURE_VARIANT_ADD(memory, memfd_ring)
{
	.kind = MEM_MEMFD,
	.device = DEVICE_RING,
};

FIXTURE_VARIANT_ADD(memory, memfd_iommu)
{
	.kind = MEM_MEMFD,
	.device = DEVICE_IOMMU,
};

FIXTURE_VARIANT_ADD(memory, memfd_dmabuf)
{
	.kind = MEM_MEMFD,
	.device = DEVICE_DMABUF,
};

FIXTURE_SETUP(memory)
{
	const char *missing = gup_pin_missing() ?: gup_pin_device_missing(variant->device);
	int i;

	self->device = -1;
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_calm_begin(&self->calm));
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, NPAGES * PAGE_SIZE));
	for (i = 0; i < NPAGES; i++)
		self->mem.addr[i * PAGE_SIZE] = 'a' + i % 20;
	ASSERT_OK(gup_pin_device_give_part(variant->device, self->mem.fd, self->mem.addr,
					   FIRST * PAGE_SIZE, GIVEN * PAGE_SIZE,
					   &self->device));
	ASSERT_OK(gup_pin_wait_task(getpid(), GIVEN));
	for (i = 0; i < GIVEN; i++)
		self->pfn[i] = gup_pin_pfn_of(0, self->mem.addr + (FIRST + i) * PAGE_SIZE);
}

FIXTURE_TEARDOWN(memory)
{
	if (self->device >= 0) {
		close(self->device);
		/* It is given back by a work, and is not what the next test begins with. */
		gup_pin_wait_live(self->calm.base.stats.live_pins);
	}
	gup_pin_mem_put(&self->mem);
	gup_pin_swap_off(&self->swap);
	gup_pin_calm_close(&self->calm);
}

/* The device's pages are where they were; all have what they had. */
static const char *check_memory(const struct gup_pin_mem *mem, const unsigned long *pfn)
{
	const char *addr = mem->addr;
	int i;

	/* First this: it may be that a page has to be mapped again. */
	for (i = 0; i < NPAGES; i++)
		if (addr[i * PAGE_SIZE] != 'a' + i % 20)
			return gup_pin_problem("page %d has lost its data", i);
	for (i = 0; i < GIVEN; i++)
		if (gup_pin_pfn_of(0, addr + (FIRST + i) * PAGE_SIZE) != pfn[i])
			return gup_pin_problem("the device's page %d has moved", i);
	return NULL;
}

static const char *let_go(int *device, struct gup_pin_calm *calm)
{
	close(*device);
	*device = -1;
	return gup_pin_calm_end(calm);
}

static const char *swap_out(const struct gup_pin_mem *mem)
{
	long before = gup_pin_vmstat("pswpout");
	unsigned int waited = 0;

	/* Pages that are yet to be put on a list, by another CPU, are left out. */
	do {
		if (madvise(mem->addr, mem->size, MADV_PAGEOUT))
			return gup_pin_problem("MADV_PAGEOUT: %s", strerror(errno));
		if (gup_pin_vmstat("pswpout") - before >= NPAGES / 2)
			return NULL;
	} while (gup_pin_patience(&waited));
	return "hardly anything was swapped out";
}

TEST_F_TIMEOUT(memory, swap, GUP_PIN_PATIENCE)
{
	const char *missing = gup_pin_swap_missing();

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_swap_on(&self->swap));
	ASSERT_OK(swap_out(&self->mem));
	ASSERT_OK(check_memory(&self->mem, self->pfn));
	ASSERT_OK(gup_pin_swap_off(&self->swap));
	ASSERT_OK(check_memory(&self->mem, self->pfn));
	ASSERT_OK(let_go(&self->device, &self->calm));
}

TEST_F_TIMEOUT(memory, compaction, GUP_PIN_PATIENCE)
{
	long before = gup_pin_vmstat("compact_migrate_scanned");

	ASSERT_OK(gup_pin_write("/proc/sys/vm/compact_memory", "1"));
	ASSERT_LT(before, gup_pin_vmstat("compact_migrate_scanned"));
	ASSERT_OK(check_memory(&self->mem, self->pfn));
	ASSERT_OK(let_go(&self->device, &self->calm));
}

/* Half of the area can be allocated, because none of its pins is long-term. */
TEST_F_TIMEOUT(memory, cma, GUP_PIN_PATIENCE)
{
	struct gup_pin_cma cma = {};
	char path[400], count[32];
	unsigned int waited = 0;
	const char *problem;

	if (!gup_pin_cma_area(&cma))
		SKIP(return, "no CMA area in debugfs (CONFIG_CMA_DEBUGFS, boot with cma=128M)");
	snprintf(count, sizeof(count), "%lu", (cma.range.end - cma.range.start) / 2);
	snprintf(path, sizeof(path), "%s/alloc", cma.dir);
	/* Pages of others there, which have to be moved, may be busy for a moment. */
	do {
		problem = gup_pin_write(path, count);
	} while (problem && gup_pin_patience(&waited));
	ASSERT_OK(problem);
	snprintf(path, sizeof(path), "%s/free", cma.dir);
	ASSERT_OK(gup_pin_write(path, count));
	ASSERT_FALSE(gup_pin_in_range(&cma.range, self->mem.addr + FIRST * PAGE_SIZE));
	ASSERT_OK(check_memory(&self->mem, self->pfn));
	ASSERT_OK(let_go(&self->device, &self->calm));
}

TEST_F_TIMEOUT(memory, offline, 300)
{
	struct gup_pin_range range;
	const char *problem;
	unsigned long block;
	bool any;

	if (access(GUP_PIN_BLOCKS, F_OK))
		SKIP(return, "no " GUP_PIN_BLOCKS " (CONFIG_MEMORY_HOTREMOVE)");
	/* Takes it away and gives it back. */
	problem = gup_pin_block_find(&block, &range, &any);
	if (problem && !any)
		SKIP(return, "%s", problem);
	ASSERT_OK(problem);
	ASSERT_FALSE(gup_pin_in_range(&range, self->mem.addr + FIRST * PAGE_SIZE));
	ASSERT_OK(check_memory(&self->mem, self->pfn));
	ASSERT_OK(let_go(&self->device, &self->calm));
}

/* What a child writes is its own, and what it has when it ends is not missed. */
TEST_F_TIMEOUT(memory, fork, GUP_PIN_PATIENCE)
{
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (variant->kind == MEM_ANON)
			memset(self->mem.addr, 'z', self->mem.size);
		munmap(self->mem.addr, self->mem.size / 2);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_OK(check_memory(&self->mem, self->pfn));
	ASSERT_OK(let_go(&self->device, &self->calm));
}

/* Pages are merged, but for those that the device has. */
FIXTURE(ksm)
{
	struct gup_pin_calm calm;
	struct gup_pin_mem mem;
	int device;
};

FIXTURE_SETUP(ksm)
{
	const char *missing = gup_pin_missing() ?: gup_pin_device_missing(DEVICE_RING);

	self->device = -1;
	if (!missing && access(KSM "run", F_OK))
		missing = "no CONFIG_KSM";
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_calm_begin(&self->calm));
	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_ANON, NPAGES * PAGE_SIZE));
	memset(self->mem.addr, 'k', self->mem.size);
	ASSERT_OK(gup_pin_device_give_part(DEVICE_RING, -1, self->mem.addr, FIRST * PAGE_SIZE,
					   GIVEN * PAGE_SIZE, &self->device));
	ASSERT_OK(gup_pin_wait_task(getpid(), GIVEN));
}

FIXTURE_TEARDOWN(ksm)
{
	gup_pin_write(KSM "run", "0");
	if (self->device >= 0)
		close(self->device);
	gup_pin_mem_put(&self->mem);
	gup_pin_calm_close(&self->calm);
}

static const char *merge(void)
{
	unsigned int waited = 0;
	const char *problem;

	problem = gup_pin_write(KSM "sleep_millisecs", "10") ?:
		gup_pin_write(KSM "pages_to_scan", "1000") ?: gup_pin_write(KSM "run", "1");
	while (!problem && gup_pin_read_number(KSM "pages_sharing") < 20)
		if (!gup_pin_patience(&waited))
			problem = "nothing was merged";
	return problem;
}

TEST_F_TIMEOUT(ksm, merged, GUP_PIN_PATIENCE)
{
	char *given = self->mem.addr + FIRST * PAGE_SIZE;
	unsigned long pfn = gup_pin_pfn_of(0, given);

	ASSERT_EQ(0, madvise(self->mem.addr, self->mem.size, MADV_MERGEABLE));
	ASSERT_OK(merge());
	ASSERT_EQ(pfn, gup_pin_pfn_of(0, given));
	/* All are pages of their own again. */
	ASSERT_OK(gup_pin_write(KSM "run", "2"));
	ASSERT_EQ(pfn, gup_pin_pfn_of(0, given));
	close(self->device);
	self->device = -1;
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

/* A private copy of a file's page: what the file loses is another. */
TEST(private_copy)
{
	struct gup_pin_calm calm;
	struct gup_pin_mem mem;
	int ring = -1;
	char *copy;

	if (gup_pin_missing() || gup_pin_device_missing(DEVICE_RING))
		SKIP(return, "%s", gup_pin_missing() ?: gup_pin_device_missing(DEVICE_RING));
	ASSERT_OK(gup_pin_calm_begin(&calm));
	ASSERT_OK(gup_pin_mem_get(&mem, MEM_MEMFD, PAGE_SIZE));
	copy = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, mem.fd, 0);
	ASSERT_NE(MAP_FAILED, copy);
	copy[0] = 'p';
	ASSERT_OK(gup_pin_device_give_part(DEVICE_RING, -1, copy, 0, PAGE_SIZE, &ring));
	ASSERT_EQ(1, gup_pin_calm_acquired(&calm));
	ASSERT_EQ(0, ftruncate(mem.fd, 0));
	close(ring);
	gup_pin_mem_put(&mem);
	ASSERT_OK(gup_pin_calm_end(&calm));
	gup_pin_calm_close(&calm);
}

int main(int argc, char **argv)
{
	return gup_pin_repeat(test_harness_run, argc, argv);
}
