# SPDX-License-Identifier: GPL-2.0
"""Run the kernel's own programs that pin, with and without tracking."""

from __future__ import annotations

from dataclasses import dataclass

from . import ktap
from .built import Built
from .results import FAILED, PASSED, Result
from .run import Guest
from .stats import alarms

# Programs of the kernel's own selftests that pin, with options for each of their modes. Those
# that pin come first: each must have left a trace.
MM_PROGRAMS = [
    "gup_test -a",
    "gup_test -a -w -n 512",
    "gup_test -u",
    "gup_test -b",
    "gup_test -L",
    "gup_test -ct -F 0x1 0 19 0x1000",
    "gup_test -t -a -m 16 -n 512",
    "gup_test -t -L -m 16 -n 512",
    "gup_longterm",
    "cow",
]

MM_SCRIPT = """
cd "$1" || exit
echo 64 >/proc/sys/vm/nr_hugepages
while read -r words; do
	echo "== program"
	./$words 2>&1 </dev/null
	echo "== status $?"
	cat /sys/kernel/debug/gup_pin/stats
done <<END
$2
END
"""


@dataclass
class Outcome:
    """Result of one of the kernel's own programs.

    tests: names and statuses; stats: counters of tracking afterwards.
    """

    tests: list[tuple[str, str]]
    stats: dict[str, str]
    text: str


def mm_guest(built: Built, switch: str) -> tuple[Guest, list[Outcome]]:
    """Run the kernel's own programs with tracking on or off."""
    guest = Guest(
        ["-k", built.version, "-m", "3G", "--append", f"gup_pin={switch}", "-t", "900"],
        ["sh", "-c", MM_SCRIPT, "sh", built.mm, "\n".join(MM_PROGRAMS)],
    )
    outcomes = []
    for part in guest.out.split("== program\n")[1:]:
        text, _, rest = part.partition("== status ")
        status, *stats = rest.splitlines() or [""]
        tests = [(r.name, r.status) for r in ktap.parse(text, "")]
        outcomes.append(
            Outcome(
                [*tests, ("exit status", status)],
                dict(line.split(" ", 1) for line in stats if " " in line),
                part,
            )
        )
    return guest, outcomes


def mm_selftests(built: Built) -> list[Result]:
    """Expect the same results from the kernel's own programs with and without tracking."""
    _, off = mm_guest(built, "off")
    guest, on = mm_guest(built, "on")
    results = [guest.splats(f"{built.version}: mm: no splat")]
    for number, words in enumerate(MM_PROGRAMS):
        name = f"{built.version}: mm/{words}"
        if number >= len(on) or number >= len(off):
            results.append(Result(name, FAILED, f"not run\n{guest.whole()}"))
            continue
        results += compare_mm(name, off[number], on[number])
    return results


def compare_mm(name: str, off: Outcome, on: Outcome) -> list[Result]:
    """Tracking changes no result, has recorded pins, no hazard, and nothing is left."""
    results = [Result(name, PASSED)]
    if off.tests != on.tests:
        differ = sorted(set(off.tests) ^ set(on.tests))
        results = [Result(name, FAILED, f"differs: {differ}\n{on.text}\n{off.text}")]
    elif on.tests[-1][1] != "0" and len(on.tests) == 1:
        results = [Result(name, FAILED, on.text)]
    wrong: dict[str, object] = {
        word: on.stats.get(word)
        for word in ("live_pins", "unmatched", "untracked")
        if on.stats.get(word) != "0"
    }
    # Some pin the pages of a file, but unpin them before the pages leave the file.
    wrong |= alarms({word: int(value) for word, value in on.stats.items()})
    if on.stats.get("acquired", "0") == "0":
        wrong["acquired"] = "0"
    what = f"{name}: nothing left"
    return [*results, Result(what, FAILED if wrong else PASSED, f"{wrong or ''}")]
