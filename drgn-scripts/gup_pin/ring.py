# SPDX-License-Identifier: LGPL-2.1-or-later
"""The recorded hazards: mirrors mm/gup_pin/hazard/ring.c."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Unreadable
from .folio import Folio
from .memory import Memory, Record, find_offset, find_record, is_little_endian
from .pin import Item
from .records import Origin
from .runs import Run
from .words import escape

if TYPE_CHECKING:
    from drgn import Program

    from .meaning import Meaning

_MAP_PREFIX, _PREFIX = "GUP_PIN_MAP_", "GUP_PIN_"

_NAME = "struct gup_pin_hazard_record"

_MEMBERS = [
    *("seq", "kind", "pins", "count", "place.used"),
    *("reported", "stake", "first_index", "last_index"),
    *(f"event.{name}" for name in ("time", "ip", "tgid", "pid", "nr", "mark")),
    *(f"pin.{name}" for name in ("pfn", "head", "pages", "time", "addr")),
    *("pin.pins", "pin.match"),
    *(f"pin.id.{name}" for name in ("stack", "mode", "term", "api")),
    *(f"pin.id.{name}" for name in ("tgid", "pid", "owner")),
    *(f"pin.folio.{name}" for name in ("map", "order", "dev", "ino", "index")),
]


@dataclass(frozen=True, slots=True)
class Event:
    """An event that a folio met: struct gup_pin_event."""

    time: int
    ip: int
    tgid: int
    pid: int
    comm: bytes
    entries: tuple[int, ...]
    mark: int = 0


@dataclass(frozen=True, slots=True)
class Hazard:
    """Equal hazards, counted.

    kind: number of their kind; pins: recorded pins on the folio; event and run are of
    the first hazard: what happened, and the pin that its report names first, as a line
    of its own; count: how many; last: time of the last; reported: reports that were
    printed; stake: number of what is at stake; indexes: of the first and the last of
    the folios in their file
    """

    kind: int
    pins: int
    event: Event
    run: Run
    count: int
    last: int
    reported: int
    stake: int
    indexes: tuple[int, int]


@dataclass(frozen=True)
class Layouts:
    """The layout of the ring.

    The record's members; offsets of the names of its tasks, of the event's stack, and
    of the file's name; the ring's entries and their number; the names of the kinds of
    memory and of the matches, by number.
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
    matches: dict[int, str]
    name_at: int
    name_size: int
    little_endian: bool = True


def find_layouts(prog: Program) -> Layouts:
    """The layouts in a program; raises LookupError."""
    event, pin = prog.type("struct gup_pin_event"), prog.type("struct gup_pin_id")
    depth = event.member("entries").type.length
    comm_size = event.member("comm").type.length
    kinds = prog.type("struct gup_pin_ring").member("entries").type
    ring_size = (kinds.length or 0) * (kinds.type.length or 0)
    name_size = prog.type(_NAME).member("name").type.length
    assert depth and comm_size and ring_size and name_size
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
        maps=_find_names(prog, "enum gup_pin_map", _MAP_PREFIX),
        matches=_find_names(prog, "enum gup_pin_match", _PREFIX),
        name_at=find_offset(prog, _NAME, "name"),
        name_size=name_size,
        little_endian=is_little_endian(prog),
    )


def _find_names(prog: Program, kind: str, prefix: str) -> dict[int, str]:
    """The names of an enum's values, in the words of a line, by number."""
    return {
        entry.value: entry.name.removeprefix(prefix).lower()
        for entry in prog.type(kind).enumerators or ()
        if entry.name.startswith(prefix)
    }


class Ring:
    """Reads the ring of one program."""

    def __init__(
        self,
        memory: Memory,
        layouts: Layouts,
        fault: Callable[[Unreadable], None],
        meaning: Meaning | None = None,
    ) -> None:
        """Read from memory; hazards that cannot be read are reported to fault.

        Meaning is shared by the origins of their pins.
        """
        self._memory = memory
        self._layouts = layouts
        self._fault = fault
        self._meaning = meaning

    def hazards(self, address: int) -> Iterator[Hazard]:
        """The hazards of the ring at an address, in the order of their first event."""
        layouts = self._layouts
        first = address + layouts.ring_at
        found: list[tuple[int, Hazard]] = []
        for number in range(layouts.ring_size):
            try:
                found += self._read(first + number * layouts.record.size)
            except Unreadable as error:
                self._fault(error)
        for _, hazard in sorted(found, key=lambda numbered: numbered[0]):
            yield hazard

    def _read(self, address: int) -> list[tuple[int, Hazard]]:
        """The hazard in an entry, if any, with its number; raises Unreadable."""
        layouts = self._layouts
        record = layouts.record
        data = self._memory.read(address, record.size, record.name)
        seq, kind, pins, count, last, *words = record.unpack(data)
        reported, stake, first_index, last_index, *words = words
        if not seq:
            if count:
                raise Unreadable(record.name, address, "is being written")
            return []
        time, ip, tgid, pid, nr, mark = words[:6]
        order = "<" if layouts.little_endian else ">"
        nr = min(nr, layouts.depth)
        entries = struct.unpack_from(f"{order}{nr}Q", data, layouts.entries_at)
        comm = self._text(data, layouts.event_comm_at, layouts.comm_size)
        event = Event(time, ip, tgid, pid, comm, entries, mark)
        hazard = Hazard(
            kind,
            pins,
            event,
            self._pin(data, words[6:]),
            count,
            last,
            reported,
            stake,
            (first_index, last_index),
        )
        return [(seq, hazard)]

    def _pin(self, data: bytes, words: list[int]) -> Run:
        """The pin of a hazard."""
        pfn, head, pages, time, addr, pins, match, *words = words
        stack, mode, term, api, *words = words
        tgid, pid, owner, kind, order, dev, ino, index = words
        layouts = self._layouts
        comm = self._text(data, layouts.pin_comm_at, layouts.comm_size)
        path = escape(self._text(data, layouts.name_at, layouts.name_size))
        origin = Origin(stack, mode, term, api, tgid, pid, owner, comm, self._meaning)
        name = layouts.maps.get(kind, f"map{kind}")
        folio = Folio(name, order, dev, ino, index, index, path)
        word = layouts.matches.get(match, "inferred")
        item = Item(pfn, head, pages, pins, origin, time, addr, word, folio)
        return Run(item, pages, pins)

    @staticmethod
    def _text(data: bytes, at: int, size: int) -> bytes:
        """The name of a task or of a file."""
        return data[at : at + size].partition(b"\0")[0]
