/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All places where the kernel shows hazards: counters, the ring behind `hazards`, and
 * the kernel log.
 */
#ifndef GUP_PIN_HAZARD_H
#define GUP_PIN_HAZARD_H

#include "gup_pin_util.h"

/* In the order of the kernel's enum. */
enum gup_pin_hazard_kind {
	HAZARD_WRITEBACK,
	HAZARD_PIN_UNDER_WRITEBACK,
	HAZARD_TRUNCATE,
	HAZARD_UNMATCHED_UNPIN,
	HAZARD_DIRTY_READ_PIN,
	HAZARD_CHANGED_UNDER_WRITEBACK,
	HAZARD_DIRTIED_AFTER_CLEAN,
	HAZARD_OVERDUE,
	NR_HAZARDS,
};

/* A record of `hazards`: equal hazards; the words up to pins_on_folio are of the first one. */
struct gup_pin_hazard {
	char kind[32];
	unsigned long age_ms;
	pid_t tgid;
	pid_t pid;
	char comm[68];
	struct gup_pin_line pin;
	char func[128];
	unsigned long pins_on_folio;
	unsigned long count;
	unsigned long last_ms;
	unsigned long reported;
	unsigned long first_index;
	unsigned long last_index;
	char stake[32];
	/* Frames, one per line. */
	char event[4096];
	char stack[4096];
};

struct gup_pin_hazards {
	struct gup_pin_hazard *hazard;
	size_t nr;
};

struct gup_pin_counts {
	unsigned long kind[NR_HAZARDS];
	unsigned long suppressed;
	unsigned long false_positive;
	unsigned long vm_writeback;
	unsigned long vm_truncate;
};

/* State at the time from which hazards are expected, or none. */
struct gup_pin_watch {
	struct gup_pin_counts counts;
	struct gup_pin_hazards ring;	/* records at that time */
	int log;		/* messages of the kernel log from now on */
};

/*
 * An expected hazard.
 *
 * pin: the line of `pins` from before, which the ring must repeat; times: number of
 * hazards of the kind, at least 1; func: possible names of the function in the title,
 * separated by '|'; task: thread group of the event, 0: any; title: title of the report
 * before the function; words: further text of the report, or NULL; stake: expected
 * stake, or NULL for data; quiet: counted and kept, but not reported
 */
struct gup_pin_expect {
	enum gup_pin_hazard_kind kind;
	const struct gup_pin_line *pin;
	unsigned int times;
	const char *func;
	pid_t task;
	const char *title;
	const char *words;
	const char *stake;
	bool quiet;
};

const char *gup_pin_hazard_name(enum gup_pin_hazard_kind kind);
const char *gup_pin_read_counts(struct gup_pin_counts *out);
/* The caller frees out->hazard. The second function continues at the position of fd. */
const char *gup_pin_read_hazards(struct gup_pin_hazards *out);
const char *gup_pin_read_hazards_of(int fd, struct gup_pin_hazards *out);
const char *gup_pin_set_policy(const char *name, const char *word);

const char *gup_pin_watch_begin(struct gup_pin_watch *watch);
/*
 * These restart watching. The first one waits for the expected hazard, in whatever
 * task; the others do not wait.
 */
const char *gup_pin_watch_saw(struct gup_pin_watch *watch,
			      const struct gup_pin_expect *expect);
const char *gup_pin_watch_silent(struct gup_pin_watch *watch);
/* No hazard, but this number of folios that only looked pinned. */
const char *gup_pin_watch_false_positives(struct gup_pin_watch *watch,
					  unsigned long times);
void gup_pin_watch_end(struct gup_pin_watch *watch);

#endif /* GUP_PIN_HAZARD_H */
