// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/gup_pin/refused: long-term pins that failed,
 * counted by origin and reason.
 *
 * The reasons are detected deep in mm/gup.c, the only place that distinguishes them from
 * other errors with the same number. The pin function is found in the stack.
 */
#include <linux/cred.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/kallsyms.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/secretmem.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/stackdepot.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#include "../compat.h"
#include "view.h"

/* Maximum number of records, as any number of tasks may call a driver. */
#define REFUSED_MAX	1024

/* Maximum number of records of one user, which leaves the rest for others. */
#define REFUSED_SHARE	(REFUSED_MAX / 2)

/* Maximum number of frames between the hook and the pin function. */
#define REFUSED_BELOW	12

/**
 * struct gup_pin_refusal - refusals with the same origin and reason
 * @list: in refused_list; read under RCU
 * @rcu: for freeing
 * @seq: number of the record, from 1; the list is in this order
 * @id: the origin
 * @err: the error that mm/gup.c found
 * @count: number of refusals
 * @oldest: time of the first one, in ns of local_clock()
 * @newest: time of the last one, in ns of local_clock()
 * @target: target of the last one
 */
struct gup_pin_refusal {
	struct list_head list;
	struct rcu_head rcu;
	u64 seq;
	struct gup_pin_id id;
	int err;
	u64 count;
	u64 oldest;
	u64 newest;
	struct gup_pin_target target;
};

static LIST_HEAD(refused_list);
static DEFINE_SPINLOCK(refused_lock);
static unsigned int nr_refused;
/* Number of the newest record. */
static u64 newest_seq;
static atomic64_t refusals;

/**
 * gup_pin_refusals() - number of long-term pins that were refused
 *
 * Return: number of refusals, including those without a record of their own.
 */
u64 gup_pin_refusals(void)
{
	return atomic64_read(&refusals);
}

/*
 * Does @ip return into a function? Some architectures have function descriptors instead
 * of plain function pointers.
 */
static bool returns_into(unsigned long ip, void *function)
{
	unsigned long at = (unsigned long)dereference_function_descriptor(function);
	unsigned long size, offset;

	if (!kallsyms_lookup_size_offset(at, &size, &offset))
		return false;
	return ip - (at - offset) <= size;
}

static unsigned int find_api(unsigned long ip)
{
	static void *const apis[NR_GUP_PIN_APIS] = {
		[GUP_PIN_USER_PAGES]		= pin_user_pages,
		[GUP_PIN_USER_PAGES_FAST]	= pin_user_pages_fast,
		[GUP_PIN_USER_PAGES_REMOTE]	= pin_user_pages_remote,
		[GUP_PIN_USER_PAGES_UNLOCKED]	= pin_user_pages_unlocked,
		[GUP_PIN_MEMFD_PIN_FOLIOS]	= memfd_pin_folios,
	};
	unsigned int api;

	for (api = 0; api < NR_GUP_PIN_APIS; api++)
		if (apis[api] && returns_into(ip, apis[api]))
			break;
	return api;
}

/*
 * Skip the functions below the pin function, as in the stacks of pins. If a pin function
 * calls another one, the outer one counts.
 */
static void fill_stack(struct gup_pin_id *id)
{
	unsigned long entries[GUP_PIN_STACK_DEPTH + REFUSED_BELOW];
	unsigned int nr, i, found, at = 0, api = NR_GUP_PIN_APIS;

	nr = stack_trace_save(entries, ARRAY_SIZE(entries), 2);
	gup_pin_shown_stack(entries, nr);
	for (i = 0; i < min_t(unsigned int, nr, REFUSED_BELOW); i++) {
		found = find_api(entries[i]);
		if (found == NR_GUP_PIN_APIS)
			continue;
		api = found;
		at = i;
	}
	id->api = api;
	nr = min_t(unsigned int, nr - at, GUP_PIN_STACK_DEPTH);
	id->stack = stack_depot_save(entries + at, nr, GFP_NOWAIT | __GFP_NOWARN);
	id->stack = gup_pin_marked_stack(id->stack, entries + at, nr);
}

static struct gup_pin_refusal *refused_find(const struct gup_pin_id *id, int err)
{
	struct gup_pin_refusal *refused;

	list_for_each_entry(refused, &refused_list, list)
		if (refused->err == err && gup_pin_id_equal(&refused->id, id))
			return refused;
	return NULL;
}

/* Returns false if there is no record to count the refusal in. */
static bool refused_count(const struct gup_pin_id *id, int err,
			  const struct gup_pin_target *target)
{
	struct gup_pin_refusal *refused;

	lockdep_assert_held(&refused_lock);
	refused = refused_find(id, err);
	if (!refused)
		return false;
	WRITE_ONCE(refused->count, refused->count + 1);
	WRITE_ONCE(refused->newest, local_clock());
	refused->target = *target;
	return true;
}

/* The record with the oldest last refusal: of all, or of one user. */
static struct gup_pin_refusal *refused_stalest(bool of_user, u32 uid)
{
	struct gup_pin_refusal *refused, *stale = NULL;

	list_for_each_entry(refused, &refused_list, list)
		if ((!of_user || refused->id.uid == uid) &&
		    (!stale || refused->newest < stale->newest))
			stale = refused;
	return stale;
}

/* Drop a record if the list is full, or one of this user if it has its share. */
static void refused_make_room(u32 uid)
{
	struct gup_pin_refusal *refused;
	unsigned int own = 0;

	lockdep_assert_held(&refused_lock);
	list_for_each_entry(refused, &refused_list, list)
		own += refused->id.uid == uid;
	if (own < REFUSED_SHARE && nr_refused < REFUSED_MAX) {
		nr_refused++;
		return;
	}
	refused = refused_stalest(own >= REFUSED_SHARE, uid);
	list_del_rcu(&refused->list);
	kfree_rcu(refused, rcu);
}

static void refused_add(const struct gup_pin_id *id, int err,
			const struct gup_pin_target *target)
{
	struct gup_pin_refusal *new = kzalloc(sizeof(*new), GFP_NOWAIT | __GFP_NOWARN);

	if (!new)
		return;
	new->id = *id;
	new->err = err;
	new->count = 1;
	new->oldest = local_clock();
	new->newest = new->oldest;
	new->target = *target;
	spin_lock(&refused_lock);
	/* Recheck: without a stack, another task may have added the same id. */
	if (!refused_count(id, err, target)) {
		refused_make_room(id->uid);
		new->seq = newest_seq + 1;
		WRITE_ONCE(newest_seq, new->seq);
		list_add_tail_rcu(&new->list, &refused_list);
		new = NULL;
	}
	spin_unlock(&refused_lock);
	kfree(new);
}

/**
 * gup_pin_refused_by() - count a refusal
 * @id: the origin
 * @err: the error
 * @target: the memory that could not be pinned
 *
 * Without memory for a new record, only `stats` counts the refusal.
 *
 * Context: Process context. Does not wait for memory.
 */
void gup_pin_refused_by(const struct gup_pin_id *id, int err,
			const struct gup_pin_target *target)
{
	bool known;

	atomic64_inc(&refusals);
	spin_lock(&refused_lock);
	known = refused_count(id, err, target);
	spin_unlock(&refused_lock);
	if (!known)
		refused_add(id, err, target);
}

/* Inlined, so that the number of frames to skip is fixed. */
static __always_inline void refuse(struct mm_struct *mm, unsigned int gup_flags,
				   int err, const struct gup_pin_target *target)
{
	struct gup_pin_id id = {
		.mode = gup_flags & FOLL_WRITE ? GUP_PIN_WRITE : GUP_PIN_READ,
		.term = GUP_PIN_LONG,
		.tgid = task_tgid_nr(current),
		.pid = task_pid_nr(current),
		.owner = gup_pin_mm_owner(mm),
		.uid = __kuid_val(current_uid()),
	};

	memcpy(id.comm, current->comm, sizeof(id.comm));
	id.comm[sizeof(id.comm) - 1] = '\0';
	fill_stack(&id);
	gup_pin_refused_by(&id, err, target);
	/* No tail call, for the same reason. */
	barrier();
}

/* Maximum number of pages to search for the one that had to be migrated. */
#define LOOK_PAGES	4096

/*
 * The first page that must be migrated for a long-term pin. The
 * pages are no longer pinned.
 */
static unsigned long find_movable(struct page **pages, unsigned long npages)
{
	unsigned long i;

	for (i = 0; i < min(npages, LOOK_PAGES); i++)
		if (pages[i] && (is_zone_movable_page(pages[i]) ||
				 is_zone_device_page(pages[i]) ||
				 is_migrate_cma_page(pages[i])))
			return page_to_pfn(pages[i]);
	return 0;
}

noinline void __gup_pin_refused(struct mm_struct *mm, unsigned int gup_flags,
				int err, unsigned long addr,
				struct page **pages, unsigned long npages)
{
	const struct gup_pin_target target = {
		.why = "movable",
		.addr = addr,
		.pfn = pages ? find_movable(pages, npages) : 0,
	};

	refuse(mm, gup_flags, err, &target);
}

/* NULL if this is not a long-term pin, or if it fails for lack of access rights. */
static const char *why_not(struct vm_area_struct *vma, unsigned int gup_flags)
{
	if ((gup_flags & (FOLL_PIN | FOLL_LONGTERM)) != (FOLL_PIN | FOLL_LONGTERM))
		return NULL;
	if (vma->vm_flags & (VM_IO | VM_PFNMAP))
		return "device";
	if (vma_is_fsdax(vma))
		return "dax";
	if (vma_is_secretmem(vma))
		return "secretmem";
	if ((gup_flags & FOLL_WRITE) && !vma_is_anonymous(vma) &&
	    vma_needs_dirty_tracking(vma))
		return "file";
	return NULL;
}

noinline void __gup_pin_refused_vma(struct vm_area_struct *vma,
				    unsigned int gup_flags, int err,
				    unsigned long addr)
{
	struct gup_pin_target target = {
		.why = why_not(vma, gup_flags),
		.addr = addr,
	};
	const struct inode *inode;

	/* A retry fails at the same mapping: do not count it again. */
	if (!target.why || (gup_flags & GUP_PIN_AGAIN))
		return;
	if (vma->vm_file) {
		inode = file_inode(vma->vm_file);
		target.dev = inode->i_sb->s_dev;
		target.ino = inode->i_ino;
		target.index = linear_page_index(vma, addr);
		gup_pin_inode_name(inode, target.name, sizeof(target.name));
	}
	refuse(vma->vm_mm, gup_flags, err, &target);
}

/**
 * gup_pin_refused_unload() - keep the names of code in stacks
 * @code: the code
 *
 * Context: Process context. The caller serialises calls.
 */
void gup_pin_refused_unload(const struct gup_pin_code *code)
{
	const struct gup_pin_refusal *refused;

	rcu_read_lock();
	list_for_each_entry_rcu(refused, &refused_list, list)
		gup_pin_unloaded_note_stack(code, refused->id.stack);
	rcu_read_unlock();
}

/**
 * struct refused_iter - state of reading `refused`
 * @last: number of the newest record when the file was read from its start; without this
 *	end, a reader of new ones might never get to it
 */
struct refused_iter {
	u64 last;
};

/*
 * The position is the number of the next record: others may go meanwhile. At the start it is
 * the head of the list.
 */
static void *refused_start(struct seq_file *m, loff_t *pos)
	__acquires(RCU)
{
	struct refused_iter *iter = m->private;
	struct gup_pin_refusal *refused;

	rcu_read_lock();
	if (!*pos) {
		iter->last = READ_ONCE(newest_seq);
		return &refused_list;
	}
	list_for_each_entry_rcu(refused, &refused_list, list)
		if (refused->seq >= *pos)
			return refused->seq <= iter->last ? &refused->list : NULL;
	return NULL;
}

static void *refused_next(struct seq_file *m, void *v, loff_t *pos)
{
	const struct refused_iter *iter = m->private;
	const struct gup_pin_refusal *refused;
	struct list_head *next = seq_list_next_rcu(v, &refused_list, pos);

	if (!next)
		return NULL;
	refused = list_entry(next, struct gup_pin_refusal, list);
	*pos = refused->seq;
	return refused->seq <= iter->last ? next : NULL;
}

static void refused_stop(struct seq_file *m, void *v)
	__releases(RCU)
{
	rcu_read_unlock();
}

static const char *err_name(int err)
{
	switch (err) {
	case -EFAULT:
		return "EFAULT";
	case -ENOMEM:
		return "ENOMEM";
	case -EBUSY:
		return "EBUSY";
	case -EOPNOTSUPP:
		return "EOPNOTSUPP";
	default:
		return "other";
	}
}

static int refused_show(struct seq_file *m, void *v)
{
	const struct gup_pin_refusal *refused;
	struct gup_pin_target target;
	const struct gup_pin_id *id;
	char comm[GUP_PIN_COMM_MAX];
	u64 now = local_clock();

	if (v == &refused_list) {
		seq_printf(m, "# gup_pin refused %d\n", GUP_PIN_TEXT_FORMAT);
		return 0;
	}
	refused = list_entry(v, struct gup_pin_refusal, list);
	id = &refused->id;
	gup_pin_format_comm(comm, id->comm);
	spin_lock(&refused_lock);
	target = refused->target;
	spin_unlock(&refused_lock);
	seq_printf(m, "count=%llu err=%s mode=%s term=%s api=%s owner=%d task=%d/%d comm=%s oldest_ms=%llu newest_ms=%llu stack=0x%x why=%s addr=0x%lx pfn=0x%lx dev=%u:%u ino=%llu index=0x%lx",
		   READ_ONCE(refused->count), err_name(refused->err),
		   gup_pin_mode_name(id->mode), gup_pin_term_name(id->term),
		   gup_pin_api_name(id->api), id->owner, id->tgid, id->pid, comm,
		   gup_pin_age_ms(refused->oldest, now),
		   gup_pin_age_ms(READ_ONCE(refused->newest), now), id->stack,
		   target.why, target.addr, target.pfn, MAJOR(target.dev),
		   MINOR(target.dev), target.ino, target.index);
	gup_pin_show_path(m, target.name);
	seq_putc(m, '\n');
	gup_pin_show_stack(m, id->stack, gup_pin_frames_as_of());
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations refused_sops = {
	.start = refused_start,
	.next = refused_next,
	.stop = refused_stop,
	.show = refused_show,
};

static int refused_open(struct inode *inode, struct file *file)
{
	if (!__seq_open_private(file, &refused_sops, sizeof(struct refused_iter)))
		return -ENOMEM;
	return 0;
}

const struct file_operations gup_pin_refused_fops = {
	.owner = THIS_MODULE,
	.open = refused_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release_private,
};

/**
 * gup_pin_refused_exit() - free all records
 */
void __gup_pin_exit gup_pin_refused_exit(void)
{
	struct gup_pin_refusal *refused, *next;

	list_for_each_entry_safe(refused, next, &refused_list, list)
		kfree(refused);
}
