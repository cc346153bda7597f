# SPDX-License-Identifier: LGPL-2.1-or-later
"""Slots, calls and origins."""

import struct
from dataclasses import replace

import pytest

from gup_pin.errors import Unreadable
from gup_pin.memory import Field, Record
from gup_pin.records import Layouts, Reader, Ref
from mock_memory import MockMemory
from samples import CALL, ORIGIN, PAGE_SHIFT

# As gcc lays out the structures of format 1 on x86_64.
WORD = 64
LAYOUTS = Layouts(
    call=Record(
        "struct gup_pin_call",
        40,
        [Field(WORD * i, WORD) for i in range(4)] + [Field(256, 31), Field(287, 1)],
    ),
    origin=Record(
        "struct gup_pin_origin",
        80,
        [Field(128, 32), Field(160, 8), Field(168, 8), Field(176, 8)]
        + [Field(192 + 32 * i, 32, signed=True) for i in range(3)],
    ),
    comm_at=36,
    comm_size=16,
    set_head=Record("struct gup_pin_set", 48, [Field(192, 8)]),
    refs_at=32,
    refs=Record(
        "struct gup_pin_refs", 16, [Field(0, 64), Field(64, 32), Field(96, 32)]
    ),
    first_ref_at=16,
    ref=Record("struct gup_pin_ref", 24, [Field(0, 64), Field(128, 32)]),
)


def refs(pairs: list[tuple[int, int]], following: int = 0, room: int = 20) -> bytes:
    """A struct gup_pin_refs of (call, pins)."""
    data = b"".join(
        struct.pack("<QQI4x", call, seq, pins) for seq, (call, pins) in enumerate(pairs)
    )
    return struct.pack("<QII", following, len(pairs), room) + data


def pin_set(inferred: bool, first: bytes) -> bytes:
    """A struct gup_pin_set."""
    return struct.pack("<IIQQ?7x", 0, 0, 0, 0, inferred) + first


def test_slot_is_a_call() -> None:
    """One pin, of one call."""
    slot = Reader(MockMemory(), LAYOUTS).slot(0xFFFF888000001000)
    assert slot.refs == (Ref(0xFFFF888000001000, 1),)
    assert not slot.inferred


@pytest.mark.parametrize("inferred", [False, True])
def test_slot_is_a_set(inferred: bool) -> None:
    """Refs of all chunks in their order, but for one that is being released."""
    memory = MockMemory()
    last = memory.put(refs([(0x3000, 1)]))
    middle = memory.put(refs([], last))
    first = refs([(0x1000, 2), (0x2000, 0)], middle, 2)
    address = memory.put(pin_set(inferred, first))
    slot = Reader(memory, LAYOUTS).slot(address | 1)
    assert slot.refs == (Ref(0x1000, 2), Ref(0x3000, 1))
    assert slot.inferred is inferred


def test_slot_with_a_tag_that_nobody_uses() -> None:
    """Better no pin than a wrong one."""
    with pytest.raises(Unreadable, match=r"slot at .*: is none"):
        Reader(MockMemory(), LAYOUTS).slot(0x1003)


def test_chunks_in_a_circle() -> None:
    """Damage ends the walk."""
    memory = MockMemory()
    address = memory.put(pin_set(False, refs([], 0)))
    memory.put(pin_set(False, refs([], address + 32)), address)
    with pytest.raises(Unreadable, match=r"struct gup_pin_refs at .*: is none"):
        Reader(memory, LAYOUTS).slot(address | 1)


@pytest.mark.parametrize(("count", "room"), [(3, 2), (5000, 5000)])
def test_chunk_with_impossible_sizes(count: int, room: int) -> None:
    """Nor is memory read that cannot be refs."""
    memory = MockMemory()
    chunk = struct.pack("<QII", 0, count, room) + bytes(24 * count)
    address = memory.put(pin_set(False, chunk))
    with pytest.raises(Unreadable, match=r"struct gup_pin_refs at .*: is none"):
        Reader(memory, LAYOUTS).slot(address | 1)


def put_call(memory: MockMemory) -> int:
    """The sample call, in memory."""
    origin = struct.pack(
        "<16xIBBBxiii16s28x", 0x2B40003, 1, 1, 1, 812, 815, 812, b"fio\0junk"
    )
    npages = CALL.npages | CALL.linear << 31
    data = struct.pack(
        "<QQQQII", memory.put(origin), CALL.time, CALL.addr, CALL.index, npages, 3
    )
    return memory.put(data)


def test_call_and_its_origin() -> None:
    """Every member arrives, and a second look needs no memory."""
    memory = MockMemory()
    address = put_call(memory)
    reader = Reader(memory, LAYOUTS)
    call = reader.call(address)
    assert call == replace(CALL, address=address)
    assert call.origin == ORIGIN
    memory.pieces.clear()
    assert reader.call(address) is call


def test_call_that_is_not_there() -> None:
    """The fault names it."""
    with pytest.raises(Unreadable, match="struct gup_pin_call at 0x1000"):
        Reader(MockMemory(), LAYOUTS).call(0x1000)


@pytest.mark.parametrize(
    ("index", "addr"),
    [
        (CALL.index, CALL.addr),
        (CALL.index + 3, CALL.addr + 0x3000),
        # a large folio, in whose middle the call began
        (CALL.index - 5, CALL.addr),
        (CALL.index + 63, CALL.addr + 0x3F000),
        (CALL.index + 64, 0),
    ],
)
def test_address_of_a_folio(index: int, addr: int) -> None:
    """A folio's index tells its address."""
    assert CALL.folio_addr(index, PAGE_SHIFT) == addr


def test_address_that_nobody_knows() -> None:
    """No user address, or indexes that do not tell it."""
    assert replace(CALL, addr=0).folio_addr(CALL.index, PAGE_SHIFT) == 0
    assert replace(CALL, linear=False).folio_addr(CALL.index, PAGE_SHIFT) == 0
