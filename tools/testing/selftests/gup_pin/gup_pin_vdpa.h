/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A simulated virtio device, and the memory that vhost-vdpa gives it.
 *
 * Functions that return int return 0, or -errno; `const char *` is NULL, or what is wrong.
 */
#ifndef GUP_PIN_VDPA_H
#define GUP_PIN_VDPA_H

#include <linux/vhost_types.h>
#include <stddef.h>

/* Why there cannot be one, or NULL. */
const char *gup_pin_vdpa_missing(void);
/* driver: "net" or "blk". Lifts this process's limit on locked memory. */
const char *gup_pin_vdpa_add(const char *driver);
/* If it is there. */
const char *gup_pin_vdpa_remove(void);
/* One process at a time. Closing it unpins all. */
const char *gup_pin_vdpa_open(int *fd);

/* perm: VHOST_ACCESS_* */
int vdpa_map(int fd, unsigned long iova, const void *addr, size_t size, __u8 perm);
int vdpa_unmap(int fd, unsigned long iova, size_t size);

#endif /* GUP_PIN_VDPA_H */
