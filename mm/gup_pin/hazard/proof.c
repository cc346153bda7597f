// SPDX-License-Identifier: GPL-2.0
/*
 * gup_pin.proof: sum a write-pinned folio's content when its writeback starts,
 * and again when it ends. What has changed meanwhile was written behind the file
 * system's back, and what is on the disk may be half old and half new.
 *
 * A sum is kept with what a report will need: by the end of the writeback the
 * pin may have been released, and those who end it are mostly an interrupt.
 */
#include <linux/atomic.h>
#include <linux/container_of.h>
#include <linux/hash.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/overflow.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "../compat.h"
#include "internal.h"

DEFINE_STATIC_KEY_FALSE(gup_pin_proof);

/**
 * struct gup_pin_proof - a folio's content when its writeback started
 * @node: in the table
 * @pfn: of the folio's head
 * @size: bytes that this takes
 * @pin: the oldest write pin that the folio had then
 * @event: the writeback's start
 * @nr_sums: sums in @sums
 * @sums: of the content, by GUP_PIN_SUM_BYTES
 */
struct gup_pin_proof {
	struct hlist_node node;
	unsigned long pfn;
	size_t size;
	struct gup_pin_item pin;
	struct gup_pin_event event;
	unsigned int nr_sums;
	u32 sums[] __counted_by(nr_sums);
};

#define TABLE_BITS	8

/* The folios that are being written back. A raw lock, for writeback ends anywhere. */
static struct hlist_head table[1 << TABLE_BITS];
static DEFINE_RAW_SPINLOCK(table_lock);
static bool table_open;

static atomic_long_t proof_bytes;
static atomic64_t proof_skipped;

unsigned long gup_pin_proof_max_kb __read_mostly = 1024;
module_param_named(proof_max_kb, gup_pin_proof_max_kb, ulong, 0644);
MODULE_PARM_DESC(proof_max_kb,
		 "KiB that the sums of folios under writeback may take; those of others are skipped");

/**
 * gup_pin_proof_bytes() - the memory that sums take now, and their table
 *
 * Return: bytes.
 */
u64 gup_pin_proof_bytes(void)
{
	return sizeof(table) + atomic_long_read(&proof_bytes);
}

/**
 * gup_pin_proof_skipped() - folios that could not be summed
 *
 * Return: how many there were, since boot.
 */
u64 gup_pin_proof_skipped(void)
{
	return atomic64_read(&proof_skipped);
}

static struct hlist_head *bucket(unsigned long pfn)
{
	return &table[hash_long(pfn, TABLE_BITS)];
}

static void proof_free(struct gup_pin_proof *proof)
{
	if (!proof)
		return;
	atomic_long_sub(proof->size, &proof_bytes);
	kfree(proof);
}

/*
 * Writeback may be what frees memory, so it neither waits for any nor takes the
 * reserves.
 */
static struct gup_pin_proof *proof_alloc(unsigned int nr_sums)
{
	struct gup_pin_proof *proof;
	size_t size = kmalloc_size_roundup(struct_size(proof, sums, nr_sums));
	u64 max = (u64)READ_ONCE(gup_pin_proof_max_kb) * SZ_1K;

	if (atomic_long_add_return(size, &proof_bytes) > max)
		goto uncount;
	proof = kmalloc(size, GFP_NOWAIT | __GFP_NOWARN | __GFP_NOMEMALLOC);
	if (!proof)
		goto uncount;
	proof->size = size;
	proof->nr_sums = nr_sums;
	return proof;
uncount:
	atomic_long_sub(size, &proof_bytes);
	return NULL;
}

static struct gup_pin_proof *table_find(unsigned long pfn)
{
	struct gup_pin_proof *proof;

	hlist_for_each_entry(proof, bucket(pfn), node)
		if (proof->pfn == pfn)
			return proof;
	return NULL;
}

/* Return: the folio's sums, or NULL; they are the caller's then. */
static struct gup_pin_proof *table_take(unsigned long pfn)
{
	struct gup_pin_proof *proof;
	unsigned long flags;

	raw_spin_lock_irqsave(&table_lock, flags);
	proof = table_find(pfn);
	if (proof)
		hlist_del(&proof->node);
	raw_spin_unlock_irqrestore(&table_lock, flags);
	return proof;
}

/* Return: what is to be freed: the sums, if the table was closed meanwhile. */
static struct gup_pin_proof *table_add(struct gup_pin_proof *proof)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&table_lock, flags);
	if (table_open) {
		hlist_add_head(&proof->node, bucket(proof->pfn));
		proof = NULL;
	}
	raw_spin_unlock_irqrestore(&table_lock, flags);
	return proof;
}

static void table_open_close(bool open)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&table_lock, flags);
	table_open = open;
	raw_spin_unlock_irqrestore(&table_lock, flags);
}

/* The table is closed, so it only gets emptier. */
static void table_flush(void)
{
	struct gup_pin_proof *proof;
	struct hlist_head *head;
	unsigned long flags;

	for (head = table; head < table + ARRAY_SIZE(table); head++) {
		do {
			raw_spin_lock_irqsave(&table_lock, flags);
			proof = hlist_entry_safe(head->first,
						 struct gup_pin_proof, node);
			if (proof)
				hlist_del(&proof->node);
			raw_spin_unlock_irqrestore(&table_lock, flags);
			proof_free(proof);
		} while (proof);
	}
}

/**
 * gup_pin_proof_start() - a pinned folio's writeback starts
 * @folio: the folio; PG_writeback is set, and no I/O was started
 * @ip: return address into the function that the report is to name
 *
 * Sums it if it is pinned for write. Any context but NMI; never sleeps.
 */
void gup_pin_proof_start(struct folio *folio, unsigned long ip)
{
	struct gup_pin_holders holders;
	struct gup_pin_proof *proof;
	struct gup_pin_item pin;

	if (!static_branch_unlikely(&gup_pin_proof))
		return;
	/* Reading poisoned memory would be fatal. */
	if (folio_contain_hwpoisoned_page(folio))
		return;
	gup_pin_walk_holders(&gup_pin_root.index, folio_pfn(folio), &pin, 1,
			     &holders);
	if (!holders.writes)
		return;
	proof = proof_alloc(gup_pin_sums_of(folio));
	if (!proof) {
		atomic64_inc(&proof_skipped);
		return;
	}
	proof->pfn = folio_pfn(folio);
	proof->pin = pin;
	gup_pin_event_now(&proof->event, ip);
	gup_pin_sum(folio, proof->sums);
	proof_free(table_add(proof));
}

/**
 * struct changed - the hazard, with what it adds to the report
 * @hazard: the hazard
 * @changes: what has changed
 */
struct changed {
	struct gup_pin_hazard hazard;
	struct gup_pin_changes changes;
};

static void print_changes(const struct gup_pin_hazard *hazard, char *buf, size_t size)
{
	const struct changed *changed =
		container_of(hazard, struct changed, hazard);
	const struct gup_pin_changes *changes = &changed->changes;
	unsigned int i, shown = min(changes->nr, GUP_PIN_RANGES_MAX);
	size_t len;

	len = scnprintf(buf, size, "the writeback, whose start is the event, took %llu ms\n",
			gup_pin_age_ms(hazard->event->time, local_clock()));
	for (i = 0; i < shown; i++)
		len += scnprintf(buf + len, size - len,
				 "bytes %zu-%zu of the folio changed\n",
				 changes->range[i].first, changes->range[i].last);
	if (changes->nr > shown)
		len += scnprintf(buf + len, size - len, "and %u more ranges\n",
				 changes->nr - shown);
	scnprintf(buf + len, size - len, "%s\n", changes->dirty ?
		  "the folio is dirty again: it will be written once more" :
		  "the folio is clean: it will not be written again");
}

/*
 * Was the change made by what the file system knows of? A store makes the folio dirty by
 * its page fault, before it changes anything; write() does so afterwards, while the folio
 * is locked. So the flags are looked at when the change was seen, the lock first. Where
 * the device needs stable pages, both wait until the writeback has ended.
 */
static enum gup_pin_stake changed_stake(const struct folio *folio,
					struct gup_pin_changes *changes)
{
	bool locked;

	smp_rmb(); /* pairs with dirtying before a store, and before unlocking */
	locked = folio_test_locked(folio);
	smp_rmb(); /* write() dirties before it unlocks */
	changes->dirty = folio_test_dirty(folio);
	if ((changes->dirty || locked) && !gup_pin_needs_stable(folio))
		return GUP_PIN_STAKE_REWRITE;
	return GUP_PIN_STAKE_DATA;
}

/* PG_writeback is still set, so the folio can be neither split nor freed. */
void __gup_pin_writeback_end(struct folio *folio)
{
	struct gup_pin_proof *proof = table_take(folio_pfn(folio));
	struct changed changed = {
		.hazard.kind = GUP_PIN_HAZARD_CHANGED_UNDER_WRITEBACK,
		.hazard.folio = folio,
		.hazard.details = print_changes,
	};

	if (!proof)
		return;
	if (proof->nr_sums == gup_pin_sums_of(folio) &&
	    !folio_contain_hwpoisoned_page(folio) &&
	    gup_pin_sum_compare(folio, proof->sums, &changed.changes)) {
		changed.hazard.stake = changed_stake(folio, &changed.changes);
		changed.hazard.pin = &proof->pin;
		changed.hazard.event = &proof->event;
		changed.hazard.ip = proof->event.ip;
		gup_pin_hazard(&changed.hazard);
	}
	proof_free(proof);
}

/**
 * gup_pin_proof_switch() - switch the proof on or off
 * @on: which
 *
 * Off forgets the sums, for the end of their writeback will not be seen. One at a
 * time; may sleep.
 */
void gup_pin_proof_switch(bool on)
{
	if (on == static_key_enabled(&gup_pin_proof))
		return;
	if (on) {
		table_open_close(true);
		static_branch_enable(&gup_pin_proof);
	} else {
		static_branch_disable(&gup_pin_proof);
		table_open_close(false);
		table_flush();
	}
}

static const char *const words[] = { "off", "on" };
static bool on_at_boot, ready;

/* Writers of parameters are one at a time. */
static int proof_set(const char *value, const struct kernel_param *kp)
{
	int on = sysfs_match_string(words, value);

	if (on < 0)
		return on;
	if (ready)
		gup_pin_proof_switch(on);
	else
		on_at_boot = on;
	return 0;
}

static int proof_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n",
			  words[static_key_enabled(&gup_pin_proof)]);
}

static const struct kernel_param_ops proof_ops = {
	.set = proof_set,
	.get = proof_get,
};
module_param_cb(proof, &proof_ops, NULL, 0644);
MODULE_PARM_DESC(proof,
		 "on or off: tell if a write-pinned folio changes while it is written back");

/**
 * gup_pin_proof_init() - switch the proof on, if that was asked for before
 */
void __init gup_pin_proof_init(void)
{
	ready = true;
	gup_pin_proof_switch(on_at_boot);
}
