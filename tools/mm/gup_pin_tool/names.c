// SPDX-License-Identifier: GPL-2.0
/*
 * What the handles in `pins` stand for, from `stacks`; and what frames tell.
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

static int gp_names_read(struct gp_names *names, const struct gp_source *source)
{
	struct gp_reader *reader;
	struct gp_record *record;
	int status;

	names->read = true;
	status = gp_source_open(source, GP_STACKS, false, NULL, &reader);
	if (status)
		return status;
	for (;;) {
		status = gp_reader_next(reader, &record);
		if (status || !record)
			break;
		add_name(names, record);
	}
	gp_reader_close(reader);
	if (names->nr)
		qsort(names->table, names->nr, sizeof(*names->table), compare_handles);
	return status;
}

/* May they be of one boot? In two, a handle sooner or later has other frames. */
static bool gp_names_agree(const struct gp_names *a, const struct gp_names *b)
{
	size_t i = 0, j = 0;

	while (i < a->nr && j < b->nr) {
		int way = compare_handles(&a->table[i], &b->table[j]);

		if (!way && strcmp(a->table[i].frames, b->table[j].frames))
			return false;
		i += way <= 0;
		j += way >= 0;
	}
	return true;
}

/* The frames of a stack; NULL if they are not known. */
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
 * The module that pinned: the innermost frame of a module, as in
 * "ib_umem_get+0x12/0x34 [ib_uverbs]". What is built in is vmlinux.
 */
static char *gp_module_of(const char *frames)
{
	while (*frames) {
		size_t len = strcspn(frames, "\n");
		const char *bracket = memchr(frames, '[', len);

		if (bracket && bracket > frames && bracket[-1] == ' ') {
			char *module = gp_copy(bracket + 1);

			module[strcspn(module, " ]\n")] = '\0';
			return module;
		}
		frames += len;
		frames += *frames == '\n';
	}
	return gp_copy("vmlinux");
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

/* The callers on one line, innermost first; which function pinned api= tells. */
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
