# SPDX-License-Identifier: LGPL-2.1-or-later
"""From the heads of all shards to pins, by pfn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest

from gup_pin.folio import NO_FOLIO, UNKNOWN_FOLIO, Folio
from gup_pin.keys import Geometry
from gup_pin.pin import Item
from gup_pin.runs import make_runs
from gup_pin.shards import Shard
from gup_pin.sums import sum_up
from gup_pin.walk import Walk, by_folio
from gup_pin.xarray import Walker
from mock_memory import NODE
from mock_records import SAYS_ADDR, WHOLE, Pins, Records
from samples import ADDR, ANON, PAGE_SHIFT, TIME, item

GEOMETRY = Geometry(shard_bits=8, block_shift=6)
FILE = Folio("file", 0, 8 << 20 | 1, 12, 7, 7)


class MockFolios:
    """Every page is an anonymous folio, except some large ones, by head."""

    def __init__(self, large: dict[int, Folio] | None = None) -> None:
        """Set the large ones."""
        self._large = large or {}

    def of_page(self, pfn: int) -> tuple[int, Folio]:
        """The head, and the folio."""
        for head, folio in self._large.items():
            if head <= pfn < head + folio.pages:
                return head, folio
        return pfn, ANON


def make_walk(
    records: Records, blocks: dict[int, int], large: dict[int, Folio] | None = None
) -> tuple[Walk, list[Shard]]:
    """A walk of blocks by number, and its shards, which count no pins."""
    shards: list[dict[int, int]] = [{} for _ in range(GEOMETRY.shards)]
    for number, address in sorted(blocks.items()):
        shards[GEOMETRY.shard(number)][GEOMETRY.key(number)] = address
    whole = Walk(
        GEOMETRY,
        Walker(records.memory, NODE, records.faults.add),
        records.blocks,
        MockFolios(large),  # type: ignore[arg-type]
        PAGE_SHIFT,
        records.faults.add,
    )
    heads = map(records.memory.put_xarray, shards)
    return whole, [Shard(head, 0x100 * i, 0) for i, head in enumerate(heads)]


def walk(
    records: Records, blocks: dict[int, int], large: dict[int, Folio] | None = None
) -> list[Item]:
    """All pins, by each way to read them."""
    whole, heads = make_walk(records, blocks, large)
    found = list(whole.items(heads))
    for pfn in {pin.head for pin in found}:
        alone = [pin for pin in found if pin.head == pfn]
        assert whole.folio(heads, pfn) == whole.folio(heads, alone[-1].pfn) == alone
    for pfn in {pin.pfn for pin in found}:
        ((start, _),) = whole.blocks(heads, pfn, pfn)
        assert start == pfn & ~(GEOMETRY.pfns - 1)
    folios = list(by_folio(found, GEOMETRY.pfns))
    assert [folio[0].head for folio in folios] == sorted({pin.head for pin in found})
    assert sum(map(len, folios)) == len(found)
    shares = list(whole.shares(heads))
    assert sum(share.pins for share in shares) == sum(pin.pins for pin in found)
    pages = [share.pages or 0 for share in shares]
    assert sum(pages) == sum(pin.pages or 0 for pin in found)
    return found


def places(items: Sequence[Item]) -> list[tuple[int, int | None, int]]:
    """(pfn, pages, pins) of each."""
    return [(item.pfn, item.pages, item.pins) for item in items]


def test_order_over_shards() -> None:
    """Blocks ascend, although adjacent ones are in different shards."""
    records = Records()
    origin = records.put_origin()
    numbers = [0, 1, 255, 256, 0x68A, 0x68B, 0x106F8A, 0x3FFFFFFFF]
    pins = Pins(1 << 63 | 1, origin)
    blocks = {nr: records.put_block(nr, pins) for nr in numbers}
    pfns = [nr * 64 + bit for nr in numbers for bit in (0, 63)]
    assert places(walk(records, blocks)) == [(pfn, 1, 1) for pfn in pfns]
    assert not records.faults


def test_order_in_a_block() -> None:
    """By list, then by pfn; the match depends on the page."""
    records = Records()
    origin, other = records.put_origin(), records.put_origin(77)
    others = [Pins(0b0110, other, 2, TIME + 1), Pins(0b1000, origin)]
    block = records.put_block(
        0, Pins(0b1100, origin), others, alike=0b1010, guessed=0b1000
    )
    found = walk(records, {0: block})
    assert [(i.pfn, i.pins, i.origin.pid, i.match) for i in found] == [
        (2, 1, 815, "exact"),
        (3, 1, 815, "inferred"),
        (1, 2, 77, "alike"),
        (2, 2, 77, "exact"),
        (3, 1, 815, "inferred"),
    ]
    assert [i.time for i in found] == [TIME, TIME, TIME + 1, TIME + 1, TIME]


def test_pages_of_a_folio_are_one_item() -> None:
    """Adjacent pages: the first one's place, and the worst match."""
    records = Records()
    folio = replace(FILE, order=3)
    pins = Pins(0b1011_0111_0000, records.put_origin(), base=0x10000)
    block = records.put_block(0, pins, alike=1 << 6)
    found = walk(records, {0: block}, {4: folio})
    assert [(i.pfn, i.head, i.pages, i.match) for i in found] == [
        *((4, 4, 3, "alike"), (8, 4, 2, "exact"), (11, 4, 1, "exact"))
    ]
    assert [i.folio.index for i in found] == [7, 11, 14]
    assert [i.addr for i in found] == [0x10000 + 0x1000 * n for n in (7, 11, 14)]


def test_a_folio_in_many_blocks() -> None:
    """Each block has its own items."""
    records = Records()
    origin = records.put_origin()
    every = (1 << 64) - 1
    blocks = {nr: records.put_block(nr, Pins(every, origin)) for nr in range(8, 12)}
    folio = replace(ANON, order=8)
    found = walk(records, blocks, {512: folio})
    assert places(found) == [(64 * nr, 64, 64) for nr in range(8, 12)]
    assert [i.folio for i in found] == [folio] * 4
    assert [i.addr for i in found] == [ADDR + (64 << PAGE_SHIFT) * n for n in range(4)]


def test_folios_that_are_pinned_as_a_whole() -> None:
    """All of their pages count, though only the first is in the mask."""
    records = Records()
    pins = Pins(1 << 32 | 1, records.put_origin(), flags=WHOLE)
    block = records.put_block(0, pins)
    found = walk(records, {0: block}, {32: replace(ANON, order=5)})
    assert places(found) == [(0, 1, 1), (32, 32, 1)]
    assert [item.addr for item in found] == [0, 0]


def test_pages_that_are_not_known() -> None:
    """Their address is unknown; outside of folios there is none."""
    records = Records()
    pins = Pins(0b11, records.put_origin(), flags=SAYS_ADDR)
    folios = {0: UNKNOWN_FOLIO, 1: NO_FOLIO}
    found = walk(records, {0: records.put_block(0, pins)}, folios)
    assert [(i.pfn, i.head, i.addr, i.folio.map) for i in found] == [
        *((0, 0, None, None), (1, 1, 0, "device"))
    ]


@pytest.mark.parametrize("folio", [UNKNOWN_FOLIO, replace(ANON, order=None)])
def test_a_whole_folio_of_unknown_order(folio: Folio) -> None:
    """The number of pages is unknown; an address that was not recorded is 0."""
    records = Records()
    pins = Pins(0b11, records.put_origin(), pins=3, flags=WHOLE)
    whole, shards = make_walk(
        records, {0: records.put_block(0, pins)}, dict.fromkeys(range(64), folio)
    )
    found = list(whole.items(shards))
    assert [(i.pfn, i.pages, i.pins, i.addr) for i in found] == [
        *((0, None, 3, 0), (1, None, 3, 0))
    ]
    assert [(run.pfn, run.pages) for run in make_runs(found, PAGE_SHIFT)] == [
        *((0, None), (1, None))
    ]
    (share,) = whole.shares(shards)
    assert (share.pins, share.pages) == (6, None)
    (total,) = sum_up([share, share._replace(pages=4)], [])
    assert (total.pins, total.pages) == (12, None)


def test_tail_pages_of_a_folio_of_unknown_order() -> None:
    """Each page is an item, at any distance from the head."""
    records = Records()
    folio = replace(ANON, order=None)
    block = records.put_block(0, Pins(0b1100, records.put_origin()))
    whole, shards = make_walk(records, {0: block})
    whole._folios = SimpleNamespace(of_page=lambda pfn: (0, folio))  # type: ignore[assignment]
    assert places(list(whole.items(shards))) == [(2, 1, 1), (3, 1, 1)]


def test_shares() -> None:
    """The uncertain pins of each record."""
    records = Records()
    origin = records.put_origin()
    others = [Pins(0b0110, origin, 3)]
    block = records.put_block(0, Pins(0b1111, origin), others, alike=2, guessed=8)
    whole, heads = make_walk(records, {0: block})
    shares = list(whole.shares(heads))
    assert [(s.pins, s.pages, s.guessed) for s in shares] == [(4, 4, 2), (6, 2, 3)]
    assert {share.call for share in shares} == {TIME << 64 | origin}


def test_blocks_without_pins_are_skipped() -> None:
    """Even if there are no others."""
    records = Records()
    blocks = {nr: records.put_block(nr) for nr in (0, 7, 9)}
    assert walk(records, blocks) == []
    blocks[8] = records.put_block(8, Pins(2, records.put_origin()))
    assert places(walk(records, blocks)) == [(8 * 64 + 1, 1, 1)]
    assert not records.faults


def test_damage_costs_what_it_hits() -> None:
    """A lost block, a lost record: the rest is found, and each loss reported."""
    records = Records()
    origin = records.put_origin()
    blocks = {
        1: 0x9000,
        2: records.put_block(3, Pins(1, origin)),
        3: records.put_block(3, Pins(1, origin), [Pins(2, 0xA000), Pins(4, origin)]),
    }
    assert [item.pfn for item in walk(records, blocks)] == [192, 194]
    assert len(list(records.faults.lines())) == 3


def test_items_by_folio() -> None:
    """A folio is complete when a block begins that it does not reach."""
    large = replace(ANON, order=7)
    parts = [replace(item(pfn, folio=large), head=64) for pfn in (70, 64, 130)]
    items = [item(3), item(1), item(3), *parts[:2], item(200), parts[2], item(256)]
    items = sorted(items, key=lambda item: item.pfn // 64)
    found = [[i.pfn for i in folio] for folio in by_folio(items, 64)]
    assert found == [[1], [3, 3], [70, 64, 130], [200], [256]]
    assert list(by_folio([], 64)) == []


def test_a_walk_is_told_of() -> None:
    """With the number of pins; not for a single folio within another walk."""
    records = Records()
    pins = Pins(0b111, records.put_origin())
    blocks = {nr: records.put_block(nr, pins) for nr in (2, 5)}
    whole, heads = make_walk(records, blocks)
    told: list[tuple[int, int]] = []
    list(whole.items(heads))
    whole.watch(lambda done, total: told.append((done, total)), lambda: 7)
    for _ in whole.blocks(heads):
        whole.folio(heads, 128)
    assert told == [(3, 7), (6, 7)]
    told.clear()
    list(whole.items(heads, 200, 1000))
    assert told == [(3, 7)]


def three_blocks(records: Records, last: int | None = None) -> tuple[Walk, list[Shard]]:
    """A walk of 8 pins in two shards, which count them; optionally a last block."""
    origin = records.put_origin()
    blocks = {
        0: records.put_block(0, Pins(0b11, origin), [Pins(1, origin, 3)]),
        1: records.put_block(1, Pins(1, origin)),
        256: last or records.put_block(256, Pins(1, origin, 2)),
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
    """Once, although nothing else is wrong: this block has no pins."""
    records = Records()
    whole, shards = three_blocks(records, records.put_block(256))
    for _ in range(2):
        assert sum(item.pins for item in whole.items(shards)) == 6
    assert list(records.faults.lines()) == [
        "pin on record not found (2 times, first 0x0)"
    ]


def test_pins_that_nobody_looks_for() -> None:
    """For a range of pfns; for an unfinished walk; while pins change."""
    records = Records()
    whole, shards = three_blocks(records, records.put_block(256))
    assert sum(item.pins for item in whole.items(shards, 0, 100)) == 6
    assert sum(item.pins for item in whole.items(shards, 64)) == 1
    next(whole.items(shards))
    shards[0] = replace(shards[0], pins=None)
    assert sum(item.pins for item in whole.items(shards)) == 6
    assert not records.faults


def test_a_shard_that_is_being_changed() -> None:
    """A record was just being removed: this is not damage."""
    for pins, lines in ((2, 1), (None, 0)):
        records = Records()
        origin = records.put_origin()
        block = records.put_block(0, Pins(1, origin), [Pins(8, origin)])
        first, second = records.places(block)
        records.link(second, 1, first + 8)
        whole, shards = make_walk(records, {0: block})
        shards[0] = replace(shards[0], pins=pins)
        whole.folio(shards, 3)
        assert len(list(records.faults.lines())) == lines
        assert len(list(whole.items(shards))) == (1 if pins else 2)
