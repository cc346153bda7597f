# SPDX-License-Identifier: LGPL-2.1-or-later
"""All struct pages, and the counts of folios: read in bulk."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import NoSuchPage, Unreadable
from .memory import (
    Memory,
    Record,
    find_offset,
    find_record,
    is_little_endian,
    is_struct,
)

if TYPE_CHECKING:
    from drgn import Program

# GUP_PIN_COUNTING_BIAS: what a pin of a small folio adds to its references.
BIAS = 1024

# First pfn and length of ranges that have struct pages.
Sections = Sequence[tuple[int, int]]

_WORD_MASK = (1 << 64) - 1

# No machine has more pages.
_NO_PFN = 1 << 52

# Struct pages per read: 1 MiB of them on x86_64.
CHUNK = 1 << 14


@dataclass(frozen=True)
class Layouts:
    """Where struct pages are, and where a folio has its counts.

    page0: address of the struct page of pfn 0, None if unknown
    mark: flags, and the word that marks a tail page, of a struct page
    page: flags, references, page table entries less 1, mapping, and the word that marks
    a tail page, of a folio's first struct page
    pincount_at: offset of a large folio's pin count from its first struct page
    page_size: of a page; next_head_at: offset from a head to the word that gives its
    address in the next struct page, None in a kernel without fake heads
    """

    page0: int | None
    size: int
    mark: Record
    page: Record
    refs_at: int
    flags_at: int
    pincount_at: int
    head: int
    reserved: int
    page_size: int
    next_head_at: int | None
    little_endian: bool = True


def _find_page0(prog: Program) -> int | None:
    """The start of the memmap; drgn takes it from the dump's memory sections.

    None if these are not in the dump, or each has a memmap of its own: sparse memory
    without a virtual memmap, which drgn does not support.
    """
    from drgn import FaultError  # noqa: PLC0415
    from drgn.helpers.linux.mm import pfn_to_page  # noqa: PLC0415

    try:
        return int(pfn_to_page(prog, 0).value_())
    except (FaultError, LookupError, AttributeError):
        return None


def head_address(page: int, word: int) -> int:
    """The head of the tail page at an address, by the word that marks it.

    compound_info may hold a mask for the head's address instead. No struct page has an
    address that looks like a mask.
    """
    value = word - 1
    is_mask = (-value & _WORD_MASK).bit_count() == 1
    return page & value if is_mask else value


def find_layouts(prog: Program) -> Layouts:
    """The layouts in a program; raises LookupError."""
    page, folio = prog.type("struct page"), prog.type("struct folio")
    tail = next(n for n in ("compound_info", "compound_head") if page.has_member(n))
    flags = "flags.f" if is_struct(folio.member("flags").type) else "flags"
    assert page.size is not None
    # With compound_info, there are no fake heads.
    fakes = tail == "compound_head"
    return Layouts(
        page0=_find_page0(prog),
        size=page.size,
        mark=find_record(prog, "struct page", [flags, tail]),
        page=find_record(
            prog,
            "struct folio",
            [flags, "_refcount", "_mapcount", "mapping", f"page.{tail}"],
        ),
        refs_at=find_offset(prog, "struct folio", "_refcount"),
        flags_at=find_offset(prog, "struct folio", "flags"),
        pincount_at=find_offset(prog, "struct folio", "_pincount"),
        head=1 << int(prog.constant("PG_head").value_()),
        reserved=1 << int(prog.constant("PG_reserved").value_()),
        page_size=int(prog["PAGE_SIZE"].value_()),
        next_head_at=page.size + page.member(tail).offset if fakes else None,
        little_endian=is_little_endian(prog),
    )


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts in a folio's struct pages.

    refs: references, including 1024 for each pin of a small folio; maps: page table
    entries of a small folio; tail: no folio begins here; pins: of a large folio, else
    None
    """

    flags: int
    refs: int
    maps: int
    mapping: int
    tail: bool
    pins: int | None

    def pin_count(self) -> tuple[int, bool]:
        """Pins, and whether that is exact.

        A small folio's pins are part of its references: zero is exact, any other
        count may also be very many ordinary references.
        """
        if self.pins is not None:
            return self.pins, True
        pins = max(self.refs, 0) // BIAS
        return pins, pins == 0


class Memmap:
    """The struct pages of one program."""

    PAGE = "struct page"

    def __init__(
        self, memory: Memory, layouts: Layouts, fault: Callable[[Unreadable], None]
    ) -> None:
        """Read from memory; what cannot be read is reported to fault."""
        self._memory = memory
        self._layouts = layouts
        self._fault = fault
        order = "<" if layouts.little_endian else ">"
        self._order = order
        self._pincount = struct.Struct(f"{order}i")
        self._word = struct.Struct(f"{order}Q")
        gap = layouts.refs_at - layouts.flags_at - 8
        rest = layouts.size - layouts.refs_at - 4
        self._page = f"{layouts.flags_at}xQ{gap}xi{rest}x"
        self._chunks: dict[int, struct.Struct] = {}

    def address(self, pfn: int) -> int:
        """The address of a struct page; raises Unreadable."""
        page0 = self._layouts.page0
        if page0 is None:
            raise Unreadable("memmap", 0)
        return page0 + pfn * self._layouts.size

    @property
    def size(self) -> int:
        """Bytes of a struct page."""
        return self._layouts.size

    def head(self, pfn: int) -> int:
        """The pfn of the head of a page's folio; raises Unreadable."""
        address = self.address(pfn)
        flags, tail = self._layouts.mark.read(self._memory, address)
        if tail & 1:
            return pfn - (address - head_address(address, tail)) // self.size
        return self._true_head(pfn) if flags & self._layouts.head else pfn

    def pfn(self, number: int, sections: Callable[[], Sections]) -> int:
        """The pfn that a number is, or the pfn of the struct page at that address.

        Sections yields the ranges that exist; none if they are unknown. Raises
        NoSuchPage if the number is neither.
        """
        page0 = self._layouts.page0
        is_pfn = number < (_NO_PFN if page0 is None else min(page0, _NO_PFN))
        pfn, inside = number, 0
        if not is_pfn:
            pfn, inside = divmod(number - (page0 or 0), self._layouts.size)
        ranges = sections()
        there = any(first <= pfn < first + count for first, count in ranges)
        if (is_pfn or (page0 is not None and not inside)) and (there or not ranges):
            return pfn
        if is_pfn:
            last = max(first + count for first, count in ranges) - 1
            where = f"no page has pfn {number:#x}; the last has {last:#x}"
        else:
            where = f"no struct page is at {number:#x}"
        raise NoSuchPage(f"this kernel has no such page: {where}")

    def counts(self, pfn: int) -> Counts:
        """The counts of a folio; raises Unreadable."""
        layouts = self._layouts
        data = self._memory.read(self.address(pfn), layouts.size, self.PAGE)
        return self._counts(pfn, data, 0)

    def _counts(self, pfn: int, data: bytes, at: int) -> Counts:
        layouts = self._layouts
        # The first struct page has all of these, so the others may be missing.
        padded = data[at : at + layouts.size].ljust(layouts.page.size, b"\0")
        flags, refs, maps, mapping, tail = layouts.page.unpack(padded)
        refs, maps = _signed(refs), _signed(maps)
        is_tail, pins = bool(tail & 1), None
        if not is_tail and flags & layouts.head:
            is_tail = self._true_head(pfn, data, at) != pfn
            if not is_tail:
                pins = self._member(pfn, data, at, layouts.pincount_at, self._pincount)
        return Counts(flags, refs, max(maps + 1, 0), mapping, is_tail, pins)

    def _true_head(self, pfn: int, data: bytes = b"", at: int = 0) -> int:
        """The head of an apparent head, which may be a tail of a huge page.

        With hugetlb_free_vmemmap=on, pages full of a huge page's tails are mapped to
        the page that begins with its head: see the kernel's page_fixed_fake_head().
        """
        layouts, address = self._layouts, self.address(pfn)
        if layouts.next_head_at is None or address % layouts.page_size:
            return pfn
        word = self._member(pfn, data, at, layouts.next_head_at, self._word)
        return pfn - (address - word + 1) // self.size if word & 1 else pfn

    def _member(
        self, pfn: int, data: bytes, at: int, member_at: int, kind: struct.Struct
    ) -> int:
        """A member beyond the first struct page, and perhaps beyond the end of data."""
        at += member_at
        if at + kind.size > len(data):
            address = self.address(pfn) + member_at
            data, at = self._memory.read(address, kind.size, self.PAGE), 0
        return int(kind.unpack_from(data, at)[0])

    def suspects(
        self,
        first: int,
        count: int,
        miss: Callable[[int], None] = lambda pages: None,
    ) -> Iterator[tuple[int, Counts]]:
        """The folios in a range that look pinned: pfns and counts of their heads.

        Miss is called with the number of struct pages that cannot be read.
        """
        if self._layouts.page0 is None:
            self._fault(Unreadable("memmap", 0))
            miss(count)
            return
        for start in range(first, first + count, CHUNK):
            yield from self._chunk(start, min(CHUNK, first + count - start), miss)

    def _chunk(
        self, first: int, count: int, miss: Callable[[int], None]
    ) -> Iterator[tuple[int, Counts]]:
        layouts = self._layouts
        size = layouts.size
        try:
            data = self._memory.read(self.address(first), count * size, self.PAGE)
        except Unreadable as error:
            # Only a part may be missing: try both halves.
            if count <= 64:
                self._fault(error)
                miss(count)
                return
            half = count // 2
            yield from self._chunk(first, half, miss)
            yield from self._chunk(first + half, count - half, miss)
            return
        values = self._struct(count).unpack(data)
        flags, refs = values[::2], values[1::2]
        head = layouts.head
        found = [i for i, ref in enumerate(refs) if ref >= BIAS or flags[i] & head]
        for i in found:
            if flags[i] & layouts.reserved:
                continue
            try:
                counts = self._counts(first + i, data, i * size)
            except Unreadable as error:
                self._fault(error)
                miss(1)
                continue
            if not counts.tail and counts.pin_count()[0] > 0:
                yield first + i, counts

    def _struct(self, count: int) -> struct.Struct:
        known = self._chunks.get(count)
        if known is None:
            known = self._chunks[count] = struct.Struct(
                self._order + self._page * count
            )
        return known


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value
