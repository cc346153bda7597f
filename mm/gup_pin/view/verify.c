// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/gup_pin/verify: do folios have more recorded pins than real ones?
 *
 * A pin is recorded after it was taken, and its record is removed before it is dropped,
 * so a folio never has fewer pins than records. It may have more: pins not recorded yet,
 * untracked pins, and pins from before tracking.
 */
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string_choices.h>

#include "view.h"

/* Maximum number of attempts on a folio whose pins change concurrently. */
#define TRIES	3

/**
 * struct verify - state of the comparison
 * @walk: the walk
 * @items: buffer for the walk
 * @block: number of the block of @pins and @stack
 * @pins: number of recorded pins on each page, or on the pages of the same
 *	folio from there on
 * @stack: stack of the first of these pins
 * @head: head of the current folio, which may continue in the next block
 * @recorded: number of recorded pins on it so far
 * @first_stack: stack of the first of these pins
 * @folios: number of folios compared
 * @all_pins: number of recorded pins on them
 * @mismatches: number of folios with fewer real pins than recorded ones
 */
struct verify {
	struct gup_pin_walk walk;
	struct gup_pin_item items[GUP_PIN_BATCH];
	unsigned long block;
	unsigned int pins[GUP_PIN_BLOCK_PAGES];
	u32 stack[GUP_PIN_BLOCK_PAGES];
	unsigned long head;
	unsigned int recorded;
	u32 first_stack;
	u64 folios;
	u64 all_pins;
	u64 mismatches;
};

static unsigned int real_pins(unsigned long head)
{
	return pfn_valid(head) ? gup_pin_folio_pins(page_folio(pfn_to_page(head))) : 0;
}

/* The two numbers are from different times: count a mismatch only if it persists. */
static bool is_mismatch(struct verify *verify, unsigned int *real)
{
	struct gup_pin_holders holders;
	unsigned int i, before;

	*real = real_pins(verify->head);
	for (i = 0; i < TRIES && verify->recorded > *real; i++) {
		before = real_pins(verify->head);
		gup_pin_walk_holders(&gup_pin_root.index, verify->head, NULL, 0, &holders);
		verify->recorded = holders.pins;
		*real = max(before, real_pins(verify->head));
	}
	return verify->recorded > *real;
}

static void end_folio(struct seq_file *m, struct verify *verify)
{
	unsigned int real;

	if (!verify->recorded)
		return;
	verify->folios++;
	verify->all_pins += verify->recorded;
	if (is_mismatch(verify, &real)) {
		verify->mismatches++;
		seq_printf(m, "mismatch pfn=0x%lx recorded=%u pinned=%u folio=%s stack=0x%x\n",
			   verify->head, verify->recorded, real,
			   str_yes_no(pfn_valid(verify->head) &&
				      page_ref_count(pfn_to_page(verify->head))),
			   verify->first_stack);
	}
	verify->recorded = 0;
}

static unsigned long head_of(unsigned long pfn)
{
	return pfn_valid(pfn) ? folio_pfn(page_folio(pfn_to_page(pfn))) : pfn;
}

static void end_block(struct seq_file *m, struct verify *verify)
{
	unsigned int i;

	for (i = 0; i < GUP_PIN_BLOCK_PAGES; i++) {
		unsigned long head;

		if (!verify->pins[i])
			continue;
		head = head_of(gup_pin_block_first(verify->block) + i);
		if (head != verify->head)
			end_folio(m, verify);
		if (!verify->recorded)
			verify->first_stack = verify->stack[i];
		verify->head = head;
		verify->recorded += verify->pins[i];
		verify->pins[i] = 0;
	}
}

static void take_item(struct seq_file *m, struct verify *verify,
		      const struct gup_pin_item *item)
{
	unsigned int bit = gup_pin_block_bit(item->pfn);

	if (gup_pin_block_nr(item->pfn) != verify->block)
		end_block(m, verify);
	verify->block = gup_pin_block_nr(item->pfn);
	if (!verify->pins[bit])
		verify->stack[bit] = item->id.stack;
	verify->pins[bit] += item->pins;
}

static int verify_show(struct seq_file *m, void *v)
{
	struct verify *verify = kvzalloc(sizeof(*verify), GFP_KERNEL);
	unsigned int i, nr;

	if (!verify)
		return -ENOMEM;
	gup_pin_walk_start(&verify->walk, &gup_pin_root.index, 0, ULONG_MAX);
	while (!fatal_signal_pending(current) &&
	       (nr = gup_pin_walk_items(&verify->walk, verify->items, GUP_PIN_BATCH))) {
		for (i = 0; i < nr; i++)
			take_item(m, verify, &verify->items[i]);
		cond_resched();
	}
	gup_pin_walk_end(&verify->walk);
	end_block(m, verify);
	end_folio(m, verify);
	seq_printf(m, "verified folios=%llu pins=%llu mismatches=%llu\n",
		   verify->folios, verify->all_pins, verify->mismatches);
	kvfree(verify);
	return 0;
}

static int verify_open(struct inode *inode, struct file *file)
{
	return single_open(file, verify_show, NULL);
}

const struct file_operations gup_pin_verify_fops = {
	.owner = THIS_MODULE,
	.open = verify_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};
