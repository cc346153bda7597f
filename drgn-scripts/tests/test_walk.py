# SPDX-License-Identifier: LGPL-2.1-or-later
"""From the heads of all shards to pins in the order of their pfns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gup_pin.folio import NO_FOLIO, Folio
from gup_pin.keys import Geometry
from gup_pin.shards import Shard
from gup_pin.walk import Walk
from gup_pin.xarray import Walker
from mock_memory import NODE
from mock_records import Records
from samples import ANON, CALL, PAGE_SHIFT

GEOMETRY = Geometry(shard_bits=8, block_shift=6)
TAIL_PFN = 0x7FFFF


class MockFolios:
    """Every folio is anonymous, and at the call's begin."""

    def describe(self, pfns: Sequence[int]) -> list[Folio]:
        """A folio for each pfn, but for one."""
        anon = replace(ANON, place=CALL.index)
        return [NO_FOLIO if pfn == TAIL_PFN else anon for pfn in pfns]


def make_walk(records: Records, blocks: dict[int, int]) -> tuple[Walk, list[Shard]]:
    """A walk of an index of blocks by number, and its shards, which count no pins."""
    shards: list[dict[int, int]] = [{} for _ in range(GEOMETRY.shards)]
    for number, address in sorted(blocks.items()):
        shards[GEOMETRY.shard(number)][GEOMETRY.key(number)] = address
    whole = Walk(
        GEOMETRY,
        Walker(records.memory, NODE, records.faults.add),
        records.blocks,
        MockFolios(),  # type: ignore[arg-type]
        PAGE_SHIFT,
        records.faults.add,
    )
    heads = map(records.memory.put_xarray, shards)
    return whole, [Shard(head, 0x100 * i, 0) for i, head in enumerate(heads)]


def walk(records: Records, blocks: dict[int, int]) -> list[tuple[int, int, int, bool]]:
    """(pfn, call, pins, inferred) of all pins."""
    whole, heads = make_walk(records, blocks)
    found = list(whole.items(heads))
    pfns = {item.pfn for item in found}
    for pfn in pfns | {pfn + 1 for pfn in pfns}:
        assert whole.folio(heads, pfn) == [item for item in found if item.pfn == pfn]
    for first in pfns:
        ((start, _),) = whole.blocks(heads, first, first)
        assert start == first & ~(GEOMETRY.pfns - 1)
    assert all(item.addr == CALL.addr for item in found if item.folio is not NO_FOLIO)
    assert all(item.addr == 0 for item in found if item.folio is NO_FOLIO)
    return [(i.pfn, i.call.address, i.pins, i.inferred) for i in found]


def test_order_over_shards() -> None:
    """Ascending pfns, though neighbouring blocks lie in different shards."""
    records = Records()
    call = records.put_call()
    numbers = [0, 1, 255, 256, 0x68A, 0x68B, 0x106F8A, 0x3FFFFFFFF]
    blocks = {nr: records.put_block(nr, [(call, 1 << 63 | 1, 1)]) for nr in numbers}
    pfns = [nr * 64 + bit for nr in numbers for bit in (0, 63)]
    assert walk(records, blocks) == [(pfn, call, 1, False) for pfn in pfns]
    assert not records.faults


def test_calls_of_one_folio_come_in_their_order() -> None:
    """Layers and then a set's refs, each with its pins."""
    records = Records()
    layer, slot, other = (records.put_call() for _ in range(3))
    pin_set = records.put_set(records.refs([(slot, 2), (other, 1)], room=2))
    block = records.put_block(0, [(layer, 0b1100000, 1)], {5: pin_set}, inferred=1 << 5)
    assert walk(records, {0: block}) == [
        (5, layer, 1, True),
        (5, slot, 2, True),
        (5, other, 1, True),
        (6, layer, 1, False),
    ]


def test_empty_blocks_are_skipped() -> None:
    """Also where they are the only ones."""
    records = Records()
    call = records.put_call()
    blocks = {nr: records.put_block(nr) for nr in (0, 7, 9)}
    assert walk(records, blocks) == []
    blocks[8] = records.put_block(8, [(call, 2, 1)])
    assert walk(records, blocks) == [(8 * 64 + 1, call, 1, False)]
    assert not records.faults


def test_damage_costs_what_it_hits() -> None:
    """A lost block, a lost call: the rest is found, and each loss counted."""
    records = Records()
    call, tail = records.put_call(), TAIL_PFN // 64
    blocks = {
        1: 0x9000,
        2: records.put_block(3, [(call, 1, 1)]),
        3: records.put_block(3, [(call, 1, 1)], {1: 0xA000, 2: call}),
        tail: records.put_block(tail, [(call, 1 << 63, 1)]),
    }
    assert [pfn for pfn, *_ in walk(records, blocks)] == [192, 194, TAIL_PFN]
    assert len(list(records.faults.lines())) == 3


def test_a_walk_is_told_of() -> None:
    """By folios, whatever becomes of them; not that of one folio within another."""
    records = Records()
    call = records.put_call()
    blocks = {nr: records.put_block(nr, [(call, 0b111, 1)]) for nr in (2, 5)}
    whole, heads = make_walk(records, blocks)
    told: list[tuple[int, int]] = []
    list(whole.items(heads))
    whole.watch(lambda done, total: told.append((done, total)), lambda: 7)
    for _ in whole.blocks(heads):
        list(whole.blocks(heads, 128, 128))
    assert told == [(3, 7), (6, 7)]
    told.clear()
    list(whole.items(heads, 200, 1000))
    assert told == [(3, 7)]


def three_blocks(records: Records, last: int | None = None) -> tuple[Walk, list[Shard]]:
    """A walk of 8 pins in two shards, which count them; some last block, if told."""
    call = records.put_call()
    pin_set = records.put_set(records.refs([(call, 2), (call, 1)], room=2))
    blocks = {
        0: records.put_block(0, [(call, 0b11, 1)], {0: pin_set}),
        1: records.put_block(1, [(call, 1, 1)]),
        256: last or records.put_block(256, [(call, 1, 2)]),
    }
    whole, shards = make_walk(records, blocks)
    shards[:2] = [replace(shards[0], pins=7), replace(shards[1], pins=1)]
    return whole, shards


def test_all_pins_are_met() -> None:
    """As many as shards count, or more."""
    records = Records()
    whole, shards = three_blocks(records)
    assert sum(item.pins for item in whole.items(shards)) == 8
    shards[1] = replace(shards[1], pins=0)
    assert len(list(whole.blocks(shards))) == 3
    assert not records.faults


def test_pins_that_are_not_met_are_told() -> None:
    """Once, though nothing looks wrong: this block has no pins."""
    records = Records()
    whole, shards = three_blocks(records, records.put_block(256))
    for _ in range(2):
        assert sum(item.pins for item in whole.items(shards)) == 6
    assert list(records.faults.lines()) == [
        "pin on record not found (2 times, first 0x0)"
    ]


def test_pins_that_nobody_looks_for() -> None:
    """Of some pfns only; up to some pin only; while they come and go."""
    records = Records()
    whole, shards = three_blocks(records, records.put_block(256))
    assert sum(item.pins for item in whole.items(shards, 0, 100)) == 6
    assert sum(item.pins for item in whole.items(shards, 64)) == 1
    next(whole.items(shards))
    shards[0] = replace(shards[0], pins=None)
    assert sum(item.pins for item in whole.items(shards)) == 6
    assert not records.faults


def test_a_shard_that_is_being_changed() -> None:
    """An unpin had just cleared a slot: that is no damage."""
    for pins, lines in ((1, 2), (None, 0)):
        records = Records()
        whole, shards = make_walk(records, {0: records.put_block(0, slots={3: 0})})
        shards[0] = replace(shards[0], pins=pins)
        assert list(whole.items(shards)) == []
        assert whole.folio(shards, 3) == []
        assert len(list(records.faults.lines())) == lines
