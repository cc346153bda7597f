// SPDX-License-Identifier: GPL-2.0
/*
 * Where on the stack the return addresses of a trace are, for the stack cache.
 *
 * Most are at a fixed distance from each other, see stack_cache.c. Functions whose frame
 * has a variable size are an exception. They move the stack pointer by a variable amount,
 * or align it to a multiple of 16. Their caller is found through the frame pointer, which
 * some function between the hook and this one has saved, and sometimes through a word next
 * to where the frame pointer points. A step of the unwinder without the frame pointer
 * shows which frames these are. All words between that frame and the hook that have the
 * value of such a pointer are called links, and must keep their value. Which of them the
 * unwinder has read does not matter: a word that has the value by coincidence is harmless,
 * except that the trace may not be found again until it was seen twice.
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>

#include <asm/unwind.h>

#include "../compat.h"
#include "locate.h"

static bool add_link(struct gup_pin_located *trace, struct gup_pin_link link)
{
	if (trace->nr_links == GUP_PIN_LINKS)
		return false;
	trace->link[trace->nr_links++] = link;
	return true;
}

/* Find the position of a return address. Fails if it is not on the stack of the task. */
static bool add_return(struct gup_pin_located *trace, struct unwind_state *state,
		       unsigned int nr)
{
	unsigned long *word = unwind_get_return_address_ptr(state);

	if (!word || !gup_pin_on_task_stack(word) ||
	    unwind_get_entry_regs(state, NULL) ||
	    READ_ONCE_NOCHECK(*word) != trace->ip[nr])
		return false;
	trace->at[nr] = gup_pin_stack_offset(word);
	return true;
}

/*
 * Was the frame of @state found through the frame pointer? Then a step from @before
 * without the frame pointer fails, or leads to another frame.
 */
static bool by_pointer(struct unwind_state before,
		       const struct unwind_state *state)
{
	before.bp = 0;
	unwind_next_frame(&before);
	return unwind_done(&before) || before.sp != state->sp;
}

/*
 * Add a link for each word before return address @nr that equals @pointer, which moves
 * with return address @to. Returns false if there are none, or too many.
 */
static bool find_links(struct gup_pin_located *trace, unsigned int nr,
		       unsigned long pointer, unsigned int to)
{
	unsigned long *start = task_stack_page(current);
	struct gup_pin_link link = { .nr = to };
	bool found = false;

	if (pointer % sizeof(long) || !gup_pin_on_task_stack((void *)pointer))
		return false;
	link.to = gup_pin_stack_offset((void *)pointer);
	for (link.at = trace->frame; link.at < trace->at[nr]; link.at++) {
		if (READ_ONCE_NOCHECK(start[link.at]) != pointer)
			continue;
		if (!add_link(trace, link))
			return false;
		found = true;
	}
	return found;
}

/*
 * A frame pointer points next to the return address, unless the function aligns its
 * stack. Then it is at a fixed distance from the frames of callees, and the word next to
 * it points to the end of the frame.
 */
static bool find_pointers(struct gup_pin_located *trace, unsigned int nr,
			  const struct unwind_state *before,
			  const struct unwind_state *state)
{
	if (before->bp + 2 * sizeof(long) == state->sp)
		return find_links(trace, nr, before->bp, nr);
	return find_links(trace, nr, before->bp, nr - 1) &&
	       find_links(trace, nr, state->sp, nr);
}

/* Unwind to return address @nr. */
static bool next_return(struct gup_pin_located *trace, struct unwind_state *state,
			unsigned int nr)
{
	const struct unwind_state before = *state;

	unwind_next_frame(state);
	return add_return(trace, state, nr) &&
	       (!by_pointer(before, state) ||
		find_pointers(trace, nr, &before, state));
}

/**
 * gup_pin_locate() - find the positions of a trace's return addresses
 * @trace: the trace, with @nr, @ip and @frame; the rest is filled in
 * @frame: frame address of the hook
 *
 * Return: false if another unwinding has other return addresses, if one of them is not on
 * the task's stack, or if there are too many links. Then the trace is not to be cached.
 */
bool gup_pin_locate(struct gup_pin_located *trace, const unsigned long *frame)
{
	struct unwind_state state;
	unsigned int i;

	unwind_start(&state, current, NULL, NULL);
	while (!unwind_done(&state) &&
	       unwind_get_return_address_ptr(&state) != frame + 1)
		unwind_next_frame(&state);
	if (!add_return(trace, &state, 0))
		return false;
	for (i = 1; i < trace->nr; i++)
		if (!next_return(trace, &state, i))
			return false;
	trace->moving = trace->nr;
	return true;
}

/**
 * gup_pin_located_moving() - is a trace another one, at another offset or with other links?
 * @old: a trace
 * @new: the same trace, or another one
 *
 * Return: the number of return addresses that move; 0 if it is another trace.
 */
unsigned int gup_pin_located_moving(const struct gup_pin_located *old,
				    const struct gup_pin_located *new)
{
	int moved = new->frame - old->frame;
	unsigned int i, moving;

	if (old->stack != new->stack)
		return 0;
	for (i = 0; i < new->nr && new->at[i] - old->at[i] == moved; i++)
		;
	if (!moved)
		return i == new->nr ? old->moving : 0;
	moving = i;
	for (; i < new->nr && new->at[i] == old->at[i]; i++)
		;
	return i == new->nr && moving < new->nr ? moving : 0;
}

/*
 * Keep a link that @old has, either at the same distance from the near
 * end or in the same place.
 */
static bool keep_link(struct gup_pin_located *new, const struct gup_pin_located *old,
		      struct gup_pin_link link)
{
	bool may_be_fixed = new->frame != old->frame && old->moving == old->nr;
	bool moving = false, fixed = false;
	unsigned int i;

	for (i = 0; i < old->nr_links; i++) {
		const struct gup_pin_link *was = &old->link[i];

		if (was->nr != link.nr ||
		    was->to - old->at[was->nr] != link.to - new->at[link.nr])
			continue;
		if (was->fixed || may_be_fixed)
			fixed |= was->at == link.at;
		if (!was->fixed)
			moving |= was->at + new->frame - old->frame == link.at;
	}
	link.fixed = false;
	if (moving && !add_link(new, link))
		return false;
	link.fixed = true;
	return !fixed || add_link(new, link);
}

/**
 * gup_pin_located_merge() - drop the links that only one of two traces has
 * @new: the trace whose links are dropped
 * @old: the same trace, when it was seen before
 *
 * They are coincidences.
 *
 * Return: false if there are too many links. Then @new is not to be cached.
 */
bool gup_pin_located_merge(struct gup_pin_located *new, const struct gup_pin_located *old)
{
	struct gup_pin_link link[GUP_PIN_LINKS];
	unsigned int i, nr = new->nr_links;

	memcpy(link, new->link, sizeof(link));
	new->nr_links = 0;
	for (i = 0; i < nr; i++)
		if (!keep_link(new, old, link[i]))
			return false;
	return true;
}
