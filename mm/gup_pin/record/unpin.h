/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Internal interfaces of unpin.c, unpin_folio.c, take.c, match.c and unrecorded.c.
 */
#ifndef _MM_GUP_PIN_RECORD_UNPIN_H
#define _MM_GUP_PIN_RECORD_UNPIN_H

#include "internal.h"

/* match.c */

/* Score of a record: a higher bit outweighs all lower ones. */
#define GUP_PIN_FITS_HANDLE	(3 << 8)
#define GUP_PIN_FITS_ARRAY	(2 << 8)
#define GUP_PIN_FITS_NOTHING	BIT(8)
#define GUP_PIN_FITS_STACK	BIT(7)
#define GUP_PIN_FITS_MODE	BIT(6)
#define GUP_PIN_FITS_KIND	BIT(5)
#define GUP_PIN_FITS_TASK	BIT(4)

/**
 * struct gup_pin_verdict - the record that an unpin releases
 * @record: the record; NULL if the pages have none
 * @score: score of @record
 * @pins: number of recorded pins on the pages, as far as the scan went
 * @records: number of candidates
 * @handles: number of candidates with the handle of the unpin
 * @origin: origin of the first candidate
 * @alike: all candidates have this origin
 * @modes: bitmap of the candidates' modes
 * @cut: the scan was cut short, there may be more candidates
 */
struct gup_pin_verdict {
	struct gup_pin_record *record;
	unsigned int score;
	unsigned int pins;
	unsigned int records;
	unsigned int handles;
	const struct gup_pin_origin *origin;
	bool alike;
	u8 modes;
	bool cut;
};

struct gup_pin_verdict gup_pin_decide(const struct gup_pin_unpin *unpin,
				      struct gup_pin_shard *shard,
				      struct gup_pin_block *block, u64 mask, bool whole,
				      unsigned long *flags);
bool gup_pin_takes_record(const struct gup_pin_verdict *verdict);
enum gup_pin_match gup_pin_match_of(const struct gup_pin_block *block, u64 mask,
				    const struct gup_pin_verdict *verdict, unsigned int others);

/* unrecorded.c */

/* Does every pin have a record, except known pins from before tracking? */
static inline bool gup_pin_all_recorded(const struct gup_pin_index *index,
					const struct gup_pin_shard *shard)
{
	return (READ_ONCE(index->complete) || READ_ONCE(index->earlier.known)) &&
	       !shard->untracked;
}

/* The pins that follow are on another folio, or on this one again. */
static inline void gup_pin_next_folio(struct gup_pin_unpin *unpin)
{
	unpin->before += unpin->taken;
	unpin->taken = 0;
}

/* A pin without a record is released. */
static inline void gup_pin_one_less(struct gup_pin_unpin *unpin)
{
	unpin->others -= !!unpin->others;
	unpin->certain -= !!unpin->certain;
	unpin->before++;
}

void gup_pin_count_others(struct gup_pin_unpin *unpin, unsigned long pfn);
unsigned int gup_pin_most_before(struct gup_pin_index *index, unsigned long head);
bool gup_pin_must_count(const struct gup_pin_unpin *unpin, const struct gup_pin_shard *shard,
			const struct gup_pin_block *block, unsigned int bit);
unsigned int gup_pin_unrecorded(const struct gup_pin_unpin *unpin,
				const struct gup_pin_shard *shard,
				const struct gup_pin_block *block, unsigned int bit);
bool gup_pin_count_unrecorded(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
			      unsigned long pfn, unsigned int pins, bool guess);
unsigned int gup_pin_unpin_untracked(struct gup_pin_index *index, unsigned long nr,
				     unsigned int pins, bool guess);

/* take.c */

/* What is in doubt about the pins that remain after an unpin. */
enum gup_pin_doubt {
	GUP_PIN_DOUBT_NONE,
	GUP_PIN_DOUBT_ALIKE,
	GUP_PIN_DOUBT_GUESSED,
	GUP_PIN_DOUBT_MIXED,
};

/* Result of releasing one pin. */
enum gup_pin_taken {
	GUP_PIN_TAKEN,
	GUP_PIN_NO_RECORD,
	GUP_PIN_NOT_RECORDED,
	GUP_PIN_COUNT_FIRST,
	GUP_PIN_WHOLE_FITS,
};

void gup_pin_take(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
		  struct gup_pin_block *block, struct gup_pin_record *record, u64 mask,
		  unsigned int pins, bool sure);
u64 gup_pin_take_only(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
		      struct gup_pin_block *block, u64 mask);
enum gup_pin_taken gup_pin_take_one(struct gup_pin_unpin *unpin, struct gup_pin_shard *shard,
				    struct gup_pin_block *block, unsigned int bit, bool whole,
				    unsigned long *flags);
enum gup_pin_doubt gup_pin_doubt_of(const struct gup_pin_verdict *verdict,
				    const struct gup_pin_unpin *unpin,
				    enum gup_pin_match match, unsigned int others);
void gup_pin_doubt_rest(struct gup_pin_block *block, u64 mask, enum gup_pin_doubt doubt);

/* May a pin of the folio as a whole be meant, which is on record on another page? */
static inline bool gup_pin_whole_too(const struct gup_pin_unpin *unpin,
				     const struct gup_pin_block *block, unsigned int bit)
{
	return unlikely(unpin->whole) &&
	       unpin->whole != gup_pin_block_first(block->nr) + bit + 1;
}

/*
 * Are these, and those of the page, both candidates? Not if only one of the two has the
 * handle of the unpin, or only one has none.
 */
static inline bool gup_pin_either(const struct gup_pin_unpin *unpin,
				  const struct gup_pin_verdict *verdict)
{
	unsigned int less = min_t(unsigned int, unpin->whole_score, verdict->score);
	unsigned int more = max_t(unsigned int, unpin->whole_score, verdict->score);

	return (more < GUP_PIN_FITS_NOTHING || less >= GUP_PIN_FITS_NOTHING) &&
	       (more < GUP_PIN_FITS_HANDLE || less >= GUP_PIN_FITS_HANDLE);
}

/* unpin_folio.c */

/* May a folio have a pin as a whole? */
static inline bool gup_pin_any_whole(const struct gup_pin_index *index)
{
	return atomic_long_read(&index->whole) || READ_ONCE(index->whole_untracked);
}

unsigned int gup_pin_look_at_whole(struct gup_pin_unpin *unpin, unsigned long pfn);
void gup_pin_unpin_beside(struct gup_pin_unpin *unpin, unsigned long pfn);
void gup_pin_doubt_whole(struct gup_pin_unpin *unpin);

bool gup_pin_unpin_elsewhere(struct gup_pin_unpin *unpin, unsigned long pfn);

#endif /* _MM_GUP_PIN_RECORD_UNPIN_H */
