// SPDX-License-Identifier: GPL-2.0
/*
 * From files to sums.
 */
#include <string.h>

#include "gup_pin_tool.h"

static const char *frames_of(const struct gp_record *record, const struct gp_names *names)
{
	if (record->kind == GP_STACKS)
		return record->frames;
	return gp_names_frames(names, gp_word(record, "stack"));
}

static int add_all(struct gp_sums *sums, struct gp_reader *reader,
		   const struct gp_names *names, struct gp_filter *filter, bool then)
{
	struct gp_record *record;
	int status;

	for (;;) {
		status = gp_reader_next(reader, &record);
		if (status)
			return status;
		if (!record)
			break;
		if (!gp_filter_pass(filter, record))
			continue;
		sums->by->records++;
		gp_sums_add(sums, record, frames_of(record, names), then);
	}
	status = gp_filter_check(filter, reader->lines.name);
	return status ? status : gp_by_check(sums->by, reader->lines.name);
}

/* Names of stacks are wanted, and not in the file itself. */
static int read_names(struct gp_names *names, const struct gp_source *source,
		      const struct gp_by *by)
{
	if (!gp_by_has(by, "module") && !gp_by_has(by, "stack"))
		return GP_OK;
	if (source->dir)
		return gp_names_read(names, source);
	if (gp_by_has(by, "module"))
		return gp_error("%s: modules are told by stacks: give a folder that has both",
				source->file);
	return GP_OK;
}

/* Sums of both snapshots have to be of the same file. */
static int check_kind(struct gp_sums *sums, const struct gp_reader *reader, bool then)
{
	if (then || !sums->compared) {
		sums->kind = reader->kind;
		sums->compared = then;
		return GP_OK;
	}
	if (sums->kind == reader->kind)
		return GP_OK;
	return gp_error("%s: this is %s, but the other one is %s", reader->lines.name,
			gp_kind_name(reader->kind), gp_kind_name(sums->kind));
}

/**
 * gp_collect() - read a snapshot and sum it up
 * @sums: to add to
 * @source: where it is
 * @options: the command line
 * @then: it is the older of two
 *
 * Return: a status.
 */
int gp_collect(struct gp_sums *sums, const struct gp_source *source,
	       struct gp_options *options, bool then)
{
	bool pins = gp_by_needs_pins(sums->by) || gp_filter_needs_pins(&options->filter);
	struct gp_names names = {};
	struct gp_reader *reader;
	int status;

	status = gp_source_open(source, pins ? GP_PINS : GP_STACKS, !pins,
				&options->filter, &reader);
	if (status)
		return status;
	status = check_kind(sums, reader, then);
	if (!status && reader->kind == GP_PINS)
		status = read_names(&names, source, sums->by);
	if (!status)
		status = add_all(sums, reader, &names, &options->filter, then);
	gp_names_free(&names);
	gp_reader_close(reader);
	return status;
}
