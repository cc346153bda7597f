# SPDX-License-Identifier: LGPL-2.1-or-later
"""The stack depot, and stacks as frames."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from gup_pin.depot import Depot, Layouts
from gup_pin.errors import Faults, Unreadable
from gup_pin.memory import Field, Record
from gup_pin.stacks import Stacks
from gup_pin.unloaded import Name
from mock_memory import MockMemory

# The layout of union handle_parts and struct stack_record, by gcc on x86_64.
LAYOUTS = Layouts(
    Record("union handle_parts", 4, [Field(0, 17), Field(17, 10)]),
    Record("union handle_parts", 4, [Field(27, 5)]),
    Record("struct stack_record", 544, [Field(160, 32), Field(192, 32)]),
    entries_at=32,
    entries=64,
)
ENTRIES = (0xFFFFFFFF81000010, 0xFFFFFFFF81000020)
HANDLE = 3 << 17 | 1


class Pools:
    """Two pools; the second is not in the dump."""

    def __init__(
        self,
        entries: tuple[int, ...] = ENTRIES,
        size: int | None = None,
        handle: int = HANDLE,
    ) -> None:
        """The first has a stack at offset 48, and ends with it."""
        self.memory = MockMemory()
        head = struct.pack("<16xIIII", 7, size or len(entries), handle, 1)
        data = bytes(48) + head + struct.pack(f"<{len(entries)}Q", *entries)
        self.first = self.memory.put(data)
        self.depot = Depot(self.memory, LAYOUTS, lambda i: [self.first, 0x9000][i])

    def fails(self, handle: int) -> str:
        """The error for that stack."""
        with pytest.raises(Unreadable) as caught:
            self.depot.fetch(handle)
        assert (caught.value.what, caught.value.address) == ("stack", handle)
        return caught.value.why


def test_stack() -> None:
    """Other bits of the handle are ignored; the last record of a pool may be short."""
    pools = Pools()
    assert pools.depot.fetch(HANDLE) == ENTRIES
    assert pools.depot.fetch(5 << 27 | HANDLE) == ENTRIES
    assert (pools.depot.mark(HANDLE), pools.depot.mark(5 << 27 | HANDLE)) == (0, 5)


def test_stack_that_is_not_there() -> None:
    """In another pool, or after the end."""
    assert Pools().fails(HANDLE + 1) == "not in the dump"
    assert Pools().fails(HANDLE + (100 << 17)) == "not in the dump"
    assert Pools(size=3).fails(HANDLE) == "not in the dump"
    assert Pools().fails(3 << 17) == "not in the dump"


def test_zeroed_stack() -> None:
    """A stack has its handle, and frames; the last ones may be in another page."""
    pools = Pools()
    pools.memory.pieces[pools.first] = bytes(len(pools.memory.pieces[pools.first]))
    assert pools.fails(HANDLE) == "is invalid"
    assert Pools(entries=(ENTRIES[0], 0)).fails(HANDLE) == "is invalid"
    assert Pools(handle=HANDLE + (1 << 17)).fails(HANDLE) == "is invalid"


@pytest.mark.parametrize("size", [65, 0xFFFFFFFF])
def test_size_that_no_stack_has(size: int) -> None:
    """It is not read."""
    pools = Pools(entries=ENTRIES * 40, size=size)
    assert pools.fails(HANDLE) == "is invalid"


class MockDepot:
    """A depot with a stack; counts its calls."""

    def __init__(self) -> None:
        """Start at 0."""
        self.asked: list[int] = []

    def fetch(self, handle: int) -> tuple[int, ...]:
        """The entries of the only stack; raises Unreadable."""
        self.asked.append(handle)
        if handle & ~(31 << 27) != HANDLE:
            raise Unreadable("stack", handle)
        return ENTRIES

    def mark(self, handle: int) -> int:
        """What tells equal ones apart."""
        return handle >> 27


class MockUnloaded:
    """Of the second entry, what two pieces of code that are gone called it."""

    def find(self, pc: int, mark: int) -> Name | None:
        """The second did not know."""
        if pc == ENTRIES[0] or mark > 1:
            return None
        return (Name(1, f"{pc:#x} [a] (unloaded)", len(f"{pc:#x}")), Name(2))[mark]


def make_stacks(monkeypatch: pytest.MonkeyPatch) -> tuple[Stacks, MockDepot, Faults]:
    """Stacks of a program without symbols."""
    nothing: Any = None
    unloaded: Any = MockUnloaded()
    depot, faults = MockDepot(), Faults()
    stacks = Stacks(nothing, nothing, faults.add, unloaded)
    monkeypatch.setattr(stacks, "_depot", depot)
    monkeypatch.setattr(stacks, "symbolise", hex)
    return stacks, depot, faults


def test_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read once; handle 0 has no frames."""
    stacks, depot, faults = make_stacks(monkeypatch)
    for _ in range(2):
        assert stacks.frames(HANDLE) == stacks.given(HANDLE) == tuple(map(hex, ENTRIES))
        assert stacks.frames(0) == stacks.given(0) == ()
    assert depot.asked == [HANDLE]
    assert not faults


def test_stack_of_many_pins_that_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read once, and reported once, whatever the first call was."""
    stacks, depot, faults = make_stacks(monkeypatch)
    with pytest.raises(Unreadable):
        stacks.frames(0x10)
    for handle in (0x10, 0x20, 0x10, 0x20):
        assert stacks.given(handle) == ()
    with pytest.raises(Unreadable, match="stack at 0x20: not in the dump"):
        stacks.frames(0x20)
    assert depot.asked == [0x10, 0x20]
    assert list(faults.lines()) == ["stack not in the dump (2 times, first 0x10)"]


def test_frames_of_code_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the mark of the stack; what is there again under its name is not gone."""
    stacks, _, _ = make_stacks(monkeypatch)
    there, gone = map(hex, ENTRIES)
    assert stacks.frames(HANDLE) == (there, gone)
    monkeypatch.setattr(stacks, "symbolise", lambda pc: f"f+{pc & 0xFF:#x}/0x80 [b]")
    now = "f+0x10/0x80 [b]", "f+0x20/0x80 [b]"
    assert stacks.frames(1 << 27 | HANDLE) == (now[0], gone)
    assert stacks.frames(2 << 27 | HANDLE) == now
    assert stacks.frame(ENTRIES[1], 0) == f"{gone} [a] (unloaded)"
