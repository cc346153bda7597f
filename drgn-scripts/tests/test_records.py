# SPDX-License-Identifier: LGPL-2.1-or-later
"""Slots, calls and origins."""

import struct
from dataclasses import replace

import pytest

from gup_pin.errors import Unreadable
from gup_pin.records import Ref
from mock_records import RECORDS, Records
from samples import CALL, MEANING, ORIGIN, PAGE_SHIFT


def pins(records: Records, entry: int) -> list[tuple[int, int]]:
    """(address of the call, pins) of all that a slot says."""
    return [(ref.call.address, ref.pins) for ref in records.reader.slot(entry)]


def test_slot_is_a_call() -> None:
    """One pin, of one call."""
    records = Records()
    address = records.put_call()
    assert list(records.reader.slot(address)) == [Ref(records.reader.call(address), 1)]
    assert not records.faults


def test_slot_is_a_set() -> None:
    """Refs of all chunks in their order, but for one that is being released."""
    records = Records()
    first, second, third = (records.put_call() for _ in range(3))
    last = records.memory.put(records.refs([(third, 1)]))
    middle = records.memory.put(records.refs([], last))
    slot = records.put_set(records.refs([(first, 2), (second, 0)], middle, 2))
    assert pins(records, slot) == [(first, 2), (third, 1)]
    assert not records.faults


def test_slot_with_a_tag_that_nobody_uses() -> None:
    """Better no pin than a wrong one."""
    records = Records()
    assert pins(records, records.put_call() | 3) == []
    (line,) = records.faults.lines()
    assert line.startswith("slot is none (0x")


def test_slot_whose_call_is_not_there() -> None:
    """The other pins on the folio are."""
    records = Records()
    there = records.put_call()
    assert pins(records, 0x1000) == []
    slot = records.put_set(records.refs([(0x1000, 1), (there, 1)], room=2))
    assert pins(records, slot) == [(there, 1)]
    assert list(records.faults.lines()) == [
        "struct gup_pin_call not in the dump (2 times, first 0x1000)"
    ]


def test_chunk_that_is_not_there() -> None:
    """What comes before it is told."""
    records = Records()
    call = records.put_call()
    slot = records.put_set(records.refs([(call, 1)], following=0x2000, room=2))
    assert pins(records, slot) == [(call, 1)]
    assert list(records.faults.lines()) == [
        "struct gup_pin_refs not in the dump (0x2000)"
    ]


def test_chunks_in_a_circle() -> None:
    """Damage ends the walk."""
    records = Records()
    call = records.put_call()
    slot = records.put_set(records.refs([]))
    chunk = slot - 1 + RECORDS.refs_at
    records.put_set(records.refs([(call, 1)], following=chunk), slot - 1)
    assert pins(records, slot) == [(call, 1)]
    assert list(records.faults.lines()) == [f"struct gup_pin_refs is none ({chunk:#x})"]


@pytest.mark.parametrize(("count", "room"), [(3, 2), (5000, 5000)])
def test_chunk_with_impossible_sizes(count: int, room: int) -> None:
    """Nor is memory read that cannot be refs."""
    records = Records()
    chunk = struct.pack("<QII", 0, count, room) + bytes(24 * count)
    slot = records.put_set(chunk)
    assert pins(records, slot) == []
    (line,) = records.faults.lines()
    assert line.startswith("struct gup_pin_refs is none")


def test_call_and_its_origin() -> None:
    """Every member arrives, and a second look needs no memory."""
    records = Records()
    address = records.put_call()
    call = records.reader.call(address)
    assert call == replace(CALL, address=address)
    assert call.origin == ORIGIN and call.origin.meaning is MEANING
    records.memory.pieces.clear()
    assert records.reader.call(address) is call


def test_call_that_lies_in_its_block() -> None:
    """Says so beside its number of pages."""
    records = Records()
    assert records.reader.call(records.put_call(1 << 31 | 1)).npages == 1


def test_call_that_is_not_there() -> None:
    """The fault names it."""
    records = Records()
    with pytest.raises(Unreadable, match="struct gup_pin_call at 0x1000"):
        records.reader.call(0x1000)
    assert records.reader.find_call(0x1000) is None
    assert records.faults


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


def test_address_behind_zero_pages() -> None:
    """Two of them lie before a file's first page, whose index they count from."""
    call = replace(CALL, index=(1 << 64) - 2)
    assert call.folio_addr(0, PAGE_SHIFT) == CALL.addr + 0x2000
    assert call.folio_addr(1, PAGE_SHIFT) == CALL.addr + 0x3000


def test_address_that_nobody_knows() -> None:
    """No user address, or indexes that do not tell it."""
    assert replace(CALL, addr=0).folio_addr(CALL.index, PAGE_SHIFT) == 0
    assert replace(CALL, npages=0).folio_addr(CALL.index, PAGE_SHIFT) == 0
    assert CALL.folio_addr(None, PAGE_SHIFT) == 0


def zero(
    records: Records, address: int, start: int = 0, end: int | None = None
) -> None:
    """Zero a part of what lies at an address: it is in a page that is not there."""
    data = records.memory.pieces[address]
    end = len(data) if end is None else end
    records.memory.pieces[address] = data[:start] + bytes(end - start) + data[end:]


def origin_of(records: Records, call: int) -> int:
    """The address of a call's origin."""
    return int(struct.unpack_from("<Q", records.memory.pieces[call])[0])


def test_zeroed_set() -> None:
    """A chunk has room for refs, even if it has none."""
    records = Records()
    slot = records.put_set(records.refs([(records.put_call(), 1)], room=2))
    zero(records, slot - 1)
    assert pins(records, slot) == []
    assert list(records.faults.lines()) == [
        f"struct gup_pin_refs is none ({slot - 1 + RECORDS.refs_at:#x})"
    ]


def test_zeroed_ref() -> None:
    """A ref has a call, even if its last pin is being released; others are told."""
    records = Records()
    call = records.put_call()
    refs = records.put_set(records.refs([(call, 1), (call, 2), (call, 0)], room=3))
    start = RECORDS.refs_at + RECORDS.first_ref_at
    zero(records, refs - 1, start, start + RECORDS.ref.size)
    assert pins(records, refs) == [(call, 2)]
    assert list(records.faults.lines()) == [
        f"struct gup_pin_ref is none ({refs - 1 + start:#x})"
    ]


@pytest.mark.parametrize(("start", "end"), [(0, 40), (0, 8), (8, 40), (32, 40)])
def test_zeroed_call(start: int, end: int) -> None:
    """All of it, or what lies in one of two pages."""
    records = Records()
    call = records.put_call()
    zero(records, call, start, end)
    assert pins(records, call) == []
    assert list(records.faults.lines()) == [f"struct gup_pin_call is none ({call:#x})"]


def test_call_that_a_running_kernel_has_just_freed() -> None:
    """It was there a moment ago, and is told as it was."""
    records = Records(live=True)
    call = records.put_call(live=0)
    assert pins(records, call) == [(call, 1)]
    assert not records.faults


@pytest.mark.parametrize(("start", "end"), [(0, 88), (0, 16), (32, 88), (64, 88)])
@pytest.mark.parametrize("live", [False, True])
def test_zeroed_origin(start: int, end: int, live: bool) -> None:
    """No pin of nobody's is made up of it."""
    records = Records(live)
    call = records.put_call()
    origin = origin_of(records, call)
    zero(records, origin, start, end)
    assert pins(records, call) == []
    assert list(records.faults.lines()) == [
        f"struct gup_pin_origin is none ({origin:#x})"
    ]
