#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run in a guest by scripts/check: heavy I/O without hazards.

An ext4 and an xfs, each on a slow disk; on each of them fio, which verifies what it reads,
and files that are written, synced, truncated, punched and removed. There are many pins,
but none on a file's pages. Prints a line of JSON: the figures of tracking afterwards.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from unmount import unmount

DEBUGFS = Path("/sys/kernel/debug")
KB, MB = 1 << 10, 1 << 20
PAGE = 4 * KB
# The latency that the disks add to each request, in ms.
DELAY = 1
SECONDS = 25
# The least to do: pins taken, and file lifetimes of each thread.
PINS, ROUNDS = 10_000, 5

DISKS = {"ext4": "/dev/ram0", "xfs": "/dev/ram1"}

# Anonymous memory, unlike the default of mmap.mmap().
PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS

# I/O engines, each with its own file, direct and buffered.
ENGINES = {
    "libaio": "ioengine=libaio iodepth=16 direct=1",
    "io_uring": "ioengine=io_uring iodepth=16 direct=1",
    "fixed": "ioengine=io_uring iodepth=16 direct=1 fixedbufs=1",
    "buffered": "ioengine=io_uring iodepth=16 direct=0 fsync=64",
    "mmap": "ioengine=mmap direct=0 fsync=64",
    "psync": "ioengine=psync direct=0 fdatasync=64",
}
COMMON = (
    "rw=randrw bsrange=4k-32k blockalign=4k size=6m verify=crc32c verify_fatal=1 thread=1 "
    f"time_based=1 runtime={SECONDS} allrandrepeat=1 serialize_overlap=1"
)


def run(*words: str) -> str:
    """Run a program that must succeed; its output."""
    env = {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DM_DISABLE_UDEV": "1"}
    done = subprocess.run(
        words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(words)}: status {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


def make_fs(kind: str, disk: str) -> Path:
    """A file system on a slow disk."""
    sectors = run("blockdev", "--getsz", disk).strip()
    table = f"0 {sectors} delay {disk} 0 {DELAY}"
    run("dmsetup", "create", kind, "--table", table)
    device = f"/dev/mapper/{kind}"
    run(f"mkfs.{kind}", "-q", device)
    folder = Path("/tmp", f"quiet-{kind}")
    folder.mkdir()
    run("mount", "-t", kind, device, str(folder))
    return folder


def fio(folder: Path) -> subprocess.Popen[str]:
    """Run all engines at once."""
    words = ["fio", "--output-format=json", *(f"--{word}" for word in COMMON.split())]
    for name, options in ENGINES.items():
        words += [f"--name={name}", f"--filename={folder / name}"]
        words += [f"--{word}" for word in options.split()]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class Churn(threading.Thread):
    """Files that are created, changed in all ways, and removed."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__()
        self.file = folder / f"churn-{seed}"
        self.random = random.Random(seed)
        self.stop = threading.Event()
        self.rounds = 0
        self.trouble = ""
        self.steps: list[Callable[[int], object]] = [
            self.write,
            self.store,
            self.direct,
            self.cut,
            self.hole,
            os.fsync,
            os.fdatasync,
            lambda fd: os.ftruncate(fd, MB),
        ]

    def place(self) -> int:
        """A page of the file."""
        return self.random.randrange(MB // PAGE) * PAGE

    def write(self, fd: int) -> None:
        """Through the page cache."""
        os.pwrite(fd, b"w" * self.random.randrange(1, 64 * KB), self.place())

    def store(self, fd: int) -> None:
        """Write through a mapping."""
        os.ftruncate(fd, MB)
        with mmap.mmap(fd, MB) as memory:
            for _ in range(8):
                memory[self.place()] = 1
            memory.flush()

    def direct(self, _: int) -> None:
        """Write with O_DIRECT, bypassing the page cache, which has the same pages."""
        fd = os.open(self.file, os.O_WRONLY | os.O_DIRECT)
        with mmap.mmap(-1, 16 * PAGE, flags=PRIVATE) as memory:
            memory[:] = b"d" * len(memory)
            os.pwrite(fd, memory, self.place())
        os.close(fd)

    def cut(self, fd: int) -> None:
        """Truncate, mostly in the middle of a page."""
        os.ftruncate(fd, self.random.randrange(MB))

    def hole(self, _: int) -> None:
        """Punch holes in all the ways of fallocate()."""
        way = self.random.choice(("--punch-hole", "--collapse-range", "--zero-range"))
        os.truncate(self.file, 2 * MB)
        run("fallocate", way, "-o", str(self.place()), "-l", str(4 * PAGE), str(self.file))

    def run(self) -> None:
        """Run until stopped."""
        try:
            while not self.stop.is_set():
                self.one()
                self.rounds += 1
        except BaseException as err:
            self.trouble = f"{type(err).__name__}: {err}"

    def one(self) -> None:
        """One lifetime of a file."""
        fd = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        for step in self.random.choices(self.steps, k=12):
            step(fd)
        if self.random.random() < 0.5:
            os.unlink(self.file)
        os.close(fd)


def figures() -> dict[str, int]:
    """The figures of tracking."""
    lines = (DEBUGFS / "gup_pin" / "stats").read_text().splitlines()
    return {name: int(value) for name, value in (line.split() for line in lines)}


def enough(churns: list[Churn]) -> bool:
    """Whether enough was done to meet a hazard, or something is wrong."""
    return any(churn.trouble for churn in churns) or (
        figures()["acquired"] >= PINS and min(churn.rounds for churn in churns) >= ROUNDS
    )


def main() -> int:
    """Run everything."""
    folders = [make_fs(kind, disk) for kind, disk in DISKS.items()]
    churns = [Churn(folder, seed) for folder in folders for seed in (1, 2)]
    for churn in churns:
        churn.start()
    # A busy machine may need more than one run to do enough.
    while not enough(churns):
        for engine in [fio(folder) for folder in folders]:
            out, _ = engine.communicate()
            if engine.returncode:
                print(out, file=sys.stderr)
                return 1
    for churn in churns:
        churn.stop.set()
        churn.join()
    os.sync()
    for folder in folders:
        unmount(folder)
    troubles = [churn.trouble for churn in churns if churn.trouble]
    if troubles:
        print("\n".join(troubles), file=sys.stderr)
        return 1
    print(json.dumps({"rounds": min(c.rounds for c in churns), **figures()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
