# SPDX-License-Identifier: LGPL-2.1-or-later
"""JSON: all kinds of words against the schema, and whole documents."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from schema import FILE, validate

from gup_pin import document
from gup_pin.check import Finding, Kind
from gup_pin.errors import Faults, Unreadable
from gup_pin.folio import UNKNOWN_FOLIO
from gup_pin.format import Formatter, as_line
from gup_pin.memmap import Counts
from gup_pin.page import Page, Process
from gup_pin.physical import MemoryBlock, Physical, Zone
from gup_pin.runs import Run
from gup_pin.sums import Sum
from gup_pin.views import SCHEMA, Views, flat_line
from mock_command import HAZARD
from samples import ANON, NAMES, NOW, ORIGIN, PAGE_SHIFT, item

FOLIO = replace(ANON, map="file", dev=259 << 20 | 4, ino=77, order=2, path='/"a')
RUN = Run(item(0x100, folio=FOLIO), 4, 1)
COUNTS = Counts(0b101, 1030, 2, 0x1000, False, None)
GUESS = replace(item(0x100, folio=FOLIO), match="inferred")
FINDING = Finding(Kind.WRITEBACK, 0x100, FOLIO, COUNTS, 1, (GUESS,))
TOTAL = Sum(ORIGIN, 9, 10, 3, 30, 12, NOW - 9_000_000, NOW - 1_000_000, {1, 2})
PAGE = Page(0x101, 0xFFFFEA0000004040, 0x100, FOLIO, COUNTS, 2)
MEMORY = Physical(
    4096,
    32768,
    [Zone(0, "DMA32", 1, 262143, 262046, 251260)],
    [MemoryBlock(0, 0, 32768, True, 5, 3)],
)


@dataclass
class MockState:
    """A state for documents."""

    names: Any = NAMES
    now: int = NOW
    page_shift: int = PAGE_SHIFT
    release: str = "6.12.0"
    live: bool = False
    enabled: bool = True
    since_boot: bool = True
    faults: Faults = field(default_factory=Faults)
    root: Any = field(
        default_factory=lambda: SimpleNamespace(
            format=SimpleNamespace(value_=lambda: 3)
        )
    )

    def frames(self, handle: int) -> tuple[str, ...]:
        """The frames of the only stack."""
        if handle != ORIGIN.stack:
            self.faults.add(Unreadable("stack", handle))
            return ()
        return ("pin_user_pages+0x1/0x2",)

    event_frames = func = None


def make_views(state: MockState) -> Views:
    """Views whose flags have names."""
    views = Views(state)  # type: ignore[arg-type]
    views._flags = SimpleNamespace(text=lambda flags: f"flags{flags}")  # type: ignore[assignment]
    return views


@pytest.fixture
def views() -> Views:
    """The formatter of the sample state."""
    return make_views(MockState())


def test_a_pin(views: Views) -> None:
    """With and without frames, by the fast and the slow path."""
    formatter = views.formatter
    unknown = Run(item(1, folio=UNKNOWN_FOLIO), 1, 1)
    alike = Run(replace(item(1), match="alike"), 1, 1)
    for run in (RUN, Run(item(1), 1, 1), unknown, alike):
        assert json.loads(formatter.json_line(run, None)) == views.pin(run)
        assert formatter.json_line(run, ["a"]) == json.dumps(
            {**views.pin(run), "frames": ["a"]}
        )
        assert formatter.line(run) == as_line(formatter.pin_words(run))
        validate(views.pin(run), "pin")
        validate(json.loads(formatter.json_line(run, ["a"])), "pin")


def test_two_origins_are_not_mixed_up() -> None:
    """Cached words of one origin are not used for another."""
    formatter = Formatter(NAMES, NOW)
    for pid in range(50):
        run = Run(item(1, origin=replace(ORIGIN, pid=pid)), 1, 1)
        assert f" task=812/{pid} " in formatter.line(run)
        assert json.loads(formatter.json_line(run, None))["task"] == f"812/{pid}"


def test_the_schema_refuses(views: Views) -> None:
    """Objects that are almost pins, or almost documents."""
    pin = views.pin(RUN)
    whole = document.build(views, "list", {})
    with pytest.raises(Exception, match="'stacks' is a required property"):
        validate({key: value for key, value in whole.items() if key != "stacks"})
    wrong: list[dict[str, object]] = [
        {**pin, "pfn": 256},
        {**pin, "pins": "1"},
        {**pin, "mode": "rw"},
        {**pin, "map": "unknown"},
        {**pin, "pins": None},
        {**pin, "comm": "a b"},
        {**pin, "more": 1},
        {key: value for key, value in pin.items() if key != "path"},
    ]
    for each in wrong:
        with pytest.raises(Exception, match=r"."):
            validate(each, "pin")
    with pytest.raises(Exception, match="gup-pin/1"):
        validate({**whole, "schema": "gup-pin/1"})


def test_a_sum(views: Views) -> None:
    """The words of stacks, in order."""
    words = views.total(TOTAL)
    validate(words, "sum")
    assert flat_line(words) == (
        "pins=9 pages=10 calls=2 mode=w term=long api=pin_user_pages_fast "
        "oldest_ms=9 newest_ms=1 stack=0x2b40003 acquired=30 peak=12 guessed=3"
    )


def test_a_finding(views: Views) -> None:
    """It has its pins and their stacks."""
    words = views.finding(FINDING)
    validate(words, "finding")
    assert words["stacks"] == ["0x2b40003"]
    assert [pin["match"] for pin in words["pins"]] == ["inferred"]
    assert flat_line(words) == (
        "kind=writeback about=content pfn=0x100 order=2 flags=flags5 map=file "
        'dev=259:4 ino=77 index=0x0 path=/"a refcount=1030 recorded=1 pinned=1 exact=no'
    )


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_finding(views: Views, kind: Kind) -> None:
    """The schema has all of them."""
    validate(views.finding(replace(FINDING, kind=kind)), "finding")


def test_a_page_and_memory(views: Views) -> None:
    """A page that two processes map; zones and blocks."""
    processes = [Process(5, b"a b", 0x7F00), Process(6, b"c", 0x7F01)]
    words = views.page(PAGE, 1, processes)
    validate(words, "page")
    assert words["processes"][0] == {"tgid": 5, "comm": r"a\x20b", "addr": "0x7f00"}
    validate(views.physical(MEMORY), "memory")


def test_a_hazard(views: Views) -> None:
    """Its pin is an object of its own."""
    words = views.formatter.hazard_words(HAZARD, "f+0x1", ["f+0x1/0x2"], ["a"])
    validate(words, "hazard")


def parts(views: Views) -> Iterator[tuple[str, Any]]:
    """All possible parts of a document, newly made."""
    yield "pins", iter([views.pin(RUN), views.pin(Run(item(1), 1, 1))])
    yield "sums", iter([views.total(TOTAL)])
    yield "findings", iter([views.finding(FINDING)])
    yield "unchecked", lambda: {"pins": 0, "pages": None}
    yield "hazards", iter(())
    yield "stats", {"enabled": 1}
    yield "page", views.page(PAGE, 1, [])
    yield "memory", views.physical(MEMORY)


def test_document(views: Views) -> None:
    """It is valid, and has the stacks of its lists."""
    out = io.StringIO()
    document.write(out, views, "all", dict(parts(views)))
    written = json.loads(out.getvalue())
    validate(written)
    assert written["schema"] == SCHEMA
    assert list(written["stats"]) == ["enabled"] and len(written["pins"]) == 2
    assert written["stacks"] == {"0x2b40003": ["pin_user_pages+0x1/0x2"]}
    assert written["complete"] is True and written["faults"] == []


def test_document_as_one_object(views: Views) -> None:
    """It is what is written, if there are no lists."""
    out = io.StringIO()
    some: dict[str, dict[str, Any]] = {"stats": {"enabled": 1}}
    document.write(out, views, "status", some)
    assert document.build(views, "status", some) == json.loads(out.getvalue())


def test_empty_lists(views: Views) -> None:
    """No pins are an empty list."""
    out = io.StringIO()
    document.write(out, views, "list", {"pins": iter(())})
    assert json.loads(out.getvalue())["pins"] == []


def test_what_is_missing_is_told_at_the_end() -> None:
    """Including faults while the parts are written."""
    state = MockState()
    views = make_views(state)

    def pins() -> Iterator[dict[str, Any]]:
        yield views.pin(Run(item(1, origin=replace(ORIGIN, stack=5)), 1, 1))
        state.faults.add(Unreadable("struct page", 0x10))

    out = io.StringIO()
    document.write(out, views, "list", {"pins": pins()})
    found = json.loads(out.getvalue())
    validate(found)
    assert found["stacks"] == {"0x5": []}
    assert found["complete"] is False
    assert [fault["what"] for fault in found["faults"]] == ["struct page", "stack"]
    assert found["faults"][0] == {
        "what": "struct page",
        "why": "not in the dump",
        "count": 1,
        "first": "0x10",
    }


def test_the_schema_is_one() -> None:
    """The version in its file name and in documents agree."""
    schema = json.loads(FILE.read_text())
    assert schema["properties"]["schema"] == {"const": SCHEMA}
