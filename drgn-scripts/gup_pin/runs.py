# SPDX-License-Identifier: LGPL-2.1-or-later
"""From folios to lines: a run is neighbouring folios that one call pinned.

Mirrors mm/gup_pin/runs.c, the limit on open runs included, so that a dump lists
the very lines that debugfs would have shown, in their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .folio import Folio
from .pin import Pin
from .records import Call

# GUP_PIN_OPEN_RUNS
OPEN_RUNS = 32


@dataclass(frozen=True, slots=True)
class Item(Pin):
    """The pins of one call on one folio."""

    pfn: int
    call: Call
    addr: int
    pins: int
    inferred: bool
    folio: Folio

    @property
    def item(self) -> Item:
        """Itself."""
        return self

    @property
    def pages(self) -> int:
        """Pages of the folio, pinned or not."""
        return 1 << self.folio.order


@dataclass(slots=True)
class Run(Pin):
    """Neighbouring folios pinned by one call: one line."""

    first: Item
    pages: int
    pins: int

    @property
    def item(self) -> Item:
        """The first folio's pins."""
        return self.first

    @property
    def pfn(self) -> int:
        """Of the head of the first folio."""
        return self.first.pfn

    @property
    def addr(self) -> int:
        """User address of the first page pinned; 0 if unknown."""
        return self.first.addr

    @property
    def end(self) -> int:
        """The first pfn that does not belong to it."""
        return self.first.pfn + self.pages

    def continues(self, item: Item, page_shift: int) -> bool:
        """Whether an item is the next folio of this run."""
        first = self.first
        # On a live kernel another call may meanwhile be where one was.
        if (first.call.address, first.call.time) != (item.call.address, item.call.time):
            return False
        if first.pfn + self.pages != item.pfn:
            return False
        ours, other = first.folio, item.folio
        if (ours.map, ours.order, ours.dev, ours.ino, first.inferred) != (
            other.map,
            other.order,
            other.dev,
            other.ino,
            item.inferred,
        ):
            return False
        if (ours.index or other.index) and other.index != ours.index + self.pages:
            return False
        if not first.addr or not item.addr:
            return first.addr == item.addr
        return item.addr == first.addr + (self.pages << page_shift)


def make_runs(items: Iterable[Item], page_shift: int) -> Iterator[Run]:
    """Merge items, which come in the order of a walk, to runs as they end."""
    runs: list[Run] = []
    # No run ends before this pfn, so that none needs to be looked at to close it.
    nearest = 0
    for item in items:
        pfn = item.pfn
        if nearest < pfn and runs:
            for run in runs:
                if run.end < pfn:
                    yield run
            runs = [run for run in runs if run.end >= pfn]
            nearest = min((run.end for run in runs), default=0)
        for run in runs:
            if run.continues(item, page_shift):
                run.pages += 1 << item.folio.order
                run.pins += item.pins
                break
        else:
            if len(runs) == OPEN_RUNS:
                yield runs.pop()
            runs.append(Run(item, 1 << item.folio.order, item.pins))
            nearest = min(nearest, pfn)
    yield from runs
