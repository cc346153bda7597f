# SPDX-License-Identifier: LGPL-2.1-or-later
"""Walks all recorded pins, block by block: mirrors mm/gup_pin/record/walk.c."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from .blocks import Block, BlockReader, bits_of
from .errors import Unreadable
from .folio import UNKNOWN_FOLIO, Folio, FolioReader
from .keys import Geometry
from .pin import Item
from .records import Origin, PinRecord
from .shards import Shard
from .xarray import Walker

ALL_PFNS = (1 << 64) - 1

# For the pages of a block that have pins: the pfn of the folio's head, and the folio.
Places = dict[int, tuple[int, Folio]]


class Share(NamedTuple):
    """A record, without its pfns: struct gup_pin_share.

    call: see PinRecord; pages: None if an order could not be read; guessed: pins that
    are not exact
    """

    origin: Origin
    call: int
    time: int
    pins: int
    pages: int | None
    guessed: int


class Walk:
    """Finds the pins in all shards."""

    WHAT = "pin on record"

    def __init__(
        self,
        geometry: Geometry,
        walker: Walker,
        blocks: BlockReader,
        folios: FolioReader,
        page_shift: int,
        fault: Callable[[Unreadable], None],
    ) -> None:
        """Leave out what cannot be read, and report it to fault."""
        self._geometry = geometry
        self.walker = walker
        self._blocks = blocks
        self._folios = folios
        self._page_shift = page_shift
        self._fault = fault
        # Shards whose missing pins were reported.
        self._lacking: set[int] = set()
        self._tell: Callable[[int, int], None] | None = None
        self._total: Callable[[], int] = int

    @property
    def is_complete(self) -> bool:
        """Whether no walk has missed pins that a shard counts."""
        return not self._lacking

    def watch(self, tell: Callable[[int, int], None], total: Callable[[], int]) -> None:
        """Call tell, at each block, with the number of pins passed, and the total."""
        self._tell, self._total = tell, total

    def blocks(
        self, shards: Sequence[Shard], first: int = 0, last: int = ALL_PFNS
    ) -> Iterator[tuple[int, Block]]:
        """First pfn and content of all blocks that have pins; by ascending pfn.

        Only blocks that have a pfn from first to last. If that is all of them, missing
        pins are reported to fault at the end.
        """
        tell = self._tell
        done, total = 0, self._total() if tell else 0
        every = first == 0 and last == ALL_PFNS
        met = [0] * len(shards)
        below = (self._shard(i, shard) for i, shard in enumerate(shards) if shard.head)
        for number, address in heapq.merge(*below):
            pfn = self._geometry.pfn(number)
            if pfn > last:
                return
            if pfn + self._geometry.pfns <= first:
                continue
            turn = self._geometry.shard(number)
            block = self._blocks.read(address, number, shards[turn].settled)
            if not block:
                continue
            pins = block.pins()
            met[turn] += pins
            done += pins
            if tell:
                tell(done, total)
            yield pfn, block
        if every:
            self._check_met(shards, met)

    def _check_met(self, shards: Sequence[Shard], met: Sequence[int]) -> None:
        """Report, once a shard, pins that it counts but the walk did not find."""
        for shard, pins in zip(shards, met, strict=True):
            if shard.pins is None or pins >= shard.pins:
                continue
            if shard.address not in self._lacking:
                self._lacking.add(shard.address)
                missing = shard.pins - pins
                self._fault(Unreadable(self.WHAT, shard.address, "not found", missing))

    def items(
        self, shards: Sequence[Shard], first: int = 0, last: int = ALL_PFNS
    ) -> Iterator[Item]:
        """All pins, by ascending blocks; within a block in the order of its list."""
        for pfn, block in self.blocks(shards, first, last):
            yield from self._items(pfn, block)

    def shares(self, shards: Sequence[Shard]) -> Iterator[Share]:
        """All records; only few of their folios are read."""
        for first, block in self.blocks(shards):
            doubt = block.alike | block.guessed
            for record in block.records:
                mask, pins = record.mask, record.pins
                pages = mask.bit_count()
                guessed = (mask & doubt).bit_count() * pins
                yield Share(
                    record.origin,
                    record.call,
                    record.time,
                    pages * pins,
                    self._whole(first, mask) if record.whole else pages,
                    guessed,
                )

    def _whole(self, first: int, mask: int) -> int | None:
        """The pages of folios that were pinned as a whole; None if one is unknown."""
        folios = [folio for _, folio in self.places(first, mask).values()]
        if any(folio.order is None for folio in folios):
            return None
        return sum(folio.pages for folio in folios)

    def folio(self, shards: Sequence[Shard], pfn: int) -> list[Item]:
        """The pins on the folio that contains a page; reads only its blocks.

        Raises Unreadable if one of these cannot be read.
        """
        head, folio = self._folios.of_page(pfn)
        items: list[Item] = []
        if not shards:
            return items
        size = self._geometry.pfns
        for number in range(head // size, (head + folio.pages - 1) // size + 1):
            block = self._load(shards[self._geometry.shard(number)], number)
            if block:
                items += self._items(self._geometry.pfn(number), block)
        return [item for item in items if item.head == head]

    def _load(self, shard: Shard, number: int) -> Block | None:
        """The block with that number, if it has pins; raises Unreadable."""
        key = self._geometry.key(number)
        address = self.walker.load(shard.head, key, shard.settled)
        return self._blocks.read(address, number, shard.settled) if address else None

    def _shard(self, turn: int, shard: Shard) -> Iterator[tuple[int, int]]:
        """Number and address of the blocks in a shard; turn is the shard's number."""
        for key, address in self.walker.entries(shard.head, shard.settled):
            yield self._geometry.block(key, turn), address

    def places(self, first: int, mask: int) -> Places:
        """The folios that pages of a block belong to."""
        found: Places = {}
        end = 0
        for bit in bits_of(mask):
            pfn = first + bit
            if pfn >= end:
                place = self._folios.of_page(pfn)
                end = place[0] + place[1].pages
            found[bit] = place
        return found

    def _items(self, first: int, block: Block) -> Iterator[Item]:
        """The pins on a block's pages."""
        places = self.places(first, block.used)
        for record in block.records:
            mask = record.mask
            while mask:
                bit = (mask & -mask).bit_length() - 1
                head, folio = places[bit]
                # Without a known order, each page of a folio is an item.
                room = max(head + folio.pages - first - bit, 1)
                pages = (1 << min(_run(mask >> bit), room)) - 1 << bit
                yield self._item(block, record, first + bit, pages, head, folio)
                mask &= ~pages

    def _item(
        self,
        block: Block,
        record: PinRecord,
        pfn: int,
        mask: int,
        head: int,
        folio: Folio,
    ) -> Item:
        """A record's pins on the pages in mask, in one folio: gup_pin_fill_item()."""
        inside, count = pfn - head, mask.bit_count()
        place = folio.place
        if inside:
            place = None if place is None else place + inside
            if folio.ino != 0 and folio.index is not None:
                folio = replace(folio, index=folio.index + inside)
        pages: int | None = count
        if record.whole:
            pages = None if folio.order is None else folio.pages
        addr: int | None = record.addr(place, self._page_shift)
        if folio is UNKNOWN_FOLIO and record.has_addr:
            addr = None
        return Item(
            pfn,
            head,
            pages,
            count * record.pins,
            record.origin,
            record.time,
            addr,
            block.match(mask),
            folio,
        )


def _run(mask: int) -> int:
    """The number of low bits that are set in a row."""
    return (~mask & mask + 1).bit_length() - 1


def by_folio(items: Iterable[Item], block_pages: int) -> Iterator[list[Item]]:
    """The items of each folio, by ascending pfn; items come in the order of a walk."""
    folios: dict[int, list[Item]] = {}
    block = -1
    for item in items:
        if item.pfn // block_pages != block:
            block = item.pfn // block_pages
            yield from _ended(folios, block * block_pages)
        folios.setdefault(item.head, []).append(item)
    yield from _ended(folios, ALL_PFNS + 1)


def _ended(folios: dict[int, list[Item]], before: int) -> Iterator[list[Item]]:
    """Remove and yield the folios that end before a pfn."""
    for head in sorted(folios):
        if head + folios[head][0].folio.pages <= before:
            yield folios.pop(head)
