# SPDX-License-Identifier: LGPL-2.1-or-later
"""The line for those who wait."""

from __future__ import annotations

import io

import pytest

from gup_pin import progress
from gup_pin.progress import Progress
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


def tell(stream: io.StringIO, also: io.StringIO | None = None) -> str:
    """What is written while a walk is half done, and then all of it."""
    line = Progress(stream, "gup_pins: check", also)
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
    """Nothing in a file, nor between lines that go to the same terminal."""
    assert tell(io.StringIO()) == ""
    assert tell(Terminal(), Terminal()) == ""


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
