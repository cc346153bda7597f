// SPDX-License-Identifier: GPL-2.0
/*
 * Long-term pins that the kernel refuses: `refused` shows the task, the memory and the
 * reason; other failures are not refusals.
 *
 * Needs a movable zone (boot with movablecore=512M).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_pinners.h"
#include "gup_pin_slow.h"
#include "gup_pin_util.h"
#include "gup_pin_zone.h"

#define REFUSED		GUP_PIN_DIR "/refused"
/* Maximum number of records in the file, and of those of one user. */
#define RECORDS_MAX	1024
#define RECORDS_SHARE	(RECORDS_MAX / 2)

/* A record of `refused`. */
struct refusal {
	unsigned long count;
	char err[16];
	char mode;
	char term[8];
	char api[32];
	pid_t owner;
	pid_t tgid;
	pid_t pid;
	char comm[68];
	unsigned long oldest_ms;
	unsigned long newest_ms;
	unsigned long stack;
	char why[16];
	unsigned long addr;
	unsigned long pfn;
	unsigned int major;
	unsigned int minor;
	unsigned long ino;
	unsigned long index;
	char path[80];
	char first_frame[80];
	unsigned int nr_frames;
};

struct refusals {
	struct refusal *refusal;
	size_t nr;
};

static const char *parse_words(const char *line, struct refusal *out)
{
	int end = 0;

	memset(out, 0, sizeof(*out));
	/* A task may have no name. */
	if (sscanf(line,
		   "count=%lu err=%15s mode=%c term=%7s api=%31s owner=%d task=%d/%d comm=%n%67[^ ]",
		   &out->count, out->err, &out->mode, out->term, out->api, &out->owner,
		   &out->tgid, &out->pid, &end, out->comm) < 8 || !end)
		return gup_pin_problem("no record of refused: %s", line);
	line += end + strlen(out->comm);
	end = 0;
	if (sscanf(line, " oldest_ms=%lu newest_ms=%lu stack=0x%lx%n", &out->oldest_ms,
		   &out->newest_ms, &out->stack, &end) != 3)
		return gup_pin_problem("no record of refused: %s", line);
	line += end;
	end = 0;
	if (sscanf(line, " why=%15s addr=0x%lx pfn=0x%lx dev=%u:%u ino=%lu index=0x%lx path=%n%79s",
		   out->why, &out->addr, &out->pfn, &out->major, &out->minor, &out->ino,
		   &out->index, &end, out->path) < 7 || !end || strchr(line + end, ' '))
		return gup_pin_problem("no words of what was refused: %s", line);
	if (!out->count || out->newest_ms > out->oldest_ms)
		return gup_pin_problem("no right count or time: %s", line);
	return NULL;
}

static const char *parse_refusals(char *text, struct refusals *out)
{
	char *line = strsep(&text, "\n");
	struct refusal *now = NULL;
	const char *problem = NULL;

	if (strcmp(line, "# gup_pin refused 1"))
		return gup_pin_problem("refused begins with: %s", line);
	while (!problem && (line = strsep(&text, "\n")) && text) {
		if (!now) {
			out->refusal = realloc(out->refusal,
					       (out->nr + 1) * sizeof(*out->refusal));
			now = &out->refusal[out->nr++];
			problem = parse_words(line, now);
		} else if (!line[0]) {
			now = NULL;
		} else if (line[0] != ' ') {
			problem = gup_pin_problem("no frame: %s", line);
		} else if (!now->nr_frames++) {
			snprintf(now->first_frame, sizeof(now->first_frame), "%s",
				 line + 1);
		}
	}
	if (!problem && now)
		problem = gup_pin_problem("refused ends in a stack");
	return problem;
}

/* The caller frees out->refusal. */
static const char *read_refusals(struct refusals *out)
{
	const char *problem;
	char *text;

	memset(out, 0, sizeof(*out));
	problem = gup_pin_slurp(REFUSED, &text, NULL);
	if (problem)
		return problem;
	problem = parse_refusals(text, out);
	free(text);
	return problem;
}

/* The total in `stats`. */
static const char *read_total(unsigned long *total)
{
	const char *problem, *at;
	char *text;

	problem = gup_pin_slurp(GUP_PIN_DIR "/stats", &text, NULL);
	if (problem)
		return problem;
	at = strstr(text, "\nrefused ");
	if (at)
		*total = strtoul(at + strlen("\nrefused "), NULL, 10);
	free(text);
	return at ? NULL : gup_pin_problem("no refused in stats");
}

/* The only record of this process with this reason. */
static const char *read_mine(const char *err, struct refusal *out)
{
	struct refusals all;
	const char *problem = read_refusals(&all);
	unsigned int mine = 0;
	size_t i;

	for (i = 0; !problem && i < all.nr; i++) {
		if (all.refusal[i].tgid != getpid() || strcmp(all.refusal[i].err, err))
			continue;
		*out = all.refusal[i];
		mine++;
	}
	free(all.refusal);
	if (!problem && mine != 1)
		problem = gup_pin_problem("%u records of this process with %s, not 1", mine, err);
	return problem;
}

/* Ways to ask for pins. */
enum how {
	BY_SLOW,		/* gup_test, pin_user_pages() */
	BY_FAST,		/* gup_test, pin_user_pages_fast() */
	BY_URING,		/* a registered buffer, pin_user_pages_fast() */
	BY_MEMFD,		/* udmabuf, memfd_pin_folios() */
};

static const char *const apis[] = {
	[BY_SLOW] = "pin_user_pages",
	[BY_FAST] = "pin_user_pages_fast",
	[BY_URING] = "pin_user_pages_fast",
	[BY_MEMFD] = "memfd_pin_folios",
};

/* A task that asks for pins, and the memory. */
struct asker {
	enum how how;
	struct gup_pin_base base;
	struct gup_pin_slow slow;
	struct gup_pin_dm disk;
	unsigned long total;
	int gup_test;
	int ring;
	int memfd;
	int buf;
	int file;
	char *map;		/* shared mapping of the file */
	char *mem;
	size_t size;
};

static const char *asker_missing(struct asker *self, enum how how)
{
	const char *missing = gup_pin_missing() ?: gup_pin_dm_missing() ?:
		gup_test_missing() ?: uring_missing();

	memset(self, 0, sizeof(*self));
	self->how = how;
	self->memfd = -1;
	self->buf = -1;
	self->file = -1;
	self->gup_test = gup_test_open();
	self->ring = uring_open();
	if (missing)
		return missing;
	if (how == BY_MEMFD && access(UDMABUF, F_OK))
		return "no " UDMABUF " (CONFIG_UDMABUF)";
	return NULL;
}

static const char *asker_begin(struct asker *self)
{
	prctl(PR_SET_NAME, "asks for long");
	return gup_pin_begin(&self->base) ?: read_total(&self->total);
}

static void asker_end(struct asker *self)
{
	gup_pin_slow_close(&self->slow);
	if (self->map)
		munmap(self->map, 4 * PAGE_SIZE);
	if (self->mem)
		munmap(self->mem, self->size);
	if (self->file >= 0)
		close(self->file);
	gup_pin_dm_remove(&self->disk);
	if (self->buf >= 0)
		close(self->buf);
	if (self->memfd >= 0)
		close(self->memfd);
	close(self->gup_test);
	close(self->ring);
}

/* Asks for long-term pins; returns 0 or -errno. */
static int ask(struct asker *self, void *addr, size_t size,
	       bool write)
{
	const struct iovec iov = { addr, size };

	switch (self->how) {
	case BY_SLOW:
	case BY_FAST:
		return gup_test_hold_once(self->gup_test, addr, size,
					  (self->how == BY_FAST ? GUP_TEST_FAST : 0) |
					  (write ? GUP_TEST_WRITE : 0));
	case BY_URING:
		return uring_register_once(self->ring, &iov, 1);
	case BY_MEMFD:
		self->buf = udmabuf_open_once(self->memfd, (char *)addr - self->mem, size);
		return self->buf < 0 ? -errno : 0;
	}
	return -EINVAL;
}

static void let_go(struct asker *self)
{
	if (self->how == BY_URING)
		uring_unregister(self->ring);
	else if (self->how == BY_MEMFD)
		close(self->buf);
	else
		gup_test_release(self->gup_test);
	self->buf = -1;
}

/* Expects this number of refusals in total, all of this kind; *last is the record. */
static const char *check(struct asker *self, const char *err, unsigned int count,
			 struct refusal *last)
{
	size_t len = strlen(apis[self->how]);
	const char *problem;
	unsigned long total;

	problem = read_total(&total) ?: read_mine(err, last);
	if (problem)
		return problem;
	if (total - self->total != count)
		return gup_pin_problem("refused in stats grew by %lu, not %u",
				       total - self->total, count);
	if (last->count != count)
		return gup_pin_problem("count=%lu, not %u", last->count, count);
	if (last->mode != 'w' || strcmp(last->term, "long"))
		return gup_pin_problem("mode=%c term=%s", last->mode, last->term);
	if (strcmp(last->api, apis[self->how]))
		return gup_pin_problem("api=%s, not %s", last->api, apis[self->how]);
	if (last->owner != (self->how == BY_MEMFD ? 0 : getpid()) || last->pid != gettid() ||
	    strcmp(last->comm, "asks\\x20for\\x20long"))
		return gup_pin_problem("owner=%d task=.../%d comm=%s", last->owner,
				       last->pid, last->comm);
	if (!last->stack || last->nr_frames < 3 ||
	    strncmp(last->first_frame, apis[self->how], len) ||
	    strncmp(last->first_frame + len, "+0x", 3))
		return gup_pin_problem("stack=0x%lx of %u frames begins with '%s'",
				       last->stack, last->nr_frames, last->first_frame);
	return gup_pin_check_no_lines(getpid());
}

static const char *check_none(struct asker *self)
{
	unsigned long total;
	const char *problem = read_total(&total);

	if (!problem && total != self->total)
		problem = gup_pin_problem("refused in stats grew by %lu",
					  total - self->total);
	return problem;
}

/*
 * A page in a movable zone cannot be migrated while something else holds a reference to
 * it: try again, and do not count that refusal.
 */
static int ask_patiently(struct asker *self, void *addr, bool write)
{
	unsigned int waited = 0;
	int err;

	do {
		err = ask(self, addr, PAGE_SIZE, write);
	} while (err == -ENOMEM && !read_total(&self->total) && gup_pin_patience(&waited));
	return err;
}

/* Anonymous memory, or a memfd for BY_MEMFD. */
static const char *map_memory(struct asker *self, size_t size)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

	self->size = size;
	if (self->how == BY_MEMFD) {
		self->memfd = memfd_create("gup_pin", MFD_ALLOW_SEALING);
		if (self->memfd < 0 || ftruncate(self->memfd, size))
			return gup_pin_problem("memfd: %s", strerror(errno));
		flags = MAP_SHARED;
	}
	self->mem = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, self->memfd, 0);
	if (self->mem == MAP_FAILED) {
		self->mem = NULL;
		return gup_pin_problem("mmap: %s", strerror(errno));
	}
	madvise(self->mem, size, MADV_NOHUGEPAGE);
	return NULL;
}

/* A file on ext4, whose pages must not have long-term pins for write. */
static const char *map_file(struct asker *self)
{
	const char *problem = gup_pin_dm_create(&self->disk, 16 << 20);

	if (!problem)
		problem = gup_pin_dm_mount(&self->disk, "ext4");
	if (problem)
		return problem;
	self->file = gup_pin_dm_file(&self->disk, "data", 4 * PAGE_SIZE, O_RDWR);
	self->map = mmap(NULL, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 self->file, 0);
	if (self->map == MAP_FAILED) {
		self->map = NULL;
		return gup_pin_problem("mmap: %s", strerror(errno));
	}
	return NULL;
}

/* Memory that belongs to a file */
FIXTURE(file)
{
	struct asker asker;
};

FIXTURE_VARIANT(file)
{
	enum how how;
};

FIXTURE_VARIANT_ADD(file, slow)
{
	.how = BY_SLOW,
};

FIXTURE_VARIANT_ADD(file, fast)
{
	.how = BY_FAST,
};

FIXTURE_VARIANT_ADD(file, io_uring)
{
	.how = BY_URING,
};

FIXTURE_SETUP(file)
{
	const char *missing = asker_missing(&self->asker, variant->how);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(asker_begin(&self->asker));
}

FIXTURE_TEARDOWN(file)
{
	asker_end(&self->asker);
}

/* The file system must be notified of each write. One record counts all refusals. */
TEST_F(file, refused)
{
	struct asker *asker = &self->asker;
	struct refusal first, second;

	ASSERT_OK(map_file(asker));
	/* Once with the page in the page tables, where the fast path finds it. */
	asker->map[0] = 1;
	EXPECT_EQ(-EFAULT, ask(asker, asker->map, PAGE_SIZE, true));
	ASSERT_OK(check(asker, "EFAULT", 1, &first));
	gup_pin_msleep(20);
	/* Not in the page tables; several pages are one refusal. */
	EXPECT_EQ(-EFAULT, ask(asker, asker->map + PAGE_SIZE, 3 * PAGE_SIZE, true));
	ASSERT_OK(check(asker, "EFAULT", 2, &second));
	EXPECT_EQ(first.stack, second.stack);
	/* Page and file are shown. */
	EXPECT_STREQ("file", first.why);
	EXPECT_STREQ("/data", first.path);
	EXPECT_EQ((unsigned long)asker->map, first.addr);
	EXPECT_EQ(0, first.index);
	EXPECT_EQ((unsigned long)asker->map + PAGE_SIZE, second.addr);
	EXPECT_EQ(1, second.index);
	EXPECT_EQ(first.ino, second.ino);
	EXPECT_NE(0, first.ino);
	EXPECT_LE(second.newest_ms + 20, second.oldest_ms);
	ASSERT_OK(gup_pin_end(&asker->base));
}

/*
 * Find kernel memory without struct pages in this process. NULL if it is not mapped, or
 * mapped as normal pages, as in later kernels.
 */
static void *find_vvar(void)
{
	char *text, *line, *flags, *end;
	void *at = NULL;

	if (gup_pin_slurp("/proc/self/smaps", &text, NULL))
		return NULL;
	line = strstr(text, "[vvar]");
	flags = line ? strstr(line, "VmFlags:") : NULL;
	end = flags ? strchr(flags, '\n') : NULL;
	if (end)
		*end = '\0';
	if (end && (strstr(flags, " pf") || strstr(flags, " io"))) {
		while (line > text && line[-1] != '\n')
			line--;
		at = (void *)strtoul(line, NULL, 16);
	}
	free(text);
	return at;
}

/* Memory of a device or of the kernel has no pages to pin. */
TEST_F(file, device)
{
	struct asker *asker = &self->asker;
	void *vvar = find_vvar();
	struct refusal last;

	if (!vvar)
		SKIP(return, "no [vvar] without pages");
	EXPECT_EQ(-EFAULT, ask(asker, vvar, PAGE_SIZE, true));
	ASSERT_OK(check(asker, "EFAULT", 1, &last));
	EXPECT_STREQ("device", last.why);
	EXPECT_EQ((unsigned long)vvar, last.addr);
	EXPECT_EQ(0, last.ino);
	EXPECT_STREQ("", last.path);
	ASSERT_OK(gup_pin_end(&asker->base));
}

/* Failures for other reasons, and successful calls. */
TEST_F(file, no_refusal)
{
	struct asker *asker = &self->asker;

	ASSERT_OK(map_memory(asker, 4 * PAGE_SIZE));
	ASSERT_OK(map_file(asker));
	EXPECT_EQ(0, ask_patiently(asker, asker->mem, true));
	let_go(asker);
	/* Nothing is mapped. */
	ASSERT_EQ(0, munmap(asker->mem + PAGE_SIZE, PAGE_SIZE));
	EXPECT_EQ(-EFAULT, ask(asker, asker->mem + PAGE_SIZE, PAGE_SIZE, true));
	/* The mapping is read-only. */
	ASSERT_EQ(0, mprotect(asker->mem + 2 * PAGE_SIZE, PAGE_SIZE, PROT_READ));
	EXPECT_EQ(-EFAULT, ask(asker, asker->mem + 2 * PAGE_SIZE, PAGE_SIZE, true));
	/* A file may be pinned for read; a private mapping has copies of its pages. */
	if (asker->how != BY_URING) {
		EXPECT_EQ(0, ask_patiently(asker, asker->map, false));
		let_go(asker);
	}
	ASSERT_EQ(asker->mem, mmap(asker->mem, PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_FIXED, asker->file, 0));
	EXPECT_EQ(0, ask_patiently(asker, asker->mem, true));
	let_go(asker);
	/* Short-term pins for write are allowed. */
	EXPECT_EQ(0, gup_test_basic(asker->gup_test, asker->map, PAGE_SIZE, true));
	ASSERT_OK(check_none(asker));
	ASSERT_OK(gup_pin_end(&asker->base));
}

/* Memory that would have to be migrated */
FIXTURE(movable)
{
	struct asker asker;
};

FIXTURE_VARIANT(movable)
{
	enum how how;
};

FIXTURE_VARIANT_ADD(movable, slow)
{
	.how = BY_SLOW,
};

FIXTURE_VARIANT_ADD(movable, fast)
{
	.how = BY_FAST,
};

FIXTURE_VARIANT_ADD(movable, io_uring)
{
	.how = BY_URING,
};

FIXTURE_VARIANT_ADD(movable, memfd)
{
	.how = BY_MEMFD,
};

FIXTURE_SETUP(movable)
{
	const char *missing = asker_missing(&self->asker, variant->how);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(asker_begin(&self->asker));
}

FIXTURE_TEARDOWN(movable)
{
	asker_end(&self->asker);
}

/* The page must be migrated, but another task has a pin on it. */
TEST_F(movable, pinned_by_another)
{
	struct asker *asker = &self->asker;
	unsigned int waited = 0, refused = 1;
	struct gup_pin_range movable;
	struct refusal last;
	char *page;
	int err;

	if (!gup_pin_movable_zone(&movable))
		SKIP(return, "no movable zone (boot with movablecore=512M)");
	ASSERT_OK(map_memory(asker, 256 << 20));
	page = gup_pin_fault_into(&movable, asker->mem, asker->size, 1);
	ASSERT_NE(NULL, page);
	ASSERT_OK(gup_pin_slow_open(&asker->slow));
	ASSERT_OK(gup_pin_slow_pin(&asker->slow, page, PAGE_SIZE));
	EXPECT_EQ(-ENOMEM, ask(asker, page, PAGE_SIZE, true));
	/* The pin of the other task is not a refusal. */
	ASSERT_OK(gup_pin_slow_unpin(&asker->slow));
	ASSERT_OK(gup_pin_wait_live(asker->base.stats.live_pins));
	ASSERT_OK(check(asker, "ENOMEM", 1, &last));

	/* Now the page is migrated, and nothing is refused. */
	ASSERT_TRUE(gup_pin_in_range(&movable, page));
	for (;;) {
		err = ask(asker, page, PAGE_SIZE, true);
		if (err != -ENOMEM || !gup_pin_patience(&waited))
			break;
		/* A record is removed before its pin is dropped: the pin may still have existed. */
		ASSERT_OK(check(asker, "ENOMEM", ++refused, &last));
	}
	EXPECT_EQ(0, err);
	EXPECT_FALSE(gup_pin_in_range(&movable, page));
	let_go(asker);
	ASSERT_OK(gup_pin_wait_live(asker->base.stats.live_pins));
	ASSERT_OK(check(asker, "ENOMEM", refused, &last));
	ASSERT_OK(gup_pin_end(&asker->base));
}

/* With io_uring, which does not retry after a partial result */
FIXTURE(once)
{
	struct asker asker;
};

FIXTURE_SETUP(once)
{
	const char *missing = asker_missing(&self->asker, BY_URING);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(asker_begin(&self->asker));
}

FIXTURE_TEARDOWN(once)
{
	asker_end(&self->asker);
}

/* Maps pages of a file behind other pages, which the call can pin. */
static const char *map_file_behind(struct asker *self, char *others)
{
	const char *problem = map_file(self);
	char *want = others + 4 * PAGE_SIZE;

	if (!problem && mmap(want, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_FIXED, self->file, 0) != want)
		problem = gup_pin_problem("mmap: %s", strerror(errno));
	return problem;
}

/* A call that got part of the pages was refused the rest, once. */
TEST_F(once, part)
{
	struct asker *asker = &self->asker;
	struct refusal last;

	ASSERT_OK(map_memory(asker, 8 * PAGE_SIZE));
	memset(asker->mem, 1, asker->size);
	/* Move the pages to where they can stay, so that the call does not retry. */
	ASSERT_EQ(0, uring_register_one(asker->ring, asker->mem, 4 * PAGE_SIZE));
	ASSERT_EQ(0, uring_unregister(asker->ring));
	/* Attempts that failed meanwhile were refused, too. */
	ASSERT_OK(read_total(&asker->total));
	ASSERT_OK(map_file_behind(asker, asker->mem));
	EXPECT_EQ(-EFAULT, ask(asker, asker->mem, 8 * PAGE_SIZE, true));
	ASSERT_OK(check(asker, "EFAULT", 1, &last));
	ASSERT_OK(gup_pin_end(&asker->base));
}

static bool any_in_range(const struct gup_pin_range *range, const char *addr, unsigned int npages)
{
	unsigned int i;

	for (i = 0; i < npages; i++)
		if (gup_pin_in_range(range, addr + i * PAGE_SIZE))
			return true;
	return false;
}

/* The part that can be pinned must be migrated first, and then the call retries everything. */
TEST_F(once, moved_part)
{
	struct asker *asker = &self->asker;
	struct gup_pin_range movable;
	unsigned int waited = 0, attempts = 0;
	struct refusal last;
	char *page;

	if (!gup_pin_movable_zone(&movable))
		SKIP(return, "no movable zone (boot with movablecore=512M)");
	ASSERT_OK(map_memory(asker, 256 << 20));
	page = gup_pin_fault_into(&movable, asker->mem, asker->size - 8 * PAGE_SIZE, 4);
	ASSERT_NE(NULL, page);
	ASSERT_OK(map_file_behind(asker, page));
	/*
	 * Something else may hold a page for a moment: a call that could not migrate it is
	 * refused that, too. What counts is the one that migrated the rest.
	 */
	do {
		ASSERT_OK(read_total(&asker->total));
		asker->total -= attempts++;
		ASSERT_GT(0, ask(asker, page, 8 * PAGE_SIZE, true));
	} while (any_in_range(&movable, page, 4) && gup_pin_patience(&waited));
	EXPECT_FALSE(any_in_range(&movable, page, 4));
	ASSERT_OK(check(asker, "EFAULT", attempts, &last));
	ASSERT_OK(gup_pin_end(&asker->base));
}

/*
 * Of any number of origins, those that were refused most recently are kept; of one user, half
 * of what there is room for.
 */
TEST_F(once, bounded)
{
	struct asker *asker = &self->asker;
	unsigned int i, times = RECORDS_MAX + 50, ours = 0, newest = 0;
	struct refusals all;
	unsigned long total;
	char name[16];

	ASSERT_OK(map_file(asker));
	for (i = 0; i < times; i++) {
		snprintf(name, sizeof(name), "origin-%u", i);
		ASSERT_EQ(0, prctl(PR_SET_NAME, name));
		ASSERT_EQ(-EFAULT, ask(asker, asker->map, PAGE_SIZE, true));
	}
	ASSERT_OK(read_total(&total));
	EXPECT_EQ(times, total - asker->total);
	ASSERT_OK(read_refusals(&all));
	EXPECT_GE(RECORDS_MAX, all.nr);
	for (i = 0; i < all.nr; i++) {
		EXPECT_STRNE("origin-0", all.refusal[i].comm);
		ours += all.refusal[i].tgid == getpid();
		newest += !strcmp(all.refusal[i].comm, name);
	}
	EXPECT_EQ(RECORDS_SHARE, ours);
	EXPECT_EQ(1, newest);
	free(all.refusal);
	ASSERT_OK(gup_pin_end(&asker->base));
}

TEST_HARNESS_MAIN
