/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hooks: a wrapper runs in place of a function of the kernel, and calls it.
 */
#ifndef _GUP_PIN_HOOKS_H
#define _GUP_PIN_HOOKS_H

#include <linux/build_bug.h>
#include <linux/ftrace.h>
#include <linux/percpu.h>
#include <linux/static_call.h>

#include "symbols.h"

/* How a function is hooked. */
enum hook_how {
	HOOK_ABSENT,
	HOOK_DIRECT,
	HOOK_IPMODIFY,
};

/**
 * struct hook - a function of the kernel that has a wrapper
 * @name: of the function
 * @needed: the module is of no use without it
 * @wrapper: what runs in its place
 * @key: of the static call by which the wrapper calls the function,
 * @call: and its trampoline
 * @at: where the function is
 * @behind: its code behind the call of ftrace; 0 if it cannot be hooked
 * @how: how it is hooked
 * @ops: by which it is, if not by a direct call
 */
struct hook {
	const char *name;
	bool needed;
	void *wrapper;
	struct static_call_key *key;
	void *call;
	struct symbol at;
	unsigned long behind;
	enum hook_how how;
	struct ftrace_ops ops;
};

extern struct hook gup_pin_hook[];
extern const unsigned int gup_pin_nr_hooks;

/* trampoline.S */
extern unsigned long gup_pin_behind[];
void gup_pin_trampoline(void);

/* hooks.c */
int gup_pin_hooks_find(void);
int gup_pin_hooks_add(void);
void gup_pin_hooks_remove(void);

/* text.c */
int gup_pin_text_check(void);

/* site.c */
int gup_pin_sites_init(void);

/* Define the wrapper of a function that no header declares. REAL() calls the function. */
#define HIDDEN_WRAPPER(type, func, args...)					\
	type gup_pin_wrap_##func(args);						\
	DEFINE_STATIC_CALL_NULL(gup_pin_real_##func, gup_pin_wrap_##func);	\
	type gup_pin_wrap_##func(args)

/* Define the wrapper of a function; its arguments have to be those of the function. */
#define WRAPPER(type, func, args...)						\
	type gup_pin_wrap_##func(args);						\
	static_assert(__same_type(func, gup_pin_wrap_##func));			\
	HIDDEN_WRAPPER(type, func, args)

#define REAL(func)	static_call(gup_pin_real_##func)

DECLARE_PER_CPU(long, gup_pin_in_wrappers);

/*
 * A wrapper that sleeps, or calls the function for what it returns, comes back to the
 * module's text: unloading waits for it. One that ends with a call of the function does not.
 */
static __always_inline void wrapper_enter(void)
{
	this_cpu_inc(gup_pin_in_wrappers);
}

static __always_inline void wrapper_leave(void)
{
	this_cpu_dec(gup_pin_in_wrappers);
}

#endif /* _GUP_PIN_HOOKS_H */
