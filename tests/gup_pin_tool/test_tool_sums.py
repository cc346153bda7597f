# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: lists and sums, of files made here and from a real guest."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from gup_pin_tool.files import (
    PINS,
    RXE,
    SAMPLE,
    STACKS,
    URING,
    USAGE,
    Tool,
    Words,
    pin,
    rows,
    stack,
    words_of,
    write,
)


def test_a_guests_pins_come_out_as_they_went_in(tool: Tool, sample: Path) -> None:
    assert tool("list", "-f", sample, "--raw").stdout == (sample / "pins").read_text()
    assert tool("stacks", "-f", sample, "--raw").stdout == (sample / "stacks").read_text()
    got = json.loads(tool("list", "-f", sample, "--json").stdout)
    assert got == [words_of(line) for line in SAMPLE["pins"][1:]]
    text = tool("list", "-f", sample / "pins").stdout.splitlines()
    assert len(text) == len(SAMPLE["pins"])
    assert all(line == line.rstrip() for line in text)


def test_a_guests_stacks(tool: Tool, sample: Path) -> None:
    got = json.loads(tool("stacks", "-f", sample, "--json").stdout)
    records = "\n".join(SAMPLE["stacks"][1:]).strip("\n").split("\n\n")
    expected = []
    for record in records:
        head, *frames = record.split("\n")
        expected.append(words_of(head) | {"frames": [frame[1:] for frame in frames]})
    assert got == expected
    assert "  io_pin_pages+" in tool("stacks", "-f", sample).stdout


@pytest.mark.parametrize("key", ["comm", "owner", "file", "stack", "module", "map", "api"])
def test_all_sums_of_a_guests_pins_agree(tool: Tool, sample: Path, key: str) -> None:
    lines = [words_of(line) for line in SAMPLE["pins"][1:]]
    total = sum(int(str(line["pins"])) for line in lines)
    for command in ("top", "list"):
        sums = json.loads(tool(command, "-f", sample, "--by", key, "--json").stdout)
        assert sum(s["pins"] for s in sums) == total
        assert [s["pins"] for s in sums] == sorted((s["pins"] for s in sums), reverse=True)
        if key in lines[0]:
            expected: Counter[object] = Counter()
            for line in lines:
                expected[line[key]] += int(str(line["pins"]))
            assert {s[key]: s["pins"] for s in sums} == expected


def test_sums_for_people(tool: Tool, folder: Path) -> None:
    assert rows(tool("list", "-f", folder, "--by", "owner").stdout) == [
        ["PINS", "PAGES", "RUNS", "OLDEST", "NEWEST", "OWNER"],
        ["8", "512", "1", "5.2s", "5.2s", "0"],
        ["6", "6", "2", "5.2s", "5.2s", "9"],
        ["1", "1", "1", "0.1s", "0.1s", "812"],
    ]
    assert rows(tool("list", "-f", folder, "--by", "file").stdout)[1:] == [
        ["9", "513", "2", "5.2s", "0.1s", "anon"],
        ["6", "6", "2", "5.2s", "5.2s", "8:1:77"],
    ]
    assert rows(tool("list", "-f", folder, "--by", "module", "owner=9").stdout)[1:] == [
        ["6", "6", "2", "5.2s", "5.2s", "ib_uverbs"],
    ]
    text = tool("stacks", "-f", folder, "--by", "module,stack", "--sort", "module").stdout
    assert [row[-2:] for row in rows(text)] == [
        ["MODULE", "STACK"],
        ["ib_uverbs", "0x2"],
        ["vmlinux", "0x1"],
    ]
    assert f"  {RXE[1]}\n  {RXE[2]}\n\n" in text


def test_stacks_of_some_pins_only(tool: Tool, folder: Path) -> None:
    got = json.loads(tool("stacks", "-f", folder, "comm=db", "--json").stdout)
    assert [(s["pins"], s["stack"], s["frames"]) for s in got] == [(2, "0x2", RXE)]


@pytest.mark.parametrize("word", ["min_age_ms=5000", "pins=16", "pages=512"])
def test_a_filter_is_of_pins_however_they_are_summed(tool: Tool, tmp_path: Path, word: str) -> None:
    """In stacks the same words describe sums, and the oldest pin."""
    write(
        tmp_path / "pins",
        PINS,
        pin(pins=16, pages=512, age_ms=10_000, stack="0x1"),
        pin(pins=2, pages=2, age_ms=10, stack="0x1"),
    )
    write(tmp_path / "stacks", STACKS, stack(URING, pins=18, pages=514, calls=2, stack="0x1"))
    for command in ("list", "top", "stacks"):
        for key in ("comm", "stack", "mode", "module"):
            words = [command, "-f", tmp_path, "--by", key, "--json", word]
            assert [s["pins"] for s in json.loads(tool(*words).stdout)] == [16], words
    got = json.loads(tool("stacks", "-f", tmp_path, "--json", word).stdout)
    assert [(s["pins"], s["frames"]) for s in got] == [(16, URING)]
    assert tool("diff", tmp_path, tmp_path, word).stdout.split()[-3:] == ["16", "16", "total"]
    for alone in (["stacks", word], ["top", "--by", "mode", word], ["top", "--by", "pins"]):
        done = tool(*alone, "-f", tmp_path / "stacks", status=1)
        assert "this is stacks, but pins is needed" in done.stderr


def test_top_shows_who_holds_most(tool: Tool, folder: Path) -> None:
    hazards = ["hazard_writeback 2", "hazard_truncate 3"]
    write(folder / "stats", "enabled 1", "untracked 7", *hazards, "switched_at_ms 1")
    write(folder / "orphans", "# gup_pin orphans 1", pin(pins=3), pin(pins=4))
    head, *table = tool("-f", folder).stdout.splitlines()
    assert head == "tracking on  pins 15  orphans 7  hazards 5  untracked 7"
    assert table[0].split() == ["PINS", "GROWTH", "PAGES", "AGE", "OWNER", "COMM"]
    assert table[1].split() == ["8", "512", "5.2s", "0", "fio"]
    text = tool("top", "-f", folder, "-b", "stack", "-n", "1").stdout
    assert text.splitlines()[2].split()[3:] == ["0x1", "io_pin_pages", "<", "do_syscall_64"]


def test_top_goes_round(tool: Tool, folder: Path) -> None:
    text = tool("top", "-f", folder, "--rounds", "3", "--delay", "0.1").stdout
    assert text.count("GROWTH") == 3


def test_orphans_are_pins(tool: Tool, tmp_path: Path) -> None:
    write(tmp_path / "orphans", "# gup_pin orphans 1", pin())
    assert tool("list", "-f", "orphans", "-R").stdout == (tmp_path / "orphans").read_text()


@pytest.mark.parametrize("key", ["stack", "mode", "term", "module", "api,mode"])
def test_sums_of_orphans_are_of_orphans(tool: Tool, tmp_path: Path, key: str) -> None:
    """And not of all pins, which the kernel's sums by stack are of."""
    write(tmp_path / "orphans", "# gup_pin orphans 1", pin(pins=3, gone="owner"))
    write(tmp_path / "pins", PINS, pin(pins=3), pin(pins=50))
    write(tmp_path / "stacks", STACKS, stack(["pin_user_pages+0x1/0x90"], pins=53))
    got = json.loads(tool("orphans", "-f", tmp_path, "--by", key, "--json").stdout)
    assert [row["pins"] for row in got] == [3]


def test_orphans_have_no_such_word(tool: Tool, tmp_path: Path) -> None:
    """The error names the file that was asked for, and no line hides it."""
    write(tmp_path / "orphans", "# gup_pin orphans 1", pin(gone="owner"))
    write(tmp_path / "stacks", STACKS, stack(["a+0x1/0x2"]))
    for option, what in (("--by", "sum"), ("--sort", "sort")):
        done = tool("orphans", "-f", tmp_path, option, "foo", status=USAGE)
        assert f"{tmp_path}/orphans: no line has a word foo= to {what} by (" in done.stderr
        assert done.stdout == ""


def test_pins_of_modules_that_are_gone(tool: Tool, tmp_path: Path) -> None:
    """They are summed with those that are there; what is no more than an address is unknown."""
    gone = ["pin_user_pages+0x1/0x90", "a_keep+0x1/0x2 [a] (unloaded)", "b_call+0x1/0x2 [b]"]
    there = ["pin_user_pages+0x1/0x90", "a_keep+0x1/0x2 [a]"]
    unknown = ["pin_user_pages+0x1/0x90", "0xffffffffc0001234", "b_call+0x1/0x2 [b]"]
    stacks = [stack(gone, stack="0x1"), stack(there, stack="0x2"), stack(unknown, stack="0x3")]
    write(tmp_path / "stacks", STACKS, *stacks)
    write(tmp_path / "pins", PINS, *(pin(stack=f"0x{i}") for i in (1, 2, 3)))
    for command in ("stacks", "list"):
        got = json.loads(tool(command, "-f", tmp_path, "--by", "module", "--json").stdout)
        assert {s["module"]: s["pins"] for s in got} == {"a": 32, "?": 16}
    got = json.loads(tool("stacks", "-f", tmp_path, "--json").stdout)
    assert [s["frames"] for s in got] == [gone, there, unknown]
    text = tool("list", "-f", tmp_path).stdout
    assert text.count("a_keep [a]") == 2
    assert "(unloaded)" not in text


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            {"pins": 1, "pages": 1, "calls": 1, "oldest_ms": 199, "newest_ms": 101},
            "1 pin, 1 page, 1 call, w long by pin_user_pages_fast, 0.1s old, stack 0x1",
        ),
        (
            {"pins": 2, "pages": 3, "calls": 4, "oldest_ms": 200, "newest_ms": 100, "peak": 9},
            "2 pins, 3 pages, 4 calls, w long by pin_user_pages_fast, 0.1s to 0.2s old, "
            "stack 0x1, peak 9",
        ),
    ],
)
def test_a_stack_in_words(tool: Tool, tmp_path: Path, words: Words, line: str) -> None:
    write(tmp_path / "stacks", STACKS, stack(URING, stack="0x1", **words))
    frames = "".join(f"  {frame}\n" for frame in URING)
    assert tool("stacks", "-f", "stacks").stdout == f"{line}\n{frames}\n"
    assert tool("stacks", "-f", "stacks", "--no-stacks").stdout == f"{line}\n"


def test_sums_without_their_stacks(tool: Tool, folder: Path) -> None:
    """Grouped by stack, but a line each."""
    for words in (["list"], ["stacks", "comm=fio"], ["diff", folder, folder]):
        command = [*words, "--by", "stack", *(["-f", folder] if words[0] != "diff" else [])]
        text = tool(*command, "--no-stacks").stdout
        assert rows(text) == rows(tool(*command).stdout)
        assert "+0x" not in text and "\n\n" not in text
        for found in json.loads(tool(*command, "--no-stacks", "--json").stdout):
            assert "frames" not in found
        assert tool(*command, "--stacks").stdout == tool(*command).stdout
