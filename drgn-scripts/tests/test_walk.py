# SPDX-License-Identifier: LGPL-2.1-or-later
"""From the heads of all shards to pins in the order of their pfns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gup_pin.errors import Faults, Unreadable
from gup_pin.folio import NO_FOLIO, Folio
from gup_pin.keys import Geometry
from gup_pin.records import Call, Ref, Slot
from gup_pin.walk import Walk
from gup_pin.xarray import Walker
from mock_memory import NODE, MockMemory
from samples import ANON, CALL, PAGE_SHIFT

GEOMETRY = Geometry(shard_bits=8, block_shift=6)
TAIL_PFN = 0x7FFFF
LOST_SLOT = 0x9003
LOST_CALL = 0xA000


class MockReader:
    """A slot is the address of its only call, or a set of two calls."""

    def slot(self, entry: int) -> Slot:
        """With tag 1, the calls at the address and 0x1000 above it."""
        if entry == LOST_SLOT:
            raise Unreadable("slot", entry)
        if entry & 1:
            return Slot((Ref(entry - 1, 2), Ref(entry + 0xFFF, 1)), True)
        return Slot((Ref(entry, 1),), False)

    def call(self, address: int) -> Call:
        """The sample call, at any address."""
        if address == LOST_CALL:
            raise Unreadable("struct gup_pin_call", address)
        return replace(CALL, address=address)


class MockFolios:
    """Every folio is anonymous, and at the call's begin."""

    def describe(self, pfns: Sequence[int]) -> list[Folio]:
        """A folio for each pfn, but for one."""
        anon = replace(ANON, place=CALL.index)
        return [NO_FOLIO if pfn == TAIL_PFN else anon for pfn in pfns]


def walk(slots: dict[int, int], faults: Faults) -> list[tuple[int, int, int, bool]]:
    """(pfn, call, pins, inferred) of all pins in an index of these slots."""
    memory = MockMemory()
    shards: list[dict[int, int]] = [{} for _ in range(GEOMETRY.shards)]
    for pfn in sorted(slots):
        shards[GEOMETRY.shard(pfn)][GEOMETRY.key(pfn)] = slots[pfn]
    whole = Walk(
        GEOMETRY,
        Walker(memory, NODE, faults.add),
        MockReader(),  # type: ignore[arg-type]
        MockFolios(),  # type: ignore[arg-type]
        PAGE_SHIFT,
        faults.add,
    )
    found = list(whole.items([memory.put_xarray(shard) for shard in shards]))
    assert all(item.addr == CALL.addr for item in found if item.folio is not NO_FOLIO)
    assert all(item.addr == 0 for item in found if item.folio is NO_FOLIO)
    return [(i.pfn, i.call.address, i.pins, i.inferred) for i in found]


def test_order_over_shards() -> None:
    """Ascending pfns, though neighbouring blocks lie in different shards."""
    pfns = [0, 63, 64, 65, 16384, 16385, 0x1A2B0, 0x1A2C0, 0xFFFFF000]
    slots = {pfn: 0x1000 + 0x1000 * (pfn & 1) for pfn in pfns}
    faults = Faults()
    assert walk(slots, faults) == [(pfn, slots[pfn], 1, False) for pfn in pfns]
    assert not faults


def test_calls_of_one_folio_come_in_their_order() -> None:
    """A set's refs, each with its pins."""
    slots = {5: 0x4001, 6: 0x2000}
    assert walk(slots, Faults()) == [
        (5, 0x4000, 2, True),
        (5, 0x5000, 1, True),
        (6, 0x2000, 1, False),
    ]


def test_damage_costs_what_it_hits() -> None:
    """A lost slot, a lost call: the rest is found, and each loss counted."""
    slots = {1: LOST_SLOT, 2: LOST_CALL, 3: 0x2000, TAIL_PFN: 0x2000}
    faults = Faults()
    assert [pfn for pfn, *_ in walk(slots, faults)] == [3, TAIL_PFN]
    assert len(list(faults.lines())) == 2


def test_entries_that_change_are_left_out() -> None:
    """XA_RETRY_ENTRY surfaces when a live kernel changes a node."""
    faults = Faults()
    assert walk({1: 0x402, 2: 0x2000}, faults) == [(2, 0x2000, 1, False)]
    assert not faults
