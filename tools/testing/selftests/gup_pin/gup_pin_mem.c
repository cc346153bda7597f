// SPDX-License-Identifier: GPL-2.0
/* All kinds of memory that the gup_pin selftests pin. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

#define HUGEPAGES	"/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define KPF_THP		22

/*
 * Free memory may lie in pieces that are too small. Compaction leaves out pages that something
 * refers to for a moment, so that another attempt may succeed. False: timeout.
 */
static bool compact(unsigned int *waited_ms)
{
	gup_pin_write("/proc/sys/vm/compact_memory", "1");
	return gup_pin_patience(waited_ms);
}

static void want_hugepages(size_t size)
{
	long need = size / SIZE_2M, have, total;
	unsigned int waited = 0;
	char text[32];

	do {
		have = gup_pin_read_number(HUGEPAGES "free_hugepages");
		total = gup_pin_read_number(HUGEPAGES "nr_hugepages");
		if (have >= need)
			return;
		snprintf(text, sizeof(text), "%ld", total + need - have);
		gup_pin_write(HUGEPAGES "nr_hugepages", text);
	} while (gup_pin_read_number(HUGEPAGES "free_hugepages") < need && compact(&waited));
}

const char *gup_pin_mem_drop_hugepages(void)
{
	long have = gup_pin_read_number(HUGEPAGES "free_hugepages");
	long total = gup_pin_read_number(HUGEPAGES "nr_hugepages");
	char text[24];

	snprintf(text, sizeof(text), "%ld", total - have);
	return gup_pin_write(HUGEPAGES "nr_hugepages", text);
}

const char *gup_pin_mem_want_hugepages(size_t size)
{
	want_hugepages(size);
	if (gup_pin_read_number(HUGEPAGES "free_hugepages") < (long)(size / SIZE_2M))
		return gup_pin_problem("cannot get %zu huge pages", size / SIZE_2M);
	return NULL;
}

static bool is_thp(const char *addr)
{
	unsigned long flags = 0, pfn = gup_pin_pfn_of(0, addr);
	int fd = open("/proc/kpageflags", O_RDONLY);

	if (fd < 0)
		return false;
	if (pread(fd, &flags, sizeof(flags), pfn * sizeof(flags)) != sizeof(flags))
		flags = 0;
	close(fd);
	return flags >> KPF_THP & 1 && pfn % (SIZE_2M / PAGE_SIZE) == 0;
}

const char *gup_pin_mem_missing(enum gup_pin_mem_kind kind)
{
	if (kind == MEM_THP && access("/sys/kernel/mm/transparent_hugepage", F_OK))
		return "no CONFIG_TRANSPARENT_HUGEPAGE";
	if ((kind == MEM_HUGETLB || kind == MEM_MEMFD_HUGETLB) &&
	    access(HUGEPAGES, F_OK))
		return "no CONFIG_HUGETLBFS with 2 MiB pages";
	return NULL;
}

static void touch(char *addr, size_t size)
{
	size_t at;

	for (at = 0; at < size; at += PAGE_SIZE)
		addr[at] = 1;
}

/* Once more, if there was none of this size. */
static const char *want_thp(char *addr)
{
	unsigned int waited = 0;

	while (!is_thp(addr)) {
		if (!compact(&waited))
			return gup_pin_problem("got no transparent huge page");
		if (madvise(addr, SIZE_2M, MADV_DONTNEED))
			return gup_pin_problem("MADV_DONTNEED: %s", strerror(errno));
		touch(addr, SIZE_2M);
	}
	return NULL;
}

static const char *finish(struct gup_pin_mem *mem)
{
	const char *problem = NULL;
	struct stat st;
	size_t i;

	if (mem->fd >= 0) {
		if (fstat(mem->fd, &st))
			return gup_pin_problem("fstat: %s", strerror(errno));
		mem->dev = st.st_dev;
		mem->ino = st.st_ino;
	}
	touch(mem->addr, mem->size);
	if (mem->kind != MEM_THP)
		return NULL;
	for (i = 0; i < mem->size && !problem; i += SIZE_2M)
		problem = want_thp(mem->addr + i);
	return problem;
}

/* From /proc/self/maps, because shared anonymous memory has an inode but no descriptor. */
const char *gup_pin_mem_inode(const void *addr, dev_t *dev, ino_t *ino)
{
	unsigned long start, number;
	unsigned int maj, min;
	char line[512];
	FILE *f;

	f = fopen("/proc/self/maps", "r");
	if (!f)
		return gup_pin_problem("cannot read /proc/self/maps");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%*x %*s %*x %x:%x %lu", &start, &maj, &min,
			   &number) != 4 || start != (unsigned long)addr)
			continue;
		*dev = makedev(maj, min);
		*ino = number;
		fclose(f);
		return NULL;
	}
	fclose(f);
	return gup_pin_problem("a mapping is not in /proc/self/maps");
}

/* Aligned, so that all of it can be huge pages. */
static const char *map_thp(struct gup_pin_mem *mem)
{
	size_t size = mem->size;
	char *addr;

	addr = mmap(NULL, size + SIZE_2M, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	if (addr == MAP_FAILED)
		return gup_pin_problem("mmap: %s", strerror(errno));
	mem->addr = (char *)(((unsigned long)addr + SIZE_2M - 1) & -SIZE_2M);
	if (mem->addr > addr)
		munmap(addr, mem->addr - addr);
	munmap(mem->addr + size, addr + SIZE_2M - mem->addr);
	if (madvise(mem->addr, size, MADV_HUGEPAGE))
		return gup_pin_problem("MADV_HUGEPAGE: %s", strerror(errno));
	return finish(mem);
}

const char *gup_pin_mem_get(struct gup_pin_mem *mem, enum gup_pin_mem_kind kind,
			    size_t size)
{
	int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
	const char *problem;

	memset(mem, 0, sizeof(*mem));
	mem->kind = kind;
	mem->size = size;
	mem->fd = -1;
	mem->map = "anon";
	switch (kind) {
	case MEM_ANON:
		break;
	case MEM_THP:
		mem->order = 9;
		return map_thp(mem);
	case MEM_HUGETLB:
		flags |= MAP_HUGETLB;
		want_hugepages(size);
		break;
	case MEM_SHARED_ANON:
		flags = MAP_SHARED | MAP_ANONYMOUS;
		mem->map = "shmem";
		break;
	case MEM_MEMFD_HUGETLB:
	case MEM_MEMFD:
		flags = MAP_SHARED;
		mem->map = "shmem";
		if (kind == MEM_MEMFD_HUGETLB)
			want_hugepages(size);
		mem->fd = memfd_create("gup_pin", MFD_ALLOW_SEALING |
				       (kind == MEM_MEMFD ? 0 : MFD_HUGETLB));
		if (mem->fd < 0 || ftruncate(mem->fd, size))
			return gup_pin_problem("memfd: %s", strerror(errno));
		break;
	case MEM_FILE:
		return gup_pin_problem("a file must be given");
	}
	if (kind == MEM_HUGETLB || kind == MEM_MEMFD_HUGETLB) {
		mem->map = "hugetlb";
		mem->order = 9;
	}
	mem->addr = mmap(NULL, size, prot, flags, mem->fd, 0);
	if (mem->addr == MAP_FAILED) {
		mem->addr = NULL;
		return gup_pin_problem("mmap: %s", strerror(errno));
	}
	if (kind == MEM_ANON)
		madvise(mem->addr, size, MADV_NOHUGEPAGE);
	problem = finish(mem);
	if (!problem && kind == MEM_SHARED_ANON)
		problem = gup_pin_mem_inode(mem->addr, &mem->dev, &mem->ino);
	return problem;
}

const char *gup_pin_mem_file(struct gup_pin_mem *mem, int fd, size_t size,
			     off_t offset)
{
	memset(mem, 0, sizeof(*mem));
	mem->kind = MEM_FILE;
	mem->size = size;
	mem->fd = dup(fd);
	mem->map = "file";
	mem->addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, mem->fd, offset);
	if (mem->addr == MAP_FAILED) {
		mem->addr = NULL;
		return gup_pin_problem("mmap: %s", strerror(errno));
	}
	return finish(mem);
}

void gup_pin_mem_put(struct gup_pin_mem *mem)
{
	if (mem->addr)
		munmap(mem->addr, mem->size);
	if (mem->size && mem->fd >= 0)
		close(mem->fd);
	memset(mem, 0, sizeof(*mem));
	mem->fd = -1;
}

/*
 * A long-term pin moves the pages to where they can stay: in a movable zone or CMA, the
 * next pin would scatter them.
 */
const char *gup_pin_mem_settle(const struct gup_pin_mem *mem)
{
	int ring = uring_open();
	int ret;

	if (ring < 0)
		return gup_pin_problem("io_uring: %s", strerror(errno));
	ret = uring_register_one(ring, mem->addr, mem->size);
	if (!ret)
		ret = uring_unregister(ring);
	close(ring);
	return ret ? gup_pin_problem("io_uring: %s", strerror(-ret)) : NULL;
}

const char *gup_pin_mem_contiguous(struct gup_pin_mem *mem)
{
	const char *problem = gup_pin_mem_get(mem, MEM_THP, SIZE_2M);
	unsigned int waited = 0;
	unsigned long pfn, i;
	char text[80];

	if (problem)
		return problem;
	problem = gup_pin_mem_settle(mem);
	if (problem)
		return problem;
	if (!is_thp(mem->addr))
		return gup_pin_problem("a transparent huge page was split by a pin");
	pfn = gup_pin_pfn_of(0, mem->addr);
	snprintf(text, sizeof(text), "%d,0x%lx,0x%lx", getpid(),
		 (unsigned long)mem->addr, (unsigned long)mem->addr + mem->size);
	madvise(mem->addr, mem->size, MADV_NOHUGEPAGE);
	/* Not while something else, like compaction, looks at the page. */
	do {
		problem = gup_pin_write("/sys/kernel/debug/split_huge_pages", text);
	} while (!problem && is_thp(mem->addr) && gup_pin_patience(&waited));
	if (problem)
		return problem;
	if (is_thp(mem->addr))
		return gup_pin_problem("a transparent huge page was not split");
	mem->kind = MEM_ANON;
	mem->order = 0;
	for (i = 0; i < mem->size / PAGE_SIZE; i++)
		if (gup_pin_pfn_of(0, mem->addr + i * PAGE_SIZE) != pfn + i)
			return gup_pin_problem("pages of a split huge page lie apart");
	return NULL;
}
