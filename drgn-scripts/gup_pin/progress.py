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

    def __init__(self, stream: TextIO, prefix: str, also: TextIO | None = None) -> None:
        """Write to stream, but not between lines that go to a terminal, too."""
        self._stream = stream
        self._prefix = prefix
        self._on = stream.isatty() and not (also is not None and also.isatty())
        self._next = time.monotonic() + _PAUSE
        self._shown = False

    def tell(self, done: int, total: int) -> None:
        """So much of that much is done."""
        if not self._on or time.monotonic() < self._next or not total:
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
