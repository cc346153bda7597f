# SPDX-License-Identifier: LGPL-2.1-or-later
"""The time of a dump, which may be unknown."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gup_pin.clock import age_ms, now
from gup_pin.errors import Faults
from mock_command import MockFaultError, mock_drgn

NS = 5_000_000_000


class Fault(MockFaultError):
    """A drgn error, with an address."""

    address = 0x1234


def clock_of(reading: int | None) -> SimpleNamespace:
    """A clock with its last reading; None is not in the dump."""

    def value() -> int:
        if reading is None:
            raise Fault
        return reading

    return SimpleNamespace(clock=SimpleNamespace(value_=value))


def read(
    monkeypatch: pytest.MonkeyPatch, readings: list[int | None]
) -> tuple[int | None, list[str]]:
    """The time from the clocks of some CPUs, and what was reported."""
    monkeypatch.setitem(sys.modules, "drgn", mock_drgn())
    monkeypatch.setitem(sys.modules, "drgn.helpers", ModuleType("drgn.helpers"))
    linux = "drgn.helpers.linux"
    monkeypatch.setitem(sys.modules, linux, ModuleType(linux))
    cpumask, percpu = ModuleType(f"{linux}.cpumask"), ModuleType(f"{linux}.percpu")
    vars(cpumask).update(for_each_online_cpu=lambda prog: range(len(readings)))
    vars(percpu).update(per_cpu=lambda clocks, cpu: clock_of(readings[cpu]))
    monkeypatch.setitem(sys.modules, cpumask.__name__, cpumask)
    monkeypatch.setitem(sys.modules, percpu.__name__, percpu)
    address = SimpleNamespace(value_=lambda: 0x5678)
    prog: Any = {"runqueues": SimpleNamespace(address_of_=lambda: address)}
    faults = Faults()
    return now(prog, faults.add), list(faults.lines())


WHAT = "clock of a CPU (ages may be short or unknown)"


@pytest.mark.parametrize(
    ("readings", "time", "reported"),
    [
        ([NS, NS + 1], NS + 1, []),
        ([0, NS], NS, []),
        ([None, NS], NS, [f"{WHAT} not in the dump (0x1234)"]),
        ([None, None], None, [f"{WHAT} not in the dump (2 times, first 0x1234)"]),
        ([0, 0], None, [f"{WHAT} is invalid (0x5678)"]),
    ],
)
def test_now(
    monkeypatch: pytest.MonkeyPatch,
    readings: list[int | None],
    time: int | None,
    reported: list[str],
) -> None:
    """The newest reading; without any the time is unknown, which is reported."""
    assert read(monkeypatch, readings) == (time, reported)


def test_ages() -> None:
    """Whole ms; an unknown time gives an unknown age, not 0."""
    assert age_ms(1_999_999, 3_000_000) == 1
    assert age_ms(3_000_000, 1_000_000) == 0
    assert age_ms(3_000_000, None) is None
