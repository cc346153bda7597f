// SPDX-License-Identifier: GPL-2.0
/*
 * The out-of-line part of the hooks in mm/gup.c: record pins that were taken, remove the
 * records of pins that are about to be dropped.
 *
 * A page never has more recorded pins than real pins: record after the
 * grab, remove before the put.
 */
#include <linux/bio.h>
#include <linux/cred.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pagemap.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>
#include <trace/events/gup_pin.h>

#include "compat.h"
#include "gup_pin.h"

/* A call may pin a million pages: reschedule each time after this many. */
#define RESCHED_PAGES	1024

/*
 * Recording is best effort: do not use reserves and do not invoke the OOM killer. If the
 * pin function may not block in a page fault, recording may not block either.
 */
static gfp_t record_gfp(unsigned int gup_flags)
{
	if (gup_flags & (FOLL_FAST_ONLY | FOLL_NOFAULT))
		return GFP_NOWAIT | __GFP_NOMEMALLOC | __GFP_NOWARN;
	return GFP_KERNEL | __GFP_NORETRY | __GFP_NOMEMALLOC | __GFP_NOWARN;
}

static pid_t find_mm_tgid(struct mm_struct *mm)
{
	struct task_struct *task, *thread;

	for_each_process_thread(task, thread)
		if (READ_ONCE(thread->mm) == mm &&
		    !(thread->flags & PF_KTHREAD))
			return task_tgid_nr(thread);
	return 0;
}

/*
 * The process that an mm belongs to. A kernel thread may have borrowed the mm, so current
 * is the answer only for user tasks. Without CONFIG_MEMCG an mm has no owner, and the
 * processes must be searched; remote pins are rare enough for that.
 */
static __always_inline pid_t mm_owner_tgid(struct mm_struct *mm)
{
	struct task_struct __maybe_unused *task;
	pid_t tgid = 0;

	if (!mm)
		return 0;
	if (mm == current->mm && !(current->flags & PF_KTHREAD))
		return task_tgid_nr(current);

	rcu_read_lock();
#ifdef CONFIG_MEMCG
	task = rcu_dereference(mm->owner);
	if (task)
		tgid = task_tgid_nr(task);
#endif
	if (!tgid)
		tgid = find_mm_tgid(mm);
	rcu_read_unlock();
	return tgid;
}

/**
 * gup_pin_mm_owner() - the process that an mm belongs to
 * @mm: the mm, or NULL
 *
 * The recording path inlines this.
 *
 * Return: its tgid in the initial pid namespace, 0 if there is none.
 */
noinline pid_t gup_pin_mm_owner(struct mm_struct *mm)
{
	return mm_owner_tgid(mm);
}

/* Every byte of an id is hashed and compared, so it has no unnamed padding. */
static void id_init(struct gup_pin_id *id, enum gup_pin_api api,
		    enum gup_pin_mode mode, enum gup_pin_term term, pid_t owner)
{
	*id = (struct gup_pin_id) {
		.mode = mode,
		.term = term,
		.api = api,
		.tgid = task_tgid_nr(current),
		.pid = task_pid_nr(current),
		.owner = owner,
		.uid = __kuid_val(current_uid()),
	};
	memcpy(id->comm, current->comm, sizeof(id->comm));
	/* The name may be changing concurrently. */
	id->comm[sizeof(id->comm) - 1] = 0;
}

/*
 * Origin of pins, for use in the out-of-line part of a hook: the stack starts at its
 * caller, the pin function.
 */
#define hook_origin(id, pins, gfp)					\
	gup_pin_stack_origin(&gup_pin_root.origins, id, pins,		\
			     __builtin_frame_address(0), _RET_IP_, gfp)

/* Pages compared without checking for the end of the loop; divides a huge page. */
#define PAGES_AT_ONCE	16

/*
 * Are these pages contiguous? make bench: thp on/off 1.50, comparing one by one 1.61.
 */
static __always_inline bool pages_follow(struct page **pages, const struct page *first)
{
	unsigned int i;

#pragma GCC unroll 16
	for (i = 0; i < PAGES_AT_ONCE; i++)
		if (pages[i] != first + i)
			return false;
	return true;
}

/* Number of leading pages that are contiguous and in the folio. */
static unsigned long folio_run(struct page **pages, unsigned long npages,
			       const struct folio *folio)
{
	unsigned long max = folio_nr_pages(folio) - folio_page_idx(folio, pages[0]);
	unsigned long run = 1;

	max = min(max, npages);
	for (; run + PAGES_AT_ONCE <= max; run += PAGES_AT_ONCE)
		if (!pages_follow(pages + run, pages[0] + run))
			break;
	while (run < max && pages[run] == pages[0] + run)
		run++;
	return run;
}

/*
 * Same as folio_run(), for pages that a call has just pinned: the pages of a PMD-mapped
 * huge page are contiguous. An anonymous huge page whose PMD was split is never mapped by
 * a PMD again, so if it is now, it was when it was pinned. A hugetlb page mapped by a PMD
 * is not mapped in any other way at this address.
 */
static unsigned long taken_run(const struct gup_pin_request *request, unsigned long i,
			       unsigned long npages, const struct folio *folio)
{
	unsigned long addr = (untagged_addr(request->addr) & PAGE_MASK) + (i << PAGE_SHIFT);

	if (npages - i >= PAGES_AT_ONCE && request->mm && request->mm == current->mm &&
	    (folio_test_anon(folio) || folio_test_hugetlb(folio)) &&
	    gup_pin_mapped_huge(request->mm, addr, request->pages[i]))
		return min((PMD_SIZE - (addr & ~PMD_MASK)) >> PAGE_SHIFT, npages - i);
	return folio_run(request->pages + i, npages - i, folio);
}

/**
 * struct taken - properties of the folios that a call has pinned
 * @mappings: bitwise AND of all folio->mapping; nonzero if all folios are anonymous
 * @large: at least one of the folios is large
 */
struct taken {
	unsigned long mappings;
	bool large;
};

static void record_pages(struct gup_pin_adder *adder,
			 const struct gup_pin_request *request, unsigned long npages,
			 unsigned long addr, struct taken *taken)
{
	struct page **pages = request->pages;
	unsigned long i, run, index, stop = RESCHED_PAGES;

	for (i = 0; i < npages; i += run) {
		struct folio *folio = page_folio(pages[i]);

		run = 1;
		index = folio->index;
		if (folio_test_large(folio)) {
			taken->large = true;
			index += folio_page_idx(folio, pages[i]);
			run = taken_run(request, i, npages, folio);
		}
		if (is_zero_folio(folio))
			continue;
		taken->mappings &= (unsigned long)folio->mapping;
		if (run == 1)
			gup_pin_add(adder, page_to_pfn(pages[i]),
				    addr + ((i - index) << PAGE_SHIFT));
		else
			gup_pin_add_range(adder, page_to_pfn(pages[i]), run,
					  addr + ((i - index) << PAGE_SHIFT));
		if (i + run >= stop && gfpflags_allow_blocking(adder->gfp)) {
			cond_resched();
			stop = i + run + RESCHED_PAGES;
		}
	}
}

/* Pins that were just recorded, on a folio under writeback. */
static noinline void under_writeback(struct page *page, unsigned long pages,
				     unsigned long pins, unsigned long addr,
				     const struct gup_pin_id *id,
				     const struct gup_pin_record *what, unsigned long ip)
{
	bool assumed = what->flags & GUP_PIN_RECORD_ASSUMED;
	struct folio *folio = page_folio(page);
	struct gup_pin_item pin = {
		.pfn = page_to_pfn(page),
		.head = folio_pfn(folio),
		.pages = pages,
		.pins = pins,
		.id = *id,
		.time = what->time,
		.addr = addr,
		.match = assumed ? GUP_PIN_INFERRED : GUP_PIN_EXACT,
		.mixed = assumed,
	};

	if (!READ_ONCE(gup_pin_root.index.recording))
		return;
	gup_pin_folio_describe(folio, &pin.folio);
	if (pin.folio.ino)
		pin.folio.index += folio_page_idx(folio, page);
	gup_pin_under_writeback(folio, &pin, ip);
}

/*
 * The flags of a large folio are in its head page, which may not be among the pages.
 */
static void check_large(const struct gup_pin_request *request, unsigned long npages,
			const struct gup_pin_id *id, const struct gup_pin_record *what,
			unsigned long ip)
{
	unsigned long addr = untagged_addr(request->addr) & PAGE_MASK;
	struct page **pages = request->pages;
	unsigned long i, nr;

	for (i = 0; i < npages; i += nr) {
		struct folio *folio = page_folio(pages[i]);

		nr = 1;
		while (i + nr < npages && page_folio(pages[i + nr]) == folio)
			nr++;
		if (folio_test_writeback(folio))
			under_writeback(pages[i], nr, nr, addr + (i << PAGE_SHIFT), id, what,
					ip);
	}
}

/*
 * Now that the pins are recorded, is one of the pages under writeback? Same as
 * gup_pin_sees_writeback(), with a single barrier. There may be many pages, so the flags
 * of small folios are collected first and tested once.
 */
static void check_pages(const struct gup_pin_request *request, unsigned long npages,
			bool large, const struct gup_pin_id *id,
			const struct gup_pin_record *what, unsigned long ip)
{
	struct page **pages = request->pages;
	unsigned long i, flags = 0;

	smp_mb(); /* as in gup_pin_sees_writeback() */
	if (!large) {
#pragma GCC unroll 8
		for (i = 0; i < npages; i++)
			flags |= gup_pin_page_flags(pages[i]);
		if (likely(!(flags & BIT(PG_writeback))))
			return;
	}
	check_large(request, npages, id, what, ip);
}

/*
 * The recorded stack starts at the caller of these three functions. Whether tracking is
 * still on is checked when the pins are added.
 */
noinline void __gup_pin_acquired(const struct gup_pin_request *request,
				 unsigned long npages)
{
	unsigned long addr = untagged_addr(request->addr) & PAGE_MASK;
	unsigned int gup_flags = request->gup_flags;
	enum gup_pin_mode mode =
		gup_flags & FOLL_WRITE ? GUP_PIN_WRITE : GUP_PIN_READ;
	struct taken taken = { .mappings = GUP_PIN_MAPPING_ANON };
	struct gup_pin_adder adder = {
		.index = &gup_pin_root.index,
		.gfp = record_gfp(gup_flags),
		.what.time = local_clock(),
		.what.cookie = (unsigned long)request->pages -
			  (addr >> PAGE_SHIFT) * sizeof(*request->pages),
		.what.flags = GUP_PIN_RECORD_ADDR,
	};
	struct gup_pin_id id;

	id_init(&id, request->api, mode,
		gup_flags & FOLL_LONGTERM ? GUP_PIN_LONG : GUP_PIN_SHORT,
		mm_owner_tgid(request->mm));
	adder.what.origin = hook_origin(&id, npages, adder.gfp);
	if (trace_gup_pin_acquire_enabled())
		gup_pin_trace_taken_pages(&id, request->pages, npages,
					  request->addr);
	record_pages(&adder, request, npages, addr, &taken);
	gup_pin_add_end(&adder, npages);
	if (!taken.mappings)
		check_pages(request, npages, taken.large, &id, &adder.what, _RET_IP_);
}

noinline void __gup_pin_acquired_folios(struct folio **folios,
					unsigned long nfolios)
{
	struct gup_pin_adder adder = {
		.index = &gup_pin_root.index,
		.gfp = record_gfp(0),
		.what.time = local_clock(),
		.what.cookie = (unsigned long)folios,
		.what.flags = GUP_PIN_RECORD_FOLIO,
	};
	struct gup_pin_id id;
	unsigned long i;

	/* The memory belongs to a file, not to a process; the caller may write to it. */
	id_init(&id, GUP_PIN_MEMFD_PIN_FOLIOS, GUP_PIN_WRITE, GUP_PIN_LONG, 0);
	adder.what.origin = hook_origin(&id, nfolios, adder.gfp);
	if (trace_gup_pin_acquire_enabled())
		gup_pin_trace_taken(&id, folios[0], nfolios);
	for (i = 0; i < nfolios; i++)
		gup_pin_add(&adder, folio_pfn(folios[i]),
			    (i - folios[i]->index) << PAGE_SHIFT);
	gup_pin_add_end(&adder, nfolios);
	for (i = 0; i < nfolios; i++)
		if (unlikely(gup_pin_sees_writeback(folios[i])))
			under_writeback(&folios[i]->page, folio_nr_pages(folios[i]), 1, 0,
					&id, &adder.what, _RET_IP_);
}

noinline void __gup_pin_added(struct folio *folio, unsigned int pins,
			      enum gup_pin_api api)
{
	struct gup_pin_adder adder = {
		.index = &gup_pin_root.index,
		.gfp = GFP_NOWAIT | __GFP_NOWARN,
		.what.time = local_clock(),
		.what.flags = GUP_PIN_RECORD_FOLIO,
	};
	unsigned long pfn = folio_pfn(folio);
	struct gup_pin_record continued;
	struct gup_pin_id id, old;

	if (!READ_ONCE(gup_pin_root.index.recording))
		return;
	/* The zero page is never pinned, and so never released. */
	if (is_zero_folio(folio))
		return;
	/*
	 * The kernel counts these pins when they are released, but not here: /proc/vmstat
	 * would show more pins released than acquired.
	 */
	if (api == GUP_PIN_FOLIO_ADD_PIN)
		node_stat_mod_folio(folio, NR_FOLL_PIN_ACQUIRED, pins);

	if (gup_pin_index_newest(&gup_pin_root.index, pfn, folio_nr_pages(folio),
				 task_pid_nr(current), &continued, &old)) {
		id_init(&id, api, old.mode, old.term, old.owner);
		adder.what.base = continued.base;
		adder.what.flags |= continued.flags & (GUP_PIN_RECORD_ADDR |
						       GUP_PIN_RECORD_ASSUMED |
						       GUP_PIN_RECORD_UNSURE);
	} else {
		/* Nothing is known: assume the more harmful pin, and mark it as a guess. */
		id_init(&id, api, GUP_PIN_WRITE,
			api == GUP_PIN_FOLIO_ADD_PINS ? GUP_PIN_LONG :
							GUP_PIN_SHORT, 0);
		adder.what.flags |= GUP_PIN_RECORD_ASSUMED;
	}
	adder.what.origin = hook_origin(&id, pins, adder.gfp);
	if (trace_gup_pin_acquire_enabled())
		gup_pin_trace_taken(&id, folio, pins);
	gup_pin_add_mask(&adder, gup_pin_block_nr(pfn), BIT_ULL(gup_pin_block_bit(pfn)), pins);
	gup_pin_add_end(&adder, pins);
	if (unlikely(gup_pin_sees_writeback(folio)))
		under_writeback(&folio->page, folio_nr_pages(folio), pins, 0, &id,
				&adder.what, _RET_IP_);
}

static __always_inline struct gup_pin_unpin unpin_by(unsigned long site, unsigned long ip)
{
	return (struct gup_pin_unpin) {
		.index = &gup_pin_root.index,
		.site = gup_pin_real_site(site),
		.pid = in_task() ? current->pid : 0,
		.unmatched = gup_pin_unmatched,
		.ip = ip,
		.func = ip,
	};
}

/* For variants of unpin_user_folio() that pass additional information. */
static __always_inline struct gup_pin_unpin unpin_in(unsigned long ip)
{
	struct gup_pin_unpin unpin = unpin_by(ip, ip);

	unpin.func = (unsigned long)unpin_user_folio;
	return unpin;
}

/* Must run while the pins are still recorded, so that a report can show them. */
static void check_dirty(struct page *page, unsigned long npages, unsigned long ip)
{
	if (gup_pin_only_reads(&gup_pin_root.index, page_to_pfn(page), npages))
		gup_pin_dirty_read(folio_pfn(page_folio(page)), ip);
}

/* The pages are contiguous and in one folio. */
static __always_inline void unpin_range(struct gup_pin_unpin *unpin, struct page *page,
					unsigned long npages)
{
	if (unpin->write)
		check_dirty(page, npages, unpin->ip);
	if (trace_gup_pin_release_enabled())
		gup_pin_trace_dropped(unpin, page_to_pfn(page), 1, npages);
	gup_pin_unpin_range(unpin, page_to_pfn(page), npages);
}

static __always_inline void unpin_array(struct gup_pin_unpin *unpin, struct page **pages,
					unsigned long npages)
{
	bool slowly = unpin->write || trace_gup_pin_release_enabled();
	unsigned long i, run;

	unpin->first = (unsigned long)pages;
	unpin->last = (unsigned long)(pages + npages - 1);
	unpin->array = pages;
	for (i = 0; i < npages; i += run) {
		struct folio *folio;

		run = 1;
		unpin->at = i;
		if (!pages[i])
			continue;
		folio = page_folio(pages[i]);
		if (is_zero_folio(folio))
			continue;
		if (!folio_test_large(folio) && !slowly) {
			gup_pin_unpin_page(unpin, folio_pfn(folio));
			continue;
		}
		gup_pin_unpin_flush(unpin);
		if (folio_test_large(folio))
			run = folio_run(pages + i, npages - i, folio);
		else
			unpin->at = i + 1;
		unpin_range(unpin, pages[i], run);
	}
	unpin->at = npages;
	gup_pin_unpin_flush(unpin);
	gup_pin_unpin_end(unpin);
}

void __gup_pin_released_pages(struct page **pages, unsigned long npages, bool dirty,
			      unsigned long site)
{
	struct gup_pin_unpin unpin = unpin_by(site, _RET_IP_);

	if (IS_ERR_VALUE(npages) || !npages)
		return;
	unpin.write = dirty;
	unpin_array(&unpin, pages, npages);
}

void __gup_pin_released_part(struct page **pages, unsigned long npages)
{
	struct gup_pin_unpin unpin = unpin_in(_RET_IP_);

	unpin_array(&unpin, pages, npages);
}

void __gup_pin_released_range(struct page *page, unsigned long npages, bool dirty,
			      unsigned long site)
{
	struct gup_pin_unpin unpin = unpin_by(site, _RET_IP_);

	if (is_zero_page(page))
		return;
	unpin.write = dirty;
	unpin_range(&unpin, page, npages);
	gup_pin_unpin_end(&unpin);
}

void __gup_pin_released_page(struct page *page, unsigned long site)
{
	struct gup_pin_unpin unpin = unpin_by(site, _RET_IP_);

	if (is_zero_page(page))
		return;
	unpin_range(&unpin, page, 1);
	gup_pin_unpin_end(&unpin);
}

static void unpin_folio_pins(struct gup_pin_unpin *unpin, struct folio *folio,
			     unsigned long pins)
{
	if (is_zero_folio(folio))
		return;
	if (trace_gup_pin_release_enabled())
		gup_pin_trace_dropped(unpin, folio_pfn(folio), folio_nr_pages(folio), pins);
	gup_pin_unpin_folio(unpin, folio_pfn(folio), folio_nr_pages(folio), pins);
}

void __gup_pin_released_folio(struct folio *folio, unsigned long pins,
			      unsigned long site)
{
	struct gup_pin_unpin unpin = unpin_by(site, _RET_IP_);

	unpin_folio_pins(&unpin, folio, pins);
	gup_pin_unpin_end(&unpin);
}

void __gup_pin_released_folios(struct folio **folios, unsigned long nfolios,
			       unsigned long site)
{
	struct gup_pin_unpin unpin = unpin_by(site, _RET_IP_);
	unsigned long i;

	if (IS_ERR_VALUE(nfolios) || !nfolios)
		return;
	unpin.first = (unsigned long)folios;
	unpin.last = (unsigned long)(folios + nfolios - 1);
	unpin.array = (struct page **)folios;
	for (i = 0; i < nfolios; i++) {
		unpin.at = i;
		if (folios[i])
			unpin_folio_pins(&unpin, folios[i], 1);
	}
	gup_pin_unpin_end(&unpin);
}

void __gup_pin_released_bio(struct bio *bio, struct page *page, unsigned long npages)
{
	struct gup_pin_unpin unpin = unpin_in(_RET_IP_);

	if (is_zero_page(page))
		return;
	/* A read from the device writes to memory. */
	unpin.write = !op_is_write(bio_op(bio));
	unpin.first = (unsigned long)bio->bi_io_vec;
	unpin.last = (unsigned long)(bio->bi_io_vec + bio->bi_max_vecs) - 1;
	if (trace_gup_pin_release_enabled())
		gup_pin_trace_dropped(&unpin, page_to_pfn(page), 1, npages);
	gup_pin_unpin_range(&unpin, page_to_pfn(page), npages);
	gup_pin_unpin_end(&unpin);
}

/*
 * Is this page the only one of its folio in the array? Then it
 * stands for the whole folio.
 */
static bool is_alone(struct page **pages, unsigned long npages, unsigned long i)
{
	const struct folio *folio = page_folio(pages[i]);

	return (!i || page_folio(pages[i - 1]) != folio) &&
	       (i + 1 == npages || page_folio(pages[i + 1]) != folio);
}

void __gup_pin_keep_pages(const void *handle, struct page **pages, unsigned long npages)
{
	unsigned long i;

	for (i = 0; i < npages; i++) {
		struct folio *folio = page_folio(pages[i]);
		bool whole = folio_test_large(folio) && is_alone(pages, npages, i);

		if (is_zero_folio(folio))
			continue;
		gup_pin_keep(&gup_pin_root.index,
			     whole ? folio_pfn(folio) : page_to_pfn(pages[i]),
			     whole ? folio_nr_pages(folio) : 1, task_pid_nr(current),
			     (unsigned long)handle);
		if (!(i % RESCHED_PAGES))
			cond_resched();
	}
}
EXPORT_SYMBOL_GPL(__gup_pin_keep_pages);

void __gup_pin_keep_folios(const void *handle, struct folio **folios, unsigned long nfolios)
{
	unsigned long i;

	for (i = 0; i < nfolios; i++)
		gup_pin_keep(&gup_pin_root.index, folio_pfn(folios[i]), 1,
			     task_pid_nr(current), (unsigned long)handle);
}

void __gup_pin_released_kept(const void *handle, struct folio *folio)
{
	struct gup_pin_unpin unpin = unpin_in(_RET_IP_);

	unpin.handle = (unsigned long)handle;
	unpin_folio_pins(&unpin, folio, 1);
	gup_pin_unpin_end(&unpin);
}

/* unpin_user_page_range_dirty_lock(), which takes no handle, done folio by folio. */
void __gup_pin_unpin_kept_range(const void *handle, struct page *page,
				unsigned long npages, bool dirty)
{
	struct gup_pin_unpin unpin = unpin_in(_RET_IP_);
	unsigned long i, nr, pfn = page_to_pfn(page);

	unpin.handle = (unsigned long)handle;
	unpin.write = dirty;
	for (i = 0; i < npages; i += nr) {
		struct page *next = pfn_to_page(pfn + i);
		struct folio *folio = page_folio(next);

		nr = folio_nr_pages(folio) - folio_page_idx(folio, next);
		nr = min(nr, npages - i);
		if (dirty && !folio_test_dirty(folio)) {
			folio_lock(folio);
			gup_pin_dirtying(folio);
			folio_mark_dirty(folio);
			folio_unlock(folio);
		}
		if (!is_zero_page(next))
			unpin_range(&unpin, next, nr);
		gup_pin_unpin_end(&unpin);
		__gup_pin_unpin_folio(folio, nr);
	}
}
EXPORT_SYMBOL_GPL(__gup_pin_unpin_kept_range);
