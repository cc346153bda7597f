// SPDX-License-Identifier: GPL-2.0
/*
 * All pin and unpin functions, on the real index, including those that no system call
 * reaches in a small guest.
 */
#include <linux/file.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <linux/mmzone.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/vmstat.h>

#include "../compat.h"
#include "case.h"
#include "fixture.h"

#define NR	16

struct api_state {
	unsigned long addr;
	struct page *pages[NR];
	struct folio *folios[NR];
	struct gup_pin_totals before;
};

static int api_init(struct kunit *test)
{
	struct api_state *s = gup_pin_case_begin(test, true, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->addr = kunit_vm_mmap(test, NULL, 0, NR * PAGE_SIZE,
				PROT_READ | PROT_WRITE,
				MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (!s->addr)
		return -ENOMEM;
	gup_pin_index_totals(&gup_pin_root.index, &s->before);
	test->priv = s;
	return 0;
}

/* Get the newest pin of this task on a folio. */
static bool find_item(struct folio *folio, struct gup_pin_item *item)
{
	struct gup_pin_item next;
	struct gup_pin_walk walk;
	bool found = false;

	gup_pin_walk_start(&walk, &gup_pin_root.index, folio_pfn(folio), folio_pfn(folio));
	while (gup_pin_walk_items(&walk, &next, 1)) {
		if (next.head != folio_pfn(folio) || next.id.pid != task_pid_nr(current))
			continue;
		*item = next;
		found = true;
	}
	gup_pin_walk_end(&walk);
	return found;
}

/* The stack must start with the pin function. */
static void expect_frame(struct kunit *test, const struct gup_pin_item *item)
{
	unsigned long *entries;
	char frame[64];

	KUNIT_ASSERT_GT(test, stack_depot_fetch(item->id.stack, &entries), 0);
	snprintf(frame, sizeof(frame), "%ps", (void *)entries[0]);
	KUNIT_EXPECT_STREQ(test, frame, gup_pin_api_names[item->id.api]);
}

static void expect_pinned(struct kunit *test, unsigned int nr,
			  enum gup_pin_api api, enum gup_pin_mode mode,
			  enum gup_pin_term term)
{
	struct api_state *s = test->priv;
	struct gup_pin_item item;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		KUNIT_ASSERT_TRUE(test, find_item(page_folio(s->pages[i]),
						  &item));
		KUNIT_EXPECT_EQ(test, (int)item.id.api, (int)api);
		KUNIT_EXPECT_EQ(test, (int)item.id.mode, (int)mode);
		KUNIT_EXPECT_EQ(test, (int)item.id.term, (int)term);
		KUNIT_EXPECT_EQ(test, item.pins, 1);
		KUNIT_EXPECT_EQ(test, item.addr, s->addr + i * PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, (int)item.folio.map, GUP_PIN_MAP_ANON);
		KUNIT_EXPECT_STREQ(test, item.id.comm, current->comm);
		KUNIT_EXPECT_EQ(test, gup_pin_real_pins(item.pfn), 1);
		KUNIT_EXPECT_EQ(test, (int)item.match, GUP_PIN_EXACT);
	}
	expect_frame(test, &item);
}

static void expect_released(struct kunit *test, unsigned int pins)
{
	struct api_state *s = test->priv;

	gup_pin_case_expect(test, &s->before, pins);
	gup_pin_index_totals(&gup_pin_root.index, &s->before);
}

static void pin_functions(struct kunit *test)
{
	struct api_state *s = test->priv;
	int locked = 1;

	KUNIT_ASSERT_EQ(test, NR, pin_user_pages_fast(s->addr, NR, FOLL_WRITE,
						      s->pages));
	expect_pinned(test, NR, GUP_PIN_USER_PAGES_FAST, GUP_PIN_WRITE,
		      GUP_PIN_SHORT);
	unpin_user_pages(s->pages, NR);
	expect_released(test, NR);

	KUNIT_ASSERT_EQ(test, NR, pin_user_pages_unlocked(s->addr, NR, s->pages,
							  FOLL_WRITE));
	expect_pinned(test, NR, GUP_PIN_USER_PAGES_UNLOCKED, GUP_PIN_WRITE,
		      GUP_PIN_SHORT);
	unpin_user_pages(s->pages, NR);
	expect_released(test, NR);

	mmap_read_lock(current->mm);
	KUNIT_EXPECT_EQ(test, NR, pin_user_pages(s->addr, NR, FOLL_LONGTERM,
						 s->pages));
	mmap_read_unlock(current->mm);
	expect_pinned(test, NR, GUP_PIN_USER_PAGES, GUP_PIN_READ, GUP_PIN_LONG);
	unpin_user_pages(s->pages, NR);
	expect_released(test, NR);

	mmap_read_lock(current->mm);
	KUNIT_EXPECT_EQ(test, NR, pin_user_pages_remote(current->mm, s->addr, NR,
							FOLL_WRITE, s->pages,
							&locked));
	if (locked)
		mmap_read_unlock(current->mm);
	expect_pinned(test, NR, GUP_PIN_USER_PAGES_REMOTE, GUP_PIN_WRITE,
		      GUP_PIN_SHORT);
	unpin_user_pages(s->pages, NR);
	expect_released(test, NR);
}

/* Each page is in the array twice, and both are in the same block, wherever that is. */
static void array_has_pages_twice(struct kunit *test)
{
	struct api_state *s = test->priv;
	unsigned int i;

	for (i = 0; i < NR; i++)
		KUNIT_ASSERT_EQ(test, 1, pin_user_pages_fast(s->addr + i / 2 * PAGE_SIZE, 1,
							     FOLL_WRITE, &s->pages[i]));
	KUNIT_ASSERT_PTR_EQ(test, s->pages[0], s->pages[1]);
	unpin_user_pages(s->pages, NR);
	expect_released(test, NR);
	KUNIT_EXPECT_EQ(test, gup_pin_real_pins(page_to_pfn(s->pages[0])), 0);
}

static void pin(struct kunit *test)
{
	struct api_state *s = test->priv;

	KUNIT_ASSERT_EQ(test, NR, pin_user_pages_fast(s->addr, NR, FOLL_WRITE,
						      s->pages));
}

static void unpin_functions(struct kunit *test)
{
	struct api_state *s = test->priv;
	unsigned int i;

	pin(test);
	for (i = 0; i < NR; i++)
		unpin_user_page(s->pages[i]);
	expect_released(test, NR);

	pin(test);
	unpin_user_pages_dirty_lock(s->pages, NR, true);
	expect_released(test, NR);

	pin(test);
	unpin_user_pages_dirty_lock(s->pages, NR, false);
	expect_released(test, NR);

	pin(test);
	for (i = 0; i < NR; i++)
		unpin_user_page_range_dirty_lock(s->pages[i], 1, i % 2);
	expect_released(test, NR);

	pin(test);
	for (i = 0; i < NR; i++) {
		s->folios[i] = page_folio(s->pages[i]);
		unpin_user_folio(s->folios[i], 1);
	}
	expect_released(test, NR);

	pin(test);
	for (i = 0; i < NR / 2; i++)
		unpin_folio(s->folios[i]);
	unpin_folios(s->folios + i, NR - i);
	expect_released(test, NR);
}

#ifdef CONFIG_KRETPROBES
/*
 * Recorded return address of the last unpin of the pages. Of the last one, because blocks of
 * others may share a shard, which keeps one release.
 */
static unsigned long last_site(struct kunit *test)
{
	struct api_state *s = test->priv;
	struct gup_pin_last last = {};

	KUNIT_EXPECT_TRUE(test, gup_pin_last_release(&gup_pin_root.index,
						     page_to_pfn(s->pages[NR - 1]), &last));
	return last.site;
}

/* A kretprobe replaces the return address of every caller, so there is no site. */
static void probe_is_no_site(struct kunit *test)
{
	struct kretprobe probe = { .kp.symbol_name = "unpin_user_pages" };
	struct api_state *s = test->priv;

	pin(test);
	unpin_user_pages(s->pages, NR);
	KUNIT_EXPECT_NE(test, last_site(test), 0);
	KUNIT_ASSERT_EQ(test, 0, register_kretprobe(&probe));
	pin(test);
	unpin_user_pages(s->pages, NR);
	KUNIT_EXPECT_EQ(test, last_site(test), 0);
	unregister_kretprobe(&probe);
}
#endif

static void further_pins(struct kunit *test)
{
	struct api_state *s = test->priv;
	unsigned int i, pins = 2 * NR;
	struct gup_pin_item item;

	mmap_read_lock(current->mm);
	KUNIT_EXPECT_EQ(test, NR, pin_user_pages(s->addr, NR, FOLL_LONGTERM,
						 s->pages));
	mmap_read_unlock(current->mm);
	for (i = 0; i < NR; i++)
		folio_add_pin(page_folio(s->pages[i]));
	KUNIT_ASSERT_TRUE(test, find_item(page_folio(s->pages[3]), &item));
	KUNIT_EXPECT_EQ(test, (int)item.id.api, GUP_PIN_FOLIO_ADD_PIN);
	KUNIT_EXPECT_EQ(test, (int)item.id.mode, GUP_PIN_READ);
	KUNIT_EXPECT_EQ(test, (int)item.id.term, GUP_PIN_LONG);
	KUNIT_EXPECT_EQ(test, item.addr, s->addr + 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, gup_pin_real_pins(item.head), 2);
	expect_frame(test, &item);
#if GUP_PIN_HAS_ADD_PINS
	KUNIT_EXPECT_EQ(test, 0, folio_add_pins(page_folio(s->pages[5]), 4));
	KUNIT_ASSERT_TRUE(test, find_item(page_folio(s->pages[5]), &item));
	KUNIT_EXPECT_EQ(test, (int)item.id.api, GUP_PIN_FOLIO_ADD_PINS);
	KUNIT_EXPECT_EQ(test, (int)item.id.term, GUP_PIN_LONG);
	KUNIT_EXPECT_EQ(test, item.pins, 4);
	expect_frame(test, &item);
	unpin_user_folio(page_folio(s->pages[5]), 4);
	pins += 4;
#endif
	unpin_user_pages(s->pages, NR);
	unpin_user_pages(s->pages, NR);
	expect_released(test, pins);
}

/* Exact value of a /proc/vmstat counter, including the per-CPU deltas that the file omits. */
static long node_stat(enum node_stat_item item)
{
	long sum = global_node_page_state(item);
	struct pglist_data *node;
	int cpu;

	for_each_online_pgdat(node)
		for_each_online_cpu(cpu)
			sum += per_cpu_ptr(node->per_cpu_nodestats, cpu)->vm_node_stat_diff[item];
	return sum;
}

/*
 * The kernel counts pins of folio_add_pin() only when they are released; the hook
 * counts them as acquired.
 */
static void further_pins_in_vmstat(struct kunit *test)
{
	long acquired = node_stat(NR_FOLL_PIN_ACQUIRED);
	long released = node_stat(NR_FOLL_PIN_RELEASED);
	struct api_state *s = test->priv;
	unsigned int i;

	pin(test);
	for (i = 0; i < NR; i++)
		folio_add_pin(page_folio(s->pages[i]));
	unpin_user_pages(s->pages, NR);
	unpin_user_pages(s->pages, NR);
	KUNIT_EXPECT_EQ(test, node_stat(NR_FOLL_PIN_ACQUIRED) - acquired, 2 * NR);
	KUNIT_EXPECT_EQ(test, node_stat(NR_FOLL_PIN_RELEASED) - released, 2 * NR);
}

/* Memory use must not grow with repetition. */
static void further_pins_of_one(struct kunit *test)
{
	struct api_state *s = test->priv;
	struct gup_pin_item item;
	unsigned int i, n;
	u64 memory = 0;

	/* The first iteration may have to allocate origins. */
	for (n = 0; n < 3; n++) {
		for (i = 0; i < NR; i++)
			KUNIT_ASSERT_EQ(test, 1,
					pin_user_pages_fast(s->addr + i * PAGE_SIZE,
							    1, FOLL_WRITE,
							    &s->pages[i]));
		expect_pinned(test, NR, GUP_PIN_USER_PAGES_FAST, GUP_PIN_WRITE,
			      GUP_PIN_SHORT);
		for (i = 0; i < NR; i++) {
			folio_add_pin(page_folio(s->pages[i]));
			KUNIT_ASSERT_TRUE(test, find_item(page_folio(s->pages[i]),
							  &item));
			KUNIT_EXPECT_EQ(test, (int)item.id.api,
					GUP_PIN_FOLIO_ADD_PIN);
			KUNIT_EXPECT_EQ(test, item.addr, s->addr + i * PAGE_SIZE);
			KUNIT_EXPECT_EQ(test, item.pins, 1);
		}
		unpin_user_pages(s->pages, NR);
		unpin_user_pages(s->pages, NR);
		expect_released(test, 2 * NR);
		if (n)
			KUNIT_EXPECT_EQ(test, gup_pin_memory_bytes(), memory);
		memory = gup_pin_memory_bytes();
	}
	KUNIT_EXPECT_EQ(test, gup_pin_origins_live(&gup_pin_root.origins), 0);
	for (i = 0; i < ARRAY_SIZE(gup_pin_root.origins.buckets); i++) {
		struct gup_pin_origin *origin;

		hlist_for_each_entry(origin, &gup_pin_root.origins.buckets[i], node)
			KUNIT_EXPECT_EQ(test, gup_pin_origin_live(origin), 0);
	}
}

/* A further pin is never exact if its properties are inherited by assumption. */
static void further_pin_of_another_task(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	struct gup_pin_item item;

	KUNIT_ASSERT_NOT_NULL(test, page);
	folio_ref_add(page_folio(page), GUP_PIN_COUNTING_BIAS);
	folio_add_pin(page_folio(page));
	KUNIT_ASSERT_TRUE(test, find_item(page_folio(page), &item));
	KUNIT_EXPECT_EQ(test, (int)item.id.mode, GUP_PIN_WRITE);
	KUNIT_EXPECT_EQ(test, item.id.owner, 0);
	KUNIT_EXPECT_EQ(test, (int)item.match, GUP_PIN_INFERRED);
	KUNIT_EXPECT_TRUE(test, item.mixed);
	unpin_user_page(page);
	expect_released(test, 1);
	folio_ref_sub(page_folio(page), GUP_PIN_COUNTING_BIAS);
	__free_page(page);
}

static void memfd_folios(struct kunit *test)
{
	struct api_state *s = test->priv;
	struct file *file = shmem_file_setup("gup_pin", NR * PAGE_SIZE,
					     GUP_PIN_NO_VMA_FLAGS);
	struct gup_pin_item item;
	pgoff_t offset;
	unsigned int i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	KUNIT_ASSERT_EQ(test, NR, memfd_pin_folios(file, 0, NR * PAGE_SIZE - 1,
						   s->folios, NR, &offset));
	KUNIT_ASSERT_TRUE(test, find_item(s->folios[0], &item));
	expect_frame(test, &item);
	for (i = 0; i < NR; i++) {
		KUNIT_ASSERT_TRUE(test, find_item(s->folios[i], &item));
		KUNIT_EXPECT_EQ(test, (int)item.id.api, GUP_PIN_MEMFD_PIN_FOLIOS);
		KUNIT_EXPECT_EQ(test, (int)item.id.mode, GUP_PIN_WRITE);
		KUNIT_EXPECT_EQ(test, (int)item.id.term, GUP_PIN_LONG);
		KUNIT_EXPECT_EQ(test, item.id.owner, 0);
		KUNIT_EXPECT_EQ(test, item.addr, 0);
		KUNIT_EXPECT_EQ(test, (int)item.folio.map, GUP_PIN_MAP_SHMEM);
		KUNIT_EXPECT_EQ(test, item.folio.index, i);
		KUNIT_EXPECT_EQ(test, item.folio.ino,
				(u64)file_inode(file)->i_ino);
	}
	unpin_folios(s->folios, NR);
	expect_released(test, NR);
	fput(file);
}

static void zero_page(struct kunit *test)
{
	struct api_state *s = test->priv;

	KUNIT_ASSERT_EQ(test, NR, pin_user_pages_fast(s->addr, NR, 0, s->pages));
	KUNIT_ASSERT_TRUE(test, is_zero_page(s->pages[0]));
	expect_released(test, 0);
	unpin_user_pages(s->pages, NR);
	expect_released(test, 0);
	/* Unpins of the zero page do nothing. */
	unpin_user_page(s->pages[0]);
	unpin_user_page_range_dirty_lock(s->pages[0], 1, false);
	unpin_user_folio(page_folio(s->pages[0]), 1);
	expect_released(test, 0);
}

static void partial_success(struct kunit *test)
{
	struct api_state *s = test->priv;

	KUNIT_ASSERT_EQ(test, 0, vm_munmap(s->addr + 5 * PAGE_SIZE,
					   2 * PAGE_SIZE));
	KUNIT_ASSERT_EQ(test, 5, pin_user_pages_fast(s->addr, 7, FOLL_WRITE,
						     s->pages));
	expect_pinned(test, 5, GUP_PIN_USER_PAGES_FAST, GUP_PIN_WRITE,
		      GUP_PIN_SHORT);
	unpin_user_pages(s->pages, 5);
	expect_released(test, 5);
	KUNIT_EXPECT_EQ(test, -EFAULT,
			pin_user_pages_fast(s->addr + 5 * PAGE_SIZE, 2,
					    FOLL_WRITE, s->pages));
	expect_released(test, 0);
}

/* The pin succeeds whichever of our allocations fails, and the counters balance. */
static void memory_runs_out(struct kunit *test)
{
	struct api_state *s = test->priv;
	unsigned int nth = 0;
#ifdef CONFIG_FAILSLAB
	struct gup_pin_totals t;
	bool met = true;

	pin(test);
	unpin_user_pages(s->pages, NR);
	expect_released(test, NR);
	for (nth = 1; met; nth++) {
		KUNIT_ASSERT_LT(test, nth, 200);
		WRITE_ONCE(current->fail_nth, nth);
		KUNIT_EXPECT_EQ(test, NR,
				pin_user_pages_fast(s->addr, NR, FOLL_WRITE |
						    FOLL_NOFAULT, s->pages));
		met = !READ_ONCE(current->fail_nth);
		WRITE_ONCE(current->fail_nth, 0);
		gup_pin_index_totals(&gup_pin_root.index, &t);
		KUNIT_EXPECT_EQ(test, NR, t.acquired - s->before.acquired +
				t.untracked - s->before.untracked);
		unpin_user_pages(s->pages, NR);
		expect_released(test, t.acquired - s->before.acquired);
	}
#endif
	if (!nth)
		kunit_skip(test, "needs CONFIG_FAILSLAB");
	KUNIT_EXPECT_GT(test, nth, 2);
}

static struct kunit_case api_cases[] = {
	KUNIT_CASE(pin_functions),
	KUNIT_CASE(array_has_pages_twice),
	KUNIT_CASE(unpin_functions),
	KUNIT_CASE(further_pins),
#ifdef CONFIG_KRETPROBES
	KUNIT_CASE(probe_is_no_site),
#endif
	KUNIT_CASE(further_pins_in_vmstat),
	KUNIT_CASE(further_pins_of_one),
	KUNIT_CASE(further_pin_of_another_task),
	KUNIT_CASE(memfd_folios),
	KUNIT_CASE(zero_page),
	KUNIT_CASE(partial_success),
	KUNIT_CASE(memory_runs_out),
	{}
};

static struct kunit_suite api_suite = {
	.name = "gup_pin_api",
	.init = api_init,
	.exit = gup_pin_case_unpin,
	.test_cases = api_cases,
};

kunit_test_suite(api_suite);
