// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/PID/gup_pins: the pins on a process's memory, for whoever may read its
 * /proc/PID/maps.
 *
 * Both who opened the file and who reads it must have that right, for a file
 * may be handed on, and the process may become another by execve(). The same
 * goes for CAP_SYS_ADMIN, without which neither page frames nor stacks are shown.
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
 * struct proc_reader - a reader of /proc/PID/gup_pins
 * @pid: of the process
 * @mm: its memory when the file was opened; NULL if it had none
 * @privileged: who opened it may see page frames and stacks
 * @lines: the lines
 */
struct proc_reader {
	struct pid *pid;
	struct mm_struct *mm;
	bool privileged;
	struct gup_pin_lines lines;
};

/* The memory, if current may read it, without a hold on what is in it. */
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

/* 0 if it may still be read, or why not; 1 if it is no longer there. */
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
	/* There, ids need not be translated, and also tell of who has ended. */
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
 * The line was looked for after the process was, and for long, maybe. If it has
 * called execve() meanwhile, it may be one of the new program's.
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

/* Not of a process that had the same id before. */
static bool owner_lives(struct gup_pin_lines *lines, const struct gup_pin_item *pin,
			u64 now)
{
	return gup_pin_process_lives(pin->id.owner,
				     now > pin->time ? now - pin->time : 0);
}

/* Whose memory it is, by the id that records have. */
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
 * @pid: PID
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
	/* If it has ended there is nothing to show; no owner at all is not it. */
	reader->lines.filter.owner = owner_of(pid) ?: -1;
	return 0;
}

/**
 * gup_pin_proc_release() - close /proc/PID/gup_pins
 * @inode: its inode
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
