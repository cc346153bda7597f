// SPDX-License-Identifier: GPL-2.0
/*
 * One report per cause. A folio that was written back while pinned is found dirty after
 * it was cleaned when the same pin is released; a folio that was partly truncated may
 * later leave its file as a whole. Reports are remembered by pin for a while, so that
 * hazards that follow from them are only counted.
 */
#include <linux/hash.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "internal.h"

/* A newer entry replaces an older one; at worst this causes a second report. */
#define DEED_BITS	7

/**
 * struct deed - what was reported about a pin
 * @pfn: pfn of the pin
 * @time: time of the pin's call; 0 if this entry is free
 * @stack: stack of the pin
 * @kind: the reported kind of hazard
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
 * gup_pin_deed_bytes() - memory that the table takes from boot on
 *
 * Return: bytes.
 */
size_t gup_pin_deed_bytes(void)
{
	return sizeof(deeds);
}

/* The kind that a hazard of this kind may follow from. */
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
 * gup_pin_deed_reported() - does a hazard follow from a reported one?
 * @kind: kind of the hazard
 * @pin: the pin
 *
 * Each writeback is a cause of its own. A pin found at the start of writeback may be
 * found again as a pin under writeback.
 *
 * Context: Any except NMI.
 * Return: true if it does.
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
 * gup_pin_deed_report() - remember that a hazard, or an equal one, was reported
 * @kind: kind of the hazard
 * @pin: the pin
 *
 * Context: Any except NMI.
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
 * gup_pin_deeds_forget() - allow reporting everything again
 */
void gup_pin_deeds_forget(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&deeds_lock, flags);
	memset(deeds, 0, sizeof(deeds));
	raw_spin_unlock_irqrestore(&deeds_lock, flags);
}
