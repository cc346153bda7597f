# SPDX-License-Identifier: LGPL-2.1-or-later
"""Functions for scripts: what they raise at once, and which folio they use."""

from __future__ import annotations

import enum
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gup_pin import api
from gup_pin.errors import Absence, GupPinUnavailable
from gup_pin.filter import BadFilter, Filter
from gup_pin.ring import Event, Hazard
from gup_pin.runs import Run
from gup_pin.state import GupPinState
from samples import ORIGIN, STACKS, item

FLAG_HEAD = 6


def value(number: int) -> SimpleNamespace:
    """A number in a program."""
    return SimpleNamespace(value_=lambda: number)


def counter(number: int) -> SimpleNamespace:
    """An atomic counter."""
    return SimpleNamespace(counter=value(number))


def make_folio(large: bool, pins: int, refs: int) -> Any:
    """A struct folio, of a kernel whose flags are a word."""
    return SimpleNamespace(
        flags=value(large << FLAG_HEAD),
        _pincount=counter(pins),
        _refcount=counter(refs),
        prog_=SimpleNamespace(constant=lambda _: value(FLAG_HEAD)),
    )


@pytest.fixture
def heads(monkeypatch: pytest.MonkeyPatch) -> dict[int, Any]:
    """The heads of tail pages, by their identity: replaces drgn's helpers."""
    found: dict[int, Any] = {}
    drgn, helpers = ModuleType("drgn"), ModuleType("drgn.helpers.linux.mm")
    vars(drgn).update(cast=lambda _, page: page)
    vars(helpers).update(compound_head=lambda page: found.get(id(page), page))
    monkeypatch.setitem(sys.modules, "drgn", drgn)
    monkeypatch.setitem(sys.modules, "drgn.helpers.linux.mm", helpers)
    return found


@pytest.mark.parametrize(
    ("large", "pins", "refs", "count"),
    [
        (True, 2, 9000, (2, True)),
        (False, 0, 2050, (2, False)),
        (False, 0, 3, (0, True)),
    ],
)
def test_pins_of_a_folio(
    heads: dict[int, Any], large: bool, pins: int, refs: int, count: tuple[int, bool]
) -> None:
    """The result is the folio's own count, for any of its pages."""
    head, tail = make_folio(large, pins, refs), make_folio(False, 0, 0)
    heads[id(tail)] = head
    assert api.folio_pin_count(head) == count
    assert api.folio_pin_count(tail) == count


EACH: list[Callable[[Any], Any]] = [
    api.for_each_pin,
    api.for_each_record,
    api.for_each_origin,
    api.for_each_hazard,
    api.for_each_refusal,
    api.for_each_inconsistency,
]


@pytest.mark.parametrize("function", EACH)
def test_a_kernel_without_the_feature(
    monkeypatch: pytest.MonkeyPatch, function: Callable[[Any], Any]
) -> None:
    """The call itself raises, not the first iteration."""

    def refuse(_source: object) -> None:
        raise GupPinUnavailable(Absence.NOT_BUILT, "why")

    monkeypatch.setattr(api, "_state", refuse)
    with pytest.raises(GupPinUnavailable):
        function("the program")


@pytest.mark.parametrize("function", [*EACH, api.pins_of_page, api.gup_pin_state])
def test_what_may_be_raised_is_told(function: Callable[[Any], Any]) -> None:
    """The docstring is a script's only list of exceptions to catch."""
    raised = re.findall(r":raises ([\w.]+):", function.__doc__ or "")
    assert {"GupPinUnavailable", "drgn.FaultError", "LookupError"} <= {*raised}
    assert len(raised) == len({*raised})


class MockState:
    """Records its filter."""

    def for_each_run(self, wanted: Filter) -> Filter:
        """Yields no runs."""
        return wanted

    for_each_hazard = for_each_run
    for_each_refusal = for_each_run


@pytest.mark.parametrize(
    "function", [api.for_each_pin, api.for_each_hazard, api.for_each_refusal]
)
def test_words_are_a_filter(monkeypatch: pytest.MonkeyPatch, function: Any) -> None:
    """A filter or words; both are refused, since one would be ignored."""
    monkeypatch.setattr(api, "_state", lambda _: MockState())
    assert function("the program", comm="fio", pfn=5) == Filter(comm=b"fio", pfn=(5, 5))
    wanted = Filter(owner=7)
    assert function("the program", wanted) is wanted
    assert function("the program") == Filter()
    with pytest.raises(BadFilter, match="mode='write'"):
        function("the program", mode="write")
    with pytest.raises(BadFilter, match=r"^foo= is not a filter; there are owner= "):
        function("the program", foo=5)
    with pytest.raises(TypeError):
        function("the program", wanted, mode="w")
    with pytest.raises(TypeError):
        function("the program", Filter(), mode="w")


def test_a_state_is_taken_as_it_is() -> None:
    """A caller can read its faults."""
    state = object.__new__(GupPinState)
    assert api._state(state) is state


class Kind(enum.Enum):
    """Stands for drgn's TypeKind."""

    STRUCT, TYPEDEF, POINTER, VOID = range(4)


RECORD_TYPE = SimpleNamespace(kind=Kind.STRUCT, tag="gup_pin_record")
ORIGIN_TYPE = SimpleNamespace(kind=Kind.STRUCT, tag="gup_pin_origin")
FRAMES = STACKS.frames(ORIGIN.stack)


def to(inner: Any, kind: Kind = Kind.POINTER) -> Any:
    """The type of a pointer, or another name of a type."""
    return SimpleNamespace(kind=kind, type=inner)


def make_object(kind: Any, prog: object) -> Any:
    """An object of a program; its members are those of a record or of its origin."""
    origin = SimpleNamespace(id=SimpleNamespace(stack=value(ORIGIN.stack)))
    bare = kind
    while hasattr(bare, "type"):
        bare = bare.type
    parts = {"origin": origin} if bare is RECORD_TYPE else vars(origin)
    return SimpleNamespace(type_=kind, prog_=prog, **parts)


@pytest.fixture
def prog(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A live program; counts lookups of the feature."""
    drgn, states = ModuleType("drgn"), [SimpleNamespace(stacks=STACKS)]
    flags = SimpleNamespace(IS_LIVE="live")
    vars(drgn).update(TypeKind=Kind, ProgramFlags=flags)
    monkeypatch.setitem(sys.modules, "drgn", drgn)
    monkeypatch.setattr(api, "gup_pin_state", lambda _: states.pop())
    return SimpleNamespace(flags={"live"}, cache={})


FIRST = item(1)
HAZARD = Hazard(0, 1, Event(0, 0, 0, 0, b"", ()), Run(FIRST, 1, 1), 1, 0, 0, 0, (0, 0))


@pytest.mark.parametrize("pin", [Run(FIRST, 1, 1), FIRST, HAZARD, ORIGIN])
def test_a_pin_knows_its_stack(pin: Any, prog: Any) -> None:
    """The pin is enough; a program may be given."""
    assert api.pin_stack(pin) == FRAMES
    assert api.pin_stack(pin, prog) == FRAMES


def test_stack_of_a_pin_made_by_hand(prog: Any) -> None:
    """It needs a program."""
    run = Run(item(1, origin=replace(ORIGIN, meaning=None)), 1, 1)
    assert api.pin_stack(run, prog) == FRAMES
    with pytest.raises(TypeError, match="program"):
        api.pin_stack(run)


@pytest.mark.parametrize("inner", [RECORD_TYPE, ORIGIN_TYPE])
def test_stack_of_an_object(prog: Any, inner: Any) -> None:
    """A structure, a pointer to it, and either by another name."""
    name = Kind.TYPEDEF
    for kind in (inner, to(inner), to(inner, name), to(to(to(inner, name)), name)):
        found = make_object(kind, prog)
        assert api.pin_stack(found) == api.pin_stack(found, prog) == FRAMES


def test_stack_of_what_is_no_pin(prog: Any) -> None:
    """Swapped arguments; a pointer to any other type."""
    page = SimpleNamespace(kind=Kind.STRUCT, tag="page")
    for kind in (to(page), to(SimpleNamespace(kind=Kind.VOID)), to(to(RECORD_TYPE))):
        with pytest.raises(TypeError, match="no pin"):
            api.pin_stack(make_object(kind, prog))
    for other in (prog, None, 5):
        with pytest.raises(TypeError, match="no pin"):
            api.pin_stack(other, FIRST)


def test_checkers_may_use_its_types() -> None:
    """PEP 561: without this file, checkers treat all of an installed package as Any."""
    assert Path(api.__file__).with_name("py.typed").is_file()
