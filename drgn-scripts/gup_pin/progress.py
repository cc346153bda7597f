# SPDX-License-Identifier: LGPL-2.1-or-later
"""How far a long walk is, for people who wait at a terminal."""

from __future__ import annotations

import time
from typing import TextIO

# How long nothing is said at first, and between two times, in seconds.
_PAUSE = 1.0

_ERASE = "\r\033[K"


class Progress:
    """A line that is written over and over; nothing at all unless on a terminal."""

    def __init__(self, stream: TextIO, prefix: str) -> None:
        """Write to stream."""
        self._stream = stream
        self._prefix = prefix
        self.on = stream.isatty()
        self._next = time.monotonic() + _PAUSE
        self._shown = False

    def tell(self, done: int, total: int) -> None:
        """So much of that much is done."""
        if not self.on or time.monotonic() < self._next or not total:
            return
        share = min(100 * done // total, 100)
        self._stream.write(f"{_ERASE}{self._prefix}: {share} %")
        self._stream.flush()
        self._next = time.monotonic() + _PAUSE
        self._shown = True

    def end(self) -> None:
        """Leave no trace."""
        if self._shown:
            self._stream.write(_ERASE)
            self._stream.flush()
            self._shown = False


class Lines:
    """Output to a terminal that may show progress: both are of whole lines only."""

    def __init__(self, out: TextIO, progress: Progress) -> None:
        """Write to out, where progress is not shown meanwhile."""
        self._out = out
        self._progress = progress
        self._begun = ""

    def write(self, text: str) -> None:
        """Write what are lines by now."""
        lines, newline, rest = text.rpartition("\n")
        if not newline:
            self._begun += text
            return
        self._progress.end()
        self._out.write(f"{self._begun}{lines}\n")
        # Or the next progress line would come before these.
        self._out.flush()
        self._begun = rest

    def end(self) -> None:
        """Write what was begun and never ended, for something went wrong."""
        if self._begun:
            self.write("\n")


def make_output(out: TextIO, progress: Progress) -> TextIO | Lines:
    """Where to write lines: to out, or there by way of Lines if they may collide."""
    return Lines(out, progress) if progress.on and out.isatty() else out
