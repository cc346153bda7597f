// SPDX-License-Identifier: GPL-2.0
/*
 * path=: names of files, on a file system of their own and elsewhere. ino= and dev= are
 * those of stat().
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_scene.h"
#include "gup_pin_util.h"

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

FIXTURE_SETUP(path)
{
	const char *missing = gup_pin_scene_missing(SCENE_EXT4) ?: gup_test_missing();
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

/* An open file that was unlinked still has its name. */
TEST_F(path, unlinked)
{
	ASSERT_EQ(0, unlink(self->file));
	ASSERT_OK(check_path(&self->mem, variant->printed, NULL));
}

TEST_F(path, renamed)
{
	char to[200];

	snprintf(to, sizeof(to), "%s/new", self->dir);
	ASSERT_EQ(0, rename(self->file, to));
	ASSERT_OK(check_path(&self->mem, "/new", NULL));
}

/* One of several names is shown. */
TEST_F(path, linked)
{
	char to[200];

	snprintf(to, sizeof(to), "%s/second", self->dir);
	ASSERT_EQ(0, link(self->file, to));
	ASSERT_OK(check_path(&self->mem, variant->printed, "/second"));
	ASSERT_EQ(0, unlink(self->file));
	ASSERT_OK(check_path(&self->mem, variant->printed, "/second"));
}

/* A long name is cut at the front, but never within an escape. */
TEST_F(path, long_name)
{
	char name[256], want[4 * 256], to[600];
	int i;

	memset(name, ' ', 255);
	name[255] = '\0';
	snprintf(to, sizeof(to), "%s/%s", self->dir, name);
	ASSERT_EQ(0, rename(self->file, to));
	for (i = 0; i < 255; i++)
		memcpy(want + 4 * i, "\\x20", 4);
	want[4 * i] = '\0';
	ASSERT_OK(check_path(&self->mem, want, NULL));
}

/* A memfd has no directory, and can be neither renamed nor linked. */
FIXTURE(memfd)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	int fd;
	int hold;			/* gup_test */
};

FIXTURE_SETUP(memfd)
{
	const char *missing = gup_pin_missing() ?: gup_test_missing();

	if (missing)
		SKIP(return, "%s", missing);
	self->hold = gup_test_open();
	ASSERT_LE(0, self->hold);
	ASSERT_OK(gup_pin_begin(&self->base));
}

FIXTURE_TEARDOWN(memfd)
{
	close(self->hold);
	gup_pin_mem_put(&self->mem);
	close(self->fd);
	EXPECT_OK(gup_pin_end(&self->base));
}

static const char *pin_memfd(struct gup_pin_mem *mem, int *fd, const char *name, int hold)
{
	const char *problem;
	int ret;

	*fd = memfd_create(name, 0);
	if (*fd < 0 || ftruncate(*fd, PAGE_SIZE))
		return gup_pin_problem("memfd: %s", strerror(errno));
	problem = gup_pin_mem_file(mem, *fd, PAGE_SIZE, 0);
	if (problem)
		return problem;
	ret = gup_test_hold(hold, mem->addr, PAGE_SIZE, 0);
	return ret ? gup_pin_problem(GUP_TEST ": %s", strerror(-ret)) : NULL;
}

TEST_F(memfd, named)
{
	ASSERT_OK(pin_memfd(&self->mem, &self->fd, "a b\\", self->hold));
	ASSERT_OK(check_path(&self->mem, "/memfd:a\\x20b\\x5c", NULL));
}

TEST_F(memfd, without_a_name)
{
	ASSERT_OK(pin_memfd(&self->mem, &self->fd, "", self->hold));
	ASSERT_OK(check_path(&self->mem, "/memfd:", NULL));
}

/* Only the pin keeps the memory. */
TEST_F(memfd, closed)
{
	ASSERT_OK(pin_memfd(&self->mem, &self->fd, "gone", self->hold));
	ASSERT_EQ(0, close(self->mem.fd));
	self->mem.fd = -1;
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	ASSERT_OK(check_path(&self->mem, "/memfd:gone", NULL));
}

/* The longest possible name is one character too long, including its prefix. */
TEST_F(memfd, long_name)
{
	char name[250], want[6 + 4 * 249 + 1] = "memfd:";
	int i;

	memset(name, ' ', 249);
	name[249] = '\0';
	for (i = 0; i < 249; i++)
		strcat(want, "\\x20");
	ASSERT_OK(pin_memfd(&self->mem, &self->fd, name, self->hold));
	ASSERT_OK(check_path(&self->mem, want, NULL));
}

TEST_HARNESS_MAIN
