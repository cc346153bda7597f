// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/PID/gup_pins: the pins on the memory of a process, for readers with
 * access to /proc/PID/maps.
 *
 * Both the opener and the reader need this access, as the file may be passed on, and the
 * process may execute another program. The same applies to CAP_SYS_ADMIN, without which
 * page frames and stacks are hidden.
 */
#include <linux/bits.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gup_pin.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/ptrace.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>

#include "view.h"

/**
 * struct proc_reader - state of reading /proc/PID/gup_pins
 * @pid: the process
 * @mm: address space of the process at open; NULL if it had none
 * @privileged: the opener may see page frames and stacks
 * @lines: state of the lines
 */
struct proc_reader {
	struct pid *pid;
	struct mm_struct *mm;
	bool privileged;
	struct gup_pin_lines lines;
};

/*
 * The address space of the process, if current may read it; holds a reference to the
 * mm_struct only, not to its contents.
 */
static struct mm_struct *may_read(struct pid *pid)
{
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);
	struct mm_struct *mm;

	if (!task)
		return ERR_PTR(-ESRCH);
	mm = mm_access(task, PTRACE_MODE_READ_FSCREDS);
	put_task_struct(task);
	if (IS_ERR_OR_NULL(mm))
		return mm == ERR_PTR(-ESRCH) ? NULL : mm;
	mmgrab(mm);
	mmput(mm);
	return mm;
}

static void forget(struct mm_struct *mm)
{
	if (!IS_ERR_OR_NULL(mm))
		mmdrop(mm);
}

/* Returns 0 if current may still read the address space, 1 if it is gone, or -errno. */
static int check_again(struct proc_reader *reader)
{
	struct mm_struct *mm = may_read(reader->pid);
	int err = PTR_ERR_OR_ZERO(mm);

	if (!err && (!mm || mm != reader->mm))
		err = 1;
	forget(mm);
	return err;
}

static void *proc_pins_start(struct seq_file *m, loff_t *pos)
{
	struct proc_reader *reader = m->private;
	int err = check_again(reader);

	if (err)
		return err < 0 ? ERR_PTR(err) : NULL;
	reader->lines.hide = !reader->privileged ||
			     !ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
	reader->lines.ns = task_active_pid_ns(current);
	/*
	 * No translation is needed in the initial namespace, which also
	 * shows ids of exited tasks.
	 */
	if (reader->lines.ns == &init_pid_ns)
		reader->lines.ns = NULL;
	return gup_pin_lines_start(&reader->lines, pos);
}

static void *proc_pins_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct proc_reader *reader = m->private;

	return gup_pin_lines_next(&reader->lines, pos);
}

static void proc_pins_stop(struct seq_file *m, void *v)
{
}

/*
 * The pin was looked up after the check of the process, possibly much later. After an
 * execve() in between, it may belong to the new program.
 */
static bool same_program(const struct proc_reader *reader)
{
	struct task_struct *task;
	bool same;

	rcu_read_lock();
	task = pid_task(reader->pid, PIDTYPE_PID);
	same = task && READ_ONCE(task->mm) == reader->mm;
	rcu_read_unlock();
	return same;
}

static int proc_pins_show(struct seq_file *m, void *v)
{
	const struct proc_reader *reader = m->private;

	if (!same_program(reader))
		return SEQ_SKIP;
	return gup_pin_lines_show(m, &reader->lines, v);
}

static const struct seq_operations proc_pins_sops = {
	.start = proc_pins_start,
	.next = proc_pins_next,
	.stop = proc_pins_stop,
	.show = proc_pins_show,
};

/* Not a process that had the same id before. */
static bool owner_lives(struct gup_pin_lines *lines, const struct gup_pin_item *pin,
			u64 now)
{
	return gup_pin_process_lives(pin->id.owner,
				     now > pin->time ? now - pin->time : 0);
}

/* The owner's id, as in records. */
static pid_t owner_of(struct pid *pid)
{
	struct task_struct *task;
	pid_t owner;

	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_PID);
	owner = task ? task_tgid_nr(task) : 0;
	rcu_read_unlock();
	return owner;
}

/**
 * gup_pin_proc_open() - open /proc/PID/gup_pins
 * @file: the file
 * @pid: the process
 *
 * Context: Process context. May sleep.
 *
 * Return: 0 or -errno.
 */
int gup_pin_proc_open(struct file *file, struct pid *pid)
{
	struct mm_struct *mm = may_read(pid);
	struct proc_reader *reader;

	if (IS_ERR(mm))
		return PTR_ERR(mm);
	reader = __seq_open_private(file, &proc_pins_sops, sizeof(*reader));
	if (!reader) {
		forget(mm);
		return -ENOMEM;
	}
	reader->pid = get_pid(pid);
	reader->mm = mm;
	reader->privileged = file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN);
	reader->lines.title = "gup_pins";
	reader->lines.wanted = owner_lives;
	reader->lines.filter.keys = BIT(GUP_PIN_FILTER_OWNER);
	/*
	 * Show nothing if the process has exited. An owner of 0 would
	 * match pins without an owner.
	 */
	reader->lines.filter.owner = owner_of(pid) ?: -1;
	return 0;
}

/**
 * gup_pin_proc_release() - close /proc/PID/gup_pins
 * @inode: inode of the file
 * @file: the file
 *
 * Return: 0.
 */
int gup_pin_proc_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct proc_reader *reader = m->private;

	gup_pin_runs_end(&reader->lines.runs);
	put_pid(reader->pid);
	forget(reader->mm);
	return seq_release_private(inode, file);
}
