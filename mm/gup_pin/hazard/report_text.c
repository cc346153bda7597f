// SPDX-License-Identifier: GPL-2.0
/*
 * Text of a hazard report: what happened to which folio of which file, in which task,
 * and which pins the folio has.
 */
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched/clock.h>
#include <linux/string.h>
#include <linux/string_choices.h>

#include "../compat.h"
#include "internal.h"

#undef pr_fmt
#define pr_fmt(fmt)	fmt

#define RULE	"=================================================================="

/* Titles for read pins and for write pins. */
static const char *const titles[NR_GUP_PIN_HAZARDS][2] = {
	[GUP_PIN_HAZARD_WRITEBACK] = {
		"writeback of read-pinned folio",
		"writeback of write-pinned folio",
	},
	[GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK] = {
		"read pin of folio under writeback",
		"write pin of folio under writeback",
	},
	[GUP_PIN_HAZARD_TRUNCATE] = {
		"truncation of read-pinned folio",
		"truncation of write-pinned folio",
	},
	[GUP_PIN_HAZARD_UNMATCHED_UNPIN] = {
		"unpin of folio without recorded pin",
		"unpin of folio without recorded pin",
	},
	[GUP_PIN_HAZARD_DIRTY_READ_PIN] = {
		"unpin of read-pinned folio as dirty",
		"unpin of read-pinned folio as dirty",
	},
	[GUP_PIN_HAZARD_CHANGED_UNDER_WRITEBACK] = {
		"page changed under writeback",
		"page changed under writeback",
	},
	[GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN] = {
		"pinned folio dirtied after it was cleaned",
		"pinned folio dirtied after it was cleaned",
	},
	[GUP_PIN_HAZARD_OVERDUE] = {
		"short-term read pin held for too long",
		"short-term write pin held for too long",
	},
};

/* The pin of the event first, then write pins, then the oldest; each call once. */
static void fill_pins(struct gup_pin_report *report, const struct gup_pin_item *extra)
{
	struct gup_pin_item *pins = report->pins;
	struct gup_pin_holders holders;
	unsigned int i;

	report->nr = gup_pin_walk_holders(&gup_pin_root.index, report->pfn, pins,
					  GUP_PIN_REPORT_PINS, &holders);
	report->calls = holders.calls;
	if (!extra)
		return;
	for (i = 0; i < report->nr; i++)
		if (gup_pin_same_call(&pins[i], extra))
			break;
	if (i == report->nr) {
		/* Not among the pins found: either beyond the limit, or no longer recorded. */
		if (!gup_pin_still_held(&gup_pin_root.index, NULL, extra))
			report->calls++;
		i = min(report->nr, GUP_PIN_REPORT_PINS - 1);
		report->nr = i + 1;
	}
	memmove(pins + 1, pins, i * sizeof(*pins));
	pins[0] = *extra;
}

static void fill_alive(struct gup_pin_report *report)
{
	u64 now = local_clock(), time;
	unsigned int i;

	report->alive = 0;
	for (i = 0; i < report->nr; i++) {
		time = report->pins[i].time;
		if (gup_pin_task_lives(report->pins[i].id.pid,
				       now > time ? now - time : 0))
			report->alive |= BIT(i);
	}
}

/**
 * gup_pin_report_fill() - gather the contents of a report
 * @report: filled in
 * @hazard: the hazard
 * @record: its record
 *
 * Context: As gup_pin_hazard().
 */
void gup_pin_report_fill(struct gup_pin_report *report,
			 const struct gup_pin_hazard *hazard,
			 const struct gup_pin_hazard_record *record)
{
	struct folio *folio = hazard->folio;

	report->as_of = gup_pin_frames_as_of();
	report->record = *record;
	report->title = hazard->title ?: titles[record->kind][record->writes];
	report->id = (unsigned long)folio;
	report->pfn = folio_pfn(folio);
	report->flags = gup_pin_page_flags(&folio->page);
	report->refcount = folio_ref_count(folio);
	report->mapcount = folio_mapcount(folio);
	report->real_pins = gup_pin_folio_pins(folio);
	gup_pin_file_type(folio, report->type, sizeof(report->type));
	report->stable = gup_pin_needs_stable(folio);
	report->nlink = gup_pin_file_nlink(folio);
	report->pins_lost = hazard->pins;
	fill_pins(report, record->pin.id.api == NR_GUP_PIN_APIS ? NULL : &record->pin);
	fill_alive(report);
	report->details[0] = '\0';
	if (hazard->details)
		hazard->details(hazard, report->details, sizeof(report->details));
}

/**
 * gup_pin_print_stack() - print the frames of a stack to the log
 * @entries: its return addresses
 * @nr: their number
 * @mark: its mark
 * @as_of: from gup_pin_frames_as_of(), before it was copied
 * @buf: GUP_PIN_FRAME_MAX bytes, not on the stack, of which little may be left
 *
 * Context: Any except NMI.
 */
void gup_pin_print_stack(const unsigned long *entries, unsigned int nr, u32 mark, u32 as_of,
			 char *buf)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		gup_pin_frame_text(buf, entries[i], mark, as_of);
		pr_err(" %s\n", buf);
	}
}

/* Only one report is printed at a time. */
static void print_stack(const struct gup_pin_report *report, const unsigned long *entries,
			unsigned int nr, u32 mark)
{
	static char frame[GUP_PIN_FRAME_MAX];

	gup_pin_print_stack(entries, nr, mark, report->as_of, frame);
}

static void print_folio(const struct gup_pin_report *report)
{
	const struct gup_pin_folio *folio = &report->record.pin.folio;
	const char *name = report->record.name;

	pr_err("folio: pfn=0x%lx order=%u map=%s flags=%pGp refcount=%d mapcount=%d recorded_pins=%u real_pins=%u\n",
	       report->pfn, folio->order, gup_pin_map_name(folio->map),
	       &report->flags, report->refcount, report->mapcount,
	       report->record.pins, report->real_pins);
	if (!folio->ino)
		return;
	pr_err("file: fs=%s dev=%u:%u ino=%llu index=0x%lx name=\"%*pE\" stable_pages=%s nlink=%u\n",
	       report->type[0] ? report->type : "unknown", MAJOR(folio->dev),
	       MINOR(folio->dev), folio->ino, folio->index, (int)strlen(name), name,
	       str_yes_no(report->stable), report->nlink);
}

static void print_details(const char *text)
{
	size_t len;

	for (; *text; text += len + !!text[len]) {
		len = strcspn(text, "\n");
		pr_err("%.*s\n", (int)len, text);
	}
}

static void print_event(const struct gup_pin_report *report)
{
	const struct gup_pin_event *event = &report->record.event;
	char comm[GUP_PIN_COMM_MAX];

	gup_pin_format_comm(comm, event->comm);
	pr_err("event: task=%d/%d comm=%s\n", event->tgid, event->pid, comm);
	print_stack(report, event->entries, event->nr, event->mark);
	pr_err("\n");
}

/* Was this stack printed for an earlier pin of the report? */
static bool has_shown(const struct gup_pin_report *report, unsigned int i)
{
	unsigned int earlier;

	for (earlier = 0; earlier < i; earlier++)
		if (report->pins[earlier].id.stack == report->pins[i].id.stack)
			return true;
	return false;
}

static void print_pin(const struct gup_pin_report *report, unsigned int i, u64 now)
{
	const struct gup_pin_item *pin = &report->pins[i];
	const struct gup_pin_id *id = &pin->id;
	char comm[GUP_PIN_COMM_MAX];
	unsigned long *entries;
	unsigned int nr;

	gup_pin_format_comm(comm, id->comm);
	pr_err("pin: mode=%s term=%s api=%s owner=%d task=%d/%d comm=%s age_ms=%llu pins=%lu addr=0x%lx match=%s alive=%s uid=%u stack=0x%x\n",
	       gup_pin_mode_name(id->mode), gup_pin_term_name(id->term),
	       gup_pin_api_name(id->api), id->owner, id->tgid, id->pid, comm,
	       gup_pin_age_ms(pin->time, now), pin->pins, pin->addr,
	       gup_pin_match_name(pin->match),
	       str_yes_no(report->alive & BIT(i)), id->uid, id->stack);
	if (has_shown(report, i)) {
		pr_err(" (stack=0x%x is above)\n\n", id->stack);
		return;
	}
	nr = stack_depot_fetch(id->stack, &entries);
	print_stack(report, entries, nr, stack_depot_get_extra_bits(id->stack));
	pr_err("\n");
}

/**
 * gup_pin_report_print() - print a report
 * @report: its contents
 *
 * Context: Any except NMI. The caller serialises calls.
 */
void gup_pin_report_print(const struct gup_pin_report *report)
{
	const struct gup_pin_hazard_record *record = &report->record;
	u64 now = record->place.used;
	unsigned int i;

	pr_err(RULE "\n");
	pr_err("BUG: GUP_PIN: %s in %pS\n\n", report->title,
	       (void *)record->event.ip);
	print_folio(report);
	print_details(report->details);
	pr_err("\n");
	print_event(report);
	if (report->pins_lost)
		pr_err("pins that are dropped without a record: %u\n\n",
		       report->pins_lost);
	for (i = 0; i < report->nr; i++)
		print_pin(report, i, now);
	if (report->calls > report->nr)
		pr_err("and pins of %u more calls: pfn=0x%lx in /sys/kernel/debug/gup_pin/pins\n\n",
		       report->calls - report->nr, report->pfn);
	pr_err("kind=%s, see Hazards in Documentation/admin-guide/mm/gup_pin.rst\n",
	       gup_pin_hazard_names[record->kind]);
	dump_stack_print_info(KERN_ERR);
	pr_err(RULE "\n");
}
