// SPDX-License-Identifier: GPL-2.0
/*
 * Short-term pins held for too long: gup_pin.max_short_ms.
 *
 * The first test needs it on the kernel's command line, gup_pin.max_short_ms=700; the
 * others set it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_hazard.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_slow.h"
#include "gup_pin_util.h"

#define MAX_SHORT	"/sys/module/gup_pin/parameters/max_short_ms"
#define TITLE		"short-term write pin held for too long in "
#define NPAGES		8

struct overdue {
	struct gup_pin_base base;
	struct gup_pin_watch watch;
	struct gup_pin_slow slow;
	struct gup_pin_mem mem;
	long before;		/* the parameter */
	int ring;
};

FIXTURE(overdue)
{
	struct overdue at;
};

static const char *set_max(const char *ms)
{
	return gup_pin_set_policy("max_short_ms", ms);
}

FIXTURE_SETUP(overdue)
{
	const char *missing = gup_pin_missing() ?: uring_missing() ?: gup_pin_dm_missing();

	self->at.ring = -1;
	self->at.watch.log = -1;
	if (missing)
		SKIP(return, "%s", missing);
	self->at.ring = uring_open();
	ASSERT_LE(0, self->at.ring);
	self->at.before = gup_pin_read_number(MAX_SHORT);
	ASSERT_LE(0, self->at.before);
	ASSERT_OK(gup_pin_begin(&self->at.base));
	ASSERT_OK(gup_pin_slow_open(&self->at.slow));
	ASSERT_OK(gup_pin_mem_get(&self->at.mem, MEM_ANON, NPAGES * PAGE_SIZE));
	ASSERT_OK(gup_pin_watch_begin(&self->at.watch));
}

FIXTURE_TEARDOWN(overdue)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", self->at.before);
	gup_pin_write(MAX_SHORT, text);
	gup_pin_slow_close(&self->at.slow);
	gup_pin_mem_put(&self->at.mem);
	gup_pin_watch_end(&self->at.watch);
	close(self->at.ring);
}

static const char *pin(struct overdue *at, unsigned int npages,
		       struct gup_pin_line *line)
{
	struct gup_pin_lines lines;
	const char *problem;

	problem = gup_pin_slow_pin(&at->slow, at->mem.addr, npages * PAGE_SIZE);
	if (!problem)
		problem = gup_pin_read_task(&lines, getpid());
	if (problem)
		return problem;
	if (lines.nr)
		*line = *lines.line;
	else
		problem = "nothing is pinned";
	gup_pin_free(&lines);
	return problem;
}

static const char *unpin(struct overdue *at)
{
	return gup_pin_slow_unpin(&at->slow) ?:
		gup_pin_wait_live(at->base.stats.live_pins);
}

/* The kernel checks every max_short_ms / 2 ms, or 100; an emulated one when it can. */
static const char *saw(struct overdue *at, const struct gup_pin_line *line,
		       const char *words)
{
	const struct gup_pin_expect expect = {
		.kind = HAZARD_OVERDUE,
		.pin = line,
		.func = "pin_user_pages_fast",
		.title = TITLE,
		.words = words,
		.stake = "time",
	};

	return gup_pin_watch_saw(&at->watch, &expect);
}

/* At the report, the pin had been held for longer than that. */
static const char *held_for_long(void)
{
	unsigned long age, max = gup_pin_read_number(MAX_SHORT);
	struct gup_pin_hazards ring;
	const char *problem = gup_pin_read_hazards(&ring);
	size_t i;

	if (problem)
		return problem;
	for (i = 0; i < ring.nr; i++) {
		age = ring.hazard[i].pin.age_ms - ring.hazard[i].age_ms;
		if (!strcmp(ring.hazard[i].kind, "overdue") && age < max)
			problem = gup_pin_problem("held for %lu ms only, not %lu", age, max);
	}
	free(ring.hazard);
	return problem;
}

/* The value from the command line, from boot on. */
TEST_F(overdue, boot)
{
	struct gup_pin_line line;
	char *text, *word, want[64];
	long ms;

	ASSERT_OK(gup_pin_slurp("/proc/cmdline", &text, NULL));
	word = strstr(text, "gup_pin.max_short_ms=");
	ms = word ? atol(strchr(word, '=') + 1) : 0;
	free(text);
	if (!ms)
		SKIP(return, "not on the command line (boot with gup_pin.max_short_ms=700)");
	ASSERT_EQ(ms, self->at.before);
	ASSERT_OK(pin(&self->at, 1, &line));
	snprintf(want, sizeof(want), " ms so far, gup_pin.max_short_ms=%ld", ms);
	ASSERT_OK(saw(&self->at, &line, want));
	ASSERT_OK(held_for_long());
	ASSERT_OK(unpin(&self->at));
	ASSERT_OK(gup_pin_end(&self->at.base));
}

TEST_F(overdue, off)
{
	struct gup_pin_line line;

	ASSERT_OK(set_max("0"));
	ASSERT_OK(pin(&self->at, 1, &line));
	gup_pin_msleep(1000);
	ASSERT_OK(gup_pin_watch_silent(&self->at.watch));
	ASSERT_OK(unpin(&self->at));
	ASSERT_OK(gup_pin_end(&self->at.base));
}

/* A pin that already exists; once, and no more for another of this task. */
TEST_F(overdue, told_once)
{
	struct gup_pin_line line;

	ASSERT_OK(set_max("0"));
	ASSERT_OK(pin(&self->at, NPAGES, &line));
	gup_pin_msleep(300);
	ASSERT_OK(gup_pin_watch_silent(&self->at.watch));
	ASSERT_OK(set_max("200"));
	/* With the parameter set since boot, an equal one was reported before. */
	ASSERT_OK(saw(&self->at, &line,
		      self->at.before ? NULL : " ms so far, gup_pin.max_short_ms=200"));

	gup_pin_msleep(1000);
	ASSERT_OK(gup_pin_watch_silent(&self->at.watch));
	ASSERT_OK(unpin(&self->at));
	ASSERT_OK(pin(&self->at, NPAGES, &line));
	gup_pin_msleep(1000);
	ASSERT_OK(gup_pin_watch_silent(&self->at.watch));
	ASSERT_OK(unpin(&self->at));
	ASSERT_OK(gup_pin_end(&self->at.base));
}

/* Another task is counted, but the stack is the same, and was reported. */
TEST_F(overdue, each_task)
{
	struct gup_pin_line line;
	int status;
	pid_t child;

	ASSERT_OK(set_max("200"));
	ASSERT_OK(pin(&self->at, 1, &line));
	ASSERT_OK(saw(&self->at, &line, NULL));
	ASSERT_OK(unpin(&self->at));

	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		const char *problem = pin(&self->at, 1, &line) ?:
			saw(&self->at, &line, NULL) ?: unpin(&self->at);

		if (problem)
			TH_LOG("%s", problem);
		_exit(!!problem);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_OK(gup_pin_end(&self->at.base));
}

/* Released in time; or long-term. */
TEST_F(overdue, in_order)
{
	struct gup_pin_line line;

	ASSERT_EQ(0, uring_register_one(self->at.ring, self->at.mem.addr, self->at.mem.size));
	ASSERT_OK(set_max("200"));
	gup_pin_msleep(1000);
	ASSERT_OK(gup_pin_watch_silent(&self->at.watch));
	ASSERT_EQ(0, uring_unregister(self->at.ring));

	/* Longer than a busy machine may stall. */
	ASSERT_OK(set_max("600000"));
	ASSERT_OK(pin(&self->at, 1, &line));
	gup_pin_msleep(500);
	ASSERT_OK(unpin(&self->at));
	ASSERT_OK(set_max("200"));
	gup_pin_msleep(1000);
	ASSERT_OK(gup_pin_watch_silent(&self->at.watch));
	ASSERT_OK(gup_pin_end(&self->at.base));
}

/* When off again, the kernel does not check. */
TEST_F(overdue, off_again)
{
	struct gup_pin_line line;

	ASSERT_OK(set_max("150"));
	gup_pin_msleep(500);
	ASSERT_OK(set_max("0"));
	ASSERT_OK(pin(&self->at, 1, &line));
	gup_pin_msleep(1000);
	ASSERT_OK(gup_pin_watch_silent(&self->at.watch));
	ASSERT_OK(set_max("150"));
	ASSERT_OK(saw(&self->at, &line, NULL));
	ASSERT_OK(unpin(&self->at));
	ASSERT_OK(gup_pin_end(&self->at.base));
}

TEST_F(overdue, bad_values)
{
	static const char *const bad[] = { "x", "-1", "1 2", "10ms", "" };
	size_t i;
	int fd;

	ASSERT_OK(set_max("12345"));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		char text[16];

		fd = open(MAX_SHORT, O_WRONLY);
		ASSERT_LE(0, fd);
		snprintf(text, sizeof(text), "%s\n", bad[i]);
		EXPECT_EQ(-1, write(fd, text, strlen(text)));
		EXPECT_EQ(EINVAL, errno);
		close(fd);
		EXPECT_EQ(12345, gup_pin_read_number(MAX_SHORT));
	}
	ASSERT_OK(gup_pin_watch_silent(&self->at.watch));
}

TEST_HARNESS_MAIN
