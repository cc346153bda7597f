# SPDX-License-Identifier: GPL-2.0
"""Run by drgn for test_dump.py: %gup_pins, if this drgn has commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from drgn import Program, get_default_prog

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "drgn-scripts"))

from gup_pin import plugin


def run_commands(prog: Program) -> None:
    """Commands with a pipe, a reader that leaves, a full disk, and an invalid command."""
    commands: Any = __import__("drgn.commands").commands
    pipes = "list --no-stacks | head -n 1", "list | head -n 1"
    for command in (*pipes, "list > /dev/full", "lst"):
        commands.run_command(prog, f"gup_pins {command}")
    print("goes on")


if __name__ == "__main__":
    if plugin.registered:
        run_commands(get_default_prog())
    else:
        print("no commands")
