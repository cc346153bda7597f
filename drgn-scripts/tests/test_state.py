# SPDX-License-Identifier: LGPL-2.1-or-later
"""Finding the feature in a program, or not."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from gup_pin.errors import Absence, GupPinUnavailable, NoDebugInfo, Unreadable
from gup_pin.filter import BadFilter, Filter
from gup_pin.state import GupPinState, _check_enabled, gup_pin_state
from gup_pin.totals import Totals
from samples import NAMES


class MockProgram(dict[str, Any]):
    """A program that has types only if it has debugging information."""

    debug_info = True
    flags: frozenset[str] = frozenset()

    def type(self, name: str) -> str:
        """The type, as far as it is used."""
        if not self.debug_info:
            raise LookupError(f"could not find '{name}'")
        return name


def mock_program(**symbols: object) -> Any:
    """A program with these symbols, for functions that need a drgn class."""
    return MockProgram(symbols)


def root(number: int) -> SimpleNamespace:
    """A struct gup_pin_root of that format."""
    return SimpleNamespace(format=SimpleNamespace(value_=lambda: number))


@pytest.fixture(autouse=True)
def _no_drgn(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests need no drgn."""
    drgn = SimpleNamespace(sizeof=None)
    monkeypatch.setitem(sys.modules, "drgn", drgn)


def test_not_built() -> None:
    """Only the symbol is missing."""
    with pytest.raises(GupPinUnavailable, match="CONFIG_DEBUG_GUP_PIN") as caught:
        gup_pin_state(mock_program())
    assert caught.value.absence is Absence.NOT_BUILT


@pytest.mark.parametrize("number", [5, 7])
def test_other_format(number: int) -> None:
    """Older or newer: the error has both numbers."""
    prog = mock_program(gup_pin_root=root(number))
    wanted = f"gup_pin_root has format {number}, these scripts read 6"
    with pytest.raises(GupPinUnavailable, match=wanted) as caught:
        gup_pin_state(prog)
    assert caught.value.absence is Absence.OTHER_FORMAT


class MockShards:
    """Shards with these counters, or with memory that is not in the dump."""

    def __init__(self, **figures: int) -> None:
        """None is for unreadable counters."""
        self._figures = figures

    def totals(self) -> Totals:
        """Their sums."""
        if not self._figures:
            raise Unreadable("struct gup_pin_shard", 0x10)
        return Totals(**self._figures)


def check_enabled(recording: bool, **figures: int) -> None:
    """Check a root that records pins now, or not."""
    flag = SimpleNamespace(value_=lambda: recording)
    found: Any = SimpleNamespace(index=SimpleNamespace(recording=flag))
    shards: Any = MockShards(**figures)
    _check_enabled(found, shards)


def test_never_enabled() -> None:
    """The feature was built, but not used yet."""
    with pytest.raises(GupPinUnavailable, match="was never enabled") as caught:
        check_enabled(False, acquired=0, released=0)
    assert caught.value.absence is Absence.NEVER_ENABLED


def test_enabled_now_or_once() -> None:
    """No pin was taken yet; or it was switched off again; or that is unknown."""
    check_enabled(True, acquired=0)
    check_enabled(False, acquired=1, released=1)
    check_enabled(False, before=1)
    check_enabled(False, untracked_total=1)
    check_enabled(False)


def test_no_debugging_information(monkeypatch: pytest.MonkeyPatch) -> None:
    """The feature is unknown; the error names the vmlinux."""
    vars(sys.modules["drgn"])["FaultError"] = OSError
    flags = SimpleNamespace(IS_LIVE="live")
    monkeypatch.setattr(sys.modules["drgn"], "ProgramFlags", flags, raising=False)
    info = SimpleNamespace(string_=lambda: b"OSRELEASE=6.12.0\nBUILD-ID=abcd\n")
    prog = mock_program(VMCOREINFO=info)
    prog.debug_info = False
    wanted = "no debugging information of Linux 6.12.0 with build ID abcd"
    with pytest.raises(NoDebugInfo, match=wanted):
        gup_pin_state(prog)


@pytest.mark.parametrize(
    "each",
    ["for_each_run", "for_each_orphan", "for_each_hazard", "for_each_refusal"],
)
def test_a_filter_that_is_none(monkeypatch: pytest.MonkeyPatch, each: str) -> None:
    """The call itself raises: later, verbs would have printed their header."""
    vars(sys.modules["drgn"])["FaultError"] = OSError
    state: Any = object.__new__(GupPinState)
    ring = SimpleNamespace(value_=int)
    parts = {"names": NAMES, "root": SimpleNamespace(ring=ring)}
    parts["_ring"] = SimpleNamespace(hazards=lambda address: ())
    for name, part in parts.items():
        object.__setattr__(state, name, part)
    monkeypatch.setattr(GupPinState, "orphans", lambda self: None)
    with pytest.raises(BadFilter, match="api=nonsense"):
        getattr(state, each)(Filter(api="nonsense"))
    elsewhere = {"gone": "task"} if each != "for_each_orphan" else {"kind": "truncate"}
    with pytest.raises(BadFilter, match=" only"):
        getattr(state, each)(Filter.of(elsewhere))
