# SPDX-License-Identifier: LGPL-2.1-or-later
"""Merges records to lines: a run is adjacent pages that one call pinned.

Mirrors mm/gup_pin/view/runs.c, including the limit on open runs, so that a dump lists
the same lines as debugfs would have shown, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .pin import Item, Pin

# GUP_PIN_OPEN_RUNS
OPEN_RUNS = 32

# GUP_PIN_BLOCK_SHIFT
_BLOCK_SHIFT = 6


@dataclass(slots=True)
class Run(Pin):
    """Adjacent pages pinned by one call: one line.

    pages: None if their number could not be read; gone: what has ended of an orphan:
    "owner", "task" or "both"
    """

    first: Item
    pages: int | None
    pins: int
    gone: str = ""

    @property
    def item(self) -> Item:
        """The first pages."""
        return self.first

    @property
    def pfn(self) -> int:
        """The pfn of the first page."""
        return self.first.pfn

    @property
    def addr(self) -> int | None:
        """User address of the first page; 0: not recorded; None: not readable."""
        return self.first.addr

    @property
    def match(self) -> str:
        """How certain the record is: "exact", "alike" or "inferred"."""
        return self.first.match

    @property
    def end(self) -> int:
        """The pfn after the last page, as far as known."""
        return self.first.pfn + (self.pages or 1)

    def continues(self, item: Item, page_shift: int) -> bool:
        """Whether an item holds the next pages of this run."""
        first, pages = self.first, self.pages
        if pages is None or item.pages is None:
            return False
        if first.pfn + pages != item.pfn or not _are_alike(first, item):
            return False
        ours, other = first.folio, item.folio
        if ours.ino and ours.index is not None and other.index != ours.index + pages:
            return False
        if not first.addr or not item.addr:
            return first.addr == item.addr
        return item.addr == first.addr + (pages << page_shift)


def _are_alike(a: Item, b: Item) -> bool:
    """Whether two items belong to one call, and their folios are alike."""
    if a.time != b.time or (a.origin is not b.origin and a.origin != b.origin):
        return False
    x, y = a.folio, b.folio
    return a.match == b.match and (
        x is y or (x.map, x.order, x.dev, x.ino) == (y.map, y.order, y.dev, y.ino)
    )


def make_runs(items: Iterable[Item], page_shift: int) -> Iterator[Run]:
    """Merge items, which come in the order of a walk, and yield runs as they end."""
    runs: list[Run] = []
    for item in items:
        # A run continues with the next pages of its record or, at the end of a
        # block, with those of the next block.
        start = item.pfn >> _BLOCK_SHIFT << _BLOCK_SHIFT
        ends = (item.pfn, start, start + (1 << _BLOCK_SHIFT))
        if any(run.end not in ends for run in runs):
            yield from (run for run in runs if run.end not in ends)
            runs = [run for run in runs if run.end in ends]
        for run in runs:
            if run.continues(item, page_shift):
                run.pages = (run.pages or 0) + (item.pages or 0)
                run.pins += item.pins
                break
        else:
            if len(runs) == OPEN_RUNS:
                yield runs.pop()
            runs.append(Run(item, item.pages, item.pins))
    yield from runs
