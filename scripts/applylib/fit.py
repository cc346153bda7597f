# SPDX-License-Identifier: GPL-2.0
"""Fit hunks to a file, and say which do not fit.

Not by patch(1): it takes the nearest lines that are the same, in whatever function, and a hook
with one line of context finds such lines in many. Here a hunk of a C file fits in the function
that it names, and nowhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .patchfile import FilePatch, Hunk

# The lines that diff -p takes for the first line of a function; not labels.
PLACE = re.compile(r"[A-Za-z_$](?!\w*:(?:\s|$))")
NAME = re.compile(r"(\w+)\s*\(")
SOURCES = (".c", ".h")
# diff -p cuts a place after this many characters.
CUT = 40


@dataclass(frozen=True)
class Misfit:
    """A hunk that does not fit.

    place: the function or whatever else the hunk names, or else its first new line; line: where
    that is in the tree's file, from 1, or 0 if it is nowhere; why: the rest of a sentence; hunk:
    its line in the patch
    """

    file: str
    place: str
    line: int
    why: str
    hunk: int


def name_of(place: str) -> str:
    """The function's name in its first line, with (); or what else such a line is about."""
    match = NAME.search(place)
    if match and not place.rstrip().endswith(";"):
        return f"{match[1]}()"
    name = place.partition("{")[0].rstrip(" =;")
    if len(place) >= CUT and name == place.rstrip():
        return f"{name.split()[-1]}..."
    return name


def describe(file: str, hunk: Hunk) -> str:
    """What a hunk changes, as a person looks for it."""
    if file.endswith(SOURCES) and hunk.place:
        return name_of(hunk.place)
    added = (line.strip() for line in hunk.new if line not in hunk.old)
    first = next((line for line in added if line), "lines that go")
    return first if len(first) <= CUT else f"{first[:CUT].rstrip()}..."


def same_place(line: str, place: str) -> bool:
    """Is this line of a file the one that the hunk names?"""
    if not place or not line:
        return place == line
    return line.startswith(place) or ("(" in place and name_of(line) == name_of(place))


def places_of(lines: list[str]) -> list[int]:
    """For each line, the number of the line that names its function, or -1."""
    found, last = [], -1
    for number, line in enumerate(lines):
        found.append(last)
        if PLACE.match(line):
            last = number
    return found


class File:
    """A file of a tree, and how far it is patched."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.lines = text.split("\n")
        self.new: list[str] = []
        # Of the lines: how many are in new, and by how much they lie behind the patch's.
        self.done = self.offset = 0
        self._places = places_of(self.lines)

    def _in_place(self, number: int, hunk: Hunk) -> bool:
        if not self.name.endswith(SOURCES):
            return True
        place = self._places[number]
        return same_place(self.lines[place] if place >= 0 else "", hunk.place)

    def find(self, hunk: Hunk) -> int | None:
        """Where the hunk fits; nearest to where it is expected."""
        size, expected = len(hunk.old), hunk.start + self.offset
        fitting = [
            number
            for number in range(self.done, len(self.lines) - size + 1)
            if self.lines[number : number + size] == hunk.old and self._in_place(number, hunk)
        ]
        return min(fitting, key=lambda number: abs(number - expected), default=None)

    def change(self, hunk: Hunk) -> bool:
        """Make a hunk's change, if it fits."""
        number = self.find(hunk)
        if number is None:
            return False
        self.new += self.lines[self.done : number] + hunk.new
        self.offset = number - hunk.start
        self.done = number + len(hunk.old)
        return True

    def text(self) -> str:
        """The file with all changes that were made."""
        return "\n".join(self.new + self.lines[self.done :])

    def misfit(self, hunk: Hunk) -> Misfit:
        """Why a hunk does not fit."""
        place = describe(self.name, hunk)
        if not (self.name.endswith(SOURCES) and hunk.place):
            return Misfit(self.name, place, 0, "the lines around it differ", hunk.line)
        for number, line in enumerate(self.lines, 1):
            if PLACE.match(line) and same_place(line, hunk.place):
                if "(" in line:
                    place = name_of(line)
                return Misfit(self.name, place, number, "its lines differ", hunk.line)
        return Misfit(self.name, place, 0, "not in this file", hunk.line)


def fit(patch: FilePatch, text: str) -> tuple[str, list[Misfit]]:
    """Make all changes that fit; return the text, and what does not fit."""
    file = File(patch.name, text)
    misfits = [file.misfit(hunk) for hunk in patch.hunks if not file.change(hunk)]
    return file.text(), misfits


def absent(patch: FilePatch) -> list[Misfit]:
    """The misfits of a file that the tree does not have."""
    why = "there is no such file"
    return [Misfit(patch.name, describe(patch.name, h), 0, why, h.line) for h in patch.hunks]
