#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run in a guest: map memory for a vDPA device whose last page is not mapped.

usage: vdpa.py [TIMES]

Each time there are 512 pages, not all adjacent, which is what vhost-vdpa pins at a time, and
one that cannot be pinned. Prints the errors of the calls. Needs /dev/vhost-vdpa-0.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import struct
import sys

PAGE = 4096
PAGES = 512
IOVA = 1 << 20
VHOST_SET_OWNER, VHOST_SET_BACKEND_FEATURES = 0xAF01, 0x4008AF25
VHOST_BACKEND_F_IOTLB_MSG_V2 = 1
VHOST_IOTLB_MSG_V2, VHOST_ACCESS_RW, VHOST_IOTLB_UPDATE = 2, 3, 2

# Kept, because they would be unmapped otherwise.
KEPT: list[tuple[mmap.mmap, mmap.mmap]] = []

libc = ctypes.CDLL(None, use_errno=True)
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def scattered() -> int:
    """Pages that were written in turn with others, so that they are not adjacent."""
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    memory = mmap.mmap(-1, (PAGES + 1) * PAGE, private)
    others = mmap.mmap(-1, PAGES * PAGE, private)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    others.madvise(mmap.MADV_NOHUGEPAGE)
    KEPT.append((memory, others))
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for i in range(PAGES):
        memory[i * PAGE] = others[i * PAGE] = 1
    assert not libc.munmap(address + PAGES * PAGE, PAGE)
    return address


def update(device: int, address: int) -> str:
    """Request a mapping of all pages, and of one more."""
    size = (PAGES + 1) * PAGE
    message = struct.pack("QQQBB6x", IOVA, size, address, VHOST_ACCESS_RW, VHOST_IOTLB_UPDATE)
    try:
        os.write(device, struct.pack("II64s", VHOST_IOTLB_MSG_V2, 0, message))
    except OSError as err:
        return errno.errorcode[err.errno or 0]
    return "mapped"


def main() -> None:
    """Run the command line."""
    device = os.open("/dev/vhost-vdpa-0", os.O_RDWR)
    fcntl.ioctl(device, VHOST_SET_OWNER)
    features = struct.pack("Q", 1 << VHOST_BACKEND_F_IOTLB_MSG_V2)
    fcntl.ioctl(device, VHOST_SET_BACKEND_FEATURES, features)
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    done = {update(device, scattered()) for _ in range(times)}
    print(f"{times} mappings:", *sorted(done))


if __name__ == "__main__":
    main()
