// SPDX-License-Identifier: GPL-2.0
/*
 * gup_pin.proof: compute checksums of a write-pinned folio when its writeback starts,
 * and compare them when it ends. A difference means that the folio was written to
 * behind the file system's back, and that the copy on disk may be half old and half
 * new.
 *
 * Checksums are kept together with what a report will need: by the end of the writeback
 * the pin may have been released, and writeback mostly ends in an interrupt.
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
 * struct gup_pin_proof - content of a folio when its writeback started
 * @node: entry in the table
 * @pfn: head pfn of the folio
 * @size: size of this object in bytes
 * @pin: the oldest write pin on the folio at that time
 * @event: start of the writeback
 * @nr_sums: number of @sums
 * @sums: checksums of the content, one for each GUP_PIN_SUM_BYTES
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

/* Folios under writeback. A raw lock, because writeback may end in any context. */
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
 * gup_pin_proof_bytes() - memory taken by checksums and their table
 *
 * Return: bytes.
 */
u64 gup_pin_proof_bytes(void)
{
	return sizeof(table) + atomic_long_read(&proof_bytes);
}

/**
 * gup_pin_proof_skipped() - number of folios without checksums for lack of memory
 *
 * Return: their number since boot.
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

/* Writeback may be needed to free memory, so neither wait for memory nor use the reserves. */
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

/* Remove and return the checksums of the folio, or NULL. The caller owns them. */
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

/* Return what the caller must free: @proof if the table was closed meanwhile, or NULL. */
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

/* The table is closed, so no entries are added. */
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
 * gup_pin_proof_start() - writeback of a pinned folio starts
 * @folio: the folio; PG_writeback is set, and no I/O has been started
 * @ip: return address into the function that the report names
 *
 * Computes checksums if the folio has a write pin. Does not sleep.
 *
 * Context: Any except NMI.
 */
void gup_pin_proof_start(struct folio *folio, unsigned long ip)
{
	struct gup_pin_holders holders;
	struct gup_pin_proof *proof;
	struct gup_pin_item pin;

	if (!static_branch_unlikely(&gup_pin_proof))
		return;
	/* Reading poisoned memory is fatal. */
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
 * struct changed - a hazard and its additions to the report
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
 * Does the file system know about the change? The page fault of a store makes the folio
 * dirty before the content changes; write() does so afterwards, but before it unlocks
 * the folio. So read the flags after the change was seen, the lock first. If the device
 * needs stable pages, both wait until the writeback has ended.
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
 * @on: true to switch it on
 *
 * Switching it off drops all checksums, because the end of those writebacks will not be
 * seen.
 *
 * Context: May sleep. The caller serialises calls.
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

/* Serialised by the parameter lock. */
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
		 "on or off: report write-pinned folios that change under writeback");

/**
 * gup_pin_proof_init() - switch the proof on, if a parameter asked for it before
 */
void __init gup_pin_proof_init(void)
{
	ready = true;
	gup_pin_proof_switch(on_at_boot);
}
