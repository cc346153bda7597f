// SPDX-License-Identifier: GPL-2.0
/*
 * A DAX file's pages are the disk's own blocks, so they cannot be freed while a
 * device may still write to them: truncation waits until every pin has gone.
 */
#include <linux/container_of.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched/clock.h>

#include "gup_pin.h"
#include "hazard.h"

/**
 * struct wait - the hazard, with what it adds to the report
 * @hazard: the hazard
 * @holders: pins that are waited for
 */
struct wait {
	struct gup_pin_hazard hazard;
	struct gup_pin_holders holders;
};

static void print_wait(const struct gup_pin_hazard *hazard)
{
	const struct gup_pin_holders *holders =
		&container_of(hazard, struct wait, hazard)->holders;

	pr_err("waits for %u pin%s, the oldest held for %llu ms so far\n",
	       holders->pins, holders->pins == 1 ? "" : "s",
	       gup_pin_age_ms(holders->oldest, local_clock()));
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
	};

	gup_pin_walk_holders(&gup_pin_root.index, folio_pfn(folio), NULL, 0,
			     &wait.holders);
	if (wait.holders.pins)
		gup_pin_hazard(&wait.hazard);
}
