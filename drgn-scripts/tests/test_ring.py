# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ring of hazards, in mock memory."""

from __future__ import annotations

import struct

import pytest

from gup_pin.errors import Faults
from gup_pin.memory import Field, Record
from gup_pin.ring import Hazard, Layouts, Ring
from mock_memory import MockMemory
from samples import MEANING

SIZE, DEPTH = 4, 3
COMM, NAME = 16, 8
# All of 64 bits, in a row; then the two names, the event's stack,
# and the file's name.
WORDS = 34
LAYOUTS = Layouts(
    record=Record(
        "struct gup_pin_hazard_record",
        8 * WORDS + 2 * COMM + 8 * DEPTH + NAME,
        [Field(64 * i, 64, signed=i in (11, 12)) for i in range(WORDS)],
    ),
    event_comm_at=8 * WORDS,
    pin_comm_at=8 * WORDS + COMM,
    comm_size=COMM,
    entries_at=8 * WORDS + 2 * COMM,
    depth=DEPTH,
    ring_at=8,
    ring_size=SIZE,
    maps={0: "anon", 1: "file"},
    matches={0: "exact", 1: "alike", 2: "inferred"},
    name_at=8 * WORDS + 2 * COMM + 8 * DEPTH,
    name_size=NAME,
)
# After the number: kind, pins, the words shared by equal hazards, event, pin, its
# origin, its folio.
REST = (
    *(2, 3, 9, 8_000_000),
    *(1, 4, 0x10, 0x1F),
    *(7_000_000, 0x1234, 40, 41, 2, 3),
    *(0x1A2B1, 0x1A2B0, 2, 5_000_000, 0x7F00_0000, 2, 1),
    *(0x2B40003, 1, 0, 1),
    *(812, 815, 810),
    *(1, 2, 259 << 20 | 4, 77, 0x1F),
)


def entry(seq: int, rest: tuple[int, ...] = REST) -> bytes:
    """A record with that number."""
    words = struct.pack(f"<{WORDS}Q", seq, *rest)
    names = struct.pack("<16s16s", b"truncate\0junk", b"fio\0junk")
    path = b"/a b\0junk"[:NAME]
    return words + names + struct.pack("<3Q", 0x1234, 0x5678, 0x9ABC) + path


EMPTY = bytes(LAYOUTS.record.size)


def read(entries: list[bytes]) -> tuple[list[Hazard], Faults]:
    """The hazards read from a ring with these entries, and the faults."""
    memory, faults = MockMemory(), Faults()
    address = memory.put(struct.pack("<Q", 0) + b"".join(entries))
    ring = Ring(memory, LAYOUTS, faults.add, MEANING)
    return list(ring.hazards(address)), faults


def test_all_of_a_hazard() -> None:
    """Every member is read."""
    (hazard,), faults = read([EMPTY, entry(1), EMPTY, EMPTY])
    assert not faults
    event, first = hazard.event, hazard.run.first
    assert (hazard.kind, hazard.pins) == (2, 3)
    assert (hazard.count, hazard.last, hazard.reported) == (9, 8_000_000, 1)
    assert (hazard.stake, hazard.indexes) == (4, (0x10, 0x1F))
    assert (event.time, event.ip, event.tgid, event.pid) == (7_000_000, 0x1234, 40, 41)
    assert (event.comm, event.entries) == (b"truncate", (0x1234, 0x5678))
    assert event.mark == 3
    assert (first.pfn, first.head, first.pages) == (0x1A2B1, 0x1A2B0, 2)
    assert (first.addr, first.pins, first.match) == (0x7F00_0000, 2, "alike")
    origin = first.origin
    assert origin.meaning is MEANING
    assert (first.time, origin.stack) == (5_000_000, 0x2B40003)
    assert origin.comm == b"fio"
    assert (origin.mode, origin.term, origin.api) == (1, 0, 1)
    assert (origin.tgid, origin.pid, origin.owner) == (812, 815, 810)
    folio = first.folio
    assert (folio.map, folio.order, folio.dev) == ("file", 2, 259 << 20 | 4)
    assert (folio.ino, folio.index, folio.path) == (77, 0x1F, r"/a\x20b")
    assert (hazard.run.pages, hazard.run.pins) == (2, 2)


def test_none() -> None:
    """There was no hazard yet."""
    found, faults = read([EMPTY] * SIZE)
    assert found == [] and not faults


@pytest.mark.parametrize("numbers", [(1,), (2, 1), (7, 3, 9, 5), (8, 4, 6)])
def test_in_the_order_of_their_numbers(numbers: tuple[int, ...]) -> None:
    """At any position in the ring."""
    entries = [entry(number, (2, number, *REST[2:])) for number in numbers]
    found, faults = read(entries + [EMPTY] * (SIZE - len(numbers)))
    assert [hazard.pins for hazard in found] == sorted(numbers) and not faults


def test_one_that_is_being_written() -> None:
    """It is left out, and reported."""
    entries = [entry(4), entry(5), entry(0), entry(3)]
    found, faults = read(entries)
    assert len(found) == 3
    (line,) = faults.lines()
    assert line.startswith("struct gup_pin_hazard_record is being written")


def test_a_stack_that_is_too_deep() -> None:
    """Damage: the depth is limited to the size of the array."""
    rest = (*REST[:12], 1000, *REST[13:])
    (hazard,), _ = read([EMPTY, entry(1, rest), EMPTY, EMPTY])
    assert len(hazard.event.entries) == DEPTH


def test_not_in_the_dump() -> None:
    """Each is reported."""
    faults = Faults()
    ring = Ring(MockMemory(), LAYOUTS, faults.add)
    assert list(ring.hazards(0x1000)) == []
    assert next(iter(faults.lines())).startswith("struct gup_pin_hazard_record not in")


def test_a_kind_of_memory_that_is_not_known() -> None:
    """The number is shown; an invalid match is a guess."""
    rest = (*REST[:-5], 9, *REST[-4:])
    (hazard,), _ = read([EMPTY, entry(1, rest), EMPTY, EMPTY])
    assert hazard.run.first.folio.map == "map9"
    rest = (*REST[:20], 9, *REST[21:])
    (hazard,), _ = read([EMPTY, entry(1, rest), EMPTY, EMPTY])
    assert hazard.run.match == "inferred"


def test_unreadable_is_an_error_of_one_record() -> None:
    """The others are read."""
    memory, faults = MockMemory(), Faults()
    address = memory.put(struct.pack("<Q", 3) + entry(4) + entry(1))
    ring = Ring(memory, LAYOUTS, faults.add)
    assert len(list(ring.hazards(address))) == 2
    assert bool(faults)
