/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The data model, from the outside in:
 *
 *   gup_pin_root     the only global; crash-dump scripts start here
 *   gup_pin_index    page pfn / 64 -> block, in GUP_PIN_NR_SHARDS xarrays
 *   gup_pin_block    64 contiguous pages, and the list of records on them
 *   gup_pin_record   the pins of one call on the pages of one block
 *   gup_pin_origin   task, stack, mode and term; shared by all equal calls
 *
 * Records of equal origin and time belong to one call. The pins on a folio are the sum
 * over the blocks of its pages: a pinned folio can be neither split nor freed, so the
 * pfns of its pages are stable.
 *
 * drgn-scripts/ reads all of these: bump GUP_PIN_FORMAT when a meaning changes.
 */
#ifndef _MM_GUP_PIN_RECORD_MODEL_H
#define _MM_GUP_PIN_RECORD_MODEL_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/cache.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/stackdepot.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "../hooks.h"

/* Version of the structures below, for crash-dump scripts. */
#define GUP_PIN_FORMAT		6

/*
 * CPUs that pin different memory should rarely contend for a lock. Blocks are assigned to
 * shards round robin; a block has as many pages as a word has bits.
 */
#define GUP_PIN_BLOCK_SHIFT	6
#define GUP_PIN_BLOCK_PAGES	BIT(GUP_PIN_BLOCK_SHIFT)
#define GUP_PIN_SHARD_BITS	8
#define GUP_PIN_NR_SHARDS	BIT(GUP_PIN_SHARD_BITS)

/* Maximum number of frames of a pin's stack; the outermost frames are cut. */
#define GUP_PIN_STACK_DEPTH	32

enum gup_pin_mode {
	GUP_PIN_READ,
	GUP_PIN_WRITE,
};

enum gup_pin_term {
	GUP_PIN_SHORT,
	GUP_PIN_LONG,
};

/**
 * struct gup_pin_id - identity of an origin: calls with equal ids share it
 * @stack: the pin function and its callers; 0 if the stack could not be saved
 * @mode: read or write
 * @term: short or long
 * @api: the pin function
 * @tgid: process of the pinning task, in the initial pid namespace
 * @pid: the pinning task, in the initial pid namespace
 * @owner: tgid of the process whose memory was pinned, 0 if there is none
 * @comm: name of the pinning task
 * @uid: user of the pinning task, in the initial user namespace
 * @reserved: always 0, as every byte is compared
 */
struct gup_pin_id {
	depot_stack_handle_t stack;
	enum gup_pin_mode mode : 8;
	enum gup_pin_term term : 8;
	enum gup_pin_api api : 8;
	u32 reserved : 8;
	pid_t tgid;
	pid_t pid;
	pid_t owner;
	char comm[TASK_COMM_LEN];
	u32 uid;
} __aligned(8);

/**
 * struct gup_pin_origin - an interned &struct gup_pin_id
 * @node: in &gup_pin_origins.buckets; added and removed under
 *	&gup_pin_origins.lock, read under RCU
 * @id: the identity; constant
 * @hash: hash of @id; constant
 * @used: looked up since the last sweep
 * @reported: one of its short-term pins was reported as overdue
 * @counted: one of them was counted as overdue
 * @acquired: pins ever taken, or about to be taken; negative once the origin is being
 *	freed, see GUP_PIN_ORIGIN_DEAD
 * @released: pins released; read before @acquired, so that a reader never sees more pins
 *	released than acquired
 * @peak: highest number of live pins, sampled before each release; or the highest total
 *	of all origins with this stack that a reader of `stacks` has seen
 * @cached: number of stack cache entries that point here; the origin stays
 *	while there are any
 * @site: the site that last released one of its pins with certainty, and so has
 *	learned its stack
 * @rcu: for freeing
 *
 * Kept after its last pin is released, so that steady I/O from one place does not
 * allocate. A sweep frees unused origins.
 */
struct gup_pin_origin {
	struct hlist_node node;
	struct gup_pin_id id;
	u32 hash;
	bool used;
	bool reported;
	bool counted;
	atomic64_t acquired;
	atomic64_t released;
	atomic64_t peak;
	atomic_t cached;
	unsigned long site;
	struct rcu_head rcu;
};

/* Negative, with room for concurrent additions to leave it negative. */
#define GUP_PIN_ORIGIN_DEAD	(-BIT_ULL(62))
#define GUP_PIN_ORIGIN_BITS	10

/**
 * struct gup_pin_origins - the table of all origins
 * @buckets: hash chains; see &gup_pin_origin.node
 * @lock: held to add and remove origins
 * @count: origins in the table, with or without live pins; under @lock
 * @hand: the next bucket to sweep; under @lock
 * @seed: of the hash, so that a user cannot choose names whose origins share a bucket
 * @sweep: runs while the table has more origins than it should keep
 */
struct gup_pin_origins {
	struct hlist_head buckets[1 << GUP_PIN_ORIGIN_BITS];
	spinlock_t lock;	/* see above */
	unsigned int count;
	unsigned int hand;
	u32 seed;
	struct delayed_work sweep;
};

/**
 * struct gup_pin_unloaded - name of a return address whose code is gone
 * @node: in &gup_pin_unloads.buckets, newest first; added by the notifier, read under RCU
 * @ip: the return address
 * @until: the name is that of stacks with a lower mark; of several, the one with the
 *	lowest @until above the mark counts
 * @time: when the code went: low 32 bits of jiffies
 * @live: length of the part of @name that %pS printed before
 * @name: the frame as it is shown, or NULL if it is not known
 */
struct gup_pin_unloaded {
	struct hlist_node node;
	unsigned long ip;
	u32 until;
	u32 time;
	size_t live;
	const char *name;
};

/**
 * struct gup_pin_code - code that appears or disappears: a module, or its init code
 * @module: name of the module
 * @gone: why it is gone, in a word or two; NULL if it appears: return addresses in it that
 *	are on record are not those of this code
 * @start: first byte of its text, and of its init text
 * @end: their ends (exclusive); 0 if there is none
 */
struct gup_pin_code {
	const char *module;
	const char *gone;
	unsigned long start[2];
	unsigned long end[2];
};

#define GUP_PIN_UNLOADED_BITS	6

/* Modules that were loaded last. A file that stays open for longer shows addresses. */
#define GUP_PIN_CODE_NEW	16

/**
 * struct gup_pin_unloads - names of return addresses whose code is gone
 * @buckets: hash chains; see &gup_pin_unloaded.node
 * @count: names in the table
 * @unnamed: names that could not be kept
 * @lost: what these were valid for, with the highest @until and @time
 * @lost_first: the lowest of their addresses; the addresses up to the highest have no
 *	name, either
 * @lost_last: the highest
 * @new: code that appeared last
 * @nr_new: how often code has appeared
 */
struct gup_pin_unloads {
	struct hlist_head buckets[1 << GUP_PIN_UNLOADED_BITS];
	u32 count;
	u32 unnamed;
	struct gup_pin_unloaded lost;
	unsigned long lost_first;
	unsigned long lost_last;
	struct gup_pin_code new[GUP_PIN_CODE_NEW];
	u32 nr_new;
};

/**
 * struct gup_pin_record - the pins of one call on the pages of one block
 * @list: in the block's list, oldest first
 * @origin: origin of the call
 * @time: time of the call, in ns of local_clock()
 * @mask: bitmap of the pages; 0 if there is no pin left, or if this is the
 *	place of a reader
 * @base: user address of a page minus PAGE_SIZE times the page's index in its mapping:
 *	the same for all pages of a mapping, whatever their physical order
 * @cookie: address of the page's entry in the array of the call, minus the entry size
 *	times (user address / PAGE_SIZE); or a handle
 * @pins: pins on each of the pages; 1 if there are several pages
 * @flags: GUP_PIN_RECORD_*
 *
 * Protected by the lock of the block's shard.
 */
struct gup_pin_record {
	struct list_head list;
	struct gup_pin_origin *origin;
	u64 time;
	u64 mask;
	unsigned long base;
	unsigned long cookie;
	u32 pins;
	u32 flags;
};

/*
 * @base encodes the user address; if clear, the index in the array takes
 * the place of the address.
 */
#define GUP_PIN_RECORD_ADDR	BIT(0)
/* The folio was pinned as a whole: its first page stands for all. */
#define GUP_PIN_RECORD_FOLIO	BIT(1)
/* @cookie is the handle that the unpin will pass. */
#define GUP_PIN_RECORD_HANDLE	BIT(2)
/* The pin that this one continues has no record, so mode and term are assumed. */
#define GUP_PIN_RECORD_ASSUMED	BIT(3)
/*
 * This may not be the record of the pin that got the handle; or this pin may not continue the
 * one whose origin it has.
 */
#define GUP_PIN_RECORD_UNSURE	BIT(4)

/**
 * struct gup_pin_block - the pins on 64 contiguous pages
 * @nr: first pfn >> GUP_PIN_BLOCK_SHIFT
 * @alike: pages where an unpin took one of several records of the same origin
 * @guessed: pages where an unpin took, or may have taken, one of several different
 *	records; the right pin may have been one without a record. In @alike,
 *	@guessed and @mixed, pages without pins may remain set while the block has
 *	very many records
 * @mixed: pages in @guessed whose pins had different modes, so that a remaining record
 *	may have the wrong one
 * @earlier: pages of folios that may have pins from before tracking
 * @nr_records: records with pins plus places of readers: the length of a full scan
 * @kept: in the shard's cache of empty blocks
 * @first: the first record, and the head of the list. Used only if the list was empty
 *	when it was added, so that the list stays ordered by age
 *
 * Exists while it has a record or the place of a reader, or is kept. Protected
 * by the lock of its shard.
 */
struct gup_pin_block {
	unsigned long nr;
	u64 alike;
	u64 guessed;
	u64 mixed;
	u64 earlier;
	u32 nr_records;
	bool kept;
	struct gup_pin_record first;
};

/*
 * Blocks that a shard finds without a tree lookup: together 512 MiB of contiguous memory.
 */
#define GUP_PIN_RECENT		8

/*
 * Empty blocks that a shard keeps, so that I/O to the same pages
 * does not reallocate them.
 */
#define GUP_PIN_KEPT		8

/* Free records that a shard keeps: one for each page of a block. */
#define GUP_PIN_SPARE		GUP_PIN_BLOCK_PAGES

/**
 * struct gup_pin_last - the most recently released pins of a shard
 * @block: number of the block
 * @mask: bitmap of the pages
 * @site: return address into the caller of the unpin function
 * @time: time of the last of these unpins: low 32 bits of jiffies
 * @pid: the unpinning task; 0 in an interrupt
 */
struct gup_pin_last {
	unsigned long block;
	u64 mask;
	unsigned long site;
	u32 time;
	pid_t pid;
};

struct gup_pin_freed;

/**
 * struct gup_pin_shard - a part of the index, with its counters
 * @xa: key -> block; its lock protects all other fields and the contents of the blocks
 * @recent: recently found blocks, hashed by key
 * @kept: cache of empty blocks, replaced round robin
 * @next_kept: the entry of @kept to replace next
 * @last: the most recent release, to report an unpin too many
 * @spare: free records, for the next pins; at most GUP_PIN_SPARE
 * @freed: objects that gup_pin_shard_unlock() will free
 * @nr_spare: number of records in @spare
 * @nodes: xa_nodes in use
 * @acquired: pins recorded
 * @released: recorded pins that were released
 * @inferred: released pins whose record was guessed
 * @unmatched: unpins without a record although all pins were recorded
 * @before: unpins without a record, when tracking was switched on late
 * @untracked: live pins that could not be recorded
 * @untracked_total: pins that could not be recorded, including released ones
 * @untracked_guessed: pins that were taken off @untracked, but may have had a record, as a pin
 *	that was just being taken looks like an untracked one; or were none at all. Then
 *	one that is untracked is not counted any more
 */
struct gup_pin_shard {
	struct xarray xa;
	struct gup_pin_block *recent[GUP_PIN_RECENT];
	struct gup_pin_block *kept[GUP_PIN_KEPT];
	struct gup_pin_last last;
	struct gup_pin_freed *spare;
	struct gup_pin_freed *freed;
	u32 next_kept;
	u32 nr_spare;
	u32 nodes;
	u64 acquired;
	u64 released;
	u64 inferred;
	u64 unmatched;
	u64 before;
	u64 untracked;
	u64 untracked_total;
	u64 untracked_guessed;
} ____cacheline_aligned_in_smp;

/**
 * struct gup_pin_earlier - pins from before tracking was switched on
 * @xa: pfn of a folio's head -> number of such pins not released yet; its lock nests
 *	inside that of a shard
 * @pins: total number of such pins; under the lock of @xa
 * @nodes: xa_nodes in use; under the lock of @xa
 * @late: tracking was switched on late, so such pins may exist
 * @known: all memory except device memory was scanned
 */
struct gup_pin_earlier {
	struct xarray xa;
	u64 pins;
	u32 nodes;
	bool late;
	bool known;
};

#define GUP_PIN_SITE_BITS	8
#define GUP_PIN_SITE_STACKS	6

/**
 * struct gup_pin_site - a caller of an unpin function
 * @ip: return address into the caller; 0 if the entry was never used,
 *	GUP_PIN_SITE_UNLOADED if its code is gone
 * @kinds: bitmap of the mode and term pairs of pins that it released with certainty
 * @stack: stacks of those pins; unused entries are 0
 * @many: there were more stacks than entries
 *
 * Written without a lock: a lost update is learned again.
 */
struct gup_pin_site {
	unsigned long ip;
	u32 stack[GUP_PIN_SITE_STACKS];
	u32 kinds;
	bool many;
};

/* Not a return address. Such an entry may be used again, but others may lie behind it. */
#define GUP_PIN_SITE_UNLOADED	1UL

/**
 * struct gup_pin_sites - table of the callers of unpin functions
 * @site: hashed by &gup_pin_site.ip; if there is no free entry, nothing is
 *	learned about a site
 */
struct gup_pin_sites {
	struct gup_pin_site site[1 << GUP_PIN_SITE_BITS];
};

/**
 * struct gup_pin_index - all recorded pins, by page pfn
 * @shards: see gup_pin_shard_of() and gup_pin_key()
 * @earlier: pins from before tracking
 * @sites: callers of unpin functions
 * @whole: recorded pins of folios as a whole, see GUP_PIN_RECORD_FOLIO
 * @whole_untracked: such a pin could not be recorded, at any time since tracking is on
 * @recording: record new pins. Changes only while every hook is enabled: a CPU that does
 *	not run the unpin hook yet could leave a stale record
 * @complete: recording since boot, so every pin has a record or is untracked
 */
struct gup_pin_index {
	struct gup_pin_shard shards[GUP_PIN_NR_SHARDS];
	struct gup_pin_earlier earlier;
	struct gup_pin_sites sites;
	atomic_long_t whole;
	bool whole_untracked;
	bool recording;
	bool complete;
};

static inline unsigned long gup_pin_block_nr(unsigned long pfn)
{
	return pfn >> GUP_PIN_BLOCK_SHIFT;
}

static inline unsigned int gup_pin_block_bit(unsigned long pfn)
{
	return pfn & (GUP_PIN_BLOCK_PAGES - 1);
}

static inline unsigned long gup_pin_block_first(unsigned long nr)
{
	return nr << GUP_PIN_BLOCK_SHIFT;
}

static inline unsigned int gup_pin_shard_nr(unsigned long block)
{
	return block & (GUP_PIN_NR_SHARDS - 1);
}

static inline struct gup_pin_shard *
gup_pin_shard_of(struct gup_pin_index *index, unsigned long block)
{
	return &index->shards[gup_pin_shard_nr(block)];
}

/* The shard number is not part of the key, which keeps the tree dense. */
static inline unsigned long gup_pin_key(unsigned long block)
{
	return block >> GUP_PIN_SHARD_BITS;
}

static inline unsigned long gup_pin_key_block(unsigned long key, unsigned int shard)
{
	return key << GUP_PIN_SHARD_BITS | shard;
}

#endif /* _MM_GUP_PIN_RECORD_MODEL_H */
