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
SUBTEST = re.compile(r"^(?P<indent> *)# Subtest: (?P<name>.+)$")
# Our own: see gup_pin_case_start() in mm/gup_pin/kunit/case.c.
STARTED = re.compile(r"^ *# (?P<name>[^:]+): started(?:, parameter (?P<parameter>\d+))?$")
# "[    2.123456] " in front of a line from the kernel's console
CONSOLE = re.compile(r"^\[ *\d+\.\d+\](?:\[[^]]*\])? ")
# Of what was printed before a failure, the end; of what followed the start of a test that
# did not end, the beginning.
NOTES = 60
FIRST_NOTES = 100


@dataclass
class Level:
    """What was seen at one depth since the last line of the depth above.

    name: of the suite whose tests these are, or of the test whose parameters
    """

    name: str = ""
    planned: int | None = None
    seen: int = 0
    failed: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def count(self) -> str:
        """How much of the plan there is."""
        return f"{self.seen} of {self.planned} tests reported"

    @property
    def incomplete(self) -> bool:
        """Something was planned and did not come, or came unplanned."""
        return self.planned is not None and self.seen != self.planned


def strip_console(text: str) -> str:
    """The text without the time stamps of a console."""
    return "\n".join(CONSOLE.sub("", line) for line in text.splitlines())


class Reader:
    """Reads an output line by line."""

    def __init__(self, prefix: str, starts: bool) -> None:
        self.prefix = prefix
        self.starts = starts
        self.results: list[Result] = []
        self.levels: dict[int, Level] = {0: Level()}
        self.names: set[str] = set()
        # The test that started last and has not ended, and what was printed since.
        self.running = ""
        self.since: list[str] = []

    def fail(self, name: str, why: str) -> None:
        """Something failed that no line of its own says."""
        self.results.append(Result(name, FAILED, why))

    def full_name(self, name: str, depth: int) -> str:
        """The name of a test with those of its suite and of the test it is a parameter of."""
        above = [self.levels[d].name for d in sorted(self.levels) if d <= depth]
        suite, *tests = [*filter(None, above), name]
        for i, test in enumerate(tests):
            suite += f"[{test}]" if i else f".{test}"
        return f"{self.prefix}: {suite}"

    def line(self, line: str) -> None:
        """Take the next line."""
        plan, result = PLAN.match(line), LINE.match(line)
        subtest, started = SUBTEST.match(line), STARTED.match(line)
        if plan:
            self.levels.setdefault(len(plan["indent"]), Level()).planned = int(plan["count"])
            if plan["reason"] is not None:
                self.results.append(Result(self.prefix, SKIPPED, plan["reason"]))
        elif result:
            self.result(line, result)
        elif subtest:
            self.levels.setdefault(len(subtest["indent"]), Level()).name = subtest["name"]
        elif started:
            self.start(started)
        else:
            self.since.append(line)
            for level in self.levels.values():
                level.notes.append(line)

    def start(self, match: re.Match[str]) -> None:
        """A line that says that a test has started."""
        # The innermost of a parameter is named as the test itself.
        depths = [d for d, level in self.levels.items() if level.name != match["name"]]
        self.running = self.full_name(match["name"], max(depths))
        if match["parameter"]:
            self.running += f"[{match['parameter']}]"
        self.since.clear()

    def result(self, line: str, match: re.Match[str]) -> None:
        """A line that says how a test or a suite ended."""
        depth = len(match["indent"])
        deeper = [self.levels.pop(d) for d in list(self.levels) if d > depth]
        level = self.levels.setdefault(depth, Level())
        level.seen += 1
        name = self.full_name(match["name"].strip() or match["number"], depth)
        failed = match["status"] == "not ok" and match["directive"] not in ("XFAIL", "TODO")
        level.failed += failed
        below = [x for x in deeper if x.seen or x.planned is not None]
        if below:
            self.suite(name, failed, below)
        elif name in self.names:
            self.fail(name, "a second result by this name")
        elif self.starts and not self.running:
            self.fail(name, "no line said that it started: a hang would not name it")
        elif failed:
            self.fail(name, "\n".join([line.strip(), *level.notes[-NOTES:]]))
        elif match["directive"] == "SKIP":
            self.results.append(Result(name, SKIPPED, match["reason"] or "no reason given"))
        else:
            self.results.append(Result(name, PASSED))
        self.names.add(name)
        self.running = ""
        level.notes.clear()

    def suite(self, name: str, failed: bool, below: list[Level]) -> None:
        """A suite's line only counts for what its tests did not say."""
        for inner in below:
            if inner.incomplete:
                self.fail(name, inner.count)
        if failed and not any(inner.failed for inner in below):
            self.fail(name, "the suite failed, none of its tests did")

    def end(self) -> None:
        """What was planned and did not come."""
        incomplete = {d: level for d, level in sorted(self.levels.items()) if level.incomplete}
        if self.running and incomplete:
            counts = [f"{x.name or self.prefix}: {x.count}" for x in incomplete.values()]
            why = ["it did not end", *counts, *self.since[:FIRST_NOTES]]
            self.fail(self.running, "\n".join(why))
            return
        for depth, level in incomplete.items():
            name = self.full_name(f"plan at depth {depth}", depth)
            self.fail(name, "\n".join([level.count, *level.notes[-NOTES:]]))


def parse(text: str, prefix: str, starts: bool = False) -> list[Result]:
    """The results in an output; their names begin with prefix.

    starts: each test is to say that it starts.
    """
    reader = Reader(prefix, starts)
    for line in text.splitlines():
        reader.line(line)
    reader.end()
    return reader.results
