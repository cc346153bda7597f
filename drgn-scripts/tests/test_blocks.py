# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocks: a list of records, and the effects of damage."""

from __future__ import annotations

import struct

import pytest

from gup_pin.blocks import Block, bits_of
from mock_records import FIRST_AT, RECORD_SIZE, Pins, Records
from samples import ORIGIN, TIME

ALL = (1 << 64) - 1
NR = 0x68A


def pins(records: Records, address: int, settled: bool = True) -> list[tuple[int, int]]:
    """(mask, pins on each page) of a block's records."""
    block = records.blocks.read(address, NR, settled)
    if not block:
        return []
    found = [(record.mask, record.pins) for record in block.records]
    assert block.pins() == sum(mask.bit_count() * count for mask, count in found)
    for mask, _ in found:
        assert mask and block.used & mask == mask
    return found


@pytest.mark.parametrize(
    ("mask", "bits"),
    [(0, ()), (1, (0,)), (1 << 63, (63,)), (0b10110, (1, 2, 4)), (ALL, range(64))],
)
def test_bits(mask: int, bits: tuple[int, ...]) -> None:
    """Bits ascend."""
    assert bits_of(mask) == tuple(bits)


def test_all_of_a_record() -> None:
    """Every member, and the number of the call."""
    records = Records()
    origin = records.put_origin()
    address = records.put_block(NR, Pins(0b11, origin, 3, TIME, 0x5000, 3))
    block = records.blocks.read(address, NR)
    assert block
    (record,) = block.records
    assert record.address == address + FIRST_AT
    assert (record.origin, record.origin_at) == (ORIGIN, origin)
    assert (record.time, record.mask, record.pins) == (TIME, 0b11, 3)
    assert (record.base, record.flags) == (0x5000, 3)
    assert record.call == TIME << 64 | origin
    assert not records.faults


def test_records_in_the_order_of_their_list() -> None:
    """Skips readers' cursors, and the first record while unused."""
    records = Records()
    origin = records.put_origin()
    others = [Pins(0b10, origin), Pins(0, 0xDEAD), Pins(0b110, origin, 512)]
    address = records.put_block(NR, Pins(1, origin), others)
    assert pins(records, address) == [(1, 1), (0b10, 1), (0b110, 512)]
    address = records.put_block(NR, None, others)
    assert pins(records, address) == [(0b10, 1), (0b110, 512)]
    assert not records.faults


def test_how_sure_it_is() -> None:
    """The worst match of some pages."""
    block = Block(0b0110, 0b0100, ())
    pages = (0b1001, 0b0010, 0b0011, 0b0100, 0b1111)
    assert [block.match(mask) for mask in pages] == [
        *("exact", "alike", "alike", "inferred", "inferred")
    ]


def test_a_block_that_only_a_reader_keeps() -> None:
    """It has no pins."""
    records = Records()
    assert records.blocks.read(records.put_block(NR), NR) is None
    address = records.put_block(NR, None, [Pins(0, 0xDEAD)])
    assert records.blocks.read(address, NR) is None
    assert not records.faults


@pytest.mark.parametrize("live", [False, True])
def test_origin_of_a_running_kernel(live: bool) -> None:
    """The next block may find another origin at its address."""
    records = Records(live)
    origin = records.put_origin()
    address = records.put_block(NR, Pins(1, origin), [Pins(2, origin)])
    for pid in (ORIGIN.pid, 77):
        records.put_origin(pid, origin)
        block = records.blocks.read(address, NR)
        assert block
        first, second = block.records
        assert first.origin is second.origin
        assert first.origin.pid == (pid if live else ORIGIN.pid)


def test_equal_origins_are_one_object() -> None:
    """Sums and runs compare origins by identity."""
    records = Records(live=True)
    blocks = [
        records.put_block(NR, Pins(1, origin))
        for origin in (records.put_origin(), records.put_origin())
    ]
    found = [records.blocks.read(address, NR) for address in (*blocks, blocks[0])]
    assert len({id(block.records[0].origin) for block in found if block}) == 1


def three(records: Records) -> tuple[int, list[int]]:
    """A block with three records; its address, and theirs."""
    origin = records.put_origin()
    others = [Pins(2, origin), Pins(4, origin)]
    address = records.put_block(NR, Pins(1, origin), others)
    return address, records.places(address)


def lines(records: Records) -> list[str]:
    """What could not be read."""
    return list(records.faults.lines())


@pytest.mark.parametrize("settled", [True, False])
def test_a_list_that_leads_nowhere(settled: bool) -> None:
    """The records before the bad link are found."""
    records = Records()
    address, (_, second, _) = three(records)
    records.link(second, 0, 0x2000)
    assert pins(records, address, settled) == [(1, 1), (2, 1)]
    assert lines(records) == ["struct gup_pin_record not in the dump (0x2000)"]


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("to", [1, 2])
def test_a_list_that_is_a_circle(to: int, settled: bool) -> None:
    """The walk ends."""
    records = Records()
    address, places = three(records)
    records.link(places[2], 0, places[to])
    assert pins(records, address, settled) == [(1, 1), (2, 1), (4, 1)]
    assert lines(records) == [f"struct gup_pin_record is invalid ({places[to]:#x})"]


def test_a_list_that_leads_to_that_of_another_block() -> None:
    """The other block's records are not returned."""
    records = Records()
    address, places = three(records)
    _, others = three(records)
    records.link(places[0], 0, others[1])
    assert pins(records, address) == [(1, 1)]
    assert lines(records) == [f"struct gup_pin_record is invalid ({others[1]:#x})"]


def test_a_list_that_leads_to_another_block_while_it_is_changed() -> None:
    """It cannot come back: the walk ends all the same."""
    records = Records()
    address, places = three(records)
    _, others = three(records)
    records.link(places[0], 0, others[1])
    found = pins(records, address, settled=False)
    assert found[0] == (1, 1)
    assert len(lines(records)) == 1


def test_a_list_that_lacks_its_end() -> None:
    """The head points to the last record."""
    records = Records()
    address, places = three(records)
    records.link(places[1], 0, places[0])
    assert pins(records, address) == [(1, 1), (2, 1)]
    assert lines(records) == [f"struct gup_pin_record is invalid ({places[0]:#x})"]


def test_a_record_that_is_just_added_or_removed() -> None:
    """The lock is held: the next record has another previous one."""
    records = Records()
    address, places = three(records)
    records.link(places[2], 1, places[0])
    assert pins(records, address, settled=False) == [(1, 1), (2, 1), (4, 1)]
    assert not records.faults
    assert pins(records, address) == [(1, 1), (2, 1)]
    assert records.faults


class Changing(Records):
    """A running kernel whose block has another list when it is read again."""

    def __init__(self, times: int) -> None:
        """The list is in order after that many reads."""
        super().__init__(live=True)
        self._times = times
        self.block = 0

    def put(self) -> int:
        """Add a block that is being changed."""
        self.block, places = three(self)
        self.link(places[2], 1, places[0])
        read = self.memory.read

        def read_again(address: int, size: int, what: str) -> bytes:
            if address == self.block:
                self._times -= 1
                if self._times < 0:
                    self.link(places[2], 1, places[1])
            return read(address, size, what)

        self.memory.read = read_again  # type: ignore[method-assign]
        return self.block


def test_a_list_of_a_running_kernel() -> None:
    """It is read again, and reported if it stays damaged."""
    records = Changing(2)
    assert pins(records, records.put(), settled=False) == [(1, 1), (2, 1), (4, 1)]
    assert not records.faults
    records = Changing(9)
    assert pins(records, records.put(), settled=False) == [(1, 1), (2, 1)]
    assert len(lines(records)) == 1


def zero(records: Records, address: int, start: int, end: int) -> None:
    """Zero the memory from an address on, as in a page that is missing."""
    records.damage(address + start, bytes(end - start))


@pytest.mark.parametrize("start", [0, 8, 16, 24, 32, 40, 48, 56])
def test_a_record_whose_end_is_zeroed(start: int) -> None:
    """The record is in two pages: it is reported, whatever is left of it."""
    records = Records()
    address, places = three(records)
    zero(records, places[1], start, RECORD_SIZE)
    assert (2, 1) not in pins(records, address)
    assert records.faults


@pytest.mark.parametrize("end", [8, 16, 24, 32, 40, 48, 56, 64])
def test_a_record_whose_begin_is_zeroed(end: int) -> None:
    """What is left of it may be returned, but the loss is reported."""
    records = Records()
    address, places = three(records)
    zero(records, places[1], 0, end)
    assert (4, 1) not in pins(records, address)
    assert records.faults


@pytest.mark.parametrize("end", range(8, FIRST_AT + RECORD_SIZE + 8, 8))
def test_a_block_that_is_zeroed(end: int) -> None:
    """All of it, or the part in one of two pages."""
    size = FIRST_AT + RECORD_SIZE
    for start, stop in ((0, end), (size - end, size)):
        records = Records()
        address, _ = three(records)
        zero(records, address, start, stop)
        assert (1, 1) not in pins(records, address)
        assert records.faults


def test_a_block_of_another_number() -> None:
    """The block is invalid."""
    records = Records()
    address = records.put_block(NR + 1, Pins(1, records.put_origin()))
    assert records.blocks.read(address, NR) is None
    assert lines(records) == [f"struct gup_pin_block is invalid ({address:#x})"]


def test_a_block_that_is_not_there() -> None:
    """The fault names it."""
    records = Records()
    assert records.blocks.read(0x1000, NR) is None
    assert lines(records) == ["struct gup_pin_block not in the dump (0x1000)"]


def test_an_origin_that_is_not_there() -> None:
    """Other records are returned."""
    records = Records()
    there = records.put_origin()
    address = records.put_block(NR, Pins(1, 0x3000), [Pins(2, there), Pins(4, 0x3000)])
    assert pins(records, address) == [(2, 1)]
    assert lines(records) == [
        "struct gup_pin_origin not in the dump (2 times, first 0x3000)"
    ]


def test_a_record_without_pins() -> None:
    """A record has pins on each of its pages."""
    records = Records()
    origin = records.put_origin()
    address = records.put_block(NR, Pins(1, origin, 0), [Pins(2, origin)])
    assert pins(records, address) == [(2, 1)]
    assert lines(records) == [
        f"struct gup_pin_record is invalid ({address + FIRST_AT:#x})"
    ]


def test_fewer_records_than_the_block_counts() -> None:
    """The missing ones have an empty mask."""
    records = Records()
    address, places = three(records)
    records.link(places[1], 4, 0)
    assert pins(records, address) == [(1, 1), (4, 1)]
    assert lines(records) == [f"struct gup_pin_record is invalid ({address:#x})"]
    records = Records()
    address, places = three(records)
    records.damage(places[1], struct.pack("<QQQQQ", *(places[2], places[0], 0, 0, 0)))
    assert pins(records, address, settled=False) == [(1, 1), (4, 1)]
    assert not records.faults
