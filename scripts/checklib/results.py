# SPDX-License-Identifier: GPL-2.0
"""Results of tests, and how they are told."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field

PASSED, FAILED, SKIPPED = "ok", "FAIL", "skip"


@dataclass(frozen=True)
class Result:
    """How one test ended.

    detail: why it failed or was skipped; many lines for a failure, one for a skip.
    """

    name: str
    status: str
    detail: str = ""


@dataclass
class Tally:
    """All results so far. Safe to use from several threads."""

    results: list[Result] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, results: list[Result], what: str, seconds: float) -> None:
        """Count the results of one job and tell them."""
        with self.lock:
            self.results += results
            passed = sum(r.status == PASSED for r in results)
            print(f"== {what}: {passed} of {len(results)} passed, {seconds:.0f} s")
            for result in results:
                if result.status == PASSED:
                    continue
                first, *more = result.detail.strip().splitlines() or [""]
                print(f"{result.status} {result.name}{': ' if first else ''}{first}")
                if result.status == FAILED:
                    print("".join(f"    {line}\n" for line in more), end="")
            sys.stdout.flush()

    def count(self, status: str) -> int:
        """How many tests ended so."""
        return sum(r.status == status for r in self.results)

    def close(self) -> int:
        """Print the closing line; the exit status for it."""
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
