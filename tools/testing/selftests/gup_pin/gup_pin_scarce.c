// SPDX-License-Identifier: GPL-2.0
/* Too little memory for tracking, so that some pins are not recorded. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_bulk.h"
#include "gup_pin_pinners.h"
#include "gup_pin_scarce.h"
#include "gup_pin_util.h"

#define FAILSLAB	"/sys/kernel/debug/failslab/"
#define SLAB		"/sys/kernel/slab/"
#define BOUND		"/sys/module/gup_pin/parameters/max_memory_mb"

/* Number of single-page calls, too many for 1 MiB, and of those left for other tasks. */
#define FILL_PAGES	GUP_PIN_RING_BUFFERS
#define LEFT_PAGES	16UL

static const char *const caches[] = { "gup_pin_block", "gup_pin_record", "gup_pin_origin" };

const char *gup_pin_scarce_missing(enum gup_pin_scarce_kind kind)
{
	char path[80];
	size_t i;

	if (kind != SCARCE_SLAB)
		return NULL;
	if (access(FAILSLAB, F_OK))
		return "no " FAILSLAB " (CONFIG_FAILSLAB, CONFIG_FAULT_INJECTION_DEBUG_FS)";
	for (i = 0; i < ARRAY_SIZE(caches); i++) {
		snprintf(path, sizeof(path), SLAB "%s/failslab", caches[i]);
		if (access(path, W_OK))
			return gup_pin_problem("no %s (boot with slab_nomerge)", path);
	}
	return NULL;
}

static const char *mark_caches(bool fail)
{
	const char *problem = NULL;
	char path[80];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(caches) && !problem; i++) {
		snprintf(path, sizeof(path), SLAB "%s/failslab", caches[i]);
		problem = gup_pin_write(path, fail ? "1" : "0");
	}
	return problem;
}

/* Three of four allocations fail, and each is tried three times. */
static const char *begin_to_fail(void)
{
	return mark_caches(true) ?: gup_pin_write(FAILSLAB "cache-filter", "Y") ?:
		gup_pin_write(FAILSLAB "ignore-gfp-wait", "N") ?:
		gup_pin_write(FAILSLAB "verbose", "0") ?:
		gup_pin_write(FAILSLAB "interval", "1") ?:
		gup_pin_write(FAILSLAB "times", "-1") ?:
		gup_pin_write(FAILSLAB "probability", "75");
}

/* Without the filter, allocations of any code would fail. */
static void fail_no_more(void)
{
	gup_pin_write(FAILSLAB "probability", "0");
	gup_pin_write(FAILSLAB "times", "1");
	gup_pin_write(FAILSLAB "verbose", "2");
	gup_pin_write(FAILSLAB "ignore-gfp-wait", "Y");
	gup_pin_write(FAILSLAB "cache-filter", "N");
	mark_caches(false);
}

static const char *untracked(unsigned long *pins)
{
	return gup_pin_read_stat("untracked", pins);
}

/*
 * Pins this number of pages, then half of it, a quarter and so on, as long as they fit;
 * then leaves room for a few.
 */
static const char *fill(struct gup_pin_bulk *bulk)
{
	unsigned long nr, before, after;
	const char *problem = gup_pin_bulk_map(bulk, FILL_PAGES, 1) ?:
		gup_pin_bulk_add(bulk, 0, LEFT_PAGES, 1);

	for (nr = FILL_PAGES; !problem && nr >= LEFT_PAGES; nr /= 2) {
		problem = untracked(&before) ?: gup_pin_bulk_add(bulk, 0, nr, 1) ?:
			untracked(&after);
		if (!problem && after > before)
			uring_unregister(bulk->ring[bulk->nr_rings - 1]);
	}
	if (!problem)
		uring_unregister(bulk->ring[0]);
	return problem;
}

/* Reports through a pipe that the memory is filled; then waits to be killed. */
static const char *start_filler(struct gup_pin_scarce *scarce)
{
	struct gup_pin_bulk bulk = {};
	const char *problem;
	int ready[2];
	char byte;

	if (pipe(ready))
		return gup_pin_problem("pipe: %s", strerror(errno));
	scarce->filler = fork();
	if (!scarce->filler) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		problem = fill(&bulk);
		if (problem)
			fprintf(stderr, "%s\n", problem);
		if (problem || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	problem = read(ready[0], &byte, 1) == 1 ? NULL : "what is to fill the memory has ended";
	close(ready[0]);
	return problem;
}

const char *gup_pin_scarce_begin(struct gup_pin_scarce *scarce, enum gup_pin_scarce_kind kind)
{
	scarce->kind = kind;
	switch (kind) {
	case SCARCE_SLAB:
		return begin_to_fail();
	case SCARCE_BOUND:
		return gup_pin_write(BOUND, "1") ?: start_filler(scarce);
	default:
		return NULL;
	}
}

void gup_pin_scarce_end(struct gup_pin_scarce *scarce)
{
	if (scarce->kind == SCARCE_SLAB)
		fail_no_more();
	if (scarce->filler > 0) {
		kill(scarce->filler, SIGKILL);
		waitpid(scarce->filler, NULL, 0);
	}
	if (scarce->kind == SCARCE_BOUND)
		gup_pin_write(BOUND, "0");
	memset(scarce, 0, sizeof(*scarce));
}
