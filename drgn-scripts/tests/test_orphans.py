# SPDX-License-Identifier: LGPL-2.1-or-later
"""Orphans in a dump, and while tasks start and end."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from test_tasks import CLOCKS, OLD, SECOND, ZOMBIE

from gup_pin import state
from gup_pin.filter import Filter
from gup_pin.orphans import Orphans
from gup_pin.pin import Item
from gup_pin.runs import Run
from gup_pin.state import GupPinState
from gup_pin.tasks import Task, Tasks
from samples import ORIGIN, item

# Of process 812, task 815, taken after all tasks were read.
PIN = item(1, time=CLOCKS.pins + SECOND)
BORN = replace(OLD, start=CLOCKS.tasks + SECOND // 2)
FAMILY = {812: OLD, 815: BORN}


class Live:
    """A live kernel: its tasks now, and its pins."""

    def __init__(self, tasks: dict[int, Task], *held: Item) -> None:
        """Start with these."""
        self._tasks, self._held = tasks, held
        self.asked: list[set[int]] = []

    def tasks(self, pids: set[int]) -> Tasks:
        """Those of these tasks that exist."""
        self.asked.append(pids)
        found = {pid: self._tasks[pid] for pid in pids if pid in self._tasks}
        return Tasks(found, CLOCKS)

    def holds(self, pin: Item) -> bool:
        """Whether a pin is still held."""
        return pin in self._held

    def orphans(self, then: dict[int, Task]) -> Orphans:
        """By the tasks at the start of a walk."""
        return Orphans(Tasks(then, CLOCKS), self.tasks, self.holds)


def test_a_dump() -> None:
    """Nothing changes, so one look is enough."""
    assert Orphans(Tasks({}, CLOCKS)).gone(PIN) == "both"
    assert Orphans(Tasks(FAMILY, CLOCKS)).gone(PIN) == ""


@pytest.mark.parametrize(
    ("now", "held", "gone"),
    [
        ({}, True, "both"),
        # Started since the walk began.
        (FAMILY, True, ""),
        # Unpinned, and ended then.
        ({}, False, ""),
        ({812: OLD}, True, "task"),
        ({**FAMILY, 815: ZOMBIE}, True, "task"),
    ],
)
def test_a_live_kernel(now: dict[int, Task], held: bool, gone: str) -> None:
    """A task that seems to have ended is looked up again, then the pin."""
    live = Live(now, *([PIN] if held else []))
    assert live.orphans({}).gone(PIN) == gone
    assert live.asked == [{812, 815}]


def test_nobody_asks_twice_for_those_who_were_there() -> None:
    """That would be slow."""
    live = Live({})
    assert live.orphans(FAMILY).gone(PIN) == ""
    assert live.asked == []


@pytest.mark.parametrize("live", [True, False])
def test_the_state_asks_again_if_live(
    monkeypatch: pytest.MonkeyPatch, live: bool
) -> None:
    """It uses the program, and the folio's records."""
    asked: list[object] = []

    def find_these(prog: object, pids: set[int], clocks: object, _: object) -> Tasks:
        asked.append((prog, pids, clocks))
        return Tasks({}, CLOCKS)

    monkeypatch.setattr(state, "find_these", find_these)
    other = replace(PIN, pfn=0x20, time=5)
    alien = replace(PIN, pfn=0x20, origin=replace(ORIGIN, pid=5))
    around = replace(PIN, pfn=0xE, pages=3)
    records = {
        0x10: [other, around],
        0x20: [other, alien, replace(PIN, pfn=0x21), replace(PIN, pfn=0x1F)],
        0x30: [],
    }
    runs = [Run(replace(PIN, pfn=pfn), 1, 1) for pfn in records]
    mock: Any = SimpleNamespace(
        live=live,
        prog="the program",
        faults=SimpleNamespace(add=None),
        tasks=lambda: Tasks({}, CLOCKS),
        items_of=records.__getitem__,
        for_each_run=lambda wanted: runs,
    )
    mock.still_held = lambda pin: GupPinState.still_held(mock, pin)
    mock.orphans = lambda: GupPinState.orphans(mock)
    found = [(run.first.pfn, run.gone) for run in GupPinState.for_each_orphan(mock)]
    pfns = [0x10] if live else [0x10, 0x20, 0x30]
    assert found == [(pfn, "both") for pfn in pfns]
    assert asked == [("the program", {812, 815}, CLOCKS)] * (3 if live else 0)
    for gone, wanted in (("both", pfns), ("owner", []), ("task", [])):
        orphans = GupPinState.for_each_orphan(mock, Filter(gone=gone))
        assert [run.first.pfn for run in orphans] == wanted
