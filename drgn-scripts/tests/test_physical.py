# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pinned pages in memory blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gup_pin import physical
from gup_pin.physical import MemoryBlock, Physical, add_pins
from gup_pin.pin import Item
from gup_pin.walk import by_folio
from samples import ANON, ORIGIN, item

SHORT = replace(ORIGIN, term=0)


def pinned(*items: Item) -> list[tuple[int, int]]:
    """Pinned pages, and those with long-term pins, in three blocks of 8 pages."""
    blocks = [MemoryBlock(i, 8 * i, 8, True) for i in range(3)]
    memory = Physical(4096, 8, [], blocks)
    add_pins(memory, by_folio(items, 64), lambda pin: pin.origin.term == 1)
    return [(block.pinned, block.long) for block in blocks]


def test_a_folio_counts_once() -> None:
    """For any number of pins; long-term if one of them is."""
    short = item(1, origin=SHORT)
    assert pinned(short, short) == [(1, 0), (0, 0), (0, 0)]
    assert pinned(short, item(1), item(1), short) == [(1, 1), (0, 0), (0, 0)]
    assert pinned(item(1), short, item(2, origin=SHORT)) == [(2, 1), (0, 0), (0, 0)]


def test_a_folio_in_two_blocks() -> None:
    """Each block counts its part; pages outside of blocks are not counted."""
    folio = replace(ANON, order=3)
    assert pinned(item(4, folio=folio)) == [(4, 4), (4, 4), (0, 0)]
    assert pinned(item(20, folio=folio)) == [(0, 0), (0, 0), (4, 4)]


@pytest.mark.parametrize(
    ("blocks", "found"),
    [
        # A device's memory has sections, but is in no block that can be offlined.
        ({0: True, 1: False}, {0: True, 1: False}),
        # If the blocks are unknown, it may be in one.
        ({}, {0: True, 2: True, 3: True}),
    ],
)
def test_blocks_are_those_of_the_kernel(
    monkeypatch: pytest.MonkeyPatch, blocks: dict[int, bool], found: dict[int, bool]
) -> None:
    """Sections are only used if blocks are unknown."""
    monkeypatch.setattr(physical, "find_blocks", lambda prog, fault: blocks)
    sections = [(0, 8), (16, 16)]
    monkeypatch.setattr(physical, "find_sections", lambda prog, fault: sections)
    nothing: Any = None
    assert physical._find_numbers(nothing, 8, nothing) == found
