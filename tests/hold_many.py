#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run in a guest by test_dump_many.py: hold as many pins as a real leak had.

On as many pages as the guest has, with several calls on each. Continues in the background
when all pins are held.
"""

from __future__ import annotations

import sys

from hold_pins import PAGE, in_background, memory, pin

MB = 1 << 20
# For a guest with 2 GiB; io_uring takes up to 1 GiB a buffer.
AREAS = 3
AREA = 384 * MB
PINS = 7_500_000


def hold() -> None:
    """Call after call on the whole memory, until enough."""
    buffers = [(memory(AREA), AREA) for _ in range(AREAS)]
    held = 0
    while held < PINS:
        pin(*buffers)
        held += AREAS * AREA // PAGE


if __name__ == "__main__":
    sys.exit(in_background(hold))
