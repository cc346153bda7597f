// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/gup_pin/stacks: totals of live pins by stack, mode, term
 * and API. Tasks are not distinguished, so that a leak by many short-lived
 * processes is one growing line.
 *
 * The totals are computed at open. Their memory depends on the number of different
 * stacks, not on the number of pins.
 */
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/list_sort.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "view.h"

#define SUM_BITS	8

/**
 * struct stack_sum - totals of a stack
 * @node: in &struct stacks_iter.table
 * @list: in &struct stacks_iter.sums
 * @id: the pins have the same stack, mode, term and API as this id
 * @pins: number of live pins
 * @pages: number of pages; a page counts once for each call
 * @guessed: pins whose records may be those of other pins
 * @met: calls collected so far, until they are counted
 * @calls: number of live calls
 * @acquired: pins ever taken
 * @peak: highest number of live pins of a task; or of all tasks, if a reader saw more
 * @oldest: time of the oldest call, in ns of local_clock()
 * @newest: time of the newest call, in ns of local_clock()
 */
struct stack_sum {
	struct hlist_node node;
	struct list_head list;
	struct gup_pin_id id;
	u64 pins;
	u64 pages;
	u64 guessed;
	struct gup_pin_calls met;
	u64 calls;
	u64 acquired;
	u64 peak;
	u64 oldest;
	u64 newest;
};

/**
 * struct stacks_iter - state of reading `stacks`
 * @sums: list of all totals, most pins first
 * @table: the same totals, hashed by stack
 * @as_of: see gup_pin_frames_as_of()
 * @shares: buffer for the walk
 */
struct stacks_iter {
	struct list_head sums;
	DECLARE_HASHTABLE(table, SUM_BITS);
	u32 as_of;
	struct gup_pin_share shares[GUP_PIN_BATCH];
};

static struct stack_sum *sum_find(struct stacks_iter *iter,
				  const struct gup_pin_id *id)
{
	struct stack_sum *sum;

	hash_for_each_possible(iter->table, sum, node, id->stack)
		if (sum->id.stack == id->stack && sum->id.mode == id->mode &&
		    sum->id.term == id->term && sum->id.api == id->api)
			return sum;
	return NULL;
}

static int sum_share(struct stacks_iter *iter,
		     const struct gup_pin_share *share)
{
	struct stack_sum *sum = sum_find(iter, &share->id);

	if (!sum) {
		sum = kzalloc(sizeof(*sum), GFP_KERNEL);
		if (!sum)
			return -ENOMEM;
		sum->id = share->id;
		sum->oldest = U64_MAX;
		list_add_tail(&sum->list, &iter->sums);
		hash_add(iter->table, &sum->node, share->id.stack);
	}
	sum->pins += share->pins;
	sum->pages += share->pages;
	sum->guessed += share->guessed;
	gup_pin_calls_add(&sum->met, share);
	sum->oldest = min(sum->oldest, share->time);
	sum->newest = max(sum->newest, share->time);
	return 0;
}

static void sum_origin(struct stack_sum *sum, struct gup_pin_origin *origin)
{
	u64 peak = gup_pin_origin_peak(origin);

	sum->acquired += gup_pin_origin_acquired(origin);
	sum->peak = max3(sum->peak, peak, sum->pins);
}

/* Store the peak, so that it does not drop when some tasks release their pins. */
static void keep_peak(struct stack_sum *sum, struct gup_pin_origin *origin)
{
	gup_pin_origin_raise_peak(origin, sum->peak);
}

static void visit_summed(struct stacks_iter *iter,
			 struct gup_pin_origins *origins,
			 void (*visit)(struct stack_sum *sum,
				       struct gup_pin_origin *origin))
{
	struct gup_pin_origin *origin;
	struct stack_sum *sum;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < ARRAY_SIZE(origins->buckets); i++) {
		hlist_for_each_entry_rcu(origin, &origins->buckets[i], node) {
			sum = sum_find(iter, &origin->id);
			if (sum)
				visit(sum, origin);
		}
	}
	rcu_read_unlock();
}

static int more_pins_first(void *priv, const struct list_head *a,
			   const struct list_head *b)
{
	const struct stack_sum *x = list_entry(a, struct stack_sum, list);
	const struct stack_sum *y = list_entry(b, struct stack_sum, list);

	return x->pins < y->pins;
}

static int sum_shares(struct stacks_iter *iter, struct gup_pin_walk *walk)
{
	unsigned int i, nr;
	int err;

	while ((nr = gup_pin_walk_shares(walk, iter->shares, GUP_PIN_BATCH))) {
		for (i = 0; i < nr; i++) {
			err = sum_share(iter, &iter->shares[i]);
			if (err)
				return err;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* The memory that a reader holds must not depend on the number of calls. */
static void count_calls(struct stacks_iter *iter)
{
	struct stack_sum *sum;

	list_for_each_entry(sum, &iter->sums, list) {
		sum->calls = gup_pin_calls_count(&sum->met);
		gup_pin_calls_free(&sum->met);
	}
}

static int sum_up(struct stacks_iter *iter)
{
	struct gup_pin_walk walk;
	int err;

	gup_pin_walk_start(&walk, &gup_pin_root.index, 0, ULONG_MAX);
	err = sum_shares(iter, &walk);
	gup_pin_walk_end(&walk);
	if (err)
		return err;
	count_calls(iter);
	visit_summed(iter, &gup_pin_root.origins, sum_origin);
	visit_summed(iter, &gup_pin_root.origins, keep_peak);
	list_sort(NULL, &iter->sums, more_pins_first);
	return 0;
}

static void sums_free(struct stacks_iter *iter)
{
	struct stack_sum *sum, *next;

	list_for_each_entry_safe(sum, next, &iter->sums, list) {
		gup_pin_calls_free(&sum->met);
		kfree(sum);
	}
}

static void *stacks_start(struct seq_file *m, loff_t *pos)
{
	struct stacks_iter *iter = m->private;

	return seq_list_start_head(&iter->sums, *pos);
}

static void *stacks_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct stacks_iter *iter = m->private;

	return seq_list_next(v, &iter->sums, pos);
}

static void stacks_stop(struct seq_file *m, void *v)
{
}

/**
 * gup_pin_show_frames() - print return addresses, one a line
 * @m: the seq_file to print to
 * @entries: the addresses
 * @nr: their number
 * @mark: mark of their stack
 * @as_of: from gup_pin_frames_as_of(), before they were copied
 */
noinline_for_stack void gup_pin_show_frames(struct seq_file *m, const unsigned long *entries,
					    unsigned int nr, u32 mark, u32 as_of)
{
	char frame[GUP_PIN_FRAME_MAX];
	unsigned int i;

	for (i = 0; i < nr; i++) {
		gup_pin_frame_text(frame, entries[i], mark, as_of);
		seq_printf(m, " %s\n", frame);
	}
}

/**
 * gup_pin_show_stack() - print the frames of a stack
 * @m: the seq_file to print to
 * @stack: the stack, or 0
 * @as_of: from gup_pin_frames_as_of(), before its handle was copied
 */
void gup_pin_show_stack(struct seq_file *m, depot_stack_handle_t stack, u32 as_of)
{
	unsigned long *entries;
	unsigned int nr = stack_depot_fetch(stack, &entries);

	gup_pin_show_frames(m, entries, nr, stack_depot_get_extra_bits(stack), as_of);
}

static int stacks_show(struct seq_file *m, void *v)
{
	const struct stacks_iter *iter = m->private;
	struct stack_sum *sum;
	u64 now = local_clock();
	u64 acquired, peak;

	if (v == &iter->sums) {
		seq_printf(m, "# gup_pin stacks %d\n", GUP_PIN_TEXT_FORMAT);
		return 0;
	}
	sum = list_entry(v, struct stack_sum, list);
	/* The pins were counted first, and their origins may have been freed since. */
	acquired = max(sum->acquired, sum->pins);
	peak = max(sum->peak, sum->pins);
	seq_printf(m, "pins=%llu pages=%llu calls=%llu mode=%s term=%s api=%s oldest_ms=%llu newest_ms=%llu stack=0x%x acquired=%llu peak=%llu guessed=%llu\n",
		   sum->pins, sum->pages, sum->calls,
		   gup_pin_mode_name(sum->id.mode),
		   gup_pin_term_name(sum->id.term),
		   gup_pin_api_names[sum->id.api],
		   gup_pin_age_ms(sum->oldest, now),
		   gup_pin_age_ms(sum->newest, now), sum->id.stack, acquired,
		   peak, sum->guessed);
	gup_pin_show_stack(m, sum->id.stack, iter->as_of);
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations stacks_sops = {
	.start = stacks_start,
	.next = stacks_next,
	.stop = stacks_stop,
	.show = stacks_show,
};

static int stacks_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	sums_free(m->private);
	return seq_release_private(inode, file);
}

static int stacks_open(struct inode *inode, struct file *file)
{
	struct stacks_iter *iter;
	int err;

	iter = __seq_open_private(file, &stacks_sops, sizeof(*iter));
	if (!iter)
		return -ENOMEM;
	INIT_LIST_HEAD(&iter->sums);
	hash_init(iter->table);
	iter->as_of = gup_pin_frames_as_of();
	err = sum_up(iter);
	if (err)
		stacks_release(inode, file);
	return err;
}

const struct file_operations gup_pin_stacks_fops = {
	.owner = THIS_MODULE,
	.open = stacks_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = stacks_release,
};
