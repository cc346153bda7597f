# SPDX-License-Identifier: GPL-2.0
"""Read a file in patches/: unified diffs with a line or two of context."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
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
    place: the line of the file that names the function, cut off by diff after 40 characters
    """

    line: int
    start: int
    place: str
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


@dataclass
class FilePatch:
    """The changes of one file; name is its path from the tree's top."""

    name: str
    hunks: list[Hunk] = field(default_factory=list)


def _fill(hunk: Hunk, body: list[str], olds: int, news: int) -> int:
    """Read a hunk's lines; the number of them."""
    for count, line in enumerate(body):
        if len(hunk.old) == olds and len(hunk.new) == news:
            return count
        sign, text = line[:1] or " ", line[1:]
        if sign not in " +-":
            raise PatchError(f"line {hunk.line}: not as long as its first line says")
        if sign != "+":
            hunk.old.append(text)
        if sign != "-":
            hunk.new.append(text)
    if len(hunk.old) != olds or len(hunk.new) != news:
        raise PatchError(f"line {hunk.line}: not as long as its first line says")
    return len(body)


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
            hunk = Hunk(number, int(match["old"]) - 1, match["place"] or "")
            olds, news = int(match["olds"] or 1), int(match["news"] or 1)
            number += _fill(hunk, lines[number:], olds, news)
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
