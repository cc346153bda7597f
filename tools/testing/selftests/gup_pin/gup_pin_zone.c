// SPDX-License-Identifier: GPL-2.0
/* Memory that must not have long-term pins, and pages in it. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "gup_pin_util.h"
#include "gup_pin_zone.h"

bool gup_pin_movable_zone(struct gup_pin_range *range)
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

bool gup_pin_cma_area(struct gup_pin_cma *cma)
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
		cma->range.start = start;
		cma->range.end = start + count;
		snprintf(cma->dir, sizeof(cma->dir), "%s/%s", base, entry->d_name);
	}
	closedir(dir);
	return best;
}

bool gup_pin_in_range(const struct gup_pin_range *range, const char *addr)
{
	unsigned long pfn = gup_pin_pfn_of(0, addr);

	return pfn >= range->start && pfn < range->end;
}

long gup_pin_meminfo_kb(const char *name)
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
 * CMA is used for ordinary memory once half of the free memory of its zone is CMA:
 * allocate memory, in large pieces, until some of it is from CMA.
 */
void gup_pin_fill_up(char *mem, size_t size)
{
	long cma_kb = gup_pin_meminfo_kb("CmaFree");
	size_t i;

	madvise(mem, size, MADV_HUGEPAGE);
	for (i = 0; i + SIZE_2M <= size; i += SIZE_2M) {
		if (gup_pin_meminfo_kb("CmaFree") < cma_kb - 8 * 1024)
			break;
		memset(mem + i, 1, SIZE_2M);
	}
}

/* Faults in memory until some adjacent pages are in the range. */
char *gup_pin_fault_into(const struct gup_pin_range *range, char *mem, size_t size,
			 unsigned int npages)
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
			if (found == npages) {
				close(fd);
				return mem + (i + j + 1 - npages) * PAGE_SIZE;
			}
		}
	}
	close(fd);
	return NULL;
}
