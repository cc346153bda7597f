/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of record/ use of each other.
 */
#ifndef _MM_GUP_PIN_RECORD_INTERNAL_H
#define _MM_GUP_PIN_RECORD_INTERNAL_H

#include <linux/lockdep.h>

#include "record.h"

/* memory.c */

/* What tracking allocates; xa_nodes are allocated by the xarray. */
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

/* What an object becomes that is to be freed. */
struct gup_pin_freed {
	struct gup_pin_freed *next;
	enum gup_pin_kind kind;
};

/**
 * gup_pin_free_later() - give an object back when the lock is dropped
 * @shard: the shard, whose lock is held
 * @kind: of the object
 * @object: the object, which nothing refers to
 *
 * The slab allocator may have pages to return, and that takes too long for the lock.
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
 * gup_pin_shard_unlock() - drop a shard's lock, and free what was freed under it
 * @shard: the shard
 * @flags: of the lock
 *
 * For whatever may have taken pins off a record, or left a block empty. @freed of the shard
 * is empty while the lock is free.
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
 * gup_pin_origin_put() - pins of an origin are gone
 * @origin: the origin; may be gone as well after the next RCU grace period
 * @pins: how many
 *
 * Those that were most are all there until one goes. Any context; takes no lock.
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
 * @nr: its number
 *
 * Of make bench: scattered on/off 3.79, with __gup_pin_index_find() alone 4.43.
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
void gup_pin_index_tidy(struct gup_pin_shard *shard, struct gup_pin_block *block);
u64 gup_pin_index_pins(struct gup_pin_index *index, unsigned long pfn, unsigned long npages);
unsigned long gup_pin_index_next(struct gup_pin_index *index, unsigned long from);

/*
 * Records that are looked at under one hold of a lock, so that interrupts are off for at most
 * 20,000 instructions (selftest gup_pin_irqsoff). Each takes some 10.
 */
#define GUP_PIN_LOOK	512

/* block.c */
struct gup_pin_block *gup_pin_block_alloc(unsigned long nr, gfp_t gfp);
bool gup_pin_block_add(struct gup_pin_block *block, const struct gup_pin_record *what,
		       struct gup_pin_record **spare, gfp_t gfp);
void gup_pin_block_lose(struct gup_pin_shard *shard, struct gup_pin_block *block,
			struct gup_pin_record *record, u64 mask, unsigned int pins);
unsigned int gup_pin_block_pins(const struct gup_pin_block *block, u64 mask);
struct gup_pin_record *gup_pin_pause(struct gup_pin_shard *shard,
				     struct gup_pin_block *block,
				     struct gup_pin_record *record, unsigned long *flags);
u64 gup_pin_folio_mask(unsigned long nr, unsigned long pfn, unsigned long npages);

/* Is there neither a record nor a reader? */
static inline bool gup_pin_block_empty(const struct gup_pin_block *block)
{
	return !block->first.mask && list_empty(&block->first.list);
}

/* The first record, which may be in no use. */
static inline struct gup_pin_record *gup_pin_first_record(const struct gup_pin_block *block)
{
	return (struct gup_pin_record *)&block->first;
}

/* The record behind another, or NULL; readers' places count, and have no page. */
static inline struct gup_pin_record *gup_pin_next_record(const struct gup_pin_block *block,
							 struct gup_pin_record *record)
{
	struct gup_pin_record *next = list_next_entry(record, list);

	return next == &block->first ? NULL : next;
}

/* A reader's place: a record without pages, in front of another or behind it. */
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

/* hweight64(), which is a call, only where it is worth it. */
static inline unsigned int gup_pin_count(u64 mask)
{
	if (!(mask & (mask - 1)))
		return !!mask;
	return hweight64(mask);
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
