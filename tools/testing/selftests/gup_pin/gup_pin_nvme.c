// SPDX-License-Identifier: GPL-2.0
/*
 * Metadata of blocks that a program reads or writes by NVMe commands of its own: short-term
 * pins of bio_integrity_map_user(), as long as the disk does not answer. Needs a slow disk with
 * metadata that is apart from its data.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/nvme_ioctl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_frame.h"
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_util.h"

#define NODES		"/dev/nvme*n1"
#define PINNER		"bio_integrity_map_user"
#define WRITE		1
#define READ		2
#define BLOCK_SIZE	512
#define NBLOCKS		8
#define METADATA_SIZE	8	/* of a block */

FIXTURE(nvme)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	int disk;
	bool flipped;
	pid_t child;
};

FIXTURE_VARIANT(nvme)
{
	bool write;
	size_t npages;
};

FIXTURE_VARIANT_ADD(nvme, read) { .npages = 1 };
FIXTURE_VARIANT_ADD(nvme, write) { .write = true, .npages = 1 };
/* A disk may take them in one piece only: the kernel copies, and pins where to. */
FIXTURE_VARIANT_ADD(nvme, read_two_pages) { .npages = 2 };

static const char *open_disk(int *disk)
{
	unsigned int waited = 0;
	const char *problem;
	glob_t found;

	/* The controller is looked at after the module was loaded. */
	while (glob(NODES, 0, NULL, &found))
		if (!gup_pin_patience(&waited))
			return gup_pin_problem("there is no " NODES);
	*disk = open(found.gl_pathv[0], O_RDWR | O_CLOEXEC);
	problem = *disk < 0 ? gup_pin_problem("%s: %s", found.gl_pathv[0], strerror(errno)) :
		NULL;
	globfree(&found);
	return problem;
}

/* Returns 0, or -errno. */
static int send_command(int disk, bool write, const char *metadata)
{
	static __u64 data[NBLOCKS * BLOCK_SIZE / sizeof(__u64) + 1];
	struct nvme_user_io io = {
		.opcode = write ? WRITE : READ,
		.nblocks = NBLOCKS - 1,
		/* At this address it has to be copied, and is not pinned meanwhile. */
		.addr = (unsigned long)data + 1,
		.metadata = (unsigned long)metadata,
	};

	return ioctl(disk, NVME_IOCTL_SUBMIT_IO, &io) ? -errno : 0;
}

/* Commands one after another, until @stop has ended or a byte: 0, or what went wrong. */
static int send_commands(int disk, bool write, const char *metadata, int stop)
{
	char byte;
	int ret;

	do {
		ret = send_command(disk, write, metadata);
		if (ret)
			return -ret;
	} while (read(stop, &byte, 1) < 0 && errno == EAGAIN);
	return 0;
}

/* Of two pages, the metadata is at the end of the first, and at the start of the second. */
static char *metadata_in(const struct gup_pin_mem *mem)
{
	if (mem->size == PAGE_SIZE)
		return mem->addr + NBLOCKS * METADATA_SIZE;
	return mem->addr + PAGE_SIZE - NBLOCKS * METADATA_SIZE / 2;
}

/*
 * blk_rq_integrity_map_user() of 6.12 takes the directions for each other: what a disk is to
 * write to is pinned for reading only, so that it may even be read-only memory, and the other
 * way round. The pins have to be shown as they are.
 */
static const char *check_direction(struct _test_data_nvme *self)
{
	char *metadata = metadata_in(&self->mem);
	int ret;

	*metadata = 1;
	if (mprotect(self->mem.addr, self->mem.size, PROT_READ))
		return gup_pin_problem("mprotect: %s", strerror(errno));
	ret = send_command(self->disk, false, metadata);
	if (mprotect(self->mem.addr, self->mem.size, PROT_READ | PROT_WRITE))
		return gup_pin_problem("mprotect: %s", strerror(errno));
	if (ret && ret != -EFAULT)
		return gup_pin_problem("NVMe read: %s", strerror(-ret));
	/* All that is on this disk is 0. */
	self->flipped = !*metadata;
	return self->flipped == !ret ? NULL : "what was read is not there";
}

FIXTURE_SETUP(nvme)
{
	const char *missing = gup_pin_missing();

	self->disk = -1;
	if (!missing && access("/sys/module/nvme", F_OK))
		missing = "nvme is not loaded (CONFIG_BLK_DEV_NVME)";
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(open_disk(&self->disk));
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_ANON, variant->npages * PAGE_SIZE));
	ASSERT_OK(check_direction(self));
}

FIXTURE_TEARDOWN(nvme)
{
	if (self->child > 0) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
	}
	if (self->disk >= 0)
		close(self->disk);
	gup_pin_mem_put(&self->mem);
}

static pid_t start(const struct _test_data_nvme *self, bool write, int stop)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "gup_pin nvme");
	/* Its own pages. */
	memset(self->mem.addr, 2, self->mem.size);
	_exit(send_commands(self->disk, write, metadata_in(&self->mem), stop));
}

static const char *check_pins(const struct _test_data_nvme *self, bool write)
{
	struct gup_pin_want want;

	gup_pin_want_self(&want, "pin_user_pages_fast", write == self->flipped ? 'w' : 'r', "short",
			  "anon");
	want.comm = "gup_pin\\x20nvme";
	want.tgid = self->child;
	want.pid = self->child;
	want.owner = self->child;
	return gup_pin_check_pages(&want, self->child, self->mem.addr,
				   self->mem.size / PAGE_SIZE) ?:
		gup_pin_check_frame(self->child, PINNER);
}

TEST_F(nvme, under_way)
{
	unsigned int waited = 0;
	const char *problem;
	int status, stop[2];

	ASSERT_EQ(0, pipe2(stop, O_NONBLOCK));
	self->child = start(self, variant->write, stop[0]);
	ASSERT_LE(0, self->child);
	/* Between two commands nothing is pinned. */
	do {
		problem = check_pins(self, variant->write);
	} while (problem && gup_pin_patience(&waited));
	ASSERT_OK(problem);
	ASSERT_EQ(1, write(stop[1], "", 1));
	ASSERT_EQ(self->child, waitpid(self->child, &status, 0));
	self->child = 0;
	EXPECT_EQ(0, status);
	close(stop[0]);
	close(stop[1]);
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
