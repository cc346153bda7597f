# SPDX-License-Identifier: GPL-2.0
"""The module: loading and removing it, and its figures."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import time
from pathlib import Path

from .load import DEBUGFS, system_call

INIT, DELETE = 313, 176
# In seconds, far more than normally needed.
PATIENCE = 600.0


def load(file: str, words: str = "") -> None:
    """Load it, as insmod does. Raises OSError."""
    opened = os.open(file, os.O_RDONLY)
    try:
        system_call(INIT, opened, ctypes.c_char_p(words.encode()), 0)
    finally:
        os.close(opened)


def try_remove(name: str) -> bool:
    """Remove it, as rmmod does; False if it is in use. Raises OSError."""
    try:
        system_call(DELETE, ctypes.c_char_p(name.encode()), os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EBUSY):
            return False
        raise
    return True


def remove(name: str) -> int:
    """Try until it is not in use; returns how often it was. Raises OSError."""
    begin, refused = time.monotonic(), 0
    while not try_remove(name):
        refused += 1
        if time.monotonic() > begin + PATIENCE:
            raise OSError(errno.EBUSY, f"{name} stays in use")
        time.sleep(0.01)
    return refused


def stats() -> dict[str, int]:
    """The figures of `stats`."""
    text = (DEBUGFS / "stats").read_text()
    return {name: int(value) for name, value in re.findall(r"^(\w+) (\d+)$", text, re.MULTILINE)}


def hooks() -> dict[str, str]:
    """How each function is hooked."""
    text = (DEBUGFS / "stats").read_text()
    return dict(re.findall(r"^hooks (\w+) (\w+)$", text, re.MULTILINE))


def pins_of_kernel() -> int:
    """The number of pins, by the kernel's own count."""
    # Sums the counters of all CPUs.
    Path("/proc/sys/vm/stat_refresh").read_text()
    text = Path("/proc/vmstat").read_text()
    taken, dropped = (
        int(re.findall(rf"^nr_foll_pin_{what} (\d+)$", text, re.MULTILINE)[0])
        for what in ("acquired", "released")
    )
    return taken - dropped
