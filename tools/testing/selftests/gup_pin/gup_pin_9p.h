/* SPDX-License-Identifier: GPL-2.0 */
/* A 9p file system of one file, as of a network: its direct I/O is that of fs/netfs. */
#ifndef GUP_PIN_9P_H
#define GUP_PIN_9P_H

#include "gup_pin_served.h"

/* size: of the file, in bytes */
const char *gup_pin_9p_mount(struct gup_pin_served *served, size_t size);

#endif /* GUP_PIN_9P_H */
