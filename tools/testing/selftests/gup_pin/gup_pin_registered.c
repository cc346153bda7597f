// SPDX-License-Identifier: GPL-2.0
/*
 * O_DIRECT I/O with a buffer that is also registered with io_uring: the end of the I/O
 * releases the pins of the I/O, although those of the ring are older.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_dm.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

#define NPAGES	4
#define ROUNDS	3

FIXTURE(registered)
{
	struct gup_pin_base base;
	struct gup_pin_dm dm;
	struct gup_pin_mem mem;
	int file;
	int ring;
};

FIXTURE_VARIANT(registered)
{
	bool write;
	size_t size;
};

FIXTURE_VARIANT_ADD(registered, read)
{
	.size = NPAGES * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(registered, write)
{
	.write = true,
	.size = NPAGES * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(registered, write_page)
{
	.write = true,
	.size = PAGE_SIZE,
};

FIXTURE_SETUP(registered)
{
	const char *missing = gup_pin_missing() ?: uring_missing() ?: gup_pin_dm_missing();

	if (missing)
		SKIP(return, "%s", missing);
	self->ring = uring_open();
	ASSERT_LE(0, self->ring);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_dm_create(&self->dm, 24 << 20));
	ASSERT_OK(gup_pin_dm_mount(&self->dm, "ext4"));
	self->file = gup_pin_dm_file(&self->dm, "data", 2 * NPAGES * PAGE_SIZE,
				     O_RDWR | O_DIRECT);
	ASSERT_LE(0, self->file);
	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_ANON, variant->size));
}

FIXTURE_TEARDOWN(registered)
{
	close(self->ring);
	close(self->file);
	gup_pin_mem_put(&self->mem);
	gup_pin_dm_remove(&self->dm);
}

static ssize_t transfer(int file, bool write, const struct gup_pin_mem *mem, size_t size)
{
	return write ? pwrite(file, mem->addr, size, 0) : pread(file, mem->addr, size, 0);
}

TEST_F(registered, io_ends_first)
{
	struct gup_pin_lines lines;
	ssize_t size = variant->size;
	unsigned int round;
	size_t i;

	/* This match is certain: completion of I/O releases short-term pins. */
	ASSERT_EQ(size, transfer(self->file, variant->write, &self->mem, size));
	ASSERT_OK(gup_pin_wait_task(getpid(), 0));
	ASSERT_EQ(0, uring_register_one(self->ring, self->mem.addr, size));
	for (round = 0; round < ROUNDS; round++) {
		ASSERT_EQ(size, transfer(self->file, variant->write, &self->mem, size));
		ASSERT_OK(gup_pin_wait_task(getpid(), size / PAGE_SIZE));
		ASSERT_OK(gup_pin_read_task(&lines, getpid()));
		for (i = 0; i < lines.nr; i++) {
			EXPECT_STREQ("long", lines.line[i].term);
			EXPECT_EQ('w', lines.line[i].mode);
			EXPECT_STREQ("exact", lines.line[i].match);
		}
		gup_pin_free(&lines);
	}
	ASSERT_EQ(0, uring_unregister(self->ring));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
