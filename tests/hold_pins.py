#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run in a guest by test_dump.py: pin memory in odd ways, and hold it.

gup_pin_hold holds one pin of each kind; this holds pins that are hard to list: many calls on
a folio, runs side by side, an unpin that had to be guessed, a name that needs escapes,
and all kinds of records (see count_records.py).
Returns when all is held, and continues in the background, as gup_pin_hold does.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import signal
import struct
import subprocess
import sys
from array import array
from collections.abc import Callable
from pathlib import Path

from patience import patiently

PAGE = 4096
HUGE = 2 << 20
# The minimum of adjacent small pages.
NEIGHBOURS = 16
SPLIT = Path("/sys/kernel/debug/split_huge_pages")
NAME = b"a b\\c\xc3\xbc"
# /proc/self/pagemap: 64 bits a page, of which these are its pfn.
PFN_MASK = (1 << 55) - 1
# The same for /proc/kpageflags.
KPF_THP = 1 << 22

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

PR_SET_NAME = 15
MAP_FIXED, MAP_HUGETLB = 0x10, 0x40000
RAM_DISK = "/dev/ram0"
IO_URING_SETUP, IO_URING_REGISTER = 425, 427
IORING_REGISTER_BUFFERS, IORING_UNREGISTER_BUFFERS = 0, 1
# _IOW('g', 7, struct pin_longterm_test), _IO('g', 8), _IOW('u', 0x42, struct udmabuf_create)
PIN_LONGTERM_TEST_START = 0x40186707
PIN_LONGTERM_TEST_STOP = 0x6708
UDMABUF_CREATE = 0x40187542


def check(result: int) -> int:
    """A system call's result; raises OSError."""
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def memory(size: int, flags: int = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, fd: int = -1) -> int:
    """The address of new memory, written to completely."""
    address = libc.mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, flags, fd, 0)
    if address == ctypes.c_void_p(-1).value:
        check(-1)
    assert isinstance(address, int)
    ctypes.memset(address, 0x5A, size)
    return address


def until_pinned(call: Callable[[], object]) -> None:
    """Repeat a call until the pages that it pins could be moved to where they can stay.

    Something else may refer to one for a moment. EFAULT: io_uring got the pages before it.
    """
    patiently(call, errno.ENOMEM, errno.EFAULT)


def register_once(ring: int, *buffers: tuple[int, int]) -> None:
    """Register (address, size) with an io_uring that has none: a call each."""
    iov = b"".join(struct.pack("QQ", *buffer) for buffer in buffers)
    check(
        libc.syscall(
            IO_URING_REGISTER,
            ring,
            IORING_REGISTER_BUFFERS,
            ctypes.create_string_buffer(iov),
            len(buffers),
        )
    )


def register(ring: int, *buffers: tuple[int, int]) -> None:
    """The same, with patience."""
    until_pinned(lambda: register_once(ring, *buffers))


def open_ring() -> int:
    """A new io_uring."""
    return check(libc.syscall(IO_URING_SETUP, 8, ctypes.create_string_buffer(120)))


def pin(*buffers: tuple[int, int]) -> int:
    """Register (address, size) with a new io_uring; it holds the pins."""
    ring = open_ring()
    register(ring, *buffers)
    return ring


def unpin(ring: int) -> None:
    """Unpin an io_uring's buffers; closing it would unpin them later."""
    check(libc.syscall(IO_URING_REGISTER, ring, IORING_UNREGISTER_BUFFERS, None, 0))


def overlapping() -> int:
    """Calls that share some of their pages, one of them unpinned."""
    start = memory(16 * PAGE)
    pin((start, 16 * PAGE))
    pin((start + 4 * PAGE, 8 * PAGE))
    pin((start + 4 * PAGE, 2 * PAGE), (start + 9 * PAGE, PAGE))
    unpin(pin((start + 10 * PAGE, 3 * PAGE)))
    return start


def bulk() -> None:
    """Many pages a call: two overlapping calls, a third unpinned, another all unpinned."""
    pages = memory(320 * PAGE)
    pin((pages, 320 * PAGE))
    pin((pages + 70 * PAGE, 200 * PAGE))
    pages = memory(320 * PAGE)
    first = pin((pages, 320 * PAGE))
    pin((pages, 320 * PAGE))
    unpin(first)
    unpin(pin((memory(320 * PAGE), 320 * PAGE)))


def singles() -> None:
    """A call a page; another for some of them; one call that meets pages twice."""
    pages = memory(320 * PAGE)
    pin(*((pages + i * PAGE, PAGE) for i in range(320)))
    pin(*((pages + i * PAGE, PAGE) for i in range(0, 320, 7)))
    fd = os.memfd_create("twice")
    os.ftruncate(fd, 8 * PAGE)
    start = memory(16 * PAGE)
    for half in (start, start + 8 * PAGE):
        flags = mmap.MAP_SHARED | MAP_FIXED
        libc.mmap(half, 8 * PAGE, mmap.PROT_READ | mmap.PROT_WRITE, flags, fd, 0)
    ctypes.memset(start, 0x5A, 8 * PAGE)
    pin((start, 16 * PAGE))


def crowded() -> None:
    """Some tens of calls on a folio.

    First on one page; then side by side as many as there can be open runs
    (GUP_PIN_OPEN_RUNS), and one more.
    """
    page = memory(PAGE)
    for _ in range(60):
        pin((page, PAGE))
    for calls in (32, 33):
        pages = memory(8 * PAGE)
        for _ in range(calls):
            pin((pages, 8 * PAGE))


def huge() -> None:
    """Parts of huge pages of both kinds, a whole one, and one of a file.

    For a buffer that consists of huge pages, io_uring keeps one pin on each; a small page
    after them makes it keep all pins.
    """
    pool = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
    # Two are private and pinned, so that a child gets copies; one is of the file.
    wanted = "5\n"
    pool.write_text(wanted)
    if pool.read_text() != wanted:
        raise MemoryError(f"only {pool.read_text().strip()} huge pages")
    start = memory(2 * HUGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_HUGETLB)
    pin((start, 2 * HUGE))
    pin((start + 5 * PAGE, 3 * PAGE))
    fd = os.memfd_create("huge", os.MFD_HUGETLB)
    os.ftruncate(fd, HUGE)
    pin((memory(HUGE, mmap.MAP_SHARED, fd), HUGE))
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    start = libc.mmap(None, 4 * HUGE, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
    start = -(-start // HUGE) * HUGE
    check(libc.madvise(start, 3 * HUGE, mmap.MADV_HUGEPAGE))
    check(libc.madvise(start + 3 * HUGE, PAGE, mmap.MADV_NOHUGEPAGE))
    ctypes.memset(start, 0x5A, 3 * HUGE + PAGE)
    pin((start + 3 * PAGE, HUGE))
    pin((start + 2 * HUGE, HUGE + PAGE))


def frames(start: int, pages: int) -> list[int]:
    """The pfns of that many pages; 0 for a page that is not mapped."""
    entries = array("Q")
    with Path("/proc/self/pagemap").open("rb") as file:
        file.seek(start // PAGE * 8)
        entries.frombytes(file.read(pages * 8))
    return [entry & PFN_MASK for entry in entries]


def follows(page: int) -> bool:
    """Whether a page's frame follows that of the previous page."""
    before, here = frames(page - PAGE, 2)
    return here == before + 1


def move_away(page: int) -> None:
    """Move a page that follows another one elsewhere in memory."""
    while follows(page):
        check(libc.madvise(page, PAGE, mmap.MADV_DONTNEED))
        # This gets the freed page, if any does.
        memory(PAGE)
        ctypes.memset(page, 0x5A, PAGE)


def is_huge(page: int) -> bool:
    """Whether a page is part of a huge one."""
    with Path("/proc/kpageflags").open("rb") as file:
        file.seek(frames(page, 1)[0] * 8)
        return bool(int.from_bytes(file.read(8), sys.byteorder) & KPF_THP)


def neighbours() -> None:
    """Adjacent small pages, made by splitting a huge page; and a gap."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    start = libc.mmap(None, 2 * HUGE, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
    start = -(-start // HUGE) * HUGE
    check(libc.madvise(start, HUGE, mmap.MADV_HUGEPAGE))
    ctypes.memset(start, 0x5A, HUGE)
    check(libc.madvise(start, HUGE, mmap.MADV_NOHUGEPAGE))
    # Not while something else has it for a moment, as compaction may.
    while is_huge(start):
        SPLIT.write_text(f"{os.getpid()},{start:#x},{start + HUGE:#x}")
    pin((start, NEIGHBOURS * PAGE))
    start += NEIGHBOURS * PAGE
    move_away(start + 7 * PAGE)
    pin((start, NEIGHBOURS * PAGE))


def export_memory(fd: int, size: int) -> None:
    """Make a dma-buf of the start of a memfd, for a driver; it is never closed."""
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    device = os.open("/dev/udmabuf", os.O_RDWR)
    request = struct.pack("IIQQ", fd, 0, 0, size)
    until_pinned(lambda: fcntl.ioctl(device, UDMABUF_CREATE, request))


def shared() -> None:
    """A memfd: pinned as by a driver, and as mapped by a process."""
    fd = os.memfd_create("pins", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, 64 * PAGE)
    start = memory(64 * PAGE, mmap.MAP_SHARED, fd)
    export_memory(fd, 32 * PAGE)
    pin((start + 40 * PAGE, 5 * PAGE))


def pin_for_test(start: int, size: int) -> int:
    """Have the kernel's own test pin memory for reading; returns the holder."""
    device = os.open("/sys/kernel/debug/gup_test", os.O_RDWR)
    request = struct.pack("QQIxxxx", start, size, 0)
    until_pinned(lambda: fcntl.ioctl(device, PIN_LONGTERM_TEST_START, request))
    return device


def read_by_a_pin(start: int, size: int) -> None:
    """Have the kernel pin memory of this process, read it, and unpin it."""
    here = (ctypes.c_size_t * 2)(memory(size), size)
    there = (ctypes.c_size_t * 2)(start, size)
    assert check(libc.process_vm_readv(os.getpid(), here, 1, there, 1, 0)) == size


def file() -> None:
    """Pages of a file, for reading. On some, another pin is gone: which one is a guess."""
    fd = os.open(sys.executable, os.O_RDONLY)
    start = libc.mmap(None, 32 * PAGE, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0)
    ctypes.string_at(start, 32 * PAGE)
    pin_for_test(start + PAGE, 20 * PAGE)
    read_by_a_pin(start + 4 * PAGE, 4 * PAGE)


def refuse() -> None:
    """A page of a file whose file system has to know of each write: refused twice."""
    folder = Path("/tmp/refused")
    folder.mkdir()
    subprocess.run(["mkfs.ext4", "-q", RAM_DISK], check=True)
    subprocess.run(["mount", "-t", "ext4", RAM_DISK, folder], check=True)
    fd = os.open(folder / "table", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, PAGE)
    start = memory(PAGE, mmap.MAP_SHARED, fd)
    for _ in range(2):
        try:
            register_once(open_ring(), (start, PAGE))
        except OSError as refused:
            assert refused.errno == errno.EFAULT
        else:
            raise AssertionError("a page of a file got a long-term pin")


def hold() -> None:
    """Hold everything, in two processes."""
    libc.prctl(PR_SET_NAME, NAME, 0, 0, 0)
    start = overlapping()
    bulk()
    singles()
    crowded()
    huge()
    neighbours()
    shared()
    file()
    refuse()
    ready, told = os.pipe()
    if not os.fork():
        libc.prctl(PR_SET_NAME, b"child", 0, 0, 0)
        pin((memory(4 * PAGE), 4 * PAGE), (start, PAGE))
        os.write(told, b"held")
        signal.pause()
    os.close(told)
    if not os.read(ready, 4):
        raise ChildProcessError("the child died")


def in_background(hold: Callable[[], object]) -> int:
    """Hold in a child, forever; returns when all is held: 0, or 1 if it died."""
    ready, told = os.pipe()
    if os.fork():
        os.close(told)
        return 0 if os.read(ready, 4) else 1
    hold()
    os.write(told, b"held")
    signal.pause()
    return 1


if __name__ == "__main__":
    sys.exit(in_background(hold))
