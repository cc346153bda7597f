# SPDX-License-Identifier: LGPL-2.1-or-later
"""A folder of copies in the form that a page shows: see report/collect.py."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from .notes import Notes
from .records import Record, read_lines, read_records
from .words import (
    REFUSED,
    SUM,
    BadLine,
    Words,
    gone_of,
    hazard_of,
    pin_of,
    split,
    typed,
)

# The files that are read; verify and enable add nothing to these.
FILES = ("pins", "stacks", "orphans", "hazards", "refused", "stats")

# A file that users may add: the output of uname -r.
RELEASE = "uname"
_RELEASE = r"[!-~]{1,64}"

# Words of a pin that do not change while it is held.
_SAME = ("pfn", "mode", "term", "api", "owner", "task", "comm", "addr", "stack")

_T = TypeVar("_T")


class NoCopies(Exception):
    """No folder, or a folder without any of the files."""


@dataclass
class Copies:
    """The content of a folder.

    orphans: what has ended, by pin number from 0; stacks: frames by handle;
    release: None if unknown; notes: what could not be read
    """

    notes: Notes = field(default_factory=Notes)
    pins: list[Words] = field(default_factory=list)
    orphans: dict[int, str] = field(default_factory=dict)
    hazards: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    stacks: dict[str, list[str]] = field(default_factory=dict)
    stats: dict[str, int] = field(default_factory=dict)
    release: str | None = None

    def document(self) -> dict[str, Any]:
        """The same as a document, without what debugfs does not have."""
        enabled = self.stats.get("enabled")
        return {
            "verb": "report",
            "source": "copies",
            "kernel": self.release,
            "live": True,
            "tracking": {} if enabled is None else {"enabled": bool(enabled)},
            "pins": self.pins,
            "hazards": self.hazards,
            "refused": self.refused,
            "stats": self.stats,
            "stacks": self.stacks,
            "complete": not self.notes,
            "faults": self.notes.records(),
        }


class _Reader:
    """Reads the files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.found = Copies()

    def _each(self, name: str, parse: Callable[[Record], _T]) -> Iterator[_T]:
        """The parsed records of a file; lines that cannot be parsed are noted."""
        notes = self.found.notes
        for record in read_records(self._folder, name, notes):
            try:
                yield parse(record)
            except BadLine:
                notes.add(name, "a line that makes no sense", record.number)

    def read(self) -> Copies:
        """Read all files."""
        found = self.found
        found.pins.extend(self._each("pins", _pin))
        for handle, frames in self._each("stacks", _stack):
            found.stacks[handle] = frames
        self._read_orphans()
        found.hazards.extend(self._each("hazards", _hazard))
        found.refused.extend(self._each("refused", _refused))
        self._read_stats()
        found.release = self._find_release()
        return found

    def _read_orphans(self) -> None:
        """Map orphans to pins; an orphan that is no listed pin is added to them."""
        pins = self.found.pins
        rows = {_same(pin): row for row, pin in enumerate(pins)}
        for pin, gone in self._each("orphans", _orphan):
            row = rows.setdefault(_same(pin), len(pins))
            if row == len(pins):
                pins.append(pin)
            self.found.orphans[row] = gone

    def _read_stats(self) -> None:
        """The figures of stats; a module's lines about its hooks are skipped."""
        for number, line in read_lines(self._folder, "stats", self.found.notes):
            figure = re.fullmatch(r"([a-z_]{1,64}) ([0-9]{1,20})", line, re.ASCII)
            if figure:
                self.found.stats[figure[1]] = int(figure[2])
            elif not line.startswith("hooks "):
                why = "a line that makes no sense"
                self.found.notes.add("stats", why, number)

    def _find_release(self) -> str | None:
        """The release: the running kernel's for its own folder, or that of uname."""
        if self._folder.resolve().is_relative_to("/sys"):
            return os.uname().release
        for _, line in read_lines(self._folder, RELEASE, Notes()):
            return line if re.fullmatch(_RELEASE, line) else None
        return None


def _same(pin: Words) -> tuple[object, ...]:
    return tuple(pin[key] for key in _SAME)


def _pin(record: Record) -> Words:
    return pin_of(split(record.line))


def _orphan(record: Record) -> tuple[Words, str]:
    pairs = split(record.line)
    return pin_of(pairs), gone_of(pairs)


def _stack(record: Record) -> tuple[str, list[str]]:
    words = typed(split(record.line), SUM)
    return str(words["stack"]), record.frames[""]


def _hazard(record: Record) -> dict[str, Any]:
    own, pin = hazard_of(split(record.line))
    event, frames = (record.frames.get(name, []) for name in ("event", "pin"))
    return {**own, "frames": event, "pin": {**pin, "frames": frames}}


def _refused(record: Record) -> dict[str, Any]:
    return {**typed(split(record.line), REFUSED), "frames": record.frames[""]}


def read_copies(folder: Path) -> Copies:
    """The content of a folder.

    Raises NoCopies if there is no such folder or none of the files, and OSError if the
    folder cannot be read.
    """
    try:
        present = set(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NoCopies(f"{folder}: {error.strerror}") from error
    if not present.intersection(FILES):
        raise NoCopies(f"{folder}: none of the files is there: {', '.join(FILES)}")
    return _Reader(folder).read()
