# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares records with folios: what is wrong, and what would have gone wrong.

The kernel reports hazards as they happen. A folio that was under writeback, or had
left its file, when the machine stopped may be a hazard that was not yet reported.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Unreadable
from .folio import Folio, FolioReader
from .left import Stakes
from .memmap import BIAS, Counts, Memmap
from .pin import Item
from .runs import Run, make_runs
from .unchecked import Unchecked
from .xarray import Walker

if TYPE_CHECKING:
    from drgn import Program


class Kind(enum.Enum):
    """What is wrong with a folio; see the schema."""

    NO_FOLIO = "no_folio"
    FREE = "free"
    TOO_FEW_PINS = "too_few_pins"
    UNRECORDED = "unrecorded"
    MAYBE_UNRECORDED = "maybe_unrecorded"
    WRITEBACK = "writeback"
    DIRTY = "dirty"
    TRUNCATED = "truncated"

    @property
    def about(self) -> str:
        """Whether records are wrong, or a file's content is at stake."""
        content = (Kind.WRITEBACK, Kind.DIRTY, Kind.TRUNCATED)
        return "content" if self in content else "records"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, or dangerous, with a folio.

    pfn: the pfn of the folio's head; counts: the folio's own counts; recorded: number
    of pins on record; items: these pins; stake: of a truncated folio, what was at stake
    in the kernel's words, or "unknown"
    """

    kind: Kind
    pfn: int
    folio: Folio
    counts: Counts
    recorded: int
    items: tuple[Item, ...] = ()
    stake: str = ""

    @property
    def stacks(self) -> list[int]:
        """Stack handles of the pins, without duplicates."""
        return list(dict.fromkeys(item.origin.stack for item in self.items))

    def runs(self, page_shift: int) -> list[Run]:
        """The pins, as lines."""
        return list(make_runs(self.items, page_shift))


@dataclass(frozen=True)
class Flags:
    """The bits of folio flags, and the number of the write mode."""

    writeback: int
    dirty: int
    swapcache: int
    swapbacked: int
    private: int
    write: int


def find_flags(prog: Program, write: int) -> Flags:
    """The bits in a program."""

    def bit(name: str) -> int:
        return 1 << int(prog.constant(name).value_())

    return Flags(
        writeback=bit("PG_writeback"),
        dirty=bit("PG_dirty"),
        swapcache=bit("PG_swapcache"),
        swapbacked=bit("PG_swapbacked"),
        private=bit("PG_private"),
        write=write,
    )


@dataclass(frozen=True, slots=True)
class Recorded:
    """The pins on record of a folio."""

    pins: int
    writes: int


class Heads:
    """A set of folio heads: a bit each, since there may be very many."""

    def __init__(self) -> None:
        """Start empty."""
        self._noted: dict[int, int] = {}

    def noted(self, folios: Iterable[list[Item]]) -> Iterator[list[Item]]:
        """Yield the same folios, and note each."""
        for items in folios:
            word, bit = divmod(items[0].head, 64)
            self._noted[word] = self._noted.get(word, 0) | 1 << bit
            yield items

    def has(self, pfn: int) -> bool:
        """Whether that head was noted."""
        return bool(self._noted.get(pfn // 64, 0) >> pfn % 64 & 1)


class Checker:
    """Compares the records with the folios of one program."""

    def __init__(
        self,
        memmap: Memmap,
        folios: FolioReader,
        files: FileCheck,
        stakes: Stakes,
        flags: Flags,
        fault: Callable[[Unreadable], None],
    ) -> None:
        """Leave out what cannot be read, and report it to fault."""
        self._stakes = stakes
        self._memmap = memmap
        self._folios = folios
        self._files = files
        self._flags = flags
        self._fault = fault

    def recorded(
        self, folios: Iterable[list[Item]], unchecked: Unchecked | None = None
    ) -> Iterator[Finding]:
        """Problems of the folios that have pins on record, by their items."""
        for items in folios:
            counts = self._counts(items)
            if counts is not None:
                yield from self._judge(items, counts)
            elif unchecked is not None:
                unchecked.miss_pins(sum(item.pins for item in items))

    def _counts(self, items: list[Item]) -> Counts | None:
        """The counts of a folio; None if they, or some of its pins, are unknown."""
        try:
            counts = self._memmap.counts(items[0].head)
        except Unreadable as error:
            self._fault(error)
            return None
        # Without a known size, each page has been taken for a folio.
        return None if items[0].folio.order is None else counts

    def _judge(self, items: list[Item], counts: Counts) -> Iterator[Finding]:
        pfn = items[0].head
        write = self._flags.write
        recorded = Recorded(
            sum(item.pins for item in items),
            sum(item.pins for item in items if item.origin.mode == write),
        )
        kinds = list(self._record_kinds(pfn, recorded, counts))
        if Kind.NO_FOLIO not in kinds and Kind.FREE not in kinds:
            kinds += self._content_kinds(pfn, recorded, counts)
        if kinds:
            _, folio = self._folios.of_page(pfn)
            for kind in kinds:
                stake = ""
                if kind is Kind.TRUNCATED:
                    stake = self._stakes.of(items, counts, recorded.writes)
                pins = tuple(items)
                yield Finding(kind, pfn, folio, counts, recorded.pins, pins, stake)

    def _record_kinds(
        self, pfn: int, recorded: Recorded, counts: Counts
    ) -> Iterator[Kind]:
        pins, exact = counts.pin_count()
        if counts.tail:
            yield Kind.NO_FOLIO
        elif counts.refs <= 0:
            yield Kind.FREE
        elif self._has_fewer(pfn, recorded.pins, counts):
            yield Kind.TOO_FEW_PINS
        elif exact and pins > recorded.pins:
            yield Kind.UNRECORDED
        elif has_more(recorded.pins, counts):
            yield Kind.MAYBE_UNRECORDED

    def _has_fewer(self, pfn: int, recorded: int, counts: Counts) -> bool:
        """Whether a folio has fewer pins than are on record.

        put_page() drops one of the 1024 references that each pin of a small folio
        holds; it does not change the count of a large one.
        """
        if counts.pins is not None:
            return counts.pins < recorded
        rest = counts.refs - counts.maps - recorded * BIAS
        if rest < 0:
            return True
        if rest >= cache_refs(self._flags, counts):
            return False
        # Device memory may use these members in its own way.
        _, folio = self._folios.of_page(pfn)
        return folio.map in ("anon", "file", "shmem")

    def _content_kinds(
        self, pfn: int, recorded: Recorded, counts: Counts
    ) -> Iterator[Kind]:
        flags = self._flags
        if counts.flags & flags.writeback and recorded.writes:
            yield Kind.WRITEBACK
        # Anonymous memory and the like has no file content.
        if counts.mapping & 3:
            return
        _, folio = self._folios.of_page(pfn)
        if folio.map not in ("file", "shmem", "hugetlb") or folio.index is None:
            return
        if not counts.mapping:
            if not is_in_swap(flags, counts):
                yield Kind.TRUNCATED
        elif not self._files.has(counts.mapping, folio.index, pfn):
            yield Kind.TRUNCATED
        elif folio.map == "file" and counts.flags & flags.dirty and recorded.writes:
            yield Kind.DIRTY

    def unrecorded(
        self,
        suspects: Iterable[tuple[int, Counts]],
        is_recorded: Callable[[int], bool],
    ) -> Iterator[Finding]:
        """Folios that look pinned, but have no pin on record."""
        for pfn, counts in suspects:
            if is_recorded(pfn):
                continue
            _, exact = counts.pin_count()
            if not exact and not has_more(0, counts):
                continue
            kind = Kind.UNRECORDED if exact else Kind.MAYBE_UNRECORDED
            _, folio = self._folios.of_page(pfn)
            if folio.map != "device":
                yield Finding(kind, pfn, folio, counts, 0)


def is_in_swap(flags: Flags, counts: Counts) -> bool:
    """Whether a folio is on its way to swap, or back.

    File systems use the same bit for something else.
    """
    both = flags.swapbacked | flags.swapcache
    return counts.flags & both == both


def cache_refs(flags: Flags, counts: Counts) -> int:
    """References that a small folio has for being in a file, or on its way to swap.

    As in folio_expected_ref_count(): a pinned folio has no fewer.
    """
    refs = int(is_in_swap(flags, counts))
    if not counts.mapping & 3:
        refs += bool(counts.mapping) + bool(counts.flags & flags.private)
    return refs


def has_more(recorded: int, counts: Counts) -> bool:
    """Whether a small folio has enough references for one more pin.

    References of page tables are known: many mappings of a library are not a pin.
    """
    return counts.pins is None and counts.refs - counts.maps - recorded * BIAS >= BIAS


class FileCheck:
    """Looks up folios in page caches."""

    def __init__(
        self,
        walker: Walker,
        head: Callable[[int], int],
        page: Callable[[int], int],
        fault: Callable[[Unreadable], None],
    ) -> None:
        """Head is the xa_head of a mapping's pages, page the struct page of a pfn."""
        self._walker = walker
        self._head = head
        self._page = page
        self._fault = fault

    def has(self, mapping: int, index: int, pfn: int) -> bool:
        """Whether a mapping has the folio at an index; true if that is unknown."""
        try:
            entry = self._walker.load(self._head(mapping), index)
            return entry == self._page(pfn)
        except Unreadable as error:
            self._fault(error)
            return True
