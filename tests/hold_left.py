#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run in a guest by test_dump_left.py and test_live.py: hold pins on memory that has left its file.

Some files end while pinned, which harms no reader; others lose pages that can still be read.
And a process ends, whose memory stays pinned.
Returns when all is held, and continues in the background, as gup_pin_hold does. The task has
the name of the scene while it pins.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys

from hold_pins import (
    PAGE,
    PR_SET_NAME,
    export_memory,
    in_background,
    libc,
    memory,
    open_ring,
    pin,
    pin_for_test,
    register,
)

PAGES = 8


def shared() -> tuple[int, int]:
    """A memfd and the address of its pages, all written to."""
    fd = os.memfd_create("left", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, PAGES * PAGE)
    return fd, memory(PAGES * PAGE, mmap.MAP_SHARED, fd)


def end(fd: int, start: int) -> None:
    """End a memfd, which has no other user."""
    libc.munmap(ctypes.c_void_p(start), ctypes.c_size_t(PAGES * PAGE))
    os.close(fd)


def ended_buffer() -> None:
    """A udmabuf's memfd, closed."""
    fd, start = shared()
    export_memory(fd, PAGES * PAGE)
    end(fd, start)


def ended_ring() -> None:
    """The buffer of an io_uring, unmapped and closed."""
    fd, start = shared()
    pin((start, PAGES * PAGE))
    end(fd, start)


def live() -> None:
    """The same, but the file is only truncated, and still open."""
    fd, start = shared()
    pin((start, PAGES * PAGE))
    os.ftruncate(fd, 0)


def live_read() -> None:
    """A file that is truncated below a pin for read."""
    fd, start = shared()
    pin_for_test(start, PAGES * PAGE)
    os.ftruncate(fd, 0)


SCENES = {ended_buffer: "end", ended_ring: "end", live: "data", live_read: "read"}
# What was at stake for the pages of each scene, by the name of the task.
STAKES = {scene.__name__: [stake] * PAGES for scene, stake in SCENES.items()}


def orphan() -> None:
    """A buffer of a process that has ended; this one has the ring."""
    ring = open_ring()
    child = os.fork()
    if not child:
        register(ring, (memory(PAGE), PAGE))
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise ChildProcessError("the child failed")


def hold() -> None:
    """Hold all, by one task with a name for each scene."""
    for scene in (*SCENES, orphan):
        libc.prctl(PR_SET_NAME, scene.__name__.encode(), 0, 0, 0)
        scene()


if __name__ == "__main__":
    sys.exit(in_background(hold))
