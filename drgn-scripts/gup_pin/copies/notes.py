# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is wrong with copies, counted by kind: one note each, not one a line."""

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
        """Begin with none."""
        self._kinds: dict[tuple[str, str], _Note] = {}

    def add(self, what: str, why: str, line: int | None = None) -> None:
        """Count something that is wrong with a file, or with a line of it."""
        first = "" if line is None else f"line {line}"
        self._kinds.setdefault((what, why), _Note(0, first)).count += 1

    def records(self) -> list[dict[str, str | int]]:
        """The same for the page."""
        return [
            {"what": what, "why": why, "count": note.count, "first": note.first}
            for (what, why), note in self._kinds.items()
        ]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._kinds)

    def lines(self) -> Iterator[str]:
        """A line for each kind, in the order in which the kinds were met."""
        for (what, why), note in self._kinds.items():
            times = f"{note.count} times, first " if note.count > 1 else ""
            where = f" ({times}{note.first})" if note.first else ""
            yield f"{what}: {why}{where}"
