// SPDX-License-Identifier: GPL-2.0
/*
 * The commands that read one snapshot, record by record.
 */
#include <ctype.h>
#include <string.h>
#include <unistd.h>

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

/* Pins, from the file of that name if there are several. */
static int list_pins(struct gp_options *options, const char *name)
{
	struct gp_source source;
	int status = gp_source_find(&source, options->from);

	source.pins = name;
	if (!status)
		status = show_or_sum(&source, options, GP_PINS);
	gp_source_free(&source);
	return status;
}

static int gp_list(struct gp_options *options)
{
	return list_pins(options, "pins");
}

static int gp_orphans(struct gp_options *options)
{
	return list_pins(options, "orphans");
}

/* A number is an inode, unless a file has that name. */
static int gp_file(struct gp_options *options)
{
	const char *path = options->operands[0];
	unsigned long long ino;
	char word[64];

	if (!*path)
		return gp_usage("file wants a PATH, not ''");
	if (isdigit((unsigned char)*path) && gp_number(path, &ino) && access(path, F_OK)) {
		snprintf(word, sizeof(word), "ino=%llu", ino);
		gp_filter_add(&options->filter, word);
	} else {
		gp_filter_add_file(&options->filter, path, !options->from);
	}
	return gp_list(options);
}

static int gp_task(struct gp_options *options)
{
	struct gp_source source;
	unsigned long long pid;
	int status;

	if (!gp_number(options->operands[0], &pid) || !pid)
		return gp_usage("'%s' is not a PID", options->operands[0]);
	gp_filter_add_pid(&options->filter, pid);
	status = gp_find_process(&source, options->from, pid);
	if (!status)
		status = show_or_sum(&source, options, GP_PINS);
	gp_source_free(&source);
	return status;
}

/* A page with all of its pins and their stacks. */
static int gp_show_page(struct gp_options *options)
{
	unsigned long long pfn;
	char word[64];

	if (!gp_number(options->operands[0], &pfn))
		return gp_usage("'%s' is not a page frame number", options->operands[0]);
	snprintf(word, sizeof(word), "pfn=0x%llx", pfn);
	gp_filter_add(&options->filter, word);
	options->stacks = !options->no_stacks;
	return gp_list(options);
}

/* Words that only pins have make the pins be summed by stack. */
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
	if (options->folded && options->by.nr)
		return gp_usage("--folded shows the kernel's own sums: no --by, nor words of pins");
	status = gp_source_find(&source, options->from);
	if (!status)
		status = show_or_sum(&source, options, GP_STACKS);
	gp_source_free(&source);
	return status;
}

/* The kernel has summed these; their stacks are shown on demand. */
static int list_sums(struct gp_options *options, enum gp_kind kind)
{
	const struct gp_by *by = &options->by;
	struct gp_source source;
	int status;

	if (by->nr && (by->nr > 1 || strcmp(by->keys[0], "stack")))
		return gp_usage("%s takes --by stack only, which shows the stacks",
				gp_kind_name(kind));
	if (by->nr)
		options->stacks = true;
	status = gp_source_find(&source, options->from);
	if (!status)
		status = gp_show(&source, options, kind);
	gp_source_free(&source);
	return status;
}

/* The worst first. */
static int gp_hazards(struct gp_options *options)
{
	if (!options->sort)
		options->sort = "stake";
	return list_sums(options, GP_HAZARDS);
}

static int gp_refused(struct gp_options *options)
{
	return list_sums(options, GP_REFUSED);
}
