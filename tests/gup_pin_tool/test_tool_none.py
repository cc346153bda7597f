# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: if there is nothing to show, one line gives a possible reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from gup_pin_tool.files import HAZARDS, NONE, PINS, STACKS, USAGE, Tool, pin, write
from gup_pin_tool.machine import Machine

MORE = [(name, f"# gup_pin {name} 1") for name in ("orphans", "refused")]


@pytest.fixture(name="quiet")
def fixture_quiet(machine: Machine) -> Machine:
    """Tracking is on, and there are no pins."""
    write(machine.files / "stats", "enabled 1", "live_pins 0")
    for name, title in (("pins", PINS), ("stacks", STACKS), ("hazards", HAZARDS), *MORE):
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


EARLIER = (
    "7 pins taken before tracking was on are not listed: "
    "restart the program that holds them, or boot with gup_pin=on"
)
ONE_EARLIER = (
    "1 pin taken before tracking was on is not listed: "
    "restart the program that holds it, or boot with gup_pin=on"
)


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ("pinned_from_before 7", EARLIER),
        ("pinned_from_before 1", ONE_EARLIER),
        ("untracked 3", "3 pins have no record: memory was short, or max_memory_mb was reached"),
        ("untracked 1", "1 pin has no record: memory was short, or max_memory_mb was reached"),
    ],
)
def test_pins_without_a_record(quiet: Machine, figure: str, said: str) -> None:
    write(quiet.files / "stats", "enabled 1", "live_pins 0", figure)
    assert quiet.run("list", status=NONE).stderr == f"gup_pin: no pins: {said}\n"
    # They have no stack, and cannot be the reason for anything else.
    for words, reason in (
        ("hazards", "no hazards: there are none now"),
        ("refused", "no refusals: there are none now"),
        ("list stack=0x1", "no pins for stack=0x1: there are none now"),
        ("file /nosuch", "no pins for /nosuch: No such file or directory"),
        ("pid 99999", "no pins for task 99999: there is no such task"),
        # Some of them may be orphans.
        ("orphans", "no orphans: there are none on record"),
    ):
        error = quiet.run(*words.split(), status=NONE).stderr
        assert error == f"gup_pin: {reason}\n", words


def test_a_copy_of_a_machine_with_earlier_pins(tool: Tool, tmp_path: Path) -> None:
    write(tmp_path / "pins", PINS)
    write(tmp_path / "stats", "enabled 1", "pinned_from_before 7")
    assert f": {EARLIER}\n" in tool("list", "-f", ".", status=NONE).stderr


@pytest.mark.parametrize("words", ["list", "orphans", "hazards", "refused", "list --by comm"])
def test_nothing_is_printed_but_the_reason(quiet: Machine, words: str) -> None:
    """Titles of no lines would be noise; what programs read has its usual form."""
    assert quiet.run(*words.split(), status=NONE).stdout == ""
    assert quiet.run(*words.split(), "--json", status=NONE).stdout == "[]\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("hazards kind=overdue", "they are looked for only if gup_pin.max_short_ms is set"),
        ("hazards kind=truncate stake=data", "there are none now"),
        ("orphans gone=owner", "there are none now"),
    ],
)
def test_no_hazards_is_not_said_of_what_is_not_looked_for(
    quiet: Machine, words: str, said: str
) -> None:
    figures = ("hazard_truncate 0", "hazard_overdue 0")
    write(quiet.files / "stats", "enabled 1", "live_pins 0", *figures)
    error = quiet.run(*words.split(), status=NONE).stderr
    what, *word = words.split()
    assert error == f"gup_pin: no {what} for {' '.join(word)}: {said}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("list ownr=5", "ownr= is not a known word of pins"),
        ("list kind=truncate", "kind= is not a known word of pins"),
        ("list gone=both", "gone= is not a known word of pins"),
        ("refused min_age_ms=5", "age_ms= is not a known word of refused"),
        ("list --by ownr", "ownr= is not a known word of stacks to sum by"),
        ("list --sort ownr", "ownr= is not a known word of pins to sort by"),
        ("hazards kind=foo", "kind=foo is not a kind of hazard of this kernel"),
        ("hazards stake=foo", "stake=foo is not a known stake"),
    ],
)
@pytest.mark.parametrize("enabled", [0, 1])
def test_an_unknown_word_is_a_usage_error_also_without_lines(
    quiet: Machine, words: str, said: str, enabled: int
) -> None:
    write(quiet.files / "stats", f"enabled {enabled}", "live_pins 0", "hazard_truncate 0")
    error = quiet.run(*words.split(), status=USAGE).stderr
    assert error == f"gup_pin: {said} (gup_pin --help says more)\n"


def test_the_kernel_left_out_all_lines(quiet: Machine) -> None:
    """None had to be compared, and an unknown word beside a known one is noticed."""
    write(quiet.files / "stats", "enabled 1", "live_pins 49")
    error = quiet.run("list", "owner=5", "ownr=5", status=USAGE).stderr
    assert "ownr= is not a known word of pins" in error


def test_what_has_ended_is_one_of_three(tool: Tool) -> None:
    error = tool("orphans", "gone=foo", status=2).stderr
    assert error.startswith("gup_pin: gone=foo is neither owner, task nor both ")


def test_a_folder_has_no_pages(quiet: Machine) -> None:
    error = quiet.run("file", quiet.folder, status=NONE).stderr
    assert error == f"gup_pin: no pins for {quiet.folder}: it is a directory: name a file in it\n"


@pytest.mark.parametrize(("live", "said"), [(1, "the only pin does not match"),
                                            (49, "none of 49 pins matches")])  # fmt: skip
def test_pins_are_counted_by_one_word(quiet: Machine, live: int, said: str) -> None:
    """However the lines were read: not lines here and pins there."""
    write(quiet.files / "stats", "enabled 1", f"live_pins {live}")
    write(quiet.files / "pins", PINS, pin(pins=live))
    for word in ("owner=5", "map=x", "owner=812 map=x"):
        error = quiet.run("list", *word.split(), status=NONE).stderr
        assert error == f"gup_pin: no pins for {word}: {said}\n"
        assert said in quiet.run("list", *word.split(), refuses=True, status=NONE).stderr


def test_the_kernel_left_all_out(quiet: Machine) -> None:
    write(quiet.files / "stats", "enabled 1", "live_pins 49")
    error = quiet.run("list", "owner=5", status=NONE).stderr
    assert error == "gup_pin: no pins for owner=5: none of 49 pins matches\n"


def test_a_copy(tool: Tool, tmp_path: Path) -> None:
    write(tmp_path / "pins", PINS)
    assert tool("list", "-f", ".", status=NONE).stderr == "gup_pin: no pins: the copy has none\n"
    write(tmp_path / "stats", "enabled 0")
    assert tool("list", "-f", ".", status=NONE).stderr == "gup_pin: no pins: tracking was off\n"
    write(tmp_path / "pins", PINS, pin(), pin())
    write(tmp_path / "stats", "enabled 1")
    error = tool("list", "-f", ".", "owner=5", status=NONE).stderr
    assert error == "gup_pin: no pins for owner=5: none of 32 pins matches\n"


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
