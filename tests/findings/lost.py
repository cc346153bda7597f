#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run in a guest: shared memory that is only written through a pin.

usage: lost.py HOW

HOW is what writes to a memfd that was only read before: io_uring (a registered buffer),
udmabuf (its mapping), af_alg (a cipher's output), or cpu. Then the pins are released, and
the memory is reclaimed, as when memory is short. Prints the content of the memfd before
and after.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import socket
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rounds.module import pins_of_kernel

PAGE = 4096
SIZE = 16 * PAGE
# _IOW('u', 0x42, struct udmabuf_create)
UDMABUF_CREATE = 0x40187542
IO_URING_SETUP, IO_URING_ENTER, IO_URING_REGISTER = 425, 426, 427
IORING_REGISTER_BUFFERS, IORING_UNREGISTER_BUFFERS = 0, 1
IORING_OP_READ_FIXED, IORING_ENTER_GETEVENTS = 4, 1
IORING_OFF_SQ_RING, IORING_OFF_SQES = 0, 0x10000000
F_ADD_SEALS, F_SEAL_SHRINK = 1033, 2
MADV_PAGEOUT = 21

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int) -> int:
    """A system call's result; raises OSError."""
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def address(memory: mmap.mmap) -> int:
    """The address of the mapping."""
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def pattern() -> int:
    """A file of that many bytes, none of them 0."""
    fd = os.memfd_create("pattern")
    os.write(fd, b"x" * SIZE)
    return fd


def by_cpu(_: int, memory: mmap.mmap) -> None:
    """By a store, which sets the dirty bit in the page table."""
    memory[:] = b"x" * SIZE


def by_io_uring(_: int, memory: mmap.mmap) -> None:
    """By IORING_OP_READ_FIXED into a registered buffer."""
    params = bytearray(120)
    raw = (ctypes.c_char * len(params)).from_buffer(params)
    ring = check(libc.syscall(IO_URING_SETUP, 4, raw))
    buffers = (ctypes.c_ulong * 2)(address(memory), SIZE)
    check(libc.syscall(IO_URING_REGISTER, ring, IORING_REGISTER_BUFFERS, buffers, 1))
    _, tail, _, entries, _, _, where = struct.unpack_from("7I", params, 40)
    sq = mmap.mmap(ring, where + 4 * entries, offset=IORING_OFF_SQ_RING)
    sqes = mmap.mmap(ring, 64 * entries, offset=IORING_OFF_SQES)
    sqes[:64] = struct.pack(
        "BBHiQQIiQHHiQQ",
        *(IORING_OP_READ_FIXED, 0, 0, pattern(), 0, address(memory), SIZE, 0, 0, 0, 0, 0, 0, 0),
    )
    struct.pack_into("I", sq, where, 0)
    struct.pack_into("I", sq, tail, 1)
    check(libc.syscall(IO_URING_ENTER, ring, 1, 1, IORING_ENTER_GETEVENTS, None, 0))
    check(libc.syscall(IO_URING_REGISTER, ring, IORING_UNREGISTER_BUFFERS, None, 0))
    os.close(ring)


def by_udmabuf(memfd: int, _: mmap.mmap) -> None:
    """By a store to the mapping of a DMA buffer made of the memfd."""
    fcntl.fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK)
    with open("/dev/udmabuf", "rb", buffering=0) as device:
        request = struct.pack("IIQQ", memfd, 0, 0, SIZE)
        buffer = check(libc.ioctl(device.fileno(), ctypes.c_ulong(UDMABUF_CREATE), request))
    with mmap.mmap(buffer, SIZE) as mapping:
        mapping[:] = b"x" * SIZE
    os.close(buffer)


def by_af_alg(_: int, memory: mmap.mmap) -> None:
    """By receiving a cipher's output for zeros."""
    with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET) as cipher:
        cipher.bind(("skcipher", "ecb(aes)"))
        cipher.setsockopt(socket.SOL_ALG, socket.ALG_SET_KEY, b"k" * 16)
        with cipher.accept()[0] as request:
            for i in range(0, SIZE, PAGE):
                request.sendmsg_afalg([bytes(PAGE)], op=socket.ALG_OP_ENCRYPT)
                assert request.recv_into(memoryview(memory)[i : i + PAGE]) == PAGE


def written(memory: mmap.mmap) -> int:
    """The number of pages that differ from the original."""
    return sum(memory[i] != 0 for i in range(0, SIZE, PAGE))


HOW = {"af_alg": by_af_alg, "cpu": by_cpu, "io_uring": by_io_uring, "udmabuf": by_udmabuf}


def main() -> None:
    """Run the command line."""
    # Another CPU may hold new pages in a list, and they are not reclaimed.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    pins = pins_of_kernel()
    memfd = os.memfd_create("data", os.MFD_ALLOW_SEALING)
    os.ftruncate(memfd, SIZE)
    memory = mmap.mmap(memfd, SIZE)
    # Each page is allocated, zero, and clean.
    assert not written(memory)
    HOW[sys.argv[1]](memfd, memory)
    before = written(memory)
    # A worker of io_uring may drop its pins a little later.
    while pins_of_kernel() > pins:
        time.sleep(0.01)
    memory.madvise(MADV_PAGEOUT)
    print(f"{sys.argv[1]}: {before} pages were written, {written(memory)} are there still")


if __name__ == "__main__":
    main()
