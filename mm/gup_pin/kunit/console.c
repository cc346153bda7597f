// SPDX-License-Identifier: GPL-2.0
/* Capture reports printed to the console, and compare them line by line. */
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <trace/events/printk.h>

#include "console.h"

#define LINES		320
#define LINE_MAX	384

static DEFINE_RAW_SPINLOCK(lock);
static char lines[LINES][LINE_MAX];
static unsigned int nr_lines;
static unsigned int rules;
/* Of the report that has begun: the task and the level of interrupts that print it. */
static const struct task_struct *author;
static unsigned char level;

/*
 * A report consists of two rules and the lines between them. Lines of other tasks and of
 * interrupts are not part of it: a busy machine prints that a work item hogs the CPU, for example.
 */
static void keep_line(const char *text, size_t len)
{
	bool rule = len > 20 && !strncmp(text, "====================", 20);

	if (rules % 2 && (author != current || level != interrupt_context_level()))
		return;
	author = current;
	level = interrupt_context_level();
	if ((rule || rules % 2) && nr_lines < LINES) {
		len = min(len, LINE_MAX - 1);
		memcpy(lines[nr_lines], text, len);
		lines[nr_lines++][len] = '\0';
	}
	rules += rule;
}

/* Text of one printk(), without the last newline. */
static void probe(void *ignore, const char *text, size_t len)
{
	const char *end;
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	while ((end = memchr(text, '\n', len))) {
		keep_line(text, end - text);
		len -= end + 1 - text;
		text = end + 1;
	}
	keep_line(text, len);
	raw_spin_unlock_irqrestore(&lock, flags);
}

static void unwatch(void *ignore)
{
	unregister_trace_console(probe, NULL);
	tracepoint_synchronize_unregister();
}

/**
 * gup_pin_console_watch() - capture reports until the test ends
 * @test: the test
 *
 * Return: 0 or -errno.
 */
int gup_pin_console_watch(struct kunit *test)
{
	int err = register_trace_console(probe, NULL);

	if (err)
		return err;
	gup_pin_console_clear();
	return kunit_add_action_or_reset(test, unwatch, NULL);
}

/**
 * gup_pin_console_clear() - drop the captured lines
 */
void gup_pin_console_clear(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	nr_lines = 0;
	rules = 0;
	raw_spin_unlock_irqrestore(&lock, flags);
}

/**
 * gup_pin_console_reports() - number of captured reports
 *
 * Return: their number.
 */
unsigned int gup_pin_console_reports(void)
{
	return READ_ONCE(rules) / 2;
}

/**
 * gup_pin_test_matches() - does a text match a pattern?
 * @want: the pattern; * matches any text
 * @text: the text
 *
 * Return: true if it does.
 */
bool gup_pin_test_matches(const char *want, const char *text)
{
	for (; *want && *want != '*'; want++, text++)
		if (*want != *text)
			return false;
	if (!*want)
		return !*text;
	do {
		if (gup_pin_test_matches(want + 1, text))
			return true;
	} while (*text++);
	return false;
}

static void expect_frames(struct kunit *test, unsigned int *line)
{
	KUNIT_ASSERT_EQ_MSG(test, lines[*line][0], ' ', "no frame in line %u: %s",
			    *line, lines[*line]);
	while (*line < nr_lines && lines[*line][0] == ' ')
		++*line;
}

static void expect_line(struct kunit *test, unsigned int *line,
			const char *want)
{
	bool may_lack = *want == '?', found;

	found = *line < nr_lines &&
		gup_pin_test_matches(want + may_lack, lines[*line]);
	KUNIT_ASSERT_TRUE_MSG(test, found || may_lack,
			      "line %u is: %s\nand not: %s", *line,
			      *line < nr_lines ? lines[*line] : "(none)", want);
	*line += found;
}

/**
 * gup_pin_console_expect() - expect exactly one captured report with these lines
 * @test: the test
 * @want: patterns of its lines; * matches any text; see GUP_PIN_FRAMES, GUP_PIN_TAIL
 * @nr: number of patterns
 *
 * Context: No report may be printed at the same time.
 */
void gup_pin_console_expect(struct kunit *test, const char *const *want,
			    unsigned int nr)
{
	unsigned int i, line = 0;

	KUNIT_ASSERT_EQ(test, gup_pin_console_reports(), 1);
	KUNIT_ASSERT_LT(test, nr_lines, LINES);
	for (i = 0; i < nr; i++) {
		if (!strcmp(want[i], GUP_PIN_FRAMES))
			expect_frames(test, &line);
		else
			expect_line(test, &line, want[i]);
	}
	KUNIT_EXPECT_EQ_MSG(test, line, nr_lines, "there are more lines: %s",
			    lines[line]);
}
