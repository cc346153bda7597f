# SPDX-License-Identifier: GPL-2.0
"""/proc/lock_stat: how often each lock class was taken, and was contended."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FILE = Path("/proc/lock_stat")
SWITCH = Path("/proc/sys/kernel/lock_stat")

CLASS = re.compile(r"^ *(?P<name>\S.*?):(?P<numbers>(?: +[0-9.]+){12})$")
POINT = re.compile(r"^ *(?P<name>\S.*?) +\d+ +\[<.*>\] (?P<function>\w+)\S*\+0x")


class NoCount(Exception):
    """The kernel does not count."""


@dataclass(frozen=True)
class Lock:
    """A lock class.

    contentions: acquisitions that had to wait; waited: total wait in microseconds;
    moved: acquisitions after another CPU's; functions: some of those that waited, or
    were waited for.
    """

    name: str
    acquisitions: int
    contentions: int
    moved: int
    waited: float
    held: float
    functions: frozenset[str]


def start() -> None:
    """Start counting from zero."""
    FILE.write_text("0")
    SWITCH.write_text("1")


def stop() -> list[Lock]:
    """The counts since start()."""
    SWITCH.write_text("0")
    return parse(FILE.read_text())


def parse(text: str) -> list[Lock]:
    """All classes whose lock was taken. A class's line is followed by its points."""
    if "lock debugging disabled" in text:
        raise NoCount("lock debugging is off, as the kernel has found a bug")
    found: list[tuple[re.Match[str], set[str]]] = []
    for line in text.splitlines():
        if match := CLASS.match(line):
            found.append((match, set()))
        elif found and (match := POINT.match(line)):
            found[-1][1].add(match["function"])
    classes = []
    for match, functions in found:
        n = [float(word) for word in match["numbers"].split()]
        name, points = match["name"], frozenset(functions)
        classes.append(Lock(name, int(n[7]), int(n[1]), int(n[6]), n[4], n[10], points))
    return classes


def busiest(classes: Iterable[Lock], name: str) -> Lock:
    """The class with that name: the file only shows the first digit of a number in it."""
    none = Lock(name, 0, 0, 0, 0.0, 0.0, frozenset())
    named = (lock for lock in classes if lock.name == name)
    return max(named, key=lambda lock: lock.acquisitions, default=none)


def contended(classes: Iterable[Lock]) -> Counter[str]:
    """The number of contentions, by the names of their classes."""
    count: Counter[str] = Counter()
    for lock in classes:
        if lock.contentions:
            count[lock.name] += lock.contentions
    return count
