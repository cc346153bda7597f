#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run in a guest: O_DIRECT reads into huge pages that are trimmed to whole blocks.

usage: trim.py FILE [TIMES]

Each read has two vectors. The first ends four bytes after a block, in the second page of a
huge page; the second vector cannot be pinned. Prints the results of the reads. Needs no
privileges except to read the file.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import sys

PAGE = 4096
HUGE = 2 << 20
BLOCK = 512
# A multiple of the disk's alignment for addresses, but not of a block.
TAIL = 4
PROT_NONE = 0

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def anonymous(size: int, protection: int) -> int:
    """The address of new memory."""
    address = libc.mmap(None, size, protection, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    assert address is not None and address != ctypes.c_void_p(-1).value
    return int(address)


def at(address: int, size: int) -> ctypes.Array[ctypes.c_char]:
    """Memory as a buffer."""
    return (ctypes.c_char * size).from_address(address)


def read_once(fd: int, hole: int) -> str:
    """Read into a new huge page, which is unmapped afterwards; the result of preadv()."""
    area = anonymous(2 * HUGE, mmap.PROT_READ | mmap.PROT_WRITE)
    page = (area + HUGE - 1) & -HUGE
    libc.madvise(ctypes.c_void_p(page), ctypes.c_size_t(HUGE), mmap.MADV_HUGEPAGE)
    ctypes.memset(page, 1, HUGE)
    try:
        done = f"{os.preadv(fd, [at(page, PAGE + TAIL), at(hole, BLOCK - TAIL)], 0)} bytes"
    except OSError as err:
        done = errno.errorcode[err.errno or 0]
    assert not libc.munmap(area, 2 * HUGE)
    return done


def main() -> None:
    """Run the command line."""
    fd = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECT)
    hole = anonymous(PAGE, PROT_NONE)
    times = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    done = {read_once(fd, hole) for _ in range(times)}
    print(f"{times} reads:", *sorted(done))


if __name__ == "__main__":
    main()
