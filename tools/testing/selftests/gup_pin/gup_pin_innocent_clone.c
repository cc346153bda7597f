// SPDX-License-Identifier: GPL-2.0
/*
 * Innocents: snapshots. Files are cloned, by reflink, while pages of others are
 * pinned, or while a device reads pages of the same ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_calm.h"
#include "gup_pin_dm.h"
#include "gup_pin_slow.h"

#define SIZE		(16 * PAGE_SIZE)
#define ROUNDS		5

struct file {
	int fd;
	char *map;
};

FIXTURE(clone)
{
	struct gup_pin_calm calm;
	struct gup_pin_dm dm;
	struct gup_pin_slow slow;
	struct file source, copy, other;
};

static const char *open_file(struct file *file, const char *dir, const char *name, char what)
{
	char path[100], data[PAGE_SIZE];
	int i;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	memset(data, what, sizeof(data));
	for (i = 0; file->fd >= 0 && i < 16; i++)
		if (write(file->fd, data, sizeof(data)) != sizeof(data))
			break;
	if (i < 16 || fsync(file->fd))
		return gup_pin_problem("cannot write %s: %s", path, strerror(errno));
	file->map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, 0);
	if (file->map == MAP_FAILED) {
		file->map = NULL;
		return gup_pin_problem("mmap: %s", strerror(errno));
	}
	return NULL;
}

static void close_file(struct file *file)
{
	if (file->map)
		munmap(file->map, SIZE);
	if (file->fd > 0)
		close(file->fd);
}

static const char *mkfs_reflink(const char *dev)
{
	const char *how = "-q -f -K --unsupported -d agcount=1 -m reflink=1,rmapbt=0";
	char command[200];
	int status;

	snprintf(command, sizeof(command), "PATH=$PATH:/sbin:/usr/sbin mkfs.xfs %s %s", how, dev);
	status = system(command);
	return status ? gup_pin_problem("mkfs.xfs failed with status 0x%x", status) : NULL;
}

FIXTURE_SETUP(clone)
{
	const char *missing = gup_pin_missing() ?: gup_pin_dm_missing();

	if (!missing && system("PATH=$PATH:/sbin:/usr/sbin; command -v mkfs.xfs >/dev/null"))
		missing = "no mkfs.xfs";
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_calm_begin(&self->calm));
	/* The flusher is not to come: what is pinned for write is dirty. */
	ASSERT_OK(gup_pin_write("/proc/sys/vm/dirty_writeback_centisecs", "360000"));
	ASSERT_OK(gup_pin_dm_create(&self->dm, 64 << 20));
	ASSERT_OK(mkfs_reflink(self->dm.dev));
	ASSERT_OK(gup_pin_dm_mount_made(&self->dm, "xfs"));
	ASSERT_OK(gup_pin_slow_open(&self->slow));
	ASSERT_OK(open_file(&self->source, self->dm.dir, "source", 's'));
	ASSERT_OK(open_file(&self->copy, self->dm.dir, "copy", 'c'));
	ASSERT_OK(open_file(&self->other, self->dm.dir, "other", 'o'));
}

FIXTURE_TEARDOWN(clone)
{
	gup_pin_slow_close(&self->slow);
	close_file(&self->source);
	close_file(&self->copy);
	close_file(&self->other);
	if (self->dm.name[0])
		gup_pin_dm_remove(&self->dm);
	gup_pin_write("/proc/sys/vm/dirty_writeback_centisecs", "500");
	gup_pin_calm_close(&self->calm);
}

static const char *clone(const struct file *from, const struct file *to)
{
	if (ioctl(to->fd, FICLONE, from->fd))
		return gup_pin_problem("FICLONE: %s", strerror(errno));
	return memcmp(from->map, to->map, SIZE) ? "the copy differs" : NULL;
}

static const char *check_held(char mode)
{
	struct gup_pin_lines lines;
	const char *problem = gup_pin_read_task(&lines, getpid());

	if (problem)
		return problem;
	if (lines.nr != 1 || lines.line->mode != mode || strcmp(lines.line->map, "file"))
		problem = gup_pin_problem("%zu lines, not one of mode %c", lines.nr, mode);
	gup_pin_free(&lines);
	return problem;
}

/* A device writes to a third file. */
TEST_F_TIMEOUT(clone, other_is_written, GUP_PIN_PATIENCE)
{
	ASSERT_OK(gup_pin_slow_pin(&self->slow, self->other.map, PAGE_SIZE));
	ASSERT_OK(clone(&self->source, &self->copy));
	self->source.map[0] = 'n';
	ASSERT_EQ(0, fsync(self->source.fd));
	ASSERT_OK(clone(&self->source, &self->copy));
	ASSERT_OK(check_held('w'));
	ASSERT_OK(gup_pin_slow_unpin(&self->slow));
	ASSERT_EQ(0, fsync(self->other.fd));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

/* A device reads what is cloned, and what the clone replaces. */
static const char *hold_read(struct gup_pin_slow *slow, struct aio_one *aio, char *addr)
{
	return gup_pin_dm_suspend(&slow->dm) ?:
		aio_start(aio, slow->fd, true, addr, PAGE_SIZE, 0);
}

static const char *end_read(struct gup_pin_slow *slow, struct aio_one *aio)
{
	const char *problem = gup_pin_dm_resume(&slow->dm);
	ssize_t result = 0;

	if (!problem)
		problem = aio_finish(aio, &result);
	if (!problem && result != (ssize_t)PAGE_SIZE)
		problem = gup_pin_problem("a write ended with %zd", result);
	return problem;
}

TEST_F_TIMEOUT(clone, source_is_read, GUP_PIN_PATIENCE)
{
	struct aio_one aio;

	self->source.map[0] = 'n';
	ASSERT_OK(hold_read(&self->slow, &aio, self->source.map));
	ASSERT_OK(clone(&self->source, &self->copy));
	ASSERT_OK(check_held('r'));
	ASSERT_OK(end_read(&self->slow, &aio));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

TEST_F_TIMEOUT(clone, replaced_is_read, GUP_PIN_PATIENCE)
{
	struct aio_one aio;

	ASSERT_OK(hold_read(&self->slow, &aio, self->copy.map));
	ASSERT_OK(check_held('r'));
	ASSERT_OK(clone(&self->source, &self->copy));
	ASSERT_EQ('s', self->copy.map[0]);
	ASSERT_OK(end_read(&self->slow, &aio));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

/* Read from a disk, cloned, and again: the next read gets blocks of its own. */
TEST_F_TIMEOUT(clone, in_turn, GUP_PIN_PATIENCE)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		ASSERT_EQ((ssize_t)(4 * PAGE_SIZE), pread(self->slow.fd, self->source.map,
							  4 * PAGE_SIZE, 0));
		ASSERT_OK(clone(&self->source, &self->copy));
		self->copy.map[PAGE_SIZE] = 'd';
		ASSERT_EQ(0, fsync(self->copy.fd));
	}
	ASSERT_LE(4 * ROUNDS, gup_pin_calm_acquired(&self->calm));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

int main(int argc, char **argv)
{
	return gup_pin_repeat(test_harness_run, argc, argv);
}
