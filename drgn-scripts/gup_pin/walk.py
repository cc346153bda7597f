# SPDX-License-Identifier: LGPL-2.1-or-later
"""Walking all recorded pins, in the order of their pfns: mirrors walk.c."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence

from . import xarray
from .errors import Unreadable
from .folio import FolioReader
from .keys import Geometry
from .records import Reader
from .runs import Item

# The pfn of a block's first slot, and the block's slots.
Block = tuple[int, tuple[int, ...]]


class Walk:
    """Finds the pins below the heads of all shards."""

    def __init__(
        self,
        geometry: Geometry,
        walker: xarray.Walker,
        reader: Reader,
        folios: FolioReader,
        page_shift: int,
        fault: Callable[[Unreadable], None],
    ) -> None:
        """What cannot be read is told to fault, and left out."""
        self._geometry = geometry
        self._walker = walker
        self._reader = reader
        self._folios = folios
        self._page_shift = page_shift
        self._fault = fault

    def items(self, heads: Sequence[int]) -> Iterator[Item]:
        """All pins, by ascending pfn; on a folio, in the order in which they came."""
        shards = (self._shard(i, head) for i, head in enumerate(heads) if head)
        for pfn, slots in heapq.merge(*shards, key=lambda block: block[0]):
            yield from self._block(pfn, slots)

    def _shard(self, number: int, head: int) -> Iterator[Block]:
        for key, slots in self._walker.leaves(head):
            yield self._geometry.pfn(key, number), slots

    def _block(self, pfn: int, slots: tuple[int, ...]) -> Iterator[Item]:
        held = [
            (pfn + i, entry)
            for i, entry in enumerate(slots)
            if entry and not xarray.is_internal(entry)
        ]
        if not held:
            return
        folios = self._folios.describe([pfn for pfn, _ in held])
        for (at, entry), folio in zip(held, folios, strict=True):
            try:
                slot = self._reader.slot(entry)
            except Unreadable as error:
                self._fault(error)
                continue
            for ref in slot.refs:
                try:
                    call = self._reader.call(ref.call)
                except Unreadable as error:
                    self._fault(error)
                    continue
                addr = call.folio_addr(folio.place, self._page_shift)
                yield Item(at, call, addr, ref.pins, slot.inferred, folio)
