# SPDX-License-Identifier: LGPL-2.1-or-later
"""The stack depot, where the kernel keeps stacks: mirrors lib/stackdepot.c.

drgn's stack_depot_fetch() takes any memory for a stack.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Unreadable
from .memory import Memory, Record, find_offset, find_record, is_little_endian

if TYPE_CHECKING:
    from drgn import Program

# DEPOT_STACK_ALIGN is a macro, so debugging information does not have it.
_ALIGN_BITS = 4

_RECORD = "struct stack_record"


@dataclass(frozen=True)
class Layouts:
    """The layout of a handle and of a stack record.

    parts: pool, from 1 on, and offset; extra: its mark, see unloaded.c; record: its
    size and its own handle; entries: where they begin, and how many fit
    """

    parts: Record
    extra: Record
    record: Record
    entries_at: int
    entries: int
    little_endian: bool = True


def find_layouts(prog: Program) -> Layouts:
    """The layouts in a program; raises LookupError."""
    entries = prog.type(_RECORD).member("entries").type.length
    assert entries is not None
    return Layouts(
        find_record(prog, "union handle_parts", ["pool_index_plus_1", "offset"]),
        find_record(prog, "union handle_parts", ["extra"]),
        find_record(prog, _RECORD, ["size", "handle.handle"]),
        find_offset(prog, _RECORD, "entries"),
        entries,
        is_little_endian(prog),
    )


class Depot:
    """The stack depot of one program."""

    WHAT = "stack"

    def __init__(
        self, memory: Memory, layouts: Layouts, pool: Callable[[int], int]
    ) -> None:
        """Pool returns the address of a pool, counted from 0; raises Unreadable."""
        self._memory = memory
        self._layouts = layouts
        self._pool = pool
        self._order = "<" if layouts.little_endian else ">"

    def fetch(self, handle: int) -> tuple[int, ...]:
        """The return addresses of a stack, innermost first; raises Unreadable."""
        layouts = self._layouts
        pool, offset = self._parts(handle)
        address = (self._pool(pool - 1) if pool else 0) + (offset << _ALIGN_BITS)
        size, own = self._head(handle, address)
        if self._parts(own) != (pool, offset) or not 0 < size <= layouts.entries:
            raise Unreadable(self.WHAT, handle, "is invalid")
        data = self._read(handle, address + layouts.entries_at, 8 * size)
        entries: tuple[int, ...] = struct.unpack(f"{self._order}{size}Q", data)
        # A return address is never 0: this is a zeroed page.
        if not all(entries):
            raise Unreadable(self.WHAT, handle, "is invalid")
        return entries

    def _head(self, handle: int, address: int) -> tuple[int, ...]:
        """Size and handle of a record; the last one of a pool may be cut short."""
        data = self._read(handle, address, self._layouts.entries_at)
        return self._layouts.record.unpack(data)

    def _read(self, handle: int, address: int, size: int) -> bytes:
        """Read a part of a stack; faults name the stack by its handle."""
        try:
            return self._memory.read(address, size, self.WHAT)
        except Unreadable as error:
            raise Unreadable(self.WHAT, handle, error.why) from error

    def mark(self, handle: int) -> int:
        """Tells stacks of equal addresses apart: see gup_pin_unloaded_mark()."""
        return self._layouts.extra.unpack(struct.pack(f"{self._order}I", handle))[0]

    def _parts(self, handle: int) -> tuple[int, ...]:
        """The number of the pool, from 1 on, and the offset in it."""
        return self._layouts.parts.unpack(struct.pack(f"{self._order}I", handle))
