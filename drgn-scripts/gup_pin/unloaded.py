# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names of return addresses whose code is gone: mirrors record/unloaded.c."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Unreadable
from .memory import Memory, Record, find_offset, find_record, is_little_endian

if TYPE_CHECKING:
    from drgn import Program

_TABLE, _NAME = "struct gup_pin_unloads", "struct gup_pin_unloaded"

# GUP_PIN_FRAME_MAX is somewhat more than KSYM_SYMBOL_LEN.
_FRAME_MAX = 1024


@dataclass(frozen=True, slots=True)
class Name:
    """What an address was called by stacks of a lower mark than until.

    text: the frame as it is shown; empty if it is not known; live: length of the part
    that %pS printed
    """

    until: int
    text: str = ""
    live: int = 0

    def now(self, text: str) -> str | None:
        """The frame, if %pS prints text today; None if only the address is known."""
        if not self.text:
            return None
        return text if text == self.text[: self.live] else self.text


@dataclass(frozen=True)
class Layouts:
    """Where the table has its chains and what could not be kept; and a name its parts.

    figures: unnamed, lost.until, lost_first, lost_last; unknown: the mark of stacks
    whose frames have no names if they are in the table
    """

    figures: Record
    buckets_at: int
    buckets: struct.Struct
    name: Record
    node_at: int
    unknown: int


def find_layouts(prog: Program) -> Layouts:
    """The layouts in a program; raises LookupError."""
    count = prog.type(_TABLE).member("buckets").type.length
    bits = prog.type("union handle_parts").member("extra").bit_field_size
    assert count is not None and bits is not None
    order = "<" if is_little_endian(prog) else ">"
    return Layouts(
        find_record(prog, _TABLE, ["unnamed", "lost.until", "lost_first", "lost_last"]),
        find_offset(prog, _TABLE, "buckets"),
        struct.Struct(f"{order}{count}Q"),
        find_record(prog, _NAME, ["node.next", "ip", "until", "live", "name"]),
        find_offset(prog, _NAME, "node"),
        (1 << bits) - 1,
    )


class Unloaded:
    """The names of one program."""

    TABLE = "table of unloaded names"

    def __init__(
        self,
        memory: Memory,
        layouts: Layouts,
        address: Callable[[], int],
        fault: Callable[[Unreadable], None],
    ) -> None:
        """Read from memory the table at an address, which may raise Unreadable.

        Fault is called once for each part that cannot be read.
        """
        self._memory = memory
        self._layouts = layouts
        self._address = address
        self._fault = fault
        # What the table was when its names were read: a live kernel's changes.
        self._read: bytes | None = None
        self._names: dict[int, list[Name]] = {}
        self._told: set[tuple[str, int]] = set()

    def find(self, pc: int, mark: int) -> Name | None:
        """What an address in a stack of that mark was called.

        None if its code is where it was, for all that is known.
        """
        try:
            data = self._refresh()
        except Unreadable as error:
            self._tell(error)
            return None
        unnamed, until, first, last = self._layouts.figures.unpack(data)
        unknown = mark == self._layouts.unknown
        if unnamed and first <= pc <= last and (until > mark or unknown):
            return Name(until)
        names = self._names.get(pc, [])
        if unknown:
            return Name(mark) if names else None
        return min(
            (name for name in names if name.until > mark),
            key=lambda name: name.until,
            default=None,
        )

    def _refresh(self) -> bytes:
        """Read all names again if they have changed; raises Unreadable."""
        layouts = self._layouts
        data = self._memory.read(self._address(), layouts.figures.size, self.TABLE)
        if data != self._read:
            self._read, self._names = data, {}
            for first in layouts.buckets.unpack_from(data, layouts.buckets_at):
                try:
                    self._chain(first)
                except Unreadable as error:
                    self._tell(error)
        return data

    def _chain(self, node: int) -> None:
        layouts = self._layouts
        names = layouts.name.chain(self._memory, node, layouts.node_at)
        for _, (pc, until, live, at) in names:
            text = self._memory.read_string(at, _FRAME_MAX, self.TABLE) if at else b""
            name = Name(until, text.decode(errors="replace"), live)
            self._names.setdefault(pc, []).append(name)

    def _tell(self, error: Unreadable) -> None:
        """Once, though it is asked for with each frame."""
        key = (error.what, error.address)
        if key not in self._told:
            self._told.add(key)
            self._fault(error)
