#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run in a guest by scripts/check: do two CPUs that pin wait for each other's locks?

contention_guest.py [SECONDS]: two processes, each bound to a CPU, pin and unpin repeatedly
for that time, and the kernel counts how often each lock was taken, and how often it had
been the other CPU's. In the first cases the CPUs must meet, which shows the lock of the
shards. Then each works on its own shards, and they must not. Prints a line of JSON for
each case. The kernel needs CONFIG_LOCK_STAT.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import mmap
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import bench_areas
import lock_stat
from bench_guest import GUP_TEST, PIN_FAST_BENCHMARK, Answer, Unsound, request, stats
from hold_pins import PAGE
from lock_stat import Lock

SHARED = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS

CPUS = (0, 1)
SECONDS = 1.5
# How often cases that must meet get twice the time: on a busy host, the two CPUs may
# mostly run in turn.
TRIES = 7
END = b"end"
ORIGINS = "&origins->lock"
# The lock of slab lists: of all slabs, including those that tracking does not use.
SLABS = "&n->list_lock"
# The index: pages of a block share a lock, and so do all blocks of a shard.
BLOCK, SHARDS = 64, 256
# Pages unpinned in one call.
STEP = 8 * BLOCK
# A process's own memory: one block of each shard.
AREA = SHARDS * BLOCK


@dataclass(frozen=True)
class Case:
    """The work of both processes.

    layout: their memory, see pieces(); per_call: pages pinned in a call; times: repetitions
    of the given time.
    """

    layout: str
    per_call: int
    times: int = 1


# Bulk pins take few locks: more time, so that the CPUs meet.
CASES = {
    "same block, single": Case("same block", 1),
    "same block, bulk": Case("same block", BLOCK, times=3),
    "same shard, single": Case("same shard", 1),
    "same shard, bulk": Case("same shard", BLOCK, times=3),
    "own shards, single": Case("own shards", 1),
    "own shards, bulk": Case("own shards", STEP),
}


@dataclass(frozen=True)
class Piece:
    """Memory to pin and unpin: its start, and its size in pages."""

    start: int
    pages: int


def whole_blocks(start: int) -> dict[int, Piece]:
    """The blocks that are completely in an area, in order, by their numbers."""
    frames = bench_areas.frames(start, AREA)
    found = {}
    for first in range(AREA - BLOCK + 1):
        nr, rest = divmod(frames[first], BLOCK)
        if not rest and frames[first : first + BLOCK] == [*range(nr * BLOCK, (nr + 1) * BLOCK)]:
            found[nr] = Piece(start + first * PAGE, BLOCK)
    return found


def areas() -> list[dict[int, Piece]]:
    """For each process the blocks of its memory, which the other does not share."""
    starts = []
    for _ in CPUS:
        starts.append(bench_areas.room(AREA * PAGE, SHARED))
        bench_areas.populate(starts[-1], AREA * PAGE)
    found = [whole_blocks(start) for start in starts]
    least = min(map(len, found))
    if least < SHARDS * 0.9:
        raise Unsound(f"only {least} whole blocks in {AREA} pages")
    if set(found[0]) & set(found[1]):
        raise Unsound("two processes have memory in common")
    return found


def joined(blocks: Iterable[Piece]) -> list[Piece]:
    """The same memory in pieces of up to STEP, across adjacent blocks."""
    found: list[Piece] = []
    for block in sorted(blocks, key=lambda piece: piece.start):
        last = found[-1] if found else block
        if last.start + last.pages * PAGE == block.start and last.pages < STEP:
            found[-1] = Piece(last.start, last.pages + block.pages)
        else:
            found.append(block)
    return found


def pieces(case: Case, blocks: list[dict[int, Piece]]) -> list[list[Piece]]:
    """The memory of each process."""
    if case.layout == "same block":
        return [[next(iter(blocks[0].values()))] for _ in CPUS]
    by_shard = [{nr % SHARDS: piece for nr, piece in own.items()} for own in blocks]
    both = sorted(set(by_shard[0]) & set(by_shard[1]))
    if case.layout == "same shard":
        return [[own[both[0]]] for own in by_shard]
    # In turn, as far as a call reaches: a lock for several shards would be seen, too.
    span = max(case.per_call // BLOCK, 1)
    parts = [[nr for nr in both if nr // span % len(CPUS) == cpu] for cpu in CPUS]
    return [joined(own[nr] for nr in part) for own, part in zip(by_shard, parts, strict=True)]


def pin_and_unpin(work: list[Piece], per_call: int, seconds: float) -> int:
    """Repeat until time is up, or once if it is 0; returns the number of pages."""
    device = os.open(GUP_TEST, os.O_RDWR)
    end = time.monotonic() + seconds
    pages = 0
    for piece in itertools.cycle(work) if seconds else work:
        answer = request(piece.start, piece.pages * PAGE, per_call)
        fcntl.ioctl(device, PIN_FAST_BENCHMARK, answer)
        pages += piece.pages
        if seconds and time.monotonic() >= end:
            break
    os.close(device)
    return pages


@dataclass
class Worker:
    """One of the two processes, with a pipe each way.

    It reads how many seconds to work, or END, and writes how many pages it has pinned.
    """

    pid: int
    says: int
    told: int

    def hear(self) -> int:
        """Wait for the number of pages it has pinned."""
        if word := os.read(self.says, 100).decode():
            return int(word)
        raise Unsound("a process has ended before it was done")

    def go_on(self, seconds: float) -> None:
        """Have it work for that time; 0: once, to warm up."""
        os.write(self.told, str(seconds).encode())

    def end(self) -> None:
        """End it."""
        os.write(self.told, END)
        os.waitpid(self.pid, 0)
        os.close(self.told)
        os.close(self.says)


def start_worker(cpu: int, work: list[Piece], per_call: int) -> Worker:
    """A process on that CPU that works once for each number it reads."""
    says, say = os.pipe()
    hear, told = os.pipe()
    if pid := os.fork():
        os.close(say)
        os.close(hear)
        return Worker(pid, says, told)
    try:
        os.sched_setaffinity(0, {cpu})
        while (word := os.read(hear, 100)) != END:
            seconds = float(word)
            pages = pin_and_unpin(work, per_call if seconds else STEP, seconds)
            os.write(say, str(pages).encode())
    except Exception as err:  # pylint: disable=broad-except
        print(f"contention_guest.py: {type(err).__name__}: {err}", file=sys.stderr, flush=True)
    finally:
        os._exit(0)


def together(workers: list[Worker], seconds: float) -> tuple[int, list[Lock]]:
    """Have both work: the pages they pinned, and all locks that were taken."""
    before = stats()["acquired"]
    lock_stat.start()
    for worker in workers:
        worker.go_on(seconds)
    pages = sum(worker.hear() for worker in workers)
    classes = lock_stat.stop()
    recorded = stats()["acquired"] - before
    if recorded != pages:
        raise Unsound(f"{recorded} pins were recorded, of {pages}")
    return pages, classes


def ours(classes: list[Lock]) -> set[str]:
    """The locks that functions of tracking have waited for, or made others wait for."""
    return {lock.name for lock in classes if any("gup_pin" in name for name in lock.functions)}


def have_met(classes: list[Lock]) -> bool:
    """Whether one of them waited for the other."""
    return any(name.startswith("&xa->xa_lock") for name in ours(classes))


def measure(workers: list[Worker], case: Case, seconds: float) -> tuple[int, list[Lock]]:
    """Have both work for the measurement; where they must meet, until they did."""
    for doubled in range(TRIES):
        pages, classes = together(workers, seconds * case.times * 2**doubled)
        if not case.layout.startswith("same") or have_met(classes):
            break
    return pages, classes


def shard_name(classes: list[Lock]) -> str:
    """The name of the shards' locks: shared with others, except for a number."""
    names = {name for name in ours(classes) if name.startswith("&xa->xa_lock")}
    if len(names) != 1:
        raise Unsound(f"locks on which tracking waited: {sorted(names)}")
    return names.pop()


def answer(lock: Lock) -> Answer:
    """The output for a case."""
    return {**asdict(lock), "functions": sorted(lock.functions)}


def main() -> int:
    """Run all cases."""
    seconds = float(sys.argv[1]) if sys.argv[1:] else SECONDS
    os.sched_setaffinity(0, {CPUS[0]})
    blocks = areas()
    name = ""
    for title, case in CASES.items():
        work = pieces(case, blocks)
        workers = [
            start_worker(cpu, own, case.per_call) for cpu, own in zip(CPUS, work, strict=True)
        ]
        _, first = together(workers, 0)
        pages, classes = measure(workers, case, seconds)
        for worker in workers:
            worker.end()
        name = name or shard_name(classes)
        shards = lock_stat.busiest(classes, name)
        # The minimum: it is the right lock, and was counted.
        least = pages // min(case.per_call, BLOCK) + pages // BLOCK
        if shards.acquisitions < least:
            raise Unsound(f"{name} was taken {shards.acquisitions} times, of at least {least}")
        said: Answer = {
            "case": title,
            "pages": pages,
            "pieces": [len(own) for own in work],
            "shards": answer(shards),
            "origins": answer(lock_stat.busiest(classes, ORIGINS)),
            # Each process has its own origins, which are new only once.
            "origins_first": lock_stat.busiest(first, ORIGINS).acquisitions,
            "slabs": answer(lock_stat.busiest(classes, SLABS)),
            "others": lock_stat.contended(lock for lock in classes if lock is not shards),
            "ours": sorted(ours(classes) - {name}),
        }
        print(json.dumps(said), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
