/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The data model, from the outside in:
 *
 *   gup_pin_root     the one global; crash-dump scripts start here
 *   gup_pin_index    page pfn / 64 -> block, in GUP_PIN_NR_SHARDS xarrays
 *   gup_pin_block    64 neighbouring pages, and a list of the records on them
 *   gup_pin_record   the pins of one call on pages of one block
 *   gup_pin_origin   what pinned, where and how; shared by all equal calls
 *
 * Records of equal origin and time are of one call. What the pins on a folio are is the
 * sum over the blocks of its pages: a folio can be neither split nor freed while it is
 * pinned, so the pfns of its pages are stable.
 *
 * drgn-scripts/ reads all of these: a change of their meaning is a new GUP_PIN_FORMAT.
 */
#ifndef _MM_GUP_PIN_RECORD_MODEL_H
#define _MM_GUP_PIN_RECORD_MODEL_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/cache.h>
#include <linux/gup_pin.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/stackdepot.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

/* Of the structures below, for crash-dump scripts. */
#define GUP_PIN_FORMAT		5

/*
 * Two CPUs that pin different memory should rarely want the same lock: a shard owns
 * blocks of 64 pages, as many as a word has bits, dealt out in turn.
 */
#define GUP_PIN_BLOCK_SHIFT	6
#define GUP_PIN_BLOCK_PAGES	BIT(GUP_PIN_BLOCK_SHIFT)
#define GUP_PIN_SHARD_BITS	8
#define GUP_PIN_NR_SHARDS	BIT(GUP_PIN_SHARD_BITS)

/* Frames of a pin's stack; deeper ones are cut at the far end. */
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
 * struct gup_pin_id - what makes two calls come from the same origin
 * @stack: where: the pin function and its callers; 0 when it could not be kept
 * @mode: for read or for write
 * @term: short or long
 * @api: the pin function
 * @tgid: process of the pinning task, as the initial pid namespace sees it
 * @pid: the pinning task
 * @owner: tgid of the process whose memory was pinned, 0 when there is none
 * @comm: name of the pinning task
 * @uid: user of the pinning task, as the initial user namespace sees it
 * @reserved: 0, for every byte counts
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
 * @node: in &gup_pin_origins.buckets; added and removed under &gup_pin_origins.lock, read
 *	under RCU
 * @id: what it stands for; constant
 * @hash: of @id; constant
 * @used: looked up since the last sweep
 * @reported: a short-term pin of it was reported as overdue
 * @acquired: pins ever taken, or about to be; GUP_PIN_ORIGIN_DEAD once it is being freed
 * @released: those of them that have gone. Read before @acquired, whose readers so never
 *	see a pin go that they did not see come
 * @peak: the most live pins there were before some of them were released, or that all of
 *	its stack were seen to have
 * @cached: entries of the stack cache that point here; it stays as long as they do
 * @site: the site that released a pin of it last, which so has learned of its stack
 * @rcu: frees it
 *
 * Stays when its last pin has gone, so that steady I/O from one place allocates nothing,
 * until a sweep takes it.
 */
struct gup_pin_origin {
	struct hlist_node node;
	struct gup_pin_id id;
	u32 hash;
	bool used;
	bool reported;
	atomic64_t acquired;
	atomic64_t released;
	atomic64_t peak;
	atomic_t cached;
	unsigned long site;
	struct rcu_head rcu;
};

/* Below 0, and so far that what is added leaves it there. */
#define GUP_PIN_ORIGIN_DEAD	(-BIT_ULL(62))
#define GUP_PIN_ORIGIN_BITS	10

/**
 * struct gup_pin_origins - the table of all origins
 * @buckets: hash chains; see &gup_pin_origin.node
 * @lock: held to add and to remove
 * @count: origins in the table, live or not; under @lock
 * @hand: the bucket at which the next sweep goes on; under @lock
 * @sweep: sweeps while there are more than need be kept
 */
struct gup_pin_origins {
	struct hlist_head buckets[1 << GUP_PIN_ORIGIN_BITS];
	spinlock_t lock;	/* see above */
	unsigned int count;
	unsigned int hand;
	struct delayed_work sweep;
};

/**
 * struct gup_pin_record - the pins of one call on pages of a block
 * @list: in the block, behind all older ones
 * @origin: what pinned
 * @time: when, in ns of local_clock()
 * @mask: the pages, by bits 0 to 63; 0 if there is no pin left, or if this is a reader's
 *	place in the list
 * @base: user address of a page, less the page's index in its mapping times PAGE_SIZE:
 *	so all pages of a mapping have the same, in whatever order they lie in memory
 * @cookie: where the call's array had the page, less its user address divided by
 *	PAGE_SIZE times the size of an entry; or a handle
 * @pins: on each of the pages; 1 if there are several
 * @flags: GUP_PIN_RECORD_*
 *
 * All under the lock of the block's shard.
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

/* @base says the user address; without it, what stands for it: a place in the array. */
#define GUP_PIN_RECORD_ADDR	BIT(0)
/* The folio was pinned as a whole: its first page stands for it. */
#define GUP_PIN_RECORD_FOLIO	BIT(1)
/* @cookie is the handle that the unpin will name. */
#define GUP_PIN_RECORD_HANDLE	BIT(2)
/* What was continued was not on record, so mode and term are assumed. */
#define GUP_PIN_RECORD_ASSUMED	BIT(3)

/**
 * struct gup_pin_block - the pins on 64 neighbouring pages
 * @nr: first pfn >> GUP_PIN_BLOCK_SHIFT
 * @alike: pages on which an unpin took one of several records of the same origin
 * @guessed: pages on which it took one of several that differ, or may have; an unpin of
 *	which no record is there may be the reason
 *	Of these three, a page without pins may be left while the block has very many records
 * @mixed: those of @guessed where modes differ, so that what is left may be of the other
 * @earlier: pages of folios that may have pins from before tracking
 * @nr_records: those with pins, and readers' places: how long it takes to look at all
 * @kept: among the shard's kept blocks
 * @first: the first record, and the list's head. In use only while there was no other
 *	when it was added, so that the list is in order
 *
 * There as long as it has a record or a reader, or is kept. Under the lock of its shard.
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

/* Blocks that a shard finds without its tree: as many as neighbours in 512 MiB. */
#define GUP_PIN_RECENT		8

/* Empty blocks that a shard keeps, so that I/O to the same pages need not make them anew. */
#define GUP_PIN_KEPT		8

/**
 * struct gup_pin_last - pins that were released not long ago
 * @block: number of their block
 * @mask: the pages, by bits 0 to 63
 * @site: return address into the caller of the unpin function
 * @time: when the last of them was, in jiffies; low half
 * @pid: the task that released them; 0 in an interrupt
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
 * struct gup_pin_shard - a part of the index, with its share of the figures
 * @xa: key -> block; its lock guards everything here and all that blocks hold
 * @recent: blocks that were found not long ago, by their key
 * @kept: blocks that became empty and stay, until others have done so
 * @next_kept: which of @kept gives way next
 * @last: what was released last, for what unpins once too often
 * @freed: what gup_pin_shard_unlock() frees
 * @nodes: xa_nodes in use
 * @acquired: pins recorded
 * @released: recorded pins that were released
 * @inferred: pins released by a guess
 * @unmatched: pins released without a record, though all were recorded
 * @before: pins released without a record, after tracking was switched on late
 * @untracked: live pins that could not be recorded
 * @untracked_total: the same, including those since released
 */
struct gup_pin_shard {
	struct xarray xa;
	struct gup_pin_block *recent[GUP_PIN_RECENT];
	struct gup_pin_block *kept[GUP_PIN_KEPT];
	struct gup_pin_last last;
	struct gup_pin_freed *freed;
	u32 next_kept;
	u32 nodes;
	u64 acquired;
	u64 released;
	u64 inferred;
	u64 unmatched;
	u64 before;
	u64 untracked;
	u64 untracked_total;
} ____cacheline_aligned_in_smp;

/**
 * struct gup_pin_earlier - pins that were there when tracking was switched on
 * @xa: folio head pfn -> how many there were that were not released since; its lock is
 *	taken under that of a shard
 * @pins: their sum; under the lock of @xa
 * @nodes: xa_nodes in use; likewise
 * @late: tracking was switched on late, so that there may be some
 * @known: all memory was looked at, but for that of devices
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
 * @ip: where it calls; 0 if this is unused. Set once
 * @kinds: modes and terms of the pins that it released without a doubt, a bit for each pair
 * @stack: stacks of those pins; 0 behind the last
 * @many: there were more stacks than there is room for
 *
 * Written without a lock: what is lost will be learned again.
 */
struct gup_pin_site {
	unsigned long ip;
	u32 stack[GUP_PIN_SITE_STACKS];
	u32 kinds;
	bool many;
};

/**
 * struct gup_pin_sites - all that are known
 * @site: hashed by @ip; when there is no room for one, nothing is learned of it
 */
struct gup_pin_sites {
	struct gup_pin_site site[1 << GUP_PIN_SITE_BITS];
};

/**
 * struct gup_pin_index - page pfn -> its pins
 * @shards: see gup_pin_shard_of() and gup_pin_key()
 * @earlier: pins from before tracking
 * @sites: what unpins them
 * @recording: pins are recorded. Changed only while every hook is live, or a CPU that does
 *	not see the unpin hook yet could leave a record behind
 * @complete: recording since boot, so that no unrecorded pin can be released
 */
struct gup_pin_index {
	struct gup_pin_shard shards[GUP_PIN_NR_SHARDS];
	struct gup_pin_earlier earlier;
	struct gup_pin_sites sites;
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

/* The shard's number is left out of the key, or its tree would be mostly holes. */
static inline unsigned long gup_pin_key(unsigned long block)
{
	return block >> GUP_PIN_SHARD_BITS;
}

static inline unsigned long gup_pin_key_block(unsigned long key, unsigned int shard)
{
	return key << GUP_PIN_SHARD_BITS | shard;
}

#endif /* _MM_GUP_PIN_RECORD_MODEL_H */
