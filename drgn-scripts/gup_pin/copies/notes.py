# SPDX-License-Identifier: LGPL-2.1-or-later
"""Problems of copies, counted by kind: one note for each kind, not for each line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class _Note:
    count: int
    first: str


class Notes:
    """What could not be read, in the words of the page: what, why, count and first."""

    def __init__(self) -> None:
        """Start without notes."""
        self._kinds: dict[tuple[str, str], _Note] = {}

    def add(self, what: str, why: str, line: int | None = None) -> None:
        """Count a problem of a file, or of a line of it."""
        first = "" if line is None else f"line {line}"
        self._kinds.setdefault((what, why), _Note(0, first)).count += 1

    def records(self) -> list[dict[str, str | int]]:
        """The notes in the form of the page."""
        return [
            {"what": what, "why": why, "count": note.count, "first": note.first}
            for (what, why), note in self._kinds.items()
        ]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._kinds)

    def lines(self) -> Iterator[str]:
        """A line for each kind, in the order in which they were first noted."""
        for (what, why), note in self._kinds.items():
            times = f"{note.count} times, first " if note.count > 1 else ""
            where = f" ({times}{note.first})" if note.first else ""
            yield f"{what}: {why}{where}"
