// SPDX-License-Identifier: GPL-2.0
/*
 * How files with filters are opened, written and read; invalid filters; and the scope
 * of a filter.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

/* A file with 64 pins of this test. */
FIXTURE(one_file)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	int ring;
	int fd;
	int other;
	char mine[32];			/* a filter that matches our pins */
	char no_match[32];		/* a filter that matches none */
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
	/*
	 * The child that pinned has ended, so that orphans has its pins, too. Each page
	 * has a line.
	 */
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
	snprintf(self->no_match, sizeof(self->no_match), "task=%d/%d mode=r", pid, pid);
	self->fd = gup_pin_view_open(self->name);
	ASSERT_LE(0, self->fd);
	self->other = gup_pin_view_open(self->name);
	ASSERT_LE(0, self->other);
}

FIXTURE_TEARDOWN(one_file)
{
	close(self->fd);
	close(self->other);
	/* close() alone releases the pins asynchronously, possibly after the file is gone. */
	uring_unregister(self->ring);
	close(self->ring);
	gup_pin_mem_put(&self->mem);
	EXPECT_OK(gup_pin_end(&self->base));
}

/* Expects this number of lines from the current position to the end. */
#define EXPECT_LINES(expected, file)					\
	do {								\
		struct gup_pin_lines __lines;				\
									\
		ASSERT_OK(gup_pin_view_read(file, self->name, &__lines)); \
		EXPECT_EQ(expected, __lines.nr);			\
		gup_pin_free(&__lines);					\
	} while (0)

#define FILTER(file, words)	ASSERT_OK(gup_pin_view_filter(file, words))

/* A write replaces the previous filter, and restarts reading. */
TEST_F(one_file, write_and_read)
{
	FILTER(self->fd, self->mine);
	EXPECT_LINES(64, self->fd);
	FILTER(self->fd, self->no_match);
	EXPECT_LINES(0, self->fd);
	FILTER(self->fd, "\n");
	EXPECT_LINES(64, self->fd);
	/* In the middle of a line. */
	FILTER(self->fd, self->mine);
	{
		char part[1000];

		ASSERT_EQ(999, read(self->fd, part, 999));
	}
	FILTER(self->fd, self->no_match);
	EXPECT_LINES(0, self->fd);
}

TEST_F(one_file, rewound)
{
	FILTER(self->fd, self->mine);
	EXPECT_LINES(64, self->fd);
	ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	EXPECT_LINES(64, self->fd);
	FILTER(self->fd, self->no_match);
	EXPECT_LINES(0, self->fd);
	ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	EXPECT_LINES(0, self->fd);
}

/* Other open files of the same file are not affected. */
TEST_F(one_file, of_one_open_file)
{
	FILTER(self->fd, self->no_match);
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
	FILTER(copy, self->no_match);
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
		_exit(!!gup_pin_view_filter(self->fd, self->no_match));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_LINES(0, self->fd);
}

/* pread() reads what lseek() and read() would. */
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
		/* Ages grow, and so may lines. */
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

/* Reading byte by byte gives the same text. */
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
	/* Of little use, but harmless. */
	fd = open(path, O_WRONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, write(fd, "\n", 1));
	EXPECT_EQ(-1, read(fd, &byte, 1));
	EXPECT_EQ(EBADF, errno);
	close(fd);
	/* Like `echo words >>file`. */
	fd = open(path, O_RDWR | O_APPEND | O_TRUNC);
	ASSERT_LE(0, fd);
	FILTER(fd, self->no_match);
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

/* A rejected filter changes neither the filter nor the position. */
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
	/* Longer than the maximum, even if blank; and a NUL. */
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

TEST_HARNESS_MAIN
