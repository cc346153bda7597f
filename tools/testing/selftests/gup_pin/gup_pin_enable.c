// SPDX-License-Identifier: GPL-2.0
/*
 * Tracking is switched off and on while pins are held.
 *
 * After this program the counters no longer include all pins since boot: if anything is
 * still pinned, they differ from /proc/vmstat.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_tracefs.h"
#include "gup_pin_util.h"

#define ENABLE	GUP_PIN_DIR "/enable"
#define NPAGES	16

FIXTURE(enable)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	int before;
	int after;
};

FIXTURE_SETUP(enable)
{
	const char *missing = gup_pin_missing() ?: uring_missing();

	if (missing)
		SKIP(return, "%s", missing);
	self->before = uring_open();
	self->after = uring_open();
	ASSERT_LE(0, self->before);
	ASSERT_LE(0, self->after);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_ANON, NPAGES * PAGE_SIZE));
	/* Each pin is counted, even of a call that fails as some pages cannot be moved yet. */
	ASSERT_OK(gup_pin_mem_settle(&self->mem));
}

FIXTURE_TEARDOWN(enable)
{
	close(self->before);
	close(self->after);
	gup_pin_mem_put(&self->mem);
	gup_pin_write(ENABLE, "1");
}

static const char *expect_live(unsigned long pins)
{
	struct gup_pin_stats stats;
	struct gup_pin_lines lines;
	const char *problem;
	unsigned long sum;

	problem = gup_pin_read_stats(&stats) ?: gup_pin_read_pins(&lines);
	if (problem)
		return problem;
	sum = gup_pin_sum_pins(&lines);
	gup_pin_free(&lines);
	if (stats.live_pins != pins || sum != pins)
		return gup_pin_problem("live_pins is %lu, pins shows %lu, not %lu",
				       stats.live_pins, sum, pins);
	if (!pins && (stats.live_folios || stats.live_calls))
		return gup_pin_problem("no pins, but live_folios %lu live_calls %lu",
				       stats.live_folios, stats.live_calls);
	return NULL;
}

TEST_F(enable, garbage)
{
	static const char *const garbage[] = { "2", "x", "-1", "maybe", "\n", " " };
	size_t i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(garbage); i++) {
		fd = open(ENABLE, O_WRONLY);
		ASSERT_LE(0, fd);
		errno = 0;
		EXPECT_EQ(-1, write(fd, garbage[i], strlen(garbage[i]))) {
			TH_LOG("'%s' was taken", garbage[i]);
		}
		EXPECT_EQ(EINVAL, errno);
		close(fd);
		EXPECT_EQ(1, gup_pin_read_number(ENABLE));
	}
}

TEST_F(enable, reads_back)
{
	struct gup_pin_stats stats;
	char *text;

	ASSERT_OK(gup_pin_write(ENABLE, "0"));
	ASSERT_OK(gup_pin_slurp(ENABLE, &text, NULL));
	EXPECT_STREQ("0\n", text);
	free(text);
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(0, stats.enabled);
	/* Switching off or on twice is allowed. */
	ASSERT_OK(gup_pin_write(ENABLE, "0\n"));
	ASSERT_OK(gup_pin_write(ENABLE, "1\n"));
	ASSERT_OK(gup_pin_write(ENABLE, "1"));
	ASSERT_OK(gup_pin_slurp(ENABLE, &text, NULL));
	EXPECT_STREQ("1\n", text);
	free(text);
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(1, stats.enabled);
	ASSERT_OK(gup_pin_check_at_rest(&self->base));
}

/* Switching off drops all records, and later unpins are harmless. */
TEST_F(enable, off_while_held)
{
	struct gup_pin_stats stats;
	struct gup_pin_verify verify;
	struct gup_pin_want want;

	ASSERT_EQ(0, uring_register_one(self->before, self->mem.addr, self->mem.size));
	gup_pin_want_self(&want, "pin_user_pages_fast", 'w', "long", "anon");
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, NPAGES));

	ASSERT_OK(gup_pin_write(ENABLE, "0"));
	ASSERT_OK(expect_live(0));
	ASSERT_OK(gup_pin_read_verify(&verify));
	EXPECT_EQ(0, verify.pins);
	ASSERT_EQ(0, uring_register_one(self->after, self->mem.addr, PAGE_SIZE));
	ASSERT_OK(expect_live(0));
	ASSERT_EQ(0, uring_unregister(self->before));
	ASSERT_EQ(0, uring_unregister(self->after));
	ASSERT_OK(expect_live(0));

	ASSERT_OK(gup_pin_write(ENABLE, "1"));
	ASSERT_OK(expect_live(0));
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(self->base.stats.unmatched, stats.unmatched);
	EXPECT_EQ(0, stats.untracked);

	/* Pins are recorded again. */
	ASSERT_EQ(0, uring_register_one(self->before, self->mem.addr, self->mem.size));
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, NPAGES));
	ASSERT_EQ(0, uring_unregister(self->before));
	ASSERT_OK(expect_live(0));
}

/* Switched on late: older pins are unknown, and no error. */
TEST_F(enable, on_late)
{
	size_t half = NPAGES / 2 * PAGE_SIZE;
	struct gup_pin_stats stats, late;
	struct gup_pin_want want;

	ASSERT_OK(gup_pin_write(ENABLE, "0"));
	ASSERT_EQ(0, uring_register_one(self->before, self->mem.addr, half));
	ASSERT_OK(gup_pin_write(ENABLE, "1"));
	ASSERT_OK(expect_live(0));
	ASSERT_OK(gup_pin_read_stats(&late));

	ASSERT_EQ(0, uring_register_one(self->after, self->mem.addr + half, half));
	gup_pin_want_self(&want, "pin_user_pages_fast", 'w', "long", "anon");
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr + half, NPAGES / 2));

	ASSERT_EQ(0, uring_unregister(self->before));
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr + half, NPAGES / 2));
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(late.unmatched, stats.unmatched);
	EXPECT_EQ(late.released, stats.released);
	EXPECT_EQ(late.inferred, stats.inferred);

	ASSERT_EQ(0, uring_unregister(self->after));
	ASSERT_OK(expect_live(0));
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(late.unmatched, stats.unmatched);
	EXPECT_EQ(stats.acquired, stats.released);
	EXPECT_EQ(0, stats.untracked);
}

/* An earlier pin and a recorded one on the same pages: never more records than pins. */
TEST_F(enable, on_late_same_pages)
{
	struct gup_pin_verify verify;
	struct gup_pin_stats stats;
	int order;

	for (order = 0; order < 2; order++) {
		ASSERT_OK(gup_pin_write(ENABLE, "0"));
		ASSERT_EQ(0, uring_register_one(self->before, self->mem.addr,
						self->mem.size));
		ASSERT_OK(gup_pin_write(ENABLE, "1"));
		ASSERT_EQ(0, uring_register_one(self->after, self->mem.addr,
						self->mem.size));
		ASSERT_OK(expect_live(NPAGES));
		ASSERT_EQ(0, uring_unregister(order ? self->before : self->after));
		ASSERT_OK(gup_pin_read_verify(&verify));
		ASSERT_EQ(0, uring_unregister(order ? self->after : self->before));
		ASSERT_OK(expect_live(0));
		ASSERT_OK(gup_pin_read_verify(&verify));
		ASSERT_OK(gup_pin_read_stats(&stats));
		EXPECT_EQ(self->base.stats.unmatched, stats.unmatched);
		EXPECT_EQ(0, stats.untracked);
	}
}

/* When tracking was last switched; writing what is so already switches nothing. */
TEST_F(enable, since_when)
{
	unsigned long off, on, again;

	ASSERT_OK(gup_pin_write(ENABLE, "0"));
	ASSERT_OK(gup_pin_read_stat("switched_at_ms", &off));
	usleep(20000);
	ASSERT_OK(gup_pin_write(ENABLE, "1"));
	ASSERT_OK(gup_pin_read_stat("switched_at_ms", &on));
	EXPECT_LT(off, on);
	usleep(20000);
	ASSERT_OK(gup_pin_write(ENABLE, "1"));
	ASSERT_OK(gup_pin_read_stat("switched_at_ms", &again));
	EXPECT_EQ(on, again);
}

/* Two stats: earlier pins that are held, and those that were released. */
static const char *expect_before(unsigned long pinned, unsigned long unpinned)
{
	unsigned long is_pinned, is_unpinned;
	const char *problem;

	problem = gup_pin_read_stat("pinned_from_before", &is_pinned) ?:
		  gup_pin_read_stat("unpinned_from_before", &is_unpinned);
	if (!problem && (is_pinned != pinned || is_unpinned != unpinned))
		problem = gup_pin_problem("from before %lu pinned, %lu unpinned, not %lu and %lu",
					  is_pinned, is_unpinned, pinned, unpinned);
	return problem;
}

/* Releasing an earlier pin removes no record, one ring after the other. */
TEST_F(enable, late_takes_no_record)
{
	unsigned long unpinned;
	struct gup_pin_want want;
	int i, *ring[] = { &self->before, &self->after };

	ASSERT_OK(gup_pin_write(ENABLE, "0"));
	ASSERT_EQ(0, uring_register_one(self->before, self->mem.addr, self->mem.size));
	ASSERT_OK(gup_pin_write(ENABLE, "1"));
	ASSERT_OK(gup_pin_read_stat("unpinned_from_before", &unpinned));
	ASSERT_OK(expect_before(NPAGES, unpinned));

	ASSERT_EQ(0, uring_register_one(self->after, self->mem.addr, self->mem.size));
	ASSERT_EQ(0, uring_unregister(self->before));
	ASSERT_OK(expect_live(NPAGES));
	ASSERT_OK(expect_before(0, unpinned + NPAGES));
	gup_pin_want_self(&want, "pin_user_pages_fast", 'w', "long", "anon");
	want.match = "inferred";
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, NPAGES));

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, uring_register_one(*ring[i % 2], self->mem.addr, self->mem.size));
		ASSERT_OK(expect_live(2 * NPAGES));
		ASSERT_EQ(0, uring_unregister(*ring[!(i % 2)]));
		ASSERT_OK(expect_live(NPAGES));
	}
	ASSERT_EQ(0, uring_unregister(*ring[(i - 1) % 2]));
	ASSERT_OK(expect_live(0));
	ASSERT_OK(expect_before(0, unpinned + NPAGES));
}

/* Short-term pins are taken and released while an earlier pin stays. */
TEST_F(enable, late_short_term)
{
	struct gup_pin_verify verify;
	unsigned long unpinned;
	char buffer[64];
	struct iovec local = { buffer, sizeof(buffer) };
	struct iovec remote = { self->mem.addr, sizeof(buffer) };
	int i;

	ASSERT_OK(gup_pin_write(ENABLE, "0"));
	ASSERT_EQ(0, uring_register_one(self->before, self->mem.addr, self->mem.size));
	ASSERT_OK(gup_pin_write(ENABLE, "1"));
	ASSERT_OK(gup_pin_read_stat("unpinned_from_before", &unpinned));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(sizeof(buffer), i % 2 ?
			  process_vm_writev(getpid(), &local, 1, &remote, 1, 0) :
			  process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
		ASSERT_OK(expect_live(0));
	}
	ASSERT_OK(expect_before(NPAGES, unpinned));
	ASSERT_OK(gup_pin_read_verify(&verify));
	ASSERT_EQ(0, uring_unregister(self->before));
	ASSERT_OK(expect_before(0, unpinned + NPAGES));
}

/* Do all these events show unknown pins? */
static const char *all_unknown(const struct gup_pin_events *events)
{
	const struct gup_pin_event *event;

	for (event = events->event; event < events->event + events->nr; event++)
		if (strcmp(event->api, "unknown") || strcmp(event->match, "inferred") ||
		    event->pid)
			return gup_pin_problem("api=%s match=%s pid=%d, not unknown, inferred, 0",
					       event->api, event->match, event->pid);
	return NULL;
}

/* The tracepoint must not show another pin as the released one. */
TEST_F(enable, late_is_traced)
{
	const char *missing = gup_pin_tracefs_missing();
	struct gup_pin_events events;

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_tracefs_begin());
	ASSERT_OK(gup_pin_write(ENABLE, "0"));
	ASSERT_EQ(0, uring_register_one(self->before, self->mem.addr, self->mem.size));
	ASSERT_OK(gup_pin_write(ENABLE, "1"));
	ASSERT_EQ(0, uring_register_one(self->after, self->mem.addr, self->mem.size));
	ASSERT_OK(gup_pin_tracefs_switch(EVENT_RELEASE, true));
	ASSERT_EQ(0, uring_unregister(self->before));
	ASSERT_OK(gup_pin_tracefs_read(&events));
	EXPECT_EQ(NPAGES, gup_pin_tracefs_pins(&events, EVENT_RELEASE, 0));
	EXPECT_OK(all_unknown(&events));
	gup_pin_tracefs_free(&events);
	gup_pin_tracefs_end();
	ASSERT_EQ(0, uring_unregister(self->after));
	ASSERT_OK(expect_live(0));
}

/* No events while tracking is off; later, unknown pins. */
TEST_F(enable, traced_from_before)
{
	const char *missing = gup_pin_tracefs_missing();
	struct gup_pin_events events;

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_tracefs_begin());
	ASSERT_OK(gup_pin_tracefs_both(true));
	ASSERT_OK(gup_pin_write(ENABLE, "0"));
	ASSERT_EQ(0, uring_register_one(self->after, self->mem.addr, self->mem.size));
	ASSERT_EQ(0, uring_unregister(self->after));
	ASSERT_EQ(0, uring_register_one(self->before, self->mem.addr, self->mem.size));
	ASSERT_OK(gup_pin_tracefs_read(&events));
	EXPECT_EQ(0, events.nr);
	gup_pin_tracefs_free(&events);

	ASSERT_OK(gup_pin_write(ENABLE, "1"));
	ASSERT_EQ(0, uring_unregister(self->before));
	ASSERT_OK(gup_pin_tracefs_read(&events));
	EXPECT_EQ(NPAGES, gup_pin_tracefs_pins(&events, EVENT_RELEASE, 0));
	EXPECT_EQ(0, gup_pin_tracefs_pins(&events, EVENT_ACQUIRE, 0));
	EXPECT_OK(all_unknown(&events));
	gup_pin_tracefs_free(&events);
	gup_pin_tracefs_end();
}

struct load {
	const struct gup_pin_mem *mem;
	bool stop;
	unsigned long rounds;
	int error;
};

static void *pin_and_unpin(void *arg)
{
	struct load *load = arg;
	int ring = uring_open();
	int i, ret;

	while (!__atomic_load_n(&load->stop, __ATOMIC_RELAXED) && !load->error) {
		struct iovec iov[NPAGES];

		for (i = 0; i < NPAGES; i++) {
			iov[i].iov_base = load->mem->addr + i * PAGE_SIZE;
			iov[i].iov_len = (NPAGES - i) * PAGE_SIZE;
		}
		ret = uring_register(ring, iov, NPAGES);
		if (!ret)
			ret = uring_unregister(ring);
		__atomic_store_n(&load->error, ret, __ATOMIC_RELAXED);
		__atomic_add_fetch(&load->rounds, 1, __ATOMIC_RELAXED);
	}
	close(ring);
	return NULL;
}

static bool busy_enough(const struct load *load)
{
	int i, busy = 0;

	for (i = 0; i < 2; i++)
		busy += __atomic_load_n(&load[i].error, __ATOMIC_RELAXED) ||
			__atomic_load_n(&load[i].rounds, __ATOMIC_RELAXED) > 10;
	return busy == 2;
}

/*
 * Toggle tracking while pins are taken and released. On a busy machine it takes longer
 * until the threads have done enough.
 */
TEST_F(enable, toggle_under_load)
{
	struct load load[2] = { { .mem = &self->mem }, { .mem = &self->mem } };
	struct gup_pin_verify verify;
	struct gup_pin_stats stats;
	pthread_t thread[2];
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, pin_and_unpin, &load[i]));
	for (i = 0; i < 40 || (i < 1000 && !busy_enough(load)); i++) {
		ASSERT_OK(gup_pin_write(ENABLE, "0"));
		/* A call in progress may be counted, but has no pins. */
		ASSERT_OK(gup_pin_read_stats(&stats));
		EXPECT_EQ(0, stats.live_pins);
		EXPECT_EQ(0, stats.live_folios);
		gup_pin_msleep(20);
		ASSERT_OK(gup_pin_write(ENABLE, "1"));
		gup_pin_msleep(20);
	}
	for (i = 0; i < 2; i++) {
		__atomic_store_n(&load[i].stop, true, __ATOMIC_RELAXED);
		ASSERT_EQ(0, pthread_join(thread[i], NULL));
		EXPECT_EQ(0, load[i].error);
		EXPECT_LT(10, load[i].rounds);
	}
	ASSERT_OK(gup_pin_wait_live(0));
	ASSERT_OK(expect_live(0));
	ASSERT_OK(gup_pin_read_verify(&verify));
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(self->base.stats.unmatched, stats.unmatched);
	EXPECT_EQ(0, stats.untracked);
}

TEST_HARNESS_MAIN
