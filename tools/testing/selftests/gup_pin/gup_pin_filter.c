// SPDX-License-Identifier: GPL-2.0
/*
 * Filters of `pins`: what is read through a filter must be what the test selects from
 * all lines. For writing filters see gup_pin_filter_file.c, for filters of `hazards`
 * see gup_pin_hazard_filter.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_child.h"
#include "gup_pin_mem.h"
#include "gup_pin_scene.h"
#include "gup_pin_util.h"

/* Processes with pins of their own, and kinds of memory that this process pins. */
#define CHILDREN	2
#define KINDS		5

static const enum gup_pin_mem_kind kinds[KINDS] = {
	MEM_ANON, MEM_THP, MEM_HUGETLB, MEM_MEMFD, MEM_MEMFD_HUGETLB,
};

/* Pins that differ in everything that can be filtered. */
FIXTURE(crowd)
{
	struct gup_pin_base base;
	struct gup_pin_scene scene[2];	/* pages of files on ext4 and tmpfs */
	int hold;			/* gup_test for the second file */
	struct gup_pin_mem mem[KINDS];
	int ring[KINDS];
	struct gup_pin_child child[CHILDREN];
	pid_t writer;			/* writes to the first child's memory */
	int buf;			/* memory without an owner */
	struct gup_pin_mem buf_mem;
	struct gup_pin_lines all;
};

FIXTURE_SETUP(crowd)
{
	static const struct gup_pin_child_how how[CHILDREN] = {
		{ .comm = "one \\of\n" },
		{ .comm = "other\303\274", .thread = true },
	};
	const char *missing = gup_pin_scene_missing(SCENE_EXT4) ?: gup_test_missing();
	int i;

	for (i = 0; i < KINDS && !missing; i++)
		missing = gup_pin_mem_missing(kinds[i]);
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	for (i = 0; i < CHILDREN; i++)
		ASSERT_OK(gup_pin_child_start(&self->child[i], &how[i]));
	ASSERT_OK(gup_pin_writer_start(&self->writer, self->child[0].pid,
				       self->child[0].addr));
	/* Makes two groups of different age. */
	gup_pin_msleep(1000);
	ASSERT_OK(gup_pin_scene_open(&self->scene[0], SCENE_EXT4));
	ASSERT_OK(gup_pin_scene_pin(&self->scene[0], HOLD_READ));
	ASSERT_OK(gup_pin_scene_open(&self->scene[1], SCENE_SHMEM));
	self->hold = gup_test_open();
	ASSERT_LE(0, self->hold);
	ASSERT_EQ(0, gup_test_hold(self->hold, self->scene[1].pinned, PAGE_SIZE, 0));
	for (i = 0; i < KINDS; i++) {
		size_t size = kinds[i] == MEM_ANON || kinds[i] == MEM_MEMFD ?
			8 * PAGE_SIZE : SIZE_2M;

		ASSERT_OK(gup_pin_mem_get(&self->mem[i], kinds[i], size));
		self->ring[i] = uring_open();
		ASSERT_LE(0, self->ring[i]);
		ASSERT_EQ(0, uring_register_one(self->ring[i], self->mem[i].addr, size));
	}
	ASSERT_OK(gup_pin_mem_get(&self->buf_mem, MEM_MEMFD, 4 * PAGE_SIZE));
	self->buf = udmabuf_open(self->buf_mem.fd, 0, 4 * PAGE_SIZE);
	ASSERT_LE(0, self->buf);
	ASSERT_OK(gup_pin_read_pins(&self->all));
}

FIXTURE_TEARDOWN(crowd)
{
	int i;

	gup_pin_free(&self->all);
	gup_pin_writer_end(self->writer);
	for (i = 0; i < CHILDREN; i++)
		gup_pin_child_end(&self->child[i]);
	for (i = 0; i < KINDS; i++) {
		/*
		 * close() alone releases the pins asynchronously, possibly after the
		 * file is gone.
		 */
		if (self->ring[i] > 0) {
			uring_unregister(self->ring[i]);
			close(self->ring[i]);
		}
		gup_pin_mem_put(&self->mem[i]);
	}
	if (self->buf > 0)
		close(self->buf);
	gup_pin_mem_put(&self->buf_mem);
	if (self->hold > 0)
		close(self->hold);
	for (i = 0; i < 2; i++)
		gup_pin_scene_close(&self->scene[i]);
	EXPECT_OK(gup_pin_end(&self->base));
}

/* Keys whose values must be equal in all selected lines. */
enum key { OWNER, TASK, COMM, MODE, TERM, API, INO, DEV, STACK, NR_KEYS };

/* Formats the word that selects lines like this one. */
static int word(char *buf, size_t size, enum key key, const struct gup_pin_line *line)
{
	switch (key) {
	case OWNER:
		return snprintf(buf, size, "owner=%d", line->owner);
	case TASK:
		return snprintf(buf, size, "task=%d/%d", line->tgid, line->pid);
	case COMM:
		return snprintf(buf, size, "comm=%s", line->comm);
	case MODE:
		return snprintf(buf, size, "mode=%c", line->mode);
	case TERM:
		return snprintf(buf, size, "term=%s", line->term);
	case API:
		return snprintf(buf, size, "api=%s", line->api);
	case INO:
		return snprintf(buf, size, "ino=%lu", line->ino);
	case DEV:
		return snprintf(buf, size, "dev=%u:%u", line->major, line->minor);
	case STACK:
	default:
		return snprintf(buf, size, "stack=0x%lx", line->stack);
	}
}

static bool alike(enum key key, const struct gup_pin_line *a, const struct gup_pin_line *b)
{
	char x[128], y[128];

	word(x, sizeof(x), key, a);
	word(y, sizeof(y), key, b);
	return !strcmp(x, y);
}

static bool all_alike(unsigned int keys, const struct gup_pin_line *a,
		      const struct gup_pin_line *b)
{
	int key;

	for (key = 0; key < NR_KEYS; key++)
		if (keys >> key & 1 && !alike(key, a, b))
			return false;
	return true;
}

/* Prints of both lines what may differ although no pins changed. */
static const char *differs(const char *filter, const struct gup_pin_line *want,
			   const struct gup_pin_line *got)
{
	static const struct gup_pin_line none;

	if (!got)
		got = &none;
	return gup_pin_problem("%s: has 0x%lx+%lu %d %lums %s '%s', not 0x%lx+%lu %d %lums %s '%s'",
			       filter, got->pfn, got->pages, got->pid, got->age_ms,
			       got->match, got->path, want->pfn, want->pages, want->pid,
			       want->age_ms, want->match, want->path);
}

/* Finds an equal line that is not taken yet; lines->nr if there is none. */
static size_t find(const struct gup_pin_lines *lines, const bool *taken,
		   const struct gup_pin_line *line)
{
	size_t i;

	for (i = 0; i < lines->nr; i++)
		if (!taken[i] && gup_pin_same_line(line, &lines->line[i]))
			break;
	return i;
}

/*
 * Expects a filter to select the lines for which want is true, and no others. The order
 * may differ: a line is shown once its end is known.
 */
static const char *check(const struct gup_pin_lines *all, const bool *want,
			 const char *filter)
{
	struct gup_pin_lines got;
	const char *problem;
	size_t i, at, nr = 0;
	bool *taken;

	problem = gup_pin_read_filtered("pins", filter, &got);
	if (problem)
		return problem;
	taken = calloc(got.nr + 1, sizeof(*taken));
	for (i = 0; !problem && i < all->nr; i++) {
		if (!want[i])
			continue;
		at = find(&got, taken, &all->line[i]);
		if (at == got.nr)
			problem = differs(filter, &all->line[i],
					  nr < got.nr ? &got.line[nr] : NULL);
		taken[at] = true;
		nr++;
	}
	if (!problem && nr != got.nr)
		problem = gup_pin_problem("'%s' gives %zu lines, not %zu", filter, got.nr,
					  nr);
	free(taken);
	gup_pin_free(&got);
	return problem;
}

/* All combinations of the existing values of these keys. */
static const char *check_keys(const struct gup_pin_lines *all, unsigned int keys)
{
	bool *want = calloc(all->nr, sizeof(*want));
	const char *problem = NULL;
	char filter[512];
	size_t i, j;
	int key, len;

	for (i = 0; !problem && i < all->nr; i++) {
		/* Already tested? */
		for (j = 0; j < i && !all_alike(keys, &all->line[i], &all->line[j]); j++)
			;
		if (j < i)
			continue;
		for (len = 0, key = 0; key < NR_KEYS; key++) {
			if (!(keys >> key & 1))
				continue;
			if (len)
				filter[len++] = ' ';
			len += word(filter + len, sizeof(filter) - len, key,
				    &all->line[i]);
		}
		for (j = 0; j < all->nr; j++)
			want[j] = all_alike(keys, &all->line[i], &all->line[j]);
		problem = check(all, want, filter);
	}
	free(want);
	return problem;
}

/* If all lines had the same value of a key, a filter without effect would pass. */
TEST_F(crowd, they_differ)
{
	size_t i;
	int key;

	/* Each call has at least one line: the children, the writer, files, buffers. */
	EXPECT_LE(CHILDREN + 1 + 2 + KINDS + 1, self->all.nr);
	for (key = 0; key < NR_KEYS; key++) {
		for (i = 1; i < self->all.nr; i++)
			if (!alike(key, &self->all.line[0], &self->all.line[i]))
				break;
		EXPECT_NE(self->all.nr, i) {
			TH_LOG("all lines have the same value of key %d", key);
		}
	}
}

TEST_F(crowd, each_key)
{
	int key;

	for (key = 0; key < NR_KEYS; key++)
		ASSERT_OK(check_keys(&self->all, 1 << key));
}

TEST_F(crowd, two_keys)
{
	int a, b;

	for (a = 0; a < NR_KEYS; a++)
		for (b = a + 1; b < NR_KEYS; b++)
			ASSERT_OK(check_keys(&self->all, 1 << a | 1 << b));
}

TEST_F(crowd, all_keys)
{
	ASSERT_OK(check_keys(&self->all, (1 << NR_KEYS) - 1));
}

/* Words that no line has in combination. */
TEST_F(crowd, nothing)
{
	bool *none = calloc(self->all.nr, sizeof(*none));
	char filter[128];

	ASSERT_OK(check(&self->all, none, "mode=r term=short api=memfd_pin_folios"));
	ASSERT_OK(check(&self->all, none, "owner=4194305"));
	ASSERT_OK(check(&self->all, none, "comm=o"));
	ASSERT_OK(check(&self->all, none, "min_age_ms=18446744073709551615"));
	ASSERT_OK(check(&self->all, none, "pfn=0xfffffffffffffff0-0xffffffffffffffff"));
	ASSERT_OK(check(&self->all, none, "stack=0xffffffff"));
	snprintf(filter, sizeof(filter), "owner=%d task=%d", getpid(),
		 self->child[0].pid);
	ASSERT_OK(check(&self->all, none, filter));
	free(none);
}

TEST_F(crowd, everything)
{
	bool *want = malloc(self->all.nr);
	char filter[1025];

	memset(want, true, self->all.nr);
	ASSERT_OK(check(&self->all, want, "\n"));
	ASSERT_OK(check(&self->all, want, " \t\r\n  "));
	ASSERT_OK(check(&self->all, want, "min_age_ms=0"));
	ASSERT_OK(check(&self->all, want, "pfn=0-18446744073709551615"));
	ASSERT_OK(check(&self->all, want, "pfn=0x0-0xffffffffffffffff\n"));
	/* Maximum length. */
	memset(filter, ' ', 1024);
	memcpy(filter + 1012, "min_age_ms=0", 12);
	filter[1024] = '\0';
	ASSERT_OK(check(&self->all, want, filter));
	free(want);
}

/* One number matches the process or the task; two match both. */
TEST_F(crowd, task)
{
	struct gup_pin_child *child = &self->child[1];
	bool *want = calloc(self->all.nr, sizeof(*want));
	bool *none = calloc(self->all.nr, sizeof(*none));
	char filter[64];
	size_t i, nr = 0;

	ASSERT_NE(child->pid, child->pinner);
	for (i = 0; i < self->all.nr; i++) {
		want[i] = self->all.line[i].tgid == child->pid;
		nr += want[i];
	}
	ASSERT_LT(0, nr);
	snprintf(filter, sizeof(filter), "task=%d", child->pid);
	ASSERT_OK(check(&self->all, want, filter));
	snprintf(filter, sizeof(filter), "task=%d", child->pinner);
	ASSERT_OK(check(&self->all, want, filter));
	snprintf(filter, sizeof(filter), "task=%d/%d", child->pid, child->pinner);
	ASSERT_OK(check(&self->all, want, filter));
	snprintf(filter, sizeof(filter), "task=%d/%d", child->pid, child->pid);
	ASSERT_OK(check(&self->all, none, filter));
	snprintf(filter, sizeof(filter), "task=%d/%d", child->pinner, child->pinner);
	ASSERT_OK(check(&self->all, none, filter));
	free(want);
	free(none);
}

/* Escaped as in the lines, or unescaped if there is no blank. */
TEST_F(crowd, comm)
{
	struct gup_pin_lines lines;

	ASSERT_OK(gup_pin_read_filtered("pins", "comm=one\\x20\\x5cof\\x0a", &lines));
	ASSERT_NE(0, lines.nr);
	EXPECT_EQ(self->child[0].pid, lines.line->tgid);
	gup_pin_free(&lines);
	ASSERT_OK(gup_pin_read_filtered("pins", "comm=one\\x20\\of\\x0A", &lines));
	ASSERT_NE(0, lines.nr);
	gup_pin_free(&lines);
	ASSERT_OK(gup_pin_read_filtered("pins", "comm=other\303\274", &lines));
	ASSERT_NE(0, lines.nr);
	EXPECT_EQ(self->child[1].pid, lines.line->tgid);
	gup_pin_free(&lines);
}

/* The pins of the children are at least a second older than the others. */
static const char *check_min_age(const struct gup_pin_lines *all,
				 const struct gup_pin_child *child)
{
	unsigned long youngest_old = ~0UL, oldest_new = 0;
	bool *want = calloc(all->nr, sizeof(*want));
	const char *problem;
	char filter[64];
	size_t i;

	for (i = 0; i < all->nr; i++) {
		const struct gup_pin_line *line = &all->line[i];

		want[i] = line->owner == child[0].pid || line->owner == child[1].pid;
		if (want[i] && line->age_ms < youngest_old)
			youngest_old = line->age_ms;
		if (!want[i] && line->age_ms > oldest_new)
			oldest_new = line->age_ms;
	}
	snprintf(filter, sizeof(filter), "min_age_ms=%lu", youngest_old);
	if (youngest_old <= oldest_new)
		problem = gup_pin_problem("ages are %lu and %lu ms", youngest_old,
					  oldest_new);
	else
		problem = check(all, want, filter);
	free(want);
	return problem;
}

TEST_F(crowd, min_age)
{
	unsigned int waited = 0;
	const char *problem;

	/* If more than a second passes during the read, repeat it. */
	do {
		gup_pin_free(&self->all);
		ASSERT_OK(gup_pin_read_pins(&self->all));
		problem = check_min_age(&self->all, self->child);
	} while (problem && gup_pin_patience(&waited));
	ASSERT_OK(problem);
}

static const struct gup_pin_line *line_of(const struct gup_pin_lines *lines,
					  const struct gup_pin_mem *mem)
{
	unsigned long addr = (unsigned long)mem->addr;
	size_t i;

	for (i = 0; i < lines->nr; i++)
		if (lines->line[i].addr == addr && lines->line[i].owner == getpid())
			return &lines->line[i];
	return NULL;
}

/* Any pfn of a huge page selects its pin; adjacent pages do not. */
TEST_F(crowd, pfn_of_huge_page)
{
	bool *want = calloc(self->all.nr, sizeof(*want));
	static const unsigned long pages[] = { 0, 1, 63, 64, 300, 511 };
	int i, j;

	for (i = 0; i < KINDS; i++) {
		const struct gup_pin_line *line = line_of(&self->all, &self->mem[i]);
		char filter[64];

		if (kinds[i] == MEM_ANON || kinds[i] == MEM_MEMFD)
			continue;
		ASSERT_NE(NULL, line);
		ASSERT_EQ(9, line->order);
		memset(want, false, self->all.nr);
		want[line - self->all.line] = true;
		for (j = 0; j < (int)ARRAY_SIZE(pages); j++) {
			snprintf(filter, sizeof(filter), "pfn=0x%lx",
				 line->pfn + pages[j]);
			ASSERT_OK(check(&self->all, want, filter));
		}
		snprintf(filter, sizeof(filter), "pfn=%lu-%lu", line->pfn + 511,
			 line->pfn + 511);
		ASSERT_OK(check(&self->all, want, filter));
	}
	free(want);
}

/* A pfn filter selects all pins of the folios in its range. */
static unsigned long first_of(const struct gup_pin_line *line)
{
	return line->pfn & ~((1UL << line->order) - 1);
}

static unsigned long last_of(const struct gup_pin_line *line)
{
	unsigned long last = line->pfn + line->pages - 1;

	return last | ((1UL << line->order) - 1);
}

/* Like gup_pin_only_pfns(), for ranges that start and end with a line. */
TEST_F(crowd, pfn_ranges)
{
	const struct gup_pin_line *line = self->all.line;
	bool *want = calloc(self->all.nr, sizeof(*want));
	size_t i, j, k;

	for (i = 0; i < self->all.nr; i++) {
		for (j = 0; j < self->all.nr; j++) {
			unsigned long first = first_of(&line[i]), last = last_of(&line[j]);
			char filter[64];

			if (first > last)
				continue;
			for (k = 0; k < self->all.nr; k++)
				want[k] = first_of(&line[k]) <= last && last_of(&line[k]) >= first;
			/* Skip ranges that would cut a line. */
			for (k = 0; k < self->all.nr; k++)
				if (want[k] && (first_of(&line[k]) < first ||
						last_of(&line[k]) > last))
					break;
			if (k < self->all.nr)
				continue;
			snprintf(filter, sizeof(filter), "pfn=0x%lx-0x%lx", first, last);
			ASSERT_OK(check(&self->all, want, filter));
		}
	}
	free(want);
}

/* dev and ino from stat() select the file, and no other. */
TEST_F(crowd, file)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct gup_pin_lines lines;
		char filter[100];
		struct stat st;

		ASSERT_EQ(0, fstat(self->scene[i].fd, &st));
		snprintf(filter, sizeof(filter), "ino=%lu dev=%u:%u", st.st_ino,
			 major(st.st_dev), minor(st.st_dev));
		ASSERT_OK(gup_pin_read_filtered("pins", filter, &lines));
		ASSERT_EQ(1, lines.nr);
		EXPECT_EQ((unsigned long)self->scene[i].pinned, lines.line->addr);
		EXPECT_STREQ("/file", lines.line->path);
		gup_pin_free(&lines);

		snprintf(filter, sizeof(filter), "ino=%lu dev=%u:%u", st.st_ino,
			 major(st.st_dev), minor(st.st_dev) + 1);
		ASSERT_OK(gup_pin_read_filtered("pins", filter, &lines));
		EXPECT_EQ(0, lines.nr);
		gup_pin_free(&lines);
	}
}

TEST_HARNESS_MAIN
