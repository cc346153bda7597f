# SPDX-License-Identifier: LGPL-2.1-or-later
"""The list of refusals, in mock memory."""

from __future__ import annotations

import struct

import pytest

from gup_pin.errors import Faults
from gup_pin.memory import Field, Record
from gup_pin.refused import Layouts, Refusal, Refusals
from mock_memory import MockMemory
from samples import MEANING

# All of 64 bits, in a row, after another member; then the names of task and file.
WORDS = 18
LIST_AT = 8
COMM, NAME = 16, 8
LAYOUTS = Layouts(
    record=Record(
        "struct gup_pin_refusal",
        LIST_AT + 8 * WORDS + COMM + NAME,
        [Field(64 * (i + 1), 64, signed=i == 1) for i in range(WORDS)],
    ),
    list_at=LIST_AT,
    comm_at=LIST_AT + 8 * WORDS,
    comm_size=COMM,
    name_at=LIST_AT + 8 * WORDS + COMM,
    name_size=NAME,
)
HEAD = 0xFFFFFFFF82000000
# After next and the error: the counts; the target after its reason; the origin.
COUNTS = (7, 5_000_000, 8_000_000)
TARGET = (0x7F00_0000, 0x1A2B1, 259 << 20 | 4, 77, 0x1F)
ORIGIN = (0x2B40003, 1, 1, 1, 812, 815, 810)


class Memory:
    """Refusals in memory, the last one first."""

    def __init__(self) -> None:
        """None yet."""
        self.memory = MockMemory()
        self.why = self.memory.put(b"file\0junk")
        self.first = HEAD

    def add(self, err: int = -14, why: int | None = None) -> int:
        """Put one in front of the others; return its address."""
        words = (self.first, err, *COUNTS, why or self.why, *TARGET, *ORIGIN)
        data = struct.pack("<QQq16Q", 0, *words) + b"fio\0".ljust(COMM, b"x")
        address = self.memory.put(data + b"/a b\0junk"[:NAME])
        self.first = address + LIST_AT
        return address

    def read(self) -> tuple[list[Refusal], Faults]:
        """The refusals, and the faults."""
        faults = Faults()
        refusals = Refusals(self.memory, LAYOUTS, faults.add, MEANING)
        return list(refusals.all(HEAD, self.first)), faults


@pytest.fixture(name="memory")
def _memory() -> Memory:
    return Memory()


def test_all_of_a_refusal(memory: Memory) -> None:
    """Every member is read."""
    memory.add()
    (refusal,), faults = memory.read()
    assert not faults
    assert (refusal.err, refusal.why) == ("EFAULT", "file")
    assert (refusal.count, refusal.oldest, refusal.newest) == COUNTS
    place = (refusal.addr, refusal.pfn, refusal.dev, refusal.ino, refusal.index)
    assert place == TARGET
    assert refusal.path == r"/a\x20b"
    origin = refusal.origin
    assert origin.meaning is MEANING and origin.comm == b"fio"
    assert (origin.stack, origin.mode, origin.term, origin.api) == ORIGIN[:4]
    assert (origin.tgid, origin.pid, origin.owner) == ORIGIN[4:]


def test_none(memory: Memory) -> None:
    """Nothing was refused."""
    found, faults = memory.read()
    assert found == [] and not faults


@pytest.mark.parametrize(
    ("err", "name"),
    [(-12, "ENOMEM"), (-16, "EBUSY"), (-95, "EOPNOTSUPP"), (-5, "other")],
)
def test_the_errors(memory: Memory, err: int, name: str) -> None:
    """Those that the kernel has names for."""
    memory.add(err)
    (refusal,), _ = memory.read()
    assert refusal.err == name


def test_in_the_order_of_the_list(memory: Memory) -> None:
    """As debugfs shows them."""
    for err in (-12, -14, -16):
        memory.add(err)
    found, faults = memory.read()
    assert [refusal.err for refusal in found] == ["EBUSY", "EFAULT", "ENOMEM"]
    assert not faults


def test_a_list_that_breaks_off(memory: Memory) -> None:
    """What comes before is shown."""
    gone = memory.add()
    memory.add(-12)
    del memory.memory.pieces[gone]
    found, faults = memory.read()
    assert [refusal.err for refusal in found] == ["ENOMEM"]
    (line,) = faults.lines()
    assert line.startswith("struct gup_pin_refusal not in the dump")


def test_a_list_that_does_not_end(memory: Memory) -> None:
    """Each is shown once."""
    memory.first = last = memory.memory._next + LIST_AT
    memory.add()
    assert memory.first == last
    found, faults = memory.read()
    assert len(found) == 1
    (line,) = faults.lines()
    assert line.startswith("struct gup_pin_refusal is invalid")


def test_a_reason_that_is_not_in_the_dump(memory: Memory) -> None:
    """The rest is shown."""
    memory.add(why=0x1000)
    (refusal,), faults = memory.read()
    assert refusal.why is None and refusal.count == 7
    (line,) = faults.lines()
    assert line.startswith("reason not in the dump")
