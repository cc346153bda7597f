# SPDX-License-Identifier: LGPL-2.1-or-later
"""Walking all recorded pins, in the order of their pfns: mirrors walk.c."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence

from .blocks import Block, BlockReader, bits_of
from .errors import Unreadable
from .folio import Folio, FolioReader
from .keys import Geometry
from .records import Call
from .runs import Item
from .shards import Shard
from .xarray import Walker

ALL_PFNS = (1 << 64) - 1


class Walk:
    """Finds the pins of all shards."""

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
        """What cannot be read is left out, and told to fault."""
        self._geometry = geometry
        self.walker = walker
        self._blocks = blocks
        self._folios = folios
        self._page_shift = page_shift
        self._fault = fault
        # Shards of which it was told that pins are missing.
        self._lacking: set[int] = set()
        self._tell: Callable[[int, int], None] | None = None
        self._total: Callable[[], int] = int

    def watch(self, tell: Callable[[int, int], None], total: Callable[[], int]) -> None:
        """Tell, at each block, how many folios a walk has passed, and of how many."""
        self._tell, self._total = tell, total

    def blocks(
        self, shards: Sequence[Shard], first: int = 0, last: int = ALL_PFNS
    ) -> Iterator[tuple[int, Block]]:
        """First pfn of all blocks that have pins, and the block; by ascending pfn.

        Those are left out that have no pfn from first to last. If there are none such,
        pins that were not met are told to fault at the end.
        """
        # Not of one folio, which may be within another walk.
        tell = self._tell if first != last else None
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
            if every:
                met[turn] += block.pins()
            if tell:
                done += block.used.bit_count()
                tell(done, total)
            yield pfn, block
        if every:
            self._check_met(shards, met)

    def _check_met(self, shards: Sequence[Shard], met: Sequence[int]) -> None:
        """Tell, once, of pins that shards count and that were not met."""
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
        """All pins, by ascending pfn; on a folio, in the order of its block."""
        for pfn, block in self.blocks(shards, first, last):
            yield from self._block(pfn, block)

    def shares(self, shards: Sequence[Shard]) -> Iterator[tuple[Call, int, int]]:
        """A call, some pins of it, and the pages of the folios they are on.

        Of all pins, without looking at each folio.
        """
        for first, block in self.blocks(shards):
            large = self._folios.large(first, bits_of(block.used), self._geometry.pfns)
            for mask, ref in block.layers:
                folios = mask.bit_count()
                more = sum(n for bit, n in large.items() if mask >> bit & 1)
                yield ref.call, ref.pins * folios, folios + more
            for bit, refs in block.slots.items():
                pages = 1 + large.get(bit, 0)
                for ref in refs:
                    yield ref.call, ref.pins, pages

    def folio(self, shards: Sequence[Shard], pfn: int) -> list[Item]:
        """The pins on the folio whose head is at pfn; looks at its block alone.

        Raises Unreadable if that cannot be found.
        """
        number, bit = divmod(pfn, self._geometry.pfns)
        if not shards:
            return []
        shard, key = shards[self._geometry.shard(number)], self._geometry.key(number)
        address = self.walker.load(shard.head, key, shard.settled)
        if not address:
            return []
        block = self._blocks.read(address, number, shard.settled)
        if block is None or not block.used >> bit & 1:
            return []
        return list(self._folio(pfn, block, bit, *self._folios.describe([pfn])))

    def _shard(self, turn: int, shard: Shard) -> Iterator[tuple[int, int]]:
        """Number and address of the blocks of a shard, which has a number as well."""
        for key, address in self.walker.entries(shard.head, shard.settled):
            yield self._geometry.block(key, turn), address

    def _block(self, first: int, block: Block) -> Iterator[Item]:
        """The pins on a block's folios."""
        bits = bits_of(block.used)
        folios = self._folios.describe([first + bit for bit in bits])
        for bit, folio in zip(bits, folios, strict=True):
            yield from self._folio(first + bit, block, bit, folio)

    def _folio(self, pfn: int, block: Block, bit: int, folio: Folio) -> Iterator[Item]:
        """The pins on one of them."""
        inferred = bool(block.inferred >> bit & 1)
        for ref in block.refs(bit):
            addr = ref.call.folio_addr(folio.place, self._page_shift)
            yield Item(pfn, ref.call, addr, ref.pins, inferred, folio)
