# SPDX-License-Identifier: GPL-2.0
"""Figures in the documents are those of the baseline and of the sources that they are about."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from benchlib import baseline
from benchlib.table import short
from mutatelib.mutations import MUTATIONS
from vmlib.paths import PROJECT

README = (PROJECT / "README.md").read_text()
INSIDE = (PROJECT / "Documentation/mm/gup_pin.rst").read_text()
USERS = (PROJECT / "Documentation/mm/gup_pin_users.rst").read_text()
SELFTESTS = PROJECT / "tools/testing/selftests/gup_pin"

# Of the kernel that the documents name.
COST = baseline.load()["6.12"]


def cells(table: str, row: str) -> list[str]:
    """The cells of the only row of that name."""
    (line,) = re.findall(rf"^\| {re.escape(row)} \|(.*)\|$", table, re.MULTILINE)
    return [cell.strip() for cell in line.split("|")]


@pytest.mark.parametrize(("column", "case"), enumerate(("single", "neighbours")))
@pytest.mark.parametrize(("row", "state"), [("built, switched off", "off"), ("switched on", "on")])
def test_what_it_costs(row: str, state: str, column: int, case: str) -> None:
    """README's table has the baseline's ratios."""
    ratio = COST[f"{case} {state}/absent"]
    assert cells(README, row)[column] == f"{short(ratio)} x"


def test_what_memory_it_takes() -> None:
    single, bulk = cells(README, "memory, 100,000 single pages")
    assert single == f"{COST['live_pins single bytes/pin']:.1f} bytes"
    assert bulk.startswith(f"{COST['live_pins bulk bytes/pin']:.1f} bytes ")


def test_what_it_costs_in_words() -> None:
    """At README's beginning, and below its table."""
    words = " ".join(README.split())
    single, neighbours, scattered = (
        COST[f"{case} on/absent"] for case in ("single", "neighbours", "scattered")
    )
    assert (
        f"a pin and its unpin take {single:.1f} times the instructions if a call pins one page, "
        f"{neighbours:.1f} times if it pins 512 adjacent ones, and {scattered:.1f} times if these "
        "are scattered" in words
    )
    assert f"(512 scattered pages take {short(scattered)} x the instructions" in words
    assert scattered == max(cost for name, cost in COST.items() if name.endswith(" on/absent"))


# The rows of "At a glance", and what they are of the baseline.
GLANCE = {
    "built in, switched off": short(COST["single off/absent"]),
    "on: io_uring, 4 KiB O_DIRECT reads": short(COST["io_uring_randread on/absent"]),
    "on: a huge page of 2 MiB": short(COST["thp on/absent"]),
    "on: one page a call": short(COST["single on/absent"]),
    "on: 512 scattered pages a call": short(COST["scattered on/absent"]),
    "on: write, fsync and truncate of files": short(COST["file on/absent"]),
    "memory, a call that pins many pages": f"{COST['live_pins bulk bytes/pin']:.1f} bytes/page",
    "memory, a call for each page": f"{COST['live_pins single bytes/pin']:.0f} bytes/page",
}


def glance(row: str) -> str:
    """The second cell of a row there."""
    part = INSIDE.partition("At a glance\n")[2].partition("\nRooms\n")[0]
    (cell,) = re.findall(rf"^{re.escape(row)} {{2,}}(.*)$", part, re.MULTILINE)
    return str(cell)


@pytest.mark.parametrize("row", GLANCE)
def test_costs_at_a_glance(row: str) -> None:
    assert glance(row) == GLANCE[row]


def scenes(pattern: str) -> Iterator[str]:
    """The fixtures of all scenes, each as often as it has variants."""
    for path in SELFTESTS.glob(pattern):
        text = path.read_text()
        variants = Counter(re.findall(r"^FIXTURE_VARIANT_ADD\((\w+),", text, re.MULTILINE))
        for fixture in re.findall(r"^TEST(?:_F\w*)?\((\w+)", text, re.MULTILINE):
            yield from [fixture] * max(variants[fixture], 1)


def test_tests_at_a_glance() -> None:
    """Scenes, callers and mutations are counted."""
    innocent, guilty = (len([*scenes(f"gup_pin_{kind}_*.c")]) for kind in ("innocent", "guilty"))
    assert glance("scenes of correct programs, no report allowed").startswith(f"{innocent}, ")
    assert glance("scenes of each hazard, reported once") == str(guilty)
    callers, tested = re.findall(r"^(\d+) callers: (\d+) have a test", USERS, re.MULTILINE)[0]
    row = glance("callers of the pin functions")
    assert row.startswith(f"{callers}, {tested} with a test of their own ")
    row = glance("deliberate faults in the core")
    assert row.startswith(f"{len(MUTATIONS)}; a named test notices each")
