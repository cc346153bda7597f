# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shards of the index: where each begins, and its counters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from .errors import Unreadable
from .memory import Memory, Record, find_record
from .totals import Totals

if TYPE_CHECKING:
    from drgn import Program

SHARD = "struct gup_pin_shard"
_FIGURES = tuple(field.name for field in fields(Totals))

# These are not 0 while a shard's lock is held: of a spinlock, and of the lock that
# replaces it with PREEMPT_RT. With a single CPU there is no such member.
_LOCKS = ("xa.xa_lock.rlock.raw_lock.val.counter", "xa.xa_lock.lock.owner")


@dataclass(frozen=True, slots=True)
class Shard:
    """The start of a shard's index.

    head: its xa_head; address: of the shard; pins: the number it has on record by its
    own count, None if that was just changing
    """

    head: int
    address: int
    pins: int | None = None

    @property
    def settled(self) -> bool:
        """Whether it was not being changed."""
        return self.pins is not None


@dataclass(frozen=True)
class Layouts:
    """The layout of a shard's counters and of the start of its index.

    index: flags and head of its xarray, pins recorded and released, and the state of
    its lock, if it has one
    """

    figures: Record
    index: Record


def find_layouts(prog: Program) -> Layouts:
    """The layouts in a program; raises LookupError."""
    members = ["xa.xa_flags", "xa.xa_head", "acquired", "released"]
    return Layouts(
        find_record(prog, SHARD, _FIGURES),
        find_record(prog, SHARD, [*members, *_find_lock(prog)], signed=False),
    )


def _find_lock(prog: Program) -> list[str]:
    for path in _LOCKS:
        try:
            find_record(prog, SHARD, [path])
        except LookupError:
            continue
        return [path]
    return []


class Shards:
    """The shards of one program."""

    def __init__(
        self,
        memory: Memory,
        layouts: Layouts,
        place: tuple[int, int],
        fault: Callable[[Unreadable], None],
        live: bool = False,
    ) -> None:
        """Place is the address of the first, and how many there are.

        Live: the memory changes during the walk.
        """
        self._memory = memory
        self._layouts = layouts
        self._first, self._count = place
        self._fault = fault
        self._live = live

    def _data(self) -> bytes:
        size = self._layouts.figures.size
        return self._memory.read(self._first, self._count * size, SHARD)

    def all(self) -> list[Shard]:
        """All shards, in order; raises Unreadable.

        An invalid one has an empty index, and is reported to fault.
        """
        data, size = self._data(), self._layouts.figures.size
        return [self._shard(data, at) for at in range(0, len(data), size)]

    def _shard(self, data: bytes, at: int) -> Shard:
        address = self._first + at
        flags, head, acquired, released, *lock = self._layouts.index.unpack(data, at)
        # The flags contain the type of the lock, so they are never 0.
        if not flags:
            self._fault(Unreadable(SHARD, address, "is invalid"))
            return Shard(0, address)
        if self._live or any(lock):
            return Shard(head, address)
        return Shard(head, address, acquired - released)

    def totals(self) -> Totals:
        """The sum of each counter; raises Unreadable."""
        data, figures = self._data(), self._layouts.figures
        rows = (figures.unpack(data, at) for at in range(0, len(data), figures.size))
        sums = map(sum, zip(*rows, strict=True))
        return Totals(**dict(zip(_FIGURES, sums, strict=True)))
