/* SPDX-License-Identifier: GPL-2.0 */
/* Devices that a program gives memory to, which they write to until they are closed. */
#ifndef GUP_PIN_DEVICE_H
#define GUP_PIN_DEVICE_H

#include <stddef.h>
#include "gup_pin_shared.h"

enum gup_pin_device_kind {
	DEVICE_RING,		/* io_uring's registered buffer */
	DEVICE_UMEM,		/* AF_XDP */
	DEVICE_IOMMU,		/* iommufd, as virtual machines do */
	DEVICE_DMABUF,		/* udmabuf: only of a memfd */
};

const char *gup_pin_device_missing(enum gup_pin_device_kind kind);
/* A descriptor that is open as long as the pins are held, or -1. */
const char *gup_pin_device_give(enum gup_pin_device_kind kind,
				const struct gup_pin_shared *mem, int *fd);
/* The same with a part of what is mapped at addr, or has a memfd. */
const char *gup_pin_device_give_part(enum gup_pin_device_kind kind, int memfd, char *addr,
				     size_t offset, size_t size, int *fd);

#endif /* GUP_PIN_DEVICE_H */
