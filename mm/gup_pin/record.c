// SPDX-License-Identifier: GPL-2.0
/*
 * What the hooks call: recording pins that were taken, forgetting those that
 * are about to be dropped.
 *
 * The recorded pins of a folio are never more than its real ones: record after
 * the grab, forget before the put.
 */
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/stacktrace.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>

#include "../internal.h"
#include "gup_pin.h"

/* A call may pin a million folios: how many at once without a break. */
#define RESCHED_FOLIOS	1024

/*
 * The pin never fails for our sake, so neither use reserves nor wake the OOM
 * killer. Whoever may not block in the page fault may not block here.
 */
static gfp_t record_gfp(unsigned int gup_flags)
{
	if (gup_flags & (FOLL_FAST_ONLY | FOLL_NOFAULT))
		return GFP_NOWAIT | __GFP_NOWARN;
	return GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN;
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
static pid_t mm_owner_tgid(struct mm_struct *mm)
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

static noinline depot_stack_handle_t save_stack(gfp_t gfp)
{
	unsigned long entries[GUP_PIN_STACK_DEPTH];
	unsigned int nr;

	/* The pin function comes first: leave out this one and the hook. */
	nr = stack_trace_save(entries, ARRAY_SIZE(entries), 2);
	return stack_depot_save_flags(entries, nr, gfp,
				      gfpflags_allow_blocking(gfp) ?
				      STACK_DEPOT_FLAG_CAN_ALLOC : 0);
}

/* Every byte of an id counts, padding too. */
static void id_init(struct gup_pin_id *id, enum gup_pin_api api,
		    enum gup_pin_mode mode, enum gup_pin_term term, pid_t owner)
{
	memset(id, 0, sizeof(*id));
	id->mode = mode;
	id->term = term;
	id->api = api;
	id->owner = owner;
	id->tgid = task_tgid_nr(current);
	id->pid = task_pid_nr(current);
	strscpy_pad(id->comm, current->comm, sizeof(id->comm));
}

/*
 * A new call, whose live count has one pin of our own so that it stays while
 * its pins are added, though others may release them meanwhile.
 */
static struct gup_pin_call *call_start(const struct gup_pin_id *id,
				       unsigned long pins, gfp_t gfp)
{
	struct gup_pin_origin *origin;
	struct gup_pin_call *call;

	origin = gup_pin_origin_get(&gup_pin_root.origins, id, gfp);
	if (!origin)
		return NULL;
	call = gup_pin_call_alloc(gfp);
	if (!call) {
		gup_pin_origin_put(origin);
		return NULL;
	}
	call->origin = origin;
	call->time = local_clock();
	call->addr = 0;
	call->index = 0;
	call->npages = 0;
	call->linear = 0;
	atomic_set(&call->live, pins + 1);
	return call;
}

/* Record some pins on a folio; how many of them were not. */
static unsigned int add_pins(struct gup_pin_cursor *cur, struct folio *folio,
			     struct gup_pin_call *call, unsigned int pins)
{
	if (is_zero_folio(folio))
		return pins;
	if (!call) {
		gup_pin_index_untracked(cur, folio_pfn(folio), pins);
		return pins;
	}
	return gup_pin_index_add(cur, folio_pfn(folio), call, pins) ? 0 : pins;
}

/*
 * Do the indexes of the pages count up as their addresses do? They do unless
 * the call went over more than one mapping. Then a folio's index will tell its
 * address, at no memory for each page; for which it must have been entered at
 * its first page, or else be the call's first.
 */
static void call_set_addr(struct gup_pin_call *call, struct page **pages,
			  unsigned long npages, unsigned long addr)
{
	struct folio *folio, *last = NULL;
	bool based = false;
	unsigned long i;

	call->addr = addr;
	call->npages = npages;
	for (i = 0; i < npages; i++, last = folio) {
		unsigned long idx;

		folio = page_folio(pages[i]);
		if (is_zero_folio(folio))
			continue;
		idx = folio_page_idx(folio, pages[i]);
		if (folio != last && idx && i)
			return;
		if (!based)
			call->index = folio->index + idx - i;
		else if (folio->index + idx != call->index + i)
			return;
		based = true;
	}
	call->linear = 1;
}

/*
 * The pages from @i on that belong to the same folio. There may be very many,
 * so the cursor's lock is not kept unless they lie in the block it is for.
 */
static unsigned long same_folio(struct gup_pin_cursor *cur, struct page **pages,
				unsigned long i, unsigned long npages,
				struct folio **folio)
{
	unsigned long end = i + 1;

	gup_pin_cursor_leave(cur, page_to_pfn(pages[i]));

	*folio = page_folio(pages[i]);
	while (end < npages && pages[end] &&
	       page_folio(pages[end]) == *folio)
		end++;
	return end;
}

/* These three are frames of their own, for save_stack() leaves out just two. */
noinline void __gup_pin_acquired(struct page **pages, unsigned long npages,
				 unsigned long addr, unsigned int gup_flags,
				 struct mm_struct *mm, enum gup_pin_api api)
{
	gfp_t gfp = record_gfp(gup_flags);
	struct gup_pin_cursor cur;
	struct gup_pin_call *call;
	struct gup_pin_id id;
	unsigned long i, end, folios = 0, left = 0;
	struct folio *folio;

	if (!READ_ONCE(gup_pin_root.index.recording))
		return;
	id_init(&id, api,
		gup_flags & FOLL_WRITE ? GUP_PIN_WRITE : GUP_PIN_READ,
		gup_flags & FOLL_LONGTERM ? GUP_PIN_LONG : GUP_PIN_SHORT,
		mm_owner_tgid(mm));
	id.stack = save_stack(gfp);

	call = call_start(&id, npages, gfp);
	if (call)
		call_set_addr(call, pages, npages,
			      untagged_addr(addr) & PAGE_MASK);
	gup_pin_cursor_add_init(&cur, &gup_pin_root.index, gfp);
	for (i = 0; i < npages; i = end) {
		end = same_folio(&cur, pages, i, npages, &folio);
		left += add_pins(&cur, folio, call, end - i);
		if (++folios % RESCHED_FOLIOS == 0 &&
		    gfpflags_allow_blocking(gfp)) {
			gup_pin_cursor_pause(&cur);
			cond_resched();
		}
	}
	gup_pin_cursor_end(&cur);
	if (call)
		gup_pin_call_drop(call, left + 1);
}

noinline void __gup_pin_acquired_folios(struct folio **folios,
					unsigned long nfolios)
{
	gfp_t gfp = record_gfp(0);
	struct gup_pin_cursor cur;
	struct gup_pin_call *call;
	struct gup_pin_id id;
	unsigned long i, left = 0;

	if (!READ_ONCE(gup_pin_root.index.recording))
		return;
	/* The memory is a file's, not a process's; the caller may write to it. */
	id_init(&id, GUP_PIN_MEMFD_PIN_FOLIOS, GUP_PIN_WRITE, GUP_PIN_LONG, 0);
	id.stack = save_stack(gfp);

	call = call_start(&id, nfolios, gfp);
	gup_pin_cursor_add_init(&cur, &gup_pin_root.index, gfp);
	for (i = 0; i < nfolios; i++)
		left += add_pins(&cur, folios[i], call, 1);
	gup_pin_cursor_end(&cur);
	if (call)
		gup_pin_call_drop(call, left + 1);
}

noinline void __gup_pin_added(struct folio *folio, unsigned int pins,
			      enum gup_pin_api api)
{
	gfp_t gfp = GFP_NOWAIT | __GFP_NOWARN;
	struct gup_pin_call *call, continued;
	struct gup_pin_cursor cur;
	struct gup_pin_id id, old;
	unsigned int left;
	bool found;

	if (!READ_ONCE(gup_pin_root.index.recording))
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
		/* Nothing known: assume what does more harm. */
		id_init(&id, api, GUP_PIN_WRITE,
			api == GUP_PIN_FOLIO_ADD_PINS ? GUP_PIN_LONG :
							GUP_PIN_SHORT, 0);
	id.stack = save_stack(gfp);

	call = call_start(&id, pins, gfp);
	if (call && found) {
		call->addr = continued.addr;
		call->index = continued.index;
		call->npages = continued.npages;
		call->linear = continued.linear;
	}
	gup_pin_cursor_add_init(&cur, &gup_pin_root.index, gfp);
	left = add_pins(&cur, folio, call, pins);
	gup_pin_cursor_end(&cur);
	if (call)
		gup_pin_call_drop(call, left + 1);
}

static void release_pins(struct gup_pin_cursor *cur, struct folio *folio,
			 unsigned int pins, bool dirty)
{
	if (!is_zero_folio(folio))
		gup_pin_index_release(cur, folio_pfn(folio), folio, pins,
				      dirty);
}

void __gup_pin_released(struct page **pages, unsigned long npages)
{
	struct gup_pin_cursor cur;
	struct folio *folio;
	unsigned long i, end;

	gup_pin_cursor_release_init(&cur, &gup_pin_root.index);
	for (i = 0; i < npages; i = end) {
		if (!pages[i]) {
			end = i + 1;
			continue;
		}
		end = same_folio(&cur, pages, i, npages, &folio);
		release_pins(&cur, folio, end - i, false);
	}
	gup_pin_cursor_end(&cur);
}

void __gup_pin_released_folio(struct folio *folio, unsigned long pins,
			      bool dirty)
{
	struct gup_pin_cursor cur;

	gup_pin_cursor_release_init(&cur, &gup_pin_root.index);
	release_pins(&cur, folio, pins, dirty);
	gup_pin_cursor_end(&cur);
}

void __gup_pin_released_folios(struct folio **folios, unsigned long nfolios)
{
	struct gup_pin_cursor cur;
	unsigned long i;

	gup_pin_cursor_release_init(&cur, &gup_pin_root.index);
	for (i = 0; i < nfolios; i++)
		if (folios[i])
			release_pins(&cur, folios[i], 1, false);
	gup_pin_cursor_end(&cur);
}
