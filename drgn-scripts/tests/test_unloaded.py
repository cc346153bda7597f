# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names of return addresses whose code is gone."""

from __future__ import annotations

import struct

import pytest

from gup_pin.errors import Faults, Unreadable
from gup_pin.memory import Field, Record
from gup_pin.unloaded import Layouts, Name, Unloaded
from mock_memory import MockMemory

# Two chains; as gcc lays out the structures otherwise.
LAYOUTS = Layouts(
    Record(
        "struct gup_pin_unloads",
        40,
        [Field(128, 32), Field(160, 32), Field(192, 64), Field(256, 64)],
    ),
    buckets_at=0,
    buckets=struct.Struct("<2Q"),
    name=Record(
        "struct gup_pin_unloaded",
        48,
        [
            *(Field(0, 64), Field(128, 64), Field(192, 32)),
            *(Field(256, 64), Field(320, 64)),
        ],
    ),
    node_at=0,
    unknown=31,
)
PC = 0xFFFFFFFFC0001234
OLD, NEW = "old+0x1/0x2 [a] (unloaded)", "new+0x1/0x2 [b] (unloaded)"


class Table:
    """A table in memory."""

    def __init__(self) -> None:
        """Without names."""
        self.memory, self.faults = MockMemory(), Faults()
        self.chains = [0, 0]
        self.lost = (0, 0, 0, 0)
        self.address = self.memory.put(bytes(40))
        self.unloaded = Unloaded(
            self.memory, LAYOUTS, lambda: self.address, self.faults.add
        )

    def write(self) -> None:
        """Put it into memory."""
        self.memory.put(struct.pack("<2QII2Q", *self.chains, *self.lost), self.address)

    def add(self, pc: int, until: int, text: str, chain: int = 0) -> None:
        """A name; an empty one is not known."""
        at = self.memory.put(text.encode() + b"\0") if text else 0
        live = text.find(" (")
        words = (self.chains[chain], 0, pc, until, 0, max(live, 0), at)
        self.chains[chain] = self.memory.put(struct.pack("<QQQIIQQ", *words))
        self.write()

    def text(self, pc: int, mark: int) -> str:
        """What it is called, if it is another one that is there now."""
        name = self.unloaded.find(pc, mark)
        return "live" if name is None else name.now("other") or "unknown"


def test_names() -> None:
    """By the lowest mark that is above that of the stack."""
    table = Table()
    assert table.text(PC, 0) == "live"
    table.add(PC, 1, OLD)
    table.add(PC + 1, 7, OLD)
    table.add(PC, 3, NEW)
    table.add(PC + 2, 1, "", 1)
    assert [table.text(PC, mark) for mark in range(4)] == [OLD, NEW, NEW, "live"]
    assert [table.text(PC + 2, mark) for mark in range(2)] == ["unknown", "live"]
    assert table.text(PC + 3, 0) == "live"
    assert not table.faults


def test_the_same_again() -> None:
    """What is called so today is there."""
    name = Name(1, OLD, OLD.index(" ("))
    assert name.now("old+0x1/0x2 [a]") == "old+0x1/0x2 [a]"
    assert name.now("old+0x1/0x2 [b]") == OLD
    assert name.now("old") == OLD


def test_the_last_mark() -> None:
    """With it, what has a name has none that is known."""
    table = Table()
    table.add(PC, 31, OLD)
    assert (table.text(PC, 31), table.text(PC + 1, 31)) == ("unknown", "live")
    assert table.text(PC, 30) == OLD


def test_names_that_could_not_be_kept() -> None:
    """Between the first and the last of them nothing is known, nor of others there."""
    table = Table()
    table.lost = (1, 2, PC, PC + 8)
    table.add(PC, 1, OLD)
    assert [table.text(PC, mark) for mark in range(3)] == ["unknown", "unknown", "live"]
    assert [table.text(PC + i, 1) for i in (-1, 8, 9)] == ["live", "unknown", "live"]
    assert table.text(PC + 4, 31) == "unknown"


def test_what_cannot_be_read() -> None:
    """It is reported once, and the other chain is read."""
    table = Table()
    table.add(PC, 1, OLD, 1)
    table.chains[0] = 0x9000
    table.write()
    for _ in range(2):
        assert (table.text(PC, 0), table.text(PC + 1, 0)) == (OLD, "live")
    assert list(table.faults.lines()) == [
        "struct gup_pin_unloaded not in the dump (0x9000)"
    ]
    table.address = 0x8000
    for _ in range(2):
        assert table.text(PC, 0) == "live"
    assert len(list(table.faults.lines())) == 2


def test_a_chain_that_does_not_end() -> None:
    """Whatever was overwritten."""
    table = Table()
    table.add(PC, 1, OLD)
    address = table.chains[0]
    data = table.memory.pieces[address]
    table.memory.pieces[address] = struct.pack("<Q", address) + data[8:]
    table.write()
    assert table.text(PC, 0) == OLD
    (line,) = table.faults.lines()
    assert "is invalid" in line


def test_an_address_that_cannot_be_read() -> None:
    """The root is not in the dump."""

    def fails() -> int:
        raise Unreadable(Unloaded.TABLE, 0x10)

    faults = Faults()
    unloaded = Unloaded(MockMemory(), LAYOUTS, fails, faults.add)
    assert unloaded.find(PC, 0) is None
    assert unloaded.find(PC, 0) is None
    assert len(list(faults.lines())) == 1


@pytest.mark.parametrize("mark", [0, 30])
def test_no_names(mark: int) -> None:
    """Nothing is gone."""
    table = Table()
    assert table.text(PC, mark) == "live"
    assert not table.faults
