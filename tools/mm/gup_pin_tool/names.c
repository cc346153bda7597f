// SPDX-License-Identifier: GPL-2.0
/*
 * The stacks of handles in `pins`, from `stacks`; and names derived from frames.
 */
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

struct gp_name {
	unsigned long long handle;
	char *frames;
};

static int compare_handles(const void *a, const void *b)
{
	const struct gp_name *x = a, *y = b;

	return (x->handle > y->handle) - (x->handle < y->handle);
}

static void add_name(struct gp_names *names, const struct gp_record *record)
{
	struct gp_name *name;

	if (names->nr == names->room)
		names->table = gp_grow(names->table, &names->room, sizeof(*names->table));
	name = &names->table[names->nr++];
	name->handle = gp_word_number(record, "stack");
	name->frames = gp_copy(record->frames);
}

static int open_stacks(const struct gp_source *source, struct gp_reader **reader)
{
	int status = gp_reader_open(reader, source->stacks, NULL, false);

	if (status || (*reader)->kind == GP_STACKS)
		return status;
	gp_reader_close(*reader);
	return gp_error("%s: this is not stacks", source->stacks);
}

/* A status: modules are only known by frames. */
static int gp_names_check(const struct gp_source *source)
{
	if (source->stacks)
		return GP_OK;
	return gp_error("%s: modules come from stacks: give a folder that has both",
			source->dir ? source->dir : source->file);
}

/**
 * gp_names_read() - read the frames of all stacks
 * @names: where to keep them
 * @source: where its `stacks` is, if there is one
 *
 * Return: a status.
 */
static int gp_names_read(struct gp_names *names, const struct gp_source *source)
{
	struct gp_reader *reader;
	struct gp_record *record;
	int status;

	names->read = true;
	if (!source->stacks)
		return GP_OK;
	status = open_stacks(source, &reader);
	if (status)
		return status;
	while (!(status = gp_reader_next(reader, &record)) && record)
		add_name(names, record);
	gp_reader_close(reader);
	if (names->nr)
		qsort(names->table, names->nr, sizeof(*names->table), compare_handles);
	return status;
}

/* The length of a frame without the note on code that is gone, "(unloaded)". */
static size_t frame_len(const char *frame)
{
	size_t len = strcspn(frame, "\n");
	const char *gone = memchr(frame, '(', len);

	return gone && gone > frame ? (size_t)(gone - frame) - 1 : len;
}

/* Frames without that, which two snapshots have in common; to be freed. */
static char *gp_lasting_frames(const char *frames)
{
	char *lasting = gp_alloc(strlen(frames) + 1), *to = lasting;

	while (*frames) {
		size_t len = frame_len(frames);

		memcpy(to, frames, len);
		to += len;
		frames += strcspn(frames, "\n");
		if (*frames)
			*to++ = *frames++;
	}
	*to = '\0';
	return lasting;
}

/* The same stack? Its module may be gone in one of the two, and so may the name. */
static bool frames_agree(const char *a, const char *b)
{
	while (*a && *b) {
		size_t len = frame_len(a);

		if (strncmp(a, "0x", 2) && strncmp(b, "0x", 2) &&
		    (len != frame_len(b) || strncmp(a, b, len)))
			return false;
		a += strcspn(a, "\n");
		a += *a == '\n';
		b += strcspn(b, "\n");
		b += *b == '\n';
	}
	return !*a && !*b;
}

/* Can both be of one boot? In two boots, some handle has different frames. */
static bool gp_names_agree(const struct gp_names *a, const struct gp_names *b)
{
	size_t i = 0, j = 0;

	while (i < a->nr && j < b->nr) {
		int way = compare_handles(&a->table[i], &b->table[j]);

		if (!way && !frames_agree(a->table[i].frames, b->table[j].frames))
			return false;
		i += way <= 0;
		j += way >= 0;
	}
	return true;
}

/* The frames of a stack; NULL if unknown. */
static const char *gp_names_frames(const struct gp_names *names, const char *handle)
{
	struct gp_name *found, wanted = {};

	if (!names->nr || !gp_number(handle, &wanted.handle))
		return NULL;
	found = bsearch(&wanted, names->table, names->nr, sizeof(wanted), compare_handles);
	return found ? found->frames : NULL;
}

static void gp_names_free(struct gp_names *names)
{
	size_t i;

	for (i = 0; i < names->nr; i++)
		free(names->table[i].frames);
	free(names->table);
}

/*
 * The innermost frame in a module, as "ib_umem_get+0x12/0x34 [ib_uverbs]", with " (unloaded)"
 * after it if its code is gone; *module is the module's name, or "?" if the frame is only
 * an address. NULL if the whole stack is built in.
 */
static const char *module_frame(const char *frames, char **module)
{
	while (*frames) {
		size_t len = strcspn(frames, "\n");
		const char *bracket = memchr(frames, '[', len);

		if (bracket && bracket > frames && bracket[-1] == ' ') {
			*module = gp_format("%.*s", (int)strcspn(bracket + 1, " ]\n"),
					    bracket + 1);
			return frames;
		}
		if (!strncmp(frames, "0x", 2)) {
			*module = gp_copy("?");
			return frames;
		}
		frames += len;
		frames += *frames == '\n';
	}
	return NULL;
}

/* The module that pinned; built-in code is vmlinux, and "?" is unknown. */
static char *gp_module_of(const char *frames)
{
	char *module;

	if (!frames || !*frames)
		return gp_copy("?");
	return module_frame(frames, &module) ? module : gp_copy("vmlinux");
}

static bool is_pin_function(const char *frame, size_t len)
{
	static const char *const starts[] = {
		"pin_user_pages", "memfd_pin_folios", "folio_add_pin",
	};
	size_t i;

	for (i = 0; i < sizeof(starts) / sizeof(*starts); i++)
		if (len >= strlen(starts[i]) && !strncmp(frame, starts[i], strlen(starts[i])))
			return true;
	return false;
}

/* The callers on one line, innermost first; api= names the pin function. */
static char *gp_chain_of(const char *frames)
{
	char *chain = gp_alloc(4 * strlen(frames) + 1), *to = chain;
	bool first = true;

	for (; *frames; first = false) {
		size_t len = strcspn(frames, "\n"), name = strcspn(frames, "+ \t\n");

		if (!first || !is_pin_function(frames, name)) {
			if (to != chain)
				to = stpcpy(to, " < ");
			memcpy(to, frames, name);
			to += name;
		}
		frames += len;
		frames += *frames == '\n';
	}
	*to = '\0';
	return chain;
}

/**
 * gp_where_of() - the place where a pin was taken
 * @frames: the stack
 * @columns: the available width; 0 for unlimited
 *
 * Return: the innermost function in a module and the module, "ib_umem_get [ib_uverbs]", or
 * the innermost one that is not a pin function; to be freed. The module is truncated last.
 */
static char *gp_where_of(const char *frames, size_t columns)
{
	char *module = NULL, *name, *text;
	const char *frame = module_frame(frames, &module);
	size_t len;

	for (; !frame; frames += strcspn(frames, "\n") + 1) {
		len = strcspn(frames, "\n");
		if (!frames[len] || !frames[len + 1] ||
		    !is_pin_function(frames, strcspn(frames, "+ \t\n")))
			frame = frames;
	}
	name = gp_format("%.*s", (int)strcspn(frame, "+ \t\n"), frame);
	if (!module)
		return name;
	len = strlen(module) + 3;
	text = columns < len + 6 ? gp_copy(name) : gp_fit(name, columns - len, true);
	text[strcspn(text, " ")] = '\0';
	free(name);
	name = gp_format("%s [%s]", text, module);
	free(text);
	free(module);
	return name;
}

/**
 * gp_folded() - a stack in the format of flame graphs
 * @frames: the stack
 * @api: used for a stack without frames
 *
 * Return: its functions from the outermost in, separated by ";"; to be freed.
 */
static char *gp_folded(const char *frames, const char *api)
{
	char *folded = gp_copy("");

	while (*frames) {
		int len = strcspn(frames, "+ \t\n");
		char *longer = gp_format("%.*s%s%s", len, frames, *folded ? ";" : "", folded);

		free(folded);
		folded = longer;
		frames += strcspn(frames, "\n");
		frames += *frames == '\n';
	}
	if (*folded)
		return folded;
	free(folded);
	return gp_copy(api);
}
