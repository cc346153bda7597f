/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records of pins: adding, removing and reading them. Independent of
 * hazards and of the output.
 */
#ifndef _MM_GUP_PIN_RECORD_H
#define _MM_GUP_PIN_RECORD_H

#include <linux/gfp_types.h>
#include <linux/hash.h>
#include <linux/minmax.h>

#include "model.h"

/* memory.c */
int gup_pin_memory_init(void);
void gup_pin_memory_exit(void);
u64 gup_pin_memory_bytes(void);
extern unsigned long gup_pin_max_memory_mb;

/* origin.c */

/* Compares by words, as memcmp() compares by bytes. */
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
				const struct gup_pin_id *id, bool *again);
void gup_pin_origin_report_later(struct gup_pin_origins *origins,
				 const struct gup_pin_id *id);
unsigned int gup_pin_origins_live(struct gup_pin_origins *origins);
void gup_pin_origins_unload(struct gup_pin_origins *origins,
			    const struct gup_pin_code *code);
void gup_pin_origins_destroy(struct gup_pin_origins *origins);

/* stack_cache.c */
int gup_pin_stack_cache_init(void);
void gup_pin_stack_cache_exit(void);
struct gup_pin_origin *gup_pin_stack_origin(struct gup_pin_origins *origins,
					    struct gup_pin_id *id, u64 pins,
					    const unsigned long *frame,
					    unsigned long ip, gfp_t gfp);
u64 gup_pin_stacks_wrong(void);
void gup_pin_stack_cache_unload(const struct gup_pin_code *code);

/* unloaded.c */
extern struct gup_pin_unloads gup_pin_unloads;
bool gup_pin_in_code(const struct gup_pin_code *code, unsigned long ip);
void gup_pin_code_is_new(const struct gup_pin_code *code);
void gup_pin_unloaded_note(const struct gup_pin_code *code, const unsigned long *entries,
			   unsigned int nr, u32 mark);
void gup_pin_unloaded_note_stack(const struct gup_pin_code *code,
				 depot_stack_handle_t stack);
void gup_pin_unloaded_note_site(const struct gup_pin_code *code, unsigned long ip, u32 time);
u32 gup_pin_unloaded_mark(const unsigned long *entries, unsigned int nr);
depot_stack_handle_t gup_pin_marked_stack(depot_stack_handle_t stack,
					  const unsigned long *entries, unsigned int nr);
void gup_pin_unloaded_exit(void);

/* site.c */
void gup_pin_sites_unload(struct gup_pin_sites *sites, const struct gup_pin_code *code);

/* add.c */

/**
 * struct gup_pin_adder - state of recording the pins of a call
 * @index: the index
 * @gfp: flags for allocations
 * @added: pins recorded so far
 * @block: number of the block of the pending pins
 * @what: the pending pins. Its origin has already been charged with all pins of the
 *	call; if it is NULL, they are counted as untracked
 */
struct gup_pin_adder {
	struct gup_pin_index *index;
	gfp_t gfp;
	u64 added;
	unsigned long block;
	struct gup_pin_record what;
};

void __gup_pin_add_flush(struct gup_pin_adder *adder);
void gup_pin_add_mask(struct gup_pin_adder *adder, unsigned long block, u64 mask,
		      unsigned int pins);
void gup_pin_add_range(struct gup_pin_adder *adder, unsigned long pfn, unsigned long npages,
		       unsigned long base);
void gup_pin_add_end(struct gup_pin_adder *adder, u64 pins);

/**
 * gup_pin_add_flush() - record the pending pins
 * @adder: the state
 */
static inline void gup_pin_add_flush(struct gup_pin_adder *adder)
{
	if (adder->what.mask)
		__gup_pin_add_flush(adder);
	adder->what.mask = 0;
}

/**
 * gup_pin_add() - record a pin on a page, now or at the next flush
 * @adder: the state
 * @pfn: the page
 * @base: see &gup_pin_record.base
 *
 * Context: May sleep if the adder's gfp allows it.
 */
static inline void gup_pin_add(struct gup_pin_adder *adder, unsigned long pfn,
			       unsigned long base)
{
	unsigned long block = gup_pin_block_nr(pfn);
	u64 bit = BIT_ULL(gup_pin_block_bit(pfn));

	if (adder->block != block || adder->what.base != base || (adder->what.mask & bit)) {
		gup_pin_add_flush(adder);
		adder->block = block;
		adder->what.base = base;
	}
	adder->what.mask |= bit;
	adder->what.pins = 1;
}

/* unpin.c */

/**
 * struct gup_pin_unpin - what is known about pins that are about to be released
 * @index: the index
 * @site: return address into the caller of the unpin function; 0 if unknown
 * @pid: the unpinning task; 0 in an interrupt
 * @write: these were write pins, as the caller wrote to the pages
 * @first: first entry of the array that the caller passes; 0 if there is none
 * @last: last entry of that array
 * @handle: handle that the caller passes; 0 if there is none
 * @unmatched: called without a lock for pins that have no record although all pins are
 *	recorded; may be NULL
 * @ip: return address into the unpin function, for @unmatched
 * @func: the unpin function that tracepoints show
 * @origin: origin of the pins in @released
 * @released: pins already removed but not yet added to @origin's counter
 * @taken: pins on the large folio whose records were removed, but which
 *	are not dropped yet
 * @before: pins that were released on the folios of an array before this one, but which are not
 *	dropped yet
 * @array: that array, of pages or folios; NULL if there is none
 * @at: number of its entries before those that are released; of small folios, which are
 *	released together, with those
 * @counted: pfn of the head of the folio that @others is about, plus one; 0
 *	if there is none
 * @others: pins on that folio without a record, at most
 * @certain: the same, at least
 * @whole: pfn of the head of the large folio that is unpinned, plus one, if it has pins as a
 *	whole, which may be meant instead of those on its pages; 0 otherwise
 * @whole_score: the best score of these
 * @whole_modes: bitmap of their modes
 * @beside: bitmap of the modes of the page's own pins, if such a pin is released instead; or
 *	of pins on all of the folio's pages, if the page is not known and their origins differ
 * @doubt: what has become doubtful about them
 * @block: number of the block of @mask
 * @mask: pages whose pin is to be released, one each
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
	u64 before;
	struct page **array;
	unsigned long at;
	unsigned long counted;
	unsigned int others;
	unsigned int certain;
	unsigned long whole;
	u16 whole_score;
	u8 whole_modes;
	u8 beside;
	u8 doubt;
	unsigned long block;
	u64 mask;
};

void gup_pin_unpin_mask(struct gup_pin_unpin *unpin, unsigned long block, u64 mask);

/**
 * gup_pin_unpin_flush() - release the pins on the pending pages
 * @unpin: what is known about the pins
 */
static inline void gup_pin_unpin_flush(struct gup_pin_unpin *unpin)
{
	if (unpin->mask)
		gup_pin_unpin_mask(unpin, unpin->block, unpin->mask);
	unpin->mask = 0;
}

/**
 * gup_pin_unpin_page() - release a pin on a small folio, now or at the next flush
 * @unpin: what is known about the pin
 * @pfn: the page
 *
 * make bench: neighbours on/off 1.34, page by page 2.10.
 *
 * Context: As for gup_pin_unpin_mask().
 */
static inline void gup_pin_unpin_page(struct gup_pin_unpin *unpin, unsigned long pfn)
{
	unsigned long block = gup_pin_block_nr(pfn);
	u64 bit = BIT_ULL(gup_pin_block_bit(pfn));

	if (unpin->block != block || (unpin->mask & bit)) {
		gup_pin_unpin_flush(unpin);
		unpin->block = block;
	}
	unpin->mask |= bit;
}

void gup_pin_unpin_range(struct gup_pin_unpin *unpin, unsigned long pfn,
			 unsigned long npages);
void gup_pin_unpin_folio(struct gup_pin_unpin *unpin, unsigned long pfn,
			 unsigned long npages, unsigned int pins);
void gup_pin_unpin_end(struct gup_pin_unpin *unpin);
bool gup_pin_last_release(struct gup_pin_index *index, unsigned long pfn,
			  struct gup_pin_last *last);
void gup_pin_last_unload(struct gup_pin_index *index, const struct gup_pin_code *code);

/**
 * enum gup_pin_match - certainty that a record is the right one
 * @GUP_PIN_EXACT: no other pin is possible
 * @GUP_PIN_ALIKE: age and address may be those of another pin
 * @GUP_PIN_INFERRED: a guess
 */
enum gup_pin_match {
	GUP_PIN_EXACT,
	GUP_PIN_ALIKE,
	GUP_PIN_INFERRED,
};

struct gup_pin_item;

bool gup_pin_unpin_peek(const struct gup_pin_unpin *unpin, unsigned long pfn,
			unsigned long npages, unsigned long pins, struct gup_pin_item *item);

/* index.c */
void gup_pin_index_init(struct gup_pin_index *index);
void gup_pin_index_flush(struct gup_pin_index *index);
void gup_pin_index_drop_kept(struct gup_pin_index *index);
bool gup_pin_index_newest(struct gup_pin_index *index, unsigned long pfn,
			  unsigned long npages, pid_t pid,
			  struct gup_pin_record *record, struct gup_pin_id *id);

/**
 * struct gup_pin_totals - sums of the counters of all shards
 * @acquired: pins recorded
 * @released: recorded pins that were released
 * @inferred: released pins whose record was guessed
 * @unmatched: unpins without a record although all pins were recorded
 * @before: unpins without a record, when tracking was switched on late
 * @untracked: live pins that could not be recorded
 * @untracked_total: pins that could not be recorded, including released ones
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

/* Type of memory, for the word `map=`. */
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
 * struct gup_pin_folio - description of a folio
 * @map: type of memory
 * @order: order of the folio
 * @dev: device of the file system; 0 for anonymous memory and for files that are gone
 * @ino: inode number; 0 in the same cases
 * @index: index of the folio in its file, in pages; 0 for anonymous memory
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
 * struct gup_pin_item - contiguous pages of a record that are in one folio
 * @pfn: the first page
 * @head: head of the folio; @pfn if the page is in no folio that can be pinned
 * @pages: number of pages; all pages of a folio that was pinned as a whole
 * @pins: total number of pins on these pages
 * @id: copy of the origin's id
 * @time: time of the call
 * @addr: user address of the first page, or 0
 * @match: certainty that the pins of this record are the live ones
 * @mixed: the live pins may be of the other mode
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

bool gup_pin_same_call(const struct gup_pin_item *a, const struct gup_pin_item *b);

/* Number of items that readers take at a time. */
#define GUP_PIN_BATCH	32

/**
 * struct gup_pin_walk - iterator over all records: by block, then from the oldest
 * @index: the index
 * @block: number of the current block, or of the next one to visit
 * @end: number of the last block to visit
 * @place: marker in the block's list, in front of @record; under the lock of the shard
 * @placed: @place is in the list. The first record of a block needs no marker
 * @record: the current record, only for comparison; NULL at the start of a block
 * @time: time of @record, whose memory may have been reused
 * @mask: pages of @record not visited yet
 *
 * A pin that is held during the whole walk is visited exactly once.
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
 * struct gup_pin_share - summary of a record, without its pages
 * @id: copy of the origin's id
 * @origin: distinguishes calls of equal time; may be freed, do not dereference
 * @time: time of the call
 * @pins: number of pins
 * @pages: number of pages
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
 * struct gup_pin_holders - summary of the pins on a folio
 * @pins: number of recorded pins
 * @writes: number of write pins among them
 * @calls: number of calls that took them
 * @oldest: time of the oldest call, in ns of local_clock(); U64_MAX if there is none
 * @all_recorded: every pin on the folio has a record, except one that is just
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
