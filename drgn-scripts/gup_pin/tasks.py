# SPDX-License-Identifier: LGPL-2.1-or-later
"""Are they still there who pinned, and whose memory it is: mirrors task.c."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Unreadable
from .runs import Item

if TYPE_CHECKING:
    from drgn import Object, Program

# By so much may the clocks of tasks and of pins go apart, in ns.
CLOCKS_DIFFER = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Task:
    """A task: whether it, and its process, has ended; when it began, in ns."""

    ended: bool
    process_ended: bool
    start: int


class Tasks:
    """All tasks of a program by their pid in the initial namespace."""

    def __init__(self, tasks: dict[int, Task], now: int, complete: bool = True) -> None:
        """Now in ns of the clock that tasks' start times are of.

        Unless they are complete, who is not among them may still be there.
        """
        self._tasks = tasks
        self._now = now
        self._complete = complete

    def task_lives(self, pid: int, age: int) -> bool:
        """Whether a task that has been known for age, in ns, is still there."""
        task = self._find(pid, age)
        return task is None or not task.ended

    def process_lives(self, tgid: int, age: int) -> bool:
        """The same of a process, whose first thread may end before the others."""
        task = self._find(tgid, age)
        return task is None or not task.process_ended

    def _find(self, pid: int, age: int) -> Task | None:
        """The task; None if that is not known. One that is younger is another."""
        task = self._tasks.get(pid)
        if task is None:
            return None if not self._complete else Task(True, True, 0)
        lived = self._now - task.start
        return Task(True, True, 0) if lived + CLOCKS_DIFFER < age else task

    def is_orphan(self, item: Item, now: int) -> bool:
        """Whether a pin's owner or its task has gone; now is local_clock()."""
        origin = item.call.origin
        age = max(now - item.call.time, 0)
        if origin.owner and not self.process_lives(origin.owner, age):
            return True
        return not self.task_lives(origin.pid, age)


def _monotonic(prog: Program) -> int:
    """CLOCK_MONOTONIC at the last tick, in ns; raises LookupError, FaultError."""
    try:
        keeper = prog["tk_core"].timekeeper
    except KeyError:
        keeper = prog["timekeeper_data"][0].timekeeper
    mono = keeper.tkr_mono
    return int(mono.base.value_() + (mono.xtime_nsec.value_() >> mono.shift.value_()))


def _read(task: Object) -> Task:
    ended = task.exit_state.value_() != 0
    threads = task.signal.live.counter.value_() if ended else 1
    return Task(ended, ended and not threads, task.start_time.value_())


def find_tasks(prog: Program, now: int, fault: Callable[[Unreadable], None]) -> Tasks:
    """The tasks of a program; now is local_clock(), for want of a better."""
    from drgn import FaultError  # noqa: PLC0415
    from drgn.helpers.linux.pid import for_each_task  # noqa: PLC0415

    tasks: dict[int, Task] = {}
    complete = True
    # AttributeError: a kernel that keeps its time in another place.
    with suppress(LookupError, AttributeError, FaultError):
        now = _monotonic(prog)
    try:
        for task in for_each_task(prog):
            tasks[task.pid.value_()] = _read(task)
    except FaultError as error:
        fault(Unreadable("task", error.address))
        complete = False
    return Tasks(tasks, now, complete)
