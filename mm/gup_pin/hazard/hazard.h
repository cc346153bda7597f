/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hazards: events that a folio's pins make dangerous.
 *
 * Code that detects a hazard fills in a &struct gup_pin_hazard and calls
 * gup_pin_hazard(), which does the rest: policy, counters, tracepoint, ring, report.
 */
#ifndef _MM_GUP_PIN_HAZARD_H
#define _MM_GUP_PIN_HAZARD_H

#include <linux/mm_types.h>
#include <linux/page-flags.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "../record/text.h"

/* Append new kinds: the numbers are known to users and crash-dump scripts. */
enum gup_pin_hazard_kind {
	GUP_PIN_HAZARD_WRITEBACK,
	GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK,
	GUP_PIN_HAZARD_TRUNCATE,
	GUP_PIN_HAZARD_UNMATCHED_UNPIN,
	GUP_PIN_HAZARD_DIRTY_READ_PIN,
	GUP_PIN_HAZARD_CHANGED_UNDER_WRITEBACK,
	GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN,
	GUP_PIN_HAZARD_OVERDUE,
	NR_GUP_PIN_HAZARDS,
};

/* Kinds that `stats` has had from its first version on; the others are at its end. */
#define NR_GUP_PIN_FIRST_HAZARDS	(GUP_PIN_HAZARD_DIRTY_READ_PIN + 1)

/*
 * What is at stake, worst first, as shown by `stake=`. Insert a new value by its
 * severity, and add it to the array of names and to the table in the admin guide.
 * Crash-dump scripts read the names, so the numbers may change.
 */
enum gup_pin_stake {
	/* Data of a file that can still be read may be wrong or lost. */
	GUP_PIN_STAKE_DATA,
	/* A page may be freed while in use. */
	GUP_PIN_STAKE_MEMORY,
	/* A task waits for too long. */
	GUP_PIN_STAKE_HANG,
	/* Memory and files stay pinned for too long. */
	GUP_PIN_STAKE_TIME,
	/* From here on counted only. Data might be at stake, but that depends on a guess. */
	GUP_PIN_STAKE_GUESS,
	/* The folio is dirty, so it will be written once more. */
	GUP_PIN_STAKE_REWRITE,
	/* The I/O had ended, and the pin was about to be released. */
	GUP_PIN_STAKE_DONE,
	/* A task has begun to wait. */
	GUP_PIN_STAKE_WAIT,
	/* The holder only reads. */
	GUP_PIN_STAKE_READ,
	/* No data is written. */
	GUP_PIN_STAKE_NOTHING,
	/* The file itself ends, and can no longer be opened. */
	GUP_PIN_STAKE_END,
	NR_GUP_PIN_STAKES,
};

/* From here on, nothing is lost or stuck: counted, but not reported. */
#define GUP_PIN_STAKE_NONE	GUP_PIN_STAKE_GUESS

/* What the user asks for, by kind of hazard. */
enum gup_pin_policy {
	GUP_PIN_POLICY_OFF,
	GUP_PIN_POLICY_COUNT,
	GUP_PIN_POLICY_REPORT,
	GUP_PIN_POLICY_ANY,
};

/* Maximum number of frames of an event's stack; the outermost ones are cut off. */
#define GUP_PIN_EVENT_DEPTH	32

/**
 * struct gup_pin_event - when and where a hazard happened, and in which task
 * @time: in ns of local_clock()
 * @ip: return address into the function that the report's title names
 * @tgid: process of the task in the initial pid namespace; 0 in interrupts, which are
 *	unrelated to the interrupted task
 * @pid: the task; 0 in interrupts
 * @comm: name of the task
 * @nr: number of return addresses in @entries
 * @mark: see gup_pin_unloaded_mark()
 * @entries: the stack
 */
struct gup_pin_event {
	u64 time;
	unsigned long ip;
	pid_t tgid;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	u32 nr;
	u32 mark;
	unsigned long entries[GUP_PIN_EVENT_DEPTH];
};

/**
 * struct gup_pin_hazard - a hazard that was just detected
 * @kind: its kind
 * @folio: the folio; the caller keeps it from being freed
 * @ip: return address into the function that the title names. The event's stack starts
 *	there; a stack without @ip is kept as a whole
 * @title: title of the report before " in FUNCTION", or NULL for that of the kind
 * @stake: the worst that may be at stake, assuming a write pin if the mode matters
 * @pins: number of pins without a record, if the hazard is about such pins
 * @pin: the pin to report first, which may no longer be recorded, or NULL
 * @event: the event, including @ip, if it did not happen here and now; or NULL
 * @again: the hazard was counted before, and only its stake has got worse
 * @first: the first of the affected pages, counted from the start of the folio
 * @npages: number of affected pages; 0 for the whole folio
 * @details: writes further lines of the report, each with its newline; or NULL
 *
 * Unused members are 0.
 */
struct gup_pin_hazard {
	enum gup_pin_hazard_kind kind;
	struct folio *folio;
	unsigned long ip;
	const char *title;
	enum gup_pin_stake stake;
	unsigned int pins;
	const struct gup_pin_item *pin;
	const struct gup_pin_event *event;
	bool again;
	unsigned long first;
	unsigned long npages;
	void (*details)(const struct gup_pin_hazard *hazard, char *buf, size_t size);
};

/**
 * struct gup_pin_ended - pinned pages of direct reads that have ended
 * @pins: number of their pins
 * @excused: a hazard was harmless because of them
 * @lossy: there may be more
 */
struct gup_pin_ended {
	unsigned int pins;
	bool excused;
	bool lossy;
};

/* policy.c */
enum gup_pin_policy gup_pin_policy_of(enum gup_pin_hazard_kind kind);
bool gup_pin_policy_panics(enum gup_pin_hazard_kind kind);

/* judge.c */
enum gup_pin_stake gup_pin_writeback_stake(struct folio *folio);
enum gup_pin_stake gup_pin_rewrite_stake(const struct folio *folio);
enum gup_pin_stake gup_pin_truncate_stake(const struct folio *folio);
enum gup_pin_stake gup_pin_pin_stake(const struct gup_pin_hazard *hazard,
				     const struct gup_pin_item *pin,
				     unsigned int writes,
				     const struct gup_pin_ended *ended);
bool gup_pin_to_report(enum gup_pin_hazard_kind kind, enum gup_pin_stake stake);

/* deed.c */
size_t gup_pin_deed_bytes(void);
bool gup_pin_deed_reported(enum gup_pin_hazard_kind kind,
			   const struct gup_pin_item *pin);
void gup_pin_deed_report(enum gup_pin_hazard_kind kind,
			 const struct gup_pin_item *pin);
void gup_pin_deeds_forget(void);

/* ended.c */
#ifdef CONFIG_BLOCK
void gup_pin_ended_look(struct folio *folio, struct gup_pin_ended *ended);
void gup_pin_ended_excuse(struct folio *folio);
void gup_pin_ended_forget(void);
size_t gup_pin_ended_bytes(void);
#else
static inline void gup_pin_ended_look(struct folio *folio,
				      struct gup_pin_ended *ended)
{
	*ended = (struct gup_pin_ended) {};
}

static inline void gup_pin_ended_excuse(struct folio *folio)
{
}

static inline void gup_pin_ended_forget(void)
{
}

static inline size_t gup_pin_ended_bytes(void)
{
	return 0;
}
#endif

/* event.c */
void gup_pin_event_now(struct gup_pin_event *event, unsigned long ip);

/* hazard.c */
extern const char *const gup_pin_hazard_names[NR_GUP_PIN_HAZARDS];
extern const char *const gup_pin_stake_names[NR_GUP_PIN_STAKES];
bool gup_pin_hazard(const struct gup_pin_hazard *hazard);

/**
 * gup_pin_sees_writeback() - is a folio that was just pinned under writeback?
 * @folio: the folio; its pin is recorded
 *
 * The pin and its record are stored before the flag is read, and starting writeback
 * sets the flag before it looks for pins: at least one of the two sees the other. Pairs
 * with the full barrier of setting PG_writeback in __folio_start_writeback().
 *
 * Return: true if it is.
 */
static inline bool gup_pin_sees_writeback(struct folio *folio)
{
	smp_mb(); /* see above */
	return folio_test_writeback(folio);
}

/* share.c */

/**
 * struct gup_pin_place - use of an entry in a small table
 * @used: time of last use in ns of local_clock(), at least 1; 0: free
 * @uid: user that the entry belongs to
 * @spare: replace this entry before others of its user
 */
struct gup_pin_place {
	u64 used;
	u32 uid;
	bool spare;
};

unsigned int gup_pin_place_for(const struct gup_pin_place *places, size_t stride,
			       unsigned int nr, u32 uid);

/* ring.c */

/* Number of distinct hazards that are kept of each kind. */
#define GUP_PIN_RING_PLACES	16

/**
 * struct gup_pin_hazard_record - equal hazards that were counted
 * @seq: number of the first, starting at 1; 0 if unused or being written
 * @place: time of the last one, user of its pin, and whether it is harmless
 * @key: equal for hazards of one kind, with equal stacks, on one file, of one user
 * @count: number of hazards
 * @kind: their kind
 * @reported: number of printed reports
 * @pins: recorded pins on the folio
 * @writes: there are write pins; or if the hazard is about @pin, it is one
 * @stake: the worst stake of them
 * @first_index: lowest of the folios' indexes in the file, in pages
 * @last_index: highest of the folios' indexes in the file, in pages
 * @event: the event. This and the following members describe the first hazard
 * @pin: the pin that the report names first; its api is NR_GUP_PIN_APIS if no pin is
 *	known
 * @name: name of the folio's file at the time of the event; empty if it has none
 */
struct gup_pin_hazard_record {
	u64 seq;
	struct gup_pin_place place;
	u64 key;
	u64 count;
	enum gup_pin_hazard_kind kind;
	u32 reported;
	u32 pins;
	bool writes;
	enum gup_pin_stake stake;
	pgoff_t first_index;
	pgoff_t last_index;
	struct gup_pin_event event;
	struct gup_pin_item pin;
	char name[GUP_PIN_SHORT_NAME];
};

/**
 * struct gup_pin_ring - the hazards that are kept, by kind
 * @newest: number of the newest; 0 at first
 * @entries: of each kind, in no order
 */
struct gup_pin_ring {
	u64 newest;
	struct gup_pin_hazard_record entries[NR_GUP_PIN_HAZARDS][GUP_PIN_RING_PLACES];
};

extern struct gup_pin_ring gup_pin_ring;
void gup_pin_ring_add(const struct gup_pin_hazard_record *hazard, bool again);
void gup_pin_ring_reported(const struct gup_pin_hazard_record *hazard);
bool gup_pin_ring_get(struct gup_pin_hazard_record *hazard, u64 after);
void gup_pin_ring_unload(const struct gup_pin_code *code);

/* report_text.c */
void gup_pin_print_stack(const unsigned long *entries, unsigned int nr, u32 mark, u32 as_of,
			 char *buf);

/* report.c */
bool gup_pin_report(const struct gup_pin_hazard *hazard,
		    const struct gup_pin_hazard_record *record);
void gup_pin_report_forget(void);
void gup_pin_report_exit(void);
size_t gup_pin_report_bytes(void);

/* seen.c */
bool gup_pin_seen(const struct gup_pin_hazard_record *record);
bool gup_pin_seen_first(const struct gup_pin_hazard_record *record);
void gup_pin_seen_forget(void);
size_t gup_pin_seen_bytes(void);

/* event.c */
void gup_pin_leaves_file(struct folio *folio, unsigned long first, unsigned long npages,
			 unsigned long ip);
void gup_pin_under_writeback(struct folio *folio, const struct gup_pin_item *pin,
			     unsigned long ip);
void gup_pin_unmatched(unsigned long block, u64 mask, unsigned int pins,
		       unsigned long ip);
void gup_pin_dirty_read(unsigned long pfn, unsigned long ip);

/* dax.c */
extern unsigned long gup_pin_dax_wait_ms;
void gup_pin_dax_exit(void);

/* overdue.c */
void gup_pin_overdue_look(u64 max_ms);
int gup_pin_overdue_init(void);
void gup_pin_overdue_exit(void);

/* proof.c */
extern unsigned long gup_pin_proof_max_kb;
void gup_pin_proof_switch(bool on);
void gup_pin_proof_init(void);
void gup_pin_proof_start(struct folio *folio, unsigned long ip);
u64 gup_pin_proof_bytes(void);
u64 gup_pin_proof_skipped(void);

#endif /* _MM_GUP_PIN_HAZARD_H */
