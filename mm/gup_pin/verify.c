// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/gup_pin/verify: are there more pins on record than on the
 * folios?
 *
 * A pin is recorded after it was taken and forgotten before it is dropped, so
 * under the shard's lock a folio never has fewer pins than are on record. It
 * may have more: taken and not recorded yet, untracked, or older than tracking.
 */
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>

#include "gup_pin.h"

/**
 * struct verify_iter - a reader of `verify`
 * @at: the position in the file that @items stand for
 * @pos: how far the walk is
 * @last_pfn: the last folio that was compared
 * @folios: how many were
 * @pins: recorded pins on them
 * @mismatches: folios that have fewer pins than records
 * @nr: items found; 0 when only the summary is left
 * @done: the summary was shown
 * @items: the items
 * @report: those of them that are a mismatch
 */
struct verify_iter {
	loff_t at;
	struct gup_pin_pos pos;
	unsigned long last_pfn;
	u64 folios;
	u64 pins;
	u64 mismatches;
	unsigned int nr;
	bool done;
	struct gup_pin_item items[GUP_PIN_BATCH];
	bool report[GUP_PIN_BATCH];
};

static void verify_batch(struct verify_iter *iter)
{
	unsigned int i;

	iter->nr = gup_pin_walk(&gup_pin_root.index, &iter->pos, iter->items,
				GUP_PIN_BATCH);
	for (i = 0; i < iter->nr; i++) {
		const struct gup_pin_item *item = &iter->items[i];

		/* A folio that several calls pinned comes once for each. */
		iter->report[i] = false;
		if (item->pfn == iter->last_pfn)
			continue;
		iter->last_pfn = item->pfn;
		iter->folios++;
		iter->pins += item->folio_pins;
		iter->report[i] = !item->head ||
				  item->folio_pins > item->real_pins;
		iter->mismatches += iter->report[i];
	}
}

static void *verify_start(struct seq_file *m, loff_t *pos)
{
	struct verify_iter *iter = m->private;

	if (!*pos) {
		memset(iter, 0, offsetof(struct verify_iter, items));
		iter->last_pfn = ULONG_MAX;
		verify_batch(iter);
	}
	return *pos == iter->at && !iter->done ? iter : NULL;
}

static void *verify_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct verify_iter *iter = v;

	iter->at = ++*pos;
	/* Mostly there is nothing to show, so that seq_file goes on to the end. */
	if (!iter->nr || fatal_signal_pending(current)) {
		iter->done = true;
		return NULL;
	}
	cond_resched();
	verify_batch(iter);
	return iter;
}

static void verify_stop(struct seq_file *m, void *v)
{
}

static int verify_show(struct seq_file *m, void *v)
{
	const struct verify_iter *iter = v;
	unsigned int i;

	for (i = 0; i < iter->nr; i++) {
		const struct gup_pin_item *item = &iter->items[i];

		if (iter->report[i])
			seq_printf(m, "mismatch pfn=0x%lx recorded=%u pinned=%u folio=%s stack=0x%x\n",
				   item->pfn, item->folio_pins, item->real_pins,
				   item->head ? "yes" : "no", item->id.stack);
	}
	if (!iter->nr)
		seq_printf(m, "verified folios=%llu pins=%llu mismatches=%llu\n",
			   iter->folios, iter->pins, iter->mismatches);
	return 0;
}

static const struct seq_operations verify_sops = {
	.start = verify_start,
	.next = verify_next,
	.stop = verify_stop,
	.show = verify_show,
};

static int verify_open(struct inode *inode, struct file *file)
{
	if (!__seq_open_private(file, &verify_sops, sizeof(struct verify_iter)))
		return -ENOMEM;
	return 0;
}

const struct file_operations gup_pin_verify_fops = {
	.open = verify_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release_private,
};
