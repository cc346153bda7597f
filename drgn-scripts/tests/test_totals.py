# SPDX-License-Identifier: LGPL-2.1-or-later
"""The figures of stats: unreadable ones are unknown, not 0."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from gup_pin.errors import Faults, Unreadable
from gup_pin.folio import UNKNOWN_FOLIO, Folio
from gup_pin.origins import Counts
from gup_pin.state import GupPinState
from gup_pin.totals import Live, Totals, find_stats
from mock_command import MockFaultError, mock_drgn
from samples import ANON, ORIGIN


class Fault(MockFaultError):
    """A drgn error, with an address."""

    address = 0x1234


class NoProgram:
    """A program without any symbols."""

    def variable(self, name: str, file: str) -> None:
        """Raise LookupError."""
        raise LookupError(name)


def unreadable() -> None:
    """A member that is not in the dump."""
    raise Fault


def test_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters of shards, live objects, and a single counter."""
    drgn = mock_drgn()
    vars(drgn).update(sizeof=None)
    monkeypatch.setitem(sys.modules, "drgn", drgn)
    prog: Any = NoProgram()
    counter = SimpleNamespace(counter=SimpleNamespace(value_=lambda: 7))
    root: Any = SimpleNamespace(
        index=SimpleNamespace(recording=SimpleNamespace(value_=unreadable)),
        reports_suppressed=counter,
        false_positive=counter,
    )
    faults = Faults()
    found = find_stats(prog, root, None, Live(None, None, 3), (), faults.add)
    assert {name for name, value in found.items() if value is None} == {
        *("enabled", "live_pins", "live_folios", "live_calls", "acquired", "released"),
        *("untracked", "inferred", "unmatched", "untracked_total"),
        "unpinned_from_before",
    }
    assert (found["live_origins"], found["false_positive"]) == (3, 7)
    assert list(faults.lines()) == ["figure of stats not in the dump (0x1234)"]
    totals = Totals(acquired=9, released=4)
    found = find_stats(prog, root, totals, Live(0, 0, 0), (), faults.add)
    assert (found["live_pins"], found["live_calls"], found["untracked"]) == (5, 0, 0)


@dataclass
class MockWalk:
    """Two blocks with a page each; lost: another could not be read."""

    faults: Faults
    folio: Folio = ANON
    lost: bool = False
    is_complete: bool = True

    def blocks(self, shards: object) -> Iterator[tuple[int, Any]]:
        """The blocks."""
        for turn in range(2):
            record = SimpleNamespace(call=turn)
            yield 64 * turn, SimpleNamespace(records=[record], used=1)
        if self.lost:
            self.faults.add(Unreadable("struct gup_pin_block", 0x10))

    def places(self, first: int, used: int) -> dict[int, tuple[int, Folio]]:
        """The folio of the page."""
        if self.folio is UNKNOWN_FOLIO:
            self.faults.add(Unreadable("struct page", first))
        return {0: (first, self.folio)}


@dataclass
class MockState:
    """A state for counting live objects."""

    faults: Faults = field(default_factory=Faults)
    broken_chain: bool = False

    def all_shards(self) -> list[object]:
        """Unused."""
        return []

    def for_each_origin(self) -> Iterator[tuple[int, object, Counts]]:
        """One origin with pins, one without."""
        if self.broken_chain:
            self.faults.add(Unreadable("struct gup_pin_origin", 0x20))
        yield 1, ORIGIN, Counts(5, 5, 5)
        yield 2, ORIGIN, Counts(0, 5, 5)


def count(state: MockState, **walk: Any) -> Live:
    """The live objects of a state."""
    found: Any = state
    found.walk = MockWalk(state.faults, **walk)
    return GupPinState._live(found)


@pytest.mark.parametrize(
    ("chain", "walk", "wanted"),
    [
        (False, {}, Live(2, 2, 1)),
        (False, {"folio": UNKNOWN_FOLIO}, Live(None, 2, 1)),
        (False, {"lost": True}, Live(None, None, 1)),
        (False, {"is_complete": False}, Live(None, None, 1)),
        (True, {}, Live(2, 2, None)),
    ],
)
def test_what_is_live(chain: bool, walk: dict[str, Any], wanted: Live) -> None:
    """Only a count that something unreadable affects is unknown."""
    assert count(MockState(broken_chain=chain), **walk) == wanted
