# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shards: their heads and counters, and whether these are settled."""

from __future__ import annotations

import struct

import pytest

from gup_pin.errors import Faults, Unreadable
from gup_pin.memory import Field, Record
from gup_pin.shards import Layouts, Shard, Shards
from gup_pin.totals import Totals
from mock_memory import MockMemory

SIZE = 128
# The order of this layout: lock, flags, head, then all counters.
WORDS = [Field(128 + 64 * i, 64) for i in range(7)]
FIGURES = Record("struct gup_pin_shard", SIZE, WORDS)
INDEX = [Field(32, 32), Field(64, 64), Field(128, 64), Field(192, 64)]
LOCK = Field(0, 32)
HEAD = 0xFFFF888000001002
FIRST = 0xFFFFFFFF82000000


def shard(acquired: int, released: int, lock: int = 0, head: int = HEAD) -> bytes:
    """A struct gup_pin_shard."""
    return struct.pack("<IIQQQ", lock, 1, head, acquired, released).ljust(SIZE, b"\0")


def make_shards(
    *pieces: bytes, live: bool = False, lock: bool = True
) -> tuple[Shards, Faults]:
    """Layouts of a kernel that has locks."""
    memory, faults = MockMemory(), Faults()
    memory.put(b"".join(pieces), FIRST)
    index = Record("struct gup_pin_shard", SIZE, [*INDEX, *([LOCK] if lock else [])])
    place = (FIRST, len(pieces))
    return Shards(memory, Layouts(FIGURES, index), place, faults.add, live), faults


def test_shards_at_rest() -> None:
    """Each has its pins."""
    shards, faults = make_shards(shard(7, 3), shard(2, 2, head=0))
    assert shards.all() == [Shard(HEAD, FIRST, 4), Shard(0, FIRST + SIZE, 0)]
    assert all(found.settled for found in shards.all())
    assert shards.totals() == Totals(acquired=9, released=5)
    assert not faults


def test_a_shard_whose_lock_somebody_has() -> None:
    """Its counters may not match its pins; without locks this is unknown."""
    pieces = shard(7, 3, lock=1), shard(2, 1)
    shards, faults = make_shards(*pieces)
    assert shards.all() == [Shard(HEAD, FIRST), Shard(HEAD, FIRST + SIZE, 1)]
    assert [found.settled for found in shards.all()] == [False, True]
    shards, _ = make_shards(*pieces, lock=False)
    assert [found.pins for found in shards.all()] == [4, 1]
    assert not faults


def test_a_running_kernel() -> None:
    """Its counters are from another moment."""
    shards, faults = make_shards(shard(7, 3), live=True)
    assert shards.all() == [Shard(HEAD, FIRST)]
    assert not faults


@pytest.mark.parametrize("live", [False, True])
def test_zeroed_shards(live: bool) -> None:
    """An xarray has flags, even if it is empty."""
    shards, faults = make_shards(bytes(SIZE), shard(1, 0), bytes(SIZE), live=live)
    assert [found.head for found in shards.all()] == [0, HEAD, 0]
    assert list(faults.lines()) == [
        f"struct gup_pin_shard is invalid (2 times, first {FIRST:#x})"
    ]


def test_shards_that_are_not_there() -> None:
    """It raises an error."""
    layouts = Layouts(FIGURES, FIGURES)
    shards = Shards(MockMemory(), layouts, (FIRST, 2), Faults().add)
    for ask in (shards.all, shards.totals):
        with pytest.raises(Unreadable, match="struct gup_pin_shard"):
            ask()
