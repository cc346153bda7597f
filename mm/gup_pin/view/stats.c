// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/gup_pin/stats
 */
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>

#include "../compat.h"
#include "view.h"

/* Small, as the walk is on the stack. */
#define SHARES_AT_ONCE	4

static u64 count_calls(void)
{
	struct gup_pin_share shares[SHARES_AT_ONCE];
	struct gup_pin_calls calls = {};
	struct gup_pin_walk walk;
	unsigned int i, nr;
	u64 count;

	gup_pin_walk_start(&walk, &gup_pin_root.index, 0, ULONG_MAX);
	while ((nr = gup_pin_walk_shares(&walk, shares, SHARES_AT_ONCE))) {
		for (i = 0; i < nr; i++)
			gup_pin_calls_add(&calls, &shares[i]);
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	gup_pin_walk_end(&walk);
	count = gup_pin_calls_count(&calls);
	gup_pin_calls_free(&calls);
	return count;
}

/*
 * Memory allocated by tracking, and the memory of hazards. Excludes the stack depot,
 * which is shared, and other static data.
 */
static u64 memory_bytes(void)
{
	u64 bytes = gup_pin_memory_bytes();

	bytes += sizeof(gup_pin_ring) + gup_pin_report_bytes();
	bytes += gup_pin_proof_bytes();
	return bytes;
}

static void print_stat(struct seq_file *m, const char *name, u64 value)
{
	seq_printf(m, "%s %llu\n", name, value);
}

static void print_hazards(struct seq_file *m, unsigned int kind, unsigned int end)
{
	for (; kind < end; kind++)
		seq_printf(m, "hazard_%s %llu\n", gup_pin_hazard_names[kind],
			   (u64)atomic64_read(&gup_pin_root.hazards[kind]));
}

static int stats_show(struct seq_file *m, void *v)
{
	struct gup_pin_root *root = &gup_pin_root;
	struct gup_pin_totals t;

	gup_pin_index_totals(&root->index, &t);
	print_stat(m, "enabled", READ_ONCE(root->index.recording));
	print_stat(m, "live_pins", t.acquired - t.released);
	print_stat(m, "live_folios", gup_pin_count_folios(&root->index));
	print_stat(m, "live_calls", count_calls());
	print_stat(m, "live_origins", gup_pin_origins_live(&root->origins));
	print_stat(m, "acquired", t.acquired);
	print_stat(m, "released", t.released);
	print_stat(m, "untracked", t.untracked);
	print_stat(m, "inferred", t.inferred);
	print_stat(m, "unmatched", t.unmatched);
	print_hazards(m, 0, NR_GUP_PIN_FIRST_HAZARDS);
	print_stat(m, "reports_suppressed",
		   atomic64_read(&root->reports_suppressed));
	print_stat(m, "memory_bytes", memory_bytes());
	/* Added after the first version; new words go to the end. */
	print_stat(m, "untracked_total", t.untracked_total);
	print_stat(m, "unpinned_from_before", t.before);
	print_stat(m, "wrong_traces", gup_pin_stacks_wrong());
	print_hazards(m, NR_GUP_PIN_FIRST_HAZARDS, NR_GUP_PIN_HAZARDS);
	print_stat(m, "false_positive", atomic64_read(&root->false_positive));
	print_stat(m, "proof_skipped", gup_pin_proof_skipped());
	print_stat(m, "refused", gup_pin_refusals());
	print_stat(m, "pinned_from_before", READ_ONCE(root->index.earlier.pins));
	print_stat(m, "switched_at_ms", gup_pin_age_ms(0, READ_ONCE(root->switched)));
	print_stat(m, "unloaded_frames", READ_ONCE(root->unloads->count));
	print_stat(m, "unloaded_unnamed", READ_ONCE(root->unloads->unnamed));
	gup_pin_show_hooks(m);
	return 0;
}

static int stats_open(struct inode *inode, struct file *file)
{
	return single_open(file, stats_show, NULL);
}

const struct file_operations gup_pin_stats_fops = {
	.owner = THIS_MODULE,
	.open = stats_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};
