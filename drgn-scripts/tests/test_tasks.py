# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which tasks still exist."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gup_pin.errors import Faults
from gup_pin.tasks import Clocks, Task, Tasks, find_clocks, find_tasks
from mock_command import MockFaultError, mock_drgn
from samples import ORIGIN, item

MS = 1_000_000
SECOND = 1000 * MS
NOW = 100 * SECOND
AGE = 10 * SECOND
# The clock of pins is ahead of the clock of tasks.
CLOCKS = Clocks(pins=NOW + 7 * SECOND, tasks=NOW, differ=100 * MS)

OLD = Task(ended=False, process_ended=False, start=0)
ZOMBIE = Task(ended=True, process_ended=True, start=0)
LEADER = Task(ended=True, process_ended=False, start=0)
THREAD = Task(ended=False, process_ended=False, start=0, leads=False)
YOUNG = Task(ended=False, process_ended=False, start=NOW - AGE + 101 * MS)
NEARLY = Task(ended=False, process_ended=False, start=NOW - AGE + 100 * MS)


@pytest.mark.parametrize(
    ("task", "lives", "process_lives"),
    [
        (OLD, True, True),
        (ZOMBIE, False, False),
        (LEADER, False, True),
        # The id was reused, the second time by a thread.
        (YOUNG, False, False),
        (THREAD, True, False),
        # The slack between the clocks.
        (NEARLY, True, True),
    ],
)
def test_lives(task: Task, lives: bool, process_lives: bool) -> None:
    """A pin that is ten seconds old."""
    tasks = Tasks({7: task}, CLOCKS)
    assert tasks.task_lives(7, AGE) is lives
    assert tasks.process_lives(7, AGE) is process_lives


def test_nobody() -> None:
    """The task has ended, unless not all tasks could be read."""
    assert not Tasks({}, CLOCKS).task_lives(7, AGE)
    assert Tasks({}, CLOCKS, complete=False).task_lives(7, AGE)
    assert Tasks({}, CLOCKS, complete=False).process_lives(7, AGE)


@pytest.mark.parametrize(
    ("owner", "alive", "gone"),
    [
        (812, {812, 815}, ""),
        (812, {815}, "owner"),
        (812, {812}, "task"),
        (812, set(), "both"),
        (0, {815}, ""),
        (0, {812}, "task"),
    ],
)
def test_orphan(owner: int, alive: set[int], gone: str) -> None:
    """The owner is the process, the task 815; an owner of 0 means none."""
    origin = replace(ORIGIN, owner=owner)
    tasks = Tasks(dict.fromkeys(alive, OLD), CLOCKS)
    pin = item(1, origin=origin, time=CLOCKS.pins - AGE)
    assert tasks.gone(pin) == gone


def test_what_came_after_the_clocks_were_read() -> None:
    """A pin of a task that started since, on a live kernel: the task exists."""
    pin = item(1, time=CLOCKS.pins + 9 * SECOND)
    born = replace(OLD, start=CLOCKS.tasks + 8 * SECOND)
    assert not Tasks({812: born, 815: born}, CLOCKS).gone(pin)
    # A task that started after such a pin is another one.
    born = replace(OLD, start=CLOCKS.tasks + 10 * SECOND)
    assert Tasks({812: born, 815: born}, CLOCKS).gone(pin)


def value(number: int) -> SimpleNamespace:
    """A number in a program."""
    return SimpleNamespace(value_=lambda: number)


class MockProgram(dict[str, Any]):
    """A program with a timekeeper, and the kernel's note of its clocks at boot."""

    def __init__(self, seconds: int, booted: int | Exception) -> None:
        """Clocks were that many ns apart at boot; an error is raised."""
        shift = 8
        mono = SimpleNamespace(
            base=value((seconds - 1) * SECOND),
            xtime_nsec=value(SECOND << shift),
            shift=value(shift),
        )
        super().__init__(
            tk_core=SimpleNamespace(timekeeper=SimpleNamespace(tkr_mono=mono))
        )
        self._booted = booted

    def variable(self, name: str, file: str) -> SimpleNamespace:
        """The variable, whose name other files may use, too."""
        assert name == "clocks_apart" and file.startswith("gup_pin/")
        if isinstance(self._booted, LookupError):
            raise self._booted
        return SimpleNamespace(value_=self._value)

    def _value(self) -> int:
        if isinstance(self._booted, Exception):
            raise self._booted
        return self._booted


@pytest.mark.parametrize(
    ("pins", "booted", "differ"),
    [
        # A long uptime: NTP has slowed the clock of tasks.
        (150 * SECOND, 2 * SECOND, 100 * MS + 48 * SECOND),
        (50 * SECOND, -2 * SECOND, 100 * MS + 48 * SECOND),
        (102 * SECOND, 2 * SECOND, 100 * MS),
        # An older kernel, or a page that is not in the dump.
        (150 * SECOND, LookupError("clocks_apart"), SECOND),
        (150 * SECOND, MockFaultError("0x10"), SECOND),
    ],
)
def test_clocks(
    monkeypatch: pytest.MonkeyPatch, pins: int, booted: int | Exception, differ: int
) -> None:
    """The slack grows with their drift since boot."""
    monkeypatch.setitem(sys.modules, "drgn", mock_drgn())
    prog: Any = MockProgram(100, booted)
    assert find_clocks(prog, pins) == Clocks(pins, 100 * SECOND, differ)


def test_no_clock_of_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of pins is used instead."""
    monkeypatch.setitem(sys.modules, "drgn", mock_drgn())
    prog: Any = {}
    assert find_clocks(prog, NOW) == Clocks(NOW, NOW, SECOND)


def make_task(pid: int) -> SimpleNamespace:
    """A struct task_struct of a live task."""
    return SimpleNamespace(
        pid=value(pid), tgid=value(pid), exit_state=value(0), start_time=value(0)
    )


def found_tasks(
    monkeypatch: pytest.MonkeyPatch, pids: list[int], count: int | None, live: bool
) -> tuple[Tasks, list[str]]:
    """The tasks found, with these pids and this count of the kernel."""
    monkeypatch.setitem(sys.modules, "drgn", mock_drgn())
    for name in ("drgn.helpers", "drgn.helpers.linux"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    helpers = ModuleType("drgn.helpers.linux.pid")
    vars(helpers).update(for_each_task=lambda _: map(make_task, pids))
    monkeypatch.setitem(sys.modules, helpers.__name__, helpers)

    def variable(name: str, file: str) -> SimpleNamespace:
        """The variable, whose name tests in the kernel may use, too."""
        if count is None or (name, file) != ("nr_threads", "kernel/fork.c"):
            raise LookupError(name)
        return SimpleNamespace(
            value_=lambda: count, address_of_=lambda: value(0x10)
        )

    prog: Any = MockProgram(100, 0)
    monkeypatch.setattr(prog, "variable", variable)
    faults = Faults()
    return find_tasks(prog, NOW, faults.add, live), list(faults.lines())


@pytest.mark.parametrize(
    ("pids", "count", "live"),
    [
        ([7, 8], 2, False),
        # One more was counted, or not yet counted.
        ([7, 8], 1, False),
        ([7, 8], 5, True),
        ([7, 8], None, False),
    ],
)
def test_all_tasks(
    monkeypatch: pytest.MonkeyPatch, pids: list[int], count: int | None, live: bool
) -> None:
    """Tasks that are not among them have ended."""
    tasks, lines = found_tasks(monkeypatch, pids, count, live)
    assert tasks.task_lives(7, AGE) and not tasks.task_lives(9, AGE)
    assert lines == []


@pytest.mark.parametrize("pids", [[7], [7, 0, 0]])
def test_tasks_that_are_missing(
    monkeypatch: pytest.MonkeyPatch, pids: list[int]
) -> None:
    """Their nodes or they are zeroed: no task is taken for ended."""
    tasks, lines = found_tasks(monkeypatch, pids, 3, live=False)
    assert tasks.task_lives(7, AGE) and tasks.task_lives(8, AGE)
    assert lines == ["task not found (2 times, first 0x10)"]
