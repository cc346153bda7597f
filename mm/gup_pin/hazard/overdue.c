// SPDX-License-Identifier: GPL-2.0
/*
 * Short-term pins that are held for too long: the driver should have used
 * FOLL_LONGTERM, so that the memory is first migrated to where a pin does no harm.
 *
 * There is no hook for a pin that is merely held, so a work item scans for such pins
 * periodically. Each origin is reported once.
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

/* Limits for the interval between scans. */
#define LOOK_MIN_MS	100
#define LOOK_MAX_MS	10000

/* A scan takes at most 1/20 of a CPU's time. */
#define LOOK_SHARE	20

static unsigned long max_short_ms __read_mostly;

static void look_again(struct work_struct *work);
static DECLARE_DELAYED_WORK(look_work, look_again);
/* NULL until initialised. */
static struct workqueue_struct *look_queue __read_mostly;

static void print_held(const struct gup_pin_hazard *hazard, char *buf, size_t size)
{
	scnprintf(buf, size, "held for %llu ms so far, gup_pin.max_short_ms=%lu\n",
		  gup_pin_age_ms(hazard->pin->time, local_clock()),
		  READ_ONCE(max_short_ms));
}

/* The title names the pin function; no task is involved in the event. */
static bool report(const struct gup_pin_item *item, struct folio *folio, bool again)
{
	struct gup_pin_event event = {
		.time = local_clock(),
		.comm = "gup_pin",
		.mark = stack_depot_get_extra_bits(item->id.stack),
	};
	const struct gup_pin_hazard hazard = {
		.kind = GUP_PIN_HAZARD_OVERDUE,
		.stake = GUP_PIN_STAKE_TIME,
		.folio = folio,
		.pin = item,
		.event = &event,
		.again = again,
		.details = print_held,
	};
	unsigned long *entries;

	if (stack_depot_fetch(item->id.stack, &entries))
		event.ip = entries[0];
	return gup_pin_hazard(&hazard);
}

/*
 * A pin that is just being released is not reported; its origin may be reported later, as it
 * is if there were too many reports.
 */
static void tell(const struct gup_pin_walk *walk, const struct gup_pin_item *item)
{
	struct gup_pin_origins *origins = &gup_pin_root.origins;
	struct folio *folio;
	bool again;

	if (!gup_pin_origin_to_report(origins, &item->id))
		return;
	folio = gup_pin_folio_get(item->head);
	if (!folio)
		return;
	/* With the reference held, a recorded pin is on this very folio. */
	if (gup_pin_still_held(&gup_pin_root.index, walk, item) &&
	    gup_pin_origin_report_once(origins, &item->id, &again) &&
	    !report(item, folio, again))
		gup_pin_origin_report_later(origins, &item->id);
	gup_pin_folio_put(folio);
}

/* If an unpin was guessed, the recorded pin may be gone and another one still held. */
static bool is_overdue(const struct gup_pin_item *item, u64 max_ms)
{
	return item->id.term == GUP_PIN_SHORT && item->match == GUP_PIN_EXACT &&
	       gup_pin_age_ms(item->time, local_clock()) > max_ms;
}

/**
 * gup_pin_overdue_look() - report short-term pins that are held for too long
 * @max_ms: maximum age in ms
 *
 * Uses the same amount of memory however many pins there are.
 *
 * Context: May sleep.
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
			/* Records of one call are adjacent. */
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

/* Serialised by the parameter lock. Nothing is reported by the former value any more. */
static int max_short_set(const char *val, const struct kernel_param *kp)
{
	int err = param_set_ulong(val, kp);

	if (err || !look_queue)
		return err;
	cancel_delayed_work_sync(&look_work);
	if (max_short_ms)
		queue_delayed_work(look_queue, &look_work, 0);
	return 0;
}

static const struct kernel_param_ops max_short_ops = {
	.set = max_short_set,
	.get = param_get_ulong,
};

module_param_cb(max_short_ms, &max_short_ops, &max_short_ms, 0644);
MODULE_PARM_DESC(max_short_ms,
		 "report short-term pins held for more than so many ms; 0: do not");

/**
 * gup_pin_overdue_init() - start scanning, if a parameter asked for it before
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
 * gup_pin_overdue_exit() - stop scanning
 */
void __gup_pin_exit gup_pin_overdue_exit(void)
{
	if (!look_queue)
		return;
	/* The parameter may still be written, which must not start another scan. */
	disable_delayed_work_sync(&look_work);
	destroy_workqueue(look_queue);
}
