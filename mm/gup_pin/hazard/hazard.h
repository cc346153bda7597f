/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hazards: something happens to a folio that its pins make dangerous.
 *
 * Whoever meets one fills in a &struct gup_pin_hazard and calls
 * gup_pin_hazard(), which does the rest: policy, counters, tracepoint, ring,
 * report.
 */
#ifndef _MM_GUP_PIN_HAZARD_H
#define _MM_GUP_PIN_HAZARD_H

#include <linux/mm_types.h>
#include <linux/page-flags.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "../record/text.h"

/* New ones go to the end: users and crash-dump scripts know the numbers. */
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

/* Those that `stats` had from the first version on; the others come at its end. */
#define NR_GUP_PIN_FIRST_HAZARDS	(GUP_PIN_HAZARD_DIRTY_READ_PIN + 1)

/*
 * What is at stake, the worst first, as `stake=` says. New ones get the names' array and
 * the guide's table, and go where they belong: crash-dump scripts read the names.
 */
enum gup_pin_stake {
	/* What a file has, and may still be read, may be wrong or lost. */
	GUP_PIN_STAKE_DATA,
	/* A page may be freed while it is in use. */
	GUP_PIN_STAKE_MEMORY,
	/* A task waits for longer than it should. */
	GUP_PIN_STAKE_HANG,
	/* Memory and files stay pinned for longer than they should. */
	GUP_PIN_STAKE_TIME,
	/* The others are counted only. It would be data, but the pin's mode is a guess. */
	GUP_PIN_STAKE_GUESS,
	/* The folio is dirty, and so will be written once more. */
	GUP_PIN_STAKE_REWRITE,
	/* The I/O had ended, and the pin was about to be released. */
	GUP_PIN_STAKE_DONE,
	/* A task has begun to wait. */
	GUP_PIN_STAKE_WAIT,
	/* The holder only reads. */
	GUP_PIN_STAKE_READ,
	/* No data is written. */
	GUP_PIN_STAKE_NOTHING,
	/* The file itself ends, and no task can open it any more. */
	GUP_PIN_STAKE_END,
	NR_GUP_PIN_STAKES,
};

/* From here on, nothing is lost or stuck: counted, but not reported. */
#define GUP_PIN_STAKE_NONE	GUP_PIN_STAKE_GUESS

/* What the user wants to be done about a kind of hazard. */
enum gup_pin_policy {
	GUP_PIN_POLICY_OFF,
	GUP_PIN_POLICY_COUNT,
	GUP_PIN_POLICY_REPORT,
	GUP_PIN_POLICY_ANY,
};

/* Frames of an event's stack; deeper ones are cut at the far end. */
#define GUP_PIN_EVENT_DEPTH	32

/**
 * struct gup_pin_event - what a hazard's folio met: when, by whom, where
 * @time: in ns of local_clock()
 * @ip: return address into the function that the report's title names
 * @tgid: process of the task, as the initial pid namespace sees it; 0 in an
 *	interrupt, which has nothing to do with the task that it came upon
 * @pid: the task; 0 likewise
 * @comm: its name
 * @nr: return addresses in @entries
 * @entries: the stack
 */
struct gup_pin_event {
	u64 time;
	unsigned long ip;
	pid_t tgid;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	u32 nr;
	unsigned long entries[GUP_PIN_EVENT_DEPTH];
};

/**
 * struct gup_pin_hazard - a hazard that was just met
 * @kind: which
 * @folio: the folio; the caller sees to it that it stays
 * @ip: return address into the function that the title names, with which the
 *	event's stack starts; the whole stack if it is not in there
 * @title: what the title says before " in FUNCTION", or NULL for the kind's own
 * @stake: what is at stake at most, if the pin is for write, or need not be
 * @pins: pins without a record, where the event is about such
 * @pin: a pin to tell of first, that may be no longer on record, or NULL
 * @event: what happened, if not just now, and here; @ip is in it; or NULL
 * @again: it was counted before: only its stake has become worse
 * @first: the first of the folio's pages that it happens to
 * @npages: how many; 0: to the folio
 * @details: writes further lines of the report, each with its newline; or NULL
 *
 * What is not set is 0.
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
 * struct gup_pin_ended - direct reads to a folio that have ended, but are still pinned
 * @pins: their pins
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
void gup_pin_hazard(const struct gup_pin_hazard *hazard);

/**
 * gup_pin_sees_writeback() - is a folio under writeback that was just pinned?
 * @folio: the folio; its pin is on record
 *
 * The pin and its record come before the flag is read, and whoever starts
 * writeback sets the flag before it looks for pins: at least one of the two sees
 * the other. Pairs with the full barrier of setting PG_writeback in
 * __folio_start_writeback().
 *
 * Return: true if so.
 */
static inline bool gup_pin_sees_writeback(struct folio *folio)
{
	smp_mb(); /* see above */
	return folio_test_writeback(folio);
}

/* share.c */

/**
 * struct gup_pin_place - what is in a place
 * @used: when it was last of use, in ns of local_clock(), at least 1; 0: free
 * @uid: the user it is there for
 * @spare: it is given up before others of its user
 */
struct gup_pin_place {
	u64 used;
	u32 uid;
	bool spare;
};

unsigned int gup_pin_place_for(const struct gup_pin_place *places, size_t stride,
			       unsigned int nr, u32 uid);

/* ring.c */

/* So many equal hazards are kept of each kind. */
#define GUP_PIN_RING_PLACES	16

/**
 * struct gup_pin_hazard_record - equal hazards that were counted
 * @seq: number of the first, from 1 on; 0 while this is being written, and before
 * @place: when the last was met, whose pin it was about, and whether it is harmless
 * @key: equal for hazards of one kind, by equal stacks, on one file, of one user
 * @count: how many
 * @kind: which
 * @reported: reports that were printed
 * @pins: recorded pins on the folio
 * @writes: there are write pins
 * @stake: what is at stake with the worst of them
 * @first_index: lowest of the folios' indexes in the file, in pages
 * @last_index: highest of them
 * @event: what happened. This, and what follows, is of the first
 * @pin: what pinned it: the first that the report names. If none is known, its api is
 *	NR_GUP_PIN_APIS
 * @name: of the folio's file, when it happened; empty if it has none
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
void gup_pin_under_writeback(struct folio *folio, unsigned long ip);
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
