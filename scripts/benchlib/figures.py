# SPDX-License-Identifier: GPL-2.0
"""Compute the figures that are judged from the counts of the guests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from checklib.run import Failed

from .cases import COLUMNS, COMPARED, GOALS, PAGE_OWNER, PAGE_OWNER_WORDS, STACKS, guest_of
from .guests import Answers


@dataclass(frozen=True)
class Figure:
    """One figure: over / under, lower is better.

    name: key of its goal and of its baseline; cells: values that the table shows for the
    columns.
    """

    name: str
    over: float
    under: float
    cells: tuple[str, ...] = ("",) * len(COLUMNS)

    @property
    def ratio(self) -> float:
        """The value that is judged."""
        return self.over / self.under

    @property
    def goal(self) -> float:
        """The goal: an upper limit."""
        return GOALS[self.name]

    @property
    def met(self) -> bool:
        """Whether the goal is met."""
        return self.ratio <= self.goal


def total(answer: dict[str, Any]) -> float:
    """Instructions per page or operation, for pin and unpin together."""
    each = answer["each"] if "each" in answer else answer["get"] + answer["put"]
    return float(each)


def cell(answer: dict[str, Any]) -> str:
    """The same for the table, which shows pin and unpin."""
    if "each" in answer:
        return f"{answer['each']:.0f}"
    return f"{answer['get']:.0f} + {answer['put']:.0f}"


def compared(case: str, answers: Answers) -> list[Figure]:
    """Columns relative to absent and to off, if there are such guests."""
    said = {
        column: answers[guest_of(case, column)][case]
        for column in COLUMNS
        if guest_of(case, column) in answers
    }
    cells = tuple(cell(said[column]) if column in said else "" for column in COLUMNS)
    found = []
    for over, under in (("on", "absent"), ("off", "absent"), ("on", "off"), ("late", "off")):
        if over not in said or under not in said:
            continue
        base = total(said[under])
        # Most of a pair is the ioctl and Python, so count the difference as if added to a bare
        # pin.
        bare = total(answers[under]["single"]) if case == "pair" else base
        figure = Figure(f"{case} {over}/{under}", bare + total(said[over]) - base, bare, cells)
        found.append(figure)
        cells = ("",) * len(COLUMNS)
    return found


def page_owner(answers: Answers) -> list[Figure]:
    """Recording a pin, compared with recording an allocation."""
    off, on = (total(answers[word]["fault"]) for word in PAGE_OWNER_WORDS)
    event = on - off
    if event <= 0:
        raise Failed(f"page_owner takes {event} instructions an event")
    record = total(answers["on"]["single"]) - total(answers["off"]["single"])
    cells = (f"event {event:.0f}", "", f"record {record:.0f}", "")
    return [Figure(PAGE_OWNER, record, event, cells)]


def stacks(answers: Answers) -> list[Figure]:
    """Reading the file of stacks."""
    read = answers["stacks"]["stacks"]
    return [Figure(STACKS, read["total"], read["pins"])]


def live_pins(answers: Answers) -> list[Figure]:
    """Memory of live pins."""
    ways = answers["live_pins"]["live_pins"]
    return [
        Figure(f"live_pins {how} bytes/pin", live["bytes"], live["pins"])
        for how, live in ways.items()
    ]


def figures(answers: Answers, wanted: set[str]) -> list[Figure]:
    """All figures of the wanted cases."""
    ways: dict[str, Callable[[Answers], list[Figure]]] = {
        **{case: partial(compared, case) for case in COMPARED},
        "page_owner": page_owner,
        "stacks": stacks,
        "live_pins": live_pins,
    }
    return [f for case, way in ways.items() if case in wanted for f in way(answers)]
