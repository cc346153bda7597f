#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run in a guest by test_tool_live.py: the program TOOL on the live files.

Prints one JSON object: for each step its exit status, stdout and stderr.
"""

from __future__ import annotations

import json
import mmap
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import hold_pins

DEBUGFS = Path("/sys/kernel/debug")
FILE = Path("/dev/shm/a file")
ELSEWHERE = Path("/dev/shm/debugfs")
PAGES = 8
NOBODY = 65534
# The exit status if there is nothing to show.
NONE = 5

# A place that other users cannot reach.
tool = Path(shutil.copy(sys.argv[1], "/tmp/gup_pin"))
steps: dict[str, object] = {"pid": os.getpid(), "pages": PAGES}


def run(name: str, *words: str | Path, user: int | None = None) -> None:
    """Run one step."""
    done = subprocess.run(
        [tool, *words], capture_output=True, text=True, check=False, user=user, timeout=600
    )
    steps[name] = [done.returncode, done.stdout, done.stderr]


def told(name: str, *words: str | Path) -> None:
    """Run one step; keeps the filters written to the kernel, and the JSON output."""
    log = Path("/tmp/strace")
    command: list[str | Path] = ["strace", "-s", "1000", "-e", "trace=write", "-o", log]
    done = subprocess.run(
        [*command, tool, *words, "--json"], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode in (0, NONE), done
    writes = re.findall(r'^write\((\d+), "(.*)", \d+\) += (.*)$', log.read_text(), re.M)
    filters = [(text, result) for fd, text, result in writes if int(fd) > 2]
    steps[name] = [filters, json.loads(done.stdout)]


def filters() -> None:
    """The kernel filters what it can, and the program the rest."""
    pid = os.getpid()
    size = PAGES * hold_pins.PAGE
    fd = os.open(FILE, os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, size)
    hold_pins.pin((hold_pins.memory(size, mmap.MAP_SHARED, fd), size))
    hold_pins.shared()
    steps.update(filters_pid=pid, ino=os.fstat(fd).st_ino, dev=os.fstat(fd).st_dev)
    told("all", "list")
    told("mine", "list", f"owner={pid}", f"task={pid}/{pid}", "mode=w", "term=long", "pages=1")
    told("range", "list", "pfn=0-0xffffff", "min_age_ms=0", "comm=python3")
    told("readers", "list", "mode=r")
    told("refused", "list", "api=nothing")
    told("unknown", "list", "map=shmem")
    told("names", "list", "comm=a b")
    told("on file", "file", FILE)
    told("on other", "file", "/etc/hostname")
    told("of process", "pid", str(pid))
    told("twice", "pid", str(pid), f"task={pid}")
    told("sums", "list", "--by", "comm", "mode=w")
    told("by name", "file", "/nowhere/a file")


def in_child(work: Callable[[], None]) -> None:
    """Run in a process whose pins are released afterwards."""
    kept = Path("/tmp/kept")
    pid = os.fork()
    if not pid:
        work()
        kept.write_text(json.dumps(steps))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    steps.update(json.loads(kept.read_text()))
    while "live_pins 0\n" not in (DEBUGFS / "gup_pin/stats").read_text():
        time.sleep(0.05)


def copy(folder: Path) -> Path:
    """Make a snapshot."""
    subprocess.run(["cp", "-r", DEBUGFS / "gup_pin", folder], check=True)
    return folder


def shell(command: str) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, shell=True, check=True)


def main() -> None:
    """Run all steps."""
    in_child(filters)
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
    run("hazards", "hazards", "--raw")
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
    shell(f"umount {DEBUGFS}; mkdir {ELSEWHERE}; mount --move {DEBUGFS} {ELSEWHERE}")
    run("elsewhere", "list", "--json")
    shell(f"umount {ELSEWHERE}")
    run("unmounted", "list")
    print(json.dumps(steps))


main()
