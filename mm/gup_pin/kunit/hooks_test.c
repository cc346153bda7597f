// SPDX-License-Identifier: GPL-2.0
/*
 * The hooks take exactly the pages in the array: a call may have got only some pages of
 * a large folio. arm64 maps a hugetlb folio by contiguous PTEs, and GUP takes one of
 * them at a time.
 */
#include <linux/align.h>
#include <linux/bio.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/page-flags.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/tracepoint.h>
#include <trace/events/gup_pin.h>

#include "../hooks.h"
#include "case.h"
#include "fixture.h"

/* Two blocks. */
#define ORDER	(GUP_PIN_BLOCK_SHIFT + 1)
#define PAGES	BIT(ORDER)

/* Address of the pages, unless the test sets another. */
#define ADDR	0x7f0000000000UL

/**
 * struct hooks_state - state of a test
 * @folio: a hugetlb folio, or a substitute
 * @pages: pages of a call
 * @nr: number of pages
 * @mm: address space with the pages, if it matters
 * @addr: address of the first page
 * @seen: pins on the folio when a release was traced
 * @before: counters at the start
 */
struct hooks_state {
	struct folio *folio;
	struct page *pages[PAGES];
	unsigned int nr;
	struct mm_struct *mm;
	unsigned long addr;
	int seen;
	struct gup_pin_totals before;
};

static int hooks_init(struct kunit *test)
{
	struct hooks_state *s = gup_pin_case_begin(test, true, sizeof(*s));
	struct page *page;

	if (!s)
		return -ENOMEM;
	page = alloc_pages(GFP_KERNEL | __GFP_COMP, ORDER);
	if (!page)
		return -ENOMEM;
	s->folio = page_folio(page);
	s->folio->index = 1000;
	s->addr = ADDR;
	__folio_set_hugetlb(s->folio);
	gup_pin_index_totals(&gup_pin_root.index, &s->before);
	test->priv = s;
	return 0;
}

static void hooks_exit(struct kunit *test)
{
	struct hooks_state *s = test->priv;

	if (!s)
		return;
	__folio_clear_hugetlb(s->folio);
	atomic_set(&s->folio->_pincount, 0);
	__free_pages(&s->folio->page, ORDER);
}

/* A call with these flags gets these pages, in this order. */
static void acquire_by(struct kunit *test, unsigned int gup_flags,
		       const unsigned int *numbers, unsigned int nr)
{
	struct hooks_state *s = test->priv;
	const struct gup_pin_request request = {
		.pages = s->pages,
		.mm = s->mm,
		.addr = s->addr,
		.gup_flags = gup_flags,
		.api = GUP_PIN_USER_PAGES_FAST,
	};
	unsigned int i;

	for (i = 0; i < nr; i++)
		s->pages[i] = folio_page(s->folio, numbers[i]);
	s->nr = nr;
	atomic_add(nr, &s->folio->_pincount);
	__gup_pin_acquired(&request, nr);
}

static void acquire(struct kunit *test, const unsigned int *numbers, unsigned int nr)
{
	acquire_by(test, FOLL_WRITE, numbers, nr);
}

static void released(struct kunit *test, unsigned int pins)
{
	struct hooks_state *s = test->priv;

	atomic_sub(pins, &s->folio->_pincount);
}

/*
 * Number of recorded pins on a page; checks their addresses against its positions in
 * the array.
 */
static unsigned int pins_on(struct kunit *test, unsigned int number)
{
	struct hooks_state *s = test->priv;
	unsigned long pfn = folio_pfn(s->folio) + number, at;
	struct gup_pin_item item;
	struct gup_pin_walk walk;
	unsigned int pins = 0;

	gup_pin_walk_start(&walk, &gup_pin_root.index, pfn, pfn);
	while (gup_pin_walk_items(&walk, &item, 1)) {
		if (pfn < item.pfn || pfn >= item.pfn + item.pages)
			continue;
		KUNIT_EXPECT_EQ(test, item.head, folio_pfn(s->folio));
		KUNIT_EXPECT_EQ(test, item.pages, item.pins);
		at = (item.addr - s->addr) / PAGE_SIZE + pfn - item.pfn;
		if (at < s->nr)
			KUNIT_EXPECT_PTR_EQ(test, s->pages[at], pfn_to_page(pfn));
		KUNIT_EXPECT_LT(test, at, s->nr);
		pins++;
	}
	gup_pin_walk_end(&walk);
	return pins;
}

/* Each page has one pin for each occurrence in the array from @from on. */
static void expect_pins(struct kunit *test, unsigned int from)
{
	struct hooks_state *s = test->priv;
	unsigned int i, j, want;

	for (i = 0; i < PAGES; i++) {
		want = 0;
		for (j = from; j < s->nr; j++)
			want += s->pages[j] == folio_page(s->folio, i);
		KUNIT_EXPECT_EQ_MSG(test, pins_on(test, i), want, "page %u", i);
	}
}

static void expect_figures(struct kunit *test, unsigned int pins)
{
	struct hooks_state *s = test->priv;
	struct gup_pin_totals t;

	gup_pin_case_expect(test, &s->before, pins);
	gup_pin_index_totals(&gup_pin_root.index, &t);
	KUNIT_EXPECT_EQ(test, t.inferred, s->before.inferred);
}

/**
 * struct part - pages of a folio that a call got
 * @name: name of the case
 * @numbers: page numbers
 * @nr: number of pages
 */
struct part {
	const char *name;
	unsigned int numbers[20];
	unsigned int nr;
};

static const struct part parts[] = {
	{ "the first", { 0 }, 1 },
	{ "one of the middle", { 77 }, 1 },
	{ "the last", { PAGES - 1 }, 1 },
	{ "neighbours", { 3, 4, 5, 6, 7 }, 5 },
	{
		"as many as are compared at once",
		{ 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18 }, 17
	},
	{ "over the end of a block", { 61, 62, 63, 64, 65, 66 }, 6 },
	{ "every other", { 1, 3, 5, 7, 9, 64, 66, 68 }, 8 },
	{ "the last first", { 9, 8, 7, 6, 5 }, 5 },
	{ "in any order", { 70, 2, 99, 3, 71, 4 }, 6 },
	{ "neighbours and back", { 5, 6, 7, 2, 3, 4, 8 }, 7 },
	{ "a page twice", { 5, 6, 5, 6, 7 }, 5 },
};

KUNIT_ARRAY_PARAM_DESC(part, parts, name);

/* Record the array as it is, release it in two pieces. */
static void part_by_array(struct kunit *test)
{
	const struct part *part = test->param_value;
	struct hooks_state *s = test->priv;
	unsigned int some = part->nr / 2;

	acquire(test, part->numbers, part->nr);
	expect_pins(test, 0);
	__gup_pin_released_pages(s->pages, some, false, _THIS_IP_);
	released(test, some);
	/* With two equal pages, either pin may be released. */
	if (part->numbers[0] != part->numbers[part->nr / 2])
		expect_pins(test, some);
	__gup_pin_released_pages(s->pages + some, part->nr - some, false, _THIS_IP_);
	released(test, part->nr - some);
	s->nr = 0;
	expect_pins(test, 0);
	expect_figures(test, part->nr);
}

/* Page by page, the last one first. */
static void part_by_page(struct kunit *test)
{
	const struct part *part = test->param_value;
	struct hooks_state *s = test->priv;
	unsigned int i;

	acquire(test, part->numbers, part->nr);
	for (i = part->nr; i--; ) {
		__gup_pin_released_page(s->pages[i], _THIS_IP_);
		released(test, 1);
	}
	s->nr = 0;
	expect_pins(test, 0);
	expect_figures(test, part->nr);
}

/* Release by folio and number of pins. */
static void part_by_folio(struct kunit *test)
{
	const struct part *part = test->param_value;
	struct hooks_state *s = test->priv;

	acquire(test, part->numbers, part->nr);
	__gup_pin_released_folio(s->folio, part->nr, _THIS_IP_);
	released(test, part->nr);
	s->nr = 0;
	expect_pins(test, 0);
	expect_figures(test, part->nr);
}

/* Adjacent pages of two folios. */
static void two_folios(struct kunit *test)
{
	static const unsigned int numbers[] = { PAGES - 2, PAGES - 1 };
	struct hooks_state *s = test->priv;
	const struct gup_pin_request request = {
		.pages = s->pages,
		.addr = ADDR,
		.api = GUP_PIN_USER_PAGES,
	};
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, page);
	acquire(test, numbers, 2);
	for (i = 0; i < 4; i++)
		s->pages[2 + i] = page + (i ^ 1);
	atomic_add(4, &page_folio(page)->_pincount);
	__gup_pin_released_pages(s->pages, 2, false, _THIS_IP_);
	s->nr = 6;
	__gup_pin_acquired(&request, 6);
	for (i = 0; i < PAGES; i++)
		KUNIT_EXPECT_EQ(test, pins_on(test, i), i >= PAGES - 2);
	__gup_pin_released_range(page, 4, false, _THIS_IP_);
	for (i = 0; i < PAGES; i++)
		KUNIT_EXPECT_EQ(test, pins_on(test, i), i >= PAGES - 2);
	__gup_pin_released_range(s->pages[0], 2, false, _THIS_IP_);
	atomic_set(&page_folio(page)->_pincount, 0);
	__free_pages(page, 3);
	expect_figures(test, 8);
}

/* Page by page of a large folio: each page's own record gets the handle. */
static void kept_pages_of_a_folio(struct kunit *test)
{
	static const unsigned int numbers[] = { 62, 63, 64, 65 };
	static const char handles[2];
	struct hooks_state *s = test->priv;
	unsigned int i;

	/* Two calls that differ only in address and handle. */
	for (i = 0; i < 2; i++) {
		s->addr = ADDR + i * SZ_1M;
		acquire(test, numbers, 4);
		__gup_pin_keep_pages(&handles[i], s->pages, 4);
	}
	folio_ref_add(s->folio, 8);
	for (i = 0; i < 4; i++)
		gup_pin_unpin_kept(&handles[1], s->folio);
	s->addr = ADDR;
	expect_pins(test, 0);
	for (i = 0; i < 4; i++)
		gup_pin_unpin_kept(&handles[0], s->folio);
	expect_figures(test, 8);
}

#ifdef CONFIG_BLOCK
/* Does the page have exactly one pin, of this mode? */
static bool has_mode(struct kunit *test, unsigned int number, enum gup_pin_mode mode)
{
	struct hooks_state *s = test->priv;
	unsigned long pfn = folio_pfn(s->folio) + number;
	struct gup_pin_item item;
	struct gup_pin_walk walk;
	unsigned int pins = 0;
	bool right = true;

	gup_pin_walk_start(&walk, &gup_pin_root.index, pfn, pfn);
	while (gup_pin_walk_items(&walk, &item, 1)) {
		if (pfn < item.pfn || pfn >= item.pfn + item.pages)
			continue;
		right &= item.id.mode == mode;
		pins++;
	}
	gup_pin_walk_end(&walk);
	return pins == 1 && right;
}

/* Which of a read pin and a newer write pin is left after a bio has ended? */
static void after_bio(struct kunit *test, blk_opf_t op, enum gup_pin_mode mode)
{
	static const unsigned int number = 5;
	struct hooks_state *s = test->priv;
	struct bio_vec vec;
	struct bio bio;

	acquire_by(test, 0, &number, 1);
	acquire_by(test, FOLL_WRITE, &number, 1);
	bio_init(&bio, NULL, &vec, 1, op);
	__gup_pin_released_bio(&bio, s->pages[0], 1);
	bio_uninit(&bio);
	released(test, 1);
	KUNIT_EXPECT_TRUE(test, has_mode(test, number, mode));
	__gup_pin_released_page(s->pages[0], _THIS_IP_);
	released(test, 1);
}

static void see_pins(void *data, const struct gup_pin_trace *pin)
{
	struct hooks_state *s = data;

	if (page_folio(pfn_to_page(pin->pfn)) == s->folio)
		s->seen = atomic_read(&s->folio->_pincount);
}

static void see_no_pins(void *s)
{
	unregister_trace_gup_pin_release(see_pins, s);
	tracepoint_synchronize_unregister();
}

/* The record must go before the pin, so that there are never more records than pins. */
static void record_of_a_bio_goes_first(struct kunit *test)
{
	static const unsigned int number = 7;
	struct hooks_state *s = test->priv;
	struct bio_vec vec;
	struct bio bio;

	KUNIT_ASSERT_EQ(test, 0, register_trace_gup_pin_release(see_pins, s));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, see_no_pins, s));
	acquire(test, &number, 1);
	folio_get(s->folio);
	bio_init(&bio, NULL, &vec, 1, REQ_OP_READ);
	gup_pin_unpin_bio(&bio, s->folio, number, 1);
	bio_uninit(&bio);
	KUNIT_EXPECT_EQ(test, s->seen, 1);
	expect_figures(test, 1);
}

/* A bio that reads from the device releases a write pin; one that writes may release either. */
static void bios_have_a_direction(struct kunit *test)
{
	after_bio(test, REQ_OP_READ, GUP_PIN_READ);
	after_bio(test, REQ_OP_WRITE, GUP_PIN_WRITE);
}
#endif

#if defined(CONFIG_TRANSPARENT_HUGEPAGE) && defined(CONFIG_ADVISE_SYSCALLS)
/* Some pages of a folio were pinned; a huge page of another folio is mapped there now. */
static void another_is_mapped_by_now(struct kunit *test)
{
	struct hooks_state *s = test->priv;
	unsigned int numbers[20], i;
	unsigned long addr;
	struct page *page;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		numbers[i] = 2 * i;
	addr = kunit_vm_mmap(test, NULL, 0, 2 * PMD_SIZE, PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE(test, addr, 0);
	s->addr = ALIGN(addr, PMD_SIZE);
	KUNIT_ASSERT_EQ(test, 0, do_madvise(current->mm, s->addr, PMD_SIZE, MADV_HUGEPAGE));
	KUNIT_ASSERT_EQ(test, 1, get_user_pages_fast(s->addr, 1, FOLL_WRITE, &page));
	KUNIT_EXPECT_TRUE(test, gup_pin_mapped_huge(current->mm, s->addr, page));
	KUNIT_EXPECT_FALSE(test, gup_pin_mapped_huge(current->mm, s->addr, page + 1));
	put_page(page);

	s->mm = current->mm;
	acquire(test, numbers, ARRAY_SIZE(numbers));
	expect_pins(test, 0);
	__gup_pin_released_pages(s->pages, s->nr, false, _THIS_IP_);
	released(test, s->nr);
	expect_figures(test, s->nr);
}
#endif

static struct kunit_case hooks_cases[] = {
	KUNIT_CASE_PARAM(part_by_array, part_gen_params),
	KUNIT_CASE_PARAM(part_by_page, part_gen_params),
	KUNIT_CASE_PARAM(part_by_folio, part_gen_params),
	KUNIT_CASE(two_folios),
	KUNIT_CASE(kept_pages_of_a_folio),
#ifdef CONFIG_BLOCK
	KUNIT_CASE(bios_have_a_direction),
	KUNIT_CASE(record_of_a_bio_goes_first),
#endif
#if defined(CONFIG_TRANSPARENT_HUGEPAGE) && defined(CONFIG_ADVISE_SYSCALLS)
	KUNIT_CASE(another_is_mapped_by_now),
#endif
	{}
};

static struct kunit_suite hooks_suite = {
	.name = "gup_pin_hooks",
	.init = hooks_init,
	.exit = hooks_exit,
	.test_cases = hooks_cases,
};

kunit_test_suite(hooks_suite);
