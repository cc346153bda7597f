#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run in a guest by scripts/bench: bench_guest.py [--late] CASE... runs the cases in that order.

With --late, tracking is enabled before them.

Prints a line of JSON for the kernel and one for each case. Times are nanoseconds of
guest time: instructions, if the guest was started with --icount.
"""

from __future__ import annotations

import ctypes
import fcntl
import functools
import json
import mmap
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import bench_areas
from hold_pins import PAGE, PIN_LONGTERM_TEST_START, memory, pin

MB = 1 << 20
ROUNDS = 4
DEBUGFS = Path("/sys/kernel/debug")
GUP_TEST = DEBUGFS / "gup_test"
GUP_PIN = DEBUGFS / "gup_pin"

# _IOWR('g', 2, struct gup_test)
PIN_FAST_BENCHMARK = 0xC0506702
FOLL_WRITE = 1
# Flags of struct pin_longterm_test
FAST_WRITE = 3

# The clock of struct gup_test counts microseconds, 1,000 instructions: with 32 MB of
# small pages that is an eighth of an instruction a page.
SMALL, LARGE = 32 * MB, 64 * MB
PAIRS = 20_000
READS = 100_000
FAULTED = 64 * MB
LIVE = 1 << 20
HELD = 100_000
# io_uring's limit of buffers a ring.
BUFFERS = 16_384
# 64 MB in all, repeated; larger rounds would each contain a tick.
FILE, LIVES = MB, 64
DISK, DISK_SIZE = "/dev/ram0", 32 * MB

Answer = dict[str, object]


class Unsound(Exception):
    """The measurement is not valid."""


def request(start: int, size: int, per_call: int) -> bytearray:
    """A struct gup_test."""
    return bytearray(struct.pack("QQQQIII32xxxxx", 0, 0, start, size, per_call, FOLL_WRITE, 0))


def pin_and_unpin(device: int, start: int, size: int, per_call: int) -> tuple[float, float]:
    """Pin the memory, per_call pages a call, and unpin it: nanoseconds a page."""
    answer = request(start, size, per_call)
    fcntl.ioctl(device, PIN_FAST_BENCHMARK, answer)
    get, put, _, done = struct.unpack_from("QQQQ", answer)
    if done != size:
        raise Unsound(f"only {done} of {size} bytes could be pinned")
    return get * 1000 * PAGE / size, put * 1000 * PAGE / size


def pins(start: int, size: int, per_call: int) -> Answer:
    """All rounds; the first ones allocate what later ones reuse."""
    device = os.open(GUP_TEST, os.O_RDWR)
    rounds = [pin_and_unpin(device, start, size, per_call) for _ in range(ROUNDS)]
    os.close(device)
    return {"get": rounds[-1][0], "put": rounds[-1][1], "rounds": rounds}


@functools.cache
def small() -> int:
    """The small pages that several cases share."""
    return bench_areas.neighbours(SMALL)


def pair() -> Answer:
    """Pin and unpin one page repeatedly; most of the time is Python's and the ioctl's."""
    device = os.open(GUP_TEST, os.O_RDWR)
    answer = request(small(), PAGE, 1)
    rounds = []
    for _ in range(ROUNDS):
        begin = time.perf_counter_ns()
        for _ in range(PAIRS):
            fcntl.ioctl(device, PIN_FAST_BENCHMARK, answer)
        rounds.append((time.perf_counter_ns() - begin) / PAIRS)
    os.close(device)
    return {"each": rounds[-1], "rounds": rounds}


def fio() -> float:
    """Random reads of 4 KiB with O_DIRECT by io_uring: nanoseconds for each."""
    job = {
        "name": "bench",
        "filename": "/dev/nullb0",
        "ioengine": "io_uring",
        "iodepth": 32,
        "rw": "randread",
        "bs": "4k",
        "direct": 1,
        "size": "1g",
        "number_ios": READS,
        "norandommap": 1,
        "randseed": 1,
        "allrandrepeat": 1,
        "thread": 1,
        "gtod_reduce": 1,
        "output-format": "json",
    }
    words = ["fio", *(f"--{name}={value}" for name, value in job.items())]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    # fio continues for some time after its job, until it checks for the end: use its
    # own figure, though it is in milliseconds.
    read = json.loads(done.stdout)["jobs"][0]["read"]
    if read["total_ios"] != READS:
        raise Unsound(f"fio did {read['total_ios']} of {READS} reads")
    return float(read["runtime"]) * 1_000_000 / READS


def io_uring_randread() -> Answer:
    """Run twice, since a figure that varies is worthless."""
    rounds = [fio(), fio()]
    if abs(rounds[1] / rounds[0] - 1) > 0.02:
        raise Unsound(f"two runs of fio differ: {rounds} ns a read")
    return {"each": rounds[-1], "rounds": rounds}


def read(size: int) -> Answer:
    """Direct reads of this size from a RAM disk, including Python's time for the call."""
    disk = os.open(DISK, os.O_RDWR)
    os.pwrite(disk, bytes(DISK_SIZE), 0)
    os.fsync(disk)
    os.close(disk)
    disk = os.open(DISK, os.O_RDONLY | os.O_DIRECT)
    buffers = [mmap.mmap(-1, size)]
    offsets = range(0, DISK_SIZE, size)
    rounds = []
    for _ in range(ROUNDS):
        begin = time.perf_counter_ns()
        for offset in offsets:
            os.preadv(disk, buffers, offset)
        rounds.append((time.perf_counter_ns() - begin) / len(offsets))
    os.close(disk)
    return {"each": rounds[-1], "rounds": rounds}


def make_disk() -> Path:
    """A new ext4, which only this test writes back."""
    Path("/proc/sys/vm/dirty_writeback_centisecs").write_text("360000")
    # The disk allocates its RAM at the first write to each page.
    with open(DISK, "wb", buffering=0) as disk:
        for _ in range(DISK_SIZE // MB):
            disk.write(bytes(MB))
    # No journal: its thread would do part of the work.
    subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", DISK], check=True)
    folder = Path("/tmp/bench")
    folder.mkdir()
    subprocess.run(["mount", "-t", "ext4", DISK, folder], check=True)
    return folder


def write_back(file: int) -> None:
    """Only the pages, without the file system's own writes."""
    if ctypes.CDLL(None, use_errno=True).sync_file_range(file, *(ctypes.c_long(0),) * 2, 7):
        raise OSError(ctypes.get_errno(), "sync_file_range")


def life_of_a_file(file: int, data: bytes) -> list[int]:
    """Write, write back, sync, truncate: when each was done."""
    times = [time.perf_counter_ns()]
    os.pwrite(file, data, 0)
    for step in (write_back, os.fsync, lambda file: os.ftruncate(file, 0)):
        times.append(time.perf_counter_ns())
        step(file)
    return [*times, time.perf_counter_ns()]


@functools.cache
def lives() -> list[list[int]]:
    """The rounds that two cases share."""
    file = os.open(make_disk() / "file", os.O_RDWR | os.O_CREAT)
    data = b"f" * FILE
    found = [life_of_a_file(file, data) for _ in range(LIVES)]
    os.close(file)
    return found


def middle(times: list[int]) -> Answer:
    """The median for a page: up to a third of the rounds contain a timer's tick."""
    rounds = sorted(spent * PAGE / FILE for spent in times)
    low, each, high = (rounds[len(rounds) * part // 8] for part in (3, 4, 5))
    if high > low * 1.01:
        raise Unsound(f"rounds with a file differ: {rounds} ns a page")
    return {"each": each, "rounds": [low, each, high]}


def file() -> Answer:
    """A file is written, synced, and truncated."""
    return middle([life[-1] - life[0] for life in lives()])


def writeback() -> Answer:
    """The part of that for writeback of pages that are not pinned."""
    return middle([life[2] - life[1] for life in lives()])


def truncate() -> Answer:
    """Truncate such pages of a file in memory, so that no disk is involved."""
    memory = os.memfd_create("bench")
    times = []
    for _ in range(LIVES):
        os.pwrite(memory, bytes(FILE), 0)
        begin = time.perf_counter_ns()
        os.ftruncate(memory, 0)
        times.append(time.perf_counter_ns() - begin)
    return middle(times)


def fault() -> Answer:
    """Fault in fresh memory; and whether page_owner records it."""
    rounds = []
    for _ in range(ROUNDS):
        start = bench_areas.room(FAULTED)
        begin = time.perf_counter_ns()
        bench_areas.populate(start, FAULTED)
        rounds.append((time.perf_counter_ns() - begin) * PAGE / FAULTED)
    owner = DEBUGFS / "page_owner"
    watched = False
    if owner.exists():
        with owner.open("rb", buffering=0) as file:
            watched = b"allocated via order" in file.read(4096)
    return {"each": rounds[-1], "rounds": rounds, "page_owner": watched}


def stats() -> dict[str, int]:
    """The figures of tracking."""
    text = (GUP_PIN / "stats").read_text()
    return {name: int(value) for name, value in (line.split() for line in text.splitlines())}


def hold(start: int, count: int) -> int:
    """Pin that many pages in one call; returns their holder."""
    device = os.open(GUP_TEST, os.O_RDWR)
    wanted = struct.pack("QQIxxxx", start, count * PAGE, FAST_WRITE)
    fcntl.ioctl(device, PIN_LONGTERM_TEST_START, wanted)
    return device


def stacks() -> Answer:
    """Open the file of stacks and read it to its end."""
    start = bench_areas.room(LIVE * PAGE)
    bench_areas.populate(start, LIVE * PAGE)
    hold(start, LIVE)
    if stats()["live_pins"] != LIVE:
        raise Unsound(f"{stats()['live_pins']} live pins instead of {LIVE}")
    size = 0
    begin = time.perf_counter_ns()
    # Opening the file makes the sums.
    file = os.open(GUP_PIN / "stacks", os.O_RDONLY)
    while data := os.read(file, MB):
        size += len(data)
    total = time.perf_counter_ns() - begin
    return {"pins": LIVE, "total": total, "bytes": size}


def added(before: dict[str, int]) -> Answer:
    """Pins and bytes since then."""
    now = stats()
    count = now["live_pins"] - before["live_pins"]
    if count != HELD:
        raise Unsound(f"{count} live pins instead of {HELD}")
    return {"pins": count, "bytes": now["memory_bytes"] - before["memory_bytes"]}


def live_pins() -> Answer:
    """Memory for pages pinned in bulk; then for the same pages one at a time."""
    start = memory(HELD * PAGE)
    before = stats()
    device = hold(start, HELD)
    bulk = added(before)
    os.close(device)

    before = stats()
    for first in range(0, HELD, BUFFERS):
        pages = range(first, min(first + BUFFERS, HELD))
        pin(*((start + page * PAGE, PAGE) for page in pages))
    return {"bulk": bulk, "single": added(before)}


def switch_on() -> None:
    """Start tracking."""
    if (GUP_PIN / "enable").read_text().strip() == "1":
        raise Unsound("tracking is on already")
    (GUP_PIN / "enable").write_text("1")


def kernel(late: bool) -> Answer:
    """The kernel, and whether it tracks."""
    release = os.uname().release
    if not GUP_PIN.exists():
        return {"release": release, "tracking": "absent"}
    recording = (GUP_PIN / "enable").read_text().strip()
    tracking = {"0": "off", "1": "late" if late else "on"}[recording]
    return {"release": release, "tracking": tracking}


# In the order to run them: small() needs memory that is not fragmented yet.
CASES: dict[str, Callable[[], Answer]] = {
    "single": lambda: pins(small(), SMALL, 1),
    "neighbours": lambda: pins(small(), SMALL, 512),
    "pair": pair,
    "scattered": lambda: pins(bench_areas.scattered(SMALL, 256 * MB), SMALL, 512),
    "thp": lambda: pins(bench_areas.thp(LARGE), LARGE, 512),
    "hugetlb": lambda: pins(bench_areas.hugetlb(LARGE), LARGE, 512),
    "io_uring_randread": io_uring_randread,
    "read_4k": lambda: read(PAGE),
    "read_2m": lambda: read(2 * MB),
    "file": file,
    "writeback": writeback,
    "truncate": truncate,
    "fault": fault,
    "stacks": stacks,
    "live_pins": live_pins,
}


def main() -> int:
    """Run the requested cases."""
    names = sys.argv[1:]
    late = names[:1] == ["--late"]
    if late:
        names = names[1:]
        switch_on()
    print(json.dumps({"case": "kernel", **kernel(late)}), flush=True)
    for name in names:
        print(json.dumps({"case": name, **CASES[name]()}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
