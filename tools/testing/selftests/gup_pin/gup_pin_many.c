// SPDX-License-Identifier: GPL-2.0
/*
 * `pins` with many lines, read in pieces of any size while other pins come and go: no
 * pin that is held throughout is lost or repeated, no line is torn.
 *
 * The environment variable GUP_PIN_MANY_LINES=1000000 sets the number of lines instead
 * of 65536; GUP_PIN_MANY_PINS sets the number of pins (1048576).
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_device.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

/* Limits of a ring. */
#define RING_BUFFERS	16384
#define MAX_PAGES	65536UL
#define BULK_SIZE	(256UL << 20)

struct many {
	char *addr;			/* pinned page by page, one call each */
	unsigned long npages;
	unsigned long lines;		/* calls; each page has lines / npages */
	int *ring;
	unsigned int nr_rings;
	char *bulk;			/* pinned as a whole, several times */
	int *sock;
	unsigned int nr_socks;
	unsigned long pins;		/* of all sockets */
};

static unsigned long number_from(const char *name, unsigned long def)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : def;
}

/*
 * Touch every other page first, so that adjacent pages in memory are not adjacent in
 * the mapping.
 */
static void touch_scattered(char *addr, unsigned long npages)
{
	unsigned long i, first;

	for (first = 0; first < 2; first++)
		for (i = first; i < npages; i += 2)
			addr[i * PAGE_SIZE] = 1;
}

static const char *pin_lines(struct many *many)
{
	struct iovec *iov = calloc(RING_BUFFERS, sizeof(*iov));
	unsigned long done = 0, nr, i;
	int ret;

	many->lines = number_from("GUP_PIN_MANY_LINES", MAX_PAGES);
	many->npages = many->lines < MAX_PAGES ? many->lines : MAX_PAGES;
	many->ring = calloc(many->lines / RING_BUFFERS + 1, sizeof(int));
	many->addr = mmap(NULL, many->npages * PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!iov || many->addr == MAP_FAILED)
		return gup_pin_problem("out of memory");
	madvise(many->addr, many->npages * PAGE_SIZE, MADV_NOHUGEPAGE);
	touch_scattered(many->addr, many->npages);

	while (done < many->lines) {
		nr = many->lines - done;
		if (nr > RING_BUFFERS)
			nr = RING_BUFFERS;
		for (i = 0; i < nr; i++) {
			iov[i].iov_base = many->addr +
				(done + i) % many->npages * PAGE_SIZE;
			iov[i].iov_len = PAGE_SIZE;
		}
		many->ring[many->nr_rings] = uring_open();
		ret = uring_register(many->ring[many->nr_rings], iov, nr);
		if (ret)
			return gup_pin_problem("io_uring: %s", strerror(-ret));
		many->nr_rings++;
		done += nr;
	}
	free(iov);
	return NULL;
}

/* Umem of AF_XDP: it keeps all pins on a huge page, whereas io_uring keeps one. */
static const char *pin_bulk(struct many *many)
{
	unsigned long want = number_from("GUP_PIN_MANY_PINS", 1UL << 20);
	const char *problem = NULL;

	if (want <= many->lines)
		return NULL;
	many->nr_socks = (want - many->lines) / (BULK_SIZE / PAGE_SIZE) + 1;
	many->sock = calloc(many->nr_socks, sizeof(int));
	many->bulk = mmap(NULL, BULK_SIZE + SIZE_2M, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!many->sock || many->bulk == MAP_FAILED)
		return gup_pin_problem("out of memory");
	many->bulk = (char *)(((unsigned long)many->bulk + SIZE_2M - 1) & -SIZE_2M);
	madvise(many->bulk, BULK_SIZE, MADV_HUGEPAGE);
	for (unsigned long i = 0; i < BULK_SIZE; i += PAGE_SIZE)
		many->bulk[i] = 1;
	for (unsigned int i = 0; i < many->nr_socks && !problem; i++) {
		problem = gup_pin_device_give_part(DEVICE_UMEM, -1, many->bulk, 0, BULK_SIZE,
						   &many->sock[i]);
		many->pins += BULK_SIZE / PAGE_SIZE;
	}
	return problem;
}

static void unpin(struct many *many)
{
	unsigned int i;

	for (i = 0; i < many->nr_rings; i++) {
		uring_unregister(many->ring[i]);
		close(many->ring[i]);
	}
	for (i = 0; i < many->nr_socks; i++)
		close(many->sock[i]);
}

/*
 * Pins that come and go, on separate pages: on shared pages it would be a guess which
 * pin is released, and none could be checked.
 */
struct churn {
	char *own;
	bool stop;
	unsigned long rounds;
	int error;
};

#define CHURN_PAGES	64

static void *churn_thread(void *arg)
{
	struct churn *churn = arg;
	struct iovec iov[CHURN_PAGES];
	int ring = uring_open();
	unsigned long i;

	while (!__atomic_load_n(&churn->stop, __ATOMIC_RELAXED) && !churn->error) {
		for (i = 0; i < CHURN_PAGES; i++) {
			iov[i].iov_base = churn->own + i * PAGE_SIZE;
			iov[i].iov_len = PAGE_SIZE;
		}
		churn->error = uring_register(ring, iov, CHURN_PAGES) ?:
			uring_unregister(ring);
		/* Use new pages in new places. */
		if (__atomic_add_fetch(&churn->rounds, 1, __ATOMIC_RELAXED) % 16 == 0)
			madvise(churn->own, CHURN_PAGES * PAGE_SIZE, MADV_DONTNEED);
	}
	close(ring);
	return NULL;
}

/* What one pass over the file found of the held pins. */
struct sight {
	unsigned short *seen;		/* lines of each page */
	unsigned long lines;
	unsigned long pins;
	unsigned long bulk_pins;
	unsigned long other_lines;
};

static const char *see_line(struct sight *sight, const struct many *many, char *text,
			    pid_t self)
{
	unsigned long start = (unsigned long)many->addr;
	unsigned long bulk = (unsigned long)many->bulk;
	struct gup_pin_line line;
	const char *problem;

	problem = gup_pin_parse_line(text, &line);
	if (problem)
		return problem;
	sight->lines++;
	if (line.tgid == self && line.addr >= start &&
	    line.addr < start + many->npages * PAGE_SIZE) {
		if (line.pages != 1 || line.pins != 1)
			return gup_pin_problem("pages=%lu pins=%lu of one buffer",
					       line.pages, line.pins);
		sight->seen[(line.addr - start) / PAGE_SIZE]++;
		sight->pins++;
	} else if (line.tgid == self && bulk && line.addr >= bulk &&
		   line.addr < bulk + BULK_SIZE) {
		sight->bulk_pins += line.pins;
	} else {
		sight->other_lines++;
	}
	return NULL;
}

/* Reads all of fd from its start, in pieces of this size. */
static const char *see(struct sight *sight, const struct many *many, int fd, size_t piece)
{
	char *buf = malloc(piece + 4096), *line, *end;
	const char *problem = NULL;
	bool header = false;
	size_t have = 0;
	pid_t self = getpid();
	ssize_t got;

	memset(sight->seen, 0, many->npages * sizeof(*sight->seen));
	sight->lines = 0;
	sight->pins = 0;
	sight->bulk_pins = 0;
	sight->other_lines = 0;
	while (!problem && (got = read(fd, buf + have, piece)) > 0) {
		have += got;
		for (line = buf; !problem; line = end + 1) {
			end = memchr(line, '\n', buf + have - line);
			if (!end)
				break;
			*end = '\0';
			if (header)
				problem = see_line(sight, many, line, self);
			else if (strcmp(line, "# gup_pin pins 1"))
				problem = gup_pin_problem("no header: %s", line);
			header = true;
		}
		have -= line - buf;
		memmove(buf, line, have);
		if (have >= 4096)
			problem = gup_pin_problem("a line of 4096 bytes");
	}
	if (!problem && got < 0)
		problem = gup_pin_problem("read: %s", strerror(errno));
	if (!problem && have)
		problem = gup_pin_problem("the file ends in the middle of a line");
	free(buf);
	return problem;
}

static const char *check_sight(const struct sight *sight, const struct many *many)
{
	unsigned long i, each, lost = 0, repeated = 0;

	for (i = 0; i < many->npages; i++) {
		each = many->lines / many->npages + (i < many->lines % many->npages);
		if (sight->seen[i] < each)
			lost++;
		if (sight->seen[i] > each)
			repeated++;
	}
	if (lost || repeated || sight->bulk_pins != many->pins)
		return gup_pin_problem("%lu pages lost a line, %lu repeat one; %lu of %lu in bulk",
				       lost, repeated, sight->bulk_pins, many->pins);
	return NULL;
}

FIXTURE(many)
{
	struct gup_pin_base base;
	struct many many;
	struct churn churn;
	struct sight sight;
	pthread_t thread;
	int fd;
};

FIXTURE_SETUP(many)
{
	const char *missing = gup_pin_missing() ?: uring_missing() ?:
		gup_pin_mem_missing(MEM_THP);
	struct rlimit files = { .rlim_cur = 4096, .rlim_max = 4096 };
	int fd;

	if (missing)
		SKIP(return, "%s", missing);
	fd = socket(AF_XDP, SOCK_RAW, 0);
	if (fd < 0)
		SKIP(return, "no AF_XDP (CONFIG_XDP_SOCKETS): %s", strerror(errno));
	close(fd);
	setrlimit(RLIMIT_NOFILE, &files);
	ASSERT_OK(gup_pin_begin(&self->base));
}

FIXTURE_TEARDOWN(many)
{
	unpin(&self->many);
}

#define TIMEOUT	600

TEST_F_TIMEOUT(many, read_under_churn, TIMEOUT)
{
	static const size_t pieces[] = { 65536, 4096, 100 };
	struct many *many = &self->many;
	struct sight *sight = &self->sight;
	struct gup_pin_stats stats;
	char piece[1000];
	size_t i;

	ASSERT_OK(pin_lines(many));
	ASSERT_OK(pin_bulk(many));
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(self->base.stats.live_pins + many->lines + many->pins, stats.live_pins);
	TH_LOG("%lu pins by %lu calls, %lu bytes", stats.live_pins, stats.live_calls,
	       stats.memory_bytes);

	sight->seen = calloc(many->npages, sizeof(*sight->seen));
	self->churn.own = mmap(NULL, CHURN_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->churn.own);
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, churn_thread, &self->churn));

	self->fd = open(GUP_PIN_DIR "/pins", O_RDONLY);
	ASSERT_LE(0, self->fd);
	for (i = 0; i < ARRAY_SIZE(pieces); i++) {
		/* Stop somewhere in the middle, and restart. */
		ASSERT_EQ((ssize_t)sizeof(piece), read(self->fd, piece, sizeof(piece)));
		ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
		ASSERT_OK(see(sight, many, self->fd, pieces[i]));
		EXPECT_EQ(NULL, check_sight(sight, many)) {
			TH_LOG("in pieces of %zu: %s", pieces[i], check_sight(sight, many));
		}
		ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	}
	/* The header again, at its offset. */
	ASSERT_EQ(16, pread(self->fd, piece, 16, 0));
	EXPECT_EQ(0, memcmp(piece, "# gup_pin pins 1", 16));
	close(self->fd);

	while (__atomic_load_n(&self->churn.rounds, __ATOMIC_RELAXED) < 2 &&
	       !__atomic_load_n(&self->churn.error, __ATOMIC_RELAXED))
		gup_pin_msleep(10);
	__atomic_store_n(&self->churn.stop, true, __ATOMIC_RELAXED);
	pthread_join(self->thread, NULL);
	EXPECT_EQ(0, self->churn.error);
	EXPECT_LT(1, self->churn.rounds);
	munmap(self->churn.own, CHURN_PAGES * PAGE_SIZE);

	unpin(many);
	many->nr_rings = 0;
	many->nr_socks = 0;
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
