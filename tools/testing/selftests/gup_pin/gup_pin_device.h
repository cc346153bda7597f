/* SPDX-License-Identifier: GPL-2.0 */
/* Devices that a program registers memory with, which write to it until they are closed. */
#ifndef GUP_PIN_DEVICE_H
#define GUP_PIN_DEVICE_H

#include <stddef.h>
#include "gup_pin_shared.h"

enum gup_pin_device_kind {
	DEVICE_RING,		/* registered buffer of io_uring */
	DEVICE_UMEM,		/* AF_XDP */
	DEVICE_IOMMU,		/* iommufd, like virtual machines */
	DEVICE_DMABUF,		/* udmabuf: memfd only */
};

const char *gup_pin_device_missing(enum gup_pin_device_kind kind);
/* Returns a descriptor that holds the pins while it is open, or -1. */
const char *gup_pin_device_give(enum gup_pin_device_kind kind,
				const struct gup_pin_shared *mem, int *fd);
/* The same with a part of the memory at addr, or of a memfd. */
const char *gup_pin_device_give_part(enum gup_pin_device_kind kind, int memfd, char *addr,
				     size_t offset, size_t size, int *fd);

#endif /* GUP_PIN_DEVICE_H */
