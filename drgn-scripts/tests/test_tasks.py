# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who is still there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gup_pin.tasks import Task, Tasks
from samples import CALL, ORIGIN, item

SECOND = 1_000_000_000
NOW = 100 * SECOND
AGE = 10 * SECOND

OLD = Task(ended=False, process_ended=False, start=0)
ZOMBIE = Task(ended=True, process_ended=True, start=0)
LEADER = Task(ended=True, process_ended=False, start=0)
YOUNG = Task(ended=False, process_ended=False, start=NOW - 5 * SECOND)
NEARLY = Task(ended=False, process_ended=False, start=NOW - AGE + SECOND)


@pytest.mark.parametrize(
    ("task", "lives", "process_lives"),
    [
        (OLD, True, True),
        (ZOMBIE, False, False),
        (LEADER, False, True),
        # The id was given away again.
        (YOUNG, False, False),
        # Clocks go apart by less than a second.
        (NEARLY, True, True),
    ],
)
def test_lives(task: Task, lives: bool, process_lives: bool) -> None:
    """A pin that is ten seconds old."""
    tasks = Tasks({7: task}, NOW)
    assert tasks.task_lives(7, AGE) is lives
    assert tasks.process_lives(7, AGE) is process_lives


def test_nobody() -> None:
    """Gone, unless not all tasks could be read."""
    assert not Tasks({}, NOW).task_lives(7, AGE)
    assert Tasks({}, NOW, complete=False).task_lives(7, AGE)
    assert Tasks({}, NOW, complete=False).process_lives(7, AGE)


@pytest.mark.parametrize(
    ("owner", "alive", "orphan"),
    [
        (812, {812, 815}, False),
        (812, {815}, True),
        (812, {812}, True),
        (0, {815}, False),
        (0, {812}, True),
    ],
)
def test_orphan(owner: int, alive: set[int], orphan: bool) -> None:
    """The owner is the process, the task 815; an owner of 0 is none."""
    call = replace(CALL, origin=replace(ORIGIN, owner=owner))
    tasks = Tasks(dict.fromkeys(alive, OLD), NOW)
    assert tasks.is_orphan(item(1, call=call), CALL.time + AGE) is orphan
