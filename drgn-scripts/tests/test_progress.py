# SPDX-License-Identifier: LGPL-2.1-or-later
"""The line for those who wait."""

from __future__ import annotations

import io

import pytest

from gup_pin import progress
from gup_pin.progress import Lines, Progress, make_output
from mock_command import Clock


class Terminal(io.StringIO):
    """What says that it is one."""

    def isatty(self) -> bool:
        """It is."""
        return True


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A walk that takes long."""
    monkeypatch.setattr(progress, "time", Clock(2.0))


def tell(stream: io.StringIO) -> str:
    """What is written while a walk is half done, and then all of it."""
    line = Progress(stream, "gup_pins: check")
    line.tell(50, 100)
    half = stream.getvalue()
    line.tell(100, 100)
    line.end()
    line.end()
    assert stream.getvalue().count("\r\033[K") in (0, 3)
    return half


@pytest.mark.usefixtures("slow")
def test_on_a_terminal() -> None:
    """One line, over and over, and at the end none."""
    assert tell(Terminal()) == "\r\033[Kgup_pins: check: 50 %"


@pytest.mark.usefixtures("slow")
def test_elsewhere() -> None:
    """Nothing in a file."""
    assert tell(io.StringIO()) == ""


def test_lines_as_they_are() -> None:
    """Nothing is held back unless both are terminals."""
    for out, stream in ((Terminal(), io.StringIO()), (io.StringIO(), Terminal())):
        assert make_output(out, Progress(stream, "x")) is out


@pytest.mark.usefixtures("slow")
def test_lines_of_the_same_terminal() -> None:
    """They are whole, and begin where the progress line was."""
    terminal = Terminal()
    progress = Progress(terminal, "x")
    out = make_output(terminal, progress)
    assert isinstance(out, Lines)
    for text in ("a\nb", "c", "d\ne", "\n\n", "f"):
        progress.tell(1, 2)
        out.write(text)
    out.end()
    out.end()
    line, erase = "\r\033[Kx: 50 %", "\r\033[K"
    assert terminal.getvalue() == (
        f"{line}{erase}a\n{line * 2}{erase}bcd\n{line}{erase}e\n\n{line}{erase}f\n"
    )


def test_a_short_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits."""
    monkeypatch.setattr(progress, "time", Clock(0.1))
    assert tell(Terminal()) == ""


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize(
    ("done", "total", "line"),
    [
        (1, 3, "\r\033[Kx: 33 %"),
        # More than there were, of a kernel that runs.
        (9, 3, "\r\033[Kx: 100 %"),
        # Who knows.
        (9, 0, ""),
    ],
)
def test_share(done: int, total: int, line: str) -> None:
    """Never more than all."""
    stream = Terminal()
    Progress(stream, "x").tell(done, total)
    assert stream.getvalue() == line
