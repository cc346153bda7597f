# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: the examples of its manual work."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gup_pin_tool.files import MSYNC, PINS, URING, pin, write
from gup_pin_tool.machine import Machine
from vmlib import paths

MANUAL = (paths.PROJECT / "Documentation/admin-guide/mm/gup_pin_tool.rst").read_text()
EXAMPLES = re.findall(r"\bEXAMPLES\n=+\n(.*?)\n[A-Z]+\n===", MANUAL, re.DOTALL)[0]
BLOCKS = [
    re.sub("^  ", "", block, flags=re.MULTILINE)
    for block in re.findall(r"(?:^  .*\n)+", EXAMPLES, re.MULTILINE)
]


def says(*words: str) -> Callable[[str], bool]:
    """Whether all of these occur, in this order, with any text between them."""
    return lambda out: re.search(".*".join(map(re.escape, words)), out, re.DOTALL) is not None


WANTED: dict[str, Callable[[str], bool]] = {
    "gup_pin top --by module": says("MODULE", "vmlinux"),
    "gup_pin file /var/lib/db/table --by owner,comm": says("OWNER COMM", " 7     db"),
    "gup_pin hazards stake=data": lambda out: out in BLOCKS and out.count("\n") == 3,
    "gup_pin hazards stake=data comm=fio --by stack": says(
        "COUNT", " writeback ", "event:", *MSYNC, "pin:", *URING
    ),
    "gup_pin diff before": says("+8", "0x1", *URING, "total"),
    "gup_pin diff --delay 60": says("+8", *URING, "total"),
    "gup_pin metrics --output /var/lib/prometheus/node-exporter/gup_pin.prom": says(
        "gup_pin_live_pins{", "gup_pin_oldest_pin_seconds"
    ),
    "gup_pin list term=long mode=w min_age_ms=3600000 --json": lambda out: [
        line["pfn"] for line in json.loads(out)
    ] == ["0x99"],
}


@pytest.fixture(name="busy")
def fixture_busy(machine: Machine, folder: Path, hazards: Path) -> Machine:
    """A machine where each example has something to find."""
    shutil.copytree(folder, machine.files, dirs_exist_ok=True)
    shutil.copy(hazards, machine.files)
    write(
        machine.files / "pins",
        PINS,
        pin(pfn="0x98", stack="0x1"),
        pin(pfn="0x99", age_ms=3_600_000, mode="w", stack="0x1"),
        pin(owner=7, comm="db", map="file", dev="9:9", ino=5, path="/db/table", stack="0x2"),
    )
    return machine


def test_every_example_is_tried() -> None:
    commands = re.findall(r"^gup_pin .*", "".join(BLOCKS), re.MULTILINE)
    assert commands == list(WANTED)


@pytest.mark.parametrize("command", WANTED)
def test_an_example(busy: Machine, folder: Path, command: str) -> None:
    words: list[str | Path] = [*command.split()[1:]]
    later = None
    if command == "gup_pin diff --delay 60":
        text = (busy.files / "stacks").read_text().replace("pins=9 ", "pins=17 ")
        (busy.folder / "new").write_text(text)
        later = (busy.folder / "new", busy.files / "stacks")
    elif words[0] == "metrics":
        # The folder exists where node_exporter is installed.
        busy.run(*words[:2], busy.folder / "prom")
        assert WANTED[command]((busy.folder / "prom").read_text())
        return
    elif words[0] == "diff":
        before = folder.parent / "before"
        shutil.copytree(folder, before)
        text = (before / "stacks").read_text()
        (before / "stacks").write_text(text.replace("pins=9 ", "pins=1 "))
        words[1] = before
    assert WANTED[command](busy.run(*words, later=later).stdout)
