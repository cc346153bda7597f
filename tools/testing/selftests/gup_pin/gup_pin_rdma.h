/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory regions of an RDMA device in software, over a network device of the test's own.
 * By the kernel's own interface, so that no library has to be installed.
 *
 * Functions that return int return 0, or -errno.
 */
#ifndef GUP_PIN_RDMA_H
#define GUP_PIN_RDMA_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

/* Bits of gup_pin_rdma_rereg(), which the kernel has in no header for programs. */
#define GUP_PIN_REREG_TRANS	1
#define GUP_PIN_REREG_PD	2
#define GUP_PIN_REREG_ACCESS	4

/**
 * struct gup_pin_rdma - a device, opened
 * @driver: "rxe" or "siw"
 * @added: the device is there, and is to be removed
 * @fd: of it; closing the last copy unpins all
 * @pd: a protection domain
 */
struct gup_pin_rdma {
	const char *driver;
	bool added;
	int fd;
	__u32 pd;
};

/* Why a driver cannot be used, or NULL. */
const char *gup_pin_rdma_missing(const char *driver);
/* Adds the device, and opens it. NULL, or what is wrong. */
const char *gup_pin_rdma_open(struct gup_pin_rdma *rdma, const char *driver);
/* Gives its network device an address, with the length of its prefix. NULL, or what is wrong. */
const char *gup_pin_rdma_address(const char *address);
/*
 * Opens it once more, in another process: a descriptor takes orders only from the one that
 * has opened it. The other one stays open.
 */
const char *gup_pin_rdma_open_again(struct gup_pin_rdma *rdma);
/* Closes and removes it; may be called on what was not opened. */
void gup_pin_rdma_close(struct gup_pin_rdma *rdma);

int gup_pin_rdma_new_pd(struct gup_pin_rdma *rdma, __u32 *pd);
/* access: bits IB_UVERBS_ACCESS_* */
int gup_pin_rdma_reg(struct gup_pin_rdma *rdma, const void *addr, size_t size, __u32 access,
		     __u32 *mr);
/* Takes what its bits say from access and pd, and never another address. */
int gup_pin_rdma_rereg(struct gup_pin_rdma *rdma, __u32 mr, __u32 bits, __u32 access, __u32 pd);
int gup_pin_rdma_dereg(struct gup_pin_rdma *rdma, __u32 mr);

#endif /* GUP_PIN_RDMA_H */
