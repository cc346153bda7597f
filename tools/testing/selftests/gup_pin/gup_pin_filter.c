// SPDX-License-Identifier: GPL-2.0
/*
 * Filters of `pins`: what is read through one is what the test itself picks from
 * all lines. For those of `hazards` see gup_pin_hazard_filter.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "gup_pin_child.h"
#include "gup_pin_mem.h"
#include "gup_pin_scene.h"
#include "gup_pin_util.h"

/* Processes with pins of their own, and kinds of memory that this one pins. */
#define CHILDREN	2
#define KINDS		5

static const enum gup_pin_mem_kind kinds[KINDS] = {
	MEM_ANON, MEM_THP, MEM_HUGETLB, MEM_MEMFD, MEM_MEMFD_HUGETLB,
};

/* Pins that differ in all that filters can ask for. */
FIXTURE(crowd)
{
	struct gup_pin_base base;
	struct gup_pin_scene scene[2];	/* pages of files on ext4 and tmpfs */
	int hold;			/* the second one's gup_test */
	struct gup_pin_mem mem[KINDS];
	int ring[KINDS];
	struct gup_pin_child child[CHILDREN];
	pid_t writer;			/* on the first child's memory */
	int buf;			/* memory of no process */
	struct gup_pin_mem buf_mem;
	struct gup_pin_lines all;
};

FIXTURE_SETUP(crowd)
{
	static const struct gup_pin_child_how how[CHILDREN] = {
		{ .comm = "one \\of\n" },
		{ .comm = "other\303\274", .thread = true },
	};
	const char *missing = gup_pin_scene_missing(SCENE_EXT4);
	int i;

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	for (i = 0; i < CHILDREN; i++)
		ASSERT_OK(gup_pin_child_start(&self->child[i], &how[i]));
	ASSERT_OK(gup_pin_writer_start(&self->writer, self->child[0].pid,
				       self->child[0].addr));
	/* So that ages are of two kinds. */
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

		ASSERT_OK(gup_pin_mem_missing(kinds[i]));
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
		if (self->ring[i] > 0)
			close(self->ring[i]);
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

/* Keys whose value is the same in all lines that are wanted. */
enum key { OWNER, TASK, COMM, MODE, TERM, API, INO, DEV, STACK, NR_KEYS };

/* The word that asks for lines like this one. */
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

/* But for the age, which goes on. */
static bool same_line(const struct gup_pin_line *a, const struct gup_pin_line *b)
{
	return all_alike((1 << NR_KEYS) - 1, a, b) && a->pfn == b->pfn &&
	       a->pages == b->pages && a->order == b->order && a->pins == b->pins &&
	       a->addr == b->addr && a->index == b->index && !strcmp(a->map, b->map) &&
	       !strcmp(a->match, b->match) && !strcmp(a->path, b->path) &&
	       a->age_ms <= b->age_ms;
}

/* Do those lines of all for which want is true come through a filter, in order? */
static const char *check(const struct gup_pin_lines *all, const bool *want,
			 const char *filter)
{
	struct gup_pin_lines got;
	const char *problem;
	size_t i, nr = 0;

	problem = gup_pin_read_filtered("pins", filter, &got);
	if (problem)
		return problem;
	for (i = 0; !problem && i < all->nr; i++) {
		if (!want[i])
			continue;
		if (nr == got.nr || !same_line(&all->line[i], &got.line[nr]))
			problem = gup_pin_problem("'%s' lacks pfn=0x%lx task=%d/%d",
						  filter, all->line[i].pfn,
						  all->line[i].tgid, all->line[i].pid);
		nr++;
	}
	if (!problem && nr != got.nr)
		problem = gup_pin_problem("'%s' gives %zu lines, not %zu", filter, got.nr,
					  nr);
	gup_pin_free(&got);
	return problem;
}

/* Of these keys, in each combination of the values that there are. */
static const char *check_keys(const struct gup_pin_lines *all, unsigned int keys)
{
	bool *want = calloc(all->nr, sizeof(*want));
	const char *problem = NULL;
	char filter[512];
	size_t i, j;
	int key, len;

	for (i = 0; !problem && i < all->nr; i++) {
		/* Asked for before? */
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

/* If all lines were alike in a key, its filter could be one that does nothing. */
TEST_F(crowd, they_differ)
{
	size_t i;
	int key;

	EXPECT_LE(12, self->all.nr);
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

/* Words that no two lines have together. */
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
	/* As long as may be. */
	memset(filter, ' ', 1024);
	memcpy(filter + 1012, "min_age_ms=0", 12);
	filter[1024] = '\0';
	ASSERT_OK(check(&self->all, want, filter));
	free(want);
}

/* One number is of the process or of the task; two are of both. */
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

/* Escaped as in the lines, or not at all, as far as there is no blank. */
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

/* Pins that were there a second before the others. */
TEST_F(crowd, min_age)
{
	unsigned long youngest_old = ~0UL, oldest_new = 0;
	bool *want = calloc(self->all.nr, sizeof(*want));
	char filter[64];
	size_t i, nr = 0;

	for (i = 0; i < self->all.nr; i++) {
		const struct gup_pin_line *line = &self->all.line[i];

		want[i] = line->owner == self->child[0].pid ||
			  line->owner == self->child[1].pid;
		nr += want[i];
		if (want[i] && line->age_ms < youngest_old)
			youngest_old = line->age_ms;
		if (!want[i] && line->age_ms > oldest_new)
			oldest_new = line->age_ms;
	}
	ASSERT_LT(0, nr);
	ASSERT_LE(oldest_new + 1000, youngest_old);
	/* If reading takes longer than that, it may be true of all. */
	snprintf(filter, sizeof(filter), "min_age_ms=%lu", youngest_old);
	ASSERT_OK(check(&self->all, want, filter));
	free(want);
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

/* Each page of a huge page finds its pin, and the pages next to it do not. */
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
		ASSERT_EQ(512, line->pages);
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

/* As gup_pin_only_pfns(), for ranges that begin and end at lines' ends. */
TEST_F(crowd, pfn_ranges)
{
	bool *want = calloc(self->all.nr, sizeof(*want));
	size_t i, j, k;

	for (i = 0; i < self->all.nr; i++) {
		for (j = i; j < self->all.nr; j++) {
			unsigned long first = self->all.line[i].pfn;
			unsigned long last = self->all.line[j].pfn +
				self->all.line[j].pages - 1;
			char filter[64];

			for (k = 0; k < self->all.nr; k++)
				want[k] = self->all.line[k].pfn <= last &&
					  self->all.line[k].pfn +
					  self->all.line[k].pages > first;
			/* Of a line that has an end within, some would be cut off. */
			for (k = 0; k < self->all.nr; k++) {
				const struct gup_pin_line *line = &self->all.line[k];

				if (want[k] && (line->pfn < first ||
						line->pfn + line->pages - 1 > last))
					break;
			}
			if (k < self->all.nr)
				continue;
			snprintf(filter, sizeof(filter), "pfn=0x%lx-0x%lx", first, last);
			ASSERT_OK(check(&self->all, want, filter));
		}
	}
	free(want);
}

/* A file is found by what stat() says of it, and nothing else is. */
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

/* Files that take filters, and how they are opened and written. */
FIXTURE(one_file)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	int ring;
	int fd;
	int other;
	char mine[32];			/* a filter that our pin goes through */
	char nobodys[32];		/* and one that none does */
	const char *name;
};

FIXTURE_VARIANT(one_file)
{
	const char *name;
};

FIXTURE_VARIANT_ADD(one_file, pins)
{
	.name = "pins",
};

FIXTURE_VARIANT_ADD(one_file, orphans)
{
	.name = "orphans",
};

FIXTURE_SETUP(one_file)
{
	const char *missing = gup_pin_missing();
	pid_t pid;

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	self->name = variant->name;
	self->ring = uring_open();
	ASSERT_LE(0, self->ring);
	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_MEMFD, 64 * PAGE_SIZE));
	/* Who pinned has ended: that is for orphans, too. Each page is a line. */
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct iovec iov[64];
		int i;

		for (i = 0; i < 64; i++) {
			iov[i].iov_base = self->mem.addr + (63 - i) * PAGE_SIZE;
			iov[i].iov_len = PAGE_SIZE;
		}
		_exit(uring_register(self->ring, iov, 64) != 0);
	}
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	snprintf(self->mine, sizeof(self->mine), "task=%d/%d", pid, pid);
	snprintf(self->nobodys, sizeof(self->nobodys), "task=%d/%d mode=r", pid, pid);
	self->fd = gup_pin_view_open(self->name);
	ASSERT_LE(0, self->fd);
	self->other = gup_pin_view_open(self->name);
	ASSERT_LE(0, self->other);
}

FIXTURE_TEARDOWN(one_file)
{
	close(self->fd);
	close(self->other);
	close(self->ring);
	gup_pin_mem_put(&self->mem);
	EXPECT_OK(gup_pin_end(&self->base));
}

/* How many lines are read from where a file is to its end. */
#define EXPECT_LINES(expected, file)					\
	do {								\
		struct gup_pin_lines __lines;				\
									\
		ASSERT_OK(gup_pin_view_read(file, self->name, &__lines)); \
		EXPECT_EQ(expected, __lines.nr);			\
		gup_pin_free(&__lines);					\
	} while (0)

#define FILTER(file, words)	ASSERT_OK(gup_pin_view_filter(file, words))

/* A write replaces the filter before it, and what is read begins anew. */
TEST_F(one_file, write_and_read)
{
	FILTER(self->fd, self->mine);
	EXPECT_LINES(64, self->fd);
	FILTER(self->fd, self->nobodys);
	EXPECT_LINES(0, self->fd);
	FILTER(self->fd, "\n");
	EXPECT_LINES(64, self->fd);
	/* In the middle of a line. */
	FILTER(self->fd, self->mine);
	{
		char part[1000];

		ASSERT_EQ(999, read(self->fd, part, 999));
	}
	FILTER(self->fd, self->nobodys);
	EXPECT_LINES(0, self->fd);
}

TEST_F(one_file, rewound)
{
	FILTER(self->fd, self->mine);
	EXPECT_LINES(64, self->fd);
	ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	EXPECT_LINES(64, self->fd);
	FILTER(self->fd, self->nobodys);
	EXPECT_LINES(0, self->fd);
	ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	EXPECT_LINES(0, self->fd);
}

/* For whoever else has opened it nothing changes. */
TEST_F(one_file, of_one_open_file)
{
	FILTER(self->fd, self->nobodys);
	EXPECT_LINES(64, self->other);
	EXPECT_LINES(0, self->fd);
	FILTER(self->other, self->mine);
	ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	EXPECT_LINES(0, self->fd);
	EXPECT_LINES(64, self->other);
}

TEST_F(one_file, dup)
{
	int copy = dup(self->fd);

	ASSERT_LE(0, copy);
	FILTER(copy, self->nobodys);
	EXPECT_LINES(0, self->fd);
	FILTER(self->fd, self->mine);
	EXPECT_LINES(64, copy);
	close(copy);
}

TEST_F(one_file, inherited)
{
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(!!gup_pin_view_filter(self->fd, self->nobodys));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_LINES(0, self->fd);
}

/* By an offset one reads what by going there would be read. */
TEST_F(one_file, pread)
{
	char *whole, *part = malloc(1 << 16), *at;
	size_t len, i;

	FILTER(self->fd, self->mine);
	ASSERT_OK(gup_pin_slurp_fd(self->fd, self->name, &whole, &len));
	ASSERT_LT(1000, len);
	for (i = 0; i < len; i += 777) {
		ssize_t got = pread(self->fd, part, 300, i);

		ASSERT_LT(0, got);
		/* Ages get longer, and lines with them. */
		part[got] = '\0';
		at = strstr(part, " api=");
		if (!i)
			EXPECT_EQ(0, strncmp(part, whole, 30));
		if (at && got - (at - part) > 30) {
			at[30] = '\0';
			EXPECT_NE(NULL, strstr(whole, at));
		}
	}
	EXPECT_EQ(0, pread(self->fd, part, 300, 1 << 20));
	EXPECT_EQ((off_t)len, lseek(self->fd, 0, SEEK_CUR));
	EXPECT_EQ(-1, pwrite(self->fd, "\n", 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	free(whole);
	free(part);
}

/* A byte at a time is the same text. */
TEST_F(one_file, bytes)
{
	char byte, *text = malloc(1 << 16);
	struct gup_pin_lines lines;
	size_t len = 0;

	FILTER(self->fd, self->mine);
	while (len < (1 << 16) - 1 && read(self->fd, &byte, 1) == 1)
		text[len++] = byte;
	text[len] = '\0';
	ASSERT_OK(gup_pin_parse_lines(text, self->name, &lines));
	EXPECT_EQ(64, lines.nr);
	gup_pin_free(&lines);
	free(text);
}

TEST_F(one_file, opened_otherwise)
{
	char path[100], byte;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", GUP_PIN_DIR, self->name);
	fd = open(path, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, write(fd, "\n", 1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_LINES(64, fd);
	close(fd);
	/* Of little use, but no harm. */
	fd = open(path, O_WRONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, write(fd, "\n", 1));
	EXPECT_EQ(-1, read(fd, &byte, 1));
	EXPECT_EQ(EBADF, errno);
	close(fd);
	/* As `echo words >>file` does. */
	fd = open(path, O_RDWR | O_APPEND | O_TRUNC);
	ASSERT_LE(0, fd);
	FILTER(fd, self->nobodys);
	EXPECT_LINES(0, fd);
	close(fd);
}

static const char *const no_filters[] = {
	"x", "x=1", "=", "=1", "owner", "owner=", "owner= 1", "owner =1", "owner=x",
	"owner=1x", "owner=-1", "owner=2147483648", "owner=0x10", "OWNER=1",
	"owner=1,mode=w", "owner=1\001mode=w",
	"task=", "task=/", "task=1/", "task=/1", "task=1/2/3", "task=1/-2",
	"task=4294967296",
	"comm=", "comm=0123456789abcdef", "comm=a\\x00b",
	"mode=", "mode=x", "mode=rw", "mode=W", "mode=w/r",
	"term=", "term=l", "term=longer", "term=Long",
	"api=", "api=pin", "api=get_user_pages", "api=pin_user_pages_", "api=unknown",
	"pfn=", "pfn=-", "pfn=1-", "pfn=-1", "pfn=2-1", "pfn=0x10-0xf", "pfn=1-2-3",
	"pfn=x-y", "pfn=0x10000000000000000", "pfn=0-0x10000000000000000", "pfn=0x",
	"ino=", "ino=-1", "ino=x", "ino=18446744073709551616",
	"dev=", "dev=1", "dev=:", "dev=1:", "dev=:1", "dev=1:2:3", "dev=4096:0",
	"dev=0:1048576", "dev=0x1:0",
	"min_age_ms=", "min_age_ms=-1", "min_age_ms=1s", "min_age_ms=0x10",
	"min_age_ms=18446744073709551616",
	"stack=", "stack=x", "stack=0x100000000",
	"age_ms=1", "addr=0x1000", "map=anon", "index=0x0", "match=exact", "path=data",
	"pages=1", "order=0", "pins=1",
	"owner=1 owner=1", "mode=w mode=r", "mode=w x", "x mode=w", "mode=w\nmode=w",
};

/* What is refused changes nothing, nor where the reader is. */
TEST_F(one_file, refused)
{
	char byte, *text = malloc(2048);
	size_t i;

	FILTER(self->fd, self->mine);
	for (i = 0; i < ARRAY_SIZE(no_filters); i++) {
		EXPECT_EQ(-1, write(self->fd, no_filters[i], strlen(no_filters[i]))) {
			TH_LOG("'%s' is a filter", no_filters[i]);
		}
		EXPECT_EQ(EINVAL, errno);
	}
	/* More than the longest filter, even if it says nothing; and a NUL. */
	memset(text, ' ', 2048);
	EXPECT_EQ(-1, write(self->fd, text, 1025));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->fd, text, 2048));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->fd, "mode=w\0 x", 9));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->fd, (void *)8, 6));
	EXPECT_EQ(EFAULT, errno);

	EXPECT_LINES(64, self->fd);
	EXPECT_EQ(-1, write(self->fd, "x", 1));
	EXPECT_EQ(0, read(self->fd, &byte, 1));
	free(text);
}

/* What paths look like, of files on a file system of their own and of memfds. */
FIXTURE(path)
{
	struct gup_pin_base base;
	struct gup_pin_dm disk;
	char dir[64];
	char file[600];
	struct gup_pin_mem mem;
	int fd;
	int hold;			/* gup_test */
};

FIXTURE_VARIANT(path)
{
	bool ext4;
	bool memfd;
	const char *folder;
	const char *name;
	const char *printed;
};

FIXTURE_VARIANT_ADD(path, tmpfs_plain)
{
	.name = "data",
	.printed = "/data",
};

FIXTURE_VARIANT_ADD(path, ext4_plain)
{
	.ext4 = true,
	.name = "data",
	.printed = "/data",
};

FIXTURE_VARIANT_ADD(path, tmpfs_blanks)
{
	.name = "a b\tc\nd",
	.printed = "/a\\x20b\\x09c\\x0ad",
};

FIXTURE_VARIANT_ADD(path, ext4_blanks)
{
	.ext4 = true,
	.name = "a b\tc\nd",
	.printed = "/a\\x20b\\x09c\\x0ad",
};

FIXTURE_VARIANT_ADD(path, tmpfs_backslash)
{
	.name = "a\\x20b\\",
	.printed = "/a\\x5cx20b\\x5c",
};

FIXTURE_VARIANT_ADD(path, ext4_backslash)
{
	.ext4 = true,
	.name = "a\\x20b\\",
	.printed = "/a\\x5cx20b\\x5c",
};

FIXTURE_VARIANT_ADD(path, tmpfs_utf8)
{
	.name = "f\303\274r",
	.printed = "/f\\xc3\\xbcr",
};

FIXTURE_VARIANT_ADD(path, ext4_utf8)
{
	.ext4 = true,
	.name = "f\303\274r",
	.printed = "/f\\xc3\\xbcr",
};

FIXTURE_VARIANT_ADD(path, tmpfs_like_words)
{
	.name = "x path=y#",
	.printed = "/x\\x20path=y#",
};

FIXTURE_VARIANT_ADD(path, ext4_like_words)
{
	.ext4 = true,
	.name = "x path=y#",
	.printed = "/x\\x20path=y#",
};

FIXTURE_VARIANT_ADD(path, tmpfs_folder)
{
	.folder = "a b",
	.name = "c",
	.printed = "/a\\x20b/c",
};

FIXTURE_VARIANT_ADD(path, ext4_folder)
{
	.ext4 = true,
	.folder = "a b",
	.name = "c",
	.printed = "/a\\x20b/c",
};

FIXTURE_VARIANT_ADD(path, memfd)
{
	.memfd = true,
	.name = "a b\\",
	.printed = "/memfd:a\\x20b\\x5c",
};

FIXTURE_SETUP(path)
{
	const char *missing = gup_pin_scene_missing(SCENE_EXT4);
	char folder[100];

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	if (variant->ext4) {
		ASSERT_OK(gup_pin_dm_create(&self->disk, 32 << 20));
		ASSERT_OK(gup_pin_dm_mount(&self->disk, "ext4"));
		snprintf(self->dir, sizeof(self->dir), "%s", self->disk.dir);
	} else {
		snprintf(self->dir, sizeof(self->dir), "/tmp/gup_pin.XXXXXX");
		ASSERT_NE(NULL, mkdtemp(self->dir));
		ASSERT_EQ(0, mount("tmpfs", self->dir, "tmpfs", 0, NULL));
	}
	if (variant->folder) {
		snprintf(folder, sizeof(folder), "%s/%s", self->dir, variant->folder);
		ASSERT_EQ(0, mkdir(folder, 0700));
	}
	snprintf(self->file, sizeof(self->file), "%s/%s%s%s", self->dir,
		 variant->folder ?: "", variant->folder ? "/" : "", variant->name);
	if (variant->memfd)
		self->fd = memfd_create(variant->name, 0);
	else
		self->fd = open(self->file, O_RDWR | O_CREAT, 0600);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, 4 * PAGE_SIZE));
	ASSERT_OK(gup_pin_mem_file(&self->mem, self->fd, 4 * PAGE_SIZE, 0));
	self->hold = gup_test_open();
	ASSERT_LE(0, self->hold);
	ASSERT_EQ(0, gup_test_hold(self->hold, self->mem.addr, PAGE_SIZE, 0));
}

FIXTURE_TEARDOWN(path)
{
	close(self->hold);
	gup_pin_mem_put(&self->mem);
	close(self->fd);
	if (variant->ext4) {
		gup_pin_dm_remove(&self->disk);
	} else {
		umount(self->dir);
		rmdir(self->dir);
	}
	EXPECT_OK(gup_pin_end(&self->base));
}

static const char *check_path(const struct gup_pin_mem *mem, const char *path,
			      const char *or_path)
{
	struct gup_pin_lines lines;
	const char *problem;
	char filter[100];

	snprintf(filter, sizeof(filter), "owner=%d ino=%lu dev=%u:%u", getpid(), mem->ino,
		 major(mem->dev), minor(mem->dev));
	problem = gup_pin_read_filtered("pins", filter, &lines);
	if (!problem && lines.nr != 1)
		problem = gup_pin_problem("%zu lines of '%s'", lines.nr, filter);
	if (!problem && strcmp(lines.line->path, path) &&
	    (!or_path || strcmp(lines.line->path, or_path)))
		problem = gup_pin_problem("path=%s, not %s", lines.line->path, path);
	gup_pin_free(&lines);
	return problem;
}

TEST_F(path, named)
{
	ASSERT_OK(check_path(&self->mem, variant->printed, NULL));
}

/* Who has it open still knows its name. */
TEST_F(path, unlinked)
{
	if (variant->memfd)
		return;
	ASSERT_EQ(0, unlink(self->file));
	ASSERT_OK(check_path(&self->mem, variant->printed, NULL));
}

TEST_F(path, renamed)
{
	char to[200];

	if (variant->memfd)
		return;
	snprintf(to, sizeof(to), "%s/new", self->dir);
	ASSERT_EQ(0, rename(self->file, to));
	ASSERT_OK(check_path(&self->mem, "/new", NULL));
}

/* Of several names it is one. */
TEST_F(path, linked)
{
	char to[200];

	if (variant->memfd)
		return;
	snprintf(to, sizeof(to), "%s/second", self->dir);
	ASSERT_EQ(0, link(self->file, to));
	ASSERT_OK(check_path(&self->mem, variant->printed, "/second"));
	ASSERT_EQ(0, unlink(self->file));
	ASSERT_OK(check_path(&self->mem, variant->printed, "/second"));
}

/* What is too long loses its front, but never a part of an escape. */
TEST_F(path, long_name)
{
	char name[256], want[4 * 256], to[600];
	int i;

	if (variant->memfd)
		return;
	memset(name, ' ', 255);
	name[255] = '\0';
	snprintf(to, sizeof(to), "%s/%s", self->dir, name);
	ASSERT_EQ(0, rename(self->file, to));
	for (i = 0; i < 255; i++)
		memcpy(want + 4 * i, "\\x20", 4);
	want[4 * i] = '\0';
	ASSERT_OK(check_path(&self->mem, want, NULL));
}

TEST_HARNESS_MAIN
