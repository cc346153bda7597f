// SPDX-License-Identifier: GPL-2.0
/*
 * A live patch of a function that gup_pin.ko hooks: one of the two cannot be there then.
 */
#include <linux/livepatch.h>
#include <linux/mm.h>
#include <linux/mmdebug.h>
#include <linux/module.h>

static char *function = "unpin_user_page";
module_param(function, charp, 0400);
MODULE_PARM_DESC(function, "unpin_user_page or dump_page");

static void patched_unpin_user_page(struct page *page)
{
	unpin_user_pages(&page, 1);
}

static void patched_dump_page(const struct page *page, const char *reason)
{
	pr_info("page %lx: %s\n", page_to_pfn(page), reason);
}

static struct klp_func functions[] = {
	{ .old_name = "unpin_user_page", .new_func = patched_unpin_user_page },
	{ .old_name = "dump_page", .new_func = patched_dump_page },
};

static struct klp_func chosen[2];

static struct klp_object objects[] = {
	{ .funcs = chosen },
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

static int __init load(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(functions); i++)
		if (!strcmp(function, functions[i].old_name))
			chosen[0] = functions[i];
	if (!chosen[0].old_name)
		return -EINVAL;
	return klp_enable_patch(&patch);
}

/* The kernel has taken the patch off by then. */
static void __exit unload(void)
{
}

module_init(load);
module_exit(unload);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Test of gup_pin.ko beside a live patch");
MODULE_INFO(livepatch, "Y");
