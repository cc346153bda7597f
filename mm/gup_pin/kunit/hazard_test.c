// SPDX-License-Identifier: GPL-2.0
/*
 * Hazards: what counts as one, and every line of what is reported.
 */
#include <kunit/test.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/moduleparam.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/shmem_fs.h>
#include <linux/vmstat.h>
#include <trace/events/error_report.h>
#include <trace/events/gup_pin.h>

#include "../gup_pin.h"
#include "console.h"
#include "file.h"

#define PAGES	2

struct hazard_state {
	unsigned long addr;
	struct page *page;
	struct folio *folio;
	u64 counted[NR_GUP_PIN_HAZARDS];
	u64 suppressed;
	u64 false_positive;
	char line[3][384];
};

static u64 counted(enum gup_pin_hazard_kind kind)
{
	return atomic64_read(&gup_pin_root.hazards[kind]);
}

static u64 suppressed(void)
{
	return atomic64_read(&gup_pin_root.reports_suppressed);
}

/* From here on, whatever happens is new. */
static void hazard_start(struct kunit *test)
{
	struct hazard_state *s = test->priv;
	unsigned int i;

	for (i = 0; i < NR_GUP_PIN_HAZARDS; i++)
		s->counted[i] = counted(i);
	s->suppressed = suppressed();
	s->false_positive = atomic64_read(&gup_pin_root.false_positive);
	gup_pin_report_forget();
	gup_pin_console_clear();
}

static int hazard_init(struct kunit *test)
{
	struct hazard_state *s;
	int err;

	if (!gup_pin_root.index.recording || !gup_pin_root.index.complete)
		kunit_skip(test, "needs gup_pin=on");
	s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	test->priv = s;
	err = gup_pin_console_watch(test);
	if (err)
		return err;
	s->addr = gup_pin_test_map(test, PAGES);
	s->page = gup_pin_test_pin(test, s->addr, true);
	s->folio = page_folio(s->page);
	unpin_user_page(s->page);
	hazard_start(test);
	return 0;
}

/* This kind was counted so often since the start, and no other was at all. */
static void expect_counted(struct kunit *test, enum gup_pin_hazard_kind kind,
			   u64 times)
{
	struct hazard_state *s = test->priv;
	unsigned int i;

	for (i = 0; i < NR_GUP_PIN_HAZARDS; i++)
		KUNIT_EXPECT_EQ_MSG(test, counted(i) - s->counted[i],
				    i == kind ? times : 0, "%s",
				    gup_pin_hazard_names[i]);
}

static void expect_reported(struct kunit *test, unsigned int printed,
			    unsigned int not_printed)
{
	struct hazard_state *s = test->priv;

	KUNIT_EXPECT_EQ(test, gup_pin_console_reports(), printed);
	KUNIT_EXPECT_EQ(test, suppressed() - s->suppressed, not_printed);
}

static void expect_nothing(struct kunit *test)
{
	expect_counted(test, NR_GUP_PIN_HAZARDS, 0);
	expect_reported(test, 0, 0);
}

static struct page *pin(struct kunit *test, bool write)
{
	struct hazard_state *s = test->priv;

	return gup_pin_test_pin(test, s->addr, write);
}

static noinline void writeback(struct kunit *test)
{
	struct hazard_state *s = test->priv;

	gup_pin_test_start_writeback(s->folio);
	gup_pin_test_end_writeback(s->folio);
}

static noinline void truncate(struct kunit *test, loff_t from, loff_t to)
{
	struct hazard_state *s = test->priv;

	shmem_truncate_range(s->folio->mapping->host, from, to);
}

/* Lines that tell of the folio, its file and a pin of ours. */
static const char *folio_line(struct kunit *test)
{
	struct hazard_state *s = test->priv;

	snprintf(s->line[0], sizeof(s->line[0]),
		 "folio: pfn=0x%lx order=0 map=shmem flags=0x*(*)",
		 folio_pfn(s->folio));
	return s->line[0];
}

static const char *file_line(struct kunit *test)
{
	struct hazard_state *s = test->priv;
	struct inode *inode = s->folio->mapping->host;

	snprintf(s->line[1], sizeof(s->line[1]),
		 "file: fs=tmpfs dev=%u:%u ino=%llu index=0x0 name=\"/gup_pin\"",
		 MAJOR(inode->i_sb->s_dev), MINOR(inode->i_sb->s_dev),
		 (u64)inode->i_ino);
	return s->line[1];
}

static const char *event_line(void)
{
	static char line[96];

	snprintf(line, sizeof(line), "event: task=%d/%d comm=%s",
		 task_tgid_nr(current), task_pid_nr(current), current->comm);
	return line;
}

static const char *pin_line(struct kunit *test, const char *mode)
{
	struct hazard_state *s = test->priv;

	snprintf(s->line[2], sizeof(s->line[2]),
		 "pin: mode=%s term=short api=pin_user_pages_fast owner=* task=%d/%d comm=%s age_ms=* pins=1 addr=0x%lx match=exact",
		 mode, task_tgid_nr(current), task_pid_nr(current),
		 current->comm, s->addr);
	return s->line[2];
}

/* A report that tells of one pin; all but frames and figures is given. */
static void expect_report(struct kunit *test, const char *title,
			  const char *func, const char *mode,
			  const char *file)
{
	char first[128], frame[64];
	const char *const want[] = {
		GUP_PIN_RULE,
		first,
		"",
		folio_line(test),
		file,
		"",
		event_line(),
		frame,
		GUP_PIN_FRAMES,
		"",
		pin_line(test, mode),
		" pin_user_pages_fast+0x*",
		" gup_pin_test_pin+0x*",
		GUP_PIN_FRAMES,
		"",
		GUP_PIN_TAIL
	};

	snprintf(first, sizeof(first), "BUG: GUP_PIN: %s in %s+0x*", title,
		 func);
	snprintf(frame, sizeof(frame), " %s+0x*", func);
	gup_pin_console_expect(test, want, ARRAY_SIZE(want));
	expect_reported(test, 1, 0);
}

static void writeback_is_reported(struct kunit *test)
{
	struct page *page = pin(test, true);

	writeback(test);
	expect_counted(test, GUP_PIN_HAZARD_WRITEBACK, 1);
	expect_report(test, "writeback of write-pinned folio", "writeback*", "w",
		      file_line(test));
	unpin_user_page(page);
	hazard_start(test);
	writeback(test);
	expect_nothing(test);
}

static void pin_under_writeback_is_reported(struct kunit *test)
{
	struct hazard_state *s = test->priv;
	struct page *page;

	gup_pin_test_start_writeback(s->folio);
	expect_nothing(test);
	page = pin(test, true);
	expect_counted(test, GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK, 1);
	expect_report(test, "write pin of folio under writeback",
		      "pin_user_pages_fast", "w", file_line(test));
	gup_pin_test_end_writeback(s->folio);
	unpin_user_page(page);
}

/* The way that calls for many pages take; the second page is not written back. */
static void many_under_writeback(struct kunit *test)
{
	struct hazard_state *s = test->priv;
	struct page *pages[PAGES];
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		struct page *page = gup_pin_test_pin(test, s->addr +
						     i * PAGE_SIZE, true);
		struct folio *folio = page_folio(page);

		unpin_user_page(page);
		hazard_start(test);
		gup_pin_test_start_writeback(folio);
		KUNIT_ASSERT_EQ(test, PAGES,
				pin_user_pages_fast(s->addr, PAGES, FOLL_WRITE,
						    pages));
		gup_pin_test_end_writeback(folio);
		expect_counted(test, GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK, 1);
		expect_reported(test, 1, 0);
		unpin_user_pages(pages, PAGES);
	}
	hazard_start(test);
	KUNIT_ASSERT_EQ(test, PAGES, pin_user_pages_fast(s->addr, PAGES,
							 FOLL_WRITE, pages));
	expect_nothing(test);
	unpin_user_pages(pages, PAGES);
}

static void truncation_is_reported(struct kunit *test)
{
	const char *file = file_line(test);
	struct page *page = pin(test, false);

	truncate(test, 0, -1);
	expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	expect_report(test, "truncation of read-pinned folio", "truncate_*",
		      "r", file);
	unpin_user_page(page);
}

/* Only some bytes of the page are cleared, and it stays. */
static void partial_truncation_is_reported(struct kunit *test)
{
	struct page *page = pin(test, true);

	truncate(test, 512, 1023);
	expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	expect_report(test, "truncation of write-pinned folio",
		      "truncate_inode_partial_folio", "w", file_line(test));
	unpin_user_page(page);
}

static void invalidation_is_reported(struct kunit *test)
{
	struct hazard_state *s = test->priv;
	struct address_space *mapping = s->folio->mapping;
	const char *file = file_line(test);
	struct page *page = pin(test, true);

	/* A dirty one stays in its file. */
	folio_mark_dirty(s->folio);
	KUNIT_EXPECT_EQ(test, -EBUSY, invalidate_inode_pages2(mapping));
	expect_nothing(test);

	folio_lock(s->folio);
	folio_cancel_dirty(s->folio);
	folio_unlock(s->folio);
	KUNIT_EXPECT_EQ(test, 0, invalidate_inode_pages2(mapping));
	KUNIT_EXPECT_NULL(test, s->folio->mapping);
	expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 1);
	expect_report(test, "truncation of write-pinned folio", "*inv*", "w",
		      file);
	unpin_user_page(page);
}

/* A pin that was taken behind our back. */
static void pin_secretly(struct page *page)
{
	folio_ref_add(page_folio(page), GUP_PIN_COUNTING_BIAS);
	node_stat_mod_folio(page_folio(page), NR_FOLL_PIN_ACQUIRED, 1);
}

static void unmatched_unpin_is_reported(struct kunit *test)
{
	struct hazard_state *s = test->priv;
	const char *const want[] = {
		GUP_PIN_RULE,
		"BUG: GUP_PIN: unpin of folio without recorded pin in unpin_user_page+0x*",
		"",
		folio_line(test),
		file_line(test),
		"",
		event_line(),
		" unpin_user_page+0x*",
		" unmatched_unpin_is_*+0x*",
		GUP_PIN_FRAMES,
		"",
		"pins that are dropped without a record: 1",
		"",
		GUP_PIN_TAIL
	};

	pin_secretly(s->page);
	unpin_user_page(s->page);
	expect_counted(test, GUP_PIN_HAZARD_UNMATCHED_UNPIN, 1);
	gup_pin_console_expect(test, want, ARRAY_SIZE(want));
}

/* Where pins from before tracking may be left, nobody can tell. */
static void unmatched_unless_incomplete(struct kunit *test)
{
	struct hazard_state *s = test->priv;
	struct page *pages[2] = { s->page, s->page };

	pin_secretly(s->page);
	gup_pin_index_complete(&gup_pin_root.index, false);
	unpin_user_page(s->page);
	gup_pin_index_complete(&gup_pin_root.index, true);
	expect_nothing(test);

	pin_secretly(s->page);
	pin_secretly(s->page);
	unpin_user_pages(pages, 2);
	expect_counted(test, GUP_PIN_HAZARD_UNMATCHED_UNPIN, 2);
}

static void dirty_read_pin_is_reported(struct kunit *test)
{
	struct page *page = pin(test, false);

	unpin_user_pages_dirty_lock(&page, 1, true);
	expect_counted(test, GUP_PIN_HAZARD_DIRTY_READ_PIN, 1);
	expect_report(test, "unpin of read-pinned folio as dirty",
		      "unpin_user_pages_dirty_lock", "r", file_line(test));
}

static void dirty_unpins_that_may(struct kunit *test)
{
	struct page *reader, *writer;

	writer = pin(test, true);
	unpin_user_pages_dirty_lock(&writer, 1, true);
	reader = pin(test, false);
	unpin_user_pages_dirty_lock(&reader, 1, false);
	expect_nothing(test);

	/* Who says which of them this is? */
	reader = pin(test, false);
	writer = pin(test, true);
	unpin_user_pages_dirty_lock(&writer, 1, true);
	unpin_user_page(reader);
	expect_nothing(test);
}

/* What a parameter is set to on the command line, or in sysfs. */
static int set_param(const char *arg)
{
	char buf[64];

	strscpy(buf, arg);
	return PTR_ERR_OR_ZERO(parse_args("gup_pin test", buf,
					  __start___param,
					  __stop___param - __start___param,
					  -1, -1, NULL, NULL));
}

static void reset_params(void *ignore)
{
	set_param("gup_pin.writeback=write");
	set_param("gup_pin.truncate=any");
}

struct policy_case {
	const char *param;
	enum gup_pin_hazard_kind kind;
	bool write;
	bool counts;
};

static const struct policy_case policy_table[] = {
	{ "gup_pin.writeback=off", GUP_PIN_HAZARD_WRITEBACK, true, false },
	{ "gup_pin.writeback=off", GUP_PIN_HAZARD_WRITEBACK, false, false },
	{ "gup_pin.writeback=write", GUP_PIN_HAZARD_WRITEBACK, true, true },
	{ "gup_pin.writeback=write", GUP_PIN_HAZARD_WRITEBACK, false, false },
	{ "gup_pin.writeback=any", GUP_PIN_HAZARD_WRITEBACK, true, true },
	{ "gup_pin.writeback=any", GUP_PIN_HAZARD_WRITEBACK, false, true },
	{ "gup_pin.writeback=off", GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK, true, false },
	{ "gup_pin.writeback=write", GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK, true, true },
	{ "gup_pin.writeback=write", GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK, false, false },
	{ "gup_pin.writeback=any\n", GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK, false, true },
	{ "gup_pin.truncate=off", GUP_PIN_HAZARD_TRUNCATE, true, false },
	{ "gup_pin.truncate=write", GUP_PIN_HAZARD_TRUNCATE, true, true },
	{ "gup_pin.truncate=write", GUP_PIN_HAZARD_TRUNCATE, false, false },
	{ "gup_pin.truncate=any", GUP_PIN_HAZARD_TRUNCATE, false, true },
};

static void provoke(struct kunit *test, enum gup_pin_hazard_kind kind,
		    bool write)
{
	struct hazard_state *s = test->priv;
	struct page *page;

	if (kind == GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK)
		gup_pin_test_start_writeback(s->folio);
	page = pin(test, write);
	if (kind == GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK)
		gup_pin_test_end_writeback(s->folio);
	if (kind == GUP_PIN_HAZARD_WRITEBACK)
		writeback(test);
	if (kind == GUP_PIN_HAZARD_TRUNCATE)
		truncate(test, 0, 511);
	unpin_user_page(page);
}

static void policies(struct kunit *test)
{
	unsigned int i;

	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, reset_params,
							   NULL));
	for (i = 0; i < ARRAY_SIZE(policy_table); i++) {
		const struct policy_case *c = &policy_table[i];

		reset_params(NULL);
		KUNIT_ASSERT_EQ(test, 0, set_param(c->param));
		hazard_start(test);
		provoke(test, c->kind, c->write);
		expect_counted(test, c->kind, c->counts);
		expect_reported(test, c->counts, 0);
	}
	KUNIT_EXPECT_EQ(test, -EINVAL, set_param("gup_pin.writeback=read"));
	KUNIT_EXPECT_EQ(test, -EINVAL, set_param("gup_pin.truncate="));
	/* The others stay as they were. */
	KUNIT_EXPECT_TRUE(test, gup_pin_hazard_wanted(GUP_PIN_HAZARD_TRUNCATE,
						      false));
}

static void policies_by_default(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, gup_pin_hazard_wanted(GUP_PIN_HAZARD_WRITEBACK,
						      true));
	KUNIT_EXPECT_FALSE(test, gup_pin_hazard_wanted(GUP_PIN_HAZARD_WRITEBACK,
						       false));
	KUNIT_EXPECT_TRUE(test, gup_pin_hazard_wanted(GUP_PIN_HAZARD_TRUNCATE,
						      false));
}

static void equal_reports_come_once(struct kunit *test)
{
	struct page *page = NULL;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		page = pin(test, true);
		writeback(test);
		if (i < 2)
			unpin_user_page(page);
	}
	expect_counted(test, GUP_PIN_HAZARD_WRITEBACK, 3);
	expect_reported(test, 1, 2);
	/* The same from elsewhere is another. */
	writeback(test);
	expect_reported(test, 2, 2);
	unpin_user_page(page);
	/* So is the same of a pin from elsewhere. */
	page = pin(test, true);
	writeback(test);
	expect_reported(test, 3, 2);
	unpin_user_page(page);
	expect_counted(test, GUP_PIN_HAZARD_WRITEBACK, 5);
}

/* A hazard that seems to come from elsewhere each time. */
static void hazard_from(struct kunit *test, unsigned long ip)
{
	struct hazard_state *s = test->priv;
	const struct gup_pin_event event = {
		.comm = "test",
		.nr = 1,
		.entries = { ip },
	};
	const struct gup_pin_hazard hazard = {
		.kind = GUP_PIN_HAZARD_TRUNCATE,
		.folio = s->folio,
		.event = &event,
	};

	gup_pin_hazard(&hazard);
}

static void reports_come_at_a_bounded_rate(struct kunit *test)
{
	struct page *page = pin(test, true);
	unsigned int i, printed;

	for (i = 1; i <= 40; i++)
		hazard_from(test, i);
	printed = gup_pin_console_reports();
	KUNIT_EXPECT_GE(test, printed, 10);
	KUNIT_EXPECT_LT(test, printed, 40);
	expect_counted(test, GUP_PIN_HAZARD_TRUNCATE, 40);
	expect_reported(test, printed, 40 - printed);

	/* What was not printed for that reason is printed later. */
	hazard_start(test);
	hazard_from(test, 40);
	expect_reported(test, 1, 0);
	unpin_user_page(page);
}

/* As if printing brought about a hazard. */
static void meet_another(const struct gup_pin_hazard *hazard)
{
	struct gup_pin_hazard other = *hazard;

	other.kind = GUP_PIN_HAZARD_WRITEBACK;
	other.details = NULL;
	gup_pin_hazard(&other);
}

static void no_report_in_a_report(struct kunit *test)
{
	struct hazard_state *s = test->priv;
	const struct gup_pin_hazard hazard = {
		.kind = GUP_PIN_HAZARD_TRUNCATE,
		.folio = s->folio,
		.ip = _THIS_IP_,
		.title = "something",
		.details = meet_another,
	};
	struct page *page;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "printing takes no lock there that sleeps, so it meets none");
	page = pin(test, true);
	gup_pin_hazard(&hazard);
	KUNIT_EXPECT_EQ(test, counted(GUP_PIN_HAZARD_TRUNCATE) -
			s->counted[GUP_PIN_HAZARD_TRUNCATE], 1);
	KUNIT_EXPECT_EQ(test, counted(GUP_PIN_HAZARD_WRITEBACK) -
			s->counted[GUP_PIN_HAZARD_WRITEBACK], 1);
	expect_reported(test, 1, 1);
	/* And afterwards all is as before. */
	writeback(test);
	expect_reported(test, 2, 1);
	unpin_user_page(page);
}

/* Swap writes anonymous memory back that is pinned meanwhile: no harm. */
static void anonymous_memory_is_no_hazard(struct kunit *test)
{
	unsigned long addr = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE,
					   PROT_READ | PROT_WRITE,
					   MAP_ANONYMOUS | MAP_PRIVATE, 0);
	struct page *page, *other;

	KUNIT_ASSERT_NE(test, addr, 0);
	page = gup_pin_test_pin(test, addr, true);
	gup_pin_test_start_writeback(page_folio(page));
	other = gup_pin_test_pin(test, addr, true);
	gup_pin_test_end_writeback(page_folio(page));
	expect_nothing(test);
	unpin_user_page(page);
	unpin_user_page(other);
}

/* So many references that they look like a pin. */
static void many_references_are_no_pin(struct kunit *test)
{
	struct hazard_state *s = test->priv;

	folio_ref_add(s->folio, GUP_PIN_COUNTING_BIAS);
	writeback(test);
	truncate(test, 0, 511);
	folio_ref_sub(s->folio, GUP_PIN_COUNTING_BIAS);
	expect_nothing(test);
	KUNIT_EXPECT_EQ(test, atomic64_read(&gup_pin_root.false_positive) -
			s->false_positive, 1);

	/* Nothing is known of pins from before. */
	folio_ref_add(s->folio, GUP_PIN_COUNTING_BIAS);
	gup_pin_index_complete(&gup_pin_root.index, false);
	writeback(test);
	gup_pin_index_complete(&gup_pin_root.index, true);
	folio_ref_sub(s->folio, GUP_PIN_COUNTING_BIAS);
	KUNIT_EXPECT_EQ(test, atomic64_read(&gup_pin_root.false_positive) -
			s->false_positive, 1);
}

#define MANY	18

/* Of readers before, the one writer, and readers after, the writer comes first. */
static void writers_come_first(struct kunit *test)
{
	static const char *want[10 + 4 * MANY];
	struct page *pages[MANY];
	unsigned int i, nr = 0;

	for (i = 0; i < MANY; i++)
		pages[i] = pin(test, i == 2);
	writeback(test);
	want[nr++] = GUP_PIN_RULE;
	want[nr++] = "BUG: GUP_PIN: writeback of write-pinned folio in writeback*+0x*";
	want[nr++] = "";
	want[nr++] = folio_line(test);
	want[nr++] = file_line(test);
	want[nr++] = "";
	want[nr++] = event_line();
	want[nr++] = GUP_PIN_FRAMES;
	want[nr++] = "";
	for (i = 0; i < 16; i++) {
		want[nr++] = i ? "pin: mode=r *" : "pin: mode=w *";
		want[nr++] = GUP_PIN_FRAMES;
		want[nr++] = "";
	}
	want[nr++] = "and pins of 2 more calls";
	want[nr++] = "";
	want[nr++] = "CPU: *";
	want[nr++] = "?Tainted: *";
	want[nr++] = "?Hardware name: *";
	want[nr++] = GUP_PIN_RULE;
	gup_pin_console_expect(test, want, nr);
	unpin_user_pages(pages, MANY);
}

struct told {
	unsigned int hazards;
	unsigned int reports;
	struct gup_pin_hazard_trace hazard;
	unsigned long id;
};

static void told_hazard(void *data, const struct gup_pin_hazard_trace *hazard)
{
	struct told *told = data;

	told->hazards++;
	told->hazard = *hazard;
}

static void told_report(void *data, enum error_detector detector,
			unsigned long id)
{
	struct told *told = data;

	told->reports += detector == ERROR_DETECTOR_GUP_PIN;
	told->id = id;
}

static unsigned long vm_event(enum vm_event_item item)
{
	unsigned long events[NR_VM_EVENT_ITEMS];

	all_vm_events(events);
	return events[item];
}

static void others_are_told(struct kunit *test)
{
	unsigned long writebacks = vm_event(GUP_PIN_HAZARD_WRITEBACKS);
	unsigned long truncates = vm_event(GUP_PIN_HAZARD_TRUNCATES);
	struct hazard_state *s = test->priv;
	struct page *page = pin(test, true);
	struct told told = {};

	KUNIT_ASSERT_EQ(test, 0, register_trace_gup_pin_hazard(told_hazard,
							       &told));
	KUNIT_ASSERT_EQ(test, 0, register_trace_error_report_end(told_report,
								 &told));
	writeback(test);
	unregister_trace_gup_pin_hazard(told_hazard, &told);
	unregister_trace_error_report_end(told_report, &told);
	tracepoint_synchronize_unregister();

	KUNIT_EXPECT_EQ(test, told.hazards, 1);
	KUNIT_EXPECT_STREQ(test, told.hazard.kind, "writeback");
	KUNIT_EXPECT_STREQ(test, told.hazard.api, "pin_user_pages_fast");
	KUNIT_EXPECT_EQ(test, told.hazard.pfn, folio_pfn(s->folio));
	KUNIT_EXPECT_EQ(test, told.hazard.ino, s->folio->mapping->host->i_ino);
	KUNIT_EXPECT_EQ(test, told.hazard.pid, task_pid_nr(current));
	KUNIT_EXPECT_EQ(test, told.hazard.pins, 1);
	KUNIT_EXPECT_TRUE(test, told.hazard.write);
	KUNIT_EXPECT_FALSE(test, told.hazard.longterm);
	KUNIT_EXPECT_EQ(test, told.reports, 1);
	KUNIT_EXPECT_EQ(test, told.id, (unsigned long)s->folio);

	truncate(test, 0, 511);
	unpin_user_page(page);
	KUNIT_EXPECT_EQ(test, vm_event(GUP_PIN_HAZARD_WRITEBACKS) - writebacks,
			1);
	KUNIT_EXPECT_EQ(test, vm_event(GUP_PIN_HAZARD_TRUNCATES) - truncates,
			1);
}

static struct kunit_case hazard_cases[] = {
	KUNIT_CASE(writeback_is_reported),
	KUNIT_CASE(pin_under_writeback_is_reported),
	KUNIT_CASE(many_under_writeback),
	KUNIT_CASE(truncation_is_reported),
	KUNIT_CASE(partial_truncation_is_reported),
	KUNIT_CASE(invalidation_is_reported),
	KUNIT_CASE(unmatched_unpin_is_reported),
	KUNIT_CASE(unmatched_unless_incomplete),
	KUNIT_CASE(dirty_read_pin_is_reported),
	KUNIT_CASE(dirty_unpins_that_may),
	KUNIT_CASE(policies_by_default),
	KUNIT_CASE(policies),
	KUNIT_CASE(equal_reports_come_once),
	KUNIT_CASE(reports_come_at_a_bounded_rate),
	KUNIT_CASE(no_report_in_a_report),
	KUNIT_CASE(anonymous_memory_is_no_hazard),
	KUNIT_CASE(many_references_are_no_pin),
	KUNIT_CASE(writers_come_first),
	KUNIT_CASE(others_are_told),
	{}
};

static struct kunit_suite hazard_suite = {
	.name = "gup_pin_hazard",
	.init = hazard_init,
	.test_cases = hazard_cases,
};

kunit_test_suite(hazard_suite);
