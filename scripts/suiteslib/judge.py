# SPDX-License-Identifier: GPL-2.0
"""Compare a suite's two runs, and say what tracking has counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from checklib.results import FAILED, PASSED, SKIPPED, Result
from checklib.stats import alarms

# What has to be 0 at the end, beside the alarms.
LEFT = ("live_pins", "pinned_from_before", "unpinned_from_before", "wrong_traces")


@dataclass
class Run:
    """A suite that ran once.

    results: of its tests, by name; left: the pins that tests left behind, by test; before and
    after: figures of tracking; verify: the last lines of that file; ended: it came to its end.
    """

    results: dict[str, Result] = field(default_factory=dict)
    left: dict[str, list[str]] = field(default_factory=dict)
    before: Mapping[str, int] = field(default_factory=dict)
    after: Mapping[str, int] = field(default_factory=dict)
    verify: Sequence[str] = ()
    seconds: float = 0
    ended: bool = False

    def count(self, status: str) -> int:
        """How many tests ended so."""
        return sum(r.status == status for r in self.results.values())

    def add(self, results: Iterable[Result]) -> None:
        """Keep results; a second one by a name is one more test."""
        for result in results:
            name, number = result.name, 1
            while name in self.results:
                number += 1
                name = f"{result.name} ({number})"
            self.results[name] = result

    def grown(self, name: str) -> int:
        """By what a figure has grown."""
        return self.after.get(name, 0) - self.before.get(name, 0)

    @property
    def hazards(self) -> int:
        """How many were met."""
        return sum(self.grown(name) for name in self.after if name.startswith("hazard_"))

    @property
    def mismatches(self) -> int:
        """How many `verify` has found, -1 if it said nothing."""
        last = self.verify[-1] if self.verify else ""
        _, found, count = last.partition(" mismatches=")
        return int(count) if found else -1


@dataclass(frozen=True)
class Figures:
    """What the document says of a suite in a kernel.

    version: the suite's own; kernel: its name; guessed: pins that were released by a guess, the
    only ones that can have been taken from another holder; left: pins that were there at the
    end; differences: tests that ended otherwise with tracking on.
    """

    suite: str
    version: str
    kernel: str
    tests: int
    failed: int
    skipped: int
    pins: int
    hazards: int
    guessed: int
    unmatched: int
    mismatches: int
    left: int
    differences: int


def differences(off: Run, on: Run) -> list[str]:
    """The tests that ended otherwise with tracking on, each with what is known of it."""
    absent = Result("", "not run")
    lines = []
    for name in dict.fromkeys([*off.results, *on.results]):
        without, with_it = off.results.get(name, absent), on.results.get(name, absent)
        if without.status != with_it.status:
            head = f"{name}: {without.status} without tracking, {with_it.status} with it"
            lines.append("\n".join(filter(None, (head, without.detail, with_it.detail))))
    return lines


def figures(suite: str, version: str, kernel: str, off: Run, on: Run) -> Figures:
    """What is kept of both runs."""
    return Figures(
        suite=suite,
        version=version,
        kernel=kernel,
        tests=len(on.results),
        failed=on.count(FAILED),
        skipped=on.count(SKIPPED),
        pins=on.grown("acquired"),
        hazards=on.hazards,
        guessed=on.grown("inferred"),
        unmatched=on.grown("unmatched"),
        mismatches=on.mismatches,
        left=on.after.get("live_pins", -1),
        differences=len(differences(off, on)),
    )


def wrong_figures(on: Run, hazards: Sequence[str] = ()) -> dict[str, object]:
    """The figures that are not as they have to be after a run with tracking on."""
    met = {f"hazard_{kind}" for kind in hazards}
    grown = {name: on.grown(name) for name in on.after if name not in met}
    wrong: dict[str, object] = dict(alarms(grown))
    wrong |= {name: on.after.get(name) for name in LEFT if on.after.get(name) != 0}
    if on.mismatches:
        wrong["verify"] = list(on.verify)
    if on.left:
        wrong["left by tests"] = on.left
    return wrong


def judge(name: str, off: Run, on: Run, hazards: Sequence[str] = ()) -> list[Result]:
    """Tracking changes no result, has recorded pins, and nothing is wrong or left.

    hazards: the kinds that the suite causes.
    """
    if not (off.ended and on.ended):
        which = "with" if off.ended else "without"
        last = next(reversed((on if off.ended else off).results), "no test")
        return [Result(f"{name}: ends", FAILED, f"not {which} tracking; the last was {last}")]
    differ = differences(off, on)
    results = [Result(f"{name}: as without", FAILED if differ else PASSED, "\n".join(differ))]
    passed, pins = on.count(PASSED), on.grown("acquired")
    idle = "" if passed and pins else f"{passed} of {len(on.results)} tests passed, {pins} pins"
    results.append(Result(f"{name}: pins", FAILED if idle else PASSED, idle))
    wrong = wrong_figures(on, hazards)
    lines = "\n".join(f"{word}: {value}" for word, value in wrong.items())
    results.append(Result(f"{name}: nothing wrong", FAILED if wrong else PASSED, lines))
    return results
