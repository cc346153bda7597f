// SPDX-License-Identifier: GPL-2.0
/*
 * Innocents: O_DIRECT from and to mappings of files, the same file's included, by
 * programs that wait for their I/O before they do anything else with the pages.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_calm.h"
#include "gup_pin_pinners.h"
#include "gup_pin_scene.h"

#define ROUNDS	20
/* All of the disk that is read. */
#define LARGE	(256 * PAGE_SIZE)

FIXTURE(io)
{
	struct gup_pin_calm calm;
	struct gup_pin_scene scene;
	int direct;		/* the scene's file, O_DIRECT */
	char *anon;		/* a page */
};

FIXTURE_VARIANT(io)
{
	enum gup_pin_scene_fs fs;
	/* O_DIRECT of a DAX file copies, so nothing is pinned. */
	bool copies;
};

FIXTURE_VARIANT_ADD(io, ext4)
{
	.fs = SCENE_EXT4,
};

FIXTURE_VARIANT_ADD(io, xfs)
{
	.fs = SCENE_XFS,
};

FIXTURE_VARIANT_ADD(io, ext4_stable)
{
	.fs = SCENE_EXT4_STABLE,
};

FIXTURE_VARIANT_ADD(io, ext4_dax)
{
	.fs = SCENE_EXT4_DAX,
	.copies = true,
};

FIXTURE_VARIANT_ADD(io, xfs_dax)
{
	.fs = SCENE_XFS_DAX,
	.copies = true,
};

FIXTURE_SETUP(io)
{
	const char *missing = gup_pin_scene_missing(variant->fs);

	self->direct = -1;
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_calm_begin(&self->calm));
	ASSERT_OK(gup_pin_scene_open(&self->scene, variant->fs));
	self->direct = open(self->scene.path, O_RDWR | O_DIRECT | O_CLOEXEC);
	ASSERT_LE(0, self->direct);
	self->anon = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->anon);
}

FIXTURE_TEARDOWN(io)
{
	if (self->direct >= 0)
		close(self->direct);
	gup_pin_scene_close(&self->scene);
	gup_pin_calm_close(&self->calm);
}

static char *page_at(const struct gup_pin_scene *scene, unsigned int page)
{
	return scene->map + page * PAGE_SIZE;
}

static const char *transfer(int fd, bool write, char *buf, size_t size, off_t at)
{
	ssize_t done = write ? pwrite(fd, buf, size, at) : pread(fd, buf, size, at);

	return done == (ssize_t)size ? NULL :
		gup_pin_problem("%s of %zu bytes at %ld: %zd, %s", write ? "write" : "read",
				size, (long)at, done, strerror(errno));
}

/*
 * So many times some pages were pinned, and not none. A write over a page that the end of
 * the read before it dirties is buffered if that is late, and pins nothing.
 */
static const char *check_pinned(const struct gup_pin_calm *calm, unsigned long least)
{
	unsigned long pins = gup_pin_calm_acquired(calm);

	return pins >= least ? NULL :
		gup_pin_problem("%lu pins were taken, not even %lu", pins, least);
}

static const char *run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ?
		gup_pin_problem("sched_setaffinity: %s", strerror(errno)) : NULL;
}

/* The ring of completions is memory of the program. */
static void poll_for(const struct aio_one *aio)
{
	const unsigned int *ring = (const unsigned int *)aio->ctx;
	enum { HEAD = 2, TAIL = 3 };

	while (__atomic_load_n(&ring[TAIL], __ATOMIC_ACQUIRE) == ring[HEAD])
		;
}

/* Of a page of the file into the mapping of another, which is not in memory either. */
TEST_F_TIMEOUT(io, same_file_read, GUP_PIN_PATIENCE)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		page_at(&self->scene, 0)[0] = 'a' + round;
		ASSERT_EQ(0, fsync(self->scene.fd));
		ASSERT_EQ(0, madvise(self->scene.map, self->scene.size, MADV_DONTNEED));
		ASSERT_OK(transfer(self->direct, false, page_at(&self->scene, 5),
				   2 * PAGE_SIZE, 0));
		ASSERT_EQ('a' + round, page_at(&self->scene, 5)[0]);
		ASSERT_EQ(0, msync(self->scene.map, self->scene.size, MS_SYNC));
	}
	if (!variant->copies)
		ASSERT_OK(check_pinned(&self->calm, 2 * ROUNDS));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

TEST_F_TIMEOUT(io, same_file_write, GUP_PIN_PATIENCE)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		page_at(&self->scene, 5)[0] = 'a' + round;
		ASSERT_EQ(0, madvise(self->scene.map, self->scene.size, MADV_DONTNEED));
		ASSERT_OK(transfer(self->direct, true, page_at(&self->scene, 5),
				   2 * PAGE_SIZE, 0));
		ASSERT_EQ('a' + round, page_at(&self->scene, 0)[0]);
		ASSERT_EQ(0, fsync(self->scene.fd));
	}
	if (!variant->copies)
		ASSERT_OK(check_pinned(&self->calm, 2 * ROUNDS));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

/* A page from itself, and into itself. */
TEST_F_TIMEOUT(io, page_to_itself, GUP_PIN_PATIENCE)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		page_at(&self->scene, 5)[0] = 'a' + round;
		ASSERT_EQ(0, madvise(self->scene.map, self->scene.size, MADV_DONTNEED));
		ASSERT_OK(transfer(self->direct, true, page_at(&self->scene, 5), PAGE_SIZE,
				   5 * PAGE_SIZE));
		ASSERT_OK(transfer(self->direct, false, page_at(&self->scene, 5), PAGE_SIZE,
				   5 * PAGE_SIZE));
		ASSERT_EQ('a' + round, page_at(&self->scene, 5)[0]);
		ASSERT_EQ(0, fsync(self->scene.fd));
	}
	if (!variant->copies)
		ASSERT_OK(check_pinned(&self->calm, ROUNDS));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

/* Half of the memory is the part of the file that is read, or written. */
TEST_F_TIMEOUT(io, overlapping, GUP_PIN_PATIENCE)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		page_at(&self->scene, 4)[0] = 'a' + round;
		ASSERT_EQ(0, madvise(self->scene.map, self->scene.size, MADV_DONTNEED));
		ASSERT_OK(transfer(self->direct, false, page_at(&self->scene, 5),
				   2 * PAGE_SIZE, 4 * PAGE_SIZE));
		ASSERT_EQ('a' + round, page_at(&self->scene, 5)[0]);
		ASSERT_OK(transfer(self->direct, true, page_at(&self->scene, 5),
				   2 * PAGE_SIZE, 6 * PAGE_SIZE));
		ASSERT_EQ(0, fsync(self->scene.fd));
	}
	if (!variant->copies)
		ASSERT_OK(check_pinned(&self->calm, 2 * ROUNDS));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

/*
 * A disk into the mapping of a file, which is written back at once: the program has
 * waited, though whether the pin is gone by then it cannot know.
 */
TEST_F_TIMEOUT(io, read_then_msync, GUP_PIN_PATIENCE)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		ASSERT_OK(transfer(self->scene.slow_fd, false, self->scene.pinned, PAGE_SIZE,
				   0));
		ASSERT_EQ(0, msync(self->scene.map, self->scene.size, MS_SYNC));
	}
	ASSERT_OK(check_pinned(&self->calm, ROUNDS));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

TEST_F_TIMEOUT(io, reap_then_msync, GUP_PIN_PATIENCE)
{
	struct aio_one aio;
	ssize_t result;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		ASSERT_OK(aio_start(&aio, self->scene.slow_fd, false, self->scene.pinned,
				    PAGE_SIZE, 0));
		ASSERT_OK(aio_finish(&aio, &result));
		ASSERT_EQ((ssize_t)PAGE_SIZE, result);
		ASSERT_EQ(0, msync(self->scene.map, self->scene.size, MS_SYNC));
	}
	ASSERT_OK(check_pinned(&self->calm, ROUNDS));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

TEST_F_TIMEOUT(io, uring_then_msync, GUP_PIN_PATIENCE)
{
	struct uring_one *uring;
	ssize_t result;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		ASSERT_OK(uring_read_start(&uring, self->scene.slow_fd, self->scene.pinned,
					   PAGE_SIZE));
		ASSERT_OK(uring_finish(&uring, &result));
		ASSERT_EQ((ssize_t)PAGE_SIZE, result);
		ASSERT_EQ(0, msync(self->scene.map, self->scene.size, MS_SYNC));
	}
	ASSERT_OK(check_pinned(&self->calm, ROUNDS));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

/*
 * The same by a program that does not sleep, on another CPU than the one where the
 * read ends, and looks at what is unpinned last: of all, the quickest.
 */
TEST_F_TIMEOUT(io, poll_then_msync, GUP_PIN_PATIENCE)
{
	char *last, *map, path[100];
	struct aio_one aio;
	ssize_t result;
	int round, fd;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "one CPU only");
	snprintf(path, sizeof(path), "%s/large", self->scene.dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, posix_fallocate(fd, 0, LARGE));
	map = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	last = map + LARGE - PAGE_SIZE;
	for (round = 0; round < ROUNDS; round++) {
		ASSERT_OK(run_on(0));
		ASSERT_OK(aio_start(&aio, self->scene.slow_fd, false, map, LARGE, 0));
		ASSERT_OK(run_on(1));
		poll_for(&aio);
		ASSERT_EQ(0, msync(last, PAGE_SIZE, MS_SYNC));
		ASSERT_OK(aio_finish(&aio, &result));
		ASSERT_EQ((ssize_t)LARGE, result);
	}
	munmap(map, LARGE);
	close(fd);
	ASSERT_OK(check_pinned(&self->calm, ROUNDS * LARGE / PAGE_SIZE));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

/* O_DIRECT of one part of the file and buffered I/O of another. */
TEST_F_TIMEOUT(io, mixed, GUP_PIN_PATIENCE)
{
	char data[PAGE_SIZE];
	int round;

	memset(data, 'm', sizeof(data));
	for (round = 0; round < ROUNDS; round++) {
		ASSERT_OK(transfer(self->scene.fd, true, data, sizeof(data), 0));
		self->anon[0] = 'a' + round;
		ASSERT_OK(transfer(self->direct, true, self->anon, PAGE_SIZE, 8 * PAGE_SIZE));
		ASSERT_OK(transfer(self->direct, false, page_at(&self->scene, 3), PAGE_SIZE,
				   8 * PAGE_SIZE));
		ASSERT_EQ('a' + round, page_at(&self->scene, 3)[0]);
		page_at(&self->scene, 12)[0] = 'b' + round;
		ASSERT_EQ(0, fsync(self->scene.fd));
		ASSERT_OK(transfer(self->direct, false, self->anon, PAGE_SIZE, 12 * PAGE_SIZE));
		ASSERT_EQ('b' + round, self->anon[0]);
	}
	if (!variant->copies)
		ASSERT_OK(check_pinned(&self->calm, 3 * ROUNDS));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

int main(int argc, char **argv)
{
	return gup_pin_repeat(test_harness_run, argc, argv);
}
