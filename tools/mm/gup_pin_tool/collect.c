// SPDX-License-Identifier: GPL-2.0
/*
 * Reads files and sums their records.
 */
#include <string.h>

#include "gup_pin_tool.h"

/*
 * The last pin by a stack may have been released after `pins` was copied and before
 * `stacks` was: then only the other snapshot has its frames.
 */
static const char *frames_of(const struct gp_record *record, const struct gp_names *own,
			     const struct gp_names *other)
{
	const char *handle = gp_word(record, "stack"), *frames;

	if (record->kind == GP_STACKS)
		return record->frames;
	frames = gp_names_frames(own, handle);
	return frames || !other ? frames : gp_names_frames(other, handle);
}

static int add_records(struct gp_sums *sums, struct gp_reader *reader,
		       struct gp_filter *filter, bool then)
{
	const struct gp_names *own = &sums->names[then], *other = &sums->names[!then];
	struct gp_record *record;
	const char *frames;
	int status;

	/* Handles of another boot stand for other stacks. */
	if (!gp_names_agree(own, other))
		other = NULL;
	while (!(status = gp_reader_next(reader, &record)) && record) {
		frames = frames_of(record, own, other);
		if (!gp_filter_pass(filter, record, frames))
			continue;
		sums->by->records++;
		gp_sums_add(sums, record, frames, then);
	}
	if (!status)
		status = gp_filter_check(filter, reader);
	return status ? status : gp_by_check(sums->by, reader);
}

/* Reads the names of stacks, if they are wanted and not in the file itself. */
static int read_names(struct gp_sums *sums, const struct gp_source *source,
		      const struct gp_options *options, bool then)
{
	bool modules = gp_by_has(sums->by, "module") ||
		       gp_filter_needs_frames(&options->filter);
	struct gp_names *names = &sums->names[then];
	int status = modules ? gp_names_check(source) : GP_OK;

	if (status || names->read || (!modules && !gp_by_has(sums->by, "stack")))
		return status;
	return gp_names_read(names, source);
}

/* The kernel's sums by stack do not have all words, and are of all pins, not of orphans. */
static bool needs_pins(const struct gp_sums *sums, const struct gp_source *source,
		       const struct gp_options *options)
{
	return strcmp(source->pins, "pins") || gp_by_needs_pins(sums->by) ||
	       gp_filter_needs_pins(&options->filter);
}

/**
 * gp_collect_names() - read the names of a snapshot's stacks before it is summed
 * @sums: where to keep them
 * @source: where it is
 * @options: the command line
 * @then: whether it is the older of two
 *
 * Return: a status.
 */
static int gp_collect_names(struct gp_sums *sums, const struct gp_source *source,
			    const struct gp_options *options, bool then)
{
	if (!source->dir || !needs_pins(sums, source, options))
		return GP_OK;
	return read_names(sums, source, options, then);
}

/* The sums of two snapshots need the same file. */
static int check_kind(struct gp_sums *sums, const struct gp_reader *reader)
{
	if (!sums->collected || sums->kind == reader->kind) {
		sums->kind = reader->kind;
		sums->collected = true;
		return GP_OK;
	}
	return gp_error("%s: this is %s, but the other one is %s", reader->lines.name,
			gp_kind_name(reader->kind), gp_kind_name(sums->kind));
}

/**
 * gp_collect() - read a snapshot and sum it
 * @sums: to add to
 * @source: where it is
 * @options: the command line
 * @then: whether it is the older of two
 *
 * Return: a status.
 */
static int gp_collect(struct gp_sums *sums, const struct gp_source *source,
		      struct gp_options *options, bool then)
{
	bool pins = needs_pins(sums, source, options);
	struct gp_reader *reader;
	int status;

	status = gp_source_open(source, pins ? GP_PINS : GP_STACKS, !pins,
				&options->filter, &reader);
	if (status)
		return status;
	status = check_kind(sums, reader);
	if (!status && reader->kind == GP_PINS)
		status = read_names(sums, source, options, then);
	if (!status)
		status = add_records(sums, reader, &options->filter, then);
	gp_reader_close(reader);
	return status;
}
