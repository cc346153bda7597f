# SPDX-License-Identifier: GPL-2.0
"""The hooks in the kernel's files: patches/VERSION.patch, as far as some patches go."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .lexer import words
from .places import Places, is_ours_name
from .table import TableError

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@.*\n", re.MULTILINE)
_INCLUDE = re.compile(r'\+#include (?:<linux/gup_pin\.h>|"gup_pin/hooks\.h")\n')


@dataclass
class Hunk:
    """A hunk: its file, its first line in the old file, and its lines."""

    path: str
    start: int
    lines: list[str]

    @property
    def is_include(self) -> bool:
        """Whether it only includes the header of the hooks."""
        added = [line for line in self.lines if line.startswith("+")]
        return len(added) == 1 and bool(_INCLUDE.match(added[0]))


def read(patch: Path) -> list[Hunk]:
    """The hunks of a patch."""
    found: list[Hunk] = []
    for part in re.split(r"^(?=--- a/)", patch.read_text(), flags=re.MULTILINE)[1:]:
        match = re.match(r"--- a/(\S+)\n\+\+\+ b/\S+\n", part)
        assert match
        heads = list(_HUNK.finditer(part))
        for head, following in zip(heads, [*heads[1:], None], strict=True):
            body = part[head.end() : following.start() if following else len(part)]
            found.append(Hunk(match.group(1), int(head.group(1)), body.splitlines(keepends=True)))
    return found


class Hunks:
    """The hunks of a kernel version, by patch of the series."""

    def __init__(self, places: Places, patch: Path) -> None:
        """Read the hunks. Raises TableError if one has no place."""
        self.places = places
        self.hunks = read(patch)
        self._ours = set()
        for parts in places.items.values():
            self._ours |= {item.name for item in parts if is_ours_name(item.name)}
        self.first: dict[str, int] = {}
        for hunk in self.hunks:
            if not hunk.is_include:
                place = min(self._of_line(hunk, line) for line in self._added(hunk))
                self.first[hunk.path] = min(place, self.first.get(hunk.path, place))

    @staticmethod
    def _added(hunk: Hunk) -> list[str]:
        return [line for line in hunk.lines if line.startswith("+")]

    def _of_line(self, hunk: Hunk, line: str) -> int:
        """The patch that adds a line: that of its names; without any, of the whole hunk."""
        place = self._of_words(hunk.path, line[1:])
        if place is None:
            place = self._of_words(hunk.path, "".join(x[1:] for x in self._added(hunk)))
        if place is None:
            place = self.places.of_kernel_file(hunk.path)
        if place is None:
            raise TableError(f"no patch has a hunk of {hunk.path}: {self._added(hunk)[0].strip()}")
        return place

    def _of_words(self, path: str, text: str) -> int | None:
        found = [
            self.places.of_name(path, word)
            for word in words(text)
            if word in self._ours or self.places.named(path, word) is not None
        ]
        return max(found, default=None)

    def _at(self, hunk: Hunk, number: int) -> list[str] | None:
        """The lines of a hunk after a patch; None if it changes nothing yet."""
        if hunk.is_include:
            return hunk.lines if self.first.get(hunk.path, 0) <= number else None
        places = {line: self._of_line(hunk, line) for line in self._added(hunk)}
        if all(place > number for place in places.values()):
            return None
        return [x for x in hunk.lines if not x.startswith("+") or places[x] <= number]

    def patch(self, number: int) -> str:
        """Changes of the kernel's files up to a patch of the series, in patch format."""
        out: list[str] = []
        path = ""
        for hunk in self.hunks:
            lines = self._at(hunk, number)
            if lines is None:
                continue
            if hunk.path != path:
                path = hunk.path
                out += [f"--- a/{path}\n", f"+++ b/{path}\n"]
            old = sum(not line.startswith("+") for line in lines)
            new = sum(not line.startswith("-") for line in lines)
            out.append(f"@@ -{hunk.start},{old} +{hunk.start},{new} @@\n")
            out += lines
        return "".join(out)
