/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Places that are too few: which one is given up, so that no user takes those of the
 * others.
 */
#ifndef _MM_GUP_PIN_SHARE_H
#define _MM_GUP_PIN_SHARE_H

#include <linux/types.h>

/**
 * struct gup_pin_place - what is in a place
 * @used: when it was last of use, in ns of local_clock(), at least 1; 0: free
 * @uid: the user it is there for
 * @spare: it is given up before others of its user
 */
struct gup_pin_place {
	u64 used;
	u32 uid;
	bool spare;
};

unsigned int gup_pin_place_for(const struct gup_pin_place *places, size_t stride,
			       unsigned int nr, u32 uid);

#endif /* _MM_GUP_PIN_SHARE_H */
