// SPDX-License-Identifier: GPL-2.0
/* Shared by the tests of hazards: a page of a file, counted hazards, printed reports. */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/shmem_fs.h>

#include "../gup_pin.h"
#include "case.h"
#include "console.h"
#include "file.h"
#include "hazard_scene.h"

static u64 counted(enum gup_pin_hazard_kind kind)
{
	return atomic64_read(&gup_pin_root.hazards[kind]);
}

/* Number of hazards of this kind since the start. */
u64 gup_pin_scene_counted(struct kunit *test, enum gup_pin_hazard_kind kind)
{
	struct gup_pin_scene *s = test->priv;

	return counted(kind) - s->counted[kind];
}

static u64 suppressed(void)
{
	return atomic64_read(&gup_pin_root.reports_suppressed);
}

/* Restart counting. */
void gup_pin_scene_start(struct kunit *test)
{
	struct gup_pin_scene *s = test->priv;
	unsigned int i;

	for (i = 0; i < NR_GUP_PIN_HAZARDS; i++)
		s->counted[i] = counted(i);
	s->suppressed = suppressed();
	s->false_positive = atomic64_read(&gup_pin_root.false_positive);
	gup_pin_report_forget();
	gup_pin_console_clear();
}

/* Used as a suite's .init: maps a file, and pins nothing. */
int gup_pin_scene_init(struct kunit *test)
{
	struct gup_pin_scene *s = gup_pin_case_begin(test, true, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	test->priv = s;
	err = gup_pin_console_watch(test);
	if (err)
		return err;
	s->addr = gup_pin_test_map(test, GUP_PIN_SCENE_PAGES);
	s->page = gup_pin_test_pin(test, s->addr, true);
	s->folio = page_folio(s->page);
	unpin_user_page(s->page);
	gup_pin_scene_start(test);
	return 0;
}

/* Expect this number of hazards of this kind since the start, and none of others. */
void gup_pin_expect_counted(struct kunit *test, enum gup_pin_hazard_kind kind,
			    u64 times)
{
	unsigned int i;

	for (i = 0; i < NR_GUP_PIN_HAZARDS; i++)
		KUNIT_EXPECT_EQ_MSG(test, gup_pin_scene_counted(test, i),
				    i == kind ? times : 0, "%s",
				    gup_pin_hazard_names[i]);
}

/* Expect these numbers of printed and suppressed reports since the start. */
void gup_pin_expect_reported(struct kunit *test, unsigned int printed,
			     unsigned int not_printed)
{
	struct gup_pin_scene *s = test->priv;

	KUNIT_EXPECT_EQ(test, gup_pin_console_reports(), printed);
	KUNIT_EXPECT_EQ(test, suppressed() - s->suppressed, not_printed);
}

void gup_pin_expect_nothing(struct kunit *test)
{
	gup_pin_expect_counted(test, NR_GUP_PIN_HAZARDS, 0);
	gup_pin_expect_reported(test, 0, 0);
}

struct page *gup_pin_scene_pin(struct kunit *test, bool write)
{
	struct gup_pin_scene *s = test->priv;

	return gup_pin_test_pin(test, s->addr, write);
}

noinline void gup_pin_scene_writeback(struct kunit *test)
{
	struct gup_pin_scene *s = test->priv;

	gup_pin_test_start_writeback(s->folio);
	gup_pin_test_end_writeback(s->folio);
}

noinline void gup_pin_scene_truncate(struct kunit *test, loff_t from, loff_t to)
{
	struct gup_pin_scene *s = test->priv;

	shmem_truncate_range(s->folio->mapping->host, from, to);
}

/* The expected lines for the folio, its file and one of our pins. */
const char *gup_pin_folio_line(struct kunit *test, unsigned int recorded,
			       unsigned int real)
{
	struct gup_pin_scene *s = test->priv;

	snprintf(s->line[0], sizeof(s->line[0]),
		 "folio: pfn=0x%lx order=0 map=shmem flags=0x*(*) refcount=* mapcount=* recorded_pins=%u real_pins=%u",
		 folio_pfn(s->folio), recorded, real);
	return s->line[0];
}

const char *gup_pin_file_line(struct kunit *test)
{
	struct gup_pin_scene *s = test->priv;
	struct inode *inode = s->folio->mapping->host;

	snprintf(s->line[1], sizeof(s->line[1]),
		 "file: fs=tmpfs dev=%u:%u ino=%llu index=0x0 name=\"/gup_pin\" stable_pages=no nlink=0",
		 MAJOR(inode->i_sb->s_dev), MINOR(inode->i_sb->s_dev),
		 (u64)inode->i_ino);
	return s->line[1];
}

const char *gup_pin_event_line(void)
{
	static char line[96];

	snprintf(line, sizeof(line), "event: task=%d/%d comm=%s",
		 task_tgid_nr(current), task_pid_nr(current), current->comm);
	return line;
}

static const char *pin_line(struct kunit *test, const char *mode)
{
	struct gup_pin_scene *s = test->priv;

	snprintf(s->line[2], sizeof(s->line[2]),
		 "pin: mode=%s term=short api=pin_user_pages_fast owner=* task=%d/%d comm=%s age_ms=* pins=1 addr=0x%lx match=exact alive=yes uid=0 stack=0x*",
		 mode, task_tgid_nr(current), task_pid_nr(current),
		 current->comm, s->addr);
	return s->line[2];
}

/* Expect a report with one pin; frames and numbers may have any value. */
void gup_pin_expect_report(struct kunit *test, const char *title,
			   const char *func, const char *mode, const char *file)
{
	char first[128], frame[64];
	const char *const want[] = {
		GUP_PIN_RULE,
		first,
		"",
		gup_pin_folio_line(test, 1, 1),
		file,
		"",
		gup_pin_event_line(),
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
	gup_pin_expect_reported(test, 1, 0);
}
