# SPDX-License-Identifier: GPL-2.0
"""Memory for bench_guest.py, laid out as each case needs it, and checked."""

from __future__ import annotations

import ctypes
import mmap
import random
import re
from itertools import pairwise
from pathlib import Path

import hold_pins
from hold_pins import HUGE, MAP_HUGETLB, PAGE, check, libc

MADV_POPULATE_WRITE = 23
PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


class WrongLayout(Exception):
    """The kernel gave other pages than the case needs."""


def room(size: int, flags: int = PRIVATE) -> int:
    """Unmapped addresses, aligned to 2 MB."""
    address = libc.mmap(None, size + HUGE, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
    if address == ctypes.c_void_p(-1).value:
        check(-1)
    assert isinstance(address, int)
    return -(-address // HUGE) * HUGE


def populate(start: int, size: int) -> None:
    """Fault in the whole memory, in one system call."""
    check(libc.madvise(start, size, MADV_POPULATE_WRITE))


def frames(start: int, pages: int) -> list[int]:
    """The pfns of that many pages."""
    found = hold_pins.frames(start, pages)
    if len(found) != pages or not all(found):
        raise WrongLayout(f"pagemap does not know all of {pages} pages")
    return found


def followers(start: int, pages: int) -> float:
    """The share of pages that directly follow the previous one in memory."""
    follow = sum(b == a + 1 for a, b in pairwise(frames(start, pages)))
    return follow / (pages - 1)


def huge_bytes(start: int) -> int:
    """The size of transparent huge pages in the mapping that begins there."""
    text = Path("/proc/self/smaps").read_text()
    found = re.search(rf"^0*{start:x}-.*?^AnonHugePages: *(\d+) kB", text, re.M | re.S)
    return int(found[1]) * 1024 if found else 0


def neighbours(size: int) -> int:
    """Pages of 4 KiB with consecutive pfns."""
    start = room(size)
    populate(start, size)
    share = followers(start, size // PAGE)
    if share < 0.95:
        raise WrongLayout(f"only {share:.0%} of the pages follow each other")
    return start


def scattered(size: int, among: int) -> int:
    """Pages of 4 KiB scattered over memory, as in a process that runs for a long time."""
    start = room(among)
    pages = list(range(among // PAGE))
    random.Random(1).shuffle(pages)
    touch = (ctypes.c_char * among).from_address(start)
    for page in pages:
        touch[page * PAGE] = b"\x5a"
    share = followers(start, size // PAGE)
    if share > 0.01:
        raise WrongLayout(f"{share:.1%} of the scattered pages follow each other")
    return start


def thp(size: int) -> int:
    """Transparent huge pages."""
    start = room(size)
    check(libc.madvise(start, size, mmap.MADV_HUGEPAGE))
    populate(start, size)
    if huge_bytes(start) != size:
        raise WrongLayout(f"{huge_bytes(start)} of {size} bytes are in huge pages")
    return start


def hugetlb(size: int) -> int:
    """Pages from hugetlbfs's pool."""
    # room() reserves one more page, to align what is aligned already
    count = f"{size // HUGE + 1}\n"
    pool = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
    pool.write_text(count)
    if pool.read_text() != count:
        raise WrongLayout(f"only {pool.read_text().strip()} huge pages in the pool")
    start = room(size, PRIVATE | MAP_HUGETLB)
    populate(start, size)
    return start
