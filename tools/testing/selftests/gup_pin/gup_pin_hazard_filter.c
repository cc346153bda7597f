// SPDX-License-Identifier: GPL-2.0
/* Filters of `hazards`, whose lines describe an event and a pin. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_hazard.h"
#include "gup_pin_mem.h"
#include "gup_pin_scene.h"

/* Three files that were truncated while pinned, each in another way. */
FIXTURE(hazard_filter)
{
	struct gup_pin_base base;
	struct gup_pin_scene scene;
	struct gup_pin_mem mem;
	int ring;
	int fd;
	pid_t other;
	struct gup_pin_hazards all;
};

/* Another process truncates pages of a memfd that have long-term pins. */
static const char *truncate_by_other(struct gup_pin_mem *mem, pid_t *other)
{
	int status;

	*other = fork();
	if (!*other) {
		prctl(PR_SET_NAME, "one \\other");
		_exit(ftruncate(mem->fd, 0) != 0);
	}
	if (*other < 0 || waitpid(*other, &status, 0) != *other || status)
		return gup_pin_problem("another process could not truncate");
	return NULL;
}

FIXTURE_SETUP(hazard_filter)
{
	const char *missing = gup_pin_scene_missing(SCENE_EXT4) ?: gup_test_missing();

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_scene_open(&self->scene, SCENE_EXT4));
	/* Hazards that only differ in the user are not merged with another test's. */
	ASSERT_EQ(0, setreuid(100000 + getpid(), -1));
	ASSERT_OK(gup_pin_scene_pin(&self->scene, HOLD_READ));
	ASSERT_EQ(0, ftruncate(self->scene.fd, 0));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_EQ(0, ftruncate(self->scene.fd, self->scene.size));
	ASSERT_OK(gup_pin_scene_pin(&self->scene, HOLD_LONG_READ));
	ASSERT_EQ(0, ftruncate(self->scene.fd, 0));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	gup_pin_msleep(1000);

	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_MEMFD, PAGE_SIZE));
	self->ring = uring_open();
	ASSERT_LE(0, self->ring);
	ASSERT_EQ(0, uring_register_one(self->ring, self->mem.addr, PAGE_SIZE));
	ASSERT_OK(truncate_by_other(&self->mem, &self->other));
	ASSERT_EQ(0, uring_unregister(self->ring));
	self->fd = gup_pin_view_open("hazards");
	ASSERT_LE(0, self->fd);
	ASSERT_OK(gup_pin_read_hazards_of(self->fd, &self->all));
	ASSERT_LE(3, self->all.nr);
}

FIXTURE_TEARDOWN(hazard_filter)
{
	free(self->all.hazard);
	close(self->fd);
	close(self->ring);
	gup_pin_mem_put(&self->mem);
	gup_pin_scene_close(&self->scene);
	EXPECT_OK(gup_pin_end(&self->base));
}

/* The wanted values; 0 and NULL match any. */
struct wanted {
	pid_t task;
	const char *comm;
	unsigned long min_age_ms;
	const struct gup_pin_line *pin;
	bool mode, api, file, stack, pfn;
};

static bool wants(const struct wanted *want, const struct gup_pin_hazard *hazard)
{
	const struct gup_pin_line *pin = &hazard->pin, *like = want->pin;

	return (!want->task || want->task == hazard->tgid || want->task == hazard->pid ||
		want->task == pin->tgid || want->task == pin->pid) &&
	       (!want->comm || !strcmp(want->comm, hazard->comm) ||
		!strcmp(want->comm, pin->comm)) &&
	       (hazard->age_ms >= want->min_age_ms || pin->age_ms >= want->min_age_ms) &&
	       (!want->mode || like->mode == pin->mode) &&
	       (!want->api || !strcmp(like->api, pin->api)) &&
	       (!want->file || (like->ino == pin->ino && like->major == pin->major &&
				like->minor == pin->minor)) &&
	       (!want->stack || like->stack == pin->stack) &&
	       (!want->pfn || like->pfn == pin->pfn);
}

static void filter_of(char *filter, size_t size, const struct wanted *want)
{
	const struct gup_pin_line *like = want->pin;
	int len = 0;

#define WORD(is, ...)							\
	do {								\
		if (is)							\
			len += snprintf(filter + len, size - len, __VA_ARGS__); \
	} while (0)
	filter[0] = '\0';
	WORD(want->task, "task=%d ", want->task);
	WORD(want->comm, "comm=%s ", want->comm);
	WORD(want->min_age_ms, "min_age_ms=%lu ", want->min_age_ms);
	WORD(want->mode, "mode=%c ", like->mode);
	WORD(want->api, "api=%s ", like->api);
	WORD(want->file, "ino=%lu dev=%u:%u ", like->ino, like->major, like->minor);
	WORD(want->stack, "stack=0x%lx ", like->stack);
	WORD(want->pfn, "pfn=0x%lx-0x%lx ", like->pfn, like->pfn);
#undef WORD
}

/* Whether the filter yields exactly the matching records. */
static const char *check(int fd, const struct gup_pin_hazards *all,
			 const struct wanted *want, size_t *nr)
{
	struct gup_pin_hazards got;
	const char *problem;
	char filter[400];
	size_t i;

	*nr = 0;
	filter_of(filter, sizeof(filter), want);
	problem = gup_pin_view_filter(fd, filter) ?: gup_pin_read_hazards_of(fd, &got);
	if (problem)
		return problem;
	for (i = 0; !problem && i < all->nr; i++) {
		const struct gup_pin_hazard *a = &all->hazard[i], *b = &got.hazard[*nr];

		if (!wants(want, a))
			continue;
		if (*nr == got.nr || strcmp(a->kind, b->kind) || a->tgid != b->tgid ||
		    a->pin.pfn != b->pin.pfn || a->pin.stack != b->pin.stack ||
		    strcmp(a->pin.path, b->pin.path) || strcmp(a->event, b->event))
			problem = gup_pin_problem("'%s' lacks the record of pfn 0x%lx",
						  filter, a->pin.pfn);
		(*nr)++;
	}
	if (!problem && *nr != got.nr)
		problem = gup_pin_problem("'%s' gives %zu records, not %zu", filter,
					  got.nr, *nr);
	free(got.hazard);
	return problem;
}

/* The three are the newest. */
#define NEWEST(i)	(&self->all.hazard[self->all.nr - 3 + (i)])

#define CHECK(least, ...)						\
	do {								\
		struct wanted __want = { __VA_ARGS__ };			\
		size_t __nr;						\
									\
		ASSERT_OK(check(self->fd, &self->all, &__want, &__nr));	\
		EXPECT_LE(least, __nr);					\
		EXPECT_GT(self->all.nr, __nr);				\
	} while (0)

TEST_F(hazard_filter, words)
{
	int i;

	for (i = 0; i < 3; i++) {
		const struct gup_pin_line *pin = &NEWEST(i)->pin;

		CHECK(1, .pin = pin, .mode = true);
		CHECK(1, .pin = pin, .api = true);
		CHECK(1, .pin = pin, .file = true);
		CHECK(1, .pin = pin, .stack = true);
		CHECK(1, .pin = pin, .pfn = true);
		CHECK(1, .pin = pin, .mode = true, .api = true, .file = true,
		      .stack = true, .pfn = true, .task = getpid());
	}
}

/* The task of the event, or the holder of the page. */
TEST_F(hazard_filter, either)
{
	const struct gup_pin_hazard *last = NEWEST(2);

	EXPECT_EQ(self->other, last->tgid);
	EXPECT_EQ(getpid(), last->pin.tgid);
	CHECK(1, .task = self->other);
	CHECK(1, .comm = "one\\x20\\x5cother");
	CHECK(1, .task = self->other, .comm = last->pin.comm);
	CHECK(1, .task = self->other, .pin = &last->pin, .file = true);
	/* The words of the pin and of the event are used separately. */
	CHECK(0, .task = self->other, .pin = &NEWEST(0)->pin, .file = true);
	CHECK(0, .task = 4194305);
}

TEST_F(hazard_filter, min_age)
{
	struct wanted want = {};
	unsigned int waited = 0;
	const char *problem;
	size_t nr;

	/* If the next second begins during the read, the condition is true for all. */
	do {
		free(self->all.hazard);
		ASSERT_OK(gup_pin_read_hazards(&self->all));
		want.min_age_ms = NEWEST(1)->age_ms;
		problem = check(self->fd, &self->all, &want, &nr);
	} while (problem && gup_pin_patience(&waited));
	ASSERT_OK(problem);
	EXPECT_EQ(self->all.nr - 1, nr);
}

/* As in `pins`: refused words change nothing, an empty line matches all. */
TEST_F(hazard_filter, refused)
{
	struct gup_pin_hazards got;

	ASSERT_OK(gup_pin_view_filter(self->fd, "task=4194305"));
	EXPECT_EQ(-1, write(self->fd, "kind=truncate", 13));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->fd, "task=1 task=1", 13));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_OK(gup_pin_read_hazards_of(self->fd, &got));
	EXPECT_EQ(0, got.nr);
	free(got.hazard);
	ASSERT_OK(gup_pin_view_filter(self->fd, "\n"));
	ASSERT_OK(gup_pin_read_hazards_of(self->fd, &got));
	EXPECT_EQ(self->all.nr, got.nr);
	free(got.hazard);
}

TEST_HARNESS_MAIN
