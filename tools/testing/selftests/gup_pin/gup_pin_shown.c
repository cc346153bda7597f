// SPDX-License-Identifier: GPL-2.0
/* Compare the pins that `pins` shows with those that holders have. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "gup_pin_shown.h"
#include "gup_pin_util.h"

/*
 * Pins released by a work item, or after an RCU grace period, are gone after this time, also on
 * a machine that is busy with something else.
 */
#define LATER_MS	10000

/**
 * struct look - contents of `pins`
 * @pfn: first pfn of each folio
 * @pins: pins of each holder on each folio
 * @exact: some of these are shown as exact
 */
struct look {
	unsigned long pfn[FOLIOS];
	unsigned long pins[HOLDERS][FOLIOS];
	bool exact[HOLDERS][FOLIOS];
};

bool gup_pin_shown_holds(const struct gup_pin_shown *shown, unsigned int holder,
			 unsigned int folio)
{
	const struct gup_pin_holder *of = &shown->holder[holder];

	return of->nr && !shown->before[holder] && folio >= of->first &&
	       folio < of->first + of->nr;
}

/*
 * Folio of the memory that a page of a line is in; FOLIOS: none. Transparent huge pages
 * may have been split and partly copied; but their pins all have user addresses.
 */
static unsigned int folio_of(const struct gup_pin_shown *shown, const struct look *look,
			     const struct gup_pin_line *line, unsigned long page)
{
	unsigned long mask = ~((1UL << shown->mem.order) - 1);
	unsigned long at = line->addr + page * PAGE_SIZE - (unsigned long)shown->mem.addr;
	unsigned int i;

	if (shown->mem.kind == MEM_THP)
		return at < shown->mem.size ? at / SIZE_2M : FOLIOS;
	for (i = 0; i < FOLIOS; i++)
		if (look->pfn[i] == ((line->pfn + page) & mask))
			break;
	return i;
}

static void add(const struct gup_pin_shown *shown, struct look *look, unsigned int holder,
		const struct gup_pin_line *line)
{
	/* A pin on each page, or on each whole folio. */
	unsigned long step = line->pins < line->pages ? 1UL << line->order : 1, page;
	unsigned int f;

	for (page = 0; page < line->pages; page += step) {
		f = folio_of(shown, look, line, page);
		if (f == FOLIOS)
			continue;
		look->pins[holder][f] += line->pins * step / line->pages;
		look->exact[holder][f] |= !strcmp(line->match, "exact");
	}
}

static const char *take_look(const struct gup_pin_shown *shown, struct look *look)
{
	size_t folio_size = (size_t)PAGE_SIZE << shown->mem.order, l;
	struct gup_pin_lines lines;
	const char *problem;
	unsigned int i, f;

	memset(look, 0, sizeof(*look));
	problem = shown->filter ? gup_pin_read_filtered("pins", shown->filter, &lines) :
		gup_pin_read_pins(&lines);
	/* A page without pins may be copied when it is written to after a fork. */
	for (f = 0; f < FOLIOS; f++)
		look->pfn[f] = gup_pin_pfn_of(0, shown->mem.addr + f * folio_size);
	for (l = 0; !problem && l < lines.nr; l++) {
		for (i = 0; i < shown->nr; i++)
			if (shown->holder[i].pinner == lines.line[l].pid)
				break;
		if (i < shown->nr)
			add(shown, look, i, &lines.line[l]);
	}
	gup_pin_free(&lines);
	return problem;
}

/* The maximum number of pins that is correct. */
static unsigned long most(const struct gup_pin_shown *shown, unsigned int holder, unsigned int f)
{
	if (!gup_pin_shown_holds(shown, holder, f))
		return 0;
	if (shown->known[holder])
		return shown->pins[holder][f];
	/* On a huge page: one pin, or one on each page. */
	return 1UL << shown->mem.order;
}

static unsigned long least(const struct gup_pin_shown *shown, unsigned int holder, unsigned int f)
{
	if (!gup_pin_shown_holds(shown, holder, f))
		return 0;
	if (shown->known[holder])
		return shown->pins[holder][f];
	return shown->scarce ? 0 : 1;
}

static bool is_wrong(const struct gup_pin_shown *shown, const struct look *look,
		     unsigned int *wrong_exact)
{
	bool wrong = false;
	unsigned int i, f;

	*wrong_exact = 0;
	for (i = 0; i < shown->nr; i++) {
		for (f = 0; f < FOLIOS; f++) {
			bool more = look->pins[i][f] > most(shown, i, f);

			wrong |= more || look->pins[i][f] < least(shown, i, f);
			*wrong_exact += more && look->exact[i][f];
		}
	}
	return wrong;
}

/* From now on, the pins taken since the last comparison are known. */
static void learn(struct gup_pin_shown *shown, const struct look *look)
{
	unsigned int i;

	for (i = 0; i < shown->nr; i++) {
		if (!shown->holder[i].nr) {
			shown->known[i] = false;
			shown->before[i] = false;
		} else if (!shown->known[i]) {
			memcpy(shown->pins[i], look->pins[i], sizeof(shown->pins[i]));
			shown->known[i] = true;
		}
	}
}

static void report(struct gup_pin_shown *shown, const struct look *look, unsigned int step,
		   const char *what)
{
	unsigned int i, f;

	for (i = 0; i < shown->nr; i++)
		for (f = 0; f < FOLIOS; f++)
			if (look->pins[i][f] > most(shown, i, f) ||
			    look->pins[i][f] < least(shown, i, f))
				goto found;
found:
	snprintf(shown->report, sizeof(shown->report),
		 "first wrong after step %u: %s: holder %u has %lu%s pins of folio %u, not %lu",
		 step, what, i, look->pins[i][f], look->exact[i][f] ? " exact" : "", f,
		 most(shown, i, f));
}

const char *gup_pin_shown_compare(struct gup_pin_shown *shown, unsigned int step,
				  const char *what)
{
	unsigned int wrong_exact, waited;
	const char *problem;
	struct look look;
	bool wrong;

	if (shown->blind)
		return NULL;
	for (waited = 0;; waited += 10) {
		problem = take_look(shown, &look);
		if (problem)
			return problem;
		wrong = is_wrong(shown, &look, &wrong_exact);
		if (!wrong || waited >= LATER_MS)
			break;
		gup_pin_msleep(10);
	}
	shown->steps++;
	shown->wrong += wrong;
	shown->wrong_exact += wrong_exact;
	if (wrong && !shown->report[0])
		report(shown, &look, step, what);
	learn(shown, &look);
	return NULL;
}

const char *gup_pin_shown_switch_on(struct gup_pin_shown *shown)
{
	unsigned int i;

	for (i = 0; i < shown->nr; i++)
		shown->before[i] = shown->holder[i].nr;
	shown->blind = false;
	return gup_pin_write(GUP_PIN_DIR "/enable", "1");
}
