// SPDX-License-Identifier: GPL-2.0
/*
 * A DAX file's pages are the disk's own blocks, so they cannot be freed while a
 * device may still write to them: truncation waits until every pin has gone.
 */
#include <linux/mm.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/sched/clock.h>

#include "gup_pin.h"
#include "hazard.h"

/**
 * struct held - who is waited for
 * @pins: how many pins
 * @oldest: when the first of them was taken
 */
struct held {
	unsigned int pins;
	u64 oldest;
};

static void print_held(const struct gup_pin_hazard *hazard)
{
	const struct held *held = hazard->data;

	pr_err("it waits for %u pin%s, held for up to %llu ms\n", held->pins,
	       held->pins == 1 ? "" : "s",
	       gup_pin_age_ms(held->oldest, local_clock()));
}
