// SPDX-License-Identifier: GPL-2.0
/*
 * The pages of a DAX file are blocks of the disk, so they cannot be freed while a
 * device may still write to them: truncation waits until all pins are released.
 *
 * Such waits are expected, and mostly short. A wait is counted when it begins, and
 * reported when it and one of the pins have lasted for gup_pin.dax_wait_ms: a task may
 * wait again and again, each time for other pins. There is no hook while a task
 * waits or when it stops waiting, so a work item checks the known waits.
 */
#include <linux/container_of.h>
#include <linux/cred.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/task.h>
#include <linux/spinlock.h>
#include <linux/stacktrace.h>
#include <linux/string_choices.h>
#include <linux/workqueue.h>

#include "../compat.h"
#include "internal.h"

unsigned long gup_pin_dax_wait_ms __read_mostly = 1000;
module_param_named(dax_wait_ms, gup_pin_dax_wait_ms, ulong, 0644);
MODULE_PARM_DESC(dax_wait_ms,
		 "report truncations of DAX files that wait for pins for longer than so many ms");

/* Waits known at the same time. If there are more, see gup_pin_place_for(). */
#define WAITS_MAX	16

/* Stack depth to search: a waiting task is deep in the kernel. */
#define WAIT_DEPTH	48

/**
 * struct wait - a task waits for the pins of a folio
 * @place: the user, when the wait began, and whether it was reported
 * @task: the task, with a reference; NULL if this entry is free
 * @pfn: head pfn of the folio
 * @event: where the wait began
 */
struct wait {
	struct gup_pin_place place;
	struct task_struct *task;
	unsigned long pfn;
	struct gup_pin_event event;
};

static struct wait waits[WAITS_MAX];
static DEFINE_SPINLOCK(waits_lock);

static void look_after_waits(struct work_struct *work);
static DECLARE_DELAYED_WORK(waits_work, look_after_waits);

/* A new wait must not delay the check of the others, and must not be checked late itself. */
static void look_soon(unsigned long ms)
{
	schedule_delayed_work(&waits_work, msecs_to_jiffies(clamp(ms, 10UL, 500UL)) + 1);
}

/**
 * struct waiting - a hazard and its additions to the report
 * @hazard: the hazard
 * @holders: pins that the task waits for
 */
struct waiting {
	struct gup_pin_hazard hazard;
	struct gup_pin_holders holders;
};

static void print_wait(const struct gup_pin_hazard *hazard, char *buf, size_t size)
{
	const struct gup_pin_holders *holders =
		&container_of(hazard, struct waiting, hazard)->holders;
	u64 now = local_clock();

	scnprintf(buf, size,
		  "waits for %llu ms so far, gup_pin.dax_wait_ms=%lu\n"
		  "waits for %u pin%s, the oldest held for %llu ms so far\n",
		  gup_pin_age_ms(hazard->event->time, now),
		  READ_ONCE(gup_pin_dax_wait_ms),
		  holders->pins, str_plural(holders->pins),
		  gup_pin_age_ms(holders->oldest, now));
}

static bool has_lasted(u64 since)
{
	return gup_pin_age_ms(since, local_clock()) >= READ_ONCE(gup_pin_dax_wait_ms);
}

/* Returns false if the wait has to be reported later. */
static bool tell(struct folio *folio, const struct wait *wait,
		 enum gup_pin_stake stake, bool again)
{
	struct waiting waiting = {
		.hazard.kind = GUP_PIN_HAZARD_TRUNCATE,
		.hazard.stake = stake,
		.hazard.folio = folio,
		.hazard.ip = wait->event.ip,
		.hazard.title = "truncation waits for pinned folio",
		.hazard.event = &wait->event,
		.hazard.again = again,
		.hazard.details = print_wait,
	};

	gup_pin_walk_holders(&gup_pin_root.index, folio_pfn(folio), NULL, 0,
			     &waiting.holders);
	if (!waiting.holders.pins)
		return true;
	if (stake == GUP_PIN_STAKE_HANG && !has_lasted(waiting.holders.oldest))
		return false;
	return gup_pin_hazard(&waiting.hazard);
}

/* Find a wait of this task that began earlier: some callers drop all locks and retry. */
static struct wait *find_wait(unsigned long pfn)
{
	unsigned int i;

	for (i = 0; i < WAITS_MAX; i++)
		if (waits[i].task == current && waits[i].pfn == pfn)
			return &waits[i];
	return NULL;
}

/* Return a task whose reference the caller must drop, or NULL. */
static struct task_struct *add_wait(const struct wait *wait)
{
	struct wait *place;
	struct task_struct *old;

	spin_lock(&waits_lock);
	place = &waits[gup_pin_place_for(&waits->place, sizeof(*waits), WAITS_MAX,
					 wait->place.uid)];
	old = place->task;
	*place = *wait;
	get_task_struct(place->task);
	spin_unlock(&waits_lock);
	return old;
}

/* Find the entry of a wait; NULL if it was replaced. */
static struct wait *find_same(const struct wait *wait)
{
	unsigned int i;

	for (i = 0; i < WAITS_MAX; i++)
		if (waits[i].task == wait->task &&
		    waits[i].event.time == wait->event.time)
			return &waits[i];
	return NULL;
}

/* Report a wait that was marked as reported. */
static void report(struct folio *folio, const struct wait *wait)
{
	struct wait *place;

	if (tell(folio, wait, GUP_PIN_STAKE_HANG, true))
		return;
	spin_lock(&waits_lock);
	place = find_same(wait);
	if (place)
		place->place.spare = false;
	spin_unlock(&waits_lock);
}

/* Report the wait if it is known and has lasted too long. Return true if it is known. */
static bool known_wait(struct folio *folio)
{
	struct wait *known, copy;
	bool due = false;

	spin_lock(&waits_lock);
	known = find_wait(folio_pfn(folio));
	if (known && !known->place.spare && has_lasted(known->event.time)) {
		due = true;
		known->place.spare = true;
		copy = *known;
	}
	spin_unlock(&waits_lock);
	if (due)
		report(folio, &copy);
	return known;
}

/* Any pin keeps the folio, including one taken after the wait began. */
static bool is_pinned(unsigned long pfn)
{
	struct gup_pin_holders holders;

	gup_pin_walk_holders(&gup_pin_root.index, pfn, NULL, 0, &holders);
	return holders.pins;
}

/*
 * The page belongs to the device, so it stays valid even if the last pin is dropped
 * meanwhile.
 */
void __gup_pin_dax_wait(struct folio *folio, unsigned long ip)
{
	unsigned long ms = READ_ONCE(gup_pin_dax_wait_ms);
	struct wait wait = {
		.task = current,
		.pfn = folio_pfn(folio),
		.place.uid = __kuid_val(current_uid()),
		.place.spare = !ms,
	};
	struct task_struct *old;

	if (gup_pin_policy_of(GUP_PIN_HAZARD_TRUNCATE) == GUP_PIN_POLICY_OFF ||
	    !is_pinned(wait.pfn) || known_wait(folio))
		return;
	gup_pin_event_now(&wait.event, ip);
	wait.place.used = wait.event.time ?: 1;
	old = add_wait(&wait);
	if (old)
		put_task_struct(old);
	tell(folio, &wait, ms ? GUP_PIN_STAKE_WAIT : GUP_PIN_STAKE_HANG, false);
	look_soon(ms);
}

/*
 * Check whether the task is still waiting: a signal may have ended the wait. The
 * waiting function may have moved on to another instruction, so look for the return
 * address into its caller. A task that polls without sleeping has no stack to read; it
 * calls the hook again.
 */
static bool still_waits(const struct wait *wait)
{
	unsigned long entries[WAIT_DEPTH];
	unsigned int i, nr;

	if (READ_ONCE(wait->task->exit_state))
		return false;
	if (wait->event.nr < 2)
		return true;
	nr = stack_trace_save_tsk(wait->task, entries, WAIT_DEPTH, 0);
	if (!nr)
		return true;
	for (i = 0; i < nr; i++)
		if (entries[i] == wait->event.entries[1])
			return true;
	return false;
}

static void look_after(struct wait *wait)
{
	struct folio *folio;

	if (wait->place.spare)
		return;
	folio = gup_pin_folio_get(wait->pfn);
	if (!folio)
		return;
	report(folio, wait);
	gup_pin_folio_put(folio);
}

/* Free the entry of a wait that is over. */
static void end_wait(const struct wait *wait)
{
	struct task_struct *task = NULL;
	struct wait *place;

	spin_lock(&waits_lock);
	place = find_same(wait);
	if (place) {
		task = place->task;
		place->task = NULL;
		place->place.used = 0;
	}
	spin_unlock(&waits_lock);
	if (task)
		put_task_struct(task);
}

/* Copy a wait and take a reference to its task. Return false if the entry is free. */
static bool get_wait(unsigned int i, struct wait *copy, bool *due)
{
	spin_lock(&waits_lock);
	*copy = waits[i];
	if (copy->task)
		get_task_struct(copy->task);
	*due = copy->task && has_lasted(copy->event.time);
	if (*due)
		waits[i].place.spare = true;
	spin_unlock(&waits_lock);
	return copy->task;
}

static void look_after_waits(struct work_struct *work)
{
	/* Static because it is too large for the stack; there is only one work item. */
	static struct wait wait;
	unsigned long ms = READ_ONCE(gup_pin_dax_wait_ms);
	bool more = false, due;
	unsigned int i;

	for (i = 0; i < WAITS_MAX; i++) {
		if (!get_wait(i, &wait, &due))
			continue;
		if (!is_pinned(wait.pfn) || !still_waits(&wait)) {
			end_wait(&wait);
		} else {
			if (due)
				look_after(&wait);
			more = true;
		}
		put_task_struct(wait.task);
	}
	if (more)
		look_soon(ms / 4);
}

/**
 * gup_pin_dax_exit() - stop checking waits
 */
void __gup_pin_exit gup_pin_dax_exit(void)
{
	unsigned int i;

	cancel_delayed_work_sync(&waits_work);
	for (i = 0; i < WAITS_MAX; i++)
		if (waits[i].task)
			put_task_struct(waits[i].task);
}
