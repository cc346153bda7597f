/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events gup_pin_acquire and gup_pin_release, in a trace instance of our own, so that
 * other users' events are neither lost nor seen.
 *
 * As in gup_pin_util.h, `const char *` is NULL or an error.
 */
#ifndef GUP_PIN_TRACEFS_H
#define GUP_PIN_TRACEFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TRACEFS		"/sys/kernel/tracing"

enum gup_pin_event_kind { EVENT_ACQUIRE, EVENT_RELEASE, NR_EVENTS };

struct gup_pin_event {
	enum gup_pin_event_kind kind;
	int cpu;
	bool interrupt;			/* in an interrupt */
	char func[64];			/* release */
	unsigned long pfn;
	unsigned long pins;
	char mode;
	char term[8];
	char api[32];
	pid_t owner;
	pid_t tgid;
	pid_t pid;
	char comm[16];
	unsigned long long age_ns;	/* release */
	unsigned long addr;
	unsigned long stack;
	char match[12];			/* release */
};

struct gup_pin_events {
	struct gup_pin_event *event;
	size_t nr;
};

/* Returns why there are no such events; NULL if there are. Mounts tracefs if necessary. */
const char *gup_pin_tracefs_missing(void);

/* Starts with an empty buffer and all events disabled. */
const char *gup_pin_tracefs_begin(void);
void gup_pin_tracefs_end(void);
/* From now on, keeping the newest hundreds of events is enough. */
const char *gup_pin_tracefs_newest(void);
const char *gup_pin_tracefs_switch(enum gup_pin_event_kind kind, bool on);
const char *gup_pin_tracefs_both(bool on);
/* "0" for none. */
const char *gup_pin_tracefs_filter(enum gup_pin_event_kind kind, const char *filter);
const char *gup_pin_tracefs_empty(void);

/* Reads the whole buffer, if no event was lost that must not be. The caller frees it. */
const char *gup_pin_tracefs_read(struct gup_pin_events *out);
void gup_pin_tracefs_free(struct gup_pin_events *events);

/* Number of pins in events of a kind; tgid 0: of all processes. */
unsigned long gup_pin_tracefs_pins(const struct gup_pin_events *events,
				   enum gup_pin_event_kind kind, pid_t tgid);
/* Gets the only event of a kind with pins of this process, or returns an error. */
const char *gup_pin_tracefs_only(const struct gup_pin_events *events,
				 enum gup_pin_event_kind kind, pid_t tgid,
				 const struct gup_pin_event **out);

#endif /* GUP_PIN_TRACEFS_H */
