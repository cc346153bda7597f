// SPDX-License-Identifier: GPL-2.0
/*
 * The commands that read one snapshot: list, file, pid, stacks and hazards.
 */
#include <string.h>

#include "gup_pin_tool.h"

static int show_or_sum(const struct gp_source *source, struct gp_options *options,
		       enum gp_kind kind)
{
	if (!options->by.nr)
		return gp_show(source, options, kind);
	if (options->raw)
		return gp_usage("--raw shows lines as they are, --by sums them: not both");
	return gp_sum_up(source, options);
}

static int gp_list(struct gp_options *options)
{
	struct gp_source source;
	int status = gp_source_find(&source, options->from);

	if (!status)
		status = show_or_sum(&source, options, GP_PINS);
	gp_source_free(&source);
	return status;
}

static int gp_file(struct gp_options *options)
{
	const char *path = options->operands[0];

	if (!*path)
		return gp_usage("file wants a PATH, not ''");
	gp_filter_add_file(&options->filter, path, !options->from);
	return gp_list(options);
}

static int gp_pid(struct gp_options *options)
{
	struct gp_source source;
	unsigned long long pid;
	int status;

	if (!gp_number(options->operands[0], &pid) || !pid)
		return gp_usage("'%s' is no PID", options->operands[0]);
	gp_filter_add_pid(&options->filter, pid);
	status = gp_find_process(&source, options->from, pid);
	if (!status)
		status = show_or_sum(&source, options, GP_PINS);
	gp_source_free(&source);
	return status;
}

/* With words that only pins have, the pins are summed by stack. */
static int sum_some(struct gp_options *options)
{
	const char *word = gp_filter_needs_pins(&options->filter);

	if (!word || options->by.nr)
		return GP_OK;
	if (options->raw)
		return gp_usage("--raw shows lines as they are, %s= sums pins by stack: not both",
				word);
	return gp_by_parse(&options->by, "stack");
}

static int gp_stacks(struct gp_options *options)
{
	struct gp_source source;
	int status = sum_some(options);

	if (status)
		return status;
	status = gp_source_find(&source, options->from);
	if (!status)
		status = show_or_sum(&source, options, GP_STACKS);
	gp_source_free(&source);
	return status;
}

/* The kernel has summed them: worst first, and their stacks on demand. */
static int gp_hazards(struct gp_options *options)
{
	const struct gp_by *by = &options->by;
	struct gp_source source;
	int status;

	if (by->nr && (by->nr > 1 || strcmp(by->keys[0], "stack")))
		return gp_usage("hazards takes --by stack only, which shows both stacks");
	if (!options->sort)
		options->sort = "stake";
	status = gp_source_find(&source, options->from);
	if (!status)
		status = gp_show(&source, options, GP_HAZARDS);
	gp_source_free(&source);
	return status;
}
