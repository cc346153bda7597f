# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: what grew between two snapshots."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest

from gup_pin_tool.files import PINS, RXE, STACKS, URING, Tool, pin, rows, stack, write
from gup_pin_tool.machine import Machine


def test_diff_shows_what_grew(tool: Tool, two: tuple[Path, Path]) -> None:
    got = json.loads(tool("diff", *two, "--json").stdout)
    assert [(g["frames"][-1], g["pins_growth"]) for g in got] == [
        (RXE[-1], 100),
        ("fresh+0x1/0x2", 4),
        ("gone+0x1/0x2", -3),
    ]
    busy = json.loads(tool("diff", *two, "--json", "--sort", "acquired").stdout)
    assert [g.get("acquired_growth") for g in busy] == [100, 10, None, None]
    assert (got[0]["pins"], got[0]["pins_before"], got[0]["acquired_growth"]) == (105, 5, 100)
    text = tool("diff", *two, "-n", "1").stdout
    table = rows(text)[1:]
    assert table[0] == ["GROWTH", "BEFORE", "PINS", "PAGES", "ACQUIRED", "STACK"]
    assert table[1] == ["+100", "5", "105", "+100", "+100", "0x8"]
    assert table[2] == ["+101", "18", "119", "+101", "+110", "total"]
    assert f"  {RXE[1]}\n" in text
    got = json.loads(tool("diff", two[0] / "stacks", two[1], "--by", "module", "--json").stdout)
    assert [(g["module"], g["pins_growth"]) for g in got] == [("ib_uverbs", 100), ("vmlinux", 1)]


def test_diff_does_not_know_what_was_acquired_where_nobody_held(tool: Tool, tmp_path: Path) -> None:
    """acquired= counts since boot; a stack without live pins is not in the file."""
    old, new = tmp_path / "old", tmp_path / "new"
    steady, busy = ["steady+0x1/0x2"], ["busy+0x1/0x2"]
    held = stack(steady, pins=5, acquired=50, stack="0x1")
    write(old / "stacks", STACKS, held)
    write(
        new / "stacks",
        STACKS,
        stack(steady, pins=5, acquired=60, stack="0x1"),
        stack(busy, pins=1, pages=1, acquired=1_000_100, stack="0x2"),
    )
    pairs = [(old, new), (new, old)]
    for pair, side in zip(pairs, ("acquired", "acquired_before"), strict=True):
        for options in ("", "-s acquired", "-s acquired -r", "-s peak"):
            got = json.loads(tool("diff", *pair, "--json", *options.split()).stdout)
            unknown = got.pop()
            assert unknown["frames"] == busy, options
            figures = {k: v for k, v in unknown.items() if k.startswith("acquired")}
            assert figures == {side: 1_000_100}
            assert [abs(g["acquired_growth"]) for g in got] == [10] * ("acquired" in options)
        assert "1000100" not in tool("diff", *pair).stdout
        total = rows(tool("diff", *pair).stdout)[-1]
        assert [total[-2].strip("+-"), total[-1]] == ["10", "total"]
        # One of several stacks is unknown.
        got = json.loads(tool("diff", *pair, "--json", "--by", "module").stdout)
        assert ["acquired_growth" in g for g in got] == [False]
    # The same stack for reading is another origin.
    write(new / "stacks", STACKS, held, stack(steady, pins=1, acquired=900, mode="r", stack="0x1"))
    assert rows(tool("diff", old, new).stdout)[2:] == [
        ["+1", "5", "6", "+16", "0x1"],
        ["+1", "5", "6", "+16", "total"],
    ]
    # An older kernel does not report it.
    write(new / "stacks", STACKS, stack(steady, pins=7, stack="0x1"))
    got = json.loads(tool("diff", old, new, "--json").stdout)
    assert [{k: v for k, v in g.items() if "acq" in k} for g in got] == [{"acquired_before": 50}]


def test_diff_of_pins(tool: Tool, two: tuple[Path, Path]) -> None:
    for pair in (two, (two[0] / "pins", two[1] / "pins")):
        got = json.loads(tool("diff", *pair, "--by", "comm", "--json").stdout)
        assert [(g["comm"], g["pins_growth"]) for g in got] == [("fio", 9)]
    table = rows(tool("diff", two[0], two[0], "--by", "comm").stdout)[1:]
    assert table[1:] == [["3", "3", "total"]]
    done = tool("diff", two[0] / "pins", two[1] / "stacks", status=1)
    assert "this is pins, but the other one is stacks" in done.stderr


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("lone", [False, True])
def test_diff_names_a_stack_by_the_other_snapshot(
    tool: Tool, tmp_path: Path, side: int, lone: bool
) -> None:
    """The last pin by a stack was released between the copies of pins and stacks."""
    folders = [tmp_path / "old", tmp_path / "new"]
    for i, folder in enumerate(folders):
        write(folder / "pins", PINS, pin(pins=1 + i, stack="0x1"), pin(pins=5, stack="0x2"))
        write(folder / "stacks", STACKS, stack(URING, stack="0x1"), stack(RXE, stack="0x2"))
    write(folders[side] / "stacks", STACKS, stack(RXE, stack="0x2"))
    pair = [f / "pins" if lone and i == side else f for i, f in enumerate(folders)]
    for keys in ("comm,stack", "stack,owner"):
        got = json.loads(tool("diff", *pair, "--by", keys, "--json").stdout)
        assert [(g["pins_before"], g["pins"], g["frames"]) for g in got] == [(1, 2, URING)]
    if not lone:
        got = json.loads(tool("diff", *pair, "--by", "comm,module", "--json").stdout)
        assert [(g["pins_before"], g["pins"], g["module"]) for g in got] == [(1, 2, "vmlinux")]
    # The same handle with other frames is from another boot, and is not used.
    other = stack(["other+0x1/0x2"], stack="0x2")
    write(folders[1 - side] / "stacks", STACKS, stack(URING, stack="0x1"), other)
    if not lone:
        got = json.loads(tool("diff", *pair, "--by", "comm,stack", "--json").stdout)
        assert sorted((g["pins_growth"], g["stack"]) for g in got if g["stack"] == "0x1") == [
            (-1, "0x1"),
            (2, "0x1"),
        ]


def test_diff_of_pins_alone_goes_by_handles(tool: Tool, two: tuple[Path, Path]) -> None:
    for folder in two:
        (folder / "stacks").unlink()
    write(two[0] / "pins", PINS, pin(pins=1, stack="0x1"))
    write(two[1] / "pins", PINS, pin(pins=3, stack="0x1"), pin(pins=1, stack="0x2"))
    got = json.loads(tool("diff", two[0] / "pins", two[1] / "pins", "--json").stdout)
    assert [(g["stack"], g["pins_growth"]) for g in got] == [("0x1", 2), ("0x2", 1)]


def test_a_module_that_goes_between_two_snapshots(tool: Tool, tmp_path: Path) -> None:
    """Its stacks are what they were, also where only the other snapshot has their frames."""
    gone = [RXE[0], f"{RXE[1]} (unloaded)", f"{RXE[2]} (unloaded)"]
    before, after = tmp_path / "before", tmp_path / "after"
    write(before / "stacks", STACKS, stack(RXE, pins=5, acquired=7, stack="0x1"))
    write(
        after / "stacks",
        STACKS,
        stack(gone, pins=5, acquired=7, stack="0x1"),
        stack(RXE, pins=1, acquired=2, stack="0x8000001"),
    )
    for pair, growth in (((before, after), 1), ((after, before), -1)):
        got = json.loads(tool("diff", *pair, "--json").stdout)
        assert [(g["pins_growth"], g["frames"]) for g in got] == [(growth, got[0]["frames"])]


@pytest.mark.parametrize(
    ("frame", "agrees"),
    [
        (f"{RXE[1]} (unloaded)", True),
        (f"{RXE[1]} (init, freed)", True),
        ("0xffffffffc0001234", True), ("other+0x1/0x2", False)],
)
def test_snapshots_of_one_boot(tool: Tool, tmp_path: Path, frame: str, agrees: bool) -> None:
    """A frame may lose its name when its module goes; one with another name is another boot's."""
    old, new = tmp_path / "old", tmp_path / "new"
    for i, folder in enumerate((old, new)):
        write(folder / "pins", PINS, pin(pins=1 + i, stack="0x1"), pin(pins=5, stack="0x2"))
    write(old / "stacks", STACKS, stack(URING, stack="0x1"), stack(RXE, stack="0x2"))
    write(new / "stacks", STACKS, stack([RXE[0], frame, RXE[2]], stack="0x2"))
    got = json.loads(tool("diff", old, new, "--by", "comm,stack", "--json").stdout)
    assert sorted(g["pins_growth"] for g in got if g["stack"] == "0x1") == (
        [1] if agrees else [-1, 2]
    )


@pytest.fixture(name="reloaded")
def fixture_reloaded(tmp_path: Path) -> tuple[Path, Path]:
    """Two snapshots of one boot; in the later one, a module was unloaded and loaded again."""
    before, after = tmp_path / "before", tmp_path / "after"
    gone = [RXE[0], f"{RXE[1]} (unloaded)", f"{RXE[2]} (unloaded)"]
    write(before / "stacks", STACKS, stack(RXE, pins=5, stack="0x1"))
    write(before / "pins", PINS, pin(pfn="0x10", pins=5, stack="0x1"))
    write(
        after / "stacks",
        STACKS,
        stack(gone, pins=5, stack="0x1"),
        stack(RXE, pins=2, stack="0x8000001"),
        # Unwound differently, or marked differently: the same text.
        stack(RXE, pins=1, stack="0x9"),
    )
    pins = [pin(pfn=f"0x{n}0", pins=n, stack=s) for n, s in ((5, "0x1"), (2, "0x8000001"))]
    pins += [pin(pfn="0x90", pins=1, stack="0x9"), pin(stack="0x3", pages=1)]
    write(after / "pins", PINS, *pins)
    return before, after


def test_the_handles_of_a_row_find_all_of_its_pins(
    tool: Tool, reloaded: tuple[Path, Path]
) -> None:
    """A row is a stack by its frames, which may have several handles."""
    before, after = reloaded
    for keys in ("stack", "stack,comm"):
        words = ["diff", before, after, "--by", keys, "pages=16"]
        row = json.loads(tool(*words, "--json").stdout)[0]
        assert (row["stack"], row["pins"]) == ("0x1,0x8000001,0x9", 8)
        assert f" {row['stack']}" in tool(*words).stdout
        got = json.loads(tool("list", "-f", after, f"stack={row['stack']}", "--json").stdout)
        assert sum(g["pins"] for g in got) == row["pins"]
    # The next command is for the later snapshot; handles of the older may be another boot's.
    row = json.loads(tool("diff", after, before, "--json").stdout)[0]
    assert (row["stack"], row["pins"], row["pins_before"]) == ("0x1", 5, 8)
    write(after / "stacks", STACKS, stack(URING, stack="0x4"))
    rows_by_growth = json.loads(tool("diff", before, after, "--json").stdout)
    assert [row["stack"] for row in rows_by_growth] == ["0x4", "0x1"]


def test_equal_stacks_in_one_snapshot(tool: Tool, reloaded: tuple[Path, Path]) -> None:
    for words in (["list", "--by", "stack"], ["stacks", "comm=fio"], ["top", "--by", "stack"]):
        text = tool(*words, "-f", reloaded[1], "pages=16").stdout
        (found,) = re.findall(r" (0x\S*0x9)\b", text)
        pins = json.loads(tool("list", "-f", reloaded[1], f"stack={found}", "--json").stdout)
        assert {g["stack"] for g in pins} == set(found.split(","))
        assert sum(g["pins"] for g in pins) == (8 if words[0] == "top" else 3)


@pytest.mark.parametrize("value", ["", ",", "0x1,", "0x1,,0x2", "0x1,b"])
def test_wrong_handles(tool: Tool, value: str) -> None:
    error = tool("list", "-f", "none", f"stack={value}", status=2).stderr
    assert f"stack={value} is not a number" in error


def test_diff_names_what_it_compares(tool: Tool, two: tuple[Path, Path], machine: Machine) -> None:
    """A table that is kept says over which time something grew."""
    old, new = two
    now = int(time.time())
    for folder, ago in ((old, 400), (new, 100)):
        for name in ("pins", "stacks"):
            os.utime(folder / name, (now - ago, now - ago))

    def title(*words: str | Path) -> str:
        return tool("diff", *words).stdout.splitlines()[0]

    assert title(old, new) == f"from {old} to {new}, written 5m00s later"
    assert title(new, old) == f"from {new} to {old}, written 5m00s earlier"
    assert title(old / "pins", new / "pins") == (
        f"from {old}/pins to {new}/pins, written 5m00s later"
    )
    write(machine.files / "pins", PINS)
    write(machine.files / "stacks", STACKS, stack(URING))
    first = machine.run("diff", old).stdout.splitlines()[0]
    assert re.fullmatch(rf"from {old}, written (6m[45]|7m\d)\ds ago, until now", first)
    first = machine.run("diff", "--delay", "90").stdout.splitlines()[0]
    assert first == "in 1m30s"
    # Nothing is known of a pipe.
    first = tool("diff", "-", new / "pins", text=(old / "pins").read_text()).stdout.splitlines()[0]
    assert first == f"from - to {new}/pins"
