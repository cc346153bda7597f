// SPDX-License-Identifier: GPL-2.0
/*
 * Pins for short that are held for long: what a driver should have asked for
 * with FOLL_LONGTERM, so that the memory was moved to where it does no harm.
 *
 * Nobody tells of a pin that is just held, so a work looks for them now and then.
 * It is told once for each origin.
 */
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "../compat.h"
#include "internal.h"

/* How long to wait between looks, whatever is asked for. */
#define LOOK_MIN_MS	100
#define LOOK_MAX_MS	10000

/* Looking takes no more than one part in so many of a CPU's time. */
#define LOOK_SHARE	20

static unsigned long max_short_ms __read_mostly;

static void look_again(struct work_struct *work);
static DECLARE_DELAYED_WORK(look_work, look_again);
/* NULL until it can be used. */
static struct workqueue_struct *look_queue __read_mostly;

static void print_held(const struct gup_pin_hazard *hazard, char *buf, size_t size)
{
	scnprintf(buf, size, "held for %llu ms so far, gup_pin.max_short_ms=%lu\n",
		  gup_pin_age_ms(hazard->pin->time, local_clock()),
		  READ_ONCE(max_short_ms));
}

/* The title names the pin function; nobody else did anything. */
static void report(const struct gup_pin_item *item, struct folio *folio)
{
	struct gup_pin_event event = {
		.time = local_clock(),
		.comm = "gup_pin",
	};
	const struct gup_pin_hazard hazard = {
		.kind = GUP_PIN_HAZARD_OVERDUE,
		.stake = GUP_PIN_STAKE_TIME,
		.folio = folio,
		.pin = item,
		.event = &event,
		.details = print_held,
	};
	unsigned long *entries;

	if (stack_depot_fetch(item->id.stack, &entries))
		event.ip = entries[0];
	gup_pin_hazard(&hazard);
}

/* One that is just being dropped is not told of, and its origin may be another time. */
static void tell(const struct gup_pin_walk *walk, const struct gup_pin_item *item)
{
	struct folio *folio;

	if (!gup_pin_origin_to_report(&gup_pin_root.origins, &item->id))
		return;
	folio = gup_pin_folio_get(item->head);
	if (!folio)
		return;
	/* Then the folio is what was pinned. */
	if (gup_pin_still_held(&gup_pin_root.index, walk, item) &&
	    gup_pin_origin_report_once(&gup_pin_root.origins, &item->id))
		report(item, folio);
	gup_pin_folio_put(folio);
}

/* Where an unpin was guessed, what is on record may be gone, and another pin not. */
static bool is_overdue(const struct gup_pin_item *item, u64 max_ms)
{
	return item->id.term == GUP_PIN_SHORT && item->match == GUP_PIN_EXACT &&
	       gup_pin_age_ms(item->time, local_clock()) > max_ms;
}

/**
 * gup_pin_overdue_look() - tell of short-term pins that are held for long
 * @max_ms: for longer than this
 *
 * May sleep; takes as much memory for a million pins as for one.
 */
void gup_pin_overdue_look(u64 max_ms)
{
	struct gup_pin_item *items;
	struct gup_pin_walk walk;
	unsigned int i, nr;

	items = kmalloc_array(GUP_PIN_BATCH, sizeof(*items), GFP_KERNEL);
	if (!items)
		return;
	gup_pin_walk_start(&walk, &gup_pin_root.index, 0, ULONG_MAX);
	while ((nr = gup_pin_walk_items(&walk, items, GUP_PIN_BATCH))) {
		for (i = 0; i < nr; i++) {
			/* Those of one call come one after the other. */
			if (i && gup_pin_same_call(&items[i], &items[i - 1]))
				continue;
			if (is_overdue(&items[i], max_ms))
				tell(&walk, &items[i]);
		}
		cond_resched();
	}
	gup_pin_walk_end(&walk);
	kfree(items);
}

static void look_again(struct work_struct *work)
{
	unsigned long max_ms = READ_ONCE(max_short_ms);
	u64 took = ktime_get_ns(), wait;

	if (!max_ms)
		return;
	gup_pin_overdue_look(max_ms);
	took = div_u64(ktime_get_ns() - took, NSEC_PER_MSEC);
	wait = clamp_t(u64, max_ms / 2, LOOK_MIN_MS, LOOK_MAX_MS);
	wait = max(wait, took * LOOK_SHARE);
	queue_delayed_work(look_queue, &look_work, msecs_to_jiffies(wait));
}

/* Writers of parameters are one at a time. */
static int max_short_set(const char *val, const struct kernel_param *kp)
{
	int err = param_set_ulong(val, kp);

	if (!err && look_queue)
		mod_delayed_work(look_queue, &look_work, 0);
	return err;
}

static const struct kernel_param_ops max_short_ops = {
	.set = max_short_set,
	.get = param_get_ulong,
};

module_param_cb(max_short_ms, &max_short_ops, &max_short_ms, 0644);
MODULE_PARM_DESC(max_short_ms,
		 "report pins for short that are held for longer than so many ms; 0: do not");

/**
 * gup_pin_overdue_init() - begin to look, if that was asked for before
 *
 * Return: 0 or -ENOMEM.
 */
int __init gup_pin_overdue_init(void)
{
	struct workqueue_struct *queue;

	queue = alloc_workqueue("gup_pin", WQ_UNBOUND | WQ_FREEZABLE, 1);
	if (!queue)
		return -ENOMEM;
	kernel_param_lock(THIS_MODULE);
	look_queue = queue;
	if (max_short_ms)
		queue_delayed_work(look_queue, &look_work, 0);
	kernel_param_unlock(THIS_MODULE);
	return 0;
}

/**
 * gup_pin_overdue_exit() - stop looking
 */
void __gup_pin_exit gup_pin_overdue_exit(void)
{
	if (!look_queue)
		return;
	/* A parameter may still be written: it starts nothing. */
	disable_delayed_work_sync(&look_work);
	destroy_workqueue(look_queue);
}
