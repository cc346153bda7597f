// SPDX-License-Identifier: GPL-2.0
/* Check that a hazard was counted, kept and reported as expected; or that there was none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "gup_pin_hazard.h"
#include "gup_pin_log.h"

static unsigned int count_reports(const char *log)
{
	unsigned int count = 0;

	for (; (log = strstr(log, GUP_PIN_REPORT)); log++)
		count++;
	return count;
}

/* Finds this stack, complete, below a line that starts with @what. */
static bool has_stack(const char *report, const char *what, const char *frames)
{
	char stack[8192] = "\n", *at;
	const char *head;
	size_t len, used = 1;

	for (; *frames; frames += len + 1) {
		len = strcspn(frames, "\n");
		used += snprintf(stack + used, sizeof(stack) - used, " %.*s\n", (int)len,
				 frames);
	}
	snprintf(stack + used, sizeof(stack) - used, "\n");
	for (at = strstr(report, stack); at; at = strstr(at + 1, stack)) {
		for (head = at; head > report && head[-1] != '\n'; head--)
			;
		if (!strncmp(head, what, strlen(what)))
			return true;
	}
	return false;
}

static bool starts_with(const char *text, const char *words)
{
	return !strncmp(text, words, strlen(words));
}

/* Does the title of a report name this function? */
static bool has_title(const char *report, const char *func)
{
	const char *in = strstr(report, " in "), *end = strchr(report, '\n');
	size_t len = strlen(func);

	return in && (!end || in < end) && !strncmp(in + 4, func, len) &&
	       (in[4 + len] == '/' || in[4 + len] == '\n' || !in[4 + len]);
}

/* Reports are distinguished by file, but not by task. */
static bool of_file(const char *report, const struct gup_pin_hazard *hazard)
{
	const struct gup_pin_line *pin = &hazard->pin;
	char words[80];

	snprintf(words, sizeof(words), " dev=%u:%u ino=%lu ", pin->major, pin->minor, pin->ino);
	return pin->ino ? !!strstr(report, words) : !strstr(report, "\nfile: ");
}

/*
 * There is one report for a pair of stacks and a file. It may be old: an equal hazard
 * may have been reported before.
 */
static const char *check_report(const struct gup_pin_hazard *hazard,
				const struct gup_pin_expect *expect)
{
	char *log, *rest, *report, *found = NULL;
	const char *problem;
	unsigned int count = 0;
	int fd;

	problem = gup_pin_log_open(0, SEEK_SET, &fd);
	if (problem)
		return problem;
	log = gup_pin_log_rest(fd);
	close(fd);
	for (rest = log; (report = gup_pin_log_next(&rest));) {
		if (!starts_with(report + strlen(GUP_PIN_REPORT), expect->title) ||
		    !has_title(report, hazard->func) || !of_file(report, hazard) ||
		    !has_stack(report, "event: ", hazard->event) ||
		    !has_stack(report, "pin: ", hazard->stack))
			continue;
		count++;
		found = report;
	}
	if (count != 1)
		problem = gup_pin_problem("%u reports of '%s%s' with these stacks\n%s--\n%s",
					  count, expect->title, hazard->func,
					  hazard->event, hazard->stack);
	else if (expect->words && !strstr(found, expect->words))
		problem = gup_pin_problem("no '%s' in the report: %s", expect->words, found);
	free(log);
	return problem;
}

static const char *same(const char *word, unsigned long is, unsigned long want)
{
	return is == want ? NULL :
		gup_pin_problem("ring: %s is %lu, not %lu", word, is, want);
}

static const char *same_text(const char *word, const char *is, const char *want)
{
	return strcmp(is, want) ?
		gup_pin_problem("ring: %s=%s, not %s", word, is, want) : NULL;
}

/* Words that equal hazards have in common, and some that are always equal in these tests. */
static const char *check_origin(const struct gup_pin_line *pin,
				const struct gup_pin_line *want)
{
	return same("mode", pin->mode, want->mode) ?:
		same("major", pin->major, want->major) ?:
		same("minor", pin->minor, want->minor) ?:
		same("ino", pin->ino, want->ino) ?:
		same("stack", pin->stack, want->stack) ?:
		same_text("term", pin->term, want->term) ?:
		same_text("api", pin->api, want->api) ?:
		same_text("map", pin->map, want->map);
}

/* Compares a pin in the ring with a line of `pins`, limited to one folio. */
static const char *check_pin(const struct gup_pin_line *pin,
			     const struct gup_pin_line *want)
{
	unsigned long ahead = pin->pfn - want->pfn;
	const char *problem;

	problem = same("order", pin->order, want->order) ?:
		same("owner", pin->owner, want->owner) ?:
		same("tgid", pin->tgid, want->tgid) ?:
		same("pid", pin->pid, want->pid) ?:
		same_text("comm", pin->comm, want->comm) ?:
		same_text("match", pin->match, want->match);
	if (problem)
		return problem;
	if (ahead >= want->pages)
		return gup_pin_problem("ring: pfn=0x%lx, not from 0x%lx on", pin->pfn,
				       want->pfn);
	if (pin->index != want->index + ahead)
		return gup_pin_problem("ring: index=0x%lx, not 0x%lx", pin->index,
				       want->index + ahead);
	if (pin->addr != (want->addr ? want->addr + ahead * PAGE_SIZE : 0))
		return gup_pin_problem("ring: addr=0x%lx, not 0x%lx", pin->addr,
				       want->addr);
	if (pin->age_ms < want->age_ms)
		return gup_pin_problem("ring: age_ms=%lu, before it was %lu", pin->age_ms,
				       want->age_ms);
	return NULL;
}

static bool func_fits(const char *func, const char *choices)
{
	/* Copies made by the compiler have a suffix. */
	size_t len = strcspn(func, "+."), n;

	for (; *choices; choices += n + (choices[n] == '|')) {
		n = strcspn(choices, "|");
		if (n == len && !strncmp(func, choices, n))
			return true;
	}
	return false;
}

/* Words that cover all equal hazards, some of which may be older. */
static const char *check_all(const struct gup_pin_hazard *hazard,
			     const struct gup_pin_expect *expect)
{
	const char *name = gup_pin_hazard_name(expect->kind);
	const char *stake = expect->stake ?: "data";
	size_t len = strlen(hazard->func);

	if (strcmp(hazard->kind, name))
		return gup_pin_problem("ring: kind=%s, not %s", hazard->kind, name);
	if (!func_fits(hazard->func, expect->func))
		return gup_pin_problem("ring: func=%s, not %s", hazard->func, expect->func);
	/* If a pin is merely held, no task causes the event. */
	if (expect->kind == HAZARD_OVERDUE ? hazard->event[0] || hazard->tgid :
	    strncmp(hazard->event, hazard->func, len))
		return gup_pin_problem("the event's stack begins with '%.*s', not with %s",
				       (int)strcspn(hazard->event, "\n"), hazard->event,
				       hazard->func);
	len = strlen(expect->pin->api);
	if (strncmp(hazard->stack, expect->pin->api, len))
		return gup_pin_problem("the pin's stack begins with '%.*s', not with %s",
				       (int)strcspn(hazard->stack, "\n"), hazard->stack,
				       expect->pin->api);
	if (expect->pin->index < hazard->first_index || expect->pin->index > hazard->last_index)
		return gup_pin_problem("ring: indexes=0x%lx-0x%lx without 0x%lx",
				       hazard->first_index, hazard->last_index,
				       expect->pin->index);
	if (!expect->quiet && !hazard->reported)
		return gup_pin_problem("ring: %s has reported=0", name);
	if (!expect->quiet && strcmp(hazard->stake, stake))
		return gup_pin_problem("ring: stake=%s, not %s", hazard->stake, stake);
	return check_origin(&hazard->pin, expect->pin);
}

/* Words of the first hazard, if it is this one. */
static const char *check_first(const struct gup_pin_hazard *hazard,
			       const struct gup_pin_expect *expect, unsigned int times)
{
	if (expect->task && hazard->tgid != expect->task)
		return gup_pin_problem("ring: task=%d/... of the event, not %d",
				       hazard->tgid, expect->task);
	/* With proof, the pins may have been released meanwhile. */
	if (expect->kind != HAZARD_CHANGED_UNDER_WRITEBACK &&
	    hazard->pins_on_folio < hazard->pin.pins)
		return gup_pin_problem("ring: pins_on_folio=%lu, but pins=%lu",
				       hazard->pins_on_folio, hazard->pin.pins);
	if (hazard->count > times)
		return gup_pin_problem("ring: count=%lu of %u", hazard->count, times);
	if (expect->quiet && hazard->reported)
		return gup_pin_problem("ring: reported=%lu", hazard->reported);
	if (strcmp(hazard->stake, expect->stake ?: "data"))
		return gup_pin_problem("ring: stake=%s, not %s", hazard->stake,
				       expect->stake ?: "data");
	return check_pin(&hazard->pin, expect->pin);
}

/* Growth of each counter, and its current value. */
static const char *read_growth(const struct gup_pin_watch *watch,
			       struct gup_pin_counts *now, struct gup_pin_counts *growth)
{
	const struct gup_pin_counts *before = &watch->counts;
	const char *problem = gup_pin_read_counts(now);
	int kind;

	if (problem)
		return problem;
	for (kind = 0; kind < NR_HAZARDS; kind++)
		growth->kind[kind] = now->kind[kind] - before->kind[kind];
	growth->suppressed = now->suppressed - before->suppressed;
	growth->false_positive = now->false_positive - before->false_positive;
	growth->vm_writeback = now->vm_writeback - before->vm_writeback;
	growth->vm_truncate = now->vm_truncate - before->vm_truncate;
	return NULL;
}

/* Expects this number of hazards of this kind, and none of any other. */
static const char *check_growth(const struct gup_pin_counts *growth,
				enum gup_pin_hazard_kind which, unsigned int times)
{
	unsigned long want;
	int kind;

	for (kind = 0; kind < NR_HAZARDS; kind++) {
		want = kind == (int)which ? times : 0;
		if (growth->kind[kind] != want)
			return gup_pin_problem("hazard_%s grew by %lu, not by %lu",
					       gup_pin_hazard_name(kind),
					       growth->kind[kind], want);
	}
	if (growth->vm_writeback != growth->kind[HAZARD_WRITEBACK] ||
	    growth->vm_truncate != growth->kind[HAZARD_TRUNCATE])
		return gup_pin_problem("/proc/vmstat grew by %lu and %lu, stats by %lu and %lu",
				       growth->vm_writeback, growth->vm_truncate,
				       growth->kind[HAZARD_WRITEBACK],
				       growth->kind[HAZARD_TRUNCATE]);
	return NULL;
}

/* Expects these words about the pin, and about its file if it has one. */
static const char *check_words(const char *log, const struct gup_pin_line *pin)
{
	char words[400];

	snprintf(words, sizeof(words),
		 "pin: mode=%c term=%s api=%s owner=%d task=%d/%d comm=%s age_ms=",
		 pin->mode, pin->term, pin->api, pin->owner, pin->tgid, pin->pid, pin->comm);
	if (!strstr(log, words))
		return gup_pin_problem("no '%s' in: %s", words, log);
	if (!pin->ino)
		return NULL;
	snprintf(words, sizeof(words), " dev=%u:%u ino=%lu index=", pin->major, pin->minor,
		 pin->ino);
	if (!strstr(log, words))
		return gup_pin_problem("no '%s' in: %s", words, log);
	return NULL;
}

/* Reports that were not printed are counted as suppressed. */
static const char *check_log(const char *log, unsigned long suppressed,
			     unsigned int times, const struct gup_pin_line *pin, bool quiet)
{
	unsigned int count = count_reports(log);

	if (quiet && count)
		return gup_pin_problem("%u reports: %s", count, strstr(log, GUP_PIN_REPORT));
	if (!quiet && count + suppressed != times)
		return gup_pin_problem("%u reports and %lu suppressed, not %u in all: %s",
				       count, suppressed, times, strstr(log, GUP_PIN_REPORT) ?: "");
	return count ? check_words(log, pin) : NULL;
}

static bool is_equal(const struct gup_pin_hazard *a, const struct gup_pin_hazard *b)
{
	return !strcmp(a->kind, b->kind) && a->pin.ino == b->pin.ino &&
	       a->pin.major == b->pin.major && a->pin.minor == b->pin.minor &&
	       a->pin.stack == b->pin.stack && !strcmp(a->event, b->event);
}

/* Returns the record of equal hazards from before; NULL if there is none. */
static const struct gup_pin_hazard *find_equal(const struct gup_pin_hazards *ring,
					       const struct gup_pin_hazard *hazard)
{
	size_t i;

	for (i = 0; i < ring->nr; i++)
		if (is_equal(&ring->hazard[i], hazard))
			return &ring->hazard[i];
	return NULL;
}

/* Number of hazards since then. */
static unsigned long news(const struct gup_pin_hazard *hazard,
			  const struct gup_pin_hazard *before)
{
	if (!before || hazard->count < before->count)
		return hazard->count;
	return hazard->count - before->count;
}

static const char *check_new(const struct gup_pin_hazard *hazard,
			     const struct gup_pin_hazard *before,
			     const struct gup_pin_expect *expect, unsigned int times)
{
	const char *problem = check_all(hazard, expect);

	if (!problem && !before)
		problem = check_first(hazard, expect, times);
	return problem ?: expect->quiet ? NULL : check_report(hazard, expect);
}

/* Checks the new hazards in the ring. */
static const char *check_ring(const struct gup_pin_hazards *before,
			      const struct gup_pin_hazards *ring,
			      const struct gup_pin_expect *expect, unsigned int times)
{
	const char *problem = NULL;
	unsigned long count = 0, more;
	size_t i;

	for (i = 0; !problem && i < ring->nr; i++) {
		const struct gup_pin_hazard *old = find_equal(before, &ring->hazard[i]);

		more = news(&ring->hazard[i], old);
		count += more;
		if (more)
			problem = check_new(&ring->hazard[i], old, expect, times);
	}
	if (!problem && count != times)
		problem = gup_pin_problem("the ring has %lu new hazards, not %u", count,
					  times);
	return problem;
}

/* The caller frees the old records. */
static const char *take_ring(struct gup_pin_watch *watch, struct gup_pin_hazards *before)
{
	*before = watch->ring;
	memset(&watch->ring, 0, sizeof(watch->ring));
	return gup_pin_read_hazards(&watch->ring);
}

const char *gup_pin_watch_begin(struct gup_pin_watch *watch)
{
	memset(watch, 0, sizeof(*watch));
	watch->log = -1;
	return gup_pin_read_counts(&watch->counts) ?:
		gup_pin_read_hazards(&watch->ring) ?:
		gup_pin_log_open(0, SEEK_END, &watch->log);
}

/* Number of hazards in the ring since then. */
static const char *count_news(const struct gup_pin_hazards *before, unsigned long *count)
{
	struct gup_pin_hazards ring;
	const char *problem = gup_pin_read_hazards(&ring);
	size_t i;

	*count = 0;
	for (i = 0; !problem && i < ring.nr; i++)
		*count += news(&ring.hazard[i], find_equal(before, &ring.hazard[i]));
	free(ring.hazard);
	return problem;
}

/*
 * A hazard is counted in `stats`, then in /proc/vmstat, kept in the ring, and then reported,
 * in any task.
 */
static bool is_complete(const struct gup_pin_counts *growth, unsigned long kept,
			unsigned long reports, const struct gup_pin_expect *expect)
{
	unsigned int times = expect->times ?: 1;

	return growth->kind[expect->kind] >= times && kept >= times &&
	       growth->vm_writeback >= growth->kind[HAZARD_WRITEBACK] &&
	       growth->vm_truncate >= growth->kind[HAZARD_TRUNCATE] &&
	       reports + growth->suppressed >= (expect->quiet ? 0 : times);
}

const char *gup_pin_watch_saw(struct gup_pin_watch *watch,
			      const struct gup_pin_expect *expect)
{
	unsigned int times = expect->times ?: 1, waited = 0;
	struct gup_pin_counts now, growth;
	struct gup_pin_hazards before;
	const char *problem;
	unsigned long kept;
	char *log = NULL;

	do {
		problem = read_growth(watch, &now, &growth) ?: count_news(&watch->ring, &kept);
		gup_pin_log_add(watch->log, &log);
	} while (!problem && !is_complete(&growth, kept, gup_pin_log_reports(log), expect) &&
		 gup_pin_patience(&waited));
	watch->counts = now;
	if (!problem)
		problem = check_growth(&growth, expect->kind, times);
	if (!problem)
		problem = check_log(log, growth.suppressed, times, expect->pin,
				    expect->quiet);
	free(log);
	if (problem)
		return problem;
	problem = take_ring(watch, &before) ?:
		check_ring(&before, &watch->ring, expect, times);
	free(before.hazard);
	return problem;
}

const char *gup_pin_watch_silent(struct gup_pin_watch *watch)
{
	return gup_pin_watch_false_positives(watch, 0);
}

const char *gup_pin_watch_false_positives(struct gup_pin_watch *watch,
					  unsigned long times)
{
	struct gup_pin_counts now, growth;
	const char *problem;
	char *log;

	problem = read_growth(watch, &now, &growth);
	if (problem)
		return problem;
	watch->counts = now;
	log = gup_pin_log_rest(watch->log);
	problem = check_growth(&growth, NR_HAZARDS, 0);
	if (!problem && growth.suppressed)
		problem = gup_pin_problem("reports_suppressed grew by %lu",
					  growth.suppressed);
	if (!problem && growth.false_positive != times)
		problem = gup_pin_problem("false_positive grew by %lu, not by %lu",
					  growth.false_positive, times);
	problem = problem ?: check_log(log, 0, 0, NULL, false);
	free(log);
	return problem;
}

void gup_pin_watch_end(struct gup_pin_watch *watch)
{
	if (watch->log > 0)
		close(watch->log);
	watch->log = -1;
	free(watch->ring.hazard);
	memset(&watch->ring, 0, sizeof(watch->ring));
}
