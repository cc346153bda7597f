/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The data model, from the outside in:
 *
 *   gup_pin_root          the one global; crash-dump scripts start here
 *   gup_pin_index         pfn / 64 -> block, in GUP_PIN_NR_SHARDS xarrays
 *   gup_pin_block         the pins on 64 neighbouring pfns: layers and slots
 *   gup_pin_layer         one call's pins on some folios of a block
 *   slot                  a folio's pins that no layer has: a call (one pin),
 *                         or a pin set
 *   gup_pin_set           the pins on a folio that one pointer cannot tell
 *   gup_pin_call          one successful call of a pin function
 *   gup_pin_origin        who, where and how; shared by all equal calls
 *
 * drgn-scripts/ reads all of these: a change of their meaning is a new
 * GUP_PIN_FORMAT.
 */
#ifndef _MM_GUP_PIN_MODEL_H
#define _MM_GUP_PIN_MODEL_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/cache.h>
#include <linux/gup_pin.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/stackdepot.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "hazard.h"
#include "site.h"

/* Of the structures below, for crash-dump scripts. */
#define GUP_PIN_FORMAT		4

/*
 * Two CPUs that pin different memory should rarely want the same lock, and one
 * that pins neighbours should rarely change it: a shard owns blocks of 64 pfns,
 * as many as a word has bits, dealt out in turn.
 */
#define GUP_PIN_BLOCK_SHIFT	6
#define GUP_PIN_BLOCK_PFNS	BIT(GUP_PIN_BLOCK_SHIFT)
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

/* What kind of memory a folio is, as `map=` says. */
enum gup_pin_map {
	GUP_PIN_MAP_ANON,
	GUP_PIN_MAP_FILE,
	GUP_PIN_MAP_SHMEM,
	GUP_PIN_MAP_HUGETLB,
	GUP_PIN_MAP_DAX,
	GUP_PIN_MAP_DEVICE,
	NR_GUP_PIN_MAPS,
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
 * @node: in &gup_pin_origins.buckets; RCU
 * @id: what it stands for; constant
 * @hash: of @id
 * @got: calls that it was given to; GUP_PIN_ORIGIN_DEAD once it is being freed
 * @gone: those of them that have gone
 * @more: pins of all its calls, less one for each call; live, and ever
 * @peak: the most live pins that it had before one of them was released, or that
 *        all of its stack were seen to have
 * @told: that a short-term pin of it was held for long
 * @hints: remembered traces that point here; it stays as long as they do
 * @used: looked up since the last sweep for origins to free
 * @rcu: frees it
 *
 * Stays when its last call has gone, so that steady I/O from one place
 * allocates nothing, until a sweep wants the memory.
 *
 * Counting calls that come and calls that go takes no more than counting those
 * that are live, and tells how many there ever were.
 */
struct gup_pin_origin {
	struct hlist_node node;
	struct gup_pin_id id;
	u32 hash;
	bool used;
	bool told;
	atomic64_t got;
	atomic64_t gone;
	atomic_t hints;
	struct {
		atomic64_t live;
		atomic64_t ever;
	} more;
	atomic64_t peak;
	struct rcu_head rcu;
};

/* Below 0, and so far that what is taken off leaves it there. */
#define GUP_PIN_ORIGIN_DEAD	(-BIT_ULL(62))
#define GUP_PIN_ORIGIN_BITS	10

/**
 * struct gup_pin_origins - the table of all origins
 * @buckets: hash chains
 * @lock: held to add and to remove; look-ups are under RCU
 * @count: origins in the table, live or not
 * @hand: the bucket at which the next sweep goes on
 */
struct gup_pin_origins {
	struct hlist_head buckets[1 << GUP_PIN_ORIGIN_BITS];
	spinlock_t lock;	/* adding and removing */
	unsigned int count;
	unsigned int hand;
};

/**
 * struct gup_pin_call - one successful call of a pin function
 * @origin: who, where and how
 * @time: when, in ns of local_clock()
 * @addr: user address of its first page, 0 when unknown
 * @index: index in its mapping of its first page
 * @npages: pages that it got, including zero pages, which are not pinned; 0
 *	unless their indexes count up as their addresses do, so that a folio's
 *	index tells its address; with GUP_PIN_CALL_OWN
 * @live: recorded pins that were not released yet; the last one frees it
 *
 * Shared by all folios that the call pinned.
 */
struct gup_pin_call {
	struct gup_pin_origin *origin;
	u64 time;
	unsigned long addr;
	pgoff_t index;
	u32 npages;
	atomic_t live;
};

/* In npages: the call has one pin, and lies in the block that has it. */
#define GUP_PIN_CALL_OWN	BIT(31)

/**
 * struct gup_pin_ref - the pins of one call on one folio
 * @call: the call
 * @seq: counts up on this folio, so that a reader can resume after it
 * @pins: how many; never 0
 */
struct gup_pin_ref {
	struct gup_pin_call *call;
	u64 seq;
	u32 pins;
};

/**
 * struct gup_pin_refs - some refs, in the order of their seq
 * @next: those that came later
 * @nr: how many
 * @cap: how many there is room for
 * @ref: the refs
 */
struct gup_pin_refs {
	struct gup_pin_refs *next;
	u32 nr;
	u32 cap;
	struct gup_pin_ref ref[];
};

#define GUP_PIN_SET_REFS	2
#define GUP_PIN_CHUNK_REFS	20

/**
 * struct gup_pin_set - the pins on a folio
 * @pins: sum over all refs
 * @writes: those of them that are for write
 * @calls: number of refs
 * @next_seq: of the next ref
 * @tail: where the next ref goes
 * @refs: the first refs; must be last
 */
struct gup_pin_set {
	u32 pins;
	u32 writes;
	u32 calls;
	u64 next_seq;
	struct gup_pin_refs *tail;
	struct gup_pin_refs refs;
};

/*
 * A slot is the pointer to a call that has one pin on the folio, or, tagged, to
 * a set.
 */
#define GUP_PIN_SLOT_CALL	0
#define GUP_PIN_SLOT_SET	1

/**
 * struct gup_pin_layer - the pins of one call on folios of a block
 * @next: a later one
 * @call: the call; meaningless when @mask is 0
 * @mask: the folios, by bits 0 to 63
 * @seq: counts up in the block, so that a reader can resume after it
 * @pins: pins on each of them; more than 1 only on a single folio, so that
 *	forgetting some of them never needs memory
 */
struct gup_pin_layer {
	struct gup_pin_layer *next;
	struct gup_pin_call *call;
	u64 mask;
	u64 seq;
	u32 pins;
};

/*
 * A call gets a layer of its own if it is the block's first, or if it brings so
 * many folios that slots for them would take more memory.
 */
#define GUP_PIN_LAYERS_MANY	32
#define GUP_PIN_LAYER_FOLIOS	8

#define GUP_PIN_GROUP_SHIFT	3
#define GUP_PIN_GROUP_CALLS	BIT(GUP_PIN_GROUP_SHIFT)
#define GUP_PIN_GROUPS		(GUP_PIN_BLOCK_PFNS / GUP_PIN_GROUP_CALLS)

/**
 * struct gup_pin_block - the pins on folios whose heads are neighbours
 * @nr: first pfn >> GUP_PIN_BLOCK_SHIFT
 * @used: folios that have pins
 * @slotted: those of them that have a slot
 * @inferred: those of them on which an unpin had to be guessed, or will have to be
 * @earlier: folios that may have pins from before tracking, whether or not they are in
 *	@used
 * @next_seq: of the next layer
 * @slots: NULL, or GUP_PIN_BLOCK_PFNS slots, of which those in @slotted count
 * @groups: NULL, or for 8 folios each, room for calls of a single page whose
 *	only pin is in the folio's slot, so that they need no other memory
 * @own: the same for the block's own layer
 * @layer: the first layer
 * @nr_layers: layers whose mask is not 0
 * @grouped: bits of those @groups that are not NULL
 * @kept: among the shard's kept blocks
 * @unsure: on one of the folios in @inferred, the guess was between pins for read and
 *	for write. One flag for all, as it takes no memory: it makes reports rarer
 *
 * A call's pins on one folio are in a layer or in a slot, never in both.
 */
struct gup_pin_block {
	unsigned long nr;
	u64 used;
	u64 slotted;
	u64 inferred;
	u64 earlier;
	u64 next_seq;
	void **slots;
	struct gup_pin_call *groups[GUP_PIN_GROUPS];
	struct gup_pin_call own;
	struct gup_pin_layer layer;
	u32 nr_layers;
	u8 grouped;
	bool kept;
	bool unsure;
};

/* Empty blocks that a shard keeps, so that I/O to the same pages need not make them anew. */
#define GUP_PIN_KEPT		8

/* Blocks that a shard finds without its tree: as many as neighbours in 512 MiB. */
#define GUP_PIN_RECENT		8

/**
 * struct gup_pin_last - pins that were released not long ago
 * @block: number of their block
 * @mask: the folios, by bits 0 to 63
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

/**
 * struct gup_pin_shard - a part of the index, with its share of the figures
 * @xa: key -> block; its lock guards everything here and all that blocks hold
 * @recent: blocks that were found not long ago, by their key
 * @kept: blocks that became empty and stay, until others have done so
 * @last: what was released last, for what unpins once too often
 * @next_kept: which of @kept gives way next
 * @acquired: pins recorded
 * @released: recorded pins that were forgotten
 * @inferred: pins released by a guess
 * @unmatched: pins released without a record, though all were recorded
 * @before: pins released without a record, after tracking was switched on late
 * @untracked: live pins that could not be recorded
 * @untracked_total: the same, including those since released
 * @folios: folios that have pins
 * @nodes: xa_nodes in use
 */
struct gup_pin_shard {
	struct xarray xa;
	struct gup_pin_block *recent[GUP_PIN_RECENT];
	struct gup_pin_block *kept[GUP_PIN_KEPT];
	struct gup_pin_last last;
	u32 next_kept;
	u32 folios;
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
 * @xa: folio head pfn -> how many there were that were not released since. Changed under
 *	the lock of the folio's shard and its own, in this order
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

/**
 * struct gup_pin_index - folio head pfn -> its pins
 * @shards: see gup_pin_shard_of() and gup_pin_key()
 * @earlier: pins from before tracking
 * @recording: pins are recorded. Changed only while every hook is live, or a
 *	CPU that does not see the unpin hook yet could leave a record behind
 * @complete: recording since boot, so that no unrecorded pin can be released
 * @traced: somebody traces unpins
 * @quick: the only pin on a folio may be forgotten the short way: @complete or
 *	@earlier.known, and so @recording, but not @traced
 */
struct gup_pin_index {
	struct gup_pin_shard shards[GUP_PIN_NR_SHARDS];
	struct gup_pin_earlier earlier;
	bool recording;
	bool complete;
	bool traced;
	bool quick;
};

/**
 * struct gup_pin_root - where crash-dump scripts start
 * @format: GUP_PIN_FORMAT
 * @shard_bits: GUP_PIN_SHARD_BITS
 * @block_shift: GUP_PIN_BLOCK_SHIFT
 * @live_calls: per CPU; only the sum means anything
 * @index: all live pins
 * @origins: all origins
 * @sites: what unpins are of where that is in doubt
 * @hazards: how often each hazard was met
 * @reports_suppressed: hazards that were counted but not printed
 * @false_positive: folios that writeback found pinned, though they were not
 * @ring: the hazards that are kept
 * @hazard_names: name of each enum gup_pin_hazard_kind
 * @stake_names: name of each enum gup_pin_stake
 * @api_names: name of each enum gup_pin_api
 * @switching: held while tracking is switched on or off
 */
struct gup_pin_root {
	u32 format;
	u32 shard_bits;
	u32 block_shift;
	long __percpu *live_calls;
	struct gup_pin_index index;
	struct gup_pin_origins origins;
	struct gup_pin_sites sites;
	atomic64_t hazards[NR_GUP_PIN_HAZARDS];
	atomic64_t reports_suppressed;
	atomic64_t false_positive;
	struct gup_pin_ring *ring;
	const char *const *hazard_names;
	const char *const *stake_names;
	const char *const *api_names;
	struct mutex switching;	/* on or off */
};

extern struct gup_pin_root gup_pin_root;

static inline unsigned long gup_pin_block_nr(unsigned long pfn)
{
	return pfn >> GUP_PIN_BLOCK_SHIFT;
}

static inline unsigned int gup_pin_block_bit(unsigned long pfn)
{
	return pfn & (GUP_PIN_BLOCK_PFNS - 1);
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

#endif /* _MM_GUP_PIN_MODEL_H */
