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


def parse(text: str, prefix: str) -> list[Result]:
    """The results in an output; their names begin with prefix."""
    results: list[Result] = []
    levels: dict[int, Level] = {0: Level()}
    for line in text.splitlines():
        plan = PLAN.match(line)
        if plan:
            level = levels.setdefault(len(plan["indent"]), Level())
            level.planned = int(plan["count"])
            if plan["reason"] is not None:
                results.append(Result(prefix, SKIPPED, plan["reason"]))
            continue
        match = LINE.match(line)
        if not match:
            for level in levels.values():
                level.notes.append(line)
            continue
        depth = len(match["indent"])
        deeper = {d: levels.pop(d) for d in list(levels) if d > depth}
        level = levels.setdefault(depth, Level())
        level.seen += 1
        name = f"{prefix}: {match['name'].strip() or match['number']}"
        failed = match["status"] == "not ok" and match["directive"] not in ("XFAIL", "TODO")
        below = [x for x in deeper.values() if x.seen or x.planned is not None]
        if below:
            level.failed += failed
            for inner in below:
                if inner.planned is not None and inner.seen != inner.planned:
                    why = f"{inner.seen} of {inner.planned} tests reported"
                    results.append(Result(name, FAILED, why))
            if failed and not any(inner.failed for inner in below):
                results.append(Result(name, FAILED, "the suite failed, none of its tests did"))
        elif failed:
            level.failed += 1
            detail = "\n".join([line.strip(), *level.notes[-60:]])
            results.append(Result(name, FAILED, detail))
        elif match["directive"] == "SKIP":
            results.append(Result(name, SKIPPED, match["reason"] or "no reason given"))
        else:
            results.append(Result(name, PASSED))
        level.notes.clear()
    for depth, level in levels.items():
        if level.planned is not None and level.seen != level.planned:
            why = "\n".join(
                [f"{level.seen} of {level.planned} tests reported", *level.notes[-40:]]
            )
            results.append(Result(f"{prefix}: plan at depth {depth}", FAILED, why))
    return results
