#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run in a guest by scripts/suites: test suites of others, with tracking off, then on.

The argument is JSON: what suiteslib/guests.py makes of the table of suites. The output has a line
of JSON for each test and each run that ended, to show how far a guest came that did not end.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from unmount import unmount

GUP_PIN = Path("/sys/kernel/debug/gup_pin")
CONFIGFS = Path("/sys/kernel/config")
# A disk in memory whose requests are completed by a timer's interrupt, or by polling.
DISK = {"memory_backed": 1, "size": 448, "blocksize": 512, "irqmode": 2, "completion_nsec": 50000}
DISK |= {"poll_queues": 1, "discard": 1, "power": 1}
# How long a pin may stay after the test that took it: io_uring and RDMA drop some later.
SETTLE_SECONDS = 60
# Of an output, and of the pins that a test leaves.
MOST_TEXT = 400_000
MOST_LINES = 20


def tell(**words: Any) -> None:
    """Print one event."""
    print(json.dumps(words), flush=True)


def stats() -> dict[str, int]:
    """The figures of tracking."""
    lines = (GUP_PIN / "stats").read_text().splitlines()
    pairs = (line.split() for line in lines if not line.startswith("hooks "))
    return {name: int(value) for name, value in pairs}


def run(command: str, env: dict[str, str], cwd: Path, limit: float) -> tuple[int | None, str]:
    """Run a command; its exit status, or None if it took too long, and its output.

    Nothing that it started outlives it, unless it has left the session.
    """
    with tempfile.TemporaryFile() as out:
        with subprocess.Popen(
            ["sh", "-c", command],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                status: int | None = process.wait(limit)
            except subprocess.TimeoutExpired:
                status = None
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        out.seek(0)
        return status, out.read().decode(errors="replace")[-MOST_TEXT:]


def must(command: str, env: dict[str, str]) -> None:
    """Run a command that has to succeed."""
    status, text = run(command, env, Path("/tmp"), 300)
    if status != 0:
        sys.exit(f"{command}: status {status}\n{text}")


def disk() -> Path:
    """Make the disk, once."""
    if not (CONFIGFS / "nullb").is_dir():
        subprocess.run(["mount", "-t", "configfs", "none", CONFIGFS], check=True)
    folder = CONFIGFS / "nullb" / "suites"
    if not folder.is_dir():
        folder.mkdir()
        for name, value in DISK.items():
            (folder / name).write_text(f"{value}\n")
    # It has the folder's name.
    return Path("/dev", folder.name)


@contextmanager
def place(kind: str, env: dict[str, str]) -> Iterator[Path]:
    """A fresh folder: on a file system of that kind, or on the guest's root."""
    folder = Path(tempfile.mkdtemp(prefix="suite-"))
    if not kind:
        yield folder
        shutil.rmtree(folder, ignore_errors=True)
        return
    force = {"ext4": "-F", "xfs": "-f"}[kind]
    must(f"mkfs.{kind} -q {force} {disk()} && mount -t {kind} {disk()} {folder}", env)
    yield folder
    unmount(folder)
    folder.rmdir()


def real_pins() -> int:
    """How many pins the kernel itself counts, tracked or not."""
    Path("/proc/sys/vm/stat_refresh").write_text("1\n")
    counts = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    return int(counts["nr_foll_pin_acquired"]) - int(counts["nr_foll_pin_released"])


def settle(count: Callable[[], int], most: int = 0) -> int:
    """Wait until no more pins are left than that, for a while; how many are left."""
    end = time.monotonic() + SETTLE_SECONDS
    while (left := count()) > most and time.monotonic() < end:
        time.sleep(0.1)
    return left


def live_pins() -> int:
    """How many pins are on record."""
    return stats()["live_pins"]


def clear(folder: Path) -> None:
    """Remove what a test has left in its folder."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def run_suite(number: int, suite: dict[str, Any], tracked: bool) -> None:
    """All tests of a suite, with tracking on or off."""
    env = {**os.environ, **suite["env"]}
    env["PATH"] = f"{env['FOLDER']}:/usr/sbin:/usr/bin:/sbin:/bin"
    which = {"suite": number, "tracked": tracked}
    # What earlier tests have left would be "pinned from before".
    (GUP_PIN / "enable").write_text("0\n")
    settle(real_pins)
    with place(suite["place"], env) as folder:
        if suite["prepare"]:
            must(suite["prepare"], env)
        (GUP_PIN / "enable").write_text(f"{tracked:d}\n")
        before, start, pins = stats(), time.monotonic(), 0
        for test, command in suite["tests"].items():
            status, text = run(command, env, folder, suite["limit"])
            earlier, pins = pins, settle(live_pins, pins)
            lines = (GUP_PIN / "pins").read_text().splitlines() if pins > earlier else []
            tell(**which, test=test, status=status, text=text, left=lines[:MOST_LINES])
            clear(folder)
        if suite["finish"]:
            must(suite["finish"], env)
        verify = (GUP_PIN / "verify").read_text().splitlines() if tracked else []
        seconds = time.monotonic() - start
        tell(**which, before=before, after=stats(), verify=verify[-MOST_LINES:], seconds=seconds)


def main() -> int:
    """All suites."""
    for number, suite in enumerate(json.loads(sys.argv[1])):
        for tracked in (False, True):
            run_suite(number, suite, tracked)
    return 0


if __name__ == "__main__":
    sys.exit(main())
