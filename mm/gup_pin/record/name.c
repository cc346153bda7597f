// SPDX-License-Identifier: GPL-2.0
/*
 * What a file is called, for reports and for `path=`.
 *
 * No lock is taken and nothing is trusted, for a folio whose pin was dropped by
 * put_page() may be anybody's by now. What cannot be read is left empty.
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

/* Ends with a 0, whatever was there to be copied. */
static void copy_text(char *buf, size_t size, const void *from)
{
	if (strncpy_from_kernel_nofault(buf, from, size) < 0)
		buf[0] = '\0';
	buf[size - 1] = '\0';
}

/* An inode that is being freed stays for an RCU grace period. */
static struct inode *mapping_inode(const struct address_space *mapping)
{
	struct inode *inode;

	if (!mapping || get_kernel_nofault(inode, &mapping->host))
		return NULL;
	return inode;
}

/**
 * struct path_end - a path that is put together from its end
 * @name: where it goes to
 * @at: what is free before it
 */
struct path_end {
	char *name;
	size_t at;
};

/* What does not fit loses its front. Returns whether it fitted. */
static bool prepend(struct path_end *path, const char *text, size_t len)
{
	size_t fits = min(len, path->at);

	path->at -= fits;
	memcpy(path->name + path->at, text + len - fits, fits);
	return fits == len;
}

/* Returns whether there are more parts before this one. */
static bool prepend_dentry(struct path_end *path, const struct dentry *dentry,
			   const struct dentry *parent)
{
	const unsigned char *dname;
	char part[NAME_MAX + 1];

	if (get_kernel_nofault(dname, &dentry->d_name.name))
		return false;
	copy_text(part, sizeof(part), dname);
	/* The root of a file system; also of one that has no folders at all. */
	if (dentry == parent && !strcmp(part, "/"))
		return false;
	return prepend(path, part, strlen(part)) && prepend(path, "/", 1) &&
	       dentry != parent;
}

/*
 * One of its paths. Dentries and their names stay for an RCU grace period, too, and
 * one that is being moved may be met at either place. But that of a memfd is freed at
 * once, and may be anything by now: it leaves the inode's list before.
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
	/* The list is looked at again after all that was read from its first. */
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
 * gup_pin_file_type() - the name of the type of a folio's file system
 * @folio: the folio
 * @type: filled in; empty if it is not known
 * @size: room in @type
 *
 * Any context.
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
 * gup_pin_file_nlink() - how many names the file of a folio has
 * @folio: the folio
 *
 * Any context.
 *
 * Return: their number; 0 also if it is not known.
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
 * gup_pin_file_name() - a path of the file that a folio is in, below the root of
 * its file system
 * @folio: the folio; may be another's by now
 * @desc: what is known of it: in which file it was
 * @name: filled in; empty if it is not known, or if the folio is in another file
 * @size: room in @name; what is longer has lost its front, and with it the '/'
 *	that others begin with
 *
 * Any context.
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
 * gup_pin_inode_name() - a path of a file, below the root of its file system
 * @inode: of the file
 * @name: filled in; empty if it is not known
 * @size: room in @name; see gup_pin_file_name()
 *
 * Any context.
 */
void gup_pin_inode_name(const struct inode *inode, char *name, size_t size)
{
	name[0] = '\0';
	rcu_read_lock();
	inode_path(inode, name, size);
	rcu_read_unlock();
}

/**
 * gup_pin_item_name() - as gup_pin_file_name(), for what a walk found
 * @item: the item; nobody sees to it that its folio is still there
 * @name: filled in
 * @size: room in @name
 */
void gup_pin_item_name(const struct gup_pin_item *item, char *name, size_t size)
{
	name[0] = '\0';
	if (item->folio.ino && pfn_valid(item->head))
		gup_pin_file_name((struct folio *)pfn_to_page(item->head),
				  &item->folio, name, size);
}

/**
 * gup_pin_show_path() - the word that ends a line: ` path=NAME`
 * @m: where to
 * @name: the name, to be escaped as a task's
 */
void gup_pin_show_path(struct seq_file *m, const char *name)
{
	seq_puts(m, " path=");
	seq_escape_mem(m, name, strlen(name),
		       ESCAPE_HEX | ESCAPE_NAP | ESCAPE_APPEND, " \\");
}
