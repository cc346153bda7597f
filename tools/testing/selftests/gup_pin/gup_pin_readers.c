// SPDX-License-Identifier: GPL-2.0
/*
 * Many readers of all files at the same time, while others pin and unpin: no line is
 * torn, whatever the read size, and none is wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_hazard.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

#define NPAGES		64
#define PINNERS		3
#define LEAST_READS	12
#define LEAST_ROUNDS	12
/* Limit only: the test ends as soon as enough has been done. */
#define MOST_SECONDS	240

struct worker {
	pthread_t thread;
	const struct gup_pin_mem *mem;
	bool *stop;
	int nr;
	unsigned int rounds;
	char problem[400];
};

static bool stopped(struct worker *worker)
{
	return worker->problem[0] || __atomic_load_n(worker->stop, __ATOMIC_RELAXED);
}

static void note(struct worker *worker, const char *problem)
{
	if (problem)
		snprintf(worker->problem, sizeof(worker->problem), "%s", problem);
	__atomic_add_fetch(&worker->rounds, 1, __ATOMIC_RELAXED);
}

/* All pages in one call, each in its own, or some of them repeatedly. */
static void *pin(void *arg)
{
	struct worker *worker = arg;
	int ring = uring_open(), ret;
	struct iovec iov[NPAGES];
	unsigned int i, nr, size;

	while (!stopped(worker)) {
		nr = worker->rounds % 3 == 0 ? 1 : NPAGES;
		size = worker->rounds % 3 == 0 ? NPAGES : 1;
		for (i = 0; i < nr; i++) {
			iov[i].iov_base = worker->mem->addr + i * PAGE_SIZE;
			iov[i].iov_len = size * PAGE_SIZE;
			if (worker->rounds % 3 == 2)
				iov[i].iov_len = (NPAGES - i) * PAGE_SIZE;
		}
		ret = uring_register(ring, iov, nr);
		ret = ret ?: uring_unregister(ring);
		note(worker, ret ? gup_pin_problem("io_uring: %s", strerror(-ret)) : NULL);
	}
	close(ring);
	return NULL;
}

/* With a different size for each read(). */
static const char *read_in_pieces(const char *path, char **text)
{
	size_t room = 1 << 16, len = 0, piece = 1;
	ssize_t got;
	int fd;

	*text = NULL;
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return gup_pin_problem("cannot open %s: %s", path, strerror(errno));
	*text = malloc(room);
	while ((got = read(fd, *text + len, piece)) > 0) {
		len += got;
		piece = piece * 7 % 1021;
		if (room - len > 2048)
			continue;
		room *= 2;
		*text = realloc(*text, room);
	}
	close(fd);
	(*text)[len] = '\0';
	return got < 0 ? gup_pin_problem("cannot read %s: %s", path, strerror(errno)) : NULL;
}

static const char *pins_in_pieces(void)
{
	struct gup_pin_lines lines;
	const char *problem;
	char *text;

	problem = read_in_pieces(GUP_PIN_DIR "/pins", &text);
	if (!problem) {
		problem = gup_pin_parse_lines(text, "pins", &lines);
		if (!problem)
			gup_pin_free(&lines);
	}
	free(text);
	return problem;
}

static const char *all_pins(void)
{
	struct gup_pin_lines lines;
	const char *problem = gup_pin_read_pins(&lines);

	if (!problem)
		gup_pin_free(&lines);
	return problem;
}

static const char *proc_pins(void)
{
	struct gup_pin_lines lines;
	const char *problem;
	size_t i;

	if (gup_pin_proc_missing())
		return NULL;
	problem = gup_pin_read_proc(getpid(), &lines);
	for (i = 0; !problem && i < lines.nr; i++)
		if (lines.line[i].owner != getpid())
			problem = gup_pin_problem("/proc has owner=%d", lines.line[i].owner);
	gup_pin_free(&lines);
	return problem;
}

static const char *filtered_pins(void)
{
	struct gup_pin_lines lines;
	const char *problem;
	char filter[64];
	size_t i;

	snprintf(filter, sizeof(filter), "owner=%d min_age_ms=1 mode=w", getpid());
	problem = gup_pin_read_filtered("pins", filter, &lines);
	for (i = 0; !problem && i < lines.nr; i++)
		if (lines.line[i].owner != getpid() || lines.line[i].mode != 'w' ||
		    !lines.line[i].age_ms)
			problem = gup_pin_problem("owner=%d mode=%c age_ms=%lu is not '%s'",
						  lines.line[i].owner, lines.line[i].mode,
						  lines.line[i].age_ms, filter);
	gup_pin_free(&lines);
	return problem;
}

/*
 * All pinning threads are alive. But they pin the same pages: a thread that has
 * unpinned and ended may leave its record to the pin of another, which then says so.
 */
static const char *no_orphans(void)
{
	struct gup_pin_lines lines;
	const char *problem = gup_pin_read_orphans(&lines);
	size_t i;

	for (i = 0; !problem && i < lines.nr; i++)
		if (lines.line[i].owner == getpid() &&
		    strcmp(lines.line[i].match, "alike") &&
		    strcmp(lines.line[i].match, "inferred"))
			problem = gup_pin_problem("task=%d/%d age_ms=%lu is no orphan",
						  lines.line[i].tgid, lines.line[i].pid,
						  lines.line[i].age_ms);
	gup_pin_free(&lines);
	return problem;
}

static const char *all_stacks(void)
{
	struct gup_pin_stacks stacks = {};
	const char *problem = gup_pin_read_stacks(&stacks);

	free(stacks.stack);
	return problem;
}

static const char *figures(void)
{
	struct gup_pin_verify verify;
	struct gup_pin_stats stats;

	return gup_pin_read_stats(&stats) ?: gup_pin_read_verify(&verify);
}

static const char *all_hazards(void)
{
	struct gup_pin_hazards hazards = {};
	const char *problem = gup_pin_read_hazards(&hazards);

	free(hazards.hazard);
	return problem;
}

static const char *(*const readings[])(void) = {
	all_pins, pins_in_pieces, proc_pins, filtered_pins, no_orphans, all_stacks,
	figures, all_hazards,
};

#define READERS	ARRAY_SIZE(readings)

static void *read_on(void *arg)
{
	struct worker *worker = arg;

	while (!stopped(worker))
		note(worker, readings[worker->nr]());
	return NULL;
}

FIXTURE(readers)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
};

FIXTURE_SETUP(readers)
{
	const char *missing = gup_pin_missing() ?: uring_missing();
	int ring;

	if (missing)
		SKIP(return, "%s", missing);
	ring = uring_open();
	ASSERT_LE(0, ring);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_ANON, NPAGES * PAGE_SIZE));
	/*
	 * Move the memory to where long-term pins are allowed, which fails if two do it
	 * concurrently.
	 */
	ASSERT_EQ(0, uring_register_one(ring, self->mem.addr, self->mem.size));
	ASSERT_EQ(0, uring_unregister(ring));
	close(ring);
}

FIXTURE_TEARDOWN(readers)
{
	gup_pin_mem_put(&self->mem);
}

static bool done(const struct worker *worker, unsigned int nr, unsigned int least)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (worker[i].problem[0])
			return true;
		if (__atomic_load_n(&worker[i].rounds, __ATOMIC_RELAXED) < least)
			return false;
	}
	return true;
}

TEST_F(readers, while_others_pin)
{
	static struct worker reader[READERS], pinner[PINNERS];
	static bool stop;
	unsigned int i, tenths;

	for (i = 0; i < PINNERS; i++) {
		pinner[i] = (struct worker){ .mem = &self->mem, .stop = &stop };
		ASSERT_EQ(0, pthread_create(&pinner[i].thread, NULL, pin, &pinner[i]));
	}
	for (i = 0; i < READERS; i++) {
		reader[i] = (struct worker){ .nr = i, .stop = &stop };
		ASSERT_EQ(0, pthread_create(&reader[i].thread, NULL, read_on, &reader[i]));
	}
	for (tenths = 0; tenths < 10 * MOST_SECONDS; tenths++) {
		gup_pin_msleep(100);
		if (done(reader, READERS, LEAST_READS) && done(pinner, PINNERS, LEAST_ROUNDS))
			break;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < PINNERS; i++) {
		pthread_join(pinner[i].thread, NULL);
		EXPECT_STREQ("", pinner[i].problem);
		EXPECT_LE(LEAST_ROUNDS, pinner[i].rounds);
		TH_LOG("pinner %u: %u rounds", i, pinner[i].rounds);
	}
	for (i = 0; i < READERS; i++) {
		pthread_join(reader[i].thread, NULL);
		EXPECT_STREQ("", reader[i].problem);
		EXPECT_LE(LEAST_READS, reader[i].rounds);
		TH_LOG("reader %u: %u times", i, reader[i].rounds);
	}
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
