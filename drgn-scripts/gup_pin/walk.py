# SPDX-License-Identifier: LGPL-2.1-or-later
"""Walking all recorded pins, in the order of their pfns: mirrors walk.c."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence

from .blocks import Block, BlockReader, bits_of
from .folio import Folio, FolioReader
from .keys import Geometry
from .records import Call
from .runs import Item
from .xarray import Walker

ALL_PFNS = (1 << 64) - 1


class Walk:
    """Finds the pins below the heads of all shards."""

    def __init__(
        self,
        geometry: Geometry,
        walker: Walker,
        blocks: BlockReader,
        folios: FolioReader,
        page_shift: int,
    ) -> None:
        """Each of these leaves out what it cannot read, and tells its fault()."""
        self._geometry = geometry
        self.walker = walker
        self._blocks = blocks
        self._folios = folios
        self._page_shift = page_shift
        self._tell: Callable[[int, int], None] | None = None
        self._total: Callable[[], int] = int

    def watch(self, tell: Callable[[int, int], None], total: Callable[[], int]) -> None:
        """Tell, at each block, how many folios a walk has passed, and of how many."""
        self._tell, self._total = tell, total

    def blocks(
        self, heads: Sequence[int], first: int = 0, last: int = ALL_PFNS
    ) -> Iterator[tuple[int, Block]]:
        """First pfn of all blocks that have pins, and the block; by ascending pfn.

        Those are left out that have no pfn from first to last.
        """
        # Not of one folio, which may be within another walk.
        tell = self._tell if first != last else None
        done, total = 0, self._total() if tell else 0
        shards = (self._shard(i, head) for i, head in enumerate(heads) if head)
        for number, address in heapq.merge(*shards):
            pfn = self._geometry.pfn(number)
            if pfn > last:
                return
            if pfn + self._geometry.pfns <= first:
                continue
            block = self._blocks.read(address, number)
            if not block:
                continue
            if tell:
                done += block.used.bit_count()
                tell(done, total)
            yield pfn, block

    def items(
        self, heads: Sequence[int], first: int = 0, last: int = ALL_PFNS
    ) -> Iterator[Item]:
        """All pins, by ascending pfn; on a folio, in the order of its block."""
        for pfn, block in self.blocks(heads, first, last):
            yield from self._block(pfn, block)

    def shares(self, heads: Sequence[int]) -> Iterator[tuple[Call, int, int]]:
        """A call, some pins of it, and the pages of the folios they are on.

        Of all pins, without looking at each folio.
        """
        for first, block in self.blocks(heads):
            large = self._folios.large(first, bits_of(block.used), self._geometry.pfns)
            for mask, ref in block.layers:
                folios = mask.bit_count()
                more = sum(n for bit, n in large.items() if mask >> bit & 1)
                yield ref.call, ref.pins * folios, folios + more
            for bit, refs in block.slots.items():
                pages = 1 + large.get(bit, 0)
                for ref in refs:
                    yield ref.call, ref.pins, pages

    def folio(self, heads: Sequence[int], pfn: int) -> list[Item]:
        """The pins on the folio whose head is at pfn; looks at its block alone.

        Raises Unreadable if that cannot be found.
        """
        number, bit = divmod(pfn, self._geometry.pfns)
        if not heads:
            return []
        head = heads[self._geometry.shard(number)]
        address = self.walker.load(head, self._geometry.key(number))
        block = self._blocks.read(address, number) if address else None
        if block is None or not block.used >> bit & 1:
            return []
        return list(self._folio(pfn, block, bit, *self._folios.describe([pfn])))

    def _shard(self, shard: int, head: int) -> Iterator[tuple[int, int]]:
        """Number and address of a shard's blocks."""
        for key, address in self.walker.entries(head):
            yield self._geometry.block(key, shard), address

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
