// SPDX-License-Identifier: GPL-2.0
/*
 * A hazard's report in the kernel log: what happened to which folio of which
 * file, by whom, and who holds the folio.
 *
 * The same two stacks are told of once; what else comes, at a bounded rate.
 * Nothing here allocates or waits for anything but the report that another CPU
 * is printing.
 */
#include <linux/bitops.h>
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/irqflags.h>
#include <linux/jhash.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/panic.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched/clock.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <trace/events/error_report.h>

#include "gup_pin.h"

#undef pr_fmt
#define pr_fmt(fmt)	fmt

#define RULE	"=================================================================="

/* A folio may be pinned by thousands of calls; a report is no place for all. */
#define REPORT_PINS	16

/* CPUs that may look for pins at once, to print them one after the other. */
#define REPORT_BUFFERS	4

/* Whatever happens, no more than this. */
#define REPORT_INTERVAL	(5 * HZ)
#define REPORT_BURST	20

/* Pairs of stacks that are remembered, and the room for them. */
#define SEEN_BITS	10
#define SEEN_MAX	(BIT(SEEN_BITS) * 3 / 4)

struct report_buffer {
	struct gup_pin_item pins[REPORT_PINS];
};

static struct report_buffer buffers[REPORT_BUFFERS];
static unsigned long buffers_used;

/* Keys of what was reported; 0 is none. All of this is under report_lock. */
static u64 seen[BIT(SEEN_BITS)];
static unsigned int nr_seen;
static struct ratelimit_state report_rate =
	RATELIMIT_STATE_INIT_FLAGS(report_rate, REPORT_INTERVAL, REPORT_BURST,
				   RATELIMIT_MSG_ON_RELEASE);

/* Interrupts are off as long as it is held. */
static DEFINE_RAW_SPINLOCK(report_lock);
/* Who is printing: what a report itself brings about is not printed. */
static int report_cpu = -1;

/* What differs by whether there is a write pin comes in two forms. */
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

/**
 * gup_pin_report_bytes() - the memory that reports take from boot on
 */
size_t gup_pin_report_bytes(void)
{
	return sizeof(buffers) + sizeof(seen);
}

/*
 * Equal for events and pins of equal stacks. Where the event is nobody's, it is
 * the origins that are told apart.
 */
static u64 report_key(const struct gup_pin_hazard_record *record)
{
	const struct gup_pin_event *event = &record->event;
	const struct gup_pin_id *id = &record->pin.id;
	u32 hash;
	u64 key;

	if (record->kind == GUP_PIN_HAZARD_OVERDUE)
		hash = jhash2((const u32 *)id, sizeof(*id) / sizeof(u32),
			      record->kind);
	else
		hash = jhash(event->entries,
			     event->nr * sizeof(event->entries[0]),
			     record->kind);
	key = (u64)hash << 32 | id->stack;
	return key ?: 1;
}

/* Where the key is, or would be. There is always room for one. */
static u64 *find_seen(u64 key)
{
	unsigned int i = hash_64(key, SEEN_BITS);

	while (seen[i] && seen[i] != key)
		i = (i + 1) % ARRAY_SIZE(seen);
	return &seen[i];
}

static bool was_seen(u64 key)
{
	unsigned long flags;
	bool was;

	raw_spin_lock_irqsave(&report_lock, flags);
	was = *find_seen(key) == key;
	raw_spin_unlock_irqrestore(&report_lock, flags);
	return was;
}

/* Is this one to be printed? Then its like will not be. */
static bool first_time(u64 key)
{
	u64 *where = find_seen(key);

	if (*where == key || !__ratelimit(&report_rate))
		return false;
	if (nr_seen < SEEN_MAX) {
		*where = key;
		nr_seen++;
	}
	return true;
}

/**
 * gup_pin_report_forget() - report again what was reported before
 */
void gup_pin_report_forget(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&report_lock, flags);
	gup_pin_deeds_forget();
	memset(seen, 0, sizeof(seen));
	nr_seen = 0;
	ratelimit_state_init(&report_rate, REPORT_INTERVAL, REPORT_BURST);
	ratelimit_set_flags(&report_rate, RATELIMIT_MSG_ON_RELEASE);
	raw_spin_unlock_irqrestore(&report_lock, flags);
}

static struct report_buffer *buffer_get(void)
{
	unsigned int i;

	for (i = 0; i < REPORT_BUFFERS; i++)
		if (!test_and_set_bit_lock(i, &buffers_used))
			return &buffers[i];
	return NULL;
}

static void buffer_put(struct report_buffer *buffer)
{
	clear_bit_unlock(buffer - buffers, &buffers_used);
}

static void print_stack(const unsigned long *entries, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		pr_err(" %pS\n", (void *)entries[i]);
}

#define TYPE_MAX	16

static void print_folio(const struct gup_pin_hazard *hazard,
			const struct gup_pin_folio *desc)
{
	char type[TYPE_MAX], name[GUP_PIN_SHORT_NAME];

	pr_err("folio: pfn=0x%lx order=%u map=%s flags=%pGp\n",
	       folio_pfn(hazard->folio), desc->order,
	       gup_pin_map_name(desc->map), &hazard->folio->flags);
	if (!desc->ino)
		return;
	gup_pin_file_type(hazard->folio, type, sizeof(type));
	gup_pin_file_name(hazard->folio, desc, name, sizeof(name));
	pr_err("file: fs=%s dev=%u:%u ino=%llu index=0x%lx name=\"%*pE\"\n",
	       type[0] ? type : "unknown", MAJOR(desc->dev), MINOR(desc->dev),
	       desc->ino, desc->index, (int)strlen(name), name);
}

static void print_event(const struct gup_pin_event *event)
{
	char comm[GUP_PIN_COMM_MAX];

	gup_pin_format_comm(comm, event->comm);
	pr_err("event: task=%d/%d comm=%s\n", event->tgid, event->pid, comm);
	print_stack(event->entries, event->nr);
	pr_err("\n");
}

static void print_pin(const struct gup_pin_item *pin, u64 now)
{
	const struct gup_pin_id *id = &pin->id;
	char comm[GUP_PIN_COMM_MAX];
	unsigned long *entries;
	unsigned int nr;

	gup_pin_format_comm(comm, id->comm);
	pr_err("pin: mode=%s term=%s api=%s owner=%d task=%d/%d comm=%s age_ms=%llu pins=%u addr=0x%lx match=%s\n",
	       gup_pin_mode_name(id->mode), gup_pin_term_name(id->term),
	       gup_pin_api_name(id->api), id->owner, id->tgid, id->pid, comm,
	       gup_pin_age_ms(pin->time, now), pin->pins, pin->addr,
	       pin->inferred ? "inferred" : "exact");
	nr = stack_depot_fetch(id->stack, &entries);
	print_stack(entries, nr);
	pr_err("\n");
}

static bool same_pin(const struct gup_pin_item *a, const struct gup_pin_item *b)
{
	return a->call == b->call && a->time == b->time;
}

static void print_pins(const struct gup_pin_hazard *hazard,
		       const struct gup_pin_item *pins, unsigned int nr,
		       const struct gup_pin_holders *holders)
{
	const struct gup_pin_item *extra = hazard->pin;
	u64 now = local_clock();
	unsigned int i;

	if (extra)
		print_pin(extra, now);
	for (i = 0; i < nr; i++)
		if (!extra || !same_pin(extra, &pins[i]))
			print_pin(&pins[i], now);
	if (holders->calls > nr)
		pr_err("and pins of %u more calls\n\n", holders->calls - nr);
}

static void print_report(const struct gup_pin_hazard *hazard,
			 const struct gup_pin_hazard_record *record,
			 const struct report_buffer *buffer, unsigned int nr,
			 const struct gup_pin_holders *holders)
{
	const char *title = hazard->title ?:
		titles[hazard->kind][record->writes];

	pr_err(RULE "\n");
	pr_err("BUG: GUP_PIN: %s in %pS\n\n", title, (void *)record->event.ip);
	print_folio(hazard, &record->pin.folio);
	if (hazard->details)
		hazard->details(hazard);
	pr_err("\n");
	print_event(&record->event);
	if (hazard->pins)
		pr_err("pins that are dropped without a record: %u\n\n",
		       hazard->pins);
	print_pins(hazard, buffer->pins, nr, holders);
	dump_stack_print_info(KERN_ERR);
	pr_err(RULE "\n");
}

/* With interrupts off. */
static bool report_locked(const struct gup_pin_hazard *hazard,
			  const struct gup_pin_hazard_record *record,
			  const struct report_buffer *buffer, unsigned int nr,
			  const struct gup_pin_holders *holders)
{
	bool first;

	raw_spin_lock(&report_lock);
	WRITE_ONCE(report_cpu, smp_processor_id());
	first = first_time(report_key(record));
	if (first) {
		print_report(hazard, record, buffer, nr, holders);
		trace_error_report_end(ERROR_DETECTOR_GUP_PIN,
				       (unsigned long)hazard->folio);
	}
	WRITE_ONCE(report_cpu, -1);
	raw_spin_unlock(&report_lock);
	return first;
}

/* Look for pins before interrupts are off: on PREEMPT_RT that may sleep. */
static bool try_report(const struct gup_pin_hazard *hazard,
		       const struct gup_pin_hazard_record *record)
{
	struct gup_pin_holders holders;
	struct report_buffer *buffer;
	unsigned long flags;
	unsigned int nr;
	bool printed;

	if (was_seen(report_key(record)))
		return false;
	buffer = buffer_get();
	if (!buffer)
		return false;
	nr = gup_pin_walk_holders(&gup_pin_root.index,
				  folio_pfn(hazard->folio), buffer->pins,
				  REPORT_PINS, &holders);
	/* As in other reports of the kernel: get it out, whatever is locked. */
	lockdep_off();
	local_irq_save(flags);
	printed = report_locked(hazard, record, buffer, nr, &holders);
	local_irq_restore(flags);
	lockdep_on();
	buffer_put(buffer);
	return printed;
}

/**
 * gup_pin_report() - print a report of a hazard, if it is the first of its kind
 * @hazard: the hazard
 * @record: what is known of it
 *
 * One that is not printed is counted. Context as gup_pin_hazard().
 *
 * The kernel is not broken, but a warning was given, and what a file has is no
 * longer certain: later reports are to say so.
 */
void gup_pin_report(const struct gup_pin_hazard *hazard,
		    const struct gup_pin_hazard_record *record)
{
	/* Only this CPU can find itself here: it does not move while it prints. */
	if (READ_ONCE(report_cpu) == raw_smp_processor_id() ||
	    !try_report(hazard, record)) {
		atomic64_inc(&gup_pin_root.reports_suppressed);
		return;
	}
	check_panic_on_warn("GUP_PIN");
	add_taint(TAINT_WARN, LOCKDEP_STILL_OK);
}
