/* SPDX-License-Identifier: GPL-2.0 */
/* iommufd with a mock device, which pins the memory mapped for it. */
#ifndef GUP_PIN_IOMMU_H
#define GUP_PIN_IOMMU_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#define GUP_PIN_NO_MOCK	"iommufd has no mock device (CONFIG_IOMMUFD_TEST)"

/* These return 0 or -errno; attach() -ENOTTY if there is no mock device. */
int gup_pin_iommu_open(int *fd, __u32 *ioas);
int gup_pin_iommu_attach(int fd, __u32 ioas);
/* Offsets are relative to the start of the mock device's addresses. */
int gup_pin_iommu_map(int fd, __u32 ioas, void *addr, size_t offset, size_t size,
		      bool write);
int gup_pin_iommu_map_file(int fd, __u32 ioas, int file, size_t size);
int gup_pin_iommu_unmap(int fd, __u32 ioas, size_t offset, size_t size);

#endif /* GUP_PIN_IOMMU_H */
