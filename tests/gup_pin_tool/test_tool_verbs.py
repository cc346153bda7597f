# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: it has the verbs and options of gup_pins.py, with the same meaning."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gup_pin_tool.files import (
    MSYNC,
    NONE,
    PINS,
    RXE,
    STACKS,
    URING,
    USAGE,
    Run,
    Tool,
    hazard,
    pin,
    refused,
    rows,
    stack,
    write,
)
from vmlib import paths

# Only in the kernel's memory.
OF_DUMPS = {"check", "report"}
# Only useful on a live system, or for two copies.
OF_FILES = {"top", "diff", "metrics"}
# argparse has only --help.
OF_FILES |= {"help"}
OPTIONS_OF_FILES = {"--delay", "--from", "--output", "--raw", "--reverse", "--rounds"}


def drgn_parse(*words: str) -> Run:
    """The command line of gup_pins.py is checked before drgn is needed."""
    code = "import sys; from gup_pin.arguments import parse; parse(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=paths.PROJECT / "drgn-scripts",
    )


def drgn_help(*words: str) -> str:
    """The help of gup_pins.py."""
    done = drgn_parse(*words, "--help")
    done.check_returncode()
    return done.stdout


def options_of(text: str) -> set[str]:
    """The long options."""
    return set(re.findall(r"(?<!\w)--[a-z-]+", text)) - {"--help"}


def test_the_verbs_are_those_of_drgn(tool: Tool) -> None:
    ours = set(re.findall(r"^  ([a-z]+) ", tool("--help").stdout, re.MULTILINE))
    theirs = set(re.findall(r"^    ([a-z]+) ", drgn_help(), re.MULTILINE))
    assert {"list", "show", "status"} <= ours & theirs
    assert ours - OF_FILES == theirs - OF_DUMPS


def test_the_options_are_those_of_drgn(tool: Tool) -> None:
    ours = options_of(tool("--help").stdout)
    verbs = set(re.findall(r"^    ([a-z]+) ", drgn_help(), re.MULTILINE)) - OF_DUMPS
    theirs = set().union(*(options_of(drgn_help(verb)) for verb in verbs))
    assert {"--limit", "--jsonl", "--stacks"} <= ours & theirs
    assert ours - OPTIONS_OF_FILES == theirs


def filters_of(verb: str) -> set[str]:
    """The keys of the filters in the help of gup_pins.py for a verb."""
    return set(re.findall(r"\b([a-z_]+)=", drgn_help(verb)))


# Words that only some lines have.
OF_LINES = {
    "list": set(),
    "hazards": {"kind", "stake"},
    "orphans": {"gone"},
    "refused": {"why", "err"},
}


@pytest.mark.parametrize("verb", OF_LINES)
def test_the_filters_of_drgn_are_filters_here(tool: Tool, all_files: Path, verb: str) -> None:
    """Each finds a line by a value of its own, and by another value does not."""
    others = {"gone": "task"}
    write(all_files / "orphans", "# gup_pin orphans 1", pin(path="", gone="both"))
    keys = filters_of(verb)
    assert keys & set().union(*OF_LINES.values()) == OF_LINES[verb]
    raw = tool(verb, "-f", all_files, "--raw").stdout
    # A refusal without a page has no pfn to find it by.
    lines = (line for line in raw.splitlines() if line[:1] not in ("", "#", " "))
    line = next(line for line in lines if " pfn=0x0 " not in line)
    words = dict(word.split("=", 1) for word in line.split(" ")) | {"min_age_ms": "0"}
    # Whose stack is not in the copy of stacks.
    words["module"] = "?" if verb == "orphans" else "vmlinux"
    for key in keys:
        found = json.loads(tool(verb, "-f", all_files, "--json", f"{key}={words[key]}").stdout)
        assert found, key
    for word in ("owner=4711", *(f"{key}={others.get(key, 'nothing')}" for key in OF_LINES[verb])):
        done = tool(verb, "-f", all_files, "--json", word, status=NONE)
        assert json.loads(done.stdout) == []


@pytest.fixture(name="all_files")
def fixture_all_files(folder: Path, hazards: Path) -> Path:
    """A folder with a copy of each file."""
    hazards.rename(folder / "hazards")
    write(folder / "orphans", "# gup_pin orphans 1", pin(pfn="0x20", owner=9, stack="0x2"))
    write(
        folder / "refused",
        "# gup_pin refused 1",
        refused(),
        refused(RXE, count=7, why="movable", err="ENOMEM", pfn="0x99", ino=0, path="", mode="r"),
    )
    write(folder / "stats", "enabled 1", "live_pins 15", "hooks pin_user_pages direct")
    return folder


@pytest.mark.parametrize(
    ("words", "pfns"),
    [
        ("list", "10 20 30 40"),
        ("orphans", "20"),
        ("orphans owner=9", "20"),
        ("task 9", "20 30"),
        ("task 815", "10 40"),
        ("file 77", "20 30"),
        ("show 0x20", "20"),
        ("show 32", "20"),
        ("show 0x23f", "40"),
        ("list --limit 1", "10"),
        ("list --sort age", "20 30 40 10"),
    ],
)
def test_verbs_that_show_pins(tool: Tool, all_files: Path, words: str, pfns: str) -> None:
    got = json.loads(tool(*words.split(), "-f", all_files, "--json").stdout)
    assert " ".join(g["pfn"].removeprefix("0x") for g in got) == pfns
    lines = tool(*words.split(), "-f", all_files, "--jsonl").stdout.splitlines()
    # show has the frames, unless switched off.
    assert [json.loads(line) for line in lines] == got


@pytest.mark.parametrize("keys", ["stack", "comm,stack", "stack,comm"])
def test_sums_by_stack_are_those_of_drgn(tool: Tool, tmp_path: Path, keys: str) -> None:
    """Handles with equal frames are one stack; those without frames are not."""
    frames = {"0x9": URING, "0x1": RXE, "0x10": URING, "0x2": [], "0x3": []}
    folder = paths.PROJECT / "drgn-scripts"
    done = subprocess.run(
        [sys.executable, Path(__file__).parent / "sum_runs.py", keys],
        input=json.dumps(frames),
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{folder}:{folder}/tests"},
    )
    theirs = json.loads(done.stdout)
    write(tmp_path / "pins", PINS, *theirs["pins"])
    write(tmp_path / "stacks", STACKS, *(stack(f, stack=handle) for handle, f in frames.items()))
    words = ["list", "-f", tmp_path, "--by", keys, "pages=1", "--no-stacks", "--json"]
    ours = json.loads(tool(*words).stdout)
    assert sorted(ours, key=str) == sorted(theirs["groups"], key=str)
    joined = [group["stack"] for group in ours if "," in group["stack"]]
    assert joined == ["0x9,0x10"]
    found = tool("list", "-f", tmp_path, "--json", f"stack={joined[0]}").stdout
    assert {pin["stack"] for pin in json.loads(found)} == {"0x9", "0x10"}


def test_stacks_below_the_lines(tool: Tool, all_files: Path) -> None:
    uring = "".join(f"  {frame}\n" for frame in URING)
    for words in (["list", "--stacks"], ["show", "0x10"], ["task", "812", "--stacks"]):
        assert " io_pin_pages  " in tool(*words, "-f", all_files).stdout
        assert f"\n{uring}\n" in tool(*words, "-f", all_files).stdout, words
        got = json.loads(tool(*words, "-f", all_files, "--json").stdout)
        assert got[0]["frames"] == URING
    for words in (["list"], ["show", "0x10", "--no-stacks"]):
        assert "+0x" not in tool(*words, "-f", all_files).stdout
        assert "frames" not in tool(*words, "-f", all_files, "--json").stdout


@pytest.mark.parametrize("name", ["pins", "orphans"])
def test_a_single_file_has_its_stacks_beside_it(tool: Tool, all_files: Path, name: str) -> None:
    path = all_files / name
    verb = "orphans" if name == "orphans" else "list"
    for words in (["list", "-f", path], [verb, "-f", all_files]):
        frames = "".join(f"  {frame}\n" for frame in RXE)
        assert f"\n{frames}\n" in tool(*words, "--by", "stack").stdout
        assert "ib_umem_get [ib_uverbs]" in tool(*words).stdout
    (all_files / "stacks").unlink()
    assert rows(tool("list", "-f", path, "--by", "stack", "stack=2").stdout)[1][-1] == "0x2"


def test_orphans_for_people(tool: Tool, all_files: Path) -> None:
    orphans = [pin(path="", gone="both"), pin(pfn="0x2")]
    write(all_files / "orphans", "# gup_pin orphans 1", *orphans)
    titles, *lines = rows(tool("orphans", "-f", all_files).stdout)
    assert titles[3] == "GONE"
    # An older kernel does not report what has ended.
    assert [line[3] for line in lines] == ["both", "-"]


def test_stacks_for_flame_graphs(tool: Tool, folder: Path) -> None:
    assert tool("stacks", "-f", folder, "--folded").stdout.splitlines() == [
        "do_syscall_64;io_pin_pages;pin_user_pages_fast 9",
        "rxe_mr;ib_umem_get;pin_user_pages_fast 6",
    ]


def test_refusals(tool: Tool, all_files: Path) -> None:
    text = tool("refused", "-f", all_files).stdout
    assert [" ".join(row) for row in rows(text)] == [
        "COUNT LAST WHY ERR M HOLDER WHERE WHAT",
        "2 0.1s file EFAULT w fio 812 io_pin_pages /data",
        "7 0.1s movable ENOMEM r fio 812 ib_umem_get [ib_uverbs] page 0x99",
    ]
    text = tool("refused", "-f", all_files, "--stacks", "why=file").stdout
    assert f"  {URING[1]}\n" in text and "movable" not in text
    assert text == tool("refused", "-f", all_files, "--by", "stack", "why=file").stdout
    got = json.loads(tool("refused", "-f", all_files, "--json", "--sort", "count").stdout)
    assert [(g["count"], g["frames"]) for g in got] == [(7, RXE), (2, URING)]
    whole = (all_files / "refused").read_text()
    assert tool("refused", "-f", all_files / "refused", "--raw").stdout == whole


def test_status(tool: Tool, all_files: Path) -> None:
    text = (all_files / "stats").read_text()
    assert tool("status", "-f", all_files).stdout == text
    assert json.loads(tool("status", "-f", all_files, "--json").stdout) == {
        "enabled": 1,
        "live_pins": 15,
        "hooks pin_user_pages": "direct",
    }


def test_hazards_with_their_stacks(tool: Tool, tmp_path: Path) -> None:
    write(tmp_path / "hazards", "# gup_pin hazards 1", hazard())
    text = tool("hazards", "-f", "hazards", "--stacks").stdout
    assert f"  event:\n   {MSYNC[0]}\n" in text
    assert text == tool("hazards", "-f", "hazards", "--by", "stack").stdout


def test_a_page_that_is_not_pinned(tool: Tool, folder: Path) -> None:
    error = tool("show", "0x999", "-f", folder, status=NONE).stderr
    assert error == "gup_pin: no pins for pfn=0x999: none of 15 pins matches\n"


UNKNOWN = [
    "nonsense",
    "list --nonsense",
    "list nonsense",
    "list nothing=1",
    "list owner=4711 nothing=1",
    "list kind=truncate",
    "list gone=both",
    "list --by nothing",
    "list --by gone",
    "list --sort nothing",
    "list --by comm --sort nothing",
    "orphans why=file",
    "hazards nothing=1",
    "hazards gone=both",
    "refused stake=data",
    "refused min_age_ms=1",
    "task nonsense",
    "show nonsense",
    "list mode=x",
    "list owner=x",
]


@pytest.mark.parametrize("words", UNKNOWN)
def test_an_unknown_word_has_one_status(tool: Tool, all_files: Path, words: str) -> None:
    """With lines and without, and in gup_pins.py."""
    split = words.split()
    assert drgn_parse(*split).returncode == USAGE
    tool(*split, "-f", all_files, status=USAGE)
    for name in ("pins", "stacks", "hazards", "orphans", "refused"):
        write(all_files / name, f"# gup_pin {name} 1")
    tool(*split, "-f", all_files, status=USAGE)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["list", "-c", "2"], "list has no --rounds"),
        (["list", "-d", "1"], "list has no --delay"),
        (["status", "comm=fio"], "status has no filters"),
        (["status", "-n", "1"], "status has no --limit"),
        (["hazards", "--folded"], "hazards has no --folded"),
        (["metrics", "-j"], "metrics has no --json"),
        (["metrics", "--no-stacks"], "metrics has no --no-stacks"),
        (["stacks", "-o", "x"], "stacks has no --output"),
        (["top", "--raw"], "top has no --raw"),
        (["diff", "--folded"], "diff has no --folded"),
        (["orphans", "--rounds", "1"], "orphans has no --rounds"),
    ],
)
def test_an_option_that_would_do_nothing(tool: Tool, words: list[str], why: str) -> None:
    """Each is a mistake, and the answer names it."""
    assert why in tool(*words, status=2).stderr
