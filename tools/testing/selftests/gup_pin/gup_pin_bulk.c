// SPDX-License-Identifier: GPL-2.0
/* Millions of pins at once. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "gup_pin_bulk.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif

unsigned long gup_pin_memory_kb(const char *name)
{
	unsigned long kb = 0;
	char line[128];
	size_t len = strlen(name);
	FILE *f;

	f = fopen("/proc/meminfo", "r");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len) && line[len] == ':')
			kb = strtoul(line + len + 1, NULL, 10);
	fclose(f);
	return kb;
}

/*
 * Most of the free memory: the rings need 16 bytes for each pin, tracking needs what is
 * tested here, and long-term pins move the pages out of a movable zone, so they must
 * fit beside it.
 */
unsigned long gup_pin_most_pages(void)
{
	return gup_pin_memory_kb("MemAvailable") * 1024 / PAGE_SIZE * 7 / 10;
}

const char *gup_pin_bulk_map(struct gup_pin_bulk *hold, unsigned long npages,
			     unsigned int step)
{
	unsigned long first, i;
	size_t size = npages * PAGE_SIZE;

	hold->addr = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (hold->addr == MAP_FAILED)
		return gup_pin_problem("mmap: %s", strerror(errno));
	hold->npages = npages;
	madvise(hold->addr, size, MADV_NOHUGEPAGE);
	for (first = 0; step > 1 && first < step; first++)
		for (i = first; i < npages; i += step)
			hold->addr[i * PAGE_SIZE] = 1;
	if (madvise(hold->addr, size, MADV_POPULATE_WRITE))
		return gup_pin_problem("MADV_POPULATE_WRITE: %s", strerror(errno));
	return NULL;
}

const char *gup_pin_bulk_add(struct gup_pin_bulk *hold, unsigned long first,
			     unsigned long nr, unsigned long a_call)
{
	unsigned long calls = (nr + a_call - 1) / a_call, i, pages;
	struct iovec *iov;
	int ring, ret;

	if (hold->nr_rings == GUP_PIN_BULK_RINGS)
		return gup_pin_problem("too many rings");
	iov = calloc(calls, sizeof(*iov));
	if (!iov)
		return gup_pin_problem("out of memory");
	for (i = 0; i < calls; i++) {
		pages = nr - i * a_call;
		if (pages > a_call)
			pages = a_call;
		iov[i].iov_base = hold->addr + (first + i * a_call) * PAGE_SIZE;
		iov[i].iov_len = pages * PAGE_SIZE;
	}
	ring = uring_open();
	hold->ring[hold->nr_rings++] = ring;
	ret = uring_register(ring, iov, calls);
	free(iov);
	if (ret)
		return gup_pin_problem("io_uring: %s", strerror(-ret));
	hold->pins += nr;
	hold->calls += calls;
	return NULL;
}

const char *gup_pin_bulk_add_all(struct gup_pin_bulk *hold, unsigned long a_call)
{
	unsigned long a_ring = a_call * GUP_PIN_RING_BUFFERS, first, nr;
	const char *problem = NULL;

	for (first = 0; !problem && first < hold->npages; first += a_ring) {
		nr = hold->npages - first;
		problem = gup_pin_bulk_add(hold, first, nr < a_ring ? nr : a_ring, a_call);
	}
	return problem;
}

const char *gup_pin_bulk_release(struct gup_pin_bulk *hold)
{
	const char *problem = NULL;
	unsigned int i;
	int ret;

	for (i = 0; i < hold->nr_rings; i++) {
		ret = uring_unregister(hold->ring[i]);
		if (ret)
			problem = gup_pin_problem("io_uring: %s", strerror(-ret));
		close(hold->ring[i]);
	}
	hold->nr_rings = 0;
	hold->pins = 0;
	hold->calls = 0;
	return problem;
}

void gup_pin_bulk_drop(struct gup_pin_bulk *hold)
{
	unsigned int i;

	for (i = 0; i < hold->nr_rings; i++)
		close(hold->ring[i]);
	if (hold->npages)
		munmap(hold->addr, hold->npages * PAGE_SIZE);
}
