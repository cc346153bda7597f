# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: which pins are shown, and in which order."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from gup_pin_tool.files import (
    HAZARDS,
    NONE,
    PINS,
    RXE,
    STACKS,
    URING,
    Tool,
    Words,
    hazard,
    pin,
    refused,
    rows,
    stack,
    write,
)


@pytest.mark.parametrize(
    ("words", "pfns"),
    [
        (["comm=fio"], "10 40"),
        (["comm=a b"], "30"),
        ([r"comm=a\x20b"], "30"),
        (["mode=w", "term=long"], "10 20 30"),
        (["task=9"], "20 30"),
        (["task=9/10"], "30"),
        (["task=815"], "10 40"),
        (["task=812"], "10 40"),
        (["task=10"], "30"),
        (["task=812/812"], ""),
        (["task=0"], ""),
        (["pfn=0x20-0x30"], "20 30"),
        (["pfn=0x100"], "40"),
        (["min_age_ms=101"], "20 30 40"),
        (["stack=2"], "20 30"),
        (["ino=77", "dev=8:1"], "20 30"),
        (["stack=0x1,2"], "10 20 30 40"),
        (["stack=7,0x2"], "20 30"),
        (["module=ib_uverbs"], "20 30"),
        # As modprobe takes it.
        (["module=ib-uverbs", "comm=db"], "20"),
        (["module=vmlinux"], "10 40"),
        # The innermost one counts, as with --by.
        (["module=rxe"], ""),
        (["owner=5"], ""),
        (["--sort", "pins"], "40 30 20 10"),
        (["--sort", "pins", "--reverse"], "10 20 30 40"),
        (["--sort", "comm"], "30 20 10 40"),
        (["--sort", "age_ms", "-n", "2"], "20 30"),
        (["--sort", "pfn", "-n", "3"], "40 30 20"),
        (["-n", "1"], "10"),
    ],
)
def test_filters_and_orders(tool: Tool, folder: Path, words: list[str], pfns: str) -> None:
    status = 0 if pfns else NONE
    got = json.loads(tool("list", "-f", folder, "--json", *words, status=status).stdout)
    assert " ".join(g["pfn"].removeprefix("0x") for g in got) == pfns


@pytest.mark.parametrize(
    ("line", "pfns", "pages", "pins"),
    [
        ({"pages": 16, "pins": 16}, "0x100-0x103", 4, 4),
        ({"pages": 16, "pins": 16}, "0x10f-0xfff", 1, 1),
        ({"pages": 16, "pins": 16}, "0-0xffff", 16, 16),
        ({"pages": 16, "pins": 32}, "0x108", 1, 2),
        # Folio by folio, as in the kernel: a folio counts as a whole.
        ({"pages": 16, "order": 2, "pins": 4}, "0x103-0x104", 8, 2),
        ({"pages": 16, "order": 2, "pins": 16}, "0x10f", 4, 4),
        # The place of the odd pin is unknown.
        ({"pages": 2, "pins": 3}, "0x101", 1, 2),
        # Damage that is not checked for.
        ({"pages": 16, "order": 5, "pins": 3}, "0x101", 16, 3),
        ({"pages": 16, "order": 99, "pins": 3}, "0x101", 16, 3),
        ({"pages": 2**64 - 1, "pins": 2**64 - 1}, "0x101", 2**64 - 1, 2**64 - 1),
    ],
)
def test_a_range_has_a_part_of_a_run(
    tool: Tool, tmp_path: Path, line: Words, pfns: str, pages: int, pins: int
) -> None:
    write(tmp_path / "pins", PINS, pin(pfn="0x100", **line), pin(pfn="0x90000", pages=1))
    for words in (["list", "--by", "comm"], ["top"], ["stacks"]):
        got = json.loads(tool(*words, "-f", "pins", "--json", f"pfn={pfns}").stdout)
        assert [(s["pages"], s["pins"]) for s in got] == [(pages, pins)], words
    # Lines are shown unchanged.
    got = json.loads(tool("list", "-f", "pins", "--json", f"pfn={pfns}").stdout)
    assert [g["pages"] for g in got] == [line["pages"]]


def test_two_ranges(tool: Tool, tmp_path: Path) -> None:
    write(tmp_path / "pins", PINS, pin(pfn="0x100", pages=16))
    for words, pages in (
        (["pfn=0x100-0x107", "pfn=0x106-0x10f"], [2]),
        (["pfn=0x106-0x10f", "pfn=0x100-0x107"], [2]),
        (["pfn=0x100-0x103", "pfn=0x108-0x10f"], []),
        (["pfn=0x108-0x10f", "pfn=0x100-0x103"], []),
    ):
        by = ["list", "-f", "pins", "--by", "comm", "--json"]
        got = json.loads(tool(*by, *words, status=0 if pages else NONE).stdout)
        assert [s["pages"] for s in got] == pages, words


def test_a_task_without_a_name(tool: Tool, tmp_path: Path) -> None:
    """prctl(PR_SET_NAME, "") makes one; other tasks must still be shown."""
    write(tmp_path / "pins", PINS, pin(pfn="0x1", comm=""), pin(pfn="0x2", comm="010"))
    shown = tool("list", "-f", "pins").stdout
    assert len(rows(shown)) == len(rows(tool("list", "-f", "pins", "pfn=0x1").stdout)) + 1
    got = json.loads(tool("list", "-f", "pins", "--json").stdout)
    assert [g["comm"] for g in got] == ["", "010"]
    sums = json.loads(tool("list", "-f", "pins", "--json", "--by", "comm").stdout)
    assert {s["comm"]: s["pins"] for s in sums} == {"": 16, "010": 16}
    # A name is not a number.
    done = tool("list", "-f", "pins", "--json", "comm=10", status=NONE)
    assert json.loads(done.stdout) == []


def test_a_few_of_many_in_order(tool: Tool, tmp_path: Path) -> None:
    ages = random.Random(1).sample(range(100_000), 5000)
    write(tmp_path / "pins", PINS, *(pin(age_ms=age) for age in ages))
    got = json.loads(tool("list", "-f", "pins", "--json", "--sort", "age_ms", "-n", "100").stdout)
    assert [g["age_ms"] for g in got] == sorted(ages, reverse=True)[:100]


def test_a_process(tool: Tool, folder: Path) -> None:
    for number, pfns in (("9", ["0x20", "0x30"]), ("10", ["0x30"]), ("815", ["0x10", "0x40"])):
        got = json.loads(tool("pid", number, "-f", folder, "--json").stdout)
        assert [g["pfn"] for g in got] == pfns
    assert tool("pid", "4711", "-f", folder, "--json", status=NONE).stdout == "[]\n"


@pytest.mark.parametrize("command", ["list", "stacks", "top", "list --by comm", "stacks --by mode"])
def test_a_module_is_that_of_by_module(tool: Tool, folder: Path, command: str) -> None:
    """All commands that sum by module have it as a filter, with the same meaning."""
    verb, *words = command.split()
    sums = json.loads(tool(verb, "-f", folder, "--by", "module", "--json").stdout)
    assert {s["module"] for s in sums} == {"vmlinux", "ib_uverbs"}
    for found in sums:
        filtered = [verb, *words, "-f", folder, f"module={found['module']}", "--json"]
        got = json.loads(tool(*filtered).stdout)
        assert sum(s["pins"] for s in got) == found["pins"]
    write(folder.parent / "old" / "stacks", STACKS)
    got = json.loads(tool("diff", folder.parent / "old", folder, "module=ib_uverbs", "-j").stdout)
    assert [g["frames"] for g in got] == [RXE]


def test_modules_of_pins_without_frames(tool: Tool, folder: Path) -> None:
    """Their stack is not in the file any more, or there is no such file."""
    write(folder / "stacks", STACKS, stack(RXE, stack="0x2"))
    got = json.loads(tool("list", "-f", folder, "module=?", "--json").stdout)
    assert [g["pfn"] for g in got] == ["0x10", "0x40"]
    (folder / "stacks").unlink()
    for words in (["list"], ["list", "--raw"], ["list", "--by", "comm"], ["top"], ["file", "77"]):
        error = tool(*words, "-f", folder, "module=rxe", status=1).stderr
        assert "modules come from stacks" in error, words


def test_modules_of_events_and_refusals(tool: Tool, tmp_path: Path) -> None:
    """Either stack of a hazard may match, as with its other words."""
    write(
        tmp_path / "hazards",
        HAZARDS,
        hazard(pfn="0x1", stacks=(RXE, URING)),
        hazard(pfn="0x2", stacks=(URING, RXE)),
        hazard(pfn="0x3"),
    )
    got = json.loads(tool("hazards", "-f", "hazards", "module=ib_uverbs", "-j").stdout)
    assert [g["pin"]["pfn"] for g in got] == ["0x1", "0x2"]
    write(tmp_path / "refused", "# gup_pin refused 1", refused(), refused(RXE, count=7))
    got = json.loads(tool("refused", "-f", "refused", "module=ib_uverbs", "-j").stdout)
    assert [g["count"] for g in got] == [7]


def test_a_refusal_names_one_page_or_none(tool: Tool, tmp_path: Path) -> None:
    """Page 0 is none, so that a range from 0 on does not find it."""
    write(tmp_path / "refused", "# gup_pin refused 1", refused(), refused(RXE, pfn="0x99"))
    for word in ("pfn=0-0xffff", "pfn=0x99"):
        found = json.loads(tool("refused", "-f", tmp_path, "--json", word).stdout)
        assert [refusal["pfn"] for refusal in found] == ["0x99"]
