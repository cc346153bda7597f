// SPDX-License-Identifier: GPL-2.0
/*
 * One deed, one report: a folio that was written back while it was pinned is dirty
 * after it was cleaned as soon as the same pin is released, and a folio of which a part
 * is truncated may then leave its file as a whole. What has been reported of a pin is
 * remembered for a while, so that what follows from it is counted only.
 */
#include <linux/hash.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "internal.h"

/* A newer one takes the place of an older one, which at worst brings a second report. */
#define DEED_BITS	7

/**
 * struct deed - what was reported of a pin
 * @pfn: of the folio
 * @time: of the pin's call; 0 if this is free
 * @stack: of the pin
 * @kind: what was reported
 */
struct deed {
	unsigned long pfn;
	u64 time;
	u32 stack;
	enum gup_pin_hazard_kind kind;
};

static struct deed deeds[BIT(DEED_BITS)];
static DEFINE_RAW_SPINLOCK(deeds_lock);

/**
 * gup_pin_deed_bytes() - the memory that this takes from boot on
 *
 * Return: bytes.
 */
size_t gup_pin_deed_bytes(void)
{
	return sizeof(deeds);
}

/* What a hazard of this kind follows from, and so has its place. */
static enum gup_pin_hazard_kind cause_of(enum gup_pin_hazard_kind kind)
{
	switch (kind) {
	case GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK:
	case GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN:
		return GUP_PIN_HAZARD_WRITEBACK;
	default:
		return kind;
	}
}

static struct deed *place_of(enum gup_pin_hazard_kind kind, unsigned long pfn)
{
	return &deeds[hash_long(pfn * NR_GUP_PIN_HAZARDS + cause_of(kind),
				DEED_BITS)];
}

static bool is_deed(const struct deed *deed, enum gup_pin_hazard_kind kind,
		    const struct gup_pin_item *pin)
{
	return deed->time && deed->time == pin->time && deed->pfn == pin->pfn &&
	       deed->stack == pin->id.stack && deed->kind == cause_of(kind);
}

/**
 * gup_pin_deed_reported() - does a hazard follow from one that was reported?
 * @kind: of the hazard
 * @pin: the pin
 *
 * Each writeback is a deed of its own; a pin that was met by its start may find itself
 * under it. Any context but NMI.
 *
 * Return: true if so.
 */
bool gup_pin_deed_reported(enum gup_pin_hazard_kind kind,
			   const struct gup_pin_item *pin)
{
	unsigned long flags;
	bool found;

	if (kind != GUP_PIN_HAZARD_TRUNCATE &&
	    kind != GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK &&
	    kind != GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN)
		return false;
	raw_spin_lock_irqsave(&deeds_lock, flags);
	found = is_deed(place_of(kind, pin->pfn), kind, pin);
	raw_spin_unlock_irqrestore(&deeds_lock, flags);
	return found;
}

/**
 * gup_pin_deed_report() - remember that a hazard was reported, or an equal one
 * @kind: of the hazard
 * @pin: the pin
 *
 * Any context but NMI.
 */
void gup_pin_deed_report(enum gup_pin_hazard_kind kind,
			 const struct gup_pin_item *pin)
{
	const struct deed deed = {
		.pfn = pin->pfn,
		.time = pin->time,
		.stack = pin->id.stack,
		.kind = cause_of(kind),
	};
	unsigned long flags;

	raw_spin_lock_irqsave(&deeds_lock, flags);
	*place_of(kind, pin->pfn) = deed;
	raw_spin_unlock_irqrestore(&deeds_lock, flags);
}

/**
 * gup_pin_deeds_forget() - report again what was reported before
 */
void gup_pin_deeds_forget(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&deeds_lock, flags);
	memset(deeds, 0, sizeof(deeds));
	raw_spin_unlock_irqrestore(&deeds_lock, flags);
}
