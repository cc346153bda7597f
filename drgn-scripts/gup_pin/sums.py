# SPDX-License-Identifier: LGPL-2.1-or-later
"""Live pins summed by where they come from: mirrors mm/gup_pin/view/stacks.c."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .origins import Counts
from .records import Origin
from .walk import Share

# Stack, mode, term and pin function: tasks are not told apart.
Key = tuple[int, int, int, int]


@dataclass(slots=True)
class Sum:
    """A record of the debugfs file stacks.

    origin: one of those that are summed up; pins, pages: live ones, pages None if some
    are of a folio whose order could not be read; guessed: pins that
    are not exact; acquired: pins ever taken; peak: the most that one task's were seen
    to be; oldest, newest: times of calls in ns of local_clock(); numbers: those of the
    calls, see PinRecord
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
        """How many there are that have live pins."""
        return len(self.numbers)


def key_of(origin: Origin) -> Key:
    """What pins are summed by."""
    return origin.stack, origin.mode, origin.term, origin.api


def sum_up(
    shares: Iterable[Share],
    origins: Iterable[tuple[int, Origin, Counts]],
) -> list[Sum]:
    """Sums of all shares, those with most pins first."""
    # Most in a row have the same origin, and hashing four numbers takes longer.
    by_origin: dict[int, tuple[Sum, Origin]] = {}
    sums: dict[Key, Sum] = {}
    for origin, call, time, pins, pages, guessed in shares:
        known = by_origin.get(id(origin))
        if known is None:
            # With the origin itself, or else another may get its identity.
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
