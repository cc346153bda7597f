# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shards of the index: where each begins, and what it counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from .errors import Unreadable
from .memory import Memory, Record, find_record
from .totals import Totals

if TYPE_CHECKING:
    from drgn import Program

_SHARD = "struct gup_pin_shard"
_FIGURES = tuple(field.name for field in fields(Totals))

# What is not 0 while somebody has a shard's lock: of a spinlock, and of the lock that
# stands for one with PREEMPT_RT. With a single CPU there is no such thing.
_LOCKS = ("xa.xa_lock.rlock.raw_lock.val.counter", "xa.xa_lock.lock.owner")


@dataclass(frozen=True, slots=True)
class Shard:
    """Where the index of a shard begins.

    head: its xa_head; address: of the shard; pins: those that it has on record by its
    own count, None if that was just changing
    """

    head: int
    address: int
    pins: int | None = None

    @property
    def settled(self) -> bool:
        """Whether nobody was changing it."""
        return self.pins is not None


@dataclass(frozen=True)
class Layouts:
    """Where a shard has its figures, and what begins its index.

    index: flags and head of its xarray, pins that were recorded and forgotten, and what
    tells whether somebody has its lock, if anything does
    """

    figures: Record
    index: Record


def find_layouts(prog: Program) -> Layouts:
    """The layouts in a program; raises LookupError."""
    members = ["xa.xa_flags", "xa.xa_head", "acquired", "released"]
    return Layouts(
        find_record(prog, _SHARD, _FIGURES),
        find_record(prog, _SHARD, [*members, *_find_lock(prog)], signed=False),
    )


def _find_lock(prog: Program) -> list[str]:
    for path in _LOCKS:
        try:
            find_record(prog, _SHARD, [path])
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

        Live: the memory changes meanwhile.
        """
        self._memory = memory
        self._layouts = layouts
        self._first, self._count = place
        self._fault = fault
        self._live = live

    def _data(self) -> bytes:
        size = self._layouts.figures.size
        return self._memory.read(self._first, self._count * size, _SHARD)

    def all(self) -> list[Shard]:
        """All of them, in their order; raises Unreadable.

        One that is none has an empty index, and is told to fault.
        """
        data, size = self._data(), self._layouts.figures.size
        return [self._shard(data, at) for at in range(0, len(data), size)]

    def _shard(self, data: bytes, at: int) -> Shard:
        address = self._first + at
        flags, head, acquired, released, *lock = self._layouts.index.unpack(data, at)
        # How its lock is taken is among the flags.
        if not flags:
            self._fault(Unreadable(_SHARD, address, "is none"))
            return Shard(0, address)
        if self._live or any(lock):
            return Shard(head, address)
        return Shard(head, address, acquired - released)

    def totals(self) -> Totals:
        """The sum of each figure; raises Unreadable."""
        data, figures = self._data(), self._layouts.figures
        rows = (figures.unpack(data, at) for at in range(0, len(data), figures.size))
        sums = map(sum, zip(*rows, strict=True))
        return Totals(**dict(zip(_FIGURES, sums, strict=True)))
