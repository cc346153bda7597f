// SPDX-License-Identifier: GPL-2.0
/*
 * A DAX file's pages are the disk's own blocks, so they cannot be freed while a
 * device may still write to them: truncation waits until every pin has gone.
 */
#include <linux/container_of.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched/clock.h>

#include "gup_pin.h"
#include "hazard.h"

/**
 * struct wait - the hazard, with what it adds to the report
 * @hazard: the hazard
 * @pins: pins that are waited for
 * @oldest: when the first of them was taken
 */
struct wait {
	struct gup_pin_hazard hazard;
	unsigned int pins;
	u64 oldest;
};

static void print_wait(const struct gup_pin_hazard *hazard)
{
	const struct wait *wait = container_of(hazard, struct wait, hazard);

	pr_err("waits for %u pin%s, the oldest held for %llu ms so far\n",
	       wait->pins, wait->pins == 1 ? "" : "s",
	       gup_pin_age_ms(wait->oldest, local_clock()));
}

/* Return: false if no pin is on record. */
static bool who_is_waited_for(struct wait *wait)
{
	struct gup_pin_pos pos = { .pfn = folio_pfn(wait->hazard.folio) };
	struct gup_pin_item item;

	while (gup_pin_walk_pins(&gup_pin_root.index, &pos, &item, 1)) {
		wait->pins += item.pins;
		wait->oldest = min(wait->oldest, item.time);
	}
	return wait->pins;
}

/* The page is the device's, and so stays even if the last pin goes meanwhile. */
void __gup_pin_dax_wait(struct folio *folio, unsigned long ip)
{
	struct wait wait = {
		.hazard.kind = GUP_PIN_HAZARD_TRUNCATE,
		.hazard.folio = folio,
		.hazard.ip = ip,
		.hazard.title = "truncation waits for pinned folio",
		.hazard.details = print_wait,
		.oldest = U64_MAX,
	};

	if (who_is_waited_for(&wait))
		gup_pin_hazard(&wait.hazard);
}
