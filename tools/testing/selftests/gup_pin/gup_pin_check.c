// SPDX-License-Identifier: GPL-2.0
/* Check that the files below /sys/kernel/debug/gup_pin agree with what was pinned. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "gup_pin_mem.h"
#include "gup_pin_util.h"

#define STAT_REFRESH	"/proc/sys/vm/stat_refresh"

/* Pins taken by the calling thread on memory of its own process. */
void gup_pin_want_self(struct gup_pin_want *want, const char *api, char mode,
		       const char *term, const char *map)
{
	memset(want, 0, sizeof(*want));
	want->api = api;
	want->mode = mode;
	want->term = term;
	want->map = map;
	want->tgid = getpid();
	want->pid = gettid();
	want->owner = getpid();
}

/* The same, on such memory, whose kind, folios and file are known. */
void gup_pin_want_mem(struct gup_pin_want *want, const char *api, char mode,
		      const char *term, const struct gup_pin_mem *mem)
{
	gup_pin_want_self(want, api, mode, term, mem->map);
	want->order = mem->order;
	want->dev = mem->dev;
	want->ino = mem->ino;
	want->has_index = mem->ino;
}

const char *gup_pin_check_line(const struct gup_pin_line *line,
			       const struct gup_pin_want *want)
{
	const char *match = want->match ?: "exact";

	if (want->api && strcmp(line->api, want->api))
		return gup_pin_problem("api=%s, not %s", line->api, want->api);
	if (want->mode && line->mode != want->mode)
		return gup_pin_problem("mode=%c, not %c", line->mode, want->mode);
	if (want->term && strcmp(line->term, want->term))
		return gup_pin_problem("term=%s, not %s", line->term, want->term);
	if (want->map && strcmp(line->map, want->map))
		return gup_pin_problem("map=%s, not %s", line->map, want->map);
	if (strcmp(line->match, match))
		return gup_pin_problem("match=%s, not %s", line->match, match);
	if (want->comm && strcmp(line->comm, want->comm))
		return gup_pin_problem("comm=%s, not %s", line->comm, want->comm);
	if (want->path && strcmp(line->path, want->path))
		return gup_pin_problem("path=%s, not %s", line->path, want->path);
	if (want->tgid && line->tgid != want->tgid)
		return gup_pin_problem("task=%d/..., not %d", line->tgid, want->tgid);
	if (want->pid && line->pid != want->pid)
		return gup_pin_problem("task=.../%d, not %d", line->pid, want->pid);
	if ((want->owner || want->no_owner) && line->owner != want->owner)
		return gup_pin_problem("owner=%d, not %d", line->owner, want->owner);
	if (!want->any_order && line->order != want->order)
		return gup_pin_problem("order=%u, not %u", line->order, want->order);
	if (makedev(line->major, line->minor) != want->dev)
		return gup_pin_problem("dev=%u:%u, not %u:%u", line->major, line->minor,
				       major(want->dev), minor(want->dev));
	if (line->ino != want->ino)
		return gup_pin_problem("ino=%lu, not %lu", line->ino,
				       (unsigned long)want->ino);
	if (!line->stack)
		return gup_pin_problem("stack=0x0");
	return NULL;
}

/* The same line, read later. */
bool gup_pin_same_line(const struct gup_pin_line *a, const struct gup_pin_line *b)
{
	return a->pfn == b->pfn && a->pages == b->pages && a->order == b->order &&
	       a->pins == b->pins && a->mode == b->mode && !strcmp(a->term, b->term) &&
	       !strcmp(a->api, b->api) && a->owner == b->owner && a->tgid == b->tgid &&
	       a->pid == b->pid && !strcmp(a->comm, b->comm) && a->age_ms <= b->age_ms &&
	       a->addr == b->addr && !strcmp(a->map, b->map) && a->major == b->major &&
	       a->minor == b->minor && a->ino == b->ino && a->index == b->index &&
	       a->stack == b->stack && !strcmp(a->match, b->match) &&
	       !strcmp(a->path, b->path);
}

/* Compares a line with the page tables. Counts its pins in seen[]. */
static const char *check_place(const struct gup_pin_line *line,
			       const struct gup_pin_want *want, pid_t mapped_by,
			       unsigned long start, unsigned long npages,
			       unsigned char *seen)
{
	unsigned long page, first, pfn, i;
	unsigned int times = want->times ?: 1;

	first = (line->addr - start) / PAGE_SIZE;
	if (line->addr % PAGE_SIZE || line->addr < start || first >= npages)
		return gup_pin_problem("addr=0x%lx is outside of what was pinned",
				       line->addr);
	if (want->has_index && line->index != want->index + first)
		return gup_pin_problem("index=0x%lx, not 0x%lx", line->index,
				       want->index + first);
	if (line->pages > npages - first)
		return gup_pin_problem("the line goes past the pages that were pinned");
	if (line->pins != line->pages * times)
		return gup_pin_problem("pins=%lu, not %lu", line->pins, line->pages * times);
	for (i = 0; i < line->pages; i++) {
		page = first + i;
		if (seen[page]++)
			return gup_pin_problem("page %lu is in two lines", page);
		pfn = gup_pin_pfn_of(mapped_by, (void *)(start + page * PAGE_SIZE));
		if (pfn != line->pfn + i)
			return gup_pin_problem("page %lu is pfn 0x%lx and not in this line",
					       page, pfn);
	}
	return NULL;
}

/*
 * The lines with want's task and API must cover each page at addr once, match want, and
 * have a stack that starts with the API.
 */
const char *gup_pin_check_pages(const struct gup_pin_want *want, pid_t mapped_by,
				const void *addr, unsigned long npages)
{
	unsigned char *seen = calloc(npages, 1);
	const char *problem = NULL;
	struct gup_pin_lines lines;
	unsigned long missing = 0;
	size_t i;

	problem = gup_pin_read_task(&lines, want->tgid);
	if (!problem && want->api)
		gup_pin_only_api(&lines, want->api);
	if (!problem && !lines.nr)
		problem = gup_pin_problem("no line of task %d by %s", want->tgid,
					  want->api);
	for (i = 0; !problem && i < lines.nr; i++) {
		struct gup_pin_line *line = &lines.line[i];

		problem = gup_pin_check_line(line, want);
		if (!problem)
			problem = check_place(line, want, mapped_by,
					      (unsigned long)addr, npages, seen);
		if (!problem)
			problem = gup_pin_check_stack(line);
		if (problem)
			problem = gup_pin_problem("line %zu (pfn=0x%lx pages=%lu pins=%lu): %s",
						  i, line->pfn, line->pages,
						  line->pins, problem);
	}
	for (i = 0; !problem && i < npages; i++)
		missing += !seen[i];
	if (missing)
		problem = gup_pin_problem("%lu of %lu pages are in no line", missing,
					  npages);
	gup_pin_free(&lines);
	free(seen);
	return problem;
}

static bool same_group(const struct gup_pin_line *line,
		       const struct gup_pin_stack *stack)
{
	return line->stack == stack->stack && line->mode == stack->mode &&
	       !strcmp(line->term, stack->term) && !strcmp(line->api, stack->api);
}

/* `stacks` must have the line's stack, with the totals of all its lines. */
const char *gup_pin_check_stack(const struct gup_pin_line *line)
{
	unsigned long pins = 0, pages = 0, calls = 0, line_pins = 0, line_pages = 0;
	struct gup_pin_stacks stacks;
	const char *problem = NULL;
	struct gup_pin_lines lines;
	size_t i, nr_lines = 0, len;

	problem = gup_pin_read_stacks(&stacks);
	if (problem)
		return problem;
	problem = gup_pin_read_pins(&lines);
	if (problem)
		goto out;
	for (i = 0; i < stacks.nr; i++) {
		struct gup_pin_stack *stack = &stacks.stack[i];

		if (!same_group(line, stack))
			continue;
		pins += stack->pins;
		pages += stack->pages;
		calls += stack->calls;
		len = strlen(line->api);
		if (strncmp(stack->first_frame, line->api, len) ||
		    strncmp(stack->first_frame + len, "+0x", 3)) {
			problem = gup_pin_problem("stack 0x%lx begins with '%s', not with %s",
						  stack->stack, stack->first_frame,
						  line->api);
			goto out;
		}
		if (stack->nr_frames < 3) {
			problem = gup_pin_problem("stack 0x%lx has %u frames only",
						  stack->stack, stack->nr_frames);
			goto out;
		}
	}
	for (i = 0; i < lines.nr; i++) {
		struct gup_pin_line *other = &lines.line[i];

		if (other->stack != line->stack || other->mode != line->mode ||
		    strcmp(other->term, line->term) || strcmp(other->api, line->api))
			continue;
		line_pins += other->pins;
		line_pages += other->pages;
		nr_lines++;
	}
	if (!calls)
		problem = gup_pin_problem("stack 0x%lx is not in stacks", line->stack);
	else if (pins != line_pins || pages != line_pages || calls > nr_lines)
		problem = gup_pin_problem("stack 0x%lx sums up %lu %lu %lu, its %zu lines %lu %lu",
					  line->stack, pins, pages, calls, nr_lines,
					  line_pins, line_pages);
out:
	gup_pin_free(&lines);
	free(stacks.stack);
	return problem;
}

const char *gup_pin_check_no_lines(pid_t tgid)
{
	struct gup_pin_lines lines;
	const char *problem;

	problem = gup_pin_read_task(&lines, tgid);
	if (!problem && lines.nr)
		problem = gup_pin_problem("task %d has %zu lines, first: pfn=0x%lx pins=%lu api=%s",
					  tgid, lines.nr, lines.line->pfn,
					  lines.line->pins, lines.line->api);
	gup_pin_free(&lines);
	return problem;
}

/* Returns why this kernel cannot be tested at all; NULL if it can. */
const char *gup_pin_missing(void)
{
	if (geteuid())
		return "needs root";
	if (access(GUP_PIN_DIR, F_OK))
		return "no " GUP_PIN_DIR ": CONFIG_DEBUG_GUP_PIN is off, or debugfs not mounted";
	return NULL;
}

const char *gup_pin_begin(struct gup_pin_base *base)
{
	unsigned int waited = 0;
	const char *problem;

	if (gup_pin_read_number(GUP_PIN_DIR "/enable") != 1) {
		problem = gup_pin_write(GUP_PIN_DIR "/enable", "1");
		if (problem)
			return problem;
	}
	/* As in gup_pin_end(): where nothing is pinned, the last call may be about to end. */
	do {
		problem = gup_pin_read_stats(&base->stats);
	} while (!problem && !base->stats.live_pins &&
		 (base->stats.live_folios || base->stats.live_calls) &&
		 gup_pin_patience(&waited));
	return problem ?: gup_pin_check_no_lines(getpid());
}

/* Of a process, or on a folio. */
static const char *wait_pins(pid_t tgid, unsigned long pfn, unsigned long pins)
{
	unsigned int waited = 0;
	struct gup_pin_lines lines;
	const char *problem;
	unsigned long sum;

	do {
		problem = tgid ? gup_pin_read_task(&lines, tgid) :
			gup_pin_read_pfn(&lines, pfn);
		if (problem)
			return problem;
		sum = gup_pin_sum_pins(&lines);
		gup_pin_free(&lines);
		if (sum == pins)
			return NULL;
	} while (gup_pin_patience(&waited));
	return gup_pin_problem("%lu pins, not %lu, of task %d or pfn 0x%lx", sum, pins, tgid,
			       pfn);
}

const char *gup_pin_wait_task(pid_t tgid, unsigned long pins)
{
	return wait_pins(tgid, 0, pins);
}

const char *gup_pin_wait_pfn(unsigned long pfn, unsigned long pins)
{
	return wait_pins(0, pfn, pins);
}

const char *gup_pin_wait_live(unsigned long live_pins)
{
	struct gup_pin_stats stats;
	unsigned int waited = 0;
	const char *problem;

	do {
		problem = gup_pin_read_stats(&stats);
		if (problem || stats.live_pins == live_pins)
			return problem;
	} while (gup_pin_patience(&waited));
	return gup_pin_problem("live_pins is %lu, not %lu", stats.live_pins, live_pins);
}

static long vmstat_number(const char *text, const char *name)
{
	size_t len = strlen(name);
	const char *at;

	for (at = strstr(text, name); at; at = strstr(at + 1, name))
		if ((at == text || at[-1] == '\n') && at[len] == ' ')
			return strtol(at + len, NULL, 10);
	return -1;
}

/* Both counters cover pins that were not recorded, and neither ever decreases. */
static const char *compare_untracked(const char *vmstat)
{
	long counted = vmstat_number(vmstat, "gup_pin_untracked"), total;
	const char *problem;
	char *stats;

	problem = gup_pin_slurp(GUP_PIN_DIR "/stats", &stats, NULL);
	if (problem)
		return problem;
	total = vmstat_number(stats, "untracked_total");
	free(stats);
	if (counted != total || counted < 0)
		return gup_pin_problem("vmstat has %ld untracked, stats %ld in all",
				       counted, total);
	return NULL;
}

static const char *compare_vmstat(void)
{
	struct gup_pin_stats stats;
	const char *problem;
	long acquired, released;
	char *text;

	problem = gup_pin_slurp("/proc/vmstat", &text, NULL);
	if (problem)
		return problem;
	acquired = vmstat_number(text, "nr_foll_pin_acquired");
	released = vmstat_number(text, "nr_foll_pin_released");
	problem = compare_untracked(text);
	free(text);
	if (problem)
		return problem;
	problem = gup_pin_read_stats(&stats);
	if (problem)
		return problem;
	if ((long)stats.live_pins != acquired - released - (long)stats.untracked)
		return gup_pin_problem("live_pins %lu, but vmstat %ld - %ld, untracked %lu",
				       stats.live_pins, acquired, released,
				       stats.untracked);
	return NULL;
}

/* If all pins since boot are recorded, /proc/vmstat has the same number. */
const char *gup_pin_check_vmstat(void)
{
	unsigned int waited = 0;
	const char *problem;

	/* vmstat's per-CPU counters are folded on request, or periodically. */
	do {
		if (!access(STAT_REFRESH, F_OK)) {
			problem = gup_pin_write(STAT_REFRESH, "1");
			if (problem)
				return problem;
		}
		problem = compare_vmstat();
	} while (problem && gup_pin_patience(&waited));
	return problem;
}

/* For times at which no task pins or unpins. */
const char *gup_pin_check_at_rest(const struct gup_pin_base *base)
{
	struct gup_pin_verify verify;
	struct gup_pin_stats stats;
	const char *problem;

	problem = gup_pin_read_stats(&stats);
	if (problem)
		return problem;
	if (stats.acquired - stats.released != stats.live_pins)
		return gup_pin_problem("acquired %lu - released %lu is not live_pins %lu",
				       stats.acquired, stats.released, stats.live_pins);
	if (stats.unmatched != base->stats.unmatched)
		return gup_pin_problem("unmatched grew from %lu to %lu",
				       base->stats.unmatched, stats.unmatched);
	problem = gup_pin_read_verify(&verify);
	if (problem)
		return problem;
	if (verify.pins != stats.live_pins || verify.folios != stats.live_folios)
		return gup_pin_problem("verify saw %lu pins on %lu folios, stats %lu on %lu",
				       verify.pins, verify.folios, stats.live_pins,
				       stats.live_folios);
	if (!gup_pin_on_since_boot())
		return NULL;
	if (stats.unmatched)
		return gup_pin_problem("unmatched is %lu", stats.unmatched);
	return gup_pin_check_vmstat();
}

static const char *compare_live(const struct gup_pin_stats *base)
{
	struct gup_pin_stats stats;
	const char *problem = gup_pin_read_stats(&stats);

	if (problem)
		return problem;
	if (stats.live_pins != base->live_pins)
		return gup_pin_problem("live_pins is %lu, not %lu", stats.live_pins,
				       base->live_pins);
	if (stats.live_folios != base->live_folios)
		return gup_pin_problem("live_folios is %lu, not %lu", stats.live_folios,
				       base->live_folios);
	if (stats.live_calls != base->live_calls)
		return gup_pin_problem("live_calls is %lu, not %lu", stats.live_calls,
				       base->live_calls);
	return NULL;
}

/* All pins of a test must be gone, together with all their records. */
const char *gup_pin_end(const struct gup_pin_base *base)
{
	unsigned int waited = 0;
	const char *problem;

	/* If another CPU drops a pin, its call ends slightly later. */
	do {
		problem = compare_live(&base->stats);
	} while (problem && gup_pin_patience(&waited));
	if (!problem)
		problem = gup_pin_check_no_lines(getpid());
	return problem ?: gup_pin_check_at_rest(base);
}
