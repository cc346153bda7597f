# SPDX-License-Identifier: LGPL-2.1-or-later
"""Slots, calls and origins as plain values: mirrors slot.c and call.c."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .errors import Unreadable
from .memory import Memory, Record, find_offset, find_record

if TYPE_CHECKING:
    from drgn import Program

    from .meaning import Meaning

# GUP_PIN_SLOT_*: macros, so no debugging information has them.
SLOT_CALL = 0
SLOT_SET = 1
_TAG_MASK = 3

# GUP_PIN_CALL_OWN: where the call lies, which is nothing to us.
_CALL_OWN = 1 << 31

# Differences of indexes are those of unsigned numbers of so many bits.
_INDEX_BITS = 64

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
    meaning: Meaning | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """One successful call of a pin function: struct gup_pin_call."""

    address: int
    origin: Origin
    time: int
    addr: int
    index: int
    npages: int

    def folio_addr(self, folio_index: int | None, page_shift: int) -> int:
        """User address of the first page pinned in a folio, or 0."""
        if not self.addr or not self.npages or folio_index is None:
            return 0
        page = (folio_index - self.index) % (1 << _INDEX_BITS)
        # In the middle of a folio is where the call began.
        if page >> _INDEX_BITS - 1:
            page = 0
        if page >= self.npages:
            return 0
        return self.addr + (page << page_shift)


@dataclass(frozen=True, slots=True)
class Ref:
    """The pins of one call on one folio: struct gup_pin_ref."""

    call: Call
    pins: int


@dataclass(frozen=True)
class Layouts:
    """Where the structures of format 3 have their members."""

    call: Record
    # Its first two are never 0.
    origin: Record
    comm_at: int
    comm_size: int
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
            ["origin", "time", "addr", "index", "npages", "live.counter"],
            signed=False,
        ),
        find_record(
            prog,
            "struct gup_pin_origin",
            [
                "node.pprev",
                "got.counter",
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
        find_offset(prog, "struct gup_pin_set", "refs"),
        find_record(prog, "struct gup_pin_refs", ["next", "nr", "cap"]),
        find_offset(prog, "struct gup_pin_refs", "ref"),
        find_record(prog, "struct gup_pin_ref", ["call", "pins"]),
    )


class Reader:
    """Reads records of one program."""

    def __init__(
        self,
        memory: Memory,
        layouts: Layouts,
        fault: Callable[[Unreadable], None],
        live: bool = False,
        meaning: Meaning | None = None,
    ) -> None:
        """Read from memory; pins that cannot be read are told to fault.

        Live: the memory changes meanwhile. Meaning is given to all origins.
        """
        self._memory = memory
        self._layouts = layouts
        self._fault = fault
        self._live = live
        self._meaning = meaning
        self._calls: dict[int, Call] = {}
        self._origins: dict[int, Origin] = {}
        self._known: dict[Origin, Origin] = {}

    def refresh(self) -> None:
        """Forget what may be another by now: to be called now and then in a walk.

        A live kernel frees calls and origins, and has new ones in their places.
        """
        if self._live:
            self._calls.clear()
            self._origins.clear()

    def slot(self, entry: int) -> Iterator[Ref]:
        """The pins that a slot says, in the order of their seq."""
        try:
            for address, pins in self._pins(entry):
                call = self.find_call(address)
                # Nothing is left of a ref whose release was under way.
                if call and pins:
                    yield Ref(call, pins)
        except Unreadable as error:
            self._fault(error)

    def _pins(self, entry: int) -> Iterator[tuple[int, ...]]:
        """Addresses of calls, with the pins of each."""
        tag = entry & _TAG_MASK
        if tag == SLOT_CALL:
            return iter([(entry, 1)])
        if tag != SLOT_SET:
            raise Unreadable("slot", entry, "is none")
        return self._refs(entry - tag + self._layouts.refs_at)

    def _refs(self, address: int) -> Iterator[tuple[int, ...]]:
        """The same for the refs in a chain of chunks."""
        layouts = self._layouts
        seen: set[int] = set()
        while address:
            following, count, room = layouts.refs.read(self._memory, address)
            if not room or count > room or room > _MOST_REFS or address in seen:
                raise Unreadable(layouts.refs.name, address, "is none")
            seen.add(address)
            size = layouts.ref.size
            data = self._memory.read(
                address + layouts.first_ref_at, count * size, layouts.refs.name
            )
            for i in range(count):
                call, pins = layouts.ref.unpack(data, i * size)
                if call:
                    yield call, pins
                else:
                    at = address + layouts.first_ref_at + i * size
                    self._fault(Unreadable(layouts.ref.name, at, "is none"))
            address = following

    def find_call(self, address: int) -> Call | None:
        """The call at an address, or None, and why is told to fault."""
        try:
            return self.call(address)
        except Unreadable as error:
            self._fault(error)
            return None

    def call(self, address: int) -> Call:
        """The call at an address; raises Unreadable."""
        call = self._calls.get(address)
        if call is None:
            record = self._layouts.call
            origin, time, addr, index, npages, live = record.read(self._memory, address)
            # Pins that are on record keep it; a running kernel may have just freed it.
            if not origin or not (live or self._live):
                raise Unreadable(record.name, address, "is none")
            npages &= ~_CALL_OWN
            call = Call(address, self.origin(origin), time, addr, index, npages)
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
            words = layouts.origin.unpack(data)
            # It is, or was, in a chain, and had a call from the first.
            if not all(words[:2]):
                raise Unreadable(layouts.origin.name, address, "is none")
            stack, mode, term, api, tgid, pid, owner = words[2:]
            name = comm.partition(b"\0")[0]
            origin = Origin(
                stack, mode, term, api, tgid, pid, owner, name, self._meaning
            )
            if self._live:
                # Equal ones are one object, however often they are read.
                origin = self._known.setdefault(origin, origin)
            self._origins[address] = origin
        return origin
