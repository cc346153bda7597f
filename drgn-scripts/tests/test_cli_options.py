# SPDX-License-Identifier: LGPL-2.1-or-later
"""Words and options of the command, in whatever order people write them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from schema import validate
from test_cli import FRAME_LIST, run
from test_format import LINE

from gup_pin import cli
from gup_pin.arguments import parse
from gup_pin.errors import Unreadable
from gup_pin.filter import Filter
from gup_pin.folio import UNKNOWN_FOLIO
from gup_pin.page import Page
from gup_pin.pin import Item
from gup_pin.ring import Hazard
from gup_pin.runs import Run
from gup_pin.sort import SORT_KEYS, choose
from mock_command import EVENT, FRAMES, HAZARD, MockState, mock_drgn
from samples import ANON, ORIGIN, TIME, item

Capture = Any

# The words of a line of the contract, and one more.
WORDS = [word.partition("=")[0] for word in LINE.split(" ")]


@pytest.fixture(autouse=True)
def _no_drgn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command runs without drgn."""
    monkeypatch.setitem(sys.modules, "drgn", mock_drgn())


@dataclass
class Lines(MockState):
    """Two lines that differ in every word; each is first by some, and some hazards."""

    def for_each_run(self, wanted: Filter | None) -> Iterator[Run]:
        """The runs."""
        self.wanted = wanted
        low = replace(ORIGIN, mode=0, term=0, api=0, owner=1, tgid=2, pid=900, stack=3)
        yield Run(replace(item(0x300), addr=0x9000, match="inferred"), 4, 4)
        folio = replace(
            ANON, map="file", order=1, dev=5, ino=6, index=7, path="/a", place=7
        )
        origin, time = replace(low, comm=b"a"), TIME - 10**9
        first = item(0x200, origin=origin, time=time, folio=folio)
        yield Run(replace(first, addr=0x8000), 8, 8)

    def for_each_hazard(self, wanted: Filter | None) -> Iterator[Hazard]:
        """Three hazards; the last is the newest."""
        self.wanted = wanted
        for pins in (1, 2, 3):
            yield replace(HAZARD, pins=pins)

    def func(self, hazard: Hazard) -> str:
        """Of the event's first frame."""
        return "truncate_cleanup_folio+0x1"

    def event_frames(self, hazard: Hazard) -> tuple[str, ...]:
        """The frames of the event."""
        return tuple(line.strip() for line in EVENT.splitlines())

    def stats(self) -> dict[str, int]:
        """A figure; another one is unreadable."""
        if self.damaged:
            self.faults.add(Unreadable("figure of stats", 0x10))
        return {"enabled": 1}

    def page(self, number: int) -> Page:
        """An unreadable page."""
        raise Unreadable("struct page", number)

    def items_of(self, pfn: int) -> list[Item]:
        """The pins of a page, by two calls."""
        return [item(pfn), replace(item(pfn, time=5), pins=2)]


# Which of the two comes first: the most or oldest, otherwise the smallest.
SECOND_FIRST = {
    *("pfn", "pages", "order", "pins", "mode", "api", "owner", "task", "comm"),
    *("age_ms", "age", "addr", "stack", "match"),
}


MAY_BE_UNKNOWN = {
    *("pages", "order", "addr", "map", "dev", "ino", "index", "path"),
}


@pytest.mark.parametrize("key", [*WORDS, "age"])
def test_sort(monkeypatch: pytest.MonkeyPatch, capsys: Capture, key: str) -> None:
    """By any word of a line; a limit keeps the first in the same order."""
    assert run(monkeypatch, f"list --sort {key} --jsonl --no-stacks", Lines()) == 0
    found = [json.loads(line)["pfn"] for line in capsys.readouterr().out.splitlines()]
    assert found == (["0x200", "0x300"] if key in SECOND_FIRST else ["0x300", "0x200"])
    words = f"list --sort {key} --limit 1 --jsonl --no-stacks"
    assert run(monkeypatch, words, Lines()) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["pfn"] == found[0]


@pytest.mark.parametrize("key", SORT_KEYS)
def test_what_is_unknown_is_sorted_last(key: str) -> None:
    """By any word that may be unknown; the others keep their order."""
    known = Run(item(2), 1, 1)
    unknown = Run(replace(item(1, folio=UNKNOWN_FOLIO), addr=None), None, 1)
    found = [run.pfn for run in choose([unknown, known], key, None)]
    assert found == ([2, 1] if key in MAY_BE_UNKNOWN else [1, 2])


def test_the_help_tells_all_keys(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The keys of --sort and of filters."""
    assert {*WORDS, "age"} == {*SORT_KEYS}
    assert run(monkeypatch, "list --help", Lines()) == 0
    out = capsys.readouterr().out
    assert all(f" {key}" in out for key in SORT_KEYS) and "KEY=VALUE" in out
    for verb in ("list", "task", "file", "hazards", "orphans"):
        assert run(monkeypatch, f"{verb} --help", Lines()) == 0
        out = capsys.readouterr().out
        assert "[KEY=VALUE]..." in out and all(f" {key}=" in out for key in FILTERED)
        assert (" kind=" in out, " stake=" in out) == (verb == "hazards",) * 2
        assert (" gone=" in out) == (verb == "orphans")
    assert run(monkeypatch, "refused --help", Lines()) == 0
    out = capsys.readouterr().out
    assert "[KEY=VALUE]..." in out and " why=" in out and " err=" in out
    there = {key for key in FILTERED if re.search(rf"\b{key}=", out)}
    assert there == {*FILTERED} - {"min_age_ms"}


# Except for the first line of the help.
FILTERED = (
    *("owner", "task", "comm", "mode", "api", "pfn", "ino", "dev"),
    *("min_age_ms", "stack"),
)
BOTH = Filter(mode="w", term="long")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["list", "mode=w", "term=long"], BOTH),
        (["list", "mode=w", "--limit", "5", "term=long"], BOTH),
        (["list", "--limit", "5", "mode=w", "--no-stacks", "term=long"], BOTH),
        (["list", "mode=w", "--jsonl", "term=long", "--sort", "pfn"], BOTH),
        (["list", "--", "mode=w", "term=long"], BOTH),
        (["list", "mode=w", "--no-stacks", "--", "term=long"], BOTH),
        (["list", "mode=w term=long"], BOTH),
        (["list", "\tmode=w \n term=long\r"], BOTH),
        (["list", "mode=w", "--limit", "5", " term=long "], BOTH),
        (["list", "", " "], None),
        (["list"], None),
        (["orphans", "mode=w", "--limit=5", "term=long"], BOTH),
        (["hazards", "mode=w", "--limit", "5", "term=long"], BOTH),
        (["hazards", "kind=writeback"], Filter(kind="writeback")),
        (["hazards", "stake=end"], Filter(stake="end")),
        (["orphans", "gone=both"], Filter(gone="both")),
        (["refused", "why=file", "owner=5"], Filter(why="file", owner=5)),
        (["task", "5", "mode=w", "--limit", "5", "term=long"], replace(BOTH, any_of=5)),
        (["task", "--limit", "5", "5", "mode=w term=long"], replace(BOTH, any_of=5)),
        (["task", "--no-stacks", "5"], Filter(any_of=5)),
        (
            ["file", "/a b", "mode=w", "--json", "term=long"],
            replace(BOTH, path=r"/a\x20b"),
        ),
        (["file", "--jsonl", "7", "pfn=1-2"], Filter(ino=7, pfn=(1, 2))),
        (["list", r"comm=a\x20b"], Filter(comm=b"a b")),
        # A no-break space does not separate words in debugfs.
        (["list", "comm=a\u00a0b"], Filter(comm="a\u00a0b".encode())),
        (["list", "comm=a\x0cb"], Filter(comm=b"a\x0cb")),
    ],
)
def test_words(words: list[str], wanted: Filter | None) -> None:
    """Before, between and after options; several in one argument, as in one write."""
    assert (parse(words).filter or None) == wanted


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["list", "mode=w", "--limit", "5", "mode=r"], "mode=r: mode= is given twice"),
        (["list", "comm=a b"], "b is not a filter; there are owner="),
        (["list", "kind=writeback"], "kind=writeback is for hazards only"),
        (["task", "5", "gone=task"], "gone=task is for orphans only"),
        (["orphans", "stake=end"], "stake=end is for hazards only"),
        (["list", "why=file"], "why=file is for refused only"),
        (["refused", "min_age_ms=5"], "min_age_ms=5 is not for refused"),
        (["refused", "err="], "err= is not an error"),
        (["orphans", "gone=x"], "gone=x is neither owner, task nor both"),
        (["list", "mode=w", "--nonsense", "term=long"], "--nonsense"),
        (["list", "mode=w", "--limit", "5", "nonsense"], "nonsense is not a filter"),
        (["list", "--no-stacks", "-x"], "unrecognized arguments: -x"),
        (["list", "-5"], "-5"),
        (["--jsonl", "list"], "unrecognized arguments: --jsonl"),
        (["file", "7", "ino=8"], "ino= is already set by the verb"),
        (["task", "5", "any_of=6"], "any_of=6 is not a filter; there are owner="),
        (["show", "5", "mode=w"], "unrecognized arguments: mode=w"),
        (["stacks", "mode=w"], "unrecognized arguments: mode=w"),
        (["status", "--json", "mode=w"], "unrecognized arguments: mode=w"),
        (["check", "5"], "unrecognized arguments: 5"),
        (["report", "-o", "a", "b"], "unrecognized arguments: b"),
        (["task", "mode=w"], "invalid number value: 'mode=w'"),
        (["hazards", "--sort", "pfn"], "--sort"),
        (["hazards", "--limit", "-1"], "--limit"),
        (
            ["list", "--limit", "0"],
            "argument --limit: wants a number of at least 1, not '0'",
        ),
        (["list", "mode=x"], "mode=x is neither r nor w"),
        (["list", "term="], "term= is neither short nor long"),
        (["list", "pfn=5-"], "pfn=5- is not a range like 0x1000-0x1fff"),
        (["list", "task=1/"], "task=1/ is neither PID nor TGID/PID"),
        (["list", "owner=x"], "owner=x is not a PID"),
        (["list", "dev=8"], "dev=8 is not MAJOR:MINOR"),
        (["list", "comm=0123456789abcdef"], "is not a name of 1 to 15 bytes"),
        (["file", "9" * 30], "999 is not an inode number"),
        (["show", "5", "--json", "--jsonl"], "not allowed with"),
        (["status", "--json", "--jsonl"], "not allowed with"),
    ],
)
def test_words_that_are_none(
    capsys: Capture, words: list[str], complaint: str
) -> None:
    """Status 2; one line that names the help of the verb."""

    def find() -> Any:
        raise AssertionError("used")

    assert cli.main(words, find) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == "" and complaint in line and line.startswith("gup_pins: ")
    verb = "list" if "list" in words else words[0]
    assert line.endswith(f"(gup_pins.py {verb} --help says more)")


def test_pins_of_a_page_as_jsonl(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """A pin a line, as for list; only --json has the rest of the page."""
    assert run(monkeypatch, "show 5 --jsonl", Lines()) == 4
    out, err = capsys.readouterr()
    pins = [json.loads(line) for line in out.splitlines()]
    for pin in pins:
        validate(pin, "pin")
    assert [(pin["pins"], pin["frames"]) for pin in pins] == [
        (1, FRAME_LIST),
        (2, FRAME_LIST),
    ]
    assert err == "gup_pins: struct page not in the dump (0x5)\n"
    assert run(monkeypatch, "show 5 --jsonl --no-stacks", Lines()) == 4
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and not any("frames" in line for line in lines)


@pytest.mark.parametrize("damaged", [False, True])
def test_status_as_jsonl(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, damaged: bool
) -> None:
    """The document in one line."""
    status = 4 if damaged else 0
    assert run(monkeypatch, "status --jsonl", Lines(damaged=damaged)) == status
    (line,) = capsys.readouterr().out.splitlines()
    document = json.loads(line)
    validate(document)
    assert document["verb"] == "status" and document["stats"] == {"enabled": 1}
    assert document["complete"] is not damaged
    assert run(monkeypatch, "status --json", Lines(damaged=damaged)) == status
    assert json.loads(capsys.readouterr().out) == document


def test_status_without_a_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The figure is "?" in text and null in JSON, and so is the release."""
    state = Lines(release="")
    monkeypatch.setattr(Lines, "stats", lambda self: {"enabled": 1, "live_pins": None})
    assert run(monkeypatch, "status", state) == 0
    out = capsys.readouterr().out
    assert "\nlive_pins ?\n" in out and "\nkernel ?\n" in out
    assert run(monkeypatch, "status --json", state) == 0
    document = json.loads(capsys.readouterr().out)
    validate(document)
    assert document["stats"]["live_pins"] is None and document["kernel"] is None


def counts(text: str) -> list[str]:
    """The numbers of the hazards in a text."""
    return [
        word.partition("=")[2]
        for word in text.split()
        if word.startswith("pins_on_folio=")
    ]


@pytest.mark.parametrize(("limit", "wanted"), [(1, "3"), (2, "23"), (9, "123")])
def test_the_newest_hazards(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, limit: int, wanted: str
) -> None:
    """The last N, in their order."""
    assert run(monkeypatch, f"hazards --limit {limit}", Lines()) == 0
    assert counts(capsys.readouterr().out) == [*wanted]
    assert run(monkeypatch, f"hazards --limit {limit} --json", Lines()) == 0
    hazards = json.loads(capsys.readouterr().out)["hazards"]
    assert [str(hazard["pins_on_folio"]) for hazard in hazards] == [*wanted]


def test_hazards_without_stacks(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """A line each, and no stack is read; JSON has no frames."""
    assert run(monkeypatch, "hazards", Lines()) == 0
    whole = capsys.readouterr().out
    monkeypatch.setattr(Lines, "frames", None)
    monkeypatch.setattr(Lines, "event_frames", None)
    assert run(monkeypatch, "hazards --no-stacks", Lines()) == 0
    text = capsys.readouterr().out
    stacks = f"event:\n{EVENT}pin:\n{FRAMES}\n"
    assert whole == "".join(
        f"{line}\n{'' if line.startswith('#') else stacks}"
        for line in text.splitlines()
    )
    assert run(monkeypatch, "hazards --no-stacks --jsonl", Lines()) == 0
    for line in capsys.readouterr().out.splitlines():
        hazard = json.loads(line)
        validate(hazard, "hazard")
        assert "frames" not in {*hazard, *hazard["pin"]}
    assert run(monkeypatch, "hazards --no-stacks --json", Lines()) == 0
    document = json.loads(capsys.readouterr().out)
    validate(document)
    assert document["stacks"] == {} and len(document["hazards"]) == 3
