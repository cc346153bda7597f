# SPDX-License-Identifier: GPL-2.0
"""Parse TAP and KTAP, the output of kselftest and KUnit.

Only leaves count: the line of a suite repeats the results of its tests. A planned test
without a result is a failure, and so is a suite that fails although none of its tests did.

Not by the kernel's own parser, tools/testing/kunit/kunit_parser.py, for three things that it does
not do: it cannot name a test that hangs, as it does not read our lines that say that a test has
started; it takes a second result by the same name for another test; and its functions are not the
same in each kernel, while this one also reads kselftest's programs on kernels that were not built
here. But kunit.py reads each log of KUnit's as well, and has to count the same (kunit_tool.py).
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
# Our own extension: see gup_pin_case_start() in mm/gup_pin/kunit/case.c.
STARTED = re.compile(r"^ *# (?P<name>[^:]+): started(?:, parameter (?P<parameter>\d+))?$")
# "[ 2.123456] " at the start of a line from the kernel's console
CONSOLE = re.compile(r"^\[ *\d+\.\d+\](?:\[[^]]*\])? ")
# How much output to keep: the end of that before a failure, and the beginning of that after the
# start of a test that did not end.
NOTES = 60
FIRST_NOTES = 100


@dataclass
class Level:
    """Results at one depth since the last line of the depth above.

    name: name of the suite with these tests, or of the test with these parameters
    """

    name: str = ""
    planned: int | None = None
    seen: int = 0
    failed: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def count(self) -> str:
        """Number of tests in the plan."""
        return f"{self.seen} of {self.planned} tests reported"

    @property
    def incomplete(self) -> bool:
        """A planned test has no result, or an unplanned one has."""
        return self.planned is not None and self.seen != self.planned


def strip_console(text: str) -> str:
    """Strip the time stamps of a console."""
    return "\n".join(CONSOLE.sub("", line) for line in text.splitlines())


class Reader:
    """Parses an output line by line."""

    def __init__(self, prefix: str, starts: bool, repeats: bool) -> None:
        self.prefix = prefix
        self.starts = starts
        self.repeats = repeats
        self.results: list[Result] = []
        self.levels: dict[int, Level] = {0: Level()}
        self.names: set[str] = set()
        # The test that started last and has not ended, and the output since then.
        self.running = ""
        self.since: list[str] = []

    def fail(self, name: str, why: str) -> None:
        """Record a failure that has no line of its own."""
        self.results.append(Result(name, FAILED, why))

    def full_name(self, name: str, depth: int) -> str:
        """Full name of a test: with its suite, and with the test whose parameter it is."""
        above = [self.levels[d].name for d in sorted(self.levels) if d <= depth]
        suite, *tests = [*filter(None, above), name]
        for i, test in enumerate(tests):
            suite += f"[{test}]" if i else f".{test}"
        return f"{self.prefix}: {suite}"

    def line(self, line: str) -> None:
        """Parse the next line."""
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
        """Parse a line that says that a test has started."""
        # The innermost parameter is named like the test itself.
        depths = [d for d, level in self.levels.items() if level.name != match["name"]]
        self.running = self.full_name(match["name"], max(depths))
        if match["parameter"]:
            self.running += f"[{match['parameter']}]"
        self.since.clear()

    def result(self, line: str, match: re.Match[str]) -> None:
        """Parse a line that says how a test or a suite ended."""
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
        elif name in self.names and not self.repeats:
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
        """The line of a suite counts only for what its tests did not report."""
        for inner in below:
            if inner.incomplete:
                self.fail(name, inner.count)
        if failed and not any(inner.failed for inner in below):
            self.fail(name, "the suite failed, none of its tests did")

    def end(self) -> None:
        """Record planned tests without a result."""
        incomplete = {d: level for d, level in sorted(self.levels.items()) if level.incomplete}
        if self.running and incomplete:
            counts = [f"{x.name or self.prefix}: {x.count}" for x in incomplete.values()]
            why = ["it did not end", *counts, *self.since[:FIRST_NOTES]]
            self.fail(self.running, "\n".join(why))
            return
        for depth, level in incomplete.items():
            name = self.full_name(f"plan at depth {depth}", depth)
            self.fail(name, "\n".join([level.count, *level.notes[-NOTES:]]))


def parse(
    text: str, prefix: str, starts: bool = False, repeats: bool = False
) -> list[Result]:
    """Return the results in an output; prefix is put before their names.

    starts: each test must say that it starts; repeats: tests may have the same name.
    """
    reader = Reader(prefix, starts, repeats)
    for line in text.splitlines():
        reader.line(line)
    reader.end()
    return reader.results
