#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run in a guest by scripts/measure: how much memory does tracking take for a pin?

Prints lines of: how, pins, bytes.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
from pathlib import Path

from hold_pins import PAGE, PIN_LONGTERM_TEST_START, memory, pin

PINS = 100_000
# io_uring's own limit of buffers a ring.
BUFFERS = 16_384
FAST_WRITE = 3


def stats() -> tuple[int, int]:
    """Live pins and bytes."""
    text = Path("/sys/kernel/debug/gup_pin/stats").read_text()
    values = dict(line.split() for line in text.splitlines())
    return int(values["live_pins"]), int(values["memory_bytes"])


def tell(name: str, before: tuple[int, int]) -> None:
    """Print what was added since."""
    pins, size = stats()
    print(name, pins - before[0], size - before[1])


def main() -> int:
    """Take the pins in both ways; the second time the first are still held."""
    start = memory(PINS * PAGE)
    before = stats()
    device = os.open("/sys/kernel/debug/gup_test", os.O_RDWR)
    request = struct.pack("QQIxxxx", start, PINS * PAGE, FAST_WRITE)
    fcntl.ioctl(device, PIN_LONGTERM_TEST_START, request)
    tell("in_bulk", before)
    os.close(device)

    before = stats()
    rings = []
    for first in range(0, PINS, BUFFERS):
        pages = range(first, min(first + BUFFERS, PINS))
        rings.append(pin(*((start + page * PAGE, PAGE) for page in pages)))
    tell("one_at_a_time", before)
    return 0


if __name__ == "__main__":
    sys.exit(main())
