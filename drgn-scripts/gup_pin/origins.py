# SPDX-License-Identifier: LGPL-2.1-or-later
"""The table of all origins, and their counters: mirrors record/origin.c."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Unreadable
from .memory import Memory, Record, find_offset, find_record, is_little_endian
from .records import Origin, OriginReader

if TYPE_CHECKING:
    from drgn import Program

_ROOT = "struct gup_pin_root"


@dataclass(frozen=True, slots=True)
class Counts:
    """The counters of an origin.

    pins: live ones; acquired: pins ever taken; peak: the most live pins that were seen
    """

    pins: int
    acquired: int
    peak: int


@dataclass(frozen=True)
class Layouts:
    """The table in the root, its number of buckets, and the layout of the counters."""

    buckets_at: int
    buckets: struct.Struct
    counts: Record
    node_at: int


def find_layouts(prog: Program) -> Layouts:
    """The layouts in a program; raises LookupError."""
    table = prog.type("struct gup_pin_origins").member("buckets")
    count = table.type.length
    assert count is not None
    order = "<" if is_little_endian(prog) else ">"
    return Layouts(
        find_offset(prog, _ROOT, "origins") + table.offset,
        struct.Struct(f"{order}{count}Q"),
        find_record(
            prog,
            "struct gup_pin_origin",
            ["node.next", *(f"{n}.counter" for n in ("acquired", "released", "peak"))],
        ),
        find_offset(prog, "struct gup_pin_origin", "node"),
    )


class Origins:
    """The origins of one program."""

    TABLE = "table of origins"

    def __init__(
        self,
        memory: Memory,
        layouts: Layouts,
        reader: OriginReader,
        fault: Callable[[Unreadable], None],
    ) -> None:
        """Leave out what cannot be read, and report it to fault."""
        self._memory = memory
        self._layouts = layouts
        self._reader = reader
        self._fault = fault

    def all(self, root: int) -> Iterator[tuple[int, Origin, Counts]]:
        """Address, identity and counters of all origins; root is its address."""
        layouts = self._layouts
        try:
            data = self._memory.read(
                root + layouts.buckets_at, layouts.buckets.size, self.TABLE
            )
        except Unreadable as error:
            self._fault(error)
            return
        for first in layouts.buckets.unpack(data):
            try:
                yield from self._chain(first)
            except Unreadable as error:
                self._fault(error)

    def _chain(self, node: int) -> Iterator[tuple[int, Origin, Counts]]:
        self._reader.refresh()
        layouts = self._layouts
        chain = layouts.counts.chain(self._memory, node, layouts.node_at)
        for address, (acquired, released, peak) in chain:
            counts = Counts(max(acquired - released, 0), max(acquired, 0), peak)
            yield address, self._reader.read(address), counts
