#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""slow_fault_guest.py MODULE: rmmod while a pin sleeps in a page fault.

Run in a guest of scripts/vm --stock. userfaultfd answers the fault as late as the test
wants. Prints a line for each check that passes; the first that fails ends it with
status 1.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from rounds import module
from rounds.load import PAGE, system_call, vector_of

USERFAULTFD = 323
# From linux/userfaultfd.h.
API, REGISTER, ZEROPAGE = 0xC018AA3F, 0xC020AA00, 0xC020AA04
API_VERSION, MODE_MISSING = 0xAA, 1
# In seconds, far more than normally needed.
PATIENCE = 600.0
WAITS = "gup_pin: waiting for calls that are pinning just now"


class Fault:
    """A page whose first use sleeps until it is answered."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.start = vector_of(self.memory).base
        self.descriptor = system_call(USERFAULTFD, os.O_CLOEXEC | os.O_NONBLOCK)
        self._request(API, API_VERSION, 0, 0)
        self._request(REGISTER, self.start, PAGE, MODE_MISSING, 0)

    def _request(self, number: int, *words: int) -> None:
        fcntl.ioctl(self.descriptor, number, bytearray((ctypes.c_uint64 * len(words))(*words)))

    def came(self) -> bool:
        """Wait for the first use; False if there was none."""
        return bool(select.select([self.descriptor], [], [], PATIENCE)[0])

    def answer(self) -> None:
        """Let it continue."""
        self._request(ZEROPAGE, self.start, PAGE, 0, 0)


def check(what: str, good: bool) -> None:
    """Print the check; exit if it failed."""
    print(f"{'ok' if good else 'not ok'}: {what}", flush=True)
    if not good:
        sys.exit(1)


def done_in_time(done: Callable[[], bool]) -> bool:
    """Whether it is done in time."""
    end = time.monotonic() + PATIENCE
    while not done() and time.monotonic() < end:
        time.sleep(0.05)
    return done()


def log() -> str:
    """The kernel's log."""
    return subprocess.check_output(["dmesg"], text=True)


def start_rmmod() -> int:
    """A child that removes the module, and ends with status 0 when done."""
    child = os.fork()
    if not child:
        os._exit(0 if module.try_remove("gup_pin") else 1)
    return child


def main() -> int:
    """Run the command line."""
    subprocess.run(["modprobe", "brd", "rd_nr=1"], check=True)
    disk = os.open("/dev/ram0", os.O_RDONLY | os.O_DIRECT)
    before = module.pins_of_kernel()
    module.load(sys.argv[1])
    fault = Fault()
    read: list[int] = []
    reader = threading.Thread(target=lambda: read.append(os.preadv(disk, [fault.memory], 0)))
    reader.start()
    check("a pin sleeps in a page fault", fault.came())
    rmmod = start_rmmod()
    check("it says why", done_in_time(lambda: WAITS in log()))
    check("rmmod waits", os.waitpid(rmmod, os.WNOHANG)[0] == 0)
    other = mmap.mmap(-1, PAGE)
    check("others can pin", os.preadv(disk, [other], 0) == PAGE)
    fault.answer()
    reader.join()
    check("the pin was taken", read == [PAGE])
    check("rmmod is done", os.waitpid(rmmod, 0)[1] == 0)
    check("the module is gone", not Path("/sys/module/gup_pin").exists())
    check("no pin is left", done_in_time(lambda: module.pins_of_kernel() == before))
    return 0


if __name__ == "__main__":
    sys.exit(main())
