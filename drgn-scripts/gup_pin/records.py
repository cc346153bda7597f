# SPDX-License-Identifier: LGPL-2.1-or-later
"""Slots, calls and origins as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Unreadable
from .memory import Memory, Record, find_offset, find_record

if TYPE_CHECKING:
    from drgn import Program

# GUP_PIN_SLOT_*: macros, so no debugging information has them.
SLOT_CALL = 0
SLOT_SET = 1
_TAG_MASK = 3

# A chunk has room for some tens of refs: more is not a chunk.
_MOST_REFS = 4096

# More calls than this are forgotten and read again when met again.
_CALLS_KEPT = 1 << 16


@dataclass(frozen=True, slots=True)
class Origin:
    """Who, where and how: struct gup_pin_id."""

    stack: int
    mode: int
    term: int
    api: int
    tgid: int
    pid: int
    owner: int
    comm: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """One successful call of a pin function: struct gup_pin_call."""

    address: int
    origin: Origin
    time: int
    addr: int
    index: int
    npages: int
    linear: bool

    def folio_addr(self, folio_index: int | None, page_shift: int) -> int:
        """User address of the first page pinned in a folio, or 0."""
        if not self.addr or not self.linear or folio_index is None:
            return 0
        page = max(folio_index - self.index, 0)
        if page >= self.npages:
            return 0
        return self.addr + (page << page_shift)


@dataclass(frozen=True, slots=True)
class Ref:
    """The pins of one call on one folio: struct gup_pin_ref."""

    call: int
    pins: int


@dataclass(frozen=True, slots=True)
class Slot:
    """All pins on one folio."""

    refs: tuple[Ref, ...]
    inferred: bool


@dataclass(frozen=True)
class Layouts:
    """Where the structures of format 1 have their members."""

    call: Record
    origin: Record
    comm_at: int
    comm_size: int
    set_head: Record
    refs_at: int
    refs: Record
    first_ref_at: int
    ref: Record


def find_layouts(prog: Program) -> Layouts:
    """The layouts in a program; raises LookupError."""
    ident = prog.type("struct gup_pin_id")
    comm = ident.member("comm")
    assert comm.type.length is not None
    return Layouts(
        find_record(
            prog,
            "struct gup_pin_call",
            ["origin", "time", "addr", "index", "npages", "linear"],
        ),
        find_record(
            prog,
            "struct gup_pin_origin",
            [
                "id.stack",
                "id.mode",
                "id.term",
                "id.api",
                "id.tgid",
                "id.pid",
                "id.owner",
            ],
        ),
        find_offset(prog, "struct gup_pin_origin", "id") + comm.offset,
        comm.type.length,
        find_record(prog, "struct gup_pin_set", ["inferred"]),
        find_offset(prog, "struct gup_pin_set", "refs"),
        find_record(prog, "struct gup_pin_refs", ["next", "nr", "cap"]),
        find_offset(prog, "struct gup_pin_refs", "ref"),
        find_record(prog, "struct gup_pin_ref", ["call", "pins"]),
    )


class Reader:
    """Reads records of one program."""

    def __init__(self, memory: Memory, layouts: Layouts) -> None:
        """Read from memory."""
        self._memory = memory
        self._layouts = layouts
        self._calls: dict[int, Call] = {}
        self._origins: dict[int, Origin] = {}

    def slot(self, entry: int) -> Slot:
        """What an entry of the index says; raises Unreadable."""
        tag = entry & _TAG_MASK
        if tag == SLOT_CALL:
            return Slot((Ref(entry, 1),), False)
        if tag != SLOT_SET:
            raise Unreadable("slot", entry, "is none")
        address = entry - tag
        (inferred,) = self._layouts.set_head.read(self._memory, address)
        refs = tuple(self._refs(address + self._layouts.refs_at))
        return Slot(refs, bool(inferred))

    def _refs(self, address: int) -> Iterator[Ref]:
        """The refs of a chain of chunks, in the order of their seq."""
        layouts = self._layouts
        seen: set[int] = set()
        while address:
            following, count, room = layouts.refs.read(self._memory, address)
            if count > room or room > _MOST_REFS or address in seen:
                raise Unreadable(layouts.refs.name, address, "is none")
            seen.add(address)
            size = layouts.ref.size
            data = self._memory.read(
                address + layouts.first_ref_at, count * size, layouts.refs.name
            )
            for i in range(count):
                call, pins = layouts.ref.unpack(data, i * size)
                # Nothing is left of one whose release was under way.
                if pins:
                    yield Ref(call, pins)
            address = following

    def call(self, address: int) -> Call:
        """The call at an address; raises Unreadable."""
        call = self._calls.get(address)
        if call is None:
            origin, time, addr, index, npages, linear = self._layouts.call.read(
                self._memory, address
            )
            call = Call(
                address, self.origin(origin), time, addr, index, npages, bool(linear)
            )
            if len(self._calls) >= _CALLS_KEPT:
                self._calls.clear()
            self._calls[address] = call
        return call

    def origin(self, address: int) -> Origin:
        """The origin at an address; raises Unreadable."""
        origin = self._origins.get(address)
        if origin is None:
            layouts = self._layouts
            data = self._memory.read(address, layouts.origin.size, layouts.origin.name)
            comm = data[layouts.comm_at : layouts.comm_at + layouts.comm_size]
            stack, mode, term, api, tgid, pid, owner = layouts.origin.unpack(data)
            name = comm.partition(b"\0")[0]
            origin = Origin(stack, mode, term, api, tgid, pid, owner, name)
            self._origins[address] = origin
        return origin
