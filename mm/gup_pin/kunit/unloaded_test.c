// SPDX-License-Identifier: GPL-2.0
/*
 * Names of code that is gone. The code is a function of the kernel, which stays: that
 * other code is in its place is acted out by changing the stored name.
 */
#include <linux/jiffies.h>
#include <linux/kallsyms.h>
#include <linux/mm.h>
#include <linux/stackdepot.h>
#include <linux/string.h>

#include "../gup_pin.h"
#include "case.h"
#include "file.h"

/* As in unloaded.c. */
#define UNLOADED_MAX	1024
#define MARK_UNKNOWN	((1U << STACK_DEPOT_EXTRA_BITS) - 1)

/* Addresses in code that goes, and one in code that stays. */
#define IP	((unsigned long)kunit_run_tests + 1)
#define STAYS	((unsigned long)kstrdup + 1)

static int unloaded_init(struct kunit *test)
{
	gup_pin_case_start(test);
	gup_pin_unloaded_exit();
	return 0;
}

static void unloaded_exit(struct kunit *test)
{
	gup_pin_case_unpin(test);
	gup_pin_unloaded_exit();
}

/* Code of @size bytes; IP is its second. */
static struct gup_pin_code code_of(unsigned long size, const char *gone)
{
	return (struct gup_pin_code) {
		.module = "old",
		.gone = gone,
		.start = { IP - 1 },
		.end = { IP - 1 + size },
	};
}

static depot_stack_handle_t save(struct kunit *test, const unsigned long *entries,
				 unsigned int nr)
{
	depot_stack_handle_t stack = stack_depot_save((unsigned long *)entries, nr, GFP_KERNEL);

	KUNIT_ASSERT_NE(test, stack, 0);
	return gup_pin_marked_stack(stack, entries, nr);
}

static depot_stack_handle_t save_one(struct kunit *test, unsigned long ip)
{
	const unsigned long entries[] = { STAYS, ip };

	return save(test, entries, ARRAY_SIZE(entries));
}

static void go(depot_stack_handle_t stack)
{
	const struct gup_pin_code code = code_of(16, "unloaded");

	gup_pin_unloaded_note_stack(&code, stack);
}

/* The newest name of an address. */
static struct gup_pin_unloaded *newest(unsigned long ip)
{
	struct gup_pin_unloaded *name, *found = NULL;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gup_pin_unloads.buckets); i++)
		hlist_for_each_entry(name, &gup_pin_unloads.buckets[i], node)
			if (name->ip == ip && (!found || name->until > found->until))
				found = name;
	return found;
}

/* Other code is where that was which went last. */
static void replace(struct kunit *test, unsigned long ip, char letter)
{
	struct gup_pin_unloaded *name = newest(ip);

	KUNIT_ASSERT_NOT_NULL(test, name);
	*(char *)name->name = letter;
}

/*
 * Expect the frame of an address to be named as now, or as by replace() with this letter, or
 * not at all, with 0.
 */
static void expect_text(struct kunit *test, const char *text, unsigned long ip, char letter)
{
	char expected[GUP_PIN_FRAME_MAX];

	if (letter)
		sprint_symbol(expected, ip);
	else
		snprintf(expected, sizeof(expected), "0x%lx", ip);
	if (letter && letter != expected[0]) {
		snprintf(expected + strlen(expected), 32, " [old] (unloaded)");
		expected[0] = letter;
	}
	KUNIT_EXPECT_STREQ(test, text, expected);
}

static void expect_frame(struct kunit *test, depot_stack_handle_t stack, unsigned long ip,
			 char letter)
{
	char text[GUP_PIN_FRAME_MAX];

	gup_pin_frame_text(text, ip, stack_depot_get_extra_bits(stack), gup_pin_frames_as_of());
	expect_text(test, text, ip, letter);
}

/* The letter that the name of IP begins with. */
#define NOW	'k'

static void another_in_its_place(struct kunit *test)
{
	depot_stack_handle_t old, new, other = save_one(test, STAYS);

	old = save_one(test, IP);
	expect_frame(test, old, IP, NOW);
	go(old);
	replace(test, IP, 'A');
	expect_frame(test, old, IP, 'A');
	expect_frame(test, old, STAYS, NOW);
	/* Equal addresses, but another stack. */
	new = save_one(test, IP);
	KUNIT_EXPECT_NE(test, new, old);
	expect_frame(test, new, IP, NOW);
	KUNIT_EXPECT_EQ(test, new, save_one(test, IP));
	KUNIT_EXPECT_EQ(test, other, save_one(test, STAYS));
	/* Each of them again. */
	go(old);
	go(new);
	replace(test, IP, 'B');
	expect_frame(test, old, IP, 'A');
	expect_frame(test, new, IP, 'B');
	expect_frame(test, save_one(test, IP), IP, NOW);
	KUNIT_EXPECT_EQ(test, gup_pin_unloads.count, 2);
}

static void the_same_again(struct kunit *test)
{
	depot_stack_handle_t old = save_one(test, IP);
	struct gup_pin_unloaded *first;

	go(old);
	first = newest(IP);
	KUNIT_ASSERT_NOT_NULL(test, first);
	/* As long as it is there, and when it is there again, it is not gone. */
	expect_frame(test, old, IP, NOW);
	KUNIT_EXPECT_EQ(test, old, save_one(test, IP));
	go(old);
	KUNIT_EXPECT_EQ(test, gup_pin_unloads.count, 1);
	/* After another one. */
	replace(test, IP, 'A');
	go(save_one(test, IP));
	replace(test, IP, 'B');
	KUNIT_EXPECT_NE(test, old, save_one(test, IP));
	*(char *)first->name = NOW;
	KUNIT_EXPECT_EQ(test, old, save_one(test, IP));
}

/* The mark of a stack is right for all of its frames. */
static void stacks_of_two(struct kunit *test)
{
	const unsigned long both[] = { IP, STAYS, IP + 1 };
	depot_stack_handle_t stack[4];

	stack[0] = save(test, both, ARRAY_SIZE(both));
	go(save_one(test, IP));
	replace(test, IP, 'A');
	stack[1] = save(test, both, ARRAY_SIZE(both));
	expect_frame(test, stack[0], IP, 'A');
	expect_frame(test, stack[0], IP + 1, NOW);
	expect_frame(test, stack[1], IP, NOW);
	go(stack[1]);
	replace(test, IP, 'B');
	replace(test, IP + 1, 'C');
	stack[2] = save(test, both, ARRAY_SIZE(both));
	stack[3] = save_one(test, IP + 1);
	expect_frame(test, stack[0], IP, 'A');
	expect_frame(test, stack[1], IP, 'B');
	expect_frame(test, stack[2], IP, NOW);
	expect_frame(test, stack[0], IP + 1, 'C');
	expect_frame(test, stack[1], IP + 1, 'C');
	expect_frame(test, stack[2], IP + 1, NOW);
	expect_frame(test, stack[3], IP + 1, NOW);
}

/* Beyond the last mark there is no name rather than a wrong one. */
static void very_often(struct kunit *test)
{
	depot_stack_handle_t stack = 0, last = 0;
	unsigned int i;

	for (i = 0; i < 2 * MARK_UNKNOWN; i++) {
		stack = save_one(test, IP);
		if (stack_depot_get_extra_bits(stack) == MARK_UNKNOWN)
			break;
		expect_frame(test, stack, IP, NOW);
		KUNIT_EXPECT_NE(test, stack, last);
		last = stack;
		go(stack);
		replace(test, IP, 'A' + i % 8);
	}
	KUNIT_EXPECT_EQ(test, i, MARK_UNKNOWN);
	expect_frame(test, stack, IP, 0);
	expect_frame(test, stack, STAYS, NOW);
	go(stack);
	expect_frame(test, stack, IP, 0);
	expect_frame(test, last, IP, 'A' + (i - 1) % 8);
}

/* What cannot be stored is counted, and has no name. */
static void too_many(struct kunit *test)
{
	const struct gup_pin_code code = code_of(2 * UNLOADED_MAX, "unloaded");
	unsigned long ip, after = IP + UNLOADED_MAX + 10;
	depot_stack_handle_t old[2], new;

	old[0] = save_one(test, IP);
	old[1] = save_one(test, after - 1);
	for (ip = IP; ip < after; ip++)
		gup_pin_unloaded_note(&code, &ip, 1, 0);
	KUNIT_EXPECT_EQ(test, gup_pin_unloads.count, UNLOADED_MAX);
	KUNIT_EXPECT_EQ(test, gup_pin_unloads.unnamed, 10);
	replace(test, IP, 'A');
	expect_frame(test, old[0], IP, 'A');
	expect_frame(test, old[1], after - 1, 0);
	expect_frame(test, old[1], STAYS, NOW);
	new = save_one(test, after - 1);
	KUNIT_EXPECT_NE(test, new, old[1]);
	gup_pin_unloaded_note_stack(&code, old[1]);
	KUNIT_EXPECT_EQ(test, gup_pin_unloads.unnamed, 10);
	gup_pin_unloaded_note_stack(&code, new);
	KUNIT_EXPECT_EQ(test, gup_pin_unloads.unnamed, 11);
	expect_frame(test, new, after - 1, 0);
}

static void expect_site(struct kunit *test, u32 time, char letter)
{
	char text[GUP_PIN_FRAME_MAX];

	gup_pin_site_text(text, IP, time);
	expect_text(test, text, IP, letter);
}

/* A site has no mark, but a time. */
static void sites(struct kunit *test)
{
	const struct gup_pin_code code = code_of(16, "unloaded");
	u32 now = jiffies;

	gup_pin_unloaded_note_site(&code, STAYS, now);
	KUNIT_EXPECT_EQ(test, gup_pin_unloads.count, 0);
	gup_pin_unloaded_note_site(&code, IP, now);
	gup_pin_unloaded_note_site(&code, IP, now - 1);
	KUNIT_EXPECT_EQ(test, gup_pin_unloads.count, 1);
	replace(test, IP, 'A');
	newest(IP)->time = now + 5;
	expect_site(test, now, 'A');
	expect_site(test, now + 5, 'A');
	expect_site(test, now + 6, NOW);
	newest(IP)->time = now - 1;
	gup_pin_unloaded_note_site(&code, IP, now);
	KUNIT_EXPECT_EQ(test, gup_pin_unloads.count, 2);
	replace(test, IP, 'B');
	expect_site(test, now - 1, 'A');
	expect_site(test, now, 'B');
}

/* Whatever was on record when code appears is not its own. */
static void appears(struct kunit *test)
{
	const struct gup_pin_code code = code_of(16, NULL);
	depot_stack_handle_t old = save_one(test, IP);

	gup_pin_unloaded_note_stack(&code, old);
	gup_pin_unloaded_note_stack(&code, old);
	KUNIT_EXPECT_EQ(test, gup_pin_unloads.count, 1);
	expect_frame(test, old, IP, 0);
	expect_frame(test, save_one(test, IP), IP, NOW);
}

static void expect_copy(struct kunit *test, unsigned long ip, u32 as_of, char letter)
{
	char text[GUP_PIN_FRAME_MAX];

	gup_pin_frame_text(text, ip, 0, as_of);
	expect_text(test, text, ip, letter);
}

/* Code that appears after a copy was made is not in it. */
static void copies(struct kunit *test)
{
	const struct gup_pin_code code = code_of(16, NULL), none = {};
	u32 as_of = gup_pin_frames_as_of();
	unsigned int i;

	gup_pin_code_is_new(&code);
	expect_copy(test, IP, as_of, 0);
	expect_copy(test, IP, gup_pin_frames_as_of(), NOW);
	expect_copy(test, STAYS, as_of, NOW);
	for (i = 2; i < GUP_PIN_CODE_NEW; i++)
		gup_pin_code_is_new(&none);
	expect_copy(test, IP, as_of, 0);
	gup_pin_code_is_new(&none);
	/* Too long ago: only what is in no module has a name. */
	expect_copy(test, STAYS, as_of, NOW);
}

static noinline __noclone struct page *pin_here(struct kunit *test, unsigned long addr)
{
	struct page *page = gup_pin_test_pin(test, addr, true);

	/* Prevent a tail call: the stack must have this function. */
	barrier();
	return page;
}

static noinline __noclone void unpin_here(struct page *page)
{
	unpin_user_page(page);
	barrier();
}

/* The stack of the only call that pinned a page, and its return address in @code. */
static depot_stack_handle_t stack_of(struct kunit *test, struct page *page,
				     const struct gup_pin_code *code, unsigned long *ip)
{
	struct gup_pin_holders holders;
	struct gup_pin_item item;
	unsigned long *entries;
	unsigned int i, nr;

	KUNIT_ASSERT_EQ(test, 1, gup_pin_walk_holders(&gup_pin_root.index, page_to_pfn(page),
						      &item, 1, &holders));
	nr = stack_depot_fetch(item.id.stack, &entries);
	for (i = 0; i < nr && !gup_pin_in_code(code, entries[i]); i++)
		;
	KUNIT_ASSERT_LT(test, i, nr);
	*ip = entries[i];
	return item.id.stack;
}

static struct gup_pin_code code_at(struct kunit *test, void *function)
{
	struct gup_pin_code code = {
		.module = "old",
		.gone = "unloaded",
		.start = { (unsigned long)dereference_function_descriptor(function) },
	};
	unsigned long size, offset;

	KUNIT_ASSERT_TRUE(test, kallsyms_lookup_size_offset(code.start[0], &size, &offset));
	code.end[0] = code.start[0] + size;
	return code;
}

/* The entry of a site in the real index. */
static const struct gup_pin_site *site_at(unsigned long ip)
{
	const struct gup_pin_sites *all = &gup_pin_root.index.sites;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all->site); i++)
		if (all->site[i].ip == ip)
			return &all->site[i];
	return NULL;
}

#define PINS	5

/* Not inlined, or the compiler may make two calls of the one that pins: two call sites. */
static noinline void unload_before(struct kunit *test, unsigned int pin,
				   struct gup_pin_code *pinner, unsigned long ip)
{
	if (pin != PINS - 2)
		return;
	gup_pin_code_changes(pinner);
	replace(test, ip, 'A');
}

/* One call site, so that all stacks are equal, and the stack cache has them. */
static void pins_and_unpins(struct kunit *test)
{
	struct gup_pin_code pinner = code_at(test, pin_here), unpinner = code_at(test, unpin_here);
	const struct gup_pin_site *site = NULL;
	depot_stack_handle_t stack[PINS];
	struct gup_pin_last last = {};
	struct page *page[PINS];
	unsigned long addr, ip = 0;
	unsigned int i;

	gup_pin_case_need(test, true);
	addr = gup_pin_test_map(test, PINS);
	for (i = 0; i < PINS; i++) {
		unload_before(test, i, &pinner, ip);
		page[i] = pin_here(test, addr + i * PAGE_SIZE);
		stack[i] = stack_of(test, page[i], &pinner, &ip);
	}
	KUNIT_EXPECT_EQ(test, stack[0], stack[PINS - 3]);
	KUNIT_EXPECT_NE(test, stack[0], stack[PINS - 2]);
	KUNIT_EXPECT_EQ(test, stack[PINS - 2], stack[PINS - 1]);
	expect_frame(test, stack[0], ip, 'A');
	expect_frame(test, stack[PINS - 1], ip, 'p');
	KUNIT_EXPECT_EQ(test, gup_pin_stacks_wrong(), 0);

	for (i = 0; i < PINS; i++) {
		if (i == PINS - 1) {
			site = site_at(last.site);
			gup_pin_code_changes(&unpinner);
		}
		unpin_here(page[i]);
		if (i == PINS - 2)
			gup_pin_last_release(&gup_pin_root.index, page_to_pfn(page[i]), &last);
	}
	KUNIT_EXPECT_TRUE(test, gup_pin_in_code(&unpinner, last.site));
	KUNIT_EXPECT_NOT_NULL(test, newest(last.site));
	/* Forgotten, and learned anew, though from an origin that it had learned. */
	KUNIT_ASSERT_NOT_NULL(test, site);
	KUNIT_EXPECT_EQ(test, site->ip, last.site);
	gup_pin_code_changes(&unpinner);
	KUNIT_EXPECT_EQ(test, site->ip, GUP_PIN_SITE_UNLOADED);
}

static void hazards_and_refusals(struct kunit *test)
{
	struct gup_pin_hazard_record hazard = {
		.kind = GUP_PIN_HAZARD_OVERDUE,
		.stake = GUP_PIN_STAKE_TIME,
		.place.used = 1,
		.key = 0x756e6c6f61646564ULL,
		.count = 1,
		.event = { .comm = "gone", .nr = 2, .entries = { STAYS, IP } },
	};
	struct gup_pin_id id = { .api = GUP_PIN_USER_PAGES, .pid = INT_MAX, .comm = "gone" };
	const struct gup_pin_target target = { .why = "file" };
	const struct gup_pin_code code = code_of(16, "unloaded");

	hazard.pin.id.stack = save_one(test, IP + 1);
	gup_pin_ring_add(&hazard, false);
	id.stack = save_one(test, IP + 2);
	gup_pin_refused_by(&id, -EFAULT, &target);
	gup_pin_code_changes(&code);
	KUNIT_EXPECT_NOT_NULL(test, newest(IP));
	KUNIT_EXPECT_NOT_NULL(test, newest(IP + 1));
	KUNIT_EXPECT_NOT_NULL(test, newest(IP + 2));
	KUNIT_EXPECT_NULL(test, newest(STAYS));
}

static struct kunit_case unloaded_cases[] = {
	KUNIT_CASE(another_in_its_place),
	KUNIT_CASE(the_same_again),
	KUNIT_CASE(stacks_of_two),
	KUNIT_CASE(very_often),
	KUNIT_CASE(too_many),
	KUNIT_CASE(sites),
	KUNIT_CASE(appears),
	KUNIT_CASE(copies),
	KUNIT_CASE(pins_and_unpins),
	KUNIT_CASE(hazards_and_refusals),
	{}
};

static struct kunit_suite unloaded_suite = {
	.name = "gup_pin_unloaded",
	.init = unloaded_init,
	.exit = unloaded_exit,
	.test_cases = unloaded_cases,
};

kunit_test_suite(unloaded_suite);
