// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/gup_pin/stats
 */
#include <linux/fs.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "gup_pin.h"
#include "proof.h"

/**
 * gup_pin_index_totals() - add up the figures of all shards
 * @index: the index
 * @totals: filled in; each shard's share is consistent in itself
 */
void gup_pin_index_totals(struct gup_pin_index *index,
			  struct gup_pin_totals *totals)
{
	unsigned int i;

	memset(totals, 0, sizeof(*totals));
	for (i = 0; i < GUP_PIN_NR_SHARDS; i++) {
		struct gup_pin_shard *shard = &index->shards[i];
		unsigned long flags;

		xa_lock_irqsave(&shard->xa, flags);
		totals->acquired += shard->acquired;
		totals->released += shard->released;
		totals->inferred += shard->inferred;
		totals->unmatched += shard->unmatched;
		totals->before += shard->before;
		totals->untracked += shard->untracked;
		totals->untracked_total += shard->untracked_total;
		totals->folios += shard->folios;
		totals->nodes += shard->nodes;
		xa_unlock_irqrestore(&shard->xa, flags);
	}
}

/*
 * All that tracking has allocated, but for the stack depot, which others share,
 * and what hazards take; not the rest of what is there from boot on.
 */
static u64 memory_bytes(const struct gup_pin_totals *totals)
{
	return totals->nodes * sizeof(struct xa_node) + gup_pin_memory_bytes() +
	       gup_pin_earlier_bytes(&gup_pin_root.index.earlier) +
	       sizeof(gup_pin_ring) + gup_pin_report_bytes() +
	       gup_pin_proof_bytes();
}

static void print_stat(struct seq_file *m, const char *name, u64 value)
{
	seq_printf(m, "%s %llu\n", name, value);
}

static void print_hazard(struct seq_file *m, enum gup_pin_hazard_kind kind)
{
	seq_printf(m, "hazard_%s %llu\n", gup_pin_hazard_names[kind],
		   (u64)atomic64_read(&gup_pin_root.hazards[kind]));
}

static int stats_show(struct seq_file *m, void *v)
{
	struct gup_pin_root *root = &gup_pin_root;
	struct gup_pin_totals t;
	unsigned int i;

	gup_pin_index_totals(&root->index, &t);
	print_stat(m, "enabled", READ_ONCE(root->index.recording));
	print_stat(m, "live_pins", t.acquired - t.released);
	print_stat(m, "live_folios", t.folios);
	print_stat(m, "live_calls", gup_pin_call_count());
	print_stat(m, "live_origins", gup_pin_origins_live(&root->origins));
	print_stat(m, "acquired", t.acquired);
	print_stat(m, "released", t.released);
	print_stat(m, "untracked", t.untracked);
	print_stat(m, "inferred", t.inferred);
	print_stat(m, "unmatched", t.unmatched);
	for (i = 0; i < NR_GUP_PIN_FIRST_HAZARDS; i++)
		print_hazard(m, i);
	print_stat(m, "reports_suppressed",
		   atomic64_read(&root->reports_suppressed));
	print_stat(m, "memory_bytes", memory_bytes(&t));
	/* Beyond the first version's words; new ones go to the end. */
	print_stat(m, "untracked_total", t.untracked_total);
	print_stat(m, "unpinned_from_before", t.before);
	print_stat(m, "wrong_traces", gup_pin_traces_wrong());
	for (i = NR_GUP_PIN_FIRST_HAZARDS; i < NR_GUP_PIN_HAZARDS; i++)
		print_hazard(m, i);
	print_stat(m, "false_positive", atomic64_read(&root->false_positive));
	print_stat(m, "proof_skipped", gup_pin_proof_skipped());
	print_stat(m, "refused", gup_pin_refusals());
	print_stat(m, "pinned_from_before", READ_ONCE(root->index.earlier.pins));
	return 0;
}

static int stats_open(struct inode *inode, struct file *file)
{
	return single_open(file, stats_show, NULL);
}

const struct file_operations gup_pin_stats_fops = {
	.open = stats_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};
