// SPDX-License-Identifier: GPL-2.0
/* Tracepoints of pins, read through tracefs. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "gup_pin_tracefs.h"
#include "gup_pin_util.h"

#define EVENTS		"/events/gup_pin/"
#define INSTANCE	TRACEFS "/instances/gup_pin_selftest"
#define TRACE		INSTANCE "/trace"

/* Size of each CPU's buffer, for tens of thousands of events, or hundreds. */
#define BUFFER_KB	"8192"
#define SMALL_KB	"64"

static bool may_lose;

/* Number of digits of a kernel address. */
#define ADDRESS_DIGITS	16

static const char *const names[NR_EVENTS] = {
	[EVENT_ACQUIRE] = "gup_pin_acquire",
	[EVENT_RELEASE] = "gup_pin_release",
};

const char *gup_pin_tracefs_missing(void)
{
	int i;

	if (access(TRACEFS "/trace", F_OK))
		mount("none", TRACEFS, "tracefs", 0, NULL);
	for (i = 0; i < NR_EVENTS; i++) {
		char path[100];

		snprintf(path, sizeof(path), TRACEFS EVENTS "%s", names[i]);
		if (access(path, F_OK))
			return gup_pin_problem("no %s (CONFIG_FTRACE)", path);
	}
	return NULL;
}

static const char *set(enum gup_pin_event_kind kind, const char *file, const char *text)
{
	char path[120];

	snprintf(path, sizeof(path), INSTANCE EVENTS "%s/%s", names[kind], file);
	return gup_pin_write(path, text);
}

const char *gup_pin_tracefs_switch(enum gup_pin_event_kind kind, bool on)
{
	return set(kind, "enable", on ? "1" : "0");
}

const char *gup_pin_tracefs_both(bool on)
{
	return gup_pin_tracefs_switch(EVENT_ACQUIRE, on) ?:
		gup_pin_tracefs_switch(EVENT_RELEASE, on);
}

const char *gup_pin_tracefs_filter(enum gup_pin_event_kind kind, const char *filter)
{
	return set(kind, "filter", filter);
}

/* Opening the file with O_TRUNC empties the buffer. */
const char *gup_pin_tracefs_empty(void)
{
	int fd = open(TRACE, O_WRONLY | O_TRUNC);

	if (fd < 0)
		return gup_pin_problem("cannot open " TRACE ": %s", strerror(errno));
	close(fd);
	return NULL;
}

const char *gup_pin_tracefs_begin(void)
{
	/* Left over from a test that was killed. */
	rmdir(INSTANCE);
	if (mkdir(INSTANCE, 0700))
		return gup_pin_problem("cannot make " INSTANCE ": %s", strerror(errno));
	may_lose = false;
	return gup_pin_write(INSTANCE "/buffer_size_kb", BUFFER_KB);
}

const char *gup_pin_tracefs_newest(void)
{
	may_lose = true;
	return gup_pin_write(INSTANCE "/buffer_size_kb", SMALL_KB);
}

void gup_pin_tracefs_end(void)
{
	gup_pin_tracefs_both(false);
	rmdir(INSTANCE);
}

/* "overrun: 0" and the like, for each CPU. */
static const char *lost_events(void)
{
	static const char *const counters[] = {
		"overrun: ", "commit overrun: ", "dropped events: ",
	};
	long cpus = sysconf(_SC_NPROCESSORS_CONF), cpu;
	const char *problem, *at;
	char path[120], *text;
	size_t i;

	for (cpu = 0; cpu < cpus; cpu++) {
		snprintf(path, sizeof(path), INSTANCE "/per_cpu/cpu%ld/stats", cpu);
		problem = gup_pin_slurp(path, &text, NULL);
		if (problem)
			return problem;
		for (i = 0; !problem && i < ARRAY_SIZE(counters); i++) {
			at = strstr(text, counters[i]);
			if (!at || strtoul(at + strlen(counters[i]), NULL, 10))
				problem = gup_pin_problem("CPU %ld lost events: %s",
							  cpu, text);
		}
		free(text);
		if (problem)
			return problem;
	}
	return NULL;
}

static bool has_kernel_address(const char *line)
{
	size_t digits = 0;

	for (; *line; line++) {
		digits = isxdigit((unsigned char)*line) ? digits + 1 : 0;
		if (digits == ADDRESS_DIGITS &&
		    !strncmp(line - ADDRESS_DIGITS + 1, "ffff", 4))
			return true;
	}
	return false;
}

/* Parses from comm= on; a name may have blanks. */
static const char *take_comm(const char *rest, struct gup_pin_event *event)
{
	const char *next = event->kind == EVENT_RELEASE ? " age_ns=" : " addr=";
	const char *end = strstr(rest, next);

	if (strncmp(rest, "comm=", 5) || !end)
		return NULL;
	rest += 5;
	if ((size_t)(end - rest) >= sizeof(event->comm))
		return NULL;
	memcpy(event->comm, rest, end - rest);
	return end;
}

static bool parse(const char *words, struct gup_pin_event *event)
{
	int end = 0;

	if (event->kind == EVENT_RELEASE) {
		if (sscanf(words, "func=%63s %n", event->func, &end) != 1 || !end)
			return false;
		words += end;
	}
	end = 0;
	if (sscanf(words,
		   "pfn=0x%lx pins=%lu mode=%c term=%7s api=%31s owner=%d task=%d/%d %n",
		   &event->pfn, &event->pins, &event->mode, event->term, event->api,
		   &event->owner, &event->tgid, &event->pid, &end) != 8 || !end)
		return false;
	words = take_comm(words + end, event);
	if (!words)
		return false;
	end = 0;
	if (event->kind == EVENT_RELEASE) {
		if (sscanf(words, " age_ns=%llu addr=0x%lx stack=0x%lx match=%11s%n",
			   &event->age_ns, &event->addr, &event->stack, event->match,
			   &end) != 4)
			return false;
	} else if (sscanf(words, " addr=0x%lx stack=0x%lx%n", &event->addr,
			  &event->stack, &end) != 2) {
		return false;
	}
	return end && !words[end];
}

/* Finds the event's words after time stamp and name; NULL if it is not one of ours. */
static const char *find_words(const char *line, enum gup_pin_event_kind *kind)
{
	const char *at;
	int i;

	for (i = 0; i < NR_EVENTS; i++) {
		at = strstr(line, names[i]);
		if (at && !strncmp(at + strlen(names[i]), ": ", 2)) {
			*kind = i;
			return at + strlen(names[i]) + 2;
		}
	}
	return NULL;
}

/*
 * "[001] d.h1. 12.345678: gup_pin_release: ": the third flag is the kind of interrupt,
 * or a dot. The task's name before it may be any text.
 */
static bool take_place(const char *line, const char *words, struct gup_pin_event *event)
{
	char flags[8];

	while (words > line && *words != '[')
		words--;
	if (sscanf(words, "[%d] %7s", &event->cpu, flags) != 2 || strlen(flags) < 3)
		return false;
	event->interrupt = flags[2] != '.';
	return true;
}

static const char *take_event(const char *line, struct gup_pin_event *event)
{
	const char *words;

	memset(event, 0, sizeof(*event));
	words = find_words(line, &event->kind);
	if (!words || !take_place(line, words, event) || !parse(words, event))
		return gup_pin_problem("no event: %s", line);
	if (has_kernel_address(line))
		return gup_pin_problem("it shows a kernel address: %s", line);
	return NULL;
}

const char *gup_pin_tracefs_read(struct gup_pin_events *out)
{
	const char *problem;
	char *text, *line, *rest;
	size_t room = 0;

	memset(out, 0, sizeof(*out));
	problem = may_lose ? NULL : lost_events();
	problem = problem ?: gup_pin_slurp(TRACE, &text, NULL);
	if (problem)
		return problem;
	for (rest = text; !problem && (line = strsep(&rest, "\n"));) {
		if (!*line || *line == '#')
			continue;
		if (out->nr == room) {
			room = room ? 2 * room : 64;
			out->event = realloc(out->event, room * sizeof(*out->event));
		}
		problem = take_event(line, &out->event[out->nr]);
		out->nr++;
	}
	free(text);
	if (problem)
		gup_pin_tracefs_free(out);
	return problem;
}

void gup_pin_tracefs_free(struct gup_pin_events *events)
{
	free(events->event);
	memset(events, 0, sizeof(*events));
}

unsigned long gup_pin_tracefs_pins(const struct gup_pin_events *events,
				   enum gup_pin_event_kind kind, pid_t tgid)
{
	const struct gup_pin_event *event = events->event;
	unsigned long sum = 0;
	size_t i;

	for (i = 0; i < events->nr; i++)
		if (event[i].kind == kind && (!tgid || event[i].tgid == tgid))
			sum += event[i].pins;
	return sum;
}

const char *gup_pin_tracefs_only(const struct gup_pin_events *events,
				 enum gup_pin_event_kind kind, pid_t tgid,
				 const struct gup_pin_event **out)
{
	unsigned int times = 0;
	size_t i;

	*out = NULL;
	for (i = 0; i < events->nr; i++) {
		if (events->event[i].kind != kind || events->event[i].tgid != tgid)
			continue;
		*out = &events->event[i];
		times++;
	}
	if (times != 1)
		return gup_pin_problem("%u times %s of process %d, not once", times,
				       names[kind], tgid);
	return NULL;
}
