// SPDX-License-Identifier: GPL-2.0
/* The ring of hazards, and the text of `hazards`. */
#include <kunit/test.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "../gup_pin.h"
#include "case.h"
#include "console.h"
#include "file.h"

#define TEXT	(256 << 10)

struct ring_state {
	unsigned long addr;
	struct page *page;
	struct page *other;
	u64 newest;
	u32 mark;
	unsigned long user;
	char *text;
	size_t len;
};

static int ring_init(struct kunit *test)
{
	struct ring_state *s = gup_pin_case_begin(test, true, sizeof(*s));
	struct page *pages[2];

	if (!s)
		return -ENOMEM;
	s->text = kunit_kzalloc(test, TEXT, GFP_KERNEL);
	s->user = kunit_vm_mmap(test, NULL, 0, TEXT, PROT_READ | PROT_WRITE,
				MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (!s->text || !s->user)
		return -ENOMEM;
	test->priv = s;
	s->addr = gup_pin_test_map(test, 2);
	KUNIT_ASSERT_EQ(test, 2, pin_user_pages_fast(s->addr, 2, FOLL_WRITE, pages));
	s->page = pages[0];
	s->other = pages[1];
	s->newest = gup_pin_ring.newest;
	return 0;
}

static void ring_exit(struct kunit *test)
{
	struct ring_state *s = test->priv;

	if (s && s->page)
		unpin_user_page(s->page);
	if (s && s->other)
		unpin_user_page(s->other);
	gup_pin_case_unpin(test);
}

/* Add a hazard for a user's pin; @nr is its task and its origin. */
static void add_of(struct kunit *test, enum gup_pin_hazard_kind kind, u32 uid,
		   enum gup_pin_stake stake, unsigned int nr)
{
	struct ring_state *s = test->priv;
	const struct gup_pin_event event = {
		.ip = (unsigned long)kunit_run_tests + 1,
		.tgid = nr,
		.pid = nr,
		.comm = "a b",
		.nr = 2,
		.mark = s->mark,
		.entries = { (unsigned long)kunit_run_tests + 1, nr },
	};
	struct gup_pin_hazard hazard = {
		.kind = kind,
		.stake = stake,
		.folio = page_folio(s->page),
		.event = &event,
	};
	struct gup_pin_holders holders;
	struct gup_pin_item pin;

	KUNIT_ASSERT_EQ(test, 1,
			gup_pin_walk_holders(&gup_pin_root.index,
					     folio_pfn(hazard.folio), &pin, 1,
					     &holders));
	pin.id.uid = uid;
	hazard.pin = &pin;
	gup_pin_hazard(&hazard);
}

static void add(struct kunit *test, unsigned int nr)
{
	add_of(test, GUP_PIN_HAZARD_TRUNCATE, 0, GUP_PIN_STAKE_DATA, nr);
}

/* Read the file a few bytes at a time, as programs may. */
static void read_file(struct kunit *test, size_t at_once)
{
	const struct file_operations *fops = &gup_pin_hazards_fops;
	struct ring_state *s = test->priv;
	struct file *file = kunit_kzalloc(test, sizeof(*file), GFP_KERNEL);
	struct inode *inode = kunit_kzalloc(test, sizeof(*inode), GFP_KERNEL);
	loff_t pos = 0;
	ssize_t got;

	KUNIT_ASSERT_NOT_NULL(test, file);
	KUNIT_ASSERT_NOT_NULL(test, inode);
	KUNIT_ASSERT_EQ(test, 0, fops->open(inode, file));
	s->len = 0;
	do {
		got = fops->read(file, (char __user *)s->user + s->len,
				 min(at_once, TEXT - 1 - s->len), &pos);
		if (got > 0)
			s->len += got;
	} while (got > 0);
	KUNIT_EXPECT_EQ(test, got, 0);
	fops->release(inode, file);
	KUNIT_ASSERT_EQ(test, 0, copy_from_user(s->text,
						(void __user *)s->user,
						s->len));
	s->text[s->len] = '\0';
}

/* Find the text from the record with task @nr on. */
static char *find_task(struct kunit *test, unsigned int nr)
{
	struct ring_state *s = test->priv;
	char word[64];
	char *found;

	snprintf(word, sizeof(word), " task=%u/%u comm=a\\x20b ", nr, nr);
	found = strstr(s->text, word);
	while (found && found > s->text && found[-1] != '\n')
		found--;
	return found;
}

/* Expect this as the next line; * matches any text. */
static void expect_line(struct kunit *test, char **text, const char *want)
{
	char *line = strsep(text, "\n");

	KUNIT_ASSERT_NOT_NULL(test, line);
	KUNIT_EXPECT_TRUE_MSG(test, gup_pin_test_matches(want, line),
			      "%s\nis not\n%s", line, want);
}

static void text_of_a_hazard(struct kunit *test)
{
	struct ring_state *s = test->priv;
	struct folio *folio = page_folio(s->page);
	struct inode *inode = folio->mapping->host;
	char *want = kunit_kzalloc(test, 1024, GFP_KERNEL);
	char *text;

	KUNIT_ASSERT_NOT_NULL(test, want);
	add(test, 7001);
	read_file(test, TEXT);
	KUNIT_EXPECT_EQ(test, 0, strncmp(s->text, "# gup_pin hazards 1\n", 20));
	text = find_task(test, 7001);
	KUNIT_ASSERT_NOT_NULL(test, text);
	snprintf(want, 1024,
		 "kind=truncate age_ms=* task=7001/7001 comm=a\\x20b pfn=0x%lx pages=1 order=0 pins=1 mode=w term=short api=pin_user_pages_fast owner=* task=%d/%d comm=%s age_ms=* addr=0x%lx map=shmem dev=%u:%u ino=%llu index=0x0 stack=0x* match=exact func=kunit_run_tests+0x1 pins_on_folio=1 path=/gup_pin count=1 last_ms=* reported=* indexes=0x0-0x0 stake=data",
		 folio_pfn(folio), task_tgid_nr(current), task_pid_nr(current),
		 current->comm, s->addr, MAJOR(inode->i_sb->s_dev),
		 MINOR(inode->i_sb->s_dev), (u64)inode->i_ino);
	expect_line(test, &text, want);
	expect_line(test, &text, "event:");
	expect_line(test, &text, " kunit_run_tests+0x1/0x*");
	expect_line(test, &text, " 0x1b59");
	expect_line(test, &text, "pin:");
	expect_line(test, &text, " pin_user_pages_fast+0x*");
	expect_line(test, &text, " ring_init+0x*");
	while (text && *text == ' ')
		strsep(&text, "\n");
	/* Ends with an empty line. */
	KUNIT_EXPECT_STREQ(test, text, "\n");
}

/* The kind keeps a full set of hazards, up to @last, in order. */
static void expect_newest(struct kunit *test, unsigned int last)
{
	struct ring_state *s = test->priv;
	unsigned int i, records = 0;
	char *found, *prev = s->text;

	KUNIT_EXPECT_NULL(test, find_task(test, last - GUP_PIN_RING_PLACES));
	for (i = last - GUP_PIN_RING_PLACES + 1; i <= last; i++) {
		found = find_task(test, i);
		KUNIT_ASSERT_NOT_NULL(test, found);
		KUNIT_EXPECT_TRUE(test, found > prev);
		prev = found;
	}
	for (found = s->text; (found = strstr(found, "\nkind=truncate ")); found++)
		records++;
	KUNIT_EXPECT_EQ(test, records, GUP_PIN_RING_PLACES);
}

static void the_newest_are_kept(struct kunit *test)
{
	struct ring_state *s = test->priv;
	unsigned int i, nr = GUP_PIN_RING_PLACES + 10;

	for (i = 1; i <= nr; i++)
		add(test, 8000 + i);
	KUNIT_EXPECT_EQ(test, gup_pin_ring.newest, s->newest + nr);
	read_file(test, TEXT);
	expect_newest(test, 8000 + nr);
	read_file(test, 100);
	expect_newest(test, 8000 + nr);
}

/* Hazards do not replace those of other kinds. */
static void each_kind_has_its_own(struct kunit *test)
{
	unsigned int i;

	add_of(test, GUP_PIN_HAZARD_WRITEBACK, 0, GUP_PIN_STAKE_DATA, 6000);
	for (i = 1; i <= 3 * GUP_PIN_RING_PLACES; i++)
		add(test, 6000 + i);
	read_file(test, TEXT);
	KUNIT_EXPECT_NOT_NULL(test, find_task(test, 6000));
}

/* A user that fills the ring only replaces its own entries. */
static void each_user_has_a_share(struct kunit *test)
{
	const enum gup_pin_hazard_kind kind = GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN;
	unsigned int i;

	for (i = 1; i <= 2 * GUP_PIN_RING_PLACES; i++)
		add_of(test, kind, 0, GUP_PIN_STAKE_DATA, 5000 + i);
	for (i = 1; i <= 3 * GUP_PIN_RING_PLACES; i++)
		add_of(test, kind, 1000, GUP_PIN_STAKE_DATA, 5500 + i);
	read_file(test, TEXT);
	for (i = 0; i < GUP_PIN_RING_PLACES / 2; i++) {
		KUNIT_EXPECT_NOT_NULL_MSG(test, find_task(test, 5000 + 2 * GUP_PIN_RING_PLACES - i),
					  "%u", i);
		KUNIT_EXPECT_NOT_NULL_MSG(test, find_task(test, 5500 + 3 * GUP_PIN_RING_PLACES - i),
					  "%u", i);
	}
}

/* Harmless hazards are replaced before others, even if they are newer. */
static void harmless_ones_go_first(struct kunit *test)
{
	const enum gup_pin_hazard_kind kind = GUP_PIN_HAZARD_OVERDUE;
	unsigned int i;

	for (i = 1; i <= GUP_PIN_RING_PLACES / 2; i++)
		add_of(test, kind, 0, GUP_PIN_STAKE_TIME, 4000 + i);
	for (i = 1; i <= 2 * GUP_PIN_RING_PLACES; i++)
		add_of(test, kind, 0, GUP_PIN_STAKE_END, 4100 + i);
	for (i = 1; i <= GUP_PIN_RING_PLACES / 2; i++)
		add_of(test, kind, 0, GUP_PIN_STAKE_TIME, 4200 + i);
	read_file(test, TEXT);
	for (i = 1; i <= GUP_PIN_RING_PLACES / 2; i++) {
		KUNIT_EXPECT_NOT_NULL_MSG(test, find_task(test, 4000 + i), "%u", i);
		KUNIT_EXPECT_NOT_NULL_MSG(test, find_task(test, 4200 + i), "%u", i);
	}
}

/* Equal hazards share an entry, with the worst stake and the range of indexes. */
static void equal_ones_are_one(struct kunit *test)
{
	struct ring_state *s = test->priv;
	struct page *page = s->page;
	const struct gup_pin_event event = {
		.tgid = 3000,
		.pid = 3000,
		.comm = "a b",
		.nr = 1,
		.entries = { 3000 },
	};
	struct gup_pin_hazard hazard = {
		.kind = GUP_PIN_HAZARD_TRUNCATE,
		.stake = GUP_PIN_STAKE_END,
		.folio = page_folio(s->other),
		.event = &event,
	};
	char *text;

	gup_pin_report_forget();
	gup_pin_hazard(&hazard);
	hazard.folio = page_folio(page);
	gup_pin_hazard(&hazard);
	read_file(test, TEXT);
	text = find_task(test, 3000);
	KUNIT_ASSERT_NOT_NULL(test, text);
	expect_line(test, &text,
		    "kind=truncate * index=0x1 * count=2 last_ms=* reported=0 indexes=0x0-0x1 stake=end");

	hazard.stake = GUP_PIN_STAKE_DATA;
	gup_pin_hazard(&hazard);
	/* The same hazard, already counted. */
	hazard.again = true;
	gup_pin_hazard(&hazard);
	read_file(test, TEXT);
	text = find_task(test, 3000);
	KUNIT_ASSERT_NOT_NULL(test, text);
	expect_line(test, &text,
		    "kind=truncate * index=0x1 * count=3 last_ms=* reported=1 indexes=0x0-0x1 stake=data");
	KUNIT_EXPECT_EQ(test, gup_pin_ring.newest, s->newest + 1);
}

/* A reader that was overtaken continues with the oldest one left. */
static void readers_are_overtaken(struct kunit *test)
{
	struct ring_state *s = test->priv;
	struct gup_pin_hazard_record *hazard =
		kunit_kzalloc(test, sizeof(*hazard), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, hazard);
	add(test, 9000);
	KUNIT_ASSERT_TRUE(test, gup_pin_ring_get(hazard, s->newest));
	KUNIT_EXPECT_EQ(test, hazard->seq, s->newest + 1);
	KUNIT_EXPECT_EQ(test, hazard->event.pid, 9000);
	KUNIT_EXPECT_FALSE(test, gup_pin_ring_get(hazard, hazard->seq));
	for (i = 1; i <= GUP_PIN_RING_PLACES + 3; i++)
		add(test, 9000 + i);
	KUNIT_ASSERT_TRUE(test, gup_pin_ring_get(hazard, s->newest + 1));
	KUNIT_EXPECT_EQ(test, hazard->seq, s->newest + 5);
	KUNIT_EXPECT_EQ(test, hazard->event.pid, 9004);
}

static void no_pin_to_tell_of(struct kunit *test)
{
	struct ring_state *s = test->priv;
	struct folio *folio = page_folio(s->page);
	const struct gup_pin_hazard hazard = {
		.kind = GUP_PIN_HAZARD_UNMATCHED_UNPIN,
		.folio = folio,
		.pins = 3,
		.ip = _THIS_IP_,
	};
	char word[128];

	gup_pin_hazard(&hazard);
	read_file(test, TEXT);
	snprintf(word, sizeof(word),
		 " pfn=0x%lx pages=1 order=0 pins=3 mode=r term=short api=unknown owner=0 task=0/0 comm=unknown age_ms=0 addr=0x0 map=shmem ",
		 folio_pfn(folio));
	KUNIT_EXPECT_NOT_NULL(test, strstr(s->text, word));
	KUNIT_EXPECT_NOT_NULL(test, strstr(s->text, " stack=0x0 match=exact func="));
	KUNIT_EXPECT_NOT_NULL(test, strstr(s->text, "\npin:\n\n"));
}

/* Other code may return to the same addresses. */
static void other_code_is_another(struct kunit *test)
{
	struct ring_state *s = test->priv;

	add(test, 7002);
	s->mark = 1;
	add(test, 7002);
	add(test, 7002);
	KUNIT_EXPECT_EQ(test, gup_pin_ring.newest, s->newest + 2);
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(text_of_a_hazard),
	KUNIT_CASE(the_newest_are_kept),
	KUNIT_CASE(each_kind_has_its_own),
	KUNIT_CASE(each_user_has_a_share),
	KUNIT_CASE(harmless_ones_go_first),
	KUNIT_CASE(equal_ones_are_one),
	KUNIT_CASE(readers_are_overtaken),
	KUNIT_CASE(no_pin_to_tell_of),
	KUNIT_CASE(other_code_is_another),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "gup_pin_ring",
	.init = ring_init,
	.exit = ring_exit,
	.test_cases = ring_cases,
};

kunit_test_suite(ring_suite);
