// SPDX-License-Identifier: GPL-2.0
/* Handling of hazards: decide whether an event is one, count it, and pass it on. */
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched/clock.h>
#include <linux/xxhash.h>

#include "../compat.h"
#include "internal.h"

#define CREATE_TRACE_POINTS
#include <trace/events/gup_pin.h>

const char *const gup_pin_hazard_names[NR_GUP_PIN_HAZARDS] = {
	[GUP_PIN_HAZARD_WRITEBACK]		= "writeback",
	[GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK]	= "pin_under_writeback",
	[GUP_PIN_HAZARD_TRUNCATE]		= "truncate",
	[GUP_PIN_HAZARD_UNMATCHED_UNPIN]	= "unmatched_unpin",
	[GUP_PIN_HAZARD_DIRTY_READ_PIN]		= "dirty_read_pin",
	[GUP_PIN_HAZARD_CHANGED_UNDER_WRITEBACK] = "changed_under_writeback",
	[GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN]	= "dirtied_after_clean",
	[GUP_PIN_HAZARD_OVERDUE]		= "overdue",
};

/* The hazard is that there is no recorded pin. */
static void no_pin(struct gup_pin_hazard_record *record,
		   const struct gup_pin_hazard *hazard)
{
	record->pin = (struct gup_pin_item) {
		.pfn = folio_pfn(hazard->folio),
		.id.api = NR_GUP_PIN_APIS,
		.id.comm = "unknown",
		/* No age. */
		.time = U64_MAX,
		.pins = hazard->pins,
		.pages = 1,
		.head = folio_pfn(hazard->folio),
	};
	gup_pin_folio_describe(hazard->folio, &record->pin.folio);
}

/*
 * The folio looked pinned but has no recorded pin. If a pin has just been taken, it
 * will see the writeback. Otherwise, if all pins are recorded, a small folio has so
 * many references that they look like a pin.
 */
static void no_hazard(const struct gup_pin_hazard *hazard,
		      const struct gup_pin_holders *holders)
{
	if (hazard->kind == GUP_PIN_HAZARD_WRITEBACK && holders->all_recorded &&
	    !folio_has_pincount(hazard->folio))
		atomic64_inc(&gup_pin_root.false_positive);
}

/* Find the folio's pins. If the affected pages have a pin, return that one in @pin. */
static unsigned int find_holders(const struct gup_pin_hazard *hazard,
				 struct gup_pin_item *pin, struct gup_pin_holders *holders)
{
	unsigned long pfn = folio_pfn(hazard->folio);
	unsigned int nr = gup_pin_walk_holders(&gup_pin_root.index, pfn, pin, 1, holders);
	struct gup_pin_holders part;
	struct gup_pin_item on_part;

	if (nr && hazard->npages &&
	    gup_pin_walk_holders_of(&gup_pin_root.index, pfn + hazard->first,
				    hazard->npages, &on_part, 1, &part))
		*pin = on_part;
	return nr;
}

/* Decide whether there is a hazard, and fill in all but the event. */
static bool is_hazard(const struct gup_pin_hazard *hazard,
		      struct gup_pin_hazard_record *record)
{
	struct gup_pin_holders holders;
	struct gup_pin_ended ended;
	unsigned int nr;

	gup_pin_ended_look(hazard->folio, &ended);
	nr = find_holders(hazard, &record->pin, &holders);
	record->kind = hazard->kind;
	record->pins = holders.pins;
	record->writes = holders.writes > 0;
	record->stake = hazard->stake;
	if (hazard->kind == GUP_PIN_HAZARD_UNMATCHED_UNPIN) {
		no_pin(record, hazard);
		return true;
	}
	if (hazard->pin) {
		record->pin = *hazard->pin;
		record->writes = hazard->pin->id.mode == GUP_PIN_WRITE;
	} else if (!nr) {
		no_hazard(hazard, &holders);
		return false;
	}
	record->stake = gup_pin_pin_stake(hazard, &record->pin, holders.writes,
					  &ended);
	return true;
}

static void count(enum gup_pin_hazard_kind kind)
{
	atomic64_inc(&gup_pin_root.hazards[kind]);
	if (kind == GUP_PIN_HAZARD_WRITEBACK)
		gup_pin_count_events(GUP_PIN_HAZARD_WRITEBACKS, 1);
	if (kind == GUP_PIN_HAZARD_TRUNCATE)
		gup_pin_count_events(GUP_PIN_HAZARD_TRUNCATES, 1);
}

/* The key includes the user: otherwise one user could hide hazards of another user's pins. */
static void set_key(struct gup_pin_hazard_record *record)
{
	const struct gup_pin_event *event = &record->event;
	const struct gup_pin_folio *folio = &record->pin.folio;
	const u64 rest[] = {
		record->kind, record->pin.id.stack, record->place.uid,
		folio->dev, folio->ino, event->mark,
	};
	u64 key;

	key = xxh64(event->entries, event->nr * sizeof(event->entries[0]), 0);
	record->key = xxh64(rest, sizeof(rest), key);
}

static void set_place(struct gup_pin_hazard_record *record)
{
	record->count = 1;
	record->reported = 0;
	record->first_index = record->pin.folio.index;
	record->last_index = record->first_index;
	record->place.used = local_clock() ?: 1;
	record->place.spare = record->stake >= GUP_PIN_STAKE_NONE;
	record->place.uid = record->pin.id.uid;
	/* Without a known pin, the hazard belongs to the unpinning task. */
	if (record->pin.id.api == NR_GUP_PIN_APIS && in_task())
		record->place.uid = __kuid_val(current_uid());
	set_key(record);
}

static void trace(const struct gup_pin_hazard_record *record)
{
	const struct gup_pin_item *pin = &record->pin;
	const struct gup_pin_hazard_trace t = {
		.kind = gup_pin_hazard_names[record->kind],
		.stake = gup_pin_stake_names[record->stake],
		.ip = record->event.ip,
		.pfn = pin->pfn,
		.order = pin->folio.order,
		.dev = pin->folio.dev,
		.ino = pin->folio.ino,
		.index = pin->folio.index,
		.pins = record->pins,
		.write = pin->id.mode == GUP_PIN_WRITE,
		.longterm = pin->id.term == GUP_PIN_LONG,
		.api = gup_pin_api_name(pin->id.api),
		.owner = pin->id.owner,
		.tgid = pin->id.tgid,
		.pid = pin->id.pid,
		.comm = pin->id.comm,
	};

	trace_gup_pin_hazard(&t);
}

static bool report(const struct gup_pin_hazard *hazard,
		   const struct gup_pin_hazard_record *record)
{
	if (gup_pin_deed_reported(record->kind, &record->pin)) {
		atomic64_inc(&gup_pin_root.reports_suppressed);
		return true;
	}
	if (!gup_pin_report(hazard, record))
		return false;
	gup_pin_deed_report(record->kind, &record->pin);
	return true;
}

/**
 * gup_pin_hazard() - handle a hazard
 * @hazard: the hazard
 *
 * Looks up the folio's pins. If there are any and the policy of the kind is not off,
 * counts the hazard, traces it and keeps it for `hazards`. If the stake is high enough,
 * prints a report, unless an equal one was printed. Neither allocates nor sleeps.
 *
 * Context: Any in which shard locks may be taken; must not hold the lock of the folio's
 * shard.
 * Return: false if it should be reported, but neither it nor an equal one was.
 */
bool gup_pin_hazard(const struct gup_pin_hazard *hazard)
{
	struct gup_pin_hazard_record record;

	if (!is_hazard(hazard, &record))
		return true;
	/* Even if it is ignored: what follows from it may be of another kind. */
	if (record.stake == GUP_PIN_STAKE_DONE)
		gup_pin_ended_excuse(hazard->folio);
	if (gup_pin_policy_of(hazard->kind) == GUP_PIN_POLICY_OFF)
		return true;
	if (!hazard->again)
		count(hazard->kind);
	if (hazard->event)
		record.event = *hazard->event;
	else
		gup_pin_event_now(&record.event, hazard->ip);
	gup_pin_file_name(hazard->folio, &record.pin.folio, record.name,
			  sizeof(record.name));
	set_place(&record);
	if (!hazard->again && trace_gup_pin_hazard_enabled())
		trace(&record);
	gup_pin_ring_add(&record, hazard->again);
	return !gup_pin_to_report(hazard->kind, record.stake) || report(hazard, &record);
}
