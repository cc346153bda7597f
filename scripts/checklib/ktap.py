# SPDX-License-Identifier: GPL-2.0
"""Reading TAP and KTAP, the output of kselftest and KUnit.

Only leaves count: the line of a suite repeats what its tests said. What was planned
and did not come is a failure, as is a suite that fails though no test of its did.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .results import FAILED, PASSED, SKIPPED, Result

LINE = re.compile(
    r"^(?P<indent> *)(?P<status>ok|not ok) (?P<number>\d+)(?: -)? ?(?P<name>[^#\n]*?)"
    r"(?: *# *(?P<directive>SKIP|XFAIL|TODO)\b:? ?(?P<reason>.*)| *#.*)?$"
)
PLAN = re.compile(r"^(?P<indent> *)1\.\.(?P<count>\d+)(?: *# *SKIP\b ?(?P<reason>.*))?")
# "[    2.123456] " in front of a line from the kernel's console
CONSOLE = re.compile(r"^\[ *\d+\.\d+\](?:\[[^]]*\])? ")


@dataclass
class Level:
    """What was seen at one depth since the last line of the depth above."""

    planned: int | None = None
    seen: int = 0
    failed: int = 0
    notes: list[str] = field(default_factory=list)


def strip_console(text: str) -> str:
    """The text without the time stamps of a console."""
    return "\n".join(CONSOLE.sub("", line) for line in text.splitlines())


class Reader:
    """Reads an output line by line."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.results: list[Result] = []
        self.levels: dict[int, Level] = {0: Level()}

    def fail(self, name: str, why: str) -> None:
        """Something failed that no line of its own says."""
        self.results.append(Result(name, FAILED, why))

    def line(self, line: str) -> None:
        """Take the next line."""
        plan, result = PLAN.match(line), LINE.match(line)
        if plan:
            self.levels.setdefault(len(plan["indent"]), Level()).planned = int(plan["count"])
            if plan["reason"] is not None:
                self.results.append(Result(self.prefix, SKIPPED, plan["reason"]))
        elif result:
            self.result(line, result)
        else:
            for level in self.levels.values():
                level.notes.append(line)

    def result(self, line: str, match: re.Match[str]) -> None:
        """A line that says how a test or a suite ended."""
        depth = len(match["indent"])
        deeper = [self.levels.pop(d) for d in list(self.levels) if d > depth]
        level = self.levels.setdefault(depth, Level())
        level.seen += 1
        name = f"{self.prefix}: {match['name'].strip() or match['number']}"
        failed = match["status"] == "not ok" and match["directive"] not in ("XFAIL", "TODO")
        level.failed += failed
        below = [x for x in deeper if x.seen or x.planned is not None]
        if below:
            self.suite(name, failed, below)
        elif failed:
            self.fail(name, "\n".join([line.strip(), *level.notes[-60:]]))
        elif match["directive"] == "SKIP":
            self.results.append(Result(name, SKIPPED, match["reason"] or "no reason given"))
        else:
            self.results.append(Result(name, PASSED))
        level.notes.clear()

    def suite(self, name: str, failed: bool, below: list[Level]) -> None:
        """A suite's line only counts for what its tests did not say."""
        for inner in below:
            if inner.planned is not None and inner.seen != inner.planned:
                self.fail(name, f"{inner.seen} of {inner.planned} tests reported")
        if failed and not any(inner.failed for inner in below):
            self.fail(name, "the suite failed, none of its tests did")

    def end(self) -> None:
        """What was planned and did not come."""
        for depth, level in self.levels.items():
            if level.planned is not None and level.seen != level.planned:
                why = [f"{level.seen} of {level.planned} tests reported", *level.notes[-40:]]
                self.fail(f"{self.prefix}: plan at depth {depth}", "\n".join(why))


def parse(text: str, prefix: str) -> list[Result]:
    """The results in an output; their names begin with prefix."""
    reader = Reader(prefix)
    for line in text.splitlines():
        reader.line(line)
    reader.end()
    return reader.results
