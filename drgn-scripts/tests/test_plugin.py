# SPDX-License-Identifier: LGPL-2.1-or-later
"""%gup_pins, with and without a drgn that has commands."""

from __future__ import annotations

import importlib
import io
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gup_pin import cli
from mock_command import MockState, mock_drgn

Capture = Any


class MockCommands(ModuleType):
    """Mocks drgn.commands, as far as used."""

    def __init__(self) -> None:
        """Start without commands."""
        super().__init__("drgn.commands")
        self.registered: dict[str, Any] = {}
        self.enabled: dict[str, Any] = {}

    def custom_command(self, *, name: str, enabled: Any, **kwargs: Any) -> Any:
        """The decorator."""
        assert set(kwargs) == {"description", "usage", "long_description", "parse"}
        assert kwargs["parse"] == self.parse_shell_command

        def register(func: Any) -> Any:
            self.registered[name] = func
            self.enabled[name] = enabled
            return func

        return register

    def parse_shell_command(self, source: str) -> None:
        """An object that is only passed on."""


def load(monkeypatch: pytest.MonkeyPatch, commands: ModuleType | None) -> ModuleType:
    """The plugin, loaded by a drgn with these commands."""
    drgn = mock_drgn()
    vars(drgn)["ProgramFlags"] = SimpleNamespace(IS_LINUX_KERNEL="kernel")
    monkeypatch.setitem(sys.modules, "drgn", drgn)
    monkeypatch.setitem(sys.modules, "drgn.commands", commands)
    sys.modules.pop("gup_pin.plugin", None)
    return importlib.import_module("gup_pin.plugin")


def test_an_older_drgn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without commands, the plugin does nothing, and raises no error."""
    assert load(monkeypatch, None).registered is False


def test_command(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """It prints what the script prints, and is for kernels only."""
    commands = MockCommands()
    assert load(monkeypatch, commands).registered is True
    monkeypatch.setattr(cli, "gup_pin_state", lambda prog: MockState())
    enabled = commands.enabled["gup_pins"]
    assert enabled(SimpleNamespace(flags={"kernel"}))
    assert not enabled(SimpleNamespace(flags=set()))
    commands.registered["gup_pins"](None, "gup_pins", ["list", "--no-stacks"])
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_mistake_does_not_end_the_session(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The message names the help of a command, not of a script."""
    commands = MockCommands()
    load(monkeypatch, commands)
    commands.registered["gup_pins"](None, "gup_pins", ["lst"])
    assert "(gup_pins --help says more)" in capsys.readouterr().err
    commands.registered["gup_pins"](None, "gup_pins", ["list", "--help"])
    assert "usage: %gup_pins list " in capsys.readouterr().out


def test_a_reader_who_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in %gup_pins list | head: the session continues, and keeps its stdout."""
    commands = MockCommands()
    load(monkeypatch, commands)

    def leave(_prog: object) -> MockState:
        raise BrokenPipeError

    monkeypatch.setattr(cli, "gup_pin_state", leave)
    commands.registered["gup_pins"](None, "gup_pins", ["list"])
    assert not sys.stdout.closed


def full() -> io.TextIOWrapper:
    """A file that drgn opened for %gup_pins … > FILE, on a disk that is full."""
    return open("/dev/full", "w", encoding="utf-8")


@pytest.mark.parametrize("words", [["list"], ["list", "--limit", "1"], ["--help"]])
def test_a_full_disk(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, words: list[str]
) -> None:
    """One line; drgn can close the file, which it does next."""
    commands = MockCommands()
    load(monkeypatch, commands)
    monkeypatch.setattr(cli, "gup_pin_state", lambda prog: MockState())
    with full() as out:
        monkeypatch.setattr(sys, "stdout", out)
        commands.registered["gup_pins"](None, "gup_pins", words)
    assert capsys.readouterr().err == "gup_pins: output: No space left on device\n"


def test_the_session_keeps_its_own_output(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The session's own output is kept, even if it is full now."""
    commands = MockCommands()
    load(monkeypatch, commands)
    monkeypatch.setattr(cli, "gup_pin_state", lambda prog: MockState())
    out = full()
    before = os.fstat(out.fileno()).st_rdev
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "__stdout__", out)
    commands.registered["gup_pins"](None, "gup_pins", ["list"])
    assert os.fstat(out.fileno()).st_rdev == before
    assert capsys.readouterr().err == "gup_pins: output: No space left on device\n"
    with pytest.raises(OSError, match="No space"):
        out.close()


def test_a_report_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    """One line, and the session continues."""
    commands = MockCommands()
    load(monkeypatch, commands)
    monkeypatch.setattr(cli, "gup_pin_state", lambda prog: MockState())
    file = tmp_path / "none" / "a.html"
    commands.registered["gup_pins"](None, "gup_pins", ["report", "-o", str(file)])
    assert capsys.readouterr().err == f"gup_pins: {file}: No such file or directory\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("anything"), "gup_pins: RuntimeError: anything\n"),
        (KeyboardInterrupt(), ""),
    ],
)
def test_what_nobody_expects(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, error: BaseException, line: str
) -> None:
    """Any error gives one line instead of a traceback."""
    commands = MockCommands()
    load(monkeypatch, commands)

    def fail(_prog: object) -> MockState:
        raise error

    monkeypatch.setattr(cli, "gup_pin_state", fail)
    commands.registered["gup_pins"](None, "gup_pins", ["list"])
    assert capsys.readouterr().err == line
