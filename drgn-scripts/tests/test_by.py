# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pins summed by words."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from schema import validate
from test_cli import run

from gup_pin.by import KEYS, choose_groups, group_by, group_words, parse_keys
from gup_pin.filter import Filter
from gup_pin.folio import UNKNOWN_FOLIO
from gup_pin.format import Formatter
from gup_pin.runs import Run
from mock_command import FRAMES, MockState, mock_drgn
from samples import ANON, NAMES, NOW, ORIGIN, TIME, item

FILE = replace(ANON, map="file", dev=8 << 20 | 1, ino=7, path="/data")
DB = replace(ORIGIN, comm=b"db", stack=2)
RUNS = [
    Run(item(1), 4, 5),
    Run(item(2, folio=FILE, time=TIME - 1_000_000), 1, 2),
    Run(item(3, origin=DB, folio=FILE, time=TIME + 2_000_000), 2, 40, "both"),
]
STACKS = {ORIGIN.stack: ("a+0x1/0x2",), 2: ("a+0x1/0x2", "b+0x1/0x2 [db_core]")}
Capture = Any


@pytest.fixture(autouse=True)
def _no_drgn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command runs without drgn."""
    monkeypatch.setitem(sys.modules, "drgn", mock_drgn())


def sums(keys: str, *runs: Run, sort: str | None = None) -> list[dict[str, Any]]:
    """The words of the groups of these runs, or of all."""
    by = parse_keys(keys)
    groups = group_by(runs or RUNS, by, Formatter(NAMES, NOW), STACKS.__getitem__)
    chosen = choose_groups(groups, by, sort, None)
    return [dict(group_words(group, by, NOW)) for group in chosen]


def test_by_a_word() -> None:
    """The most pins first; figures and ages of all lines."""
    assert sums("comm") == [
        {"pins": 40, "pages": 2, "runs": 1}
        | {"oldest_ms": 5201, "newest_ms": 5201, "comm": "db"},
        {"pins": 7, "pages": 5, "runs": 2}
        | {"oldest_ms": 5204, "newest_ms": 5203, "comm": "fio"},
    ]


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ("comm,map", {"db/file": 40, "fio/anon": 5, "fio/file": 2}),
        ("module", {"db_core": 40, "vmlinux": 7}),
        ("module,file", {"db_core/8:1:7": 40, "vmlinux/anon": 5, "vmlinux/8:1:7": 2}),
        ("stack", {"0x2": 40, f"{ORIGIN.stack:#x}": 7}),
    ],
)
def test_by_more(keys: str, wanted: dict[str, int]) -> None:
    """Several words, and those that no line has."""
    names = keys.split(",")
    found = {"/".join(str(s[name]) for name in names): s["pins"] for s in sums(keys)}
    assert found == wanted


def test_equal_stacks() -> None:
    """Handles with equal frames are one sum, which has all of them."""
    stacks = {9: ("a+0x1/0x2",), 1: ("b+0x1/0x2",), 16: ("a+0x1/0x2",), 2: (), 3: ()}
    runs = [
        Run(item(handle, origin=replace(ORIGIN, stack=handle)), 1, handle)
        for handle in stacks
    ]
    for keys in (("stack",), ("comm", "stack")):
        groups = group_by(runs, keys, Formatter(NAMES, NOW), stacks.__getitem__)
        chosen = choose_groups(groups, keys, "stack", None)
        words = [group_words(group, keys, NOW) for group in chosen]
        found = [(each["stack"], each["pins"]) for each in words]
        assert found == [("0x1", 1), ("0x2", 2), ("0x3", 3), ("0x9,0x10", 25)]
        for each in words:
            validate(each, "group")


def test_the_path_of_a_file() -> None:
    """It is shown beside the file, of which it is one name."""
    by_file, by_path = sums("file"), sums("file,path")
    assert [group.get("path") for group in by_file] == ["/data", None]
    assert [group["path"] for group in by_path] == ["/data", ""]
    unread = replace(FILE, path=None)
    (group,) = sums("file", Run(item(1, folio=unread), 1, 1), RUNS[1])
    assert group["path"] == "/data"


def test_the_order() -> None:
    """The most or oldest first."""
    assert [group["comm"] for group in sums("comm", sort="age")] == ["fio", "db"]
    assert [group["comm"] for group in sums("comm", sort="pages")] == ["fio", "db"]
    assert [group["comm"] for group in sums("comm", sort="pins")] == ["db", "fio"]
    assert [group["comm"] for group in sums("comm", sort="runs")] == ["fio", "db"]
    assert [group["comm"] for group in sums("comm", sort="comm")] == ["db", "fio"]
    assert [group["comm"] for group in sums("comm", sort="newest_ms")] == ["fio", "db"]
    pins = Run(item(5), 1, 9), Run(item(6), 1, 50), Run(item(7), 1, 9)
    assert [group["pins"] for group in sums("pins", *pins)] == [9, 50]
    alike = Run(item(5, origin=DB), 1, 5), RUNS[0]
    assert [group["comm"] for group in sums("comm", *alike)] == ["db", "fio"]
    assert [group["comm"] for group in sums("comm", *alike[::-1])] == ["db", "fio"]


def test_what_could_not_be_read() -> None:
    """No sum is made up of parts that are unknown."""
    unread = Run(item(9, folio=UNKNOWN_FOLIO), None, 1)
    (group,) = sums("comm", RUNS[0], unread, RUNS[1])
    assert (group["pins"], group["pages"]) == (8, None)
    assert {group["file"] for group in sums("file", unread)} == {None}
    validate(group, "group")


def test_a_figure_that_is_a_key() -> None:
    """It is that of each line, as in the program gup_pin."""
    found = {(group["pins"], group["runs"]) for group in sums("pins")}
    assert found == {(5, 1), (2, 1), (40, 1)}


@pytest.mark.parametrize("key", KEYS)
def test_all_keys_are_in_the_schema(key: str) -> None:
    """Each has its place."""
    for group in sums(key, RUNS[2]):
        assert key in group
        validate(group, "group")


@dataclass
class Lines(MockState):
    """The lines of this test."""

    def for_each_run(self, wanted: Filter | None) -> Iterator[Run]:
        """The runs."""
        self.wanted = wanted
        yield from [] if self.empty else RUNS[:2]

    def for_each_orphan(self, wanted: Filter | None) -> Iterator[Run]:
        """The only orphan."""
        self.wanted = wanted
        yield RUNS[2]


def test_text_and_json(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """A line a group, and the stacks if they are summed by."""
    assert run(monkeypatch, "list --by comm mode=w", state := Lines()) == 0
    assert state.wanted == Filter(mode="w")
    assert capsys.readouterr() == (
        "# gup_pin groups 1\n"
        "pins=7 pages=5 runs=2 oldest_ms=5204 newest_ms=5203 comm=fio\n",
        "",
    )
    assert run(monkeypatch, "list --by comm,stack --limit 1", Lines()) == 0
    assert capsys.readouterr().out.endswith(f"\n\nstack=0x2b40003\n{FRAMES}")
    for words, more in (("", {"frames"}), (" --no-stacks", set())):
        assert run(monkeypatch, f"task 5 --by stack --jsonl{words}", Lines()) == 0
        group = json.loads(capsys.readouterr().out)
        validate(group, "group")
        assert {*group} & {"frames"} == more
    twice = (
        Run(item(1, origin=replace(ORIGIN, stack=9)), 1, 1),
        Run(item(2, origin=replace(ORIGIN, stack=7)), 1, 1),
    )
    monkeypatch.setattr(Lines, "for_each_run", lambda self, wanted: iter(twice))
    monkeypatch.setattr(Lines, "frames", lambda self, handle: ("a+0x1/0x2",))
    assert run(monkeypatch, "list --by stack", Lines()) == 0
    end = " stack=0x9,0x7\n\nstack=0x9,0x7\n a+0x1/0x2\n"
    assert capsys.readouterr().out.endswith(end)
    assert run(monkeypatch, "list --by stack --jsonl", Lines()) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == ["a+0x1/0x2"]
    assert run(monkeypatch, "list --by stack --json", Lines()) == 0
    document = json.loads(capsys.readouterr().out)
    validate(document)
    assert document["groups"][0]["stack"] == "0x9,0x7"
    assert document["stacks"] == {"0x9": ["a+0x1/0x2"], "0x7": ["a+0x1/0x2"]}


def test_the_document_has_the_stacks_of_its_groups(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Each of them."""
    assert run(monkeypatch, "file /data --by stack --json", Lines()) == 0
    document = json.loads(capsys.readouterr().out)
    validate(document)
    assert [*document["stacks"]] == [each["stack"] for each in document["groups"]]


def test_orphans(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """By what has ended."""
    monkeypatch.setattr(Lines, "frames", lambda self, handle: STACKS[handle])
    assert run(monkeypatch, "orphans --by gone,module", Lines()) == 0
    line = "pins=40 pages=2 runs=1 oldest_ms=5201 newest_ms=5201"
    line += " gone=both module=db_core"
    assert capsys.readouterr() == (f"# gup_pin groups 1\n{line}\n", "")


def test_nothing_to_sum(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """It is explained, as for lines."""
    assert run(monkeypatch, "list --by comm", Lines(empty=True)) == 0
    said = "gup_pins: no pins: there are none on record\n"
    assert capsys.readouterr() == ("# gup_pin groups 1\n", said)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("list --by com", "no line has a word 'com' to sum by"),
        ("list --by comm,comm", "comm is given twice"),
        ("list --by comm,", "no line has a word '' to sum by"),
        ("list --by pfn,pages,order,pins,mode,term,api,owner,task", "at most 8 words"),
        ("list --by gone", "gone is for orphans only"),
        ("list --by comm --sort mode", "'mode'; there are pins, pages, runs, "),
        ("list --sort runs", "invalid key: 'runs'; there are pfn, pages, order"),
        ("stacks --by comm", "unrecognized arguments: --by"),
    ],
)
def test_keys_that_are_none(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, words: str, complaint: str
) -> None:
    """Status 2, and a line."""
    assert run(monkeypatch, words, Lines()) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == "" and complaint in line
