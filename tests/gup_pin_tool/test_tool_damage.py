# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: files that are damaged, words that make no sense."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gup_pin_tool.files import PINS, RXE, STACKS, URING, Tool, pin, rows, stack, write


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


def cut(line: str) -> Callable[[str], str]:
    """Where a file ends."""
    return lambda text: text[: text.index(line) + len(line)]


def swap(old: str, new: str) -> Callable[[str], str]:
    """Another text in the last record."""
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
        ("pins", swap("pins 1", "hazards 1"), "pins:1: this is hazards; only"),
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


def test_what_a_torn_file_had_is_shown(tool: Tool, folder: Path) -> None:
    path = folder / "pins"
    path.write_text(path.read_text()[:-30])
    assert len(json.loads(tool("list", "-f", folder, "--json", status=1).stdout)) == 3


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["list", "-f", "none"], "none: No such file"),
        (["list", "-f", "empty"], "empty/pins: No such file"),
        (["list", "-f", "copy", "nothing=1"], "no line has a word nothing="),
        (["list", "-f", "copy", "--by", "nothing"], "no line has a word nothing="),
        (["list", "-f", "copy", "--sort", "nothing"], "no line has a word nothing="),
        (["list", "-f", "copy/stacks"], "this is stacks, but pins is needed"),
        (["top", "-f", "copy/stacks"], "this is stacks, but pins is needed"),
        (["list", "-f", "copy/pins", "--by", "module"], "modules are told by stacks"),
        (["diff", "copy", "none"], "none: No such file"),
        (["list", "-f", "a\nb"], "a?b: No such file"),
    ],
)
def test_what_cannot_be_told(
    tool: Tool, folder: Path, tmp_path: Path, words: list[str], error: str
) -> None:
    assert folder.name == "copy"
    (tmp_path / "empty").mkdir()
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
        ["diff"],
        ["diff", "a", "b", "c"],
        ["diff", "a", "b", "-f", "c"],
    ],
)
def test_usage_errors(tool: Tool, folder: Path, words: list[str]) -> None:
    assert folder.name == "copy"
    assert tool(*words, status=2).stdout == ""


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Cut it, or change some bytes, or take a piece out."""
    start = rng.randrange(len(data))
    kind = rng.randrange(3)
    if kind == 0:
        return data[:start]
    if kind == 1:
        return data[:start] + data[start + rng.randrange(1, 40) :]
    return data[:start] + bytes([rng.randrange(256)]) + data[start + 1 :]


@pytest.mark.parametrize("seed", range(40))
def test_damage_at_random(program: Path, sample: Path, seed: int) -> None:
    rng = random.Random(seed)
    for name in ("pins", "stacks"):
        path = sample / name
        path.write_bytes(mutate(path.read_bytes(), rng))
    for words in (["list"], ["stacks", "-j"], ["list", "-b", "module,stack,file"], ["diff"]):
        source = [sample, sample] if words[0] == "diff" else ["-f", sample]
        command: list[str | Path] = [program, *words, *source]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode in (0, 1), done
        assert done.stderr.count(b"\n") == done.returncode, done
