#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run in a guest by test_dump_million.py: hold a million pins, each a call of its own.

So that each is a line of its own: what takes longest to list. Goes on in the background
when all is held.
"""

from __future__ import annotations

import sys

from hold_pins import PAGE, in_background, memory, pin

# As many buffers as an io_uring takes.
CALLS = 1 << 14
AREAS = 32
# On each page.
PINS = 2


def hold() -> None:
    """A call for each page, and again."""
    for _ in range(AREAS):
        start = memory(CALLS * PAGE)
        for _ in range(PINS):
            pin(*((start + i * PAGE, PAGE) for i in range(CALLS)))


if __name__ == "__main__":
    sys.exit(in_background(hold))
