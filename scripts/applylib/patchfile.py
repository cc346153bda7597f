# SPDX-License-Identifier: GPL-2.0
"""Read a file in patches/: unified diffs with a line or two of context."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

FILE = re.compile(r"^\+\+\+ b/(?P<name>[^\t\n]+)")
HUNK = re.compile(
    r"^@@ -(?P<old>\d+)(?:,(?P<olds>\d+))? \+\d+(?:,(?P<news>\d+))? @@(?: (?P<place>.*))?$"
)


class PatchError(Exception):
    """A file in patches/ is not what is expected of one."""


@dataclass
class Hunk:
    """A change of some lines.

    line: where it begins in the patch; start: where its old lines begin in the file, from 0;
    place: the line of the file that names the function, cut off by diff after 40 characters;
    lines: each with its sign
    """

    line: int
    start: int
    place: str
    lines: list[str]

    @cached_property
    def old(self) -> list[str]:
        """The lines that it replaces."""
        return [line[1:] for line in self.lines if line[0] != "+"]

    @cached_property
    def new(self) -> list[str]:
        """The lines that replace them."""
        return [line[1:] for line in self.lines if line[0] != "-"]


@dataclass
class FilePatch:
    """The changes of one file; name is its path from the tree's top."""

    name: str
    hunks: list[Hunk] = field(default_factory=list)


def _lines(body: list[str], olds: int, news: int) -> list[str]:
    """A hunk's lines, of which so many are old and so many new; [] if it is cut or garbled."""
    found: list[str] = []
    for line in body:
        if not olds and not news:
            break
        signed = line or " "
        if signed[0] not in " +-":
            return []
        olds -= signed[0] != "+"
        news -= signed[0] != "-"
        found.append(signed)
    return [] if olds or news else found


def parse(text: str) -> list[FilePatch]:
    """Read a patch; raises PatchError. What stands before the first file is a comment."""
    found: list[FilePatch] = []
    lines = text.removesuffix("\n").split("\n")
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if match := FILE.match(line):
            found.append(FilePatch(match["name"]))
        elif match := HUNK.match(line):
            if not found:
                raise PatchError(f"line {number}: a hunk of no file")
            body = _lines(lines[number:], int(match["olds"] or 1), int(match["news"] or 1))
            if not body:
                raise PatchError(f"line {number}: not as long as its first line says")
            hunk = Hunk(number, int(match["old"]) - 1, match["place"] or "", body)
            number += len(body)
            if not hunk.old:
                raise PatchError(f"line {hunk.line}: no line says where it belongs")
            found[-1].hunks.append(hunk)
    if not found or not all(f.hunks for f in found):
        raise PatchError("no hunks")
    return found


def load(path: Path) -> list[FilePatch]:
    """Read a patch from a file; raises PatchError."""
    try:
        return parse(path.read_text())
    except PatchError as err:
        raise PatchError(f"{path}: {err}") from err
