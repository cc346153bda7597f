/* SPDX-License-Identifier: GPL-2.0 */
/* A short-term pin that is held for as long as a test likes. */
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
/* Lets go first; may be called without gup_pin_slow_open(), on a zeroed one. */
void gup_pin_slow_close(struct gup_pin_slow *slow);

#endif /* GUP_PIN_SLOW_H */
