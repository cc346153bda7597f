/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CONFIG_DEBUG_GUP_PIN, private to mm/gup_pin/.
 *
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
#ifndef _MM_GUP_PIN_H
#define _MM_GUP_PIN_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/build_bug.h>
#include <linux/cache.h>
#include <linux/gfp_types.h>
#include <linux/gup_pin.h>
#include <linux/jump_label.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/stackdepot.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "hazard.h"

/* Of the structures below, for crash-dump scripts. */
#define GUP_PIN_FORMAT		3

/* Of the lines in debugfs: the number in `# gup_pin <file> N`. */
#define GUP_PIN_TEXT_FORMAT	1

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
 * @reserved: 0, as @reserved2, for every byte counts
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
	u32 reserved2;
} __aligned(8);

/**
 * struct gup_pin_origin - an interned &struct gup_pin_id
 * @node: in &gup_pin_origins.buckets; RCU
 * @id: what it stands for; constant
 * @hash: of @id
 * @got: calls that it was given to; GUP_PIN_ORIGIN_DEAD once it is being freed
 * @gone: those of them that have gone
 * @more: pins of all its calls, less one for each call; live, and ever
 * @peak: the most live pins that were seen
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
 * @inferred: those of them on which an unpin had to be guessed
 * @next_seq: of the next layer
 * @slots: NULL, or GUP_PIN_BLOCK_PFNS slots, of which those in @slotted count
 * @groups: NULL, or for 8 folios each, room for calls of a single page whose
 *	only pin is in the folio's slot, so that they need no other memory
 * @own: the same for the block's own layer
 * @layer: the first layer
 * @nr_layers: layers whose mask is not 0
 * @grouped: bits of those @groups that are not NULL
 * @kept: among the shard's kept blocks
 *
 * A call's pins on one folio are in a layer or in a slot, never in both.
 */
struct gup_pin_block {
	unsigned long nr;
	u64 used;
	u64 slotted;
	u64 inferred;
	u64 next_seq;
	void **slots;
	struct gup_pin_call *groups[GUP_PIN_GROUPS];
	struct gup_pin_call own;
	struct gup_pin_layer layer;
	u32 nr_layers;
	u8 grouped;
	bool kept;
};

/* Empty blocks that a shard keeps, so that I/O to the same pages need not make them anew. */
#define GUP_PIN_KEPT		8

/* Blocks that a shard finds without its tree: as many as neighbours in 512 MiB. */
#define GUP_PIN_RECENT		8

/**
 * struct gup_pin_shard - a part of the index, with its share of the figures
 * @xa: key -> block; its lock guards everything here and all that blocks hold
 * @recent: blocks that were found not long ago, by their key
 * @kept: blocks that became empty and stay, until others have done so
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
 * struct gup_pin_index - folio head pfn -> its pins
 * @shards: see gup_pin_shard_of() and gup_pin_key()
 * @recording: pins are recorded. Changed only while every hook is live, or a
 *	CPU that does not see the unpin hook yet could leave a record behind
 * @complete: recording since boot, so that no unrecorded pin can be released
 * @traced: somebody traces unpins
 * @quick: the only pin on a folio may be forgotten the short way: @complete, and
 *	not @traced
 */
struct gup_pin_index {
	struct gup_pin_shard shards[GUP_PIN_NR_SHARDS];
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
 * @hazards: how often each hazard was met
 * @reports_suppressed: hazards that were counted but not printed
 * @false_positive: folios that writeback found pinned, though they were not
 * @ring: the newest hazards
 * @hazard_names: name of each enum gup_pin_hazard_kind
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
	atomic64_t hazards[NR_GUP_PIN_HAZARDS];
	atomic64_t reports_suppressed;
	atomic64_t false_positive;
	struct gup_pin_ring *ring;
	const char *const *hazard_names;
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

/* memory.c */

/* What tracking allocates; xa_nodes are allocated by the xarray. */
enum gup_pin_kind {
	GUP_PIN_CALLS,
	GUP_PIN_ORIGINS,
	GUP_PIN_BLOCKS,
	GUP_PIN_LAYERS,
	GUP_PIN_SLOTS,
	GUP_PIN_CALL_GROUPS,
	GUP_PIN_SETS,
	GUP_PIN_REFS,
	NR_GUP_PIN_KINDS,
};

int gup_pin_memory_init(void);
void *gup_pin_alloc(enum gup_pin_kind kind, gfp_t gfp);
void gup_pin_free(enum gup_pin_kind kind, void *object);
void gup_pin_uncount(enum gup_pin_kind kind);
void *gup_pin_alloc_call(gfp_t gfp);
void gup_pin_free_call(void *call);
void gup_pin_free_calls(void);
u64 gup_pin_memory_bytes(void);
extern unsigned long gup_pin_max_memory_mb;

/* call.c */
static inline bool gup_pin_call_is_write(const struct gup_pin_call *call)
{
	return call->origin->id.mode == GUP_PIN_WRITE;
}

DECLARE_PER_CPU(long, gup_pin_live_calls);
struct gup_pin_call *gup_pin_call_alloc(gfp_t gfp);
void gup_pin_call_drop(struct gup_pin_call *call, unsigned int pins);
void gup_pin_call_drop_own(struct gup_pin_call *call);
unsigned long gup_pin_call_addr(const struct gup_pin_call *call,
				pgoff_t folio_index);
unsigned long gup_pin_call_count(void);

/* origin.c */
/* By words, for memcmp() goes by bytes. */
static inline bool gup_pin_id_equal(const struct gup_pin_id *a,
				    const struct gup_pin_id *b)
{
	const u64 *x = (const u64 *)a, *y = (const u64 *)b;

	BUILD_BUG_ON(sizeof(*a) != 5 * sizeof(u64));
	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) |
		 (x[3] ^ y[3]) | (x[4] ^ y[4]));
}

void gup_pin_origins_init(struct gup_pin_origins *origins);
struct gup_pin_origin *gup_pin_origin_get(struct gup_pin_origins *origins,
					  const struct gup_pin_id *id,
					  gfp_t gfp);

/**
 * gup_pin_origin_put() - a call of an origin has gone
 * @origin: the origin; may be gone as well after the next RCU grace period
 *
 * Any context; takes no lock.
 */
static inline void gup_pin_origin_put(struct gup_pin_origin *origin)
{
	atomic64_inc(&origin->gone);
}

/**
 * gup_pin_origin_calls() - the live calls of an origin
 * @origin: the origin
 *
 * Return: their number, 0 for one that is being freed.
 */
static inline u64 gup_pin_origin_calls(struct gup_pin_origin *origin)
{
	/* In this order, so that no call is seen to go that was not seen to come. */
	s64 gone = atomic64_read_acquire(&origin->gone);
	s64 got = atomic64_read(&origin->got);

	return max(got - gone, 0LL);
}

u64 gup_pin_origin_pins(struct gup_pin_origin *origin);
u64 gup_pin_origin_acquired(struct gup_pin_origin *origin);
void gup_pin_origin_see_peak(struct gup_pin_origin *origin, u64 less);
void gup_pin_origins_untold(struct gup_pin_origins *origins);
bool gup_pin_origin_tell_once(struct gup_pin_origins *origins,
			      const struct gup_pin_id *id);

unsigned int gup_pin_origins_live(struct gup_pin_origins *origins);
void gup_pin_origins_destroy(struct gup_pin_origins *origins);

/* trace.c */
int gup_pin_trace_init(void);
struct gup_pin_origin *gup_pin_trace_origin(struct gup_pin_id *id,
					    const unsigned long *frame,
					    unsigned long ip, gfp_t gfp);
u64 gup_pin_traces_wrong(void);

/* slot.c */

static inline bool gup_pin_slot_is_set(void *slot)
{
	return xa_pointer_tag(slot) == GUP_PIN_SLOT_SET;
}

void *gup_pin_slot_add(void *slot, struct gup_pin_call *call, unsigned int pins,
		       struct gup_pin_set **set, struct gup_pin_refs **chunk);
unsigned int gup_pin_slot_pins(void *slot);
unsigned int gup_pin_slot_calls(void *slot);
const struct gup_pin_refs *gup_pin_slot_refs(void *slot, u64 seq, u32 *next);
struct gup_pin_set *gup_pin_set_alloc(gfp_t gfp);
struct gup_pin_refs *gup_pin_chunk_alloc(gfp_t gfp);

/**
 * struct gup_pin_drops - pins of one call to be taken off its live count
 * @call: the call; NULL when there are none
 * @pins: how many
 *
 * A bulk unpin meets the same call on every folio: one atomic does for all.
 */
struct gup_pin_drops {
	struct gup_pin_call *call;
	unsigned int pins;
};

void gup_pin_drop_now(struct gup_pin_drops *drops);

/**
 * gup_pin_drop_later() - take pins off a call's live count, now or later
 * @drops: pins of one call to be taken off
 * @call: the call
 * @pins: how many
 *
 * A block's own call is dropped now, for its memory may be freed.
 */
static inline void gup_pin_drop_later(struct gup_pin_drops *drops,
				      struct gup_pin_call *call,
				      unsigned int pins)
{
	if (call->npages & GUP_PIN_CALL_OWN) {
		gup_pin_call_drop_own(call);
		return;
	}
	if (drops->call != call) {
		gup_pin_drop_now(drops);
		drops->call = call;
	}
	drops->pins += pins;
}

void gup_pin_slot_clear(void *slot, struct gup_pin_drops *drops);
void *gup_pin_slot_release(void *slot, unsigned int *pins, bool writes,
			   u64 before, struct gup_pin_drops *drops);

/* block.c */

/**
 * struct gup_pin_spare - memory that was allocated but is not used yet
 * @block: for pfns that have none
 * @layer: for a block that has one
 * @slots: for a block that has none
 * @set: for a folio that has none
 * @chunk: for a set that is full
 */
struct gup_pin_spare {
	struct gup_pin_block *block;
	struct gup_pin_layer *layer;
	void **slots;
	struct gup_pin_set *set;
	struct gup_pin_refs *chunk;
};

/**
 * struct gup_pin_ref_iter - a walk over the pins on one folio
 * @ref: the pins that were met last
 * @layer: the next layer to look at
 * @refs: then the refs of the folio's slot
 * @next: which of @refs is next
 * @direct: a slot that is a mere call, not met yet
 * @bit: the folio
 */
struct gup_pin_ref_iter {
	struct gup_pin_ref ref;
	const struct gup_pin_layer *layer;
	const struct gup_pin_refs *refs;
	u32 next;
	struct gup_pin_call *direct;
	unsigned int bit;
};

static inline bool gup_pin_single(u64 mask)
{
	return !(mask & (mask - 1));
}

/* hweight64(), which is a call, only where it is worth it. */
static inline unsigned int gup_pin_count(u64 mask)
{
	if (gup_pin_single(mask))
		return !!mask;
	return hweight64(mask);
}

/* Refs of a folio's slot come after those of all layers. */
#define GUP_PIN_SLOT_SEQ	BIT_ULL(63)

struct gup_pin_block *gup_pin_block_alloc(gfp_t gfp);
bool gup_pin_block_add_new(struct gup_pin_block *block,
			   struct gup_pin_call *call, u64 mask,
			   unsigned int pins);
struct gup_pin_call *gup_pin_block_add_own(struct gup_pin_block *block,
					   unsigned int bit,
					   struct gup_pin_call **spare);
u64 gup_pin_block_add(struct gup_pin_block *block, struct gup_pin_call *call,
		      u64 mask, unsigned int pins, bool fresh,
		      struct gup_pin_spare *spare, enum gup_pin_kind *missing);
unsigned int gup_pin_block_pins(const struct gup_pin_block *block,
				unsigned int bit, unsigned int *calls);
bool gup_pin_block_release_only(struct gup_pin_block *block, u64 mask,
				struct gup_pin_drops *drops);
bool gup_pin_block_writes(const struct gup_pin_block *block, unsigned int bit);
u64 gup_pin_block_release_each(struct gup_pin_block *block, u64 mask,
			       struct gup_pin_drops *drops);
void gup_pin_block_release_all(struct gup_pin_block *block, unsigned int bit,
			       struct gup_pin_drops *drops);
void gup_pin_block_release_some(struct gup_pin_block *block, unsigned int bit,
				unsigned int pins, bool dirty,
				struct gup_pin_drops *drops);
void gup_pin_block_emptied(struct gup_pin_block *block);
void gup_pin_block_free(struct gup_pin_block *block);
const struct gup_pin_ref *gup_pin_ref_first(struct gup_pin_ref_iter *iter,
					    const struct gup_pin_block *block,
					    unsigned int bit, u64 seq);
const struct gup_pin_ref *gup_pin_ref_next(struct gup_pin_ref_iter *iter);

/* index.c */
void gup_pin_index_init(struct gup_pin_index *index);
struct gup_pin_block *__gup_pin_index_find(struct gup_pin_shard *shard,
					   unsigned long nr);

static inline struct gup_pin_block **
gup_pin_recent(struct gup_pin_shard *shard, unsigned long nr)
{
	return &shard->recent[gup_pin_key(nr) % GUP_PIN_RECENT];
}

/**
 * gup_pin_index_find() - look a block up
 * @shard: its shard
 * @nr: its number: pfn >> GUP_PIN_BLOCK_SHIFT
 *
 * Return: the block, which may be empty, or NULL.
 */
static inline struct gup_pin_block *
gup_pin_index_find(struct gup_pin_shard *shard, unsigned long nr)
{
	struct gup_pin_block *block = *gup_pin_recent(shard, nr);

	if (likely(block && block->nr == nr))
		return block;
	return __gup_pin_index_find(shard, nr);
}

u64 gup_pin_index_node_bytes(struct gup_pin_index *index);
bool gup_pin_index_insert(struct gup_pin_shard *shard,
			  struct gup_pin_block *block, struct xa_state *xas);
void gup_pin_index_emptied(struct gup_pin_shard *shard,
			   struct gup_pin_block *block);
void gup_pin_index_drop_kept(struct gup_pin_index *index);
void gup_pin_index_flush(struct gup_pin_index *index);
void gup_pin_index_complete(struct gup_pin_index *index, bool complete);
void gup_pin_index_traced(struct gup_pin_index *index, bool traced);
bool gup_pin_index_newest(struct gup_pin_index *index, unsigned long pfn,
			  pid_t pid, struct gup_pin_id *id,
			  struct gup_pin_call *call);

/* add.c */

/**
 * struct gup_pin_adder - records the pins of a call
 * @index: where
 * @call: the call, or NULL to count its pins as untracked
 * @gfp: how memory may be allocated
 * @left: pins that were not recorded
 * @fresh: none were added to the index yet
 * @block: the block of the folios in @mask
 * @mask: folios with one pin each that are not in the index yet
 */
struct gup_pin_adder {
	struct gup_pin_index *index;
	struct gup_pin_call *call;
	gfp_t gfp;
	unsigned int left;
	bool fresh;
	unsigned long block;
	u64 mask;
};

bool gup_pin_add_single(struct gup_pin_index *index, unsigned long pfn,
			struct gup_pin_origin *origin, unsigned long addr,
			pgoff_t pgoff, gfp_t gfp);
void __gup_pin_add(struct gup_pin_adder *adder, unsigned long block, u64 mask,
		   unsigned int pins);

/**
 * gup_pin_add_flush() - record what is still to be
 * @adder: the state
 */
static inline void gup_pin_add_flush(struct gup_pin_adder *adder)
{
	if (adder->mask)
		__gup_pin_add(adder, adder->block, adder->mask, 1);
	adder->mask = 0;
}

/**
 * gup_pin_add() - record pins on a folio, now or with the next flush
 * @adder: the state
 * @pfn: of the folio's head
 * @pins: how many
 *
 * May sleep if the adder's gfp may.
 */
static inline void gup_pin_add(struct gup_pin_adder *adder, unsigned long pfn,
			       unsigned int pins)
{
	unsigned long block = gup_pin_block_nr(pfn);
	u64 bit = BIT_ULL(gup_pin_block_bit(pfn));

	if (adder->block != block || (adder->mask & bit)) {
		gup_pin_add_flush(adder);
		adder->block = block;
	}
	if (pins == 1)
		adder->mask |= bit;
	else
		__gup_pin_add(adder, block, bit, pins);
}

/* release.c */

/**
 * struct gup_pin_releaser - forgets pins
 * @index: where
 * @drops: pins to be taken off their call
 * @block: the block of the folios in @mask
 * @mask: folios to lose one pin each that are still in the index
 * @unmatched: folios of a block of which pins without a record were released
 * @unmatched_pins: how many of each
 * @ip: return address into the unpin function; 0 if hazards are not to be told
 */
struct gup_pin_releaser {
	struct gup_pin_index *index;
	struct gup_pin_drops drops;
	unsigned long block;
	u64 mask;
	u64 unmatched;
	unsigned int unmatched_pins;
	unsigned long ip;
};

void __gup_pin_release_each(struct gup_pin_releaser *rel);
void __gup_pin_release(struct gup_pin_releaser *rel, unsigned long pfn,
		       unsigned int pins, bool dirty);
void gup_pin_release_end(struct gup_pin_releaser *rel);
bool gup_pin_release_only(struct gup_pin_index *index, unsigned long pfn);

/**
 * gup_pin_release() - forget pins on a folio, now or at the end
 * @rel: the state
 * @pfn: of the folio's head
 * @pins: how many
 * @dirty: the caller says that it wrote to them
 *
 * Never allocates, never sleeps.
 */
static inline void gup_pin_release(struct gup_pin_releaser *rel,
				   unsigned long pfn, unsigned int pins,
				   bool dirty)
{
	unsigned long block = gup_pin_block_nr(pfn);
	u64 bit = BIT_ULL(gup_pin_block_bit(pfn));

	if (rel->block != block || (rel->mask & bit)) {
		if (rel->mask)
			__gup_pin_release_each(rel);
		rel->block = block;
	}
	if (pins == 1 && !dirty)
		rel->mask |= bit;
	else
		__gup_pin_release(rel, pfn, pins, dirty);
}

/* folio.c */

/**
 * struct gup_pin_folio - what a line tells of a folio
 * @map: kind of memory
 * @order: of the folio; it has 1 << @order pages
 * @dev: of the file system; 0 for anonymous memory and files that are gone
 * @ino: inode number; 0 likewise
 * @index: of the folio in its file, in pages; 0 for anonymous memory
 */
struct gup_pin_folio {
	enum gup_pin_map map;
	unsigned int order;
	dev_t dev;
	u64 ino;
	pgoff_t index;
};

unsigned int gup_pin_folio_pins(const struct folio *folio);
struct address_space *gup_pin_folio_file(const struct folio *folio);
void gup_pin_folio_describe(struct folio *folio, struct gup_pin_folio *desc);
bool gup_pin_mapped_huge(struct mm_struct *mm, unsigned long addr,
			 const struct page *page);

/* name.c */
struct gup_pin_item;
struct seq_file;

/* A path in `pins`, and one that is kept or reported. */
#define GUP_PIN_NAME_MAX	256
#define GUP_PIN_SHORT_NAME	64

void gup_pin_file_type(const struct folio *folio, char *type, size_t size);
void gup_pin_file_name(const struct folio *folio,
		       const struct gup_pin_folio *desc, char *name, size_t size);
void gup_pin_item_name(const struct gup_pin_item *item, char *name, size_t size);
void gup_pin_show_path(struct seq_file *m, const char *name);

/* walk.c */

/**
 * struct gup_pin_item - the pins of one call on one folio, as a walk found them
 * @pfn: of the folio's head
 * @call: tells calls apart; may be gone, not to be followed
 * @id: copy of the origin's
 * @time: of the call
 * @addr: user address of the first page that the call pinned in the folio, or 0
 * @pins: of the call on the folio
 * @inferred: an unpin on the folio had to be guessed
 * @folio_pins: recorded pins of all calls on the folio
 * @real_pins: the folio's own pin count, read while no record could go
 * @head: the pfn is a folio's head, as it must be
 * @folio: the folio's description
 */
struct gup_pin_item {
	unsigned long pfn;
	const struct gup_pin_call *call;
	struct gup_pin_id id;
	u64 time;
	unsigned long addr;
	unsigned int pins;
	bool inferred;
	bool head;
	unsigned int folio_pins;
	unsigned int real_pins;
	struct gup_pin_folio folio;
};

/**
 * struct gup_pin_pos - where a walk goes on
 * @pfn: the folio
 * @seq: the first ref on it that was not met yet
 */
struct gup_pin_pos {
	unsigned long pfn;
	u64 seq;
};

unsigned long gup_pin_next_block(struct gup_pin_index *index,
				 unsigned long from);
unsigned int gup_pin_walk(struct gup_pin_index *index, struct gup_pin_pos *pos,
			  struct gup_pin_item *items, unsigned int max);

/**
 * struct gup_pin_share - pins of one call in a block, without telling the folios
 * @id: copy of the origin's
 * @time: of the call
 * @pins: how many
 * @pages: pages of the folios that they are on
 */
struct gup_pin_share {
	struct gup_pin_id id;
	u64 time;
	u64 pins;
	u64 pages;
};

unsigned int gup_pin_walk_shares(struct gup_pin_index *index,
				 struct gup_pin_pos *pos,
				 struct gup_pin_share *shares,
				 unsigned int max);
unsigned int gup_pin_walk_folio(struct gup_pin_index *index,
				struct gup_pin_pos *pos,
				struct gup_pin_item *items, unsigned int max,
				bool *busy);
unsigned int gup_pin_walk_pins(struct gup_pin_index *index,
			       struct gup_pin_pos *pos,
			       struct gup_pin_item *items, unsigned int max);

/* holders.c */

/**
 * struct gup_pin_holders - the pins on a folio, summed up
 * @pins: how many
 * @writes: those of them that are for write
 * @calls: calls that took them
 * @all_recorded: no pin on the folio can be without a record, but for one that
 *	is just being taken or undone
 */
struct gup_pin_holders {
	unsigned int pins;
	unsigned int writes;
	unsigned int calls;
	bool all_recorded;
};

unsigned int gup_pin_walk_holders(struct gup_pin_index *index,
				  unsigned long pfn, struct gup_pin_item *items,
				  unsigned int max,
				  struct gup_pin_holders *holders);

/* ring.c */

/**
 * struct gup_pin_hazard_record - a hazard that was counted
 * @seq: its number, from 1 on; 0 while it is being written, and before
 * @kind: which
 * @pins: recorded pins on the folio
 * @writes: there are write pins
 * @event: what happened
 * @pin: who pinned it: the first that the report names. Its @call may be gone.
 *	If nobody is known to, its api is NR_GUP_PIN_APIS
 * @name: of the folio's file, when it happened; empty if it has none
 */
struct gup_pin_hazard_record {
	u64 seq;
	enum gup_pin_hazard_kind kind;
	u32 pins;
	bool writes;
	struct gup_pin_event event;
	struct gup_pin_item pin;
	char name[GUP_PIN_SHORT_NAME];
};

/**
 * struct gup_pin_ring - the newest hazards
 * @newest: number of the newest; 0 at first
 * @entries: number N is in entry N % GUP_PIN_RING_ENTRIES
 */
struct gup_pin_ring {
	u64 newest;
	struct gup_pin_hazard_record entries[GUP_PIN_RING_ENTRIES];
};

extern struct gup_pin_ring gup_pin_ring;
void gup_pin_ring_add(struct gup_pin_hazard_record *hazard);
bool gup_pin_ring_get(struct gup_pin_hazard_record *hazard, u64 after);

/* report.c */
void gup_pin_report(const struct gup_pin_hazard *hazard,
		    const struct gup_pin_hazard_record *record);
void gup_pin_report_forget(void);
size_t gup_pin_report_bytes(void);

/* event.c */
void gup_pin_under_writeback(struct folio *folio, enum gup_pin_mode mode,
			     unsigned long ip);
void gup_pin_unmatched(unsigned long block, u64 mask, unsigned int pins,
		       unsigned long ip);
void gup_pin_dirty_read(unsigned long pfn, unsigned long ip);

/* runs.c */
struct gup_pin_filter;

/**
 * struct gup_pin_run - neighbouring folios pinned by one call: one line
 * @first: the first folio
 * @pages: pages of all folios
 * @pins: pins of the call on all folios
 */
struct gup_pin_run {
	struct gup_pin_item first;
	unsigned long pages;
	unsigned long pins;
};

/* Folios that are pinned by more calls at once than this are split over lines. */
#define GUP_PIN_OPEN_RUNS	32
#define GUP_PIN_BATCH		64

/**
 * struct gup_pin_runs - makes runs of the items of a walk
 * @index: what is walked
 * @filter: which items are wanted; NULL for all
 * @pos: how far
 * @items: found but not used yet: from @next to @nr
 * @open: runs that the next folio may continue, in the order of their start
 * @done: runs to be handed out: from @taken to @ready
 * @nr_open: how many are open
 */
struct gup_pin_runs {
	struct gup_pin_index *index;
	const struct gup_pin_filter *filter;
	struct gup_pin_pos pos;
	unsigned int next;
	unsigned int nr;
	unsigned int nr_open;
	unsigned int taken;
	unsigned int ready;
	struct gup_pin_item items[GUP_PIN_BATCH];
	struct gup_pin_run open[GUP_PIN_OPEN_RUNS];
	struct gup_pin_run done[GUP_PIN_OPEN_RUNS];
};

void gup_pin_runs_init(struct gup_pin_runs *runs, struct gup_pin_index *index,
		       const struct gup_pin_filter *filter);
const struct gup_pin_run *gup_pin_runs_next(struct gup_pin_runs *runs);

/* format.c */

/* The longest line: every word at its widest, comm escaped to four times its size. */
#define GUP_PIN_LINE_MAX	512

/* A task's name, escaped. */
#define GUP_PIN_COMM_MAX	(4 * TASK_COMM_LEN + 1)

extern const char *const gup_pin_api_names[NR_GUP_PIN_APIS];
int gup_pin_format_run(char *buf, size_t size, const struct gup_pin_run *run,
		       u64 now);
const char *gup_pin_mode_name(enum gup_pin_mode mode);
const char *gup_pin_term_name(enum gup_pin_term term);
const char *gup_pin_api_name(unsigned int api);
const char *gup_pin_map_name(enum gup_pin_map map);
unsigned int gup_pin_format_comm(char *buf, const char *comm);
u64 gup_pin_age_ms(u64 time, u64 now);

/* overdue.c */
void gup_pin_overdue_look(u64 max_ms);

/* record.c */
pid_t gup_pin_mm_owner(struct mm_struct *mm);

/* refused.c */
void gup_pin_refused_by(const struct gup_pin_id *id, int err);
u64 gup_pin_refusals(void);

/* stats.c */

/**
 * struct gup_pin_totals - the figures of all shards
 *
 * The members are sums over those of &struct gup_pin_shard.
 */
struct gup_pin_totals {
	u64 acquired;
	u64 released;
	u64 inferred;
	u64 unmatched;
	u64 before;
	u64 untracked;
	u64 untracked_total;
	u64 folios;
	u64 nodes;
};

void gup_pin_index_totals(struct gup_pin_index *index,
			  struct gup_pin_totals *totals);

/* The files in debugfs. */
extern const struct file_operations gup_pin_hazards_fops;
extern const struct file_operations gup_pin_orphans_fops;
extern const struct file_operations gup_pin_pins_fops;
extern const struct file_operations gup_pin_refused_fops;
extern const struct file_operations gup_pin_stacks_fops;
extern const struct file_operations gup_pin_stats_fops;
extern const struct file_operations gup_pin_verify_fops;

/* control.c */
bool gup_pin_ready(void);
int gup_pin_switch(bool on);

#endif /* _MM_GUP_PIN_H */
