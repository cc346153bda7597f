# SPDX-License-Identifier: LGPL-2.1-or-later
"""The newest hazards: mirrors mm/gup_pin/ring.c."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Unreadable
from .folio import Folio
from .memory import Memory, Record, find_offset, find_record, is_little_endian
from .records import Call, Origin
from .runs import Item, Run
from .words import escape

if TYPE_CHECKING:
    from drgn import Program

    from .meaning import Meaning

_MAP_PREFIX = "GUP_PIN_MAP_"

_NAME = "struct gup_pin_hazard_record"

_MEMBERS = [
    *("seq", "kind", "pins"),
    *(f"event.{name}" for name in ("time", "ip", "tgid", "pid", "nr")),
    *(f"pin.{name}" for name in ("pfn", "time", "addr", "pins", "inferred")),
    *(f"pin.id.{name}" for name in ("stack", "mode", "term", "api")),
    *(f"pin.id.{name}" for name in ("tgid", "pid", "owner")),
    *(f"pin.folio.{name}" for name in ("map", "order", "dev", "ino", "index")),
]


@dataclass(frozen=True, slots=True)
class Event:
    """What a folio met: struct gup_pin_event."""

    time: int
    ip: int
    tgid: int
    pid: int
    comm: bytes
    entries: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Hazard:
    """A hazard that was counted.

    kind: number of its kind; pins: recorded pins on the folio; run: the pin that its
    report names first, as a line of its own
    """

    kind: int
    pins: int
    event: Event
    run: Run


@dataclass(frozen=True)
class Layouts:
    """Where the ring has what is needed of it.

    The record's members, where its tasks' names and its event's stack begin; where the
    ring has its entries, and how many; what kinds of memory are called, by number;
    where the record has its file's name.
    """

    record: Record
    event_comm_at: int
    pin_comm_at: int
    comm_size: int
    entries_at: int
    depth: int
    ring_at: int
    ring_size: int
    maps: dict[int, str]
    name_at: int
    name_size: int
    little_endian: bool = True


def find_layouts(prog: Program) -> Layouts:
    """The layouts in a program; raises LookupError."""
    event, pin = prog.type("struct gup_pin_event"), prog.type("struct gup_pin_id")
    depth = event.member("entries").type.length
    comm_size = event.member("comm").type.length
    ring_size = prog.type("struct gup_pin_ring").member("entries").type.length
    maps = prog.type("enum gup_pin_map").enumerators
    name_size = prog.type(_NAME).member("name").type.length
    assert depth and comm_size and ring_size and maps and name_size
    event_at = find_offset(prog, _NAME, "event")
    pin_at = find_offset(prog, _NAME, "pin") + find_offset(
        prog, "struct gup_pin_item", "id"
    )
    return Layouts(
        record=find_record(prog, _NAME, _MEMBERS),
        event_comm_at=event_at + event.member("comm").offset,
        pin_comm_at=pin_at + pin.member("comm").offset,
        comm_size=comm_size,
        entries_at=event_at + event.member("entries").offset,
        depth=depth,
        ring_at=find_offset(prog, "struct gup_pin_ring", "entries"),
        ring_size=ring_size,
        maps={
            entry.value: entry.name.removeprefix(_MAP_PREFIX).lower()
            for entry in maps
            if entry.name.startswith(_MAP_PREFIX)
        },
        name_at=find_offset(prog, _NAME, "name"),
        name_size=name_size,
        little_endian=is_little_endian(prog),
    )


class Ring:
    """Reads the ring of one program."""

    def __init__(
        self,
        memory: Memory,
        layouts: Layouts,
        fault: Callable[[Unreadable], None],
        meaning: Meaning | None = None,
    ) -> None:
        """Read from memory; hazards that cannot be read are told to fault.

        Meaning is given to the origins of their pins.
        """
        self._memory = memory
        self._layouts = layouts
        self._fault = fault
        self._meaning = meaning

    def hazards(self, address: int, newest: int) -> Iterator[Hazard]:
        """Those of the ring at an address, which count up to newest, in their order."""
        layouts = self._layouts
        first = address + layouts.ring_at
        for seq in range(max(newest - layouts.ring_size, 0) + 1, newest + 1):
            at = first + seq % layouts.ring_size * layouts.record.size
            try:
                yield self._read(at, seq)
            except Unreadable as error:
                self._fault(error)

    def _read(self, address: int, number: int) -> Hazard:
        """The hazard at an address, which has that number; raises Unreadable."""
        layouts = self._layouts
        record = layouts.record
        data = self._memory.read(address, record.size, record.name)
        seq, kind, pins, *words = record.unpack(data)
        if seq != number:
            raise Unreadable(record.name, address, "is being written")
        time, ip, tgid, pid, nr = words[:5]
        order = "<" if layouts.little_endian else ">"
        nr = min(nr, layouts.depth)
        entries = struct.unpack_from(f"{order}{nr}Q", data, layouts.entries_at)
        comm = self._text(data, layouts.event_comm_at, layouts.comm_size)
        event = Event(time, ip, tgid, pid, comm, entries)
        return Hazard(kind, pins, event, self._pin(data, words[5:]))

    def _pin(self, data: bytes, words: list[int]) -> Run:
        """The pin of a hazard."""
        pfn, time, addr, pins, inferred, stack, mode, term, api, *words = words
        tgid, pid, owner, kind, order, dev, ino, index = words
        layouts = self._layouts
        comm = self._text(data, layouts.pin_comm_at, layouts.comm_size)
        path = escape(self._text(data, layouts.name_at, layouts.name_size))
        origin = Origin(stack, mode, term, api, tgid, pid, owner, comm, self._meaning)
        name = layouts.maps.get(kind, f"map{kind}")
        folio = Folio(name, order, dev, ino, index, index, path)
        # The call itself may be gone since.
        call = Call(0, origin, time, addr, 0, 0)
        return Run(Item(pfn, call, addr, pins, bool(inferred), folio), 1 << order, pins)

    @staticmethod
    def _text(data: bytes, at: int, size: int) -> bytes:
        """A name, of a task or of a file."""
        return data[at : at + size].partition(b"\0")[0]
