// SPDX-License-Identifier: GPL-2.0
/*
 * However many pins a page has, and whichever tasks took them, interrupts are not
 * disabled for more than 20,000 instructions: not in an unpin, a reader, a hazard, or
 * when tracking is switched off.
 *
 * Measured with the irqsoff tracer in a guest whose clock counts instructions: one
 * takes a nanosecond. The overhead of the tracer is included.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_bulk.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_scene.h"
#include "gup_pin_slow.h"
#include "gup_pin_tracefs.h"
#include "gup_pin_util.h"

#define PCP_FRACTION	"/proc/sys/vm/percpu_pagelist_high_fraction"
#define MOST_US		20
/* Possible for an unprivileged user, with 8 MiB of locked memory. */
#define PINS		129280
#define READERS		8192
#define HOLDERS		8
#define SECTOR		512
#define BATCH		1024
#define TIMEOUT		1200

static const char *tracer_missing(void)
{
	const char *problem;
	bool found;
	char *text;

	problem = gup_pin_tracefs_missing() ?:
		gup_pin_slurp(TRACEFS "/available_tracers", &text, NULL);
	if (problem)
		return problem;
	found = strstr(text, "irqsoff");
	free(text);
	return found ? NULL : "no irqsoff tracer (CONFIG_IRQSOFF_TRACER)";
}

static const char *tracer_begin(void)
{
	/* Only duration and place are needed, not the functions in between. */
	return gup_pin_write(TRACEFS "/options/function-trace", "0") ?:
		gup_pin_write(TRACEFS "/tracing_on", "0") ?:
		gup_pin_write(TRACEFS "/current_tracer", "irqsoff");
}

static void tracer_end(void)
{
	gup_pin_write(TRACEFS "/current_tracer", "nop");
	gup_pin_write(TRACEFS "/tracing_on", "1");
}

static const char *tracer_start(void)
{
	return gup_pin_write(TRACEFS "/tracing_max_latency", "0") ?:
		gup_pin_write(TRACEFS "/tracing_on", "1");
}

/*
 * For any caller, the page allocator moves pages to and from its lists in bulk, under a
 * lock of its own: check for the function at which the section of the trace ends.
 */
static bool is_allocator(const char *trace)
{
	static const char *const ends[] = { " => free_unref_page_commit", " => __rmqueue_pcplist" };
	const char *at = strstr(trace, " => ");
	size_t i;

	/* "=> started at" and "=> ended at" come first. */
	while (at && (!strncmp(at, " => started", 11) || !strncmp(at, " => ended", 9)))
		at = strstr(at + 1, " => ");
	for (i = 0; at && i < ARRAY_SIZE(ends); i++)
		if (!strncmp(at, ends[i], strlen(ends[i])))
			return true;
	return false;
}

/* The longest section is logged. */
static const char *tracer_stop(const char *name)
{
	const char *problem;
	char *text, *at;
	long us;

	gup_pin_write(TRACEFS "/tracing_on", "0");
	us = gup_pin_read_number(TRACEFS "/tracing_max_latency");
	problem = gup_pin_slurp(TRACEFS "/trace", &text, NULL);
	if (problem)
		return problem;
	at = strstr(text, "started at:");
	ksft_print_msg("%s: interrupts off for at most %ld us\n", name, us);
	if (us > MOST_US) {
		ksft_print_msg("%s\n", at ?: text);
		if (!is_allocator(text))
			problem = gup_pin_problem("%s: interrupts off for %ld us", name, us);
	}
	free(text);
	return problem;
}

/*
 * Direct I/O requests of one sector each, all with the same page, to a disk that does
 * not respond.
 */
struct flood {
	struct gup_pin_slow slow;
	aio_context_t ctx;
	unsigned int nr;
};

static const char *flood_submit(struct flood *flood, bool write, char *page, unsigned int nr)
{
	static struct iocb iocb[BATCH], *list[BATCH];
	unsigned int i, done = 0;
	long ret;

	for (i = 0; i < nr; i++) {
		iocb[i] = (struct iocb) {
			.aio_lio_opcode = write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
			.aio_fildes = flood->slow.fd,
			.aio_buf = (unsigned long)page,
			.aio_nbytes = SECTOR,
		};
		list[i] = &iocb[i];
	}
	while (done < nr) {
		ret = syscall(SYS_io_submit, flood->ctx, nr - done, list + done);
		if (ret <= 0)
			return gup_pin_problem("io_submit(): %s", strerror(errno));
		done += ret;
	}
	flood->nr += nr;
	return NULL;
}

static const char *flood_begin(struct flood *flood, bool write, char *page)
{
	const char *problem = gup_pin_slow_open(&flood->slow) ?:
		gup_pin_dm_suspend(&flood->slow.dm) ?:
		gup_pin_write("/proc/sys/fs/aio-max-nr", "1048576");

	if (!problem && syscall(SYS_io_setup, PINS, &flood->ctx))
		problem = gup_pin_problem("io_setup(): %s", strerror(errno));
	while (!problem && flood->nr < PINS)
		problem = flood_submit(flood, write, page,
				       PINS - flood->nr < BATCH ? PINS - flood->nr : BATCH);
	return problem;
}

static const char *flood_end(struct flood *flood)
{
	const char *problem = gup_pin_dm_resume(&flood->slow.dm);
	static struct io_event event[BATCH];
	long ret;

	while (!problem && flood->nr) {
		ret = syscall(SYS_io_getevents, flood->ctx, 1,
			      flood->nr < BATCH ? flood->nr : BATCH, event, NULL);
		if (ret <= 0)
			problem = gup_pin_problem("io_getevents(): %s", strerror(errno));
		else
			flood->nr -= ret;
	}
	syscall(SYS_io_destroy, flood->ctx);
	gup_pin_slow_close(&flood->slow);
	return problem;
}

FIXTURE(irqsoff)
{
	struct gup_pin_mem mem;
	struct gup_pin_scene scene;
	struct flood flood;
	char *page;
};

FIXTURE_VARIANT(irqsoff)
{
	bool file;
	bool write;		/* a device reads the page: read pins */
};

FIXTURE_VARIANT_ADD(irqsoff, huge_page) { .write = true };
FIXTURE_VARIANT_ADD(irqsoff, file) { .file = true };
FIXTURE_VARIANT_ADD(irqsoff, file_read) { .file = true, .write = true };

FIXTURE_SETUP(irqsoff)
{
	const char *missing = gup_pin_missing() ?: tracer_missing() ?: gup_pin_dm_missing();

	if (!missing)
		missing = variant->file ? gup_pin_scene_missing(SCENE_EXT4) :
					  gup_pin_mem_missing(MEM_THP);
	if (missing)
		SKIP(return, "%s", missing);
	if (variant->file) {
		ASSERT_OK(gup_pin_scene_open(&self->scene, SCENE_EXT4));
		self->page = self->scene.pinned;
	} else {
		ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_THP, SIZE_2M));
		self->page = self->mem.addr;
	}
	ASSERT_OK(flood_begin(&self->flood, variant->write, self->page));
	/* The page allocator disables interrupts for longer when it moves pages in bulk. */
	ASSERT_OK(gup_pin_write(PCP_FRACTION, "100000"));
	ASSERT_OK(tracer_begin());
}

FIXTURE_TEARDOWN(irqsoff)
{
	tracer_end();
	flood_end(&self->flood);
	if (variant->file)
		gup_pin_scene_close(&self->scene);
	else
		gup_pin_mem_put(&self->mem);
	gup_pin_write(GUP_PIN_DIR "/enable", "1");
	gup_pin_write(PCP_FRACTION, "0");
}

/* A write pin on the page that is released as dirty; or a read pin. */
static const char *copy(char *page, bool write)
{
	char byte;
	struct iovec mine = { &byte, 1 }, other = { page, 1 };
	ssize_t ret;

	byte = *page;
	ret = write ? process_vm_writev(getpid(), &mine, 1, &other, 1, 0) :
		      process_vm_readv(getpid(), &mine, 1, &other, 1, 0);
	return ret == 1 ? NULL : gup_pin_problem("process_vm: %s", strerror(errno));
}

/* The same with many pages, some of which are pinned at a time. */
static const char *process_copy(char *addr, size_t size)
{
	static char bytes[SIZE_2M];
	struct iovec mine = { bytes, size }, other = { addr, size };

	return process_vm_readv(getpid(), &mine, 1, &other, 1, 0) == (ssize_t)size ? NULL :
		gup_pin_problem("process_vm_readv(): %s", strerror(errno));
}

static const char *look(const char *path)
{
	const char *problem;
	char *text;

	problem = gup_pin_slurp(path, &text, NULL);
	if (!problem)
		free(text);
	return problem;
}

/* Each open file has a position among the page's records. */
static const char *crowd(int *fds, unsigned int nr)
{
	const struct rlimit files_open = { nr + 64, nr + 64 };
	char line[256];
	unsigned int i;

	if (setrlimit(RLIMIT_NOFILE, &files_open))
		return gup_pin_problem("setrlimit(): %s", strerror(errno));
	for (i = 0; i < nr; i++) {
		fds[i] = open("/proc/self/gup_pins", O_RDONLY);
		if (fds[i] < 0 || read(fds[i], line, sizeof(line)) <= 0)
			return gup_pin_problem("reader %u: %s", i, strerror(errno));
	}
	return NULL;
}

static void close_all(const int *fds, unsigned int nr)
{
	while (nr--)
		close(fds[nr]);
}

#define MEASURED(name, expr)						\
	do {								\
		ASSERT_OK(tracer_start());				\
		EXPECT_OK(expr);					\
		EXPECT_OK(tracer_stop(name));				\
	} while (0)

TEST_F_TIMEOUT(irqsoff, bounded, TIMEOUT)
{
	static const char *const files[] = {
		"pins", "stacks", "orphans", "verify", "stats", "hazards",
	};
	static int fds[READERS];
	char path[64];
	size_t i;

	MEASURED("nothing", NULL);
	MEASURED("unpin as dirty", copy(self->page, true));
	MEASURED("unpin", copy(self->page, false));
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), GUP_PIN_DIR "/%s", files[i]);
		MEASURED(files[i], look(path));
	}
	MEASURED("/proc/PID", look("/proc/self/gup_pins"));
	MEASURED("readers", crowd(fds, READERS));
	MEASURED("unpin among readers", copy(self->page, true));
	MEASURED("reader among readers", look(GUP_PIN_DIR "/pins"));
	close_all(fds, READERS);
	if (variant->file) {
		self->page[0]++;
		MEASURED("msync", msync(self->page, PAGE_SIZE, MS_SYNC) ?
			 gup_pin_problem("msync(): %s", strerror(errno)) : NULL);
		MEASURED("truncate", ftruncate(self->scene.fd, 0) ?
			 gup_pin_problem("ftruncate(): %s", strerror(errno)) : NULL);
	}
	MEASURED("unpins", flood_end(&self->flood));
}

/* Few calls, but with many pages: an unpin must look at each page. */
TEST(same_pages)
{
	const char *missing = gup_pin_missing() ?: tracer_missing() ?:
		gup_pin_mem_missing(MEM_THP);
	struct gup_pin_mem mem;
	int ring[HOLDERS], i;

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_mem_contiguous(&mem));
	for (i = 0; i < HOLDERS; i++) {
		ring[i] = uring_open();
		ASSERT_LE(0, ring[i]);
		ASSERT_EQ(0, uring_register_one(ring[i], mem.addr, SIZE_2M));
	}
	ASSERT_OK(gup_pin_write(PCP_FRACTION, "100000"));
	ASSERT_OK(tracer_begin());
	for (i = 0; i < HOLDERS; i++) {
		MEASURED("copy", process_copy(mem.addr, SIZE_2M));
		MEASURED("ring", uring_unregister(ring[i]) ?
			 gup_pin_problem("cannot unregister") : NULL);
	}
	tracer_end();
	gup_pin_write(PCP_FRACTION, "0");
	for (i = 0; i < HOLDERS; i++)
		close(ring[i]);
	gup_pin_mem_put(&mem);
}

TEST_F_TIMEOUT(irqsoff, switched_off, TIMEOUT)
{
	static int fds[READERS];

	ASSERT_OK(crowd(fds, READERS));
	MEASURED("enable=0", gup_pin_write(GUP_PIN_DIR "/enable", "0"));
	close_all(fds, READERS);
}

TEST_HARNESS_MAIN
