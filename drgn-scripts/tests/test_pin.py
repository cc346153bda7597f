# SPDX-License-Identifier: LGPL-2.1-or-later
"""The words of a pin as values: the same as in a line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gup_pin.filter import Filter
from gup_pin.folio import UNKNOWN_FOLIO
from gup_pin.format import Formatter, Word, as_line, dev_word, hex_word
from gup_pin.pin import Item
from gup_pin.runs import Run
from gup_pin.words import escape
from samples import ANON, NAMES, NOW, ORIGIN, TIME, item

FOLIO = replace(
    ANON, map="file", dev=259 << 20 | 4, ino=77, index=0x1F, order=2, path="/a"
)
PIN = replace(item(0x100, folio=FOLIO), match="inferred")
READ = replace(ORIGIN, mode=0, term=0, api=0, owner=7, comm=b"a b")
OTHER = item(0x200, origin=READ, time=TIME - 5_000_000)


def line(pin: Run | Item) -> str:
    """A line made only of a script's values."""
    words: dict[str, Word] = {
        "pfn": f"{pin.pfn:#x}",
        "pages": pin.pages,
        "order": pin.order,
        "pins": pin.pins,
        "mode": pin.mode,
        "term": pin.term,
        "api": pin.api,
        "owner": pin.owner,
        "task": "{}/{}".format(*pin.task),
        "comm": escape(pin.comm),
        "age_ms": pin.age_ms,
        "addr": hex_word(pin.addr),
        "map": pin.map,
        "dev": dev_word(pin.dev),
        "ino": pin.ino,
        "index": hex_word(pin.index),
        "stack": f"{pin.stack:#x}",
        "match": pin.match,
        "path": pin.path,
    }
    return as_line(words)


@pytest.mark.parametrize("first", [PIN, OTHER])
def test_all_words(first: Item) -> None:
    """The words of debugfs; an item has the words of its run."""
    formatter = Formatter(NAMES, NOW)
    run = Run(first, 8 * first.folio.pages, 8)
    assert line(run) == formatter.line(run)
    assert line(first) == formatter.line(Run(first, first.pages, first.pins))


def test_a_filter_takes_them() -> None:
    """A filter accepts the values unchanged."""
    run = Run(PIN, 4, 1)
    names = ("owner", "task", "comm", "mode", "term", "api", "pfn", "ino", "dev")
    for name in (*names, "stack", "path"):
        wanted = Filter(**{name: getattr(run, name)})
        assert wanted and wanted.wants_item(PIN, NAMES, NOW)
        if name not in ("task", "stack"):
            assert not wanted.wants_item(OTHER, NAMES, NOW)
    age = run.age_ms
    assert age is not None
    assert Filter(min_age_ms=age).wants_item(PIN, NAMES, NOW)
    assert not Filter(min_age_ms=age + 1).wants_item(PIN, NAMES, NOW)


@pytest.mark.parametrize(
    "wanted",
    [Filter(ino=0), Filter(dev=0), Filter(path="/a"), Filter(min_age_ms=0)],
)
def test_what_is_unknown_is_not_wanted(wanted: Filter) -> None:
    """It does not match a filter for 0."""
    assert not wanted.wants_item(item(1, folio=UNKNOWN_FOLIO), NAMES, None)


def test_made_by_hand() -> None:
    """Words that only a program knows raise an error."""
    run = Run(item(1, origin=replace(ORIGIN, meaning=None)), 1, 1)
    assert run.owner == ORIGIN.owner
    for name in ("mode", "term", "api", "age_ms"):
        with pytest.raises(ValueError, match="no program"):
            getattr(run, name)


def test_no_larger_than_before() -> None:
    """Walks make very many items."""
    for pin in (PIN, Run(PIN, 1, 1)):
        assert not hasattr(pin, "__dict__")
