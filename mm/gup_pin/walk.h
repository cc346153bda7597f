/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Readers: what can be told of a pin, and how all of them are met.
 */
#ifndef _MM_GUP_PIN_WALK_H
#define _MM_GUP_PIN_WALK_H

#include "model.h"

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
bool gup_pin_has_unrecorded(unsigned long pfn, unsigned int recorded);
struct address_space *gup_pin_folio_file(const struct folio *folio);
bool gup_pin_needs_stable(const struct folio *folio);
struct folio *gup_pin_folio_get(unsigned long pfn);
void gup_pin_folio_put(struct folio *folio);
void gup_pin_folio_describe(struct folio *folio, struct gup_pin_folio *desc);
bool gup_pin_mapped_huge(struct mm_struct *mm, unsigned long addr,
			 const struct page *page);

/* walk.c */

/**
 * struct gup_pin_item - the pins of one call on one folio, as a walk found them
 * @pfn: of the folio's head
 * @seq: its place among the folio's refs
 * @call: tells calls apart; may be gone, not to be followed
 * @id: copy of the origin's
 * @time: of the call
 * @addr: user address of the first page that the call pinned in the folio, or 0
 * @pins: of the call on the folio
 * @inferred: an unpin on the folio had to be guessed
 * @unsure: and the guess was between pins for read and for write, so that what is left
 *	may be of the other mode
 * @folio_pins: recorded pins of all calls on the folio
 * @real_pins: the folio's own pin count, read while no record could go
 * @head: the pfn is a folio's head, as it must be
 * @folio: the folio's description
 */
struct gup_pin_item {
	unsigned long pfn;
	u64 seq;
	const struct gup_pin_call *call;
	struct gup_pin_id id;
	u64 time;
	unsigned long addr;
	unsigned int pins;
	bool inferred;
	bool unsure;
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
bool gup_pin_still_held(struct gup_pin_index *index,
			const struct gup_pin_item *item);
void gup_pin_fill_item(struct gup_pin_item *item,
		       const struct gup_pin_block *block, unsigned int bit,
		       const struct gup_pin_ref *ref);

/* holders.c */

/**
 * struct gup_pin_holders - the pins on a folio, summed up
 * @pins: how many
 * @writes: those of them that are for write
 * @calls: calls that took them
 * @oldest: when the first of these was, in ns of local_clock(); U64_MAX if there
 *	is none
 * @all_recorded: no pin on the folio can be without a record, but for one that
 *	is just being taken or undone
 */
struct gup_pin_holders {
	unsigned int pins;
	unsigned int writes;
	unsigned int calls;
	u64 oldest;
	bool all_recorded;
};

unsigned int gup_pin_walk_holders(struct gup_pin_index *index,
				  unsigned long pfn, struct gup_pin_item *items,
				  unsigned int max,
				  struct gup_pin_holders *holders);

#endif /* _MM_GUP_PIN_WALK_H */
