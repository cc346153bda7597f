// SPDX-License-Identifier: GPL-2.0
/*
 * Recent hazards, for /sys/kernel/debug/gup_pin/hazards and crash dumps.
 *
 * Equal hazards share one entry, and each kind has its own entries. So neither a
 * frequent hazard nor a user that causes many on purpose can push out the others.
 */
#include <linux/compiler.h>
#include <linux/minmax.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "internal.h"

struct gup_pin_ring gup_pin_ring;

/* Held only for the time of a copy; hazards come from any context. */
static DEFINE_RAW_SPINLOCK(ring_lock);

static struct gup_pin_hazard_record *find(const struct gup_pin_hazard_record *hazard)
{
	struct gup_pin_hazard_record *entry = gup_pin_ring.entries[hazard->kind];
	unsigned int i;

	for (i = 0; i < GUP_PIN_RING_PLACES; i++, entry++)
		if (entry->seq && entry->key == hazard->key)
			return entry;
	return NULL;
}

/* Merge an equal hazard, or the same one with more at stake. */
static void merge(struct gup_pin_hazard_record *entry,
		  const struct gup_pin_hazard_record *hazard, bool again)
{
	entry->place.used = hazard->place.used;
	entry->place.spare &= hazard->place.spare;
	entry->count += !again;
	entry->stake = min(entry->stake, hazard->stake);
	entry->first_index = min(entry->first_index, hazard->first_index);
	entry->last_index = max(entry->last_index, hazard->last_index);
}

static void insert(const struct gup_pin_hazard_record *hazard)
{
	struct gup_pin_hazard_record *entries = gup_pin_ring.entries[hazard->kind];
	struct gup_pin_hazard_record *entry;

	entry = entries + gup_pin_place_for(&entries->place, sizeof(*entries),
					    GUP_PIN_RING_PLACES,
					    hazard->place.uid);
	/* For crash dumps: seq is 0 while the entry is being written. */
	WRITE_ONCE(entry->seq, 0);
	barrier();
	memcpy((void *)entry + sizeof(entry->seq),
	       (const void *)hazard + sizeof(hazard->seq),
	       sizeof(*entry) - sizeof(entry->seq));
	barrier();
	WRITE_ONCE(entry->seq, ++gup_pin_ring.newest);
}

/**
 * gup_pin_ring_add() - keep a hazard
 * @hazard: the hazard; its count is 1
 * @again: the hazard was added before, so do not count it if its entry still exists
 *
 * Context: Any except NMI.
 */
void gup_pin_ring_add(const struct gup_pin_hazard_record *hazard, bool again)
{
	struct gup_pin_hazard_record *entry;
	unsigned long flags;

	raw_spin_lock_irqsave(&ring_lock, flags);
	entry = find(hazard);
	if (entry)
		merge(entry, hazard, again);
	else
		insert(hazard);
	raw_spin_unlock_irqrestore(&ring_lock, flags);
}

/**
 * gup_pin_ring_reported() - note that a hazard was reported
 * @hazard: the hazard
 *
 * Context: Any except NMI.
 */
void gup_pin_ring_reported(const struct gup_pin_hazard_record *hazard)
{
	struct gup_pin_hazard_record *entry;
	unsigned long flags;

	raw_spin_lock_irqsave(&ring_lock, flags);
	entry = find(hazard);
	if (entry)
		entry->reported++;
	raw_spin_unlock_irqrestore(&ring_lock, flags);
}

/* Return the entry with the next number, or NULL. */
static const struct gup_pin_hazard_record *next_after(u64 after)
{
	const struct gup_pin_hazard_record *entry = gup_pin_ring.entries[0];
	const struct gup_pin_hazard_record *next = NULL;
	unsigned int i;

	for (i = 0; i < NR_GUP_PIN_HAZARDS * GUP_PIN_RING_PLACES; i++, entry++)
		if (entry->seq > after && (!next || entry->seq < next->seq))
			next = entry;
	return next;
}

/**
 * gup_pin_ring_get() - get the next hazard
 * @hazard: filled in
 * @after: number of the previous one; 0 for the oldest
 *
 * Context: Any except NMI.
 * Return: false if there are no more.
 */
bool gup_pin_ring_get(struct gup_pin_hazard_record *hazard, u64 after)
{
	const struct gup_pin_hazard_record *next;
	unsigned long flags;

	raw_spin_lock_irqsave(&ring_lock, flags);
	next = next_after(after);
	if (next)
		*hazard = *next;
	raw_spin_unlock_irqrestore(&ring_lock, flags);
	return next;
}

/**
 * gup_pin_ring_unload() - keep the names of code in stacks
 * @code: the code
 *
 * Context: Process context. The caller serialises calls.
 */
void gup_pin_ring_unload(const struct gup_pin_code *code)
{
	/* Too large for the stack. */
	static struct gup_pin_hazard_record hazard;
	const struct gup_pin_event *event = &hazard.event;

	hazard.seq = 0;
	while (gup_pin_ring_get(&hazard, hazard.seq)) {
		gup_pin_unloaded_note(code, event->entries, event->nr, event->mark);
		gup_pin_unloaded_note_stack(code, hazard.pin.id.stack);
	}
}
