// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints gup_pin:gup_pin_acquire and gup_pin_release: for each pin they show
 * what `pins` shows, there are no events while they are disabled, and toggling them
 * does not affect records.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_tracefs.h"
#include "gup_pin_util.h"

#define NPAGES	16
#define COMM	"gup_pin_events"

FIXTURE(events)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	int ring[2];
};

FIXTURE_SETUP(events)
{
	const char *missing = gup_pin_missing() ?: uring_missing() ?:
		gup_pin_tracefs_missing();
	int i;

	if (missing)
		SKIP(return, "%s", missing);
	for (i = 0; i < 2; i++) {
		self->ring[i] = uring_open();
		ASSERT_LE(0, self->ring[i]);
	}
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_ANON, NPAGES * PAGE_SIZE));
	/* All calls succeed from here on, so each event belongs to one that did. */
	ASSERT_OK(gup_pin_mem_settle(&self->mem));
	ASSERT_OK(gup_pin_tracefs_begin());
}

FIXTURE_TEARDOWN(events)
{
	gup_pin_tracefs_end();
	close(self->ring[0]);
	close(self->ring[1]);
	gup_pin_mem_put(&self->mem);
}

/* Compare holder and kind of the pin with a line of `pins`. */
static const char *same_pin(const struct gup_pin_event *event,
			    const struct gup_pin_line *line)
{
	if (event->mode != line->mode || strcmp(event->term, line->term) ||
	    strcmp(event->api, line->api) || event->owner != line->owner ||
	    event->tgid != line->tgid || event->pid != line->pid ||
	    strcmp(event->comm, line->comm) || event->stack != line->stack)
		return gup_pin_problem("%c %s %s %d %d/%d %s 0x%lx, not %c %s %s %d %d/%d %s 0x%lx",
				       event->mode, event->term, event->api,
				       event->owner, event->tgid, event->pid,
				       event->comm, event->stack, line->mode,
				       line->term, line->api, line->owner, line->tgid,
				       line->pid, line->comm, line->stack);
	return NULL;
}

/* Expects one event that covers all these lines. */
static const char *check_acquire(const struct gup_pin_lines *lines, const void *addr)
{
	const struct gup_pin_event *event;
	struct gup_pin_events events;
	const char *problem;
	size_t i;

	problem = gup_pin_tracefs_read(&events);
	if (problem)
		return problem;
	problem = gup_pin_tracefs_only(&events, EVENT_ACQUIRE, getpid(), &event);
	if (!problem && gup_pin_tracefs_pins(&events, EVENT_RELEASE, getpid()))
		problem = gup_pin_problem("they are held, but reported as released");
	if (!problem && event->pins != gup_pin_sum_pins(lines))
		problem = gup_pin_problem("pins=%lu, not %lu", event->pins,
					  gup_pin_sum_pins(lines));
	if (!problem && event->addr != (unsigned long)addr)
		problem = gup_pin_problem("addr=0x%lx, not %p", event->addr, addr);
	if (!problem && addr && event->pfn != gup_pin_pfn_of(0, addr))
		problem = gup_pin_problem("pfn=0x%lx is not at its addr", event->pfn);
	for (i = 0; !problem && i < lines->nr; i++)
		problem = same_pin(event, &lines->line[i]);
	gup_pin_tracefs_free(&events);
	return problem;
}

/* Finds the line with this pfn. */
static const struct gup_pin_line *line_of(const struct gup_pin_lines *lines,
					  unsigned long pfn)
{
	size_t i;

	for (i = 0; i < lines->nr; i++)
		if (pfn >= lines->line[i].pfn &&
		    pfn < lines->line[i].pfn + lines->line[i].pages)
			return &lines->line[i];
	return NULL;
}

/* Expects one event for each folio of these lines, with its hold time. */
static const char *check_release(const struct gup_pin_lines *lines, unsigned int held_ms)
{
	unsigned long folios = 0, want = 0;
	const struct gup_pin_line *line;
	struct gup_pin_events events;
	const char *problem;
	size_t i;

	/* The pages of a large folio share an event. */
	for (i = 0; i < lines->nr; i++)
		want += lines->line[i].order ? 1 : lines->line[i].pages;
	problem = gup_pin_tracefs_read(&events);
	for (i = 0; !problem && i < events.nr; i++) {
		const struct gup_pin_event *event = &events.event[i];

		if (event->tgid != getpid() || event->kind != EVENT_RELEASE)
			continue;
		line = line_of(lines, event->pfn);
		if (!line || (line->order && event->pfn != line->pfn)) {
			problem = gup_pin_problem("pfn=0x%lx was not pinned", event->pfn);
			break;
		}
		folios++;
		problem = same_pin(event, line);
		if (!problem && line->addr && line->order == 0 &&
		    event->addr != line->addr + (event->pfn - line->pfn) * PAGE_SIZE)
			problem = gup_pin_problem("addr=0x%lx of pfn=0x%lx", event->addr,
						  event->pfn);
		if (!problem && strcmp(event->match, "exact"))
			problem = gup_pin_problem("match=%s", event->match);
		if (!problem && event->age_ns < held_ms * 1000000ULL)
			problem = gup_pin_problem("age_ns=%llu after %u ms",
						  event->age_ns, held_ms);
		if (!problem && strncmp(event->func, "unpin_", 6))
			problem = gup_pin_problem("func=%s", event->func);
	}
	if (!problem && folios != want)
		problem = gup_pin_problem("%lu folios were released, not %lu", folios,
					  want);
	if (!problem && gup_pin_tracefs_pins(&events, EVENT_RELEASE, getpid()) !=
			gup_pin_sum_pins(lines))
		problem = gup_pin_problem("%lu pins were released, not %lu",
					  gup_pin_tracefs_pins(&events, EVENT_RELEASE,
							       getpid()),
					  gup_pin_sum_pins(lines));
	gup_pin_tracefs_free(&events);
	return problem;
}

#define HELD_MS	20

/* Expects events that match the pins held now. */
static const char *check_held(struct gup_pin_lines *lines, const void *addr)
{
	const char *problem;

	problem = gup_pin_read_task(lines, getpid());
	if (!problem && !lines->nr)
		problem = "no line";
	problem = problem ?: check_acquire(lines, addr);
	gup_pin_msleep(HELD_MS);
	return problem;
}

TEST_F(events, io_uring)
{
	struct gup_pin_lines lines;

	ASSERT_OK(gup_pin_tracefs_both(true));
	ASSERT_EQ(0, uring_register_one(self->ring[0], self->mem.addr, self->mem.size));
	ASSERT_OK(check_held(&lines, self->mem.addr));
	EXPECT_EQ(NPAGES, gup_pin_sum_pins(&lines));
	ASSERT_EQ(0, uring_unregister(self->ring[0]));
	ASSERT_OK(check_release(&lines, HELD_MS));
	gup_pin_free(&lines);
	ASSERT_OK(gup_pin_end(&self->base));
}

/* A buffer that starts within a page. */
TEST_F(events, unaligned)
{
	struct gup_pin_lines lines;

	ASSERT_OK(gup_pin_tracefs_both(true));
	ASSERT_EQ(0, uring_register_one(self->ring[0], self->mem.addr + 100, 200));
	ASSERT_OK(check_held(&lines, self->mem.addr));
	EXPECT_EQ(1, gup_pin_sum_pins(&lines));
	EXPECT_EQ((unsigned long)self->mem.addr, lines.line->addr);
	ASSERT_EQ(0, uring_unregister(self->ring[0]));
	ASSERT_OK(check_release(&lines, HELD_MS));
	gup_pin_free(&lines);
}

/* Both modes, each with two functions. */
TEST_F(events, gup_test)
{
	int fd = gup_test_open();
	struct gup_pin_lines lines;
	unsigned int flags;

	if (gup_test_missing())
		SKIP(return, "%s", gup_test_missing());
	ASSERT_LE(0, fd);
	for (flags = 0; flags < 4; flags++) {
		ASSERT_OK(gup_pin_tracefs_both(true));
		ASSERT_EQ(0, gup_test_hold(fd, self->mem.addr, self->mem.size, flags));
		ASSERT_OK(check_held(&lines, self->mem.addr));
		EXPECT_EQ(flags & GUP_TEST_WRITE ? 'w' : 'r', lines.line->mode);
		EXPECT_STREQ(flags & GUP_TEST_FAST ? "pin_user_pages_fast" :
			     "pin_user_pages", lines.line->api);
		ASSERT_EQ(0, gup_test_release(fd));
		ASSERT_OK(check_release(&lines, HELD_MS));
		gup_pin_free(&lines);
		ASSERT_OK(gup_pin_tracefs_both(false));
		ASSERT_OK(gup_pin_tracefs_empty());
	}
	close(fd);
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Many pins of a folio are released at once; io_uring would release some early. */
TEST_F(events, huge_page)
{
	const char *missing = gup_pin_mem_missing(MEM_THP) ?: gup_test_missing();
	int fd = gup_test_open();
	struct gup_pin_lines lines;
	struct gup_pin_mem huge;
	char *addr;

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_LE(0, fd);
	ASSERT_OK(gup_pin_mem_get(&huge, MEM_THP, SIZE_2M));
	addr = huge.addr + 8 * PAGE_SIZE;
	ASSERT_OK(gup_pin_tracefs_both(true));
	ASSERT_EQ(0, gup_test_hold(fd, addr, 20 * PAGE_SIZE, GUP_TEST_WRITE));
	ASSERT_OK(check_held(&lines, addr));
	EXPECT_EQ(1, lines.nr);
	EXPECT_NE(0, lines.line->order);
	EXPECT_EQ(20, gup_pin_sum_pins(&lines));
	ASSERT_EQ(0, gup_test_release(fd));
	ASSERT_OK(check_release(&lines, HELD_MS));
	gup_pin_free(&lines);
	gup_pin_mem_put(&huge);
	close(fd);
	ASSERT_OK(gup_pin_end(&self->base));
}

/* No owner and no address. */
TEST_F(events, memfd)
{
	const char *missing = gup_pin_mem_missing(MEM_MEMFD);
	struct gup_pin_lines lines;
	struct gup_pin_mem mem;
	int fd;

	if (!missing && access(UDMABUF, F_OK))
		missing = "no " UDMABUF " (CONFIG_UDMABUF)";
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_mem_get(&mem, MEM_MEMFD, NPAGES * PAGE_SIZE));
	ASSERT_OK(gup_pin_tracefs_both(true));
	fd = udmabuf_open(mem.fd, 0, mem.size);
	ASSERT_LE(0, fd);
	ASSERT_OK(check_held(&lines, NULL));
	EXPECT_STREQ("memfd_pin_folios", lines.line->api);
	EXPECT_EQ(NPAGES, gup_pin_sum_pins(&lines));
	EXPECT_EQ(0, lines.line->owner);
	ASSERT_EQ(0, close(fd));
	ASSERT_OK(check_release(&lines, HELD_MS));
	gup_pin_free(&lines);
	gup_pin_mem_put(&mem);
	ASSERT_OK(gup_pin_end(&self->base));
}

/* A child writes to this process's memory, and has ended when the events are read. */
TEST_F(events, remote)
{
	const struct gup_pin_event *acquire, *release;
	struct gup_pin_events events;
	char data[] = "remote";
	struct iovec local = { data, sizeof(data) };
	struct iovec remote = { self->mem.addr + PAGE_SIZE, sizeof(data) };
	int status;
	pid_t pid;

	ASSERT_OK(gup_pin_tracefs_both(true));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(process_vm_writev(getppid(), &local, 1, &remote, 1, 0) !=
		      sizeof(data));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_STREQ(data, self->mem.addr + PAGE_SIZE);
	ASSERT_OK(gup_pin_tracefs_read(&events));
	ASSERT_OK(gup_pin_tracefs_only(&events, EVENT_ACQUIRE, pid, &acquire));
	EXPECT_STREQ("pin_user_pages_remote", acquire->api);
	EXPECT_EQ('w', acquire->mode);
	EXPECT_STREQ("short", acquire->term);
	EXPECT_EQ(getpid(), acquire->owner);
	EXPECT_EQ(pid, acquire->pid);
	EXPECT_STREQ(COMM, acquire->comm);
	EXPECT_EQ(1, acquire->pins);
	EXPECT_EQ((unsigned long)remote.iov_base, acquire->addr);
	EXPECT_EQ(gup_pin_pfn_of(0, remote.iov_base), acquire->pfn);
	ASSERT_OK(gup_pin_tracefs_only(&events, EVENT_RELEASE, pid, &release));
	EXPECT_EQ(acquire->pfn, release->pfn);
	EXPECT_EQ(acquire->addr, release->addr);
	EXPECT_EQ(acquire->stack, release->stack);
	EXPECT_EQ(acquire->owner, release->owner);
	EXPECT_STREQ(acquire->api, release->api);
	EXPECT_STREQ("exact", release->match);
	gup_pin_tracefs_free(&events);
}

/* The zero page is never pinned: the call consists of the other pages. */
TEST_F(events, zero_page)
{
	size_t size = 4 * PAGE_SIZE;
	const struct gup_pin_event *event;
	struct gup_pin_events events;
	struct gup_pin_stats stats;
	struct iovec local, remote;
	char *addr, *copy;
	int touched;

	copy = malloc(size);
	ASSERT_NE(NULL, copy);
	addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	ASSERT_NE(MAP_FAILED, addr);
	madvise(addr, size, MADV_NOHUGEPAGE);
	local = (struct iovec){ copy, size };
	remote = (struct iovec){ addr, size };
	ASSERT_OK(gup_pin_tracefs_both(true));
	for (touched = 0; touched < 2; touched++) {
		if (touched) {
			addr[PAGE_SIZE] = 1;
			addr[3 * PAGE_SIZE] = 1;
		}
		ASSERT_OK(gup_pin_read_stats(&self->base.stats));
		ASSERT_EQ((ssize_t)size, process_vm_readv(getpid(), &local, 1, &remote,
							  1, 0));
		ASSERT_OK(gup_pin_read_stats(&stats));
		ASSERT_OK(gup_pin_tracefs_read(&events));
		EXPECT_EQ(2 * touched, stats.acquired - self->base.stats.acquired);
		EXPECT_EQ(2 * touched, gup_pin_tracefs_pins(&events, EVENT_ACQUIRE, 0));
		EXPECT_EQ(2 * touched, gup_pin_tracefs_pins(&events, EVENT_RELEASE, 0));
		if (touched) {
			ASSERT_OK(gup_pin_tracefs_only(&events, EVENT_ACQUIRE,
						       getpid(), &event));
			EXPECT_EQ((unsigned long)addr + PAGE_SIZE, event->addr);
			EXPECT_EQ(gup_pin_pfn_of(0, addr + PAGE_SIZE), event->pfn);
		}
		gup_pin_tracefs_free(&events);
	}
	munmap(addr, size);
	free(copy);
}

/* Of two pins, the newer one is released with certainty, because the older one has a handle. */
TEST_F(events, handle)
{
	struct gup_pin_events events;
	unsigned long stack[2];
	int fd = gup_test_open();

	if (gup_test_missing())
		SKIP(return, "%s", gup_test_missing());
	ASSERT_LE(0, fd);
	ASSERT_OK(gup_pin_tracefs_both(true));
	ASSERT_EQ(0, uring_register_one(self->ring[0], self->mem.addr, PAGE_SIZE));
	ASSERT_EQ(0, gup_test_hold(fd, self->mem.addr, PAGE_SIZE, 0));
	ASSERT_EQ(0, gup_test_release(fd));
	ASSERT_EQ(0, uring_unregister(self->ring[0]));
	close(fd);
	ASSERT_OK(gup_pin_tracefs_read(&events));
	ASSERT_EQ(4, events.nr);
	EXPECT_EQ(EVENT_ACQUIRE, events.event[0].kind);
	EXPECT_EQ(EVENT_ACQUIRE, events.event[1].kind);
	stack[0] = events.event[0].stack;
	stack[1] = events.event[1].stack;
	EXPECT_NE(stack[0], stack[1]);
	EXPECT_EQ(EVENT_RELEASE, events.event[2].kind);
	EXPECT_STREQ("exact", events.event[2].match);
	EXPECT_EQ(stack[1], events.event[2].stack);
	EXPECT_EQ('r', events.event[2].mode);
	EXPECT_STREQ("exact", events.event[3].match);
	EXPECT_EQ(stack[0], events.event[3].stack);
	gup_pin_tracefs_free(&events);
	ASSERT_OK(gup_pin_end(&self->base));
}

static const char *pin_some(struct gup_pin_mem *mem, int ring, unsigned int rounds)
{
	struct iovec iov[NPAGES];
	unsigned int i, round;
	int ret = 0;

	for (i = 0; i < NPAGES; i++) {
		iov[i].iov_base = mem->addr + i * PAGE_SIZE;
		iov[i].iov_len = (NPAGES - i) * PAGE_SIZE;
	}
	for (round = 0; !ret && round < rounds; round++)
		ret = uring_register(ring, iov, round % 2 ? 1 : NPAGES) ?:
			uring_unregister(ring);
	return ret ? gup_pin_problem("io_uring: %s", strerror(-ret)) : NULL;
}

/* Both off, each alone, both on, both off again. */
TEST_F(events, off)
{
	bool acquire, release;
	struct gup_pin_events events;
	int which;

	for (which = 0; which < 5; which++) {
		acquire = which % 4 & 1;
		release = which % 4 & 2;
		ASSERT_OK(gup_pin_tracefs_switch(EVENT_ACQUIRE, acquire));
		ASSERT_OK(gup_pin_tracefs_switch(EVENT_RELEASE, release));
		ASSERT_OK(gup_pin_tracefs_empty());
		ASSERT_OK(pin_some(&self->mem, self->ring[0], 4));
		ASSERT_OK(gup_pin_tracefs_read(&events));
		EXPECT_EQ(acquire, !!gup_pin_tracefs_pins(&events, EVENT_ACQUIRE, 0));
		EXPECT_EQ(release, !!gup_pin_tracefs_pins(&events, EVENT_RELEASE, 0));
		gup_pin_tracefs_free(&events);
	}
	ASSERT_OK(gup_pin_end(&self->base));
}

/* The kernel's event filters work on the fields. */
TEST_F(events, filter)
{
	static const char wanted[] =
		"pins >= 4 && api == \"pin_user_pages_fast\" && comm == \"" COMM "\"";
	struct gup_pin_events events;
	size_t i;

	ASSERT_OK(gup_pin_tracefs_filter(EVENT_ACQUIRE, wanted));
	ASSERT_OK(gup_pin_tracefs_filter(EVENT_RELEASE, "exact == 1 && longterm == 0"));
	ASSERT_OK(gup_pin_tracefs_both(true));
	ASSERT_OK(pin_some(&self->mem, self->ring[0], 1));
	ASSERT_OK(gup_pin_tracefs_read(&events));
	for (i = 0; i < events.nr; i++) {
		EXPECT_EQ(EVENT_ACQUIRE, events.event[i].kind);
		EXPECT_LE(4, events.event[i].pins);
	}
	EXPECT_EQ(NPAGES - 3, events.nr);
	gup_pin_tracefs_free(&events);
}

struct load {
	struct gup_pin_mem mem;
	int ring;
	bool stop;
	bool over;
	unsigned int rounds;
	char problem[200];
};

#define LEAST_ROUNDS	10

static void *pin_all_the_time(void *arg)
{
	struct load *load = arg;
	const char *problem = NULL;

	while (!problem && !__atomic_load_n(&load->stop, __ATOMIC_RELAXED)) {
		problem = pin_some(&load->mem, load->ring, 2);
		__atomic_add_fetch(&load->rounds, 1, __ATOMIC_RELAXED);
	}
	if (problem)
		snprintf(load->problem, sizeof(load->problem), "%s", problem);
	__atomic_store_n(&load->over, true, __ATOMIC_RELEASE);
	return NULL;
}

static void *pin_for_a_while(void *arg)
{
	struct load *load = arg;
	const char *problem = pin_some(&load->mem, load->ring, 100);

	if (problem)
		snprintf(load->problem, sizeof(load->problem), "%s", problem);
	return NULL;
}

/* Two threads, the second of which uses the memory of the first. */
static void load_prepare(struct load load[2], const struct gup_pin_mem *mem,
			 const int ring[2])
{
	int i;

	memset(load, 0, 2 * sizeof(load[0]));
	for (i = 0; i < 2; i++) {
		load[i].mem = *mem;
		load[i].ring = ring[i];
	}
}

/* If no events are lost, their totals match the counters. */
TEST_F(events, sums)
{
	struct gup_pin_events events;
	struct gup_pin_stats before, stats;
	struct load load[2];
	pthread_t thread[2];
	int i;

	load_prepare(load, &self->mem, self->ring);
	ASSERT_OK(gup_pin_read_stats(&before));
	ASSERT_OK(gup_pin_tracefs_both(true));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, pin_for_a_while, &load[i]));
	for (i = 0; i < 2; i++) {
		pthread_join(thread[i], NULL);
		EXPECT_STREQ("", load[i].problem);
	}
	ASSERT_OK(gup_pin_tracefs_both(false));
	ASSERT_OK(gup_pin_read_stats(&stats));
	ASSERT_OK(gup_pin_tracefs_read(&events));
	TH_LOG("%zu events", events.nr);
	EXPECT_LT(10000, stats.acquired - before.acquired);
	EXPECT_EQ(stats.acquired - before.acquired,
		  gup_pin_tracefs_pins(&events, EVENT_ACQUIRE, 0));
	EXPECT_EQ(stats.released - before.released,
		  gup_pin_tracefs_pins(&events, EVENT_RELEASE, 0));
	gup_pin_tracefs_free(&events);
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Have both threads done enough, and were both kinds of events seen? */
static bool met_enough(const struct load load[2], const unsigned long told[NR_EVENTS])
{
	bool enough = told[EVENT_ACQUIRE] && told[EVENT_RELEASE];
	int i;

	for (i = 0; i < 2; i++) {
		if (__atomic_load_n(&load[i].over, __ATOMIC_ACQUIRE))
			return true;
		enough &= __atomic_load_n(&load[i].rounds, __ATOMIC_RELAXED) > LEAST_ROUNDS;
	}
	return enough;
}

#define LEAST_SWITCHES	24
#define MOST_SWITCHES	2400

/*
 * Toggle the events while others pin and unpin the same pages. On a busy machine it
 * takes longer until the threads have done enough.
 */
TEST_F(events, toggle_under_load)
{
	unsigned long told[NR_EVENTS] = {};
	struct gup_pin_events events;
	struct gup_pin_verify verify;
	struct load load[2];
	pthread_t thread[2];
	int i, kind;

	load_prepare(load, &self->mem, self->ring);
	ASSERT_OK(gup_pin_tracefs_newest());
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, pin_all_the_time, &load[i]));
	for (i = 0; i < LEAST_SWITCHES ||
	     (i < MOST_SWITCHES && !met_enough(load, told)); i++) {
		ASSERT_OK(gup_pin_tracefs_switch(EVENT_RELEASE, true));
		ASSERT_OK(gup_pin_tracefs_switch(EVENT_ACQUIRE, i % 2 == 0));
		gup_pin_msleep(i % 5);
		ASSERT_OK(gup_pin_tracefs_switch(EVENT_RELEASE, false));
		gup_pin_msleep(i % 3);
		/* The last event enabled has the newest entries, so vary which one it is. */
		if (i % 3 != 2)
			continue;
		ASSERT_OK(gup_pin_tracefs_both(false));
		ASSERT_OK(gup_pin_tracefs_read(&events));
		for (kind = 0; kind < NR_EVENTS; kind++)
			told[kind] += gup_pin_tracefs_pins(&events, kind, 0);
		gup_pin_tracefs_free(&events);
		ASSERT_OK(gup_pin_tracefs_empty());
		ASSERT_OK(gup_pin_read_verify(&verify));
	}
	for (i = 0; i < 2; i++) {
		__atomic_store_n(&load[i].stop, true, __ATOMIC_RELAXED);
		pthread_join(thread[i], NULL);
		EXPECT_STREQ("", load[i].problem);
		EXPECT_LT(LEAST_ROUNDS, load[i].rounds);
	}
	TH_LOG("%u and %u rounds, %lu pins told to be taken, %lu dropped",
	       load[0].rounds, load[1].rounds, told[EVENT_ACQUIRE], told[EVENT_RELEASE]);
	EXPECT_LT(0, told[EVENT_ACQUIRE]);
	EXPECT_LT(0, told[EVENT_RELEASE]);
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
