// SPDX-License-Identifier: GPL-2.0
/*
 * Millions of pins, the memory needed to track them, and its optional bound.
 *
 * Uses most of the free memory: run it alone. Boot with slab_nomerge; otherwise other
 * slab caches may be merged with ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_bulk.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

#define BOUND	"/sys/module/gup_pin/parameters/max_memory_mb"
#define TIMEOUT	600

/* Size of an xa_node. */
#define NODE_BYTES	576UL

static const char *check_live(const struct gup_pin_base *base, const struct gup_pin_bulk *hold)
{
	struct gup_pin_stats stats;
	const char *problem;

	problem = gup_pin_read_stats(&stats);
	if (problem)
		return problem;
	if (stats.untracked != base->stats.untracked)
		return gup_pin_problem("untracked went from %lu to %lu",
				       base->stats.untracked, stats.untracked);
	if (stats.live_pins != base->stats.live_pins + hold->pins ||
	    stats.live_calls != base->stats.live_calls + hold->calls)
		return gup_pin_problem("live_pins %lu and live_calls %lu more, not %lu and %lu",
				       stats.live_pins - base->stats.live_pins,
				       stats.live_calls - base->stats.live_calls,
				       hold->pins, hold->calls);
	return NULL;
}

static const char *missing(void)
{
	return gup_pin_missing() ?: uring_missing();
}

static const char *bound_set(long mb)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", mb);
	return gup_pin_write(BOUND, text);
}

static long bound_get(void)
{
	return gup_pin_read_number(BOUND);
}

/*
 * Maximum memory for the nodes of the index. Pages are grouped into blocks of 64, which
 * are spread over 256 trees.
 */
static unsigned long nodes_most(void)
{
	unsigned long spanned = 0, last = 0, leaves, n;
	char line[256];
	FILE *f;

	f = fopen("/proc/zoneinfo", "r");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " spanned %lu", &n) == 1)
			spanned = n;
		if (sscanf(line, " start_pfn: %lu", &n) == 1 && spanned &&
		    n + spanned > last)
			last = n + spanned;
	}
	fclose(f);
	leaves = last / (64 * 256 * 64) + 1;
	return (leaves + leaves / 63 + 1) * 256 * NODE_BYTES;
}

FIXTURE(scale)
{
	struct gup_pin_base base;
	struct gup_pin_bulk hold;
	struct timespec since;
};

FIXTURE_SETUP(scale)
{
	const char *why = missing();

	if (why)
		SKIP(return, "%s", why);
	/* The kernel reserves part of its 2 GiB. */
	if (gup_pin_memory_kb("MemTotal") < 1900 * 1024)
		SKIP(return, "less than 2 GiB of memory");
	if (bound_get() > 0)
		SKIP(return, "a bound is set: " BOUND);
	ASSERT_OK(gup_pin_begin(&self->base));
}

FIXTURE_TEARDOWN(scale)
{
	gup_pin_bulk_drop(&self->hold);
}

/* Reads all of `pins` line by line. */
static const char *sum_of_pins(unsigned long *sum, unsigned long *lines)
{
	const char *problem = NULL;
	struct gup_pin_line line;
	char *text = NULL, *end;
	size_t room = 0;
	FILE *f;

	*sum = 0;
	*lines = 0;
	f = fopen(GUP_PIN_DIR "/pins", "r");
	if (!f)
		return gup_pin_problem("cannot open pins: %s", strerror(errno));
	setvbuf(f, NULL, _IOFBF, 1 << 16);
	if (getline(&text, &room, f) < 0 || strcmp(text, "# gup_pin pins 1\n"))
		problem = gup_pin_problem("pins has no header");
	while (!problem && getline(&text, &room, f) >= 0) {
		end = strchr(text, '\n');
		if (!end) {
			problem = gup_pin_problem("pins ends in the middle of a line");
			break;
		}
		*end = '\0';
		problem = gup_pin_parse_line(text, &line);
		*sum += line.pins;
		++*lines;
	}
	if (ferror(f))
		problem = gup_pin_problem("cannot read pins: %s", strerror(errno));
	free(text);
	fclose(f);
	return problem;
}

/* One record has all the pins. */
static const char *check_stacks(const struct gup_pin_bulk *hold)
{
	struct gup_pin_stacks stacks;
	const char *problem;
	size_t i;

	problem = gup_pin_read_stacks(&stacks);
	if (problem)
		return problem;
	for (i = 0; i < stacks.nr; i++)
		if (stacks.stack[i].pins == hold->pins)
			break;
	if (i == stacks.nr)
		problem = gup_pin_problem("none of %zu stacks has %lu pins, the first has %lu",
					  stacks.nr, hold->pins,
					  stacks.nr ? stacks.stack->pins : 0);
	else if (strcmp(stacks.stack[i].api, "pin_user_pages_fast") ||
		 stacks.stack[i].pages != hold->pins ||
		 stacks.stack[i].calls != hold->calls)
		problem = gup_pin_problem("of %lu pins stacks has pages=%lu calls=%lu api=%s",
					  stacks.stack[i].pins,
					  stacks.stack[i].pages,
					  stacks.stack[i].calls,
					  stacks.stack[i].api);
	free(stacks.stack);
	return problem;
}

static unsigned long ms_since(struct timespec *since)
{
	struct timespec now;
	unsigned long ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (now.tv_sec - since->tv_sec) * 1000 +
		(now.tv_nsec - since->tv_nsec) / 1000000;
	*since = now;
	return ms;
}

#define MANY_PINS	7500000UL
#define MANY_BYTES	(100UL << 20)
/* memory_bytes includes what hazards take from boot on. */
#define HAZARD_BYTES	(80UL << 10)

/* Setting a bound frees the cached blocks and their nodes. */
static const char *keep_none(void)
{
	return gup_pin_write(BOUND, "1000") ?: gup_pin_write(BOUND, "0");
}

/*
 * As many pins as in a real leak, on all free pages; with fewer pages each is pinned by
 * several calls. They fit into memory, and can be listed and released.
 */
TEST_F_TIMEOUT(scale, millions, TIMEOUT)
{
	unsigned long npages = gup_pin_most_pages(), sum, lines, ms;
	struct gup_pin_bulk *hold = &self->hold;
	struct gup_pin_stats stats;

	ms_since(&self->since);
	ASSERT_OK(gup_pin_bulk_map(hold, npages < MANY_PINS ? npages : MANY_PINS, 1));
	TH_LOG("%lu pages in %lu ms", hold->npages, ms_since(&self->since));
	while (hold->pins < MANY_PINS)
		ASSERT_OK(gup_pin_bulk_add_all(hold, GUP_PIN_BUFFER_PAGES));
	ms = ms_since(&self->since);
	ASSERT_OK(check_live(&self->base, hold));
	ASSERT_OK(gup_pin_read_stats(&stats));
	TH_LOG("%lu pins by %lu calls in %lu ms, %lu bytes: %.2f each", hold->pins,
	       hold->calls, ms, stats.memory_bytes,
	       (double)stats.memory_bytes / hold->pins);
	EXPECT_GT(MANY_BYTES, stats.memory_bytes);
	EXPECT_EQ(self->base.stats.live_folios + hold->npages, stats.live_folios);

	ms_since(&self->since);
	ASSERT_OK(sum_of_pins(&sum, &lines));
	EXPECT_EQ(stats.live_pins, sum);
	TH_LOG("pins: %lu lines in %lu ms", lines, ms_since(&self->since));
	ASSERT_OK(check_stacks(hold));
	TH_LOG("stacks: %lu ms", ms_since(&self->since));
	ASSERT_OK(gup_pin_check_at_rest(&self->base));
	TH_LOG("verify: %lu ms", ms_since(&self->since));

	ASSERT_OK(gup_pin_bulk_release(hold));
	ms = ms_since(&self->since);
	ASSERT_OK(gup_pin_end(&self->base));
	ASSERT_OK(keep_none());
	ASSERT_OK(gup_pin_read_stats(&stats));
	TH_LOG("released in %lu ms, %lu of them by a guess; %lu bytes left", ms,
	       stats.inferred - self->base.stats.inferred, stats.memory_bytes);
	EXPECT_GT(HAZARD_BYTES + nodes_most(), stats.memory_bytes);
}

static const char *const caches[] = {
	"gup_pin_origin", "gup_pin_block", "gup_pin_record",
};

/* The index consists of xa_nodes, which other code uses, too. */
#define NODES	"radix_tree_node"

#define SLAB	"/sys/kernel/slab/"

static long slab_number(const char *cache, const char *name)
{
	char path[100];

	snprintf(path, sizeof(path), SLAB "%s/%s", cache, name);
	return gup_pin_read_number(path);
}

/* Memory of a slab cache in use, from slabinfo. */
static const char *slab_bytes(const char *info, const char *cache, unsigned long *bytes)
{
	unsigned long active, total, size;
	size_t len = strlen(cache);
	const char *at = info;

	while ((at = strchr(at, '\n')) && (strncmp(++at, cache, len) || at[len] != ' '))
		;
	if (!at)
		return gup_pin_problem("no %s in slabinfo: merged? Boot with slab_nomerge",
				       cache);
	if (sscanf(at + len, "%lu %lu %lu", &active, &total, &size) != 3)
		return gup_pin_problem("/proc/slabinfo says: %.80s", at);
	*bytes = active * size;
	return NULL;
}

/* Memory in use according to several sources. */
struct account {
	unsigned long stats;
	unsigned long slabs;
	unsigned long nodes;
	unsigned long vmalloc;
};

/* Free objects in per-CPU lists count as in use unless the caches are shrunk. */
static const char *shrink_all(void)
{
	const char *problem;
	char path[100];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(caches); i++) {
		snprintf(path, sizeof(path), SLAB "%s/shrink", caches[i]);
		problem = gup_pin_write(path, "1");
		if (problem)
			return problem;
	}
	return gup_pin_write(SLAB NODES "/shrink", "1");
}

static const char *account_read(struct account *account)
{
	struct gup_pin_stats stats;
	const char *problem;
	unsigned long bytes;
	char *info;
	size_t i;

	memset(account, 0, sizeof(*account));
	problem = shrink_all() ?: gup_pin_slurp("/proc/slabinfo", &info, NULL);
	if (problem)
		return problem;
	for (i = 0; !problem && i < ARRAY_SIZE(caches); i++) {
		problem = slab_bytes(info, caches[i], &bytes);
		account->slabs += bytes;
	}
	problem = problem ?: slab_bytes(info, NODES, &account->nodes);
	free(info);
	account->vmalloc = gup_pin_memory_kb("VmallocUsed") * 1024;
	problem = problem ?: gup_pin_read_stats(&stats);
	account->stats = stats.memory_bytes;
	return problem;
}

/* Returns why slabs cannot be compared with stats; NULL if they can. */
static const char *account_missing(void)
{
	struct account account;
	size_t i;

	if (access("/proc/slabinfo", R_OK))
		return "no /proc/slabinfo (CONFIG_SLUB_DEBUG)";
	if (access(SLAB, F_OK))
		return "no " SLAB " (CONFIG_SYSFS)";
	for (i = 0; i < ARRAY_SIZE(caches); i++) {
		if (slab_number(caches[i], "aliases"))
			return gup_pin_problem("%s has other users: boot with slab_nomerge",
					       caches[i]);
		if (slab_number(caches[i], "object_size") !=
		    slab_number(caches[i], "slab_size"))
			return gup_pin_problem("slab debugging adds to each %s", caches[i]);
	}
	return account_read(&account);
}

FIXTURE(memory)
{
	struct gup_pin_base base;
	struct account before;
	struct account held;
	struct account after;
	struct gup_pin_bulk hold;
};

FIXTURE_VARIANT(memory)
{
	unsigned long npages;
	unsigned long a_call;
	unsigned int times;
	unsigned int step;
};

FIXTURE_VARIANT_ADD(memory, bulk)
{
	.npages = 400000,
	.a_call = GUP_PIN_BUFFER_PAGES,
	.times = 1,
};

FIXTURE_VARIANT_ADD(memory, bulk_again)
{
	.npages = 150000,
	.a_call = GUP_PIN_BUFFER_PAGES,
	.times = 8,
};

FIXTURE_VARIANT_ADD(memory, scattered_again)
{
	.npages = 50000,
	.a_call = GUP_PIN_BUFFER_PAGES,
	.times = 4,
	.step = 4,
};

FIXTURE_VARIANT_ADD(memory, single)
{
	.npages = 50000,
	.a_call = 1,
	.times = 1,
};

FIXTURE_VARIANT_ADD(memory, single_again)
{
	.npages = 10000,
	.a_call = 1,
	.times = 8,
};

FIXTURE_VARIANT_ADD(memory, few_again)
{
	.npages = 20000,
	.a_call = 4,
	.times = 4,
};

FIXTURE_SETUP(memory)
{
	const char *why = missing() ?: account_missing();

	if (why)
		SKIP(return, "%s", why);
	if (gup_pin_most_pages() < variant->npages)
		SKIP(return, "too little memory for %lu pages", variant->npages);
	if (bound_get() > 0)
		SKIP(return, "a bound is set: " BOUND);
	ASSERT_OK(gup_pin_begin(&self->base));
}

FIXTURE_TEARDOWN(memory)
{
	gup_pin_bulk_drop(&self->hold);
}

/* Differs from the correct value by more than 5 % of the total. */
static bool wrong(long is, long right, long sum)
{
	return labs(is - right) * 20 > sum;
}

/* Tracking must not use vmalloc(): no area has one of its functions as caller. */
static const char *check_vmalloc(void)
{
	const char *problem = NULL, *at;
	char *text;

	if (access("/proc/vmallocinfo", R_OK))
		return NULL;
	problem = gup_pin_slurp("/proc/vmallocinfo", &text, NULL);
	if (problem)
		return problem;
	at = strstr(text, "gup_pin");
	if (at)
		problem = gup_pin_problem("vmallocinfo has %.60s", at);
	free(text);
	return problem;
}

/*
 * Needed by rings: 16 bytes per page, up to twice as much if a table uses huge pages;
 * some for each buffer; and thread stacks.
 */
static long most_vmalloc(const struct gup_pin_bulk *hold)
{
	return hold->pins * 32 + hold->calls * 64 + (1 << 20);
}

/*
 * memory_bytes must match the slabs, within 5 %, because other code may allocate or
 * free nodes meanwhile. The growth of vmalloc() memory must not exceed the needs of the
 * rings.
 */
TEST_F_TIMEOUT(memory, is_right, TIMEOUT)
{
	struct account *before = &self->before, *held = &self->held;
	struct account *after = &self->after;
	struct gup_pin_bulk *hold = &self->hold;
	long is, right, left, vmalloc;
	unsigned int i;

	ASSERT_OK(gup_pin_bulk_map(hold, variant->npages, variant->step));
	ASSERT_OK(keep_none());
	ASSERT_OK(account_read(before));
	for (i = 0; i < variant->times; i++)
		ASSERT_OK(gup_pin_bulk_add_all(hold, variant->a_call));
	ASSERT_OK(check_live(&self->base, hold));
	ASSERT_OK(account_read(held));
	is = held->stats - before->stats;
	right = held->slabs + held->nodes - before->slabs - before->nodes;
	/* Stacks of other tasks come and go, so it may even shrink. */
	vmalloc = held->vmalloc - before->vmalloc;
	TH_LOG("%lu pins by %lu calls: memory_bytes %ld, slabs %ld (nodes %ld), vmalloc %ld",
	       hold->pins, hold->calls, is, right, held->nodes - before->nodes,
	       vmalloc);
	EXPECT_FALSE(wrong(is, right, right) && wrong(is, held->slabs - before->slabs, right));
	EXPECT_GT(most_vmalloc(hold), vmalloc);
	ASSERT_OK(check_vmalloc());

	ASSERT_OK(gup_pin_bulk_release(hold));
	ASSERT_OK(gup_pin_end(&self->base));
	ASSERT_OK(keep_none());
	ASSERT_OK(account_read(after));
	is = after->stats - before->stats;
	/* Other code may have allocated nodes meanwhile. */
	left = after->slabs - before->slabs;
	TH_LOG("then released: memory_bytes %ld, slabs %ld", is, left);
	EXPECT_FALSE(wrong(is, left, right));
}

FIXTURE(bound)
{
	struct gup_pin_base base;
	struct gup_pin_bulk early;
	struct gup_pin_bulk late;
	long before;
};

FIXTURE_SETUP(bound)
{
	const char *why = missing();

	if (why)
		SKIP(return, "%s", why);
	self->before = bound_get();
	ASSERT_OK(bound_set(0));
	ASSERT_OK(gup_pin_begin(&self->base));
}

FIXTURE_TEARDOWN(bound)
{
	gup_pin_bulk_drop(&self->early);
	gup_pin_bulk_drop(&self->late);
	bound_set(self->before);
}

TEST_F(bound, garbage)
{
	static const char *const garbage[] = { "x", "-1", "1x", "1 2", "0.5", "\n", " " };
	size_t i;
	int fd;

	/* Large enough that nothing is refused. */
	ASSERT_OK(bound_set(4000));
	for (i = 0; i < ARRAY_SIZE(garbage); i++) {
		fd = open(BOUND, O_WRONLY);
		ASSERT_LE(0, fd);
		errno = 0;
		EXPECT_EQ(-1, write(fd, garbage[i], strlen(garbage[i]))) {
			TH_LOG("'%s' was taken", garbage[i]);
		}
		EXPECT_EQ(EINVAL, errno);
		close(fd);
		EXPECT_EQ(4000, bound_get());
	}
	ASSERT_OK(bound_set(0));
	EXPECT_EQ(0, bound_get());
}

/* In MiB; each CPU may exceed it slightly. */
#define BOUND_MB	1UL
#define CPU_BYTES	(64UL << 10)

#define EARLY_PAGES	1000UL
#define LATE_PAGES	(4 * GUP_PIN_RING_BUFFERS)

/* A call for each page, until the memory is used up, and beyond. */
TEST_F_TIMEOUT(bound, is_kept, TIMEOUT)
{
	struct gup_pin_bulk *early = &self->early, *late = &self->late;
	unsigned long most = (BOUND_MB << 20) + HAZARD_BYTES + nodes_most() +
			     CPU_BYTES * sysconf(_SC_NPROCESSORS_CONF);
	struct gup_pin_stats full, stats;
	unsigned long first;

	ASSERT_OK(gup_pin_bulk_map(early, EARLY_PAGES, 1));
	ASSERT_OK(gup_pin_bulk_map(late, LATE_PAGES, 1));
	ASSERT_OK(bound_set(BOUND_MB));
	ASSERT_OK(gup_pin_bulk_add_all(early, 1));
	ASSERT_OK(check_live(&self->base, early));
	for (first = 0; first < LATE_PAGES; first += GUP_PIN_RING_BUFFERS) {
		ASSERT_OK(gup_pin_bulk_add(late, first, GUP_PIN_RING_BUFFERS, 1));
		ASSERT_OK(gup_pin_read_stats(&full));
		EXPECT_GE(most, full.memory_bytes);
		EXPECT_EQ(self->base.stats.live_pins + early->pins + late->pins,
			  full.live_pins + full.untracked - self->base.stats.untracked);
	}
	TH_LOG("of %lu pins %lu are untracked, in %lu bytes (at most %lu)",
	       early->pins + late->pins, full.untracked, full.memory_bytes, most);
	EXPECT_LT(self->base.stats.untracked, full.untracked);
	/* Nor is the bound applied much too early. */
	EXPECT_LT(BOUND_MB << 19, full.memory_bytes);
	ASSERT_OK(gup_pin_check_at_rest(&self->base));

	/* Memory that is freed can be used again while the bound is reached. */
	ASSERT_OK(gup_pin_bulk_release(early));
	ASSERT_OK(gup_pin_bulk_add(early, 0, EARLY_PAGES / 4, 1));
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(full.live_pins - EARLY_PAGES + early->pins, stats.live_pins);
	EXPECT_EQ(full.untracked, stats.untracked);
	ASSERT_OK(gup_pin_check_at_rest(&self->base));

	ASSERT_OK(gup_pin_bulk_release(early));
	ASSERT_OK(gup_pin_bulk_release(late));
	ASSERT_OK(gup_pin_end(&self->base));

	/* All pins are recorded again: within the bound, and any number without one. */
	ASSERT_OK(gup_pin_bulk_add_all(early, 1));
	ASSERT_OK(check_live(&self->base, early));
	ASSERT_OK(gup_pin_bulk_release(early));
	ASSERT_OK(bound_set(0));
	ASSERT_OK(gup_pin_bulk_add_all(late, 1));
	ASSERT_OK(check_live(&self->base, late));
	ASSERT_OK(gup_pin_bulk_release(late));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
