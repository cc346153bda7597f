/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The global root, where crash-dump scripts start.
 */
#ifndef _MM_GUP_PIN_ROOT_H
#define _MM_GUP_PIN_ROOT_H

#include <linux/mutex.h>

#include "hazard/hazard.h"
#include "record/record.h"
#include "record/text.h"

struct gup_pin_ring;

/**
 * struct gup_pin_root - the global root, where crash-dump scripts start
 * @format: GUP_PIN_FORMAT
 * @shard_bits: GUP_PIN_SHARD_BITS
 * @block_shift: GUP_PIN_BLOCK_SHIFT
 * @index: all recorded pins
 * @origins: all origins
 * @hazards: number of events, by kind
 * @reports_suppressed: hazards counted but not printed
 * @false_positive: folios that looked pinned at the start of writeback but were not
 * @ring: the most recent hazards
 * @hazard_names: name of each enum gup_pin_hazard_kind
 * @stake_names: name of each enum gup_pin_stake
 * @api_names: name of each enum gup_pin_api
 * @switching: held while tracking is switched on or off
 * @switched: when tracking was last switched, in ns of local_clock(); @switching
 * @unloads: names of return addresses whose code is gone
 */
struct gup_pin_root {
	u32 format;
	u32 shard_bits;
	u32 block_shift;
	struct gup_pin_index index;
	struct gup_pin_origins origins;
	atomic64_t hazards[NR_GUP_PIN_HAZARDS];
	atomic64_t reports_suppressed;
	atomic64_t false_positive;
	struct gup_pin_ring *ring;
	const char *const *hazard_names;
	const char *const *stake_names;
	const char *const *api_names;
	struct mutex switching;	/* see above */
	u64 switched;
	struct gup_pin_unloads *unloads;
};

extern struct gup_pin_root gup_pin_root;

/* hooks.c */
pid_t gup_pin_mm_owner(struct mm_struct *mm);

/* modules.c */
void gup_pin_code_changes(const struct gup_pin_code *code);
#ifdef CONFIG_MODULES
int gup_pin_modules_init(void);
void gup_pin_modules_exit(void);
#else
static inline int gup_pin_modules_init(void)
{
	return 0;
}

static inline void gup_pin_modules_exit(void)
{
}
#endif

/* huge.c */
bool gup_pin_mapped_huge(struct mm_struct *mm, unsigned long addr,
			 const struct page *page);

/* control.c */
int gup_pin_switch(bool on);
int gup_pin_init(void);
int gup_pin_init_late(void);
void gup_pin_exit(void);

#endif /* _MM_GUP_PIN_ROOT_H */
