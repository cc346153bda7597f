// SPDX-License-Identifier: GPL-2.0
/*
 * Do the pinning task and the owner still exist? Records have only their ids, which may
 * have been reused: a task younger than the pin is another one.
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

/* Slack always allowed between local_clock() and ktime_get_ns(). */
#define CLOCKS_DIFFER	(100 * NSEC_PER_MSEC)

/* local_clock() minus ktime_get_ns() at boot, in ns. */
static s64 clocks_apart __ro_after_init;

static s64 clocks_apart_now(void)
{
	return local_clock() - ktime_get_ns();
}

/**
 * gup_pin_tasks_init() - compare the clocks when both are reliable
 */
void __init gup_pin_tasks_init(void)
{
	clocks_apart = clocks_apart_now();
}

/*
 * ktime_get_ns(), the clock of tasks, is disciplined by NTP; local_clock(), the clock
 * of pins, is not. Within weeks, they drift apart by many seconds, all of which may
 * be in the age of the pin.
 */
static bool is_younger(const struct task_struct *task, u64 age)
{
	u64 lived = ktime_get_ns() - READ_ONCE(task->start_time);

	return lived + CLOCKS_DIFFER + abs(clocks_apart_now() - clocks_apart) < age;
}

/* Under RCU. A zombie counts as gone. */
static struct task_struct *find_task(pid_t pid, u64 age)
{
	struct task_struct *task = find_task_by_pid_ns(pid, &init_pid_ns);

	if (!task || READ_ONCE(task->exit_state) || is_younger(task, age))
		return NULL;
	return task;
}

/* Same for a process, whose leader may exit before other threads. */
static struct task_struct *find_process(pid_t tgid, u64 age)
{
	struct task_struct *task = find_task_by_pid_ns(tgid, &init_pid_ns);

	if (!task || task_tgid_nr(task) != tgid ||
	    (READ_ONCE(task->exit_state) && !atomic_read(&task->signal->live)))
		return NULL;
	return is_younger(task, age) ? NULL : task;
}

/**
 * gup_pin_process_lives() - does a process still exist?
 * @tgid: tgid in the initial pid namespace
 * @age: minimum age of the process, in ns; a younger one is another process
 *
 * Return: false if the process has ended.
 */
bool gup_pin_process_lives(pid_t tgid, u64 age)
{
	return gup_pin_process_nr(tgid, age, &init_pid_ns);
}

/**
 * gup_pin_task_lives() - does a thread still exist?
 * @pid: pid in the initial pid namespace
 * @age: minimum age of the thread, in ns; a younger one is another thread
 *
 * Return: false if the thread has ended.
 */
bool gup_pin_task_lives(pid_t pid, u64 age)
{
	return gup_pin_task_nr(pid, age, &init_pid_ns);
}

/**
 * gup_pin_process_nr() - id of a process in another pid namespace
 * @tgid: tgid in the initial pid namespace
 * @age: minimum age of the process, in ns; a younger one is another process
 * @ns: the namespace
 *
 * Return: the tgid in @ns; 0 if it is not visible there, or has ended.
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
 * gup_pin_task_nr() - id of a thread in another pid namespace
 * @pid: pid in the initial pid namespace
 * @age: minimum age of the thread, in ns; a younger one is another thread
 * @ns: the namespace
 *
 * Return: the pid in @ns; 0 if it is not visible there, or has ended.
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
