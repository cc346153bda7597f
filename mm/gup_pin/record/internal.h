/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Internal interfaces of record/.
 */
#ifndef _MM_GUP_PIN_RECORD_INTERNAL_H
#define _MM_GUP_PIN_RECORD_INTERNAL_H

#include <linux/lockdep.h>

#include "record.h"

/* memory.c */

/* Objects that tracking allocates; the xarray allocates xa_nodes. */
enum gup_pin_kind {
	GUP_PIN_BLOCKS,
	GUP_PIN_RECORDS,
	GUP_PIN_ORIGINS,
	NR_GUP_PIN_KINDS,
};

void *gup_pin_alloc(enum gup_pin_kind kind, gfp_t gfp);
void gup_pin_free(enum gup_pin_kind kind, void *object);
void gup_pin_free_all(struct gup_pin_freed *freed);
void gup_pin_uncount(enum gup_pin_kind kind);
void gup_pin_memory_count(long change);
bool gup_pin_memory_full(void);

/* Overlays an object that is to be freed. */
struct gup_pin_freed {
	struct gup_pin_freed *next;
	enum gup_pin_kind kind;
};

/**
 * gup_pin_free_later() - free an object when the lock is dropped
 * @shard: the shard, whose lock is held
 * @kind: type of the object
 * @object: the object, with no references left
 *
 * The slab allocator may have to return pages, which takes too long under the lock.
 *
 * Context: The lock of @shard must be held.
 */
static inline void gup_pin_free_later(struct gup_pin_shard *shard, enum gup_pin_kind kind,
				      void *object)
{
	struct gup_pin_freed *freed = object;

	lockdep_assert_held(&shard->xa.xa_lock);
	freed->next = shard->freed;
	freed->kind = kind;
	shard->freed = freed;
}

/**
 * gup_pin_shard_unlock() - drop a shard's lock and free objects
 * @shard: the shard
 * @flags: saved interrupt state
 *
 * Use instead of xa_unlock_irqrestore() wherever a record may have lost pins or a block
 * may have become empty. @shard->freed is NULL while the lock is not held.
 */
static inline void gup_pin_shard_unlock(struct gup_pin_shard *shard, unsigned long flags)
{
	struct gup_pin_freed *freed = shard->freed;

	shard->freed = NULL;
	xa_unlock_irqrestore(&shard->xa, flags);
	if (unlikely(freed))
		gup_pin_free_all(freed);
}

/* origin.c */

bool gup_pin_origin_take(struct gup_pin_origin *origin, u64 pins);

/**
 * gup_pin_origin_put() - count released pins
 * @origin: the origin; may be freed after the next RCU grace period
 * @pins: number of pins
 *
 * The number of live pins falls only here, so sampling it for the peak
 * before each release is enough.
 *
 * Context: Any context. Takes no lock.
 */
static inline void gup_pin_origin_put(struct gup_pin_origin *origin, u64 pins)
{
	s64 live = atomic64_read(&origin->acquired) - atomic64_read(&origin->released);

	if (unlikely(live > atomic64_read(&origin->peak)))
		gup_pin_origin_raise_peak(origin, live);
	atomic64_add(pins, &origin->released);
}

/* index.c */
struct gup_pin_block *__gup_pin_index_find(struct gup_pin_shard *shard, unsigned long nr);

static inline struct gup_pin_block **gup_pin_recent(struct gup_pin_shard *shard,
						    unsigned long nr)
{
	return &shard->recent[gup_pin_key(nr) % GUP_PIN_RECENT];
}

/**
 * gup_pin_index_find() - look a block up
 * @shard: its shard, whose lock is held
 * @nr: number of the block
 *
 * make bench: scattered on/off 2.79, with __gup_pin_index_find() alone 3.41.
 *
 * Return: the block, or NULL.
 */
static inline struct gup_pin_block *gup_pin_index_find(struct gup_pin_shard *shard,
						       unsigned long nr)
{
	struct gup_pin_block *block = *gup_pin_recent(shard, nr);

	lockdep_assert_held(&shard->xa.xa_lock);
	if (likely(block && block->nr == nr))
		return block;
	return __gup_pin_index_find(shard, nr);
}

bool gup_pin_index_insert(struct gup_pin_shard *shard, struct gup_pin_block *block,
			  struct xa_state *xas);
void __gup_pin_index_tidy(struct gup_pin_shard *shard, struct gup_pin_block *block);

/* No record and no place of a reader? */
static inline bool gup_pin_block_empty(const struct gup_pin_block *block)
{
	return !block->first.mask && list_empty(&block->first.list);
}

/**
 * gup_pin_index_tidy() - keep or free a block that may be empty
 * @shard: its shard, whose lock is held
 * @block: the block; may be freed on return
 *
 * An empty block is kept for a while, unless there is a bound on memory.
 */
static inline void gup_pin_index_tidy(struct gup_pin_shard *shard, struct gup_pin_block *block)
{
	if (gup_pin_block_empty(block))
		__gup_pin_index_tidy(shard, block);
}

u64 gup_pin_index_pins(struct gup_pin_index *index, unsigned long pfn, unsigned long npages);
unsigned long gup_pin_index_next(struct gup_pin_index *index, unsigned long from);

/*
 * Records to visit under one hold of a lock, at some 10 instructions each: interrupts
 * must be off for at most 20,000 instructions (selftest gup_pin_irqsoff).
 */
#define GUP_PIN_LOOK	512

/* block.c */
struct gup_pin_block *gup_pin_block_alloc(unsigned long nr, gfp_t gfp);
bool gup_pin_block_add(struct gup_pin_shard *shard, struct gup_pin_block *block,
		       const struct gup_pin_record *what, struct gup_pin_record **ready,
		       gfp_t gfp);
void gup_pin_drop_spare(struct gup_pin_shard *shard);
void gup_pin_block_drop(struct gup_pin_shard *shard, struct gup_pin_block *block,
			struct gup_pin_record *record);
unsigned int gup_pin_block_pins(const struct gup_pin_block *block, u64 mask);
struct gup_pin_record *gup_pin_pause(struct gup_pin_shard *shard,
				     struct gup_pin_block *block,
				     struct gup_pin_record *record, unsigned long *flags);
u64 gup_pin_folio_mask(unsigned long nr, unsigned long pfn, unsigned long npages);

/* The first record, which may be unused. */
static inline struct gup_pin_record *gup_pin_first_record(const struct gup_pin_block *block)
{
	return (struct gup_pin_record *)&block->first;
}

/*
 * The next record in the list, or NULL. May be the place of a reader, which has no pages.
 */
static inline struct gup_pin_record *gup_pin_next_record(const struct gup_pin_block *block,
							 struct gup_pin_record *record)
{
	struct gup_pin_record *next = list_next_entry(record, list);

	return next == &block->first ? NULL : next;
}

/* The place of a reader is a record without pages, before or after another record. */
static inline void gup_pin_place_add(struct gup_pin_block *block, struct gup_pin_record *place,
				     struct list_head *prev)
{
	place->mask = 0;
	list_add(&place->list, prev);
	block->nr_records++;
}

static inline void gup_pin_place_del(struct gup_pin_block *block, struct gup_pin_record *place)
{
	list_del(&place->list);
	block->nr_records--;
}

static inline u64 gup_pin_record_pins(const struct gup_pin_record *record)
{
	return (u64)hweight64(record->mask) * record->pins;
}

static inline bool gup_pin_is_write(const struct gup_pin_record *record)
{
	return record->origin->id.mode == GUP_PIN_WRITE;
}

unsigned long gup_pin_record_addr(const struct gup_pin_record *record, pgoff_t index);

/* site.c */
void gup_pin_site_learn(struct gup_pin_sites *sites, unsigned long ip,
			const struct gup_pin_id *id);
const struct gup_pin_site *gup_pin_site_find(const struct gup_pin_sites *sites,
					     unsigned long ip);
bool gup_pin_site_has_stack(const struct gup_pin_site *site, u32 stack);
bool gup_pin_site_has_kind(const struct gup_pin_site *site, const struct gup_pin_id *id);

/* earlier.c */
u64 gup_pin_earlier_mask(struct gup_pin_index *index, unsigned long nr);
void gup_pin_earlier_doubt(struct gup_pin_index *index, struct gup_pin_block *block, u64 mask);
unsigned int gup_pin_earlier_pins(struct gup_pin_index *index, unsigned long pfn);
void gup_pin_earlier_released(struct gup_pin_index *index, unsigned long pfn,
			      unsigned int pins);

/* folio.c */
unsigned long gup_pin_head_pfn(unsigned long pfn);
unsigned int gup_pin_real_pins(unsigned long pfn);
unsigned long gup_pin_folio_pages(unsigned long pfn);
u64 gup_pin_whole_pages(unsigned long first, u64 mask);

/* walk.c */
u64 gup_pin_fill_item(struct gup_pin_item *item, const struct gup_pin_block *block,
		      const struct gup_pin_record *record, u64 mask);

#endif /* _MM_GUP_PIN_RECORD_INTERNAL_H */
