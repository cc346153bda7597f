// SPDX-License-Identifier: GPL-2.0
/*
 * Are they still there who pinned, and whose memory was pinned? Records have
 * nothing but their ids, which may be others' by now: who is younger than the
 * pin is another.
 */
#include <linux/init.h>
#include <linux/math.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/time64.h>
#include <linux/timekeeping.h>

#include "../compat.h"
#include "text.h"

/* By so much may the clocks of tasks and of pins always be apart. */
#define CLOCKS_DIFFER	(100 * NSEC_PER_MSEC)

/* By how much the clock of pins was ahead of that of tasks, when it was booted. */
static s64 clocks_apart __ro_after_init;

static s64 clocks_apart_now(void)
{
	return local_clock() - ktime_get_ns();
}

/**
 * gup_pin_tasks_init() - compare the clocks, once both are reliable
 */
void __init gup_pin_tasks_init(void)
{
	clocks_apart = clocks_apart_now();
}

/*
 * The clock of tasks is disciplined, that of pins is not. Within weeks they go
 * apart by many seconds, of which the pin's age may have all.
 */
static bool is_younger(const struct task_struct *task, u64 age)
{
	u64 lived = ktime_get_ns() - READ_ONCE(task->start_time);

	return lived + CLOCKS_DIFFER + abs(clocks_apart_now() - clocks_apart) < age;
}

/* Under RCU. One that has ended but was not waited for is gone. */
static struct task_struct *find_task(pid_t pid, u64 age)
{
	struct task_struct *task = find_task_by_pid_ns(pid, &init_pid_ns);

	if (!task || READ_ONCE(task->exit_state) || is_younger(task, age))
		return NULL;
	return task;
}

/* The same for a process, whose first thread may end before the others. */
static struct task_struct *find_process(pid_t tgid, u64 age)
{
	struct task_struct *task = find_task_by_pid_ns(tgid, &init_pid_ns);

	if (!task || task_tgid_nr(task) != tgid ||
	    (READ_ONCE(task->exit_state) && !atomic_read(&task->signal->live)))
		return NULL;
	return is_younger(task, age) ? NULL : task;
}

/**
 * gup_pin_process_lives() - is a process still there?
 * @tgid: as the initial pid namespace sees it
 * @age: for how long it has been known, in ns
 *
 * Return: false if it has ended.
 */
bool gup_pin_process_lives(pid_t tgid, u64 age)
{
	return gup_pin_process_nr(tgid, age, &init_pid_ns);
}

/**
 * gup_pin_task_lives() - as gup_pin_process_lives(), for a thread
 * @pid: as the initial pid namespace sees it
 * @age: for how long it has been known, in ns
 *
 * Return: false if it has ended.
 */
bool gup_pin_task_lives(pid_t pid, u64 age)
{
	return gup_pin_task_nr(pid, age, &init_pid_ns);
}

/**
 * gup_pin_process_nr() - a process as another pid namespace sees it
 * @tgid: as the initial one sees it
 * @age: for how long it has been known, in ns
 * @ns: the namespace
 *
 * Return: the id, 0 if it cannot be seen from there, or has ended.
 */
pid_t gup_pin_process_nr(pid_t tgid, u64 age, struct pid_namespace *ns)
{
	struct task_struct *task;
	pid_t nr;

	rcu_read_lock();
	task = find_process(tgid, age);
	nr = task ? task_tgid_nr_ns(task, ns) : 0;
	rcu_read_unlock();
	return nr;
}

/**
 * gup_pin_task_nr() - as gup_pin_process_nr(), for a thread
 * @pid: as the initial pid namespace sees it
 * @age: for how long it has been known, in ns
 * @ns: the namespace
 *
 * Return: the id, 0 if it cannot be seen from there, or has ended.
 */
pid_t gup_pin_task_nr(pid_t pid, u64 age, struct pid_namespace *ns)
{
	struct task_struct *task;
	pid_t nr;

	rcu_read_lock();
	task = find_task(pid, age);
	nr = task ? task_pid_nr_ns(task, ns) : 0;
	rcu_read_unlock();
	return nr;
}
