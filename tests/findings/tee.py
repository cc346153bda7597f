#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run in a guest: register memory with a TEE that begins inside a page and is partly unmapped.

usage: tee.py

Two pages are mapped, a third is not. Prints the error of the call. Needs /dev/tee0.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import struct

PAGE = 4096
OFFSET = 16
# _IOWR(0xa4, 9, struct tee_ioctl_shm_register_data)
TEE_IOC_SHM_REGISTER = 0xC018A409

libc = ctypes.CDLL(None, use_errno=True)
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def main() -> None:
    """Run the command line."""
    memory = mmap.mmap(-1, 3 * PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory[:] = b"x" * len(memory)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    assert not libc.munmap(address + 2 * PAGE, PAGE)
    request = struct.pack("QQIi", address + OFFSET, 3 * PAGE - OFFSET, 0, 0)
    device = os.open("/dev/tee0", os.O_RDWR)
    try:
        fcntl.ioctl(device, TEE_IOC_SHM_REGISTER, request)
        print("registered")
    except OSError as err:
        print(errno.errorcode[err.errno or 0])


if __name__ == "__main__":
    main()
