// SPDX-License-Identifier: GPL-2.0
/*
 * A driver that leaks pins, for tests: what is written to its device stays pinned, also when
 * the module is unloaded. A read pins its buffer, and unpins it again. NAME() is the module's
 * own name of a function.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>

static unsigned long address;
module_param(address, ulong, 0400);
MODULE_PARM_DESC(address, "of the task that loads the module: pin the page from init, and keep it");

/* Not inlined, and no tail call: stacks have this function. */
static noinline int NAME(keep)(unsigned long addr)
{
	struct page *page;
	int ret = pin_user_pages_fast(addr, 1, FOLL_WRITE | FOLL_LONGTERM, &page);

	barrier();
	return ret < 0 ? ret : 0;
}

static ssize_t NAME(write)(struct file *file, const char __user *buf, size_t size, loff_t *pos)
{
	int ret = NAME(keep)((unsigned long)buf);

	return ret ?: size;
}

static ssize_t NAME(read)(struct file *file, char __user *buf, size_t size, loff_t *pos)
{
	struct page *page;
	int ret = pin_user_pages_fast((unsigned long)buf, 1, FOLL_WRITE, &page);

	if (ret < 0)
		return ret;
	unpin_user_page(page);
	return size;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.write = NAME(write),
	.read = NAME(read),
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = KBUILD_MODNAME,
	.fops = &fops,
};

static int __init NAME(init)(void)
{
	struct page *page;
	int ret = 0;

	if (address)
		ret = pin_user_pages_fast(address, 1, FOLL_WRITE | FOLL_LONGTERM, &page);
	return ret < 0 ? ret : misc_register(&device);
}

static void __exit NAME(exit)(void)
{
	misc_deregister(&device);
}

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Test of gup_pin: leaks pins");
