// SPDX-License-Identifier: GPL-2.0
/*
 * A pinned page in memory that must be allocated or unplugged as a whole: the kernel
 * log names the holder, and so does the filter pfn=.
 *
 * Needs a movable zone, and a CMA area that user memory can use and that is most of the
 * zone, so that memory comes from there early (movablecore=512M cma=128M).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_block.h"
#include "gup_pin_log.h"
#include "gup_pin_slow.h"
#include "gup_pin_util.h"
#include "gup_pin_zone.h"

#define SOFT_OFFLINE	"/sys/devices/system/memory/soft_offline_page"
#define DYNAMIC_DEBUG	"/proc/dynamic_debug/control"
/* Lets alloc_contig_range() dump the pages that it could not migrate. */
#define DUMP_PAGES	"func alloc_contig_dump_pages"
/* Reasons for which a page is dumped. */
#define MIGRATION	"migration failure"
#define IN_RANGE	"pinned, in a range to be allocated"
static const struct gup_pin_range all_memory = { 0, 1UL << 40 };

/* A page in some range, and the expected pin on it. */
struct victim {
	int memfd;		/* -1: anonymous memory */
	char *mem;
	size_t size;
	char *page;
	struct gup_pin_line line;
};

/* Frees all memory except one page. */
static const char *drop_others(struct victim *victim)
{
	size_t at = victim->page - victim->mem, after = at + PAGE_SIZE;
	int failed;

	if (victim->memfd < 0)
		failed = madvise(victim->mem, at, MADV_DONTNEED) ||
			madvise(victim->mem + after, victim->size - after,
				MADV_DONTNEED);
	else
		failed = madvise(victim->mem, at, MADV_REMOVE) ||
			madvise(victim->mem + after, victim->size - after, MADV_REMOVE);
	return failed ? gup_pin_problem("madvise: %s", strerror(errno)) : NULL;
}

/* Gets a page in a range. */
static const char *victim_get(struct victim *victim, const struct gup_pin_range *range,
			      bool shared)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

	memset(victim, 0, sizeof(*victim));
	victim->memfd = -1;
	victim->size = (gup_pin_meminfo_kb("MemFree") * 9 / 10) << 10 & -PAGE_SIZE;
	if (shared) {
		victim->memfd = memfd_create("gup_pin", 0);
		if (victim->memfd < 0 || ftruncate(victim->memfd, victim->size))
			return gup_pin_problem("memfd: %s", strerror(errno));
		flags = MAP_SHARED;
	}
	victim->mem = mmap(NULL, victim->size, PROT_READ | PROT_WRITE, flags,
			   victim->memfd, 0);
	if (victim->mem == MAP_FAILED) {
		victim->mem = NULL;
		return gup_pin_problem("mmap: %s", strerror(errno));
	}
	madvise(victim->mem, victim->size, MADV_NOHUGEPAGE);
	victim->page = gup_pin_fault_into(range, victim->mem, victim->size, 1);
	if (!victim->page)
		return gup_pin_problem("no memory from pfn 0x%lx to 0x%lx in %zu MiB",
				       range->start, range->end, victim->size >> 20);
	return drop_others(victim);
}

static void victim_put(struct victim *victim)
{
	if (victim->mem)
		munmap(victim->mem, victim->size);
	if (victim->mem && victim->memfd >= 0)
		close(victim->memfd);
	victim->mem = NULL;
}

/*
 * Takes a short-term pin, which does not migrate the page. The filter for the range
 * must show this pin and no other.
 */
static const char *victim_pin(struct victim *victim, struct gup_pin_slow *slow,
			      const struct gup_pin_range *range)
{
	unsigned long pfn = gup_pin_pfn_of(0, victim->page);
	struct gup_pin_lines lines;
	const char *problem;
	char filter[64];

	problem = gup_pin_slow_pin(slow, victim->page, PAGE_SIZE);
	if (problem)
		return problem;
	snprintf(filter, sizeof(filter), "pfn=0x%lx-0x%lx", range->start, range->end - 1);
	problem = gup_pin_read_filtered("pins", filter, &lines);
	if (problem)
		return problem;
	if (lines.nr != 1)
		problem = gup_pin_problem("%zu lines for %s", lines.nr, filter);
	else if (lines.line->pfn != pfn || lines.line->pins != 1 ||
		 lines.line->tgid != getpid() || lines.line->mode != 'w')
		problem = gup_pin_problem("pfn=0x%lx pins=%lu, not 0x%lx", lines.line->pfn,
					  lines.line->pins, pfn);
	else
		victim->line = *lines.line;
	gup_pin_free(&lines);
	return problem;
}

/* The frames of a stack as in `stacks`, with a newline before each. */
static const char *frames_of(unsigned long stack, char *frames, size_t size)
{
	const char *problem, *at;
	char *text, word[32];

	problem = gup_pin_slurp(GUP_PIN_DIR "/stacks", &text, NULL);
	if (problem)
		return problem;
	snprintf(word, sizeof(word), " stack=0x%lx ", stack);
	at = strstr(text, word);
	at = at ? strchr(at, '\n') : NULL;
	if (at && strstr(at, "\n\n"))
		snprintf(frames, size, "%.*s", (int)(strstr(at, "\n\n") - at), at);
	else
		problem = gup_pin_problem("stack 0x%lx is not in stacks", stack);
	free(text);
	return problem;
}

static const char *same_pin(const struct gup_pin_line *a, const struct gup_pin_line *b)
{
	bool same = a->pfn == b->pfn && a->pages == b->pages && a->pins == b->pins &&
		a->mode == b->mode && !strcmp(a->term, b->term) &&
		!strcmp(a->api, b->api) && a->owner == b->owner && a->tgid == b->tgid &&
		a->pid == b->pid && !strcmp(a->comm, b->comm) && a->addr == b->addr &&
		!strcmp(a->map, b->map) && a->ino == b->ino && a->stack == b->stack &&
		a->age_ms >= b->age_ms;

	return same ? NULL : gup_pin_problem("names another pin");
}

/* Counts the dumps of a page with this reason, each of which must show exactly this pin. */
static const char *count_dumps(const char *log, const char *why,
			       const struct gup_pin_line *pin, unsigned int *times)
{
	static const char mark[] = "\ngup_pin: pfn=", dumped[] = "page dumped because: ",
		one[] = "\ngup_pin: page has 1 recorded pins\ngup_pin: pfn=";
	char frames[4096], *line, *rest;
	const char *problem, *at, *end;
	struct gup_pin_line is;

	*times = 0;
	problem = frames_of(pin->stack, frames, sizeof(frames));
	if (problem)
		return problem;
	for (at = log; (at = strstr(at, mark)); at = end) {
		at += strlen("\ngup_pin: ");
		end = strchr(at, '\n');
		line = strndup(at, end - at);
		problem = gup_pin_parse_pin(line, &is, &rest) ?: same_pin(&is, pin);
		free(line);
		if (problem)
			return gup_pin_problem("%s: %.*s", problem, (int)(end - at), at);
		if (strncmp(end, frames, strlen(frames)))
			return gup_pin_problem("not its stack: %.400s", end);
	}
	for (at = log; (at = strstr(at, dumped)); at = end) {
		at += strlen(dumped);
		end = strchr(at, '\n');
		if (strncmp(at, why, end - at) || why[end - at])
			continue;
		/* Output of page_owner may come first. */
		end = strstr(end, "\ngup_pin: page has ");
		if (!end || strncmp(end, one, strlen(one)))
			return gup_pin_problem("no pin of the dumped page: %.400s", at);
		++*times;
	}
	return NULL;
}

static bool is_silent(const char *log)
{
	return !strstr(log, "gup_pin") && !strstr(log, "GUP_PIN") &&
		!strstr(log, "page dumped");
}

/* The message about the failed migration must be followed by the page's pin. */
static const char *check_reported(const char *log, const char *failed,
				  const struct gup_pin_line *pin)
{
	const char *at = strstr(log, failed), *problem;
	unsigned int times;
	char word[64];

	snprintf(word, sizeof(word), "gup_pin: pfn=0x%lx pages=1 ", pin->pfn);
	if (!at || !strstr(at, word))
		return gup_pin_problem("no '%s' and '%s' in: %.2000s", failed, word, log);
	problem = count_dumps(at, MIGRATION, pin, &times);
	return problem;
}

/* Expects no message; continues reading from there. */
static const char *check_silent(int log)
{
	char *text = gup_pin_log_rest(log);
	const char *problem = is_silent(text) ? NULL :
		gup_pin_problem("not silent: %.2000s", text);

	free(text);
	return problem;
}

/* Memory blocks */

FIXTURE(block)
{
	struct gup_pin_base base;
	struct gup_pin_slow slow;
	struct gup_pin_range range;
	struct victim victim;
	unsigned long block;
	pid_t child;
	int log;
};

FIXTURE_SETUP(block)
{
	const char *missing = gup_pin_missing() ?: gup_pin_dm_missing();
	const char *problem;
	bool any;

	self->log = -1;
	if (missing)
		SKIP(return, "%s", missing);
	if (access(GUP_PIN_BLOCKS, F_OK))
		SKIP(return, "no " GUP_PIN_BLOCKS " (CONFIG_MEMORY_HOTREMOVE)");
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_slow_open(&self->slow));
	problem = gup_pin_block_find(&self->block, &self->range, &any);
	if (problem && !any)
		SKIP(return, "%s", problem);
	ASSERT_OK(problem);
	/*
	 * Cross-check with a block in which nothing is pinned. Messages about blocks that
	 * were tried before do not matter.
	 */
	ASSERT_OK(gup_pin_log_open(0, SEEK_END, &self->log));
	ASSERT_OK(gup_pin_block_cycle(self->block));
	ASSERT_OK(check_silent(self->log));
	ASSERT_OK(victim_get(&self->victim, &self->range, false));
	ASSERT_OK(victim_pin(&self->victim, &self->slow, &self->range));
}

FIXTURE_TEARDOWN(block)
{
	gup_pin_slow_close(&self->slow);
	if (self->child > 0) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
	}
	if (self->range.end && gup_pin_block_is(self->block, "state", "offline"))
		gup_pin_block_online(self->block);
	victim_put(&self->victim);
	if (self->log >= 0)
		close(self->log);
}

/*
 * Waits for a dump of the page that cannot be migrated. Migration is retried, so when a
 * second dump starts, the first one is complete.
 */
static const char *wait_for_dump(int log, const struct gup_pin_line *pin)
{
	static const char begin[] = "migrating pfn ";
	char *text = NULL, *first = NULL, *next = NULL;
	unsigned int waited, times = 0;
	const char *problem;

	for (waited = 0; !next && waited < GUP_PIN_PATIENCE_MS; waited += 100) {
		gup_pin_msleep(100);
		gup_pin_log_add(log, &text);
		first = strstr(text, begin);
		next = first ? strstr(first + 1, begin) : NULL;
	}
	if (next)
		*next = '\0';
	problem = next ? count_dumps(text, MIGRATION, pin, &times) :
		gup_pin_problem("no reports: %.2000s", text);
	if (!problem && times != 1)
		problem = gup_pin_problem("%u dumps: %.2000s", times, text);
	free(text);
	return problem;
}

/* Taking the block offline waits, and continues when the pin is gone. */
TEST_F(block, waits_for_pin)
{
	self->child = gup_pin_start_writing(gup_pin_block_path(self->block, "state"), "offline");
	ASSERT_LT(0, self->child);
	ASSERT_OK(wait_for_dump(self->log, &self->victim.line));
	EXPECT_EQ(-1, gup_pin_status_after(self->child, 100));
	EXPECT_EQ(self->victim.line.pfn, gup_pin_pfn_of(0, self->victim.page));

	ASSERT_OK(gup_pin_slow_unpin(&self->slow));
	EXPECT_EQ(0, gup_pin_status_after(self->child, GUP_PIN_PATIENCE_MS));
	self->child = 0;
	EXPECT_TRUE(gup_pin_block_is(self->block, "state", "offline"));
	EXPECT_FALSE(gup_pin_in_range(&self->range, self->victim.page));
	ASSERT_OK(gup_pin_block_online(self->block));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* An aborted attempt leaves the block and the pin as they were. */
TEST_F(block, gives_up)
{
	struct gup_pin_lines lines;
	int status;

	self->child = gup_pin_start_writing(gup_pin_block_path(self->block, "state"), "offline");
	ASSERT_LT(0, self->child);
	ASSERT_OK(wait_for_dump(self->log, &self->victim.line));
	ASSERT_EQ(0, kill(self->child, SIGTERM));
	status = gup_pin_status_after(self->child, GUP_PIN_PATIENCE_MS);
	EXPECT_TRUE(WIFSIGNALED(status));
	self->child = 0;
	EXPECT_TRUE(gup_pin_block_is(self->block, "state", "online"));
	ASSERT_OK(gup_pin_read_pfn(&lines, self->victim.line.pfn));
	EXPECT_EQ(1, lines.nr);
	gup_pin_free(&lines);
	ASSERT_OK(gup_pin_slow_unpin(&self->slow));
	ASSERT_OK(gup_pin_wait_live(self->base.stats.live_pins));
	free(gup_pin_log_rest(self->log));

	/* Now it works, and no holder is named. */
	ASSERT_OK(gup_pin_block_cycle(self->block));
	ASSERT_OK(check_silent(self->log));
	EXPECT_FALSE(gup_pin_in_range(&self->range, self->victim.page));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Soft offlining of a page: its contents must be migrated */

FIXTURE(page)
{
	struct gup_pin_base base;
	struct gup_pin_slow slow;
	struct victim victim;
	int log;
};

FIXTURE_VARIANT(page)
{
	bool shared;
};

FIXTURE_VARIANT_ADD(page, anon)
{
};

FIXTURE_VARIANT_ADD(page, shmem)
{
	.shared = true,
};

FIXTURE_SETUP(page)
{
	const char *missing = gup_pin_missing() ?: gup_pin_dm_missing();

	self->log = -1;
	if (missing)
		SKIP(return, "%s", missing);
	if (access(SOFT_OFFLINE, F_OK))
		SKIP(return, "no " SOFT_OFFLINE " (CONFIG_MEMORY_FAILURE)");
	if (access(GUP_PIN_UNPOISON, F_OK))
		SKIP(return, "no " GUP_PIN_UNPOISON " (CONFIG_HWPOISON_INJECT)");
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_slow_open(&self->slow));
	ASSERT_OK(victim_get(&self->victim, &all_memory, variant->shared));
	ASSERT_OK(gup_pin_log_open(0, SEEK_END, &self->log));
}

FIXTURE_TEARDOWN(page)
{
	gup_pin_slow_close(&self->slow);
	victim_put(&self->victim);
	if (self->log >= 0)
		close(self->log);
}

static int soft_offline(unsigned long pfn)
{
	int fd = open(SOFT_OFFLINE, O_WRONLY | O_CLOEXEC), ret;
	char text[32];

	snprintf(text, sizeof(text), "0x%lx", pfn * PAGE_SIZE);
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/*
 * Without a pin: pages that something else refers to for a moment are tried again, and what the
 * kernel says of them is not read.
 */
static int soft_offline_patiently(unsigned long pfn, int log)
{
	unsigned int waited = 0;
	int ret;

	while ((ret = soft_offline(pfn)) == -EBUSY && gup_pin_patience(&waited))
		free(gup_pin_log_rest(log));
	return ret;
}

TEST_F(page, soft_offline)
{
	unsigned long pfn;
	char *log;

	ASSERT_OK(victim_pin(&self->victim, &self->slow, &all_memory));
	pfn = self->victim.line.pfn;
	EXPECT_NE(0, soft_offline(pfn));
	EXPECT_EQ(pfn, gup_pin_pfn_of(0, self->victim.page));
	log = gup_pin_log_rest(self->log);
	ASSERT_OK(check_reported(log, "page migration failed", &self->victim.line));
	free(log);

	ASSERT_OK(gup_pin_slow_unpin(&self->slow));
	ASSERT_OK(gup_pin_wait_live(self->base.stats.live_pins));
	EXPECT_EQ(0, soft_offline_patiently(pfn, self->log));
	EXPECT_NE(pfn, gup_pin_pfn_of(0, self->victim.page));
	ASSERT_OK(check_silent(self->log));
	/* The page is not broken. */
	ASSERT_OK(gup_pin_unpoison(pfn));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* CMA */

/* Allocates the whole area, or frees it. */
static int cma_write(const struct gup_pin_cma *cma, const char *file)
{
	char path[400], text[32];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/%s", cma->dir, file);
	snprintf(text, sizeof(text), "%lu", cma->range.end - cma->range.start);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* The same without a pin: see soft_offline_patiently(). */
static int cma_alloc_patiently(const struct gup_pin_cma *cma, int log)
{
	unsigned int waited = 0;
	int ret;

	while ((ret = cma_write(cma, "alloc")) == -ENOMEM && gup_pin_patience(&waited))
		free(gup_pin_log_rest(log));
	return ret;
}

static long cma_used(const struct gup_pin_cma *cma)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/used", cma->dir);
	return gup_pin_read_number(path);
}

FIXTURE(cma)
{
	struct gup_pin_base base;
	struct gup_pin_slow slow;
	struct gup_pin_cma cma;
	struct victim victim;
	int log;
};

FIXTURE_VARIANT(cma)
{
	bool shared;		/* memory of a file, but not on a disk */
	bool dump;		/* with dynamic debugging */
};

FIXTURE_VARIANT_ADD(cma, anon)
{
};

FIXTURE_VARIANT_ADD(cma, shmem)
{
	.shared = true,
};

FIXTURE_VARIANT_ADD(cma, shmem_dump)
{
	.shared = true,
	.dump = true,
};

FIXTURE_SETUP(cma)
{
	const char *missing = gup_pin_missing() ?: gup_pin_dm_missing();

	self->log = -1;
	if (missing)
		SKIP(return, "%s", missing);
	if (!gup_pin_cma_area(&self->cma))
		SKIP(return, "no CMA area in debugfs (CONFIG_CMA_DEBUGFS, boot with cma=128M)");
	if (variant->dump && access(DYNAMIC_DEBUG, F_OK))
		SKIP(return, "no " DYNAMIC_DEBUG " (CONFIG_DYNAMIC_DEBUG)");
	ASSERT_EQ(0, cma_used(&self->cma));
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_slow_open(&self->slow));
	if (variant->dump)
		ASSERT_OK(gup_pin_write(DYNAMIC_DEBUG, DUMP_PAGES " +p"));
	ASSERT_OK(victim_get(&self->victim, &self->cma.range, variant->shared));
	ASSERT_OK(gup_pin_log_open(0, SEEK_END, &self->log));
}

FIXTURE_TEARDOWN(cma)
{
	gup_pin_slow_close(&self->slow);
	if (cma_used(&self->cma) > 0)
		cma_write(&self->cma, "free");
	victim_put(&self->victim);
	if (variant->dump)
		gup_pin_write(DYNAMIC_DEBUG, DUMP_PAGES " -p");
	if (self->log >= 0)
		close(self->log);
}

TEST_F(cma, over_pinned_page)
{
	unsigned int times;
	char *log;

	ASSERT_OK(victim_pin(&self->victim, &self->slow, &self->cma.range));
	EXPECT_EQ(-ENOMEM, cma_write(&self->cma, "alloc"));
	EXPECT_EQ(0, cma_used(&self->cma));
	EXPECT_EQ(self->victim.line.pfn, gup_pin_pfn_of(0, self->victim.page));

	log = gup_pin_log_rest(self->log);
	ASSERT_OK(count_dumps(log, IN_RANGE, &self->victim.line, &times));
	EXPECT_EQ(1, times);
	ASSERT_OK(count_dumps(log, MIGRATION, &self->victim.line, &times));
	EXPECT_EQ(variant->dump, times);
	free(log);

	ASSERT_OK(gup_pin_slow_unpin(&self->slow));
	ASSERT_OK(gup_pin_wait_live(self->base.stats.live_pins));
	EXPECT_EQ(0, cma_alloc_patiently(&self->cma, self->log));
	EXPECT_EQ(self->cma.range.end - self->cma.range.start, cma_used(&self->cma));
	EXPECT_FALSE(gup_pin_in_range(&self->cma.range, self->victim.page));
	ASSERT_OK(check_silent(self->log));
	ASSERT_EQ(0, cma_write(&self->cma, "free"));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
