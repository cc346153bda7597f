# SPDX-License-Identifier: LGPL-2.1-or-later
"""Long-term pins that the kernel refused: mirrors mm/gup_pin/view/refused.c."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Unreadable
from .memory import Memory, Record, find_offset, find_record
from .records import Origin
from .statics import find_static
from .words import escape

if TYPE_CHECKING:
    from drgn import Program

    from .meaning import Meaning

_NAME = "struct gup_pin_refusal"

_MEMBERS = [
    "list.next",
    *("err", "count", "oldest", "newest"),
    *(f"target.{name}" for name in ("why", "addr", "pfn", "dev", "ino", "index")),
    *(f"id.{name}" for name in ("stack", "mode", "term", "api")),
    *(f"id.{name}" for name in ("tgid", "pid", "owner")),
]

# The errors that the kernel has names for.
_ERRORS = {
    -getattr(errno, name): name for name in ("EFAULT", "ENOMEM", "EBUSY", "EOPNOTSUPP")
}

# The maximum length of a reason.
_WHY_MAX = 32


@dataclass(frozen=True, slots=True)
class Refusal:
    """Equal refusals, counted: struct gup_pin_refusal.

    err: the error's name; why: the reason, None if it could not be read; oldest and
    newest: time of the first and the last one, in ns of local_clock(). The rest is of
    the last one: user address; the page that could not be moved, and the place in the
    mapped file, all 0 if there is none; path is escaped
    """

    origin: Origin
    err: str
    count: int
    oldest: int
    newest: int
    why: str | None
    addr: int
    pfn: int
    dev: int
    ino: int
    index: int
    path: str


@dataclass(frozen=True)
class Layouts:
    """The layout of a refusal; offsets and sizes of the names of its task and file."""

    record: Record
    list_at: int
    comm_at: int
    comm_size: int
    name_at: int
    name_size: int


def find_layouts(prog: Program) -> Layouts:
    """The layouts in a program; raises LookupError."""
    comm = prog.type("struct gup_pin_id").member("comm")
    name = prog.type("struct gup_pin_target").member("name")
    assert comm.type.length and name.type.length
    return Layouts(
        record=find_record(prog, _NAME, _MEMBERS),
        list_at=find_offset(prog, _NAME, "list"),
        comm_at=find_offset(prog, _NAME, "id") + comm.offset,
        comm_size=comm.type.length,
        name_at=find_offset(prog, _NAME, "target") + name.offset,
        name_size=name.type.length,
    )


def find_list(prog: Program) -> tuple[int, int]:
    """Address of the list of refusals, and of its first entry.

    Raises LookupError if the kernel has none, and drgn.FaultError.
    """
    head = find_static(prog, "refused_list", "view/refused.c")
    return int(head.address_of_().value_()), int(head.next.value_())


class Refusals:
    """Reads the refusals of one program."""

    def __init__(
        self,
        memory: Memory,
        layouts: Layouts,
        fault: Callable[[Unreadable], None],
        meaning: Meaning | None = None,
    ) -> None:
        """Leave out what cannot be read, and report it to fault."""
        self._memory = memory
        self._layouts = layouts
        self._fault = fault
        self._meaning = meaning

    def all(self, head: int, node: int) -> Iterator[Refusal]:
        """The refusals of a list, in its order, from its first node to its head."""
        layouts = self._layouts
        chain = layouts.record.chain(self._memory, node, layouts.list_at, head)
        try:
            for address, words in chain:
                yield self._refusal(address, words)
        except Unreadable as error:
            self._fault(error)

    def _refusal(self, address: int, words: tuple[int, ...]) -> Refusal:
        err, count, oldest, newest, why, *rest = words
        addr, pfn, dev, ino, index, *whose = rest
        layouts = self._layouts
        stack, mode, term, api, tgid, pid, owner = whose
        comm = self._text(address + layouts.comm_at, layouts.comm_size)
        return Refusal(
            Origin(stack, mode, term, api, tgid, pid, owner, comm, self._meaning),
            _ERRORS.get(err, "other"),
            count,
            oldest,
            newest,
            self._why(why),
            addr,
            pfn,
            dev,
            ino,
            index,
            escape(self._text(address + layouts.name_at, layouts.name_size)),
        )

    def _why(self, address: int) -> str | None:
        try:
            return escape(self._memory.read_string(address, _WHY_MAX, "reason"))
        except Unreadable as error:
            self._fault(error)
            return None

    def _text(self, address: int, size: int) -> bytes:
        """The name of a task or of a file; raises Unreadable."""
        data = self._memory.read(address, size, self._layouts.record.name)
        return data.partition(b"\0")[0]
