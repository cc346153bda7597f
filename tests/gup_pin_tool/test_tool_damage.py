# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: damaged files, and invalid words."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gup_pin_tool.files import (
    HAZARDS,
    MSYNC,
    NONE,
    PINS,
    RXE,
    STACKS,
    URING,
    Tool,
    hazard,
    pin,
    rows,
    stack,
    write,
)


def test_words_of_later_kernels(tool: Tool, tmp_path: Path) -> None:
    write(tmp_path / "pins", PINS, pin(path="", fresh="new", n=5), pin(fresh="newer"))
    assert tool("list", "-f", "pins", "--raw").stdout == (tmp_path / "pins").read_text()
    got = json.loads(tool("list", "-f", "pins", "--json").stdout)
    assert [g["fresh"] for g in got] == ["new", "newer"]
    assert (got[0]["path"], got[0]["n"]) == ("", "5")
    got = json.loads(tool("list", "-f", "pins", "--by", "fresh", "--json").stdout)
    assert [g["fresh"] for g in got] == ["new", "newer"]
    write(tmp_path / "stacks", STACKS, stack(URING, acquired=70, peak=20, fresh="x"))
    assert tool("stacks", "-f", "stacks", "--raw").stdout == (tmp_path / "stacks").read_text()
    got = json.loads(tool("stacks", "-f", "stacks", "--json").stdout)
    assert (got[0]["acquired"], got[0]["peak"], got[0]["fresh"]) == (70, 20, "x")
    assert ", acquired 70, peak 20, fresh x\n" in tool("stacks", "-f", "stacks").stdout
    table = rows(tool("top", "-f", "stacks", "--by", "api").stdout)
    assert table[1][-2:] == ["ACQUIRED", "API"]
    assert table[2][-2:] == ["70", "pin_user_pages_fast"]
    write(tmp_path / "hazards", HAZARDS, hazard(fresh="x", n=5, pin=7, frames="y"))
    assert tool("hazards", "-f", "hazards", "-R").stdout == (tmp_path / "hazards").read_text()
    text = tool("hazards", "-f", "hazards", "--json", "fresh=x").stdout
    got = json.loads(text)
    assert (got[0]["fresh"], got[0]["n"], got[0]["frames"]) == ("x", "5", "y")
    # The pin itself matters more than a word of that name.
    assert text.count('"pin":') == text.count('"frames": "') == 1 and got[0]["pin"]["pins"] == 1


def cut(line: str) -> Callable[[str], str]:
    """Truncate a file."""
    return lambda text: text[: text.index(line) + len(line)]


def swap(old: str, new: str) -> Callable[[str], str]:
    """Replace text in the last record."""
    return lambda text: new.join(text.rsplit(old, 1))


@pytest.mark.parametrize(
    ("name", "damage", "error"),
    [
        ("pins", lambda _: "", "pins: the file is empty"),
        ("pins", lambda _: "\n", "pins:1: not '# gup_pin pins 1'"),
        ("pins", lambda _: "root:x:0:0\n", "pins:1: not '# gup_pin pins 1'"),
        ("pins", lambda _: "# gup_pin", "pins:1: the file is cut off"),
        ("pins", swap("pins 1", "pins 2"), "pins:1: pins has format 2, but only 1"),
        ("pins", swap("pins 1", "pins x"), "pins:1: not "),
        ("pins", swap("pins 1", "page 1"), "pins:1: this is page, which is not"),
        ("pins", swap("pins 1", "stacks 1"), "pins: this is stacks, but pins is needed"),
        ("pins", cut("pfn=0x30"), "pins:4: the file is cut off in the middle"),
        ("pins", swap(" term=", " "), "pins:5: the line has a word that is not key=value"),
        ("pins", swap(" term=long", ""), "pins:4: the line has "),
        ("pins", swap(" match=exact", ""), "pins:5: the line has too few words"),
        ("pins", swap("map=anon dev", "dev"), "pins:5: the line has"),
        ("pins", swap("pages=512", "pages=x"), "pins:5: the line has a word with a wrong value"),
        ("pins", swap("pages=512", "pages=99999999999999999999"), "pins:5: the line has a word"),
        ("pins", swap("\npfn=0x40", "pfn=0x40"), "pins:4: the line has a word twice"),
        ("pins", swap("exact", "exact" + " x=y" * 50), "pins:5: the line has too many words"),
        ("pins", swap("exact", "\0"), "pins:5: a zero byte"),
        ("pins", swap("exact", "e" * 70_000), "pins:5: a line of more than 65536 bytes"),
        ("pins", swap("match=exact", "match=exact "), "pins:5: the line has a word"),
        ("pins", swap("exact", "exact x=1 y=1 x=1"), "pins:5: the line has a word twice"),
        ("stacks", swap("0x2\n", "0x2 x=1 x=2\n"), "stacks:7: the line has a word twice"),
        ("pins", swap("\n", "\n\n"), "pins:6: the line has"),
        ("stacks", cut(f" {RXE[1]}\n"), "stacks:9: the file is cut off in a stack"),
        ("stacks", swap("\n\n", "\n"), "the file is cut off in a stack"),
        ("stacks", swap(f" {RXE[1]}", RXE[1]), "stacks:9: no frame, nor an empty line"),
        ("stacks", swap("\n\n", "\n x" * 300 + "\n\n"), "a stack of more than 256 frames"),
    ],
)
def test_a_damaged_file(
    tool: Tool, folder: Path, name: str, damage: Callable[[str], str], error: str
) -> None:
    path = folder / name
    path.write_text(damage(path.read_text()))
    command = "list" if name == "pins" else "stacks"
    assert error in tool(command, "-f", folder, status=1).stderr
    if "is needed" not in error:
        assert error in tool("top", "-f", path, "--by", "mode", status=1).stderr
    done = tool(command, "-f", folder, "--json", status=1)
    if done.stdout:
        json.loads(done.stdout)


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda _: "", "hazards: the file is empty"),
        (swap("hazards 1", "hazards 2"), "hazards:1: hazards has format 2, but only 1"),
        (swap("hazards 1", "page 1"), "hazards:1: this is page, which is not"),
        (swap("hazards 1", "pins 1"), "hazards: this is pins, but hazards is needed"),
        (cut("pfn=0x40"), "the file is cut off in the middle of this line"),
        (swap(" stake=time", ""), "hazards:34: the line has too few words"),
        (swap(" stake=time", " stake="), "hazards:34: the line has a word with a wrong value"),
        (swap("count=1", "count=x"), "hazards:34: the line has a word with a wrong value"),
        (swap("count=1", "count=1 count=1"), "hazards:34: the line lacks the words"),
        (swap("stake=time", "stake=time age_ms=1"), "hazards:34: the line has a word twice"),
        (swap("stake=time", "stake=time" + " x=y" * 40), "hazards:34: the line has too many"),
        (swap(" term=short", ""), "hazards:34: the line lacks the words"),
        (swap("kind=overdue", "king=overdue"), "hazards:34: the line lacks the words"),
        (swap("kind=overdue age_ms=3543", "kind=overdue"), "hazards:34: the line lacks"),
        (swap("event:\n", ""), "hazards:35: not 'event:': damaged"),
        (swap("event:\n", "event\n"), "hazards:35: not 'event:': damaged"),
        (swap("pin:\n", ""), "hazards:39: no frame, nor 'pin:': damaged"),
        (swap("pin:\n", "\n"), "hazards:36: no frame, nor 'pin:': damaged"),
        (swap("pin:\n", " x\n" * 300 + "pin:\n"), "a stack of more than 256 frames"),
        (swap(f" {RXE[1]}", RXE[1]), "hazards:38: no frame, nor an empty line"),
        (swap("\n\n", "\n"), "hazards:39: the file is cut off in a stack"),
        (cut("pin:\n"), "the file is cut off in a stack"),
        (cut("event:\n"), "the file is cut off in a stack"),
        (cut(f" {MSYNC[0]}\n"), "hazards:4: the file is cut off in a stack"),
        (cut("indexes=0x0-0x3 stake=end\n"), "hazards:2: the file is cut off in a hazard"),
    ],
)
def test_damaged_hazards(
    tool: Tool, hazards: Path, damage: Callable[[str], str], error: str
) -> None:
    hazards.write_text(damage(hazards.read_text()))
    assert error in tool("hazards", "-f", "hazards", status=1).stderr
    for words in (["--raw"], ["--by", "stack"], ["--sort", "count", "-n", "1"]):
        assert error in tool("hazards", "-f", "hazards", *words, status=1).stderr
    done = tool("hazards", "-f", "hazards", "--json", status=1)
    if done.stdout:
        json.loads(done.stdout)


def test_hazards_that_end_anywhere(tool: Tool, hazards: Path) -> None:
    """Whole records are shown, the rest is an error."""
    text = hazards.read_text()
    ends = [n + len("\n\n") for n in range(len(text)) if text.startswith("\n\n", n)]
    ends.insert(0, len(f"{HAZARDS}\n"))
    assert len(ends) == 6
    for end in {*ends, *(n + more for n in ends for more in (-1, 1)), *range(0, len(text), 13)}:
        if end > len(text):
            continue
        hazards.write_text(text[:end])
        status = NONE if end == ends[0] else int(end not in ends)
        done = tool("hazards", "-f", "hazards", "--json", status=status)
        if end >= ends[0]:
            assert len(json.loads(done.stdout)) == sum(n <= end for n in ends[1:])


def test_what_a_torn_file_had_is_shown(tool: Tool, folder: Path) -> None:
    path = folder / "pins"
    path.write_text(path.read_text()[:-30])
    assert len(json.loads(tool("list", "-f", folder, "--json", status=1).stdout)) == 3


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["list", "-f", "none"], "none: No such file"),
        (["list", "-f", "empty"], "empty/pins: No such file"),
        (["list", "-f", "copy/stacks"], "this is stacks, but pins is needed"),
        (["top", "-f", "copy/stacks"], "this is stacks, but pins is needed"),
        (["hazards", "-f", "copy"], "copy/hazards: No such file"),
        (["hazards", "-f", "copy/stacks"], "this is stacks, but hazards is needed"),
        (["list", "-f", "hazards"], "this is hazards, but pins is needed"),
        (["top", "-f", "hazards", "--by", "mode"], "this is hazards, but stacks is needed"),
        (["diff", "hazards", "hazards"], "this is hazards, but stacks is needed"),
        (["list", "-f", "empty/alone", "--by", "module"], "modules come from stacks"),
        (["orphans", "-f", "copy/pins"], "this is pins, but orphans is needed"),
        (["refused", "-f", "copy/pins"], "this is pins, but refused is needed"),
        (["status", "-f", "copy"], "copy/stats: No such file"),
        (["status", "-f", "copy/pins"], "pins:1: not a name and a value: damaged"),
        (["diff", "copy", "none"], "none: No such file"),
        (["list", "-f", "a\nb"], "a?b: No such file"),
    ],
)
def test_what_cannot_be_told(
    tool: Tool, folder: Path, hazards: Path, words: list[str], error: str
) -> None:
    assert (folder.name, hazards.name) == ("copy", "hazards")
    write(folder.parent / "empty" / "alone", PINS, pin())
    assert error in tool(*words, status=1).stderr


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["--nonsense"],
        ["-x"],
        ["list", "--by"],
        ["list", "--by", "Comm"],
        ["list", "--by", "a,,b"],
        ["list", "-f", "copy", "--by", "stack,stack"],
        ["list", "-f", "copy", "--by", "comm,owner,comm"],
        ["list", "-f", "copy", "mode=write"],
        ["list", "-f", "copy", "mode="],
        ["list", "-f", "copy", "term=forever"],
        ["file", "", "-f", "copy"],
        ["list", "--by", "a,b,c,d,e,f,g,h,i"],
        ["list", "-f", "copy", "--by", "comm", "--sort", "nothing"],
        ["list", "--sort", "A"],
        ["list", "-n", "0"],
        ["list", "-n", "x"],
        ["list", "word"],
        ["list", "pfn=x"],
        ["list", "pfn=2-1"],
        ["list", "min_age_ms=x"],
        ["list", "task=x"],
        ["list", "task=1/"],
        ["list", "task=1/2/3"],
        ["list", "--raw", "--json"],
        ["list", "-f", "copy", "--raw", "--by", "comm"],
        ["top", "--raw"],
        ["top", "--delay", "0"],
        ["top", "--delay", "nan"],
        ["top", "--rounds", "-1"],
        ["file"],
        ["pid"],
        ["pid", "x"],
        ["pid", "0"],
        ["pid", "1", "2"],
        ["task"],
        ["show"],
        ["show", "x"],
        ["status", "--raw"],
        ["metrics", "--json"],
        ["metrics", "--by", "comm"],
        ["list", "--output", "x"],
        ["list", "--folded"],
        ["stacks", "-f", "copy", "--folded", "--json"],
        ["stacks", "-f", "copy", "--folded", "comm=db"],
        ["refused", "--by", "comm"],
        ["diff", "a", "b", "c"],
        ["diff", "a", "b", "-f", "c"],
        ["hazards", "word"],
        ["hazards", "-f", "copy", "mode=write"],
        ["hazards", "-f", "copy", "--by", "comm"],
        ["hazards", "-f", "copy", "--by", "stack,comm"],
        ["hazards", "-f", "copy", "--raw", "--json"],
    ],
)
def test_usage_errors(tool: Tool, folder: Path, words: list[str]) -> None:
    assert folder.name == "copy"
    assert tool(*words, status=2).stdout == ""


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Truncate it, change some bytes, or remove a piece."""
    start = rng.randrange(len(data))
    kind = rng.randrange(3)
    if kind == 0:
        return data[:start]
    if kind == 1:
        return data[:start] + data[start + rng.randrange(1, 40) :]
    return data[:start] + bytes([rng.randrange(256)]) + data[start + 1 :]


@pytest.mark.parametrize("seed", range(40))
def test_damage_at_random(program: Path, sample: Path, hazards: Path, seed: int) -> None:
    rng = random.Random(seed)
    hazards.rename(sample / "hazards")
    for name in ("pins", "stacks", "hazards"):
        path = sample / name
        path.write_bytes(mutate(path.read_bytes(), rng))
    sums = ["list", "-b", "module,stack,file"]
    for words in (
        ["list"],
        ["stacks", "-j"],
        sums,
        ["diff"],
        ["hazards", "-j"],
        ["hazards", "-b", "stack", "pfn=0-0x300", "min_age_ms=1"],
    ):
        source = [sample, sample] if words[0] == "diff" else ["-f", sample]
        command: list[str | Path] = [program, *words, *source]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode in (0, 1), done
        assert done.stderr.count(b"\n") == done.returncode, done
