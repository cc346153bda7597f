# SPDX-License-Identifier: LGPL-2.1-or-later
"""The words of a line."""

import json
from dataclasses import replace

import pytest
from schema import validate

from gup_pin.clock import age_ms
from gup_pin.folio import UNKNOWN_FOLIO
from gup_pin.format import Formatter, stack_lines
from gup_pin.pin import Item
from gup_pin.runs import Run
from gup_pin.words import escape, unescape
from samples import ANON, NAMES, NOW, ORIGIN, item

FILE = replace(ANON, map="file", dev=259 << 20 | 4, ino=77, path="/a")
RUN = Run(item(0x1A2B0), pages=16, pins=16)

# The record in the contract.
LINE = (
    "pfn=0x1a2b0 pages=16 order=0 pins=16 mode=w term=long api=pin_user_pages_fast "
    "owner=812 task=812/815 comm=fio age_ms=5203 addr=0x7f21c0000000 map=anon "
    "dev=0:0 ino=0 index=0x0 stack=0x2b40003 match=exact path="
)


@pytest.fixture
def formatter() -> Formatter:
    """A formatter for the sample names."""
    return Formatter(NAMES, NOW)


def test_line(formatter: Formatter) -> None:
    """The contract's own example."""
    assert formatter.line(RUN) == LINE


def test_an_orphan(formatter: Formatter) -> None:
    """The last word is what has ended."""
    orphan = replace(RUN, gone="both")
    assert formatter.line(orphan) == f"{LINE} gone=both"
    for frames in (None, ["f+0x1"]):
        words = json.loads(formatter.json_line(orphan, frames))
        assert words.pop("gone") == "both"
        assert words == json.loads(formatter.json_line(RUN, frames))


def test_the_other_words(formatter: Formatter) -> None:
    """All values that the example does not have."""
    origin = replace(ORIGIN, mode=0, term=0, api=7, owner=0, comm=b"a b")
    folio = replace(
        ANON, map="file", dev=259 << 20 | 4, ino=77, index=0x1F, order=4, path="/a"
    )
    first = replace(item(1, origin=origin, folio=folio), addr=0, match="inferred")
    assert formatter.line(Run(first, 32, 2)) == (
        "pfn=0x1 pages=32 order=4 pins=2 mode=r term=short api=unknown owner=0 "
        "task=812/815 comm=a\\x20b age_ms=5203 addr=0x0 map=file dev=259:4 ino=77 "
        "index=0x1f stack=0x2b40003 match=inferred path=/a"
    )


@pytest.mark.parametrize(
    ("first", "unknown"),
    [
        pytest.param(replace(item(1), pages=None), {"pages"}, id="huge"),
        pytest.param(replace(item(1), addr=None), {"addr"}, id="address"),
        pytest.param(
            item(1, folio=replace(FILE, path=None)), {"path"}, id="without a path"
        ),
        pytest.param(
            item(1, folio=replace(FILE, dev=None, ino=None, path=None)),
            {"dev", "ino", "path"},
            id="file",
        ),
        pytest.param(item(1, folio=replace(FILE, map=None)), {"map"}, id="device"),
        pytest.param(item(1, folio=replace(FILE, order=None)), {"order"}, id="order"),
    ],
)
def test_unknown_words(formatter: Formatter, first: Item, unknown: set[str]) -> None:
    """Each is "?" in a line, and null in JSON; the other words are known."""
    if first.pages is None:
        first = replace(first, folio=replace(FILE, order=None))
        unknown = unknown | {"order"}
    run = Run(first, first.pages, 1)
    words = dict(word.split("=", 1) for word in formatter.line(run).split(" "))
    assert {key for key, value in words.items() if value == "?"} == unknown
    found = json.loads(formatter.json_line(run, None))
    assert {key for key, value in found.items() if value is None} == unknown
    validate(found, "pin")


def test_without_a_clock() -> None:
    """Ages are unknown, not 0."""
    formatter = Formatter(NAMES, None)
    assert formatter.line(RUN) == LINE.replace("age_ms=5203", "age_ms=?")
    assert json.loads(formatter.json_line(RUN, None))["age_ms"] is None


def test_a_folio_that_is_not_in_the_dump(formatter: Formatter) -> None:
    """Its words are unknown; those of the record are shown."""
    first = replace(item(0x1A2B0, folio=UNKNOWN_FOLIO), addr=None)
    assert formatter.line(Run(first, pages=16, pins=16)) == (
        "pfn=0x1a2b0 pages=16 order=? pins=16 mode=w term=long api=pin_user_pages_fast "
        "owner=812 task=812/815 comm=fio age_ms=5203 addr=? map=? dev=? ino=? index=? "
        "stack=0x2b40003 match=exact path=?"
    )


def test_names_of_hazards() -> None:
    """A number if a kernel has more."""
    assert [NAMES.hazard(i) for i in range(3)] == ["writeback", "truncate", "kind2"]


def test_json(formatter: Formatter) -> None:
    """The same words; numbers are numbers, others are text."""
    words = json.loads(formatter.json_line(RUN, ["f+0x1/0x2"]))
    assert words.pop("frames") == ["f+0x1/0x2"]
    assert " ".join(f"{key}={value}" for key, value in words.items()) == LINE
    numbers = {key for key, value in words.items() if isinstance(value, int)}
    assert numbers == {"pages", "order", "pins", "owner", "age_ms", "ino"}


def test_json_without_frames(formatter: Formatter) -> None:
    """They were not requested."""
    assert "frames" not in json.loads(formatter.json_line(RUN, None))


@pytest.mark.parametrize(
    ("comm", "word"),
    [
        (b"fio", "fio"),
        (b"", ""),
        (b"kworker/u8:1-ev", "kworker/u8:1-ev"),
        (b"a b", r"a\x20b"),
        (b"back\\slash", r"back\x5cslash"),
        (b"tab\tnl\n", r"tab\x09nl\x0a"),
        (b"\x7f~", r"\x7f~"),
        ("\u00fc".encode(), r"\xc3\xbc"),
        (b"x=y\"'", "x=y\"'"),
    ],
)
def test_comm(comm: bytes, word: str) -> None:
    """As string_escape_mem() with the flags of format.c."""
    assert escape(comm) == word
    assert unescape(word) == comm


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (r"\x2", b"\x02"),
        (r"\x", rb"\x"),
        (r"\n", rb"\n"),
        (r"\xg\x41B", rb"\xgAB"),
        (r"\x4g", b"\x04g"),
    ],
)
def test_other_escapes(word: str, text: bytes) -> None:
    """As string_unescape(): one digit is enough, and there is no other kind."""
    assert unescape(word) == text


def test_age() -> None:
    """Whole ms, rounded down; a clock that lags behind gives 0."""
    assert age_ms(1, 1_000_000) == 0
    assert age_ms(0, 1_000_000) == 1
    assert age_ms(10, 5) == 0


def test_stack() -> None:
    """A handle, then a frame a line after one blank."""
    assert stack_lines("0x2b40003", ["a+0x1/0x2", "b+0x3/0x4"]) == (
        "stack=0x2b40003\n a+0x1/0x2\n b+0x3/0x4\n"
    )
