// SPDX-License-Identifier: GPL-2.0
/*
 * Names of files, for reports and `path=`.
 *
 * Takes no lock and trusts nothing: a folio whose pin was dropped by put_page() may have
 * been reused. What cannot be read is left empty.
 */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/string_helpers.h>
#include <linux/uaccess.h>

#include "../compat.h"
#include "text.h"

/* Always null-terminated, even if the copied text is not. */
static void copy_text(char *buf, size_t size, const void *from)
{
	if (strncpy_from_kernel_nofault(buf, from, size) < 0)
		buf[0] = '\0';
	buf[size - 1] = '\0';
}

/* An inode is freed only after an RCU grace period. */
static struct inode *mapping_inode(const struct address_space *mapping)
{
	struct inode *inode;

	if (!mapping || get_kernel_nofault(inode, &mapping->host))
		return NULL;
	return inode;
}

/**
 * struct path_end - a path under construction, from its end
 * @name: the buffer
 * @at: number of free bytes at the start of the buffer
 */
struct path_end {
	char *name;
	size_t at;
};

/* Text that does not fit loses its front. Returns whether it fitted. */
static bool prepend(struct path_end *path, const char *text, size_t len)
{
	size_t fits = min(len, path->at);

	path->at -= fits;
	memcpy(path->name + path->at, text + len - fits, fits);
	return fits == len;
}

/* Returns whether the path has more components before this one. */
static bool prepend_dentry(struct path_end *path, const struct dentry *dentry,
			   const struct dentry *parent)
{
	const unsigned char *dname;
	char part[NAME_MAX + 1];

	if (get_kernel_nofault(dname, &dentry->d_name.name))
		return false;
	copy_text(part, sizeof(part), dname);
	/*
	 * The root of a file system. A file of a pseudo file system is
	 * its own parent, too.
	 */
	if (dentry == parent && !strcmp(part, "/"))
		return false;
	return prepend(path, part, strlen(part)) && prepend(path, "/", 1) &&
	       dentry != parent;
}

/*
 * One of the paths of an inode. Like inodes, dentries and their names are freed only
 * after an RCU grace period; a dentry that is being moved may be seen in either place.
 * The dentry of a memfd, however, is freed at once and may be reused; it leaves the list
 * of the inode before that.
 */
static void inode_path(const struct inode *inode, char *name, size_t size)
{
	struct path_end path = { .name = name, .at = size - 1 };
	struct dentry *dentry, *parent;
	struct hlist_node *first, *still;

	if (get_kernel_nofault(first, &inode->i_dentry.first) || !first)
		return;
	name[size - 1] = '\0';
	parent = gup_pin_alias(first);
	do {
		dentry = parent;
		if (get_kernel_nofault(parent, &dentry->d_parent))
			break;
	} while (prepend_dentry(&path, dentry, parent));
	/* Read the list again after everything read through its first entry. */
	smp_rmb();
	if (get_kernel_nofault(still, &inode->i_dentry.first) || still != first)
		path.at = size - 1;
	memmove(name, name + path.at, size - path.at);
}

static void inode_type(const struct inode *inode, char *type, size_t size)
{
	struct file_system_type *fs;
	struct super_block *sb;
	const char *tname;

	if (!get_kernel_nofault(sb, &inode->i_sb) && sb &&
	    !get_kernel_nofault(fs, &sb->s_type) && fs &&
	    !get_kernel_nofault(tname, &fs->name))
		copy_text(type, size, tname);
}

static bool is_inode(const struct inode *inode, const struct gup_pin_folio *desc)
{
	typeof(((struct inode *)NULL)->i_ino) ino;
	struct super_block *sb;
	dev_t dev;

	return !get_kernel_nofault(ino, &inode->i_ino) && ino == desc->ino &&
	       !get_kernel_nofault(sb, &inode->i_sb) && sb &&
	       !get_kernel_nofault(dev, &sb->s_dev) && dev == desc->dev;
}

/**
 * gup_pin_file_type() - type of the file system of a folio
 * @folio: the folio
 * @type: filled in; empty if unknown
 * @size: size of @type
 *
 * Context: Any context.
 */
void gup_pin_file_type(const struct folio *folio, char *type, size_t size)
{
	const struct inode *inode;

	type[0] = '\0';
	rcu_read_lock();
	inode = mapping_inode(gup_pin_folio_file(folio));
	if (inode)
		inode_type(inode, type, size);
	rcu_read_unlock();
}

/**
 * gup_pin_file_nlink() - number of links to the file of a folio
 * @folio: the folio
 *
 * Context: Any context.
 *
 * Return: number of links; 0 if unknown.
 */
unsigned int gup_pin_file_nlink(const struct folio *folio)
{
	const struct inode *inode;
	unsigned int nlink = 0;

	rcu_read_lock();
	inode = mapping_inode(gup_pin_folio_file(folio));
	if (inode && get_kernel_nofault(nlink, &inode->i_nlink))
		nlink = 0;
	rcu_read_unlock();
	return nlink;
}

/**
 * gup_pin_file_name() - path of a folio's file within its file system
 * @folio: the folio; may have been reused
 * @desc: description of the folio when it was in the file
 * @name: filled in; empty if unknown, or if the folio is in another file
 * @size: size of @name; a longer path loses its front, and with it the leading '/'
 *
 * Context: Any context.
 */
void gup_pin_file_name(const struct folio *folio,
		       const struct gup_pin_folio *desc, char *name, size_t size)
{
	const struct inode *inode;

	name[0] = '\0';
	if (!desc->ino)
		return;
	rcu_read_lock();
	inode = mapping_inode(gup_pin_folio_file(folio));
	if (inode && is_inode(inode, desc))
		inode_path(inode, name, size);
	rcu_read_unlock();
}

/**
 * gup_pin_inode_name() - path of a file within its file system
 * @inode: inode of the file
 * @name: filled in; empty if unknown
 * @size: size of @name; see gup_pin_file_name()
 *
 * Context: Any context.
 */
void gup_pin_inode_name(const struct inode *inode, char *name, size_t size)
{
	name[0] = '\0';
	rcu_read_lock();
	inode_path(inode, name, size);
	rcu_read_unlock();
}

/**
 * gup_pin_item_name() - gup_pin_file_name() for an item of a walk
 * @item: the item; its folio may have been freed
 * @name: filled in
 * @size: size of @name
 */
void gup_pin_item_name(const struct gup_pin_item *item, char *name, size_t size)
{
	name[0] = '\0';
	if (item->folio.ino && pfn_valid(item->head))
		gup_pin_file_name((struct folio *)pfn_to_page(item->head),
				  &item->folio, name, size);
}

/**
 * gup_pin_show_path() - print the last word of a line: ` path=NAME`
 * @m: the seq_file to print to
 * @name: the name; escaped like the name of a task
 */
void gup_pin_show_path(struct seq_file *m, const char *name)
{
	seq_puts(m, " path=");
	seq_escape_mem(m, name, strlen(name),
		       ESCAPE_HEX | ESCAPE_NAP | ESCAPE_APPEND, " \\");
}
