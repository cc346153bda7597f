# SPDX-License-Identifier: LGPL-2.1-or-later
"""%gup_pins, with and without a drgn that has commands."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from test_cli import MockState, mock_drgn

from gup_pin import cli

Capture = Any


class MockCommands(ModuleType):
    """drgn.commands, as far as it is used."""

    def __init__(self) -> None:
        """Begin with no commands."""
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
        """Only handed over."""


def load(monkeypatch: pytest.MonkeyPatch, commands: ModuleType | None) -> ModuleType:
    """The plugin, loaded by a drgn with these commands."""
    drgn = mock_drgn()
    vars(drgn)["ProgramFlags"] = SimpleNamespace(IS_LINUX_KERNEL="kernel")
    monkeypatch.setitem(sys.modules, "drgn", drgn)
    monkeypatch.setitem(sys.modules, "drgn.commands", commands)
    sys.modules.pop("gup_pin.plugin", None)
    return importlib.import_module("gup_pin.plugin")


def test_an_older_drgn(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no commands, and that is no error."""
    assert load(monkeypatch, None).registered is False


def test_command(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """It prints what the script does, for kernels alone."""
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
    """It tells the usage of a command, not of a script."""
    commands = MockCommands()
    load(monkeypatch, commands)
    commands.registered["gup_pins"](None, "gup_pins", ["lst"])
    assert "usage: %gup_pins VERB" in capsys.readouterr().err
    commands.registered["gup_pins"](None, "gup_pins", ["list", "--help"])
    assert "usage: %gup_pins list " in capsys.readouterr().out


def test_a_reader_who_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in %gup_pins list | head: the session goes on, and so does its stdout."""
    commands = MockCommands()
    load(monkeypatch, commands)

    def leave(_prog: object) -> MockState:
        raise BrokenPipeError

    monkeypatch.setattr(cli, "gup_pin_state", leave)
    commands.registered["gup_pins"](None, "gup_pins", ["list"])
    assert not sys.stdout.closed
