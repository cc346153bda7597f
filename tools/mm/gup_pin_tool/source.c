// SPDX-License-Identifier: GPL-2.0
/*
 * Where the files are: the kernel's own in debugfs, a folder of copies, or a
 * single file.
 */
#include <errno.h>
#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gup_pin_tool.h"

#define DEBUGFS	"/sys/kernel/debug"

/* Where debugfs is mounted, if not at its usual place; NULL if nowhere. */
static char *find_debugfs(void)
{
	FILE *mounts = setmntent("/proc/mounts", "r");
	struct mntent *mount;
	char *found = NULL;

	if (!mounts)
		return NULL;
	while (!found && (mount = getmntent(mounts)))
		if (!strcmp(mount->mnt_type, "debugfs"))
			found = gp_copy(mount->mnt_dir);
	endmntent(mounts);
	return found;
}

/* The kernel's folder, if it exists; NULL if debugfs is not mounted. */
static char *live_dir(void)
{
	char *mount, *dir = gp_copy(DEBUGFS "/gup_pin");
	struct stat st;

	if (!stat(dir, &st) || errno != ENOENT)
		return dir;
	free(dir);
	mount = find_debugfs();
	dir = mount ? gp_format("%s/gup_pin", mount) : NULL;
	free(mount);
	return dir;
}

/* The file of stacks in a folder; NULL if it does not exist. */
static char *stacks_in(const char *dir)
{
	char *stacks = gp_format("%s/stacks", dir);

	if (!access(stacks, F_OK))
		return stacks;
	free(stacks);
	return NULL;
}

static int find_live(struct gp_source *source)
{
	struct stat st;

	source->live = true;
	source->dir = live_dir();
	if (!source->dir)
		return gp_absent("debugfs is not mounted: mount -t debugfs none " DEBUGFS);
	if (!stat(source->dir, &st)) {
		source->stacks = stacks_in(source->dir);
		return GP_OK;
	}
	if (errno != ENOENT)
		return gp_cannot_read(source->dir, errno);
	return gp_absent("no %s: load gup_pin.ko, or boot a kernel with CONFIG_DEBUG_GUP_PIN",
			 source->dir);
}

/* A copy of one file may be next to a copy of `stacks`. */
static char *stacks_beside(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *dir = slash ? gp_format("%.*s", (int)(slash - file), file) : gp_copy(".");
	char *stacks = strcmp(file, "-") ? stacks_in(dir) : NULL;

	free(dir);
	return stacks;
}

/**
 * gp_source_find() - find the files
 * @source: to be filled in, and freed even on errors
 * @from: a folder or a file; NULL for the kernel's own
 *
 * Return: a status.
 */
static int gp_source_find(struct gp_source *source, const char *from)
{
	struct stat st;

	memset(source, 0, sizeof(*source));
	source->stats = gp_alloc(sizeof(*source->stats));
	source->pins = "pins";
	if (!from)
		return find_live(source);
	if (strcmp(from, "-") && stat(from, &st))
		return gp_cannot_read(from, errno);
	if (strcmp(from, "-") && S_ISDIR(st.st_mode)) {
		source->dir = gp_copy(from);
		source->stacks = stacks_in(from);
	} else {
		source->file = gp_copy(from);
		source->stacks = stacks_beside(from);
	}
	return GP_OK;
}

/* Can the pins of all processes be read? */
static bool may_read_all(void)
{
	char *dir = live_dir(), *pins = dir ? gp_format("%s/pins", dir) : NULL;
	bool may = pins && !access(pins, R_OK);

	free(pins);
	free(dir);
	return may;
}

/* The same for one process: its owner may read its pins without root. */
static int gp_find_process(struct gp_source *source, const char *from,
			   unsigned long long pid)
{
	char *file = gp_format("/proc/%llu/gup_pins", pid);
	int status;

	if (from || may_read_all() || access(file, R_OK)) {
		status = gp_source_find(source, from);
	} else {
		status = gp_source_find(source, file);
		source->live = true;
	}
	free(file);
	return status;
}

/* Orphans are pins, but not all pins are orphans. */
static bool is_wanted(const struct gp_source *source, const struct gp_reader *reader,
		      enum gp_kind kind)
{
	if (reader->kind != kind)
		return false;
	return kind != GP_PINS || !strcmp(source->pins, "pins") ||
	       !strcmp(source->pins, reader->name);
}

/**
 * gp_source_open() - open one of its files
 * @source: where it is
 * @kind: which file is wanted
 * @either: whether a single file may be either pins or stacks
 * @filter: which records will be wanted, for the kernel's filter; NULL: all
 * @reader: the opened file
 *
 * Return: a status.
 */
static int gp_source_open(const struct gp_source *source, enum gp_kind kind, bool either,
			  struct gp_filter *filter, struct gp_reader **reader)
{
	bool filtered = source->live && source->dir && (kind == GP_PINS || kind == GP_HAZARDS);
	const char *name = kind == GP_PINS ? source->pins : gp_kind_name(kind);
	char *path = source->file ? gp_copy(source->file) :
				    gp_format("%s/%s", source->dir, name);
	int status = gp_reader_open(reader, path, filtered ? filter : NULL,
				    source->live && source->file);

	free(path);
	if (status || is_wanted(source, *reader, kind))
		return status;
	if (either && source->file && (*reader)->kind <= GP_STACKS)
		return GP_OK;
	gp_error("%s: this is %s, but %s is needed", (*reader)->lines.name,
		 (*reader)->name, name);
	gp_reader_close(*reader);
	return GP_ERROR;
}

/* When a copy was written, by its time stamps, in seconds since 1970. */
static bool gp_source_time(const struct gp_source *source, double *seconds)
{
	char *path = source->file ? gp_copy(source->file) :
				    gp_format("%s/%s", source->dir, source->stacks ?
					      gp_kind_name(GP_STACKS) : source->pins);
	struct stat st;
	bool known = !source->live && !stat(path, &st) && S_ISREG(st.st_mode);

	if (known)
		*seconds = st.st_mtim.tv_sec + st.st_mtim.tv_nsec / 1e9;
	free(path);
	return known;
}

/* Without tracking, no pins are found. */
static void gp_source_remark(const struct gp_source *source)
{
	unsigned long long enabled;

	if (source->live && gp_source_stat(source, "enabled", &enabled) && !enabled)
		gp_note("tracking is off: echo 1 > %s/enable", source->dir);
}

static void gp_source_free(struct gp_source *source)
{
	if (source->stats)
		gp_stats_forget(source->stats);
	free(source->stats);
	free(source->stacks);
	free(source->dir);
	free(source->file);
}
