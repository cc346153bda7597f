# SPDX-License-Identifier: LGPL-2.1-or-later
"""What was at stake when pinned folios left their file, as the kernel has judged.

A folio that has left its file does not lead to it any more. But the kernel judges each
one that leaves while pinned, and keeps the verdict in the ring of hazards, where equal
ones share an entry: it has the first folio's pin, and the range of their indexes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from .meaning import Names
from .memmap import Counts
from .pin import Item
from .ring import Hazard

_ADDRESS_MASK = (1 << 64) - 1


class Left:
    """The hazards of folios that left their file while pinned."""

    def __init__(
        self, hazards: Iterable[Hazard], counted: int, none: int, page_shift: int
    ) -> None:
        """Those that are kept, and how many the kernel counted.

        none: the least stake at which the kernel reports nothing
        """
        self._hazards = tuple(hazards)
        self.counted = counted
        # Each hazard is counted, so none was pushed out.
        self.is_complete = sum(each.count for each in self._hazards) == counted
        self._none = none
        self._page_shift = page_shift

    def stake(self, items: Sequence[Item]) -> int | None:
        """The stake when the folio with these pins left its file; None if unknown."""
        met = [each for each in self._hazards if _may_have_met(each, items)]
        same = [each for each in met if self._is_kept(each, items)]
        own = [each for each in met if self._is_of_call(each, items)]
        if same:
            return min(each.stake for each in same)
        if own:
            met = [each for each in met if _file(each) in set(map(_file, own))]
        if not self.is_complete and not any(map(_has_all, own)):
            return None
        # If some entries are harmless and some are not, any may be the folio's.
        if len({each.stake >= self._none for each in met}) != 1:
            return None
        return min(each.stake for each in met)

    def _is_of_call(self, hazard: Hazard, items: Sequence[Item]) -> bool:
        """Whether the pin that is kept is of a call on this folio and its file.

        A call may pin several files, each mapped elsewhere.
        """
        kept = hazard.run.first
        return any(
            (kept.time, kept.origin) == (item.time, item.origin)
            and self._file_start(kept) == self._file_start(item)
            for item in items
        )

    def _is_kept(self, hazard: Hazard, items: Sequence[Item]) -> bool:
        """Whether the pin that is kept is on this very folio."""
        is_same = hazard.run.first.head == items[0].head
        return is_same and self._is_of_call(hazard, items)

    def _file_start(self, item: Item) -> int | None:
        """The address at which the start of the file would be; None if unknown."""
        index = item.folio.index
        if not item.addr or index is None:
            return None
        before = index + item.pfn - item.head << self._page_shift
        return item.addr - before & _ADDRESS_MASK


def _may_have_met(hazard: Hazard, items: Sequence[Item]) -> bool:
    """Whether the folio may be one of those that are counted in an entry."""
    folio, (first, last) = items[0].folio, hazard.indexes
    return (
        folio.index is not None
        and first <= folio.index <= last
        and hazard.run.first.folio.map == folio.map
        and any(item.time <= hazard.last for item in items)
    )


def _file(hazard: Hazard) -> tuple[int | None, int | None]:
    folio = hazard.run.first.folio
    return folio.dev, folio.ino


def _has_all(hazard: Hazard) -> bool:
    """Whether there are as many hazards as folios in the range of indexes."""
    pages, (first, last) = hazard.run.first.folio.pages, hazard.indexes
    return hazard.count * pages >= last - first + pages


class Verdicts:
    """Reads the kernel's verdicts when the first one is asked for."""

    def __init__(
        self,
        hazards: Callable[[], Iterable[Hazard]],
        counted: Callable[[], int],
        none: int,
        page_shift: int,
        live: bool,
    ) -> None:
        """Hazards yields those that are kept, of folios that left their file.

        counted: how many the kernel has counted; none: as for Left; live: both change
        """
        self._hazards = hazards
        self._counted = counted
        self._none = none
        self._page_shift = page_shift
        self._live = live
        self._left: Left | None = None

    def stake(self, items: Sequence[Item]) -> int | None:
        """The stake when the folio with these pins left its file; None if unknown."""
        if self._left is None or self._is_old(self._left):
            # A hazard is counted before it is kept.
            counted = self._counted()
            self._left = Left(self._hazards(), counted, self._none, self._page_shift)
        return self._left.stake(items)

    def _is_old(self, left: Left) -> bool:
        if not self._live:
            return False
        return not left.is_complete or left.counted != self._counted()


class Stakes:
    """What was at stake when folios left their file."""

    UNKNOWN = "unknown"

    def __init__(
        self,
        names: Names,
        data: int,
        read: int,
        verdict: Callable[[Sequence[Item]], int | None],
    ) -> None:
        """Data is the number of the worst stake, read that of pins for read.

        verdict: the kernel's, by the pins of a folio; None if unknown
        """
        self._names = names
        self._data = data
        self._read = read
        self._verdict = verdict

    def of(self, items: Sequence[Item], counts: Counts, writes: int) -> str:
        """The name of the stake of a folio with these pins, some of them for write."""
        # A folio that still has a mapping was replaced in a file that exists.
        stake = self._data if counts.mapping else self._verdict(items)
        if not writes and (stake is None or counts.mapping):
            # For pins for read, the kernel has no worse verdict.
            stake = self._read
        return self.UNKNOWN if stake is None else self._names.stake(stake)
