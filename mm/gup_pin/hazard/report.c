// SPDX-License-Identifier: GPL-2.0
/*
 * Queue of hazard reports for the kernel log.
 *
 * The contents of a report are gathered where the hazard is detected, and printed by
 * the first CPU that can. A CPU that detects another hazard meanwhile queues its report
 * and continues. With interrupts disabled, a work item prints. Nothing here allocates
 * memory, and no CPU waits for the output of another.
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

/* Maximum number of reports that are queued or being printed. */
#define REPORT_BUFFERS	4

static struct gup_pin_report buffers[REPORT_BUFFERS];
static unsigned long buffers_used;

static LIST_HEAD(queue);
static DEFINE_RAW_SPINLOCK(queue_lock);

/* A bit lock that is only tried: its holder prints everything in the queue. */
static unsigned long printing;
/* The holder, if it is a task: hazards caused by printing a report are not reported. */
static struct task_struct *printing_task;

/**
 * gup_pin_report_bytes() - memory that reports take from boot on
 *
 * Return: bytes.
 */
size_t gup_pin_report_bytes(void)
{
	size_t bytes = sizeof(buffers) + gup_pin_seen_bytes() + gup_pin_deed_bytes();

	bytes += gup_pin_ended_bytes();
	return bytes;
}

/**
 * gup_pin_report_forget() - allow reporting everything again
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
 * Taint with a warning: the kernel works, but data of a file is no longer certain, and
 * later reports should show it.
 */
static void print(struct gup_pin_report *report)
{
	enum gup_pin_hazard_kind kind = report->record.kind;

	disable_trace_on_warning();
	/* Print whatever locks are held, as other reports of the kernel do. */
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
 * Another CPU may queue a report just after the queue was found empty: either it finds
 * the bit clear, or the next iteration finds its report. The number of reports is
 * limited, so that the loop ends; the work item prints the rest.
 */
static void print_queue(void)
{
	struct gup_pin_report *report;
	unsigned int printed = 0;

	for (;;) {
		smp_mb(); /* between adding to the queue and testing the bit, and vice versa */
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
 * Printing is slow, so avoid it in interrupts and with interrupts disabled, unless the
 * machine should panic right here.
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

/* Return true if the report will be printed. */
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
 * gup_pin_report() - report a hazard, unless an equal one was reported
 * @hazard: the hazard
 * @record: its record
 *
 * Counts the hazards that are not reported.
 *
 * Context: As gup_pin_hazard().
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
 * gup_pin_report_exit() - print the reports that are queued
 */
void __gup_pin_exit gup_pin_report_exit(void)
{
	flush_work(&queue_work_item);
	cancel_work_sync(&queue_work_item);
}
