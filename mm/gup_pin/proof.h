/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gup_pin.proof: did a write-pinned folio change while it was written back?
 */
#ifndef _MM_GUP_PIN_PROOF_H
#define _MM_GUP_PIN_PROOF_H

#include <linux/types.h>

struct folio;

/* So many bytes have a sum of their own: what a device writes at least. */
#define GUP_PIN_SUM_BYTES	512

/* Ranges that a report tells; what lies beyond is counted. */
#define GUP_PIN_RANGES_MAX	8

/**
 * struct gup_pin_changes - where a folio's content is no longer what it was
 * @nr: ranges, including those that @range has no room for
 * @end: where the last of them ends
 * @dirty: the folio is dirty again
 * @range: the first of them: bytes @first to @last of the folio
 */
struct gup_pin_changes {
	unsigned int nr;
	size_t end;
	bool dirty;
	struct gup_pin_range {
		size_t first;
		size_t last;
	} range[GUP_PIN_RANGES_MAX];
};

/* sum.c */
unsigned int gup_pin_sums_of(const struct folio *folio);
void gup_pin_sum(struct folio *folio, u32 *sums);
bool gup_pin_sum_compare(struct folio *folio, const u32 *sums,
			 struct gup_pin_changes *changes);

/* proof.c */
extern unsigned long gup_pin_proof_max_kb;
void gup_pin_proof_switch(bool on);
void gup_pin_proof_start(struct folio *folio, unsigned long ip);
u64 gup_pin_proof_bytes(void);
u64 gup_pin_proof_skipped(void);

#endif /* _MM_GUP_PIN_PROOF_H */
