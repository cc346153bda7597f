# SPDX-License-Identifier: GPL-2.0
"""From what the guests counted to the figures that are judged."""

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
    """One figure: over / under, the less the better.

    name: the key of its goal and of its baseline; cells: what the table shows of the
    columns.
    """

    name: str
    over: float
    under: float
    cells: tuple[str, ...] = ("",) * len(COLUMNS)

    @property
    def ratio(self) -> float:
        """What is judged."""
        return self.over / self.under

    @property
    def goal(self) -> float:
        """What it ought to be at most."""
        return GOALS[self.name]

    @property
    def met(self) -> bool:
        """Whether it is as good as it ought to be."""
        return self.ratio <= self.goal


def total(answer: dict[str, Any]) -> float:
    """Instructions a page or operation, pin and unpin together."""
    each = answer["each"] if "each" in answer else answer["get"] + answer["put"]
    return float(each)


def cell(answer: dict[str, Any]) -> str:
    """The same for the table, which shows both."""
    if "each" in answer:
        return f"{answer['each']:.0f}"
    return f"{answer['get']:.0f} + {answer['put']:.0f}"


def compared(case: str, answers: Answers) -> list[Figure]:
    """Columns, put in relation to absent and to off, as far as there are guests."""
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
        # Most of a pair is the ioctl and Python: what is added counts, as if to a bare pin.
        bare = total(answers[under]["single"]) if case == "pair" else base
        figure = Figure(f"{case} {over}/{under}", bare + total(said[over]) - base, bare, cells)
        found.append(figure)
        cells = ("",) * len(COLUMNS)
    return found


def page_owner(answers: Answers) -> list[Figure]:
    """A record of a pin, against a record of an allocation."""
    off, on = (total(answers[word]["fault"]) for word in PAGE_OWNER_WORDS)
    event = on - off
    if event <= 0:
        raise Failed(f"page_owner takes {event} instructions an event")
    record = total(answers["on"]["single"]) - total(answers["off"]["single"])
    cells = (f"event {event:.0f}", "", f"record {record:.0f}", "")
    return [Figure(PAGE_OWNER, record, event, cells)]


def stacks(answers: Answers) -> list[Figure]:
    """Reading the file."""
    read = answers["stacks"]["stacks"]
    return [Figure(STACKS, read["total"], read["pins"])]


def live_pins(answers: Answers) -> list[Figure]:
    """Memory."""
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
