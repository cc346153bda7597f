# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether the task and the owner of a pin still exist: mirrors task.c."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Unreadable
from .pin import Item
from .statics import find_static

if TYPE_CHECKING:
    from drgn import Object, Program

# CLOCKS_DIFFER: slack allowed between the clocks of tasks and of pins, in ns.
CLOCKS_DIFFER = 100_000_000

# The slack if it is unknown how far they have drifted since boot.
UNKNOWN_DIFFER = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Clocks:
    """Both clocks at one moment, in ns.

    pins: local_clock(), which dates pins; tasks: CLOCK_MONOTONIC, which dates tasks;
    differ: possible error of an age that is derived from both
    """

    pins: int
    tasks: int
    differ: int


@dataclass(frozen=True, slots=True)
class Task:
    """A task: whether it, and its process, has ended; its start time, in ns.

    leads: its id is also that of its process
    """

    ended: bool
    process_ended: bool
    start: int
    leads: bool = True


_GONE = Task(True, True, 0)


class Tasks:
    """Tasks of a program by their pid in the initial namespace."""

    def __init__(
        self, tasks: dict[int, Task], clocks: Clocks, complete: bool = True
    ) -> None:
        """Unless complete, tasks that are not listed may still exist."""
        self._tasks = tasks
        self.clocks = clocks
        self._complete = complete

    def task_lives(self, pid: int, age: int) -> bool:
        """Whether a task that existed age ns ago has not ended.

        The age is relative to the clocks: negative for a time after they were read.
        """
        task = self._find(pid, age)
        return task is None or not task.ended

    def process_lives(self, tgid: int, age: int) -> bool:
        """As task_lives(), but the first thread may end before the process."""
        task = self._find(tgid, age)
        return task is None or (task.leads and not task.process_ended)

    def _find(self, pid: int, age: int) -> Task | None:
        """The task; None if unknown. A task younger than age reuses the pid."""
        task = self._tasks.get(pid)
        if task is None:
            return _GONE if self._complete else None
        lived = self.clocks.tasks - task.start
        return _GONE if lived + self.clocks.differ < age else task

    def gone(self, item: Item) -> str:
        """What has ended of a pin: "owner", "task" or "both"; "" if neither has."""
        origin = item.origin
        age = self.clocks.pins - item.time
        owner = bool(origin.owner) and not self.process_lives(origin.owner, age)
        if not self.task_lives(origin.pid, age):
            return "both" if owner else "task"
        return "owner" if owner else ""


def find_clocks(prog: Program, known: int | None) -> Clocks:
    """The clocks of a program; known is local_clock() in ns.

    If that is None, no pin looks older than a task, and no pid looks reused.

    The clock of tasks is disciplined, the clock of pins is not: within weeks they drift
    apart by many seconds. The kernel notes their difference at boot.
    """
    from drgn import FaultError  # noqa: PLC0415

    now = known or 0
    try:
        tasks = _monotonic(prog)
    except (LookupError, AttributeError, FaultError):
        # AttributeError: this kernel keeps its time elsewhere.
        return Clocks(now, now, UNKNOWN_DIFFER)
    try:
        booted = find_static(prog, "clocks_apart", "record/task.c").value_()
    except (LookupError, FaultError):
        return Clocks(now, tasks, UNKNOWN_DIFFER)
    return Clocks(now, tasks, CLOCKS_DIFFER + abs(now - tasks - booted))


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
    leads = task.pid.value_() == task.tgid.value_()
    return Task(ended, ended and not threads, task.start_time.value_(), leads)


def find_tasks(
    prog: Program, now: int | None, fault: Callable[[Unreadable], None], live: bool
) -> Tasks:
    """All tasks of a program; now is local_clock() in ns.

    Unless it is live, their number is compared with the kernel's count.
    """
    from drgn import FaultError  # noqa: PLC0415
    from drgn.helpers.linux.pid import for_each_task  # noqa: PLC0415

    tasks: dict[int, Task] = {}
    missing: Unreadable | None = None
    try:
        for task in for_each_task(prog):
            tasks[task.pid.value_()] = _read(task)
        # A zeroed task has pid 0: idle tasks are not in the list.
        tasks.pop(0, None)
        if not live:
            missing = _find_missing(prog, len(tasks))
    except FaultError as error:
        missing = Unreadable("task", error.address)
    if missing:
        fault(missing)
    return Tasks(tasks, find_clocks(prog, now), missing is None)


def _find_missing(prog: Program, met: int) -> Unreadable | None:
    """A fault if there are more tasks than were found; raises drgn.FaultError."""
    try:
        count = prog.variable("nr_threads", "kernel/fork.c")
    except LookupError:
        return None
    address, missing = count.address_of_().value_(), count.value_() - met
    return Unreadable("task", address, "not found", missing) if missing > 0 else None


def find_these(
    prog: Program, pids: set[int], clocks: Clocks, fault: Callable[[Unreadable], None]
) -> Tasks:
    """The tasks with these ids, using clocks that were read before."""
    from drgn import FaultError  # noqa: PLC0415
    from drgn.helpers.linux.pid import find_task  # noqa: PLC0415

    tasks: dict[int, Task] = {}
    complete = True
    for pid in pids:
        try:
            task = find_task(prog, pid)
            if task:
                tasks[pid] = _read(task)
        except FaultError as error:
            fault(Unreadable("task", error.address))
            complete = False
    return Tasks(tasks, clocks, complete)
