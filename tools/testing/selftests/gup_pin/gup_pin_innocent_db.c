// SPDX-License-Identifier: GPL-2.0
/*
 * Innocents: as a database does it. Processes share a pool of buffers, into which
 * and from which each does asynchronous O_DIRECT of a data file; a checkpoint makes
 * the file safe meanwhile; one process is killed with its I/O under way.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_calm.h"
#include "gup_pin_dm.h"
#include "gup_pin_pinners.h"
#include "gup_pin_shared.h"

#define WORKERS		3
/* Buffers of a worker, of this size. */
#define BUFFERS		4
#define BUFFER		(2 * PAGE_SIZE)
#define PART		(BUFFERS * BUFFER)
#define ROUNDS		60

FIXTURE(db)
{
	struct gup_pin_calm calm;
	struct gup_pin_mounted fs;
	struct gup_pin_shared pool;
	struct gup_pin_dm dm;
	int file;
	pid_t worker[WORKERS];
};

FIXTURE_VARIANT(db)
{
	enum gup_pin_shared_kind memory;
	const char *type;
};

FIXTURE_VARIANT_ADD(db, ext4_sysv)
{
	.memory = SHARED_SYSV,
	.type = "ext4",
};

FIXTURE_VARIANT_ADD(db, ext4_hugetlb)
{
	.memory = SHARED_MEMFD_HUGETLB,
	.type = "ext4",
};

FIXTURE_VARIANT_ADD(db, xfs_anon)
{
	.memory = SHARED_ANON,
	.type = "xfs",
};

FIXTURE_VARIANT_ADD(db, xfs_tmpfs)
{
	.memory = SHARED_TMPFS,
	.type = "xfs",
};

FIXTURE_SETUP(db)
{
	const char *fs = gup_pin_shared_fs(variant->memory);
	const char *missing = gup_pin_missing() ?: gup_pin_dm_missing() ?:
		gup_pin_shared_missing(variant->memory);
	size_t page = gup_pin_shared_page(variant->memory);

	self->file = -1;
	if (missing)
		SKIP(return, "%s", missing);
	if (fs)
		ASSERT_OK(gup_pin_mount(&self->fs, fs, NULL));
	ASSERT_OK(gup_pin_calm_begin(&self->calm));
	ASSERT_OK(gup_pin_dm_create(&self->dm, 32 << 20));
	ASSERT_OK(gup_pin_dm_mount(&self->dm, variant->type));
	self->file = gup_pin_dm_file(&self->dm, "data", WORKERS * PART, O_RDWR | O_DIRECT);
	ASSERT_LE(0, self->file);
	ASSERT_OK(gup_pin_shared_get(&self->pool, variant->memory, self->fs.dir,
				     (WORKERS * PART + page - 1) / page));
}

FIXTURE_TEARDOWN(db)
{
	const char *stuck;
	int i;

	for (i = 0; i < WORKERS; i++) {
		if (self->worker[i] <= 0)
			continue;
		kill(self->worker[i], SIGKILL);
		waitpid(self->worker[i], NULL, 0);
	}
	if (self->file >= 0)
		close(self->file);
	gup_pin_shared_put(&self->pool);
	if (self->dm.name[0])
		gup_pin_dm_remove(&self->dm);
	gup_pin_calm_close(&self->calm);
	stuck = gup_pin_unmount(&self->fs);
	if (stuck)
		EXPECT_STREQ("", stuck);
}

/* All buffers of a worker: to the file, and from there the one behind. */
static const char *one_round(int file, char *part, off_t at, bool write)
{
	struct aio_one aio[BUFFERS];
	const char *problem = NULL;
	ssize_t result;
	int i;

	for (i = 0; i < BUFFERS; i++) {
		problem = aio_start(&aio[i], file, write, part + i * BUFFER, BUFFER,
				    at + i * BUFFER);
		if (problem)
			return problem;
	}
	for (i = 0; i < BUFFERS; i++) {
		problem = aio_finish(&aio[i], &result);
		if (!problem && result != (ssize_t)BUFFER)
			problem = gup_pin_problem("I/O ended with %zd", result);
		if (problem)
			return problem;
	}
	return NULL;
}

/* It ends when it has done its rounds; the last one never does. */
static void work(int nr, int file, char *pool)
{
	char *part = pool + nr * PART;
	const char *problem = NULL;
	int round;

	for (round = 0; !problem && (round < ROUNDS || nr == WORKERS - 1); round++) {
		memset(part, 'a' + round % 20, PART);
		problem = one_round(file, part, nr * PART, true);
		if (!problem && round % 4 == 0 && fdatasync(file))
			problem = "fdatasync failed";
		memset(part, 0, PART);
		if (!problem)
			problem = one_round(file, part, nr * PART, false);
		if (!problem && part[PART - 1] != 'a' + round % 20)
			problem = "the file lost what was written";
	}
	if (problem)
		fprintf(stderr, "# worker %d: %s\n", nr, problem);
	_exit(!!problem);
}

TEST_F_TIMEOUT(db, no_report, GUP_PIN_PATIENCE)
{
	int i, status;
	char page[PAGE_SIZE];
	pid_t gone;

	for (i = 0; i < WORKERS; i++) {
		self->worker[i] = fork();
		ASSERT_LE(0, self->worker[i]);
		if (!self->worker[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			work(i, self->file, self->pool.addr);
		}
	}
	/* Until the first process has ended; the last one never stops working. */
	do {
		int buffered = gup_pin_dm_file(&self->dm, "checkpoint", PAGE_SIZE, O_RDWR);

		ASSERT_EQ(0, syncfs(buffered));
		ASSERT_EQ((ssize_t)PAGE_SIZE, pread(buffered, page, PAGE_SIZE, 0));
		close(buffered);
		gone = waitpid(self->worker[0], &status, WNOHANG);
	} while (!gone);
	ASSERT_EQ(self->worker[0], gone);
	self->worker[0] = 0;
	ASSERT_EQ(0, status);
	ASSERT_EQ(self->worker[1], waitpid(self->worker[1], &status, 0));
	self->worker[1] = 0;
	ASSERT_EQ(0, status);
	ASSERT_EQ(0, kill(self->worker[2], SIGKILL));
	ASSERT_EQ(self->worker[2], waitpid(self->worker[2], &status, 0));
	self->worker[2] = 0;
	ASSERT_TRUE(WIFSIGNALED(status));
	/* Of pages, and where those are huge it may be of folios. */
	ASSERT_LE(2 * ROUNDS * BUFFERS * 2, gup_pin_calm_acquired(&self->calm));
	gup_pin_shared_put(&self->pool);
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

int main(int argc, char **argv)
{
	return gup_pin_repeat(test_harness_run, argc, argv);
}
