# SPDX-License-Identifier: LGPL-2.1-or-later
"""Records and origins as plain values: mirrors mm/gup_pin/record/model.h."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from .errors import Unreadable
from .memory import Memory, Record, find_offset, find_record

if TYPE_CHECKING:
    from drgn import Program

    from .meaning import Meaning

# GUP_PIN_RECORD_* are macros, so debugging information does not have them.
HAS_ADDR = 1 << 0
WHOLE_FOLIO = 1 << 1

# Addresses are unsigned numbers of this many bits.
_ADDRESS_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Origin:
    """Which task pinned, where and how: struct gup_pin_id."""

    stack: int
    mode: int
    term: int
    api: int
    tgid: int
    pid: int
    owner: int
    comm: bytes
    meaning: Meaning | None = field(default=None, compare=False, repr=False)


class PinRecord(NamedTuple):
    """The pins of one call on pages of a block: struct gup_pin_record.

    origin_at: the address of its origin; mask: the pages; pins: on each of them
    """

    address: int
    origin: Origin
    origin_at: int
    time: int
    mask: int
    base: int
    pins: int
    flags: int

    @property
    def call(self) -> int:
        """A number that identifies a call: its records have equal origin and time."""
        return self.time << 64 | self.origin_at

    @property
    def whole(self) -> bool:
        """Whether folios were pinned as a whole; then mask holds their first pages."""
        return bool(self.flags & WHOLE_FOLIO)

    @property
    def has_addr(self) -> bool:
        """Whether a user address was recorded."""
        return bool(self.flags & HAS_ADDR)

    def addr(self, index: int | None, page_shift: int) -> int:
        """User address of the page at an index of its mapping; 0 if unknown."""
        if index is None or not self.has_addr:
            return 0
        return self.base + (index << page_shift) & _ADDRESS_MASK


@dataclass(frozen=True)
class Layouts:
    """The layout of an origin.

    origin: the first two are never 0
    """

    origin: Record
    comm_at: int
    comm_size: int


def find_layouts(prog: Program) -> Layouts:
    """The layouts in a program; raises LookupError."""
    comm = prog.type("struct gup_pin_id").member("comm")
    assert comm.type.length is not None
    names = ("stack", "mode", "term", "api", "tgid", "pid", "owner")
    return Layouts(
        find_record(
            prog,
            "struct gup_pin_origin",
            ["node.pprev", "acquired.counter", *(f"id.{name}" for name in names)],
        ),
        find_offset(prog, "struct gup_pin_origin", "id") + comm.offset,
        comm.type.length,
    )


class OriginReader:
    """Reads origins of one program."""

    def __init__(
        self,
        memory: Memory,
        layouts: Layouts,
        live: bool = False,
        meaning: Meaning | None = None,
    ) -> None:
        """Live: the memory changes during the walk. All origins share meaning."""
        self._memory = memory
        self._layouts = layouts
        self._live = live
        self._meaning = meaning
        self._origins: dict[int, Origin] = {}
        self._known: dict[Origin, Origin] = {}

    def refresh(self) -> None:
        """Drop cached origins, which may be others by now: call this during a walk.

        A live kernel frees origins, and reuses their memory.
        """
        if self._live:
            self._origins.clear()

    def read(self, address: int) -> Origin:
        """The origin at an address; raises Unreadable."""
        origin = self._origins.get(address)
        if origin is None:
            origin = self._read(address)
            # One object for equal origins, however often they are read.
            origin = self._known.setdefault(origin, origin)
            self._origins[address] = origin
        return origin

    def _read(self, address: int) -> Origin:
        layouts = self._layouts
        data = self._memory.read(address, layouts.origin.size, layouts.origin.name)
        comm = data[layouts.comm_at : layouts.comm_at + layouts.comm_size]
        chain, acquired, *words = layouts.origin.unpack(data)
        # An origin is, or was, in a chain, and was made for pins.
        if not chain or not acquired:
            raise Unreadable(layouts.origin.name, address, "is invalid")
        stack, mode, term, api, tgid, pid, owner = words
        name = comm.partition(b"\0")[0]
        return Origin(stack, mode, term, api, tgid, pid, owner, name, self._meaning)
