# SPDX-License-Identifier: LGPL-2.1-or-later
"""Splits a file into records: a line, and the lines that belong to it."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .notes import Notes

# GUP_PIN_TEXT_FORMAT
FORMAT = 1

# The longest line of the kernel is shorter, even with an escaped path.
_LINE_MAX = 1 << 14


@dataclass
class Record:
    """A line, its number from 1 on, and its lists of frames by name.

    The frames of a stack have no name; those of hazards are "event" and "pin".
    """

    number: int
    line: str
    frames: dict[str, list[str]] = field(default_factory=dict)


def _lines(file: Path, notes: Notes) -> Iterator[tuple[int, str]]:
    """Number and text of all complete lines; raises OSError."""
    with file.open("rb") as data:
        for number in range(1, 1 << 62):
            raw = data.readline(_LINE_MAX)
            if not raw:
                if number == 1:
                    notes.add(file.name, "is empty")
                return
            if not raw.endswith(b"\n"):
                notes.add(file.name, "is cut off", number)
                return
            yield number, raw[:-1].decode("utf-8", errors="replace")


def read_lines(folder: Path, name: str, notes: Notes) -> Iterator[tuple[int, str]]:
    """As whole_lines(), for a file in a folder; what cannot be read is noted."""
    file = folder / name
    try:
        # Reading a pipe would block, and a device may never end.
        if not stat.S_ISREG(file.stat().st_mode):
            notes.add(name, "is no file")
            return
        yield from _lines(file, notes)
    except FileNotFoundError:
        notes.add(name, "is missing")
    except OSError as error:
        notes.add(name, error.strerror or "cannot be read")


def read_records(folder: Path, name: str, notes: Notes) -> Iterator[Record]:
    """The records of a file; its first line must name its kind."""
    record: Record | None = None
    frames: list[str] | None = None
    is_first = True
    for number, line in read_lines(folder, name, notes):
        if is_first:
            is_first = False
            if not _is_header(line, name, notes):
                return
        elif re.match(r"[a-z_]+=", line):
            if record:
                yield record
            record = Record(number, line)
            frames = record.frames.setdefault("", [])
        elif record and line.startswith(" ") and frames is not None:
            frames.append(line[1:])
        elif record and line in ("event:", "pin:"):
            frames = record.frames.setdefault(line[:-1], [])
        elif line:
            notes.add(name, "a line that makes no sense", number)
    if record:
        yield record


def _is_header(line: str, name: str, notes: Notes) -> bool:
    found = re.fullmatch(r"# gup_pin ([a-z]+) ([0-9]{1,9})", line, re.ASCII)
    if not found:
        notes.add(name, "does not begin as debugfs' files do")
        return False
    if found[1] != name:
        notes.add(name, f"is a copy of {found[1]}")
        return False
    if int(found[2]) != FORMAT:
        notes.add(name, f"has format {found[2]}, but only {FORMAT} is known")
        return False
    return True
