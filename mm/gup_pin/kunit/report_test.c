// SPDX-License-Identifier: GPL-2.0
/* Reports of hazards: which are printed, how often, and what else they trigger. */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <linux/vmstat.h>
#include <trace/events/error_report.h>
#include <trace/events/gup_pin.h>
#include <trace/events/printk.h>

#include "case.h"
#include "console.h"
#include "file.h"
#include "hazard_scene.h"

static void reset_params(void *ignore)
{
	gup_pin_test_set_param("gup_pin.writeback=write");
	gup_pin_test_set_param("gup_pin.pin_under_writeback=writeback");
	gup_pin_test_set_param("gup_pin.truncate=write");
	gup_pin_test_set_param("gup_pin.dirty_read_pin=report");
}

struct policy_case {
	const char *param;
	enum gup_pin_hazard_kind kind;
	bool write;
	enum { NONE, COUNTS, REPORTS } result;
};

static const struct policy_case policy_table[] = {
	{ "gup_pin.writeback=off", GUP_PIN_HAZARD_WRITEBACK, true, NONE },
	{ "gup_pin.writeback=off", GUP_PIN_HAZARD_WRITEBACK, false, NONE },
	{ "gup_pin.writeback=count", GUP_PIN_HAZARD_WRITEBACK, true, COUNTS },
	{ "gup_pin.writeback=count", GUP_PIN_HAZARD_WRITEBACK, false, COUNTS },
	{ "gup_pin.writeback=write", GUP_PIN_HAZARD_WRITEBACK, true, REPORTS },
	{ "gup_pin.writeback=write", GUP_PIN_HAZARD_WRITEBACK, false, COUNTS },
	{ "gup_pin.writeback=report", GUP_PIN_HAZARD_WRITEBACK, true, REPORTS },
	{ "gup_pin.writeback=report", GUP_PIN_HAZARD_WRITEBACK, false, COUNTS },
	{ "gup_pin.writeback=any", GUP_PIN_HAZARD_WRITEBACK, true, REPORTS },
	{ "gup_pin.writeback=any", GUP_PIN_HAZARD_WRITEBACK, false, REPORTS },
	{ "gup_pin.writeback=off", GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK, true, NONE },
	{ "gup_pin.writeback=write", GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK, true, REPORTS },
	{ "gup_pin.writeback=write", GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK, false, COUNTS },
	{ "gup_pin.writeback=any\n", GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK, false, REPORTS },
	{ "gup_pin.pin_under_writeback=off", GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK, true, NONE },
	{ "gup_pin.pin_under_writeback=off", GUP_PIN_HAZARD_WRITEBACK, true, REPORTS },
	{ "gup_pin.pin_under_writeback=count", GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK, true, COUNTS },
	{ "gup_pin.truncate=off", GUP_PIN_HAZARD_TRUNCATE, true, NONE },
	{ "gup_pin.truncate=count", GUP_PIN_HAZARD_TRUNCATE, true, COUNTS },
	{ "gup_pin.truncate=write", GUP_PIN_HAZARD_TRUNCATE, true, REPORTS },
	{ "gup_pin.truncate=write", GUP_PIN_HAZARD_TRUNCATE, false, COUNTS },
	{ "gup_pin.truncate=any", GUP_PIN_HAZARD_TRUNCATE, false, REPORTS },
	{ "gup_pin.dirty_read_pin=off", GUP_PIN_HAZARD_DIRTY_READ_PIN, false, NONE },
	{ "gup_pin.dirty_read_pin=count", GUP_PIN_HAZARD_DIRTY_READ_PIN, false, COUNTS },
	{ "gup_pin.dirty_read_pin=report", GUP_PIN_HAZARD_DIRTY_READ_PIN, false, REPORTS },
};

static void provoke(struct kunit *test, enum gup_pin_hazard_kind kind,
		    bool write)
{
	struct gup_pin_scene *s = test->priv;
	struct page *page;

	folio_clear_dirty(s->folio);
	if (kind == GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK)
		gup_pin_test_start_writeback(s->folio);
	page = gup_pin_scene_pin(test, write);
	if (kind == GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK)
		gup_pin_test_end_writeback(s->folio);
	if (kind == GUP_PIN_HAZARD_WRITEBACK)
		gup_pin_scene_writeback(test);
	if (kind == GUP_PIN_HAZARD_TRUNCATE)
		gup_pin_scene_truncate(test, 0, 511);
	unpin_user_pages_dirty_lock(&page, 1,
				    kind == GUP_PIN_HAZARD_DIRTY_READ_PIN);
}

static void policies(struct kunit *test)
{
	unsigned int i;

	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, reset_params,
							   NULL));
	for (i = 0; i < ARRAY_SIZE(policy_table); i++) {
		const struct policy_case *c = &policy_table[i];

		reset_params(NULL);
		KUNIT_ASSERT_EQ_MSG(test, 0, gup_pin_test_set_param(c->param), "%s", c->param);
		gup_pin_scene_start(test);
		provoke(test, c->kind, c->write);
		gup_pin_expect_counted(test, c->kind, c->result != NONE);
		gup_pin_expect_reported(test, c->result == REPORTS, 0);
	}
}

static void words_of_policies(struct kunit *test)
{
	static const char *const wrong[] = {
		"gup_pin.writeback=read", "gup_pin.truncate=",
		"gup_pin.writeback=writeback", "gup_pin.truncate=writeback",
		"gup_pin.overdue=any", "gup_pin.unmatched_unpin=write",
	};
	static const char *const right[] = {
		"gup_pin.unmatched_unpin=count", "gup_pin.unmatched_unpin=report",
		"gup_pin.changed_under_writeback=off",
		"gup_pin.changed_under_writeback=report",
		"gup_pin.dirtied_after_clean=count",
		"gup_pin.dirtied_after_clean=report",
		"gup_pin.overdue=off", "gup_pin.overdue=report",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		KUNIT_EXPECT_EQ_MSG(test, -EINVAL, gup_pin_test_set_param(wrong[i]), "%s",
				    wrong[i]);
	for (i = 0; i < ARRAY_SIZE(right); i++)
		KUNIT_EXPECT_EQ_MSG(test, 0, gup_pin_test_set_param(right[i]), "%s", right[i]);
	for (i = 0; i < NR_GUP_PIN_HAZARDS; i++)
		KUNIT_EXPECT_EQ(test, GUP_PIN_POLICY_REPORT,
				(int)gup_pin_policy_of(i));
}

static void equal_reports_come_once(struct kunit *test)
{
	struct page *page = NULL;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		page = gup_pin_scene_pin(test, true);
		gup_pin_scene_writeback(test);
		if (i < 2)
			unpin_user_page(page);
	}
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_WRITEBACK, 3);
	gup_pin_expect_reported(test, 1, 2);
	/* The same event at another call site is reported separately. */
	gup_pin_scene_writeback(test);
	gup_pin_expect_reported(test, 2, 2);
	unpin_user_page(page);
	/* So is the same event for a pin from another call site. */
	page = gup_pin_scene_pin(test, true);
	gup_pin_scene_writeback(test);
	gup_pin_expect_reported(test, 3, 2);
	unpin_user_page(page);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_WRITEBACK, 5);
}

static noinline void blame_caller(struct gup_pin_event *event)
{
	gup_pin_event_now(event, _RET_IP_);
	/* Prevent a tail call: this function must have its own frame. */
	barrier();
}

/* The stack starts with the function of the title; the frames above it are left out. */
static void stack_begins_with_the_title(struct kunit *test)
{
	struct gup_pin_event *event = kunit_kzalloc(test, sizeof(*event), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, event);
	blame_caller(event);
	KUNIT_ASSERT_GT(test, event->nr, 1);
	KUNIT_EXPECT_EQ(test, event->entries[0], event->ip);
}

/* A hazard with a different event address each time. */
static void hazard_from(struct kunit *test, unsigned long ip)
{
	struct gup_pin_scene *s = test->priv;
	const struct gup_pin_event event = {
		.comm = "test",
		.nr = 1,
		.entries = { ip },
	};
	const struct gup_pin_hazard hazard = {
		.kind = GUP_PIN_HAZARD_WRITEBACK,
		.folio = s->folio,
		.event = &event,
	};

	gup_pin_hazard(&hazard);
}

/* Use up the reports of a kind for some time. */
static void use_up(struct kunit *test, enum gup_pin_hazard_kind kind)
{
	struct gup_pin_hazard_record *record =
		kunit_kzalloc(test, sizeof(*record), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, record);
	record->kind = kind;
	/* More are allowed later. */
	record->place.used = local_clock() + 3600 * NSEC_PER_SEC;
	do {
		record->key++;
	} while (gup_pin_seen_first(record));
}

static void reports_come_at_a_bounded_rate(struct kunit *test)
{
	struct page *page = gup_pin_scene_pin(test, true);

	use_up(test, GUP_PIN_HAZARD_WRITEBACK);
	hazard_from(test, 40);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_WRITEBACK, 1);
	gup_pin_expect_reported(test, 0, 1);
	/* Another kind has its own budget. */
	gup_pin_scene_truncate(test, 0, 511);
	gup_pin_expect_reported(test, 1, 1);

	/* A hazard that was not printed for that reason is printed later. */
	gup_pin_scene_start(test);
	hazard_from(test, 40);
	gup_pin_expect_reported(test, 1, 0);
	unpin_user_page(page);
}

/* Simulate a hazard caused by printing. */
static void meet_another(void *data, const char *text, size_t len)
{
	struct gup_pin_hazard *other = data;

	if (other->folio && strnstr(text, "BUG: GUP_PIN: ", len)) {
		struct gup_pin_hazard now = *other;

		other->folio = NULL;
		gup_pin_hazard(&now);
	}
}

static void no_report_in_a_report(struct kunit *test)
{
	struct gup_pin_scene *s = test->priv;
	struct gup_pin_hazard other = {
		.kind = GUP_PIN_HAZARD_WRITEBACK,
		.folio = s->folio,
		.ip = _THIS_IP_,
	};
	struct page *page;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "printing takes no lock there that sleeps, so it meets none");
	page = gup_pin_scene_pin(test, true);
	KUNIT_ASSERT_EQ(test, 0, register_trace_console(meet_another, &other));
	gup_pin_scene_truncate(test, 0, 511);
	unregister_trace_console(meet_another, &other);
	tracepoint_synchronize_unregister();
	KUNIT_EXPECT_EQ(test, 1,
			gup_pin_scene_counted(test, GUP_PIN_HAZARD_TRUNCATE));
	KUNIT_EXPECT_EQ(test, 1,
			gup_pin_scene_counted(test, GUP_PIN_HAZARD_WRITEBACK));
	gup_pin_expect_reported(test, 1, 1);
	/* Reports work as before. */
	gup_pin_scene_writeback(test);
	gup_pin_expect_reported(test, 2, 1);
	unpin_user_page(page);
}

/* Printing is slow: with interrupts disabled it is deferred. */
static void not_with_interrupts_off(struct kunit *test)
{
	unsigned long flags;
	struct page *page;
	unsigned int ms;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "no pin can be looked up there with interrupts off");
	page = gup_pin_scene_pin(test, true);
	local_irq_save(flags);
	hazard_from(test, 1);
	local_irq_restore(flags);
	gup_pin_expect_counted(test, GUP_PIN_HAZARD_WRITEBACK, 1);
	for (ms = 0; ms < 20000 && !gup_pin_console_reports(); ms += 20)
		msleep(20);
	gup_pin_expect_reported(test, 1, 0);
	unpin_user_page(page);
}

static void panic_by_kind(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, gup_pin_policy_panics(GUP_PIN_HAZARD_OVERDUE));
	KUNIT_EXPECT_EQ(test, 0, gup_pin_test_set_param("gup_pin.panic=truncate,writeback"));
	KUNIT_EXPECT_TRUE(test, gup_pin_policy_panics(GUP_PIN_HAZARD_TRUNCATE));
	KUNIT_EXPECT_TRUE(test, gup_pin_policy_panics(GUP_PIN_HAZARD_WRITEBACK));
	KUNIT_EXPECT_FALSE(test, gup_pin_policy_panics(GUP_PIN_HAZARD_OVERDUE));
	KUNIT_EXPECT_EQ(test, -EINVAL, gup_pin_test_set_param("gup_pin.panic=truncate,some"));
	KUNIT_EXPECT_EQ(test, -EINVAL, gup_pin_test_set_param("gup_pin.panic="));
	KUNIT_EXPECT_TRUE(test, gup_pin_policy_panics(GUP_PIN_HAZARD_TRUNCATE));
	KUNIT_EXPECT_EQ(test, 0, gup_pin_test_set_param("gup_pin.panic=none"));
	KUNIT_EXPECT_FALSE(test, gup_pin_policy_panics(GUP_PIN_HAZARD_TRUNCATE));
	KUNIT_EXPECT_EQ(test, 0, gup_pin_test_set_param("gup_pin.panic=all"));
	KUNIT_EXPECT_TRUE(test, gup_pin_policy_panics(GUP_PIN_HAZARD_OVERDUE));
}

#define MANY	18

/*
 * The write pin comes first, although it is neither the oldest nor the newest; stacks
 * are printed once.
 */
static void writers_come_first(struct kunit *test)
{
	static const char *const tail[] = { GUP_PIN_TAIL };
	static const char *want[40];
	struct page *pages[MANY];
	unsigned int i, nr = 0;

	for (i = 0; i < MANY; i++)
		pages[i] = gup_pin_scene_pin(test, i == 2);
	gup_pin_scene_writeback(test);
	want[nr++] = GUP_PIN_RULE;
	want[nr++] = "BUG: GUP_PIN: writeback of write-pinned folio in gup_pin_scene_*+0x*";
	want[nr++] = "";
	want[nr++] = gup_pin_folio_line(test, MANY, MANY);
	want[nr++] = gup_pin_file_line(test);
	want[nr++] = "";
	want[nr++] = gup_pin_event_line();
	want[nr++] = GUP_PIN_FRAMES;
	want[nr++] = "";
	for (i = 0; i < 4; i++) {
		want[nr++] = i ? "pin: mode=r *" : "pin: mode=w *";
		want[nr++] = i ? " (stack=0x* is above)" : GUP_PIN_FRAMES;
		want[nr++] = "";
	}
	want[nr++] = "and pins of 14 more calls: pfn=0x* in /sys/kernel/debug/gup_pin/pins";
	want[nr++] = "";
	for (i = 0; i < ARRAY_SIZE(tail); i++)
		want[nr++] = tail[i];
	gup_pin_console_expect(test, want, nr);
	unpin_user_pages(pages, MANY);
}

struct traced {
	unsigned int hazards;
	unsigned int reports;
	struct gup_pin_hazard_trace hazard;
	unsigned long id;
};

static void probe_hazard(void *data, const struct gup_pin_hazard_trace *hazard)
{
	struct traced *traced = data;

	traced->hazards++;
	traced->hazard = *hazard;
}

static void probe_report(void *data, enum error_detector detector,
			 unsigned long id)
{
	struct traced *traced = data;

	traced->reports += detector == ERROR_DETECTOR_GUP_PIN;
	traced->id = id;
}

static void unregister_hazard(void *traced)
{
	unregister_trace_gup_pin_hazard(probe_hazard, traced);
	tracepoint_synchronize_unregister();
}

static void unregister_report(void *traced)
{
	unregister_trace_error_report_end(probe_report, traced);
	tracepoint_synchronize_unregister();
}

static unsigned long vm_event(enum vm_event_item item)
{
	unsigned long events[NR_VM_EVENT_ITEMS];

	all_vm_events(events);
	return events[item];
}

static void others_are_notified(struct kunit *test)
{
	unsigned long writebacks = vm_event(GUP_PIN_HAZARD_WRITEBACKS);
	unsigned long truncates = vm_event(GUP_PIN_HAZARD_TRUNCATES);
	struct gup_pin_scene *s = test->priv;
	struct page *page = gup_pin_scene_pin(test, true);
	/* Not on the stack, because the case may be aborted. */
	struct traced *traced = kunit_kzalloc(test, sizeof(*traced), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, traced);
	KUNIT_ASSERT_EQ(test, 0, register_trace_gup_pin_hazard(probe_hazard,
							       traced));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, unregister_hazard,
							   traced));
	KUNIT_ASSERT_EQ(test, 0, register_trace_error_report_end(probe_report,
								 traced));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, unregister_report,
							   traced));
	gup_pin_scene_writeback(test);
	kunit_release_action(test, unregister_report, traced);
	kunit_release_action(test, unregister_hazard, traced);

	KUNIT_EXPECT_EQ(test, traced->hazards, 1);
	KUNIT_EXPECT_STREQ(test, traced->hazard.kind, "writeback");
	KUNIT_EXPECT_STREQ(test, traced->hazard.api, "pin_user_pages_fast");
	KUNIT_EXPECT_EQ(test, traced->hazard.pfn, folio_pfn(s->folio));
	KUNIT_EXPECT_EQ(test, traced->hazard.ino, s->folio->mapping->host->i_ino);
	KUNIT_EXPECT_EQ(test, traced->hazard.pid, task_pid_nr(current));
	KUNIT_EXPECT_EQ(test, traced->hazard.pins, 1);
	KUNIT_EXPECT_TRUE(test, traced->hazard.write);
	KUNIT_EXPECT_FALSE(test, traced->hazard.longterm);
	KUNIT_EXPECT_EQ(test, traced->reports, 1);
	KUNIT_EXPECT_EQ(test, traced->id, (unsigned long)s->folio);

	gup_pin_scene_truncate(test, 0, 511);
	unpin_user_page(page);
	KUNIT_EXPECT_EQ(test, vm_event(GUP_PIN_HAZARD_WRITEBACKS) - writebacks,
			1);
	KUNIT_EXPECT_EQ(test, vm_event(GUP_PIN_HAZARD_TRUNCATES) - truncates,
			1);
}

static struct kunit_case report_cases[] = {
	KUNIT_CASE(words_of_policies),
	KUNIT_CASE(policies),
	KUNIT_CASE(stack_begins_with_the_title),
	KUNIT_CASE(equal_reports_come_once),
	KUNIT_CASE(reports_come_at_a_bounded_rate),
	KUNIT_CASE(no_report_in_a_report),
	KUNIT_CASE(not_with_interrupts_off),
	KUNIT_CASE(panic_by_kind),
	KUNIT_CASE(writers_come_first),
	KUNIT_CASE(others_are_notified),
	{}
};

static struct kunit_suite report_suite = {
	.name = "gup_pin_report",
	.init = gup_pin_scene_init,
	.exit = gup_pin_case_unpin,
	.test_cases = report_cases,
};

kunit_test_suite(report_suite);
