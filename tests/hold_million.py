#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run in a guest by test_dump_million.py: hold a million pins, each by its own call.

Each is a line of its own, which is slowest to list. Continues in the background when all
pins are held.
"""

from __future__ import annotations

import sys

from hold_pins import PAGE, in_background, memory, pin

# The maximum of buffers in an io_uring.
CALLS = 1 << 14
AREAS = 32
# Calls on each page.
PINS = 2


def hold() -> None:
    """A call for each page, repeated."""
    for _ in range(AREAS):
        start = memory(CALLS * PAGE)
        for _ in range(PINS):
            pin(*((start + i * PAGE, PAGE) for i in range(CALLS)))


if __name__ == "__main__":
    sys.exit(in_background(hold))
