# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocks, the pins on 64 adjacent pages: mirrors mm/gup_pin/record/block.c."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from .errors import Unreadable
from .memory import Memory, Record, find_offset, find_record
from .records import OriginReader, PinRecord

if TYPE_CHECKING:
    from drgn import Program

# Attempts at reading a list that a live kernel is changing.
_TRIES = 3

# The members of a record: next and previous in the list, then those of PinRecord.
_MEMBERS = (
    *("list.next", "list.prev", "origin", "time"),
    *("mask", "base", "pins", "flags"),
)


@lru_cache(maxsize=1024)
def bits_of(mask: int) -> tuple[int, ...]:
    """The numbers of the bits that are set."""
    return tuple(i for i in range(mask.bit_length()) if mask >> i & 1)


@dataclass(frozen=True, slots=True)
class Block:
    """The pins on the pages of a block; pages are numbered by their bits.

    alike, guessed: pages whose records may belong to others; records: oldest first
    """

    alike: int
    guessed: int
    records: tuple[PinRecord, ...]

    @property
    def used(self) -> int:
        """The pages that have pins."""
        used = 0
        for record in self.records:
            used |= record.mask
        return used

    def pins(self) -> int:
        """All pins on all pages."""
        return sum(record.mask.bit_count() * record.pins for record in self.records)

    def match(self, pages: int) -> str:
        """How certain it is that these records are of live pins."""
        if self.guessed & pages:
            return "inferred"
        return "alike" if self.alike & pages else "exact"


@dataclass(frozen=True)
class Layouts:
    """Offsets of the members of blocks and records, and of a block's first record."""

    block: Record
    record: Record
    first_at: int


def find_layouts(prog: Program) -> Layouts:
    """The layouts in a program; raises LookupError."""
    block, first = "struct gup_pin_block", [f"first.{name}" for name in _MEMBERS]
    members = ["nr", "alike", "guessed", "nr_records", *first]
    return Layouts(
        find_record(prog, block, members, signed=False),
        find_record(prog, "struct gup_pin_record", _MEMBERS, signed=False),
        find_offset(prog, block, "first"),
    )


class BlockReader:
    """Reads blocks of one program."""

    def __init__(
        self,
        memory: Memory,
        layouts: Layouts,
        origins: OriginReader,
        fault: Callable[[Unreadable], None],
        live: bool = False,
    ) -> None:
        """Leave out what cannot be read, and report it to fault.

        Live: the memory changes during the walk.
        """
        self._memory = memory
        self._layouts = layouts
        self._origins = origins
        self._fault = fault
        self._live = live

    def read(self, address: int, number: int, settled: bool = True) -> Block | None:
        """The block at an address, which must have that number; None if it has no pins.

        Settled: no CPU was changing it when the dump was taken.
        """
        faults: list[Unreadable] = []
        for _ in range(_TRIES if self._live else 1):
            self._origins.refresh()
            faults.clear()
            block = self._read(address, number, settled or self._live, faults.append)
            if not faults:
                break
        for fault in faults:
            self._fault(fault)
        return block

    def _read(
        self,
        address: int,
        number: int,
        whole: bool,
        fault: Callable[[Unreadable], None],
    ) -> Block | None:
        """As read(), for one attempt. Whole: its list must be in order."""
        layouts = self._layouts
        try:
            nr, alike, guessed, count, *first = layouts.block.read(
                self._memory, address
            )
            if nr != number:
                raise Unreadable(layouts.block.name, address, "is invalid")
        except Unreadable as error:
            fault(error)
            return None
        records: list[PinRecord] = []
        met = 0
        try:
            for at, words in self._chain(address + layouts.first_at, first, whole):
                # A reader's cursor, or the embedded record while unused.
                if not words[4]:
                    continue
                met += 1
                try:
                    records.append(self._record(at, words))
                except Unreadable as error:
                    fault(error)
            if whole and met < count:
                missing = count - met
                raise Unreadable(layouts.record.name, address, "is invalid", missing)
        except Unreadable as error:
            fault(error)
        return Block(alike, guessed, tuple(records)) if records else None

    def _chain(
        self, head: int, first: list[int], whole: bool
    ) -> Iterator[tuple[int, list[int] | tuple[int, ...]]]:
        """Address and words of a block's records; raises Unreadable.

        Each record must point back to the one before it: this finds wrong links.
        """
        record = self._layouts.record
        at, words = head, tuple(first)
        seen = {head}
        yield at, words
        while (following := words[0]) != head:
            if following in seen:
                raise Unreadable(record.name, following, "is invalid")
            seen.add(following)
            words = record.read(self._memory, following)
            if whole and words[1] != at:
                raise Unreadable(record.name, following, "is invalid")
            at = following
            yield at, words
        if whole and first[1] != at:
            raise Unreadable(record.name, head, "is invalid")

    def _record(self, at: int, words: list[int] | tuple[int, ...]) -> PinRecord:
        _, _, origin, time, mask, base, pins, flags = words
        if not pins:
            raise Unreadable(self._layouts.record.name, at, "is invalid")
        found = self._origins.read(origin)
        return PinRecord(at, found, origin, time, mask, base, pins, flags)
