# SPDX-License-Identifier: GPL-2.0
"""A whole run: measure, and write the results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import cases, guests
from .figures import Figure, figures

NOTE = (
    "Times are guest time by QEMU's -icount shift=0: one instruction is one nanosecond. "
    "It counts instructions, not cache misses, nor CPUs that wait for each other."
)


@dataclass(frozen=True)
class Report:
    """Results of the guests, and the figures computed from them."""

    version: str
    answers: guests.Answers
    figures: list[Figure]

    @property
    def ratios(self) -> dict[str, float]:
        """The figures that are compared with the baseline."""
        return {figure.name: figure.ratio for figure in self.figures}

    @property
    def release(self) -> str:
        """Version of the kernel, as it reports it."""
        return str(next(iter(self.answers.values()))["kernel"]["release"])

    def write(self, path: Path) -> None:
        """The whole report as JSON."""
        content = {
            "version": self.version,
            "release": self.release,
            "note": NOTE,
            "figures": {
                figure.name: {
                    "over": figure.over,
                    "under": figure.under,
                    "ratio": figure.ratio,
                    "goal": figure.goal,
                    "met": figure.met,
                }
                for figure in self.figures
            },
            "guests": self.answers,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent="\t") + "\n")


def measure(
    version: str,
    wanted: set[str],
    at_once: int,
    build: bool = True,
    columns: Sequence[str] = cases.COLUMNS,
) -> Report:
    """Boot all guests of the wanted cases. Raises checklib.run.Failed."""
    todo = cases.errands(wanted, columns)
    if build:
        guests.build(version, todo)
    answers = guests.run_all(version, todo, at_once)
    return Report(version, answers, figures(answers, wanted))
