// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing to show: one line says so, with a possible reason.
 */
#include <stdlib.h>

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

/* If the kernel filters, the number of its lines is unknown. */
static char *misfits(const struct gp_source *source, const struct gp_filter *filter)
{
	unsigned long long live = 0;

	if (!filter->text)
		return NULL;
	if (filter->looked)
		return gp_format("none of %llu lines matches", filter->looked);
	if (gp_source_stat(source, "live_pins", &live) && live)
		return gp_format("none of %llu live pins matches", live);
	return NULL;
}

/* Pins that exist, but have no record. */
static char *unrecorded(const struct gp_source *source)
{
	unsigned long long before = 0, untracked = 0;

	gp_source_stat(source, "pinned_from_before", &before);
	gp_source_stat(source, "untracked", &untracked);
	if (before)
		return gp_format("%llu pins were taken before tracking was on", before);
	if (untracked)
		return gp_format("%llu pins have no record, as memory was short", untracked);
	return NULL;
}

static char *find_reasons(const struct gp_source *source, const struct gp_filter *filter)
{
	unsigned long long enabled;
	const char *none = source->live ? "there are none now" : "the copy has none";
	char *text = gp_copy("");

	if (gp_source_stat(source, "enabled", &enabled) && !enabled) {
		add_reason(&text, source->live ?
			   gp_format("tracking is off: echo 1 > %s/enable", source->dir) :
			   gp_copy("tracking was off"));
		return text;
	}
	add_reason(&text, gp_filter_problem(filter, source->live));
	add_reason(&text, misfits(source, filter));
	add_reason(&text, unrecorded(source));
	if (!*text)
		add_reason(&text, gp_copy(none));
	return text;
}

/**
 * gp_none() - report that there is nothing to show
 * @source: where the files are
 * @filter: the requested filter
 * @what: the name of what is missing, in the plural
 *
 * Return: GP_NONE.
 */
static int gp_none(const struct gp_source *source, const struct gp_filter *filter,
		   const char *what)
{
	char *reasons = find_reasons(source, filter);

	gp_note("no %s%s%s: %s", what, filter->text ? " for " : "",
		filter->text ? filter->text : "", reasons);
	free(reasons);
	return GP_NONE;
}
