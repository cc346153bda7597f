# SPDX-License-Identifier: GPL-2.0
"""Results of tests, and their output."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

PASSED, FAILED, SKIPPED = "ok", "FAIL", "skip"


@dataclass(frozen=True)
class Result:
    """Result of one test.

    detail: why it failed or was skipped; many lines for a failure, one for a skip.
    """

    name: str
    status: str
    detail: str = ""


@dataclass(frozen=True)
class Phase:
    """A phase of a run, with its results.

    wall: elapsed seconds; cpu: CPU seconds, including those of guests.
    """

    what: str
    results: list[Result]
    wall: float
    cpu: float

    @property
    def times(self) -> str:
        """Both times, readable."""
        return f"{self.wall:.0f} s, {self.cpu:.0f} s of CPU"


@dataclass
class Tally:
    """All results so far."""

    results: list[Result] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    start: float = field(default_factory=time.monotonic)

    def add(self, phase: Phase) -> None:
        """Count and print the results of one job."""
        self.phases.append(phase)
        self.results += phase.results
        passed = sum(r.status == PASSED for r in phase.results)
        count = f"{passed} of {len(phase.results)} passed, " if phase.results else ""
        print(f"== {phase.what}: {count}{phase.times}")
        for result in phase.results:
            if result.status == PASSED:
                continue
            first, *more = result.detail.strip().splitlines() or [""]
            print(f"{result.status} {result.name}{': ' if first else ''}{first}")
            if result.status == FAILED:
                print("".join(f"    {line}\n" for line in more), end="")
        sys.stdout.flush()

    def count(self, status: str) -> int:
        """Number of tests with this status."""
        return sum(r.status == status for r in self.results)

    def times(self) -> list[str]:
        """Time of each phase, the longest first; jobs run in parallel."""
        rows = [
            f"{phase.wall:6.0f} {phase.cpu:6.0f}  {phase.what}"
            for phase in sorted(self.phases, key=lambda phase: -phase.wall)
            if phase.wall >= 1
        ]
        wall, cpu = time.monotonic() - self.start, sum(phase.cpu for phase in self.phases)
        return ["  wall    CPU  seconds", *rows, f"{wall:6.0f} {cpu:6.0f}  all"]

    def close(self) -> int:
        """Print times, failures, and the last line; return the exit status."""
        print("\n".join(self.times()))
        failed = self.count(FAILED)
        for result in self.results:
            if result.status != PASSED:
                first = (result.detail.strip().splitlines() or [""])[0]
                print(f"{result.status} {result.name}{': ' if first else ''}{first}")
        print(
            f"{self.count(PASSED)} passed, {failed} failed, {self.count(SKIPPED)} skipped",
            flush=True,
        )
        return 1 if failed or not self.count(PASSED) else 0
