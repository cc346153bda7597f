# SPDX-License-Identifier: GPL-2.0
"""The hooks in the kernel's files: patches/VERSION.patch, as of some patch of the series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from applylib.patchfile import FilePatch, Hunk

from .lexer import words
from .places import Places, is_ours_name
from .table import TableError

_INCLUDES = ("+#include <linux/gup_pin.h>", '+#include "gup_pin/hooks.h"')


def _added(hunk: Hunk) -> list[str]:
    return [line for line in hunk.lines if line.startswith("+")]


def _is_include(hunk: Hunk) -> bool:
    """Whether it only includes the header of the hooks."""
    added = _added(hunk)
    return len(added) == 1 and added[0] in _INCLUDES


class Hunks:
    """The hunks of a kernel version, by patch of the series."""

    def __init__(self, places: Places, files: Sequence[FilePatch]) -> None:
        """Raises TableError if a hunk has no place."""
        self.places = places
        self.files = files
        self._ours = set()
        for parts in places.items.values():
            self._ours |= {item.name for item in parts if is_ours_name(item.name)}
        # for each file with hooks, the patch of the first one
        self._first: dict[str, int] = {}
        for file in files:
            self._first[file.name] = min(
                self._of_line(file.name, hunk, line)
                for hunk in file.hunks
                if not _is_include(hunk)
                for line in _added(hunk)
            )

    def _of_line(self, path: str, hunk: Hunk, line: str) -> int:
        """The patch that adds a line: that of its names; without any, of the whole hunk."""
        place = self._of_words(path, line[1:])
        if place is None:
            place = self._of_words(path, "\n".join(x[1:] for x in _added(hunk)))
        if place is None:
            place = self.places.of_kernel_file(path)
        if place is None:
            raise TableError(f"no patch has a hunk of {path}: {_added(hunk)[0].strip()}")
        return place

    def _of_words(self, path: str, text: str) -> int | None:
        found = [
            self.places.of_name(path, word)
            for word in words(text)
            if word in self._ours or self.places.named(path, word) is not None
        ]
        return max(found, default=None)

    def _at(self, path: str, hunk: Hunk, number: int) -> Hunk | None:
        """A hunk after a patch; None if it changes nothing yet."""
        if _is_include(hunk):
            return hunk if self._first[path] <= number else None
        places = {line: self._of_line(path, hunk, line) for line in _added(hunk)}
        if all(place > number for place in places.values()):
            return None
        lines = [x for x in hunk.lines if x not in places or places[x] <= number]
        return replace(hunk, lines=lines)

    def at(self, file: FilePatch, number: int) -> FilePatch:
        """The changes of a kernel's file up to a patch of the series; maybe none."""
        hunks = (self._at(file.name, hunk, number) for hunk in file.hunks)
        return FilePatch(file.name, [hunk for hunk in hunks if hunk])
