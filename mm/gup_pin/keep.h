/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How records are made, found and dropped, from the pin functions' calls down to
 * the memory that they take.
 */
#ifndef _MM_GUP_PIN_KEEP_H
#define _MM_GUP_PIN_KEEP_H

#include <linux/gfp_types.h>
#include <linux/jump_label.h>
#include <linux/minmax.h>
#include <linux/preempt.h>

#include "model.h"

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
bool gup_pin_memory_full(void);
extern unsigned long gup_pin_max_memory_mb;

/* call.c */
static inline bool gup_pin_call_is_write(const struct gup_pin_call *call)
{
	return call->origin->id.mode == GUP_PIN_WRITE;
}

DECLARE_PER_CPU(long, gup_pin_live_calls);
struct gup_pin_call *gup_pin_call_alloc(gfp_t gfp);
void gup_pin_call_drop(struct gup_pin_call *call, unsigned int pins);
void gup_pin_call_drop_own(struct gup_pin_call *call, unsigned long site);
void gup_pin_calls_gone(struct gup_pin_origin *origin, unsigned int nr,
			unsigned long site);
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

/**
 * gup_pin_origin_pins() - the live pins of an origin
 * @origin: the origin
 *
 * Return: their number; a call that is just being recorded or released may be
 * counted in part. Far below 0 for an origin that is being freed.
 */
static inline s64 gup_pin_origin_pins(struct gup_pin_origin *origin)
{
	s64 gone = atomic64_read_acquire(&origin->gone);
	s64 got = atomic64_read(&origin->got);

	return got - gone + atomic64_read(&origin->more.live);
}

u64 gup_pin_origin_acquired(struct gup_pin_origin *origin);
void gup_pin_origin_raise_peak(struct gup_pin_origin *origin, s64 pins);

/**
 * gup_pin_origin_see_peak() - are its live pins more than ever?
 * @origin: the origin
 *
 * For who is about to release some, and for who wants to know: those that were
 * most are all there until one goes. Any context; takes no lock.
 */
static inline void gup_pin_origin_see_peak(struct gup_pin_origin *origin)
{
	s64 pins = gup_pin_origin_pins(origin);

	if (unlikely(pins > atomic64_read(&origin->peak)))
		gup_pin_origin_raise_peak(origin, pins);
}

/* Of so many calls of an origin, one tells what it is that a site releases. */
#define GUP_PIN_LEARN	16

/**
 * gup_pin_origin_tells() - is something to be learned from a pin that goes?
 * @origin: the pin's
 *
 * Return: true if gup_pin_origin_released() has something to do: there are more
 * pins than ever, or it is the turn of this call. The first one's it always is.
 */
static inline bool gup_pin_origin_tells(struct gup_pin_origin *origin)
{
	s64 gone = atomic64_read(&origin->gone);
	s64 pins = atomic64_read(&origin->got) +
		   atomic64_read(&origin->more.live) - gone;

	return pins > atomic64_read(&origin->peak) || !(gone % GUP_PIN_LEARN);
}

void gup_pin_origin_released(struct gup_pin_origin *origin, unsigned long site);
void gup_pin_origins_untold(struct gup_pin_origins *origins);
bool gup_pin_origin_to_tell(struct gup_pin_origins *origins,
			    const struct gup_pin_id *id);
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
bool gup_pin_slot_writes(void *slot);
const struct gup_pin_refs *gup_pin_slot_refs(void *slot, u64 seq, u32 *next);
struct gup_pin_set *gup_pin_set_alloc(gfp_t gfp);
struct gup_pin_refs *gup_pin_chunk_alloc(gfp_t gfp);

/**
 * struct gup_pin_drops - pins of one call to be taken off its live count
 * @call: the call; NULL when there are none
 * @pins: how many
 * @own: blocks' own calls that have gone
 * @origin: of all of these; NULL when there are none
 * @site: return address into the caller of the unpin function; 0 if it is not
 *	known, or is not to be learned from
 * @pid: the task that unpins; 0 in an interrupt
 *
 * A bulk unpin meets the same call, or calls of the same origin, on every folio:
 * one atomic does for all.
 */
struct gup_pin_drops {
	struct gup_pin_call *call;
	unsigned int pins;
	unsigned int own;
	struct gup_pin_origin *origin;
	unsigned long site;
	pid_t pid;
};

/* For @pid of &struct gup_pin_drops. */
static inline pid_t gup_pin_unpinning_pid(void)
{
	return in_task() ? current->pid : 0;
}

void gup_pin_drop_now(struct gup_pin_drops *drops);

/**
 * struct gup_pin_want - which pins of a folio are to be released
 * @hint: what is known of them
 * @rank: how well they have to fit; see gup_pin_hint_rank()
 */
struct gup_pin_want {
	const struct gup_pin_hint *hint;
	unsigned int rank;
};

/**
 * gup_pin_wants() - may a pin of a call be released?
 * @want: which may
 * @call: the call
 */
static inline bool gup_pin_wants(const struct gup_pin_want *want,
				 const struct gup_pin_call *call)
{
	return gup_pin_hint_rank(want->hint, &call->origin->id) == want->rank;
}

/**
 * gup_pin_drop_later() - take pins off a call's live count, now or later
 * @drops: pins of one call to be taken off
 * @call: the call
 * @pins: how many
 *
 * Of a block's own call only the origin is remembered, for its memory may be freed.
 */
static inline void gup_pin_drop_later(struct gup_pin_drops *drops,
				      struct gup_pin_call *call,
				      unsigned int pins)
{
	if (call->npages & GUP_PIN_CALL_OWN) {
		if (drops->origin != call->origin) {
			gup_pin_drop_now(drops);
			drops->origin = call->origin;
		}
		drops->own++;
		return;
	}
	if (drops->call != call) {
		gup_pin_drop_now(drops);
		drops->call = call;
	}
	drops->pins += pins;
}

/**
 * gup_pin_drop_one() - take the only pin of an unpin off its call's live count
 * @drops: where it may be remembered
 * @call: the call
 *
 * There is nothing to be gained by waiting for others.
 */
static inline void gup_pin_drop_one(struct gup_pin_drops *drops,
				    struct gup_pin_call *call)
{
	if (call->npages & GUP_PIN_CALL_OWN)
		gup_pin_call_drop_own(call, drops->site);
	else
		gup_pin_drop_later(drops, call, 1);
}

void gup_pin_slot_clear(void *slot, struct gup_pin_drops *drops);
void *gup_pin_slot_release(void *slot, unsigned int *pins,
			   const struct gup_pin_want *want, u64 before,
			   struct gup_pin_drops *drops);

/* block.c */

/* Calls on a folio, from more of which none is chosen by a hint. */
#define GUP_PIN_CHOSEN_FROM	64

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
bool gup_pin_block_writes(const struct gup_pin_block *block, unsigned int bit);
u64 gup_pin_block_release_each(struct gup_pin_block *block, u64 mask,
			       struct gup_pin_drops *drops);
void gup_pin_block_release_all(struct gup_pin_block *block, unsigned int bit,
			       struct gup_pin_drops *drops);
void gup_pin_block_release_some(struct gup_pin_block *block, unsigned int bit,
				unsigned int pins, unsigned int calls,
				const struct gup_pin_hint *hint,
				struct gup_pin_drops *drops);
void gup_pin_block_emptied(struct gup_pin_block *block);
void gup_pin_block_free(struct gup_pin_block *block);
const struct gup_pin_ref *gup_pin_ref_first(struct gup_pin_ref_iter *iter,
					    const struct gup_pin_block *block,
					    unsigned int bit, u64 seq);
const struct gup_pin_ref *gup_pin_ref_next(struct gup_pin_ref_iter *iter);

void gup_pin_earlier_doubt(struct gup_pin_block *block);

/* A release on a folio that has pins from before tracking is a guess. */
static inline void gup_pin_block_doubt_earlier(struct gup_pin_block *block)
{
	if (unlikely(block->earlier))
		gup_pin_earlier_doubt(block);
}

static inline void gup_pin_layer_lose(struct gup_pin_block *block,
				      struct gup_pin_layer *layer, u64 mask)
{
	layer->mask &= ~mask;
	if (!layer->mask)
		block->nr_layers--;
}

/**
 * gup_pin_block_release_only() - forget the only pin on a folio, if that is easy
 * @block: the block
 * @mask: the folio
 * @drops: where the call's pin goes
 *
 * The most common cases of gup_pin_block_release_each(); here, for each unpin of a
 * single page comes by.
 *
 * Return: false if it is none of them, and nothing has changed.
 */
static __always_inline bool
gup_pin_block_release_only(struct gup_pin_block *block, u64 mask,
			   struct gup_pin_drops *drops)
{
	struct gup_pin_layer *layer = &block->layer;
	void *slot;

	if (layer->next || (block->inferred & mask))
		return false;
	if (!(block->slotted & mask)) {
		if (!(layer->mask & mask) || layer->pins > 1)
			return false;
		gup_pin_drop_one(drops, layer->call);
		gup_pin_layer_lose(block, layer, mask);
	} else {
		slot = block->slots[__ffs64(mask)];
		if ((layer->mask & mask) || gup_pin_slot_is_set(slot))
			return false;
		gup_pin_drop_one(drops, slot);
		block->slotted &= ~mask;
	}
	block->used &= ~mask;
	return true;
}

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
void gup_pin_index_earlier_known(struct gup_pin_index *index, bool known);
bool gup_pin_index_newest(struct gup_pin_index *index, unsigned long pfn,
			  pid_t pid, struct gup_pin_id *id,
			  struct gup_pin_call *call);

void gup_pin_index_doubt(struct gup_pin_index *index, unsigned long pfn);

/* earlier.c */

/**
 * struct gup_pin_split - which of a folio's pins a release takes
 * @earlier: how many that were there before tracking
 * @records: how many that are on record
 * @doubt: they may be others
 */
struct gup_pin_split {
	unsigned int earlier;
	unsigned int records;
	bool doubt;
};

int gup_pin_earlier_look(struct gup_pin_index *index, unsigned long start,
			 unsigned long end);
void gup_pin_earlier_find(struct gup_pin_index *index);
void gup_pin_earlier_forget(struct gup_pin_index *index);
u64 gup_pin_earlier_mask(struct gup_pin_index *index, unsigned long nr);
struct gup_pin_split gup_pin_earlier_split(struct gup_pin_index *index,
					   const struct gup_pin_block *block,
					   unsigned int bit, unsigned int pins,
					   const struct gup_pin_hint *hint);
void gup_pin_earlier_released(struct gup_pin_index *index, unsigned long pfn,
			      unsigned int pins);
bool gup_pin_earlier_first(struct gup_pin_index *index, unsigned long pfn,
			   unsigned int pins, const struct gup_pin_hint *hint);
size_t gup_pin_earlier_bytes(const struct gup_pin_earlier *earlier);

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
 *
 * @drops.site says who called the unpin function, and so what it may be of.
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
bool gup_pin_last_release(struct gup_pin_index *index, unsigned long pfn,
			  struct gup_pin_last *last);
bool gup_pin_release_only(struct gup_pin_index *index, unsigned long pfn,
			  unsigned long site);

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

/* record.c */
pid_t gup_pin_mm_owner(struct mm_struct *mm);

/* control.c */
bool gup_pin_ready(void);
int gup_pin_switch(bool on);

#endif /* _MM_GUP_PIN_KEEP_H */
