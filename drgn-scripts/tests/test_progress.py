# SPDX-License-Identifier: LGPL-2.1-or-later
"""The progress line."""

from __future__ import annotations

import io

import pytest

from gup_pin import progress
from gup_pin.progress import Lines, Progress, make_output
from mock_command import Clock


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """True."""
        return True


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long walk."""
    monkeypatch.setattr(progress, "time", Clock(2.0))


def tell(stream: io.StringIO) -> str:
    """The output when a walk is half done, and at its end."""
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
    """One line, updated in place, and erased at the end."""
    assert tell(Terminal()) == "\r\033[Kgup_pins: check: 50 %"


@pytest.mark.usefixtures("slow")
def test_elsewhere() -> None:
    """A file gets no progress."""
    assert tell(io.StringIO()) == ""


def test_lines_as_they_are() -> None:
    """Lines are only held back if both are terminals."""
    for out, stream in ((Terminal(), io.StringIO()), (io.StringIO(), Terminal())):
        assert make_output(out, Progress(stream, "x")) is out


@pytest.mark.usefixtures("slow")
def test_lines_of_the_same_terminal() -> None:
    """They are complete, and begin where the progress line was."""
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
    """It shows no progress."""
    monkeypatch.setattr(progress, "time", Clock(0.1))
    assert tell(Terminal()) == ""


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize(
    ("done", "total", "line"),
    [
        (1, 3, "\r\033[Kx: 33 %"),
        # More than expected, on a live kernel.
        (9, 3, "\r\033[Kx: 100 %"),
        # Of an unknown total.
        (9, 0, ""),
    ],
)
def test_share(done: int, total: int, line: str) -> None:
    """It is at most 100 %."""
    stream = Terminal()
    Progress(stream, "x").tell(done, total)
    assert stream.getvalue() == line
