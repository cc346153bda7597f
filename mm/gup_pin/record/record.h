/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is kept of pins: how records come, go and are read. Knows nothing of hazards and
 * of how records are shown.
 */
#ifndef _MM_GUP_PIN_RECORD_H
#define _MM_GUP_PIN_RECORD_H

#include <linux/gfp_types.h>
#include <linux/minmax.h>

#include "model.h"

/* memory.c */
int gup_pin_memory_init(void);
void gup_pin_memory_exit(void);
u64 gup_pin_memory_bytes(void);
extern unsigned long gup_pin_max_memory_mb;

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
					  const struct gup_pin_id *id, u64 pins,
					  gfp_t gfp);
u64 gup_pin_origin_live(struct gup_pin_origin *origin);
u64 gup_pin_origin_acquired(struct gup_pin_origin *origin);
void gup_pin_origin_raise_peak(struct gup_pin_origin *origin, s64 pins);
u64 gup_pin_origin_peak(struct gup_pin_origin *origin);
void gup_pin_origins_unreported(struct gup_pin_origins *origins);
bool gup_pin_origin_to_report(struct gup_pin_origins *origins,
			      const struct gup_pin_id *id);
bool gup_pin_origin_report_once(struct gup_pin_origins *origins,
				const struct gup_pin_id *id);
unsigned int gup_pin_origins_live(struct gup_pin_origins *origins);
void gup_pin_origins_destroy(struct gup_pin_origins *origins);

/* stack_cache.c */
int gup_pin_stack_cache_init(void);
void gup_pin_stack_cache_exit(void);
struct gup_pin_origin *gup_pin_stack_origin(struct gup_pin_origins *origins,
					    struct gup_pin_id *id, u64 pins,
					    const unsigned long *frame,
					    unsigned long ip, gfp_t gfp);
u64 gup_pin_stacks_wrong(void);

/* add.c */

/**
 * struct gup_pin_adder - records the pins of a call
 * @index: where
 * @origin: of the call, which was got for all of its pins; NULL: they are counted as
 *	untracked
 * @gfp: how memory may be allocated
 * @time: of the call
 * @cookie: see &gup_pin_record.cookie
 * @flags: see &gup_pin_record.flags
 * @added: pins that are on record
 * @block: the block of the pages in @mask
 * @mask: pages that are still to be recorded, one pin on each
 * @base: see &gup_pin_record.base
 */
struct gup_pin_adder {
	struct gup_pin_index *index;
	struct gup_pin_origin *origin;
	gfp_t gfp;
	u64 time;
	unsigned long cookie;
	u32 flags;
	u64 added;
	unsigned long block;
	u64 mask;
	unsigned long base;
};

void __gup_pin_add(struct gup_pin_adder *adder, unsigned long block, u64 mask,
		   unsigned int pins);
void gup_pin_add_range(struct gup_pin_adder *adder, unsigned long pfn, unsigned long npages,
		       unsigned long base);
void gup_pin_add_end(struct gup_pin_adder *adder, u64 pins);

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
 * gup_pin_add() - record a pin on a page, now or with the next flush
 * @adder: the state
 * @pfn: of the page
 * @base: see &gup_pin_record.base
 *
 * May sleep if the adder's gfp may.
 */
static inline void gup_pin_add(struct gup_pin_adder *adder, unsigned long pfn,
			       unsigned long base)
{
	unsigned long block = gup_pin_block_nr(pfn);
	u64 bit = BIT_ULL(gup_pin_block_bit(pfn));

	if (adder->block != block || adder->base != base || (adder->mask & bit)) {
		gup_pin_add_flush(adder);
		adder->block = block;
		adder->base = base;
	}
	adder->mask |= bit;
}

/* unpin.c */

/**
 * struct gup_pin_unpin - what is known of pins that are about to be released
 * @index: where their records are
 * @site: return address into the caller of the unpin function; 0 if it is not known
 * @pid: the task that unpins; 0 in an interrupt
 * @write: they were for write, as the caller says that it wrote to the pages
 * @first: the array that is handed over: its first entry,
 * @last: and its last; 0 if there is none
 * @handle: what the records may have for a cookie; 0 if there is none
 * @unmatched: called, without a lock, for pins that have no record though all have one;
 *	may be NULL
 * @ip: for @unmatched: return address into the unpin function
 * @func: the unpin function, as tracepoints say it
 * @origin: pins of it were released,
 * @released: so many, and have yet to be taken off its count
 * @taken: pins of the large folio that are off record, and on it still
 * @counted: pfn of the head, and one, of the folio whose pins were counted last; 0 if none
 * @others: how many of them have no record
 */
struct gup_pin_unpin {
	struct gup_pin_index *index;
	unsigned long site;
	pid_t pid;
	bool write;
	unsigned long first;
	unsigned long last;
	unsigned long handle;
	void (*unmatched)(unsigned long block, u64 mask, unsigned int pins,
			  unsigned long ip);
	unsigned long ip;
	unsigned long func;
	struct gup_pin_origin *origin;
	u64 released;
	u64 taken;
	unsigned long counted;
	unsigned int others;
};

void gup_pin_unpin_mask(struct gup_pin_unpin *unpin, unsigned long block, u64 mask);
void gup_pin_unpin_range(struct gup_pin_unpin *unpin, unsigned long pfn,
			 unsigned long npages);
void gup_pin_unpin_folio(struct gup_pin_unpin *unpin, unsigned long pfn,
			 unsigned long npages, unsigned int pins);
void gup_pin_unpin_end(struct gup_pin_unpin *unpin);
bool gup_pin_last_release(struct gup_pin_index *index, unsigned long pfn,
			  struct gup_pin_last *last);

/**
 * enum gup_pin_match - how sure it is that a record is the right one
 * @GUP_PIN_EXACT: nothing else is possible
 * @GUP_PIN_ALIKE: only its age and address may be those of another
 * @GUP_PIN_INFERRED: it is a guess
 */
enum gup_pin_match {
	GUP_PIN_EXACT,
	GUP_PIN_ALIKE,
	GUP_PIN_INFERRED,
};

struct gup_pin_item;

bool gup_pin_unpin_peek(const struct gup_pin_unpin *unpin, unsigned long pfn,
			struct gup_pin_item *item);

/* index.c */
void gup_pin_index_init(struct gup_pin_index *index);
void gup_pin_index_flush(struct gup_pin_index *index);
void gup_pin_index_drop_kept(struct gup_pin_index *index);
bool gup_pin_index_newest(struct gup_pin_index *index, unsigned long pfn,
			  unsigned long npages, pid_t pid,
			  struct gup_pin_record *record, struct gup_pin_id *id);

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
};

void gup_pin_index_totals(struct gup_pin_index *index,
			  struct gup_pin_totals *totals);

/* handle.c */
void gup_pin_keep(struct gup_pin_index *index, unsigned long pfn, unsigned long npages,
		  pid_t pid, unsigned long handle);

/* earlier.c */
int gup_pin_earlier_look(struct gup_pin_index *index, unsigned long start,
			 unsigned long end);
void gup_pin_earlier_find(struct gup_pin_index *index);
void gup_pin_earlier_forget(struct gup_pin_index *index);

/* folio.c */

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
 * struct gup_pin_folio - what is told of a folio
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
bool gup_pin_needs_stable(const struct folio *folio);
struct folio *gup_pin_folio_get(unsigned long pfn);
void gup_pin_folio_put(struct folio *folio);
void gup_pin_folio_describe(struct folio *folio, struct gup_pin_folio *desc);

/* walk.c */

/**
 * struct gup_pin_item - neighbouring pages of a record that are of one folio
 * @pfn: of the first page
 * @head: of the folio's head; the page itself if it is in no folio that may be pinned
 * @pages: how many, including those of a folio that was pinned as a whole
 * @pins: on all of them
 * @id: copy of the origin's
 * @time: of the call
 * @addr: user address of the first page, or 0
 * @match: how sure it is that this is a record of pins that are still there
 * @mixed: it may be one of pins of the other mode
 * @folio: description of the folio
 */
struct gup_pin_item {
	unsigned long pfn;
	unsigned long head;
	unsigned long pages;
	unsigned long pins;
	struct gup_pin_id id;
	u64 time;
	unsigned long addr;
	enum gup_pin_match match;
	bool mixed;
	struct gup_pin_folio folio;
};

/* Are these pins of one call? */
bool gup_pin_same_call(const struct gup_pin_item *a, const struct gup_pin_item *b);

/* Items that readers take at once. */
#define GUP_PIN_BATCH	64

/**
 * struct gup_pin_walk - a walk over all records, block by block, in each the oldest first
 * @index: the index
 * @block: number of the block that it stands in, or is to look at next
 * @end: of the last block it is to look at
 * @place: where in the block's list it stands, in front of @record; there only while
 *	@placed, and under the lock of the shard
 * @placed: @place is in the list. It is not in front of the block's first record, where
 *	there is none
 * @record: the record that it stands at, to be compared only; NULL if at the first
 * @time: of @record, for its memory may be another's by now
 * @mask: pages of @record that were not met yet
 *
 * A pin that is held during the whole walk is met exactly once.
 */
struct gup_pin_walk {
	struct gup_pin_index *index;
	unsigned long block;
	unsigned long end;
	struct gup_pin_record place;
	bool placed;
	const struct gup_pin_record *record;
	u64 time;
	u64 mask;
};

void gup_pin_walk_start(struct gup_pin_walk *walk, struct gup_pin_index *index,
			unsigned long first, unsigned long last);
unsigned int gup_pin_walk_items(struct gup_pin_walk *walk,
				struct gup_pin_item *items, unsigned int max);
void gup_pin_walk_end(struct gup_pin_walk *walk);

/**
 * struct gup_pin_share - a record, without telling the pages
 * @id: copy of the origin's
 * @origin: tells calls of equal time apart; may be gone, not to be followed
 * @time: of the call
 * @pins: how many
 * @pages: that they are on
 * @guessed: pins that are not GUP_PIN_EXACT
 */
struct gup_pin_share {
	struct gup_pin_id id;
	const struct gup_pin_origin *origin;
	u64 time;
	u64 pins;
	u64 pages;
	u64 guessed;
};

unsigned int gup_pin_walk_shares(struct gup_pin_walk *walk,
				 struct gup_pin_share *shares, unsigned int max);

/**
 * struct gup_pin_holders - the pins on a folio, summed up
 * @pins: how many
 * @writes: those of them that are for write
 * @calls: records that they are of
 * @oldest: when the first of these was, in ns of local_clock(); U64_MAX if there is none
 * @all_recorded: no pin on the folio can be without a record, but for one that is just
 *	being taken or undone
 */
struct gup_pin_holders {
	unsigned int pins;
	unsigned int writes;
	unsigned int calls;
	u64 oldest;
	bool all_recorded;
};

unsigned int gup_pin_walk_holders_of(struct gup_pin_index *index, unsigned long pfn,
				     unsigned long npages, struct gup_pin_item *items,
				     unsigned int max, struct gup_pin_holders *holders);
unsigned int gup_pin_walk_holders(struct gup_pin_index *index, unsigned long pfn,
				  struct gup_pin_item *items, unsigned int max,
				  struct gup_pin_holders *holders);
unsigned int gup_pin_try_holders(struct gup_pin_index *index, unsigned long pfn,
				 struct gup_pin_item *items, unsigned int max,
				 struct gup_pin_holders *holders, bool *busy);
bool gup_pin_only_reads(struct gup_pin_index *index, unsigned long pfn,
			unsigned long npages);
bool gup_pin_still_held(struct gup_pin_index *index, const struct gup_pin_walk *walk,
			const struct gup_pin_item *item);

u64 gup_pin_count_folios(struct gup_pin_index *index);

#endif /* _MM_GUP_PIN_RECORD_H */
