// SPDX-License-Identifier: GPL-2.0
/*
 * The inode that has a file's pages: the kernel records the inode of the file system below
 * an overlay, and the device of a whole file system, of which each subvolume shows another
 * one.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "gup_pin_tool.h"

/* Limit on stacked overlays. */
#define DEPTH_MAX	8

static bool find_inode(struct gp_inode *inode, const char *path, unsigned int depth);

/* The kernel's path of the file, which may differ from the given one. */
static char *path_of_file(const char *path)
{
	static const char deleted[] = " (deleted)";
	int fd = open(path, O_PATH | O_CLOEXEC);
	char link[64], *full;
	ssize_t len;
	size_t size = 64 * 1024;

	if (fd < 0)
		return gp_path_real(path);
	full = gp_alloc(size);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, full, size - 1);
	close(fd);
	if (len < 0) {
		free(full);
		return gp_path_real(path);
	}
	len -= strlen(deleted);
	if (len > 0 && !strcmp(full + len, deleted))
		full[len] = '\0';
	return full;
}

static char *below_mount(const struct gp_mount *mount, const char *full)
{
	const char *root = strcmp(mount->root, "/") ? mount->root : "";
	size_t len = strcmp(mount->point, "/") ? strlen(mount->point) : 0;

	if (strncmp(full, mount->point, len) || (full[len] != '/' && full[len]))
		return NULL;
	return gp_format("%s%s", root, full + len);
}

/*
 * The full path of a path below /proc/PID/root, from the root folder of this process on, as
 * in its mountinfo: it differs after chroot().
 */
static const char *from_its_root(const char *full, const char *path)
{
	char link[64], root[PATH_MAX];
	int pid, end = 0;
	ssize_t len;

	if (sscanf(path, "/proc/%d/root/%n", &pid, &end) != 1 || !end)
		return full;
	snprintf(link, sizeof(link), "/proc/%d/root", pid);
	len = readlink(link, root, sizeof(root));
	if (len < 1 || (size_t)len >= sizeof(root) || strncmp(full, root, len) || full[len] != '/')
		return full;
	return full + len;
}

/* The path from the root of the file system; NULL if it is not below its mount. */
static char *path_in_mount(const struct gp_mount *mount, const char *path)
{
	char *full = path_of_file(path), *inside = below_mount(mount, full);

	if (!inside)
		inside = below_mount(mount, from_its_root(full, path));
	free(full);
	return inside;
}

/*
 * The folder of a layer. A relative path, as docker uses, is relative to some folder above
 * the overlay's mount point.
 */
static char *layer_folder(const char *layer, const char *point)
{
	char *above = gp_copy(point), *slash, *folder = NULL;

	if (*layer == '/') {
		free(above);
		return gp_copy(layer);
	}
	while (!folder && (slash = strrchr(above, '/'))) {
		*slash = '\0';
		folder = gp_format("%s/%s", above, layer);
		if (!access(folder, F_OK))
			break;
		free(folder);
		folder = NULL;
	}
	free(above);
	return folder ? folder : gp_copy(layer);
}

/* Its data is in a lower layer; this file has only what stat() returns. */
static bool has_no_data(const char *path)
{
	return lgetxattr(path, "trusted.overlay.metacopy", NULL, 0) >= 0;
}

static void add_inode_name(struct gp_inode *inode, const char *name)
{
	if (inode->nr_names == inode->room)
		inode->names = gp_grow(inode->names, &inode->room, sizeof(*inode->names));
	inode->names[inode->nr_names++] = gp_escape(name);
}

/* Finds the inode in this layer, if the layer has the file. */
static bool try_layer(struct gp_inode *inode, const struct gp_mount *mount,
		      const char *layer, const char *inside, unsigned int depth)
{
	char *folder = layer_folder(layer, mount->point);
	char *path = gp_format("%s%s", folder, inside);
	bool found = false;
	struct stat st;

	add_inode_name(inode, path);
	if (!lstat(path, &st) && S_ISREG(st.st_mode) && !has_no_data(path))
		found = find_inode(inode, path, depth + 1);
	free(path);
	free(folder);
	return found;
}

/* The layers of one option, separated by colons; "\:" is a colon in a name. */
static bool try_layers(struct gp_inode *inode, const struct gp_mount *mount, char *layers,
		       const char *inside, unsigned int depth)
{
	char *start = layers, *from, *to;
	bool found = false, more;

	for (from = layers, to = layers; !found; from++) {
		if (*from == '\\' && from[1]) {
			*to++ = *++from;
			continue;
		}
		more = *from;
		if (more && *from != ':') {
			*to++ = *from;
			continue;
		}
		*to = '\0';
		if (*start)
			found = try_layer(inode, mount, start, inside, depth);
		if (!more)
			break;
		to = from + 1;
		start = to;
	}
	return found;
}

/* The topmost layer that has the file. */
static bool find_below(struct gp_inode *inode, const struct gp_mount *mount,
		       const char *path, unsigned int depth)
{
	static const char *const options[] = { "upperdir", "lowerdir" };
	char *inside = path_in_mount(mount, path), *layers;
	bool found = false;
	unsigned int i, j;

	if (!inside)
		return false;
	for (i = 0; !found && i < sizeof(options) / sizeof(*options); i++) {
		for (j = 0; !found; j++) {
			layers = gp_mount_option(mount, options[i], j);
			if (!layers)
				break;
			found = try_layers(inode, mount, layers, inside, depth);
			free(layers);
		}
	}
	free(inside);
	return found;
}

static void set_numbers(struct gp_inode *inode, const struct statx *stat)
{
	free(inode->dev);
	inode->dev = gp_format("%u:%u", stat->stx_dev_major, stat->stx_dev_minor);
	inode->ino = stat->stx_ino;
}

/* Inodes of different subvolumes have equal numbers, but different paths. */
static void set_subvolume(struct gp_inode *inode, const struct gp_mount *mount,
			  const char *path)
{
	char *inside = path_in_mount(mount, path);

	if (inside)
		inode->inside = gp_escape(inside);
	inode->root = gp_escape(strcmp(mount->root, "/") ? mount->root : "");
	inode->point = gp_copy(strcmp(mount->point, "/") ? mount->point : "");
	free(inside);
}

static bool find_in_mount(struct gp_inode *inode, const struct gp_mount *mount,
			  const char *path, const struct statx *stat, unsigned int depth)
{
	if (!strcmp(mount->type, "overlay") && S_ISREG(stat->stx_mode)) {
		inode->sure = depth < DEPTH_MAX && find_below(inode, mount, path, depth);
		return inode->sure;
	}
	set_numbers(inode, stat);
	inode->own = makedev(stat->stx_dev_major, stat->stx_dev_minor);
	free(inode->dev);
	inode->dev = gp_copy(mount->dev);
	if (!strcmp(mount->type, "btrfs"))
		set_subvolume(inode, mount, path);
	inode->sure = true;
	return true;
}

/* Returns false if only names can be compared. */
static bool find_inode(struct gp_inode *inode, const char *path, unsigned int depth)
{
	struct gp_mount mount;
	struct statx stat;
	bool found;

	if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS | STATX_MNT_ID, &stat)) {
		inode->error = depth ? 0 : errno;
		return false;
	}
	if (!depth) {
		set_numbers(inode, &stat);
		inode->directory = S_ISDIR(stat.stx_mode);
	}
	if (!(stat.stx_mask & STATX_MNT_ID) || !gp_mount_find(&mount, stat.stx_mnt_id, path))
		return false;
	found = find_in_mount(inode, &mount, path, &stat, depth);
	gp_mount_free(&mount);
	return found;
}

/**
 * gp_inode_find() - find the inode that has a file's pages
 * @inode: to be filled in, and freed
 * @path: of the file
 */
static void gp_inode_find(struct gp_inode *inode, const char *path)
{
	memset(inode, 0, sizeof(*inode));
	find_inode(inode, path, 0);
}

/**
 * gp_inode_has_path() - whether a record with the same numbers may be of this inode
 * @inode: the inode
 * @path: path= of the record
 *
 * Return: false if it belongs to another subvolume.
 */
static bool gp_inode_has_path(const struct gp_inode *inode, const char *path)
{
	size_t root;
	struct stat st;
	char *name;
	bool same;

	if (!inode->inside || *path != '/' || !strcmp(path, inode->inside))
		return true;
	root = strlen(inode->root);
	if (strncmp(path, inode->root, root) || path[root] != '/')
		return false;
	/* The path may be another name of the same inode. */
	name = gp_format("%s%s", inode->point, path + root);
	same = !stat(name, &st) && st.st_dev == inode->own && st.st_ino == inode->ino;
	free(name);
	return same;
}

static void gp_inode_free(struct gp_inode *inode)
{
	size_t i;

	for (i = 0; i < inode->nr_names; i++)
		free(inode->names[i]);
	free(inode->names);
	free(inode->dev);
	free(inode->inside);
	free(inode->root);
	free(inode->point);
}
