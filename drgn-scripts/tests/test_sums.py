# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sums by stack, and the table of origins that they use."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from gup_pin.errors import Faults
from gup_pin.memory import Field, Record
from gup_pin.origins import Counts, Layouts, Origins
from gup_pin.records import Origin
from gup_pin.sums import sum_up
from gup_pin.walk import Share
from mock_records import ORIGIN_SIZE, Records
from samples import ORIGIN

BUCKETS = 4
LAYOUTS = Layouts(
    buckets_at=8,
    buckets=struct.Struct(f"<{BUCKETS}Q"),
    counts=Record(
        "struct gup_pin_origin",
        ORIGIN_SIZE,
        [Field(0, 64), *(Field(8 * at, 64, signed=True) for at in (64, 72, 80))],
    ),
    node_at=0,
)


def share(origin: Origin, time: int, pins: int, pages: int, guessed: int = 0) -> Share:
    """A record of an origin; records of one time belong to one call."""
    return Share(origin, time << 64, time, pins, pages, guessed)


def test_tasks_are_not_told_apart() -> None:
    """Equal stacks of other tasks are summed; other modes are not."""
    other = replace(ORIGIN, tgid=9, pid=9, comm=b"x")
    reads = replace(ORIGIN, mode=0)
    shares = [
        *(share(ORIGIN, 5, 1, 4, 1), share(other, 3, 2, 2), share(reads, 4, 9, 9)),
        share(ORIGIN, 5, 4, 4, 2),
    ]
    counts = [
        (0x1, ORIGIN, Counts(pins=5, acquired=10, peak=7)),
        (0x2, other, Counts(pins=2, acquired=20, peak=1)),
        (0x3, reads, Counts(pins=9, acquired=9, peak=2)),
        (0x4, replace(ORIGIN, stack=1), Counts(0, 99, 99)),
    ]
    first, second = sum_up(shares, counts)
    assert (first.origin, first.pins, first.pages) == (reads, 9, 9)
    # The peak is at least the number of live pins.
    assert first.peak == 9
    assert (second.pins, second.pages, second.calls) == (7, 10, 2)
    assert (first.guessed, second.guessed) == (0, 3)
    assert (second.acquired, second.peak) == (30, 7)
    assert (second.oldest, second.newest) == (3, 5)


def test_without_the_table() -> None:
    """A dump may lack it: the live pins are known all the same."""
    (total,) = sum_up([share(ORIGIN, 1, 3, 3)], [])
    assert (total.calls, total.acquired, total.peak) == (1, 3, 3)


def test_the_first_of_equals_stays_first() -> None:
    """As list_sort() does."""
    origins = [replace(ORIGIN, stack=stack) for stack in (5, 4, 6)]
    sums = sum_up([share(origin, 1, 1, 1) for origin in origins], [])
    assert [total.origin.stack for total in sums] == [5, 4, 6]


def origin(following: int, acquired: int, released: int, peak: int) -> bytes:
    """A struct gup_pin_origin, in the layout of mock_records."""
    ident = (1, 1, 1, 1, 2, 3, 4, b"a\0")
    head = struct.pack("<QQIBBBxiii16s12x", following, 1, *ident)
    return (head + struct.pack("<3q", acquired, released, peak)).ljust(120, b"\0")


def test_table() -> None:
    """All buckets, whole chains, and the conversion of counters."""
    records = Records()
    dead = -(1 << 62)
    second = records.memory.put(origin(0, dead + 3, 3, 1))
    first = records.memory.put(origin(second, 40, 29, 12))
    table = records.memory.put(struct.pack("<8x4Q", 0, first, 0, 0x9000))
    origins = Origins(records.memory, LAYOUTS, records.origins, records.faults.add)
    found = list(origins.all(table))
    assert [address for address, _, _ in found] == [first, second]
    assert found[0][1].comm == b"a"
    assert found[0][2] == Counts(pins=11, acquired=40, peak=12)
    assert (found[1][2].pins, found[1][2].acquired) == (0, 0)
    assert len(list(records.faults.lines())) == 1


@pytest.mark.parametrize("live", [False, True])
def test_table_of_a_running_kernel(live: bool) -> None:
    """The origin may have changed since the walk."""
    records = Records(live)
    first = records.memory.put(origin(0, 1, 0, 0))
    table = records.memory.put(struct.pack("<8x4Q", first, 0, 0, 0))
    assert records.origins.read(first).comm == b"a"
    other = records.memory.pieces[first].replace(b"a\0", b"b\0")
    records.memory.put(other, first)
    origins = Origins(records.memory, LAYOUTS, records.origins, records.faults.add)
    ((_, found, _),) = origins.all(table)
    assert found.comm == (b"b" if live else b"a")


def test_a_chain_that_is_a_ring_ends() -> None:
    """It is reported."""
    records = Records()
    first = records.memory.put(bytes(ORIGIN_SIZE))
    records.memory.pieces[first] = origin(first, 1, 0, 0)
    table = records.memory.put(struct.pack("<8x4Q", first, 0, 0, 0))
    origins = Origins(records.memory, LAYOUTS, records.origins, records.faults.add)
    assert len(list(origins.all(table))) == 1
    assert "is invalid" in next(iter(records.faults.lines()))


def test_no_table() -> None:
    """Not in the dump: no origins, and one fault."""
    records, faults = Records(), Faults()
    origins = Origins(records.memory, LAYOUTS, records.origins, faults.add)
    assert list(origins.all(0x9000)) == []
    assert bool(faults)


def test_pins_that_never_went_make_a_peak() -> None:
    """The kernel updates it at unpins, and when `stacks` is read."""
    counts = [(0x1, ORIGIN, Counts(pins=30, acquired=40, peak=20))]
    (total,) = sum_up([share(ORIGIN, 1, 29, 29)], counts)
    assert total.peak == 30
