// SPDX-License-Identifier: GPL-2.0
/* dump_page() prints the pins of the page. */
#include <linux/kmsg_dump.h>
#include <linux/mman.h>
#include <linux/mm.h>
#include <linux/mmdebug.h>

#include "case.h"
#include "fixture.h"

/* Does the log after @from have a line that contains both texts? */
static bool log_has(struct kmsg_dump_iter *from, const char *a, const char *b)
{
	struct kmsg_dump_iter iter = *from;
	char line[GUP_PIN_LINE_MAX + 64];
	size_t len;

	while (kmsg_dump_get_line(&iter, false, line, sizeof(line) - 1, &len)) {
		line[len] = '\0';
		if (strstr(line, a) && strstr(line, b))
			return true;
	}
	return false;
}

static void to_the_end(struct kmsg_dump_iter *iter)
{
	char line[8];
	size_t len;

	kmsg_dump_rewind(iter);
	while (kmsg_dump_get_line(iter, false, line, sizeof(line), &len))
		;
}

static void dump_names_the_pins(struct kunit *test)
{
	struct kmsg_dump_iter iter;
	unsigned long addr;
	struct page *page;

	gup_pin_case_need(test, false);
	addr = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE(test, addr, 0);
	KUNIT_ASSERT_EQ(test, 1, pin_user_pages_fast(addr, 1, FOLL_WRITE,
						     &page));
	KUNIT_ASSERT_EQ(test, 1, pin_user_pages_unlocked(addr, 1, &page, 0));
	to_the_end(&iter);
	dump_page(page, "pinned twice");
	KUNIT_EXPECT_TRUE(test, log_has(&iter, "gup_pin: ",
					"page has 2 recorded pins"));
	KUNIT_EXPECT_TRUE(test, log_has(&iter, "mode=w term=short",
					"api=pin_user_pages_fast"));
	KUNIT_EXPECT_TRUE(test, log_has(&iter, "mode=r term=short",
					"api=pin_user_pages_unlocked"));
	KUNIT_EXPECT_TRUE(test, log_has(&iter, __func__, "+0x"));

	unpin_user_page(page);
	unpin_user_page(page);
	to_the_end(&iter);
	dump_page(page, "not pinned");
	KUNIT_EXPECT_TRUE(test, log_has(&iter, "gup_pin: ",
					"page has no recorded pins"));
}

/* Called with the shard lock held, as in a report from our own code. */
static void dump_never_waits(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL);
	struct gup_pin_shard *shard;
	struct kmsg_dump_iter iter;
	unsigned long flags;

	gup_pin_case_need(test, false);
	KUNIT_ASSERT_NOT_NULL(test, page);
	shard = gup_pin_shard_of(&gup_pin_root.index,
				 gup_pin_block_nr(page_to_pfn(page)));
	to_the_end(&iter);
	xa_lock_irqsave(&shard->xa, flags);
	dump_page(page, "shard locked");
	xa_unlock_irqrestore(&shard->xa, flags);
	KUNIT_EXPECT_TRUE(test, log_has(&iter, "gup_pin: ",
					"are being changed"));
	__free_page(page);
}

static struct kunit_case dump_cases[] = {
	KUNIT_CASE(dump_names_the_pins),
	KUNIT_CASE(dump_never_waits),
	{}
};

static struct kunit_suite dump_suite = {
	.name = "gup_pin_dump",
	.init = gup_pin_case_start,
	.exit = gup_pin_case_unpin,
	.test_cases = dump_cases,
};

kunit_test_suite(dump_suite);
