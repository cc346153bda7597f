#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run in a guest by test_gup_pin_tool.py: the program TOOL on the live files.

Prints one JSON object: for each step its exit status, stdout and stderr.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
import subprocess
import sys
from pathlib import Path

import hold_pins

DEBUGFS = Path("/sys/kernel/debug")
FILE = Path("/dev/shm/a file")
PAGES = 8
NOBODY = 65534

# Where nobody may run it as well.
tool = Path(shutil.copy(sys.argv[1], "/tmp/gup_pin"))
steps: dict[str, object] = {"pid": os.getpid(), "pages": PAGES}


def run(name: str, *words: str | Path, user: int | None = None) -> None:
    """One step."""
    done = subprocess.run(
        [tool, *words], capture_output=True, text=True, check=False, user=user, timeout=60
    )
    steps[name] = [done.returncode, done.stdout, done.stderr]


def copy(folder: Path) -> Path:
    """A snapshot."""
    subprocess.run(["cp", "-r", DEBUGFS / "gup_pin", folder], check=True)
    return folder


def shell(command: str) -> None:
    """Something that has to work."""
    subprocess.run(command, shell=True, check=True)


def main() -> None:
    """All steps."""
    before = copy(Path("/tmp/before"))
    size = PAGES * hold_pins.PAGE
    fd = os.open(FILE, os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, size)
    ring = hold_pins.pin((hold_pins.memory(size, mmap.MAP_SHARED, fd), size))
    after = copy(Path("/tmp/after"))
    run("list", "list", "--json")
    run("file", "file", FILE, "--json")
    run("other", "file", "/etc/passwd", "--json")
    run("process", "pid", str(os.getpid()), "--json")
    run("stacks", "stacks", "--json")
    run("module", "list", "--by", "module,stack,comm", "--json")
    run("diff", "diff", before, after, "--json")
    run("since", "diff", before, "--by", "comm", "--json")
    run("top", "top", "--rounds", "2", "--delay", "0.2")
    run("bare")
    hold_pins.unpin(ring)
    run("gone", "diff", after, "--json")
    run("nobody", "list", user=NOBODY)
    shell("echo 0 >/sys/kernel/debug/gup_pin/enable")
    run("off", "list", "--json")
    shell("mount -t tmpfs none /sys/kernel/debug")
    run("without", "list")
    shell("umount /sys/kernel/debug; mkdir /tmp/d; mount --move /sys/kernel/debug /tmp/d")
    run("elsewhere", "list", "--json")
    shell("umount /tmp/d")
    run("unmounted", "list")
    print(json.dumps(steps))


main()
