# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pins by columns: a page has many, and most of their words are shared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..meaning import GONE, MATCHES

# The words that many pins share: task, site, and kind of memory.
TASK = ("owner", "task", "comm")
SITE = ("mode", "term", "api", "stack")
FILE = ("map", "dev", "ino", "path")
# An origin is a task and a site, by their numbers.
ORIGIN = ("task", "site")

# Numbers that are stored as they are, and numbers that are hexadecimal text.
NUMBERS = ("pages", "order", "pins", "age_ms")
DIGITS = ("addr", "index")

# The largest exact integer in a script: Number.MAX_SAFE_INTEGER.
_MOST = (1 << 53) - 1

_HEX = 16

Words = Mapping[str, Any]


def exact(value: object) -> object:
    """The same, with numbers that a script cannot represent as text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_MOST <= value <= _MOST else str(value)
    if isinstance(value, Mapping):
        return {key: exact(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [exact(part) for part in value]
    return value


class _Table:
    """Values that many rows share, by their number."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[object, ...], int] = {}

    def number(self, values: tuple[object, ...]) -> int:
        """The number of a value, new or not."""
        return self._numbers.setdefault(values, len(self._numbers))

    def columns(self, keys: tuple[str, ...]) -> dict[str, list[object]]:
        """All values, in the order of their numbers: a list for each key."""
        return {
            key: [values[place] for values in self._numbers]
            for place, key in enumerate(keys)
        }


def make_columns(
    pins: Iterable[Words], orphans: Mapping[int, str] | None = None
) -> dict[str, Any]:
    """The page's columns for pins, which are the words of lines; None is unknown.

    orphans: what has ended, by number of the pin from 0. It is read after each pin.
    """
    tasks, sites, files, origins = _Table(), _Table(), _Table(), _Table()
    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            *("pfn", *NUMBERS, *DIGITS),
            *("origin", "file", "match", "orphan"),
        )
    }
    for row, pin in enumerate(pins):
        columns["pfn"].append(int(pin["pfn"], _HEX))
        for name in NUMBERS:
            columns[name].append(pin[name])
        for name in DIGITS:
            digits = pin[name]
            columns[name].append(digits and digits.removeprefix("0x"))
        task = tasks.number(tuple(pin[key] for key in TASK))
        site = sites.number(tuple(pin[key] for key in SITE))
        columns["origin"].append(origins.number((task, site)))
        # An inode number may use all 64 bits.
        ino = None if pin["ino"] is None else str(pin["ino"])
        file = (pin["map"], pin["dev"], ino, pin.get("path", ""))
        columns["file"].append(files.number(file))
        columns["match"].append(MATCHES.index(pin["match"]))
        gone = orphans.get(row, "") if orphans else ""
        columns["orphan"].append(GONE.index(gone))
    return {
        "tasks": tasks.columns(TASK),
        "sites": sites.columns(SITE),
        "files": files.columns(FILE),
        "origins": origins.columns(ORIGIN),
        **columns,
    }
