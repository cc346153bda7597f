# SPDX-License-Identifier: LGPL-2.1-or-later
"""Walking all recorded pins, in the order of their pfns: mirrors walk.c."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from .blocks import Block, BlockReader, bits_of
from .folio import FolioReader
from .keys import Geometry
from .runs import Item
from .xarray import Walker


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
        self._walker = walker
        self._blocks = blocks
        self._folios = folios
        self._page_shift = page_shift

    def items(self, heads: Sequence[int]) -> Iterator[Item]:
        """All pins, by ascending pfn; on a folio, in the order of its block."""
        shards = (self._shard(i, head) for i, head in enumerate(heads) if head)
        for number, address in heapq.merge(*shards):
            block = self._blocks.read(address, number)
            if block:
                yield from self._block(self._geometry.pfn(number), block)

    def _shard(self, shard: int, head: int) -> Iterator[tuple[int, int]]:
        """Number and address of a shard's blocks."""
        for key, address in self._walker.entries(head):
            yield self._geometry.block(key, shard), address

    def _block(self, first: int, block: Block) -> Iterator[Item]:
        """The pins on a block's folios."""
        bits = bits_of(block.used)
        folios = self._folios.describe([first + bit for bit in bits])
        for bit, folio in zip(bits, folios, strict=True):
            inferred = bool(block.inferred >> bit & 1)
            for ref in block.refs(bit):
                addr = ref.call.folio_addr(folio.place, self._page_shift)
                yield Item(first + bit, ref.call, addr, ref.pins, inferred, folio)
