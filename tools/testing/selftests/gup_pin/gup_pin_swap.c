// SPDX-License-Identifier: GPL-2.0
/* A swap device of a few megabytes. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/swap.h>
#include <unistd.h>
#include "gup_pin_swap.h"
#include "gup_pin_util.h"

#define SIZE	(16UL << 20)

/* Its first page, as mkswap(8) writes it, so that mkswap is not needed. */
struct header {
	char boot[1024];
	uint32_t version;
	uint32_t last_page;
	uint32_t nr_bad;
	char rest[PAGE_SIZE - 1024 - 3 * sizeof(uint32_t) - 10];
	char magic[10];
};

const char *gup_pin_swap_missing(void)
{
	return access("/proc/swaps", F_OK) ? "no CONFIG_SWAP" : gup_pin_dm_missing();
}

const char *gup_pin_swap_on(struct gup_pin_swap *swap)
{
	static struct header header;
	const char *problem;

	problem = gup_pin_dm_create(&swap->dm, SIZE);
	if (problem)
		return problem;
	header.version = 1;
	header.last_page = SIZE / PAGE_SIZE - 1;
	memcpy(header.magic, "SWAPSPACE2", sizeof(header.magic));
	if (pwrite(swap->dm.memfd, &header, sizeof(header), 0) != sizeof(header))
		return gup_pin_problem("cannot write a disk: %s", strerror(errno));
	if (swapon(swap->dm.dev, 0))
		return gup_pin_problem("swapon: %s", strerror(errno));
	swap->on = true;
	return NULL;
}

const char *gup_pin_swap_off(struct gup_pin_swap *swap)
{
	int ret;

	/*
	 * A disk that is still in use cannot be removed. What io_uring has left to this task
	 * (TIF_NOTIFY_SIGNAL) interrupts swapoff() like a signal, and is done on the way out.
	 */
	do {
		ret = swap->on ? swapoff(swap->dm.dev) : 0;
	} while (ret && errno == EINTR);
	if (ret)
		return gup_pin_problem("swapoff: %s", strerror(errno));
	swap->on = false;
	if (swap->dm.name[0])
		gup_pin_dm_remove(&swap->dm);
	return NULL;
}
