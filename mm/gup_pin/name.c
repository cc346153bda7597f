// SPDX-License-Identifier: GPL-2.0
/*
 * What a file is called, for reports and for `path=`.
 *
 * No lock is taken and nothing is trusted, for a folio whose pin was dropped by
 * put_page() may be anybody's by now. What cannot be read is left empty.
 */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/string_helpers.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "gup_pin.h"

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

/* The last part of one of its names. They stay for an RCU grace period, too. */
static void inode_name(const struct inode *inode, char *name, size_t size)
{
	const unsigned char *dname;
	struct hlist_node *first;

	if (!get_kernel_nofault(first, &inode->i_dentry.first) && first &&
	    !get_kernel_nofault(dname, &gup_pin_alias(first)->d_name.name))
		copy_text(name, size, dname);
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
 * gup_pin_file_name() - a name of the file that a folio is in, without folders
 * @folio: the folio; may be another's by now
 * @desc: what is known of it: in which file it was
 * @name: filled in; empty if it is not known, or if the folio is in another file
 * @size: room in @name; what is longer is cut
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
		inode_name(inode, name, size);
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
	if (item->head && item->folio.ino && pfn_valid(item->pfn))
		gup_pin_file_name((struct folio *)pfn_to_page(item->pfn),
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
