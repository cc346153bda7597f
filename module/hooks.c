// SPDX-License-Identifier: GPL-2.0
/*
 * Putting the hooks in place, and taking them away.
 *
 * A hook is a direct call of ftrace. Where another (BPF) has one already ftrace is asked to
 * continue in the wrapper, which costs more.
 *
 * All direct calls are of one ftrace_ops, and lead to one trampoline: taking an ftrace_ops
 * away takes two grace periods of RCU tasks, some 0.2 s.
 */
#include <linux/delay.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <asm/ibt.h>

#include "hooks.h"
#include "stock.h"

#undef pr_fmt
#define pr_fmt(fmt)	"gup_pin: " fmt

#define NEEDED		true
#define OPTIONAL	false

#define HOOK(func, need)						\
	void gup_pin_wrap_##func(void);					\
	DECLARE_STATIC_CALL(gup_pin_real_##func, gup_pin_wrap_##func);
#include "list.h"

#define HOOK(func, need) {						\
	.name = #func,							\
	.needed = (need),						\
	.wrapper = gup_pin_wrap_##func,					\
	.key = &STATIC_CALL_KEY(gup_pin_real_##func),			\
	.call = STATIC_CALL_TRAMP_ADDR(gup_pin_real_##func),		\
},
struct hook gup_pin_hook[] = {
#include "list.h"
};

const unsigned int gup_pin_nr_hooks = ARRAY_SIZE(gup_pin_hook);

/* By these the trampoline knows from which function it is called. */
unsigned long gup_pin_behind[ARRAY_SIZE(gup_pin_hook)];

/* For all direct calls. */
static struct ftrace_ops direct;

DEFINE_PER_CPU(long, gup_pin_in_wrappers);

/*
 * What ftrace has at the beginning of a function: a call, since 7.0 also the jump of a BPF
 * program at its exit, or a NOP in its place.
 */
static bool is_fentry(const u8 *code)
{
	static const u8 nop[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };

	return code[0] == 0xe8 || code[0] == 0xe9 || !memcmp(code, nop, sizeof(nop));
}

/* An ENDBR, or what the kernel puts in place of one that no indirect call needs. */
static bool is_landing(u32 code)
{
#ifdef CONFIG_X86_KERNEL_IBT
	return code == gen_endbr() || code == gen_endbr_poison();
#else
	return false;
#endif
}

/* Where the function goes on behind that; 0 if it does not begin so. */
static unsigned long find_behind(unsigned long start)
{
	u8 code[9];
	u32 first;

	if (copy_from_kernel_nofault(code, (void *)start, sizeof(code)))
		return 0;
	memcpy(&first, code, sizeof(first));
	if (is_landing(first))
		return is_fentry(code + 4) ? start + 9 : 0;
	return is_fentry(code) ? start + 5 : 0;
}

/**
 * gup_pin_hooks_find() - find the functions that are to be hooked
 *
 * Return: 0, or -ENOENT if one that is needed is not there, or is not as expected.
 */
int __init gup_pin_hooks_find(void)
{
	struct hook *hook;

	for (hook = gup_pin_hook; hook < gup_pin_hook + gup_pin_nr_hooks; hook++) {
		if (gup_pin_symbol_find(hook->name, &hook->at))
			hook->behind = find_behind(hook->at.start);
		if (hook->behind || !hook->needed)
			continue;
		if (hook->at.start)
			pr_err("%s() does not begin as expected: not loaded\n", hook->name);
		else
			pr_err("this kernel has no %s(): not loaded\n", hook->name);
		return -ENOENT;
	}
	return 0;
}

static void notrace redirect(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			     struct ftrace_regs *fregs)
{
	const struct hook *hook = container_of(ops, struct hook, ops);

	ftrace_regs_set_instruction_pointer(fregs, (unsigned long)hook->wrapper);
}

/* ftrace has an ftrace_ops on its list for a moment before it refuses it. */
static void __init drop_refused(struct ftrace_ops *ops)
{
	synchronize_rcu();
	ftrace_free_filter(ops);
}

static int __init add_direct(struct hook *first, struct hook *end)
{
	struct hook *hook;
	int err = 0;

	/* 6.12's ftrace_free_filter() leaves what it has freed. */
	direct = (struct ftrace_ops) {};
	for (hook = first; hook < end && !err; hook++)
		if (hook->how == HOOK_DIRECT)
			err = ftrace_set_filter_ip(&direct, hook->at.start, 0, 0);
	err = err ?: register_ftrace_direct(&direct, (unsigned long)gup_pin_trampoline);
	if (err)
		drop_refused(&direct);
	else /* 6.12 takes the flag away */
		direct.flags |= FTRACE_OPS_FL_PERMANENT;
	return err;
}

static void remove_direct(void)
{
	unregister_ftrace_direct(&direct, (unsigned long)gup_pin_trampoline, true);
}

/*
 * Leave out those that cannot be hooked so: mostly another tracer has them. ftrace does not
 * say which functions these are. Returns how many are left.
 */
static unsigned int __init leave_out_refused(void)
{
	unsigned int left = 0;
	struct hook *hook;

	for (hook = gup_pin_hook; hook < gup_pin_hook + gup_pin_nr_hooks; hook++) {
		if (hook->how != HOOK_DIRECT)
			continue;
		if (add_direct(hook, hook + 1)) {
			hook->how = HOOK_ABSENT;
		} else {
			remove_direct();
			left++;
		}
	}
	return left;
}

/* All at once, or but for those that are refused. */
static int __init add_all_direct(void)
{
	struct hook *end = gup_pin_hook + gup_pin_nr_hooks;

	if (!add_direct(gup_pin_hook, end) || !leave_out_refused())
		return 0;
	return add_direct(gup_pin_hook, end);
}

#define IPMODIFY_TRIES	50

static int __init add_ipmodify(struct hook *hook)
{
	unsigned int tries;
	int err;

	hook->ops = (struct ftrace_ops) {
		.func = redirect,
		.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT,
	};
	err = ftrace_set_filter_ip(&hook->ops, hook->at.start, 0, 0);
	if (err)
		return err;
	/* Another BPF program may be attached at this moment: -EAGAIN. */
	for (tries = 0; tries < IPMODIFY_TRIES; tries++) {
		err = register_ftrace_function(&hook->ops);
		if (err != -EAGAIN)
			break;
		msleep(20);
	}
	if (err)
		drop_refused(&hook->ops);
	else
		hook->how = HOOK_IPMODIFY;
	return err;
}

/* Those that are left. */
static int __init add_all_ipmodify(void)
{
	struct hook *hook;
	int err;

	for (hook = gup_pin_hook; hook < gup_pin_hook + gup_pin_nr_hooks; hook++) {
		if (!hook->behind || hook->how != HOOK_ABSENT)
			continue;
		err = add_ipmodify(hook);
		if (err && hook->needed) {
			pr_err("%s() cannot be hooked (%d): not loaded\n", hook->name, err);
			return err;
		}
		if (err)
			pr_warn("%s() cannot be hooked (%d)\n", hook->name, err);
	}
	return 0;
}

/* 6.12 does not mind, and would call no hook. */
static int __init check_ftrace(void)
{
	const int *enabled = (const int *)gup_pin_symbol("ftrace_enabled");

	if (!enabled || READ_ONCE(*enabled))
		return 0;
	pr_err("kernel.ftrace_enabled is 0: not loaded\n");
	return -EBUSY;
}

/**
 * gup_pin_hooks_add() - put the hooks in place
 *
 * Return: 0, or -errno if one that is needed could not be; then some are in place.
 */
int __init gup_pin_hooks_add(void)
{
	struct hook *hook;
	unsigned int i;
	int err = check_ftrace();

	if (err)
		return err;
	for (i = 0; i < gup_pin_nr_hooks; i++) {
		hook = &gup_pin_hook[i];
		gup_pin_behind[i] = hook->behind;
		if (!hook->behind)
			continue;
		__static_call_update(hook->key, hook->call, (void *)hook->behind);
		hook->how = HOOK_DIRECT;
	}
	err = add_all_direct();
	if (err) {
		pr_err("the kernel's functions cannot be hooked (%d): not loaded\n", err);
		return err;
	}
	return add_all_ipmodify();
}

static void remove_ipmodify(struct hook *hook)
{
	unregister_ftrace_function(&hook->ops);
	ftrace_free_filter(&hook->ops);
}

static long in_wrappers(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(gup_pin_in_wrappers, cpu));
	return sum;
}

/* A task may be preempted in the module's text, or an interrupt may be there. */
static void wait_for_text(void)
{
	synchronize_rcu_tasks();
	synchronize_rcu();
}

/**
 * gup_pin_hooks_remove() - take the hooks away
 *
 * On return nothing runs in a wrapper any more. A pin may sleep in a page fault for as long
 * as a user likes: so long this waits.
 */
void gup_pin_hooks_remove(void)
{
	struct hook *hook;
	unsigned int waited = 0;

	remove_direct();
	for (hook = gup_pin_hook; hook < gup_pin_hook + gup_pin_nr_hooks; hook++) {
		if (hook->how == HOOK_IPMODIFY)
			remove_ipmodify(hook);
		hook->how = HOOK_ABSENT;
	}
	wait_for_text();
	while (in_wrappers()) {
		if (waited++ == 100)
			pr_info("waiting for calls that are pinning just now\n");
		msleep(100);
	}
	wait_for_text();
}

void gup_pin_show_hooks(struct seq_file *m)
{
	static const char *const how[] = {
		[HOOK_ABSENT]	= "absent",
		[HOOK_DIRECT]	= "direct",
		[HOOK_IPMODIFY]	= "ipmodify",
	};
	const struct hook *hook;

	for (hook = gup_pin_hook; hook < gup_pin_hook + gup_pin_nr_hooks; hook++)
		seq_printf(m, "hooks %s %s\n", hook->name, how[hook->how]);
}
