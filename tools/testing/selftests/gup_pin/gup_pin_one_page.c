// SPDX-License-Identifier: GPL-2.0
/*
 * One page is pinned again and again by separate calls, like by a driver that forgets
 * its pins. Each file can be read in bounded time, although all lines are of one folio.
 *
 * Measures CPU time, which is most accurate in a guest that counts instructions.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_bulk.h"
#include "gup_pin_child.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_reading.h"
#include "gup_pin_util.h"

#define RINGS	6U
#define PINS	(RINGS * GUP_PIN_RING_BUFFERS)
#define TIMEOUT	600

struct holder {
	char *page;
	int ring[RINGS];
	pid_t tid;
	int err;
};

FIXTURE(one_page)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	struct holder holder;
};

/* A separate task, so that its pins are orphaned when it ends. */
static void *hold(void *arg)
{
	static struct iovec iov[GUP_PIN_RING_BUFFERS];
	struct holder *holder = arg;
	unsigned int i;

	holder->tid = gettid();
	for (i = 0; i < ARRAY_SIZE(iov); i++) {
		iov[i].iov_base = holder->page;
		iov[i].iov_len = PAGE_SIZE;
	}
	for (i = 0; i < RINGS && !holder->err; i++) {
		holder->ring[i] = uring_open();
		holder->err = holder->ring[i] < 0 ? -errno :
			uring_register(holder->ring[i], iov, ARRAY_SIZE(iov));
	}
	return NULL;
}

FIXTURE_SETUP(one_page)
{
	const char *missing = gup_pin_missing() ?: uring_missing();
	pthread_t thread;

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_ANON, PAGE_SIZE));
	self->holder.page = self->mem.addr;
	ASSERT_EQ(0, pthread_create(&thread, NULL, hold, &self->holder));
	pthread_join(thread, NULL);
	ASSERT_EQ(0, self->holder.err);
	ASSERT_OK(gup_pin_wait_thread_gone(self->holder.tid));
}

FIXTURE_TEARDOWN(one_page)
{
	gup_pin_mem_put(&self->mem);
}

/*
 * Files, and their number of lines; a path in /proc is that of the reader. All pins are
 * those of a thread that has ended.
 */
static const struct {
	const char *path;
	const char *filter;
	unsigned long least;
	unsigned long most;
} views[] = {
	{ GUP_PIN_DIR "/pins", NULL, PINS + 1, PINS + 1 },
	{ GUP_PIN_DIR "/pins", "mode=r", 1, 1 },
	{ GUP_PIN_DIR "/orphans", NULL, PINS + 1, PINS + 1 },
	{ "/proc/self/gup_pins", NULL, PINS + 1, PINS + 1 },
	{ GUP_PIN_DIR "/stacks", NULL, 4, 1000 },
	{ GUP_PIN_DIR "/verify", NULL, 1, 1 },
};

TEST_F_TIMEOUT(one_page, streams, TIMEOUT)
{
	struct gup_pin_reading reading;
	struct gup_pin_stats stats;
	const char *problem;
	size_t i;

	ASSERT_OK(gup_pin_read_stats(&stats));
	ASSERT_EQ(self->base.stats.live_pins + PINS, stats.live_pins);
	ASSERT_EQ(self->base.stats.live_folios + 1, stats.live_folios);
	for (i = 0; i < ARRAY_SIZE(views); i++) {
		problem = gup_pin_reading(views[i].path, views[i].filter, &reading) ?:
			gup_pin_reading_check(&reading, views[i].least, views[i].most);
		EXPECT_EQ(NULL, problem) {
			TH_LOG("%s: %s", views[i].path, problem);
		}
	}
	for (i = 0; i < RINGS; i++) {
		EXPECT_EQ(0, uring_unregister(self->holder.ring[i]));
		close(self->holder.ring[i]);
	}
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
