// SPDX-License-Identifier: GPL-2.0
/*
 * What the hooks call: recording pins that were taken, forgetting those that
 * are about to be dropped.
 *
 * The recorded pins of a folio are never more than its real ones: record after
 * the grab, forget before the put.
 */
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>
#include <trace/events/gup_pin.h>

#include "../internal.h"
#include "compat.h"
#include "gup_pin.h"
#include "tracing.h"

/* A call may pin a million pages: how many at once without a break. */
#define RESCHED_PAGES	1024

/*
 * The pin never fails for our sake, so neither use reserves nor wake the OOM
 * killer. Whoever may not block in the page fault may not block here.
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
 * The process whose memory an mm is. A kernel thread may have borrowed the mm,
 * so current is the answer only for user tasks. Without CONFIG_MEMCG an mm does
 * not know its owner, and the process must be searched for; remote pins are
 * rare enough.
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
 * gup_pin_mm_owner() - the process whose memory an mm is
 * @mm: the mm, or NULL
 *
 * Where a pin is recorded this is inlined.
 *
 * Return: its id in the initial pid namespace, 0 if there is none.
 */
noinline pid_t gup_pin_mm_owner(struct mm_struct *mm)
{
	return mm_owner_tgid(mm);
}

/* Every byte of an id counts, so it has no padding that is not named. */
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
	/* It may just be being changed. */
	id->comm[sizeof(id->comm) - 1] = 0;
}

/*
 * A new call, whose live count has one pin of our own so that it stays while
 * its pins are added, though others may release them meanwhile.
 */
static struct gup_pin_call *call_start(struct gup_pin_origin *origin,
				       unsigned long pins, gfp_t gfp)
{
	struct gup_pin_call *call;

	if (!origin)
		return NULL;
	call = gup_pin_call_alloc(gfp);
	if (!call) {
		/* The origin was got for nothing. */
		atomic64_dec(&origin->more.ever);
		gup_pin_origin_put(origin);
		return NULL;
	}
	call->origin = origin;
	call->time = local_clock();
	call->addr = 0;
	call->index = 0;
	call->npages = 0;
	atomic_set(&call->live, pins + 1);
	atomic64_add(pins, &origin->more.live);
	return call;
}

/*
 * The origin of pins in a function that is a hook's out-of-line part: the stack
 * is that of the pin function, its caller.
 */
#define hook_origin(id, gfp)						\
	gup_pin_trace_origin(id, __builtin_frame_address(0), _RET_IP_, gfp)

/* All pins of the call, of which there were @pins, are in the index, or never will be. */
static void call_end(struct gup_pin_adder *adder, unsigned long pins)
{
	struct gup_pin_call *call = adder->call;

	gup_pin_add_flush(adder);
	if (!call)
		return;
	atomic64_add((s64)pins - adder->left - 1, &call->origin->more.ever);
	gup_pin_call_drop(call, adder->left + 1);
}

/* So many are compared without looking at the loop's end; divides a huge page. */
#define PAGES_AT_ONCE	16

/* Do these pages follow each other? */
static __always_inline bool pages_follow(struct page **pages,
					 const struct page *first)
{
	unsigned int i;

#pragma GCC unroll 16
	for (i = 0; i < PAGES_AT_ONCE; i++)
		if (pages[i] != first + i)
			return false;
	return true;
}

/*
 * The end of the pages from @i on that belong to the same large folio; mostly
 * they are in order. A huge page's are so many that each instruction counts:
 * up to @whole it is known.
 */
static unsigned long folio_end(struct page **pages, unsigned long i,
			       unsigned long npages, unsigned long whole,
			       const struct folio *folio)
{
	unsigned long limit, end = max(i, whole);
	const struct page *page = pages[i] + (end - i);

	limit = i + folio_nr_pages(folio) - folio_page_idx(folio, pages[i]);
	limit = min(limit, npages);
	for (; end + PAGES_AT_ONCE <= limit; page += PAGES_AT_ONCE) {
		if (!pages_follow(&pages[end], page))
			break;
		end += PAGES_AT_ONCE;
	}
	while (end < npages && pages[end] && page_folio(pages[end]) == folio)
		end++;
	return end;
}

/*
 * The end of the pages from @i on that are known to be of the same folio, for
 * the memory is mapped as a whole; @i if that is not known.
 *
 * Always so with hugetlb. An anonymous huge page that was mapped in parts is
 * never mapped as a whole again, so if it is now, it was when it was pinned.
 */
static unsigned long huge_end(const struct gup_pin_request *request,
			      unsigned long i, unsigned long npages,
			      const struct folio *folio)
{
	unsigned long addr = request->addr + (i << PAGE_SHIFT);
	unsigned long left;

	if (folio_test_hugetlb(folio)) {
		left = folio_nr_pages(folio) -
		       folio_page_idx(folio, request->pages[i]);
	} else if (folio_test_anon(folio) && request->mm == current->mm &&
		   npages - i >= PAGES_AT_ONCE &&
		   gup_pin_mapped_huge(request->mm, addr, request->pages[i])) {
		left = (PMD_SIZE - (addr & ~PMD_MASK)) >> PAGE_SHIFT;
	} else {
		return i;
	}
	return min(i + left, npages);
}

/**
 * struct page_line - do a call's pages lie in their mapping as in memory?
 * @index: of the call's first page, by what is known from the pages met so far
 * @based: one was met
 * @broken: they do not
 * @mappings: all folios' mappings, and'ed: if all are anonymous, that remains
 * @large: one of the folios is large
 *
 * They do unless the call went over more than one mapping. Then a folio's index
 * will tell its address, at no memory for each page; for which it must have
 * been entered at its first page, or else be the call's first.
 */
struct page_line {
	pgoff_t index;
	unsigned long mappings;
	bool based;
	bool broken;
	bool large;
};

static void line_folio(struct page_line *line, const struct folio *folio,
		       unsigned long page_idx, unsigned long i)
{
	pgoff_t index = folio->index + page_idx - i;

	line->mappings &= (unsigned long)folio->mapping;
	if (!line->based) {
		line->index = index;
		line->based = true;
	}
	if (index != line->index || (page_idx && i))
		line->broken = true;
}

/* The address is told last: readers may be looking at the call already. */
static void call_set_addr(struct gup_pin_call *call,
			  const struct page_line *line, unsigned long npages,
			  unsigned long addr)
{
	if (line->broken)
		return;
	call->addr = untagged_addr(addr) & PAGE_MASK;
	call->index = line->index;
	/* Pairs with gup_pin_call_addr(). */
	smp_store_release(&call->npages, npages);
}

/* In pieces, between which a call that pinned very much may be interrupted. */
static void add_call_pages(struct gup_pin_adder *adder,
			   const struct gup_pin_request *request,
			   unsigned long npages, struct page_line *line)
{
	unsigned long i, end, idx, stop = RESCHED_PAGES;
	struct page **pages = request->pages;
	struct folio *folio;

	for (i = 0; i < npages; i = end) {
		folio = page_folio(pages[i]);
		end = i + 1;
		idx = 0;
		if (folio_test_large(folio)) {
			line->large = true;
			idx = folio_page_idx(folio, pages[i]);
			end = folio_end(pages, i, npages,
					huge_end(request, i, npages, folio),
					folio);
		}
		if (is_zero_folio(folio)) {
			adder->left++;
			continue;
		}
		line_folio(line, folio, idx, i);
		gup_pin_add(adder, folio_pfn(folio), end - i);
		if (end >= stop && gfpflags_allow_blocking(adder->gfp)) {
			cond_resched();
			stop = end + RESCHED_PAGES;
		}
	}
}

/*
 * Only the flags of its first page are a large folio's, and that may not be
 * among the pages.
 */
static void check_large(const struct gup_pin_request *request,
			unsigned long npages, unsigned long ip)
{
	struct folio *folio, *last = NULL;
	unsigned long i;

	for (i = 0; i < npages; i++) {
		folio = page_folio(request->pages[i]);
		if (folio != last && folio_test_writeback(folio))
			gup_pin_under_writeback(folio, ip);
		last = folio;
	}
}

/*
 * Is one of the pages of files under writeback, now that they are on record? As
 * gup_pin_sees_writeback(), with one barrier for all; that they are so many is
 * why their flags are looked at together.
 */
static void check_pages(const struct gup_pin_request *request,
			unsigned long npages, bool large, unsigned long ip)
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
	check_large(request, npages, ip);
}

/*
 * Record a call that got a single page: so many do that the general way, which
 * is made for many pages, would be most of what tracking costs.
 */
static bool record_single(const struct gup_pin_request *request,
			  struct gup_pin_origin *origin,
			  gfp_t gfp, unsigned long ip)
{
	struct page *page = request->pages[0];
	struct folio *folio = page_folio(page);

	if (is_zero_folio(folio) ||
	    !gup_pin_add_single(&gup_pin_root.index, folio_pfn(folio), origin,
				untagged_addr(request->addr) & PAGE_MASK,
				folio->index + folio_page_idx(folio, page),
				gfp))
		return false;
	if (!folio_test_anon(folio) && gup_pin_sees_writeback(folio))
		gup_pin_under_writeback(folio, ip);
	return true;
}

static void record_pages(const struct gup_pin_request *request,
			 unsigned long npages, struct gup_pin_origin *origin,
			 gfp_t gfp, unsigned long ip)
{
	struct gup_pin_adder adder = {
		.index = &gup_pin_root.index,
		.call = call_start(origin, npages, gfp),
		.fresh = true,
		.gfp = gfp,
	};
	struct page_line line = { .mappings = GUP_PIN_MAPPING_ANON };

	add_call_pages(&adder, request, npages, &line);
	if (adder.call)
		call_set_addr(adder.call, &line, npages, request->addr);
	call_end(&adder, npages);
	if (!line.mappings)
		check_pages(request, npages, line.large, ip);
}

/*
 * These three are the functions whose caller's stack is recorded. Whether
 * tracking is still on is looked at where the pins are added.
 */
noinline void __gup_pin_acquired(const struct gup_pin_request *request,
				 unsigned long npages)
{
	unsigned int gup_flags = request->gup_flags;
	enum gup_pin_mode mode =
		gup_flags & FOLL_WRITE ? GUP_PIN_WRITE : GUP_PIN_READ;
	gfp_t gfp = record_gfp(gup_flags);
	struct gup_pin_origin *origin;
	struct gup_pin_id id;

	id_init(&id, request->api, mode,
		gup_flags & FOLL_LONGTERM ? GUP_PIN_LONG : GUP_PIN_SHORT,
		mm_owner_tgid(request->mm));
	origin = hook_origin(&id, gfp);
	if (trace_gup_pin_acquire_enabled())
		gup_pin_trace_taken_pages(&id, request->pages, npages,
					  request->addr);
	if (npages == 1 && origin &&
	    record_single(request, origin, gfp, _RET_IP_))
		return;
	record_pages(request, npages, origin, gfp, _RET_IP_);
}

noinline void __gup_pin_acquired_folios(struct folio **folios,
					unsigned long nfolios)
{
	struct gup_pin_adder adder = {
		.index = &gup_pin_root.index,
		.fresh = true,
		.gfp = record_gfp(0),
	};
	struct gup_pin_id id;
	unsigned long i;

	/* The memory is a file's, not a process's; the caller may write to it. */
	id_init(&id, GUP_PIN_MEMFD_PIN_FOLIOS, GUP_PIN_WRITE, GUP_PIN_LONG, 0);
	adder.call = call_start(hook_origin(&id, adder.gfp), nfolios,
				adder.gfp);
	if (trace_gup_pin_acquire_enabled())
		gup_pin_trace_taken(&id, folios[0], nfolios);
	for (i = 0; i < nfolios; i++)
		gup_pin_add(&adder, folio_pfn(folios[i]), 1);
	call_end(&adder, nfolios);
	for (i = 0; i < nfolios; i++)
		if (unlikely(gup_pin_sees_writeback(folios[i])))
			gup_pin_under_writeback(folios[i], _RET_IP_);
}

noinline void __gup_pin_added(struct folio *folio, unsigned int pins,
			      enum gup_pin_api api)
{
	struct gup_pin_adder adder = {
		.index = &gup_pin_root.index,
		.fresh = true,
		.gfp = GFP_NOWAIT | __GFP_NOWARN,
	};
	struct gup_pin_call continued;
	struct gup_pin_id id, old;
	bool found;

	if (!READ_ONCE(gup_pin_root.index.recording))
		return;
	/* Never pinned, and so never released. */
	if (is_zero_folio(folio))
		return;
	/*
	 * The kernel counts these pins when they are released, but does not
	 * count them here, and /proc/vmstat would show more released than
	 * acquired.
	 */
	if (api == GUP_PIN_FOLIO_ADD_PIN)
		node_stat_mod_folio(folio, NR_FOLL_PIN_ACQUIRED, pins);

	found = gup_pin_index_newest(&gup_pin_root.index, folio_pfn(folio),
				     task_pid_nr(current), &old, &continued);
	if (found)
		id_init(&id, api, old.mode, old.term, old.owner);
	else
		/* Nothing known: assume what does more harm, and say that it is a guess. */
		id_init(&id, api, GUP_PIN_WRITE,
			api == GUP_PIN_FOLIO_ADD_PINS ? GUP_PIN_LONG :
							GUP_PIN_SHORT, 0);
	adder.call = call_start(hook_origin(&id, adder.gfp), pins, adder.gfp);
	if (trace_gup_pin_acquire_enabled())
		gup_pin_trace_taken(&id, folio, pins);
	if (adder.call && found) {
		adder.call->addr = continued.addr;
		adder.call->index = continued.index;
		adder.call->npages = continued.npages;
	}
	gup_pin_add(&adder, folio_pfn(folio), pins);
	call_end(&adder, pins);
	if (!found)
		gup_pin_index_doubt(&gup_pin_root.index, folio_pfn(folio));
	if (unlikely(gup_pin_sees_writeback(folio)))
		gup_pin_under_writeback(folio, _RET_IP_);
}

/* By the hook's out-of-line part, whose caller is the unpin function. */
static __always_inline struct gup_pin_releaser releaser(unsigned long ip,
							unsigned long site)
{
	return (struct gup_pin_releaser) {
		.index = &gup_pin_root.index,
		.drops.site = site,
		.drops.pid = gup_pin_unpinning_pid(),
		.ip = ip,
	};
}

static noinline void released_pins(struct folio *folio, unsigned long pins,
				   bool dirty, unsigned long ip,
				   unsigned long site)
{
	struct gup_pin_releaser rel = releaser(ip, site);

	if (trace_gup_pin_release_enabled())
		gup_pin_trace_dropped(folio, pins, dirty, ip, site);
	gup_pin_release(&rel, folio_pfn(folio), pins, dirty);
	gup_pin_release_end(&rel);
}

static __always_inline void released_folio(struct folio *folio,
					   unsigned long pins, bool dirty,
					   unsigned long site)
{
	if (is_zero_folio(folio))
		return;
	if (pins != 1 || dirty ||
	    !gup_pin_release_only(&gup_pin_root.index, folio_pfn(folio), site))
		released_pins(folio, pins, dirty, _RET_IP_, site);
}

/* From page @i on, either @nr pages of a large folio or all small ones up to one. */
static noinline unsigned long released_pages(struct page **pages,
					     unsigned long npages,
					     unsigned long i,
					     struct folio *folio,
					     unsigned int nr, unsigned long ip,
					     unsigned long site)
{
	struct gup_pin_releaser rel = releaser(ip, site);

	if (folio_test_large(folio)) {
		if (trace_gup_pin_release_enabled())
			gup_pin_trace_dropped(folio, nr, false, ip, site);
		gup_pin_release(&rel, folio_pfn(folio), nr, false);
		gup_pin_release_end(&rel);
		return i + nr;
	}
	if (trace_gup_pin_release_enabled())
		gup_pin_trace_dropped_pages(pages + i, npages - i, ip,
					    site);
	for (; i < npages; i++) {
		if (!pages[i])
			continue;
		folio = page_folio(pages[i]);
		if (folio_test_large(folio))
			break;
		if (!is_zero_folio(folio))
			gup_pin_release(&rel, folio_pfn(folio), 1, false);
	}
	gup_pin_release_end(&rel);
	return i;
}

unsigned long __gup_pin_released(struct page **pages, unsigned long npages,
				 unsigned long i, struct folio *folio,
				 unsigned int nr, unsigned long site)
{
	if (i + 1 < npages)
		return released_pages(pages, npages, i, folio, nr, _RET_IP_,
				      site);
	released_folio(folio, nr, false, site);
	return i + nr;
}

void __gup_pin_released_folio(struct folio *folio, unsigned long pins,
			      bool dirty, unsigned long site)
{
	released_folio(folio, pins, dirty, site);
}

void __gup_pin_released_page(struct page *page, unsigned long site)
{
	released_folio(page_folio(page), 1, false, site);
}

void __gup_pin_released_folios(struct folio **folios, unsigned long nfolios,
			       unsigned long site)
{
	struct gup_pin_releaser rel = releaser(_RET_IP_, site);
	bool traced = trace_gup_pin_release_enabled();
	unsigned long i;

	for (i = 0; i < nfolios; i++) {
		if (!folios[i] || is_zero_folio(folios[i]))
			continue;
		if (traced)
			gup_pin_trace_dropped(folios[i], 1, false, _RET_IP_,
					      site);
		gup_pin_release(&rel, folio_pfn(folios[i]), 1, false);
	}
	gup_pin_release_end(&rel);
}
