# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: if there is nothing to show, one line gives a possible reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from gup_pin_tool.files import HAZARDS, NONE, PINS, STACKS, Tool, pin, write
from gup_pin_tool.machine import Machine


@pytest.fixture(name="quiet")
def fixture_quiet(machine: Machine) -> Machine:
    """Tracking is on, and there are no pins."""
    write(machine.files / "stats", "enabled 1", "live_pins 0")
    for name, title in (("pins", PINS), ("stacks", STACKS), ("hazards", HAZARDS)):
        write(machine.files / name, title)
    return machine


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("list", "no pins: there are none now"),
        ("list --by comm", "no pins: there are none now"),
        ("stacks", "no stacks: there are none now"),
        ("hazards", "no hazards: there are none now"),
        ("pid 99999", "no pins for task 99999: there is no such task"),
        ("pid 42", "no pins for task 42: there are none now"),
        ("file /nosuch", "no pins for /nosuch: No such file or directory"),
        ("list owner=5", "no pins for owner=5: there are none now"),
        ("list ownr=5", "no pins for ownr=5: ownr= is not a known word"),
        ("list owner=5 mode=w", "no pins for owner=5 mode=w: there are none now"),
    ],
)
def test_nothing_to_show(quiet: Machine, words: str, said: str) -> None:
    assert quiet.run(*words.split(), status=NONE).stderr == f"gup_pin: {said}\n"


@pytest.mark.parametrize("words", ["list", "list --by comm", "stacks", "pid 42", "file /nosuch"])
def test_tracking_is_off(quiet: Machine, words: str) -> None:
    write(quiet.files / "stats", "enabled 0", "live_pins 0")
    error = quiet.run(*words.split(), status=NONE).stderr
    assert error.endswith(f": tracking is off: echo 1 > {quiet.files}/enable\n")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (["pinned_from_before 7"], "7 pins were taken before tracking was on"),
        (["untracked 3"], "3 pins have no record, as memory was short"),
    ],
)
def test_pins_without_a_record(quiet: Machine, figures: list[str], said: str) -> None:
    write(quiet.files / "stats", "enabled 1", "live_pins 0", *figures)
    assert quiet.run("list", status=NONE).stderr == f"gup_pin: no pins: {said}\n"


def test_the_kernel_left_all_out(quiet: Machine) -> None:
    write(quiet.files / "stats", "enabled 1", "live_pins 49")
    error = quiet.run("list", "owner=5", status=NONE).stderr
    assert error == "gup_pin: no pins for owner=5: none of 49 live pins matches\n"


def test_a_copy(tool: Tool, tmp_path: Path) -> None:
    write(tmp_path / "pins", PINS)
    assert tool("list", "-f", ".", status=NONE).stderr == "gup_pin: no pins: the copy has none\n"
    write(tmp_path / "stats", "enabled 0")
    assert tool("list", "-f", ".", status=NONE).stderr == "gup_pin: no pins: tracking was off\n"
    write(tmp_path / "pins", PINS, pin(), pin())
    write(tmp_path / "stats", "enabled 1")
    error = tool("list", "-f", ".", "owner=5", status=NONE).stderr
    assert error == "gup_pin: no pins for owner=5: none of 2 lines matches\n"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("owner=abc", "owner=abc is not a number"),
        ("ino=x", "ino=x is not a number"),
        ("stack=0xg", "stack=0xg is not a number"),
        ("dev=8", "dev=8 is not a device like 8:1"),
        ("dev=8:1x", "dev=8:1x is not a device like 8:1"),
    ],
)
def test_a_wrong_value(tool: Tool, word: str, said: str) -> None:
    assert f": {said} (" in tool("list", "-f", "none", word, status=2).stderr
