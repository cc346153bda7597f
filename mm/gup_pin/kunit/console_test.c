// SPDX-License-Identifier: GPL-2.0
/* Which lines of the console are a report, as console.c sees it. */
#include <linux/irq_work.h>
#include <linux/printk.h>
#include <linux/workqueue.h>

#include "case.h"
#include "console.h"

static int watch(struct kunit *test)
{
	return gup_pin_case_start(test) ?: gup_pin_console_watch(test);
}

/* A report of one line, by this task. */
static void expect_report(struct kunit *test)
{
	static const char *const want[] = { GUP_PIN_RULE, "a line", GUP_PIN_RULE };

	gup_pin_console_expect(test, want, ARRAY_SIZE(want));
}

static void lines_around(struct kunit *test)
{
	pr_info("before\n");
	pr_info(GUP_PIN_RULE "\n");
	KUNIT_EXPECT_EQ(test, gup_pin_console_reports(), 0);
	pr_info("a line\n");
	pr_info(GUP_PIN_RULE "\n");
	pr_info("after\n");
	expect_report(test);
	gup_pin_console_clear();
	/* All by one printk(). */
	pr_info(GUP_PIN_RULE "\na line\n" GUP_PIN_RULE "\n");
	expect_report(test);
}

/* A report of another task, which ends before that of this one. */
static void print_report(void)
{
	pr_info(GUP_PIN_RULE "\n");
	pr_info("a line of another\n");
	pr_info(GUP_PIN_RULE "\n");
}

static void print_by_task(struct work_struct *work)
{
	print_report();
}

static void other_task(struct kunit *test)
{
	struct work_struct work;

	INIT_WORK_ONSTACK(&work, print_by_task);
	pr_info(GUP_PIN_RULE "\n");
	schedule_work(&work);
	flush_work(&work);
	pr_info("a line\n");
	pr_info(GUP_PIN_RULE "\n");
	destroy_work_on_stack(&work);
	expect_report(test);
}

static void print_by_interrupt(struct irq_work *work)
{
	print_report();
}

static void interrupt(struct kunit *test)
{
	struct irq_work work = IRQ_WORK_INIT_HARD(print_by_interrupt);

	pr_info(GUP_PIN_RULE "\n");
	irq_work_queue(&work);
	irq_work_sync(&work);
	pr_info("a line\n");
	pr_info(GUP_PIN_RULE "\n");
	expect_report(test);
}

/* The next report may have another author. */
static void one_after_another(struct kunit *test)
{
	struct work_struct work;

	INIT_WORK_ONSTACK(&work, print_by_task);
	pr_info(GUP_PIN_RULE "\na line\n" GUP_PIN_RULE "\n");
	schedule_work(&work);
	flush_work(&work);
	destroy_work_on_stack(&work);
	KUNIT_EXPECT_EQ(test, gup_pin_console_reports(), 2);
}

static struct kunit_case console_cases[] = {
	KUNIT_CASE(lines_around),
	KUNIT_CASE(other_task),
	KUNIT_CASE(interrupt),
	KUNIT_CASE(one_after_another),
	{}
};

static struct kunit_suite console_suite = {
	.name = "gup_pin_console",
	.init = watch,
	.test_cases = console_cases,
};

kunit_test_suite(console_suite);
