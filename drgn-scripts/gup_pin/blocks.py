# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocks, the pins on 64 neighbouring pages: mirrors mm/gup_pin/record/block.c."""

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

# Of a live kernel: a list that was just being changed is read so often.
_TRIES = 3

# The words of a record: next and previous in the list, and what PinRecord has.
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
    """The pins on the pages of a block, which have its bits as their numbers.

    alike, guessed: pages whose records may be others'; records: the oldest first
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
        """How sure it is that these are records of pins that are still there."""
        if self.guessed & pages:
            return "inferred"
        return "alike" if self.alike & pages else "exact"


@dataclass(frozen=True)
class Layouts:
    """Where blocks and records have their members, and a block its first record."""

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
        """What cannot be read is told to fault, and left out.

        Live: the memory changes meanwhile.
        """
        self._memory = memory
        self._layouts = layouts
        self._origins = origins
        self._fault = fault
        self._live = live

    def read(self, address: int, number: int, settled: bool = True) -> Block | None:
        """The block at an address, which has that number; None if it has no pins.

        Settled: nothing was changing it when the dump was taken.
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
        """The same. Whole: its list must be in order."""
        layouts = self._layouts
        try:
            nr, alike, guessed, count, *first = layouts.block.read(
                self._memory, address
            )
            if nr != number:
                raise Unreadable(layouts.block.name, address, "is none")
        except Unreadable as error:
            fault(error)
            return None
        records: list[PinRecord] = []
        met = 0
        try:
            for at, words in self._chain(address + layouts.first_at, first, whole):
                # A reader's place, or the first, which is not in use.
                if not words[4]:
                    continue
                met += 1
                try:
                    records.append(self._record(at, words))
                except Unreadable as error:
                    fault(error)
            if whole and met < count:
                missing = count - met
                raise Unreadable(layouts.record.name, address, "is none", missing)
        except Unreadable as error:
            fault(error)
        return Block(alike, guessed, tuple(records)) if records else None

    def _chain(
        self, head: int, first: list[int], whole: bool
    ) -> Iterator[tuple[int, list[int] | tuple[int, ...]]]:
        """Address and words of a block's records; raises Unreadable.

        Each knows the one before it, so that a list that leads elsewhere is noticed.
        """
        record = self._layouts.record
        at, words = head, tuple(first)
        seen = {head}
        yield at, words
        while (following := words[0]) != head:
            if following in seen:
                raise Unreadable(record.name, following, "is none")
            seen.add(following)
            words = record.read(self._memory, following)
            if whole and words[1] != at:
                raise Unreadable(record.name, following, "is none")
            at = following
            yield at, words
        if whole and first[1] != at:
            raise Unreadable(record.name, head, "is none")

    def _record(self, at: int, words: list[int] | tuple[int, ...]) -> PinRecord:
        _, _, origin, time, mask, base, pins, flags = words
        if not pins:
            raise Unreadable(self._layouts.record.name, at, "is none")
        found = self._origins.read(origin)
        return PinRecord(at, found, origin, time, mask, base, pins, flags)
