/* SPDX-License-Identifier: GPL-2.0 */
/* A short-term pin held for as long as a test needs. */
#ifndef GUP_PIN_SLOW_H
#define GUP_PIN_SLOW_H

#include <stdbool.h>
#include <stddef.h>
#include "gup_pin_dm.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

/*
 * A read from a disk that is suspended meanwhile: `mode=w term=short
 * api=pin_user_pages_fast`.
 */
struct gup_pin_slow {
	struct gup_pin_dm dm;
	int fd;
	struct aio_one aio;
	size_t size;
	bool held;
};

const char *gup_pin_slow_open(struct gup_pin_slow *slow);
const char *gup_pin_slow_pin(struct gup_pin_slow *slow, void *addr, size_t size);
const char *gup_pin_slow_unpin(struct gup_pin_slow *slow);
/* Unpins first; may be called on a zeroed struct that was never opened. */
void gup_pin_slow_close(struct gup_pin_slow *slow);

#endif /* GUP_PIN_SLOW_H */
