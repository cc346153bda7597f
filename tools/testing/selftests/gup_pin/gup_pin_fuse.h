/* SPDX-License-Identifier: GPL-2.0 */
/* A FUSE file system of one file. */
#ifndef GUP_PIN_FUSE_H
#define GUP_PIN_FUSE_H

#include "gup_pin_served.h"

const char *gup_pin_fuse_missing(void);
/* size: of the file, in bytes */
const char *gup_pin_fuse_mount(struct gup_pin_served *served, size_t size);

#endif /* GUP_PIN_FUSE_H */
