// SPDX-License-Identifier: GPL-2.0
/*
 * Reports of hazards, on their way to the kernel log.
 *
 * What a report says is gathered where the hazard is met, and printed by the first CPU
 * that can: one that meets another hazard meanwhile leaves its report in the queue and
 * goes on. Where interrupts are off, a work prints. Nothing here allocates, and no CPU
 * waits for what another prints.
 */
#include <linux/bitops.h>
#include <linux/ftrace.h>
#include <linux/irqflags.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/panic.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "../compat.h"
#include "internal.h"

/* Reports that wait, or are being printed. */
#define REPORT_BUFFERS	4

static struct gup_pin_report buffers[REPORT_BUFFERS];
static unsigned long buffers_used;

static LIST_HEAD(queue);
static DEFINE_RAW_SPINLOCK(queue_lock);

/* A bit lock, which is only ever tried: its holder prints all that is in the queue. */
static unsigned long printing;
/* The holder, if it is a task: what a report itself brings about is not reported. */
static struct task_struct *printing_task;

/**
 * gup_pin_report_bytes() - the memory that reports take from boot on
 *
 * Return: bytes.
 */
size_t gup_pin_report_bytes(void)
{
	return sizeof(buffers) + gup_pin_seen_bytes() + gup_pin_deed_bytes() +
	       gup_pin_ended_bytes();
}

/**
 * gup_pin_report_forget() - report again what was reported before
 */
void gup_pin_report_forget(void)
{
	gup_pin_seen_forget();
	gup_pin_deeds_forget();
}

static struct gup_pin_report *buffer_get(void)
{
	unsigned int i;

	for (i = 0; i < REPORT_BUFFERS; i++)
		if (!test_and_set_bit_lock(i, &buffers_used))
			return &buffers[i];
	return NULL;
}

static void buffer_put(struct gup_pin_report *report)
{
	clear_bit_unlock(report - buffers, &buffers_used);
}

static void enqueue(struct gup_pin_report *report)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&queue_lock, flags);
	list_add_tail(&report->list, &queue);
	raw_spin_unlock_irqrestore(&queue_lock, flags);
}

static struct gup_pin_report *dequeue(void)
{
	struct gup_pin_report *report;
	unsigned long flags;

	raw_spin_lock_irqsave(&queue_lock, flags);
	report = list_first_entry_or_null(&queue, struct gup_pin_report, list);
	if (report)
		list_del(&report->list);
	raw_spin_unlock_irqrestore(&queue_lock, flags);
	return report;
}

/*
 * The kernel is not broken, but a warning was given, and what a file has is no longer
 * certain: later reports are to say so.
 */
static void print(struct gup_pin_report *report)
{
	enum gup_pin_hazard_kind kind = report->record.kind;

	disable_trace_on_warning();
	/* As in other reports of the kernel: get it out, whatever is locked. */
	lockdep_off();
	gup_pin_report_print(report);
	gup_pin_trace_report(report->id);
	lockdep_on();
	gup_pin_ring_reported(&report->record);
	buffer_put(report);
	if (gup_pin_policy_panics(kind))
		check_panic_on_warn("GUP_PIN");
	add_taint(TAINT_WARN, LOCKDEP_STILL_OK);
}

static void print_work(struct work_struct *work);
static DECLARE_WORK(queue_work_item, print_work);

/*
 * Another CPU may leave a report just after the queue was found empty: either it finds the
 * bit clear, or its report is found in the next round. What others go on to leave is for
 * the work, so that this comes to an end.
 */
static void print_queue(void)
{
	struct gup_pin_report *report;
	unsigned int printed = 0;

	for (;;) {
		smp_mb(); /* between adding to the queue and the bit, and the other way round */
		if (list_empty_careful(&queue) ||
		    test_and_set_bit_lock(0, &printing))
			return;
		if (in_task())
			WRITE_ONCE(printing_task, current);
		while (printed < REPORT_BUFFERS && (report = dequeue())) {
			print(report);
			printed++;
		}
		WRITE_ONCE(printing_task, NULL);
		clear_bit_unlock(0, &printing);
		if (printed == REPORT_BUFFERS) {
			schedule_work(&queue_work_item);
			return;
		}
	}
}

static void print_work(struct work_struct *work)
{
	print_queue();
}

/*
 * Printing takes long, so not with interrupts off or in one, unless the machine is to stop
 * here and now.
 */
static bool print_here(enum gup_pin_hazard_kind kind)
{
	return (!irqs_disabled() && !in_hardirq() && !in_serving_softirq()) ||
	       (READ_ONCE(panic_on_warn) && gup_pin_policy_panics(kind));
}

static void print_soon(enum gup_pin_hazard_kind kind)
{
	if (print_here(kind))
		print_queue();
	else
		schedule_work(&queue_work_item);
}

/* Returns whether it will be printed. */
static bool try_report(const struct gup_pin_hazard *hazard,
		       const struct gup_pin_hazard_record *record)
{
	struct gup_pin_report *report = buffer_get();

	if (!report)
		return false;
	if (!gup_pin_seen_first(record)) {
		buffer_put(report);
		return false;
	}
	gup_pin_report_fill(report, hazard, record);
	enqueue(report);
	print_soon(record->kind);
	return true;
}

/**
 * gup_pin_report() - report a hazard, if no equal one was reported
 * @hazard: the hazard
 * @record: what is known of it
 *
 * One that is not printed is counted. Context as gup_pin_hazard().
 *
 * Return: false if neither it nor an equal one was reported.
 */
bool gup_pin_report(const struct gup_pin_hazard *hazard,
		    const struct gup_pin_hazard_record *record)
{
	bool seen = false;

	if (!in_task() || READ_ONCE(printing_task) != current) {
		seen = gup_pin_seen(record);
		if (!seen && try_report(hazard, record))
			return true;
	}
	atomic64_inc(&gup_pin_root.reports_suppressed);
	return seen;
}

/**
 * gup_pin_report_exit() - wait for reports that are being printed
 */
void __gup_pin_exit gup_pin_report_exit(void)
{
	cancel_work_sync(&queue_work_item);
}
