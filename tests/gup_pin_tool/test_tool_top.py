# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: top as a screen with keys, driven through a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gup_pin_tool.files import (
    NCURSES,
    PINS,
    RXE,
    SANITIZERS,
    STACKS,
    URING,
    build,
    pin,
    stack,
    write,
)
from gup_pin_tool.terminal import Terminal

Start = Callable[..., Terminal]


@pytest.fixture(scope="session", name="with_keys")
def fixture_with_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program with ncurses."""
    return build("gcc", tmp_path_factory.mktemp("keys") / "gup_pin", *SANITIZERS, libs=NCURSES)


def holder(name: str, pins: int, pages: int, age: int, handle: str = "0x1") -> str:
    """A line of pins."""
    owner = 100 + pins
    return pin(comm=name, owner=owner, pins=pins, pages=pages, age_ms=age, stack=handle)


@pytest.fixture(name="busy")
def fixture_busy(tmp_path: Path) -> Path:
    """Three holders, one of which pins by two stacks."""
    folder = tmp_path / "copy"
    write(
        folder / "pins",
        PINS,
        holder("many", 30, 30, 1000),
        holder("many", 30, 30, 2000, "0x2"),
        holder("wide", 7, 700, 3000),
        holder("aged", 5, 5, 90_000),
    )
    write(folder / "stacks", STACKS, stack(URING, stack="0x1"), stack(RXE, stack="0x2"))
    write(folder / "stats", "enabled 1", "live_pins 72", "hazard_writeback 3")
    write(folder / "orphans", "# gup_pin orphans 1", holder("aged", 5, 5, 90_000))
    return folder


@pytest.fixture(name="start")
def fixture_start(with_keys: Path, busy: Path, tmp_path: Path) -> Iterator[Start]:
    """Start top in a terminal; --delay is long, since no test must wait for it."""
    started: list[Terminal] = []

    def start(words: str = "", columns: int = 80, lines: int = 24, delay: str = "1000") -> Terminal:
        command = f"cd {busy.parent}; {with_keys} top -f {busy.name} -d {delay} {words}"
        started.append(Terminal(tmp_path, command, columns, lines))
        started[0].until_text("q quit")
        return started[0]

    yield start
    for terminal in started:
        terminal.end()


def names(lines: list[str]) -> list[str]:
    """The holders, in their order on the screen."""
    found = []
    for line in lines[2:]:
        if not line.strip():
            break
        found.append(line.split()[-1])
    return found


def ordered(*wanted: str, status: str = "") -> Callable[[list[str]], bool]:
    """Whether they are in that order, above that status.

    The screen may be read while it is drawn: what is asserted of it has to be waited for, or is
    drawn before that.
    """
    return lambda lines: names(lines) == list(wanted) and status in (lines[22], "")


def test_what_it_shows(start: Start) -> None:
    lines = start().until(ordered("many", "wide", "aged"))
    assert lines[0].startswith("tracking on  pins 72  orphans 5  hazards 3")
    assert lines[1].split() == ["*PINS", "GROWTH", "PAGES", "AGE", "OWNER", "COMM"]
    assert lines[2].split() == ["60", "60", "2.0s", "130", "many"]
    assert lines[22] == "rows 1-3 of 3"
    # All keys, in 80 columns.
    for key in ("q quit", "p pins", "g growth", "a age", "r reverse", "/ filter", "Enter stack"):
        assert key in lines[23]


@pytest.mark.parametrize(
    ("keys", "order", "title"),
    [
        (["a"], ["aged", "wide", "many"], "*AGE"),
        (["s"], ["wide", "many", "aged"], "*PAGES"),
        (["n"], ["aged", "many", "wide"], "*COMM"),
        (["a", "p"], ["many", "wide", "aged"], "*PINS"),
        (["r"], ["aged", "wide", "many"], "*PINS"),
        (["Right", "Right"], ["wide", "many", "aged"], "*PAGES"),
        (["Left"], ["aged", "many", "wide"], "*COMM"),
    ],
)
def test_keys_that_sort(start: Start, keys: list[str], order: list[str], title: str) -> None:
    terminal = start()
    terminal.keys(*keys)
    lines = terminal.until(lambda lines: title in lines[1].split() and names(lines) == order)
    assert lines[1].count("*") == 1


def test_q_ends_it(start: Start) -> None:
    terminal = start()
    terminal.keys("q")
    lines = terminal.until_text("status=0")
    # The terminal is restored, and no key was echoed.
    assert [line for line in lines if line] == ["status=0"]


def test_growth_since_it_was_started(start: Start, busy: Path) -> None:
    terminal = start(delay="0.1")
    lines = (busy / "pins").read_text().splitlines()
    new = write(busy / "new", *lines, holder("aged", 5, 5, 10), holder("fresh", 2, 2, 1))
    # At once: half a file would be damaged.
    new.rename(busy / "pins")
    terminal.keys("g")
    lines = terminal.until(ordered("aged", "fresh", "wide", "many"))
    assert [line.split()[1] for line in lines[2:4]] == ["+5", "+2"]
    # It stays over several rounds: growth is not relative to the last one.
    terminal.keys("z")
    terminal.until(lambda lines: "+" not in "".join(lines[2:6]) and len(names(lines)) == 4)


def test_the_stacks_of_a_row(start: Start) -> None:
    terminal = start()
    terminal.keys("Enter")
    lines = terminal.until_text(RXE[2])
    text = "\n".join(lines)
    assert text.index("30 pins on 30 pages") < text.index(URING[1])
    assert lines[1].split()[-1] == "many"
    terminal.keys("q")
    terminal.until(ordered("many", "wide", "aged"))
    terminal.keys("Down", "Enter")
    wide = ("7 pins on 700 pages, 3.0s old, stack 0x1", *URING)
    lines = terminal.until(lambda lines: all(part in "\n".join(lines) for part in wide))
    assert RXE[1] not in "\n".join(lines)
    terminal.keys("Escape")
    terminal.until(ordered("many", "wide", "aged"))


def test_stacks_that_do_not_fit(start: Start) -> None:
    terminal = start(lines=9)
    terminal.keys("Enter")
    terminal.until_text("5 more lines")
    terminal.keys("Down", "Down")
    terminal.until_text("3 more lines")
    terminal.keys("Up")
    terminal.until_text("4 more lines")


def test_a_filter(start: Start) -> None:
    terminal = start()
    terminal.keys("/")
    terminal.type("comm=wide")
    terminal.until_text("/comm=wide")
    terminal.keys("Enter")
    terminal.until(ordered("wide", status="rows 1-1 of 1"))
    terminal.keys("Escape")
    terminal.until(ordered("many", "wide", "aged"))
    # A plain word is searched in the rows, and rows without it are counted.
    terminal.keys("/")
    terminal.type("agex")
    terminal.keys("BSpace", "Enter")
    terminal.until(ordered("aged", status="rows 1-1 of 1, 2 left out by /age"))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("owner=abc", "owner=abc is not a number"),
        ("foo=1", "no line has a word foo="),
    ],
)
def test_a_filter_that_makes_no_sense(start: Start, typed: str, said: str) -> None:
    terminal = start()
    terminal.keys("/")
    terminal.type(typed)
    terminal.keys("Enter")
    lines = terminal.until_text(said)
    assert names(lines) == ["many", "wide", "aged"]
    terminal.keys("q")
    terminal.until_text("status=0")


def test_a_filter_of_the_command_line_stays(start: Start) -> None:
    terminal = start("mode=w comm=many")
    terminal.until(ordered("many"))
    terminal.keys("/")
    terminal.type("comm=aged")
    terminal.keys("Enter")
    terminal.until_text("no rows")
    terminal.keys("Escape")
    terminal.until(ordered("many"))


def test_rows_that_do_not_fit(start: Start, busy: Path) -> None:
    write(busy / "pins", PINS, *(holder(f"task{n}", 50 - n, 1, 1) for n in range(50)))
    terminal = start(lines=10)
    assert terminal.until_text("task0")[8] == "rows 1-6 of 50"
    terminal.keys("End")
    assert "task49" in "\n".join(terminal.until_text("rows 45-50 of 50"))
    terminal.keys("PPage", "PPage")
    terminal.until_text("rows 40-45 of 50")
    terminal.keys("Home")
    terminal.until_text("rows 1-6 of 50")
    terminal.resize(40, 14)
    terminal.until_text("rows 1-10 of 50")
    lines = terminal.until(lambda lines: lines[13] == "q quit  p pins g growth s pages a age n~")
    assert max(map(len, lines)) <= 40


@pytest.mark.parametrize("columns", [20, 40])
def test_few_columns(start: Start, columns: int) -> None:
    """Cut lines say so, and the end of what is typed can be seen."""
    terminal = start(columns=columns)
    lines = terminal.until(lambda lines: lines[0].startswith("tracking on"))
    assert [line for line in lines[:2] if len(line) == columns and line[-1] != "~"] == []
    assert lines[23][-1] == "~"
    terminal.keys("/")
    terminal.type("comm=many pfn=0x1000-0x2000 mode=w owner=812")
    terminal.until(lambda lines: lines[23].endswith(" owner=812"))
    assert terminal.lines()[23].startswith("/~")
    assert len(terminal.lines()[23]) == columns - 1
    terminal.keys("Escape", "Enter")
    terminal.until(lambda lines: any(line.startswith("  pin_user_") for line in lines))
    assert max(map(len, terminal.lines())) <= columns


def test_very_few_lines(start: Start) -> None:
    terminal = start()
    for lines in (5, 3, 2, 1):
        terminal.resize(20, lines)
        terminal.keys("Down", "Enter", "q")
    terminal.resize(80, 24)
    terminal.until(ordered("many", "wide", "aged"))


def test_a_file_that_goes_away(start: Start, busy: Path) -> None:
    terminal = start(delay="0.1")
    (busy / "pins").unlink()
    lines = [line for line in terminal.until_text("status=1") if line]
    assert lines == ["gup_pin: copy/pins: No such file or directory", "status=1"]


def test_tracking_was_off(start: Start, busy: Path) -> None:
    write(busy / "stats", "enabled 0")
    write(busy / "pins", PINS)
    terminal = start()
    assert terminal.until_text("no rows")[0].startswith("tracking was off  pins 0")


def test_rounds_are_plain(with_keys: Path, busy: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    terminal = Terminal(tmp_path / "other", f"{with_keys} top -c 1 -f {busy}")
    assert "many" in "\n".join(terminal.until_text("status=0"))
    terminal.end()
