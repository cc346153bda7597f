# SPDX-License-Identifier: LGPL-2.1-or-later
"""Progress of a long walk, shown on a terminal."""

from __future__ import annotations

import time
from typing import TextIO

# Seconds before the first progress line, and between two of them.
_PAUSE = 1.0

_ERASE = "\r\033[K"


class Progress:
    """A line that is updated in place; nothing at all if not on a terminal."""

    def __init__(self, stream: TextIO, prefix: str) -> None:
        """Write to stream."""
        self._stream = stream
        self._prefix = prefix
        self.on = stream.isatty()
        self._next = time.monotonic() + _PAUSE
        self._shown = False

    def tell(self, done: int, total: int) -> None:
        """Report that done of total are done."""
        if not self.on or time.monotonic() < self._next or not total:
            return
        share = min(100 * done // total, 100)
        self._stream.write(f"{_ERASE}{self._prefix}: {share} %")
        self._stream.flush()
        self._next = time.monotonic() + _PAUSE
        self._shown = True

    def end(self) -> None:
        """Erase the line."""
        if self._shown:
            self._stream.write(_ERASE)
            self._stream.flush()
            self._shown = False


class Lines:
    """Output to a terminal that may show progress: both write only whole lines."""

    def __init__(self, out: TextIO, progress: Progress) -> None:
        """Write to out, and hide progress during that."""
        self._out = out
        self._progress = progress
        self._begun = ""

    def write(self, text: str) -> None:
        """Write the lines that are complete."""
        lines, newline, rest = text.rpartition("\n")
        if not newline:
            self._begun += text
            return
        self._progress.end()
        self._out.write(f"{self._begun}{lines}\n")
        # The next progress line must not come before these.
        self._out.flush()
        self._begun = rest

    def end(self) -> None:
        """Write an unfinished last line, left by an error."""
        if self._begun:
            self.write("\n")


def make_output(out: TextIO, progress: Progress) -> TextIO | Lines:
    """Where to write lines: out, or Lines if they may collide with progress."""
    return Lines(out, progress) if progress.on and out.isatty() else out
