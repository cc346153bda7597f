# SPDX-License-Identifier: LGPL-2.1-or-later
"""Live pins summed by stack: mirrors mm/gup_pin/view/stacks.c."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .origins import Counts
from .records import Origin
from .walk import Share

# Stack, mode, term and pin function: tasks are not distinguished.
Key = tuple[int, int, int, int]


@dataclass(slots=True)
class Sum:
    """A record of the debugfs file stacks.

    origin: one of those in the sum; pins, pages: live ones, pages None if the order of
    some folio could not be read; guessed: pins that are not exact; acquired: pins ever
    taken; peak: the most live pins seen of one task; oldest, newest: times of calls in
    ns of local_clock(); numbers: of the calls, see PinRecord
    """

    origin: Origin
    pins: int = 0
    pages: int | None = 0
    guessed: int = 0
    acquired: int = 0
    peak: int = 0
    oldest: int = (1 << 64) - 1
    newest: int = 0
    numbers: set[int] = field(default_factory=set)

    @property
    def calls(self) -> int:
        """The number of calls that have live pins."""
        return len(self.numbers)


def key_of(origin: Origin) -> Key:
    """The key that pins are summed by."""
    return origin.stack, origin.mode, origin.term, origin.api


def sum_up(
    shares: Iterable[Share],
    origins: Iterable[tuple[int, Origin, Counts]],
) -> list[Sum]:
    """Sums of all shares, the most pins first."""
    # Shares in a row mostly have one origin, and hashing four numbers is slower.
    by_origin: dict[int, tuple[Sum, Origin]] = {}
    sums: dict[Key, Sum] = {}
    for origin, call, time, pins, pages, guessed in shares:
        known = by_origin.get(id(origin))
        if known is None:
            # Keep the origin, so that its identity is not reused.
            known = sums.setdefault(key_of(origin), Sum(origin)), origin
            by_origin[id(origin)] = known
        total = known[0]
        total.pins += pins
        if pages is None or total.pages is None:
            total.pages = None
        else:
            total.pages += pages
        total.guessed += guessed
        total.numbers.add(call)
        total.oldest = min(total.oldest, time)
        total.newest = max(total.newest, time)
    for _, origin, counts in origins:
        found = sums.get(key_of(origin))
        if found:
            found.acquired += counts.acquired
            found.peak = max(found.peak, counts.peak, counts.pins)
    for total in sums.values():
        total.acquired = max(total.acquired, total.pins)
        total.peak = max(total.peak, total.pins)
    return sorted(sums.values(), key=lambda total: -total.pins)
