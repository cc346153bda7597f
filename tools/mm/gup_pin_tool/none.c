// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing to show: one line says so, with a possible reason.
 */
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "gup_pin_tool.h"

/* Appends "; REASON". */
static void add_reason(char **text, char *reason)
{
	char *longer;

	if (!reason)
		return;
	longer = gp_format("%s%s%s", *text, **text ? "; " : "", reason);
	free(*text);
	free(reason);
	*text = longer;
}

/* Does the kernel leave out lines, so that their number is unknown? */
static bool filtered_in_kernel(const struct gp_source *source, const struct gp_filter *filter)
{
	char *words = source->live && source->dir ? gp_filter_words(filter, 0) : NULL;
	bool filtered = words;

	free(words);
	return filtered;
}

/* @what in the plural, as "pins". */
static char *misfits(const struct gp_source *source, const struct gp_filter *filter,
		     const char *what)
{
	bool pins = !strcmp(what, "pins"), orphans = !strcmp(what, "orphans");
	unsigned long long nr = pins || orphans ? filter->pins : filter->looked;

	if (!filter->text)
		return NULL;
	if (filtered_in_kernel(source, filter) &&
	    !(pins && gp_source_stat(source, "live_pins", &nr)))
		return NULL;
	if (nr == 1)
		return gp_format("the only %.*s does not match", (int)strlen(what) - 1, what);
	return nr ? gp_format("none of %llu %s matches", nr, what) : NULL;
}

/* Pins that exist, but have no record, and so no stack? They have no events, either. */
static bool may_be_unrecorded(const struct gp_filter *filter, const char *what)
{
	return (!strcmp(what, "pins") || !strcmp(what, "stacks")) &&
	       !gp_filter_has(filter, RULE_STACK);
}

static char *earlier_pins(unsigned long long nr)
{
	char *count = gp_counted(nr, "pin"), *text;

	text = gp_format("%s taken before tracking was on %s not listed: %s %s, %s", count,
			 nr == 1 ? "is" : "are", "restart the program that holds",
			 nr == 1 ? "it" : "them", "or boot with gup_pin=on");
	free(count);
	return text;
}

static char *untracked_pins(unsigned long long nr)
{
	char *count = gp_counted(nr, "pin"), *text;

	text = gp_format("%s %s no record: memory was short, or max_memory_mb was reached",
			 count, nr == 1 ? "has" : "have");
	free(count);
	return text;
}

static char *unrecorded(const struct gp_source *source)
{
	unsigned long long nr = 0;

	if (gp_source_stat(source, "pinned_from_before", &nr) && nr)
		return earlier_pins(nr);
	if (gp_source_stat(source, "untracked", &nr) && nr)
		return untracked_pins(nr);
	return NULL;
}

/* There may be orphans among the pins that have no record. */
static const char *there_are_none(const struct gp_source *source, const char *what)
{
	char *others = strcmp(what, "orphans") ? NULL : unrecorded(source);
	bool unsure = others;

	free(others);
	if (unsure)
		return "there are none on record";
	return source->live ? "there are none now" : "the copy has none";
}

/* The value of a word of the filter; NULL if it is not filtered by. */
static const char *wanted(const struct gp_filter *filter, const char *key)
{
	size_t i;

	for (i = 0; i < filter->nr; i++)
		if (filter->rules[i].type == RULE_WORD && !strcmp(filter->rules[i].key, key))
			return filter->rules[i].value;
	return NULL;
}

/* Has the kernel no such kind of hazard? False if its kinds are unknown. */
static bool is_no_kind(const struct gp_source *source, const char *value)
{
	unsigned long long count;
	const char *kind;
	size_t i;

	for (i = 0; gp_source_hazard(source, i, &kind, &count); i++)
		if (!strcmp(kind, value))
			return false;
	return i;
}

/* A kind or a stake that the kernel does not have, and that no hazard had. */
static int check_hazard_names(const struct gp_source *source, const struct gp_filter *filter)
{
	const char *kind = wanted(filter, "kind"), *stake = wanted(filter, "stake");

	if (kind && is_no_kind(source, kind))
		return gp_usage("kind=%s is not a kind of hazard of this kernel", kind);
	if (stake && !gp_stake_rank(stake))
		return gp_usage("stake=%s is not a known stake", stake);
	return GP_OK;
}

/* Why there are no hazards of a kind. */
static char *hazard_reason(const struct gp_filter *filter)
{
	const char *kind = wanted(filter, "kind");

	if (kind && !strcmp(kind, "overdue"))
		return gp_copy("they are looked for only if gup_pin.max_short_ms is set");
	return NULL;
}

static char *find_reasons(const struct gp_source *source, const struct gp_filter *filter,
			  const char *what)
{
	char *text = gp_copy(""), *problem;
	unsigned long long enabled;

	if (gp_source_stat(source, "enabled", &enabled) && !enabled) {
		add_reason(&text, source->live ?
			   gp_format("tracking is off: echo 1 > %s/enable", source->dir) :
			   gp_copy("tracking was off"));
		return text;
	}
	problem = gp_filter_problem(filter, source->live);
	if (!problem && !strcmp(what, "hazards"))
		problem = hazard_reason(filter);
	add_reason(&text, problem ? gp_copy(problem) : misfits(source, filter, what));
	if (!problem && may_be_unrecorded(filter, what))
		add_reason(&text, unrecorded(source));
	free(problem);
	if (!*text)
		add_reason(&text, gp_copy(there_are_none(source, what)));
	return text;
}

/**
 * gp_none() - report that there is nothing to show
 * @source: where the files are
 * @filter: the requested filter
 * @what: the name of the file that lacks it
 *
 * Return: GP_NONE; GP_USAGE if the filter has a name that the kernel does not have.
 */
static int gp_none(const struct gp_source *source, const struct gp_filter *filter,
		   const char *what)
{
	char *reasons;
	int status = strcmp(what, "hazards") ? GP_OK : check_hazard_names(source, filter);

	if (status)
		return status;
	if (!strcmp(what, "refused"))
		what = "refusals";
	reasons = find_reasons(source, filter, what);
	gp_note("no %s%s%s: %s", what, filter->text ? " for " : "",
		filter->text ? filter->text : "", reasons);
	free(reasons);
	return GP_NONE;
}
