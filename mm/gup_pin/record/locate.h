/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A stack trace, and where on the stack its return addresses are.
 */
#ifndef _MM_GUP_PIN_RECORD_LOCATE_H
#define _MM_GUP_PIN_RECORD_LOCATE_H

#include <linux/sched.h>
#include <linux/sched/task_stack.h>

#include "internal.h"

#define GUP_PIN_LINKS	12

/**
 * struct gup_pin_link - a pointer that a frame was found through
 * @at: position of the pointer, in words from the start of the stack
 * @to: position that it points to, in words from the start of the stack
 * @nr: number of the return address that moves together with @to
 * @fixed: the pointer stays in place when the near end of the stack moves
 */
struct gup_pin_link {
	u16 at;
	u16 to;
	u8 nr;
	bool fixed;
};

/**
 * struct gup_pin_located - a trace, and where its return addresses are
 * @origin: for the cache: origin of the last call with this trace, or NULL
 * @stack: stack depot handle; 0 if unused
 * @nr: number of return addresses
 * @moving: number of return addresses at a fixed distance from the frame of the hook; the
 *	others are at a fixed distance from the end of the stack
 * @frame: position of the frame of the hook, in words from the start of the stack
 * @nr_links: number of links
 * @at: positions of the return addresses, in words from the start of the stack
 * @ip: the return addresses
 * @link: pointers that frames of variable size were found through
 */
struct gup_pin_located {
	struct gup_pin_origin *origin;
	depot_stack_handle_t stack;
	u16 nr;
	u16 moving;
	u16 frame;
	u16 nr_links;
	u16 at[GUP_PIN_STACK_DEPTH];
	unsigned long ip[GUP_PIN_STACK_DEPTH];
	struct gup_pin_link link[GUP_PIN_LINKS];
};

static inline bool gup_pin_on_task_stack(const unsigned long *word)
{
	return (unsigned long)word - (unsigned long)task_stack_page(current) < THREAD_SIZE;
}

/* The position of a word, in words from the start of the stack. */
static inline int gup_pin_stack_offset(const unsigned long *word)
{
	return word - (unsigned long *)task_stack_page(current);
}

bool gup_pin_locate(struct gup_pin_located *trace, const unsigned long *frame);
unsigned int gup_pin_located_moving(const struct gup_pin_located *old,
				    const struct gup_pin_located *new);
bool gup_pin_located_merge(struct gup_pin_located *new, const struct gup_pin_located *old);

#endif
