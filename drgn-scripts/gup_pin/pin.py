# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pin with the words of the debugfs file pins as values for scripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .clock import age_ms
from .folio import Folio
from .records import Origin

if TYPE_CHECKING:
    from .meaning import Meaning


class Pin:
    """Has a property for each word that is not stored.

    Values are those that a Filter's members accept. The folio's are those of the first
    page, None for what could not be read. Raises ValueError for what only the program
    knows, if the record was made by hand.
    """

    __slots__ = ()

    @property
    def item(self) -> Item:
        """The first pages' pins."""
        raise NotImplementedError

    @property
    def _origin(self) -> Origin:
        return self.item.origin

    @property
    def _folio(self) -> Folio:
        return self.item.folio

    @property
    def _meaning(self) -> Meaning:
        meaning = self._origin.meaning
        if meaning is None:
            raise ValueError("a record that was read from no program")
        return meaning

    @property
    def order(self) -> int | None:
        """Of the folio: it has 1 << order pages."""
        return self._folio.order

    @property
    def mode(self) -> str:
        """The mode: "r" or "w"."""
        return self._meaning.names.mode(self._origin.mode)

    @property
    def term(self) -> str:
        """The term: "short" or "long"."""
        return self._meaning.names.term(self._origin.term)

    @property
    def api(self) -> str:
        """The pin function's name."""
        return self._meaning.names.api(self._origin.api)

    @property
    def owner(self) -> int:
        """The tgid of the process whose memory is pinned; 0: none."""
        return self._origin.owner

    @property
    def task(self) -> tuple[int, int]:
        """The tgid and pid of the task that pinned, in the initial pid namespace."""
        return self._origin.tgid, self._origin.pid

    @property
    def comm(self) -> bytes:
        """The name of the task when it pinned."""
        return self._origin.comm

    @property
    def age_ms(self) -> int | None:
        """How long it has been held, in ms; None if the clocks could not be read."""
        return age_ms(self.item.time, self._meaning.now)

    @property
    def map(self) -> str | None:
        """The kind of memory: "anon", "file", …"""
        return self._folio.map

    @property
    def dev(self) -> int | None:
        """The dev_t of the file system; 0: no file."""
        return self._folio.dev

    @property
    def ino(self) -> int | None:
        """The file's inode number; 0: no file."""
        return self._folio.ino

    @property
    def index(self) -> int | None:
        """The index of the page in its file, in pages."""
        return self._folio.index

    @property
    def stack(self) -> int:
        """The handle of the stack: see pin_stack()."""
        return self._origin.stack

    @property
    def path(self) -> str | None:
        """A path of the file below its file system's root, escaped; empty: none."""
        return self._folio.path


@dataclass(frozen=True, slots=True)
class Item(Pin):
    """Adjacent pages of a record in one folio: struct gup_pin_item.

    pfn: of the first page; head: of the folio's head; pages: the whole folio's if it
    was pinned as a whole, None if its order could not be read; pins: on all of them;
    time: of the call; addr: None if it could not be read
    """

    pfn: int
    head: int
    pages: int | None
    pins: int
    origin: Origin
    time: int
    addr: int | None
    match: str
    folio: Folio

    @property
    def item(self) -> Item:
        """Itself."""
        return self
