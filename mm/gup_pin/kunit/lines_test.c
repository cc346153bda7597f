// SPDX-License-Identifier: GPL-2.0
/* Files of pins, hazards and refusals, read and filtered as by a program. */
#include <kunit/test.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../gup_pin.h"
#include "../view/view.h"
#include "case.h"
#include "file.h"

#define TEXT	(512 << 10)

struct lines_state {
	const struct file_operations *fops;
	struct inode *inode;
	struct file *file;
	loff_t pos;
	struct page *page;
	unsigned long user;
	char *text;
};

static int lines_init(struct kunit *test)
{
	struct lines_state *s = gup_pin_case_begin(test, false, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->inode = kunit_kzalloc(test, sizeof(*s->inode), GFP_KERNEL);
	s->file = kunit_kzalloc(test, sizeof(*s->file), GFP_KERNEL);
	s->text = kunit_kzalloc(test, TEXT, GFP_KERNEL);
	s->user = kunit_vm_mmap(test, NULL, 0, TEXT, PROT_READ | PROT_WRITE,
				MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (!s->inode || !s->file || !s->text || !s->user)
		return -ENOMEM;
	test->priv = s;
	s->page = gup_pin_test_pin(test, gup_pin_test_map(test, 1), true);
	return 0;
}

static void lines_exit(struct kunit *test)
{
	struct lines_state *s = test->priv;

	if (!s)
		return;
	if (s->fops)
		s->fops->release(s->inode, s->file);
	if (s->page)
		unpin_user_page(s->page);
	gup_pin_case_unpin(test);
}

static void open_file(struct kunit *test, const struct file_operations *fops)
{
	struct lines_state *s = test->priv;

	KUNIT_ASSERT_EQ(test, 0, fops->open(s->inode, s->file));
	s->fops = fops;
}

static ssize_t write_file(struct kunit *test, const char *words)
{
	struct lines_state *s = test->priv;
	size_t len = strlen(words);

	KUNIT_ASSERT_EQ(test, 0, copy_to_user((void __user *)s->user, words, len));
	return s->fops->write(s->file, (char __user *)s->user, len, &s->pos);
}

/* Read from the current position to the end, a few bytes at a time. */
static const char *read_file(struct kunit *test)
{
	struct lines_state *s = test->priv;
	size_t len = 0;
	ssize_t got;

	do {
		got = s->fops->read(s->file, (char __user *)s->user + len,
				    min(100, TEXT - 1 - len), &s->pos);
		if (got > 0)
			len += got;
	} while (got > 0);
	KUNIT_EXPECT_EQ(test, got, 0);
	KUNIT_ASSERT_EQ(test, 0, copy_from_user(s->text, (void __user *)s->user,
						len));
	s->text[len] = '\0';
	return s->text;
}

static bool shows_pin(struct kunit *test)
{
	struct lines_state *s = test->priv;
	char word[32];

	snprintf(word, sizeof(word), "\npfn=0x%lx ", page_to_pfn(s->page));
	return strstr(read_file(test), word);
}

static void filtered(struct kunit *test)
{
	struct lines_state *s = test->priv;
	char words[64];

	open_file(test, &gup_pin_pins_fops);
	KUNIT_EXPECT_TRUE(test, shows_pin(test));
	KUNIT_EXPECT_EQ(test, 0, strncmp(s->text, "# gup_pin pins 1\n", 17));
	KUNIT_EXPECT_NOT_NULL(test, strstr(s->text, " match=exact path=/gup_pin\n"));

	/* A new filter applies to the next read, which starts at the beginning. */
	KUNIT_EXPECT_EQ(test, 6, write_file(test, "mode=r"));
	KUNIT_EXPECT_FALSE(test, shows_pin(test));
	KUNIT_EXPECT_EQ(test, 0, strncmp(s->text, "# gup_pin pins 1\n", 17));
	snprintf(words, sizeof(words), "mode=w ino=%llu",
		 (u64)page_folio(s->page)->mapping->host->i_ino);
	KUNIT_EXPECT_EQ(test, strlen(words), write_file(test, words));
	KUNIT_EXPECT_TRUE(test, shows_pin(test));

	/* An invalid filter changes nothing. */
	KUNIT_EXPECT_EQ(test, -EINVAL, write_file(test, "mode=r x=1"));
	KUNIT_EXPECT_STREQ(test, read_file(test), "");
	s->pos = 0;
	KUNIT_EXPECT_TRUE(test, shows_pin(test));
	KUNIT_EXPECT_EQ(test, 1, write_file(test, "\n"));
	KUNIT_EXPECT_TRUE(test, shows_pin(test));
}

/* Our own task is alive, so there is no orphan. */
static void no_orphan(struct kunit *test)
{
	struct lines_state *s = test->priv;

	open_file(test, &gup_pin_orphans_fops);
	KUNIT_EXPECT_FALSE(test, shows_pin(test));
	KUNIT_EXPECT_EQ(test, 0, strncmp(s->text, "# gup_pin orphans 1\n", 20));
}

/* A pin found by a walk may be gone afterwards. */
static void still_held(struct kunit *test)
{
	struct lines_state *s = test->priv;
	struct gup_pin_holders holders;
	struct gup_pin_item item;

	KUNIT_ASSERT_EQ(test, 1,
			gup_pin_walk_holders(&gup_pin_root.index, page_to_pfn(s->page),
					     &item, 1, &holders));
	KUNIT_EXPECT_TRUE(test, gup_pin_still_held(&gup_pin_root.index, NULL, &item));
	item.time++;
	KUNIT_EXPECT_FALSE(test, gup_pin_still_held(&gup_pin_root.index, NULL, &item));
	item.time--;
	unpin_user_page(s->page);
	s->page = NULL;
	KUNIT_EXPECT_FALSE(test, gup_pin_still_held(&gup_pin_root.index, NULL, &item));
}

/* The name is valid only while the folio is in that file. Long names are cut at the front. */
static void names(struct kunit *test)
{
	struct lines_state *s = test->priv;
	struct folio *folio = page_folio(s->page);
	struct gup_pin_folio desc;
	char name[GUP_PIN_NAME_MAX], part[4];

	gup_pin_folio_describe(folio, &desc);
	gup_pin_file_name(folio, &desc, name, sizeof(name));
	KUNIT_EXPECT_STREQ(test, name, "/gup_pin");
	gup_pin_file_name(folio, &desc, part, sizeof(part));
	KUNIT_EXPECT_STREQ(test, part, "pin");
	gup_pin_file_type(folio, name, sizeof(name));
	KUNIT_EXPECT_GT(test, strlen(name), 0);
	desc.ino++;
	gup_pin_file_name(folio, &desc, name, sizeof(name));
	KUNIT_EXPECT_STREQ(test, name, "");
	desc.ino = 0;
	gup_pin_file_name(folio, &desc, name, sizeof(name));
	KUNIT_EXPECT_STREQ(test, name, "");
}

/* Pointers followed to find a name are not trusted. */
static void no_names(struct kunit *test)
{
	struct folio *folio = gup_pin_test_stand_in(test);
	struct address_space *mapping = folio->mapping;
	struct gup_pin_folio desc;
	char name[GUP_PIN_NAME_MAX];

	gup_pin_folio_describe(folio, &desc);
	KUNIT_EXPECT_EQ(test, desc.ino, 42);
	gup_pin_file_name(folio, &desc, name, sizeof(name));
	KUNIT_EXPECT_STREQ(test, name, "");
	folio->mapping = (struct address_space *)(PAGE_SIZE / 2);
	gup_pin_file_name(folio, &desc, name, sizeof(name));
	KUNIT_EXPECT_STREQ(test, name, "");
	gup_pin_file_type(folio, name, sizeof(name));
	KUNIT_EXPECT_STREQ(test, name, "");
	folio->mapping = mapping;
}

#define NO_PID	(PID_MAX_LIMIT + 1)

static void who_lives(struct kunit *test)
{
	const u64 long_ago = U64_MAX / 2;
	pid_t tgid = task_tgid_nr(current), pid = task_pid_nr(current);

	KUNIT_EXPECT_TRUE(test, gup_pin_process_lives(tgid, 0));
	KUNIT_EXPECT_TRUE(test, gup_pin_task_lives(pid, 0));
	KUNIT_EXPECT_FALSE(test, gup_pin_process_lives(NO_PID, 0));
	KUNIT_EXPECT_FALSE(test, gup_pin_task_lives(NO_PID, 0));
	/* This task is younger, so the pin's task was another. */
	KUNIT_EXPECT_FALSE(test, gup_pin_process_lives(tgid, long_ago));
	KUNIT_EXPECT_FALSE(test, gup_pin_task_lives(pid, long_ago));

	KUNIT_EXPECT_EQ(test, tgid, gup_pin_process_nr(tgid, 0, &init_pid_ns));
	KUNIT_EXPECT_EQ(test, pid, gup_pin_task_nr(pid, 0, &init_pid_ns));
	KUNIT_EXPECT_EQ(test, 0, gup_pin_process_nr(NO_PID, 0, &init_pid_ns));
	KUNIT_EXPECT_EQ(test, 0, gup_pin_task_nr(pid, long_ago, &init_pid_ns));
}

/* As seen by an unprivileged reader of /proc/PID/gup_pins. */
static void hidden(struct kunit *test)
{
	struct lines_state *s = test->priv;
	struct seq_file *m;
	struct gup_pin_lines *lines;

	open_file(test, &gup_pin_pins_fops);
	m = s->file->private_data;
	lines = m->private;
	lines->hide = true;
	KUNIT_EXPECT_FALSE(test, shows_pin(test));
	KUNIT_EXPECT_NOT_NULL(test, strstr(s->text, "\npfn=0x0 pages=1 "));
	KUNIT_EXPECT_NOT_NULL(test, strstr(s->text,
					   " stack=0x0 match=exact path=gup_pin\n"));
}

/* Add as many hazards as are kept of a kind. None equals another. */
static void add_hazards(struct kunit *test)
{
	static unsigned long nth;
	struct lines_state *s = test->priv;
	struct gup_pin_event event = { .nr = 1 };
	const struct gup_pin_hazard hazard = {
		.kind = GUP_PIN_HAZARD_TRUNCATE,
		.stake = GUP_PIN_STAKE_END,
		.folio = page_folio(s->page),
		.event = &event,
	};
	unsigned int i;

	for (i = 0; i < GUP_PIN_RING_PLACES; i++) {
		event.entries[0] = ++nth;
		gup_pin_hazard(&hazard);
	}
}

/* Read at most @len bytes to the start of the user's buffer. */
static ssize_t read_some(struct kunit *test, size_t len)
{
	struct lines_state *s = test->priv;

	return s->fops->read(s->file, (char __user *)s->user, len, &s->pos);
}

/* A reader comes to an end, though there are new hazards each time that it reads. */
static void new_hazards_all_the_time(struct kunit *test)
{
	const unsigned int enough = NR_GUP_PIN_HAZARDS * GUP_PIN_RING_PLACES + 1;
	unsigned int reads = 0;

	add_hazards(test);
	open_file(test, &gup_pin_hazards_fops);
	while (reads <= enough && read_some(test, 4096) > 0) {
		add_hazards(test);
		reads++;
	}
	KUNIT_EXPECT_LE(test, reads, enough);
	KUNIT_EXPECT_GT(test, reads, 0);
}

/* An address in code that is gone; its name begins with another letter now. */
#define IP	((unsigned long)kunit_run_tests + 1)

static void rename_gone(struct kunit *test)
{
	const struct gup_pin_code code = {
		.module = "old",
		.gone = "unloaded",
		.start = { IP - 1 },
		.end = { IP + 16 },
	};
	struct gup_pin_unloaded *name;
	unsigned int i, found = 0;

	gup_pin_code_changes(&code);
	for (i = 0; i < ARRAY_SIZE(gup_pin_unloads.buckets); i++)
		hlist_for_each_entry(name, &gup_pin_unloads.buckets[i], node)
			if (name->ip == IP) {
				*(char *)name->name = 'A';
				found++;
			}
	KUNIT_EXPECT_GT(test, found, 0);
}

/* Other code is where the function was that the hazard is about. */
static void function_that_is_gone(struct kunit *test)
{
	struct gup_pin_hazard_record *hazard = kunit_kzalloc(test, sizeof(*hazard), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, hazard);
	gup_pin_unloaded_exit();
	hazard->kind = GUP_PIN_HAZARD_OVERDUE;
	hazard->stake = GUP_PIN_STAKE_TIME;
	hazard->place.used = 1;
	hazard->key = 0x66756e6374696f6eULL;
	hazard->count = 1;
	strscpy(hazard->event.comm, "old_code");
	hazard->event.ip = IP;
	hazard->event.nr = 1;
	hazard->event.entries[0] = IP;
	gup_pin_ring_add(hazard, false);
	rename_gone(test);
	open_file(test, &gup_pin_hazards_fops);
	KUNIT_EXPECT_GT(test, write_file(test, "comm=old_code"), 0);
	KUNIT_EXPECT_NOT_NULL(test, strstr(read_file(test), " func=Aunit_run_tests+0x1 "));
	gup_pin_unloaded_exit();
}

/* Records that are kept, and records that replace the oldest ones during a read. */
#define REFUSALS	1024
#define REPLACED	40

/* A tenth for each user, so that none has more than its share. */
static void add_refusals(unsigned int first, unsigned int end)
{
	const struct gup_pin_target target = { .why = "file" };
	struct gup_pin_id id = { .term = GUP_PIN_LONG, .comm = "kunit" };

	for (; first < end; first++) {
		id.pid = first;
		id.uid = first % 10;
		gup_pin_refused_by(&id, -EFAULT, &target);
	}
}

/* Records that a reader has passed go: it misses none of those that stay. */
static void refusals_go_meanwhile(struct kunit *test)
{
	unsigned int i, missed = 0;
	const char *text, *found;
	char word[32];

	add_refusals(0, REFUSALS);
	open_file(test, &gup_pin_refused_fops);
	KUNIT_EXPECT_GT(test, read_some(test, 2000), 0);
	add_refusals(REFUSALS, REFUSALS + REPLACED);
	text = read_file(test);
	for (i = REPLACED; i < REFUSALS; i++) {
		snprintf(word, sizeof(word), " task=0/%u ", i);
		/* They are in order. */
		found = strstr(text, word);
		text = found ?: text;
		missed += !found;
	}
	KUNIT_EXPECT_EQ(test, missed, 0);
	/* What was added since it began would keep it reading. */
	snprintf(word, sizeof(word), " task=0/%u ", REFUSALS);
	KUNIT_EXPECT_NULL(test, strstr(text, word));
}

/* A user that is refused as often as it likes, under any number of names. */
static void refusals_of_one_user(struct kunit *test)
{
	const struct gup_pin_target target = { .why = "file" };
	struct gup_pin_id id = { .term = GUP_PIN_LONG, .comm = "other", .uid = 1 };
	const char *text;

	gup_pin_refused_by(&id, -EFAULT, &target);
	strscpy(id.comm, "many", sizeof(id.comm));
	id.uid = 2;
	for (id.pid = 0; id.pid < 2 * REFUSALS; id.pid++)
		gup_pin_refused_by(&id, -EFAULT, &target);
	open_file(test, &gup_pin_refused_fops);
	text = read_file(test);
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, " comm=other "));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, " task=0/2047 comm=many "));
	KUNIT_EXPECT_NULL(test, strstr(text, " task=0/0 comm=many "));
}

static struct kunit_case lines_cases[] = {
	KUNIT_CASE(filtered),
	KUNIT_CASE(no_orphan),
	KUNIT_CASE(still_held),
	KUNIT_CASE(names),
	KUNIT_CASE(no_names),
	KUNIT_CASE(who_lives),
	KUNIT_CASE(hidden),
	KUNIT_CASE(new_hazards_all_the_time),
	KUNIT_CASE(function_that_is_gone),
	KUNIT_CASE(refusals_go_meanwhile),
	KUNIT_CASE(refusals_of_one_user),
	{}
};

static struct kunit_suite lines_suite = {
	.name = "gup_pin_lines",
	.init = lines_init,
	.exit = lines_exit,
	.test_cases = lines_cases,
};

kunit_test_suite(lines_suite);
