// SPDX-License-Identifier: GPL-2.0
/* Other views of pins: overdue pins, refused pins, and tracepoints. */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/string.h>
#include <trace/events/gup_pin.h>

#include "../../internal.h"
#include "../gup_pin.h"
#include "case.h"
#include "console.h"
#include "file.h"

struct views_state {
	unsigned long addr;
};

static int views_init(struct kunit *test)
{
	struct views_state *s = gup_pin_case_begin(test, true, sizeof(*s));

	if (!s)
		return -ENOMEM;
	test->priv = s;
	s->addr = gup_pin_test_map(test, 2);
	return gup_pin_console_watch(test);
}

static u64 overdue(void)
{
	return atomic64_read(&gup_pin_root.hazards[GUP_PIN_HAZARD_OVERDUE]);
}

static void overdue_is_told_once(struct kunit *test)
{
	struct views_state *s = test->priv;
	struct page *page = gup_pin_test_pin(test, s->addr, true);
	u64 before = overdue();

	gup_pin_report_forget();
	gup_pin_origins_unreported(&gup_pin_root.origins);
	gup_pin_console_clear();
	gup_pin_overdue_look(60 * MSEC_PER_SEC);
	KUNIT_EXPECT_EQ(test, overdue() - before, 0);
	msleep(20);
	gup_pin_overdue_look(5);
	KUNIT_EXPECT_EQ(test, overdue() - before, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_console_reports(), 1);
	gup_pin_overdue_look(5);
	KUNIT_EXPECT_EQ(test, overdue() - before, 1);
	unpin_user_page(page);
	/* Released pins are not overdue. */
	gup_pin_origins_unreported(&gup_pin_root.origins);
	gup_pin_overdue_look(5);
	KUNIT_EXPECT_EQ(test, overdue() - before, 1);
}

/* Other reports use up what may be printed of a kind. */
static void use_up_reports(struct kunit *test)
{
	struct gup_pin_hazard_record *other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, other);
	other->kind = GUP_PIN_HAZARD_OVERDUE;
	do {
		other->key++;
		other->place.used = local_clock();
	} while (gup_pin_seen_first(other));
}

/* What could not be printed is printed later, and counted once. */
static void overdue_is_told_later(struct kunit *test)
{
	struct views_state *s = test->priv;
	struct page *page = gup_pin_test_pin(test, s->addr, true);
	u64 before = overdue();

	gup_pin_report_forget();
	gup_pin_origins_unreported(&gup_pin_root.origins);
	gup_pin_console_clear();
	msleep(20);
	use_up_reports(test);
	gup_pin_overdue_look(5);
	KUNIT_EXPECT_EQ(test, overdue() - before, 1);
	msleep(500);
	gup_pin_overdue_look(5);
	gup_pin_overdue_look(5);
	KUNIT_EXPECT_EQ(test, overdue() - before, 1);
	KUNIT_EXPECT_EQ(test, gup_pin_console_reports(), 1);
	unpin_user_page(page);
}

/* The hazard is about the read pin, though the page has a write pin as well. */
static void overdue_reader(struct kunit *test)
{
	struct gup_pin_hazard_record *hazard = kunit_kzalloc(test, sizeof(*hazard), GFP_KERNEL);
	struct views_state *s = test->priv;
	struct page *reader = gup_pin_test_pin(test, s->addr, false);
	struct page *writer;
	unsigned int readers = 0;

	KUNIT_ASSERT_NOT_NULL(test, hazard);
	gup_pin_origins_unreported(&gup_pin_root.origins);
	msleep(200);
	writer = gup_pin_test_pin(test, s->addr, true);
	gup_pin_overdue_look(100);
	while (gup_pin_ring_get(hazard, hazard->seq)) {
		if (hazard->kind != GUP_PIN_HAZARD_OVERDUE || hazard->pin.id.mode != GUP_PIN_READ)
			continue;
		KUNIT_EXPECT_FALSE(test, hazard->writes);
		readers++;
	}
	KUNIT_EXPECT_GT(test, readers, 0);
	unpin_user_page(writer);
	unpin_user_page(reader);
}

static void long_is_not_overdue(struct kunit *test)
{
	struct views_state *s = test->priv;
	u64 before = overdue();
	struct page *page;

	KUNIT_ASSERT_EQ(test, 1, pin_user_pages_fast(s->addr, 1, FOLL_WRITE |
						     FOLL_LONGTERM, &page));
	gup_pin_origins_unreported(&gup_pin_root.origins);
	msleep(20);
	gup_pin_overdue_look(5);
	KUNIT_EXPECT_EQ(test, overdue() - before, 0);
	unpin_user_page(page);
}

/* The short-term pin is gone, even if the record of the other one was removed. */
static void guessed_is_not_overdue(struct kunit *test)
{
	struct views_state *s = test->priv;
	u64 before = overdue();
	struct page *page[2];

	KUNIT_ASSERT_EQ(test, 1, pin_user_pages_fast(s->addr, 1, FOLL_WRITE |
						     FOLL_LONGTERM, &page[0]));
	page[1] = gup_pin_test_pin(test, s->addr, true);
	unpin_user_page(page[1]);
	gup_pin_origins_unreported(&gup_pin_root.origins);
	msleep(20);
	gup_pin_overdue_look(5);
	KUNIT_EXPECT_EQ(test, overdue() - before, 0);
	unpin_user_page(page[0]);
}

static void refusals_count(struct kunit *test)
{
	const struct gup_pin_id id = {
		.term = GUP_PIN_LONG,
		.api = GUP_PIN_USER_PAGES,
		.pid = INT_MAX,
		.comm = "kunit",
	};
	const struct gup_pin_target target = { .why = "file" };
	u64 before = gup_pin_refusals();

	gup_pin_refused_by(&id, -EFAULT, &target);
	gup_pin_refused_by(&id, -EFAULT, &target);
	gup_pin_refused_by(&id, -ENOMEM, &target);
	KUNIT_EXPECT_EQ(test, gup_pin_refusals() - before, 3);
	/* Only refusals are counted. */
	gup_pin_refused(0, NULL, 0, 0, NULL, 0);
	gup_pin_refused(-EAGAIN, NULL, 0, 0, NULL, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_refusals() - before, 3);
	gup_pin_refused(-ENOMEM, NULL, FOLL_WRITE, 0, NULL, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_refusals() - before, 4);
}

/* Does a failure to pin such a mapping count as refused? */
static void expect_refused(struct kunit *test, struct vm_area_struct *vma,
			   unsigned int gup_flags, int err, bool counts)
{
	struct views_state *s = test->priv;
	u64 before = gup_pin_refusals();

	KUNIT_EXPECT_EQ(test, err, gup_pin_refused_vma(err, vma, s->addr, gup_flags));
	KUNIT_EXPECT_EQ(test, gup_pin_refusals() - before, counts);
}

static void mappings_that_are_refused(struct kunit *test)
{
	const unsigned int long_pin = FOLL_PIN | FOLL_LONGTERM;
	struct vm_area_struct *copy = kunit_kzalloc(test, sizeof(*copy), GFP_KERNEL);
	struct views_state *s = test->priv;
	struct vm_area_struct *vma;

	KUNIT_ASSERT_NOT_NULL(test, copy);
	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, s->addr);
	if (vma)
		memcpy(copy, vma, sizeof(*copy));
	/* Shared memory may be pinned, so the failure had another reason. */
	expect_refused(test, copy, long_pin | FOLL_WRITE, -EFAULT, false);
	vm_flags_init(copy, copy->vm_flags | VM_PFNMAP);
	expect_refused(test, copy, long_pin, -EFAULT, true);
	expect_refused(test, copy, long_pin, 0, false);
	expect_refused(test, copy, FOLL_PIN, -EFAULT, false);
	expect_refused(test, copy, long_pin | GUP_PIN_AGAIN, -EFAULT, false);
	mmap_read_unlock(current->mm);
	KUNIT_EXPECT_NOT_NULL(test, vma);
}

struct traced {
	unsigned int times;
	unsigned long pfn;
	unsigned long pins;
	unsigned long addr;
	bool write;
	bool exact;
	u64 age_ns;
	pid_t pid;
	char api[32];
};

static void probe(void *data, const struct gup_pin_trace *pin)
{
	struct traced *traced = data;

	/* Ignore pins of other tasks. */
	if (pin->pid != task_pid_nr(current))
		return;
	traced->times++;
	traced->pfn = pin->pfn;
	traced->pins = pin->pins;
	traced->addr = pin->addr;
	traced->write = pin->write;
	traced->exact = pin->exact;
	traced->age_ns = pin->age_ns;
	traced->pid = pin->pid;
	strscpy(traced->api, pin->api, sizeof(traced->api));
}

static void acquire_unregister(void *traced)
{
	unregister_trace_gup_pin_acquire(probe, traced);
	tracepoint_synchronize_unregister();
}

static void release_unregister(void *traced)
{
	unregister_trace_gup_pin_release(probe, traced);
	tracepoint_synchronize_unregister();
}

/* Not on the stack: the tracepoint may outlive an aborted case for a while. */
static struct traced *traced_new(struct kunit *test)
{
	struct traced *traced = kunit_kzalloc(test, sizeof(*traced), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, traced);
	return traced;
}

static struct traced *acquire_register(struct kunit *test)
{
	struct traced *traced = traced_new(test);

	KUNIT_ASSERT_EQ(test, 0, register_trace_gup_pin_acquire(probe, traced));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, acquire_unregister,
							   traced));
	return traced;
}

static struct traced *release_register(struct kunit *test)
{
	struct traced *traced = traced_new(test);

	KUNIT_ASSERT_EQ(test, 0, register_trace_gup_pin_release(probe, traced));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, release_unregister,
							   traced));
	return traced;
}

static void acquire_is_traced(struct kunit *test)
{
	struct views_state *s = test->priv;
	struct traced *traced = acquire_register(test);
	struct page *pages[2];

	KUNIT_ASSERT_EQ(test, 2, pin_user_pages_fast(s->addr, 2, FOLL_WRITE,
						     pages));
	kunit_release_action(test, acquire_unregister, traced);
	KUNIT_EXPECT_EQ(test, traced->times, 1);
	KUNIT_EXPECT_EQ(test, traced->pfn, page_to_pfn(pages[0]));
	KUNIT_EXPECT_EQ(test, traced->pins, 2);
	KUNIT_EXPECT_EQ(test, traced->addr, s->addr);
	KUNIT_EXPECT_TRUE(test, traced->write);
	KUNIT_EXPECT_STREQ(test, traced->api, "pin_user_pages_fast");
	unpin_user_pages(pages, 2);
	KUNIT_EXPECT_EQ(test, traced->times, 1);
}

static void release_is_traced(struct kunit *test)
{
	struct views_state *s = test->priv;
	struct page *pages[2], *page;
	struct traced *traced;

	page = gup_pin_test_pin(test, s->addr, false);
	traced = release_register(test);
	unpin_user_page(page);
	KUNIT_EXPECT_EQ(test, traced->times, 1);
	KUNIT_EXPECT_EQ(test, traced->pfn, page_to_pfn(page));
	KUNIT_EXPECT_EQ(test, traced->pins, 1);
	KUNIT_EXPECT_EQ(test, traced->addr, s->addr);
	KUNIT_EXPECT_FALSE(test, traced->write);
	KUNIT_EXPECT_TRUE(test, traced->exact);
	KUNIT_EXPECT_GT(test, traced->age_ns, 0);

	KUNIT_ASSERT_EQ(test, 2, pin_user_pages_fast(s->addr, 2, FOLL_WRITE,
						     pages));
	unpin_user_pages(pages, 2);
	KUNIT_EXPECT_EQ(test, traced->times, 3);
	kunit_release_action(test, release_unregister, traced);
	page = gup_pin_test_pin(test, s->addr, false);
	unpin_user_page(page);
	KUNIT_EXPECT_EQ(test, traced->times, 3);
}

/* The oldest pin is released by default, but an unpin that dirties releases a write pin. */
static void release_tells_the_right_pin(struct kunit *test)
{
	struct views_state *s = test->priv;
	struct page *page, *again;
	struct traced *traced;

	page = gup_pin_test_pin(test, s->addr, false);
	KUNIT_ASSERT_EQ(test, 1, pin_user_pages_fast(s->addr, 1, FOLL_WRITE |
						     FOLL_LONGTERM, &again));
	KUNIT_ASSERT_PTR_EQ(test, page, again);
	KUNIT_ASSERT_PTR_EQ(test, page, gup_pin_test_pin(test, s->addr, false));
	traced = release_register(test);
	unpin_user_pages_dirty_lock(&page, 1, true);
	KUNIT_EXPECT_EQ(test, traced->times, 1);
	KUNIT_EXPECT_TRUE(test, traced->write);
	KUNIT_EXPECT_FALSE(test, traced->exact);
	unpin_user_page(page);
	KUNIT_EXPECT_FALSE(test, traced->write);
	unpin_user_page(page);
	KUNIT_EXPECT_EQ(test, traced->times, 3);
}

static struct kunit_case views_cases[] = {
	KUNIT_CASE(overdue_is_told_once),
	KUNIT_CASE(overdue_is_told_later),
	KUNIT_CASE(overdue_reader),
	KUNIT_CASE(long_is_not_overdue),
	KUNIT_CASE(guessed_is_not_overdue),
	KUNIT_CASE(refusals_count),
	KUNIT_CASE(mappings_that_are_refused),
	KUNIT_CASE(acquire_is_traced),
	KUNIT_CASE(release_is_traced),
	KUNIT_CASE(release_tells_the_right_pin),
	{}
};

static struct kunit_suite views_suite = {
	.name = "gup_pin_views",
	.init = views_init,
	.exit = gup_pin_case_unpin,
	.test_cases = views_cases,
};

kunit_test_suite(views_suite);
