# SPDX-License-Identifier: GPL-2.0
"""For programs that are run in a guest: calls that can fail for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

# As GUP_PIN_PATIENCE_MS of the selftests: for what is certain to succeed in the end.
SECONDS = 60
T = TypeVar("T")


def patiently(call: Callable[[], T], *passing: int) -> T:
    """Repeat a call while it raises OSError with one of these errors; the last is raised."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            return call()
        except OSError as error:
            if error.errno not in passing or time.monotonic() >= end:
                raise
        time.sleep(0.01)
