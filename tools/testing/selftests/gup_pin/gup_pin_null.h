/* SPDX-License-Identifier: GPL-2.0 */
/* A null_blk device with slow requests. */
#ifndef GUP_PIN_NULL_H
#define GUP_PIN_NULL_H

struct gup_pin_null {
	char dir[80];		/* in configfs */
	int fd;			/* O_DIRECT */
};

const char *gup_pin_null_missing(void);
const char *gup_pin_null_create(struct gup_pin_null *null, unsigned int ms);
/* Removes whatever exists of it; all requests must have ended. */
void gup_pin_null_remove(struct gup_pin_null *null);

#endif /* GUP_PIN_NULL_H */
