# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mock page tables of x86_64."""

from __future__ import annotations

import pytest

from gup_pin.pagetable import walk

PRESENT, LEAF, PROT_NONE = 1 << 0, 1 << 7, 1 << 8
# Accessed, dirty, and not executable: other flags of an entry.
OTHERS = 1 << 5 | 1 << 6 | 1 << 63
ADDRESS = (1 << 52) - (1 << 12)
TOP = 0x1000
# By its entries: 1 in the top table, then 2, 3, 4, and 5 bytes.
USER = 1 << 39 | 2 << 30 | 3 << 21 | 4 << 12 | 5
PFN = 0x12345


def entry(physical: int, flags: int = PRESENT) -> int:
    """An entry in the kernel's format."""
    if not flags & PRESENT:
        physical ^= ADDRESS
    return physical | flags | OTHERS


def tables(*entries: int) -> dict[int, int]:
    """Words by physical address: the entries that map USER, from the top."""
    return {TOP * (i + 1) + 8 * (i + 1): word for i, word in enumerate(entries)}


# Entries that point to the tables below the top one.
DOWN = [entry(TOP * (i + 2)) for i in range(3)]


def find(*entries: int) -> int | None:
    """The pfn of USER."""
    return walk(tables(*entries).__getitem__, TOP, 4, USER)


def test_page() -> None:
    """Three tables below the top one map it."""
    assert find(*DOWN, entry(PFN << 12)) == PFN


def test_page_that_nobody_may_touch() -> None:
    """Its address is inverted."""
    assert find(*DOWN, entry(PFN << 12, PROT_NONE)) == PFN


@pytest.mark.parametrize("flags", [PRESENT, PROT_NONE])
def test_huge_page(flags: int) -> None:
    """The rest of the address is an offset; bit 12 of the entry is a flag."""
    huge = entry(0x40000000, flags | LEAF)
    assert find(*DOWN[:2], huge ^ 1 << 12) == 0x40004
    assert find(*DOWN[:1], huge) == 0x40000 + (3 << 9 | 4)


@pytest.mark.parametrize("level", range(4))
@pytest.mark.parametrize("word", [0, entry(PFN << 12, 0)])
def test_nothing_there(level: int, word: int) -> None:
    """Never or no longer mapped, such as a page in swap."""
    assert find(*DOWN[:level], word) is None


def test_five_levels() -> None:
    """There is one more table at the top."""
    words = tables(*DOWN, entry(PFN << 12))
    words[TOP * 9] = entry(TOP)
    assert walk(words.__getitem__, TOP * 9, 5, USER) == PFN
